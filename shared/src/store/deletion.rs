//! Deleting an account with everything that is stored about it.
//!
//! The first write says that the account is being deleted, and from then on nobody signs in to it or changes it. The last
//! transaction deletes the account together with its claims. What is between them may be interrupted anywhere: a repetition
//! goes on with what is left, and finds the account by its claim until the end.
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::accounts::{BACKUP, FORMER, PENDING, PRIMARY, PROFILE, former_primary_record};
use super::addresses::{claimed_addresses, every_address};
use super::error::Context;
use super::history::log_of;
use super::links::slot_key;
use super::outbox::{RETENTION, message_key};
use super::read::query_item_pages;
use super::transaction::Transaction;
use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::primary::MOST_FORMER;
use domain::{
    Account, AccountId, Actor, EmailAddress, EventContext, LogEntry, LoggedAction, MessageId, Timestamp,
    TokenHash,
};

/// Items deleted at a time; one write each.
const AT_A_TIME: usize = 16;

/// How often an account is read that changes while it is deleted.
const READS: usize = 5;

/// Calls that read one partition, each of a megabyte at most: more rows than an account gets in the time that they are kept.
const MOST_PAGES: usize = 100;

/// Emails that one event queues at most: one for the primary, one for each former primary.
const EMAILS_OF_AN_EVENT: u128 = MOST_FORMER as u128 + 1;

/// The key of an event or of an entry of the log.
#[derive(Deserialize)]
struct EventKey {
    account_id: String,
    event_id: MessageId,
}

/// For how long it is kept that an account was deleted, for the programs that are told: as long as the history's stream keeps
/// its records.
const DELETED_RETENTION: Duration = Duration::from_hours(24);

/// Who deletes, and the key of the entry in the log.
#[derive(Debug, Clone)]
pub struct Deleting {
    /// Who.
    pub by: Actor,
    /// The key.
    pub entry_id: MessageId,
}

/// How a step of a deletion ended that compares with what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is done.
    Done,
    /// The account has changed since it was read, or is gone: read it again.
    AccountChanged,
}

impl Store {
    /// Marks an account as being deleted: it is disabled for good, its sessions have ended, and links and pending addresses are
    /// void. Key: the profile and, to compare, the records of backup and pending address. The conditions are false when
    /// anything that a product sees of the account has changed since it was read. Of an account that is marked already, nothing
    /// is written.
    pub async fn begin_deletion(
        &self,
        account: &Account,
        deleting: &Deleting,
        now: Timestamp,
    ) -> Result<Deletion, StoreError> {
        if account.deleting_since.is_some() {
            return Ok(Deletion::Done);
        }
        let expression = "SET disabled_at = if_not_exists(disabled_at, :now), deleting_since = :now, \
                          sessions_ended_at = :now ADD generation :one";
        let mark = Write::update(&self.tables.accounts, Self::account_key(&account.id, PROFILE), expression)
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1));
        let pending = Write::check(&self.tables.accounts, Self::account_key(&account.id, PENDING));
        let mut tx = Transaction::new("begin to delete an account");
        tx.add(Self::when_as_read(mark, account));
        tx.add(Self::when_pending_as_read(pending, account));
        tx.add(self.check_backup(account)?);
        let entry = LogEntry::without_source(deleting.entry_id.clone(), LoggedAction::DeletionBegun, now);
        tx.add(self.log(EventContext::of(account, deleting.by), &entry)?);
        Ok(match tx.commit(self).await? {
            Ok(()) => Deletion::Done,
            Err(_) => Deletion::AccountChanged,
        })
    }

    /// Deletes what other tables have about an account that is being deleted: its sessions, its history and log, emails that
    /// wait, and what makes its sign-in links work. What has no key that an account leads to stays until it expires: links
    /// themselves, which open nothing any more, and requests of strangers.
    async fn delete_traces(&self, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        self.delete_sessions(&account.id).await?;
        let slots = every_address(account).map(|address| self.delete_slot(&account.id, address));
        self.delete_all("delete the slots of an account's links", slots.collect()).await?;
        if let Some(pending) = account.pending() {
            self.delete_emails(&pending.request, 1).await?;
        }
        for partition in [account.id.as_str().to_owned(), log_of(&account.id)] {
            self.delete_events(&partition, now).await?;
        }
        Ok(())
    }

    /// The index shows a session within a second after it began. Those that it does not show have ended too, and expire.
    async fn delete_sessions(&self, id: &AccountId) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Key {
            session_hash: TokenHash,
        }
        let call = self.dynamodb.query().table_name(&self.tables.sessions).index_name("account-index");
        let call = call
            .key_condition_expression("account_id = :id")
            .expression_attribute_values(":id", text(id.as_str()))
            .projection_expression("session_hash");
        let found =
            query_item_pages(call, usize::MAX, MOST_PAGES).await.context("find an account's sessions")?;
        let keys: Vec<Key> = serde_dynamo::from_items(found.rows).context("find an account's sessions")?;
        let sessions = keys.iter().map(|key| self.delete_session(&key.session_hash));
        self.delete_all("delete an account's sessions", sessions.collect()).await
    }

    /// Deletes a partition of the history, and before each event the emails that it has queued.
    async fn delete_events(&self, partition: &str, now: Timestamp) -> Result<(), StoreError> {
        const DOING: &str = "find what happened to an account";
        let call = self.dynamodb.query().table_name(&self.tables.history).consistent_read(true);
        let call = call
            .key_condition_expression("account_id = :id")
            .expression_attribute_values(":id", text(partition))
            .projection_expression("account_id, event_id");
        let found = query_item_pages(call, usize::MAX, MOST_PAGES).await.context(DOING)?;
        let events: Vec<EventKey> = serde_dynamo::from_items(found.rows).context(DOING)?;
        let oldest = MessageId::first_of(now - RETENTION - Duration::from_secs(1));
        for event in events.iter().filter(|event| event.event_id >= oldest) {
            self.delete_emails(&event.event_id, EMAILS_OF_AN_EVENT).await?;
        }
        let events = events.iter().map(|event| {
            let key = key([("account_id", &*event.account_id), ("event_id", event.event_id.as_str())]);
            Write::delete(&self.tables.history, key)
        });
        self.delete_all("delete what happened to an account", events.collect()).await
    }

    /// Deletes this many requests for emails, this one and those that follow it.
    async fn delete_emails(&self, first: &MessageId, count: u128) -> Result<(), StoreError> {
        let emails = (0..count)
            .map(|number| Write::delete(&self.tables.outbox, message_key(&first.following(number))));
        self.delete_all("delete emails that wait", emails.collect()).await
    }

    async fn delete_all(&self, doing: &'static str, deletes: Vec<Write>) -> Result<(), StoreError> {
        let done = stream::iter(deletes).map(|delete| async move { self.write(delete).await });
        done.buffer_unordered(AT_A_TIME).try_for_each(|_| async { Ok(()) }).await.context(doing)
    }

    /// Deletes what is left of an account that is being deleted. A repetition goes on where it was interrupted. `moment` returns
    /// an id of this moment, and the time: the entry that the account is deleted comes after all that happened meanwhile.
    pub async fn go_on_deleting(
        &self,
        id: &AccountId,
        deleting: &Deleting,
        moment: impl Fn() -> (MessageId, Timestamp),
    ) -> Result<Deletion, StoreError> {
        // An undo may change the account meanwhile; each of its links works once.
        for _ in 0..READS {
            let Some(account) = self.load_account(id).await? else { return Ok(Deletion::Done) };
            self.delete_traces(&account, moment().1).await?;
            let (entry_id, now) = moment();
            // Also within the same millisecond.
            let entry_id = entry_id.max(deleting.entry_id.following(1));
            let finishing = Deleting { entry_id, ..deleting.clone() };
            if self.finish_deletion(&account, &finishing, now).await? == Deletion::Done {
                return Ok(Deletion::Done);
            }
        }
        Ok(Deletion::AccountChanged)
    }

    /// Deletes an account that is being deleted, with all its items and claims, all or nothing. The condition is false when it
    /// has changed since it was read, as by an undo. What remains is that it was deleted, for [`DELETED_RETENTION`].
    async fn finish_deletion(
        &self,
        account: &Account,
        deleting: &Deleting,
        now: Timestamp,
    ) -> Result<Deletion, StoreError> {
        let id = &account.id;
        // The claim of an address whose time is over may be another account's.
        for address in every_address(account) {
            self.release_expired_claim(address, now).await?;
        }
        let delete = |record: &str| Write::delete(&self.tables.accounts, Self::account_key(id, record));
        let mut tx = Transaction::new("delete an account");
        tx.add(
            delete(PROFILE)
                .when("attribute_exists(deleting_since) AND generation = :generation")
                .value(":generation", number(account.generation.number())),
        );
        tx.add_all([PRIMARY, BACKUP, FORMER, PENDING].map(delete));
        let former =
            account.former_primaries.iter().map(|former| former_primary_record(&former.email.address));
        tx.add_all(former.map(|record| delete(&record)));
        for address in claimed_addresses(account, now) {
            tx.add(self.delete_claim(&address, id));
        }
        for look in self.find_own_looks(&account.username, id).await? {
            tx.add(self.delete_look(&look, id));
        }
        tx.add(self.delete_username_claim(&account.username, id));
        if let Some(external_id) = &account.external_id {
            tx.add(self.delete_external_id_claim(external_id, id));
        }
        let entry = LogEntry::without_source(deleting.entry_id.clone(), LoggedAction::Deleted, now);
        tx.add(self.log_for(DELETED_RETENTION, EventContext::of(account, deleting.by), &entry)?);
        Ok(match tx.commit(self).await? {
            Ok(()) => Deletion::Done,
            Err(_) => Deletion::AccountChanged,
        })
    }

    /// Key: the slot of the sign-in links to this address.
    fn delete_slot(&self, id: &AccountId, address: &EmailAddress) -> Write {
        Write::delete(&self.tables.links, slot_key(id, address))
    }
}
