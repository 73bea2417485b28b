//! The AWS side: what stands before the embedded DynamoDB and SES, on the third port.
//!
//! Every call passes the same steps: who signs, may they, shall it fail, carry it out, count it. Signatures
//! are not verified, only the access key in them is read. Knows nothing of flows or pages.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::aws::calls::{Call, Calls};
use crate::aws::connection::ConnectionCutter;
use crate::aws::database::WriteSignal;
use crate::aws::faults::{Fault, Faults, Kind};
use crate::aws::iam::{AccessKeys, Principal};
use crate::aws::operations::{Capacity, Operation, error_body};
use crate::aws::ses;
use crate::lambda::runtime_api::RuntimeApi;
use crate::mailbox::Mailbox;
use crate::random;
use crate::template::statement::Demand;
use crate::template::{ACCOUNT_ID, REGION};

/// DynamoDB takes requests of up to 16 MB, SES of up to 40 MB.
const MAX_BODY: usize = 40 * 1024 * 1024;

/// The headers of a call that the database needs to see.
const FORWARDED: [&str; 4] = ["authorization", "x-amz-date", "x-amz-target", "content-type"];

/// The front and all that it needs; clones share it.
#[derive(Clone)]
pub struct AwsEndpoint {
    /// Who owns which access key.
    pub keys: AccessKeys,
    /// Where the database answers.
    pub database: SocketAddr,
    /// The client that reaches it, with its pool of connections.
    pub client: reqwest::Client,
    /// Where mails go.
    pub mailbox: Mailbox,
    /// The log of calls.
    pub calls: Calls,
    /// The faults to come.
    pub faults: Faults,
    /// Tells which invocation a call belongs to.
    pub runtime: RuntimeApi,
    /// Tells the readers of streams about a write.
    pub writes: WriteSignal,
}

/// What a call was answered, before it is a response.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    error: Option<String>,
    capacity: Capacity,
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

    /// DynamoDB and SES alone, below a path.
    pub fn aws(self, prefix: &str) -> Router {
        Router::new()
            .route(&format!("{prefix}/"), post(dynamodb))
            .route(&format!("{prefix}/v2/email/outbound-emails"), post(send_email))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(self)
    }

    fn signer(&self, headers: &HeaderMap) -> Result<&Principal, (&'static str, &'static str)> {
        let authorization = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
        self.keys
            .owner(authorization)
            .ok_or(("UnrecognizedClientException", "The security token included in the request is invalid."))
    }

    fn record(&self, who: &Principal, operation: &str, tables: &[String], answer: &Answer) {
        self.calls.record(Call {
            function: who.name().to_owned(),
            request_id: self.runtime.current(who.name()),
            operation: operation.to_owned(),
            tables: tables.to_vec(),
            capacity: answer.capacity,
            error: answer.error.clone(),
        });
    }

    /// Kills the caller, who then waits for no answer: the wait ends with its connection.
    async fn kill(&self, who: &Principal) -> Response {
        self.runtime.kill(who.name());
        std::future::pending().await
    }

    /// Passes a DynamoDB request on; `asked` is whether the caller wants to see the capacity itself.
    async fn forward(&self, headers: &HeaderMap, operation: &Operation<'_>, mut body: Value) -> Answer {
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
                return dynamodb_failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "");
            }
        };
        let mut answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let capacity = operation.capacity(status.is_success(), &answer);
        let error = answer["__type"].as_str().map(error_name);
        let hidden =
            !asked && answer.as_object_mut().and_then(|map| map.remove("ConsumedCapacity")).is_some();
        let body = if hidden { answer.to_string().into_bytes() } else { bytes.to_vec() };
        Answer { status, body, error, capacity }
    }
}

async fn dynamodb(
    State(front): State<AwsEndpoint>,
    ConnectInfo(connection): ConnectInfo<ConnectionCutter>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.split_once('.')).map_or("", |(_, name)| name);
    let who = match front.signer(&headers) {
        Ok(who) => who,
        Err((kind, message)) => {
            return dynamodb_failure(StatusCode::BAD_REQUEST, kind, message).into_dynamodb();
        }
    };
    let Ok(body) = serde_json::from_slice::<Value>(&bytes) else {
        let failure = dynamodb_failure(StatusCode::BAD_REQUEST, "SerializationException", "");
        return failure.into_dynamodb();
    };
    let operation = Operation::new(name, &body);
    let tables = operation.tables();
    let answer = if let Some(refused) = operation.demands().iter().find(|demand| !who.may(demand)) {
        dynamodb_failure(StatusCode::BAD_REQUEST, "AccessDeniedException", &who.refusal(refused))
    } else {
        match front.faults.take(who.name(), name, &tables) {
            Some(Kind::Throttle) => dynamodb_failure(
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
            ),
            Some(Kind::ServerError) => dynamodb_failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                "Internal server error",
            ),
            Some(Kind::TransactionConflict) => transaction_conflict(name, &body),
            Some(Kind::Reject) => dynamodb_failure(
                StatusCode::BAD_REQUEST,
                "ValidationException",
                "One or more parameter values were invalid",
            ),
            Some(Kind::Kill) => return front.kill(who).await,
            other => {
                if let Some(Kind::Delay { delay_ms }) = other {
                    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                }
                if other == Some(Kind::LostAnswer) {
                    connection.cut();
                }
                front.forward(&headers, &operation, body.clone()).await
            }
        }
    };
    front.record(who, name, &tables, &answer);
    if operation.writes() && answer.status.is_success() {
        front.writes.send();
    }
    answer.into_dynamodb()
}

async fn send_email(
    State(front): State<AwsEndpoint>,
    ConnectInfo(connection): ConnectInfo<ConnectionCutter>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    const OPERATION: &str = "SendEmail";
    let who = match front.signer(&headers) {
        Ok(who) => who,
        Err((kind, message)) => return ses_failure(StatusCode::FORBIDDEN, kind, message).into_ses(),
    };
    let denied = send_demands(&body).into_iter().find(|demand| !who.may(demand));
    let failure = if let Some(denied) = denied {
        Some(ses_failure(StatusCode::FORBIDDEN, "AccessDeniedException", &who.refusal(&denied)))
    } else {
        match front.faults.take(who.name(), OPERATION, &[]) {
            Some(Kind::Throttle) => Some(ses_failure(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                "Maximum sending rate exceeded.",
            )),
            Some(Kind::ServerError | Kind::TransactionConflict) => Some(ses_failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServiceErrorException",
                "Internal error",
            )),
            Some(Kind::Reject) => Some(ses_failure(
                StatusCode::BAD_REQUEST,
                "MessageRejected",
                "Email address is not verified. The following identities failed the check in region US-EAST-1",
            )),
            Some(Kind::Kill) => return front.kill(who).await,
            Some(Kind::Delay { delay_ms }) => {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                None
            }
            Some(Kind::LostAnswer) => {
                connection.cut();
                None
            }
            None => None,
        }
    };
    if let Some(failure) = failure {
        front.record(who, OPERATION, &[], &failure);
        return failure.into_ses();
    }
    let response = ses::send_email(&front.mailbox, &body).await;
    let kind = response.headers().get("x-amzn-errortype").and_then(|kind| kind.to_str().ok());
    let error = kind.map(error_name);
    let counted =
        Answer { status: response.status(), body: Vec::new(), error, capacity: Capacity::default() };
    front.record(who, OPERATION, &[], &counted);
    response
}

/// The permissions that a `SendEmail` needs: to send from the address (on its own identity or on its domain's), and
/// to use the configuration set it names.
pub fn send_demands(body: &[u8]) -> Vec<Demand> {
    let from = ses::from_address(body).unwrap_or_default();
    let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let arn = |kind: &str, name: &str| format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:{kind}/{name}");
    let demand = |resources: Vec<String>| Demand {
        action: "ses:SendEmail".to_owned(),
        resources,
        context: BTreeMap::from([("ses:FromAddress".to_owned(), from.clone())]),
    };
    let set = ses::configuration_set(body).map(|name| demand(vec![arn("configuration-set", &name)]));
    std::iter::once(demand(vec![arn("identity", domain), arn("identity", &from)])).chain(set).collect()
}

fn transaction_conflict(operation: &str, body: &Value) -> Answer {
    let message = "Transaction is ongoing for the item";
    if !matches!(operation, "TransactWriteItems" | "TransactGetItems") {
        return dynamodb_failure(StatusCode::BAD_REQUEST, "TransactionConflictException", message);
    }
    let items = body["TransactItems"].as_array().map_or(1, |items| items.len().max(1));
    let mut reasons = vec![json!({ "Code": "None" }); items];
    reasons[0] = json!({ "Code": "TransactionConflict", "Message": message });
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let mut answer = dynamodb_failure(StatusCode::BAD_REQUEST, "TransactionCanceledException", "");
    let mut body = error_body("TransactionCanceledException", &message);
    body["CancellationReasons"] = Value::Array(reasons);
    answer.body = body.to_string().into_bytes();
    answer
}

fn dynamodb_failure(status: StatusCode, kind: &str, message: &str) -> Answer {
    let body = error_body(kind, message).to_string().into_bytes();
    Answer { status, body, error: Some(kind.to_owned()), capacity: Capacity::default() }
}

fn ses_failure(status: StatusCode, kind: &str, message: &str) -> Answer {
    let body = json!({ "message": message }).to_string().into_bytes();
    Answer { status, body, error: Some(kind.to_owned()), capacity: Capacity::default() }
}

impl Answer {
    fn into_dynamodb(self) -> Response {
        let headers =
            [("content-type", "application/x-amz-json-1.0".to_owned()), ("x-amzn-requestid", random::uuid())];
        (self.status, headers, self.body).into_response()
    }

    fn into_ses(self) -> Response {
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("x-amzn-requestid", random::uuid()),
            ("x-amzn-errortype", self.error.unwrap_or_default()),
        ];
        (self.status, headers, self.body).into_response()
    }
}

/// `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:…` without what surrounds it.
fn error_name(kind: impl AsRef<str>) -> String {
    let kind = kind.as_ref();
    let kind = kind.rsplit('#').next().unwrap_or(kind);
    kind.split(':').next().unwrap_or(kind).to_owned()
}

async fn list_faults(State(front): State<AwsEndpoint>) -> Json<Vec<Fault>> {
    Json(front.faults.left())
}

/// Wants `Content-Type: application/json`, which a page of another site cannot send without asking first.
async fn add_fault(State(front): State<AwsEndpoint>, Json(fault): Json<Fault>) -> StatusCode {
    front.faults.add(fault);
    StatusCode::CREATED
}

async fn clear_faults(State(front): State<AwsEndpoint>) -> StatusCode {
    front.faults.clear();
    StatusCode::NO_CONTENT
}
