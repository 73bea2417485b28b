//! A tour under way: the site, its people, and the means to ask the site and to report. Must not know the story.

use anyhow::{Context as _, Result, bail};
use axum::http::Method;
use serde_json::Value;

use super::mail_reader::{EmailKind, MailReader};
use super::operator::Operator;
use super::report::Report;
use crate::browser::{Browser, Connections, SiteRequest, SiteResponse};
use crate::gateway::callers::Caller;
use crate::mailbox::ReceivedEmail;
use crate::stack::DemoClient;
use crate::stack::accounts::AccountLine;

/// The people of the tour, in the form of the demo accounts; from the root of the workspace.
pub(super) const ACCOUNTS: &str = "dev/src/tour/accounts.jsonl";

/// The site of a tour and what belongs to it.
pub(super) struct Site {
    /// Its URL, without a path.
    pub(super) url: String,
    /// The URL of its mailbox, without a path.
    pub(super) mailbox: String,
    pub(super) operator: Option<Operator>,
    /// A product that signs its people in there.
    pub(super) product: Option<DemoClient>,
    /// A product's back end that keeps accounts there.
    pub(super) caller: Option<Caller>,
    /// Whether its events can be read at the mailbox.
    pub(super) has_events: bool,
}

impl Site {
    pub(super) fn operator(&self) -> Result<&Operator> {
        self.operator.as_ref().context("this step needs an operator, and there is none")
    }
}

/// The people of the tour by name.
pub(super) struct People {
    pub(super) mira: AccountLine,
    pub(super) yulia: AccountLine,
    pub(super) soren: AccountLine,
    /// Signs in through an identity provider.
    pub(super) bea: AccountLine,
}

impl People {
    /// The people of a file with these four in this order.
    pub(super) fn of(accounts: &[AccountLine]) -> Result<Self> {
        let [mira, yulia, soren, bea] = accounts else {
            bail!("{ACCOUNTS} must have four accounts, the last of them SSO");
        };
        Ok(Self { mira: mira.clone(), yulia: yulia.clone(), soren: soren.clone(), bea: bea.clone() })
    }
}

/// A tour under way.
pub(super) struct Walk {
    pub(super) site: Site,
    pub(super) connections: Connections,
    pub(super) emails: MailReader,
    pub(super) report: Report,
}

impl Walk {
    /// A tour of this site that has not begun.
    pub(super) async fn new(site: Site, report: Report) -> Result<Self> {
        let emails = MailReader::new(&site.mailbox, &site.url).await?;
        Ok(Self { site, connections: Connections::new()?, emails, report })
    }

    /// A browser without cookies.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(&self.site.url, &self.connections)
    }

    pub(super) async fn get(&mut self, browser: &mut Browser, path: &str) -> Result<SiteResponse> {
        self.report.ask(browser, Method::GET, path, None).await
    }

    pub(super) async fn post(
        &mut self,
        browser: &mut Browser,
        path: &str,
        body: Value,
    ) -> Result<SiteResponse> {
        self.report.ask(browser, Method::POST, path, Some(body)).await
    }

    /// Sends a request that is no JSON, as a product's server does.
    pub(super) async fn send(&mut self, browser: &mut Browser, asked: &SiteRequest) -> Result<SiteResponse> {
        self.report.send(browser, asked).await
    }

    /// Waits for the next email to this address, which must be of this kind.
    pub(super) async fn email(&mut self, to: &str, kind: EmailKind) -> Result<ReceivedEmail> {
        let email = self.emails.next(to, kind).await?;
        self.report.record_mail(&email)?;
        self.report.line("email", format!("to {to}: “{}”", email.subject));
        Ok(email)
    }

    /// No email to this address came before the latest one that did.
    pub(super) fn no_mail(&mut self, to: &str) -> Result<()> {
        self.emails.nothing_to(to)?;
        self.report.line("no email", format!("to {to}"));
        Ok(())
    }

    /// Makes the windows of all rate limits pass.
    pub(super) async fn a_day_later(&mut self) -> Result<()> {
        let counts = self.site.operator()?.clear_limits().await?;
        self.report
            .line("later", format!("a day passes for the limits: the operator deletes {counts} counts"));
        Ok(())
    }
}

/// An address for a person's backup, of a domain that never receives email.
pub(super) fn backup_address(person: &AccountLine, name: &str) -> String {
    let local = person.email.split('@').next().unwrap_or_default();
    format!("{local}.{name}@example.net")
}

/// The token in a link's path.
pub(super) fn token_of(path: &str) -> Result<&str> {
    path.split_once("token=").map(|(_, token)| token).context("a link without a token")
}
