//! Something that happened to an account.
use crate::backup::{ConfirmedAddress, RecoveryEmails};
use crate::client_info::ClientInfo;
use crate::email_address::EmailAddress;
use crate::email_request::Notice;
use crate::message_id::MessageId;
use crate::primary::PrimaryEmails;
use crate::timestamp::Timestamp;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// Its key, which is also that of the request for its notice.
    pub id: MessageId,
    /// What it was. The owner was told the same.
    pub notice: Notice,
    /// When.
    pub at: Timestamp,
    /// Where the request came from.
    pub source: ClientInfo,
    /// The recovery emails before it, if it changed them.
    pub before: Option<RecoveryEmails>,
    /// The primary email and those that it had replaced, if it changed them.
    pub before_primary: Option<PrimaryEmails>,
}

impl AccountEvent {
    /// An event that changes no address.
    pub fn without_change(id: MessageId, notice: Notice, at: Timestamp, source: ClientInfo) -> Self {
        Self { id, notice, at, source, before: None, before_primary: None }
    }

    /// The address that it confirmed. Its time is that of the confirmation.
    pub(super) fn has_confirmed(&self, address: &EmailAddress, since: Timestamp) -> bool {
        let confirmed = match &self.notice {
            Notice::BackupAdded { address, .. }
            | Notice::BackupChanged { address, .. }
            | Notice::PrimaryChanged { address, .. } => Some(address),
            _ => None,
        };
        confirmed == Some(address) && self.at == since
    }

    /// Whether it made this address the primary, which it was from then on.
    pub(super) fn has_made_primary(&self, primary: &ConfirmedAddress) -> bool {
        let made = match &self.notice {
            Notice::BackupPromoted { address, .. } | Notice::PrimaryChanged { address, .. } => Some(address),
            _ => None,
        };
        made == Some(&primary.address) && self.at == primary.usable_from
    }

    pub(super) fn has_used(&self, address: &EmailAddress) -> bool {
        matches!(&self.notice, Notice::BackupUsed { address: used } if used == address)
    }
}
