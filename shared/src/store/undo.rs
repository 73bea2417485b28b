//! Undoing a change of the backup email, and the links that do it, which are in the table of links.
use serde::{Deserialize, Serialize};

use super::accounts::{PENDING, PROFILE};
use super::error::Context;
use super::links::link_key;
use super::transaction::Transaction;
use super::write::{Write, number};
use super::{Store, StoreError};
use domain::account::FREEZE;
use domain::{
    Account, AccountId, ClientInfo, ConfirmedAddress, EmailAddress, EmailRequest, MessageId, Notice, Purpose,
    RecoveryEmails, Timestamp, TokenHash, UndoLink,
};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: TokenHash,
    purpose: Purpose,
    account_id: AccountId,
    notice: Notice,
    happened_at: Timestamp,
    source: ClientInfo,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
}

/// What undoing a change takes.
#[derive(Debug, Clone, Copy)]
pub struct Undo<'a> {
    /// The link that was opened.
    pub link: &'a UndoLink,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The backup email after it.
    pub backup: Option<&'a EmailAddress>,
    /// The key of the notice to the primary.
    pub notice_id: &'a MessageId,
    /// Where the request came from, for the notice.
    pub source: &'a ClientInfo,
}

/// Why nothing was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoRefused {
    /// The link was used, or has expired.
    LinkDead,
    /// Another account has the address: undo without restoring it.
    Taken,
    /// The backup email changed since the account was read: read it again.
    AccountChanged,
}

impl Store {
    /// Finds an undo link, consistently.
    pub async fn find_undo_link(&self, hash: &TokenHash) -> Result<Option<UndoLink>, StoreError> {
        let row: Option<Row> = self.find_link_row(hash, Purpose::Undo).await?;
        Ok(row.map(|row| UndoLink {
            token_hash: row.token_hash,
            account_id: row.account_id,
            notice: row.notice,
            at: row.happened_at,
            source: row.source,
            spent_at: row.spent_at,
        }))
    }

    /// Creates an undo link. Key: the link. One that exists stays as it is.
    pub async fn create_undo_link(&self, link: &UndoLink) -> Result<(), StoreError> {
        let row = Row {
            token_hash: link.token_hash.clone(),
            purpose: Purpose::Undo,
            account_id: link.account_id.clone(),
            notice: link.notice.clone(),
            happened_at: link.at,
            source: link.source.clone(),
            expires_at: link.expires_at(),
            spent_at: link.spent_at,
        };
        let put = Write::put(&self.tables.links, &row)?.when("attribute_not_exists(token_hash)");
        self.write(put).await.context("keep a link that takes a change back")?;
        Ok(())
    }

    /// Undoes a change: the link is spent; the backup email and its claim are what they were before; the pending address
    /// is deleted; all sessions and the sign-in links requested so far end; changes of the backup email are frozen for a
    /// while; the primary is told. All or nothing.
    pub async fn undo(&self, undo: Undo<'_>, now: Timestamp) -> Result<Result<(), UndoRefused>, StoreError> {
        let Undo { link, account, backup, notice_id, source } = undo;
        let id = &account.id;
        let notice = Notice::Undone { backup: backup.cloned() };
        let notice = EmailRequest::notice(id.clone(), notice, source.clone());
        let current = account.backup.confirmed();
        let usable_from = link.notice.restored_usable_from().map_or(now, |from| from.max(now));
        let restored = |backup: &EmailAddress| match current.filter(|current| current.address == *backup) {
            // It was only used, not changed.
            Some(current) if matches!(link.notice, Notice::BackupUsed { .. } | Notice::SessionsEnded) => {
                current.clone()
            }
            Some(current) => {
                ConfirmedAddress { usable_from: current.usable_from.min(usable_from), ..current.clone() }
            }
            None => ConfirmedAddress { usable_from, ..ConfirmedAddress::new(backup.clone(), now) },
        };
        let restored = RecoveryEmails { backup: backup.map(restored), former: None };
        let mut tx = Transaction::new("take a change back");
        let spent = tx.add(self.spend_undo_link(link, now));
        tx.add(self.end_sessions_and_freeze(id, now));
        tx.add(Write::delete(&self.tables.accounts, Self::account_key(id, PENDING)));
        tx.add(self.enqueue(notice_id, notice, now)?);
        let claim = self.replace_recovery_emails(&mut tx, account, &restored, now)?;
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(spent) => Err(UndoRefused::LinkDead),
            Err(failed) if failed.at(claim) => Err(UndoRefused::Taken),
            Err(_) => Err(UndoRefused::AccountChanged),
        })
    }

    /// Key: the link. The condition is false when it was used or has expired.
    fn spend_undo_link(&self, link: &UndoLink, now: Timestamp) -> Write {
        Write::update(&self.tables.links, link_key(&link.token_hash), "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the profile. The condition is false when the account does not exist.
    fn end_sessions_and_freeze(&self, id: &AccountId, now: Timestamp) -> Write {
        let expression = "SET sessions_ended_at = :now, backup_frozen_until = :until ADD generation :one";
        Write::update(&self.tables.accounts, Self::account_key(id, PROFILE), expression)
            .when("attribute_exists(account_id)")
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1))
            .value(":until", number((now + FREEZE).unix_seconds()))
    }
}
