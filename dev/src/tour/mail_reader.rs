//! Reads the mailbox over HTTP. Must not know why an email came.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Client;

use crate::mailbox::ReceivedEmail;

/// An email takes a stream poll, a function call and a mail service: tens of milliseconds here, seconds in AWS.
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
                if let Some(at) = self.unread.iter().position(|mail| bare(&mail.to) == to) {
                    return anyhow::Ok(self.unread.remove(at));
                }
                tokio::time::sleep(PAUSE).await;
                self.look().await?;
            }
        };
        let mail = match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(mail) => mail?,
            Err(_) => {
                bail!("expected an email to {to}, none came in {} s{}", PATIENCE.as_secs(), self.others())
            }
        };
        let came = self.kind(&mail);
        ensure!(
            came == kind,
            "expected an email of kind {kind:?} to {to}, came {came:?}: {}\n{}",
            mail.subject,
            mail.text
        );
        ensure!(
            !mail.html.is_empty() && !mail.text.is_empty(),
            "a part is missing in “{}” to {to}",
            mail.subject
        );
        Ok(mail)
    }

    /// No email to this address may have come. Ask after a later email arrived: emails keep their order.
    pub(super) fn nothing_to(&self, to: &str) -> Result<()> {
        match self.unread.iter().find(|mail| bare(&mail.to) == to) {
            Some(mail) => bail!("expected no email to {to}, came “{}”\n{}", mail.subject, mail.text),
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
    pub(super) fn link_path(&self, mail: &ReceivedEmail) -> Result<String> {
        let links = mail.links.iter().filter_map(|link| link.strip_prefix(&self.site));
        let mut with_token = links.filter(|path| path.contains("?token="));
        let path = with_token
            .next()
            .with_context(|| format!("expected a link in “{}”\n{}", mail.subject, mail.text))?;
        ensure!(
            with_token.next().is_none(),
            "expected one link in “{}”, came more\n{}",
            mail.subject,
            mail.text
        );
        ensure!(
            mail.html.contains(path),
            "expected the link of the text part in the HTML part too\n{}",
            mail.html
        );
        Ok(path.to_owned())
    }

    fn kind(&self, mail: &ReceivedEmail) -> EmailKind {
        let leads_to =
            |path: &str| mail.links.iter().any(|link| link.starts_with(&format!("{}{path}", self.site)));
        match () {
            () if leads_to("/backup/confirm?token=") => EmailKind::Confirm,
            () if leads_to("/login/open?token=") => EmailKind::SignIn,
            () => EmailKind::Words,
        }
    }

    async fn look(&mut self) -> Result<()> {
        let url = format!("{}/mails?after={}", self.mailbox, self.seen);
        let answer = self.client.get(url).send().await.context("the mailbox does not answer")?;
        let mails: Vec<ReceivedEmail> =
            answer.json().await.context("the mailbox sends something other than emails")?;
        self.seen = mails.last().map_or(self.seen, |mail| mail.number);
        self.unread.extend(mails);
        Ok(())
    }

    fn others(&self) -> String {
        let line = |mail: &ReceivedEmail| format!("\n  there is “{}” to {}", mail.subject, mail.to);
        self.unread.iter().map(line).collect::<Vec<_>>().concat()
    }
}

/// The address out of `Name <address>`.
fn bare(to: &str) -> &str {
    to.rsplit_once('<').map_or(to, |(_, address)| address.trim_end_matches('>'))
}
