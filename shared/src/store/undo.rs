//! Taking a change of the backup email back, and the links that do it. They live in the table of links.
use serde::{Deserialize, Serialize};

use super::accounts::{PENDING, PROFILE};
use super::write::{Write, key, number};
use super::{Store, StoreError};
use domain::account::FREEZE;
use domain::session::valid_after_ending_all;
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

/// What taking a change back takes.
#[derive(Debug, Clone, Copy)]
pub struct Undo<'a> {
    /// The link that was opened.
    pub link: &'a UndoLink,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The backup email from now on.
    pub backup: Option<&'a EmailAddress>,
    /// The key of the notice to the primary.
    pub notice_id: &'a MessageId,
    /// Where the request came from, for the notice.
    pub source: &'a ClientInfo,
}

/// Why nothing was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoRefused {
    /// The link was used, or its time is over.
    LinkDead,
    /// Another account has the address by now: take back all the rest.
    Taken,
    /// The backup email changed since the account was read: read it again.
    AccountChanged,
}

impl Store {
    /// Reads a link that takes a change back, consistently.
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

    /// Keeps a new link that takes a change back.
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
        self.write("keep a link that takes a change back", put).await.map(|_| ())
    }

    /// Takes a change back: the link is spent, the backup email is what it was before, with its claim; what waited for
    /// confirmation is forgotten; all sessions and the sign-in links asked for so far are dead; the backup email
    /// rests for a while; the primary is told. All or nothing.
    pub async fn undo(
        &self,
        taking: Undo<'_>,
        now: Timestamp,
    ) -> Result<Result<(), UndoRefused>, StoreError> {
        const LINK: usize = 0;
        let Undo { link, account, backup, notice_id, source } = taking;
        let id = &account.id;
        let notice = Notice::Undone { backup: backup.cloned() };
        let notice = EmailRequest::Notice { account_id: id.clone(), notice, source: source.clone() };
        let current = account.backup.confirmed();
        let usable_from = link.notice.restored_usable_from().map_or(now, |from| from.max(now));
        let restored = |backup: &EmailAddress| match current.filter(|current| current.address == *backup) {
            // It stays, and nothing is restored.
            Some(current) if matches!(link.notice, Notice::BackupUsed { .. }) => current.clone(),
            Some(current) => {
                ConfirmedAddress { usable_from: current.usable_from.min(usable_from), ..current.clone() }
            }
            None => ConfirmedAddress { usable_from, ..ConfirmedAddress::new(backup.clone(), now) },
        };
        let keys = RecoveryEmails { backup: backup.map(restored), former: None };
        let mut writes = vec![
            self.spend_undo_link(link, now),
            self.end_sessions_and_freeze(account, now),
            Write::delete(&self.tables.accounts, Self::account_key(id, PENDING)),
            self.enqueue(notice_id, notice, now)?,
        ];
        let exchange = self.replace_recovery_emails(account, &keys, now)?;
        let claim = exchange.claim.map(|claim| claim + writes.len());
        writes.extend(exchange.writes);
        let outcome = self.transact("take a change back", writes).await?;
        Ok(outcome.map_err(|failed| {
            if failed.at(LINK) {
                UndoRefused::LinkDead
            } else if claim.is_some_and(|claim| failed.at(claim)) {
                UndoRefused::Taken
            } else {
                UndoRefused::AccountChanged
            }
        }))
    }

    /// Key: the link. The condition is false when it was used or its time is over.
    fn spend_undo_link(&self, link: &UndoLink, now: Timestamp) -> Write {
        let key = key([("token_hash", link.token_hash.as_str())]);
        Write::update(&self.tables.links, key, "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the profile. Its condition is false when the account is gone.
    fn end_sessions_and_freeze(&self, account: &Account, now: Timestamp) -> Write {
        let expression = "SET sessions_valid_from = :from, backup_frozen_until = :until";
        Write::update(&self.tables.accounts, Self::account_key(&account.id, PROFILE), expression)
            .when("attribute_exists(account_id)")
            .value(":from", number(valid_after_ending_all(account, now).unix_seconds()))
            .value(":until", number((now + FREEZE).unix_seconds()))
    }
}
