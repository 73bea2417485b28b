//! The flows as a person goes through them: a thin layer, so that a flow that changes is changed here alone.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dev::stack::Stack;
use serde_json::{Value, json};

use super::image::Snapshot;
use crate::client::{Answer, Client};

/// A mailer that meets a fault for good takes five tries, each with the SDK's own retries.
pub const PATIENCE: Duration = Duration::from_mins(1);

const USERNAME: &str = "mina";
const PRIMARY: &str = "mina@example.com";
/// Who gets the mail that [`Scene::ask_for_another_mail`] asks for.
pub const ANOTHER: &str = "joris@example.org";
const PASSWORD: &str = "correct horse battery";
const BACKUP: &str = "mina.spare@example.org";

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Asks for a backup email.
    Define,
    /// Confirms it.
    Confirm,
    /// Asks for the username.
    ForgotUsername,
    /// Asks for a sign-in link.
    RequestLink,
    /// Opens the link that went to the backup email.
    OpenLink,
    /// Signs in with the backup email and the password.
    SignIn,
    /// Removes the backup email.
    Remove,
    /// Takes back, from the notice, that it was added.
    TakeBack,
    /// Asks for a sign-in link, and it is the mailer that meets the fault.
    Mailer,
}

impl Flow {
    /// In the order of the document.
    pub const ALL: [Self; 9] = [
        Self::Define,
        Self::Confirm,
        Self::ForgotUsername,
        Self::RequestLink,
        Self::OpenLink,
        Self::SignIn,
        Self::Remove,
        Self::TakeBack,
        Self::Mailer,
    ];

    /// The function that meets the fault.
    pub fn function(self) -> &'static str {
        match self {
            Self::Define => "request-backup",
            Self::Confirm => "confirm-backup",
            Self::ForgotUsername => "forgot-username",
            Self::RequestLink => "request-magic-link",
            Self::OpenLink => "open-magic-link",
            Self::SignIn => "password-login",
            Self::Remove => "remove-backup",
            Self::TakeBack => "undo-change",
            Self::Mailer => "mailer",
        }
    }

    /// A table that only the transaction names with which the flow changes anything, where it has others.
    pub fn table(self) -> Option<&'static str> {
        // The attempt is counted before, in a transaction of its own.
        (self == Self::SignIn).then_some("SessionsTable")
    }

    /// As the document calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Define => "Define a backup email (`POST /account/backup`)",
            Self::Confirm => "Confirm it (`POST /backup/confirm`)",
            Self::ForgotUsername => "Forgot username (`POST /forgot-username`)",
            Self::RequestLink => "Ask for a sign-in link (`POST /login/link`)",
            Self::OpenLink => "Open the link to the backup email (`POST /login/open`)",
            Self::SignIn => "Sign in with backup email and password (`POST /login`)",
            Self::Remove => "Remove the backup email (`POST /account/backup/remove`)",
            Self::TakeBack => "Take a change back (`POST /undo`)",
            Self::Mailer => "The mailer, at work on a sign-in link",
        }
    }
}

/// Everything before the request that matters, done once; each run begins from its snapshot.
pub struct Scene<'s> {
    stack: &'s Stack,
    pub flow: Flow,
    pub snapshot: Snapshot,
    /// Its cookies are those of the moment before the request.
    browser: Client,
    /// The link that was mailed.
    token: Option<String>,
}

impl<'s> Scene<'s> {
    /// Walks to the point right before the flow's own request.
    pub async fn set(stack: &'s Stack, flow: Flow) -> Result<Self> {
        let (mut browser, mut token) = (Client::new(stack)?, None);
        match flow {
            Flow::ForgotUsername | Flow::RequestLink | Flow::Mailer => {}
            Flow::Define => browser.sign_in(PRIMARY, PASSWORD).await?,
            Flow::Confirm => {
                browser.sign_in(PRIMARY, PASSWORD).await?;
                token = Some(define(stack, &mut browser).await?);
            }
            Flow::SignIn | Flow::Remove | Flow::OpenLink | Flow::TakeBack => {
                browser.sign_in(PRIMARY, PASSWORD).await?;
                let link = define(stack, &mut browser).await?;
                let confirmed = browser.post("/backup/confirm", &json!({ "token": link })).await?;
                ensure!(confirmed.status == 200, "confirming: {} {}", confirmed.status, confirmed.body);
            }
        }
        match flow {
            Flow::OpenLink => {
                browser = Client::new(stack)?;
                browser.post("/login/link", &json!({ "email": BACKUP })).await?;
                token = Some(mailed(stack, BACKUP, "/login/open?token=").await?);
            }
            Flow::TakeBack => token = Some(mailed(stack, PRIMARY, "/undo?token=").await?),
            _ => {}
        }
        let snapshot = Snapshot::take(stack).await?;
        Ok(Self { stack, flow, snapshot, browser, token })
    }

    /// The request that matters, from the browser as it was.
    pub async fn act(&self) -> Result<Answer> {
        let (path, body) = self.request();
        self.browser.clone().post(path, &body).await
    }

    fn request(&self) -> (&'static str, Value) {
        match self.flow {
            Flow::Define => ("/account/backup", json!({ "email": BACKUP })),
            Flow::Confirm => ("/backup/confirm", json!({ "token": self.token })),
            Flow::ForgotUsername => ("/forgot-username", json!({ "email": PRIMARY })),
            Flow::RequestLink | Flow::Mailer => ("/login/link", json!({ "email": PRIMARY })),
            Flow::OpenLink => ("/login/open", json!({ "token": self.token })),
            Flow::SignIn => ("/login", json!({ "identifier": BACKUP, "password": PASSWORD })),
            Flow::Remove => ("/account/backup/remove", json!({ "what": "confirmed" })),
            Flow::TakeBack => ("/undo", json!({ "token": self.token, "username": USERNAME })),
        }
    }

    /// Somebody else asks for something, so that two mails are under way.
    pub async fn ask_for_another_mail(&self) -> Result<()> {
        let form = json!({ "email": ANOTHER });
        let answer = Client::new(self.stack)?.post("/forgot-username", &form).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }
}

/// Asks for the backup email; the token of the mail.
async fn define(stack: &Stack, mina: &mut Client) -> Result<String> {
    let asked = mina.post("/account/backup", &json!({ "email": BACKUP })).await?;
    ensure!(asked.status == 202, "defining: {} {}", asked.status, asked.body);
    mailed(stack, BACKUP, "/backup/confirm?token=").await
}

/// Waits for a mail with such a link; the link's token.
async fn mailed(stack: &Stack, to: &str, link: &str) -> Result<String> {
    let fits = |mail: &dev::mailbox::Mail| mail.to == to && mail.links.iter().any(|own| own.contains(link));
    let mail = stack.mailbox().wait_for(PATIENCE, fits).await;
    let mail = mail.with_context(|| format!("no mail to {to} with {link}"))?;
    let tokens = mail.links.iter().filter_map(|own| own.split_once(link));
    Ok(tokens.map(|(_, token)| token.to_owned()).next().unwrap_or_default())
}
