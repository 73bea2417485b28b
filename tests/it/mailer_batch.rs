//! A batch of the mailer: one bad record takes no other along, and the batch takes the same time with and without emails.
use std::time::{Duration, Instant};

use aws_lambda_events::event::streams::DynamoDbEventResponse;
use domain::MessageId;
use serde_json::{Value, json};
use shared::app::Mailer;
use shared::error::Error;
use shared::runtime::{BATCH_STEP, answer_stream, in_whole_steps};

use crate::support::World;

const PEOPLE: [&str; 4] = ["ana", "bea", "eva", "ida"];

/// What becomes of a record the first time.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Fails,
    Panics,
    TimesOut,
    /// Its email is sent, and then it fails: at least once is all that can be had.
    FailsAfterSending,
}

/// A world in which each of the people has asked for their username, and the records of that.
async fn asked() -> (World, Vec<Value>) {
    let mut world = World::new();
    // Enough for the others, which share a processor with all other tests.
    world.set_record_timeout(Duration::from_secs(2));
    for username in PEOPLE {
        world.person(username).create().await;
        world.visitor().post_form("/forgot-username", &[("email", &format!("{username}@example.com"))]).await;
    }
    let records = world.new_records();
    assert_eq!(records.len(), PEOPLE.len());
    (world, records)
}

fn id_of(record: &Value) -> &str {
    record["dynamodb"]["Keys"]["message_id"]["S"].as_str().expect("a key")
}

fn reported(answer: &DynamoDbEventResponse) -> Option<&str> {
    assert!(answer.batch_item_failures.len() <= 1, "only the first is reported");
    answer.batch_item_failures.first().and_then(|failure| failure.item_identifier.as_deref())
}

/// Invokes the mailer; the records at these places are bad.
async fn feed_with(world: &World, records: &[Value], bad: &[usize], how: Bad) -> DynamoDbEventResponse {
    let bad: Vec<_> = bad.iter().map(|place| id_of(&records[*place])).collect();
    let handle = async |mailer: &Mailer, id: &MessageId| {
        if !bad.contains(&id.as_str()) {
            return mailer::handle(mailer, id).await;
        }
        match how {
            Bad::Fails => Err(Error::Internal("it fails".into())),
            Bad::Panics => panic!("it panics"),
            Bad::TimesOut => std::future::pending().await,
            Bad::FailsAfterSending => {
                mailer::handle(mailer, id).await?;
                Err(Error::Internal("it fails after the email".into()))
            }
        }
    };
    let event = serde_json::from_value(json!({ "Records": records })).expect("a stream event");
    answer_stream(world.mailer(), event, &handle).await
}

fn recipients(world: &World) -> Vec<String> {
    let mut recipients: Vec<_> = world.emails().into_iter().map(|email| email.to).collect();
    recipients.sort();
    recipients
}

#[tokio::test]
async fn wherever_a_record_fails_the_others_are_sent_once_and_it_comes_again() {
    let everybody = PEOPLE.map(|username| format!("{username}@example.com"));
    for how in [Bad::Fails, Bad::Panics, Bad::TimesOut, Bad::FailsAfterSending] {
        for place in 0..PEOPLE.len() {
            let (world, records) = asked().await;
            let answer = feed_with(&world, &records, &[place], how).await;
            let sequence_number = records[place]["dynamodb"]["SequenceNumber"].as_str();
            assert_eq!(reported(&answer), sequence_number, "{how:?} at {place}");
            let mut sent = everybody.to_vec();
            if !matches!(how, Bad::FailsAfterSending) {
                sent.remove(place);
            }
            assert_eq!(recipients(&world), sent, "{how:?} at {place}");

            // All that AWS promises: everything from the reported record on comes again.
            let answer = world.feed(&records[place..]).await;
            assert_eq!(reported(&answer), None, "{how:?} at {place}");
            assert_eq!(recipients(&world), everybody, "{how:?} at {place}: each once, nobody forgotten");
        }
    }
}

#[tokio::test]
async fn the_first_of_several_failures_is_reported_though_a_later_one_fails_earlier() {
    let (world, records) = asked().await;
    let answer = feed_with(&world, &records, &[3, 1], Bad::TimesOut).await;
    assert_eq!(reported(&answer), records[1]["dynamodb"]["SequenceNumber"].as_str());
    assert_eq!(recipients(&world), ["ana@example.com", "eva@example.com"]);
}

#[tokio::test]
async fn a_request_that_is_twice_in_a_batch_is_sent_once() {
    let (world, records) = asked().await;
    let twice: Vec<_> = records.iter().chain(&records).cloned().collect();
    assert_eq!(reported(&world.feed(&twice).await), None);
    assert_eq!(world.emails().len(), PEOPLE.len());
}

#[tokio::test]
async fn a_request_that_keeps_panicking_is_given_up_after_ten_minutes() {
    let (world, records) = asked().await;
    let answer = feed_with(&world, &records, &[0], Bad::Panics).await;
    assert!(reported(&answer).is_some(), "the first panic may be chance");
    world.after(Duration::from_mins(10) + Duration::from_secs(1));
    let answer = feed_with(&world, &records, &[0], Bad::Panics).await;
    assert_eq!(reported(&answer), None, "the lane moves on");
    assert_eq!(world.feed(&records).await.batch_item_failures.len(), 0);
    assert_eq!(world.emails().len(), PEOPLE.len() - 1, "the operator decides about it");
    assert!(world.counted().iter().any(|line| line.contains("GivenUp")), "the alarm counts it");
}

#[tokio::test]
async fn a_request_whose_account_does_not_parse_is_given_up_after_ten_minutes() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    world.set(&mina.id, "profile", "kind", &json!({ "S": "no-such" }));
    let records = world.new_records();
    assert!(reported(&world.feed(&records).await).is_some());
    world.after(Duration::from_mins(10) + Duration::from_secs(1));
    assert_eq!(reported(&world.feed(&records).await), None, "the lane moves on");
    assert!(world.counted().iter().any(|line| line.contains("GivenUp")), "{}", world.log());
}

#[tokio::test]
async fn the_records_of_a_batch_wait_for_ses_at_the_same_time() {
    let (mut world, records) = asked().await;
    world.set_record_timeout(Duration::from_secs(20));
    // So long that a busy machine does not come near to the sum.
    let delay = Duration::from_secs(2);
    world.wire.fail("SendEmail", 4, dev::aws::faults::FaultKind::Delay { delay_ms: 2_000 });
    let started = Instant::now();
    world.feed(&records).await;
    assert_eq!(world.emails().len(), PEOPLE.len());
    assert!(started.elapsed() < delay * 4, "one after the other takes at least that long");
}

#[expect(clippy::disallowed_methods, reason = "work that takes time is the point")]
#[tokio::test]
async fn a_batch_ends_at_the_same_moment_whatever_it_did() {
    let time = async |work: Duration| {
        let started = Instant::now();
        let outcome = in_whole_steps(async {
            tokio::time::sleep(work).await;
            "done"
        });
        assert_eq!(outcome.await, "done");
        started.elapsed()
    };
    let (nothing, email, slow) = tokio::join!(
        time(Duration::ZERO),
        time(BATCH_STEP / 5),
        time(BATCH_STEP + Duration::from_millis(1)),
    );
    for (taken, steps) in [(nothing, 1), (email, 1), (slow, 2)] {
        let late = taken.checked_sub(BATCH_STEP * steps).expect("not earlier");
        assert!(late < BATCH_STEP / 2, "{late:?} after step {steps}");
    }
}
