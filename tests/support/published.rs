//! Delivers the history's stream to the publisher, as Lambda does.
use std::time::Duration;

use aws_lambda_events::event::streams::DynamoDbEventResponse;
use domain::PublishedEvent;
use serde_json::Value;
use shared::app::Publisher;
use shared::publishing::Outcome;
use shared::runtime::{Panicked, answer_history};
use tokio::time::Instant;

use super::world::World;

/// The bus of the tests' template.
const BUS: &str = "products";

impl World {
    /// Lets the publisher handle everything that happened since the last call; returns the events that it put on the bus.
    pub async fn publish(&self) -> Vec<Value> {
        let before = self.published().len();
        let records = self.new_history();
        let failed = self.feed_publisher(&records).await;
        assert!(failed.batch_item_failures.is_empty(), "the publisher failed:\n{}", self.log());
        self.published().split_off(before)
    }

    /// All events on the bus.
    pub fn published(&self) -> Vec<Value> {
        self.wire.ses().events().published_on(BUS)
    }

    /// Takes the records of the history since the last call.
    pub fn new_history(&self) -> Vec<Value> {
        self.history.new_records(&self.database)
    }

    /// Invokes the publisher with these records.
    pub async fn feed_publisher(&self, records: &[Value]) -> DynamoDbEventResponse {
        self.feed_publisher_for(records, Duration::from_mins(1)).await
    }

    /// The same, with this much time until Lambda ends it.
    pub async fn feed_publisher_for(&self, records: &[Value], time: Duration) -> DynamoDbEventResponse {
        self.feed_history(records, time, &publisher::handle).await.expect("it does not panic")
    }

    /// Hands these records to another handler of the publisher.
    pub async fn feed_history<F>(
        &self,
        records: &[Value],
        time: Duration,
        handle: &F,
    ) -> Result<DynamoDbEventResponse, Panicked>
    where
        F: AsyncFn(&Publisher, &[PublishedEvent], Instant) -> Outcome,
    {
        answer_history(&self.publisher, self.history.event(records), handle, Instant::now() + time).await
    }
}
