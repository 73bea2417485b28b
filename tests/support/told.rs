//! That products are told of every change: whatever is written to an account, the same transaction adds a row to the history.
use domain::PublishedEvent;
use domain::published_event::Addresses;
use serde_json::Value;
use shared::store::HistoryRow;

/// A hash that is replaced by one of the same password.
const UPGRADE: &str = "SET password_hash = :upgraded";

/// An operator has the confirmation of a pending address sent again, under another id.
const SENT_AGAIN: &str = "SET request_id = :id";

/// A former address is deleted whose time was over before.
const EXPIRED: &str = "email = :email AND in_force_until <= :now";

/// By which a write ends the sessions of an account.
const ENDS_SESSIONS: &str = "ADD generation :one";

/// Fails if a call changes an account and writes no row, or if it ends sessions and none of the rows is of a kind that says so, or
/// the other way round.
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
    let told: Vec<_> = parts.iter().filter(|part| writes(part, "HistoryTable")).collect();
    assert!(!told.is_empty() || changes.iter().all(|change| is_untold(change)), "no event: {changes:#?}");
    let ends_sessions = changes.iter().any(|(_, part)| {
        part["UpdateExpression"].as_str().is_some_and(|expression| expression.contains(ENDS_SESSIONS))
    });
    let rows: Vec<_> = told.iter().filter_map(|(_, part)| row(part)).collect();
    let kinds: Vec<_> = rows.iter().map(PublishedEvent::kind).collect();
    // The whole profile is gone with an account.
    if !changes.is_empty() && !kinds.contains(&"account-deleted") {
        let says_so = rows.iter().any(PublishedEvent::ends_sessions);
        assert_eq!(says_so, ends_sessions, "whether sessions end: {kinds:?} {changes:#?}");
    }
}

/// The event of a row that is written.
fn row(part: &Value) -> Option<PublishedEvent> {
    let image = serde_json::from_value(part["Item"].clone()).ok()?;
    let row = HistoryRow::read(image).ok()?;
    Some(PublishedEvent::new(row.context(), &row.activity, Addresses::LeftOut))
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
