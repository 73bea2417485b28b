//! The stack that is measured, and what is read before and after each request: the processor time of the function, the
//! calls to AWS and the clock. Must not know what a flow does.
//!
//! The stream of the outbox is switched off and the mailer is invoked with one record at a time, as the stream would:
//! so an email is measured like a request, and the mailer is never at work beside one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::cpu;
use super::samples::{Sample, milliseconds};
use crate::build::Profile;
use crate::clock;
use crate::logs::Printing;
use crate::mailbox::ReceivedEmail;
use crate::stack::{DemoClient, Options, Stack};
use crate::template::REGION;
use crate::workspace;

/// The people of the measurement; from the root of the workspace.
const ACCOUNTS: &str = "target/bench-accounts.jsonl";

/// The password of all of them.
pub(super) const PASSWORD: &str = "a calm lake in the morning";

/// What earlier people left behind: these tables are emptied.
const EMPTIED: [&str; 2] = ["LIMITS_TABLE", "OUTBOX_TABLE"];

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
        let mailer = stack.template().functions.iter().find(|function| function.stream.is_some());
        let mailer = mailer.context("no function has a stream")?.name.clone();
        let site = Self { stack, client, mailer };
        site.stack.stream_pause().begin();
        site.stack.tables().end_stream(&site.table("OUTBOX_TABLE")?)?;
        Ok(site)
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
        for request in self.stack.tables().items(&self.table("OUTBOX_TABLE")?)? {
            if request["mail_state"]["S"] != "waiting" {
                continue;
            }
            let fields = &request["request"]["M"];
            let kind = fields["kind"]["S"].as_str().context("a request for mail without a kind")?;
            let invoking = self.invoke_mailer(&request);
            let ((), sample) = self.measured(&self.mailer, invoking).await?;
            sent.push((kind.to_owned(), sample));
        }
        Ok(sent)
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
            self.stack.tables().empty(&self.table(variable)?)?;
        }
        self.stack.mailbox().empty();
        Ok(())
    }

    async fn invoke_mailer(&self, row: &Value) -> Result<()> {
        let event = json!({ "Records": [{
            "eventID": "0",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": clock::now().unix_timestamp(),
                "Keys": { "message_id": row["message_id"] },
                "NewImage": row,
                "SequenceNumber": "1",
                "SizeBytes": row.to_string().len(),
                "StreamViewType": "NEW_IMAGE",
            },
        }] });
        let completed = self.stack.invoke(&self.mailer, &event).await;
        let completed = completed.map_err(|failed| anyhow::anyhow!("{}: {}", self.mailer, failed.reason))?;
        let answer: Value = serde_json::from_slice(&completed.payload).context("the mailer's answer")?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        ensure!(failures == 0, "the mailer could not send an email: {answer}");
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

    fn table(&self, variable: &str) -> Result<String> {
        let variables = self.stack.operator_variables();
        variables.get(variable).cloned().with_context(|| format!("the operator lacks {variable}"))
    }
}
