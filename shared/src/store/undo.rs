//! Undoing a change of the backup email, and the links that do it, which are in the table of links.
use serde::{Deserialize, Serialize};

use super::account_admin::when_current;
use super::accounts::{PENDING, PROFILE};
use super::error::Context;
use super::links::link_key;
use super::transaction::Transaction;
use super::write::{Write, number, text};
use super::{Store, StoreError};
use domain::account::FREEZE;
use domain::{
    Account, AccountEvent, AccountId, ClientInfo, EmailAddress, EventContext, MessageId, Notice,
    PrimaryAfterUndo, PrimaryEmails, Purpose, RecoveryEmails, Timestamp, TokenHash, UndoLink, Username,
};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: TokenHash,
    purpose: Purpose,
    account_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<MessageId>,
    notice: Notice,
    happened_at: Timestamp,
    source: ClientInfo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
}

/// What undoing changes takes.
#[derive(Debug, Clone, Copy)]
pub struct Undo<'a> {
    /// The link that was opened.
    pub link: &'a UndoLink,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The event since which everything is undone.
    pub since: &'a MessageId,
    /// The recovery emails after it.
    pub restored: &'a RecoveryEmails,
    /// The primary email after it, and those that are told.
    pub primary: &'a PrimaryEmails,
    /// The key of the event, and of the notice to the primary.
    pub event_id: &'a MessageId,
    /// Where the request came from.
    pub source: &'a ClientInfo,
}

/// Why nothing was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoRefused {
    /// The link was used, or has expired.
    LinkDead,
    /// Other accounts have these addresses: undo without restoring them.
    Taken(Vec<EmailAddress>),
    /// The account changed since it was read: read it and its history again.
    AccountChanged,
}

impl Store {
    /// Finds an undo link, consistently.
    pub async fn find_undo_link(&self, hash: &TokenHash) -> Result<Option<UndoLink>, StoreError> {
        let row: Option<Row> = self.find_link_row(hash, Purpose::Undo).await?;
        Ok(row.map(|row| UndoLink {
            token_hash: row.token_hash,
            account_id: row.account_id,
            sent_to: row.address,
            event: row.event_id,
            notice: row.notice,
            at: row.happened_at,
            source: row.source,
            username: row.username.and_then(|name| Username::parse(&name).ok()),
            spent_at: row.spent_at,
        }))
    }

    /// Creates an undo link. Key: the link. One that exists stays as it is.
    pub async fn create_undo_link(&self, link: &UndoLink) -> Result<(), StoreError> {
        let row = Row {
            token_hash: link.token_hash.clone(),
            purpose: Purpose::Undo,
            account_id: link.account_id.clone(),
            address: link.sent_to.clone(),
            event_id: link.event.clone(),
            notice: link.notice.clone(),
            happened_at: link.at,
            source: link.source.clone(),
            username: link.username.as_ref().map(|name| name.as_str().to_owned()),
            expires_at: link.expires_at(),
            spent_at: link.spent_at,
        };
        let put = Write::put(&self.tables.links, &row)?.when("attribute_not_exists(token_hash)");
        self.write(put).await.context("keep a link that takes a change back")?;
        Ok(())
    }

    /// Undoes changes: the link is spent; the addresses and their claims are what they were before; the pending address is
    /// deleted; a password that was set since is void; all sessions and the sign-in links requested so far end; changes are
    /// frozen for a while; the primary is told. All or nothing. Of two undos at once, the later one reads what the other did.
    pub async fn undo(&self, undo: Undo<'_>, now: Timestamp) -> Result<Result<(), UndoRefused>, StoreError> {
        let Undo { link, account, since, restored, primary, event_id, source } = undo;
        let (primary, restored) = account.with_known_delivery(primary, restored);
        let (primary, restored) = (&primary.restored_over(&account.primary), &restored);
        let backup = restored.backup.as_ref().map(|backup| backup.address.clone());
        let void = account.password_event.as_ref().filter(|_| account.has_password_since(since));
        let event = AccountEvent {
            id: event_id.clone(),
            notice: Notice::Undone {
                backup,
                since: Some(since.clone()),
                password_void: void.is_some(),
                primary: Some(Box::new(PrimaryAfterUndo::new(
                    &account.primary.address,
                    &primary.primary.address,
                ))),
            },
            at: now,
            source: source.clone(),
            before: Some(account.recovery_emails(now)),
            before_primary: Some(account.primary_emails()),
        };
        let mut tx = Transaction::new("take a change back");
        let spent = tx.add(self.spend_undo_link(link, now));
        let profile = tx.add(self.end_sessions_and_freeze(account, void, now));
        tx.add(Write::delete(&self.tables.accounts, Self::account_key(&account.id, PENDING)));
        self.record_and_tell(&mut tx, EventContext::of_owner(account), primary, &event, &[])?;
        let claims = self.replace_addresses(&mut tx, account, primary, restored, now)?;
        let Err(failed) = tx.commit(self).await? else { return Ok(Ok(())) };
        if failed.at(spent) {
            return Ok(Err(UndoRefused::LinkDead));
        }
        let taken: Vec<_> = claims.into_iter().filter(|claim| failed.at(claim.part)).collect();
        Ok(Err(if failed.at(profile) || taken.is_empty() {
            UndoRefused::AccountChanged
        } else {
            UndoRefused::Taken(taken.into_iter().map(|claim| claim.address).collect())
        }))
    }

    /// Key: the link. The condition is false when it was used or has expired.
    fn spend_undo_link(&self, link: &UndoLink, now: Timestamp) -> Write {
        Write::update(&self.tables.links, link_key(&link.token_hash), "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the profile. The condition is false when all sessions have ended since the account was read, as by another
    /// undo: what this one restores was then read too early. `void` is the event that set the present password, if that is
    /// undone.
    fn end_sessions_and_freeze(&self, account: &Account, void: Option<&MessageId>, now: Timestamp) -> Write {
        let expression = if void.is_some() {
            "SET sessions_ended_at = :now, backup_frozen_until = :until, password_void = :void ADD generation :one"
        } else {
            "SET sessions_ended_at = :now, backup_frozen_until = :until ADD generation :one"
        };
        let end = Write::update(&self.tables.accounts, Self::account_key(&account.id, PROFILE), expression);
        let end = match void {
            Some(event) => end.value(":void", text(event.as_str())),
            None => end,
        };
        when_current(end, account.generation, "attribute_exists(account_id)")
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1))
            .value(":until", number((now + FREEZE).unix_seconds()))
    }
}
