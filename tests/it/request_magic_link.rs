//! A sign-in link by email.
use std::collections::BTreeSet;
use std::time::Duration;

use domain::Language;
use serde_json::json;

use crate::support::{World, token_in};

const PATH: &str = "/login/link";

#[tokio::test]
async fn the_link_goes_to_the_stored_address_that_was_entered() {
    let world = World::new();
    world.person("mina").email("Mina@example.com").backup("Spare@example.org").create().await;
    for (typed, to) in [("mina@EXAMPLE.com", "Mina@example.com"), ("spare@example.org ", "Spare@example.org")]
    {
        world.visitor().post_form(PATH, &[("email", typed)]).await;
        let [email] = &world.deliver().await[..] else { panic!("one email for {typed}") };
        assert_eq!(email.to, to);
        let token = token_in(email);
        assert_eq!(email.links, [format!("https://account.example.com/login/open?token={token}")]);
    }
}

#[tokio::test]
async fn the_mail_says_whose_session_the_link_opens() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form(PATH, &[("email", "mina@example.com")]).await;
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    let text = email.text.replace(&token_in(email), "TOKEN");
    insta::assert_snapshot!(format!("{}\n\n{text}", email.subject), @r"
    Your sign-in link

    Hello mina,

    With this link you sign in to Sparekey as mina. It works once, within 10 minutes.

    Sign in:
    https://account.example.com/login/open?token=TOKEN

    If you open the link on another device or in another browser, you need the code shown on the page where you asked for it.

    This email was requested on 22 November 2026 at 12:00 UTC. The request came from a Linux computer, from an address that begins with 203.0. If you didn’t ask for this, do nothing. Please don’t forward this email: the link opens your account.

    --
    Sparekey
    You get this email because this address was entered at Sparekey.
    ");
    let header =
        |name: &str| email.headers.iter().find(|header| header.name == name).map(|header| &*header.value);
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"), "no auto-reply answers it");
    assert_eq!(header("X-Auto-Response-Suppress"), Some("All"), "neither does Exchange");
    assert_eq!(
        header("X-SES-CONFIGURATION-SET"),
        Some("SignInLinkMails"),
        "nobody gets a dead link hours later"
    );
}

#[tokio::test]
async fn no_two_emails_are_put_into_one_thread() {
    let world = World::new();
    world.person("mina").create().await;
    let mut references = BTreeSet::new();
    for _ in 0..3 {
        world.visitor().post_form(PATH, &[("email", "mina@example.com")]).await;
        let [email] = &world.deliver().await[..] else { panic!("one email") };
        let header = email.headers.iter().find(|header| header.name == "References").expect("it has one");
        assert!(header.value.starts_with('<') && header.value.ends_with("@example.com>"), "{}", header.value);
        references.insert(header.value.clone());
        world.after(Duration::from_mins(1));
    }
    assert_eq!(references.len(), 3);
}

#[tokio::test]
async fn the_answer_is_one_page() {
    let world = World::new();
    let answer = world.visitor().submit(PATH, &[("email", "nobody@example.com")]).await;
    insta::assert_snapshot!(answer.shown(), @r"
    200
    Check your email
    If nobody@example.com belongs to an account, an email with a sign-in link is on its way. The link works for 10 more minutes.
    Opening the link on another device? Enter this code there: CODE
    Nothing there after a few minutes? Look in the spam folder. Then try again, in case there was a typing error in the address.
    Send again
    Use another address
    ");
    let program = world.visitor().post_json(PATH, &json!({ "email": "nobody@example.com" })).await;
    let mut page = program.json();
    let code = page["code"].take();
    assert_eq!((program.status, page), (200, json!({ "asked": "sign-in-link", "code": null })));
    assert_eq!(code.as_str().map(str::len), Some("4F7 QKM".len()));
}

#[tokio::test]
async fn where_nothing_was_requested_the_page_is_the_sign_in_page() {
    let world = World::new();
    let page = world.visitor().get(PATH).await.without_chance();
    assert_eq!(page, world.visitor().get("/login").await.without_chance());
}

#[tokio::test]
async fn the_mail_is_in_the_language_of_the_account() {
    let world = World::new();
    world.person("joris").language(Language::Nl).create().await;
    world.visitor().post_form(PATH, &[("email", "joris@example.com")]).await;
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert!(email.html.contains("<html lang=\"nl\">"));
}

#[tokio::test]
async fn sso_accounts_pending_addresses_and_strangers_get_no_mail() {
    let world = World::new();
    world.person("petra").sso().create().await;
    world.person("mina").pending("pending@example.org").create().await;
    for email in ["petra@example.com", "pending@example.org", "nobody@example.com"] {
        assert_eq!(world.visitor().submit(PATH, &[("email", email)]).await.status, 200, "{email}");
    }
    assert!(world.deliver().await.is_empty());
    assert!(world.dump()["LinksTable"].is_empty(), "and no link is made");
}

#[tokio::test]
async fn an_account_without_a_password_gets_its_link() {
    let world = World::new();
    world.person("ana").without_password().create().await;
    world.visitor().emailed_token(PATH, "ana@example.com").await;
}

#[tokio::test]
async fn what_is_no_address_at_a_glance_is_said_at_the_form() {
    let world = World::new();
    let page = world.visitor().post_form(PATH, &[("email", "mina@")]).await;
    assert_eq!(page.status, 422);
    let (by_password, by_link) = page.body.split_once("id=\"by-link\"").expect("there are two forms");
    assert!(by_link.contains("role=\"alert\"") && !by_password.contains("role=\"alert\""));
    assert!(by_link.contains("value=\"mina@\""), "what was typed is there to be mended");
}

#[tokio::test]
async fn a_mail_whose_link_would_be_dead_is_not_sent() {
    let world = World::new();
    world.person("mina").create().await;
    for (late, emails) in [(599, 1), (600, 0)] {
        world.visitor().post_form(PATH, &[("email", "mina@example.com")]).await;
        world.after(Duration::from_secs(late));
        assert_eq!(world.deliver().await.len(), emails, "{late} seconds late");
    }
}

#[tokio::test]
async fn a_link_is_made_only_for_the_latest_request() {
    let world = World::new();
    world.person("mina").create().await;
    let stranger = world.visitor();
    stranger.post_form(PATH, &[("email", "mina@example.com")]).await;
    world.after(Duration::from_secs(1));
    stranger.post_form(PATH, &[("email", "mina@example.com")]).await;
    let mut records = world.new_records();
    records.reverse();
    assert!(world.feed(&records).await.batch_item_failures.is_empty());
    assert_eq!(world.emails().len(), 1, "the older came later and would have been dead");
    let token = token_in(&world.emails()[0]);
    assert_eq!(stranger.post_json("/login/open", &json!({ "token": token })).await.status, 200);
}
