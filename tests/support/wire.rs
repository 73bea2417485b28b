//! The connection to AWS: every call passes the checks of the local stack (permissions, faults), is carried out by the
//! embedded database, the local EventBridge, the local KMS or the local SES, and is recorded.
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dev::aws::checks::{Checks, Decision};
use dev::aws::event_bridge;
use dev::aws::faults::{Fault, FaultKind, Faults};
use dev::aws::iam::Principal;
use dev::aws::operations::{Capacity, Operation};
use dev::aws::request::{AwsRequest, transaction_conflict};
use dev::aws::response::AwsResponse;
use dev::aws::ses::{self, Ses};
use dev::events::Events;
use dev::mailbox::Mailbox;
use dynoxide::Database;
use serde_json::Value;

use super::dynamodb;
use super::told::assert_told;
use super::world::template;

/// One call to AWS, without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who signed it: the function's name, or `operator`.
    pub function: String,
    /// Operation and table, for a transaction with its parts: `GetItem LinksTable`; for KMS its key: `Sign SigningKeyOne`.
    pub what: String,
    /// The error's name; none for success.
    pub error: Option<String>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, " -> {error}"))
    }
}

/// The connection of one world to AWS; clones share it.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    database: Database,
    checks: Checks,
    ses: Ses,
    calls: Mutex<Vec<Call>>,
    /// The body of each `SendEmail`.
    sent: Mutex<Vec<Value>>,
    /// Each expression that was sent to DynamoDB.
    expressions: Mutex<BTreeSet<String>>,
    conflicts_left: AtomicU32,
    /// Items that a transaction is writing at this moment.
    locked: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// A connection to this database, with an empty mailbox.
    pub fn new(database: Database) -> Self {
        Self(Arc::new(Inner {
            database,
            checks: Checks::of(template(), Faults::default()),
            ses: Ses::new(template(), Mailbox::default(), Events::on_buses(&template().buses)),
            calls: Mutex::default(),
            sent: Mutex::default(),
            expressions: Mutex::default(),
            conflicts_left: AtomicU32::default(),
            locked: Mutex::default(),
        }))
    }

    /// The HTTP client that uses this connection.
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// The emails that SES accepted.
    pub fn mailbox(&self) -> &Mailbox {
        self.0.ses.mailbox()
    }

    /// What becomes of emails, and the events about them.
    pub fn ses(&self) -> &Ses {
        &self.0.ses
    }

    /// Lets the next calls of an operation fail.
    pub fn fail(&self, operation: &str, times: u32, kind: FaultKind) {
        let operation = Some(operation.to_owned());
        self.0.checks.faults.add(Fault { function: None, operation, table: None, times, kind });
    }

    /// Lets the next calls of an operation by this function fail.
    pub fn fail_for(&self, function: &str, operation: &str, times: u32, kind: FaultKind) {
        let (function, operation) = (Some(function.to_owned()), Some(operation.to_owned()));
        self.0.checks.faults.add(Fault { function, operation, table: None, times, kind });
    }

    /// Lets the next calls of an operation on this table fail.
    pub fn fail_on(&self, table: &str, operation: &str, times: u32, kind: FaultKind) {
        let (operation, table) = (Some(operation.to_owned()), Some(table.to_owned()));
        self.0.checks.faults.add(Fault { function: None, operation, table, times, kind });
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.0.checks.faults.clear();
    }

    /// From now on two simultaneous transactions on one item conflict, as in DynamoDB. This happens a hundred times at
    /// most: on one busy processor fifty transactions would otherwise conflict for longer than a function retries.
    pub fn contend(&self) {
        self.0.conflicts_left.store(100, Ordering::Relaxed);
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0.calls).clone()
    }

    /// Each request to send an email so far, as SES got it.
    pub fn sent(&self) -> Vec<Value> {
        lock(&self.0.sent).clone()
    }

    /// Each condition, update and query so far, as it was written, without its values.
    pub fn expressions(&self) -> BTreeSet<String> {
        lock(&self.0.expressions).clone()
    }

    /// Sends any request with a key, as a thief of that key could; returns the name of the error, and its message.
    pub async fn send(&self, key: &str, operation: &str, body: &Value) -> Result<(), (String, String)> {
        let caller = self.0.checks.keys.owner(&format!("Credential={key}/")).expect("the key is known");
        let request = AwsRequest::DynamoDb(Operation::new(operation, body));
        let response = self.call(caller, &request).await.expect("no fault is asked for");
        match response.error {
            None => Ok(()),
            Some(error) => Err((error, String::from_utf8_lossy(&response.body).into_owned())),
        }
    }

    async fn pass(&self, request: &HttpRequest) -> Result<AwsResponse, ConnectorError> {
        // Other tasks run in between, as on a network.
        tokio::task::yield_now().await;
        let authorization = request.headers().get("authorization").unwrap_or_default();
        let caller = self.0.checks.keys.owner(authorization).expect("every app signs with a known key");
        let body = request.body().bytes().unwrap_or_default();
        let (what, outcome) = if let Some(target) = request.headers().get("x-amz-target") {
            let body = serde_json::from_slice(body).expect("the SDK sends JSON");
            expressions_in(&body, &mut lock(&self.0.expressions));
            let request = AwsRequest::of_target(target, &body);
            assert_told(request.operation(), &body);
            (describe(&request, &body), self.call(caller, &request).await)
        } else if let Some((_, address)) = request.uri().split_once("/v2/email/suppression/addresses/") {
            let address = address.replace("%40", "@");
            let request = AwsRequest::DeleteSuppressed(&address);
            (request.operation().to_owned(), self.call(caller, &request).await)
        } else {
            lock(&self.0.sent).push(serde_json::from_slice(body).expect("the SDK sends JSON"));
            ("SendEmail".to_owned(), self.call(caller, &AwsRequest::SendEmail(body)).await)
        };
        let error = match &outcome {
            Ok(response) => response.error.clone(),
            Err(_) => Some("LostAnswer".to_owned()),
        };
        lock(&self.0.calls).push(Call { function: caller.name().to_owned(), what, error });
        outcome
    }

    async fn call(
        &self,
        caller: &Principal,
        request: &AwsRequest<'_>,
    ) -> Result<AwsResponse, ConnectorError> {
        let lost = |why: &str| ConnectorError::io(why.into());
        match self.0.checks.decide(caller, request) {
            Decision::Respond(response) => Ok(response),
            // All functions share this process, so a lost connection stands for a killed one.
            Decision::KillCaller => Err(lost("the process was killed")),
            Decision::CarryOut { delay, lose_response, refused } => {
                wait(delay).await;
                let response = match request {
                    AwsRequest::DynamoDb(operation) => self.carry_out(operation).await,
                    AwsRequest::EventBridge(request) => {
                        event_bridge::respond(self.0.ses.events(), request, refused.as_ref())
                    }
                    AwsRequest::Kms(request) => self.0.checks.kms.respond(request),
                    AwsRequest::SendEmail(body) => ses::send_email(&self.0.ses, body),
                    AwsRequest::DeleteSuppressed(address) => self.0.ses.remove_suppressed(address),
                };
                if lose_response { Err(lost("the connection closed")) } else { Ok(response) }
            }
        }
    }

    async fn carry_out(&self, operation: &Operation<'_>) -> AwsResponse {
        let contended = self.0.conflicts_left.load(Ordering::Relaxed) > 0;
        let keys = if contended { written_keys(operation.body) } else { Vec::new() };
        if !self.lock_items(&keys) {
            self.0.conflicts_left.fetch_sub(1, Ordering::Relaxed);
            return transaction_conflict(operation);
        }
        if !keys.is_empty() {
            tokio::task::yield_now().await;
        }
        let (status, body) = dynamodb::carry_out(&self.0.database, operation.name, operation.body);
        lock(&self.0.locked).retain(|key| !keys.contains(key));
        let status = status.try_into().expect("a status is a number of three digits");
        AwsResponse::of_dynamodb(status, body.into_bytes(), Capacity::default())
    }

    /// Locks all of the items, or none if one is locked.
    fn lock_items(&self, keys: &[String]) -> bool {
        let mut locked = lock(&self.0.locked);
        if keys.iter().any(|key| locked.contains(key)) {
            return false;
        }
        locked.extend(keys.iter().cloned());
        true
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            if let Some(capture) = request.extension::<CaptureSmithyConnection>() {
                // The SDK closes connections that brought a 500, and complains in the log when there is none.
                capture.set_connection_retriever(|| {
                    Some(ConnectionMetadata::builder().proxied(false).poison_fn(|| {}).build())
                });
            }
            let answer = wire.pass(&request).await?;
            let status = answer.status.as_u16().try_into().expect("a status is a number of three digits");
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body.as_slice()));
            for (name, value) in answer.headers() {
                response.headers_mut().insert(name, value.to_owned());
            }
            Ok(response)
        })
    }
}

fn describe(request: &AwsRequest<'_>, body: &Value) -> String {
    let operation = request.operation();
    if let AwsRequest::Kms(request) = request {
        let key = request.key_id().unwrap_or("?");
        return format!("{operation} {}", key.rsplit('/').next().unwrap_or(key));
    }
    if let AwsRequest::EventBridge(request) = request {
        let bus = request.entries().first().and_then(|entry| entry["EventBusName"].as_str());
        return format!("{operation} {}", bus.unwrap_or("default"));
    }
    let table = |part: &Value| part["TableName"].as_str().unwrap_or("?").to_owned();
    if let Some(items) = body["TransactItems"].as_array() {
        let parts = items.iter().flat_map(|item| item.as_object().into_iter().flatten());
        let parts: Vec<_> = parts.map(|(verb, part)| format!("{verb} {}", table(part))).collect();
        return format!("{operation}({})", parts.join(", "));
    }
    match body["IndexName"].as_str() {
        Some(index) => format!("{operation} {}/{index}", table(body)),
        None => format!("{operation} {}", table(body)),
    }
}

fn expressions_in(body: &Value, found: &mut BTreeSet<String>) {
    let parts = body.as_object().into_iter().flatten();
    for (name, part) in parts {
        match part {
            Value::String(expression) if name.ends_with("Expression") => {
                found.insert(expression.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| expressions_in(item, found)),
            part => expressions_in(part, found),
        }
    }
}

/// The items that a transaction writes, each as one text.
fn written_keys(body: &Value) -> Vec<String> {
    let items = body["TransactItems"].as_array().into_iter().flatten();
    let parts = items.flat_map(|item| item.as_object().into_iter().flatten());
    parts
        .map(|(_, part)| {
            let name = part["TableName"].as_str().unwrap_or_default();
            let item = if part["Item"].is_null() { &part["Key"] } else { &part["Item"] };
            let table = template().tables.iter().find(|table| table.name == name).expect("a known table");
            let schema = table.definition["KeySchema"].as_array().expect("tables have keys");
            let attributes = schema.iter().filter_map(|key| key["AttributeName"].as_str());
            let key: Vec<_> = attributes.map(|attribute| item[attribute].to_string()).collect();
            format!("{name} {}", key.join(" "))
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "it simulates a slow network")]
async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
