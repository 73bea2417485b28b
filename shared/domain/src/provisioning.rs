//! What a product wants an account of its own to be, and what that changes.
//!
//! A product says how things are, and not what to do: the same wish twice changes nothing the second time. It cannot name the
//! backup email, nor, for an account that exists, the password.
use super::account::{Account, AccountKind};
use super::activity::ChangedField;
use super::email_address::EmailAddress;
use super::language::Language;
use super::link::CONFIRMATION_LIFETIME;
use super::timestamp::Timestamp;
use super::username::{NewUsername, NotAUsername, Username};

/// A username as a product gives it. An account that has it keeps it, also where a new one could not be called that any more.
#[derive(Debug, Clone)]
pub struct WantedUsername {
    username: Username,
    as_new: Result<NewUsername, NotAUsername>,
}

impl WantedUsername {
    /// Parses it; space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        Ok(Self { username: Username::parse(text)?, as_new: NewUsername::parse(text) })
    }

    /// The same for an account that does not have it yet.
    pub fn as_new(&self) -> Result<&NewUsername, NotAUsername> {
        self.as_new.as_ref().map_err(|why| *why)
    }
}

/// What a product wants.
#[derive(Debug, Clone)]
pub struct WantedAccount {
    /// The username.
    pub username: WantedUsername,
    /// The primary email.
    pub email: EmailAddress,
    /// Whether the product vouches that the person reads its mailbox.
    pub email_verified: bool,
    /// Who authenticates the person.
    pub kind: AccountKind,
    /// The language; nothing to leave it as it is.
    pub language: Option<Language>,
    /// Whether the product has read the present primary, and so replaces it knowingly.
    pub has_read_primary: bool,
}

/// What becomes of the primary email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailChange {
    /// This address is the primary, at once.
    Replace(EmailAddress),
    /// This address becomes the primary once it is confirmed through a link to it.
    Request(EmailAddress),
    /// The address that a product requested is not wanted any more.
    Cancel,
}

/// What is different from the account as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChanges {
    /// The username, if it is written otherwise.
    pub username: Option<NewUsername>,
    /// Who authenticates the person, afterwards.
    pub kind: AccountKind,
    /// The language, afterwards.
    pub language: Language,
    /// The primary email, if something becomes of it.
    pub email: Option<EmailChange>,
    /// Whether the profile changes.
    profile: bool,
    /// Whether all sessions end.
    pub ends_sessions: bool,
}

/// Why an account does not become what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangesRefused {
    /// It is not a username that an account may get.
    Username(NotAUsername),
    /// The owner has chosen the present primary, and the product has not read it.
    EmailChangedByOwner,
    /// Changes are frozen after an undo, until then.
    ChangesFrozen(Timestamp),
    /// The primary was replaced a short time ago: it can be replaced again from then on.
    PrimaryTooNew(Timestamp),
    /// A person whom another system authenticates cannot confirm an address here: the product has to vouch for it.
    UnverifiedEmailOfSso,
    /// The account is disabled, so that no link to it works.
    Disabled,
}

impl AccountChanges {
    /// The fields of the profile that are different.
    pub fn fields_of(&self, account: &Account) -> Vec<ChangedField> {
        let different = [
            (self.username.is_some(), ChangedField::Username),
            (self.kind != account.kind, ChangedField::Kind),
            (self.language != account.language, ChangedField::Locale),
        ];
        different.into_iter().filter_map(|(is_different, field)| is_different.then_some(field)).collect()
    }

    /// Whether the account is what is wanted.
    pub fn is_empty(&self) -> bool {
        !self.profile && self.email.is_none()
    }

    /// Whether the profile changes.
    pub const fn changes_profile(&self) -> bool {
        self.profile
    }
}

impl Account {
    /// What has to change at `now` for the account to be as wanted.
    pub fn changes_to(
        &self,
        wanted: &WantedAccount,
        now: Timestamp,
    ) -> Result<AccountChanges, ChangesRefused> {
        let is_called_so = self.username.as_str() == wanted.username.username.as_str();
        let username = (!is_called_so).then(|| wanted.username.as_new().cloned()).transpose();
        let username = username.map_err(ChangesRefused::Username)?;
        let language = wanted.language.unwrap_or(self.language);
        let email = self.email_change(wanted, now)?;
        Ok(AccountChanges {
            profile: username.is_some() || self.kind != wanted.kind || self.language != language,
            // Nobody signs in to an account of another system here, and whoever has, goes.
            ends_sessions: self.kind != wanted.kind || matches!(email, Some(EmailChange::Replace(_))),
            username,
            kind: wanted.kind,
            language,
            email,
        })
    }

    fn email_change(
        &self,
        wanted: &WantedAccount,
        now: Timestamp,
    ) -> Result<Option<EmailChange>, ChangesRefused> {
        let address = &wanted.email;
        if self.primary.address == *address {
            // What the person has requested is theirs to cancel.
            let by_product = self.pending_primary.as_ref().filter(|pending| pending.session.is_none());
            return Ok(by_product.map(|_| EmailChange::Cancel));
        }
        if self.waits_for(address, now) && !wanted.email_verified && self.kind == wanted.kind {
            return Ok(None);
        }
        if self.primary.chosen_by_owner && !wanted.has_read_primary {
            return Err(ChangesRefused::EmailChangedByOwner);
        }
        if let Some(until) = self.frozen_until(now) {
            return Err(ChangesRefused::ChangesFrozen(until));
        }
        if let Some(until) = self.primary_held_until(now) {
            return Err(ChangesRefused::PrimaryTooNew(until));
        }
        // Whether the address is the backup email is not compared: a product learns no more about it than about another
        // account's, which is found out where the address is claimed.
        if wanted.email_verified {
            return Ok(Some(EmailChange::Replace(address.clone())));
        }
        if wanted.kind == AccountKind::Sso {
            return Err(ChangesRefused::UnverifiedEmailOfSso);
        }
        if self.is_disabled() {
            return Err(ChangesRefused::Disabled);
        }
        Ok(Some(EmailChange::Request(address.clone())))
    }

    /// Whether this address was requested as the primary, and the link to it still works.
    fn waits_for(&self, address: &EmailAddress, now: Timestamp) -> bool {
        let waits = self.pending_primary.as_ref().map(|primary| &primary.pending);
        waits.is_some_and(|pending| {
            pending.address == *address && now <= pending.since + CONFIRMATION_LIFETIME
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::tests::account;
    use crate::{Generation, MessageId, PendingAddress, PendingPrimary, Token};

    const NOW: Timestamp = Timestamp::from_unix_seconds(10_000_000);

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn mina() -> Account {
        account(AccountKind::Regular, Some("spare@example.org"), None)
    }

    fn as_is() -> WantedAccount {
        WantedAccount {
            username: WantedUsername::parse("mina").expect("a username"),
            email: address("mina@example.com"),
            email_verified: true,
            kind: AccountKind::Regular,
            language: None,
            has_read_primary: false,
        }
    }

    fn waiting(text: &str, by_product: bool) -> Account {
        let session = (!by_product).then(|| Token::from_bytes([1; 32]).hash());
        let pending = PendingAddress {
            address: address(text),
            since: NOW,
            request: MessageId::new(0, 0),
            generation: Generation::FIRST,
        };
        Account { pending_primary: Some(PendingPrimary { pending, session }), ..mina() }
    }

    fn email(
        account: &Account,
        text: &str,
        email_verified: bool,
    ) -> Result<Option<EmailChange>, ChangesRefused> {
        let wanted = WantedAccount { email: address(text), email_verified, ..as_is() };
        account.changes_to(&wanted, NOW).map(|changes| changes.email)
    }

    #[test]
    fn an_account_that_is_as_wanted_does_not_change() {
        for email_verified in [true, false] {
            for text in ["mina@example.com", "MINA@example.com"] {
                let wanted = WantedAccount { email: address(text), email_verified, ..as_is() };
                let changes = mina().changes_to(&wanted, NOW).expect("it may");
                assert!(changes.is_empty() && !changes.ends_sessions, "{text} {email_verified}");
            }
        }
    }

    #[test]
    fn each_part_of_the_profile_changes_by_itself_and_only_the_kind_ends_sessions() {
        let username = WantedUsername::parse("Mina").expect("a username");
        for (wanted, ends_sessions) in [
            (WantedAccount { username, ..as_is() }, false),
            (WantedAccount { language: Some(Language::Nl), ..as_is() }, false),
            (WantedAccount { kind: AccountKind::Sso, ..as_is() }, true),
        ] {
            let changes = mina().changes_to(&wanted, NOW).expect("it may");
            assert!(changes.changes_profile() && changes.email.is_none(), "{wanted:?}");
            assert_eq!(changes.ends_sessions, ends_sessions, "{wanted:?}");
        }
    }

    #[test]
    fn a_name_that_no_new_account_may_have_is_kept_and_not_given() {
        let odd = "mina\u{fe0f}";
        let username = WantedUsername::parse(odd).expect("it was a username once");
        let wanted = WantedAccount { username, ..as_is() };
        let refused = mina().changes_to(&wanted, NOW);
        assert_eq!(refused, Err(ChangesRefused::Username(NotAUsername::Character('\u{fe0f}'))));
        let has_it = Account { username: Username::parse(odd).expect("a username"), ..mina() };
        assert!(has_it.changes_to(&wanted, NOW).expect("it may").is_empty());
    }

    #[test]
    fn an_address_that_the_product_vouches_for_replaces_the_primary_and_ends_sessions() {
        let wanted = WantedAccount { email: address("new@example.org"), ..as_is() };
        for account in [mina(), waiting("new@example.org", true), waiting("other@example.org", false)] {
            let changes = account.changes_to(&wanted, NOW).expect("it may");
            assert_eq!(changes.email, Some(EmailChange::Replace(address("new@example.org"))));
            assert!(changes.ends_sessions && !changes.changes_profile());
        }
        let sso = WantedAccount { kind: AccountKind::Sso, ..wanted };
        let changes = account(AccountKind::Sso, None, None).changes_to(&sso, NOW).expect("it may");
        assert_eq!(changes.email, Some(EmailChange::Replace(address("new@example.org"))));
    }

    #[test]
    fn any_other_address_is_requested_once() {
        let request = |text| Ok(Some(EmailChange::Request(address(text))));
        assert_eq!(email(&mina(), "new@example.org", false), request("new@example.org"));
        for by_product in [true, false] {
            let account = waiting("new@example.org", by_product);
            assert_eq!(email(&account, "new@example.org", false), Ok(None), "{by_product}");
            assert_eq!(email(&account, "newer@example.org", false), request("newer@example.org"));
        }
    }

    #[test]
    fn an_address_whose_link_has_expired_is_requested_again() {
        let (second, day) = (Duration::from_secs(1), CONFIRMATION_LIFETIME);
        let wanted = WantedAccount { email: address("new@example.org"), email_verified: false, ..as_is() };
        for by_product in [true, false] {
            let waiting = waiting("new@example.org", by_product);
            let at = |now| waiting.changes_to(&wanted, now).map(|changes| changes.email);
            assert_eq!(at(NOW + day), Ok(None), "{by_product}");
            let again = Some(EmailChange::Request(address("new@example.org")));
            assert_eq!(at(NOW + day + second), Ok(again), "{by_product}");
        }
    }

    #[test]
    fn a_primary_that_its_owner_has_chosen_is_replaced_only_by_a_product_that_has_read_it() {
        let hold = Duration::from_hours(72);
        let own = waiting("own@example.org", false).with_taken(&address("own@example.org"), hold, NOW);
        let backup = mina().backup.confirmed().cloned().expect("it has one");
        let promoted = mina().with_promoted(&backup, true, hold, NOW);
        for account in [own, promoted] {
            assert!(account.primary.chosen_by_owner);
            let now = NOW + hold;
            for (text, email_verified) in
                [("mina@example.com", true), ("mina@example.com", false), ("new@example.org", true)]
            {
                let wanted = WantedAccount { email: address(text), email_verified, ..as_is() };
                for early in [NOW, now] {
                    let refused = account.changes_to(&wanted, early);
                    assert_eq!(refused, Err(ChangesRefused::EmailChangedByOwner), "{text} {email_verified}");
                }
                let knows = WantedAccount { has_read_primary: true, ..wanted };
                assert!(account.changes_to(&knows, now).is_ok(), "{text} {email_verified}");
            }
            let present = WantedAccount { email: account.primary.address.clone(), ..as_is() };
            assert!(account.changes_to(&present, now).expect("it may").is_empty());
        }
    }

    #[test]
    fn an_address_that_a_product_has_named_is_not_chosen_by_the_owner_also_once_they_confirm_it() {
        let hold = Duration::from_hours(72);
        let confirmed = waiting("new@example.org", true).with_taken(&address("new@example.org"), hold, NOW);
        assert!(!confirmed.primary.chosen_by_owner);
        let own = waiting("own@example.org", false).with_taken(&address("own@example.org"), hold, NOW);
        let (primary, _) = own.after_replacing_by_product(&address("new@example.org"), hold, NOW + hold);
        assert!(!primary.primary.chosen_by_owner);
        assert!(primary.former.iter().all(|former| !former.email.chosen_by_owner));
    }

    #[test]
    fn only_what_a_product_has_requested_is_cancelled_by_one() {
        assert_eq!(
            email(&waiting("new@example.org", true), "mina@example.com", true),
            Ok(Some(EmailChange::Cancel))
        );
        assert_eq!(email(&waiting("new@example.org", false), "mina@example.com", true), Ok(None));
    }

    #[test]
    fn what_protects_the_person_also_holds_for_a_product() {
        let second = Duration::from_secs(1);
        let hours = Duration::from_hours(72);
        let frozen = Account { backup_frozen_until: Some(NOW + second), ..mina() };
        let changed = mina().with_taken(&address("new@example.org"), hours, NOW);
        for email_verified in [true, false] {
            assert_eq!(
                email(&frozen, "other@example.org", email_verified),
                Err(ChangesRefused::ChangesFrozen(NOW + second))
            );
            assert_eq!(
                email(&changed, "other@example.org", email_verified),
                Err(ChangesRefused::PrimaryTooNew(NOW + hours))
            );
        }
        assert_eq!(email(&frozen, "mina@example.com", true), Ok(None), "nothing changes");
    }

    #[test]
    fn who_cannot_confirm_an_address_here_is_not_asked_to() {
        let unverified =
            WantedAccount { email: address("new@example.org"), email_verified: false, ..as_is() };
        let sso = WantedAccount { kind: AccountKind::Sso, ..unverified.clone() };
        for account in [mina(), account(AccountKind::Sso, None, None), waiting("new@example.org", true)] {
            assert_eq!(account.changes_to(&sso, NOW), Err(ChangesRefused::UnverifiedEmailOfSso));
        }
        let disabled = Account { disabled_at: Some(NOW), ..mina() };
        assert_eq!(disabled.changes_to(&unverified, NOW), Err(ChangesRefused::Disabled));
        let verified = WantedAccount { email_verified: true, ..unverified };
        assert!(disabled.changes_to(&verified, NOW).is_ok());
    }
}
