//! The whole event source mapping: a table in memory, its stream, and a function that fails as a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::logs::Printing;

const PATIENCE: Duration = Duration::from_secs(10);

fn source(lanes: usize) -> StreamSource {
    StreamSource {
        table: "Items".to_owned(),
        stream_arn: "arn".to_owned(),
        batch_size: 10,
        lanes,
        report_batch_item_failures: true,
        bisect_batch: true,
        maximum_retry_attempts: None,
        maximum_record_age: None,
        event_names: BTreeSet::from(["INSERT".to_owned(), "MODIFY".to_owned()]),
        from_the_beginning: true,
        on_failure: None,
    }
}

#[test]
fn the_filter_passes_only_its_events() {
    let source = StreamSource { event_names: BTreeSet::from(["INSERT".to_owned()]), ..source(1) };
    for (name, wanted) in [("INSERT", true), ("MODIFY", false), ("REMOVE", false)] {
        assert_eq!(passes(&source, &json!({ "eventName": name })), wanted, "{name}");
    }
}

#[test]
fn an_event_says_where_its_records_came_from() {
    let event = event(&source(1), &[json!({ "dynamodb": {} })]);
    assert_eq!(event["Records"][0]["eventSourceARN"], "arn");
    assert_eq!(event["Records"][0]["awsRegion"], "us-east-1");
}

/// Keys and values.
type Records = Vec<(String, String)>;

/// A function that keeps each batch it gets and fails at the records with this key.
#[derive(Clone, Default)]
struct Recorder {
    batches: Arc<Mutex<Vec<Records>>>,
    failing: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    fn batches(&self) -> Vec<Records> {
        self.batches.lock().expect("no test panics with it").clone()
    }

    /// The values that came with a key, in the order in which they came.
    fn values_of(&self, key: &str) -> Vec<String> {
        let batches = self.batches();
        let records = batches.iter().flatten().filter(|record| record.0 == key);
        records.map(|record| record.1.clone()).collect()
    }

    fn fail_at(&self, key: Option<&str>) {
        *self.failing.lock().expect("no test panics with it") = key.map(str::to_owned);
    }
}

async fn invoked(State(recorder): State<Recorder>, body: Bytes) -> String {
    let event: Value = serde_json::from_slice(&body).expect("an event");
    let failing = recorder.failing.lock().expect("no test panics with it").clone();
    let (mut batch, mut failures) = (Vec::new(), Vec::new());
    for record in event["Records"].as_array().expect("records") {
        let text = |part: &str, name: &str| {
            record["dynamodb"][part][name]["S"].as_str().unwrap_or_default().to_owned()
        };
        let key = text("Keys", "id");
        if failing.as_ref() == Some(&key) {
            failures.push(json!({ "itemIdentifier": record["dynamodb"]["SequenceNumber"] }));
        }
        batch.push((key, text("NewImage", "value")));
    }
    recorder.batches.lock().expect("no test panics with it").push(batch);
    json!({ "batchItemFailures": failures }).to_string()
}

/// A table with a stream.
fn create(database: &Database, table: &str) -> anyhow::Result<()> {
    database.create_table(request(&json!({
        "TableName": table,
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
    }))?)?;
    Ok(())
}

/// A running mapping; dropping it ends it.
struct Running {
    database: Database,
    writes: WriteSignal,
    pause: StreamPause,
    dead_letters: DeadLetters,
    recorder: Recorder,
    table: String,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    async fn start(source: StreamSource) -> anyhow::Result<Self> {
        let database = Database::memory()?;
        create(&database, &source.table)?;
        Self::beside(database, "f", source, StreamPause::default(), None).await
    }

    /// A mapping of a table that exists; positions are kept in this directory.
    async fn beside(
        database: Database,
        function: &str,
        source: StreamSource,
        pause: StreamPause,
        data: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (recorder, table) = (Recorder::default(), source.table.clone());
        let router = Router::new()
            .route("/2015-03-31/functions/F/invocations", post(invoked))
            .with_state(recorder.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let (writes, dead_letters) = (WriteSignal::default(), DeadLetters::default());
        let mapping = EventSourceMapping {
            function: function.to_owned(),
            source,
            database: database.clone(),
            invoker: Invoker::of_lambda(client, &endpoint, "F"),
            writes: writes.clone(),
            pause: pause.clone(),
            dead_letters: dead_letters.clone(),
            logs: Logs::new(Printing::Nothing),
            data: data.map(Path::to_owned),
        };
        let tasks = [server, tokio::spawn(mapping.run())];
        Ok(Self { database, writes, pause, dead_letters, recorder, table, tasks })
    }

    fn put(&self, key: &str, value: &str) -> anyhow::Result<()> {
        let item = json!({ "id": { "S": key }, "value": { "S": value } });
        self.database.put_item(request(&json!({ "TableName": self.table, "Item": item }))?)?;
        self.writes.send();
        Ok(())
    }

    fn delete(&self, key: &str) -> anyhow::Result<()> {
        let key = json!({ "TableName": self.table, "Key": { "id": { "S": key } } });
        self.database.delete_item(request(&key)?)?;
        self.writes.send();
        Ok(())
    }

    async fn wait_until(&self, so: impl Fn(&Recorder) -> bool) -> anyhow::Result<()> {
        let come = async {
            while !so(&self.recorder) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let come = tokio::time::timeout(PATIENCE, come).await;
        come.with_context(|| format!("it did not come to that: {:?}", self.recorder.batches()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn lane(key: &str, lanes: usize) -> usize {
    lane_of(&json!({ "id": { "S": key } }), lanes)
}

#[tokio::test]
async fn the_records_of_an_item_come_in_order_whatever_the_lanes() -> anyhow::Result<()> {
    let running = Running::start(source(5)).await?;
    let keys: Vec<_> = (0..8).map(|key| key.to_string()).collect();
    for value in 0..12 {
        for key in &keys {
            running.put(key, &value.to_string())?;
        }
        tokio::task::yield_now().await;
    }
    let wanted: Vec<_> = (0..12).map(|value| value.to_string()).collect();
    running.wait_until(|recorder| recorder.batches().iter().map(Vec::len).sum::<usize>() >= 8 * 12).await?;
    for key in &keys {
        assert_eq!(running.recorder.values_of(key), wanted, "{key}");
    }
    let lanes = running.recorder.batches().into_iter().map(|batch| {
        let lanes: BTreeSet<_> = batch.iter().map(|(key, _)| lane(key, 5)).collect();
        assert_eq!(lanes.len(), 1, "a batch belongs to one lane: {batch:?}");
        lanes
    });
    assert!(lanes.flatten().collect::<BTreeSet<_>>().len() > 1, "more than one lane is used");
    Ok(())
}

#[tokio::test]
async fn a_lane_that_fails_holds_back_its_own_records_alone() -> anyhow::Result<()> {
    let by_lane: BTreeMap<_, _> = (0..50).map(|key| (lane(&key.to_string(), 2), key.to_string())).collect();
    let (bad, good) = (&by_lane[&0], &by_lane[&1]);
    let running = Running::start(source(2)).await?;
    running.recorder.fail_at(Some(bad));
    running.put(bad, "first")?;
    running.wait_until(|recorder| recorder.values_of(bad).len() >= 2).await?;
    running.put(bad, "second")?;
    running.put(good, "first")?;
    running.wait_until(|recorder| !recorder.values_of(good).is_empty()).await?;
    assert!(running.recorder.values_of(bad).iter().all(|value| value == "first"), "the second waits");

    running.recorder.fail_at(None);
    running
        .wait_until(|recorder| recorder.values_of(bad).last().is_some_and(|last| last == "second"))
        .await?;
    assert_eq!(running.recorder.values_of(good), ["first"], "it comes once");
    Ok(())
}

#[tokio::test]
async fn all_from_the_lowest_failed_record_on_come_again() -> anyhow::Result<()> {
    let running = Running::start(source(1)).await?;
    running.recorder.fail_at(Some("b"));
    running.pause.begin();
    for key in ["a", "b", "c", "d"] {
        running.put(key, "")?;
    }
    running.pause.end();
    running.wait_until(|recorder| recorder.values_of("b").len() >= 3).await?;
    running.recorder.fail_at(None);
    running.wait_until(|recorder| recorder.values_of("d").len() == recorder.values_of("b").len()).await?;
    let came = ["a", "b", "c", "d"].map(|key| running.recorder.values_of(key).len());
    assert_eq!(came[0], 1, "what is before it is done");
    assert_eq!((came[1], came[1]), (came[2], came[3]), "what is after it comes as often: {came:?}");
    Ok(())
}

/// The mapping of a table of events: one lane, `INSERT` only, tried until the record is too old.
fn inserts(table: &str) -> StreamSource {
    let event_names = BTreeSet::from(["INSERT".to_owned()]);
    StreamSource { table: table.to_owned(), event_names, ..source(1) }
}

#[tokio::test]
async fn what_is_changed_deleted_or_expires_is_no_insert() -> anyhow::Result<()> {
    let running = Running::start(inserts("History")).await?;
    let expiry = json!({ "AttributeName": "expires_at", "Enabled": true });
    let setting = json!({ "TableName": "History", "TimeToLiveSpecification": expiry });
    running.database.update_time_to_live(request(&setting)?)?;
    for key in ["kept", "deleted"] {
        running.put(key, "first")?;
    }
    let expired = json!({ "id": { "S": "expired" }, "value": { "S": "first" }, "expires_at": { "N": "1" } });
    running.database.put_item(request(&json!({ "TableName": "History", "Item": expired }))?)?;
    running.put("kept", "changed")?;
    running.delete("deleted")?;
    running.database.sweep_ttl()?;
    let item = json!({ "TableName": "History", "Key": { "id": { "S": "expired" } } });
    let left = serde_json::to_value(running.database.get_item(request(&item)?)?)?;
    assert!(left["Item"].is_null(), "it is swept: {left}");
    running.put("last", "first")?;
    running.wait_until(|recorder| !recorder.values_of("last").is_empty()).await?;
    let came: Records = running.recorder.batches().into_iter().flatten().collect();
    let inserts = ["kept", "deleted", "expired", "last"].map(|key| (key.to_owned(), "first".to_owned()));
    assert_eq!(came, inserts);
    // The stream had all of it.
    let records = records_of(&running.database, "History")?;
    let count = |kind: &str| records.iter().filter(|record| record["eventName"] == kind).count();
    assert_eq!(["INSERT", "MODIFY", "REMOVE"].map(count), [4, 1, 2]);
    Ok(())
}

#[tokio::test]
async fn without_a_limit_a_record_is_tried_until_it_is_too_old() -> anyhow::Result<()> {
    let limit = Some(Duration::from_secs(1));
    let running = Running::start(StreamSource { maximum_record_age: limit, ..inserts("History") }).await?;
    running.recorder.fail_at(Some("bad"));
    running.put("bad", "")?;
    running.wait_until(|_| !running.dead_letters.all().is_empty()).await?;
    let letters = running.dead_letters.all();
    assert_eq!((letters.len(), letters[0].condition), (1, "RecordAgeExceeded"));
    assert!(running.recorder.values_of("bad").len() >= 3, "it is tried more than once");
    running.put("good", "")?;
    running.wait_until(|recorder| !recorder.values_of("good").is_empty()).await
}

#[tokio::test]
async fn two_mappings_are_paused_and_go_on_each_for_itself() -> anyhow::Result<()> {
    let (database, pause) = (Database::memory()?, StreamPause::default());
    for table in ["Outbox", "History"] {
        create(&database, table)?;
    }
    let data = std::env::temp_dir().join(format!("streams-{}", crate::random::uuid()));
    std::fs::create_dir(&data)?;
    let start = async |function: &str, table: &str| {
        Running::beside(database.clone(), function, inserts(table), pause.clone(), Some(&data)).await
    };
    let (mailer, publisher) = (start("mailer", "Outbox").await?, start("publisher", "History").await?);
    pause.begin_for("mailer");
    mailer.put("one", "")?;
    publisher.put("one", "")?;
    publisher.wait_until(|recorder| !recorder.values_of("one").is_empty()).await?;
    assert!(mailer.recorder.batches().is_empty(), "its stream is held back");
    // All are held back: the end of one pause is not the end of the other.
    pause.begin();
    pause.end_for("mailer");
    publisher.put("two", "")?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(mailer.recorder.batches().is_empty() && publisher.recorder.values_of("two").is_empty());
    pause.end();
    mailer.wait_until(|recorder| recorder.values_of("one").len() == 1).await?;
    publisher.wait_until(|recorder| recorder.values_of("two").len() == 1).await?;

    // The mailer fails; the publisher's position moves on. After a restart each goes on at its own.
    mailer.recorder.fail_at(Some("bad"));
    mailer.put("bad", "")?;
    publisher.put("three", "")?;
    publisher.wait_until(|recorder| recorder.values_of("three").len() == 1).await?;
    mailer.wait_until(|recorder| recorder.values_of("bad").len() >= 2).await?;
    let positions = || ["Outbox", "History"].map(|table| read_position(&data, table));
    tokio::time::timeout(PATIENCE, async {
        let records = records_of(&database, "History")?;
        while positions()[1] != records.last().map(sequence_number) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    })
    .await??;
    assert_eq!(positions()[0], records_of(&database, "Outbox")?.first().map(sequence_number));
    drop((mailer, publisher));
    let (mailer, publisher) = (start("mailer", "Outbox").await?, start("publisher", "History").await?);
    publisher.put("four", "")?;
    mailer.wait_until(|recorder| !recorder.values_of("bad").is_empty()).await?;
    publisher.wait_until(|recorder| !recorder.values_of("four").is_empty()).await?;
    let keys = |running: &Running| {
        let batches = running.recorder.batches().into_iter().flatten();
        batches.map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!((keys(&mailer), keys(&publisher)), (vec!["bad".to_owned()], vec!["four".to_owned()]));
    std::fs::remove_dir_all(data)?;
    Ok(())
}

/// All records of a table's stream.
fn records_of(database: &Database, table: &str) -> anyhow::Result<Vec<Value>> {
    let described = database.describe_table(request(&json!({ "TableName": table }))?)?;
    let arn = serde_json::to_value(described)?["Table"]["LatestStreamArn"].clone();
    let stream = serde_json::to_value(database.describe_stream(request(&json!({ "StreamArn": arn }))?)?)?;
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let start = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = database.get_shard_iterator(request(&start)?)?;
    let wanted = json!({ "ShardIterator": iterator.shard_iterator });
    let records = serde_json::to_value(database.get_records(request(&wanted)?)?)?;
    Ok(records["Records"].as_array().cloned().unwrap_or_default())
}
