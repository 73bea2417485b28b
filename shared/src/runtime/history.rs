//! The history's stream: reads its rows as events, lets the publisher put them on the bus, and reports the first that is not
//! there, from which the stream comes again.
use std::process::ExitCode;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::PublishedEvent;
use lambda_runtime::{LambdaEvent, service_fn};

use super::{BoxError, start};
use crate::app::{App, Publisher};
use crate::error::chain;
use crate::metrics::Event;
use crate::publishing::{EventBus, Publishing};
use crate::store::HistoryRow;

/// Serves the publisher until Lambda ends the process.
pub fn serve_history<F>(handle: &F) -> ExitCode
where
    F: AsyncFn(&Publisher, &[PublishedEvent]) -> Result<(), usize>,
{
    start(async |config, publishing: Publishing, platform| {
        let bus = EventBus::new(publishing.bus.clone(), &platform.sdk);
        let publisher = &Publisher { app: App::new(&config, publishing, &platform), bus };
        lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| async move {
            Ok::<_, BoxError>(answer_history(publisher, event.payload, handle).await)
        }))
        .await
    })
}

/// Handles a batch of the history's stream. `handle` returns the place of the first event that is not on the bus.
///
/// A row that does not parse would not do so at another attempt, and all events behind it would wait for it: it is reported in
/// the log, counted, and left out.
pub async fn answer_history<F>(publisher: &Publisher, event: StreamEvent, handle: &F) -> DynamoDbEventResponse
where
    F: AsyncFn(&Publisher, &[PublishedEvent]) -> Result<(), usize>,
{
    let (mut events, mut sequence_numbers) = (Vec::new(), Vec::new());
    for record in event.records {
        let [partition, event_id] = ["account_id", "event_id"].map(|name| key(&record, name));
        let sequence_number = record.change.sequence_number.clone();
        match read(publisher, record) {
            Ok(event) => {
                events.push(event);
                sequence_numbers.push(sequence_number);
            }
            Err(why) => {
                publisher.app.count(Event::Unpublished);
                tracing::error!(partition, event_id, error = why, "an event is not published");
            }
        }
    }
    let mut failures = DynamoDbEventResponse::default();
    if let Err(first) = Box::pin(handle(publisher, &events)).await {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence_numbers.swap_remove(first);
        failures.batch_item_failures.push(failure);
    }
    failures
}

/// A part of the row's key in the table of the history.
fn key(record: &EventRecord, name: &str) -> String {
    match record.change.keys.get(name) {
        Some(serde_dynamo::AttributeValue::S(value)) => value.clone(),
        _ => String::new(),
    }
}

fn read(publisher: &Publisher, record: EventRecord) -> Result<PublishedEvent, String> {
    let row = HistoryRow::read(record.change.new_image).map_err(|error| chain(&error))?;
    Ok(PublishedEvent::new(row.context(), &row.activity, publisher.app.needs.addresses))
}
