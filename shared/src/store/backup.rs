//! What happens to a backup email: asked for, confirmed, cancelled, removed. Each is one transaction, with the
//! mail it causes.
use super::accounts::{BACKUP, Confirmed, PENDING, PROFILE, Pending, Record};
use super::limits::LimitReached;
use super::write::{Write, number, text};
use super::{Store, StoreError};
use crate::domain::{
    Account, AccountId, ConfirmedAddress, Limit, Link, MailRequest, MessageId, Notice, PendingAddress, Proof,
    Source, Timestamp,
};

/// What a confirmation takes.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The link that was clicked.
    pub link: &'a Link,
    /// How the browser showed that it may use it.
    pub proof: Proof,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The key of the notice to the primary.
    pub notice_id: &'a MessageId,
    /// Where the request came from, for the notice.
    pub source: &'a Source,
}

/// Why a confirmation did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmRefused {
    /// The link was used, or its time is over.
    LinkDead,
    /// Another address was asked for since, or the request was cancelled.
    NoLongerPending,
    /// Another account has the address.
    Taken,
    /// A change was taken back, and its time of rest is not over.
    Frozen,
    /// The backup email changed since the account was read: read it again.
    AccountChanged,
}

impl Store {
    /// Notes the pending address, counts the request and asks for the confirmation mail. A former pending
    /// address is forgotten, and the links to it are dead with it.
    pub async fn ask_for_backup(
        &self,
        id: &AccountId,
        pending: &PendingAddress,
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let record = Record::Pending(Pending {
            address: pending.address.clone(),
            requested_at: pending.since,
            request_id: pending.request.clone(),
        });
        let request = MailRequest::ConfirmBackup { account_id: id.clone(), address: pending.address.clone() };
        let writes = vec![self.putting(id, record)?, self.queueing(&pending.request, request, now)?];
        self.transact_within("ask for a backup email", limits, writes, now).await
    }

    /// Confirms a pending address: the link is spent, the address becomes the backup email and is claimed, the
    /// former one and its claim are gone, the primary is told. All or nothing.
    pub async fn confirm_backup(
        &self,
        confirmation: Confirmation<'_>,
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefused>, StoreError> {
        const LINK: usize = 0;
        const PENDING_ITEM: usize = 1;
        const PROFILE_ITEM: usize = 2;
        const CLAIM: usize = 5;
        let Confirmation { link, proof, account, notice_id, source } = confirmation;
        let former = account.backup.confirmed().filter(|former| former.address != link.address);
        let mut writes = vec![
            self.spending(link, proof, now),
            self.ending_pending(&account.id, &link.request),
            self.not_frozen(&account.id, now),
            self.replacing_backup(account, link, now)?,
        ];
        // The same address again (two requests that crossed): claimed and told already.
        if account.backup.confirmed().is_none_or(|backup| backup.address != link.address) {
            writes.push(self.queueing(notice_id, notice_of_change(link, former, source), now)?);
            writes.push(self.claiming(&link.address, &account.id)?);
        }
        if let Some(former) = former {
            writes.push(self.giving_free(&former.address, &account.id));
        }
        let outcome = self.transact("confirm a backup email", writes).await?;
        Ok(outcome.map_err(|failed| {
            if failed.at(LINK) {
                ConfirmRefused::LinkDead
            } else if failed.at(PENDING_ITEM) {
                ConfirmRefused::NoLongerPending
            } else if failed.at(PROFILE_ITEM) {
                ConfirmRefused::Frozen
            } else if failed.at(CLAIM) {
                ConfirmRefused::Taken
            } else {
                ConfirmRefused::AccountChanged
            }
        }))
    }

    /// Takes the backup email away: the address stops working at once, and with it the links mailed to it. False
    /// when it was no longer the backup email, or changes have come to be frozen.
    pub async fn remove_backup(
        &self,
        id: &AccountId,
        backup: &ConfirmedAddress,
        notice_id: &MessageId,
        source: Source,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let notice = Notice::BackupRemoved { address: backup.address.clone() };
        let notice = MailRequest::Notice { account_id: id.clone(), notice, source };
        let writes = vec![
            self.not_frozen(id, now),
            Write::delete(&self.tables.accounts, Self::account_key(id, BACKUP))
                .when("email = :email")
                .value(":email", text(backup.address.canonical())),
            self.giving_free(&backup.address, id),
            self.queueing(notice_id, notice, now)?,
        ];
        Ok(self.transact("remove a backup email", writes).await?.is_ok())
    }

    /// Forgets a pending address. False when it was no longer the pending one.
    pub async fn cancel_pending(&self, id: &AccountId, pending: &PendingAddress) -> Result<bool, StoreError> {
        let ending = self.ending_pending(id, &pending.request);
        Ok(self.write("cancel a pending backup email", ending).await?.is_some())
    }

    /// Key: the profile. The condition is false while changes of the backup email are frozen.
    fn not_frozen(&self, id: &AccountId, now: Timestamp) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(id, PROFILE))
            .when("attribute_not_exists(backup_frozen_until) OR backup_frozen_until <= :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the pending record. The condition is false when another request has taken its place.
    fn ending_pending(&self, id: &AccountId, request: &MessageId) -> Write {
        Write::delete(&self.tables.accounts, Self::account_key(id, PENDING))
            .when("request_id = :request")
            .value(":request", text(request.as_str()))
    }

    /// Key: the backup record. The condition is false when it is not what the account had when it was read.
    fn replacing_backup(&self, account: &Account, link: &Link, now: Timestamp) -> Result<Write, StoreError> {
        let write = self.putting(&account.id, Record::Backup(Confirmed::new(&link.address, now)))?;
        Ok(match account.backup.confirmed() {
            None => write.when("attribute_not_exists(account_id)"),
            Some(former) => write.when("email = :former").value(":former", text(former.address.canonical())),
        })
    }
}

fn notice_of_change(link: &Link, former: Option<&ConfirmedAddress>, source: &Source) -> MailRequest {
    let address = link.address.clone();
    let notice = match former {
        None => Notice::BackupAdded { address },
        Some(former) => Notice::BackupChanged { former: former.address.clone(), address },
    };
    MailRequest::Notice { account_id: link.account_id.clone(), notice, source: source.clone() }
}
