//! Puts events of accounts on a bus of EventBridge. Knows nothing of where they come from.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::SdkError;
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusError;
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_types::SdkConfig;
use domain::PublishedEvent;
use domain::published_event::{Addresses, SOURCE};

use crate::error::chain;

/// Events in one call, at most.
const MOST_IN_A_CALL: usize = 10;

/// Which bus events go to, and what they say.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// The name of the bus.
    pub bus: String,
    /// Whether events have email addresses.
    pub addresses: Addresses,
}

/// A bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    eventbridge: Client,
    name: String,
}

/// Why events are not on the bus.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The call failed. Some of them may be on the bus.
    #[error("could not put events on the bus")]
    Failed(#[source] Box<SdkError<PutEventsError>>),
    /// An event could not be written.
    #[error("could not write an event")]
    NotWritten(#[from] serde_json::Error),
    /// EventBridge did not take one, or more. It says why with a code, such as `ThrottlingException`.
    #[error("EventBridge did not take an event: {code}")]
    NotTaken {
        /// The code of the first.
        code: String,
    },
    /// The answer does not say what became of each event.
    #[error("EventBridge answered {answered} of {asked} events")]
    Incomplete {
        /// Events in the call.
        asked: usize,
        /// Events in the answer.
        answered: usize,
    },
}

/// Events that are not on the bus, as far as is known.
#[derive(Debug)]
pub struct NotPut {
    /// Their places among all, in order. There is at least one.
    pub places: Vec<usize>,
    /// Why, of the first.
    pub why: PutError,
}

impl EventBus {
    /// Connects to the bus.
    pub fn new(name: String, sdk: &SdkConfig) -> Self {
        Self { eventbridge: Client::new(sdk), name }
    }

    /// Whether the bus exists. EventBridge takes events for one that does not, and loses them.
    pub async fn exists(&self) -> Result<bool, SdkError<DescribeEventBusError>> {
        match self.eventbridge.describe_event_bus().name(&self.name).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts events, with the first that waits of each account in a call: two events of one account keep their order, because the
    /// second is put only when EventBridge has taken the first. Those that it does not take are put again after each of these
    /// waits. A call that fails is not repeated.
    pub async fn put_in_order(&self, events: &[PublishedEvent], waits: &[Duration]) -> Result<(), NotPut> {
        let mut waiting: Vec<usize> = (0..events.len()).collect();
        let mut waits = waits.iter();
        while !waiting.is_empty() {
            let next = next_of_each_account(&waiting, events);
            let call: Vec<_> = next.iter().map(|place| &events[*place]).collect();
            let outcomes = match self.put(&call).await {
                Ok(outcomes) => outcomes,
                Err(why) => {
                    tracing::error!(error = chain(&why), "events are not on the bus and will be put again");
                    return Err(NotPut { places: waiting, why });
                }
            };
            let refused = next.iter().zip(outcomes).filter_map(|(place, code)| Some((*place, code.err()?)));
            let refused: Vec<_> = refused.collect();
            waiting.retain(|place| !next.contains(place) || refused.iter().any(|(other, _)| other == place));
            let Some((_, code)) = refused.first() else { continue };
            tracing::warn!(code, count = refused.len(), "EventBridge did not take events");
            let Some(wait) = waits.next() else {
                return Err(NotPut { places: waiting, why: PutError::NotTaken { code: code.clone() } });
            };
            #[expect(clippy::disallowed_methods, reason = "a second here saves a batch that comes again")]
            tokio::time::sleep(*wait).await;
        }
        Ok(())
    }

    /// Puts up to [`MOST_IN_A_CALL`] events; for each, in order, whether EventBridge took it, or its code.
    async fn put(&self, events: &[&PublishedEvent]) -> Result<Vec<Result<(), String>>, PutError> {
        let entries = events.iter().map(|event| self.entry(event)).collect::<Result<_, _>>()?;
        let answer = self.eventbridge.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| PutError::Failed(Box::new(error)))?;
        let taken: Vec<_> = answer.entries().iter().map(taken).collect();
        if taken.len() != events.len() {
            return Err(PutError::Incomplete { asked: events.len(), answered: taken.len() });
        }
        Ok(taken)
    }

    fn entry(&self, event: &PublishedEvent) -> Result<PutEventsRequestEntry, serde_json::Error> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(event.kind())
            .detail(serde_json::to_string(event)?)
            .time(DateTime::from_secs(event.at().unix_seconds()));
        Ok(entry.build())
    }
}

fn taken(entry: &PutEventsResultEntry) -> Result<(), String> {
    match (entry.event_id(), entry.error_code()) {
        (Some(_), None) => Ok(()),
        (_, code) => Err(code.unwrap_or("no code").to_owned()),
    }
}

/// The places of as many events as one call takes, the first that waits of each account.
fn next_of_each_account(waiting: &[usize], events: &[PublishedEvent]) -> Vec<usize> {
    let mut accounts = HashSet::new();
    let is_first = |place: &&usize| accounts.insert(events[**place].account_id());
    waiting.iter().filter(is_first).take(MOST_IN_A_CALL).copied().collect()
}
