//! Reading items as rows. Knows DynamoDB and nothing of the domain.
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::Cause;
use super::write::{Item, Write};

impl Store {
    /// Reads one item, consistently.
    pub(super) async fn get_item(&self, table: &str, key: Item) -> Result<Option<Item>, Cause> {
        let call = self.dynamodb.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(call.send().await?.item)
    }

    /// Reads one row, consistently.
    pub(super) async fn get<R: DeserializeOwned>(&self, table: &str, key: Item) -> Result<Option<R>, Cause> {
        row(self.get_item(table, key).await?)
    }

    /// Updates one item and reads the row it became; nothing when the condition is false.
    pub(super) async fn update<R: DeserializeOwned>(&self, update: Write) -> Result<Option<R>, Cause> {
        row(self.update_item(update).await?)
    }
}

/// Reads the rows of one page of a query.
pub(super) async fn query<R: DeserializeOwned>(call: QueryFluentBuilder) -> Result<Vec<R>, Cause> {
    Ok(serde_dynamo::from_items(call.send().await?.items.unwrap_or_default())?)
}

/// The item as a row.
pub(super) fn row<R: DeserializeOwned>(item: Option<Item>) -> Result<Option<R>, Cause> {
    Ok(item.map(serde_dynamo::from_item).transpose()?)
}
