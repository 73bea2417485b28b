//! One conditional write, alone or as a part of a transaction. Knows DynamoDB and nothing of the domain.
use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, TransactWriteItem, Update,
};
use serde::Serialize;

use super::error::{Cause, Context};
use super::{Store, StoreError};

/// Tries of a write that conflicts with a transaction: enough for fifty at once, with all waits between them below
/// three seconds.
pub(super) const ATTEMPTS: u32 = 8;

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

/// A list of texts.
pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> AttributeValue {
    AttributeValue::L(values.into_iter().map(text).collect())
}

/// A key of one attribute or two.
pub(super) fn key<const N: usize>(attributes: [(&str, &str); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// What one write does to its item.
#[derive(Clone)]
enum Operation {
    Put(Item),
    Update { key: Item, expression: &'static str },
    Delete(Item),
    Check(Item),
}

/// A write to one item, and its condition.
#[derive(Clone)]
pub(super) struct Write {
    table: String,
    operation: Operation,
    condition: Option<String>,
    values: Item,
}

impl Write {
    fn new(table: &str, operation: Operation) -> Self {
        Self { table: table.to_owned(), operation, condition: None, values: HashMap::new() }
    }

    /// Writes a whole item.
    pub(super) fn put(table: &str, row: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self::new(table, Operation::Put(serde_dynamo::to_item(row).context("make a row")?)))
    }

    /// Changes attributes of an item.
    pub(super) fn update(table: &str, key: Item, expression: &'static str) -> Self {
        Self::new(table, Operation::Update { key, expression })
    }

    /// Deletes an item.
    pub(super) fn delete(table: &str, key: Item) -> Self {
        Self::new(table, Operation::Delete(key))
    }

    /// Writes nothing; the transaction fails when the condition is false.
    pub(super) fn check(table: &str, key: Item) -> Self {
        Self::new(table, Operation::Check(key))
    }

    /// Sets the condition.
    pub(super) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Sets the value of a placeholder in the condition or the expression.
    pub(super) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    /// This write as a part of a transaction.
    pub(super) fn into_transaction_item(self) -> TransactWriteItem {
        const COMPLETE: &str = "table, key and expression are set";
        let (values, condition) = (self.values(), self.condition);
        let item = TransactWriteItem::builder();
        match self.operation {
            Operation::Put(row) => {
                let put = Put::builder().table_name(self.table).set_item(Some(row));
                let put = put.set_condition_expression(condition).set_expression_attribute_values(values);
                item.put(put.build().expect(COMPLETE))
            }
            Operation::Update { key, expression } => {
                let update =
                    Update::builder().table_name(self.table).set_key(Some(key)).update_expression(expression);
                let update =
                    update.set_condition_expression(condition).set_expression_attribute_values(values);
                item.update(update.build().expect(COMPLETE))
            }
            Operation::Delete(key) => {
                let delete = Delete::builder().table_name(self.table).set_key(Some(key));
                let delete =
                    delete.set_condition_expression(condition).set_expression_attribute_values(values);
                item.delete(delete.build().expect(COMPLETE))
            }
            Operation::Check(key) => {
                let check = ConditionCheck::builder().table_name(self.table).set_key(Some(key));
                let check = check.set_condition_expression(condition).set_expression_attribute_values(values);
                item.condition_check(check.build().expect(COMPLETE))
            }
        }
        .build()
    }
}

impl Store {
    /// Writes one item. False when the condition is. For conflicts and lost answers see [`Store::write_item`].
    pub(super) async fn write(&self, write: Write) -> Result<bool, Cause> {
        Ok(self.write_item(write, ReturnValue::None).await?.is_some())
    }

    /// Updates one item. Returns what it then holds, or nothing when the condition is false.
    pub(super) async fn update_item(&self, update: Write) -> Result<Option<Item>, Cause> {
        self.write_item(update, ReturnValue::AllNew).await
    }

    /// Writes one item. Returns what was asked for (empty unless it is an update), or nothing when the condition is
    /// false.
    ///
    /// Conflicts with transactions are tried again. So are calls whose answer is lost; a condition that the write
    /// itself made false is false on that second try. Where the two must be told apart, use [`Store::write_once`].
    async fn write_item(&self, write: Write, returned: ReturnValue) -> Result<Option<Item>, Cause> {
        let mut attempt = 0;
        loop {
            match self.try_to_write(write.clone(), returned.clone()).await? {
                Written::Done(item) => return Ok(Some(item)),
                Written::ConditionFailed => return Ok(None),
                Written::Conflict(_) if attempt + 1 < ATTEMPTS => self.back_off(attempt).await,
                Written::Conflict(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    async fn try_to_write(&self, write: Write, returned: ReturnValue) -> Result<Written, Cause> {
        let (values, condition) = (write.values(), write.condition);
        let client = &self.dynamodb;
        match write.operation {
            Operation::Put(row) => {
                let call = client.put_item().table_name(write.table).set_item(Some(row));
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                written(call.send().await.map(|_| Item::new()))
            }
            Operation::Update { key, expression } => {
                let call = client
                    .update_item()
                    .table_name(write.table)
                    .set_key(Some(key))
                    .update_expression(expression);
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                let answer = call.return_values(returned).send().await;
                written(answer.map(|updated| updated.attributes.unwrap_or_default()))
            }
            Operation::Delete(key) => {
                let call = client.delete_item().table_name(write.table).set_key(Some(key));
                let call = call.set_condition_expression(condition).set_expression_attribute_values(values);
                written(call.send().await.map(|_| Item::new()))
            }
            Operation::Check(_) => unreachable!("a check is a part of transactions only"),
        }
    }
}

/// How one try ended, unless it failed.
enum Written {
    Done(Item),
    ConditionFailed,
    /// A transaction was writing the item. The SDK does not retry this.
    Conflict(Cause),
}

fn written<E>(answer: Result<Item, SdkError<E>>) -> Result<Written, Cause>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let error = match answer {
        Ok(item) => return Ok(Written::Done(item)),
        Err(error) => error,
    };
    match error.code() {
        Some("ConditionalCheckFailedException") => Ok(Written::ConditionFailed),
        Some("TransactionConflictException") => Ok(Written::Conflict(error.into())),
        _ => Err(error.into()),
    }
}
