//! The events on the bus, held against the rows of the history.
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use dev::stack::Stack;
use serde_json::Value;

use super::walk::PATIENCE;

fn texts<'v>(values: impl Iterator<Item = &'v Value>) -> BTreeSet<String> {
    values.map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until the bus has an event for each row, and fails if it has one for which there is no row.
pub async fn assert_published(stack: &Stack) -> Result<()> {
    let rows = stack.tables().items("HistoryTable")?;
    let rows = texts(rows.iter().map(|row| &row["event_id"]["S"]));
    let published = || {
        let events = stack.events().published_on("products");
        texts(events.iter().map(|event| &event["detail"]["event_id"]))
    };
    let all = async {
        while !published().is_superset(&rows) {
            super::pause().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.context("a change gives no event")?;
    match published().difference(&rows).next() {
        None => Ok(()),
        Some(id) => bail!("the event {id} is about nothing that happened"),
    }
}
