//! The Lambda Runtime API: hands invocations to function processes and takes their responses.
//!
//! Follows <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. One process serves one
//! invocation at a time, as one execution environment does; the others wait in a queue. Knows nothing of
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

/// The largest response that Lambda takes (6 MB), and a little for errors.
const MAX_ANSWER: usize = 6 * 1024 * 1024 + 4096;

/// An invocation that ended well.
#[derive(Debug, Clone)]
pub struct Completed {
    /// The invocation's id.
    pub request_id: String,
    /// The function's response.
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
    /// The function reported an error.
    Error {
        /// The error's type, as the function says it.
        kind: String,
        /// The error's message.
        message: String,
    },
    /// The process ended before it responded.
    Exited,
    /// No response within the function's timeout.
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
pub struct RuntimeApi(Arc<BTreeMap<String, FunctionState>>);

/// The queue of one function, and the state of its process.
#[derive(Debug)]
struct FunctionState {
    name: String,
    timeout: Duration,
    /// Run by a developer, perhaps in a debugger: no timeout ends it.
    by_hand: bool,
    waiting: mpsc::UnboundedSender<Invocation>,
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Result<Bytes, Failure>>>>,
    /// The invocation that the process works on.
    current: Mutex<Option<String>>,
    process: watch::Sender<ProcessState>,
    /// The id of the process, once one was started.
    process_id: Mutex<Option<u32>>,
}

/// The state of a function's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessState {
    /// It has not polled yet.
    Starting,
    /// It has polled.
    Polling,
    /// It must be killed; Lambda discards an execution environment after a timeout.
    MustEnd,
    /// It exited too often, or the stack stops: it is not restarted.
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
    /// A queue for each function. A developer starts those in `by_hand`.
    pub fn new(template: &Template, by_hand: &[String]) -> Self {
        let states = template.functions.iter().map(|function| {
            let (waiting, queue) = mpsc::unbounded_channel();
            let state = FunctionState {
                name: function.name.clone(),
                timeout: function.timeout,
                by_hand: by_hand.contains(&function.name),
                waiting,
                queue: tokio::sync::Mutex::new(queue),
                running: Mutex::default(),
                current: Mutex::default(),
                process: watch::Sender::new(ProcessState::Starting),
                process_id: Mutex::default(),
            };
            (function.name.clone(), state)
        });
        Self(Arc::new(states.collect()))
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

    /// Invokes a function and waits for its response.
    ///
    /// The timeout counts from the moment the process takes the invocation, as in Lambda, which has no queue here.
    /// The invocation goes on when the caller stops waiting.
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
        let state = self.0.get(function).ok_or(Failure::Unavailable)?;
        if *state.process.borrow() == ProcessState::GivenUp {
            return Err(Failure::Unavailable);
        }
        let (started, taken) = oneshot::channel();
        let (done, answer) = oneshot::channel();
        let invocation = Invocation { request_id: request_id.clone(), payload, started, done };
        state.waiting.send(invocation).map_err(|_| Failure::Unavailable)?;
        taken.await.map_err(|_| Failure::Unavailable)?;
        if state.by_hand {
            return answer.await.unwrap_or(Err(Failure::Exited));
        }
        if let Ok(answer) = tokio::time::timeout(state.timeout, answer).await {
            return answer.unwrap_or(Err(Failure::Exited));
        }
        lock(&state.running).remove(&request_id);
        state.process.send_replace(ProcessState::MustEnd);
        Err(Failure::TimedOut)
    }

    /// The invocation that a function works on, to which its calls to AWS belong.
    pub fn current(&self, function: &str) -> Option<String> {
        self.0.get(function).and_then(|state| lock(&state.current).clone())
    }

    /// Says that the function's process was started.
    pub fn started(&self, function: &str, process_id: Option<u32>) {
        if let Some(state) = self.0.get(function) {
            *lock(&state.process_id) = process_id;
        }
    }

    /// The id of the function's process.
    pub fn process_id(&self, function: &str) -> Option<u32> {
        self.0.get(function).and_then(|state| *lock(&state.process_id))
    }

    /// Whether the function's process has asked for an invocation and waits for it.
    pub fn is_polling(&self, function: &str) -> bool {
        // A poll holds the line while it waits.
        self.0.get(function).is_some_and(|state| state.queue.try_lock().is_err())
    }

    /// Waits until the function's process polls; `false` when it never will.
    pub async fn polled(&self, function: &str) -> bool {
        let Some(state) = self.0.get(function) else { return false };
        let mut process = state.process.subscribe();
        let settled = process.wait_for(|process| *process != ProcessState::Starting).await;
        settled.is_ok_and(|process| *process == ProcessState::Polling)
    }

    /// Has the function's process killed at once, whatever it works on. It is restarted.
    pub fn kill(&self, function: &str) {
        if let Some(state) = self.0.get(function) {
            state.process.send_replace(ProcessState::MustEnd);
        }
    }

    /// Waits until the function's process must be killed.
    pub async fn kill_wanted(&self, function: &str) {
        match self.0.get(function) {
            Some(state) => {
                let ending =
                    |process: &ProcessState| matches!(process, ProcessState::MustEnd | ProcessState::GivenUp);
                // The sender lives as long as the state, so the wait ends with such a state.
                let _ = state.process.subscribe().wait_for(ending).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Notes that the function's process has ended; its invocation fails. Returns whether to restart it.
    pub fn exited(&self, function: &str) -> bool {
        let Some(state) = self.0.get(function) else { return false };
        lock(&state.current).take();
        for (_, done) in lock(&state.running).drain() {
            // A caller that has gone away needs no response.
            let _ = done.send(Err(Failure::Exited));
        }
        state.process.send_if_modified(|process| {
            let again = *process != ProcessState::GivenUp;
            if again {
                *process = ProcessState::Starting;
            }
            again
        })
    }

    /// Notes that the function's process is not restarted; every invocation in the queue fails.
    pub async fn give_up(&self, function: &str) {
        let Some(state) = self.0.get(function) else { return };
        state.process.send_replace(ProcessState::GivenUp);
        // Dropping an invocation tells its caller.
        let mut queue = state.queue.lock().await;
        while queue.try_recv().is_ok() {}
    }

    /// Stops all functions: every process is ended and none restarted.
    pub fn stop(&self) {
        for state in self.0.values() {
            state.process.send_replace(ProcessState::GivenUp);
        }
    }

    fn finish(&self, function: &str, id: &str, result: Result<Bytes, Failure>) -> Response {
        let done = self.0.get(function).and_then(|state| {
            let mut current = lock(&state.current);
            if current.as_deref() == Some(id) {
                current.take();
            }
            lock(&state.running).remove(id)
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
    let Some(state) = api.0.get(&function) else { return unknown_function(&function) };
    state.process.send_if_modified(|process| {
        // A process that responded too late polls again before it is killed.
        let first = *process == ProcessState::Starting;
        if first {
            *process = ProcessState::Polling;
        }
        first
    });
    if *state.process.borrow() == ProcessState::MustEnd {
        return std::future::pending().await;
    }
    // When the process exits while it waits here, its connection closes and this future is dropped; nothing
    // is taken from the queue then.
    let mut queue = state.queue.lock().await;
    let Some(invocation) = queue.recv().await else { return unknown_function(&function) };
    drop(queue);
    let deadline = clock::epoch_millis(clock::now() + state.timeout);
    lock(&state.running).insert(invocation.request_id.clone(), invocation.done);
    *lock(&state.current) = Some(invocation.request_id.clone());
    // A caller that has gone away does not stop the invocation.
    let _ = invocation.started.send(());
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn(&state.name)),
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

/// The process says why it cannot start; it ends next, which its supervisor sees.
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
