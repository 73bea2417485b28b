//! `ops emails`: lists the requests that the mailer or its stream gave up on, and queues them again. Shows keys, kinds and times,
//! never an address.
use clap::Subcommand;
use domain::{MessageId, Timestamp};
use shared::store::{QueuedEmail, ResendRefused};

use super::undeliverable::{self, Undeliverable};
use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{counted, print_line, tell};

/// Commands for emails.
#[derive(Debug, Subcommand)]
pub enum Emails {
    /// Lists the email requests that the mailer gave up on and the outbox still has.
    ListUnsent,
    /// Queues one of them again, or all whose email is still useful.
    #[command(group(clap::ArgGroup::new("which").required(true).args(["key", "all"])))]
    Resend {
        /// The key (`message_id`) of the request.
        key: Option<String>,
        /// All that can be sent again.
        #[arg(long)]
        all: bool,
    },
    /// Addresses of accounts to which email fails: list them, let emails through again.
    #[command(subcommand)]
    Undeliverable(Undeliverable),
}

/// Runs a command.
pub async fn run(command: Emails, connection: &Connection) -> Result<(), Failure> {
    let operator = Operator::connect(connection).await?;
    match command {
        Emails::ListUnsent => list_unsent(&operator).await,
        Emails::Resend { key: Some(key), .. } => resend(&operator, &MessageId::from_stored(key)).await,
        Emails::Resend { .. } => resend_all(&operator).await,
        Emails::Undeliverable(command) => undeliverable::run(command, &operator).await,
    }
}

async fn list_unsent(operator: &Operator) -> Result<(), Failure> {
    let now = operator.now();
    let unsent = operator.store.list_unsent(now).await?;
    for queued in &unsent.requests {
        print_line!("{}", line(queued, now));
    }
    for id in &unsent.unreadable {
        print_line!("{}  cannot be read: report it without its item", id.as_str());
    }
    let all = unsent.requests.len() + unsent.unreadable.len();
    tell!("{} not sent", counted(all, "email was", "emails were"));
    Ok(())
}

async fn resend(operator: &Operator, id: &MessageId) -> Result<(), Failure> {
    match operator.store.find_email_request(id).await? {
        Some(Ok(queued)) => queue_again(operator, &queued).await.map(drop),
        Some(Err(_)) => Err(Failure::Input(vec![format!("the request {:?} cannot be read", id.as_str())])),
        None => Err(Failure::Input(vec![format!("the outbox has no request {:?}", id.as_str())])),
    }
}

async fn resend_all(operator: &Operator) -> Result<(), Failure> {
    let unsent = operator.store.list_unsent(operator.now()).await?;
    let mut asked: usize = 0;
    for queued in &unsent.requests {
        // If this is interrupted, the next run continues with those that are left.
        asked += usize::from(queue_again(operator, queued).await?);
    }
    for id in &unsent.unreadable {
        print_line!("{} is not sent again: it cannot be read", id.as_str());
    }
    let all = unsent.requests.len() + unsent.unreadable.len();
    print_line!("{asked} of {} queued again", counted(all, "email is", "emails are"));
    Ok(())
}

/// Queues one request again and prints the outcome; false if it is refused.
async fn queue_again(operator: &Operator, queued: &QueuedEmail) -> Result<bool, Failure> {
    let (id, again) = (queued.id.as_str(), operator.message_id());
    let outcome = operator.store.resend(queued, &again, operator.now()).await?;
    match outcome {
        Ok(()) => print_line!("{id} is queued again as {}", again.as_str()),
        Err(why) => print_line!("{id} is not sent again: {}", reason(why)),
    }
    Ok(outcome.is_ok())
}

/// One request, for a terminal and for `grep`.
fn line(queued: &QueuedEmail, now: Timestamp) -> String {
    let at = queued.requested_at.date_time();
    let (id, kind, date) = (queued.id.as_str(), queued.request.kind(), at.date());
    let account = queued
        .request
        .account_id()
        .map(|account| format!("  account {}", account.as_str()))
        .unwrap_or_default();
    let why = queued.resend_refused(now).map(|why| format!("  ({})", reason(why))).unwrap_or_default();
    format!("{id}  {kind}  {date} {:02}:{:02} UTC{account}{why}", at.hour(), at.minute())
}

fn reason(why: ResendRefused) -> &'static str {
    match why {
        ResendRefused::Done => "it is done, or was queued again already",
        ResendRefused::InProgress => "the mailer still tries to send it",
        ResendRefused::LinkExpired => "the link in it would have expired",
        ResendRefused::Superseded => "its address is no longer pending, or was requested again",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{AccountId, ClientInfo, EmailAddress, EmailRequest, Notice, TypedAddress};
    use shared::store::QueuedState;

    use super::*;

    #[test]
    fn a_line_names_the_request_and_no_address() {
        let asked = Timestamp::from_unix_seconds(1_800_000_000);
        let address = EmailAddress::parse("mina@example.com").expect("an address");
        let account_id = AccountId::new("01A".to_owned());
        let confirmation = EmailRequest::ConfirmBackup {
            account_id: account_id.clone(),
            address: address.clone(),
            source: ClientInfo::default(),
        };
        let notice = Notice::BackupUsed { address: address.clone() };
        let source = ClientInfo::default();
        let notice =
            EmailRequest::Notice { account_id, notice, source, event: None, hourly: Vec::new(), to: None };
        let (typed, source) = (TypedAddress::from(&address), ClientInfo::default());
        let link = EmailRequest::SignInLink { typed, source, client: None };
        let line_after = |minutes: u64, request: EmailRequest, state: QueuedState| {
            let queued = QueuedEmail { id: MessageId::first_of(asked), state, requested_at: asked, request };
            line(&queued, asked + Duration::from_mins(minutes)).replace(queued.id.as_str(), "ID")
        };
        let (waiting, done, unsent) = (QueuedState::Waiting, QueuedState::Done, QueuedState::Unsent);
        let lines = [
            line_after(23 * 60 + 2, notice.clone(), waiting),
            line_after(23 * 60 + 1, notice.clone(), waiting),
            line_after(0, notice.clone(), unsent),
            line_after(12, notice, done),
            line_after(23 * 60 + 2, confirmation.clone(), waiting),
            line_after(24 * 60, confirmation, waiting),
            line_after(9, link.clone(), unsent),
            line_after(10, link, unsent),
        ];
        assert_eq!(
            lines,
            [
                "ID  notice  2027-01-15 08:00 UTC  account 01A",
                "ID  notice  2027-01-15 08:00 UTC  account 01A  (the mailer still tries to send it)",
                "ID  notice  2027-01-15 08:00 UTC  account 01A",
                "ID  notice  2027-01-15 08:00 UTC  account 01A  (it is done, or was queued again already)",
                "ID  confirm-backup  2027-01-15 08:00 UTC  account 01A",
                "ID  confirm-backup  2027-01-15 08:00 UTC  account 01A  (the link in it would have expired)",
                "ID  sign-in-link  2027-01-15 08:00 UTC",
                "ID  sign-in-link  2027-01-15 08:00 UTC  (the link in it would have expired)",
            ]
        );
    }
}
