//! Emails that a flow requests. Only the mailer decides whether and what is sent.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::account::{Account, AccountId};
use super::activity::Requested;
use super::client_info::ClientInfo;
use super::delivery::DeliveryFailure;
use super::email_address::EmailAddress;
use super::hashing_key::HashingKey;
use super::history::AccountEvent;
use super::identifier::TypedAddress;
use super::link::Purpose;
use super::message_id::MessageId;
use super::oidc::ClientId;
use super::timestamp::Timestamp;

/// A request for an email. It names no recipient: the mailer looks that up.
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
        /// Where the request came from. Requests of earlier versions do not say.
        #[serde(default)]
        source: ClientInfo,
        /// The product that waited in the requesting browser. That browser says so itself, so nothing but an id is taken from
        /// it: whoever opens the link looks the name up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
    },
    /// A confirmation link, to an address that the owner of an account entered.
    ConfirmBackup {
        /// The account.
        account_id: AccountId,
        /// The address to confirm.
        address: EmailAddress,
        /// Where the request came from. Requests of earlier versions do not say.
        #[serde(default)]
        source: ClientInfo,
    },
    /// The same for an address that is to be the primary.
    ConfirmPrimary {
        /// The account.
        account_id: AccountId,
        /// The address to confirm.
        address: EmailAddress,
        /// Where the request came from.
        source: ClientInfo,
    },
    /// A notice to the primary email of an account.
    Notice {
        /// The account.
        account_id: AccountId,
        /// What happened.
        notice: Notice,
        /// Where the request that made the change came from.
        source: ClientInfo,
        /// The event in the account's history. Requests of earlier versions have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<MessageId>,
        /// Under each of these keys it is sent once an hour. A notice of a change has none: it is always sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hourly: Vec<HourlyKey>,
        /// The mailbox that is told: the primary at the time of the event, or one that it replaced not long before. The
        /// mailer sends it only while the account still has it as one of these. Requests of earlier versions name none: they
        /// go to the primary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<EmailAddress>,
    },
}

/// A keyed hash of an account, an address and a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HourlyKey(String);

impl HourlyKey {
    /// The key of the notice that this address of an account was used in this browser. After all sessions have ended, as by
    /// an undo, the owner is told anew.
    pub fn of_use(account: &Account, address: &EmailAddress, browser: &str, key: &HashingKey) -> Self {
        let generation = account.generation.number().to_string();
        let parts = ["notice-of-use", account.id.as_str(), &generation, address.canonical(), browser];
        let hash = key.hash(&parts);
        Self(URL_SAFE_NO_PAD.encode(hash))
    }

    /// The key as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EmailRequest {
    /// The notice of an event to one mailbox. Under each of these keys it is sent once an hour; without one, it is always
    /// sent.
    pub fn notice_of(
        event: &AccountEvent,
        account_id: AccountId,
        to: EmailAddress,
        hourly: Vec<HourlyKey>,
    ) -> Self {
        let (notice, source) = (event.notice.clone(), event.source.clone());
        Self::Notice { account_id, notice, source, event: Some(event.id.clone()), hourly, to: Some(to) }
    }

    /// The name of its kind, as the database has it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ForgotUsername { .. } => "forgot-username",
            Self::SignInLink { .. } => "sign-in-link",
            Self::ConfirmBackup { .. } => "confirm-backup",
            Self::ConfirmPrimary { .. } => "confirm-primary",
            Self::Notice { .. } => "notice",
        }
    }

    /// The purpose of the link that its email exists for, if any. A notice is useful without its link.
    pub const fn link(&self) -> Option<Purpose> {
        match self {
            Self::SignInLink { .. } => Some(Purpose::SignIn),
            Self::ConfirmBackup { .. } => Some(Purpose::ConfirmBackup),
            Self::ConfirmPrimary { .. } => Some(Purpose::ConfirmPrimary),
            Self::ForgotUsername { .. } | Self::Notice { .. } => None,
        }
    }

    /// The account that it names. Requests of strangers name none.
    pub const fn account_id(&self) -> Option<&AccountId> {
        match self {
            Self::ConfirmBackup { account_id, .. }
            | Self::ConfirmPrimary { account_id, .. }
            | Self::Notice { account_id, .. } => Some(account_id),
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
        /// When it becomes active, if it has a waiting period.
        usable_from: Option<Timestamp>,
    },
    /// The backup email was replaced.
    BackupChanged {
        /// The replaced one. It is no longer active, or only until the new one is.
        former: EmailAddress,
        /// When the replaced one was to become active, if it was in its waiting period.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_usable_from: Option<Timestamp>,
        /// The new one.
        address: EmailAddress,
        /// When it becomes active, if it has a waiting period.
        usable_from: Option<Timestamp>,
    },
    /// The backup email was removed.
    BackupRemoved {
        /// The removed one.
        address: EmailAddress,
        /// When it was to become active, if it was in its waiting period.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usable_from: Option<Timestamp>,
    },
    /// The backup email was made the primary.
    BackupPromoted {
        /// The primary before.
        former: EmailAddress,
        /// The new one.
        address: EmailAddress,
        /// Until when the former one signs in; nothing if it is the backup email now.
        former_until: Option<Timestamp>,
    },
    /// Another primary email was requested. It has no effect until it is confirmed.
    PrimaryRequested {
        /// The requested one.
        address: EmailAddress,
        /// What the request has replaced. Events of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<Requested>,
    },
    /// Another address was confirmed as the primary email.
    PrimaryChanged {
        /// The primary before.
        former: EmailAddress,
        /// The new one.
        address: EmailAddress,
        /// Until when the former one signs in.
        former_until: Timestamp,
    },
    /// A primary email that was replaced a short time ago was used to sign in.
    FormerPrimaryUsed {
        /// The one that was used.
        address: EmailAddress,
    },
    /// The backup email was used to sign in.
    BackupUsed {
        /// The one that was used.
        address: EmailAddress,
    },
    /// Email to the backup email fails.
    BackupUndeliverable {
        /// The backup email.
        address: EmailAddress,
        /// How it failed.
        why: DeliveryFailure,
    },
    /// All sessions but one were ended.
    SessionsEnded,
    /// A password was set, and all sessions but that one ended.
    PasswordSet {
        /// Whether it replaced a password. Events of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        had_password: Option<bool>,
    },
    /// One of the above was undone by its "this wasn't me" link.
    #[serde(rename = "taken-back")]
    Undone {
        /// The backup email after that.
        backup: Option<EmailAddress>,
        /// The event since which everything was undone. Undos of earlier versions have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<MessageId>,
        /// Whether the password was void after that, because it was set since.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        password_void: bool,
        /// What became of the primary email. Undos of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        primary: Option<Box<PrimaryAfterUndo>>,
    },
}

/// What an undo made of the primary email.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "primary", rename_all = "kebab-case")]
pub enum PrimaryAfterUndo {
    /// It stayed as it was.
    Kept,
    /// An earlier one returned.
    Restored {
        /// The primary after the undo.
        address: EmailAddress,
        /// The one before, whose change was undone.
        former: EmailAddress,
    },
}

impl PrimaryAfterUndo {
    /// With these addresses before the undo and after it.
    pub fn new(before: &EmailAddress, after: &EmailAddress) -> Self {
        if before == after {
            Self::Kept
        } else {
            Self::Restored { address: after.clone(), former: before.clone() }
        }
    }
}

impl Notice {
    /// The stem of the keys of its texts.
    pub const fn stem(&self) -> &'static str {
        match self {
            Self::BackupAdded { .. } => "added",
            Self::BackupChanged { .. } => "changed",
            Self::BackupRemoved { .. } => "removed",
            Self::BackupPromoted { former_until: Some(_), .. } => "promoted",
            Self::BackupPromoted { former_until: None, .. } => "swapped",
            Self::PrimaryRequested { .. } => "primary-requested",
            Self::PrimaryChanged { .. } => "primary-changed",
            Self::FormerPrimaryUsed { .. } => "former-primary-used",
            Self::BackupUsed { .. } => "used",
            Self::BackupUndeliverable { why, .. } => why.as_str(),
            Self::SessionsEnded => "sessions-ended",
            Self::PasswordSet { .. } => "password-set",
            Self::Undone { backup: Some(_), .. } => "taken-back",
            Self::Undone { backup: None, .. } => "taken-back-to-none",
        }
    }

    /// Whether it can be undone. An undo itself cannot: what it ended must not come back. That email fails is nobody's doing.
    pub const fn can_be_undone(&self) -> bool {
        !matches!(self, Self::Undone { .. } | Self::BackupUndeliverable { .. })
    }

    /// Whether somebody did it, in a request that came from somewhere.
    pub const fn has_source(&self) -> bool {
        !matches!(self, Self::BackupUndeliverable { .. })
    }

    /// Whether it changed the addresses.
    pub const fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::BackupUsed { .. }
                | Self::BackupUndeliverable { .. }
                | Self::FormerPrimaryUsed { .. }
                | Self::PrimaryRequested { .. }
                | Self::SessionsEnded
                | Self::PasswordSet { .. }
        )
    }
}
