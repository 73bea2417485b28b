//! One conditional write, by itself or as a part of a transaction. Knows DynamoDB and nothing of the domain.
use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, TransactWriteItem, Update,
};
use serde::Serialize;

use super::{Store, StoreError};

/// Tries of a write that meets a transaction at the same item: enough for fifty at once, and with all waits
/// between them below three seconds.
const ATTEMPTS: u32 = 8;

/// An item, or its key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A text value.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number.
pub(super) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A key of one attribute, or of two.
pub(super) fn key<const N: usize>(attributes: [(&str, &str); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

#[derive(Clone)]
enum Kind {
    Put(Item),
    Update { key: Item, expression: &'static str },
    Delete(Item),
    Check(Item),
}

/// What is written to one item, and on which condition.
#[derive(Clone)]
pub(super) struct Write {
    table: String,
    kind: Kind,
    condition: Option<&'static str>,
    values: Item,
}

impl Write {
    fn new(table: &str, kind: Kind) -> Self {
        Self { table: table.to_owned(), kind, condition: None, values: HashMap::new() }
    }

    /// Writes a whole item.
    pub(super) fn put(table: &str, row: &impl Serialize) -> Result<Self, StoreError> {
        let item = serde_dynamo::to_item(row).map_err(|error| StoreError::new("make a row", error))?;
        Ok(Self::new(table, Kind::Put(item)))
    }

    /// Changes attributes of an item.
    pub(super) fn update(table: &str, key: Item, expression: &'static str) -> Self {
        Self::new(table, Kind::Update { key, expression })
    }

    /// Deletes an item.
    pub(super) fn delete(table: &str, key: Item) -> Self {
        Self::new(table, Kind::Delete(key))
    }

    /// Writes nothing, and lets the transaction fail when the condition does.
    pub(super) fn check(table: &str, key: Item) -> Self {
        Self::new(table, Kind::Check(key))
    }

    /// Adds the condition.
    pub(super) fn when(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Gives a placeholder of condition or expression its value.
    pub(super) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn into_transaction_item(self) -> TransactWriteItem {
        const COMPLETE: &str = "table, key and expression are set";
        let (values, condition) = (self.values(), self.condition.map(str::to_owned));
        let item = TransactWriteItem::builder();
        match self.kind {
            Kind::Put(row) => {
                let put = Put::builder().table_name(self.table).set_item(Some(row));
                let put = put.set_condition_expression(condition).set_expression_attribute_values(values);
                item.put(put.build().expect(COMPLETE))
            }
            Kind::Update { key, expression } => {
                let update =
                    Update::builder().table_name(self.table).set_key(Some(key)).update_expression(expression);
                let update =
                    update.set_condition_expression(condition).set_expression_attribute_values(values);
                item.update(update.build().expect(COMPLETE))
            }
            Kind::Delete(key) => {
                let delete = Delete::builder().table_name(self.table).set_key(Some(key));
                let delete =
                    delete.set_condition_expression(condition).set_expression_attribute_values(values);
                item.delete(delete.build().expect(COMPLETE))
            }
            Kind::Check(key) => {
                let check = ConditionCheck::builder().table_name(self.table).set_key(Some(key));
                let check = check.set_condition_expression(condition).set_expression_attribute_values(values);
                item.condition_check(check.build().expect(COMPLETE))
            }
        }
        .build()
    }
}

/// Which writes of a transaction found their condition false, by their place in it. Nothing was written.
#[derive(Debug)]
pub(super) struct ConditionsFailed(Vec<usize>);

impl ConditionsFailed {
    /// Whether the write at this place was among them.
    pub(super) fn at(&self, place: usize) -> bool {
        self.0.contains(&place)
    }

    /// The first of them.
    pub(super) fn first(&self) -> usize {
        self.0.first().copied().unwrap_or_default()
    }
}

enum Cancelled {
    Conditions(ConditionsFailed),
    Conflict,
    Other,
}

/// Reads why a transaction was cancelled. A false condition outweighs a conflict: trying again cannot mend it.
fn cancelled(error: &TransactWriteItemsError) -> Cancelled {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return Cancelled::Other;
    };
    let codes: Vec<&str> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
    let failed: Vec<usize> = codes
        .iter()
        .enumerate()
        .filter(|(_, code)| **code == "ConditionalCheckFailed")
        .map(|(place, _)| place)
        .collect();
    if !failed.is_empty() {
        return Cancelled::Conditions(ConditionsFailed(failed));
    }
    // The SDK retries throttled calls, but not a transaction cancelled for a conflict or a throttled item.
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if codes.iter().any(|code| passing.contains(code)) { Cancelled::Conflict } else { Cancelled::Other }
}

impl Store {
    /// Writes all or nothing. Conflicts with other transactions are tried again; a false condition is an answer.
    pub(super) async fn transact(
        &self,
        doing: &'static str,
        writes: Vec<Write>,
    ) -> Result<Result<(), ConditionsFailed>, StoreError> {
        let items: Vec<_> = writes.into_iter().map(Write::into_transaction_item).collect();
        for attempt in 0.. {
            let call = self.dynamodb.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = call.send().await else { return Ok(Ok(())) };
            match error.as_service_error().map_or(Cancelled::Other, cancelled) {
                Cancelled::Conditions(failed) => return Ok(Err(failed)),
                Cancelled::Conflict if attempt + 1 < ATTEMPTS => self.back_off(attempt).await,
                Cancelled::Conflict | Cancelled::Other => return Err(StoreError::new(doing, error)),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Writes one item; `Ok(None)` when the condition is false, else what the item then holds (for an update).
    /// Conflicts with transactions are tried again. An answer that is lost is asked for again too, and a condition
    /// that the write itself made false is false then: who must tell the two apart writes a transaction of one, which
    /// DynamoDB knows again.
    pub(super) async fn write(&self, doing: &'static str, write: Write) -> Result<Option<Item>, StoreError> {
        for attempt in 0.. {
            match self.try_to_write(doing, write.clone()).await? {
                Written::Done(item) => return Ok(Some(item)),
                Written::ConditionFailed => return Ok(None),
                Written::Conflict(_) if attempt + 1 < ATTEMPTS => self.back_off(attempt).await,
                Written::Conflict(error) => return Err(error),
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn try_to_write(&self, doing: &'static str, write: Write) -> Result<Written, StoreError> {
        let (values, condition) = (write.values(), write.condition.map(str::to_owned));
        let client = &self.dynamodb;
        match write.kind {
            Kind::Put(row) => {
                let call = client.put_item().table_name(write.table).set_item(Some(row));
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                written(doing, call.send().await.map(|_| Item::new()))
            }
            Kind::Update { key, expression } => {
                let call = client
                    .update_item()
                    .table_name(write.table)
                    .set_key(Some(key))
                    .update_expression(expression);
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                let answer = call.return_values(ReturnValue::AllNew).send().await;
                written(doing, answer.map(|updated| updated.attributes.unwrap_or_default()))
            }
            Kind::Delete(key) => {
                let call = client.delete_item().table_name(write.table).set_key(Some(key));
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                written(doing, call.send().await.map(|_| Item::new()))
            }
            Kind::Check(_) => unreachable!("a check stands in transactions only"),
        }
    }
}

/// How a try to write one item ended, where it was no failure.
enum Written {
    Done(Item),
    ConditionFailed,
    /// A transaction was at the item. The SDK does not take it for passing.
    Conflict(StoreError),
}

fn written<E>(doing: &'static str, answer: Result<Item, SdkError<E>>) -> Result<Written, StoreError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let error = match answer {
        Ok(item) => return Ok(Written::Done(item)),
        Err(error) => error,
    };
    match error.code() {
        Some("ConditionalCheckFailedException") => Ok(Written::ConditionFailed),
        Some("TransactionConflictException") => Ok(Written::Conflict(StoreError::new(doing, error))),
        _ => Err(StoreError::new(doing, error)),
    }
}
