//! The stack that is measured, and what is read before and after each request: the processor time of the function, the
//! calls to AWS and the clock. Must not know what a flow does.
//!
//! The streams are switched off, and the mailer and the publisher are invoked with one record at a time, as their streams would:
//! so an email and an event are measured like a request, and neither function is ever at work beside one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::cpu;
use super::samples::{Sample, milliseconds};
use crate::browser::SiteRequest;
use crate::build::Profile;
use crate::clock;
use crate::gateway::callers::PRODUCT;
use crate::logs::Printing;
use crate::mailbox::ReceivedEmail;
use crate::stack::{DemoClient, Options, Stack};
use crate::template::REGION;
use crate::workspace;

/// The people of the measurement; from the root of the workspace.
const ACCOUNTS: &str = "target/bench-accounts.jsonl";

/// The password of all of them.
pub(super) const PASSWORD: &str = "a calm lake in the morning";

/// The tables whose streams wake functions.
const OUTBOX: &str = "OUTBOX_TABLE";
const HISTORY: &str = "HISTORY_TABLE";

/// What earlier people left behind: these tables are emptied.
const EMPTIED: [&str; 3] = ["LIMITS_TABLE", OUTBOX, HISTORY];

/// How long a function may take to poll again after its answer.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// A person's username.
pub(super) fn username(number: u16) -> String {
    format!("person{number:04}")
}

/// Writes a file of so many people, in the form of the demo accounts.
fn write_accounts(people: u16) -> Result<PathBuf> {
    let file = workspace::root().join(ACCOUNTS);
    let lines = (0..people).map(|number| {
        let username = username(number);
        let email = format!("{username}@example.com");
        let line = json!({ "username": username, "email": email, "kind": "regular", "password": PASSWORD });
        format!("{line}\n")
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&file, lines.collect::<String>())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// What came for a request.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A stack and the one connection to it.
pub(super) struct Site {
    stack: Stack,
    client: Client,
    /// The function that the outbox's stream wakes.
    mailer: String,
    /// The function that the history's stream wakes.
    publisher: String,
    /// The ids of the events that the publisher was invoked with.
    published: Mutex<BTreeSet<String>>,
}

impl Site {
    /// A release stack with so many people.
    pub(super) async fn start(people: u16) -> Result<Self> {
        let options = Options {
            accounts: Some(write_accounts(people)?),
            profile: Profile::Release,
            printing: Printing::Nothing,
            progress: true,
            ..Options::default()
        };
        let stack = Stack::start(&options).await?;
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .build()?;
        stack.stream_pause().begin();
        for variable in [OUTBOX, HISTORY] {
            stack.tables().end_stream(&table(&stack, variable)?)?;
        }
        let (mailer, publisher) = (function_behind(&stack, OUTBOX)?, function_behind(&stack, HISTORY)?);
        Ok(Self { stack, client, mailer, publisher, published: Mutex::default() })
    }

    pub(super) async fn stop(self) {
        self.stack.stop().await;
    }

    /// The product that the stack was started with.
    pub(super) fn product(&self) -> Result<&DemoClient> {
        self.stack.demo_client().context("the stack has no product")
    }

    /// Where the site answers.
    pub(super) fn url(&self) -> &str {
        self.stack.page_url()
    }

    /// The connection that stays open.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The function that answers at a path.
    pub(super) fn function_at(&self, path: &str) -> Result<&str> {
        let functions = &self.stack.template().functions;
        let found = functions
            .iter()
            .find(|function| function.routes.iter().any(|route| route.path.as_deref() == Some(path)));
        Ok(&found.with_context(|| format!("no function has the path {path}"))?.name)
    }

    /// A request of the back end of a product, signed.
    pub(super) fn signed(&self, request: SiteRequest) -> Result<RequestBuilder> {
        let product = self.stack.callers().named(PRODUCT).cloned().context("no product may call the API")?;
        let request = product.signer().signed(request, self.url(), clock::now())?;
        let sent = self.client.request(request.method, format!("{}{}", self.url(), request.path));
        let sent = request.headers.into_iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        Ok(sent.body(request.body))
    }

    /// Sends one request and measures it, until its body has been read.
    pub(super) async fn send(&self, function: &str, request: RequestBuilder) -> Result<(Answer, Sample)> {
        let request = request.build()?;
        let answering = async {
            let response = self.client.execute(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(Answer { status, headers, body: response.bytes().await? })
        };
        self.measured(function, answering).await
    }

    /// Has the mailer send what waits in the outbox: for each request its kind and what sending it cost.
    pub(super) async fn send_mail(&self) -> Result<Vec<(String, Sample)>> {
        let mut sent = Vec::new();
        for request in self.stack.tables().items(&table(&self.stack, OUTBOX)?)? {
            if request["mail_state"]["S"] != "waiting" {
                continue;
            }
            let fields = &request["request"]["M"];
            let kind = fields["kind"]["S"].as_str().context("a request for mail without a kind")?;
            let invoking = self.invoke(&self.mailer, &["message_id"], &request);
            let ((), sample) = self.measured(&self.mailer, invoking).await?;
            sent.push((kind.to_owned(), sample));
        }
        Ok(sent)
    }

    /// Has the publisher put what happened since the last time on the bus: what each event cost.
    pub(super) async fn publish(&self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for row in self.stack.tables().items(&table(&self.stack, HISTORY)?)? {
            let id = row["event_id"]["S"].as_str().context("an event without an id")?.to_owned();
            if !self.published().insert(id) {
                continue;
            }
            let invoking = self.invoke(&self.publisher, &["account_id", "event_id"], &row);
            samples.push(self.measured(&self.publisher, invoking).await?.1);
        }
        Ok(samples)
    }

    /// The function that puts events on the bus.
    pub(super) fn publisher(&self) -> &str {
        &self.publisher
    }

    fn published(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The function that sends mail.
    pub(super) fn mailer(&self) -> &str {
        &self.mailer
    }

    /// The latest email.
    pub(super) fn latest_mail(&self) -> Result<ReceivedEmail> {
        self.stack.mailbox().emails().pop().context("no email came")
    }

    /// Forgets what earlier people left behind, so that nobody reaches a limit.
    pub(super) fn forget(&self) -> Result<()> {
        for variable in EMPTIED {
            self.stack.tables().empty(&table(&self.stack, variable)?)?;
        }
        self.published().clear();
        self.stack.mailbox().empty();
        self.stack.events().forget();
        Ok(())
    }

    /// Invokes a function with one row of its stream.
    async fn invoke(&self, function: &str, key: &[&str], row: &Value) -> Result<()> {
        let keys: Value = key.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect();
        let event = json!({ "Records": [{
            "eventID": "0",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": clock::now().unix_timestamp(),
                "Keys": keys,
                "NewImage": row,
                "SequenceNumber": "1",
                "SizeBytes": row.to_string().len(),
                "StreamViewType": "NEW_IMAGE",
            },
        }] });
        let completed = self.stack.invoke(function, &event).await;
        let completed = completed.map_err(|failed| anyhow::anyhow!("{function}: {}", failed.reason))?;
        let answer: Value = serde_json::from_slice(&completed.payload).context("the function's answer")?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        ensure!(failures == 0, "{function} failed: {answer}");
        Ok(())
    }

    async fn measured<T>(
        &self,
        function: &str,
        acting: impl Future<Output = Result<T>>,
    ) -> Result<(T, Sample)> {
        let cpu_before = self.cpu_at_rest(function).await?;
        let mark = self.stack.calls().mark();
        let started = Instant::now();
        let outcome = acting.await?;
        let wall = started.elapsed();
        let cpu = self.cpu_at_rest(function).await?.saturating_sub(cpu_before);
        let mut sample =
            Sample { cpu: milliseconds(cpu), wall: milliseconds(wall), calls: 0.0, read: 0.0, write: 0.0 };
        for call in self.stack.calls().since(mark).iter().filter(|call| call.function == function) {
            sample.calls += 1.0;
            sample.read += call.capacity.read;
            sample.write += call.capacity.write;
        }
        Ok((outcome, sample))
    }

    /// The processor time of a function's processes, once one has asked for its next invocation and all sleep.
    async fn cpu_at_rest(&self, function: &str) -> Result<Duration> {
        let process_ids = self.stack.process_ids(function);
        ensure!(!process_ids.is_empty(), "{function} does not run");
        let at_rest = async {
            let mut latest = None;
            loop {
                let times = process_ids.iter().map(|process_id| cpu::of_process(*process_id));
                let cpu = times.sum::<Result<Duration, _>>()?;
                if self.stack.is_polling(function) && latest == Some(cpu) {
                    return anyhow::Ok(cpu);
                }
                latest = Some(cpu);
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, at_rest)
            .await
            .with_context(|| format!("{function} does not come to rest"))?
    }
}

/// The function that a table's stream wakes.
fn function_behind(stack: &Stack, variable: &str) -> Result<String> {
    let table = table(stack, variable)?;
    let mut functions = stack.template().functions.iter();
    let reads =
        functions.find(|function| function.stream.as_ref().is_some_and(|stream| stream.table == table));
    Ok(reads.with_context(|| format!("no function reads the stream of {table}"))?.name.clone())
}

/// The table that the operator's command line knows by this variable.
fn table(stack: &Stack, variable: &str) -> Result<String> {
    let variables = stack.operator_variables();
    variables.get(variable).cloned().with_context(|| format!("the operator lacks {variable}"))
}
