//! Making the backup email or another address the primary. Each step is one transaction, with the emails it causes.
use std::time::Duration;

use super::account_admin::{CHANGES_ALLOWED, when_current};
use super::accounts::{Pending, Record};
use super::limits::{Counted, LimitReached};
use super::transaction::Transaction;
use super::{ConfirmRefused, Confirmation, Store, StoreError};
use domain::{
    Account, AccountEvent, Actor, ClientInfo, ConfirmedAddress, EmailRequest, EventContext, Limit, MessageId,
    Notice, PendingPrimary, Requested, Session, Timestamp, TokenHash,
};

/// What a promotion takes.
#[derive(Debug, Clone, Copy)]
pub struct Promotion<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// Its backup email.
    pub backup: &'a ConfirmedAddress,
    /// Whether the former primary becomes the backup email.
    pub keep_former: bool,
    /// For how long the former primary signs in, if it is not kept.
    pub hold: Duration,
    /// The session that makes the change.
    pub session: &'a Session,
    /// The key of the event, and of the first notice.
    pub event_id: &'a MessageId,
    /// Where the request came from.
    pub source: &'a ClientInfo,
}

/// What a request for another primary email takes.
#[derive(Debug, Clone, Copy)]
pub struct PrimaryRequest<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// The address, and the session that asks for it.
    pub primary: &'a PendingPrimary,
    /// The key of the event, and of the first notice.
    pub event_id: &'a MessageId,
    /// Who asks for it.
    pub by: Actor,
    /// Where the request came from.
    pub source: &'a ClientInfo,
}

impl Counted<'_> {
    /// Counts the request, stores the pending address, tells the owner and queues the confirmation email. A former pending
    /// address, of either kind, is overwritten, and the links to it are dead.
    pub async fn request_primary(
        &self,
        request: PrimaryRequest<'_>,
        limits: &[Limit],
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        self.write_within("ask for another primary email", limits, now, |tx| {
            let PrimaryRequest { account, primary, .. } = request;
            tx.add(self.store.check_generation(&account.id, primary.pending.generation));
            tx.add(self.store.put_record(&account.id, Record::Pending(Pending::primary(primary)))?);
            self.store.announce_request(tx, request, now)
        })
        .await
    }
}

impl Store {
    /// Adds that another primary was requested: the confirmation email, the event and its notices.
    pub(super) fn announce_request(
        &self,
        tx: &mut Transaction,
        request: PrimaryRequest<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let PrimaryRequest { account, primary: PendingPrimary { pending, .. }, event_id, by, source } =
            request;
        let (account_id, address) = (account.id.clone(), pending.address.clone());
        let notice = Notice::PrimaryRequested { address: address.clone(), replaced: Requested::of(account) };
        let event = AccountEvent::without_change(event_id.clone(), notice, now, source.clone());
        let email = EmailRequest::ConfirmPrimary { account_id, address, source: source.clone() };
        tx.add(self.enqueue(&pending.request, email, now)?);
        let context = EventContext::of(account, by);
        self.record_and_tell(tx, context, &account.primary_emails(), &event, &[])
    }

    /// Makes a pending address the primary: the link is spent; the address is claimed; the former primary signs in until the
    /// hold is over; all sessions but the given ones end, and with them links; both mailboxes are told. All or nothing. The backup
    /// email does not become it so; only a product can have asked for that.
    pub async fn confirm_primary(
        &self,
        confirmation: Confirmation<'_>,
        sessions: &[TokenHash],
        hold: Duration,
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefused>, StoreError> {
        let Confirmation { link, authorization, account, event_id, source } = confirmation;
        let Some(generation) = link.generation else { return Ok(Err(ConfirmRefused::ChangesNotAllowed)) };
        if account.has_confirmed(&link.address) {
            return Ok(Err(ConfirmRefused::IsBackup));
        }
        let (primary, recovery) = account.after_taking(&link.address, hold, now);
        let event = AccountEvent {
            id: event_id.clone(),
            notice: Notice::PrimaryChanged {
                former: account.primary.address.clone(),
                address: link.address.clone(),
                former_until: now + hold,
            },
            at: now,
            source: source.clone(),
            before: Some(account.recovery_emails(now)),
            before_primary: Some(account.primary_emails()),
        };
        let mut tx = Transaction::new("make another address the primary");
        let spent = tx.add(self.spend_link(link, authorization, now));
        let pending = tx.add(self.delete_pending(&account.id, &link.request));
        // Its `:now` is that of the condition too.
        let end = self.end_generation(&account.id, now);
        let profile = tx.add(when_current(end, generation, CHANGES_ALLOWED));
        let renewed = tx.add_all(sessions.iter().map(|hash| self.renew_session(hash, generation)));
        self.record_and_tell(&mut tx, EventContext::of_owner(account), &primary, &event, &[])?;
        let claims = self.replace_addresses(&mut tx, account, &primary, &recovery, now)?;
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(spent) => Err(ConfirmRefused::LinkDead),
            Err(failed) if failed.at(pending) => Err(ConfirmRefused::NoLongerPending),
            Err(failed) if failed.at(profile) => Err(ConfirmRefused::ChangesNotAllowed),
            Err(failed) if claims.iter().any(|claim| failed.at(claim.part)) => Err(ConfirmRefused::Taken),
            Err(failed) if failed.at_any(&renewed) => Err(ConfirmRefused::SessionEnded),
            Err(_) => Err(ConfirmRefused::AccountChanged),
        })
    }

    /// Makes the backup email the primary: all other sessions end, and with them links and the pending address; the former
    /// primary becomes the backup email, or signs in until the hold is over; both mailboxes are told. All or nothing. False
    /// when the account has changed since it was read, or the session has ended.
    pub async fn promote_backup(&self, promotion: Promotion<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let Promotion { account, backup, keep_former, hold, session, event_id, source } = promotion;
        let (primary, recovery) = account.after_promoting(backup, keep_former, hold, now);
        let event = AccountEvent {
            id: event_id.clone(),
            notice: Notice::BackupPromoted {
                former: account.primary.address.clone(),
                address: backup.address.clone(),
                former_until: (!keep_former).then_some(now + hold),
            },
            at: now,
            source: source.clone(),
            before: Some(account.recovery_emails(now)),
            before_primary: Some(account.primary_emails()),
        };
        let mut tx = Transaction::new("make a backup email the primary");
        // Its `:now` is that of the condition too.
        let end = self.end_generation(&account.id, now);
        tx.add(when_current(end, session.generation, CHANGES_ALLOWED));
        tx.add(self.renew_session(&session.hash, session.generation));
        self.record_and_tell(&mut tx, EventContext::of_owner(account), &primary, &event, &[])?;
        self.replace_addresses(&mut tx, account, &primary, &recovery, now)?;
        Ok(tx.commit(self).await?.is_ok())
    }
}
