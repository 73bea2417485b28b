//! Sessions: who is signed in, how, and until when.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::{Account, AccountId, Door};
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// A session ends this long after its sign-in, however busy (ASVS 5.0 V7.3.2).
pub const ABSOLUTE_LIFETIME: Duration = Duration::from_hours(30 * 24);
/// A session ends this long after it was last used (ASVS 5.0 V7.3.1).
pub const IDLE_LIFETIME: Duration = Duration::from_hours(14 * 24);

/// A change of how an account is recovered needs a sign-in no older than this (ASVS 5.0 V7.5.1): an open laptop is
/// often left alone for longer, while a person who has just signed in is hardly asked twice.
pub const FRESH_FOR: Duration = Duration::from_mins(15);

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInMethod {
    /// With a password.
    Password,
    /// Through a link to the primary email.
    LinkToPrimary,
    /// Through a link to the backup email.
    LinkToBackup,
}

impl From<Door> for SignInMethod {
    fn from(door: Door) -> Self {
        match door {
            Door::Primary => Self::LinkToPrimary,
            Door::Backup | Door::Former => Self::LinkToBackup,
        }
    }
}

/// A session as the database has it.
#[derive(Debug, Clone)]
pub struct Session {
    /// The key: the hash of the cookie's secret.
    pub hash: TokenHash,
    /// Whose it is.
    pub account_id: AccountId,
    /// How it began.
    pub method: SignInMethod,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When the person last proved who they are.
    pub authenticated_at: Timestamp,
    /// Its absolute end.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that begins now.
    pub fn begin(hash: TokenHash, account_id: AccountId, method: SignInMethod, now: Timestamp) -> Self {
        Self {
            hash,
            account_id,
            method,
            created_at: now,
            seen_at: now,
            authenticated_at: now,
            expires_at: now + ABSOLUTE_LIFETIME,
        }
    }

    /// Whether the account still honours it.
    pub fn is_honoured_by(&self, account: &Account) -> bool {
        self.account_id == account.id && self.created_at >= account.sessions_valid_from
    }
}
