//! The primary email, and how the backup email takes its place.
use std::time::Duration;

use super::account::{Account, AccountKind};
use super::backup::{Backup, ConfirmedAddress, PendingAddress, RecoveryEmails};
use super::email_address::EmailAddress;
use super::link::UNDO_LIFETIME;
use super::session::{Session, SignInMethod};
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// Most former primary emails that are told of changes. Another change of the primary is refused until one of them is
/// forgotten, so that a row of changes never hides the last of them from the first owner.
pub const MOST_FORMER: usize = 8;

/// A primary email that was replaced.
///
/// It signs in for a while, so that a change that somebody else made locks nobody out. For longer, its mailbox is told of
/// every change and can undo it, and no other account can have the address: an undo can always give it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerPrimary {
    /// The address, as it was.
    pub email: ConfirmedAddress,
    /// When it was replaced.
    pub replaced_at: Timestamp,
    /// The first second in which it no longer signs in.
    pub until: Timestamp,
    /// The first second in which its mailbox is no longer told, and the address is free.
    pub kept_until: Timestamp,
}

/// An address that was requested as the primary email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPrimary {
    /// The address, and its request.
    pub pending: PendingAddress,
    /// The session that requested it, which goes on when the confirmation ends the others; nothing if a product did.
    pub session: Option<TokenHash>,
}

/// The primary email of an account, and those that it replaced not long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryEmails {
    /// The primary. It is `usable_from` the moment in which it became that.
    pub primary: ConfirmedAddress,
    /// Those that are told of changes; each address once.
    pub former: Vec<FormerPrimary>,
}

impl PrimaryEmails {
    /// The same once another address is the primary. The one that it replaces signs in until then. Who chose that one is kept
    /// in the history alone, from which an undo restores it.
    fn replaced_by(&self, email: &ConfirmedAddress, until: Timestamp, now: Timestamp) -> Self {
        let replaced = &self.primary.address;
        let kept = self.former.iter().filter(|former| {
            now < former.kept_until
                && former.email.address != *replaced
                && former.email.address != email.address
        });
        // A second more than an undo link works, so that what the link restores is never another account's.
        let kept_until = now + UNDO_LIFETIME + Duration::from_secs(1);
        let newest = FormerPrimary {
            email: ConfirmedAddress { chosen_by_owner: false, ..self.primary.clone() },
            replaced_at: now,
            until,
            kept_until: kept_until.max(until),
        };
        Self {
            primary: ConfirmedAddress { usable_from: now, ..email.clone() },
            former: kept.cloned().chain([newest]).collect(),
        }
    }

    /// The same as an undo restores it over the present primary. If a product had made that the primary, the owner has now chosen
    /// the restored one.
    #[must_use]
    pub fn restored_over(self, present: &ConfirmedAddress) -> Self {
        let undoes_product = self.primary.address != present.address && !present.chosen_by_owner;
        let chosen_by_owner = self.primary.chosen_by_owner || undoes_product;
        Self { primary: ConfirmedAddress { chosen_by_owner, ..self.primary }, ..self }
    }

    /// The mailboxes that are told of what happens to the account at `now`, the primary first.
    pub fn told(&self, now: Timestamp) -> impl Iterator<Item = &EmailAddress> {
        let former = self.former.iter().filter(move |former| now < former.kept_until);
        std::iter::once(&self.primary.address).chain(former.map(|former| &former.email.address))
    }
}

/// Why the backup email does not become the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotionRefused {
    /// An external identity provider authenticates the account.
    SsoAccount,
    /// Changes are frozen after an undo.
    ChangesFrozen,
    /// There is no confirmed backup email.
    NothingToPromote,
    /// The backup email was confirmed, or made the primary, too short a time ago: it can be promoted from then on.
    BackupTooNew(Timestamp),
    /// The primary was replaced a short time ago: it can be replaced again from then on.
    PrimaryTooNew(Timestamp),
    /// This session did not come through a link to that backup email, or not just now.
    BackupSignInNeeded,
}

/// Why an address does not become the primary email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryRefused {
    /// An external identity provider authenticates the account.
    SsoAccount,
    /// Changes are frozen after an undo, until then.
    ChangesFrozen(Timestamp),
    /// The primary was replaced a short time ago: it can be replaced again from then on.
    PrimaryTooNew(Timestamp),
    /// It is the primary email.
    SameAsPrimary,
    /// It is the backup email, which can be made the primary.
    SameAsBackup,
}

impl Account {
    /// Whether another address may become the primary email at `now`, as far as this account alone can tell.
    pub fn may_change_primary(&self, now: Timestamp) -> Result<(), PrimaryRefused> {
        if self.kind == AccountKind::Sso {
            return Err(PrimaryRefused::SsoAccount);
        }
        if let Some(until) = self.frozen_until(now) {
            return Err(PrimaryRefused::ChangesFrozen(until));
        }
        self.primary_held_until(now).map_or(Ok(()), |until| Err(PrimaryRefused::PrimaryTooNew(until)))
    }

    /// Whether this address may become the primary email at `now`, as far as this account alone can tell.
    pub fn may_become_primary(&self, address: &EmailAddress, now: Timestamp) -> Result<(), PrimaryRefused> {
        self.may_change_primary(now)?;
        if self.primary.address == *address {
            return Err(PrimaryRefused::SameAsPrimary);
        }
        if self.backup.confirmed().is_some_and(|backup| backup.address == *address) {
            return Err(PrimaryRefused::SameAsBackup);
        }
        Ok(())
    }

    /// The addresses once this one is confirmed as the primary, at `now`. The former primary signs in until `hold` is over. The
    /// owner has chosen it who has asked for it; a product may have done so too.
    pub fn after_taking(
        &self,
        address: &EmailAddress,
        hold: Duration,
        now: Timestamp,
    ) -> (PrimaryEmails, RecoveryEmails) {
        let asked = self.pending_primary.as_ref().filter(|primary| primary.pending.address == *address);
        let chosen_by_owner = asked.is_some_and(|primary| primary.session.is_some());
        self.after_replacing(address, chosen_by_owner, hold, now)
    }

    /// The same where a product vouches for the address.
    pub fn after_replacing_by_product(
        &self,
        address: &EmailAddress,
        hold: Duration,
        now: Timestamp,
    ) -> (PrimaryEmails, RecoveryEmails) {
        self.after_replacing(address, false, hold, now)
    }

    fn after_replacing(
        &self,
        address: &EmailAddress,
        chosen_by_owner: bool,
        hold: Duration,
        now: Timestamp,
    ) -> (PrimaryEmails, RecoveryEmails) {
        let confirmed = ConfirmedAddress { chosen_by_owner, ..ConfirmedAddress::new(address.clone(), now) };
        (
            self.primary_emails().replaced_by(&confirmed, now + hold, now),
            self.recovery_emails(now).without(address),
        )
    }

    /// The primary email and those that it replaced.
    pub fn primary_emails(&self) -> PrimaryEmails {
        PrimaryEmails { primary: self.primary.clone(), former: self.former_primaries.clone() }
    }

    /// When the primary can be replaced again, if that is later than `now`: while the one before it signs in, or until one of
    /// very many is forgotten.
    pub fn primary_held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let kept = self.former_primaries.iter().filter(|former| now < former.kept_until);
        let signing_in = self.former_primaries.iter().map(|former| former.until).max();
        let forgotten = kept.clone().map(|former| former.kept_until).min();
        let forgotten = forgotten.filter(|_| kept.count() >= MOST_FORMER);
        signing_in.max(forgotten).filter(|until| now < *until)
    }

    /// The backup email, if this session may make it the primary at `now`. `hold` is the time for which an address must have
    /// been confirmed before.
    ///
    /// A thief at an open session must not make an address the primary that he has just added, nor one whose mailbox the
    /// session does not show to be read.
    pub fn may_promote(
        &self,
        session: &Session,
        hold: Duration,
        now: Timestamp,
    ) -> Result<&ConfirmedAddress, PromotionRefused> {
        let backup = self.promotable(hold, now)?;
        let through_backup = session.method == SignInMethod::LinkToBackup
            && session.is_fresh(now)
            && session.authenticated_at >= backup.usable_from
            // Before that another address was the backup. A tie shows nothing.
            && session.authenticated_at > self.primary.usable_from;
        if through_backup { Ok(backup) } else { Err(PromotionRefused::BackupSignInNeeded) }
    }

    /// The backup email, if it may become the primary at `now` as far as the account alone can tell.
    pub fn promotable(&self, hold: Duration, now: Timestamp) -> Result<&ConfirmedAddress, PromotionRefused> {
        if self.kind == AccountKind::Sso {
            return Err(PromotionRefused::SsoAccount);
        }
        if self.frozen_until(now).is_some() {
            return Err(PromotionRefused::ChangesFrozen);
        }
        let backup = self.backup.confirmed().ok_or(PromotionRefused::NothingToPromote)?;
        let old_enough = (backup.since + hold).max(backup.usable_from);
        if now < old_enough {
            return Err(PromotionRefused::BackupTooNew(old_enough));
        }
        match self.primary_held_until(now) {
            Some(until) => Err(PromotionRefused::PrimaryTooNew(until)),
            None => Ok(backup),
        }
    }

    /// The addresses once the backup email is the primary, at `now`. If the former primary is kept, the two change places;
    /// if not, it signs in until `hold` is over.
    pub fn after_promoting(
        &self,
        backup: &ConfirmedAddress,
        keep_former: bool,
        hold: Duration,
        now: Timestamp,
    ) -> (PrimaryEmails, RecoveryEmails) {
        let until = if keep_former { now } else { now + hold };
        let kept = ConfirmedAddress { usable_from: now, chosen_by_owner: false, ..self.primary.clone() };
        let chosen = ConfirmedAddress { chosen_by_owner: true, ..backup.clone() };
        (
            self.primary_emails().replaced_by(&chosen, until, now),
            RecoveryEmails { backup: keep_former.then_some(kept), former: None },
        )
    }

    /// The account once the backup email is the primary, at `now`. See [`Account::after_promoting`].
    #[must_use]
    pub fn with_promoted(
        self,
        backup: &ConfirmedAddress,
        keep_former: bool,
        hold: Duration,
        now: Timestamp,
    ) -> Self {
        let addresses = self.after_promoting(backup, keep_former, hold, now);
        self.with_new_primary(addresses)
    }

    /// The account once this address is the primary, at `now`. See [`Account::after_taking`].
    #[must_use]
    pub fn with_taken(self, address: &EmailAddress, hold: Duration, now: Timestamp) -> Self {
        let addresses = self.after_taking(address, hold, now);
        self.with_new_primary(addresses)
    }

    /// Every change of the primary ends the pending request and what was made under the former generation.
    fn with_new_primary(self, (primary, recovery): (PrimaryEmails, RecoveryEmails)) -> Self {
        Self {
            primary: primary.primary,
            former_primaries: primary.former,
            pending_primary: None,
            backup: Backup::new(recovery.backup, None),
            former: recovery.former,
            generation: self.generation.next(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::account;
    use crate::{ClientInfo, Token};

    const NOW: Timestamp = Timestamp::from_unix_seconds(10_000_000);
    const HOLD: Duration = Duration::from_hours(72);
    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn mina() -> Account {
        account(AccountKind::Regular, Some("spare@example.org"), None)
    }

    fn session(account: &Account, method: SignInMethod, now: Timestamp) -> Session {
        Session::begin(Token::from_bytes([1; 32]).hash(), account, method, ClientInfo::default(), now)
    }

    /// The account after its backup email was made the primary.
    fn promoted(before: &Account, keep_former: bool, now: Timestamp) -> Account {
        let backup = before.backup.confirmed().expect("it has one");
        before.clone().with_promoted(backup, keep_former, HOLD, now)
    }

    #[test]
    fn only_a_session_that_has_just_come_through_a_link_to_the_backup_promotes_it() {
        let mina = mina();
        let may = |method, began, now| {
            mina.may_promote(&session(&mina, method, began), HOLD, now).map(|backup| &backup.address)
        };
        let spare = &address("spare@example.org");
        let needed = Err(PromotionRefused::BackupSignInNeeded);
        assert_eq!(may(SignInMethod::LinkToBackup, NOW, NOW), Ok(spare));
        assert_eq!(may(SignInMethod::LinkToBackup, NOW, NOW + crate::session::FRESH_FOR), Ok(spare));
        assert_eq!(may(SignInMethod::LinkToBackup, NOW, NOW + crate::session::FRESH_FOR + SECOND), needed);
        assert_eq!(may(SignInMethod::LinkToPrimary, NOW, NOW), needed);
        assert_eq!(may(SignInMethod::Password, NOW, NOW), needed);
    }

    #[test]
    fn a_session_through_the_address_that_was_the_backup_before_does_not_promote_the_present_one() {
        let before = mina();
        let swapped = promoted(&before, true, NOW);
        let through = |began| session(&before, SignInMethod::LinkToBackup, began);
        let may = |began| swapped.may_promote(&through(began), HOLD, NOW + SECOND).is_ok();
        assert_eq!([may(NOW - SECOND), may(NOW), may(NOW + SECOND)], [false, false, true]);
    }

    #[test]
    fn an_address_is_promoted_only_after_it_was_the_backup_for_some_time() {
        let since = mina().created_at;
        let mina = mina();
        let at = |now| mina.promotable(HOLD, now).map(|_| ());
        assert_eq!(at(since + HOLD - SECOND), Err(PromotionRefused::BackupTooNew(since + HOLD)));
        assert_eq!(at(since + HOLD), Ok(()));
        let waits = ConfirmedAddress {
            usable_from: NOW + SECOND,
            ..ConfirmedAddress::new(address("spare@example.org"), since)
        };
        let waiting = Account { backup: Backup::new(Some(waits), None), ..mina };
        assert_eq!(
            waiting.promotable(HOLD, NOW).map(|_| ()),
            Err(PromotionRefused::BackupTooNew(NOW + SECOND))
        );
    }

    #[test]
    fn what_stands_in_the_way_of_everybody_is_said_first() {
        let at = |account: &Account| account.promotable(HOLD, NOW).map(|_| ());
        let sso = account(AccountKind::Sso, None, None);
        assert_eq!(at(&sso), Err(PromotionRefused::SsoAccount));
        let frozen = Account { backup_frozen_until: Some(NOW + SECOND), ..mina() };
        assert_eq!(at(&frozen), Err(PromotionRefused::ChangesFrozen));
        let pending = account(AccountKind::Regular, None, Some("spare@example.org"));
        assert_eq!(at(&pending), Err(PromotionRefused::NothingToPromote));
    }

    #[test]
    fn the_former_primary_signs_in_until_the_hold_is_over_and_is_told_for_a_week() {
        let after = promoted(&mina(), false, NOW);
        assert_eq!(after.primary.address, address("spare@example.org"));
        assert_eq!((after.backup.confirmed(), after.former.as_ref()), (None, None));
        let former = address("mina@example.com");
        let signs_in = |now| after.sign_in_email(&former, now).is_some();
        assert_eq!([signs_in(NOW), signs_in(NOW + HOLD - SECOND), signs_in(NOW + HOLD)], [true, true, false]);
        let told = |now| after.primary_emails().told(now).any(|told| *told == former);
        assert_eq!([told(NOW + UNDO_LIFETIME), told(NOW + UNDO_LIFETIME + SECOND)], [true, false]);
        assert_eq!(
            after.promotable(HOLD, NOW + HOLD - SECOND).map(|_| ()),
            Err(PromotionRefused::NothingToPromote)
        );
        assert_eq!(after.primary_held_until(NOW + HOLD - SECOND), Some(NOW + HOLD));
        assert_eq!(after.primary_held_until(NOW + HOLD), None);
    }

    #[test]
    fn two_addresses_that_change_places_keep_their_times_and_can_change_back_at_once() {
        let before = mina();
        let swapped = promoted(&before, true, NOW);
        let backup = swapped.backup.confirmed().expect("it is kept");
        assert_eq!((&backup.address, backup.since), (&before.primary.address, before.primary.since));
        assert_eq!(swapped.primary.since, before.backup.confirmed().expect("it has one").since);
        let back = promoted(&swapped, true, NOW + SECOND);
        assert_eq!(back.primary.address, before.primary.address);
        let told: Vec<_> = back.primary_emails().told(NOW + SECOND).cloned().collect();
        assert_eq!(told, [address("mina@example.com"), address("spare@example.org")]);
    }

    #[test]
    fn a_row_of_changes_ends_before_it_hides_anything_from_the_first_owner() {
        let mut account = mina();
        for number in 0..MOST_FORMER {
            assert_eq!(account.primary_held_until(NOW), None, "{number}");
            let next = ConfirmedAddress::new(address(&format!("{number}@example.org")), NOW);
            account.backup = Backup::new(Some(next), None);
            account = promoted(&account, true, NOW);
            account.former_primaries.iter_mut().for_each(|former| former.until = NOW);
        }
        let first_forgotten = NOW + UNDO_LIFETIME + SECOND;
        assert_eq!(account.primary_held_until(NOW), Some(first_forgotten));
        assert!(account.primary_emails().told(NOW).any(|told| *told == address("mina@example.com")));
        assert_eq!(account.primary_held_until(first_forgotten), None);
    }
}
