//! An account: who it belongs to, and which of its addresses sign in.
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::account_id::AccountId;
use super::backup::{Backup, ConfirmedAddress, FormerAddress, PendingAddress, RecoveryEmails};
use super::email_address::EmailAddress;
use super::external_id::ExternalId;
use super::generation::Generation;
use super::language::Language;
use super::link::Purpose;
use super::message_id::MessageId;
use super::password::PasswordHash;
use super::primary::{FormerPrimary, PendingPrimary};
use super::timestamp::Timestamp;
use super::username::Username;

/// Who authenticates the owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// This service: password, magic link, backup email.
    Regular,
    /// An external identity provider, so nothing here can recover the account.
    Sso,
}

/// After a change was undone, the backup email cannot be changed for this long: the person who made the change may
/// still be able to sign in, and three days are enough for the owner to set a new password.
pub const FREEZE: Duration = Duration::from_hours(72);

/// Which of an account's addresses was used to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignInEmail {
    /// The primary email.
    Primary,
    /// The confirmed backup email.
    Backup,
    /// The previous backup email, during the waiting period of the new one.
    Former,
    /// A primary email that was replaced a short time ago.
    FormerPrimary,
}

/// Why an address cannot become the backup email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRefused {
    /// An external identity provider authenticates the account, so there is nothing to recover here.
    SsoAccount,
    /// It must differ from the primary.
    SameAsPrimary,
    /// It already is the backup email.
    SameAsBackup,
}

/// An account, as read in one consistent query.
#[derive(Debug, Clone)]
pub struct Account {
    /// The key.
    pub id: AccountId,
    /// The id of it that a product has given.
    pub external_id: Option<ExternalId>,
    /// The username.
    pub username: Username,
    /// Who authenticates its owner.
    pub kind: AccountKind,
    /// The hash of its password, if it has one that was not undone.
    pub password_hash: Option<PasswordHash>,
    /// The event that set this password. One from an import has none.
    pub password_event: Option<MessageId>,
    /// The language of its pages and emails.
    pub language: Language,
    /// Sessions, links and pending addresses of other generations are invalid.
    pub generation: Generation,
    /// When all sessions last ended.
    pub sessions_ended_at: Option<Timestamp>,
    /// The backup email cannot be changed before this, because a change was undone.
    pub backup_frozen_until: Option<Timestamp>,
    /// When an operator disabled it.
    pub disabled_at: Option<Timestamp>,
    /// When its deletion began; what is left of it can only be deleted.
    pub deleting_since: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// The primary email. It is `usable_from` the moment in which it became that.
    pub primary: ConfirmedAddress,
    /// Those that it replaced not long ago.
    pub former_primaries: Vec<FormerPrimary>,
    /// One that was requested and has no effect yet. Then no backup email is pending.
    pub pending_primary: Option<PendingPrimary>,
    /// The backup email.
    pub backup: Backup,
    /// The previous backup email, during the waiting period of the new one.
    pub former: Option<FormerAddress>,
}

impl Account {
    /// The backup email that can sign in at `now`: the confirmed one or, during its waiting period, the previous one.
    pub fn active_backup(&self, now: Timestamp) -> Option<ConfirmedAddress> {
        match (self.backup.confirmed(), &self.former) {
            (Some(backup), _) if now >= backup.usable_from => Some(backup.clone()),
            (_, Some(former)) if now < former.until => {
                Some(ConfirmedAddress::new(former.address.clone(), former.since))
            }
            _ => None,
        }
    }

    /// The address that awaits confirmation, whatever it is to become.
    pub fn pending(&self) -> Option<&PendingAddress> {
        self.pending_for(Purpose::ConfirmBackup).or(self.pending_for(Purpose::ConfirmPrimary))
    }

    /// The address that a link of this purpose confirms.
    pub fn pending_for(&self, purpose: Purpose) -> Option<&PendingAddress> {
        match purpose {
            Purpose::ConfirmBackup => self.backup.pending(),
            Purpose::ConfirmPrimary => self.pending_primary.as_ref().map(|primary| &primary.pending),
            Purpose::SignIn | Purpose::Undo | Purpose::HandOver => None,
        }
    }

    /// The account once nothing is pending.
    #[must_use]
    pub fn without_pending(self) -> Self {
        let backup = Backup::new(self.backup.confirmed().cloned(), None);
        Self { backup, pending_primary: None, ..self }
    }

    /// The recovery emails at `now`.
    pub fn recovery_emails(&self, now: Timestamp) -> RecoveryEmails {
        RecoveryEmails {
            backup: self.backup.confirmed().cloned(),
            former: self.former.clone().filter(|former| now < former.until),
        }
    }

    /// The recovery emails once this address is confirmed at `now`. It becomes active after the waiting period, and the
    /// active one stays active until then. An address that is active already does not wait. One that is the backup email
    /// already, active or waiting, stays what it is, since the time it was first confirmed: the email that was requested then has
    /// arrived.
    pub fn after_confirming(
        &self,
        confirmed: &EmailAddress,
        waiting_period: Duration,
        now: Timestamp,
    ) -> RecoveryEmails {
        let requested = self.backup.pending().filter(|pending| pending.address == *confirmed);
        let requested_at = requested.map_or(now, |pending| pending.since);
        if let Some(backup) = self.backup.confirmed().filter(|backup| backup.address == *confirmed) {
            return RecoveryEmails {
                backup: Some(backup.reached(requested_at)),
                former: self.former.clone(),
            };
        }
        let active_backup = self.active_backup(now);
        if let Some(active_backup) =
            active_backup.as_ref().filter(|active_backup| active_backup.address == *confirmed)
        {
            return RecoveryEmails { backup: Some(active_backup.reached(requested_at)), former: None };
        }
        let usable_from = now + waiting_period;
        let backup = ConfirmedAddress { usable_from, ..ConfirmedAddress::new(confirmed.clone(), now) };
        let former = active_backup.filter(|_| usable_from > now).map(|active_backup| FormerAddress {
            address: active_backup.address,
            since: active_backup.since,
            until: usable_from,
        });
        RecoveryEmails { backup: Some(backup), former }
    }

    /// The account once this address is confirmed at `now`. See [`Account::after_confirming`].
    #[must_use]
    pub fn with_confirmed(self, confirmed: &EmailAddress, waiting_period: Duration, now: Timestamp) -> Self {
        let emails = self.after_confirming(confirmed, waiting_period, now);
        Self { backup: Backup::new(emails.backup, None), former: emails.former, ..self }
    }

    /// Whether this address is the backup email, active or waiting.
    pub fn has_confirmed(&self, address: &EmailAddress) -> bool {
        self.backup.confirmed().is_some_and(|backup| backup.address == *address)
    }

    /// Until when the backup email cannot be changed, if that is later than `now`.
    pub fn frozen_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.backup_frozen_until.filter(|until| now < *until)
    }

    /// Whether all sessions have ended since a stranger asked for an email at that time, or in the same second. Such a
    /// request stores no generation, because the function that takes it cannot read accounts.
    pub fn has_ended_all_since(&self, requested_at: Timestamp) -> bool {
        self.sessions_ended_at.is_some_and(|ended_at| requested_at <= ended_at)
    }

    /// Whether an undo has made its password void, and no other was set since.
    pub fn has_void_password(&self) -> bool {
        self.password_event.is_some() && self.password_hash.is_none()
    }

    /// Whether its password was set in this event or a later one. An undo since the event then voids it: it may be somebody
    /// else's, and the one before it may be known to them, so that does not return either.
    pub fn has_password_since(&self, event: &MessageId) -> bool {
        let set_in = self.password_event.as_ref().filter(|_| self.password_hash.is_some());
        set_in.is_some_and(|set_in| set_in >= event)
    }

    /// Whether an operator has disabled it: nobody can sign in, and nobody is told why.
    pub fn is_disabled(&self) -> bool {
        self.disabled_at.is_some()
    }

    /// Whether this address may become the backup email, as far as this account alone can tell.
    pub fn may_become_backup(&self, address: &EmailAddress) -> Result<(), BackupRefused> {
        if self.kind == AccountKind::Sso {
            return Err(BackupRefused::SsoAccount);
        }
        if self.primary.address == *address {
            return Err(BackupRefused::SameAsPrimary);
        }
        if self.backup.confirmed().is_some_and(|backup| backup.address == *address) {
            return Err(BackupRefused::SameAsBackup);
        }
        Ok(())
    }

    /// Which address to sign in with this is at `now`. SSO accounts and disabled ones have none, and an address that is
    /// pending or in its waiting period is none.
    pub fn sign_in_email(&self, address: &EmailAddress, now: Timestamp) -> Option<SignInEmail> {
        self.stored_sign_in_email(address, now).map(|(sign_in_email, _)| sign_in_email)
    }

    /// The same, and the stored address that is equal to this one.
    pub fn stored_sign_in_email(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Option<(SignInEmail, &EmailAddress)> {
        if self.kind == AccountKind::Sso || self.is_disabled() {
            return None;
        }
        let backup = self.backup.confirmed().filter(|backup| now >= backup.usable_from);
        let former = self.former.as_ref().filter(|former| backup.is_none() && now < former.until);
        let former_primaries = self.former_primaries.iter().filter(|former| now < former.until);
        let primary = std::iter::once((SignInEmail::Primary, &self.primary.address));
        primary
            .chain(backup.map(|backup| (SignInEmail::Backup, &backup.address)))
            .chain(former.map(|former| (SignInEmail::Former, &former.address)))
            .chain(former_primaries.map(|former| (SignInEmail::FormerPrimary, &former.email.address)))
            .find(|(_, stored)| *stored == address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{MessageId, PasswordHasher, PendingAddress, TypedPassword};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    /// The account of `mina` with these backup emails.
    pub(crate) fn account(kind: AccountKind, confirmed: Option<&str>, pending: Option<&str>) -> Account {
        let since = NOW;
        Account {
            id: AccountId::new("a"),
            external_id: None,
            username: Username::parse("mina").expect("a username"),
            kind,
            password_hash: None,
            password_event: None,
            language: Language::En,
            generation: Generation::FIRST,
            sessions_ended_at: None,
            backup_frozen_until: None,
            disabled_at: None,
            deleting_since: None,
            created_at: since,
            primary: ConfirmedAddress::new(address("mina@example.com"), since),
            former_primaries: Vec::new(),
            pending_primary: None,
            former: None,
            backup: Backup::new(
                confirmed.map(|text| ConfirmedAddress::new(address(text), since)),
                pending.map(|text| PendingAddress {
                    address: address(text),
                    since,
                    request: MessageId::new(0, 0),
                    generation: Generation::FIRST,
                }),
            ),
        }
    }

    #[test]
    fn a_password_was_set_since_its_own_event_and_every_earlier_one() {
        let hash = PasswordHasher::default().hash(&TypedPassword::new("x"), [1; 16]);
        let [before, own, after] = [1, 2, 3].map(|milliseconds| MessageId::new(milliseconds, 0));
        let with = |password_hash, password_event| Account {
            password_hash,
            password_event,
            ..account(AccountKind::Regular, None, None)
        };
        let since =
            |account: &Account| [&before, &own, &after].map(|event| account.has_password_since(event));
        assert_eq!(since(&with(hash.clone(), Some(own.clone()))), [true, true, false]);
        assert_eq!(since(&with(hash, None)), [false; 3], "an imported one");
        assert_eq!(since(&with(None, Some(own.clone()))), [false; 3], "one that is void already");
    }

    #[test]
    fn only_primary_and_confirmed_backup_of_a_regular_account_sign_in() {
        let replacing = account(AccountKind::Regular, Some("old@example.org"), Some("new@example.org"));
        for (typed, sign_in_email) in [
            ("MINA@example.com", Some(SignInEmail::Primary)),
            ("old@example.org", Some(SignInEmail::Backup)),
            ("new@example.org", None),
            ("other@example.org", None),
        ] {
            assert_eq!(replacing.sign_in_email(&address(typed), NOW), sign_in_email, "{typed}");
        }
        let sso = account(AccountKind::Sso, None, None);
        assert_eq!(sso.sign_in_email(&address("mina@example.com"), NOW), None);
        let disabled = Account { disabled_at: Some(NOW), ..replacing };
        for typed in ["mina@example.com", "old@example.org"] {
            assert_eq!(disabled.sign_in_email(&address(typed), NOW), None, "{typed}");
        }
    }

    #[test]
    fn an_address_signs_in_after_its_waiting_period_and_the_former_one_before() {
        const WAIT: Duration = Duration::from_hours(24);
        let before = account(AccountKind::Regular, Some("old@example.org"), None);
        let RecoveryEmails { backup, former } =
            before.after_confirming(&address("new@example.org"), WAIT, NOW);
        let waiting = Account { backup: Backup::new(backup, None), former, ..before };
        let (old, new) = (address("old@example.org"), address("new@example.org"));
        let last = NOW + WAIT - Duration::from_secs(1);
        for (now, old_is, new_is) in [
            (NOW, Some(SignInEmail::Former), None),
            (last, Some(SignInEmail::Former), None),
            (NOW + WAIT, None, Some(SignInEmail::Backup)),
        ] {
            assert_eq!(
                (waiting.sign_in_email(&old, now), waiting.sign_in_email(&new, now)),
                (old_is, new_is),
                "{now:?}"
            );
        }
        // Back to the former one, which is active: no waiting period.
        let back = waiting.after_confirming(&old, WAIT, last);
        let read = waiting.active_backup(last).map(|backup| backup.reached(last));
        assert_eq!(back, RecoveryEmails { backup: read, former: None });
        // Another one during the waiting period: the active one stays, the waiting one goes.
        let third = waiting.after_confirming(&address("third@example.org"), WAIT, last);
        assert_eq!(third.former.map(|former| (former.address, former.until)), Some((old, last + WAIT)));
        // After the waiting period the new one is the active one, which stays.
        let later = waiting.after_confirming(&address("third@example.org"), WAIT, NOW + WAIT);
        assert_eq!(later.former.map(|former| former.address), Some(new));
        let without_waiting_period =
            waiting.after_confirming(&address("third@example.org"), Duration::ZERO, NOW);
        assert_eq!(without_waiting_period.former, None);
    }

    #[test]
    fn a_request_of_a_stranger_is_void_after_an_ending_and_in_the_same_second() {
        let before = account(AccountKind::Regular, None, None);
        assert!(!before.has_ended_all_since(NOW), "nothing has ended yet");
        let ended = Account { sessions_ended_at: Some(NOW), ..before };
        let second = Duration::from_secs(1);
        for (requested_at, void) in [(NOW - second, true), (NOW, true), (NOW + second, false)] {
            assert_eq!(ended.has_ended_all_since(requested_at), void, "{requested_at:?}");
        }
    }

    #[test]
    fn a_first_backup_email_waits_and_has_no_former_one() {
        const WAIT: Duration = Duration::from_hours(1);
        let before = account(AccountKind::Regular, None, None);
        let waiting = before.with_confirmed(&address("new@example.org"), WAIT, NOW);
        assert_eq!(waiting.former, None);
        let again = waiting.clone().with_confirmed(&address("new@example.org"), WAIT, NOW + WAIT / 2);
        let waits_until = |account: &Account| account.backup.confirmed().map(|backup| backup.usable_from);
        assert_eq!(waits_until(&again), waits_until(&waiting), "who confirms it again waits no longer");
        assert_eq!(waiting.sign_in_email(&address("new@example.org"), NOW), None);
        assert_eq!(waiting.sign_in_email(&address("new@example.org"), NOW + WAIT), Some(SignInEmail::Backup));
    }

    #[test]
    fn refuses_sso_the_primary_and_the_confirmed_backup_but_not_the_pending_one() {
        let replacing = account(AccountKind::Regular, Some("old@example.org"), Some("new@example.org"));
        for (typed, answer) in [
            ("mina@EXAMPLE.com", Err(BackupRefused::SameAsPrimary)),
            ("old@example.org", Err(BackupRefused::SameAsBackup)),
            ("new@example.org", Ok(())),
            ("third@example.org", Ok(())),
        ] {
            assert_eq!(replacing.may_become_backup(&address(typed)), answer, "{typed}");
        }
        let sso = account(AccountKind::Sso, None, None);
        assert_eq!(sso.may_become_backup(&address("new@example.org")), Err(BackupRefused::SsoAccount));
    }
}
