//! The outbox's stream, read over HTTP as the emulator serves it.
use domain::MessageId;
use serde_json::{Value, json};

use crate::stack::variable;

const INSERT: &str = "INSERT";

/// The stream records that made these requests, in the stream's order.
pub async fn records_of(requests: &[&MessageId]) -> Vec<Value> {
    let table = variable("OUTBOX_TABLE").expect("the outbox has a name");
    let stream = ask("ListStreams", &json!({ "TableName": table })).await["Streams"][0]["StreamArn"].take();
    let described = ask("DescribeStream", &json!({ "StreamArn": stream })).await;
    let start = json!({
        "StreamArn": stream,
        "ShardId": described["StreamDescription"]["Shards"][0]["ShardId"],
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = ask("GetShardIterator", &start).await["ShardIterator"].take();
    let mut records = ask("GetRecords", &json!({ "ShardIterator": iterator })).await["Records"].take();
    let wanted = |record: &Value| {
        let id = record["dynamodb"]["Keys"]["message_id"]["S"].as_str();
        record["eventName"] == INSERT && requests.iter().any(|request| id == Some(request.as_str()))
    };
    let records = records.as_array_mut().expect("a stream has records");
    records.iter().filter(|record| wanted(record)).cloned().collect()
}

async fn ask(operation: &str, request: &Value) -> Value {
    let endpoint = variable("AWS_ENDPOINT_URL_DYNAMODB").expect("the emulator has an address");
    let asked = reqwest::Client::new()
        .post(endpoint)
        .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
        // The emulator reads the service from this header and does not check the signature.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=testing/20261122/us-east-1/dynamodb/aws4_request",
        )
        .header("content-type", "application/x-amz-json-1.0")
        .body(request.to_string());
    let answer = asked.send().await.expect("the emulator answers");
    assert!(answer.status().is_success(), "{operation}: {}", answer.status());
    answer.json().await.expect("answers are JSON")
}
