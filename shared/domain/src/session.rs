//! Sessions: who is signed in, how, and until when.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::{Account, AccountId, SignInEmail};
use super::client_info::ClientInfo;
use super::generation::Generation;
use super::recovery::Recovery;
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// A session ends this long after its sign-in, even if it is in use (ASVS 5.0 V7.3.2).
pub const ABSOLUTE_LIFETIME: Duration = Duration::from_hours(30 * 24);
/// A session ends this long after it was last used (ASVS 5.0 V7.3.1).
pub const IDLE_LIFETIME: Duration = Duration::from_hours(14 * 24);

/// A change of how an account is recovered needs a sign-in no older than this (ASVS 5.0 V7.5.1): laptops are often left
/// open for longer, and a person who has just signed in is rarely asked again.
pub const FRESH_FOR: Duration = Duration::from_mins(15);

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInMethod {
    /// With a password, and the username or the primary email.
    Password,
    /// With a password and the backup email. Sessions from before this was distinguished have [`Self::Password`].
    PasswordWithBackup,
    /// Through a link to the primary email.
    LinkToPrimary,
    /// Through a link to the backup email.
    LinkToBackup,
    /// A product has signed the person in, and handed them over.
    HandOver,
}

impl From<SignInEmail> for SignInMethod {
    fn from(sign_in_email: SignInEmail) -> Self {
        match sign_in_email {
            SignInEmail::Primary | SignInEmail::FormerPrimary => Self::LinkToPrimary,
            SignInEmail::Backup | SignInEmail::Former => Self::LinkToBackup,
        }
    }
}

impl SignInMethod {
    /// With a password and this address, or the username.
    pub const fn with_password(typed: Option<SignInEmail>) -> Self {
        match typed {
            Some(SignInEmail::Backup | SignInEmail::Former) => Self::PasswordWithBackup,
            Some(SignInEmail::Primary | SignInEmail::FormerPrimary) | None => Self::Password,
        }
    }

    /// Whether the person signed in here, with something that only they have here. Who was handed over by one product does not
    /// sign in to another with that.
    pub const fn is_of_our_own(self) -> bool {
        !matches!(self, Self::HandOver)
    }

    /// Whether the backup email was used.
    pub const fn is_through_backup(self) -> bool {
        matches!(self, Self::PasswordWithBackup | Self::LinkToBackup)
    }
}

/// A session as the database has it.
#[derive(Debug, Clone)]
pub struct Session {
    /// The key: the hash of the cookie's secret.
    pub hash: TokenHash,
    /// Whose it is.
    pub account_id: AccountId,
    /// The account's generation when it began, or when its owner last ended all others.
    pub generation: Generation,
    /// How it began.
    pub method: SignInMethod,
    /// Where it began; unknown for sessions from before this was stored.
    pub source: ClientInfo,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When the person last authenticated: for a hand-over, as the product says, and long ago if it does not.
    pub authenticated_at: Timestamp,
    /// Its absolute end.
    pub expires_at: Timestamp,
    /// What the person has said since, if it began through the backup email.
    pub recovery: Option<Recovery>,
}

impl Session {
    /// A session of this account that begins now.
    pub fn begin(
        hash: TokenHash,
        account: &Account,
        method: SignInMethod,
        source: ClientInfo,
        now: Timestamp,
    ) -> Self {
        Self {
            hash,
            account_id: account.id.clone(),
            generation: account.generation,
            method,
            source,
            created_at: now,
            seen_at: now,
            authenticated_at: now,
            expires_at: now + ABSOLUTE_LIFETIME,
            recovery: method.is_through_backup().then_some(Recovery::Begun),
        }
    }

    /// The same session under another secret in the account's next generation, where all others have ended. Its times stay:
    /// that is no sign-in.
    #[must_use]
    pub fn renewed(&self, hash: TokenHash, now: Timestamp) -> Self {
        Self { hash, generation: self.generation.next(), seen_at: now, ..self.clone() }
    }

    /// Whether it is valid for the account.
    pub fn is_valid_for(&self, account: &Account) -> bool {
        self.account_id == account.id && !account.is_disabled() && self.generation == account.generation
    }

    /// Whether its sign-in is recent enough for changing how the account is recovered.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now <= self.authenticated_at + FRESH_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    #[test]
    fn a_password_with_the_backup_email_is_a_way_of_its_own() {
        for (typed, method) in [
            (None, SignInMethod::Password),
            (Some(SignInEmail::Primary), SignInMethod::Password),
            (Some(SignInEmail::Backup), SignInMethod::PasswordWithBackup),
            (Some(SignInEmail::Former), SignInMethod::PasswordWithBackup),
        ] {
            assert_eq!(SignInMethod::with_password(typed), method);
        }
        let through_backup = [SignInMethod::PasswordWithBackup, SignInMethod::LinkToBackup];
        assert!(through_backup.into_iter().all(SignInMethod::is_through_backup));
        let others = [SignInMethod::Password, SignInMethod::LinkToPrimary, SignInMethod::HandOver];
        assert!(!others.into_iter().any(SignInMethod::is_through_backup));
    }

    #[test]
    fn a_sign_in_is_fresh_for_fifteen_minutes() {
        let begins = Timestamp::from_unix_seconds(1_000);
        let session = Session {
            hash: Token::from_bytes([1; 32]).hash(),
            account_id: AccountId::new("a"),
            generation: Generation::FIRST,
            method: SignInMethod::Password,
            source: ClientInfo::default(),
            created_at: begins,
            seen_at: begins,
            authenticated_at: begins,
            expires_at: begins + ABSOLUTE_LIFETIME,
            recovery: None,
        };
        let later = begins + FRESH_FOR;
        let renewed = session.renewed(Token::from_bytes([2; 32]).hash(), later);
        assert_eq!(
            (renewed.is_fresh(later + Duration::from_secs(1)), renewed.generation.number()),
            (false, 1)
        );
        assert!(session.is_fresh(later) && !session.is_fresh(later + Duration::from_secs(1)));
    }
}
