//! An account and the life of its backup email.
//!
//! ```text
//!            ask                  confirm
//!   None ──────────▶ Pending ──────────────▶ Confirmed
//!    ▲ ▲───cancel──────┘                      │  ▲   ▲
//!    │                                    ask │  │   │ cancel, confirm (the new one)
//!    └──────────────remove────────────────────┤  │   │
//!                                             ▼  │   │
//!                                          Replacing─┘   (the former stays in force; remove: Pending)
//! ```
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::email_address::EmailAddress;
use super::language::Language;
use super::message_id::MessageId;
use super::password::PasswordHash;
use super::timestamp::Timestamp;
use super::username::Username;

/// The key of an account: opaque, never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// Takes a key as the database has it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// A key that no account has, to read nobody at the cost of reading somebody.
    pub fn nobody() -> Self {
        Self("nobody".into())
    }

    /// The key as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who answers for the account's authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// This service: password, magic link, backup email.
    Regular,
    /// An identity provider elsewhere, so that nothing here can recover the account.
    Sso,
}

/// An address whose owner has shown to read its mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was confirmed.
    pub since: Timestamp,
    /// When it begins to open the account: at once, or after the hold that the operator has set.
    pub usable_from: Timestamp,
}

impl ConfirmedAddress {
    /// An address that was confirmed at that time and is in force at once.
    pub fn new(address: EmailAddress, since: Timestamp) -> Self {
        Self { address, since, usable_from: since }
    }
}

/// A backup email that was replaced and stays in force while the new one is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was confirmed.
    pub since: Timestamp,
    /// The second in which it stops opening the account.
    pub until: Timestamp,
}

/// The confirmed addresses of an account beside its primary. An address is claimed for as long as it is among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryEmails {
    /// The backup email, in force or held.
    pub backup: Option<ConfirmedAddress>,
    /// The one before, while the backup email is held.
    pub former: Option<FormerAddress>,
}

/// An address that was asked for and can do nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was asked for.
    pub since: Timestamp,
    /// The request; only a link made for it confirms.
    pub request: MessageId,
}

/// After a change was taken back nobody changes the backup email for this long: whoever made the change may still
/// be able to sign in, and three days are enough for the owner to set a new password.
pub const FREEZE: Duration = Duration::from_hours(72);

/// The state of an account's backup email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup {
    /// There is none.
    None,
    /// One was asked for; none is in force.
    Pending(PendingAddress),
    /// One is in force.
    Confirmed(ConfirmedAddress),
    /// One is in force until the other is confirmed.
    Replacing {
        /// The former, still in force.
        confirmed: ConfirmedAddress,
        /// The one that was asked for.
        pending: PendingAddress,
    },
}

impl Backup {
    /// Makes the state of its two halves.
    pub fn new(confirmed: Option<ConfirmedAddress>, pending: Option<PendingAddress>) -> Self {
        match (confirmed, pending) {
            (None, None) => Self::None,
            (None, Some(pending)) => Self::Pending(pending),
            (Some(confirmed), None) => Self::Confirmed(confirmed),
            (Some(confirmed), Some(pending)) => Self::Replacing { confirmed, pending },
        }
    }

    /// The address in force.
    pub fn confirmed(&self) -> Option<&ConfirmedAddress> {
        match self {
            Self::Confirmed(confirmed) | Self::Replacing { confirmed, .. } => Some(confirmed),
            Self::None | Self::Pending(_) => None,
        }
    }

    /// The address that waits for its confirmation.
    pub fn pending(&self) -> Option<&PendingAddress> {
        match self {
            Self::Pending(pending) | Self::Replacing { pending, .. } => Some(pending),
            Self::None | Self::Confirmed(_) => None,
        }
    }
}

/// Which of an account's addresses was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignInEmail {
    /// The primary email.
    Primary,
    /// The confirmed backup email.
    Backup,
    /// The backup email before that, while the new one is held.
    Former,
}

/// Why an address cannot become the backup email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRefused {
    /// The account signs in elsewhere, so there is nothing to recover here.
    SsoAccount,
    /// A second key to the same mailbox helps nobody.
    SameAsPrimary,
    /// It is in force already.
    SameAsBackup,
}

/// An account, as read in one consistent query.
#[derive(Debug, Clone)]
pub struct Account {
    /// The key.
    pub id: AccountId,
    /// The username.
    pub username: Username,
    /// Who answers for its authentication.
    pub kind: AccountKind,
    /// The password, if it has one.
    pub password_hash: Option<PasswordHash>,
    /// The language of its pages and mails.
    pub language: Language,
    /// Sessions that began before this are dead.
    pub sessions_valid_from: Timestamp,
    /// Until then nobody changes the backup email, because a change was taken back.
    pub backup_frozen_until: Option<Timestamp>,
    /// Since when an operator has it disabled.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// The primary email.
    pub primary: ConfirmedAddress,
    /// The backup email.
    pub backup: Backup,
    /// The one before, while the backup email is held.
    pub former: Option<FormerAddress>,
}

impl Account {
    /// The backup email that opens the account at `now`, whether it is the confirmed one or, while that is held, the
    /// one before.
    pub fn active_backup(&self, now: Timestamp) -> Option<ConfirmedAddress> {
        match (self.backup.confirmed(), &self.former) {
            (Some(backup), _) if now >= backup.usable_from => Some(backup.clone()),
            (_, Some(former)) if now < former.until => {
                Some(ConfirmedAddress::new(former.address.clone(), former.since))
            }
            _ => None,
        }
    }

    /// The spare keys after this address was confirmed at `now`. With a hold, a new address opens nothing before its
    /// end, and the one that is in force stays until then. One that is in force already needs no hold.
    pub fn after_confirming(
        &self,
        confirmed: &EmailAddress,
        hold: Duration,
        now: Timestamp,
    ) -> RecoveryEmails {
        let active_backup = self.active_backup(now);
        if let Some(active_backup) =
            active_backup.as_ref().filter(|active_backup| active_backup.address == *confirmed)
        {
            return RecoveryEmails { backup: Some(active_backup.clone()), former: None };
        }
        let usable_from = now + hold;
        let backup = ConfirmedAddress { usable_from, ..ConfirmedAddress::new(confirmed.clone(), now) };
        let former = active_backup.filter(|_| usable_from > now).map(|active_backup| FormerAddress {
            address: active_backup.address,
            since: active_backup.since,
            until: usable_from,
        });
        RecoveryEmails { backup: Some(backup), former }
    }

    /// The end of the time in which the backup email cannot be changed, while it lasts.
    pub fn frozen_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.backup_frozen_until.filter(|until| now < *until)
    }

    /// Whether an operator has disabled it: nobody gets in, and nobody is told why.
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

    /// Which door this address opens at `now`. SSO accounts and disabled ones have none, and an address that is pending
    /// or held opens none.
    pub fn sign_in_email(&self, address: &EmailAddress, now: Timestamp) -> Option<SignInEmail> {
        if self.kind == AccountKind::Sso || self.is_disabled() {
            return None;
        }
        if self.primary.address == *address {
            return Some(SignInEmail::Primary);
        }
        self.active_backup(now).filter(|active_backup| active_backup.address == *address)?;
        let is_backup = self.backup.confirmed().is_some_and(|backup| backup.address == *address);
        Some(if is_backup { SignInEmail::Backup } else { SignInEmail::Former })
    }

    /// The address behind a door.
    pub fn address_of(&self, sign_in_email: SignInEmail) -> Option<&EmailAddress> {
        match sign_in_email {
            SignInEmail::Primary => Some(&self.primary.address),
            SignInEmail::Backup => self.backup.confirmed().map(|backup| &backup.address),
            SignInEmail::Former => self.former.as_ref().map(|former| &former.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn account(kind: AccountKind, confirmed: Option<&str>, pending: Option<&str>) -> Account {
        let since = NOW;
        Account {
            id: AccountId::new("a"),
            username: Username::parse("mina").expect("a username"),
            kind,
            password_hash: None,
            language: Language::En,
            sessions_valid_from: since,
            backup_frozen_until: None,
            disabled_at: None,
            created_at: since,
            primary: ConfirmedAddress::new(address("mina@example.com"), since),
            former: None,
            backup: Backup::new(
                confirmed.map(|text| ConfirmedAddress::new(address(text), since)),
                pending.map(|text| PendingAddress {
                    address: address(text),
                    since,
                    request: MessageId::new(0, 0),
                }),
            ),
        }
    }

    #[test]
    fn only_primary_and_confirmed_backup_of_a_regular_account_open_a_door() {
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
    fn a_held_address_opens_nothing_until_its_time_and_the_former_one_does() {
        const HOLD: Duration = Duration::from_hours(24);
        let before = account(AccountKind::Regular, Some("old@example.org"), None);
        let RecoveryEmails { backup, former } =
            before.after_confirming(&address("new@example.org"), HOLD, NOW);
        let held = Account { backup: Backup::new(backup, None), former, ..before };
        let (old, new) = (address("old@example.org"), address("new@example.org"));
        let last = NOW + HOLD - Duration::from_secs(1);
        for (now, open_old, open_new) in [
            (NOW, Some(SignInEmail::Former), None),
            (last, Some(SignInEmail::Former), None),
            (NOW + HOLD, None, Some(SignInEmail::Backup)),
        ] {
            assert_eq!(
                (held.sign_in_email(&old, now), held.sign_in_email(&new, now)),
                (open_old, open_new),
                "{now:?}"
            );
        }
        // Back to the former one, which is in force: no hold.
        let back = held.after_confirming(&old, HOLD, last);
        assert_eq!(back, RecoveryEmails { backup: held.active_backup(last), former: None });
        // Another one while the new one is held: the one in force stays, the held one goes.
        let third = held.after_confirming(&address("third@example.org"), HOLD, last);
        assert_eq!(third.former.map(|former| (former.address, former.until)), Some((old, last + HOLD)));
        // And once the hold is over, the new one is what stays.
        let later = held.after_confirming(&address("third@example.org"), HOLD, NOW + HOLD);
        assert_eq!(later.former.map(|former| former.address), Some(new));
        let without_hold = held.after_confirming(&address("third@example.org"), Duration::ZERO, NOW);
        assert_eq!(without_hold.former, None);
    }

    #[test]
    fn a_first_backup_email_is_held_alone() {
        const HOLD: Duration = Duration::from_hours(1);
        let before = account(AccountKind::Regular, None, None);
        let RecoveryEmails { backup, former } =
            before.after_confirming(&address("new@example.org"), HOLD, NOW);
        assert_eq!(former, None);
        let held = Account { backup: Backup::new(backup, None), ..before };
        assert_eq!(held.sign_in_email(&address("new@example.org"), NOW), None);
        assert_eq!(held.sign_in_email(&address("new@example.org"), NOW + HOLD), Some(SignInEmail::Backup));
    }

    #[test]
    fn refuses_sso_the_primary_and_the_backup_in_force_but_not_the_pending_one() {
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
