//! Delivers the history's stream to the publisher, as Lambda does.
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use serde_json::Value;
use shared::runtime::answer_history;

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
        answer_history(&self.publisher, self.history.event(records), &publisher::handle).await
    }
}
