//! Mail that a flow asks for. The mailer alone decides whether and what is sent.
use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::email_address::EmailAddress;
use super::identifier::TypedAddress;

/// What someone asked to be mailed. It names no recipient: the mailer looks that up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MailRequest {
    /// The username, to the stored address that equals what a stranger typed.
    ForgotUsername {
        /// What was typed.
        typed: TypedAddress,
    },
    /// A sign-in link, to the stored address that equals what a stranger typed.
    SignInLink {
        /// What was typed.
        typed: TypedAddress,
    },
    /// A confirmation link, to an address that an account holder gave.
    ConfirmBackup {
        /// The account.
        account_id: AccountId,
        /// The address to confirm.
        address: EmailAddress,
    },
    /// A notice to the primary email of an account.
    Notice {
        /// The account.
        account_id: AccountId,
        /// What happened.
        notice: Notice,
    },
}

/// What the owner of an account is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Notice {
    /// A backup email was added.
    BackupAdded {
        /// The new one.
        address: EmailAddress,
    },
    /// The backup email was replaced.
    BackupChanged {
        /// The one that no longer works.
        former: EmailAddress,
        /// The new one.
        address: EmailAddress,
    },
    /// The backup email was removed.
    BackupRemoved {
        /// The one that no longer works.
        address: EmailAddress,
    },
    /// The backup email was used to sign in.
    BackupUsed {
        /// The one that was used.
        address: EmailAddress,
    },
}
