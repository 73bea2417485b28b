//! Reads the mailbox over HTTP. Must not know why an email came.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Client;

use crate::mailbox::ReceivedEmail;

/// An email takes a stream poll, a function call and an email service: tens of milliseconds here, seconds in AWS.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The emails of this product, as far as a reader can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmailKind {
    /// Asks to confirm an address.
    Confirm,
    /// Carries a sign-in link.
    SignIn,
    /// Anything else: a username, a notice.
    Words,
}

/// Reads emails in their order, and keeps those that no step has expected yet.
#[derive(Debug)]
pub(super) struct MailReader {
    client: Client,
    mailbox: String,
    /// The URL of the site, with which a genuine link begins.
    site: String,
    seen: u64,
    unread: Vec<ReceivedEmail>,
}

impl MailReader {
    /// A reader of the mailbox at this URL, for emails of the site at that one. Emails already there are ignored.
    pub(super) async fn new(mailbox: &str, site: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        let (mailbox, site) = (mailbox.to_owned(), site.to_owned());
        let mut reader = Self { client, mailbox, site, seen: 0, unread: Vec::new() };
        reader.look().await?;
        reader.unread.clear();
        Ok(reader)
    }

    /// Waits for the next email to this address, which must be of this kind.
    pub(super) async fn next(&mut self, to: &str, kind: EmailKind) -> Result<ReceivedEmail> {
        let waiting = async {
            loop {
                if let Some(at) = self.unread.iter().position(|email| bare(&email.to) == to) {
                    return anyhow::Ok(self.unread.remove(at));
                }
                tokio::time::sleep(PAUSE).await;
                self.look().await?;
            }
        };
        let email = match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(email) => email?,
            Err(_) => {
                bail!("expected an email to {to}, none came in {} s{}", PATIENCE.as_secs(), self.others())
            }
        };
        let came = self.kind(&email);
        ensure!(
            came == kind,
            "expected an email of kind {kind:?} to {to}, came {came:?}: {}\n{}",
            email.subject,
            email.text
        );
        ensure!(
            !email.html.is_empty() && !email.text.is_empty(),
            "a part is missing in “{}” to {to}",
            email.subject
        );
        Ok(email)
    }

    /// No email to this address may have come. Ask after a later email arrived: emails keep their order.
    pub(super) fn nothing_to(&self, to: &str) -> Result<()> {
        match self.unread.iter().find(|email| bare(&email.to) == to) {
            Some(email) => bail!("expected no email to {to}, came “{}”\n{}", email.subject, email.text),
            None => Ok(()),
        }
    }

    /// No email may be left that no step expected.
    pub(super) async fn nothing_left(&mut self) -> Result<()> {
        self.look().await?;
        ensure!(self.unread.is_empty(), "expected no further email{}", self.others());
        Ok(())
    }

    /// The link of an email as a path of the site, its query with it.
    pub(super) fn link_path(&self, email: &ReceivedEmail) -> Result<String> {
        let links = email.links.iter().filter_map(|link| link.strip_prefix(&self.site));
        let mut with_token = links.filter(|path| path.contains("?token="));
        let path = with_token
            .next()
            .with_context(|| format!("expected a link in “{}”\n{}", email.subject, email.text))?;
        ensure!(
            with_token.next().is_none(),
            "expected one link in “{}”, came more\n{}",
            email.subject,
            email.text
        );
        ensure!(
            email.html.contains(path),
            "expected the link of the text part in the HTML part too\n{}",
            email.html
        );
        Ok(path.to_owned())
    }

    fn kind(&self, email: &ReceivedEmail) -> EmailKind {
        let leads_to =
            |path: &str| email.links.iter().any(|link| link.starts_with(&format!("{}{path}", self.site)));
        match () {
            () if leads_to("/backup/confirm?token=") || leads_to("/primary/confirm?token=") => {
                EmailKind::Confirm
            }
            () if leads_to("/login/open?token=") => EmailKind::SignIn,
            () => EmailKind::Words,
        }
    }

    async fn look(&mut self) -> Result<()> {
        let url = format!("{}/mails?after={}", self.mailbox, self.seen);
        let answer = self.client.get(url).send().await.context("the mailbox does not answer")?;
        let emails: Vec<ReceivedEmail> =
            answer.json().await.context("the mailbox sends something other than emails")?;
        self.seen = emails.last().map_or(self.seen, |email| email.number);
        self.unread.extend(emails);
        Ok(())
    }

    fn others(&self) -> String {
        let line = |email: &ReceivedEmail| format!("\n  there is “{}” to {}", email.subject, email.to);
        self.unread.iter().map(line).collect::<Vec<_>>().concat()
    }
}

/// The address out of `Name <address>`.
fn bare(to: &str) -> &str {
    to.rsplit_once('<').map_or(to, |(_, address)| address.trim_end_matches('>'))
}
