//! What the owner of an account has done here, and a product does not know of: it does not undo it unknowingly, and does not guess it.
use std::time::Duration;

use dev::mailbox::ReceivedEmail;
use serde_json::{Value, json};

use super::{ID, assert_refused, path, wanted, wanted_with};
use crate::set_password::signed_in_by_link;
use crate::support::{Answer, Ask, Visitor, World, token_in};

/// The default of `PrimaryHoldHours`.
const HOLD: Duration = Duration::from_hours(72);
const LOST: &str = "mina@example.com";
const SAFE: &str = "new@safe.example.org";
const SPARE: &str = "spare@example.org";
const CHANGED: &str = "email-changed-by-owner";

fn with_email(email: &str, email_verified: bool) -> Value {
    wanted_with(&json!({ "email": email, "email_verified": email_verified }))
}

/// Asserts that an account has this email.
async fn assert_email(world: &World, email: &str) {
    assert_eq!(world.get_account(ID).await.json()["email"], email);
}

/// A PUT with the condition that the account is as it was read.
pub(super) async fn put_if_match(world: &World, wanted: &Value, tag: &str) -> Answer {
    world.back_end(&Ask::signed_json("PUT", &path(ID), wanted).header("if-match", tag)).await
}

/// Undoes a change with the link of its notice.
async fn undo(world: &World, notice: &ReceivedEmail) {
    let fields = [("token", &*token_in(notice)), ("username", "mina")];
    assert_eq!(world.visitor().post_form("/undo", &fields).await.status, 303);
}

/// Somebody whose account a product has created, signed in, and whose primary is another one by now, which they have asked for.
async fn changed_by_owner(world: &World) -> Visitor<'_> {
    world.put_account(ID, &wanted()).await;
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let token = browser.emailed_token_of("/account/primary", SAFE, "Confirm your new primary email").await;
    let confirmed = browser.post_form("/primary/confirm", &[("token", &token)]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.shown());
    assert_email(world, SAFE).await;
    browser
}

#[tokio::test]
async fn the_nightly_put_does_not_take_back_what_the_owner_has_changed() {
    let world = World::new();
    let browser = changed_by_owner(&world).await;
    let before = world.dump();
    // Also while the primary cannot be changed, and together with whatever else.
    for wanted in [
        wanted(),
        with_email(LOST, false),
        with_email("third@example.org", true),
        wanted_with(&json!({ "username": "nour", "kind": "sso" })),
    ] {
        let (refused, calls) = world.calls_of(world.put_account(ID, &wanted)).await;
        assert_refused(&refused, 409, CHANGED, Some("email"));
        assert!(calls.iter().all(|call| !call.what.contains("Write")), "{calls:?}");
    }
    assert_eq!(world.dump(), before);
    assert!(browser.is_signed_in().await);
    // What the product takes over is as it is, and all else of the account changes.
    for _ in 0..2 {
        assert_eq!(world.put_account(ID, &with_email(SAFE, true)).await.status, 200);
    }
    assert_eq!(world.put_account(ID, &with_email(SAFE, false)).await.status, 200);
    let danish = wanted_with(&json!({ "email": SAFE, "locale": "da" }));
    assert_eq!(world.put_account(ID, &danish).await.json()["locale"], "da");
}

#[tokio::test]
async fn a_product_that_has_read_the_account_replaces_what_its_owner_has_chosen() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let former = world.get_account(ID).await.header("etag").to_owned();
    changed_by_owner(&world).await;
    let tag = world.get_account(ID).await.header("etag").to_owned();
    assert_refused(&put_if_match(&world, &wanted(), &tag).await, 403, "primary-too-new", Some("email"));
    world.after(HOLD);
    assert_refused(&put_if_match(&world, &wanted(), &former).await, 412, "precondition-failed", None);
    // An asterisk shows nothing.
    assert_refused(&put_if_match(&world, &wanted(), "*").await, 409, CHANGED, Some("email"));
    let replaced = put_if_match(&world, &wanted(), &tag).await;
    assert_eq!((replaced.status, &replaced.json()["email"]), (200, &json!(LOST)));
    world.assert_claims_fit();
    // From then on it is the product's again.
    world.after(HOLD);
    assert_eq!(world.put_account(ID, &with_email("third@example.org", true)).await.status, 200);
}

#[tokio::test]
async fn a_promoted_backup_email_is_the_owners_choice_and_an_undo_restores_whose_the_former_was() {
    let world = World::new();
    with_backups(&world).await;
    promoted(&world).await;
    assert_refused(&world.put_account(ID, &wanted()).await, 409, CHANGED, Some("email"));
    // The product replaces it knowingly, and the owner undoes that: it is theirs again.
    let tag = world.get_account(ID).await.header("etag").to_owned();
    world.deliver().await;
    assert_eq!(put_if_match(&world, &with_email("third@example.org", true), &tag).await.status, 200);
    let notice = world.deliver().await.into_iter().find(|email| email.to == SPARE).expect("it is told");
    undo(&world, &notice).await;
    assert_email(&world, SPARE).await;
    assert_refused(&world.put_account(ID, &wanted()).await, 409, CHANGED, Some("email"));
}

#[tokio::test]
async fn an_undo_of_the_owners_change_leaves_the_email_to_the_product() {
    let world = World::new();
    changed_by_owner(&world).await;
    let mut told = world.deliver().await.into_iter().filter(|email| email.to == LOST);
    let notice = told.next_back().expect("the former mailbox is told");
    undo(&world, &notice).await;
    assert_email(&world, LOST).await;
    world.after(HOLD);
    assert_eq!(world.put_account(ID, &with_email("third@example.org", true)).await.status, 200);
}

#[tokio::test]
async fn a_product_does_not_repeat_unknowingly_what_the_owner_has_undone() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.deliver().await;
    let other = with_email("third@example.org", true);
    assert_eq!(world.put_account(ID, &other).await.status, 200);
    let notice = world.deliver().await.into_iter().find(|email| email.to == LOST).expect("it is told");
    undo(&world, &notice).await;
    assert_email(&world, LOST).await;
    world.after(HOLD);
    assert_refused(&world.put_account(ID, &other).await, 409, CHANGED, Some("email"));
    assert_eq!(world.put_account(ID, &wanted()).await.status, 200, "it is as wanted");
    let tag = world.get_account(ID).await.header("etag").to_owned();
    assert_eq!(put_if_match(&world, &other, &tag).await.status, 200);
}

#[tokio::test]
async fn what_the_product_has_asked_for_and_the_owner_confirmed_is_no_change_of_the_owner() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.put_account(ID, &with_email(SAFE, false)).await;
    let sent = world.deliver().await;
    let link = sent.iter().find(|email| email.to == SAFE).expect("it has the link");
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let confirmed = browser.post_form("/primary/confirm", &[("token", &token_in(link))]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.shown());
    world.after(HOLD);
    assert_eq!(world.put_account(ID, &with_email("third@example.org", true)).await.status, 200);
}

/// The browser in which this somebody makes the backup email the primary, and the former one the backup email.
async fn promoted(world: &World) -> Visitor<'_> {
    world.after(HOLD);
    let browser = signed_in_by_link(world, SPARE).await;
    let promoted = browser.post_json("/account/primary/promote", &json!({ "keep_former": true })).await;
    assert_eq!(promoted.status, 200, "{}", promoted.body);
    assert_email(world, SPARE).await;
    browser
}

/// Somebody with a backup email, and somebody else with one.
async fn with_backups(world: &World) {
    world.put_account(ID, &wanted()).await;
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let token = browser.emailed_token("/account/backup", SPARE).await;
    browser.post_form("/backup/confirm", &[("token", &token)]).await;
    world.person("joris").backup("other@example.org").create().await;
    world.deliver().await;
    world.after(Duration::from_mins(2));
}

/// The parts of a call, in any order: what a transaction writes.
fn parts(call: &str) -> Vec<String> {
    let mut parts: Vec<String> = call.split(['(', ',', ')']).map(|part| part.trim().to_owned()).collect();
    parts.sort_unstable();
    parts
}

#[tokio::test]
async fn a_guessed_backup_email_is_answered_as_the_address_of_anybody_else() {
    let world = World::new();
    with_backups(&world).await;
    let before = world.dump();
    for (fields, code, field) in [
        (json!({ "username": "joris" }), "username-taken", "username"),
        (json!({}), "email-taken", "email"),
        (json!({ "username": "nour", "locale": "da" }), "email-taken", "email"),
    ] {
        let mut seen = Vec::new();
        for email in [SPARE, "other@example.org", "joris@example.com"] {
            let mut wanted = wanted_with(&fields);
            wanted["email"] = json!(email);
            let (refused, calls) = world.calls_of(world.put_account(ID, &wanted)).await;
            assert_refused(&refused, 409, code, Some(field));
            let calls: Vec<Vec<String>> = calls.into_iter().map(|call| parts(&call.what)).collect();
            seen.push((refused.body.clone(), calls));
        }
        assert_eq!((&seen[0], &seen[1]), (&seen[1], &seen[2]), "{fields}");
        assert_eq!(world.dump(), before, "{fields}");
    }
}

#[tokio::test]
async fn an_unverified_backup_email_waits_as_the_address_of_anybody_else() {
    let world = World::new();
    with_backups(&world).await;
    for email in ["other@example.org", SPARE] {
        let waits = world.put_account(ID, &with_email(email, false)).await;
        assert_eq!((waits.status, &waits.json()["pending_email"]), (200, &json!(email)), "{}", waits.body);
        let sent = world.deliver().await;
        assert!(sent.iter().any(|sent| sent.to == LOST), "the person is told");
        assert!(!sent.iter().any(|sent| sent.text.contains("/primary/confirm?token=")), "{email}");
        world.after(Duration::from_mins(1));
    }
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_link_that_a_product_has_asked_for_does_not_make_the_backup_email_the_primary() {
    let world = World::new();
    with_backups(&world).await;
    let browser = promoted(&world).await;
    // It was the primary a short time ago, so that a link may be sent to it.
    let tag = world.get_account(ID).await.header("etag").to_owned();
    world.deliver().await;
    assert_eq!(put_if_match(&world, &with_email(LOST, false), &tag).await.status, 200);
    let sent = world.deliver().await.into_iter();
    let link = sent.last().filter(|email| email.to == LOST && email.text.contains("/primary/confirm?token="));
    let token = token_in(&link.expect("it has the link"));
    let refused = browser.post_json("/primary/confirm", &json!({ "token": token })).await;
    assert_eq!((refused.status, &*refused.code()), (422, "same-as-backup"), "{}", refused.body);
    assert_email(&world, SPARE).await;
    world.assert_claims_fit();
}
