//! The outbox's stream: calls the mailer for each record and reports the records to retry.
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::MessageId;
use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};
use tracing::Instrument as _;

use super::{BoxError, start};
use crate::app::{App, Mailer};
use crate::error::{Error, chain};
use crate::logging;
use crate::mail::Outbound;
use crate::requirements::Sender;

/// Serves the mailer until Lambda ends the process.
pub fn serve_stream<F>(handle: &F) -> ExitCode
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    start(async |config, sender: Sender, platform| {
        let outbound = Outbound::new(sender, &config.product_name, &platform.sdk);
        let mailer = &Mailer { app: App::new(&config, (), &platform), outbound };
        lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| async move {
            Ok::<_, BoxError>(answer_stream(mailer, event.payload, handle).await)
        }))
        .await
    })
}

/// Handles a batch of the outbox's stream and reports the records to retry.
///
/// The stream retries from the first failure that is reported, so records are handled in order and those after a
/// failure are skipped.
pub async fn answer_stream<F>(mailer: &Mailer, event: StreamEvent, handle: &F) -> DynamoDbEventResponse
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    let mut failures = DynamoDbEventResponse::default();
    for record in event.records {
        let Some(id) = record.change.keys.get("message_id").and_then(message_id) else {
            tracing::error!(event_id = record.event_id, "a stream record without message_id was skipped");
            continue;
        };
        if handled(mailer, &id, handle).instrument(logging::message_span(&id)).await {
            continue;
        }
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = record.change.sequence_number;
        failures.batch_item_failures.push(failure);
        break;
    }
    failures
}

async fn handled<F>(mailer: &Mailer, id: &MessageId, handle: &F) -> bool
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    // Boxed, since the compiler gives up on futures that are nested too deeply.
    let error = match AssertUnwindSafe(Box::pin(handle(mailer, id))).catch_unwind().await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => chain(&error),
        Err(_) => "panicked".to_owned(),
    };
    tracing::error!(error, "a mail request failed and will be tried again");
    false
}

fn message_id(key: &serde_dynamo::AttributeValue) -> Option<MessageId> {
    match key {
        serde_dynamo::AttributeValue::S(id) => Some(MessageId::from_stored(id)),
        _ => None,
    }
}
