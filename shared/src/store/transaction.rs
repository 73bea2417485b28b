//! Conditional writes that happen together or not at all. Knows DynamoDB and nothing of the domain.
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Context;
use super::write::{ATTEMPTS, Write};
use super::{Store, StoreError};

/// One write of a transaction, to ask whether its condition was false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part(usize);

/// The writes of a transaction whose condition was false. Nothing was written.
#[derive(Debug)]
pub(super) struct ConditionsFailed(Vec<Part>);

impl ConditionsFailed {
    /// Whether this write is among them. A write that was not added is not.
    pub(super) fn at(&self, part: impl Into<Option<Part>>) -> bool {
        part.into().is_some_and(|part| self.0.contains(&part))
    }

    /// Whether one of these writes is among them.
    pub(super) fn at_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.at(*part))
    }
}

/// The writes, in the order in which they were added.
pub(super) struct Transaction {
    doing: &'static str,
    items: Vec<TransactWriteItem>,
}

impl Transaction {
    /// Begins a transaction; what it does is read after "could not".
    pub(super) fn new(doing: &'static str) -> Self {
        Self { doing, items: Vec::new() }
    }

    /// Adds a write.
    pub(super) fn add(&mut self, write: Write) -> Part {
        self.items.push(write.into_transaction_item());
        Part(self.items.len() - 1)
    }

    /// Adds several writes.
    pub(super) fn add_all(&mut self, writes: impl IntoIterator<Item = Write>) -> Vec<Part> {
        writes.into_iter().map(|write| self.add(write)).collect()
    }

    /// Writes all or nothing. Conflicts with other transactions are tried again; a false condition is an answer.
    pub(super) async fn commit(self, store: &Store) -> Result<Result<(), ConditionsFailed>, StoreError> {
        let mut attempt = 0;
        loop {
            let call = store.dynamodb.transact_write_items().set_transact_items(Some(self.items.clone()));
            let Err(error) = call.send().await else { return Ok(Ok(())) };
            match error.as_service_error().map_or(Cancelled::Other, cancelled) {
                Cancelled::Conditions(failed) => return Ok(Err(failed)),
                Cancelled::Conflict if attempt + 1 < ATTEMPTS => store.back_off(attempt).await,
                Cancelled::Conflict | Cancelled::Other => return Err(error).context(self.doing),
            }
            attempt += 1;
        }
    }
}

impl Store {
    /// Writes one item as a transaction of one. DynamoDB recognises a retry of it, so that a lost answer never makes
    /// the condition look false.
    pub(super) async fn write_once(&self, doing: &'static str, write: Write) -> Result<bool, StoreError> {
        let mut tx = Transaction::new(doing);
        tx.add(write);
        Ok(tx.commit(self).await?.is_ok())
    }
}

/// Whether a transaction was cancelled because others wrote the same items, or because an item was throttled.
pub(super) fn is_conflict(error: &TransactWriteItemsError) -> bool {
    matches!(cancelled(error), Cancelled::Conflict)
}

/// Why a transaction was cancelled.
enum Cancelled {
    Conditions(ConditionsFailed),
    Conflict,
    Other,
}

/// Reads the reasons of each write. A false condition outweighs a conflict: trying again cannot change it.
fn cancelled(error: &TransactWriteItemsError) -> Cancelled {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return Cancelled::Other;
    };
    let codes: Vec<&str> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
    let failed = codes.iter().enumerate().filter(|(_, code)| **code == "ConditionalCheckFailed");
    let failed: Vec<Part> = failed.map(|(place, _)| Part(place)).collect();
    if !failed.is_empty() {
        return Cancelled::Conditions(ConditionsFailed(failed));
    }
    // The SDK retries throttled calls, but not a transaction cancelled for a conflict or a throttled item.
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if codes.iter().any(|code| passing.contains(code)) { Cancelled::Conflict } else { Cancelled::Other }
}
