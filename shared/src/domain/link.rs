//! Links in mails: what they are for, how long they live, when they are dead.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::email_address::EmailAddress;
use super::message_id::MessageId;
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// A sign-in link: ASVS 5.0 V6.5.5 allows ten minutes.
pub const SIGN_IN_LIFETIME: Duration = Duration::from_mins(10);
/// A confirmation is no sign-in; NIST SP 800-63B-4 gives codes sent to an address 24 hours.
pub const CONFIRMATION_LIFETIME: Duration = Duration::from_hours(24);

/// What a link is for; one made for one purpose is unknown to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Shows that a person reads the mail of a pending backup email.
    ConfirmBackup,
    /// Opens a session.
    SignIn,
}

impl Purpose {
    /// How long its links live, counted from the request and not from the mail.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::ConfirmBackup => CONFIRMATION_LIFETIME,
            Self::SignIn => SIGN_IN_LIFETIME,
        }
    }
}

/// A link as the database has it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The key: the hash of the secret in the mail.
    pub token_hash: TokenHash,
    /// What it is for.
    pub purpose: Purpose,
    /// Whose it is.
    pub account_id: AccountId,
    /// The address it was mailed to.
    pub address: EmailAddress,
    /// The request it answers. A later request for the same account and address makes it dead.
    pub request: MessageId,
    /// The last second in which it works.
    pub expires_at: Timestamp,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
}

/// What can be said of a link by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It may work.
    Live,
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
}

impl Link {
    /// Its state at `now`; one that was used stays "used" when its time is over too.
    pub fn state(&self, now: Timestamp) -> LinkState {
        if self.spent_at.is_some() {
            LinkState::Used
        } else if now > self.expires_at {
            LinkState::Expired
        } else {
            LinkState::Live
        }
    }
}
