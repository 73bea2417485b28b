//! Making the backup email the primary.
use std::time::Duration;

use super::account_admin::{CHANGES_ALLOWED, when_current};
use super::transaction::Transaction;
use super::{Store, StoreError};
use domain::{Account, AccountEvent, ClientInfo, ConfirmedAddress, MessageId, Notice, Session, Timestamp};

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

impl Store {
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
        tx.add(self.renew_session(session));
        self.record_and_tell(&mut tx, &account.id, &primary, &event, &[])?;
        self.replace_addresses(&mut tx, account, &primary, &recovery, now)?;
        Ok(tx.commit(self).await?.is_ok())
    }
}
