//! Requests that the mailer gave up on: an operator lists them and queues them again.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::MessageId;
use serde_json::json;
use shared::store::{QueuedEmail, ResendRefused, UnsentEmails};

use crate::support::{World, token_in};

const LONG_ENOUGH: Duration = Duration::from_mins(23 * 60 + 2);

/// The stream drops all waiting records, as it does when they are 23 hours old.
fn give_up(world: &World) {
    assert!(!world.new_records().is_empty(), "something was asked for");
    world.after(LONG_ENOUGH);
}

async fn unsent(world: &World) -> UnsentEmails {
    world.operator.store.list_unsent(world.operator.now()).await.expect("the database works")
}

async fn only(world: &World) -> QueuedEmail {
    let unsent = unsent(world).await;
    let [queued] = &unsent.requests[..] else { panic!("{unsent:?}") };
    queued.clone()
}

async fn again(world: &World, queued: &QueuedEmail) -> Result<(), ResendRefused> {
    let app = &world.operator;
    // Nobody is as fast as the request itself.
    world.clock.tick();
    app.store.resend(queued, &app.message_id(), app.now()).await.expect("the database works")
}

#[tokio::test]
async fn a_notice_that_was_given_up_is_sent_again_once() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    assert!(unsent(&world).await.requests.is_empty(), "it may be under way");
    give_up(&world);

    let queued = only(&world).await;
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    assert_eq!(again(&world, &queued).await, Ok(()));
    assert_eq!(again(&world, &queued).await, Err(ResendRefused::Done), "twice queues one email");
    assert!(unsent(&world).await.requests.is_empty(), "it is under way");
    let [notice] = &world.deliver().await[..] else { panic!("one email") };
    assert_eq!(notice.to, "mina@example.com");
    assert!(notice.text.contains("12:00 UTC"), "when it happened, not when it was sent: {}", notice.text);
    let undo = json!({ "token": token_in(notice), "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &undo).await.status, 200);
    world.deliver().await;

    world.after(LONG_ENOUGH);
    assert!(unsent(&world).await.requests.is_empty());
    assert_eq!(again(&world, &queued).await, Err(ResendRefused::Done));
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn what_is_given_up_again_can_be_sent_again() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    for _ in 0..3 {
        give_up(&world);
        assert_eq!(again(&world, &only(&world).await).await, Ok(()));
    }
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn a_confirmation_is_sent_again_while_its_address_is_pending_and_its_link_would_live() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    give_up(&world);
    let queued = only(&world).await;
    assert_eq!(again(&world, &queued).await, Ok(()));
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    // In another browser the account page's code works, because the page shows the current request.
    let code = browser.get("/account").await.link_code();
    let form = json!({ "token": token_in(email), "code": code });
    assert_eq!(world.visitor().post_json("/backup/confirm", &form).await.status, 200);
    world.deliver().await;

    let browser = world.signed_in(&mina).await;
    browser.post_form("/account/backup", &[("email", "other@example.org")]).await;
    give_up(&world);
    let queued = only(&world).await;
    let browser = world.signed_in(&mina).await;
    browser.post_json("/account/backup/remove", &json!({ "what": "pending" })).await;
    let before = world.dump();
    assert_eq!(again(&world, &queued).await, Err(ResendRefused::Superseded));
    assert_eq!(world.dump(), before);

    world.after(Duration::from_hours(24));
    assert_eq!(again(&world, &queued).await, Err(ResendRefused::LinkExpired));
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn what_ses_refused_can_be_sent_again_at_once() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/login/link", &[("email", "mina@example.com")]).await;
    world.wire.fail("SendEmail", 1, FaultKind::Reject);
    assert!(world.deliver().await.is_empty());
    let queued = only(&world).await;
    assert_eq!(again(&world, &queued).await, Ok(()));
    assert_eq!(again(&world, &queued).await, Err(ResendRefused::Done), "twice queues one email");
    assert!(unsent(&world).await.requests.is_empty());
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn a_dead_sign_in_link_is_never_mailed_and_what_cannot_be_read_is_named() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/login/link", &[("email", "mina@example.com")]).await;
    give_up(&world);
    assert_eq!(again(&world, &only(&world).await).await, Err(ResendRefused::LinkExpired));
    assert!(world.deliver().await.is_empty());

    let poison = json!({
        "message_id": { "S": "0000poison" }, "mail_state": { "S": "waiting" }, "requested_at": { "N": "1" },
        "expires_at": { "N": "9999999999" }, "request": { "M": { "kind": { "S": "no-such" } } },
    });
    world.put("OutboxTable", &poison);
    let unsent = unsent(&world).await;
    let ids: Vec<_> = unsent.unreadable.iter().map(MessageId::as_str).collect();
    assert_eq!((unsent.requests.len(), &ids[..]), (1, &["0000poison"][..]));

    world.after(Duration::from_hours(3 * 24));
    assert!(self::unsent(&world).await.requests.is_empty(), "what was to be forgotten is not shown");
}
