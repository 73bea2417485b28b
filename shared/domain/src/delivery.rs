//! Whether emails reach a confirmed address, as far as is known: somebody used a link that was sent to it, or the mail service
//! reported that it could not deliver.
//!
//! It decides nothing about who signs in or who is sent what. It is what the owner is told.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::{Account, AccountKind};
use super::backup::{ConfirmedAddress, RecoveryEmails};
use super::email_address::EmailAddress;
use super::primary::PrimaryEmails;
use super::timestamp::Timestamp;

/// When nobody has shown for so long that the mailbox of a backup email is read, its owner is asked. Half a year: people
/// forget mailboxes that they do not use, and providers close those a year after the last sign-in at the earliest.
pub const ASKED_AFTER: Duration = Duration::from_hours(180 * 24);

/// How email to an address failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryFailure {
    /// The mailbox's server refused it for good.
    Bounced,
    /// Its reader reported it as spam.
    Complained,
}

impl DeliveryFailure {
    /// The failure as the database has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// That email to an address fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undeliverable {
    /// How.
    pub why: DeliveryFailure,
    /// Since when.
    pub since: Timestamp,
}

/// What is known about emails to an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// When the newest email to it was requested whose link was used. That email arrived. The one that first confirmed the
    /// address is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<Timestamp>,
    /// That email to it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undeliverable: Option<Undeliverable>,
    /// When an operator last said that email to it works again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_at: Option<Timestamp>,
}

impl Delivery {
    /// The same once a link was used that was in an email of that time. A failure since then stays: that email shows nothing
    /// about later ones, and the mail service delivers none once a reader has complained.
    #[must_use]
    pub fn reached(&self, requested_at: Timestamp) -> Self {
        let reached_at = self.reached_at.max(Some(requested_at));
        let undeliverable = self.undeliverable.filter(|failed| Some(failed.since) > reached_at);
        Self { reached_at, undeliverable, allowed_at: self.allowed_at }
    }

    /// The same once an operator says that email works again.
    #[must_use]
    pub fn allowed(&self, now: Timestamp) -> Self {
        Self { undeliverable: None, allowed_at: Some(now), ..self.clone() }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

impl ConfirmedAddress {
    /// The same once a link was used that was in an email of that time.
    #[must_use]
    pub fn reached(&self, requested_at: Timestamp) -> Self {
        Self { delivery: self.delivery.reached(requested_at), ..self.clone() }
    }

    /// When email last arrived for certain: the address was confirmed, or a link was used that was requested then.
    pub fn last_reached(&self) -> Timestamp {
        self.delivery.reached_at.map_or(self.since, |reached_at| reached_at.max(self.since))
    }

    /// What is known once email to it has failed; nothing if that tells nothing new. Events come late, twice, and in any
    /// order. One from before an email that arrived, or of the same second, is out of date. A second one changes nothing.
    pub fn delivery_after(&self, failed: Undeliverable) -> Option<Delivery> {
        let known_better = self.delivery.allowed_at.max(Some(self.last_reached()));
        let is_news = self.delivery.undeliverable.is_none() && Some(failed.since) > known_better;
        is_news.then(|| Delivery { undeliverable: Some(failed), ..self.delivery.clone() })
    }
}

/// Which of its addresses an account knows something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveredTo {
    /// The primary email.
    Primary,
    /// The backup email, active or in its waiting period.
    Backup,
}

impl DeliveredTo {
    /// The name, as events, the log and operators have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }
}

impl Account {
    /// The account's primary or backup email that is this address. A pending or a former address is neither.
    pub fn find_delivered_to(&self, address: &EmailAddress) -> Option<(DeliveredTo, &ConfirmedAddress)> {
        [DeliveredTo::Primary, DeliveredTo::Backup].into_iter().find_map(|to| {
            let confirmed = self.delivered_to(to).filter(|confirmed| confirmed.address == *address)?;
            Some((to, confirmed))
        })
    }

    /// The primary or the backup email.
    pub fn delivered_to(&self, to: DeliveredTo) -> Option<&ConfirmedAddress> {
        match to {
            DeliveredTo::Primary => Some(&self.primary),
            DeliveredTo::Backup => self.backup.confirmed(),
        }
    }

    /// Since when nobody has shown that the mailbox of the backup email is read, if that is so long ago that the owner is
    /// asked. An address to which email fails is not asked about: that is known. Nor is anybody asked while an address waits to
    /// be confirmed, because the answer would be a request in its place.
    pub fn backup_in_question(&self, now: Timestamp) -> Option<Timestamp> {
        self.unused_since(now).filter(|_| self.pending().is_none())
    }

    fn unused_since(&self, now: Timestamp) -> Option<Timestamp> {
        let backup = self.backup.confirmed().filter(|_| self.kind == AccountKind::Regular)?;
        let last = backup.last_reached();
        let long_ago = now >= last + ASKED_AFTER;
        (long_ago && backup.delivery.undeliverable.is_none()).then_some(last)
    }

    /// Whether a link may be sent to this address, which is the backup email already, to see whether its mailbox is still
    /// read. While another address waits it may not; once it was asked for, it may again.
    pub fn may_confirm_again(&self, address: &EmailAddress, now: Timestamp) -> bool {
        let waits_for_no_other = self.pending().is_none_or(|pending| pending.address == *address);
        self.has_confirmed(address) && waits_for_no_other && self.unused_since(now).is_some()
    }

    /// What is known about an address that the account has, or had as its primary a short time ago.
    fn known_delivery(&self, address: &EmailAddress) -> Option<&Delivery> {
        let former = self.former_primaries.iter().map(|former| &former.email);
        let all = std::iter::once(&self.primary).chain(self.backup.confirmed()).chain(former);
        all.into_iter().find(|known| known.address == *address).map(|known| &known.delivery)
    }

    /// Addresses of an earlier time, with what is known about them now.
    pub fn with_known_delivery(
        &self,
        primary: &PrimaryEmails,
        recovery: &RecoveryEmails,
    ) -> (PrimaryEmails, RecoveryEmails) {
        let known = |confirmed: &ConfirmedAddress| {
            let delivery = self.known_delivery(&confirmed.address).unwrap_or(&confirmed.delivery).clone();
            ConfirmedAddress { delivery, ..confirmed.clone() }
        };
        (
            PrimaryEmails { primary: known(&primary.primary), former: primary.former.clone() },
            RecoveryEmails { backup: recovery.backup.as_ref().map(known), former: recovery.former.clone() },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::account;
    use crate::backup::Backup;

    const SECOND: Duration = Duration::from_secs(1);
    const CONFIRMED: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn bounced(since: Timestamp) -> Undeliverable {
        Undeliverable { why: DeliveryFailure::Bounced, since }
    }

    fn reached(at: Timestamp) -> Delivery {
        Delivery::default().reached(at)
    }

    fn spare(delivery: Delivery) -> ConfirmedAddress {
        ConfirmedAddress { delivery, ..ConfirmedAddress::new(address("spare@example.org"), CONFIRMED) }
    }

    fn with_backup(backup: ConfirmedAddress) -> Account {
        Account { backup: Backup::new(Some(backup), None), ..account(AccountKind::Regular, None, None) }
    }

    #[test]
    fn only_a_failure_that_is_news_changes_what_is_known() {
        let at = |seconds: u64| CONFIRMED + Duration::from_secs(seconds);
        let new = spare(Delivery::default());
        let marked = new.delivery_after(bounced(at(10))).expect("it is news");
        assert_eq!(marked.undeliverable, Some(bounced(at(10))));
        let complained = Undeliverable { why: DeliveryFailure::Complained, since: at(30) };
        for (known, failed, is_news) in [
            (Delivery::default(), bounced(CONFIRMED - SECOND), false),
            (Delivery::default(), bounced(CONFIRMED), false),
            (Delivery::default(), bounced(at(1)), true),
            (marked.clone(), bounced(at(10)), false),
            (marked.clone(), bounced(at(9)), false),
            (marked.clone(), complained, false),
            (reached(at(20)), bounced(at(10)), false),
            (reached(at(20)), bounced(at(20)), false),
            (reached(at(20)), bounced(at(21)), true),
            (marked.allowed(at(20)), bounced(at(10)), false),
            (marked.allowed(at(20)), complained, true),
            (reached(at(25)).allowed(at(20)), bounced(at(21)), false),
        ] {
            let after = spare(known.clone()).delivery_after(failed);
            assert_eq!(after.is_some(), is_news, "{known:?} {failed:?}");
            let after = after.unwrap_or_else(|| known.clone());
            assert_eq!((after.reached_at, after.allowed_at), (known.reached_at, known.allowed_at));
        }
    }

    #[test]
    fn a_link_ends_a_failure_from_before_its_email_and_the_order_of_both_does_not_matter() {
        let at = |seconds: u64| CONFIRMED + Duration::from_secs(seconds);
        for failed_at in [1, 19, 20, 21, 40] {
            for why in [DeliveryFailure::Bounced, DeliveryFailure::Complained] {
                let failed = Undeliverable { why, since: at(failed_at) };
                let new = spare(Delivery::default());
                let marked = new.delivery_after(failed).expect("it is news");
                let before = marked.reached(at(20));
                let used = new.reached(at(20));
                let after = used.delivery_after(failed).unwrap_or_else(|| used.delivery.clone());
                assert_eq!(before, after, "{failed:?}");
                assert_eq!(before.undeliverable.is_some(), failed_at > 20, "{failed:?}");
                assert_eq!(before.reached_at, Some(at(20)));
                assert_eq!(before.reached(at(10)), before, "an older email shows nothing new");
            }
        }
    }

    #[test]
    fn the_owner_is_asked_when_nobody_has_used_the_mailbox_for_half_a_year() {
        let asked = |delivery: Delivery, now| with_backup(spare(delivery)).backup_in_question(now);
        let due = CONFIRMED + ASKED_AFTER;
        assert_eq!(asked(Delivery::default(), due - SECOND), None);
        assert_eq!(asked(Delivery::default(), due), Some(CONFIRMED));
        let used = reached(due);
        assert_eq!(asked(used.clone(), due + ASKED_AFTER - SECOND), None);
        assert_eq!(asked(used.clone(), due + ASKED_AFTER), Some(due));
        assert_eq!(asked(used.allowed(due + SECOND), due + ASKED_AFTER), Some(due), "an operator is nobody");
        let marked = Delivery { undeliverable: Some(bounced(due)), ..Delivery::default() };
        assert_eq!(asked(marked, due + ASKED_AFTER), None, "that is known");
        let sso = Account { kind: AccountKind::Sso, ..with_backup(spare(Delivery::default())) };
        assert_eq!(sso.backup_in_question(due), None);
        assert_eq!(
            account(AccountKind::Regular, None, Some("new@example.org")).backup_in_question(due),
            None
        );
    }

    #[test]
    fn only_the_backup_email_in_question_is_confirmed_again() {
        let mina = with_backup(spare(Delivery::default()));
        let due = CONFIRMED + ASKED_AFTER;
        assert!(mina.may_confirm_again(&address("SPARE@example.org"), due));
        assert!(!mina.may_confirm_again(&address("spare@example.org"), due - SECOND));
        assert!(!mina.may_confirm_again(&address("other@example.org"), due));
        assert!(!mina.may_confirm_again(&address("mina@example.com"), due));
        let waiting = |new: &str| {
            let pending = account(AccountKind::Regular, None, Some(new)).backup.pending().cloned();
            Account { backup: Backup::new(mina.backup.confirmed().cloned(), pending), ..mina.clone() }
        };
        for (waits_for, may_confirm) in [("new@example.org", false), ("spare@example.org", true)] {
            let waiting = waiting(waits_for);
            assert_eq!(waiting.backup_in_question(due), None, "while {waits_for} waits");
            assert_eq!(waiting.may_confirm_again(&address("spare@example.org"), due), may_confirm);
        }
    }

    #[test]
    fn an_address_is_found_as_what_it_is_now() {
        let mina = account(AccountKind::Regular, Some("spare@example.org"), Some("new@example.org"));
        for (typed, found) in [
            ("Mina@example.com", Some(DeliveredTo::Primary)),
            ("spare@EXAMPLE.org", Some(DeliveredTo::Backup)),
            ("new@example.org", None),
            ("other@example.org", None),
        ] {
            assert_eq!(mina.find_delivered_to(&address(typed)).map(|(to, _)| to), found, "{typed}");
        }
    }

    #[test]
    fn what_an_undo_restores_keeps_what_is_known_now() {
        let marked = Delivery { undeliverable: Some(bounced(CONFIRMED)), ..Delivery::default() };
        let mina = with_backup(spare(marked.clone()));
        let before = RecoveryEmails { backup: Some(spare(Delivery::default())), former: None };
        let (primary, recovery) = mina.with_known_delivery(&mina.primary_emails(), &before);
        assert_eq!((primary, recovery.backup), (mina.primary_emails(), Some(spare(marked.clone()))));
        let swapped = PrimaryEmails { primary: spare(Delivery::default()), former: Vec::new() };
        let (primary, _) = mina.with_known_delivery(&swapped, &RecoveryEmails::default());
        assert_eq!(primary.primary.delivery, marked, "it moves with the address");
        let gone = ConfirmedAddress { address: address("old@example.org"), ..spare(marked.clone()) };
        let before = RecoveryEmails { backup: Some(gone), former: None };
        let (_, recovery) = mina.with_known_delivery(&mina.primary_emails(), &before);
        assert_eq!(recovery.backup.map(|backup| backup.delivery), Some(marked), "nothing newer is known");
    }
}
