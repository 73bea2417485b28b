//! Reports that come while the account changes.
use domain::{DeliveredTo, DeliveryFailure, Undeliverable};
use serde_json::json;
use shared::store::Failed;

use super::{LATER, SPARE, mina, said};
use crate::set_password::signed_in_by_link;
use crate::support::{World, bounce, complaint, read};

#[tokio::test]
async fn of_reports_at_once_one_counts_and_a_notice_is_sent_once() {
    let world = World::new();
    let mina = mina(&world).await;
    world.wire.contend();
    let (one, other) = (bounce(SPARE, LATER), complaint(SPARE, LATER + 1));
    let all =
        tokio::join!(world.report(&one), world.report(&other), world.report(&one), world.report(&other));
    assert_eq!(all, (true, true, true, true));
    let emails = world.deliver().await;
    assert_eq!(emails.len(), 1);
    let browser = world.signed_in(&mina).await;
    let why = said(&browser).await[1]["why"].clone();
    let told = if why == "bounced" { "came back" } else { "reported as spam" };
    assert!(read(&emails[0]).contains(told), "{why}: {}", read(&emails[0]));
}

#[tokio::test]
async fn a_report_while_the_address_is_removed_leaves_nothing_behind() {
    for first in [true, false] {
        let world = World::new();
        let mina = mina(&world).await;
        let browser = world.signed_in(&mina).await;
        world.wire.contend();
        let (event, form) = (bounce(SPARE, LATER), json!({ "what": "confirmed" }));
        let remove = browser.post_json("/account/backup/remove", &form);
        let removed = if first {
            let (removed, noted) = tokio::join!(remove, world.report(&event));
            (removed, noted)
        } else {
            let (noted, removed) = tokio::join!(world.report(&event), remove);
            (removed, noted)
        };
        assert!(removed.0.status == 200 && removed.1, "{}", removed.0.body);
        assert!(!world.dump()["AccountsTable"].concat().contains("undeliverable"));
        world.assert_claims_fit();
    }
}

#[tokio::test]
async fn a_note_on_an_account_that_has_changed_since_it_was_read_does_nothing() {
    let world = World::new();
    let mina = mina(&world).await;
    let store = &world.operator.store;
    let account = store.load_account(&mina.id).await.expect("the database works").expect("it is there");
    let failed = Undeliverable { why: DeliveryFailure::Bounced, since: world.operator.now() };
    let backup = account.backup.confirmed().expect("it has one").clone();
    let delivery = backup.delivery_after(failed).expect("it is news");
    let event_id = &world.operator.message_id();
    let note = async || {
        let failure = Failed {
            account: &account,
            to: DeliveredTo::Backup,
            confirmed: &backup,
            failed,
            delivery: &delivery,
            event_id,
        };
        store.note_failure(failure, world.operator.now()).await.expect("the database works")
    };
    // Its mailbox was read; it was replaced; it was removed.
    signed_in_by_link(&world, SPARE).await;
    assert!(!note().await);
    let browser = world.signed_in(&mina).await;
    let token = browser.emailed_token("/account/backup", "new@example.org").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    assert!(!note().await);
    let removed = browser.post_json("/account/backup/remove", &json!({ "what": "confirmed" })).await;
    assert_eq!(removed.status, 200);
    assert!(!note().await);
    assert!(!world.dump()["AccountsTable"].concat().contains("undeliverable"));
}
