//! The username by email.
use std::time::Duration;

use domain::Language;
use serde_json::json;

use crate::support::{Ask, World};

const PATH: &str = "/forgot-username";
const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_username_goes_to_the_stored_address_primary_or_backup() {
    let world = World::new();
    world.person("mina").email("Mina@example.com").backup("Spare@example.org").create().await;
    let stranger = world.visitor();
    insta::assert_snapshot!(stranger.get(PATH).await.shown(), @r"
    200
    Forgot your username?
    Enter your primary or your backup email. We send your username to that address.
    Email address
    Email me my username
    Go to sign-in
    ");
    for (typed, to) in [
        ("mina@example.com", "Mina@example.com"),
        (" MINA@EXAMPLE.COM ", "Mina@example.com"),
        ("spare@EXAMPLE.org", "Spare@example.org"),
    ] {
        let answer = stranger.submit(PATH, &[("email", typed)]).await;
        assert_eq!(answer.status, 200);
        let [email] = &world.deliver().await[..] else { panic!("one email for {typed}") };
        assert_eq!(email.to, to, "to what is stored, not to what was typed");
        assert!(email.text.contains("\n    mina\n"), "{}", email.text);
    }
}

#[tokio::test]
async fn the_answer_is_one_page() {
    let world = World::new();
    let stranger = world.visitor();
    let answer = stranger.submit(PATH, &[("email", "nobody@example.com")]).await;
    insta::assert_snapshot!(answer.shown(), @r"
    200
    Check your email
    If nobody@example.com belongs to an account, an email with the username is on its way.
    Nothing there after a few minutes? Look in the spam folder. Then try again, in case there was a typing error in the address.
    Send again
    Use another address
    Go to sign-in
    ");
    let program = stranger.post_json(PATH, &json!({ "email": "nobody@example.com" })).await;
    assert_eq!((program.status, program.json()), (200, json!({ "asked": "username" })));
}

#[tokio::test]
async fn the_mail_says_the_username_and_little_else() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    world.visitor().post_form(PATH, &[("email", "spare@example.org")]).await;
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    insta::assert_snapshot!(format!("{}\n\n{}", email.subject, email.text), @r"
    Your username

    Your username at Sparekey is:

        mina

    Go to sign-in:
    https://account.example.com/login

    If you didn’t ask for this, there is nothing you need to do.

    --
    Sparekey
    You get this email because this address was entered at Sparekey.
    ");
    assert!(!email.html.contains("mina@example.com"), "the primary stays unsaid");
}

#[tokio::test]
async fn the_mail_is_in_the_language_of_the_account() {
    let world = World::new();
    for (username, language) in [("ida", Language::Da), ("joris", Language::Nl)] {
        let email = world.person(username).language(language).create().await.email;
        let ask = Ask::form(PATH, &[("email", &email)]).header("accept-language", "en");
        world.visitor().ask(&ask).await;
        let [email] = &world.deliver().await[..] else { panic!("one email") };
        assert!(email.html.contains(&format!("<html lang=\"{}\">", language.tag())), "{}", email.html);
    }
}

#[tokio::test]
async fn the_page_is_in_the_language_of_the_browser() {
    let world = World::new();
    for (accepted, tag) in [("da-DK, en;q=0.5", "da"), ("nl", "nl"), ("fr", "en"), ("", "en")] {
        let page = world.visitor().ask(&Ask::page(PATH).header("accept-language", accepted)).await;
        assert!(page.body.contains(&format!("<html lang=\"{tag}\">")), "{accepted}");
    }
}

#[tokio::test]
async fn sso_accounts_pending_addresses_and_strangers_get_no_mail() {
    let world = World::new();
    world.person("petra").sso().create().await;
    world.person("mina").pending("pending@example.org").create().await;
    world.person("joris").backup("old@example.org").pending("new@example.org").create().await;
    for email in ["petra@example.com", "pending@example.org", "new@example.org", "nobody@example.com"] {
        assert_eq!(world.visitor().submit(PATH, &[("email", email)]).await.status, 200);
    }
    assert!(world.deliver().await.is_empty());
    world.visitor().post_form(PATH, &[("email", "old@example.org")]).await;
    assert_eq!(world.deliver().await.len(), 1, "the former address works while the new one is pending");
}

#[tokio::test]
async fn what_is_no_address_at_a_glance_is_said_at_once() {
    let world = World::new();
    for typed in ["", "mina", "mina@", "@example.com", "a@example.com\r\nBcc: b@example.com"] {
        let before = world.dump();
        let page = world.visitor().post_form(PATH, &[("email", typed)]).await;
        assert_eq!(page.status, 422, "{typed:?}");
        let program = world.visitor().post_json(PATH, &json!({ "email": typed })).await;
        assert_eq!(program.code(), "not-an-address", "{typed:?}");
        assert_eq!(world.dump(), before, "{typed:?}");
    }
}

#[tokio::test]
async fn links_lead_to_the_public_url_and_never_to_the_host_header() {
    let world = World::new();
    world.person("mina").create().await;
    let ask = Ask::form(PATH, &[("email", "mina@example.com")])
        .header("host", "evil.example.net")
        .header("x-forwarded-host", "evil.example.net")
        .header("origin", "https://evil.example.net");
    assert_eq!(world.visitor().ask(&ask).await.status, 303);
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert_eq!(email.links, ["https://account.example.com/login"]);
    assert!(!email.html.contains("evil"));
}

#[tokio::test]
async fn five_mails_an_hour_for_an_address_known_or_not() {
    for email in ["mina@example.com", "nobody@example.com"] {
        let world = World::new();
        world.person("mina").create().await;
        let first = world.visitor().post_form(PATH, &[("email", email)]).await.without_chance();
        for client in 1..=6 {
            let stranger = world.visitor_from(&format!("198.51.100.{client}"));
            let answer = stranger.post_form(PATH, &[("email", email)]).await.without_chance();
            assert_eq!(answer, first, "it reads like success");
        }
        let expected = if email.starts_with("mina") { 5 } else { 0 };
        assert_eq!(world.deliver().await.len(), expected);
        assert_eq!(world.dump()["OutboxTable"].len(), 5, "{email}");
        world.after(HOUR);
        world.visitor().post_form(PATH, &[("email", email)]).await;
        assert_eq!(world.dump()["OutboxTable"].len(), 6, "{email}");
    }
}

#[tokio::test]
async fn an_address_is_counted_however_it_is_written_and_whatever_is_asked() {
    let world = World::new();
    for (path, email) in [
        (PATH, "mina@example.com"),
        (PATH, "MINA@example.com"),
        (PATH, " mina@EXAMPLE.com"),
        ("/login/link", "mina@example.com"),
        ("/login/link", "Mina@Example.Com"),
        ("/login/link", "mina@example.com"),
    ] {
        world.visitor().post_form(path, &[("email", email)]).await;
    }
    assert_eq!(world.dump()["OutboxTable"].len(), 5);
}

#[tokio::test]
async fn thirty_mails_an_hour_for_a_client_and_its_network() {
    for clients in [["203.0.113.9", "203.0.113.9"], ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"]] {
        let world = World::new();
        for number in 0..32 {
            let stranger = world.visitor_from(clients[number % 2]);
            let email = format!("person{number}@example.com");
            assert_eq!(stranger.submit(PATH, &[("email", &email)]).await.status, 200);
        }
        assert_eq!(world.dump()["OutboxTable"].len(), 30, "{clients:?}");
        let other = world.visitor_from("198.51.100.1");
        other.post_form(PATH, &[("email", "other@example.com")]).await;
        assert_eq!(world.dump()["OutboxTable"].len(), 31, "another client is not held up");
    }
}

#[tokio::test]
async fn a_header_cannot_change_whose_limit_is_counted() {
    let world = World::new();
    for number in 0..32 {
        let ask = Ask::form(PATH, &[("email", &format!("person{number}@example.com"))])
            .header("x-forwarded-for", &format!("198.51.100.{number}"));
        world.visitor().ask(&ask).await;
    }
    assert_eq!(world.dump()["OutboxTable"].len(), 30);
}

#[tokio::test]
async fn counts_do_not_tell_addresses_or_clients() {
    let world = World::new();
    world.visitor().post_form(PATH, &[("email", "mina@example.com")]).await;
    let counts = world.dump()["LimitsTable"].join("\n");
    assert!(!counts.contains("mina") && !counts.contains("203.0.113"), "{counts}");
}
