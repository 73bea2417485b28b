//! Making another address the primary, through the link sent to it.
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::promote_backup::{HOLD, sign_in, undo};
use crate::request_primary::{NEW, ask, asked, mina};
use crate::support::{Answer, Ask, Visitor, World, assert_sealed, read, token_in};

const PATH: &str = "/primary/confirm";
const PRIMARY: &str = "mina@example.com";
const SPARE: &str = "spare@example.org";

async fn confirm(visitor: &Visitor<'_>, token: &str) -> Answer {
    visitor.post_json(PATH, &json!({ "token": token })).await
}

fn page(token: &str) -> String {
    format!("{PATH}?token={token}")
}

/// Who was told, and with which subject.
async fn told(world: &World) -> Vec<(String, String)> {
    world.deliver().await.into_iter().map(|email| (email.to, email.subject)).collect()
}

#[tokio::test]
async fn a_click_and_a_button_make_it_the_primary_and_sign_everybody_else_out() {
    let world = World::new();
    let (mina, browser) = mina(&world).await;
    let elsewhere = world.signed_in(&mina).await;
    let token = asked(&world, &browser, NEW).await;
    let shown = browser.get(&page(&token)).await;
    assert_sealed(&shown);
    insta::assert_snapshot!(shown.shown(), @r"
    200
    Confirm your new primary email
    Username
    mina
    Primary email
    new@example.org
    Once you confirm, this address signs you in and gets the security notices. Everybody else is signed out. m***a@example.com, the primary email until now, gives access for another 72 hours, in case this was a mistake.
    Confirm this address
    Not your account? Close this page, and nothing changes.
    ");
    let confirmed = browser.submit(PATH, &[("token", &token)]).await;
    assert_sealed(&confirmed);
    insta::assert_snapshot!(confirmed.shown(), @r"
    200
    Your primary email is changed
    Username
    mina
    Primary email
    new@example.org
    From now on it signs you in and gets the security notices. Everybody else was signed out. The primary before it, m***a@example.com, still gives access until 25 November 2026 at 12:00 UTC.
    Go to your account
    ");
    assert!(browser.is_signed_in().await && !elsewhere.is_signed_in().await);
    world.assert_claims_fit();

    let account = browser.get_json("/account").await.json();
    assert_eq!((&account["primary_email"], &account["pending_primary"]), (&json!(NEW), &Value::Null));
    assert_eq!(account["backup"]["address"], SPARE, "the backup email stays");
    assert_eq!(account["former_primaries"][0]["address"], PRIMARY);
    assert_eq!(account["history"][0]["what"], "primary-changed");

    let notices = world.deliver().await;
    assert_eq!(notices.iter().map(|notice| &*notice.to).collect::<Vec<_>>(), [NEW, PRIMARY]);
    insta::assert_snapshot!(read(&notices[1]), @r"
    Your primary email was changed

    Hello mina,

    On 22 November 2026 at 12:00 UTC, n***w@example.org became the primary email of your account. The primary before it, m***a@example.com, still gives access until 25 November 2026 at 12:00 UTC. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this was the primary email of your Sparekey account until a short time ago.
    ");
    assert!(!read(&notices[1]).contains(NEW), "the former mailbox reads the new address masked");

    let ins =
        async || [sign_in(&world, NEW).await, sign_in(&world, SPARE).await, sign_in(&world, PRIMARY).await];
    assert_eq!(ins().await, [200, 200, 200]);
    world.after(HOLD);
    assert_eq!(ins().await, [200, 200, 401]);
    world.assert_claims_fit();
}

#[tokio::test]
async fn another_browser_needs_the_code_and_the_one_that_asked_stays_signed_in() {
    let world = World::new();
    let (mina, browser) = mina(&world).await;
    let elsewhere = world.signed_in(&mina).await;
    let token = asked(&world, &browser, NEW).await;
    let phone = world.visitor();
    let shown = phone.get(&page(&token)).await;
    assert!(!shown.body.contains(PRIMARY), "a stranger with a mistyped address reads no other");
    assert!(shown.words().contains("m***a@example.com"), "{}", shown.words());
    assert_eq!(confirm(&phone, &token).await.code(), "code-needed");
    let code = browser.get("/account").await.link_code();
    let confirmed = phone.submit(PATH, &[("token", &token), ("code", &code)]).await;
    assert!(confirmed.words().starts_with("Your primary email is changed"), "{}", confirmed.words());
    assert!(browser.is_signed_in().await && !elsewhere.is_signed_in().await && !phone.is_signed_in().await);
}

#[tokio::test]
async fn two_browsers_of_the_owner_stay_signed_in_the_one_that_asked_and_the_one_that_confirms() {
    let world = World::new();
    let (mina, laptop) = mina(&world).await;
    let phone = world.signed_in(&mina).await;
    let token = asked(&world, &laptop, NEW).await;
    assert_eq!(confirm(&phone, &token).await.status, 200);
    assert!(laptop.is_signed_in().await && phone.is_signed_in().await);
}

#[tokio::test]
async fn it_is_confirmed_although_the_browser_that_asked_has_signed_out() {
    let world = World::new();
    let (mina, laptop) = mina(&world).await;
    let phone = world.signed_in(&mina).await;
    let token = asked(&world, &laptop, NEW).await;
    laptop.post_json("/logout", &json!({})).await;
    assert_eq!(confirm(&phone, &token).await.status, 200);
    assert!(phone.is_signed_in().await && !laptop.is_signed_in().await);
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_link_opened_twice_confirms_once() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    assert_eq!(confirm(&browser, &token).await.status, 200);
    assert_eq!(told(&world).await.len(), 2);
    let before = world.dump()["AccountsTable"].clone();
    let again = confirm(&browser, &token).await;
    assert_eq!((again.status, &again.json()["address"]), (200, &json!(NEW)));
    assert!(browser.get(&page(&token)).await.words().contains("Your primary email is changed"));
    assert!(told(&world).await.is_empty());
    assert_eq!(world.dump()["AccountsTable"], before);
}

#[tokio::test]
async fn of_a_hundred_at_once_one_confirms() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    let answers = join_all((0..100).map(|_| confirm(&browser, &token))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in answers {
        assert!(matches!(answer.status, 200 | 401 | 410), "{}", answer.shown());
    }
    assert_eq!(told(&world).await.len(), 2, "one event, two mailboxes");
    world.assert_claims_fit();
}

#[tokio::test]
async fn looking_changes_nothing_and_a_dead_link_says_why() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    let before = world.dump();
    let scanner = world.visitor();
    for method in ["GET", "HEAD", "GET"] {
        let ask = Ask { method: method.into(), ..Ask::page(&page(&token)) };
        assert_eq!(scanner.ask(&ask).await.status, 200);
    }
    assert_eq!(world.dump(), before);
    // A link of one kind does not confirm the other.
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.code(), "link-unknown");
    world.after(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(confirm(&browser, &token).await.code(), "link-expired");
}

#[tokio::test]
async fn an_address_that_another_account_has_by_now_is_not_taken() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    world.person("nina").email(NEW).create().await;
    let late = confirm(&browser, &token).await;
    assert_eq!((late.status, &*late.code()), (409, "address-taken"));
    assert_eq!(browser.get_json("/account").await.json()["primary_email"], PRIMARY);
    world.assert_claims_fit();
}

#[tokio::test]
async fn it_is_not_changed_again_while_the_former_one_signs_in() {
    let world = World::new();
    let (mina, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    let confirmed = world.operator.now();
    confirm(&browser, &token).await;
    world.after(Duration::from_secs(61));
    let again = ask(&browser, "third@example.net").await;
    assert_eq!((again.status, &*again.code()), (403, "primary-too-new"));
    assert_eq!(again.json()["until"], (confirmed + HOLD).unix_seconds());
    assert!(!browser.get("/account").await.body.contains("href=\"/account/primary\""), "nor is it offered");
    world.after(HOLD);
    let browser = world.signed_in(&mina).await;
    world.deliver().await;
    assert_eq!(ask(&browser, "third@example.net").await.status, 202);
}

#[tokio::test]
async fn a_former_primary_can_come_back() {
    let world = World::new();
    let (mina, browser) = mina(&world).await;
    let token = asked(&world, &browser, NEW).await;
    confirm(&browser, &token).await;
    world.after(HOLD);
    let browser = world.signed_in(&mina).await;
    world.deliver().await;
    let token = asked(&world, &browser, PRIMARY).await;
    assert_eq!(confirm(&browser, &token).await.status, 200);
    world.assert_claims_fit();
    world.after(HOLD);
    assert_eq!([sign_in(&world, PRIMARY).await, sign_in(&world, NEW).await], [200, 401]);
    world.assert_claims_fit();
}

#[tokio::test]
async fn the_former_mailbox_undoes_it_for_a_week_and_the_new_one_is_told_no_more() {
    let world = World::new();
    let (_, thief) = mina(&world).await;
    let token = asked(&world, &thief, "thief@example.net").await;
    confirm(&thief, &token).await;
    let notices = world.deliver().await;
    let link = |to: &str| token_in(notices.iter().find(|notice| notice.to == to).expect("it was told"));
    let (owners, thiefs) = (link(PRIMARY), link("thief@example.net"));
    world.after(Duration::from_secs(7 * 24 * 60 * 60 - 1));
    let undone = undo(&world, &owners).await;
    assert_eq!((undone.status, &undone.json()["primary"]), (200, &json!("m***a@example.com")));
    world.assert_claims_fit();
    assert!(!thief.is_signed_in().await);
    let to: Vec<_> = told(&world).await.into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, [PRIMARY]);
    assert_eq!(undo(&world, &thiefs).await.code(), "link-unknown");
    let ins = [sign_in(&world, PRIMARY).await, sign_in(&world, "thief@example.net").await];
    assert_eq!(ins, [200, 401]);
}

#[tokio::test]
async fn undoing_from_the_request_undoes_the_change_too() {
    let world = World::new();
    let (_, thief) = mina(&world).await;
    ask(&thief, "thief@example.net").await;
    let emails = world.deliver().await;
    let link = |to: &str| token_in(emails.iter().find(|email| email.to == to).expect("it got one"));
    let (confirmation, undo_request) = (link("thief@example.net"), link(PRIMARY));
    assert_eq!(confirm(&thief, &confirmation).await.status, 200);
    world.deliver().await;
    let undone = undo(&world, &undo_request).await;
    assert_eq!((undone.status, &undone.json()["primary"]), (200, &json!("m***a@example.com")));
    world.assert_claims_fit();
    let ins = [sign_in(&world, PRIMARY).await, sign_in(&world, "thief@example.net").await];
    assert_eq!(ins, [200, 401]);
}

#[tokio::test]
async fn a_thief_who_makes_an_address_the_primary_and_then_the_backup_loses_both() {
    let world = World::new();
    let (mina, thief) = mina(&world).await;
    let token = asked(&world, &thief, "thief@example.net").await;
    confirm(&thief, &token).await;
    let notices = world.deliver().await;
    let owners = token_in(notices.iter().find(|notice| notice.to == PRIMARY).expect("the owner is told"));
    world.after(HOLD);
    // Back to the owner's, and the other one as the backup email: nothing of it may stay.
    let browser = world.signed_in(&mina).await;
    world.deliver().await;
    let token = asked(&world, &browser, PRIMARY).await;
    confirm(&browser, &token).await;
    world.deliver().await;
    world.after(Duration::from_secs(61));
    let subject = "Confirm your backup email";
    let token = browser.emailed_token_of("/account/backup", "thief@example.net", subject).await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    world.deliver().await;
    let undone = undo(&world, &owners).await;
    assert_eq!(undone.status, 200, "{}", undone.shown());
    world.assert_claims_fit();
    let ins = [sign_in(&world, PRIMARY).await, sign_in(&world, "thief@example.net").await];
    assert_eq!(ins, [200, 401]);
    assert_eq!(sign_in(&world, SPARE).await, 200, "the owner's backup email is back");
}

#[tokio::test]
async fn a_session_that_ended_takes_its_request_along() {
    let world = World::new();
    let (mina, thief) = mina(&world).await;
    let token = asked(&world, &thief, "thief@example.net").await;
    let owner = world.signed_in(&mina).await;
    let ended = owner.post_json("/account/sessions/end", &json!({ "others": true })).await;
    assert_eq!(ended.status, 200);
    assert_eq!(confirm(&thief, &token).await.code(), "link-replaced");
    assert_eq!(confirm(&owner, &token).await.code(), "link-replaced");
}
