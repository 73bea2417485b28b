//! The emails. Nothing else can be sent.
//!
//! The set is closed and the types say who may get what: a backup address gets three kinds of email (verify this
//! address, your username, your sign-in link), a primary address may get all, and one that was replaced not long ago the
//! notices too. A [`PrimaryAddress`], a [`ToldAddress`] and a [`SignInAddress`] can only be taken from an account, so nothing
//! is ever sent to an address as a stranger typed it.
mod compose;
mod feedback;
mod outbound;
mod suppression;

pub use compose::Composed;
pub use feedback::{FailedDelivery, NoFailure};
pub use outbound::{Outbound, SendError};
pub use suppression::{SuppressionError, SuppressionList};

use domain::{Account, AccountKind, ClientInfo, EmailAddress, Notice, PendingAddress, Timestamp, Token};

/// The primary email of an account.
#[derive(Debug, Clone)]
pub struct PrimaryAddress(EmailAddress);

impl PrimaryAddress {
    /// The account's.
    pub fn of(account: &Account) -> Self {
        Self(account.primary.address.clone())
    }
}

/// A mailbox that is told what happens to an account: its primary, or one that the primary replaced not long ago.
#[derive(Debug, Clone)]
pub enum ToldAddress {
    /// The primary.
    Primary(PrimaryAddress),
    /// One that it replaced.
    Former(FormerPrimaryAddress),
}

/// A primary email that was replaced not long ago.
#[derive(Debug, Clone)]
pub struct FormerPrimaryAddress(EmailAddress);

impl ToldAddress {
    /// The account's, if this is one at `now`.
    pub fn of(account: &Account, address: &EmailAddress, now: Timestamp) -> Option<Self> {
        if account.primary.address == *address {
            return Some(Self::Primary(PrimaryAddress::of(account)));
        }
        let emails = account.primary_emails();
        let former = emails.told(now).find(|told| *told == address).cloned();
        former.map(|former| Self::Former(FormerPrimaryAddress(former)))
    }

    /// The address.
    pub fn address(&self) -> &EmailAddress {
        match self {
            Self::Primary(PrimaryAddress(address)) | Self::Former(FormerPrimaryAddress(address)) => address,
        }
    }
}

/// An address that opens an account: its primary, its confirmed backup, or one of them that was replaced just before.
#[derive(Debug, Clone)]
pub struct SignInAddress(EmailAddress);

impl SignInAddress {
    /// The account's that is equal to a typed one, if it signs in at `now`.
    pub fn of(account: &Account, typed: &EmailAddress, now: Timestamp) -> Option<Self> {
        account.stored_sign_in_email(typed, now).map(|(_, stored)| Self(stored.clone()))
    }

    /// The address, as it is stored.
    pub fn address(&self) -> &EmailAddress {
        &self.0
    }
}

/// An address that is not confirmed yet.
#[derive(Debug, Clone)]
pub struct UnconfirmedAddress(EmailAddress);

impl UnconfirmedAddress {
    /// The pending address of an account.
    pub fn of(pending: &PendingAddress) -> Self {
        Self(pending.address.clone())
    }
}

/// When and from where an email was requested.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// From where. Unknown for requests of earlier versions.
    pub source: ClientInfo,
}

/// An email with its content.
#[derive(Debug)]
pub enum Email {
    /// Asks the reader of an address to confirm it.
    VerifyBackup {
        /// The address to confirm.
        to: UnconfirmedAddress,
        /// Whose backup email it is to be.
        username: String,
        /// The secret of the link.
        token: Token,
        /// Who asked for it.
        asked: Asked,
    },
    /// Asks the reader of an address to confirm it as the primary.
    VerifyPrimary {
        /// The address to confirm.
        to: UnconfirmedAddress,
        /// Whose primary email it is to be.
        username: String,
        /// The secret of the link.
        token: Token,
        /// Who asked for it.
        asked: Asked,
    },
    /// Tells the user their username.
    YourUsername {
        /// The address that was entered.
        to: SignInAddress,
        /// The username.
        username: String,
    },
    /// Carries a sign-in link.
    SignInLink {
        /// The address that was entered.
        to: SignInAddress,
        /// Whose session it opens.
        username: String,
        /// The secret of the link.
        token: Token,
        /// Who asked for it.
        asked: Asked,
    },
    /// Tells the owner what happened.
    Notice {
        /// The primary, or one that it replaced not long ago.
        to: ToldAddress,
        /// The owner.
        username: String,
        /// What happened.
        notice: Notice,
        /// When.
        at: Timestamp,
        /// Where the request that did it came from.
        source: ClientInfo,
        /// Who authenticates the owner now.
        kind: AccountKind,
        /// The secret of the link that undoes it, if it can be undone.
        undo: Option<Token>,
    },
    /// Tells the owner that somebody entered an address of this account for another account.
    AddressClaimAttempt {
        /// The primary.
        to: PrimaryAddress,
        /// The owner.
        username: String,
        /// The address.
        address: EmailAddress,
        /// When.
        at: Timestamp,
    },
}

/// The configuration sets of SES, which tell it how long to try to deliver an email.
#[derive(Debug, Clone)]
pub struct ConfigurationSets {
    /// For emails that are of use for a day or longer: SES tries for fourteen hours, the most it can.
    pub lasting: String,
    /// For sign-in links: SES gives up when the link is dead.
    pub sign_in_links: String,
    /// For notices: they go to an address that is on the suppression list too.
    pub notices: String,
}

impl ConfigurationSets {
    /// Whether a configuration set is one of them.
    pub fn include(&self, name: &str) -> bool {
        [&self.lasting, &self.sign_in_links, &self.notices].into_iter().any(|set| set == name)
    }
}

impl Email {
    /// The configuration set that it goes through.
    fn configuration_set<'s>(&self, sets: &'s ConfigurationSets) -> &'s str {
        match self {
            Self::SignInLink { .. } => &sets.sign_in_links,
            Self::Notice { .. } => &sets.notices,
            Self::VerifyBackup { .. }
            | Self::VerifyPrimary { .. }
            | Self::YourUsername { .. }
            | Self::AddressClaimAttempt { .. } => &sets.lasting,
        }
    }

    /// The one recipient.
    fn recipient(&self) -> &EmailAddress {
        match self {
            Self::Notice { to, .. } => to.address(),
            Self::VerifyBackup { to: UnconfirmedAddress(address), .. }
            | Self::VerifyPrimary { to: UnconfirmedAddress(address), .. }
            | Self::YourUsername { to: SignInAddress(address), .. }
            | Self::SignInLink { to: SignInAddress(address), .. }
            | Self::AddressClaimAttempt { to: PrimaryAddress(address), .. } => address,
        }
    }
}
