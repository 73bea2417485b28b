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

/// A notice may wait for the end of somebody's holiday week.
pub const UNDO_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Wrong codes that a link bears; the last of them makes it dead (ASVS 5.0 V6.6.3).
pub const MAX_CODE_ATTEMPTS: u32 = 5;

/// What a link is for; one made for one purpose is unknown to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Shows that a person reads the mail of a pending backup email.
    ConfirmBackup,
    /// Opens a session.
    SignIn,
    /// Takes a change of the backup email back.
    Undo,
}

impl Purpose {
    /// The name, as the database and the metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmBackup => "confirm-backup",
            Self::SignIn => "sign-in",
            Self::Undo => "undo",
        }
    }

    /// How long its links live, counted from the request and not from the mail.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::ConfirmBackup => CONFIRMATION_LIFETIME,
            Self::SignIn => SIGN_IN_LIFETIME,
            Self::Undo => UNDO_LIFETIME,
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
    /// Codes that were tried on it.
    pub tries: u32,
}

/// How a browser shows that it may use a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAuthorization {
    /// It is the one that asked, or the account is signed in there.
    SameBrowser,
    /// It was given the code that the asking page shows; a try was taken for it.
    Code,
}

/// Why a browser may not use a link, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRejected {
    /// It is not the one that asked, and gave no code.
    Needed,
    /// The code is not the one that the asking page shows.
    Wrong,
    /// There are no tries left.
    Locked,
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
    /// Too many wrong codes were tried on it.
    Locked,
}

impl Link {
    /// When it was asked for.
    pub fn requested_at(&self) -> Timestamp {
        self.expires_at - self.purpose.lifetime()
    }

    /// Its state at `now`; one that was used stays "used" when its time is over too.
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
