//! Mail that a flow asks for. The mailer alone decides whether and what is sent.
use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::client_info::ClientInfo;
use super::email_address::EmailAddress;
use super::identifier::TypedAddress;
use super::link::Purpose;
use super::timestamp::Timestamp;

/// What someone asked to be mailed. It names no recipient: the mailer looks that up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EmailRequest {
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
        /// Where the request that did it came from.
        source: ClientInfo,
    },
}

impl EmailRequest {
    /// The name of its kind, as the database has it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ForgotUsername { .. } => "forgot-username",
            Self::SignInLink { .. } => "sign-in-link",
            Self::ConfirmBackup { .. } => "confirm-backup",
            Self::Notice { .. } => "notice",
        }
    }

    /// The link without which its mail is worth nothing, if there is one. A notice is worth reading without.
    pub const fn link(&self) -> Option<Purpose> {
        match self {
            Self::SignInLink { .. } => Some(Purpose::SignIn),
            Self::ConfirmBackup { .. } => Some(Purpose::ConfirmBackup),
            Self::ForgotUsername { .. } | Self::Notice { .. } => None,
        }
    }

    /// The account that it names. What strangers ask for names none.
    pub const fn account_id(&self) -> Option<&AccountId> {
        match self {
            Self::ConfirmBackup { account_id, .. } | Self::Notice { account_id, .. } => Some(account_id),
            Self::ForgotUsername { .. } | Self::SignInLink { .. } => None,
        }
    }
}

/// What the owner of an account is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Notice {
    /// A backup email was added.
    BackupAdded {
        /// The new one.
        address: EmailAddress,
        /// When it begins to open the account, where it is held at first.
        usable_from: Option<Timestamp>,
    },
    /// The backup email was replaced.
    BackupChanged {
        /// The one that no longer works, or only until the new one does.
        former: EmailAddress,
        /// When that one was to begin to open the account, where it was held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_usable_from: Option<Timestamp>,
        /// The new one.
        address: EmailAddress,
        /// When it begins to open the account, where it is held at first.
        usable_from: Option<Timestamp>,
    },
    /// The backup email was removed.
    BackupRemoved {
        /// The one that no longer works.
        address: EmailAddress,
        /// When it was to begin to open the account, where it was held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usable_from: Option<Timestamp>,
    },
    /// The backup email was used to sign in.
    BackupUsed {
        /// The one that was used.
        address: EmailAddress,
    },
    /// One of the above was taken back by its "this wasn't me" link.
    #[serde(rename = "taken-back")]
    Undone {
        /// The backup email since then.
        backup: Option<EmailAddress>,
    },
}

impl Notice {
    /// The name, and the stem of its texts.
    pub const fn stem(&self) -> &'static str {
        match self {
            Self::BackupAdded { .. } => "added",
            Self::BackupChanged { .. } => "changed",
            Self::BackupRemoved { .. } => "removed",
            Self::BackupUsed { .. } => "used",
            Self::Undone { backup: Some(_) } => "taken-back",
            Self::Undone { backup: None } => "taken-back-to-none",
        }
    }

    /// The backup email that taking this back leaves, where the account has `current`: what was in force before. An
    /// address that somebody else used is no key any more. None where there is nothing to take back.
    pub fn backup_after_undo(&self, current: Option<&EmailAddress>) -> Option<Option<EmailAddress>> {
        match self {
            Self::BackupAdded { .. } => Some(None),
            Self::BackupChanged { former, .. } => Some(Some(former.clone())),
            Self::BackupRemoved { address, .. } => Some(Some(address.clone())),
            Self::BackupUsed { address } => Some(current.filter(|current| *current != address).cloned()),
            Self::Undone { .. } => None,
        }
    }

    /// When the address that taking this back restores was to begin to open the account, where it was held. Taking back
    /// does not end a hold: whoever has the address may be whom the hold is there for.
    pub const fn restored_from(&self) -> Option<Timestamp> {
        match self {
            Self::BackupChanged { former_usable_from: from, .. }
            | Self::BackupRemoved { usable_from: from, .. } => *from,
            Self::BackupAdded { .. } | Self::BackupUsed { .. } | Self::Undone { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_back_leaves_what_was_in_force_before() {
        let address = |text: &str| EmailAddress::parse(text).expect("an address");
        let (old, new, third) =
            (address("old@example.org"), address("new@example.org"), address("third@example.org"));
        let added = Notice::BackupAdded { address: new.clone(), usable_from: None };
        let changed = Notice::BackupChanged {
            former: old.clone(),
            former_usable_from: None,
            address: new.clone(),
            usable_from: None,
        };
        let removed = Notice::BackupRemoved { address: old.clone(), usable_from: None };
        let used = Notice::BackupUsed { address: new.clone() };
        for (notice, current, left) in [
            (&added, Some(&new), Some(None)),
            (&added, Some(&third), Some(None)),
            (&changed, Some(&new), Some(Some(old.clone()))),
            (&changed, None, Some(Some(old.clone()))),
            (&removed, None, Some(Some(old.clone()))),
            (&removed, Some(&third), Some(Some(old.clone()))),
            (&used, Some(&new), Some(None)),
            (&used, Some(&third), Some(Some(third.clone()))),
            (&used, None, Some(None)),
            (&Notice::Undone { backup: None }, Some(&new), None),
        ] {
            assert_eq!(notice.backup_after_undo(current), left, "{notice:?} where there is {current:?}");
        }
    }
}
