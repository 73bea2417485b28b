//! Puts what happens to accounts on a bus of EventBridge. Nobody can call it from outside: the stream of the history does,
//! which has a record of each event that was committed and of no other.
//!
//! An event comes at least once. Two events of one account keep their order: the second is put only when EventBridge has taken
//! the first.
use std::time::Duration;

use domain::PublishedEvent;
use shared::app::Publisher;

/// The waits before events are put again that EventBridge did not take. After the last the stream brings them again, later.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Puts these events on the bus. Otherwise returns the place of the first that is not there.
pub async fn handle(publisher: &Publisher, events: &[PublishedEvent]) -> Result<(), usize> {
    let put = publisher.bus.put_in_order(events, &WAITS).await;
    put.map_err(|not_put| not_put.places.first().copied().unwrap_or_default())
}
