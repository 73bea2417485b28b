//! Links in emails: their purposes, lifetimes and states.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::email_address::EmailAddress;
use super::generation::Generation;
use super::message_id::MessageId;
use super::oidc::ClientId;
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// Lifetime of a sign-in link: ASVS 5.0 V6.5.5 allows ten minutes.
pub const SIGN_IN_LIFETIME: Duration = Duration::from_mins(10);
/// Lifetime of a confirmation link: NIST SP 800-63B-4 allows 24 hours for a code that is sent to an address.
pub const CONFIRMATION_LIFETIME: Duration = Duration::from_hours(24);

/// Lifetime of an undo link: people may read a notice only after a week of holiday.
pub const UNDO_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Lifetime of a link with which a product hands a person over: it sends the person on at once.
pub const HAND_OVER_LIFETIME: Duration = Duration::from_mins(1);

/// Codes that may be tried on a link; after the last wrong one it is locked (ASVS 5.0 V6.6.3).
pub const MAX_CODE_ATTEMPTS: u32 = 5;

/// What a link is for. A link that was made for one purpose does not work for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Confirms a pending backup email.
    ConfirmBackup,
    /// Confirms a pending primary email.
    ConfirmPrimary,
    /// Opens a session.
    SignIn,
    /// Undoes a change of the backup email.
    Undo,
    /// Opens a session for a person whom a product hands over.
    HandOver,
}

impl Purpose {
    /// The name, as the database and the metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmBackup => "confirm-backup",
            Self::ConfirmPrimary => "confirm-primary",
            Self::SignIn => "sign-in",
            Self::Undo => "undo",
            Self::HandOver => "hand-over",
        }
    }

    /// The lifetime of its links, counted from the request, not from the delivery of the email.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::ConfirmBackup | Self::ConfirmPrimary => CONFIRMATION_LIFETIME,
            Self::SignIn => SIGN_IN_LIFETIME,
            Self::Undo => UNDO_LIFETIME,
            Self::HandOver => HAND_OVER_LIFETIME,
        }
    }
}

/// A link as the database has it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The key: the hash of the secret in the email.
    pub token_hash: TokenHash,
    /// What it is for.
    pub purpose: Purpose,
    /// Whose it is.
    pub account_id: AccountId,
    /// The address it was sent to.
    pub address: EmailAddress,
    /// The request that it was made for. A later request for the same account and address supersedes it.
    pub request: MessageId,
    /// The account's generation when it was created. Links of earlier versions have none; they have ended.
    pub generation: Option<Generation>,
    /// The last second in which it works.
    pub expires_at: Timestamp,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
    /// Codes that were tried on it.
    pub tries: u32,
    /// The product that waited in the browser that requested a sign-in link, as that browser said.
    pub client: Option<ClientId>,
}

/// Why a browser may use a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAuthorization {
    /// It made the request, or the account is signed in there.
    SameBrowser,
    /// The right code was entered in it, and the attempt was counted.
    Code,
}

/// Why a browser may not use a link, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRejected {
    /// It did not make the request, and no code was entered.
    Needed,
    /// The code is not the one that the requesting page shows.
    Wrong,
    /// No attempts are left.
    Locked,
}

/// The state of a link by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It can be used.
    Live,
    /// It was used.
    Used,
    /// Its lifetime is over.
    Expired,
    /// Too many wrong codes were tried on it.
    Locked,
}

impl Link {
    /// Its state at `now`. A used link stays "used" after its lifetime.
    pub fn state(&self, now: Timestamp) -> LinkState {
        if self.spent_at.is_some() {
            LinkState::Used
        } else if now > self.expires_at {
            LinkState::Expired
        } else if self.tries >= MAX_CODE_ATTEMPTS {
            LinkState::Locked
        } else {
            LinkState::Live
        }
    }
}
