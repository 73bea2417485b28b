//! The addresses besides the primary: the states of a backup email.
//!
//! ```text
//!          request                confirm
//!   None ──────────▶ Pending ──────────────▶ Confirmed
//!    ▲ ▲───cancel──────┘                      │  ▲   ▲
//!    │                                request │  │   │ cancel, confirm (the new one)
//!    └──────────────remove────────────────────┤  │   │
//!                                             ▼  │   │
//!                                          Replacing─┘   (the former stays active; remove: Pending)
//! ```
use super::delivery::Delivery;
use super::email_address::EmailAddress;
use super::generation::Generation;
use super::message_id::MessageId;
use super::timestamp::Timestamp;

/// A verified address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was confirmed.
    pub since: Timestamp,
    /// When it becomes active: at once, or after the waiting period that the operator has set.
    pub usable_from: Timestamp,
    /// What is known about emails to it.
    pub delivery: Delivery,
    /// Of a primary: whether its owner made it that. A product does not replace such a one unless it has read it.
    pub chosen_by_owner: bool,
}

impl ConfirmedAddress {
    /// An address that was confirmed at that time and is active at once.
    pub fn new(address: EmailAddress, since: Timestamp) -> Self {
        Self { address, since, usable_from: since, delivery: Delivery::default(), chosen_by_owner: false }
    }
}

/// A backup email that was replaced and stays active during the waiting period of the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was confirmed.
    pub since: Timestamp,
    /// The first second in which it is no longer active.
    pub until: Timestamp,
}

/// The verified addresses of an account besides its primary. Each of them is claimed: no other account can have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryEmails {
    /// The backup email, active or in its waiting period.
    pub backup: Option<ConfirmedAddress>,
    /// The previous one, during the waiting period of the backup email.
    pub former: Option<FormerAddress>,
}

impl RecoveryEmails {
    /// The same at `now` as they were at an earlier time: a waiting period has as much time left as it had then.
    #[must_use]
    pub fn resumed(&self, then: Timestamp, now: Timestamp) -> Self {
        let resume = |end: Timestamp| if end > then { (now + end.since(then)).max(end) } else { end };
        let backup = self.backup.clone();
        let former = self.former.clone().filter(|former| then < former.until);
        Self {
            backup: backup
                .map(|backup| ConfirmedAddress { usable_from: resume(backup.usable_from), ..backup }),
            former: former.map(|former| FormerAddress { until: resume(former.until), ..former }),
        }
    }

    /// The same without an address that is the primary.
    #[must_use]
    pub fn without(self, primary: &EmailAddress) -> Self {
        let Self { backup, former } = self;
        Self {
            backup: backup.filter(|backup| backup.address != *primary),
            former: former.filter(|former| former.address != *primary),
        }
    }

    /// The addresses.
    pub fn addresses(&self) -> impl Iterator<Item = &EmailAddress> {
        let former = self.former.iter().map(|former| &former.address);
        self.backup.iter().map(|backup| &backup.address).chain(former)
    }
}

/// An address that was requested and has no effect yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAddress {
    /// The address.
    pub address: EmailAddress,
    /// When it was requested.
    pub since: Timestamp,
    /// The request; only a link made for it confirms the address.
    pub request: MessageId,
    /// The account's generation when it was requested.
    pub generation: Generation,
}

/// The state of an account's backup email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup {
    /// There is none.
    None,
    /// One was requested; none is confirmed.
    Pending(PendingAddress),
    /// One is confirmed.
    Confirmed(ConfirmedAddress),
    /// One is confirmed, and another one was requested to replace it.
    Replacing {
        /// The confirmed one.
        confirmed: ConfirmedAddress,
        /// The requested one.
        pending: PendingAddress,
    },
}

impl Backup {
    /// The state with these two addresses.
    pub fn new(confirmed: Option<ConfirmedAddress>, pending: Option<PendingAddress>) -> Self {
        match (confirmed, pending) {
            (None, None) => Self::None,
            (None, Some(pending)) => Self::Pending(pending),
            (Some(confirmed), None) => Self::Confirmed(confirmed),
            (Some(confirmed), Some(pending)) => Self::Replacing { confirmed, pending },
        }
    }

    /// The confirmed address.
    pub fn confirmed(&self) -> Option<&ConfirmedAddress> {
        match self {
            Self::Confirmed(confirmed) | Self::Replacing { confirmed, .. } => Some(confirmed),
            Self::None | Self::Pending(_) => None,
        }
    }

    /// The address that awaits confirmation.
    pub fn pending(&self) -> Option<&PendingAddress> {
        match self {
            Self::Pending(pending) | Self::Replacing { pending, .. } => Some(pending),
            Self::None | Self::Confirmed(_) => None,
        }
    }
}
