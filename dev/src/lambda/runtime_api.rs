//! The Lambda Runtime API: hands invocations to function processes and takes their responses.
//!
//! Follows <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. One process serves one
//! invocation at a time, as one execution environment does; the others wait in a queue. A function that reads a
//! stream has as many environments as the stream has lanes, all others have one. Knows nothing of HTTP APIs or
//! streams: an invocation is bytes in, bytes out.

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

use crate::template::{ACCOUNT_ID, Function, REGION, Template};
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

/// The Runtime API of all functions: their environments by name. Clones share it.
#[derive(Debug, Clone)]
pub struct RuntimeApi(Arc<BTreeMap<String, Environment>>);

/// An execution environment: the state of its process, and the queue that it shares with the others of its function.
#[derive(Debug)]
struct Environment {
    /// The function's name.
    function: String,
    timeout: Duration,
    /// Run by a developer, perhaps in a debugger: no timeout ends it.
    by_hand: bool,
    waiting: mpsc::UnboundedSender<Invocation>,
    queue: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>>,
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
    /// Learns the name of the environment that works on it.
    started: oneshot::Sender<String>,
    done: oneshot::Sender<Result<Bytes, Failure>>,
}

impl RuntimeApi {
    /// A queue for each function. A developer starts those in `by_hand`.
    pub fn new(template: &Template, by_hand: &[String]) -> Self {
        let environments = template.functions.iter().flat_map(|function| {
            let (waiting, queue) = mpsc::unbounded_channel();
            let queue = Arc::new(tokio::sync::Mutex::new(queue));
            let by_hand = by_hand.contains(&function.name);
            let names = if by_hand { vec![function.name.clone()] } else { environments_of(function) };
            names.into_iter().map(move |name| {
                let environment = Environment {
                    function: function.name.clone(),
                    timeout: function.timeout,
                    by_hand,
                    waiting: waiting.clone(),
                    queue: Arc::clone(&queue),
                    running: Mutex::default(),
                    current: Mutex::default(),
                    process: watch::Sender::new(ProcessState::Starting),
                    process_id: Mutex::default(),
                };
                (name, environment)
            })
        });
        Self(Arc::new(environments.collect()))
    }

    /// The environments of a function.
    fn of<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a Environment> {
        self.0.values().filter(move |environment| environment.function == function)
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
        let mut usable = self.of(function).filter(|environment| !environment.is_given_up());
        let state = usable.next().ok_or(Failure::Unavailable)?;
        let (started, taken) = oneshot::channel();
        let (done, answer) = oneshot::channel();
        let invocation = Invocation { request_id: request_id.clone(), payload, started, done };
        state.waiting.send(invocation).map_err(|_| Failure::Unavailable)?;
        let environment = taken.await.map_err(|_| Failure::Unavailable)?;
        let state = self.0.get(&environment).ok_or(Failure::Unavailable)?;
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

    /// The invocation that an environment works on, to which its calls to AWS belong.
    pub fn current(&self, environment: &str) -> Option<String> {
        self.0.get(environment).and_then(|state| lock(&state.current).clone())
    }

    /// Whether a function works on no invocation.
    pub fn is_idle(&self, function: &str) -> bool {
        self.of(function).all(|environment| lock(&environment.current).is_none())
    }

    /// The environment of a function that made a call, if it names itself; otherwise the function's first.
    pub fn caller<'a>(&self, function: &'a str, named: Option<&'a str>) -> &'a str {
        let own = |name: &&str| self.0.get(*name).is_some_and(|state| state.function == function);
        named.filter(own).unwrap_or(function)
    }

    /// Says that the environment's process was started.
    pub fn started(&self, environment: &str, process_id: Option<u32>) {
        if let Some(state) = self.0.get(environment) {
            *lock(&state.process_id) = process_id;
        }
    }

    /// The ids of the function's processes.
    pub fn process_ids(&self, function: &str) -> Vec<u32> {
        self.of(function).filter_map(|environment| *lock(&environment.process_id)).collect()
    }

    /// Whether a process of the function has asked for an invocation and waits for it.
    pub fn is_polling(&self, function: &str) -> bool {
        // A poll holds the queue while it waits.
        self.0.get(function).is_some_and(|state| state.queue.try_lock().is_err())
    }

    /// Waits until all processes of the function poll; `false` when they never will.
    pub async fn polled(&self, function: &str) -> bool {
        let mut environments = self.of(function).peekable();
        if environments.peek().is_none() {
            return false;
        }
        for environment in environments {
            let mut process = environment.process.subscribe();
            let settled = process.wait_for(|process| *process != ProcessState::Starting).await;
            if !settled.is_ok_and(|process| *process == ProcessState::Polling) {
                return false;
            }
        }
        true
    }

    /// Has the environment's process killed at once, whatever it works on. It is restarted.
    pub fn kill(&self, environment: &str) {
        if let Some(state) = self.0.get(environment) {
            state.process.send_replace(ProcessState::MustEnd);
        }
    }

    /// Waits until the environment's process must be killed.
    pub async fn kill_wanted(&self, environment: &str) {
        match self.0.get(environment) {
            Some(state) => {
                let ending =
                    |process: &ProcessState| matches!(process, ProcessState::MustEnd | ProcessState::GivenUp);
                // The sender lives as long as the state, so the wait ends with such a state.
                let _ = state.process.subscribe().wait_for(ending).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Notes that the environment's process has ended; its invocation fails. Returns whether to restart it.
    pub fn exited(&self, environment: &str) -> bool {
        let Some(state) = self.0.get(environment) else { return false };
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

    /// Notes that the environment's process is not restarted; with the function's last one, every invocation in the
    /// queue fails.
    pub async fn give_up(&self, environment: &str) {
        let Some(state) = self.0.get(environment) else { return };
        state.process.send_replace(ProcessState::GivenUp);
        if !self.of(&state.function).all(Environment::is_given_up) {
            return;
        }
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

    fn finish(&self, environment: &str, id: &str, result: Result<Bytes, Failure>) -> Response {
        let done = self.0.get(environment).and_then(|state| {
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

impl Environment {
    fn is_given_up(&self) -> bool {
        *self.process.borrow() == ProcessState::GivenUp
    }
}

/// The names of a function's environments; the first is the function's own.
pub fn environments_of(function: &Function) -> Vec<String> {
    let lanes = function.stream.as_ref().map_or(1, |stream| stream.lanes);
    let further = (2..=lanes).map(|number| format!("{}.{number}", function.name));
    std::iter::once(function.name.clone()).chain(further).collect()
}

async fn next(State(api): State<RuntimeApi>, Path(name): Path<String>) -> Response {
    let Some(state) = api.0.get(&name) else { return unknown_function(&name) };
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
    let Some(invocation) = queue.recv().await else { return unknown_function(&name) };
    drop(queue);
    let deadline = clock::epoch_millis(clock::now() + state.timeout);
    lock(&state.running).insert(invocation.request_id.clone(), invocation.done);
    *lock(&state.current) = Some(invocation.request_id.clone());
    // A caller that has gone away does not stop the invocation.
    let _ = invocation.started.send(name);
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn(&state.function)),
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
