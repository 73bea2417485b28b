//! The AWS endpoint: DynamoDB, EventBridge, KMS and SES on the third port.
//!
//! Every call takes the same steps: who signs, may they, shall it fail, carry it out, count it. Signatures are not
//! verified, only the access key in them is read. Knows nothing of flows or pages.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::calls::{Call, Calls};
use super::checks::{Checks, Decision};
use super::connection::ConnectionCutter;
use super::database::WriteSignal;
use super::event_bridge;
use super::faults::Fault;
use super::iam::Principal;
use super::operations::Operation;
use super::request::AwsRequest;
use super::response::{AwsResponse, Service};
use super::ses::{self, Ses};
use crate::lambda::runtime_api::RuntimeApi;

/// DynamoDB takes requests of up to 16 MB, SES of up to 40 MB.
const MAX_BODY: usize = 40 * 1024 * 1024;

/// The headers of a call that the database needs to see.
const FORWARDED: [&str; 4] = ["authorization", "x-amz-date", "x-amz-target", "content-type"];

/// The endpoint and all that it needs; clones share it.
#[derive(Clone)]
pub struct AwsEndpoint {
    /// Decides about each call.
    pub checks: Checks,
    /// The address of the database.
    pub database: SocketAddr,
    /// The client that reaches it, with its pool of connections.
    pub client: reqwest::Client,
    /// Takes the emails, and has the buses for events.
    pub ses: Ses,
    /// The log of calls.
    pub calls: Calls,
    /// Knows which invocation a call belongs to.
    pub runtime: RuntimeApi,
    /// Tells the readers of streams about a write.
    pub writes: WriteSignal,
}

impl AwsEndpoint {
    /// The routes of the third port, the Runtime API among them.
    pub fn router(self) -> Router {
        let runtime = self.runtime.router();
        let faults = Router::new()
            .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
            .with_state(self.clone());
        self.aws("").merge(faults).merge(runtime)
    }

    /// The services alone, below a path.
    pub fn aws(self, prefix: &str) -> Router {
        Router::new()
            .route(&format!("{prefix}/"), post(json_protocol))
            .route(&format!("{prefix}/v2/email/outbound-emails"), post(send_email))
            .route(&format!("{prefix}/v2/email/suppression/addresses/{{address}}"), delete(remove_suppressed))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(self)
    }

    fn caller(&self, headers: &HeaderMap) -> Result<&Principal, (&'static str, &'static str)> {
        let authorization = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
        self.checks
            .keys
            .owner(authorization)
            .ok_or(("UnrecognizedClientException", "The security token included in the request is invalid."))
    }

    /// Checks a call, carries it out and counts it. `None` if its caller is killed.
    async fn call(
        &self,
        caller: &Principal,
        request: &AwsRequest<'_>,
        connection: &ConnectionCutter,
        headers: &HeaderMap,
    ) -> Option<AwsResponse> {
        let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
        let environment = self.runtime.caller(caller.name(), token);
        let response = match self.checks.decide(caller, request) {
            Decision::Respond(response) => response,
            Decision::KillCaller => {
                self.runtime.kill(environment);
                return None;
            }
            Decision::CarryOut { delay, lose_response, refused } => {
                // A sleep of no time still takes a tick of the timer.
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                if lose_response {
                    connection.cut();
                }
                match request {
                    AwsRequest::DynamoDb(operation) => self.forward(headers, operation).await,
                    AwsRequest::EventBridge(request) => {
                        event_bridge::respond(self.ses.events(), request, refused.as_ref())
                    }
                    AwsRequest::Kms(request) => self.checks.kms.respond(request),
                    AwsRequest::SendEmail(body) => ses::send_email(&self.ses, body),
                    AwsRequest::DeleteSuppressed(address) => self.ses.remove_suppressed(address),
                }
            }
        };
        self.calls.record(Call {
            function: caller.name().to_owned(),
            request_id: self.runtime.current(environment),
            operation: request.operation().to_owned(),
            tables: request.tables(),
            capacity: response.capacity,
            error: response.error.clone(),
        });
        Some(response)
    }

    /// Forwards a request to the database. The database always reports the consumed capacity; the caller sees it only
    /// if it asked for it.
    async fn forward(&self, headers: &HeaderMap, operation: &Operation<'_>) -> AwsResponse {
        let mut body = operation.body.clone();
        let asked = body.get("ReturnConsumedCapacity").is_some_and(|level| level != "NONE");
        if operation.tells_capacity() && !asked {
            body["ReturnConsumedCapacity"] = json!("TOTAL");
        }
        let forwarded: HeaderMap = FORWARDED
            .iter()
            .filter_map(|name| Some((HeaderName::from_static(name), headers.get(*name)?.clone())))
            .collect();
        let sent = self
            .client
            .post(format!("http://{}/", self.database))
            .headers(forwarded)
            .body(body.to_string())
            .send()
            .await;
        let (status, bytes) = match sent {
            Ok(response) => (response.status(), response.bytes().await.unwrap_or_default()),
            Err(error) => {
                eprintln!("the embedded database does not answer: {error}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return AwsResponse::failure(Service::DynamoDb, status, "InternalServerError", "");
            }
        };
        let mut answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let capacity = operation.capacity(status.is_success(), &answer);
        let hidden =
            !asked && answer.as_object_mut().and_then(|map| map.remove("ConsumedCapacity")).is_some();
        let body = if hidden { answer.to_string().into_bytes() } else { bytes.to_vec() };
        AwsResponse::of_dynamodb(status, body, capacity)
    }
}

/// DynamoDB, EventBridge and KMS share a path: their protocols name service and operation in a header.
async fn json_protocol(
    State(endpoint): State<AwsEndpoint>,
    ConnectInfo(connection): ConnectInfo<ConnectionCutter>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let body = serde_json::from_slice::<Value>(&bytes);
    let request = AwsRequest::of_target(target, body.as_ref().unwrap_or(&Value::Null));
    let refused = |error, message| {
        AwsResponse::failure(request.service(), StatusCode::BAD_REQUEST, error, message).into_response()
    };
    let caller = match endpoint.caller(&headers) {
        Ok(caller) => caller,
        Err((error, message)) => return refused(error, message),
    };
    if body.is_err() {
        return refused("SerializationException", "");
    }
    let Some(response) = endpoint.call(caller, &request, &connection, &headers).await else {
        return no_response().await;
    };
    if request.writes() && response.status.is_success() {
        endpoint.writes.send();
    }
    response.into_response()
}

async fn send_email(
    State(endpoint): State<AwsEndpoint>,
    ConnectInfo(connection): ConnectInfo<ConnectionCutter>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    to_ses(&endpoint, &AwsRequest::SendEmail(&body), &connection, &headers).await
}

async fn remove_suppressed(
    State(endpoint): State<AwsEndpoint>,
    ConnectInfo(connection): ConnectInfo<ConnectionCutter>,
    Path(address): Path<String>,
    headers: HeaderMap,
) -> Response {
    to_ses(&endpoint, &AwsRequest::DeleteSuppressed(&address), &connection, &headers).await
}

async fn to_ses(
    endpoint: &AwsEndpoint,
    request: &AwsRequest<'_>,
    connection: &ConnectionCutter,
    headers: &HeaderMap,
) -> Response {
    let caller = match endpoint.caller(headers) {
        Ok(caller) => caller,
        Err((error, message)) => {
            return AwsResponse::failure(Service::Ses, StatusCode::FORBIDDEN, error, message).into_response();
        }
    };
    match endpoint.call(caller, request, connection, headers).await {
        Some(response) => response.into_response(),
        None => no_response().await,
    }
}

/// A killed caller waits for no response: the wait ends with its connection.
async fn no_response() -> Response {
    std::future::pending().await
}

async fn list_faults(State(endpoint): State<AwsEndpoint>) -> Json<Vec<Fault>> {
    Json(endpoint.checks.faults.left())
}

/// Wants `Content-Type: application/json`, which a page of another site cannot send without asking first.
async fn add_fault(State(endpoint): State<AwsEndpoint>, Json(fault): Json<Fault>) -> StatusCode {
    endpoint.checks.faults.add(fault);
    StatusCode::CREATED
}

async fn clear_faults(State(endpoint): State<AwsEndpoint>) -> StatusCode {
    endpoint.checks.faults.clear();
    StatusCode::NO_CONTENT
}
