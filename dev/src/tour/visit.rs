//! The part of the story that needs neither mailbox nor operator, for a site that runs already: after a deployment
//! it shows whether routes, functions, permissions and tables fit together. It changes nothing at the site but the
//! counts of rate limits, and causes emails only to the accounts of its file. Must not know where the site is.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use super::report::Report;
use crate::browser::{Browser, Connections, SiteResponse};
use crate::stack::accounts::AccountLine;

/// An address that no account has, of a domain that never receives email.
const STRANGER: &str = "stranger@example.org";

/// The account that the visit uses.
pub(super) fn person(people: &[AccountLine]) -> Result<&AccountLine> {
    let person = people.iter().find(|person| person.kind == "regular" && person.password.is_some());
    person.context("the file must have a regular account with a password")
}

/// A visit under way.
pub(super) struct Visit {
    site: String,
    pub(super) connections: Connections,
    pub(super) report: Report,
}

impl Visit {
    /// A visit that has not begun.
    pub(super) fn new(site: &str, connections: Connections, report: Report) -> Self {
        Self { site: site.to_owned(), connections, report }
    }

    /// Walks all steps. The first unexpected response ends it.
    pub(super) async fn tell(&mut self, people: &[AccountLine]) -> Result<()> {
        let person = person(people)?;
        let mut browser = self.browser();

        self.report.chapter("Somebody of the site");
        self.sign_in(&mut browser, person).await?;
        self.account(&mut browser, person).await?;
        self.refused_addresses(&mut browser, person).await?;
        self.sign_out(&mut browser).await?;

        self.report.chapter("Anybody");
        self.wrong_credentials(person).await?;
        self.unknown_links().await?;
        self.strangers(person).await?;
        Ok(())
    }

    /// Ends the visit, and reports which steps it left out.
    pub(super) fn close(mut self, outcome: Result<()>, with_mailbox: bool) -> Result<()> {
        if outcome.is_ok() {
            self.report.chapter("Left out");
            if !with_mailbox {
                self.report.note("  what needs a mailbox: confirming, opening a link, the emails themselves");
            }
            self.report.note("  what needs an operator: expired links, an SSO session, limits that pass");
        }
        self.report.close(outcome)
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.site, &self.connections)
    }

    async fn get(&mut self, browser: &mut Browser, path: &str) -> Result<SiteResponse> {
        self.report.ask(browser, Method::GET, path, None).await
    }

    async fn post(&mut self, browser: &mut Browser, path: &str, body: Value) -> Result<SiteResponse> {
        self.report.ask(browser, Method::POST, path, Some(body)).await
    }

    async fn sign_in(&mut self, browser: &mut Browser, person: &AccountLine) -> Result<()> {
        self.report.begin(&format!("{} signs in with username and password", person.username));
        let login = json!({ "identifier": person.username, "password": person.password });
        let answer = self.post(browser, "/login", login).await?;
        answer.expect(200)?.expect_value("/username", &person.username)?;
        ensure!(browser.has_session(), "expected a session cookie, none came");
        self.report.end();
        Ok(())
    }

    async fn account(&mut self, browser: &mut Browser, person: &AccountLine) -> Result<()> {
        self.report.begin("Account details");
        let account = self.get(browser, "/account").await?;
        account
            .expect(200)?
            .expect_value("/username", &person.username)?
            .expect_value("/primary_email", &person.email)?;
        self.report.end();
        Ok(())
    }

    async fn refused_addresses(&mut self, browser: &mut Browser, person: &AccountLine) -> Result<()> {
        self.report.begin("What is no address, or the primary one, is no backup email");
        let cases = [("not an address", "not-an-address"), (person.email.as_str(), "same-as-primary")];
        for (email, code) in cases {
            let answer = self.post(browser, "/account/backup", json!({ "email": email })).await?;
            answer.expect_problem(422, code)?;
        }
        self.report.end();
        Ok(())
    }

    async fn sign_out(&mut self, browser: &mut Browser) -> Result<()> {
        self.report.begin("Signs out");
        self.post(browser, "/logout", json!({})).await?.expect(200)?;
        ensure!(!browser.has_session(), "expected the session cookie to be cleared, it is still there");
        self.get(browser, "/account").await?.expect_problem(401, "not-signed-in")?;
        self.report.end();
        Ok(())
    }

    async fn wrong_credentials(&mut self, person: &AccountLine) -> Result<()> {
        self.report.begin("A wrong password and nobody get the same answer");
        let mut answers = Vec::new();
        for identifier in [person.username.as_str(), STRANGER] {
            let login = json!({ "identifier": identifier, "password": "not the password" });
            answers.push(self.post(&mut self.browser(), "/login", login).await?);
        }
        for answer in &answers {
            answer.expect_problem(401, "wrong-credentials")?.expect_same_as(&answers[0])?;
        }
        self.report.end();
        Ok(())
    }

    async fn unknown_links(&mut self) -> Result<()> {
        self.report.begin("A link that nobody sent");
        let mut browser = self.browser();
        let token = "A".repeat(43);
        for path in ["/backup/confirm", "/login/open"] {
            let page = self.get(&mut browser, &format!("{path}?token={token}")).await?;
            page.expect_problem(404, "link-unknown")?;
            let answer = self.post(&mut browser, path, json!({ "token": token })).await?;
            answer.expect_problem(404, "link-unknown")?;
        }
        self.report.end();
        Ok(())
    }

    async fn strangers(&mut self, person: &AccountLine) -> Result<()> {
        for path in ["/forgot-username", "/login/link"] {
            self.report.begin(&format!("{path} says the same to a stranger"));
            let mut answers = Vec::new();
            for email in [STRANGER, person.email.as_str()] {
                answers.push(self.post(&mut self.browser(), path, json!({ "email": email })).await?);
            }
            for answer in &answers {
                answer.expect(200)?.expect_same_as(&answers[0])?;
            }
            self.report.end();
        }
        Ok(())
    }
}
