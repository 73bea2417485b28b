//! The Lambda Runtime API: hands invocations to function processes and takes their answers.
//!
//! Follows <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. One process serves one
//! invocation at a time, as one execution environment does; the next ones wait in line. Knows nothing of
//! HTTP APIs or streams: an invocation is bytes in, bytes out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use crate::template::{ACCOUNT_ID, REGION, Template};
use crate::{clock, random};

/// The largest answer that Lambda takes (6 MB), and a little for errors.
const MAX_ANSWER: usize = 6 * 1024 * 1024 + 4096;

/// An invocation that ended well.
#[derive(Debug, Clone)]
pub struct Completed {
    /// The invocation's id.
    pub request_id: String,
    /// The function's answer.
    pub payload: Bytes,
}

/// An invocation that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The invocation's id.
    pub request_id: String,
    /// Why.
    pub reason: Failure,
}

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function answered with an error.
    Error {
        /// The error's type, as the function says it.
        kind: String,
        /// The error's message.
        message: String,
    },
    /// The process ended before it answered.
    Exited,
    /// No answer within the function's timeout.
    TimedOut,
    /// There is no such function, or its process cannot be kept alive.
    Unavailable,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error { kind, message } => write!(f, "{kind}: {message}"),
            Self::Exited => f.write_str("the process ended before it answered"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unavailable => f.write_str("is not running"),
        }
    }
}

/// The Runtime API of all functions; clones share it.
#[derive(Debug, Clone)]
pub struct RuntimeApi(Arc<BTreeMap<String, Slot>>);

/// What is known of one function.
#[derive(Debug)]
struct Slot {
    name: String,
    timeout: Duration,
    /// Run by a person, perhaps in a debugger: no timeout ends it.
    by_hand: bool,
    waiting: mpsc::UnboundedSender<Invocation>,
    line: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Result<Bytes, Failure>>>>,
    /// The invocation that the process is at.
    current: Mutex<Option<String>>,
    process: watch::Sender<Process>,
    /// The id of the process, once one was started.
    process_id: Mutex<Option<u32>>,
}

/// How a function's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    /// It has not polled yet.
    Starting,
    /// It has polled.
    Polling,
    /// It has to be ended; Lambda throws an execution environment away after a timeout.
    Doomed,
    /// It died too often, or the stack stops: it is not started again.
    GivenUp,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    payload: Bytes,
    started: oneshot::Sender<()>,
    done: oneshot::Sender<Result<Bytes, Failure>>,
}

impl RuntimeApi {
    /// One line of invocations for each function. Those in `by_hand` are started by a person.
    pub fn new(template: &Template, by_hand: &[String]) -> Self {
        let slots = template.functions.iter().map(|function| {
            let (waiting, line) = mpsc::unbounded_channel();
            let slot = Slot {
                name: function.name.clone(),
                timeout: function.timeout,
                by_hand: by_hand.contains(&function.name),
                waiting,
                line: tokio::sync::Mutex::new(line),
                running: Mutex::default(),
                current: Mutex::default(),
                process: watch::Sender::new(Process::Starting),
                process_id: Mutex::default(),
            };
            (function.name.clone(), slot)
        });
        Self(Arc::new(slots.collect()))
    }

    /// The routes, for `AWS_LAMBDA_RUNTIME_API=http://<host>/runtime/<function>`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/runtime/{function}/2018-06-01/runtime/invocation/next", get(next))
            .route("/runtime/{function}/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/runtime/{function}/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/runtime/{function}/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(MAX_ANSWER))
            .with_state(self.clone())
    }

    /// Invokes a function and waits for its answer.
    ///
    /// The timeout counts from the moment the process takes the invocation, as in Lambda, where waiting in
    /// line does not happen. The invocation goes on when the caller stops waiting.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Completed, Failed> {
        let request_id = random::uuid();
        let (api, function, id) = (self.clone(), function.to_owned(), request_id.clone());
        let run = tokio::spawn(async move { api.run(&function, id, payload).await });
        match run.await.unwrap_or(Err(Failure::Unavailable)) {
            Ok(payload) => Ok(Completed { request_id, payload }),
            Err(reason) => Err(Failed { request_id, reason }),
        }
    }

    async fn run(&self, function: &str, request_id: String, payload: Bytes) -> Result<Bytes, Failure> {
        let slot = self.0.get(function).ok_or(Failure::Unavailable)?;
        if *slot.process.borrow() == Process::GivenUp {
            return Err(Failure::Unavailable);
        }
        let (started, taken) = oneshot::channel();
        let (done, answer) = oneshot::channel();
        let invocation = Invocation { request_id: request_id.clone(), payload, started, done };
        slot.waiting.send(invocation).map_err(|_| Failure::Unavailable)?;
        taken.await.map_err(|_| Failure::Unavailable)?;
        if slot.by_hand {
            return answer.await.unwrap_or(Err(Failure::Exited));
        }
        if let Ok(answer) = tokio::time::timeout(slot.timeout, answer).await {
            return answer.unwrap_or(Err(Failure::Exited));
        }
        lock(&slot.running).remove(&request_id);
        slot.process.send_replace(Process::Doomed);
        Err(Failure::TimedOut)
    }

    /// The invocation a function is at, to tell which one a call to AWS belongs to.
    pub fn current(&self, function: &str) -> Option<String> {
        self.0.get(function).and_then(|slot| lock(&slot.current).clone())
    }

    /// Says that the function's process was started.
    pub fn started(&self, function: &str, process_id: Option<u32>) {
        if let Some(slot) = self.0.get(function) {
            *lock(&slot.process_id) = process_id;
        }
    }

    /// The id of the function's process.
    pub fn process_id(&self, function: &str) -> Option<u32> {
        self.0.get(function).and_then(|slot| *lock(&slot.process_id))
    }

    /// Whether the function's process has asked for an invocation and waits for it.
    pub fn is_polling(&self, function: &str) -> bool {
        // A poll holds the line while it waits.
        self.0.get(function).is_some_and(|slot| slot.line.try_lock().is_err())
    }

    /// Waits until the function's process polls; `false` when it never will.
    pub async fn polled(&self, function: &str) -> bool {
        let Some(slot) = self.0.get(function) else { return false };
        let mut process = slot.process.subscribe();
        let settled = process.wait_for(|process| *process != Process::Starting).await;
        settled.is_ok_and(|process| *process == Process::Polling)
    }

    /// Has the function's process killed at once, whatever it is at. It is started again.
    pub fn kill(&self, function: &str) {
        if let Some(slot) = self.0.get(function) {
            slot.process.send_replace(Process::Doomed);
        }
    }

    /// Waits until the function's process has to be ended.
    pub async fn kill_wanted(&self, function: &str) {
        match self.0.get(function) {
            Some(slot) => {
                let ending = |process: &Process| matches!(process, Process::Doomed | Process::GivenUp);
                // The sender lives as long as the slot, so the wait ends with such a state.
                let _ = slot.process.subscribe().wait_for(ending).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Says that the function's process has ended; its invocation fails. Whether to start it again.
    pub fn exited(&self, function: &str) -> bool {
        let Some(slot) = self.0.get(function) else { return false };
        lock(&slot.current).take();
        for (_, done) in lock(&slot.running).drain() {
            // A caller that has gone away needs no answer.
            let _ = done.send(Err(Failure::Exited));
        }
        slot.process.send_if_modified(|process| {
            let again = *process != Process::GivenUp;
            if again {
                *process = Process::Starting;
            }
            again
        })
    }

    /// Says that the function's process will not be started again; everything in line fails.
    pub async fn give_up(&self, function: &str) {
        let Some(slot) = self.0.get(function) else { return };
        slot.process.send_replace(Process::GivenUp);
        // Dropping an invocation tells its caller.
        let mut line = slot.line.lock().await;
        while line.try_recv().is_ok() {}
    }

    /// Says that the stack stops: every process is ended and none started again.
    pub fn stop(&self) {
        for slot in self.0.values() {
            slot.process.send_replace(Process::GivenUp);
        }
    }

    fn finish(&self, function: &str, id: &str, result: Result<Bytes, Failure>) -> Response {
        let done = self.0.get(function).and_then(|slot| {
            let mut current = lock(&slot.current);
            if current.as_deref() == Some(id) {
                current.take();
            }
            lock(&slot.running).remove(id)
        });
        match done {
            Some(done) => {
                let _ = done.send(result);
                (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
            }
            None => problem(StatusCode::BAD_REQUEST, "InvalidRequestID", "There is no such invocation"),
        }
    }
}

async fn next(State(api): State<RuntimeApi>, Path(function): Path<String>) -> Response {
    let Some(slot) = api.0.get(&function) else { return unknown_function(&function) };
    slot.process.send_if_modified(|process| {
        // A process that answered too late polls again before it is ended.
        let first = *process == Process::Starting;
        if first {
            *process = Process::Polling;
        }
        first
    });
    if *slot.process.borrow() == Process::Doomed {
        return std::future::pending().await;
    }
    // When the process dies while it waits here, its connection closes and this future is dropped; nothing
    // is taken from the line then.
    let mut line = slot.line.lock().await;
    let Some(invocation) = line.recv().await else { return unknown_function(&function) };
    drop(line);
    let deadline = clock::epoch_millis(clock::now() + slot.timeout);
    lock(&slot.running).insert(invocation.request_id.clone(), invocation.done);
    *lock(&slot.current) = Some(invocation.request_id.clone());
    // A caller that has gone away does not stop the invocation.
    let _ = invocation.started.send(());
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn(&slot.name)),
        ("lambda-runtime-trace-id", trace_id()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, invocation.payload).into_response()
}

async fn response(
    State(api): State<RuntimeApi>,
    Path((function, id)): Path<(String, String)>,
    payload: Bytes,
) -> Response {
    api.finish(&function, &id, Ok(payload))
}

async fn error(
    State(api): State<RuntimeApi>,
    Path((function, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    api.finish(&function, &id, Err(reported(&headers, &body)))
}

/// The process says why it cannot start; it ends next, which its keeper sees.
async fn init_error(Path(function): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    eprintln!("{function} could not start: {}", reported(&headers, &body));
    (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
}

fn reported(headers: &HeaderMap, body: &[u8]) -> Failure {
    let report: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type").and_then(|kind| kind.to_str().ok());
    let text = |field: &str| report[field].as_str().map(str::to_owned);
    Failure::Error {
        kind: text("errorType").or(header.map(str::to_owned)).unwrap_or_else(|| "Unknown".to_owned()),
        message: text("errorMessage").unwrap_or_default(),
    }
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, axum::Json(json!({ "errorType": kind, "errorMessage": message }))).into_response()
}

fn unknown_function(function: &str) -> Response {
    problem(StatusCode::NOT_FOUND, "UnknownFunction", &format!("the template has no function {function}"))
}

/// The ARN of a function.
pub fn arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}")
}

/// A trace header in the form of X-Ray; nothing is sampled.
pub fn trace_id() -> String {
    let random = random::uuid().replace('-', "");
    format!("Root=1-{:08x}-{};Sampled=0", clock::now().unix_timestamp(), &random[..24])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
