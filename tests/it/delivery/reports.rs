//! Reports that are none, and those in which other servers have written what they like.
use serde_json::{Value, json};

use super::{LATER, MINUTE, PRIMARY, SPARE, contents, mina, said};
use crate::support::{NOON, World, bounce, complaint};

#[tokio::test]
async fn what_may_pass_or_is_no_complaint_changes_nothing() {
    let world = World::new();
    mina(&world).await;
    let before = contents(&world);
    for kind in ["Transient", "Undetermined", "permanent", ""] {
        let mut event = bounce(SPARE, LATER);
        event["detail"]["bounce"]["bounceType"] = json!(kind);
        assert!(world.report(&event).await, "{kind}");
    }
    for kind in ["not-spam", "auth-failure"] {
        let mut event = complaint(SPARE, LATER);
        event["detail"]["complaint"]["complaintFeedbackType"] = json!(kind);
        assert!(world.report(&event).await, "{kind}");
    }
    assert_eq!(contents(&world), before);
}

/// A report that is not what it should be: the value at a place of the event.
fn wrong(place: &str, value: Value) -> Value {
    let mut event = bounce(SPARE, LATER);
    *event.pointer_mut(place).expect("the place is there") = value;
    event
}

#[tokio::test]
async fn what_is_not_about_one_address_of_ours_writes_nothing_is_not_tried_again_and_logs_no_address() {
    let world = World::new();
    world.person("mina").email("mina.secret@example.com").backup(SPARE).create().await;
    world.deliver().await;
    let before = contents(&world);
    let recipients = "/detail/bounce/bouncedRecipients";
    let destination = "/detail/mail/destination";
    let address = "/detail/mail/destination/0";
    let sets = "/detail/mail/tags/ses:configuration-set";
    let many: Vec<Value> = (0..5_000).map(|_| json!(SPARE)).collect();
    let events = [
        json!(null),
        json!({}),
        json!([bounce(SPARE, LATER)]),
        json!("aws.ses"),
        wrong("/source", json!("aws.sns")),
        wrong("/source", json!(7)),
        wrong("/detail-type", json!("Email Delivered")),
        wrong("/detail-type", json!("Email Complaint Received")),
        wrong("/detail", json!("x".repeat(100_000))),
        wrong("/detail/bounce", json!(null)),
        wrong("/detail/bounce/timestamp", json!("yesterday")),
        wrong("/detail/bounce/timestamp", json!(LATER)),
        wrong(sets, json!(["Others"])),
        wrong(sets, json!([])),
        wrong(sets, json!("Mails")),
        wrong("/detail/mail/tags", json!({})),
        wrong(recipients, json!([])),
        wrong(recipients, json!({ "emailAddress": SPARE })),
        wrong(destination, json!([])),
        wrong(destination, json!(many)),
        wrong(destination, json!([SPARE, "mina.secret@example.com"])),
        wrong(destination, json!(SPARE)),
        wrong(address, json!(null)),
        wrong(address, json!("")),
        wrong(address, json!("spare")),
        wrong(address, json!("nobody@example.net")),
        wrong(address, json!("spare@example.org, mina.secret@example.com")),
        wrong(address, json!("spare@example.org\r\nBcc: mina.secret@example.com")),
        wrong(address, json!("claim#email#spare@example.org")),
        wrong(address, json!("\"spare\"@example.org")),
        wrong(address, json!("s\u{200d}pare@exa\u{202e}mple.org\u{0}")),
        wrong(address, json!(format!("{}@example.org", "a".repeat(1_000_000)))),
    ];
    for event in events {
        assert!(world.report(&event).await, "{event:.200}");
        assert_eq!(contents(&world), before, "{event:.200}");
    }
    let log = world.log();
    for part in ["spare", "secret", "nobody@", "Bcc", "aaaa"] {
        assert!(!log.contains(part), "{part}");
    }
    assert!(log.contains("email fails to an address that no account has"), "{log:.500}");
    assert!(log.contains("its email did not go to one address"), "{log:.500}");
}

#[tokio::test]
async fn an_address_with_a_name_around_it_and_a_time_in_the_future_are_read() {
    let world = World::new();
    let mina = mina(&world).await;
    let mut event = bounce("Mina <SPARE@example.org>", LATER);
    event["detail"]["bounce"]["timestamp"] = json!("2999-01-01T00:00:00.123+02:00");
    assert!(world.report(&event).await);
    let browser = world.signed_in(&mina).await;
    assert_eq!(said(&browser).await[1]["since"], json!(NOON + 60), "no time lies in the future");
}

/// The recipients that the recipient's own server has written into its report, in place of those that SES wrote to.
fn with_recipients(event: &Value, written: &[&str]) -> Value {
    let mut event = event.clone();
    let recipients: Vec<_> = written.iter().map(|address| json!({ "emailAddress": address })).collect();
    let (report, list) = if event["detail"]["eventType"] == "Bounce" {
        ("bounce", "bouncedRecipients")
    } else {
        ("complaint", "complainedRecipients")
    };
    event["detail"][report][list] = json!(recipients);
    event
}

#[tokio::test]
async fn a_server_that_names_somebody_else_in_its_report_marks_nobody_elses_address() {
    let world = World::new();
    let mina = mina(&world).await;
    world.person("mallory").email("mallory@evil.example.net").create().await;
    world.after(MINUTE);
    let before = contents(&world);
    for to in ["nobody@evil.example.net", "anyone@example.net"] {
        for event in [bounce(to, LATER), complaint(to, LATER)] {
            for written in [&[PRIMARY][..], &[SPARE], &[PRIMARY, SPARE]] {
                assert!(world.report(&with_recipients(&event, written)).await);
            }
        }
    }
    assert_eq!(contents(&world), before, "nobody has the address that the email went to");
    assert!(world.report(&with_recipients(&bounce("mallory@evil.example.net", NOON + 61), &[PRIMARY])).await);
    assert!(world.deliver().await.is_empty());
    let browser = world.signed_in(&mina).await;
    assert_eq!(said(&browser).await, [Value::Null, Value::Null]);
    assert_eq!(world.dump()["AccountsTable"].concat().matches("undeliverable").count(), 1, "Mallory's own");
}

#[tokio::test]
async fn a_server_that_writes_the_address_in_its_own_way_or_forwards_the_email_reports_the_one_that_was_written_to()
 {
    for written in [
        &["rfc822;spare@example.org"][..],
        &["spare@example.org."],
        &["mina@forwarded.example.net"],
        &["a", "b"],
    ] {
        for event in [bounce(SPARE, LATER), complaint(SPARE, LATER)] {
            let world = World::new();
            let mina = mina(&world).await;
            assert!(world.report(&with_recipients(&event, written)).await);
            assert_eq!(world.deliver().await.len(), 1, "{written:?}");
            let browser = world.signed_in(&mina).await;
            assert_eq!(said(&browser).await[1]["since"], json!(LATER), "{written:?}");
        }
    }
}
