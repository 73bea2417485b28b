//! Reading items as rows. Knows DynamoDB and nothing of the domain.
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;

use super::Store;
use super::error::{Cause, LeftUnread};
use super::write::{ATTEMPTS, Item, Write};

/// The most that `BatchGetItem` takes.
const KEYS_AT_A_TIME: usize = 100;
/// Such calls at a time.
const BATCHES_AT_A_TIME: usize = 8;

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

    /// Reads many items, consistently, a hundred in a call and a few calls at a time. Items that do not exist are left out.
    pub(super) async fn get_many(&self, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Cause> {
        let calls = keys.chunks(KEYS_AT_A_TIME).map(|keys| self.get_batch(table, keys.to_vec()));
        let items: Vec<Vec<Item>> =
            stream::iter(calls).buffer_unordered(BATCHES_AT_A_TIME).try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    /// Reads up to a hundred items. DynamoDB may leave some unread, when there is too much to read or too little capacity;
    /// they are read again.
    async fn get_batch(&self, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Cause> {
        let (mut items, mut left) = (Vec::new(), keys);
        for attempt in 0..ATTEMPTS {
            let keys = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build()?;
            let mut answer = self.dynamodb.batch_get_item().request_items(table, keys).send().await?;
            let read = answer.responses.as_mut().and_then(|responses| responses.remove(table));
            items.extend(read.unwrap_or_default());
            let unread = answer.unprocessed_keys.as_mut().and_then(|unread| unread.remove(table));
            left = unread.map(|unread| unread.keys).unwrap_or_default();
            if left.is_empty() {
                return Ok(items);
            }
            self.back_off(attempt).await;
        }
        Err(LeftUnread.into())
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

/// What was found page by page.
#[derive(Debug)]
pub struct Found<T> {
    /// The rows that pass the call's filter, in the order of its index.
    pub rows: Vec<T>,
    /// Whether nothing was left to read.
    pub complete: bool,
}

/// Reads pages of a query until `enough` rows have passed its filter, the index ends, or `most_pages` were read. `Limit`
/// counts rows before the filter, so that one page may have none of the rows that are wanted.
pub(super) async fn query_pages<R: DeserializeOwned>(
    call: QueryFluentBuilder,
    enough: usize,
    most_pages: usize,
) -> Result<Found<R>, Cause> {
    let Found { rows, complete } = query_item_pages(call, enough, most_pages).await?;
    Ok(Found { rows: serde_dynamo::from_items(rows)?, complete })
}

/// The same, for rows of which each may be unreadable by itself.
pub(super) async fn query_item_pages(
    call: QueryFluentBuilder,
    enough: usize,
    most_pages: usize,
) -> Result<Found<Item>, Cause> {
    let (mut rows, mut start) = (Vec::new(), None);
    for _ in 0..most_pages {
        let answer = call.clone().set_exclusive_start_key(start.take()).send().await?;
        rows.extend(answer.items.unwrap_or_default());
        start = answer.last_evaluated_key;
        if start.is_none() || rows.len() >= enough {
            break;
        }
    }
    Ok(Found { rows, complete: start.is_none() })
}

/// The item as a row.
pub(super) fn row<R: DeserializeOwned>(item: Option<Item>) -> Result<Option<R>, Cause> {
    Ok(item.map(serde_dynamo::from_item).transpose()?)
}
