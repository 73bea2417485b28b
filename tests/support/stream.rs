//! A table's stream, read as its event source mapping reads it.
use std::sync::{Mutex, PoisonError};

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use dev::template::{REGION, StreamSource};
use dynoxide::Database;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::world::template;

/// A function's reading of its stream.
#[derive(Debug)]
pub struct Stream {
    source: &'static StreamSource,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    /// The sequence number of the last record that was read.
    last: Option<String>,
    /// Records that were read and put back.
    kept: Vec<Value>,
}

impl Stream {
    /// From the beginning of the stream that feeds this function.
    pub fn of(function: &str) -> Self {
        let function = template().function(function).expect("there is such a function");
        let source = function.stream.as_ref().expect("it reads a stream");
        Self { source, reading: Mutex::default() }
    }

    /// Takes the records since the last call, if they pass the event source's filter.
    pub fn new_records(&self, database: &Database) -> Vec<Value> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let records = read(database, &self.source.table, reading.last.as_deref());
        if let Some(last) = records.last() {
            reading.last = last["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned);
        }
        let passes = |record: &Value| {
            record["eventName"].as_str().is_some_and(|name| self.source.event_names.contains(name))
        };
        std::mem::take(&mut reading.kept).into_iter().chain(records.into_iter().filter(passes)).collect()
    }

    /// Puts records back, to be read before all others.
    pub fn put_back(&self, records: Vec<Value>) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).kept = records;
    }

    /// Records as Lambda hands them to the function.
    pub fn event(&self, records: &[Value]) -> StreamEvent {
        let mut records = records.to_vec();
        for record in &mut records {
            record["eventSourceARN"] = json!(self.source.stream_arn);
            record["awsRegion"] = json!(REGION);
        }
        serde_json::from_value(json!({ "Records": records })).expect("a stream event")
    }
}

fn read(database: &Database, table: &str, position: Option<&str>) -> Vec<Value> {
    let described = database.describe_table(asked(json!({ "TableName": table })));
    let described = serde_json::to_value(described.expect("the table is there")).expect("it is JSON");
    let arn = &described["Table"]["LatestStreamArn"];
    let stream = database.describe_stream(asked(json!({ "StreamArn": arn })));
    let stream = serde_json::to_value(stream.expect("the stream is there")).expect("it is JSON");
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let start = match position {
        Some(position) => json!({
            "StreamArn": arn, "ShardId": shard,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position,
        }),
        None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
    };
    let iterator = database.get_shard_iterator(asked(start)).expect("the shard is there");
    let wanted = asked(json!({ "ShardIterator": iterator.shard_iterator }));
    let records = database.get_records(wanted).expect("the records are there");
    match serde_json::to_value(records).expect("answers are JSON")["Records"].take() {
        Value::Array(records) => records,
        _ => Vec::new(),
    }
}

/// A request in the database's own types.
fn asked<T: DeserializeOwned>(request: Value) -> T {
    serde_json::from_value(request).expect("it is a request of the API")
}
