//! Delivers the outbox's stream to the mailer, as Lambda does.
use std::sync::{Mutex, PoisonError};

use aws_lambda_events::event::streams::DynamoDbEventResponse;
use dev::mailbox::ReceivedEmail;
use dev::template::{REGION, StreamSource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::runtime::answer_stream;

use super::world::{World, template};

/// How far the stream was read.
#[derive(Debug, Default)]
pub struct Position(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// The sequence number of the last record that was read.
    last: Option<String>,
    /// Records that were read and put back.
    kept: Vec<Value>,
}

fn source() -> &'static StreamSource {
    let mailer = template().function("mailer").expect("there is a mailer");
    mailer.stream.as_ref().expect("the mailer reads a stream")
}

impl World {
    /// Lets the mailer handle everything in the outbox; returns the emails that it sent.
    pub async fn deliver(&self) -> Vec<ReceivedEmail> {
        let before = self.emails().len();
        let records = self.new_records();
        let failed = self.feed(&records).await;
        assert!(failed.batch_item_failures.is_empty(), "the mailer failed:\n{}", self.log());
        self.emails().split_off(before)
    }

    /// Takes the records since the last call from the stream, if they pass the event source's filter.
    pub fn new_records(&self) -> Vec<Value> {
        let source = source();
        let mut reading = self.position.0.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.records(&source.table, reading.last.as_deref());
        if let Some(last) = records.last() {
            reading.last = last["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned);
        }
        let passes = |record: &Value| {
            record["eventName"].as_str().is_some_and(|name| source.event_names.contains(name))
        };
        std::mem::take(&mut reading.kept).into_iter().chain(records.into_iter().filter(passes)).collect()
    }

    /// Puts records back, to be read before all others.
    pub fn put_back(&self, records: Vec<Value>) {
        self.position.0.lock().unwrap_or_else(PoisonError::into_inner).kept = records;
    }

    /// Invokes the mailer with these records.
    pub async fn feed(&self, records: &[Value]) -> DynamoDbEventResponse {
        let mut records = records.to_vec();
        for record in &mut records {
            record["eventSourceARN"] = json!(source().stream_arn);
            record["awsRegion"] = json!(REGION);
        }
        let event = serde_json::from_value(json!({ "Records": records })).expect("a stream event");
        answer_stream(&self.mailer, event, &mailer::handle).await
    }

    fn records(&self, table: &str, position: Option<&str>) -> Vec<Value> {
        let described = self.database.describe_table(asked(json!({ "TableName": table })));
        let described = serde_json::to_value(described.expect("the table is there")).expect("it is JSON");
        let arn = &described["Table"]["LatestStreamArn"];
        let stream = self.database.describe_stream(asked(json!({ "StreamArn": arn })));
        let stream = serde_json::to_value(stream.expect("the stream is there")).expect("it is JSON");
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let start = match position {
            Some(position) => json!({
                "StreamArn": arn, "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position,
            }),
            None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
        };
        let iterator = self.database.get_shard_iterator(asked(start)).expect("the shard is there");
        let wanted = asked(json!({ "ShardIterator": iterator.shard_iterator }));
        let records = self.database.get_records(wanted).expect("the records are there");
        match serde_json::to_value(records).expect("answers are JSON")["Records"].take() {
            Value::Array(records) => records,
            _ => Vec::new(),
        }
    }
}

/// A request in the database's own types.
fn asked<T: DeserializeOwned>(request: Value) -> T {
    serde_json::from_value(request).expect("it is a request of the API")
}
