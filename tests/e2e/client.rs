//! A client of a running site: JSON, and cookies kept by hand.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use dev::mailbox::Mail;
use dev::stack::{Options, Stack};
use serde_json::Value;
use std::time::Duration;

/// A mail takes milliseconds; a machine under load takes its time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack that prints nothing, on free ports and with the demo accounts.
pub fn silent() -> Options {
    Options { printing: dev::logs::Printing::Nothing, ..Options::default() }
}

/// Starts such a stack.
pub async fn start() -> Result<Stack> {
    Stack::start(&silent()).await
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// Somebody at the site.
#[derive(Clone)]
pub struct Client {
    site: String,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Client {
    pub fn new(stack: &Stack) -> Result<Self> {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { site: stack.page_url().to_owned(), http, cookies: BTreeMap::new() })
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask(self.http.get(format!("{}{path}", self.site))).await
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answer> {
        self.ask(self.http.post(format!("{}{path}", self.site)).json(body)).await
    }

    async fn ask(&mut self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let mut request = request.header("accept", "application/json");
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let response = request.send().await?;
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("not a cookie")?;
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(Answer { status: response.status().as_u16(), body: response.json().await.unwrap_or_default() })
    }

    /// The values of all its cookies, those of several requests one by one.
    pub fn cookies(&self) -> impl Iterator<Item = String> {
        self.cookies.values().flat_map(|value| value.split('.')).map(str::to_owned)
    }

    /// Signs in and insists on it.
    pub async fn sign_in(&mut self, identifier: &str, password: &str) -> Result<()> {
        let form = serde_json::json!({ "identifier": identifier, "password": password });
        let answer = self.post("/login", &form).await?;
        ensure!(answer.status == 200, "sign-in: {} {}", answer.status, answer.body);
        Ok(())
    }
}

/// Waits for a mail to an address with this subject.
pub async fn mail(stack: &Stack, to: &str, subject: &str) -> Result<Mail> {
    let arrived = stack.mailbox().wait_for(PATIENCE, |mail| mail.to == to && mail.subject == subject).await;
    arrived.with_context(|| {
        format!("no mail {subject:?} to {to}; the log:\n{}", stack.logs().lines().join("\n"))
    })
}

/// The secret in a mail's link.
pub fn token(mail: &Mail) -> Result<String> {
    let link =
        mail.links.iter().find_map(|link| link.split_once("?token=")).context("no link with a token")?;
    Ok(link.1.to_owned())
}
