//! Functions that get events from a bus of EventBridge, one at a time. Lambda invokes them asynchronously: an error makes it try
//! again, at most as often as the template says.
use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;

use super::{BoxError, start};
use crate::app::App;
use crate::config::Requirements;
use crate::error::{Error, chain};
use crate::logging;

/// Serves the function until Lambda ends the process.
pub fn serve_events<R, F>(handle: &F) -> ExitCode
where
    R: Requirements,
    F: AsyncFn(&App<R>, &Value) -> Result<(), Error>,
{
    start(async |config, needs, platform| {
        let app = &App::new(&config, needs, &platform);
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
            answer_event(app, &event.payload, handle).await
        }))
        .await
    })
}

/// Handles one event. The failure is logged here, and Lambda learns only that there was one: what it keeps of it is not in the
/// function's log.
pub async fn answer_event<R, F>(app: &App<R>, event: &Value, handle: &F) -> Result<(), BoxError>
where
    F: AsyncFn(&App<R>, &Value) -> Result<(), Error>,
{
    let handled = async {
        Box::pin(handle(app, event)).await.map_err(|error| {
            tracing::error!(error = chain(&error), "an event failed and will be tried again");
            "the event was not handled".into()
        })
    };
    handled.instrument(logging::event_span()).await
}
