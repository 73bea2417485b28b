//! Bounces and complaints: what SES reports about an address stands beside it, once, and decides nothing.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::{Value, json};

use crate::set_password::signed_in_by_link;
use crate::support::{NOON, Person, Visitor, World, bounce, complaint, read, token_in};

mod advice;
mod races;
mod reports;
mod used_link;

const PRIMARY: &str = "mina@example.com";
const SPARE: &str = "spare@example.org";
const MINUTE: Duration = Duration::from_mins(1);
/// A time after everybody's addresses were confirmed.
const LATER: u64 = NOON + 10;

/// Somebody with a backup email, a minute after it was confirmed.
async fn mina(world: &World) -> Person {
    let mina = world.person("mina").backup(SPARE).create().await;
    world.deliver().await;
    world.after(MINUTE);
    mina
}

/// Everything but when sessions were last seen.
fn contents(world: &World) -> Vec<Vec<String>> {
    ["AccountsTable", "OutboxTable", "HistoryTable"].map(|table| world.dump()[table].clone()).into()
}

async fn page(browser: &Visitor<'_>) -> Value {
    browser.get_json("/account").await.json()
}

/// What the account page says about primary and backup email.
async fn said(browser: &Visitor<'_>) -> [Value; 2] {
    let page = page(browser).await;
    ["primary_undeliverable", "backup_undeliverable"].map(|name| page[name].clone())
}

#[tokio::test]
async fn a_bounce_is_said_beside_the_backup_email_and_the_primary_is_told_once() {
    let world = World::new();
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    for _ in 0..3 {
        assert!(world.report(&bounce("Spare@Example.org", LATER)).await);
    }
    assert_eq!(said(&browser).await, [Value::Null, json!({ "why": "bounced", "since": LATER })]);
    let emails = world.deliver().await;
    assert_eq!(emails.iter().map(|email| &*email.to).collect::<Vec<_>>(), [PRIMARY]);
    insta::assert_snapshot!(read(&emails[0]), @r"
    Your backup email can’t be reached

    Hello mina,

    On 22 November 2026 at 12:01 UTC, an email that we sent to your backup email sp***re@example.org came back.

    Go to your account:
    https://account.example.com/account

    If you lost your primary mailbox now, this address would not let you back in. Sign in and choose another backup email.

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
    let words = browser.get("/account").await.words();
    let backup = words.split_once("Backup email\n").expect("the section").1;
    insta::assert_snapshot!(backup.split_once("\nChange").expect("what follows").0, @r"
    It lets you back into your account if you lose your primary mailbox. It is used for recovery only and gets no other email.
    In use
    spare@example.org
    Confirmed on 22 November 2026 at 12:00 UTC
    Email to this address has been coming back since 22 November 2026 at 12:00 UTC. It would not let you back into your account. Choose another backup email.
    Does the mailbox work again? Ask the support of Sparekey to let our emails through to it.
    ");
    assert!(words.contains("Email to the backup email came back: sp***re@example.org\n"), "{words}");
    let lately = page(&browser).await["history"][0].clone();
    assert_eq!(lately["what"], "bounced");
    assert!(lately.get("device").is_none(), "nobody did it: {lately}");
    assert_eq!(world.counted().iter().filter(|line| line.contains("\"Undeliverable\":1")).count(), 1);
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_complaint_about_the_primary_stands_first_on_the_page_and_nobody_is_told() {
    let world = World::new();
    let mina = mina(&world).await;
    assert!(world.report(&complaint(PRIMARY, LATER)).await);
    assert!(world.deliver().await.is_empty(), "the backup email gets no notices");
    assert_eq!(world.history_rows(false).len(), 1, "that the backup email was added");
    let browser = world.signed_in(&mina).await;
    assert_eq!(said(&browser).await, [json!({ "why": "complained", "since": LATER }), Value::Null]);
    let words = browser.get("/account").await.words();
    insta::assert_snapshot!(words.split_once("\nUsername\n").expect("what follows").0, @r"
    Account details
    An email to your primary email was reported as spam on 22 November 2026 at 12:00 UTC. Since then only security notices are sent there. Sign-in links don’t reach you, and a security notice may not either. Use another address as your primary email.
    Make the backup email the primary
    Use another primary email
    Does the mailbox work again? Ask the support of Sparekey to let our emails through to it.
    ");
}

#[tokio::test]
async fn an_older_report_after_a_newer_one_and_after_the_mailbox_was_read_changes_nothing() {
    let world = World::new();
    mina(&world).await;
    let before = contents(&world);
    assert!(world.report(&bounce(SPARE, NOON)).await);
    assert_eq!(contents(&world), before, "it was confirmed in that second");
    assert!(world.report(&bounce(SPARE, LATER + 20)).await);
    assert!(world.report(&complaint(SPARE, LATER)).await);
    let browser = signed_in_by_link(&world, PRIMARY).await;
    assert_eq!(said(&browser).await[1], json!({ "why": "bounced", "since": LATER + 20 }));

    world.after(MINUTE);
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(said(&browser).await[1], Value::Null, "its mailbox is read");
    let before = contents(&world);
    for at in [LATER, LATER + 20, NOON + 120] {
        assert!(world.report(&bounce(SPARE, at)).await);
    }
    assert_eq!(contents(&world), before);
    world.after(MINUTE);
    assert!(world.report(&complaint(SPARE, NOON + 121)).await);
    assert_eq!(said(&browser).await[1]["why"], "complained");
}

#[tokio::test]
async fn a_link_to_the_primary_shows_that_it_is_read_and_a_password_shows_nothing() {
    let world = World::new();
    let mina = mina(&world).await;
    assert!(world.report(&bounce(PRIMARY, LATER)).await);
    let browser = world.signed_in(&mina).await;
    crate::undo_history::sign_in(&world, PRIMARY).await;
    assert_eq!(said(&browser).await[0]["why"], "bounced");
    signed_in_by_link(&world, PRIMARY).await;
    assert_eq!(said(&browser).await[0], Value::Null);
}

#[tokio::test]
async fn an_undo_ends_no_note_because_its_notice_went_past_the_suppression_list() {
    let world = World::new();
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    assert!(world.report(&bounce(SPARE, LATER)).await);
    world.deliver().await;
    assert!(world.report(&bounce(PRIMARY, LATER)).await);
    assert_eq!(browser.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    let token = token_in(&world.deliver().await[0]);
    world.after(MINUTE);
    let page = world.visitor().get_json(&format!("/undo?token={token}")).await.json();
    let events: Vec<_> = page["events"].as_array().expect("a list").iter().collect();
    assert_eq!((&events[1]["what"], &events[1]["backup_then"]), (&json!("bounced"), &Value::Null));
    let form = json!({ "token": token, "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &form).await.status, 200);
    world.after(Duration::from_secs(1));
    let browser = world.signed_in(&mina).await;
    let bounced = json!({ "why": "bounced", "since": LATER });
    assert_eq!(said(&browser).await, [bounced.clone(), bounced]);
}

#[tokio::test]
async fn what_is_known_goes_with_a_replaced_address_and_moves_with_a_promoted_one() {
    let world = World::new();
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    assert!(world.report(&bounce(SPARE, LATER)).await);
    world.deliver().await;
    let token = browser.emailed_token("/account/backup", "new@example.org").await;
    assert_eq!(said(&browser).await[1]["why"], "bounced", "it is the backup email still");
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    assert_eq!(said(&browser).await[1], Value::Null);
    world.deliver().await;
    let before = contents(&world);
    assert!(world.report(&bounce(SPARE, NOON + 61)).await, "nobody has it any more");
    assert_eq!(contents(&world), before);

    world.after(crate::promote_backup::HOLD);
    assert!(world.report(&bounce(PRIMARY, NOON + 120)).await);
    let browser = signed_in_by_link(&world, "new@example.org").await;
    let promoted = browser.post_json("/account/primary/promote", &json!({ "keep_former": true })).await;
    assert_eq!(promoted.status, 200, "{}", promoted.body);
    assert_eq!(said(&browser).await, [Value::Null, json!({ "why": "bounced", "since": NOON + 120 })]);
}

#[tokio::test]
async fn a_pending_or_a_former_address_is_none_that_anything_is_said_about_and_one_that_waits_is() {
    let world = World::new().with_waiting_period(Duration::from_hours(24));
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    let token = browser.emailed_token("/account/backup", "new@example.org").await;
    let before = contents(&world);
    assert!(world.report(&bounce("new@example.org", NOON + 61)).await);
    assert_eq!(contents(&world), before, "a pending address has no effect");
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    world.deliver().await;
    let before = contents(&world);
    assert!(world.report(&bounce(SPARE, NOON + 61)).await);
    assert_eq!(contents(&world), before, "it is the former one now");
    world.after(MINUTE);
    assert!(world.report(&bounce("new@example.org", NOON + 100)).await);
    assert_eq!(said(&browser).await[1]["why"], "bounced");
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn what_the_database_refuses_is_tried_again_and_nothing_is_half_written() {
    let world = World::new();
    mina(&world).await;
    let before = contents(&world);
    for (operation, kind) in [
        ("GetItem", FaultKind::ServerError),
        ("Query", FaultKind::ServerError),
        ("TransactWriteItems", FaultKind::ServerError),
        ("TransactWriteItems", FaultKind::Reject),
    ] {
        world.wire.fail(operation, 9, kind);
        assert!(!world.report(&bounce(SPARE, LATER)).await, "{operation}");
        world.wire.clear();
        assert_eq!(contents(&world), before, "{operation}");
    }
    let log = world.log();
    assert!(log.contains("will be tried again") && !log.contains("spare@"), "{log}");
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    assert!(world.report(&bounce(SPARE, LATER)).await);
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn the_mailer_goes_on_sending_and_ses_decides_what_it_delivers() {
    let world = World::new();
    mina(&world).await;
    world.wire.ses().bounce_at(SPARE);
    let visitor = world.visitor();
    visitor.post_form("/login/link", &[("email", SPARE)]).await;
    assert!(world.deliver().await.is_empty(), "it bounced");
    let events = world.wire.ses().events().published();
    assert!(world.report(&events[0]).await);
    assert_eq!(world.deliver().await.len(), 1, "the primary is told");
    let sent = world.wire.sent().len();
    visitor.post_form("/login/link", &[("email", SPARE)]).await;
    assert!(world.deliver().await.is_empty());
    assert_eq!(world.wire.sent().len(), sent + 1, "it was handed to SES all the same");
    let events = world.wire.ses().events().published();
    assert_eq!(events[1]["detail"]["bounce"]["bounceSubType"], "OnAccountSuppressionList");
    assert!(world.report(&events[1]).await);
    assert!(world.deliver().await.is_empty(), "told once");
}
