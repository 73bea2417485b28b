//! That email to an address fails, as the account page says it.
use serde::Serialize;

use crate::texts::Texts;
use domain::{ConfirmedAddress, DeliveryFailure, Undeliverable};

/// That email to an address fails.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct ListedFailure(Undeliverable);

impl ListedFailure {
    /// That of this address, if email to it fails.
    pub(super) fn of(confirmed: &ConfirmedAddress) -> Option<Self> {
        confirmed.delivery.undeliverable.map(Self)
    }

    /// As the primary email, as HTML.
    pub(super) fn of_primary(&self, text: &Texts) -> String {
        let key = match self.0.why {
            DeliveryFailure::Bounced => "delivery-primary-bounced",
            DeliveryFailure::Complained => "delivery-primary-complained",
        };
        text.timed(key, self.0.since)
    }

    /// As the backup email, as HTML.
    pub(super) fn of_backup(&self, text: &Texts) -> String {
        let key = match self.0.why {
            DeliveryFailure::Bounced => "delivery-backup-bounced",
            DeliveryFailure::Complained => "delivery-backup-complained",
        };
        text.timed(key, self.0.since)
    }
}
