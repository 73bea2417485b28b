//! Event source mappings: each reads a table's stream and invokes a function with the records, as Lambda does.
//!
//! Batch size, filter, partial failures, splitting, retries, age limit and on-failure destination follow the
//! template. Must not know what is in the records.

mod dead_letters;
mod failures;
mod pause;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use dynoxide::Database;
use serde_json::{Value, json};

pub use self::dead_letters::{DeadLetter, DeadLetters};
use self::failures::{Batch, Next, after_failure, backoff, first_failure, sequence_number};
pub use self::pause::StreamPause;
use crate::aws::database::{WriteSignal, request};
use crate::clock;
use crate::lambda::invoker::Invoker;
use crate::logs::Logs;
use crate::template::{REGION, StreamSource};

/// How often a reader looks for records without a signal.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One event source mapping, ready to run.
pub struct EventSourceMapping {
    /// The function that gets the records.
    pub function: String,
    /// The settings of the template.
    pub source: StreamSource,
    /// The database with the table.
    pub database: Database,
    /// How the function is invoked.
    pub invoker: Invoker,
    /// Wakes the reader.
    pub writes: WriteSignal,
    /// Holds the reader back.
    pub pause: StreamPause,
    /// Takes the batches that are given up.
    pub dead_letters: DeadLetters,
    /// Where failures are logged.
    pub logs: Logs,
    /// The data directory, where the position in the stream is kept.
    pub data: Option<PathBuf>,
}

impl EventSourceMapping {
    /// Reads and delivers until the task is aborted.
    pub async fn run(self) {
        let mut written = self.writes.subscribe();
        let mut position = self.data.as_deref().and_then(|data| read_position(data, &self.source.table));
        if position.is_none() && !self.source.from_the_beginning {
            position = self.read(None).ok().and_then(|records| records.last().map(sequence_number));
        }
        loop {
            self.pause.over().await;
            match self.read(position.as_deref()) {
                Ok(records) if records.is_empty() => {
                    // The sender lives in `self`; after a timeout the reader looks again all the same.
                    let _ = tokio::time::timeout(LOOK_EVERY, written.changed()).await;
                }
                Ok(records) => {
                    position = records.last().map(sequence_number);
                    self.process(records).await;
                    self.keep_position(position.as_deref());
                }
                Err(error) => {
                    self.logs.note(&format!("the stream of {} cannot be read: {error:#}", self.source.table));
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// The records after a position, or from the beginning; at most one batch.
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

    /// Delivers the records to the function, with the retries of the template.
    async fn process(&self, records: Vec<Value>) {
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

fn passes(source: &StreamSource, record: &Value) -> bool {
    source.event_names.is_empty()
        || record["eventName"].as_str().is_some_and(|name| source.event_names.contains(name))
}

/// The event that Lambda makes of stream records: each names its stream and region.
fn event(source: &StreamSource, records: &[Value]) -> Value {
    let mut records = records.to_vec();
    for record in &mut records {
        record["eventSourceARN"] = json!(source.stream_arn);
        record["awsRegion"] = json!(REGION);
    }
    json!({ "Records": records })
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
            lanes: 1,
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
