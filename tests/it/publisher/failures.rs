//! EventBridge and the publisher fail: nothing is lost, and the events of an account keep their order.
use std::collections::BTreeMap;
use std::time::Duration;

use dev::aws::faults::{EntryError, FaultKind, Which};
use domain::PublishedEvent;
use serde_json::{Value, json};
use shared::app::Publisher;
use tokio::time::Instant;

use super::{assert_described, create};
use crate::admin_account::{ID, wanted_with};
use crate::support::{PASSWORD, World};

const REFUSED: FaultKind =
    FaultKind::RefuseEntries { which: Which::Every(10), error: EntryError::Throttling };

/// Twelve accounts, each created, changed twice, disabled and enabled, one after another.
async fn busy(world: &World) -> Vec<Value> {
    let id = |number: usize| format!("user-{number}");
    for step in 0..5 {
        for number in 0..12 {
            world.clock.tick();
            let (username, email) = (format!("person{number}"), format!("person{number}@example.com"));
            let locale = ["en", "nl", "da"][step.min(2)];
            let wanted = wanted_with(&json!({ "username": username, "email": email, "locale": locale }));
            let status = match step {
                0..3 => world.put_account(&id(number), &wanted).await.status,
                3 => world.post_account(&id(number), "disable").await.status,
                _ => world.post_account(&id(number), "enable").await.status,
            };
            assert!([200, 201, 204].contains(&status), "{status}");
        }
    }
    world.new_history()
}

/// Hands records to the publisher until it has taken all, as the stream does: from the first that it reports on. Returns how
/// often it was invoked.
async fn until_done(world: &World, records: &[Value]) -> usize {
    let mut left = records;
    for invocation in 1..=20 {
        let failures = world.feed_publisher(left).await.batch_item_failures;
        let [failure] = &failures[..] else {
            assert!(failures.is_empty(), "one at most is reported");
            return invocation;
        };
        let reported = failure.item_identifier.as_deref();
        let place = left.iter().position(|record| record["dynamodb"]["SequenceNumber"].as_str() == reported);
        left = &left[place.expect("one of these records is reported")..];
    }
    panic!("it does not come to an end:\n{}", world.log());
}

/// Each account's events in the order in which they first came.
fn by_account(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut accounts = BTreeMap::<_, Vec<String>>::new();
    for event in world.published() {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let events = accounts.entry(text(&event["detail"]["external_id"])).or_default();
        let event = format!("{} {}", text(&event["detail-type"]), text(&event["detail"]["event_id"]));
        if !events.contains(&event) {
            events.push(event);
        }
    }
    accounts
}

fn assert_all_in_order(world: &World) {
    assert_described(&world.published());
    let accounts = by_account(world);
    assert_eq!(accounts.len(), 12);
    for (account, events) in accounts {
        let kinds: Vec<_> = events.iter().filter_map(|event| event.split(' ').next()).collect();
        let expected =
            ["account-created", "account-changed", "account-changed", "account-disabled", "account-enabled"];
        assert_eq!(kinds, expected, "{account}");
    }
}

#[tokio::test]
async fn whatever_fails_all_events_come_and_those_of_an_account_in_order() {
    let kinds = [
        (REFUSED, 3),
        (FaultKind::RefuseEntries { which: Which::Nth(1), error: EntryError::InternalFailure }, 7),
        (FaultKind::RefuseEntries { which: Which::Every(2), error: EntryError::Throttling }, 20),
        (FaultKind::Throttle, 4),
        (FaultKind::ServerError, 4),
        (FaultKind::LostAnswer, 4),
        (FaultKind::Kill, 4),
        (FaultKind::Reject, 2),
    ];
    for (kind, times) in kinds {
        let world = World::new();
        let records = busy(&world).await;
        world.wire.fail("PutEvents", times, kind);
        until_done(&world, &records).await;
        assert_all_in_order(&world);
    }
}

#[tokio::test]
async fn one_of_ten_that_is_refused_is_put_again_and_the_others_are_not() {
    let world = World::new();
    let records = busy(&world).await;
    world.wire.fail("PutEvents", 1, REFUSED);
    assert_eq!(until_done(&world, &records).await, 1);
    assert_eq!(world.published().len(), 60, "no event comes twice");
    assert_all_in_order(&world);
}

/// Entries of one of the accounts.
fn of_account(number: usize) -> Which {
    Which::With(format!(r#""external_id":"user-{number}""#).into())
}

#[tokio::test]
async fn an_event_that_is_not_taken_holds_back_its_own_account_only() {
    for error in [EntryError::Throttling, EntryError::NotAuthorized] {
        let world = World::new();
        let records = busy(&world).await;
        world.wire.fail("PutEvents", 90, FaultKind::RefuseEntries { which: of_account(3), error });
        let failures = world.feed_publisher(&records).await.batch_item_failures;
        assert_eq!(
            failures[0].item_identifier.as_deref(),
            records[3]["dynamodb"]["SequenceNumber"].as_str(),
            "its first event is where the stream goes on"
        );
        let told = by_account(&world);
        assert_eq!(told.len(), 11, "{told:?}");
        assert!(told.values().all(|events| events.len() == 5), "{told:?}");
        assert_eq!(world.counted().iter().filter(|line| line.contains("Unpublished")).count(), 0);
        world.wire.clear();
        until_done(&world, &records[3..]).await;
        assert_all_in_order(&world);
    }
}

#[tokio::test]
async fn an_event_that_eventbridge_finds_invalid_is_left_out_counted_and_holds_nothing_up() {
    let world = World::new();
    let records = busy(&world).await;
    let error = EntryError::MalformedDetail;
    world.wire.fail("PutEvents", 1, FaultKind::RefuseEntries { which: of_account(3), error });
    assert_eq!(until_done(&world, &records).await, 1);
    let told = by_account(&world);
    assert!(told.values().filter(|events| events.len() == 5).count() == 11 && told.len() == 12, "{told:?}");
    assert!(told.values().any(|events| events.len() == 4 && events[0].starts_with("account-changed")));
    assert_eq!(world.counted().iter().filter(|line| line.contains("Unpublished")).count(), 1);
    let event_id = records[3]["dynamodb"]["Keys"]["event_id"]["S"].as_str().expect("a key");
    let said = world.log();
    assert!(said.contains("an event is not published") && said.contains(event_id), "{said}");
    assert!(said.contains("MalformedDetail"), "{said}");
}

/// A batch of one account is a call for each event. The function says how far it came, before Lambda ends it.
#[tokio::test]
async fn a_batch_that_takes_too_long_goes_on_where_it_stopped() {
    let world = World::new();
    let mut records = busy(&world).await;
    records.retain(|record| record.to_string().contains("user-3"));
    assert_eq!(records.len(), 5);
    world.wire.fail("PutEvents", 5, FaultKind::Delay { delay_ms: 150 });
    let answer = world.feed_publisher_for(&records, Duration::from_millis(400)).await;
    let reported = answer.batch_item_failures[0].item_identifier.as_deref();
    assert_eq!(reported, records[2]["dynamodb"]["SequenceNumber"].as_str());
    assert_eq!(world.published().len(), 2);
    world.wire.clear();
    assert_eq!(until_done(&world, &records[2..]).await, 1);
    assert_eq!(by_account(&world).values().next().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_row_that_makes_the_publisher_panic_is_left_out_counted_and_holds_nothing_up() {
    let world = World::new();
    let records = busy(&world).await;
    let is_broken = |event: &PublishedEvent| event.kind() == "account-disabled";
    let handle = async |publisher: &Publisher, events: &[PublishedEvent], until: Instant| {
        assert!(!events.iter().any(is_broken), "it cannot be written");
        publisher::handle(publisher, events, until).await
    };
    // As Lambda does with a batch whose invocation fails.
    let mut batches = vec![&records[..]];
    while let Some(batch) = batches.pop() {
        if let Ok(answer) = world.feed_history(batch, Duration::from_mins(1), &handle).await {
            assert!(answer.batch_item_failures.is_empty());
        } else {
            let (first, second) = batch.split_at(batch.len() / 2);
            batches.extend([second, first]);
        }
    }
    assert_eq!(world.published().len(), 60 - 12);
    assert_eq!(world.counted().iter().filter(|line| line.contains("Unpublished")).count(), 12);
    assert!(world.log().contains("panicked"), "{}", world.log());
}

#[tokio::test]
async fn while_eventbridge_is_away_the_first_is_reported_every_time() {
    let world = World::new();
    let records = busy(&world).await;
    world.wire.fail("PutEvents", 3 * 30, FaultKind::ServerError);
    for _ in 0..30 {
        let failures = world.feed_publisher(&records).await.batch_item_failures;
        assert_eq!(failures[0].item_identifier.as_deref(), records[0]["dynamodb"]["SequenceNumber"].as_str());
    }
    assert!(world.published().is_empty());
    until_done(&world, &records).await;
    assert_all_in_order(&world);
}

/// The process ends after each number of calls, and all records come again.
#[tokio::test]
async fn a_publisher_that_is_killed_at_any_call_loses_nothing() {
    for calls in 0..8 {
        let world = World::new();
        let records = busy(&world).await;
        if calls > 0 {
            world.wire.fail("PutEvents", calls, FaultKind::Delay { delay_ms: 0 });
        }
        // The SDK tries three times.
        world.wire.fail("PutEvents", 3, FaultKind::Kill);
        let _killed = world.feed_publisher(&records).await;
        world.wire.clear();
        until_done(&world, &records).await;
        assert_all_in_order(&world);
    }
}

#[tokio::test]
async fn an_aborted_transaction_gives_no_event() {
    for kind in [FaultKind::Reject, FaultKind::ServerError, FaultKind::TransactionConflict] {
        let world = World::new();
        create(&world).await;
        world.publish().await;
        world.wire.fail("TransactWriteItems", 90, kind);
        let changed = world.put_account(ID, &wanted_with(&json!({ "locale": "nl" }))).await.status;
        assert!([409, 500].contains(&changed), "{changed}");
        assert!(world.post_account(ID, "disable").await.status >= 409);
        world.wire.clear();
        assert_eq!(world.publish().await, [Value::Null; 0]);
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out_counted_and_holds_nothing_up() {
    let world = World::new();
    let mut records = busy(&world).await;
    let image = &mut records[7]["dynamodb"]["NewImage"];
    image["happened"] = json!({ "M": { "what": { "S": "mina@example.com" } } });
    assert_eq!(until_done(&world, &records).await, 1);
    assert_eq!(world.published().len(), 59);
    assert_eq!(world.counted().iter().filter(|line| line.contains("Unpublished")).count(), 1);
    let event_id = records[7]["dynamodb"]["Keys"]["event_id"]["S"].as_str().expect("a key");
    let said = world.log();
    assert!(said.contains("an event is not published") && said.contains(event_id), "{said}");
    assert!(!world.log().contains("mina@example.com"), "{}", world.log());
}

#[tokio::test]
async fn rows_of_earlier_versions_are_published_without_what_they_lack() {
    let world = World::new();
    create(&world).await;
    world.new_history();
    world.visitor().post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
    let mut records = world.new_history();
    records[0]["dynamodb"]["NewImage"].as_object_mut().expect("an item").remove("context");
    until_done(&world, &records).await;
    let events = world.published();
    assert_described(&events);
    assert_eq!(events[0]["detail"]["external_id"], Value::Null);
}
