//! Puts events of accounts on a bus of EventBridge. Knows nothing of where they come from.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::SdkError;
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_types::SdkConfig;
use domain::PublishedEvent;
use domain::published_event::{Addresses, SOURCE};

/// Events in one call, at most.
pub const MOST_IN_A_CALL: usize = 10;

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

/// Nothing is known to be on the bus. Some of it may be.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The call failed.
    #[error("could not put events on the bus")]
    Failed(#[source] Box<SdkError<PutEventsError>>),
    /// An event could not be written.
    #[error("could not write an event")]
    NotWritten(#[from] serde_json::Error),
    /// The answer does not say what became of each event.
    #[error("EventBridge answered {answered} of {asked} events")]
    Incomplete {
        /// Events in the call.
        asked: usize,
        /// Events in the answer.
        answered: usize,
    },
}

/// Why EventBridge did not take one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// Its code, such as `ThrottlingException`.
    pub code: String,
}

impl EventBus {
    /// Connects to the bus.
    pub fn new(name: String, sdk: &SdkConfig) -> Self {
        Self { eventbridge: Client::new(sdk), name }
    }

    /// Puts up to [`MOST_IN_A_CALL`] events; for each, in order, whether EventBridge took it.
    pub async fn put(&self, events: &[&PublishedEvent]) -> Result<Vec<Result<(), NotTaken>>, PutError> {
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

fn taken(entry: &PutEventsResultEntry) -> Result<(), NotTaken> {
    match (entry.event_id(), entry.error_code()) {
        (Some(_), None) => Ok(()),
        (_, code) => Err(NotTaken { code: code.unwrap_or("no code").to_owned() }),
    }
}
