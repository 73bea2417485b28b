//! The whole story, walked without a browser on a stack of its own, and the part of it that needs neither mailbox
//! nor operator on a site elsewhere: step by step, each printed with what was asked, what came back, the mail that
//! arrived and the time it took. Holds the means of telling; the steps are in `story`, `another_device`,
//! `taken_back`, `refusals` and `visit`. Must not know how the site works inside.

mod another_device;
pub mod compare;
mod mail_reader;
mod operator;
mod pages;
mod placeholders;
mod recording;
mod refusals;
mod report;
mod story;
mod taken_back;
mod visit;
mod visitor;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use axum::http::Method;
use serde_json::Value;

use self::{
    mail_reader::{Kind, MailReader},
    operator::Operator,
    recording::Recorder,
    report::Report,
    visit::Visit,
    visitor::{Answer, Visitor, Wire},
};
use crate::{
    build::Profile,
    lambda::process::Variables,
    logs::Printing,
    mailbox::Mail,
    stack::{
        Options, Stack,
        accounts::{self, Account},
        environment::Environments,
        ports::port,
    },
    workspace,
};

/// The people of the tour, in the form of the demo accounts; from the root of the workspace.
const ACCOUNTS: &str = "dev/src/tour/accounts.jsonl";

/// Where a tour goes.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// A stack that is started for it, on free ports and in memory.
    OwnStack,
    /// The services on this machine, and the site before them, which were started with the accounts of the tour.
    Services {
        /// The first of their ports.
        port_base: u16,
    },
    /// A site that runs already.
    Site {
        /// Its URL, without a path.
        site: &'a str,
        /// The file with its people.
        people: &'a Path,
        /// The URL of a mailbox that receives its mails.
        mailbox: Option<&'a str>,
    },
}

/// Walks a tour and, where a file is named, records it.
pub async fn run(destination: Destination<'_>, profile: Profile, record: Option<&Path>) -> Result<()> {
    match destination {
        Destination::OwnStack => on_own_stack(profile, record).await,
        Destination::Services { port_base } => {
            let site = format!("http://127.0.0.1:{port_base}");
            let mailbox = format!("http://127.0.0.1:{}", port(port_base, 1)?);
            let environments = Environments { aws_port: port(port_base, 2)?, secrets: Variables::new() };
            let template = workspace::template(port_base, &BTreeMap::new())?;
            let operator = Operator::new(&environments.of_operator(&template))?;
            let people = accounts::read(&workspace::root().join(ACCOUNTS))?;
            let report = report(record, &site)?;
            Tour::walk(Place { site, mailbox, operator: Some(operator) }, report, Cast::of(&people)?).await
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
    let place = Place {
        site: stack.page_url().to_owned(),
        mailbox: stack.mailbox_url().to_owned(),
        operator: Some(Operator::new(&stack.operator_variables())?),
    };
    let report = report(record, &place.site)?;
    let outcome = Tour::walk(place, report, Cast::of(stack.accounts())?).await;
    if outcome.is_err() {
        // What the functions said is where a surprise comes from.
        for line in stack.logs().lines() {
            eprintln!("{line}");
        }
    }
    stack.stop().await;
    outcome
}

/// Walks the part of the story that needs no operator on a site that runs already.
async fn visit(site: &str, people: &[Account], mailbox: Option<&str>, report: Report) -> Result<()> {
    let mut visit = Visit::new(site, Wire::new()?, report);
    visit.report.note(&format!("site {site}"));
    let Some(mailbox) = mailbox else {
        let outcome = visit.tell(people).await;
        return visit.close(outcome, false);
    };
    let mails = MailReader::new(mailbox, site).await?;
    let place = Place { site: site.to_owned(), mailbox: mailbox.to_owned(), operator: None };
    let Visit { wire, report, .. } = visit;
    let mut tour = Tour { place, wire, mails, report };
    // First what needs mail, since the rest has mails sent that nobody reads.
    let outcome = story::tell_without_operator(&mut tour, visit::person(people)?).await;
    let Tour { wire, report, .. } = tour;
    let mut visit = Visit::new(site, wire, report);
    let outcome = match outcome {
        Ok(()) => visit.tell(people).await,
        surprise => surprise,
    };
    visit.close(outcome, true)
}

/// A report, which records what is asked of this site where a file is named.
fn report(record: Option<&Path>, site: &str) -> Result<Report> {
    let recorder = record.map(|file| Recorder::create(file, site)).transpose()?;
    Ok(Report::new(recorder))
}

/// The site of a tour and what belongs to it.
struct Place {
    /// The site's URL, without a path.
    site: String,
    /// The mailbox's URL, without a path.
    mailbox: String,
    operator: Option<Operator>,
}

impl Place {
    fn operator(&self) -> Result<&Operator> {
        self.operator.as_ref().context("this step needs an operator, and there is none")
    }
}

/// The people of the tour by name.
struct Cast {
    mira: Account,
    yulia: Account,
    soren: Account,
    /// Signs in through an identity provider.
    bea: Account,
}

impl Cast {
    /// The people of a file with these four in this order.
    fn of(accounts: &[Account]) -> Result<Self> {
        let [mira, yulia, soren, bea] = accounts else {
            bail!("{ACCOUNTS} must have four accounts, the last of them SSO");
        };
        Ok(Self { mira: mira.clone(), yulia: yulia.clone(), soren: soren.clone(), bea: bea.clone() })
    }
}

/// A tour under way.
struct Tour {
    place: Place,
    wire: Wire,
    mails: MailReader,
    report: Report,
}

impl Tour {
    /// Walks the whole story at a place. The first surprise ends it.
    async fn walk(place: Place, report: Report, cast: Cast) -> Result<()> {
        let mails = MailReader::new(&place.mailbox, &place.site).await?;
        let mut tour = Self { place, wire: Wire::new()?, mails, report };
        tour.report.note(&format!("site {}  mailbox {}", tour.place.site, tour.place.mailbox));
        let outcome = async {
            story::tell(&mut tour, &cast).await?;
            another_device::tell(&mut tour, &cast).await?;
            taken_back::tell(&mut tour, &cast).await?;
            refusals::tell(&mut tour, &cast).await?;
            pages::tell(&mut tour, &cast).await
        };
        let outcome = outcome.await;
        tour.report.close(outcome)
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(&self.place.site, &self.wire)
    }

    async fn get(&mut self, visitor: &mut Visitor, path: &str) -> Result<Answer> {
        self.report.ask(visitor, Method::GET, path, None).await
    }

    async fn post(&mut self, visitor: &mut Visitor, path: &str, body: Value) -> Result<Answer> {
        self.report.ask(visitor, Method::POST, path, Some(body)).await
    }

    /// Waits for the next mail to this address, which must be of this kind.
    async fn mail(&mut self, to: &str, kind: Kind) -> Result<Mail> {
        let mail = self.mails.next(to, kind).await?;
        self.report.record_mail(&mail)?;
        self.report.line("mail", format!("to {to}: “{}”", mail.subject));
        Ok(mail)
    }

    /// No mail to this address came before the latest one that did.
    fn no_mail(&mut self, to: &str) -> Result<()> {
        self.mails.nothing_to(to)?;
        self.report.line("no mail", format!("to {to}"));
        Ok(())
    }

    /// Lets the windows of all limits pass.
    async fn a_day_later(&mut self) -> Result<()> {
        let counts = self.place.operator()?.clear_limits().await?;
        self.report
            .line("later", format!("a day passes for the limits: the operator forgets {counts} counts"));
        Ok(())
    }
}

/// An address for a person's backup, of a domain that never receives mail.
fn backup_address(person: &Account, name: &str) -> String {
    let local = person.email.split('@').next().unwrap_or_default();
    format!("{local}.{name}@example.net")
}

/// The token out of a link's path.
fn token_of(path: &str) -> Result<&str> {
    path.split_once("token=").map(|(_, token)| token).context("a link without a token")
}
