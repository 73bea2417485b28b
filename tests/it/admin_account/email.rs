//! What becomes of the primary email when a product names another one.
use std::time::Duration;

use serde_json::{Value, json};

use super::owner::put_if_match;
use super::{ID, assert_refused, wanted, wanted_with};
use crate::support::{Answer, NOON, PASSWORD, World, bounce, token_in};

/// The default of `PrimaryHoldHours`.
const HOLD: Duration = Duration::from_hours(72);

fn with_email(email: &str, email_verified: bool) -> Value {
    wanted_with(&json!({ "email": email, "email_verified": email_verified }))
}

fn emails(answer: &Answer) -> (String, Option<String>) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document = answer.json();
    assert_eq!(document["email_verified"], true);
    let text = |name: &str| document[name].as_str().map(str::to_owned);
    (text("email").expect("there is one"), text("pending_email"))
}

fn only(email: &str) -> (String, Option<String>) {
    (email.to_owned(), None)
}

#[tokio::test]
async fn a_verified_email_is_the_primary_at_once_and_the_former_mailbox_is_told_and_can_undo_it() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    let changed = world.put_account(ID, &with_email("new@example.org", true)).await;
    assert_eq!(emails(&changed), only("new@example.org"));
    world.assert_claims_fit();
    assert!(!browser.is_signed_in().await, "sessions end as with every change of the primary");
    let sent = world.deliver().await;
    let mut told: Vec<&str> = sent.iter().map(|email| &*email.to).collect();
    told.sort_unstable();
    assert_eq!(told, ["mina@example.com", "new@example.org"]);
    // Sent again, it changes nothing and tells nobody.
    let before = world.dump();
    assert_eq!(
        emails(&world.put_account(ID, &with_email("NEW@example.org", true)).await),
        only("new@example.org")
    );
    assert_eq!(world.dump(), before);

    let former = sent.iter().find(|email| email.to == "mina@example.com").expect("it is told");
    let token = token_in(former);
    let undone = world.visitor().post_form("/undo", &[("token", &token), ("username", "mina")]).await;
    assert_eq!(undone.status, 303, "{}", undone.shown());
    assert_eq!(emails(&world.get_account(ID).await), only("mina@example.com"));
    world.assert_claims_fit();
    // The product cannot repeat it before the owner had time to look after the account.
    for verified in [true, false] {
        let again = with_email("new@example.org", verified);
        assert_refused(&world.put_account(ID, &again).await, 409, "email-changed-by-owner", Some("email"));
        let tag = world.get_account(ID).await.header("etag").to_owned();
        let knowingly = put_if_match(&world, &again, &tag).await;
        assert_refused(&knowingly, 403, "changes-frozen", Some("email"));
    }
    assert_eq!(world.put_account(ID, &wanted()).await.status, 200);
}

#[tokio::test]
async fn the_former_primary_signs_in_for_a_while_and_the_next_change_waits_for_its_end() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.put_account(ID, &with_email("new@example.org", true)).await;
    let refused = world.put_account(ID, &with_email("newer@example.org", true)).await;
    assert_refused(&refused, 403, "primary-too-new", Some("email"));
    assert!(refused.body.contains("can be changed from 2026-11-25T12:00:"), "{}", refused.body);
    world.deliver().await;
    // What is requested in the second of the change is void.
    world.after(Duration::from_secs(1));
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(browser.post_form("/login/open", &[("token", &token)]).await.status, 303);
    world.after(HOLD);
    assert_eq!(
        emails(&world.put_account(ID, &with_email("newer@example.org", true)).await),
        only("newer@example.org")
    );
    world.assert_claims_fit();
}

#[tokio::test]
async fn an_email_that_is_not_verified_waits_until_the_person_confirms_it() {
    let world = World::new();
    let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(PASSWORD), [7; 16]);
    let hash = hash.expect("it is short");
    world.put_account(ID, &wanted_with(&json!({ "password_hash": hash.as_str() }))).await;
    let waits = (String::from("mina@example.com"), Some(String::from("new@example.org")));
    assert_eq!(emails(&world.put_account(ID, &with_email("new@example.org", false)).await), waits);
    let sent = world.deliver().await;
    let mut to: Vec<&str> = sent.iter().map(|email| &*email.to).collect();
    to.sort_unstable();
    assert_eq!(to, ["mina@example.com", "new@example.org"], "a notice, and the link");
    // Sent again it still waits, and nobody gets another email.
    let before = world.dump();
    assert_eq!(emails(&world.put_account(ID, &with_email("new@example.org", false)).await), waits);
    assert_eq!(world.dump(), before);

    let link = sent.iter().find(|email| email.to == "new@example.org").expect("it has the link");
    let token = token_in(link);
    let browser = world.visitor();
    let elsewhere = browser.post_form("/primary/confirm", &[("token", &token)]).await;
    assert_eq!(elsewhere.status, 422, "a link alone is not enough: {}", elsewhere.shown());
    browser.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
    let confirmed = browser.post_form("/primary/confirm", &[("token", &token)]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.shown());
    assert_eq!(emails(&world.get_account(ID).await), only("new@example.org"));
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_request_whose_link_has_expired_is_made_again_and_counts_again() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let links = async || {
        let asked = world.put_account(ID, &with_email("new@example.org", false)).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let sent = world.deliver().await.into_iter();
        sent.filter(|email| email.text.contains("/primary/confirm?token=")).collect::<Vec<_>>()
    };
    assert_eq!(links().await.len(), 1);
    world.after(Duration::from_secs(24 * 60 * 60 - 30));
    assert_eq!(links().await.len(), 0, "the link still works");
    world.after(Duration::from_secs(31));
    let again = links().await;
    assert_eq!(again.len(), 1);
    let counts = world.dump()["LimitsTable"].len();
    assert!(counts > 0);
    let soon = world.put_account(ID, &with_email("sooner@example.org", false)).await;
    assert_refused(&soon, 429, "too-soon", Some("email"));
    assert!(soon.json()["title"] == "An email was just sent", "{}", soon.body);
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let confirmed = browser.post_form("/primary/confirm", &[("token", &token_in(&again[0]))]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.shown());
}

#[tokio::test]
async fn a_product_cancels_its_own_request_and_never_that_of_the_person() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.put_account(ID, &with_email("new@example.org", false)).await;
    let link = world.deliver().await.into_iter().find(|email| email.to == "new@example.org");
    let token = token_in(&link.expect("it has the link"));
    assert_eq!(emails(&world.put_account(ID, &wanted()).await), only("mina@example.com"));
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    assert_ne!(
        browser.post_form("/primary/confirm", &[("token", &token)]).await.status,
        303,
        "the link is dead"
    );
    assert_eq!(emails(&world.get_account(ID).await), only("mina@example.com"));

    world.after(Duration::from_mins(2));
    let browser = world.signed_in(&person).await;
    browser.post_form("/account/primary", &[("email", "own@example.org")]).await;
    let waits = (String::from("mina@example.com"), Some(String::from("own@example.org")));
    assert_eq!(emails(&world.put_account(ID, &wanted()).await), waits);
    let listed = browser.get("/account").await;
    assert!(listed.body.contains("own@example.org"), "{}", listed.words());
}

#[tokio::test]
async fn requests_are_limited_as_those_of_people_are() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    for number in 0..5 {
        let asked = world.put_account(ID, &with_email(&format!("new{number}@example.org"), false)).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let soon = world.put_account(ID, &with_email("sooner@example.org", false)).await;
        assert_refused(&soon, 429, "too-soon", Some("email"));
        world.after(Duration::from_mins(1));
    }
    let before = world.dump()["OutboxTable"].len();
    let many = world.put_account(ID, &with_email("more@example.org", false)).await;
    assert_refused(&many, 429, "too-many", Some("email"));
    assert_eq!(world.dump()["OutboxTable"].len(), before);
    assert!(world.log().contains("a limit is reached"));
}

#[tokio::test]
async fn who_cannot_confirm_is_not_asked_to_and_the_backup_email_stays() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let sso = wanted_with(&json!({ "email": "new@example.org", "email_verified": false, "kind": "sso" }));
    assert_refused(&world.put_account(ID, &sso).await, 422, "email-not-verified", Some("email_verified"));
    world.post_account(ID, "disable").await;
    let disabled = world.put_account(ID, &with_email("new@example.org", false)).await;
    assert_refused(&disabled, 409, "account-disabled", None);
    world.post_account(ID, "enable").await;
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    let token = browser.emailed_token("/account/backup", "spare@example.org").await;
    browser.post_form("/backup/confirm", &[("token", &token)]).await;
    assert_eq!(
        world.put_account(ID, &with_email("new@example.org", true)).await.json()["has_backup_email"],
        true
    );
    world.assert_claims_fit();
}

#[tokio::test]
async fn the_email_of_an_sso_account_changes_with_the_products_word_alone() {
    let world = World::new();
    let sso = |email: &str| wanted_with(&json!({ "email": email, "kind": "sso" }));
    assert_eq!(world.put_account(ID, &sso("mina@example.com")).await.status, 201);
    assert_eq!(emails(&world.put_account(ID, &sso("new@example.org")).await), only("new@example.org"));
    let sent = world.deliver().await;
    assert_eq!(sent.len(), 2, "both mailboxes are told");
    world.assert_claims_fit();
}

#[tokio::test]
async fn an_email_that_bounces_is_replaced_by_another() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.after(Duration::from_mins(1));
    assert!(world.report(&bounce("mina@example.com", NOON + 30)).await);
    assert!(world.dump()["AccountsTable"].concat().contains("delivery"));
    let replaced = world.put_account(ID, &with_email("new@example.org", true)).await;
    assert_eq!(emails(&replaced), only("new@example.org"));
    world.assert_claims_fit();
    assert_eq!(world.delete_account(ID).await.status, 200);
    assert!(world.dump()["AccountsTable"].is_empty());
}

#[tokio::test]
async fn an_address_that_another_account_has_left_is_free_once_its_time_is_over() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.put_account(ID, &with_email("new@example.org", true)).await;
    let other = wanted_with(&json!({ "username": "joris", "email": "mina@example.com" }));
    assert_refused(&world.put_account("other", &other).await, 409, "email-taken", Some("email"));
    world.after(Duration::from_hours(8 * 24));
    assert_eq!(world.put_account("other", &other).await.status, 201);
    world.assert_claims_fit();
}
