//! Puts what happens to accounts on a bus of EventBridge. Nobody can call it from outside: the stream of the history does,
//! which has a record of each event that was committed and of no other.
//!
//! An event comes at least once. Two events of one account keep their order: the second is put only when EventBridge has taken
//! the first.
use std::time::Duration;

use domain::PublishedEvent;
use shared::app::Publisher;
use shared::publishing::{Outcome, Patience};
use tokio::time::Instant;

/// The waits before events are put again that EventBridge did not take. After the last the stream brings them again, later.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Puts these events on the bus, as many as it can until then.
pub async fn handle(publisher: &Publisher, events: &[PublishedEvent], until: Instant) -> Outcome {
    publisher.bus.put_in_order(events, Patience { waits: &WAITS, until: Some(until) }).await
}
