//! Runs a flow as a Lambda function: reads the environment, builds the app, answers one event after another.
//!
//! This is also the edge: the origin check, the last-resort page, and the one place where failures are logged.
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::app::{App, MailerApp};
use crate::clock::Clock;
use crate::config::{Config, Needs};
use crate::entropy::Entropy;
use crate::error::{Error, chain};
use crate::mail::Outbound;
use crate::network;
use crate::web::{Code, Reply, Request};
use domain::MessageId;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves a flow behind API Gateway until Lambda ends the process.
pub fn serve<F>(needs: Needs, flow: &F) -> ExitCode
where
    F: AsyncFn(&App, Request) -> Result<Reply, Error>,
{
    start(needs, async |config| {
        let sdk = network::sdk_config(&config.aws, network::http_client());
        let app = App::new(&config, &sdk, Clock::System, Entropy::system());
        let app = &app;
        lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| {
            answer(app, event.payload, flow)
        }))
        .await
    })
}

/// Serves the mailer behind the outbox's stream until Lambda ends the process.
pub fn serve_stream<F>(handle: &F) -> ExitCode
where
    F: AsyncFn(&MailerApp, &MessageId) -> Result<(), Error>,
{
    start(Needs::Email, async |config| {
        let sdk = network::sdk_config(&config.aws, network::http_client());
        let app = App::new(&config, &sdk, Clock::System, Entropy::system());
        let outbound = Outbound::new(&config, &sdk).ok_or("the configuration names no sender")?;
        let app = &MailerApp { app, outbound };
        lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| async move {
            Ok::<_, BoxError>(answer_stream(app, event.payload, handle).await)
        }))
        .await
    })
}

fn start<R>(needs: Needs, run: R) -> ExitCode
where
    R: AsyncFnOnce(Config) -> Result<(), BoxError>,
{
    let config = match Config::from_environment(needs) {
        Ok(config) => config,
        Err(incomplete) => {
            tracing_subscriber::fmt().json().init();
            tracing::error!(error = chain(&incomplete), "cannot start");
            return ExitCode::FAILURE;
        }
    };
    tracing_subscriber::fmt()
        .json()
        .with_max_level(config.log_level)
        .with_target(false)
        .with_span_list(false)
        .init();
    // A panic's message may hold input, so only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(place = panic.location().map(ToString::to_string), "panicked");
    }));
    // One request at a time, as Lambda has it: one thread.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match tokio.map_err(BoxError::from).and_then(|tokio| tokio.block_on(run(config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&*error), "ended");
            ExitCode::FAILURE
        }
    }
}

/// Answers one request. Whatever happens inside, the visitor gets a page.
pub async fn answer<F>(
    app: &App,
    event: ApiGatewayV2httpRequest,
    flow: &F,
) -> Result<ApiGatewayV2httpResponse, BoxError>
where
    F: AsyncFn(&App, Request) -> Result<Reply, Error>,
{
    let request = Request::read(event);
    let (json, texts) = (request.wants_json(), app.texts(request.language()));
    let (request_id, method, path) = (request.id.clone(), request.method.clone(), request.path.clone());
    let about = request.about.clone();
    let outcome = match request.check_origin() {
        Ok(()) => AssertUnwindSafe(flow(app, request)).catch_unwind().await,
        Err(problem) => Ok(Err(problem.into())),
    };
    let reply = match outcome {
        Ok(Ok(reply)) => reply,
        Ok(Err(Error::NotSignedIn)) => Reply::to_sign_in(&texts),
        Ok(Err(Error::Refused(problem))) => {
            tracing::warn!(request_id, code = problem.code.as_str(), "refused");
            Reply::problem(problem, texts)
        }
        Ok(Err(error @ Error::Internal(_))) => {
            tracing::error!(request_id, error = chain(&error), "failed");
            Reply::problem(Code::Internal.into(), texts)
        }
        Err(_) => {
            tracing::error!(request_id, "failed by a panic");
            Reply::problem(Code::Internal.into(), texts)
        }
    };
    let (status, code) = (reply.status(json).as_u16(), reply.code().map(Code::as_str));
    tracing::info!(request_id, account_id = about.account_id(), %method, path, status, code, "answered");
    Ok(reply.into_response(json)?)
}

/// Handles a batch of the outbox's stream and names the records that have to come again.
///
/// The stream starts again at the first failure it is told of, so the records are taken in order and those
/// behind a failure are left alone.
pub async fn answer_stream<F>(app: &MailerApp, event: StreamEvent, handle: &F) -> DynamoDbEventResponse
where
    F: AsyncFn(&MailerApp, &MessageId) -> Result<(), Error>,
{
    let mut failures = DynamoDbEventResponse::default();
    for record in event.records {
        let Some(id) = record.change.keys.get("message_id").and_then(message_id) else {
            tracing::error!(event_id = record.event_id, "a stream record without message_id was skipped");
            continue;
        };
        let outcome = AssertUnwindSafe(handle(app, &id)).catch_unwind().await;
        let error = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => chain(&error),
            Err(_) => "panicked".to_owned(),
        };
        tracing::error!(message_id = id.as_str(), error, "a mail request failed and will be tried again");
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = record.change.sequence_number;
        failures.batch_item_failures.push(failure);
        break;
    }
    failures
}

fn message_id(key: &serde_dynamo::AttributeValue) -> Option<MessageId> {
    match key {
        serde_dynamo::AttributeValue::S(id) => Some(MessageId::from_stored(id)),
        _ => None,
    }
}
