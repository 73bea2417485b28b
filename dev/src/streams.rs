//! Event source mappings: each reads a table's stream and invokes a function with the records, as Lambda does.
//!
//! Batch size, lanes, filter, partial failures, splitting, retries, age limit and on-failure destination follow the
//! template. Must not know what is in the records.

mod dead_letters;
mod failures;
mod lanes;
mod pause;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use dynoxide::Database;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use self::dead_letters::{DeadLetter, DeadLetters};
use self::failures::{Batch, Next, Outcome, after_failure, backoff, outcome_of, sequence_number};
use self::lanes::Progress;
pub use self::lanes::lane_of;
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
        let progress = Progress::default();
        let (lanes, records): (Vec<_>, Vec<_>) = (0..self.source.lanes).map(|_| unbounded_channel()).unzip();
        let delivering = records.into_iter().map(|records| self.deliver_all(records, &progress));
        tokio::join!(self.read_all(&lanes, &progress), join_all(delivering));
    }

    /// Reads records and distributes them over the lanes.
    async fn read_all(&self, lanes: &[UnboundedSender<Value>], progress: &Progress) {
        let mut written = self.writes.subscribe();
        let mut position = self.data.as_deref().and_then(|data| read_position(data, &self.source.table));
        if position.is_none() && !self.source.from_the_beginning {
            position = self.read(None).ok().and_then(|records| records.last().map(sequence_number));
        }
        loop {
            self.pause.over(&self.function).await;
            match self.read(position.as_deref()) {
                Ok(records) if records.is_empty() => {
                    // The sender lives in `self`; after a timeout the reader looks again all the same.
                    let _ = tokio::time::timeout(LOOK_EVERY, written.changed()).await;
                }
                Ok(records) => {
                    position = records.last().map(sequence_number);
                    progress.read(&records);
                    let (passing, others): (Vec<_>, Vec<_>) =
                        records.into_iter().partition(|record| passes(&self.source, record));
                    self.keep_position(progress, &others);
                    for record in passing {
                        // The receivers live as long as this future.
                        let _ = lanes[lane_of(&record["dynamodb"]["Keys"], lanes.len())].send(record);
                    }
                }
                Err(error) => {
                    self.logs.note(&format!("the stream of {} cannot be read: {error:#}", self.source.table));
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Delivers the records of one lane, one batch after another.
    async fn deliver_all(&self, mut records: UnboundedReceiver<Value>, progress: &Progress) {
        let mut batch = Vec::new();
        while records.recv_many(&mut batch, self.source.batch_size).await > 0 {
            self.pause.over(&self.function).await;
            self.process(batch.clone()).await;
            self.keep_position(progress, &batch);
            batch.clear();
        }
    }

    /// The records after a position, or from the beginning; at most one batch for each lane.
    fn read(&self, position: Option<&str>) -> anyhow::Result<Vec<Value>> {
        let limit = self.source.batch_size * self.source.lanes;
        records_after(&self.database, &self.source.table, position, limit)
    }

    /// Delivers a batch to the function, with the retries of the template.
    async fn process(&self, records: Vec<Value>) {
        let mut work = VecDeque::from([Batch { records, retries: 0 }]);
        while let Some(mut batch) = work.pop_front() {
            let (old, young) = self.by_age(batch.records);
            self.give_up("RecordAgeExceeded", &old);
            batch.records = young;
            if batch.records.is_empty() {
                continue;
            }
            match after_failure(&self.source, batch.clone(), self.deliver(&batch.records).await) {
                Next::Done => {}
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

    /// Invokes the function.
    async fn deliver(&self, records: &[Value]) -> Outcome {
        let event = event(&self.source, records);
        match self.invoker.invoke(Bytes::from(event.to_string())).await {
            Ok(answer) if self.source.report_batch_item_failures => outcome_of(&answer, records),
            Ok(_) => Outcome::Done,
            Err(reason) => {
                self.logs.note(&format!("{} failed: {reason}", self.function));
                Outcome::Failed
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

    /// Notes that these records are done or given up, and keeps the position for a restart.
    fn keep_position(&self, progress: &Progress, records: &[Value]) {
        let sequence_numbers: Vec<_> = records.iter().map(sequence_number).collect();
        let position = progress.done(&sequence_numbers);
        if let (Some(data), Some(position)) = (&self.data, position)
            && let Err(error) = std::fs::write(position_file(data, &self.source.table), position)
        {
            self.logs.note(&format!("the position in the stream cannot be kept: {error}"));
        }
    }
}

/// The records of a table's stream after a position, or from the beginning.
pub fn records_after(
    database: &Database,
    table: &str,
    position: Option<&str>,
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    let described = request(&json!({ "TableName": table }))?;
    let table = serde_json::to_value(database.describe_table(described)?)?;
    let arn = table["Table"]["LatestStreamArn"].as_str().context("the table has no stream")?;
    let described = request(&json!({ "StreamArn": arn }))?;
    let stream = serde_json::to_value(database.describe_stream(described)?)?;
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let start = match position {
        Some(position) => json!({
            "StreamArn": arn, "ShardId": shard,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position,
        }),
        None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
    };
    let iterator = database.get_shard_iterator(request(&start)?)?;
    let wanted = json!({ "ShardIterator": iterator.shard_iterator, "Limit": limit });
    let records = database.get_records(request(&wanted)?)?;
    match serde_json::to_value(records)?["Records"].take() {
        Value::Array(records) => Ok(records),
        _ => Ok(Vec::new()),
    }
}

/// Whether a record passes the filter of an event source.
pub fn passes(source: &StreamSource, record: &Value) -> bool {
    source.event_names.is_empty()
        || record["eventName"].as_str().is_some_and(|name| source.event_names.contains(name))
}

/// The event that Lambda makes of stream records: each names its stream and region.
pub fn event(source: &StreamSource, records: &[Value]) -> Value {
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
