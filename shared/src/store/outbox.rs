//! The table of mail requests; its stream wakes the mailer.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::PENDING;
use super::limits::{Counted, LimitReached};
use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::{EmailRequest, Limit, MessageId, Purpose, Timestamp};

/// A request outlives a weekend's outage and no more: it holds what strangers typed.
const KEPT: Duration = Duration::from_hours(3 * 24);

/// For how long the mailer may be at work on a request: `MaximumRecordAgeInSeconds` of its stream, and its last run.
const DELIVERY_WINDOW: Duration = Duration::from_mins(11);

#[derive(Serialize, Deserialize)]
struct Row {
    message_id: MessageId,
    mail_state: Status,
    requested_at: Timestamp,
    expires_at: Timestamp,
    request: EmailRequest,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Waiting,
    Done,
}

/// Whether the mailer is through with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedState {
    /// It is not.
    Waiting,
    /// It sent the mail, or decided not to.
    Done,
}

/// A mail request as the outbox has it.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its key.
    pub id: MessageId,
    /// Whether the mailer is through with it.
    pub state: QueuedState,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What was asked for.
    pub request: EmailRequest,
}

/// Requests that the mailer gave up, the oldest first.
#[derive(Debug, Default)]
pub struct Unsent {
    /// Those that can be read.
    pub requests: Vec<Queued>,
    /// Those that cannot, which may be why they were given up.
    pub unreadable: Vec<MessageId>,
}

/// Why a request is not put into the outbox again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendRefused {
    /// The mailer is through with it, or it was put there again already.
    Done,
    /// The mailer may still be at work on it, so that its mail would come twice.
    InProgress,
    /// The link in its mail would be dead.
    LinkExpired,
    /// The address it would confirm is not pending any more, or a later request is to confirm it.
    Superseded,
}

impl Queued {
    /// Why asking for it again is pointless at that time; the outbox itself may know more.
    pub fn resend_refused(&self, now: Timestamp) -> Option<ResendRefused> {
        let lifetime = self.request.link().map(Purpose::lifetime);
        if self.state == QueuedState::Done {
            Some(ResendRefused::Done)
        } else if self.id >= MessageId::first_of(now - DELIVERY_WINDOW) {
            Some(ResendRefused::InProgress)
        } else if lifetime.is_some_and(|lifetime| now >= self.requested_at + lifetime) {
            Some(ResendRefused::LinkExpired)
        } else {
            None
        }
    }
}

impl From<Row> for Queued {
    fn from(row: Row) -> Self {
        let state = match row.mail_state {
            Status::Waiting => QueuedState::Waiting,
            Status::Done => QueuedState::Done,
        };
        Self { id: row.message_id, state, requested_at: row.requested_at, request: row.request }
    }
}

impl Counted<'_> {
    /// Counts against the limits and puts the request into the outbox, in one transaction and thus in one call,
    /// whoever asks and whatever for. When a limit is reached, nothing is written.
    pub async fn request_email(
        &self,
        id: &MessageId,
        request: EmailRequest,
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let enqueue = self.store.enqueue(id, request, now)?;
        self.transact_within("ask for a mail", limits, vec![enqueue], now).await
    }
}

impl Store {
    /// The write that puts a request into the outbox. Key: the message. It must be new.
    pub(super) fn enqueue(
        &self,
        id: &MessageId,
        request: EmailRequest,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let row = Row {
            message_id: id.clone(),
            mail_state: Status::Waiting,
            requested_at: now,
            expires_at: now + KEPT,
            request,
        };
        Ok(Write::put(&self.tables.outbox, &row)?.when("attribute_not_exists(message_id)"))
    }

    /// Reads a request, consistently.
    pub async fn find_email_request(&self, id: &MessageId) -> Result<Option<Queued>, StoreError> {
        const DOING: &str = "read a mail request";
        let call = self.dynamodb.get_item().table_name(&self.tables.outbox);
        let call = call.set_key(Some(key([("message_id", id.as_str())]))).consistent_read(true);
        let Some(item) = call.send().await.map_err(|error| StoreError::new(DOING, error))?.item else {
            return Ok(None);
        };
        let row: Row = serde_dynamo::from_item(item).map_err(|error| StoreError::new(DOING, error))?;
        Ok(Some(row.into()))
    }

    /// What waits and is older than the mailer tries. A look at every item: for operators only.
    pub async fn list_unsent(&self, now: Timestamp) -> Result<Unsent, StoreError> {
        const DOING: &str = "list the mail requests that were given up";
        let (mut unsent, mut start) = (Unsent::default(), None);
        loop {
            let call = self.dynamodb.scan().table_name(&self.tables.outbox).set_exclusive_start_key(start);
            let call = call
                .filter_expression("mail_state = :waiting AND message_id < :since AND expires_at > :now")
                .expression_attribute_values(":waiting", text("waiting"))
                .expression_attribute_values(
                    ":since",
                    text(MessageId::first_of(now - DELIVERY_WINDOW).as_str()),
                )
                .expression_attribute_values(":now", number(now.unix_seconds()));
            let answer = call.send().await.map_err(|error| StoreError::new(DOING, error))?;
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

    /// Puts a request that was given up into the outbox again, under a new key, because only what is new reaches the
    /// mailer. All times go on from the first request. Keys: both messages and, for a confirmation, the pending
    /// address, which waits for one request by name. The condition of the former message is false when another has
    /// done this, or the mailer has come so far.
    pub async fn resend(
        &self,
        former: &Queued,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<Result<(), ResendRefused>, StoreError> {
        const FORMER: usize = 0;
        if let Some(why) = former.resend_refused(now) {
            return Ok(Err(why));
        }
        let mut writes = vec![
            self.set_done(&former.id).when("mail_state = :waiting").value(":waiting", text("waiting")),
            self.enqueue(id, former.request.clone(), former.requested_at)?,
        ];
        if let EmailRequest::ConfirmBackup { account_id, .. } = &former.request {
            let pending = Self::account_key(account_id, PENDING);
            let renaming = Write::update(&self.tables.accounts, pending, "SET request_id = :id")
                .when("request_id = :former")
                .value(":id", text(id.as_str()))
                .value(":former", text(former.id.as_str()));
            writes.push(renaming);
        }
        let outcome = self.transact("ask for a mail again", writes).await?;
        Ok(outcome.map_err(
            |failed| if failed.at(FORMER) { ResendRefused::Done } else { ResendRefused::Superseded },
        ))
    }

    fn set_done(&self, id: &MessageId) -> Write {
        Write::update(&self.tables.outbox, key([("message_id", id.as_str())]), "SET mail_state = :done")
            .value(":done", text("done"))
    }

    /// Notes that the mailer is through with a request. Key: the message. One that is gone meanwhile stays gone.
    pub async fn mark_email_request_done(&self, id: &MessageId) -> Result<(), StoreError> {
        let done = self.set_done(id).when("attribute_exists(message_id)");
        self.write("note that a mail request is done", done).await.map(|_| ())
    }
}
