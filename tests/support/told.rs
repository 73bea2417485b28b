//! That products are told of every change: whatever is written to an account, the same transaction adds a row to the history.
use serde_json::Value;

/// A hash that is replaced by one of the same password.
const UPGRADE: &str = "SET password_hash = :upgraded";

/// An operator has the confirmation of a pending address sent again, under another id.
const SENT_AGAIN: &str = "SET request_id = :id";

/// A former address is deleted whose time was over before.
const EXPIRED: &str = "email = :email AND in_force_until <= :now";

/// Fails if a call changes an account and writes no row.
pub fn assert_told(operation: &str, body: &Value) {
    let single = [(operation.trim_end_matches("Item").to_owned(), body.clone())];
    let parts: Vec<(String, Value)> = match body["TransactItems"].as_array() {
        None => single.into(),
        Some(items) => {
            let parts = items.iter().flat_map(|item| item.as_object().into_iter().flatten());
            parts.map(|(verb, part)| (verb.clone(), part.clone())).collect()
        }
    };
    let writes = |(verb, part): &&(String, Value), table: &str| {
        ["Put", "Update", "Delete"].contains(&verb.as_str()) && part["TableName"] == table
    };
    let changes = parts.iter().filter(|part| writes(part, "AccountsTable"));
    let changes: Vec<_> = changes.filter(|(_, part)| is_of_account(part)).collect();
    let is_told = parts.iter().any(|part| writes(&part, "HistoryTable"));
    assert!(is_told || changes.iter().all(|change| is_untold(change)), "no event: {changes:#?}");
}

/// Whether the item belongs to an account, and is not a claim.
fn is_of_account(part: &Value) -> bool {
    let item = if part["Item"].is_null() { &part["Key"] } else { &part["Item"] };
    item["account_id"]["S"].as_str().is_some_and(|id| !id.starts_with("claim#"))
}

/// Whether nobody would learn anything from an event.
fn is_untold((verb, part): &(String, Value)) -> bool {
    [UPGRADE, SENT_AGAIN].iter().any(|expression| part["UpdateExpression"] == *expression)
        || (verb == "Delete" && part["ConditionExpression"] == EXPIRED)
}
