//! The outbox's stream: calls the mailer for all records of a batch at the same time and reports the first record to
//! retry.
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::MessageId;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument as _;

use super::{BoxError, start};
use crate::app::{App, Mailer};
use crate::aws;
use crate::error::{Error, chain};
use crate::logging;
use crate::mail::Outbound;
use crate::metrics::Event;
use crate::requirements::Sender;
use crate::store::StoreError;

/// How long one record may take. Below the function's timeout, so that a slow record fails alone: when the function
/// times out, the whole batch fails.
pub const RECORD_TIMEOUT: Duration = Duration::from_secs(20);

/// A batch takes a whole multiple of this. More than an email usually takes (half a second is several times what DynamoDB
/// and SES need), so that a batch takes the same time whether or not it sends one.
pub const BATCH_STEP: Duration = Duration::from_millis(500);

/// How long a request that fails for a reason of its own is tried again. The next version of the mailer may be better, but
/// until the request is given up it holds back others.
const OWN_FAULT_RETRIES: Duration = Duration::from_mins(10);

/// Why a record was not handled.
struct Failed {
    why: String,
    /// Whether the reason is the request (the mailer panics, an item does not parse) and not a service that fails.
    is_own_fault: bool,
}

/// Serves the mailer until Lambda ends the process.
pub fn serve_stream<F>(handle: &F) -> ExitCode
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    start(async |config, sender: Sender, platform| {
        let ses = aws::without_kept_connections(&platform.sdk);
        let outbound = Outbound::new(sender, &config.product_name, &ses);
        let app = App::new(&config, (), &platform);
        let mailer = &Mailer { app, outbound, record_timeout: RECORD_TIMEOUT };
        lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| async move {
            Ok::<_, BoxError>(in_whole_steps(answer_stream(mailer, event.payload, handle)).await)
        }))
        .await
    })
}

/// Does something and ends at the next whole [`BATCH_STEP`] from the start.
///
/// The end of a batch is visible from outside: the next batch of the lane waits for it, and whether Lambda needs another
/// container depends on it. Without the wait, both would tell whether somebody else's address has an account.
pub async fn in_whole_steps<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let outcome = work.await;
    let steps = started.elapsed().as_millis() / BATCH_STEP.as_millis() + 1;
    let end = started + BATCH_STEP * u32::try_from(steps).unwrap_or(u32::MAX);
    #[expect(clippy::disallowed_methods, reason = "the billed time buys that batches take the same time")]
    sleep_until(end).await;
    outcome
}

/// Handles a batch of the outbox's stream, all records at the same time, and reports the first one that failed.
///
/// The stream retries from there: what was handled after it comes again, which is why the mailer marks requests.
pub async fn answer_stream<F>(mailer: &Mailer, event: StreamEvent, handle: &F) -> DynamoDbEventResponse
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    let mut seen = HashSet::new();
    let mut records = Vec::new();
    for record in event.records {
        let Some(id) = record.change.keys.get("message_id").and_then(message_id) else {
            tracing::error!(event_id = record.event_id, "a stream record without message_id was skipped");
            continue;
        };
        // A request that is in a batch twice is handled once. If that fails, the second comes again with the first.
        if seen.insert(id.as_str().to_owned()) {
            records.push((id, record.change.sequence_number));
        }
    }
    // Boxed, since the futures of a whole flow are large, and the compiler gives up on deeply nested ones.
    let outcomes = join_all(
        records
            .iter()
            .map(|(id, _)| Box::pin(handled(mailer, id, handle).instrument(logging::message_span(id)))),
    );
    let outcomes = outcomes.await;
    let first_failure = outcomes.iter().position(|handled| !handled);
    let mut failures = DynamoDbEventResponse::default();
    if let Some((_, sequence_number)) = first_failure.map(|first| records.swap_remove(first)) {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence_number;
        failures.batch_item_failures.push(failure);
    }
    failures
}

/// Gives a request up that cannot succeed: it is marked for the operator, and the stream does not bring it again, so that
/// it holds nobody back.
pub async fn give_up(app: &App, id: &MessageId, why: &str) -> Result<(), Error> {
    app.store.mark_email_request_unsent(id).await?;
    app.count(Event::GivenUp);
    tracing::error!(error = why, "a mail request was given up");
    Ok(())
}

/// Handles one record; false if it is to be tried again.
async fn handled<F>(mailer: &Mailer, id: &MessageId, handle: &F) -> bool
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    let Err(Failed { mut why, is_own_fault }) = attempt(mailer, id, handle).await else { return true };
    if is_own_fault && *id < MessageId::first_of(mailer.app.now() - OWN_FAULT_RETRIES) {
        match give_up(&mailer.app, id, &why).await {
            Ok(()) => return true,
            Err(error) => why = chain(&error),
        }
    }
    tracing::error!(error = why, "a mail request failed and will be tried again");
    false
}

async fn attempt<F>(mailer: &Mailer, id: &MessageId, handle: &F) -> Result<(), Failed>
where
    F: AsyncFn(&Mailer, &MessageId) -> Result<(), Error>,
{
    let handling = AssertUnwindSafe(Box::pin(handle(mailer, id))).catch_unwind();
    match timeout(mailer.record_timeout, handling).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(Failed { why: chain(&error), is_own_fault: does_not_parse(&error) }),
        Ok(Err(_)) => Err(Failed { why: "panicked".to_owned(), is_own_fault: true }),
        Err(_) => Err(Failed { why: "took too long".to_owned(), is_own_fault: false }),
    }
}

/// Whether an item that the request led to does not parse.
fn does_not_parse(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let of_store = cause.downcast_ref::<StoreError>();
        cause.is::<serde_dynamo::Error>() || of_store.is_some_and(StoreError::is_unreadable_item)
    })
}

fn message_id(key: &serde_dynamo::AttributeValue) -> Option<MessageId> {
    match key {
        serde_dynamo::AttributeValue::S(id) => Some(MessageId::from_stored(id)),
        _ => None,
    }
}
