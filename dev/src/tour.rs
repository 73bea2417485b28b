//! The tour: the whole story without a browser, on a stack of its own or at a site elsewhere, step by step; each step
//! is printed with the requests, the responses, the emails that arrived and the time it took. The steps are in
//! `story`, `another_device`, `undo`, `password`, `refusals`, `recovery`, `products`, `provisioning` and `visit`. Must not know how the site works inside.

mod another_device;
pub mod compare;
mod event_reader;
mod expectations;
mod mail_reader;
mod operator;
mod pages;
mod password;
mod placeholders;
mod products;
mod provisioning;
mod recording;
mod recovery;
mod refusals;
mod report;
mod story;
mod undo;
mod visit;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use self::mail_reader::MailReader;
use self::operator::Operator;
use self::recording::Recorder;
use self::report::Report;
use self::visit::Visit;
use self::walk::{ACCOUNTS, People, Site, Walk};
use crate::browser::Connections;
use crate::build::Profile;
use crate::gateway::callers::PRODUCT;
use crate::lambda::process::Variables;
use crate::logs::Printing;
use crate::stack::accounts::{self, AccountLine};
use crate::stack::environment::Environments;
use crate::stack::ports::port;
use crate::stack::{Options, Stack};
use crate::workspace;

/// The site of a tour.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// A stack that is started for it, on free ports and in memory.
    OwnStack,
    /// A site under `sam local` with `cargo dev services` on this machine, started with the accounts of the tour.
    Services {
        /// The first of their ports.
        port_base: u16,
    },
    /// A site that runs already.
    Site {
        /// Its URL, without a path.
        site: &'a str,
        /// The file with its accounts.
        people: &'a Path,
        /// The URL of a mailbox that receives its emails.
        mailbox: Option<&'a str>,
    },
}

/// Walks a tour and, if a file is named, records it.
pub async fn run(destination: Destination<'_>, profile: Profile, record: Option<&Path>) -> Result<()> {
    match destination {
        Destination::OwnStack => on_own_stack(profile, record).await,
        Destination::Services { port_base } => {
            let url = format!("http://127.0.0.1:{port_base}");
            let mailbox = format!("http://127.0.0.1:{}", port(port_base, 1)?);
            let environments = Environments { aws_port: port(port_base, 2)?, secrets: Variables::new() };
            let template = workspace::template(port_base, &BTreeMap::new())?;
            let operator = Operator::new(&environments.of_operator(&template))?;
            let people = accounts::read(&workspace::root().join(ACCOUNTS))?;
            let report = report(record, &url)?;
            let site = Site {
                url,
                mailbox,
                operator: Some(operator),
                product: None,
                caller: None,
                has_events: false,
            };
            walk(site, report, People::of(&people)?).await
        }
        Destination::Site { site, people, mailbox } => {
            visit(site, &accounts::read(people)?, mailbox, report(record, site)?).await
        }
    }
}

async fn on_own_stack(profile: Profile, record: Option<&Path>) -> Result<()> {
    let accounts = workspace::root().join(ACCOUNTS);
    let options = Options {
        accounts: Some(accounts),
        profile,
        printing: Printing::Nothing,
        progress: true,
        ..Options::default()
    };
    let stack = Stack::start(&options).await?;
    let site = Site {
        url: stack.page_url().to_owned(),
        mailbox: stack.mailbox_url().to_owned(),
        operator: Some(Operator::new(&stack.operator_variables())?),
        product: stack.demo_client().cloned(),
        caller: stack.callers().named(PRODUCT).cloned(),
        has_events: !stack.template().buses.is_empty(),
    };
    let report = report(record, &site.url)?;
    let outcome = walk(site, report, People::of(stack.accounts())?).await;
    if outcome.is_err() {
        // The log of the functions says where a surprise comes from.
        for line in stack.logs().lines() {
            eprintln!("{line}");
        }
    }
    stack.stop().await;
    outcome
}

/// Walks the whole story at a site. The first unexpected response ends it.
async fn walk(site: Site, report: Report, people: People) -> Result<()> {
    let mut tour = Walk::new(site, report).await?;
    tour.report.note(&format!("site {}  mailbox {}", tour.site.url, tour.site.mailbox));
    let outcome = async {
        story::tell(&mut tour, &people).await?;
        another_device::tell(&mut tour, &people).await?;
        undo::tell(&mut tour, &people).await?;
        password::tell(&mut tour, &people).await?;
        refusals::tell(&mut tour, &people).await?;
        pages::tell(&mut tour, &people).await?;
        recovery::tell(&mut tour, &people).await?;
        products::tell(&mut tour, &people).await?;
        provisioning::tell(&mut tour).await
    };
    let outcome = outcome.await;
    tour.report.close(outcome)
}

/// Walks the part of the story that needs no operator, at a site that runs already.
async fn visit(url: &str, people: &[AccountLine], mailbox: Option<&str>, report: Report) -> Result<()> {
    let mut visit = Visit::new(url, Connections::new()?, report);
    visit.report.note(&format!("site {url}"));
    let Some(mailbox) = mailbox else {
        let outcome = visit.tell(people).await;
        return visit.close(outcome, false);
    };
    let emails = MailReader::new(mailbox, url).await?;
    let site = Site {
        url: url.to_owned(),
        mailbox: mailbox.to_owned(),
        operator: None,
        product: None,
        caller: None,
        has_events: false,
    };
    let Visit { connections, report, .. } = visit;
    let mut tour = Walk { site, connections, emails, report };
    // The steps that need email come first: the others cause emails that nobody reads.
    let outcome = story::tell_without_operator(&mut tour, visit::person(people)?).await;
    let Walk { connections, report, .. } = tour;
    let mut visit = Visit::new(url, connections, report);
    let outcome = match outcome {
        Ok(()) => visit.tell(people).await,
        surprise => surprise,
    };
    visit.close(outcome, true)
}

/// A report; if a file is named, it records the requests to this site.
fn report(record: Option<&Path>, site: &str) -> Result<Report> {
    let recorder = record.map(|file| Recorder::create(file, site)).transpose()?;
    Ok(Report::new(recorder))
}
