//! The embedded database, called as its HTTP server calls it, without HTTP.
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Runs one operation of the DynamoDB API; returns the status and the body of the response.
pub fn carry_out(database: &Database, operation: &str, body: &Value) -> (u16, String) {
    match dispatch(database, operation, body) {
        Ok(answer) => (200, answer),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

fn dispatch(database: &Database, operation: &str, body: &Value) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => answer(database.get_item(read(body)?)),
        "PutItem" => answer(database.put_item(read(body)?)),
        "UpdateItem" => answer(database.update_item(read(body)?)),
        "DeleteItem" => answer(database.delete_item(read(body)?)),
        "Query" => answer(database.query(read(body)?)),
        "Scan" => answer(database.scan(read(body)?)),
        "TransactWriteItems" => answer(database.transact_write_items(read(body)?)),
        "BatchGetItem" => answer(database.batch_get_item(read(body)?)),
        "BatchWriteItem" => answer(database.batch_write_item(read(body)?)),
        "ExecuteStatement" => answer(database.execute_statement(read(body)?)),
        other => Err(DynoxideError::ValidationException(format!("no flow is expected to call {other}"))),
    }
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, DynoxideError> {
    serde_json::from_value(body.clone())
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))
}

fn answer(outcome: Result<impl Serialize, DynoxideError>) -> Result<String, DynoxideError> {
    outcome.map(|answer| serde_json::to_string(&answer).expect("answers are JSON"))
}

/// All items of a table as text, sorted, so that two dumps can be compared.
pub fn dump(database: &Database, table: &str) -> Vec<String> {
    let scan = json!({ "TableName": table });
    let (status, body) = carry_out(database, "Scan", &scan);
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("an answer is JSON");
    assert!(answer["LastEvaluatedKey"].is_null(), "{table} is too large for one scan");
    let items = answer["Items"].as_array().expect("a scan has items");
    let mut items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.sort();
    items
}
