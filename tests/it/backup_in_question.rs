//! A backup email whose mailbox nobody has shown to be read for half a year: the account page asks, and sends a link to it.
use std::time::Duration;

use domain::delivery::ASKED_AFTER;
use serde_json::{Value, json};

use crate::set_password::signed_in_by_link;
use crate::support::{NOON, Person, Visitor, World, bounce, token_in};

const SPARE: &str = "spare@example.org";
const SECOND: Duration = Duration::from_secs(1);
const HALF_A_YEAR: u64 = ASKED_AFTER.as_secs();

async fn mina(world: &World) -> Person {
    let mina = world.person("mina").backup(SPARE).create().await;
    world.deliver().await;
    mina
}

async fn page(browser: &Visitor<'_>) -> Value {
    browser.get_json("/account").await.json()
}

async fn unused_since(world: &World, mina: &Person) -> Value {
    page(&world.signed_in(mina).await).await["backup_unused_since"].clone()
}

#[tokio::test]
async fn the_page_asks_after_half_a_year_and_not_a_second_before() {
    let world = World::new();
    let mina = mina(&world).await;
    world.after(ASKED_AFTER.saturating_sub(SECOND));
    assert_eq!(unused_since(&world, &mina).await, Value::Null);
    let early = world.signed_in(&mina).await.post_json("/account/backup", &json!({ "email": SPARE })).await;
    assert_eq!((early.status, &*early.code()), (422, "same-as-backup"));
    world.after(SECOND);
    assert_eq!(unused_since(&world, &mina).await, json!(NOON));
    let words = world.signed_in(&mina).await.get("/account").await.words();
    let shown = words.split_once("In use\n").expect("the address").1;
    insta::assert_snapshot!(shown.split_once("\nChange").expect("what follows").0, @r"
    spare@example.org
    Confirmed on 22 November 2026 at 12:00 UTC
    Is this mailbox still yours? You last showed that on 22 November 2026 at 12:00 UTC. We can send a link to it, so that you know it would let you back in.
    Send a link to it
    ");
}

#[tokio::test]
async fn the_link_renews_the_time_and_changes_nothing_else() {
    let world = World::new();
    let mina = mina(&world).await;
    world.after(ASKED_AFTER);
    let other = world.signed_in(&mina).await;
    let browser = world.signed_in(&mina).await;
    let asked = browser.get("/account").await;
    let button = "<input type=\"hidden\" name=\"email\" value=\"spare@example.org\"><button";
    assert_eq!(asked.body.matches(button).count(), 1, "one button, and nothing to type: {}", asked.body);
    browser.emailed_token("/account/backup", SPARE).await;
    let waiting = page(&browser).await;
    assert_eq!(waiting["backup"]["state"], "replacing", "it stays in force: {waiting}");
    let words = browser.get("/account").await.words();
    assert!(words.contains("In use\n") && !words.contains("In use until"), "{words}");
    assert!(!words.contains("Is this mailbox still yours?"), "it was asked already: {words}");
    world.after(Duration::from_mins(1));
    let again = browser.post_json("/account/backup", &json!({ "email": SPARE })).await;
    assert_eq!(again.status, 202, "it can be sent once more: {}", again.body);
    let token = token_in(&world.deliver().await[0]);
    world.after(SECOND);

    let confirmed = browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert!(world.deliver().await.is_empty(), "nothing has changed, so nobody is told");
    assert_eq!(world.history_rows(false).len(), 1, "that it was added");
    assert!(other.is_signed_in().await && browser.is_signed_in().await);
    let after = page(&browser).await;
    assert_eq!(after["backup"], json!({ "state": "confirmed", "address": SPARE, "since": NOON }));
    assert_eq!(after["backup_unused_since"], Value::Null);
    let promoted = signed_in_by_link(&world, SPARE).await;
    let promoted = promoted.post_json("/account/primary/promote", &json!({ "keep_former": true })).await;
    assert_eq!(promoted.status, 200, "it is as old as before: {}", promoted.body);
    world.assert_claims_fit();
}

#[tokio::test]
async fn nobody_is_asked_while_another_address_waits_and_the_button_cancels_no_request() {
    for asked in ["/account/primary", "/account/backup"] {
        let world = World::new();
        let mina = mina(&world).await;
        world.after(ASKED_AFTER);
        let browser = world.signed_in(&mina).await;
        assert_eq!(page(&browser).await["backup_unused_since"], json!(NOON));
        assert_eq!(browser.post_json(asked, &json!({ "email": "new@example.org" })).await.status, 202);
        world.after(Duration::from_mins(2));
        let before = page(&browser).await;
        assert_eq!(before["backup_unused_since"], Value::Null, "{asked}");
        assert!(!browser.get("/account").await.words().contains("Is this mailbox still yours?"), "{asked}");
        let button = browser.post_json("/account/backup", &json!({ "email": SPARE })).await;
        assert_eq!((button.status, &*button.code()), (422, "same-as-backup"), "{asked}");
        let after = page(&browser).await;
        let waits = |page: &Value| [&page["pending_primary"], &page["backup"]].map(Clone::clone);
        assert_eq!(waits(&after), waits(&before), "{asked}");
    }
}

#[tokio::test]
async fn a_sign_in_through_it_renews_the_time_and_one_with_a_password_does_not() {
    let world = World::new();
    let mina = mina(&world).await;
    world.after(ASKED_AFTER);
    crate::undo_history::sign_in(&world, SPARE).await;
    world.deliver().await;
    assert_eq!(unused_since(&world, &mina).await, json!(NOON));
    signed_in_by_link(&world, SPARE).await;
    assert_eq!(unused_since(&world, &mina).await, Value::Null);
    world.after(ASKED_AFTER);
    assert_eq!(unused_since(&world, &mina).await, json!(NOON + HALF_A_YEAR));
}

#[tokio::test]
async fn nobody_else_can_use_the_link_and_a_second_use_changes_nothing() {
    let world = World::new();
    let mina = mina(&world).await;
    world.after(ASKED_AFTER);
    let browser = world.signed_in(&mina).await;
    let token = browser.emailed_token("/account/backup", SPARE).await;
    let elsewhere = world.visitor().post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(&*elsewhere.code(), "code-needed");
    assert_eq!(page(&browser).await["backup"]["state"], "replacing");
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    world.after(SECOND);
    let before = world.dump()["AccountsTable"].clone();
    let again = browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(again.status, 200, "a second click: {}", again.body);
    assert_eq!(world.dump()["AccountsTable"], before);
}

#[tokio::test]
async fn an_address_that_email_fails_to_is_not_asked_about_and_another_owners_never() {
    let world = World::new();
    let mina = mina(&world).await;
    world.person("joris").backup("joris.spare@example.org").create().await;
    world.after(ASKED_AFTER);
    let browser = world.signed_in(&mina).await;
    // Silent, as for every address of somebody else: only its owner is told, at the primary.
    let other = json!({ "email": "joris.spare@example.org" });
    assert_eq!(browser.post_json("/account/backup", &other).await.status, 202);
    let emails = world.deliver().await;
    assert_eq!(emails.iter().map(|email| &*email.to).collect::<Vec<_>>(), ["joris@example.com"]);
    assert!(world.report(&bounce(SPARE, NOON + HALF_A_YEAR)).await);
    assert_eq!(unused_since(&world, &mina).await, Value::Null);
    world.after(Duration::from_mins(2));
    let refused = world.signed_in(&mina).await.post_json("/account/backup", &json!({ "email": SPARE })).await;
    assert_eq!((refused.status, &*refused.code()), (422, "same-as-backup"));
}

#[tokio::test]
async fn an_undo_after_that_returns_the_backup_email_of_before() {
    let world = World::new();
    let mina = mina(&world).await;
    world.after(ASKED_AFTER);
    let thief = world.signed_in(&mina).await;
    assert_eq!(thief.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    let undo = token_in(&world.deliver().await[0]);
    let token = thief.emailed_token("/account/backup", SPARE).await;
    assert_eq!(thief.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    world.after(Duration::from_mins(2));
    let form = json!({ "token": undo, "username": "mina" });
    let undone = world.visitor().post_json("/undo", &form).await;
    assert_eq!((undone.status, &undone.json()["backup"]), (200, &json!("sp***re@example.org")));
    world.assert_claims_fit();
}
