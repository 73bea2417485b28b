//! Puts what happens to accounts on a bus of EventBridge. Nobody can call it from outside: the stream of the history does,
//! which has a record of each event that was committed and of no other.
//!
//! An event comes at least once. Two events of one account keep their order: the second is put only when EventBridge has taken
//! the first.
use std::collections::HashSet;
use std::time::Duration;

use domain::PublishedEvent;
use shared::app::Publisher;
use shared::error::chain;
use shared::publishing::MOST_IN_A_CALL;

/// The waits before events are put again that EventBridge did not take. After the last the stream brings them again, later.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Puts these events on the bus. Otherwise returns the place of the first that is not there.
pub async fn handle(publisher: &Publisher, events: &[PublishedEvent]) -> Result<(), usize> {
    let mut waiting: Vec<usize> = (0..events.len()).collect();
    let mut waits = WAITS.iter();
    while !waiting.is_empty() {
        let next = next_of_each_account(&waiting, events);
        let call: Vec<_> = next.iter().map(|place| &events[*place]).collect();
        let outcomes = match publisher.bus.put(&call).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::error!(error = chain(&error), "events are not on the bus and will be put again");
                break;
            }
        };
        let refused = next.iter().zip(outcomes).filter_map(|(place, outcome)| Some((*place, outcome.err()?)));
        let refused: Vec<_> = refused.collect();
        waiting.retain(|place| !next.contains(place) || refused.iter().any(|(other, _)| other == place));
        let Some((_, why)) = refused.first() else { continue };
        tracing::warn!(code = why.code, count = refused.len(), "EventBridge did not take events");
        let Some(wait) = waits.next() else { break };
        #[expect(clippy::disallowed_methods, reason = "a second here saves a batch that comes again")]
        tokio::time::sleep(*wait).await;
    }
    waiting.first().map_or(Ok(()), |first| Err(*first))
}

/// The places of as many events as one call takes, the first that waits of each account.
fn next_of_each_account(waiting: &[usize], events: &[PublishedEvent]) -> Vec<usize> {
    let mut accounts = HashSet::new();
    let is_first = |place: &&usize| accounts.insert(events[**place].account_id());
    waiting.iter().filter(is_first).take(MOST_IN_A_CALL).copied().collect()
}
