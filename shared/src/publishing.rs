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
use tokio::time::{Instant, timeout_at};

use crate::error::chain;

/// Events in one call, at most.
const MOST_IN_A_CALL: usize = 10;

/// Codes that are about what the event says, which EventBridge would refuse again. The other codes that it calls not retryable are
/// about permissions and the bus: an operator can mend those, and then it takes the event.
///
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
const UNFIT: [&str; 3] = ["InvalidArgument", "MalformedDetail", "RedactionFailure"];

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
    /// There was no time for them. Some of them may be on the bus.
    #[error("there was no time for more events")]
    OutOfTime,
    /// The answer does not say what became of each event.
    #[error("EventBridge answered {answered} of {asked} events")]
    Incomplete {
        /// Events in the call.
        asked: usize,
        /// Events in the answer.
        answered: usize,
    },
}

/// What became of events that are not on the bus. All others are.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Events that EventBridge would refuse again, whatever the time: their places among all, and its code.
    pub refused: Vec<(usize, String)>,
    /// Events that are to be put again.
    pub missing: Option<Missing>,
}

/// Events that are not on the bus, as far as is known, and are to be put again.
#[derive(Debug)]
pub struct Missing {
    /// Their places among all, in order. There is at least one.
    pub places: Vec<usize>,
    /// Why, of one of them.
    pub why: PutError,
}

/// How long to go on with what EventBridge does not take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience<'a> {
    /// The waits before events are put again that it did not take.
    pub waits: &'a [Duration],
    /// When to stop, whatever is left.
    pub until: Option<Instant>,
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
    /// second is put only when EventBridge has taken the first. Of an account whose event it does not take, the events from this
    /// one on are put again after each wait, when those of the other accounts are on the bus. A call that fails is not repeated,
    /// and ends it.
    pub async fn put_in_order(&self, events: &[PublishedEvent], patience: Patience<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut waiting = (0..events.len()).collect();
        let mut waits = patience.waits.iter();
        while let Err(missing) =
            self.put_each_account(events, waiting, patience.until, &mut outcome.refused).await
        {
            let is_over = |wait| patience.until.is_some_and(|until| Instant::now() + wait >= until);
            let wait = waits.next().filter(|wait| !is_over(**wait));
            let Some(wait) = wait.filter(|_| matches!(missing.why, PutError::NotTaken { .. })) else {
                outcome.missing = Some(missing);
                break;
            };
            #[expect(clippy::disallowed_methods, reason = "a second here saves a batch that comes again")]
            tokio::time::sleep(*wait).await;
            waiting = missing.places;
        }
        outcome
    }

    /// Puts the events at these places until, of each account, all are on the bus or one is not taken.
    async fn put_each_account(
        &self,
        events: &[PublishedEvent],
        mut waiting: Vec<usize>,
        until: Option<Instant>,
        refused: &mut Vec<(usize, String)>,
    ) -> Result<(), Missing> {
        let (mut missing, mut first_code) = (Vec::new(), None);
        while !waiting.is_empty() {
            let next = next_of_each_account(&waiting, events);
            let call: Vec<_> = next.iter().map(|place| &events[*place]).collect();
            let answers = match self.put_until(&call, until).await {
                Ok(answers) => answers,
                Err(why) => {
                    tracing::error!(error = chain(&why), "events are not on the bus and will be put again");
                    missing.extend(waiting);
                    missing.sort_unstable();
                    return Err(Missing { places: missing, why });
                }
            };
            let mut held_back = HashSet::new();
            for (place, code) in
                next.iter().zip(answers).filter_map(|(place, code)| Some((*place, code.err()?)))
            {
                if UNFIT.contains(&code.as_str()) {
                    refused.push((place, code));
                } else {
                    tracing::warn!(code, "EventBridge did not take an event");
                    held_back.insert(events[place].account_id());
                    missing.push(place);
                    first_code.get_or_insert(code);
                }
            }
            waiting.retain(|place| !next.contains(place));
            let later = waiting.extract_if(.., |place| held_back.contains(events[*place].account_id()));
            missing.extend(later);
        }
        missing.sort_unstable();
        first_code.map_or(Ok(()), |code| Err(Missing { places: missing, why: PutError::NotTaken { code } }))
    }

    /// The same as [`EventBus::put`], as long as there is time.
    async fn put_until(
        &self,
        events: &[&PublishedEvent],
        until: Option<Instant>,
    ) -> Result<Vec<Result<(), String>>, PutError> {
        let Some(until) = until else { return self.put(events).await };
        if until <= Instant::now() {
            return Err(PutError::OutOfTime);
        }
        timeout_at(until, self.put(events)).await.unwrap_or(Err(PutError::OutOfTime))
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
