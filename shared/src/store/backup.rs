//! Requesting, confirming, cancelling and removing a backup email. Each is one transaction, with the email it causes.
use std::time::Duration;

use super::account_admin::{CHANGES_ALLOWED, when_current};
use super::accounts::{PENDING, PROFILE, Pending, Record};
use super::limits::{Counted, LimitReached};
use super::transaction::Transaction;
use super::write::{Write, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountEvent, AccountId, ClientInfo, EmailRequest, EventContext, Generation, Limit, Link,
    LinkAuthorization, LogEntry, LoggedAction, MessageId, Notice, PendingAddress, RecoveryEmails, Requested,
    Timestamp,
};

/// What the confirmation of a backup email or a primary takes.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The link that was opened.
    pub link: &'a Link,
    /// How the browser was authorized to use it.
    pub authorization: LinkAuthorization,
    /// Its account, as last read.
    pub account: &'a Account,
    /// The key of the event, and of its first notice.
    pub event_id: &'a MessageId,
    /// Where the request came from.
    pub source: &'a ClientInfo,
}

/// Why a confirmation of a backup email or a primary did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmRefused {
    /// The link was used, has expired, or was locked by wrong codes.
    LinkDead,
    /// The request was replaced by a later one, or cancelled.
    NoLongerPending,
    /// Another account has the address.
    Taken,
    /// It is the backup email, and was to become the primary.
    IsBackup,
    /// Since the request, a change was undone, the account was disabled, or all its sessions ended.
    ChangesNotAllowed,
    /// The account changed since it was read: read it again.
    AccountChanged,
    /// A session that was to go on has ended.
    SessionEnded,
}

impl Counted<'_> {
    /// Counts the request, stores the pending address, logs that and queues the confirmation email. A former pending address
    /// is overwritten, and the links to it are dead.
    pub async fn request_backup(
        &self,
        account: &Account,
        (pending, source): (&PendingAddress, &ClientInfo),
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let id = &account.id;
        let request = EmailRequest::ConfirmBackup {
            account_id: id.clone(),
            address: pending.address.clone(),
            source: source.clone(),
        };
        let action = LoggedAction::requested(&pending.address, Requested::of(account));
        let entry = LogEntry { id: pending.request.clone(), action, at: now, source: source.clone() };
        self.write_within("ask for a backup email", limits, now, |tx| {
            tx.add(self.store.check_generation(id, pending.generation));
            tx.add(self.store.put_record(id, Record::Pending(Pending::backup(pending)))?);
            tx.add(self.store.log(EventContext::of_owner(account), &entry)?);
            tx.add(self.store.enqueue(&pending.request, request, now)?);
            Ok(())
        })
        .await
    }
}

impl Store {
    /// Confirms a pending address: the link is spent; the address becomes the backup email and is claimed; the former
    /// one is deleted with its claim, or both get the end of the waiting period as theirs; the primary is told. All or
    /// nothing.
    pub async fn confirm_backup(
        &self,
        confirmation: Confirmation<'_>,
        waiting_period: Duration,
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefused>, StoreError> {
        let Confirmation { link, authorization, account, event_id, source } = confirmation;
        let Some(generation) = link.generation else { return Ok(Err(ConfirmRefused::ChangesNotAllowed)) };
        let mut tx = Transaction::new("confirm a backup email");
        let spent = tx.add(self.spend_link(link, authorization, now));
        let pending = tx.add(self.delete_pending(&account.id, &link.request));
        let profile = tx.add(self.check_changes_allowed(&account.id, generation, now));
        let emails = account.after_confirming(&link.address, waiting_period, now);
        // Of the same address again, because it was in question or two requests crossed, the primary was told.
        if account.has_confirmed(&link.address) {
            let action = LoggedAction::confirmed_again(&link.address);
            let entry = LogEntry { id: event_id.clone(), action, at: now, source: source.clone() };
            tx.add(self.log(EventContext::of_owner(account), &entry)?);
        } else {
            let event = AccountEvent {
                id: event_id.clone(),
                notice: notice_of_change(account, &emails, link, now),
                at: now,
                source: source.clone(),
                before: Some(account.recovery_emails(now)),
                before_primary: None,
            };
            self.record(&mut tx, account, &event)?;
        }
        let claims = self.replace_recovery_emails(&mut tx, account, &emails, now)?;
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(spent) => Err(ConfirmRefused::LinkDead),
            Err(failed) if failed.at(pending) => Err(ConfirmRefused::NoLongerPending),
            Err(failed) if failed.at(profile) => Err(ConfirmRefused::ChangesNotAllowed),
            Err(failed) if claims.iter().any(|claim| failed.at(claim.part)) => Err(ConfirmRefused::Taken),
            Err(_) => Err(ConfirmRefused::AccountChanged),
        })
    }

    /// Removes the backup email: it stops working at once, and so do the links sent to it. False when the backup email
    /// changed since the account was read, the account is disabled, or all its sessions ended.
    pub async fn remove_backup(
        &self,
        account: &Account,
        event_id: MessageId,
        source: ClientInfo,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(backup) = account.active_backup(now).or_else(|| account.backup.confirmed().cloned()) else {
            return Ok(false);
        };
        let usable_from = Some(backup.usable_from).filter(|from| *from > now);
        let event = AccountEvent {
            id: event_id,
            notice: Notice::BackupRemoved { address: backup.address, usable_from },
            at: now,
            source,
            before: Some(account.recovery_emails(now)),
            before_primary: None,
        };
        let mut tx = Transaction::new("remove a backup email");
        tx.add(self.check_generation(&account.id, account.generation));
        self.record(&mut tx, account, &event)?;
        self.replace_recovery_emails(&mut tx, account, &RecoveryEmails::default(), now)?;
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Cancels a pending address, and logs that. Keys: the pending record, the profile. False when another request has replaced
    /// it, it is gone, the account is disabled or being deleted, or all its sessions ended.
    pub async fn cancel_pending(
        &self,
        account: &Account,
        pending: &PendingAddress,
        (entry_id, source): (MessageId, ClientInfo),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let action = LoggedAction::cancelled(&pending.address);
        let entry = LogEntry { id: entry_id, action, at: now, source };
        let mut tx = Transaction::new("cancel a pending backup email");
        tx.add(self.check_generation(&account.id, account.generation));
        tx.add(self.delete_pending(&account.id, &pending.request));
        tx.add(self.log(EventContext::of_owner(account), &entry)?);
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Key: the profile. The condition is false while changes of the backup email are frozen, for a disabled account,
    /// and when all sessions have ended since this generation, that of the session or request that makes the change.
    fn check_changes_allowed(&self, id: &AccountId, generation: Generation, now: Timestamp) -> Write {
        let check = Write::check(&self.tables.accounts, Self::account_key(id, PROFILE));
        when_current(check, generation, CHANGES_ALLOWED).value(":now", number(now.unix_seconds()))
    }

    /// Key: the pending record. The condition is false when another request has replaced it.
    pub(super) fn delete_pending(&self, id: &AccountId, request: &MessageId) -> Write {
        Write::delete(&self.tables.accounts, Self::account_key(id, PENDING))
            .when("request_id = :request")
            .value(":request", text(request.as_str()))
    }
}

/// The notice that the link's address replaces the backup email, or is the first.
fn notice_of_change(account: &Account, emails: &RecoveryEmails, link: &Link, now: Timestamp) -> Notice {
    let address = link.address.clone();
    let usable_from = emails.backup.as_ref().map(|backup| backup.usable_from).filter(|from| *from > now);
    // If the former one is confirmed again, it replaces the one that was waiting to replace it.
    let active_backup = account.active_backup(now).filter(|active_backup| active_backup.address != address);
    match active_backup.or_else(|| account.backup.confirmed().cloned()) {
        None => Notice::BackupAdded { address, usable_from },
        Some(former) => Notice::BackupChanged {
            former_usable_from: Some(former.usable_from).filter(|from| *from > now),
            former: former.address,
            address,
            usable_from,
        },
    }
}
