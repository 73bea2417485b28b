//! Faults of AWS, with the real binaries: every flow is run with every fault that can affect it. In every case nothing is
//! half written, nothing is lost, no email comes more than twice, each change gives its event and nothing else does, and the
//! visitor gets a page of ours.
//!
//! `tests/it` tests single faults of single flows in process. This is the whole table, built from two lists so that no
//! pair is missing. The test compares `docs/faults.md` with the outcome.
mod events;
mod flow;
mod image;
mod table;
mod walk;

use anyhow::{Context as _, Result, ensure};
use dev::aws::faults::{Fault, FaultKind};
use dev::browser::SiteResponse;
use dev::stack::Stack;
use serde_json::{Value, json};

use self::flow::Flow;
use self::image::{Change, Snapshot};
use self::table::Row;
use self::walk::Scene;

/// Where a fault occurs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The only call with which the flow changes anything.
    Commit,
    /// Every call of the flow to DynamoDB.
    EveryCall,
    /// The mail service, when the mailer sends the flow's email.
    MailService,
    /// The mailer's write that marks the request as done.
    Mark,
    /// The stream, which delivers each of the flow's requests twice in a batch, and then the batch again.
    DeliveredTwice,
    /// The stream, which delivers three requests from the latest to the first, and then all of them in order again.
    OutOfOrder,
}

struct Trouble {
    name: &'static str,
    at: At,
    kind: FaultKind,
    times: u32,
}

/// More calls than any flow makes with all its retries.
const FOR_GOOD: u32 = 1000;
/// More calls than the mailer makes in one delivery.
const ATTEMPTS: u32 = 9;

const fn trouble(name: &'static str, at: At, kind: FaultKind, times: u32) -> Trouble {
    Trouble { name, at, kind, times }
}

/// All faults. Those of the stream fail no call, so their kind and count are not used.
const TROUBLES: [Trouble; 15] = [
    trouble("DynamoDB throttles once", At::Commit, FaultKind::Throttle, 1),
    trouble("DynamoDB throttles for good", At::EveryCall, FaultKind::Throttle, FOR_GOOD),
    trouble("DynamoDB answers 500 once", At::Commit, FaultKind::ServerError, 1),
    trouble("DynamoDB answers 500 for good", At::Commit, FaultKind::ServerError, FOR_GOOD),
    trouble("transaction conflict once", At::Commit, FaultKind::TransactionConflict, 1),
    trouble("transaction conflict for good", At::Commit, FaultKind::TransactionConflict, FOR_GOOD),
    trouble("answer lost after the write once", At::Commit, FaultKind::LostAnswer, 1),
    trouble("answer lost after the write for good", At::Commit, FaultKind::LostAnswer, FOR_GOOD),
    trouble("SES throttles once", At::MailService, FaultKind::Throttle, 1),
    trouble("SES answers 500 once", At::MailService, FaultKind::ServerError, 1),
    trouble("SES rejects the mail for good", At::MailService, FaultKind::Reject, FOR_GOOD),
    trouble("mailer cannot note what it sent", At::Mark, FaultKind::ServerError, 3),
    trouble("mailer killed between send and mark", At::Mark, FaultKind::Kill, 1),
    trouble("batch delivered twice", At::DeliveredTwice, FaultKind::Throttle, 0),
    trouble("batch delivered out of order", At::OutOfOrder, FaultKind::Throttle, 0),
];

impl Trouble {
    /// Only a flow with an email can be affected by faults of emails.
    fn can_strike(&self, flow: Flow) -> bool {
        flow.emails() || matches!(self.at, At::Commit | At::EveryCall)
    }

    /// Whether the mailer's stream tries until the fault is over.
    fn outlasts(&self, flow: Flow) -> bool {
        flow == Flow::Mailer && self.times == FOR_GOOD && self.kind != FaultKind::Reject
    }

    fn fault(&self, flow: Flow) -> Option<Fault> {
        let fault = Fault { times: self.times, ..Fault::next_call(self.kind) };
        let (function, operation, table) = match self.at {
            At::Commit => (flow.function(), Some(flow.commit()), flow.table()),
            At::EveryCall => (flow.function(), None, None),
            At::MailService => ("mailer", Some("SendEmail"), None),
            At::Mark => ("mailer", Some("UpdateItem"), Some("OutboxTable")),
            At::DeliveredTwice | At::OutOfOrder => return None,
        };
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Some(Fault {
            function: Some(function.into()),
            operation: owned(operation),
            table: owned(table),
            ..fault
        })
    }
}

/// Flows that run one after another on one stack, and their faults. Most of the time is spent waiting for retries, so the
/// lanes run in parallel; the mailer's retries are added to the SDK's, so it has two lanes.
const LANES: [(&[Flow], std::ops::Range<usize>); 9] = [
    (&[Flow::Mailer], 0..4),
    (&[Flow::Mailer], 4..TROUBLES.len()),
    (&[Flow::Define, Flow::Confirm], 0..TROUBLES.len()),
    (&[Flow::ForgotUsername, Flow::RequestLink, Flow::Remove], 0..TROUBLES.len()),
    (&[Flow::OpenLink, Flow::SignIn, Flow::TakeBack], 0..TROUBLES.len()),
    (&[Flow::SetPassword, Flow::Promote], 0..TROUBLES.len()),
    (&[Flow::RequestPrimary, Flow::ConfirmPrimary], 0..TROUBLES.len()),
    (&[Flow::Change, Flow::Cancel, Flow::SignOut, Flow::EndSession, Flow::EndOthers], 0..TROUBLES.len()),
    (
        &[
            Flow::CreateAccount,
            Flow::ChangeAccount,
            Flow::DisableAccount,
            Flow::EndAccountSessions,
            Flow::HandOver,
            Flow::OpenHandOver,
        ],
        0..TROUBLES.len(),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_survives_every_fault_and_the_document_says_how() -> Result<()> {
    let lanes = LANES.map(|(flows, troubles)| async move {
        let stack = crate::client::start().await?;
        let (loaded, mut rows) = (Snapshot::take(&stack).await?, Vec::new());
        for flow in flows {
            loaded.restore(&stack)?;
            rows.extend(flow_through(&stack, *flow, &TROUBLES[troubles.clone()]).await?);
        }
        stack.stop().await;
        anyhow::Ok(rows)
    });
    let mut rows = futures_util::future::try_join_all(lanes).await?.concat();
    rows.sort_by_key(|row| Flow::ALL.iter().position(|flow| *flow == row.flow));
    let pairs: Vec<_> = rows.iter().map(|row| (row.flow, row.trouble)).collect();
    let all = Flow::ALL.iter().flat_map(|flow| {
        let striking = TROUBLES.iter().filter(|trouble| trouble.can_strike(*flow));
        striking.map(|trouble| (*flow, trouble.name))
    });
    assert_eq!(pairs, all.collect::<Vec<_>>(), "every pair is in one lane");
    table::compare_with_document(&rows)
}

async fn flow_through(stack: &Stack, flow: Flow, troubles: &[Trouble]) -> Result<Vec<Row>> {
    stack.mailbox().empty();
    let scene = Scene::set(stack, flow).await?;
    let reference = Run::start(stack, &scene)?;
    let (answer, _) = scene.act().await?;
    ensure!(answer.status < 400, "{flow:?} without a fault: {} {}", answer.status, answer.body);
    settle(&reference).await?;
    events::assert_published(stack).await?;
    let good = Good { image: reference.snapshot.image(stack)?, emails: reference.emails() };
    ensure!(good.emails.is_empty() != flow.emails(), "{flow:?} without a fault: {:?}", good.emails);
    let mut rows = Vec::new();
    for trouble in troubles.iter().filter(|trouble| trouble.can_strike(flow)) {
        let row = meet(stack, &scene, trouble, &good).await;
        let failed = || format!("{flow:?}, {}; the log:\n{}", trouble.name, last_lines(stack));
        rows.push(row.with_context(failed)?);
    }
    Ok(rows)
}

/// The outcome of a flow without faults.
struct Good {
    image: image::Image,
    emails: Vec<(String, String)>,
}

/// One run of a scene, from its snapshot.
struct Run<'s> {
    stack: &'s Stack,
    snapshot: &'s Snapshot,
    emails_before: usize,
}

impl<'s> Run<'s> {
    fn start(stack: &'s Stack, scene: &'s Scene<'_>) -> Result<Self> {
        stack.events().forget();
        scene.snapshot.restore(stack)?;
        Ok(Self { stack, snapshot: &scene.snapshot, emails_before: stack.mailbox().emails().len() })
    }

    /// Recipient and subject of each email since the start.
    fn emails(&self) -> Vec<(String, String)> {
        let emails = self.stack.mailbox().emails();
        emails.into_iter().skip(self.emails_before).map(|email| (email.to, email.subject)).collect()
    }
}

/// One row of the table: restores the scene, adds the fault, sends the request, checks the outcome, and sends the request
/// again.
async fn meet(stack: &Stack, scene: &Scene<'_>, trouble: &Trouble, good: &Good) -> Result<Row> {
    let run = Run::start(stack, scene)?;
    let fault = trouble.fault(scene.flow);
    stack.faults().clear();
    if let Some(fault) = &fault {
        stack.faults().add(fault.clone());
    }
    let by_hand = matches!(trouble.at, At::DeliveredTwice | At::OutOfOrder);
    if by_hand {
        stack.stream_pause().begin();
    }
    let (answer, browser) = scene.act().await?;
    match trouble.at {
        At::DeliveredTwice => deliver(&run, &[outbox(stack)?, outbox(stack)?].concat()).await?,
        At::OutOfOrder => {
            stack.tables().empty("LimitsTable")?;
            scene.act().await?;
            scene.request_another_email().await?;
            let mut rows = outbox(stack)?;
            ensure!(rows.len() >= 2, "there is no order in one request");
            rows.reverse();
            // One after another, because a batch has no order.
            for row in rows {
                deliver(&run, &[row]).await?;
            }
        }
        _ => {}
    }
    if by_hand {
        // The stream delivers the same records again itself, in order.
        let mark = stack.calls().mark();
        stack.stream_pause().end();
        let came = async {
            while !stack.calls().since(mark).iter().any(|call| call.function == "mailer") {
                pause().await;
            }
        };
        tokio::time::timeout(walk::PATIENCE, came).await.context("the stream delivers nothing")?;
    }
    if trouble.outlasts(scene.flow) {
        // The stream tries for a day; the fault ends before.
        let attempts = async {
            while stack.faults().left().iter().any(|fault| fault.times > FOR_GOOD - ATTEMPTS) {
                pause().await;
            }
        };
        tokio::time::timeout(walk::PATIENCE, attempts).await.context("it is not tried again")?;
        ensure!(outbox(stack)?.iter().any(|row| row["mail_state"]["S"] == "waiting"), "it was given up");
        stack.faults().clear();
    }
    settle(&run).await?;
    let struck = fault.is_none_or(|fault| stack.faults().left() != [fault]);
    ensure!(struck, "the fault struck nobody");
    stack.faults().clear();
    assert_calm(&answer)?;

    let mut emails = run.emails();
    if trouble.at == At::OutOfOrder {
        let other = emails.iter().position(|email| email.0 == walk::ANOTHER);
        emails.remove(other.context("the other email is lost")?);
    }
    let change = match trouble.at {
        // More was requested, so the stored items differ. The check is that all was handled, and how often.
        At::OutOfOrder => Change::Everything,
        _ => run.snapshot.change(&run.snapshot.image(stack)?, &good.image)?,
    };
    let doubles = assert_emails(&emails, change, good)?;
    let (again, browser) = scene.act_again(&browser).await?;
    assert_calm(&again)?;
    settle(&run).await?;
    // In every case the request has succeeded now, and accounts and claims agree.
    let reached = run.snapshot.image(stack)?;
    ensure!(
        reached.accounts() == good.image.accounts(),
        "asked for again, and still not done:\n{:#?}\nnot\n{:#?}",
        reached.accounts(),
        good.image.accounts()
    );
    scene.assert_ended(&browser).await?;
    events::assert_published(stack).await?;
    crate::claims::assert_fit(&stack.tables().items("AccountsTable")?, dev::clock::now().unix_timestamp());
    let asked_twice = trouble.at == At::OutOfOrder;
    let late = trouble.outlasts(scene.flow);
    Ok(Row {
        flow: scene.flow,
        trouble: trouble.name,
        page: answer,
        change,
        asked_twice,
        late,
        doubles,
        again,
    })
}

/// Waits until the mailer has handled everything or given up.
async fn settle(run: &Run<'_>) -> Result<()> {
    let at_rest = async {
        loop {
            let waiting = outbox(run.stack)?.iter().any(|row| row["mail_state"]["S"] == "waiting");
            if !waiting && run.stack.is_idle("mailer") {
                return anyhow::Ok(());
            }
            pause().await;
        }
    };
    tokio::time::timeout(walk::PATIENCE, at_rest).await.context("the mailer does not come to rest")?
}

#[expect(clippy::disallowed_methods, reason = "other processes are waited for")]
async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(15)).await;
}

/// The rows of the outbox in the order of their requests.
fn outbox(stack: &Stack) -> Result<Vec<Value>> {
    let mut rows = stack.tables().items("OutboxTable")?;
    rows.sort_by_key(|row| row["message_id"]["S"].to_string());
    Ok(rows)
}

/// Calls the mailer with rows of the outbox as one batch of the stream.
async fn deliver(run: &Run<'_>, rows: &[Value]) -> Result<()> {
    let event = std::fs::read_to_string(dev::workspace::root().join("events/mailer.json"))?;
    let event: Value = serde_json::from_str(&event)?;
    let records = rows.iter().enumerate().map(|(number, row)| {
        let mut record = event["Records"][0].clone();
        record["dynamodb"]["Keys"]["message_id"] = row["message_id"].clone();
        record["dynamodb"]["NewImage"] = row.clone();
        record["dynamodb"]["SequenceNumber"] = json!(format!("{number:021}"));
        record
    });
    let event = json!({ "Records": records.collect::<Vec<_>>() });
    let done = run.stack.invoke("mailer", &event).await;
    let done = done.map_err(|failed| anyhow::anyhow!("the mailer failed: {}", failed.reason))?;
    let failures: Value = serde_json::from_slice(&done.payload)?;
    ensure!(failures["batchItemFailures"] == json!([]), "the mailer failed: {failures}");
    Ok(())
}

/// Asserts a page of ours without details of the failure.
fn assert_calm(answer: &SiteResponse) -> Result<()> {
    let text = answer.body.to_string();
    for raw in ["Exception", "panicked", "TransactWriteItems", "Table", "rror\":"] {
        ensure!(!text.contains(raw), "{} {text} says {raw:?}", answer.status);
    }
    match answer.status {
        204 => ensure!(answer.bytes.is_empty(), "204 with a body"),
        200..=399 => ensure!(answer.body.is_object(), "{} without a page", answer.status),
        status => {
            let problem = &answer.body;
            let ours = problem["code"].is_string() && problem["title"].is_string();
            ensure!(ours && problem["status"] == status, "{status} {text} is no problem of ours");
            ensure!(matches!(status, 400..=499 | 500 | 503), "{status}");
        }
    }
    Ok(())
}

/// Asserts no email without a change; with it all emails, each at most twice, and no others. Returns how many came twice: a
/// mailer that ends takes along what it sent of the same batch.
fn assert_emails(emails: &[(String, String)], change: Change, good: &Good) -> Result<usize> {
    if change != Change::Everything {
        ensure!(emails.is_empty(), "nothing was done, and there are emails: {emails:?}");
        return Ok(0);
    }
    let mut left = emails.to_vec();
    for wanted in &good.emails {
        let at = left.iter().position(|email| email == wanted);
        left.remove(at.with_context(|| format!("lost: {wanted:?}; there are {emails:?}"))?);
    }
    let doubles = left.len();
    for wanted in &good.emails {
        left.iter().position(|email| email == wanted).map(|at| left.remove(at));
    }
    ensure!(left.is_empty(), "too many emails: {emails:?}");
    Ok(doubles)
}

fn last_lines(stack: &Stack) -> String {
    let lines = stack.logs().lines();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
