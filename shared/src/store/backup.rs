//! What happens to a backup email: asked for, confirmed, cancelled, removed. Each is one transaction, with the
//! mail it causes.
use std::time::Duration;

use super::accounts::{BACKUP, Confirmed, FORMER, Former, PENDING, PROFILE, Pending, Record};
use super::limits::{Counted, LimitReached};
use super::write::{Write, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountId, ClientInfo, ConfirmedAddress, EmailAddress, EmailRequest, FormerAddress, Limit, Link,
    LinkAuthorization, MessageId, Notice, PendingAddress, RecoveryEmails, Timestamp,
};

/// What a confirmation takes.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The link that was clicked.
    pub link: &'a Link,
    /// How the browser showed that it may use it.
    pub authorization: LinkAuthorization,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The key of the notice to the primary.
    pub notice_id: &'a MessageId,
    /// Where the request came from, for the notice.
    pub source: &'a ClientInfo,
    /// How long the address is held before it opens the account.
    pub hold: Duration,
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
    /// Since it was asked for, a change was taken back, the account disabled, or all its sessions ended.
    ChangesNotAllowed,
    /// The backup email changed since the account was read: read it again.
    AccountChanged,
}

impl Counted<'_> {
    /// Notes the pending address, counts the request and asks for the confirmation mail. A former pending
    /// address is forgotten, and the links to it are dead with it.
    pub async fn request_backup(
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
        let request =
            EmailRequest::ConfirmBackup { account_id: id.clone(), address: pending.address.clone() };
        let writes =
            vec![self.store.put_record(id, record)?, self.store.enqueue(&pending.request, request, now)?];
        self.transact_within("ask for a backup email", limits, writes, now).await
    }
}

impl Store {
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
        let Confirmation { link, authorization, account, notice_id, source, hold } = confirmation;
        let mut writes = vec![
            self.spend_link(link, authorization, now),
            self.delete_pending(&account.id, &link.request),
            self.check_changes_allowed(&account.id, link.requested_at(), now),
        ];
        let current = account.backup.confirmed();
        // The same address again (two requests that crossed): claimed and told already.
        let keys = if current.is_some_and(|current| current.address == link.address) {
            RecoveryEmails { backup: current.cloned(), former: account.former.clone() }
        } else {
            let keys = account.after_confirming(&link.address, hold, now);
            let notice = notice_of_change(account, &keys, link, now);
            let (account_id, source) = (account.id.clone(), source.clone());
            writes.push(self.enqueue(notice_id, EmailRequest::Notice { account_id, notice, source }, now)?);
            keys
        };
        let exchange = self.replace_recovery_emails(account, &keys, now)?;
        let claim = exchange.claim.map(|claim| claim + writes.len());
        writes.extend(exchange.writes);
        let outcome = self.transact("confirm a backup email", writes).await?;
        Ok(outcome.map_err(|failed| {
            if failed.at(LINK) {
                ConfirmRefused::LinkDead
            } else if failed.at(PENDING_ITEM) {
                ConfirmRefused::NoLongerPending
            } else if failed.at(PROFILE_ITEM) {
                ConfirmRefused::ChangesNotAllowed
            } else if claim.is_some_and(|claim| failed.at(claim)) {
                ConfirmRefused::Taken
            } else {
                ConfirmRefused::AccountChanged
            }
        }))
    }

    /// Sweeps what another account has left of an address whose time as its former one is over: the record, so that
    /// the index leads to one account only, then the claim. Each goes only if its time is over.
    pub async fn release_expired_claim(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const DOING: &str = "release an address whose time is over";
        let Some(holder) = self.expired_claim_owner(address, now).await? else { return Ok(()) };
        let record = Write::delete(&self.tables.accounts, Self::account_key(&holder, FORMER))
            .when("email = :email AND in_force_until <= :now")
            .value(":email", text(address.canonical()))
            .value(":now", number(now.unix_seconds()));
        self.write(DOING, record).await?;
        self.write(DOING, self.delete_expired_claim(address, &holder, now)).await.map(|_| ())
    }

    /// Takes the backup email away: the address stops working at once, and with it the links mailed to it. False
    /// when it was no longer the backup email, changes have come to be frozen, the account disabled, or its sessions
    /// ended.
    pub async fn remove_backup(
        &self,
        account: &Account,
        notice_id: &MessageId,
        source: ClientInfo,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(backup) = account.active_backup(now).or_else(|| account.backup.confirmed().cloned()) else {
            return Ok(false);
        };
        let usable_from = Some(backup.usable_from).filter(|from| *from > now);
        let notice = Notice::BackupRemoved { address: backup.address, usable_from };
        let account_id = account.id.clone();
        let mut writes = vec![
            self.check_changes_allowed(&account.id, account.sessions_valid_from, now),
            self.enqueue(notice_id, EmailRequest::Notice { account_id, notice, source }, now)?,
        ];
        writes.extend(self.replace_recovery_emails(account, &RecoveryEmails::default(), now)?.writes);
        Ok(self.transact("remove a backup email", writes).await?.is_ok())
    }

    /// Forgets a pending address. False when it was no longer the pending one.
    pub async fn cancel_pending(&self, id: &AccountId, pending: &PendingAddress) -> Result<bool, StoreError> {
        let ending = self.delete_pending(id, &pending.request);
        // A transaction of one, so that a lost answer is not followed by "nothing to remove".
        Ok(self.transact("cancel a pending backup email", vec![ending]).await?.is_ok())
    }

    /// Key: the profile. The condition is false while changes of the backup email are frozen, for a disabled account,
    /// and when all sessions have ended since what asks for the change began.
    fn check_changes_allowed(&self, id: &AccountId, began: Timestamp, now: Timestamp) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(id, PROFILE))
            .when(
                "attribute_not_exists(disabled_at) AND sessions_valid_from <= :began \
                 AND (attribute_not_exists(backup_frozen_until) OR backup_frozen_until <= :now)",
            )
            .value(":began", number(began.unix_seconds()))
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the pending record. The condition is false when another request has taken its place.
    fn delete_pending(&self, id: &AccountId, request: &MessageId) -> Write {
        Write::delete(&self.tables.accounts, Self::account_key(id, PENDING))
            .when("request_id = :request")
            .value(":request", text(request.as_str()))
    }

    /// The writes that give an account these spare keys in place of those it had when it was read, claims included.
    /// The condition of the backup record is false when the account has others by now.
    pub(super) fn replace_recovery_emails(
        &self,
        account: &Account,
        keys: &RecoveryEmails,
        now: Timestamp,
    ) -> Result<Exchange, StoreError> {
        let id = &account.id;
        let mut writes = vec![self.replace_backup(account, keys.backup.as_ref())?];
        match (&account.former, &keys.former) {
            (before, after) if before == after => {}
            (_, Some(former)) => writes.push(self.put_record(id, Record::Former(Former::from(former)))?),
            (_, None) => {
                writes.push(Write::delete(&self.tables.accounts, Self::account_key(id, FORMER)));
            }
        }
        let living = account.former.as_ref().filter(|former| now < former.until);
        let before = claims(account.backup.confirmed(), living);
        let after = claims(keys.backup.as_ref(), keys.former.as_ref());
        for (address, _) in &before {
            if !after.iter().any(|(kept, _)| kept == address) {
                writes.push(self.release_claim(address, id));
            }
        }
        let mut claim = None;
        for (address, until) in after {
            match before.iter().find(|(claimed, _)| *claimed == address) {
                Some((_, same)) if *same == until => {}
                Some(_) => writes.push(self.set_claim_end(address, id, until)),
                None => {
                    claim = Some(writes.len());
                    writes.push(self.create_claim(address, id, now)?);
                }
            }
        }
        Ok(Exchange { writes, claim })
    }

    /// Key: the backup record. The condition is false when it is not what the account had when it was read.
    fn replace_backup(
        &self,
        account: &Account,
        backup: Option<&ConfirmedAddress>,
    ) -> Result<Write, StoreError> {
        let record = Self::account_key(&account.id, BACKUP);
        let current = account.backup.confirmed();
        let write = match backup {
            _ if backup == current => Write::check(&self.tables.accounts, record),
            Some(backup) => self.put_record(&account.id, Record::Backup(Confirmed::from(backup)))?,
            None => Write::delete(&self.tables.accounts, record),
        };
        Ok(match current {
            None => write.when("attribute_not_exists(account_id)"),
            Some(current) => {
                write.when("email = :current").value(":current", text(current.address.canonical()))
            }
        })
    }
}

/// The writes that exchange spare keys.
pub(super) struct Exchange {
    pub(super) writes: Vec<Write>,
    /// Which of them claims an address that was not the account's.
    pub(super) claim: Option<usize>,
}

/// What an account with these keys has claimed, and until when.
fn claims<'a>(
    backup: Option<&'a ConfirmedAddress>,
    former: Option<&'a FormerAddress>,
) -> Vec<(&'a EmailAddress, Option<Timestamp>)> {
    let backup = backup.map(|backup| (&backup.address, None));
    backup.into_iter().chain(former.map(|former| (&former.address, Some(former.until)))).collect()
}

fn notice_of_change(account: &Account, keys: &RecoveryEmails, link: &Link, now: Timestamp) -> Notice {
    let address = link.address.clone();
    let held = keys.backup.as_ref().map(|backup| backup.usable_from).filter(|from| *from > now);
    // Back to the former one: what was to come in its place is what it replaces.
    let active_backup = account.active_backup(now).filter(|active_backup| active_backup.address != address);
    match active_backup.or_else(|| account.backup.confirmed().cloned()) {
        None => Notice::BackupAdded { address, usable_from: held },
        Some(former) => Notice::BackupChanged {
            former_usable_from: Some(former.usable_from).filter(|from| *from > now),
            former: former.address,
            address,
            usable_from: held,
        },
    }
}
