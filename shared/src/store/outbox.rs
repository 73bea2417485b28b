//! The table of mail requests; its stream wakes the mailer.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::LimitReached;
use super::write::{Write, key, text};
use super::{Store, StoreError};
use crate::domain::{Limit, MailRequest, MessageId, Timestamp};

/// A request outlives a weekend's outage and no more: it holds what strangers typed.
const KEPT: Duration = Duration::from_hours(3 * 24);

#[derive(Serialize, Deserialize)]
struct Row {
    message_id: MessageId,
    mail_state: Status,
    requested_at: Timestamp,
    expires_at: Timestamp,
    request: MailRequest,
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
    pub request: MailRequest,
}

impl Store {
    /// Counts against the limits and puts the request into the outbox, in one transaction and thus in one call,
    /// whoever asks and whatever for. When a limit is reached, nothing is written.
    pub async fn request_mail(
        &self,
        id: &MessageId,
        request: MailRequest,
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let queueing = self.queueing(id, request, now)?;
        self.transact_within("ask for a mail", limits, vec![queueing], now).await
    }

    /// The write that puts a request into the outbox. Key: the message. It must be new.
    pub(super) fn queueing(
        &self,
        id: &MessageId,
        request: MailRequest,
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
    pub async fn find_mail_request(&self, id: &MessageId) -> Result<Option<Queued>, StoreError> {
        const DOING: &str = "read a mail request";
        let call = self.dynamodb.get_item().table_name(&self.tables.outbox);
        let call = call.set_key(Some(key([("message_id", id.as_str())]))).consistent_read(true);
        let Some(item) = call.send().await.map_err(|error| StoreError::new(DOING, error))?.item else {
            return Ok(None);
        };
        let row: Row = serde_dynamo::from_item(item).map_err(|error| StoreError::new(DOING, error))?;
        let state = match row.mail_state {
            Status::Waiting => QueuedState::Waiting,
            Status::Done => QueuedState::Done,
        };
        Ok(Some(Queued { id: row.message_id, state, requested_at: row.requested_at, request: row.request }))
    }

    /// Notes that the mailer is through with a request. Key: the message. One that is gone meanwhile stays gone.
    pub async fn mark_mail_request_done(&self, id: &MessageId) -> Result<(), StoreError> {
        let done =
            Write::update(&self.tables.outbox, key([("message_id", id.as_str())]), "SET mail_state = :done")
                .when("attribute_exists(message_id)")
                .value(":done", text("done"));
        self.write("note that a mail request is done", done).await.map(|_| ())
    }
}
