//! Reads the events on the buses over HTTP. Must not know what caused them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;

use crate::events::Published;

/// As for emails: a stream poll, a function call and a bus.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for this many events about the account that a product calls so, and returns the kind of each. None may have an address.
pub(super) async fn kinds_of(mailbox: &str, external_id: &str, count: usize) -> Result<Vec<String>> {
    let client = Client::builder().no_proxy().build()?;
    let look = async || -> Result<Vec<Published>> {
        let asked = client.get(format!("{mailbox}/events")).header("accept", "application/json");
        let answer = asked.send().await.context("the mailbox does not answer")?.error_for_status()?;
        let events: Vec<Published> = answer.json().await.context("the mailbox answers no events")?;
        let about =
            events.into_iter().filter(|published| published.event["detail"]["external_id"] == external_id);
        Ok(about.collect())
    };
    let waiting = async {
        loop {
            let events = look().await?;
            if events.len() >= count {
                return anyhow::Ok(events);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let events = tokio::time::timeout(PATIENCE, waiting).await;
    let events = events.with_context(|| format!("expected {count} events about {external_id}"))??;
    for published in &events {
        ensure!(!published.event.to_string().contains('@'), "an address is in {:#}", published.event);
    }
    let kind = |published: &Published| published.event["detail-type"].as_str().map(str::to_owned);
    Ok(events.iter().filter_map(kind).collect())
}
