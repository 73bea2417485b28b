//! The table of email requests; its stream starts the mailer.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::PENDING;
use super::error::Context;
use super::limits::{Counted, LimitReached};
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::{EmailRequest, Limit, MessageId, Purpose, Timestamp};

/// How long a request is kept: longer than a weekend's outage, and no more, because it contains what strangers typed.
pub(super) const RETENTION: Duration = Duration::from_hours(3 * 24);

/// How long the mailer may be processing a request that waits: `MaximumRecordAgeInSeconds` of its stream, and its last
/// run.
pub const DELIVERY_WINDOW: Duration = Duration::from_mins(23 * 60 + 1);

#[derive(Serialize, Deserialize)]
struct Row {
    message_id: MessageId,
    mail_state: QueuedState,
    requested_at: Timestamp,
    expires_at: Timestamp,
    request: EmailRequest,
}

/// What the mailer has made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueuedState {
    /// Nothing yet.
    Waiting,
    /// It sent the email, or decided not to.
    Done,
    /// It gave the request up, because another attempt would fail too.
    Unsent,
}

impl QueuedState {
    /// The state as the database has it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Unsent => "unsent",
        }
    }
}

/// An email request in the outbox.
#[derive(Debug, Clone)]
pub struct QueuedEmail {
    /// Its key.
    pub id: MessageId,
    /// What the mailer has made of it.
    pub state: QueuedState,
    /// When it was made.
    pub requested_at: Timestamp,
    /// What it asks for.
    pub request: EmailRequest,
}

/// A request that does not parse.
#[derive(Debug, thiserror::Error)]
#[error("the mail request cannot be read")]
pub struct UnreadableRequest {
    /// Whether it was given up already.
    pub given_up: bool,
    source: serde_dynamo::Error,
}

/// Requests that the mailer or its stream gave up on, the oldest first.
#[derive(Debug, Default)]
pub struct UnsentEmails {
    /// Those that parse.
    pub requests: Vec<QueuedEmail>,
    /// Those that do not parse, which may be why the mailer gave up.
    pub unreadable: Vec<MessageId>,
}

/// Why a request is not queued again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendRefused {
    /// The mailer has processed it, or it was queued again already.
    Done,
    /// The mailer may still be processing it, so that the email would be sent twice.
    InProgress,
    /// The link in the email would have expired.
    LinkExpired,
    /// The address to confirm is no longer pending, or waits for a later request.
    Superseded,
}

impl QueuedEmail {
    /// Why queueing it again at that time is refused, as far as the request alone shows.
    pub fn resend_refused(&self, now: Timestamp) -> Option<ResendRefused> {
        let lifetime = self.request.link().map(Purpose::lifetime);
        if self.state == QueuedState::Done {
            Some(ResendRefused::Done)
        } else if self.state == QueuedState::Waiting && self.id >= MessageId::first_of(now - DELIVERY_WINDOW)
        {
            Some(ResendRefused::InProgress)
        } else if lifetime.is_some_and(|lifetime| now >= self.requested_at + lifetime) {
            Some(ResendRefused::LinkExpired)
        } else {
            None
        }
    }
}

impl From<Row> for QueuedEmail {
    fn from(row: Row) -> Self {
        Self {
            id: row.message_id,
            state: row.mail_state,
            requested_at: row.requested_at,
            request: row.request,
        }
    }
}

pub(super) fn message_key(id: &MessageId) -> Item {
    key([("message_id", id.as_str())])
}

impl Counted<'_> {
    /// Counts against the limits and queues the request, in one transaction and thus in one call. Nothing is written
    /// when a limit is reached.
    pub async fn request_email(
        &self,
        id: &MessageId,
        request: EmailRequest,
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        self.write_within("ask for a mail", limits, now, |tx| {
            tx.add(self.store.enqueue(id, request, now)?);
            Ok(())
        })
        .await
    }
}

impl Store {
    /// Queues a request. Key: the message. The condition is false when it exists.
    pub(super) fn enqueue(
        &self,
        id: &MessageId,
        request: EmailRequest,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let row = Row {
            message_id: id.clone(),
            mail_state: QueuedState::Waiting,
            requested_at: now,
            expires_at: now + RETENTION,
            request,
        };
        Ok(Write::put(&self.tables.outbox, &row)?.when("attribute_not_exists(message_id)"))
    }

    /// Finds a request, consistently. One that does not parse is told apart from a call that failed.
    pub async fn find_email_request(
        &self,
        id: &MessageId,
    ) -> Result<Option<Result<QueuedEmail, UnreadableRequest>>, StoreError> {
        let item =
            self.get_item(&self.tables.outbox, message_key(id)).await.context("read a mail request")?;
        Ok(item.map(|item| {
            let given_up = item.get("mail_state") == Some(&text(QueuedState::Unsent.as_str()));
            let row = serde_dynamo::from_item::<_, Row>(item);
            row.map(QueuedEmail::from).map_err(|source| UnreadableRequest { given_up, source })
        }))
    }

    /// Lists the requests that were given up, and those that wait and are older than the stream tries. It scans the
    /// table: for operators only.
    pub async fn list_unsent(&self, now: Timestamp) -> Result<UnsentEmails, StoreError> {
        let since = MessageId::first_of(now - DELIVERY_WINDOW);
        let (mut unsent, mut start) = (UnsentEmails::default(), None);
        loop {
            let call = self.dynamodb.scan().table_name(&self.tables.outbox).set_exclusive_start_key(start);
            let call = call
                .filter_expression(
                    "(mail_state = :unsent OR mail_state = :waiting AND message_id < :since) AND expires_at > :now",
                )
                .expression_attribute_values(":unsent", text(QueuedState::Unsent.as_str()))
                .expression_attribute_values(":waiting", text(QueuedState::Waiting.as_str()))
                .expression_attribute_values(":since", text(since.as_str()))
                .expression_attribute_values(":now", number(now.unix_seconds()));
            let answer = call.send().await.context("list the mail requests that were given up")?;
            for item in answer.items.unwrap_or_default() {
                let id = item.get("message_id").and_then(|id| id.as_s().ok()).cloned();
                match serde_dynamo::from_item::<_, Row>(item) {
                    Ok(row) => unsent.requests.push(row.into()),
                    Err(_) => unsent.unreadable.extend(id.map(MessageId::from_stored)),
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                unsent.requests.sort_by(|one, other| one.id.cmp(&other.id));
                unsent.unreadable.sort();
                return Ok(unsent);
            }
        }
    }

    /// Queues a request again that the mailer gave up on, under a new key, because only new items reach the mailer. All
    /// times count from the first request. Keys: both messages and, for a confirmation, the pending address, which names
    /// the request it waits for. The condition of the former message is false when it was queued again already, or the
    /// mailer has processed it; that of the pending address, when it waits for another request.
    pub async fn resend(
        &self,
        former: &QueuedEmail,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<Result<(), ResendRefused>, StoreError> {
        if let Some(why) = former.resend_refused(now) {
            return Ok(Err(why));
        }
        let mut tx = Transaction::new("ask for a mail again");
        let set_done = self.set_state(&former.id, QueuedState::Done).when("mail_state = :former");
        let done = tx.add(set_done.value(":former", text(former.state.as_str())));
        tx.add(self.enqueue(id, former.request.clone(), former.requested_at)?);
        if let EmailRequest::ConfirmBackup { account_id, .. }
        | EmailRequest::ConfirmPrimary { account_id, .. } = &former.request
        {
            let pending = Self::account_key(account_id, PENDING);
            tx.add(
                Write::update(&self.tables.accounts, pending, "SET request_id = :id")
                    .when("request_id = :former")
                    .value(":id", text(id.as_str()))
                    .value(":former", text(former.id.as_str())),
            );
        }
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(done) => Err(ResendRefused::Done),
            Err(_) => Err(ResendRefused::Superseded),
        })
    }

    fn set_state(&self, id: &MessageId, state: QueuedState) -> Write {
        Write::update(&self.tables.outbox, message_key(id), "SET mail_state = :state")
            .value(":state", text(state.as_str()))
    }

    /// Marks a request as processed. Key: the message. One that has expired since stays gone.
    pub async fn mark_email_request_done(&self, id: &MessageId) -> Result<(), StoreError> {
        let done = self.set_state(id, QueuedState::Done).when("attribute_exists(message_id)");
        self.write(done).await.context("note that a mail request is done")?;
        Ok(())
    }

    /// Marks a request as given up. Key: the message. One that has expired since stays gone.
    pub async fn mark_email_request_unsent(&self, id: &MessageId) -> Result<(), StoreError> {
        let unsent = self.set_state(id, QueuedState::Unsent).when("attribute_exists(message_id)");
        self.write(unsent).await.context("note that a mail request was given up")?;
        Ok(())
    }
}
