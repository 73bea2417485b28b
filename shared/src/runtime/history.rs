//! The history's stream: reads its rows as events, lets the publisher put them on the bus, and reports the first that is not
//! there, from which the stream comes again.
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::PublishedEvent;
use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::time::Instant;

use super::{BoxError, start};
use crate::app::{App, Publisher};
use crate::error::chain;
use crate::metrics::Event;
use crate::publishing::{EventBus, Outcome, Publishing};
use crate::store::HistoryRow;

/// The publisher stops this long before Lambda ends it, so that it can say how far it came. Otherwise the whole batch would fail.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// That the publisher panicked with several events. Lambda then brings each half of them for itself, and in the end the one that
/// is the reason.
#[derive(Debug, thiserror::Error)]
#[error("panicked with several events")]
pub struct Panicked;

/// A row that was read.
struct Row {
    key: [String; 2],
    sequence_number: Option<String>,
}

/// Serves the publisher until Lambda ends the process.
pub fn serve_history<F>(handle: &F) -> ExitCode
where
    F: AsyncFn(&Publisher, &[PublishedEvent], Instant) -> Outcome,
{
    start(async |config, publishing: Publishing, platform| {
        let bus = EventBus::new(publishing.bus.clone(), &platform.sdk);
        let publisher = &Publisher { app: App::new(&config, publishing, &platform), bus };
        lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| async move {
            let left = event.context.deadline.saturating_sub(publisher.app.unix_milliseconds());
            let until = Instant::now() + Duration::from_millis(left).saturating_sub(TO_ANSWER);
            Ok::<_, BoxError>(answer_history(publisher, event.payload, handle, until).await?)
        }))
        .await
    })
}

/// Handles a batch of the history's stream. `handle` puts its events on the bus, as many as it can until then.
///
/// A row that does not parse would not do so at another attempt, and all events behind it would wait for it: it is reported in
/// the log, counted, and left out. So is one that EventBridge refuses for what it says, or that makes the publisher panic.
pub async fn answer_history<F>(
    publisher: &Publisher,
    event: StreamEvent,
    handle: &F,
    until: Instant,
) -> Result<DynamoDbEventResponse, Panicked>
where
    F: AsyncFn(&Publisher, &[PublishedEvent], Instant) -> Outcome,
{
    let (mut events, mut rows) = (Vec::new(), Vec::new());
    for record in event.records {
        let key = ["account_id", "event_id"].map(|name| key(&record, name));
        let sequence_number = record.change.sequence_number.clone();
        match read(publisher, record) {
            Ok(event) => {
                events.push(event);
                rows.push(Row { key, sequence_number });
            }
            Err(why) => leave_out(publisher, &key, &why),
        }
    }
    let handling = AssertUnwindSafe(Box::pin(handle(publisher, &events, until))).catch_unwind();
    let outcome = match handling.await {
        Ok(outcome) => outcome,
        Err(_) if events.len() == 1 => Outcome { refused: vec![(0, "panicked".to_owned())], missing: None },
        Err(_) => return Err(Panicked),
    };
    for (place, why) in outcome.refused {
        leave_out(publisher, &rows[place].key, &why);
    }
    let mut failures = DynamoDbEventResponse::default();
    if let Some(first) = outcome.missing.and_then(|missing| missing.places.first().copied()) {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = rows.swap_remove(first).sequence_number;
        failures.batch_item_failures.push(failure);
    }
    Ok(failures)
}

fn leave_out(publisher: &Publisher, [partition, event_id]: &[String; 2], why: &str) {
    publisher.app.count(Event::Unpublished);
    tracing::error!(partition, event_id, error = why, "an event is not published");
}

/// A part of the row's key in the table of the history.
fn key(record: &EventRecord, name: &str) -> String {
    match record.change.keys.get(name) {
        Some(serde_dynamo::AttributeValue::S(value)) => value.clone(),
        _ => String::new(),
    }
}

fn read(publisher: &Publisher, record: EventRecord) -> Result<PublishedEvent, String> {
    let reading = AssertUnwindSafe(|| {
        let row = HistoryRow::read(record.change.new_image).map_err(|error| chain(&error))?;
        Ok(PublishedEvent::new(row.context(), &row.activity, publisher.app.needs.addresses))
    });
    std::panic::catch_unwind(reading).unwrap_or_else(|_| Err("panicked".to_owned()))
}
