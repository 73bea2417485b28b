//! Delivers the outbox's stream to the mailer, as Lambda does.
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use dev::mailbox::ReceivedEmail;
use serde_json::Value;
use shared::runtime::answer_stream;

use super::world::World;

impl World {
    /// Lets the mailer handle everything in the outbox; returns the emails that it sent.
    pub async fn deliver(&self) -> Vec<ReceivedEmail> {
        let before = self.emails().len();
        let records = self.new_records();
        let failed = self.feed(&records).await;
        assert!(failed.batch_item_failures.is_empty(), "the mailer failed:\n{}", self.log());
        self.emails().split_off(before)
    }

    /// Takes the records of the outbox since the last call.
    pub fn new_records(&self) -> Vec<Value> {
        self.outbox.new_records(&self.database)
    }

    /// Puts records back, to be read before all others.
    pub fn put_back(&self, records: Vec<Value>) {
        self.outbox.put_back(records);
    }

    /// Invokes the mailer with these records.
    pub async fn feed(&self, records: &[Value]) -> DynamoDbEventResponse {
        answer_stream(&self.mailer, self.outbox.event(records), &mailer::handle).await
    }
}
