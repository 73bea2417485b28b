//! Event source mappings: reads a table's stream and feeds a function, as Lambda does.
//!
//! Batches, filter, partial failures, splitting, retries, age limit and the on-failure destination follow the
//! template. Knows records, not what is in them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use dynoxide::Database;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock;
use crate::database::request;
use crate::invoker::Invoker;
use crate::logs::Logs;
use crate::template::{REGION, StreamSource};

/// A reader looks by itself this often, beside being woken by writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The wait before the first retry of a batch; it doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Wakes all readers of streams; clones wake the same readers.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<watch::Sender<()>>);

impl Wake {
    /// Says that something may have been written.
    pub fn readers(&self) {
        self.0.send_replace(());
    }
}

/// Holds all streams back, as when Lambda's poller is late; clones hold the same streams.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Lets no further batch through.
    pub fn close(&self) {
        self.0.send_replace(true);
    }

    /// Lets batches through again.
    pub fn open(&self) {
        self.0.send_replace(false);
    }

    async fn opened(&self) {
        // The sender lives in `self`, so the wait ends with the gate open.
        let _ = self.0.subscribe().wait_for(|closed| !closed).await;
    }
}

/// A batch that was given up, as it would reach the on-failure destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The function that could not handle the records.
    pub function: String,
    /// Where it would go.
    pub destination: Option<String>,
    /// `RetryAttemptsExhausted` or `RecordAgeExceeded`, as AWS calls them.
    pub condition: &'static str,
    /// The sequence numbers of the records.
    pub sequence_numbers: Vec<String>,
}

/// The given-up batches of all mappings, shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters(Arc<Mutex<Vec<DeadLetter>>>);

impl DeadLetters {
    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, letter: DeadLetter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }
}

/// One event source mapping, ready to run.
pub struct Mapping {
    /// The function that is fed.
    pub function: String,
    /// The settings of the template.
    pub source: StreamSource,
    /// The database with the table.
    pub database: Database,
    /// How the function is invoked.
    pub invoker: Invoker,
    /// What wakes the reader.
    pub wake: Wake,
    /// What holds it back.
    pub gate: Gate,
    /// Where given-up batches go.
    pub dead_letters: DeadLetters,
    /// Where failures are told.
    pub logs: Logs,
    /// The data directory, where the position in the stream is kept.
    pub data: Option<PathBuf>,
}

impl Mapping {
    /// Reads and feeds until the task is aborted.
    pub async fn run(self) {
        let mut woken = self.wake.0.subscribe();
        let mut position = self.data.as_deref().and_then(|data| read_position(data, &self.source.table));
        if position.is_none() && !self.source.from_the_beginning {
            position = self.read(None).ok().and_then(|records| records.last().map(sequence_number));
        }
        loop {
            self.gate.opened().await;
            match self.read(position.as_deref()) {
                Ok(records) if records.is_empty() => {
                    // The sender lives in `self`; a timeout only means looking again.
                    let _ = tokio::time::timeout(LOOK_EVERY, woken.changed()).await;
                }
                Ok(records) => {
                    position = records.last().map(sequence_number);
                    self.feed(records).await;
                    self.keep_position(position.as_deref());
                }
                Err(error) => {
                    self.logs.note(&format!("the stream of {} cannot be read: {error:#}", self.source.table));
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// The records behind a position, or all, at most one batch.
    fn read(&self, position: Option<&str>) -> anyhow::Result<Vec<Value>> {
        let described = request(&json!({ "TableName": self.source.table }))?;
        let table = serde_json::to_value(self.database.describe_table(described)?)?;
        let arn = table["Table"]["LatestStreamArn"].as_str().context("the table has no stream")?;
        let described = request(&json!({ "StreamArn": arn }))?;
        let stream = serde_json::to_value(self.database.describe_stream(described)?)?;
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let start = match position {
            Some(position) => json!({
                "StreamArn": arn, "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position,
            }),
            None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
        };
        let iterator = self.database.get_shard_iterator(request(&start)?)?;
        let wanted = json!({ "ShardIterator": iterator.shard_iterator, "Limit": self.source.batch_size });
        let records = self.database.get_records(request(&wanted)?)?;
        match serde_json::to_value(records)?["Records"].take() {
            Value::Array(records) => Ok(records),
            _ => Ok(Vec::new()),
        }
    }

    /// Takes the records through the function, retrying as the template says.
    async fn feed(&self, records: Vec<Value>) {
        let passing: Vec<Value> = records.into_iter().filter(|record| passes(&self.source, record)).collect();
        let mut work = VecDeque::from([Batch { records: passing, retries: 0 }]);
        while let Some(mut batch) = work.pop_front() {
            let (old, young) = self.by_age(batch.records);
            self.give_up("RecordAgeExceeded", &old);
            batch.records = young;
            if batch.records.is_empty() {
                continue;
            }
            let Some(failed_at) = self.deliver(&batch.records).await else { continue };
            match after_failure(&self.source, batch, failed_at) {
                Next::Retry(batches) => {
                    let retries = batches.first().map_or(0, |batch| batch.retries);
                    tokio::time::sleep(backoff(retries)).await;
                    for batch in batches.into_iter().rev() {
                        work.push_front(batch);
                    }
                }
                Next::GiveUp(records) => self.give_up("RetryAttemptsExhausted", &records),
            }
        }
    }

    /// Invokes the function; the index of the first record that failed, `None` for success.
    async fn deliver(&self, records: &[Value]) -> Option<usize> {
        let event = event(&self.source, records);
        match self.invoker.invoke(Bytes::from(event.to_string())).await {
            Ok(answer) if self.source.report_batch_item_failures => first_failure(&answer, records),
            Ok(_) => None,
            Err(reason) => {
                self.logs.note(&format!("{} failed: {reason}", self.function));
                Some(0)
            }
        }
    }

    fn by_age(&self, records: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
        let Some(limit) = self.source.maximum_record_age else { return (Vec::new(), records) };
        let now = clock::now().unix_timestamp();
        let limit = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
        records.into_iter().partition(|record| {
            let created = record["dynamodb"]["ApproximateCreationDateTime"].as_f64().unwrap_or(0.0);
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
            let created = created as i64;
            now.saturating_sub(created) > limit
        })
    }

    fn give_up(&self, condition: &'static str, records: &[Value]) {
        if records.is_empty() {
            return;
        }
        let sequence_numbers: Vec<String> = records.iter().map(sequence_number).collect();
        self.logs.note(&format!(
            "DEAD LETTER: {} gave up on {} record(s) of {} ({condition}): {}",
            self.function,
            records.len(),
            self.source.table,
            sequence_numbers.join(", "),
        ));
        self.dead_letters.add(DeadLetter {
            function: self.function.clone(),
            destination: self.source.on_failure.clone(),
            condition,
            sequence_numbers,
        });
    }

    fn keep_position(&self, position: Option<&str>) {
        if let (Some(data), Some(position)) = (&self.data, position)
            && let Err(error) = std::fs::write(position_file(data, &self.source.table), position)
        {
            self.logs.note(&format!("the position in the stream cannot be kept: {error}"));
        }
    }
}

/// Records on their way, and how often they were tried again.
#[derive(Debug, PartialEq)]
struct Batch {
    records: Vec<Value>,
    retries: u32,
}

#[derive(Debug, PartialEq)]
enum Next {
    Retry(Vec<Batch>),
    GiveUp(Vec<Value>),
}

/// What happens to a batch whose record at `failed_at` is the first that failed.
///
/// What came before it is done. The rest is tried again; where the template says so it is split first, so that
/// one bad record ends up alone. Splitting does not count as a retry.
fn after_failure(source: &StreamSource, batch: Batch, failed_at: usize) -> Next {
    let Batch { mut records, retries } = batch;
    let mut rest = records.split_off(failed_at);
    if source.bisect_batch && rest.len() > 1 {
        let second = rest.split_off(rest.len().div_ceil(2));
        return Next::Retry(vec![Batch { records: rest, retries }, Batch { records: second, retries }]);
    }
    if failed_at > 0 {
        return Next::Retry(vec![Batch { records: rest, retries }]);
    }
    if source.maximum_retry_attempts.is_some_and(|limit| retries >= limit) {
        return Next::GiveUp(rest);
    }
    Next::Retry(vec![Batch { records: rest, retries: retries + 1 }])
}

/// Reads `batchItemFailures`. Lambda takes an answer it cannot read, or an item it did not send, for a failure
/// of the whole batch.
fn first_failure(payload: &[u8], records: &[Value]) -> Option<usize> {
    let answer: Value = match serde_json::from_slice(payload) {
        Ok(answer) => answer,
        Err(_) => return (!payload.is_empty()).then_some(0),
    };
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return None,
        Value::Array(failures) => failures,
        _ => return Some(0),
    };
    let index_of = |failure: &Value| {
        let number = failure["itemIdentifier"].as_str()?;
        records.iter().position(|record| sequence_number(record) == number)
    };
    failures.iter().map(|failure| index_of(failure).unwrap_or(0)).min()
}

fn passes(source: &StreamSource, record: &Value) -> bool {
    source.event_names.is_empty()
        || record["eventName"].as_str().is_some_and(|name| source.event_names.contains(name))
}

/// The event of Lambda: the stream's records, each with where it came from.
fn event(source: &StreamSource, records: &[Value]) -> Value {
    let mut records = records.to_vec();
    for record in &mut records {
        record["eventSourceARN"] = json!(source.stream_arn);
        record["awsRegion"] = json!(REGION);
    }
    json!({ "Records": records })
}

fn sequence_number(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}

fn backoff(retries: u32) -> Duration {
    if retries == 0 {
        return Duration::ZERO;
    }
    (FIRST_BACKOFF * 2_u32.saturating_pow(retries - 1).min(1000)).min(LONGEST_BACKOFF)
}

fn position_file(data: &Path, table: &str) -> PathBuf {
    data.join(format!("{table}.stream-position"))
}

fn read_position(data: &Path, table: &str) -> Option<String> {
    std::fs::read_to_string(position_file(data, table)).ok().filter(|position| !position.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn source(bisect_batch: bool, maximum_retry_attempts: Option<u32>) -> StreamSource {
        StreamSource {
            table: "T".to_owned(),
            stream_arn: "arn".to_owned(),
            batch_size: 10,
            report_batch_item_failures: true,
            bisect_batch,
            maximum_retry_attempts,
            maximum_record_age: None,
            event_names: BTreeSet::from(["INSERT".to_owned()]),
            from_the_beginning: true,
            on_failure: None,
        }
    }

    fn records(numbers: &[u32]) -> Vec<Value> {
        let record = |number: &u32| json!({ "dynamodb": { "SequenceNumber": number.to_string() } });
        numbers.iter().map(record).collect()
    }

    fn batch(numbers: &[u32], retries: u32) -> Batch {
        Batch { records: records(numbers), retries }
    }

    #[test]
    fn the_lowest_failed_record_is_where_it_goes_on() {
        let records = records(&[1, 2, 3]);
        for (answer, failure) in [
            ("", None),
            ("null", None),
            ("{}", None),
            (r#"{"batchItemFailures": []}"#, None),
            (r#"{"batchItemFailures": null}"#, None),
            (r#"{"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}"#, Some(1)),
            (r#"{"batchItemFailures": [{"itemIdentifier": "9"}]}"#, Some(0)),
            (r#"{"batchItemFailures": [{}]}"#, Some(0)),
            (r#"{"batchItemFailures": 1}"#, Some(0)),
            ("oops", Some(0)),
        ] {
            assert_eq!(first_failure(answer.as_bytes(), &records), failure, "{answer}");
        }
    }

    #[test]
    fn a_failed_batch_is_split_retried_and_given_up() {
        let retry = |batches| Next::Retry(batches);
        for (bisect, limit, failing, failed_at, next) in [
            (true, Some(4), batch(&[1, 2, 3], 0), 0, retry(vec![batch(&[1, 2], 0), batch(&[3], 0)])),
            (true, Some(4), batch(&[1, 2, 3], 0), 2, retry(vec![batch(&[3], 0)])),
            (true, Some(4), batch(&[1], 3), 0, retry(vec![batch(&[1], 4)])),
            (true, Some(4), batch(&[1], 4), 0, Next::GiveUp(records(&[1]))),
            (false, Some(0), batch(&[1, 2], 0), 0, Next::GiveUp(records(&[1, 2]))),
            (false, Some(0), batch(&[1, 2], 0), 1, retry(vec![batch(&[2], 0)])),
            (false, None, batch(&[1, 2], 99), 0, retry(vec![batch(&[1, 2], 100)])),
        ] {
            let shown = format!("{failing:?} at {failed_at}");
            assert_eq!(after_failure(&source(bisect, limit), failing, failed_at), next, "{shown}");
        }
    }

    #[test]
    fn the_filter_passes_only_its_events() {
        for (name, wanted) in [("INSERT", true), ("MODIFY", false), ("REMOVE", false)] {
            assert_eq!(passes(&source(true, None), &json!({ "eventName": name })), wanted, "{name}");
        }
    }

    #[test]
    fn an_event_says_where_its_records_came_from() {
        let event = event(&source(true, None), &records(&[1]));
        assert_eq!(event["Records"][0]["eventSourceARN"], "arn");
        assert_eq!(event["Records"][0]["awsRegion"], "us-east-1");
    }
}
