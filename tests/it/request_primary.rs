//! Asking for another primary email.
use std::time::Duration;

use serde_json::json;

use crate::set_password::contents;
use crate::support::{Answer, PASSWORD, Person, Visitor, World, assert_sealed, read, token_in};

pub const PATH: &str = "/account/primary";
pub const NEW: &str = "new@example.org";
const PRIMARY: &str = "mina@example.com";
const SPARE: &str = "spare@example.org";
const CONFIRM: &str = "Confirm your new primary email";
const REQUESTED: &str = "Someone asked to change your primary email";

pub async fn ask(browser: &Visitor<'_>, email: &str) -> Answer {
    browser.post_json(PATH, &json!({ "email": email })).await
}

/// Asks for this address; returns the secret of the link that it gets.
pub async fn asked(world: &World, browser: &Visitor<'_>, email: &str) -> String {
    let answer = ask(browser, email).await;
    assert_eq!(answer.status, 202, "{}", answer.shown());
    let emails = world.deliver().await;
    let asked = emails.iter().find(|sent| sent.to == email && sent.subject == CONFIRM);
    token_in(asked.expect("it is asked to confirm"))
}

/// Somebody with a backup email, and a browser in which they have just signed in.
pub async fn mina(world: &World) -> (Person, Visitor<'_>) {
    let mina = world.person("mina").backup(SPARE).create().await;
    let browser = world.signed_in(&mina).await;
    world.deliver().await;
    (mina, browser)
}

fn outcome(answer: &Answer) -> (i64, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn the_new_address_is_asked_and_the_primary_is_told() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let page = browser.get(PATH).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    200
    Use another primary email
    We send one email to the new address, for you to confirm. Until then mina@example.com stays your primary email. After that it gives access for some time longer, in case this was a mistake.
    Everybody else is signed out. We tell both mailboxes, and for seven days either of them can undo it.
    New primary email address
    Choose a mailbox that you read often: security notices go there.
    Send confirmation email
    Go to your account
    ");
    insta::assert_snapshot!(browser.get_json(PATH).await.json(), @r#"{"cancels_pending":false,"primary_email":"mina@example.com"}"#);

    let account = browser.submit(PATH, &[("email", "New@Example.org")]).await;
    assert_sealed(&account);
    let words = account.words();
    assert!(words.starts_with("We have sent an email to the new address."), "{words}");
    assert!(words.contains("Waiting for confirmation\nNew@example.org"), "{words}");
    assert!(words.contains("choose “Confirm primary email”"), "{words}");
    assert!(account.code_shown().is_some(), "with the code for another browser");
    let json = browser.get_json("/account").await.json();
    assert_eq!(
        json["pending_primary"],
        json!({ "address": "New@example.org", "since": crate::support::NOON })
    );
    assert_eq!((&json["primary_email"], &json["backup"]["state"]), (&json!(PRIMARY), &json!("confirmed")));

    let emails = world.deliver().await;
    let sent_to = |to: &str| emails.iter().find(|email| email.to == to).expect("it got an email");
    let (to_new, to_primary) = (sent_to("New@example.org"), sent_to(PRIMARY));
    assert_eq!(emails.len(), 2);
    insta::assert_snapshot!(read(to_new), @r"
    Confirm your new primary email

    Please confirm this address as the primary email of the Sparekey account mina. The link works for 24 hours.

    Confirm primary email:
    https://account.example.com/primary/confirm?token=TOKEN

    If you open the link on another device or in another browser, you need the code shown on the page where you asked for it.

    This email was requested on 22 November 2026 at 12:00 UTC. The request came from a Linux computer, from an address that begins with 203.0. If it wasn’t you, do nothing. We don’t use this address unless you confirm it.

    --
    Sparekey
    You get this email because this address was entered at Sparekey.
    ");
    insta::assert_snapshot!(read(to_primary), @r"
    Someone asked to change your primary email

    Hello mina,

    On 22 November 2026 at 12:00 UTC, someone who is signed in asked to make N***w@example.org the primary email of your account. It takes effect once it is confirmed through an email to that address. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
    assert!(!read(to_primary).contains("New@example.org"));
}

#[tokio::test]
async fn what_cannot_be_the_primary_is_refused_with_a_clear_message_and_nothing_is_written() {
    let world = World::new();
    assert_eq!(outcome(&ask(&world.visitor(), NEW).await), (401, "not-signed-in".into()));
    let sso = world.person("sofie").email("sofie@example.com").sso().signed_in().await;
    let (_, browser) = mina(&world).await;
    let before = contents(&world);
    assert_eq!(outcome(&ask(&sso, NEW).await), (403, "sso-account".into()));
    assert_eq!(outcome(&sso.get_json(PATH).await), (403, "sso-account".into()));
    for (typed, code) in [
        ("Mina@Example.com", "same-as-primary"),
        ("spare@EXAMPLE.org", "same-as-backup"),
        ("mina", "not-an-address"),
        ("", "not-an-address"),
    ] {
        assert_eq!(outcome(&ask(&browser, typed).await), (422, code.into()), "{typed}");
    }
    let page = browser.submit(PATH, &[("email", SPARE)]).await;
    assert_sealed(&page);
    assert!(page.words().contains("You can make it the primary"), "{}", page.words());
    assert!(page.body.contains("href=\"/account/primary/promote\""), "and is led there");
    assert!(page.body.contains("value=\"spare@example.org\""), "what was typed stays in the field");
    assert_eq!(contents(&world), before);
}

#[tokio::test]
async fn it_needs_a_fresh_sign_in_and_keeps_what_was_typed() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    world.after(Duration::from_secs(15 * 60 + 1));
    assert_eq!(outcome(&ask(&browser, NEW).await), (401, "fresh-sign-in-needed".into()));
    let again = browser.post_form(PATH, &[("email", NEW)]).await;
    let login = "/login?next=/account/primary&reason=fresh";
    assert_eq!((again.status, again.header("location")), (303, login));
    let page = browser.get(login).await;
    let hidden = page.hidden_fields("/login");
    let mut form: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    form.extend([("identifier", "mina"), ("password", PASSWORD)]);
    let resumed = browser.submit("/login", &form).await;
    let words = resumed.words();
    assert!(words.starts_with("You are signed in again. Nothing has been sent yet"), "{words}");
    assert!(resumed.body.contains("value=\"new@example.org\""), "{words}");
    assert!(world.deliver().await.is_empty(), "nothing was asked for yet");
}

#[tokio::test]
async fn requests_for_either_kind_of_address_are_counted_together() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    assert_eq!(ask(&browser, NEW).await.status, 202);
    let backup = browser.post_json("/account/backup", &json!({ "email": "third@example.net" })).await;
    assert_eq!(outcome(&backup), (429, "too-soon".into()));
    for number in 0..4 {
        world.after(Duration::from_secs(61));
        let path = if number % 2 == 0 { "/account/backup" } else { PATH };
        let answer = browser.post_json(path, &json!({ "email": format!("a{number}@example.net") })).await;
        assert_eq!(answer.status, 202, "{}", answer.shown());
    }
    world.after(Duration::from_secs(61));
    assert_eq!(outcome(&ask(&browser, NEW).await), (429, "too-many".into()));
}

#[tokio::test]
async fn one_address_waits_at_a_time_of_either_kind() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let primary = asked(&world, &browser, NEW).await;
    world.after(Duration::from_secs(61));
    let backup = browser.emailed_token("/account/backup", "third@example.net").await;
    let json = browser.get_json("/account").await.json();
    assert_eq!((&json["pending_primary"], &json["backup"]["state"]), (&json!(null), &json!("replacing")));
    let late = browser.post_json("/primary/confirm", &json!({ "token": primary })).await;
    assert_eq!(outcome(&late), (410, "link-replaced".into()));

    world.after(Duration::from_secs(61));
    asked(&world, &browser, NEW).await;
    let late = browser.post_json("/backup/confirm", &json!({ "token": backup })).await;
    assert_eq!(outcome(&late), (410, "link-replaced".into()));
    let json = browser.get_json("/account").await.json();
    assert_eq!(
        (&json["pending_primary"]["address"], &json["backup"]["state"]),
        (&json!(NEW), &json!("confirmed"))
    );
}

#[tokio::test]
async fn it_can_be_cancelled_and_its_link_confirms_nothing() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let link = asked(&world, &browser, NEW).await;
    let cancelled = browser.submit("/account/backup/remove", &[("what", "pending")]).await;
    assert!(cancelled.words().starts_with("The request is cancelled."), "{}", cancelled.words());
    let late = browser.post_json("/primary/confirm", &json!({ "token": link })).await;
    assert_eq!(outcome(&late), (410, "link-replaced".into()));
    let account = browser.get_json("/account").await.json();
    assert_eq!((&account["pending_primary"], &account["primary_email"]), (&json!(null), &json!(PRIMARY)));
    let whats: Vec<_> =
        account["history"].as_array().expect("a list").iter().map(|row| &row["what"]).collect();
    assert_eq!(whats[..2], [&json!("cancelled"), &json!("primary-requested")]);
}

#[tokio::test]
async fn a_double_click_sends_one_email() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let page = browser.get(PATH).await;
    for answer in browser.double_click(&page, PATH, &[("email", NEW)]).await {
        assert_eq!((answer.status, answer.header("location")), (303, "/account"));
    }
    assert_eq!(world.deliver().await.len(), 2, "to the new address and to the primary");
}

#[tokio::test]
async fn an_address_of_another_account_looks_exactly_like_success() {
    let answer_for = async |taken: bool| {
        let world = World::new();
        let (_, browser) = mina(&world).await;
        if taken {
            world.person("nina").email("nina@example.com").backup(NEW).create().await;
            world.deliver().await;
        }
        let answer = browser.post_form(PATH, &[("email", NEW)]).await;
        let page = browser.follow(&answer).await;
        let emails = world.deliver().await;
        let mut to: Vec<_> = emails.into_iter().map(|email| (email.to, email.subject)).collect();
        to.sort();
        (answer.without_chance().body, page.without_chance().shown(), to)
    };
    let (free, taken) = (answer_for(false).await, answer_for(true).await);
    assert_eq!((&free.0, &free.1), (&taken.0, &taken.1));
    let told = (PRIMARY.to_owned(), REQUESTED.to_owned());
    assert_eq!(free.2, [told.clone(), (NEW.to_owned(), CONFIRM.into())]);
    let owner = ("nina@example.com".to_owned(), "Your address was entered at another account".to_owned());
    assert_eq!(taken.2, [told, owner]);
}

#[tokio::test]
async fn the_notice_cancels_it_and_ends_everything() {
    let world = World::new();
    let (_, thief) = mina(&world).await;
    ask(&thief, "thief@example.net").await;
    let emails = world.deliver().await;
    let link = |to: &str| token_in(emails.iter().find(|email| email.to == to).expect("it got one"));
    let (confirmation, undo) = (link("thief@example.net"), link(PRIMARY));
    let page = world.visitor().get(&format!("/undo?token={undo}")).await;
    assert!(page.words().contains("asked to make"), "{}", page.words());
    let undone = world.visitor().post_json("/undo", &json!({ "token": undo, "username": "mina" })).await;
    assert_eq!(undone.status, 200, "{}", undone.shown());
    assert!(!thief.is_signed_in().await);
    let late = thief.post_json("/primary/confirm", &json!({ "token": confirmation })).await;
    assert_eq!(outcome(&late), (410, "link-replaced".into()));
    world.after(Duration::from_secs(1));
    let owner = world.visitor();
    owner.post_json("/login", &json!({ "identifier": "mina", "password": PASSWORD })).await;
    assert_eq!(outcome(&ask(&owner, NEW).await), (403, "changes-frozen".into()));
    let page = owner.get(PATH).await;
    assert!(page.words().contains("You can do this from"), "{}", page.words());
    assert_sealed(&page);
}
