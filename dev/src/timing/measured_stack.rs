//! The stack that is measured, through a single open connection: a time runs from before a request is sent to the last
//! byte of its response. Between requests the counts of rate limits and the outbox are cleared. Except where emails are
//! measured, the stream is off: in AWS the mailer has a processor of its own, here it would share that of the next request.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::states::{AT_THE_LIMIT, Flow, MADE, Making, NOBODY, REQUESTS_TO_THE_LIMIT, State};
use crate::aws::faults::{Fault, FaultKind};
use crate::build::Profile;
use crate::clock;
use crate::logs::Printing;
use crate::stack::{Options, Stack};
use crate::streams::lane_of;
use crate::workspace;

/// The people of the measurement, in the form of the demo accounts; from the root of the workspace.
const ACCOUNTS: &str = "dev/src/timing/accounts.jsonl";

/// How long the mailer may take for one email.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// The tables that are emptied before each request.
const EMPTIED: [&str; 2] = ["LIMITS_TABLE", "OUTBOX_TABLE"];

/// A stack for each value of `FormerHashes`. One is measured at a time, while the others wait for requests.
pub(super) struct MeasuredStacks(Vec<(Vec<Flow>, MeasuredStack)>);

impl MeasuredStacks {
    /// Starts the stacks that these flows need.
    pub(super) async fn start(flows: &[Flow], profile: Profile) -> Result<Self> {
        let mut stacks: Vec<(Vec<Flow>, MeasuredStack)> = Vec::new();
        for &flow in flows {
            let former_hashes = flow.former_hashes();
            match stacks.iter_mut().find(|(others, _)| others[0].former_hashes() == former_hashes) {
                Some((others, _)) => others.push(flow),
                None => stacks.push((vec![flow], MeasuredStack::start(former_hashes, profile).await?)),
            }
        }
        Ok(Self(stacks))
    }

    /// The stack that a flow is measured on.
    pub(super) fn of(&self, flow: Flow) -> Result<&MeasuredStack> {
        let found = self.0.iter().find(|(flows, _)| flows.contains(&flow));
        found.map(|(_, stack)| stack).with_context(|| format!("{flow} was not asked for"))
    }

    pub(super) async fn bring_to_the_limit(&self) -> Result<()> {
        for (flows, stack) in &self.0 {
            stack.bring_to_the_limit(flows).await?;
        }
        Ok(())
    }

    pub(super) async fn stop(self) {
        for (_, stack) in self.0 {
            stack.stop().await;
        }
    }
}

/// A stack with the people of all states.
pub(super) struct MeasuredStack {
    stack: Stack,
    client: Client,
    /// The counts of those who are at their limit.
    kept: RefCell<Vec<Value>>,
}

/// A response, as far as it is compared.
#[derive(Debug, PartialEq)]
struct ComparedResponse {
    status: u16,
    body: Vec<u8>,
    /// The cookies as a browser would send them back.
    cookies: String,
}

impl MeasuredStack {
    /// A stack with this in `FormerHashes`, its stream switched off.
    async fn start(former_hashes: &str, profile: Profile) -> Result<Self> {
        let measured = Self::with_mailer(former_hashes, profile).await?;
        measured.stack.stream_pause().begin();
        measured.stack.tables().end_stream(&measured.table("OUTBOX_TABLE")?)?;
        Ok(measured)
    }

    /// A stack with this in `FormerHashes`, whose mailer sends emails.
    pub(super) async fn with_mailer(former_hashes: &str, profile: Profile) -> Result<Self> {
        let options = Options {
            accounts: Some(workspace::root().join(ACCOUNTS)),
            parameters: BTreeMap::from([("FormerHashes".to_owned(), former_hashes.to_owned())]),
            profile,
            printing: Printing::Nothing,
            progress: true,
            ..Options::default()
        };
        let stack = Stack::start(&options).await?;
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1);
        let measured = Self { stack, client: client.build()?, kept: RefCell::default() };
        for (username, making) in MADE {
            measured.make(username, making).await.with_context(|| format!("{username} cannot be made"))?;
        }
        measured.rest().await?;
        Ok(measured)
    }

    /// From now on SES takes longer for each email.
    pub(super) fn delay_emails(&self, by: Duration) {
        let delay_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let delay = Fault { times: u32::MAX, ..Fault::next_call(FaultKind::Delay { delay_ms }) };
        self.stack.faults().add(Fault { operation: Some("SendEmail".to_owned()), ..delay });
    }

    /// Waits until the mailer has nothing to do, and deletes emails, requests and counts.
    pub(super) async fn come_to_rest(&self) -> Result<()> {
        self.rest().await?;
        self.stack.mailbox().empty();
        self.forget()
    }

    /// Requests a sign-in link.
    pub(super) async fn request_link(&self, identifier: &str) -> Result<()> {
        let asked = self.ask(self.request(Flow::Link, identifier)).await?;
        ensure!(asked.status == 200, "the request failed with {}", asked.status);
        Ok(())
    }

    /// Waits for an email to this address.
    pub(super) async fn email_to(&self, address: &str) -> Result<()> {
        let email = self.stack.mailbox().wait_for(PATIENCE, |email| email.to == address).await;
        email.with_context(|| format!("no email came to {address}")).map(drop)
    }

    /// Whether the latest request is in a lane of the mailer that an earlier one of the outbox is in too.
    pub(super) fn is_behind_others(&self) -> Result<bool> {
        let mailer = self.stack.template().function("mailer").context("there is no mailer")?;
        let stream = mailer.stream.as_ref().context("the mailer reads no stream")?;
        let mut rows = self.stack.tables().items(&stream.table)?;
        rows.sort_by_key(|row| row["message_id"]["S"].to_string());
        let lane = |row: &Value| lane_of(&json!({ "message_id": row["message_id"] }), stream.lanes);
        let latest = rows.pop().context("nothing was requested")?;
        Ok(rows.iter().any(|row| lane(row) == lane(&latest)))
    }

    pub(super) async fn stop(self) {
        self.stack.stop().await;
    }

    /// The time from sending a request to the last byte of its response, in microseconds.
    pub(super) async fn time(&self, flow: Flow, identifier: &str) -> Result<f64> {
        let request = self.request(flow, identifier).build()?;
        self.forget()?;
        let started = Instant::now();
        let response = self.client.execute(request).await?;
        response.bytes().await?;
        Ok(started.elapsed().as_secs_f64() * 1e6)
    }

    /// Checks that times can be compared: the responses have the same status and length.
    pub(super) async fn assert_same_answer(&self, flow: Flow, state: &State) -> Result<()> {
        self.forget()?;
        let known = self.ask(self.request(flow, state.known)).await?;
        self.forget()?;
        let unknown = self.ask(self.request(flow, state.unknown)).await?;
        let same = known.status == unknown.status && known.body.len() == unknown.body.len();
        ensure!(same, "{flow}, {}: the answers differ: {known:?} and {unknown:?}", state.name);
        Ok(())
    }

    /// Uses up the rate limits of some identifiers. From then on their own counts, not those of the client or of
    /// everybody, are restored whenever the counts are cleared.
    async fn bring_to_the_limit(&self, flows: &[Flow]) -> Result<()> {
        self.kept.borrow_mut().clear();
        for &flow in flows {
            self.forget()?;
            self.ask(self.request(flow, NOBODY)).await?;
            let of_anybody = self.counts()?;
            for identifier in AT_THE_LIMIT {
                self.forget()?;
                for _ in 0..REQUESTS_TO_THE_LIMIT {
                    self.ask(self.request(flow, identifier)).await?;
                }
                let own = self.counts()?.into_iter().filter(|count| {
                    let same = |other: &Value| other["bucket"] == count["bucket"];
                    !of_anybody.iter().any(same) && !self.kept.borrow().iter().any(same)
                });
                let own: Vec<Value> = own.collect();
                self.kept.borrow_mut().extend(own);
            }
        }
        self.forget()
    }

    async fn make(&self, username: &str, making: Making) -> Result<()> {
        let address = match making {
            Making::Backup(address) | Making::Pending(address) => address,
            Making::Disabled => return self.disable(username),
        };
        let account = self.stack.accounts().iter().find(|account| account.username == username);
        let password =
            account.and_then(|account| account.password.as_deref()).context("without a password")?;
        let sign_in = json!({ "identifier": username, "password": password });
        let signed_in = self.ask(self.post("/login", &sign_in)).await?;
        ensure!(signed_in.status == 200, "the sign-in failed with {}", signed_in.status);
        let asking = self.post("/account/backup", &json!({ "email": address }));
        let asked = self.ask(asking.header("cookie", &signed_in.cookies)).await?;
        ensure!(asked.status == 202, "the backup request failed with {}", asked.status);
        let mail = self.stack.mailbox().wait_for(PATIENCE, |mail| mail.to == address).await;
        let mail = mail.context("no confirmation email came")?;
        if let Making::Backup(_) = making {
            let token = mail.links.iter().find_map(|link| link.split_once("token="));
            let (_, token) = token.context("the confirmation email has no link")?;
            let confirming = self.post("/backup/confirm", &json!({ "token": token }));
            let confirmed = self.ask(confirming.header("cookie", &signed_in.cookies)).await?;
            ensure!(confirmed.status == 200, "the confirmation failed with {}", confirmed.status);
        }
        Ok(())
    }

    fn disable(&self, username: &str) -> Result<()> {
        let table = self.table("ACCOUNTS_TABLE")?;
        let rows = self.stack.tables().items(&table)?;
        let profile = rows.into_iter().find(|row| row["username"]["S"] == username);
        let mut profile = profile.context("there is no such account")?;
        profile["disabled_at"] = json!({ "N": clock::now().unix_timestamp().to_string() });
        self.stack.tables().put(&table, &profile)
    }

    fn request(&self, flow: Flow, identifier: &str) -> reqwest::RequestBuilder {
        self.post(flow.path(), &flow.body(identifier))
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.stack.page_url()));
        request.header("accept", "application/json").json(body)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<ComparedResponse> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let set = response.headers().get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        let cookies: Vec<&str> = set.filter_map(|line| line.split(';').next()).collect();
        let cookies = cookies.join("; ");
        Ok(ComparedResponse { status, body: response.bytes().await?.to_vec(), cookies })
    }

    fn table(&self, variable: &str) -> Result<String> {
        let variables = self.stack.operator_variables();
        variables.get(variable).cloned().with_context(|| format!("the operator lacks {variable}"))
    }

    fn counts(&self) -> Result<Vec<Value>> {
        self.stack.tables().items(&self.table("LIMITS_TABLE")?)
    }

    /// Waits until the mailer has nothing left to do.
    async fn rest(&self) -> Result<()> {
        let outbox = self.table("OUTBOX_TABLE")?;
        let at_rest = async {
            loop {
                let rows = self.stack.tables().items(&outbox)?;
                let waiting = rows.iter().any(|row| row["mail_state"]["S"] == "waiting");
                if !waiting && self.stack.is_idle("mailer") {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, at_rest).await.context("the mailer does not come to rest")?
    }

    /// Deletes what requests left behind, and restores the counts of identifiers at their limit.
    fn forget(&self) -> Result<()> {
        let tables = self.stack.tables();
        for variable in EMPTIED {
            tables.empty(&self.table(variable)?)?;
        }
        for count in self.kept.borrow().iter() {
            tables.put(&self.table("LIMITS_TABLE")?, count)?;
        }
        Ok(())
    }
}
