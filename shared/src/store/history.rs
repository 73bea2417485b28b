//! The table of what happened to accounts. Each event is written in the transaction of the change itself, together with the
//! request for its notice. Keys: the account, and the event's id, which sorts by time.
//!
//! Actions without a notice are in a partition of their own for each account, the log. So an undo never reads them, however
//! many there are, and a function that may only log cannot write an event.
use std::time::Duration;

use futures_util::future::join;
use serde::{Deserialize, Serialize};

use super::accounts::{Confirmed, Former, ReplacedPrimary};
use super::error::Context as _;
use super::read::query_item_pages;
use super::transaction::Transaction;
use super::write::{Item, Write, number, text};
use super::{Cursor, Store, StoreError};
use domain::activity::MOST_LISTED;
use domain::history::RETENTION;
use domain::{
    Account, AccountEvent, AccountId, Activity, Actor, ClientInfo, EmailRequest, EventContext, ExternalId,
    FormerPrimary, Happened, History, HourlyKey, LogEntry, LoggedAction, MessageId, Notice, PrimaryEmails,
    Purpose, RecoveryEmails, SignInMethod, Timestamp,
};

/// Calls that one look at the history makes, each of a megabyte at most. The limits on sign-ins, on requests and on ending
/// sessions keep the events of a week below that.
const MOST_PAGES: usize = 10;

/// Rows that a list reads of each partition: any of both may have the newest.
const MOST_ROWS: i32 = 20;
const _: () = assert!(MOST_ROWS as usize == MOST_LISTED, "as many as are listed");

#[derive(Serialize, Deserialize)]
struct Row {
    account_id: AccountId,
    event_id: MessageId,
    happened: Notice,
    happened_at: Timestamp,
    source: ClientInfo,
    #[serde(default)]
    context: StoredContext,
    /// The recovery emails before a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
    expires_at: Timestamp,
}

/// An action of the log.
#[derive(Serialize, Deserialize)]
struct LogRow {
    /// The account's partition of the log.
    account_id: String,
    event_id: MessageId,
    happened: LoggedAction,
    happened_at: Timestamp,
    source: ClientInfo,
    #[serde(default)]
    context: StoredContext,
    expires_at: Timestamp,
}

/// What is kept for the programs that are told. Rows of earlier versions have none.
#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    #[serde(default)]
    by: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    how: Option<SignInMethod>,
}

#[derive(Serialize, Deserialize)]
struct Before {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backup: Option<Confirmed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<Former>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<Primary>,
}

/// The primary email before a change of it.
#[derive(Serialize, Deserialize)]
struct Primary {
    #[serde(flatten)]
    email: Confirmed,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<ReplacedPrimary>,
}

/// Why a row is no event.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("an event of the history does not parse")]
    Malformed(#[source] serde_dynamo::Error),
    /// A function that may write events of uses may not write what a change needs.
    #[error("a change of the history does not say what was before it")]
    NothingBefore,
}

impl Before {
    fn of(event: &AccountEvent) -> Option<Self> {
        let emails = event.before.as_ref()?;
        Some(Self {
            backup: emails.backup.as_ref().map(Confirmed::from),
            former: emails.former.as_ref().map(Former::from),
            primary: event.before_primary.as_ref().map(Primary::from),
        })
    }
}

impl StoredContext {
    /// Where a request came from. Of a product earlier versions stored its server as if that were somebody's device.
    fn source(&self, stored: ClientInfo) -> ClientInfo {
        if self.by == Actor::Product { ClientInfo::of_product() } else { stored }
    }
}

impl From<EventContext<'_>> for StoredContext {
    fn from(context: EventContext<'_>) -> Self {
        Self { external_id: context.external_id.cloned(), by: context.by, how: context.how }
    }
}

impl From<&PrimaryEmails> for Primary {
    fn from(emails: &PrimaryEmails) -> Self {
        let replaced = emails.former.iter().map(ReplacedPrimary::from);
        Self { email: Confirmed::from(&emails.primary), replaced: replaced.collect() }
    }
}

impl From<Primary> for PrimaryEmails {
    fn from(row: Primary) -> Self {
        let former = row.replaced.into_iter().map(FormerPrimary::from);
        Self { primary: row.email.into(), former: former.collect() }
    }
}

fn event(item: Item) -> Result<AccountEvent, Unreadable> {
    let row: Row = serde_dynamo::from_item(item).map_err(Unreadable::Malformed)?;
    let before = row.before.filter(|_| row.happened.is_change());
    if before.is_none() && row.happened.is_change() {
        return Err(Unreadable::NothingBefore);
    }
    let (before, before_primary) = match before {
        Some(Before { backup, former, primary }) => {
            let emails = RecoveryEmails { backup: backup.map(Into::into), former: former.map(Into::into) };
            (Some(emails), primary.map(Into::into))
        }
        None => (None, None),
    };
    Ok(AccountEvent {
        id: row.event_id,
        notice: row.happened,
        at: row.happened_at,
        source: row.context.source(row.source),
        before,
        before_primary,
    })
}

fn entry(item: Item) -> Result<LogEntry, Unreadable> {
    let row: LogRow = serde_dynamo::from_item(item).map_err(Unreadable::Malformed)?;
    let source = row.context.source(row.source);
    Ok(LogEntry { id: row.event_id, action: row.happened, at: row.happened_at, source })
}

/// The rows that can be read. The others are reported in the log and left out.
fn readable<T>(items: Vec<Item>, read: fn(Item) -> Result<T, Unreadable>) -> impl Iterator<Item = T> {
    items.into_iter().filter_map(move |item| {
        let id = item.get("event_id").and_then(|id| id.as_s().ok()).cloned();
        read(item)
            .inspect_err(|error| {
                tracing::error!(event = id, error = %error, "an event of the history is left out");
            })
            .ok()
    })
}

/// A row of the history.
#[derive(Debug)]
pub struct HistoryRow {
    account_id: AccountId,
    context: StoredContext,
    /// What happened.
    pub activity: Activity,
}

impl HistoryRow {
    /// Reads an item of the table, or its image in the stream.
    pub fn read(image: serde_dynamo::Item) -> Result<Self, NotARow> {
        let partition = match image.get("account_id") {
            Some(serde_dynamo::AttributeValue::S(partition)) => partition.as_str(),
            _ => "",
        };
        if let Some(account_id) = partition.strip_prefix(LOG) {
            let account_id = AccountId::new(account_id);
            let row: LogRow = serde_dynamo::from_item(image)?;
            let (id, happened) = (row.event_id, Happened::Logged(row.happened));
            let source = row.context.source(row.source);
            let activity = Activity { id, happened, at: row.happened_at, source };
            return Ok(Self { account_id, context: row.context, activity });
        }
        let row: Row = serde_dynamo::from_item(image)?;
        let (id, happened) = (row.event_id, Happened::Announced(row.happened));
        let source = row.context.source(row.source);
        let activity = Activity { id, happened, at: row.happened_at, source };
        Ok(Self { account_id: row.account_id, context: row.context, activity })
    }

    /// Whose it is, who did it, and how.
    pub fn context(&self) -> EventContext<'_> {
        let StoredContext { external_id, by, how } = &self.context;
        EventContext { account_id: &self.account_id, external_id: external_id.as_ref(), by: *by, how: *how }
    }
}

/// That an item is no row of the history.
#[derive(Debug, thiserror::Error)]
#[error("a row of the history does not parse")]
pub struct NotARow(#[from] serde_dynamo::Error);

/// A part of the history of all accounts.
#[derive(Debug)]
pub struct HistoryBatch {
    /// Its rows. Those of one sequence, an account's events or its log, follow each other by time.
    pub rows: Vec<HistoryRow>,
    /// The keys of rows that cannot be read: the partition and the event's id.
    pub unreadable: Vec<(String, String)>,
    /// Where the next part begins.
    pub next: Option<Cursor>,
}

/// What the partition of a log begins with.
const LOG: &str = "log#";

/// The partition of an account's log.
pub(super) fn log_of(id: &AccountId) -> String {
    format!("{LOG}{}", id.as_str())
}

impl Store {
    /// What happened to an account in the time that an undo link works, read consistently. Rows that cannot be read are
    /// reported in the log and left out.
    pub async fn load_history(&self, id: &AccountId, now: Timestamp) -> Result<History, StoreError> {
        const DOING: &str = "read the history of an account";
        let since = MessageId::first_of(now - Purpose::Undo.lifetime());
        let call = self.dynamodb.query().table_name(&self.tables.history).consistent_read(true);
        let call = call
            .key_condition_expression("account_id = :id AND event_id >= :since")
            .expression_attribute_values(":id", text(id.as_str()))
            .expression_attribute_values(":since", text(since.as_str()))
            .scan_index_forward(false);
        let found = query_item_pages(call, usize::MAX, MOST_PAGES).await.context(DOING)?;
        if !found.complete {
            tracing::error!("the history of an account is longer than is read");
        }
        Ok(History::new(readable(found.rows, event).collect()))
    }

    /// The newest of what happened to an account, events and log, as long as it is kept, read consistently. One call for each of
    /// both, at the same time.
    pub async fn list_activity(&self, id: &AccountId, now: Timestamp) -> Result<Vec<Activity>, StoreError> {
        let log = log_of(id);
        let since = MessageId::first_of(now - RETENTION);
        let events = self.newest_of_partition(id.as_str(), &since);
        let (events, entries) = Box::pin(join(events, self.newest_of_partition(&log, &since))).await;
        Ok(Activity::newest(readable(events?, event), readable(entries?, entry), MOST_LISTED))
    }

    async fn newest_of_partition(&self, partition: &str, since: &MessageId) -> Result<Vec<Item>, StoreError> {
        let call = self.dynamodb.query().table_name(&self.tables.history).consistent_read(true);
        let call = call
            .key_condition_expression("account_id = :id AND event_id >= :since")
            .expression_attribute_values(":id", text(partition))
            .expression_attribute_values(":since", text(since.as_str()))
            .scan_index_forward(false)
            .limit(MOST_ROWS);
        let found = query_item_pages(call, MOST_LISTED, 1).await.context("list what happened lately")?;
        Ok(found.rows)
    }

    /// Lists what happened to all accounts from one second to another, both included, a page at a time. It scans the table: for
    /// operators only.
    pub async fn list_history(
        &self,
        (from, to): (Timestamp, Timestamp),
        start: Option<&Cursor>,
    ) -> Result<HistoryBatch, StoreError> {
        let call = self.dynamodb.scan().table_name(&self.tables.history);
        let call = call
            .set_exclusive_start_key(start.map(|cursor| cursor.0.clone()))
            .filter_expression("happened_at BETWEEN :from AND :to")
            .expression_attribute_values(":from", number(from.unix_seconds()))
            .expression_attribute_values(":to", number(to.unix_seconds()));
        let answer = call.send().await.context("list what happened to all accounts")?;
        let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
        for item in answer.items.unwrap_or_default() {
            let key = ["account_id", "event_id"]
                .map(|name| item.get(name).and_then(|part| part.as_s().ok()).cloned());
            match HistoryRow::read(item.into()) {
                Ok(row) => rows.push(row),
                Err(_) => unreadable.push(key.map(Option::unwrap_or_default).into()),
            }
        }
        Ok(HistoryBatch { rows, unreadable, next: answer.last_evaluated_key.map(Cursor) })
    }

    /// Adds an action to the log. Key: the account's log and the entry's id. The condition is false when it exists.
    pub(super) fn log(&self, context: EventContext<'_>, entry: &LogEntry) -> Result<Write, StoreError> {
        self.log_for(RETENTION, context, entry)
    }

    /// The same, kept for another time.
    pub(super) fn log_for(
        &self,
        retention: Duration,
        context: EventContext<'_>,
        entry: &LogEntry,
    ) -> Result<Write, StoreError> {
        let row = LogRow {
            account_id: log_of(context.account_id),
            event_id: entry.id.clone(),
            happened: entry.action.clone(),
            happened_at: entry.at,
            source: entry.source.clone(),
            context: context.into(),
            expires_at: entry.at + retention,
        };
        Ok(Write::put(&self.tables.history, &row)?.when("attribute_not_exists(event_id)"))
    }

    /// Adds an event that the owner caused, and a request for a notice to each mailbox that is told: the primary, and those that
    /// it replaced not long ago. See [`Store::record_and_tell`].
    pub(super) fn record(
        &self,
        tx: &mut Transaction,
        account: &Account,
        event: &AccountEvent,
    ) -> Result<(), StoreError> {
        self.record_and_tell(tx, EventContext::of_owner(account), &account.primary_emails(), event, &[])
    }

    /// Adds an event, and a request for a notice to each mailbox that is told. Keys: the event has its id, and so has the
    /// first notice; the others have ids that follow it. The conditions are false when they exist.
    pub(super) fn record_and_tell(
        &self,
        tx: &mut Transaction,
        context: EventContext<'_>,
        emails: &PrimaryEmails,
        event: &AccountEvent,
        hourly: &[HourlyKey],
    ) -> Result<(), StoreError> {
        let id = context.account_id;
        let row = Row {
            account_id: id.clone(),
            event_id: event.id.clone(),
            happened: event.notice.clone(),
            happened_at: event.at,
            source: event.source.clone(),
            context: context.into(),
            before: Before::of(event),
            expires_at: event.at + RETENTION,
        };
        tx.add(Write::put(&self.tables.history, &row)?.when("attribute_not_exists(event_id)"));
        for (number, to) in (0..).zip(emails.told(event.at)) {
            let request = EmailRequest::notice_of(event, id.clone(), to.clone(), hourly.to_vec());
            tx.add(self.enqueue(&event.id.following(number), request, event.at)?);
        }
        Ok(())
    }
}
