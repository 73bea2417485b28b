//! What the account page says after a sign-in through the backup email.
use std::time::Duration;

use serde_json::{Value, json};

use crate::request_primary::asked;
use crate::set_password::{NEW, set, signed_in_by_link};
use crate::support::{Person, Visitor, World};
use crate::undo_history::sign_in;

const PATH: &str = "/account/finish";
const SPARE: &str = "spare@example.org";

/// A person with a backup email, who is signed in elsewhere too.
async fn mina(world: &World) -> Person {
    let mina = world.person("mina").backup(SPARE).create().await;
    world.signed_in(&mina).await;
    world.after(Duration::from_secs(5));
    mina
}

/// What is left to do.
async fn finish(browser: &Visitor<'_>) -> Value {
    let page = browser.get_json("/account").await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()["finish"].clone()
}

fn steps(mailbox: bool, password: bool, sessions: bool) -> Value {
    json!({ "mailbox": mailbox, "password": password, "sessions": sessions })
}

async fn say(browser: &Visitor<'_>, what: &str) {
    let answer = browser.post_json(PATH, &json!({ "finish": what })).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "finish": what })));
}

#[tokio::test]
async fn after_a_sign_in_through_the_backup_email_the_page_begins_with_three_steps() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    let words = browser.get("/account").await.words();
    let (panel, _) = words.split_once("\nUsername\n").expect("the account follows");
    insta::assert_snapshot!(panel, @r"
    Account details
    Put your account in order
    You signed in with your backup email. You can do these things now, later, or not at all.
    Primary mailbox
    Can you still read m***a@example.com?
    Yes, I can still read it
    If you can’t, your account is at risk: anyone who can read that mailbox can sign in, and gets the security notices.
    Make the backup email the primary
    Use another primary email
    New password
    Forgot the old one, or might someone else know it? Set a new one.
    Set a new password
    Other sessions
    You are signed in elsewhere too. If that might be someone else, end those sessions.
    End all other sessions
    Done
    ");
    assert_eq!(finish(&browser).await, steps(false, false, false));
}

#[tokio::test]
async fn it_shows_after_a_password_with_the_backup_email_and_after_no_other_sign_in() {
    let world = World::new();
    mina(&world).await;
    let with_backup = sign_in(&world, SPARE).await;
    assert_eq!(finish(&with_backup).await, steps(false, false, false));
    let sessions = with_backup.get("/account").await.words();
    assert!(sessions.contains("Signed in with a password and the backup email on"), "{sessions}");
    for identifier in ["mina", "mina@example.com"] {
        assert_eq!(finish(&sign_in(&world, identifier).await).await, Value::Null, "{identifier}");
    }
    let by_link = signed_in_by_link(&world, "mina@example.com").await;
    assert_eq!(finish(&by_link).await, Value::Null);
    say(&by_link, "mailbox").await;
    assert_eq!(finish(&by_link).await, Value::Null, "there is nothing to keep");
}

#[tokio::test]
async fn each_step_is_ticked_when_it_is_done_and_then_the_panel_goes() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    say(&browser, "mailbox").await;
    assert_eq!(finish(&browser).await, steps(true, false, false));
    let others = json!({ "others": true });
    assert_eq!(browser.post_json("/account/sessions/end", &others).await.status, 200);
    assert_eq!(finish(&browser).await, steps(true, false, true));
    let page = browser.get("/account").await;
    assert_eq!(page.body.matches("✓").count(), 2, "{}", page.words());
    // Somebody signs in again; the others were ended all the same.
    sign_in(&world, "mina").await;
    assert_eq!(finish(&browser).await, steps(true, false, true));
    world.after(Duration::from_secs(5));
    assert_eq!(set(&browser, NEW).await.status, 200);
    assert_eq!(finish(&browser).await, Value::Null);
    assert!(!browser.get("/account").await.words().contains("Put your account in order"));
}

#[tokio::test]
async fn a_new_password_keeps_the_panel_and_ends_the_others() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    let before = browser.cookie("__Host-session");
    assert_eq!(set(&browser, NEW).await.status, 200);
    assert_ne!(browser.cookie("__Host-session"), before, "the session goes on under another secret");
    assert_eq!(finish(&browser).await, steps(false, true, true));
    say(&browser, "mailbox").await;
    assert_eq!(finish(&browser).await, Value::Null);
}

#[tokio::test]
async fn a_password_from_before_the_sign_in_is_not_a_new_one() {
    let world = World::new();
    let person = mina(&world).await;
    let browser = world.signed_in(&person).await;
    assert_eq!(set(&browser, NEW).await.status, 200);
    world.after(Duration::from_secs(1));
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(finish(&browser).await["password"], false);
}

/// Times are whole seconds, and nothing here lets one pass.
#[tokio::test]
async fn another_primary_in_the_second_of_the_sign_in_ticks_the_mailbox() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(finish(&browser).await, steps(false, false, false));
    let token = asked(&world, &browser, "another@example.org").await;
    assert_eq!(browser.post_json("/primary/confirm", &json!({ "token": token })).await.status, 200);
    assert_eq!(finish(&browser).await, steps(true, false, true));
}

#[tokio::test]
async fn a_session_that_is_alone_has_no_others_to_end() {
    let world = World::new();
    world.person("mina").backup(SPARE).create().await;
    world.after(Duration::from_secs(1));
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(finish(&browser).await, steps(false, false, true));
}

#[tokio::test]
async fn done_dismisses_it_for_this_session_and_a_new_sign_in_shows_it_again() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    let other = signed_in_by_link(&world, SPARE).await;
    let answer = browser.post_form(PATH, &[("finish", "dismiss")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/account"));
    assert_eq!(finish(&browser).await, Value::Null);
    // A page that was open in another tab.
    say(&browser, "mailbox").await;
    assert_eq!(finish(&browser).await, Value::Null);
    assert_eq!(finish(&other).await, steps(false, false, false), "another session has its own");
    assert_eq!(set(&browser, NEW).await.status, 200);
    assert_eq!(finish(&browser).await, Value::Null, "a new secret does not show it again");
    // A link of the same second is dead.
    world.after(Duration::from_secs(1));
    assert_ne!(finish(&signed_in_by_link(&world, SPARE).await).await, Value::Null);
}

/// Nothing that it does needs a fresh sign-in, and it opens nothing.
#[tokio::test]
async fn it_can_be_dismissed_hours_later_and_only_by_somebody_who_is_signed_in() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    world.after(Duration::from_hours(5));
    let stranger = world.visitor().post_json(PATH, &json!({ "finish": "dismiss" })).await;
    assert_eq!(stranger.code(), "not-signed-in");
    assert_ne!(finish(&browser).await, Value::Null);
    let unknown = browser.post_json(PATH, &json!({ "finish": "begun" })).await;
    assert_eq!(unknown.code(), "malformed-body");
    say(&browser, "dismiss").await;
    assert_eq!(finish(&browser).await, Value::Null);
}

#[tokio::test]
async fn sessions_from_before_it_was_kept_have_no_panel() {
    let world = World::new();
    mina(&world).await;
    let browser = signed_in_by_link(&world, SPARE).await;
    world.remove_everywhere("SessionsTable", "recovery");
    assert_eq!(finish(&browser).await, Value::Null);
    say(&browser, "mailbox").await;
    assert_eq!(finish(&browser).await, Value::Null);
}
