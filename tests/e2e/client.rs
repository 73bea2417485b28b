//! Stacks for end-to-end tests, their browsers and emails.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dev::browser::{Browser, Connections};
use dev::mailbox::ReceivedEmail;
use dev::stack::{Options, Stack};
use serde_json::json;

/// An email takes milliseconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack that prints nothing, on free ports and with the demo accounts.
pub fn silent() -> Options {
    Options { printing: dev::logs::Printing::Nothing, ..Options::default() }
}

/// Starts such a stack.
pub async fn start() -> Result<Stack> {
    Stack::start(&silent()).await
}

/// A browser without cookies for a stack.
pub fn new_browser(stack: &Stack) -> Result<Browser> {
    Ok(Browser::new(stack.page_url(), &Connections::new()?))
}

/// The values of all cookies; each link request counts separately.
pub fn cookie_values(browser: &Browser) -> impl Iterator<Item = String> {
    browser.cookies().values().flat_map(|value| value.split('.')).map(str::to_owned)
}

/// Signs in, which must succeed.
pub async fn sign_in(browser: &mut Browser, identifier: &str, password: &str) -> Result<()> {
    let form = json!({ "identifier": identifier, "password": password });
    let answer = browser.post("/login", &form).await?;
    ensure!(answer.status == 200, "sign-in: {} {}", answer.status, answer.body);
    Ok(())
}

/// Waits for an email to an address with this subject.
pub async fn email(stack: &Stack, to: &str, subject: &str) -> Result<ReceivedEmail> {
    let arrived =
        stack.mailbox().wait_for(PATIENCE, |email| email.to == to && email.subject == subject).await;
    arrived.with_context(|| {
        format!("no email {subject:?} to {to}; the log:\n{}", stack.logs().lines().join("\n"))
    })
}

/// The secret in the link of an email.
pub fn token(email: &ReceivedEmail) -> Result<String> {
    let link =
        email.links.iter().find_map(|link| link.split_once("?token=")).context("no link with a token")?;
    Ok(link.1.to_owned())
}
