//! What a product changes of an account: its username, kind, language and primary email, in one transaction.
use std::collections::BTreeSet;
use std::time::Duration;

use super::account_admin::when_current;
use super::accounts::{PENDING, PROFILE, Pending, Record};
use super::addresses::NewClaim;
use super::limits::Counted;
use super::primary::PrimaryRequest;
use super::transaction::{Part, Transaction};
use super::write::{Write, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountChanges, AccountEvent, AccountId, AccountKind, Actor, ClientInfo, EmailAddress,
    EmailChange, EventContext, Limit, LogEntry, LoggedAction, MessageId, NewUsername, Notice, PendingAddress,
    PendingPrimary, Timestamp, Username, username,
};

/// What an update takes.
#[derive(Debug, Clone, Copy)]
pub struct AccountUpdate<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// What changes.
    pub changes: &'a AccountChanges,
    /// What a request for another primary is counted against.
    pub limits: &'a [Limit],
    /// For how long a primary that is replaced still signs in.
    pub hold: Duration,
    /// The key of the event, and of the first notice.
    pub event_id: &'a MessageId,
    /// The key of the entry in the log that the profile has changed.
    pub entry_id: &'a MessageId,
    /// The key of the request for a confirmation email.
    pub request_id: &'a MessageId,
}

/// Why nothing was updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateRefused {
    /// Another account has the username.
    UsernameTaken,
    /// Another account has a username that looks like it.
    UsernameLooksTaken,
    /// Another account has the address, or it is the backup email of this one.
    EmailTaken,
    /// The person was asked to confirm addresses too often.
    LimitReached(Limit),
    /// The account has changed since it was read, or is gone: read it again.
    AccountChanged,
}

/// The writes of an update whose false conditions mean something.
#[derive(Default)]
struct Parts {
    limits: Vec<(Limit, Vec<Part>)>,
    username: Option<Part>,
    looks: Vec<Part>,
    addresses: Vec<NewClaim>,
}

impl Counted<'_> {
    /// Changes an account, all or nothing: its profile; the claims of its username, old and new; its primary with the claims and
    /// notices of that, or a request for another primary, which is counted. The conditions are false when anything that a
    /// product sees of the account has changed since it was read, so that what was compared before is still true.
    pub async fn update_account(
        &self,
        update: AccountUpdate<'_>,
        now: Timestamp,
    ) -> Result<Result<(), UpdateRefused>, StoreError> {
        let AccountUpdate { account, changes, .. } = update;
        let store = self.store;
        let mut tx = Transaction::new("change an account for a product");
        let mut parts = Parts::default();
        let profile = tx.add(store.update_profile(account, changes, now));
        if changes.changes_profile() {
            let action = LoggedAction::Changed { fields: changes.fields_of(account) };
            let entry =
                LogEntry { id: update.entry_id.clone(), action, at: now, source: ClientInfo::of_product() };
            tx.add(store.log(EventContext::of(account, Actor::Product), &entry)?);
        }
        if let Some(username) = &changes.username {
            store.replace_username(&mut tx, &mut parts, account, username).await?;
        }
        match &changes.email {
            None => {
                tx.add(store.check_pending(account));
                tx.add(store.check_backup(account)?);
            }
            Some(EmailChange::Cancel) => {
                store.cancel_request(&mut tx, update, now)?;
                tx.add(store.check_backup(account)?);
            }
            Some(EmailChange::Request(address)) => {
                for limit in update.limits {
                    parts.limits.push((limit.clone(), tx.add_all(self.count_attempt(limit, now))));
                }
                store.request_by_product(&mut tx, update, address, now)?;
                tx.add(store.check_backup(account)?);
            }
            Some(EmailChange::Replace(address)) => {
                parts.addresses = store.take_vouched(&mut tx, update, address, now)?;
            }
        }
        let Err(failed) = tx.commit(store).await? else { return Ok(Ok(())) };
        // What others have is certain only if the account is still as it was read.
        Ok(Err(if failed.at(profile) {
            UpdateRefused::AccountChanged
        } else if let Some((limit, _)) = parts.limits.iter().find(|(_, counts)| failed.at_any(counts)) {
            UpdateRefused::LimitReached(limit.clone())
        } else if failed.at(parts.username) {
            UpdateRefused::UsernameTaken
        } else if failed.at_any(&parts.looks) {
            UpdateRefused::UsernameLooksTaken
        } else if parts.addresses.iter().any(|claim| failed.at(claim.part)) {
            UpdateRefused::EmailTaken
        } else {
            UpdateRefused::AccountChanged
        }))
    }
}

impl Store {
    /// Key: the profile. The condition is false when what a product sees of it has changed since the account was read, or all
    /// sessions have ended. The primary and the password change only together with the generation.
    fn update_profile(&self, account: &Account, changes: &AccountChanges, now: Timestamp) -> Write {
        let key = Self::account_key(&account.id, PROFILE);
        let write = match (changes.changes_profile(), changes.ends_sessions) {
            (false, false) => Write::check(&self.tables.accounts, key),
            (true, false) => Write::update(&self.tables.accounts, key, "SET username = :username, kind = :kind, locale = :locale"),
            // The profile is written as it is where only the primary changes.
            (_, true) => Write::update(
                &self.tables.accounts,
                key,
                "SET username = :username, kind = :kind, locale = :locale, sessions_ended_at = :now ADD generation :one",
            )
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1)),
        };
        let write = if changes.changes_profile() || changes.ends_sessions {
            let username = changes.username.as_ref().map_or(&account.username, NewUsername::username);
            write
                .value(":username", text(username.as_str()))
                .value(":kind", text(kind(changes.kind)))
                .value(":locale", text(changes.language.tag()))
        } else {
            write
        };
        Self::when_as_read(write, account)
    }

    /// Adds the condition that the profile is as it was read, as far as a product sees it.
    pub(super) fn when_as_read(write: Write, account: &Account) -> Write {
        let is_disabled = if account.is_disabled() {
            "attribute_exists(disabled_at)"
        } else {
            "attribute_not_exists(disabled_at)"
        };
        let as_read = format!(
            "username = :as_read_username AND kind = :as_read_kind AND locale = :as_read_locale AND {is_disabled}"
        );
        when_current(write, account.generation, &as_read)
            .value(":as_read_username", text(account.username.as_str()))
            .value(":as_read_kind", text(kind(account.kind)))
            .value(":as_read_locale", text(account.language.tag()))
    }

    /// Claims what a new username needs and releases what only the old one did. Keys: the claims. The conditions of those that
    /// are new are false when another account has them.
    async fn replace_username(
        &self,
        tx: &mut Transaction,
        parts: &mut Parts,
        account: &Account,
        new: &NewUsername,
    ) -> Result<(), StoreError> {
        let (id, old) = (&account.id, &account.username);
        if new.username() != old {
            parts.username = Some(tx.add(self.claim_username(new.username(), id)?));
            tx.add(self.delete_username_claim(old, id));
        }
        let looks: BTreeSet<String> = new.looks();
        for look in &looks {
            parts.looks.push(tx.add(self.put_look(look, id)?));
        }
        for look in self.find_own_looks(old, id).await?.difference(&looks) {
            tx.add(self.delete_look(look, id));
        }
        Ok(())
    }

    /// Of what a username looks like, what is claimed for this account. Accounts of earlier versions may share a look, and may
    /// have no claim of one.
    pub(super) async fn find_own_looks(
        &self,
        name: &Username,
        id: &AccountId,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut own = BTreeSet::new();
        for look in username::looks(name) {
            if self.find_look_owner(&look).await?.as_ref() == Some(id) {
                own.insert(look);
            }
        }
        Ok(own)
    }

    /// Key: the pending record. The condition is false when it is not what the account had when it was read.
    fn check_pending(&self, account: &Account) -> Write {
        let check = Write::check(&self.tables.accounts, Self::account_key(&account.id, PENDING));
        Self::when_pending_as_read(check, account)
    }

    /// Adds the condition that the same address is pending as when the account was read, or none. One of an earlier
    /// generation is none.
    pub(super) fn when_pending_as_read(write: Write, account: &Account) -> Write {
        match account.pending() {
            Some(pending) => {
                write.when("request_id = :pending").value(":pending", text(pending.request.as_str()))
            }
            None => write
                .when("attribute_not_exists(request_id) OR attribute_not_exists(generation) OR generation <> :current")
                .value(":current", number(account.generation.number())),
        }
    }

    /// Cancels the request of a product, and logs that.
    fn cancel_request(
        &self,
        tx: &mut Transaction,
        update: AccountUpdate<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let AccountUpdate { account, event_id, .. } = update;
        let Some(pending) = account.pending() else { return Ok(()) };
        let action = LoggedAction::cancelled(&pending.address);
        let entry = LogEntry { id: event_id.clone(), action, at: now, source: ClientInfo::of_product() };
        tx.add(self.delete_pending(&account.id, &pending.request));
        tx.add(self.log(EventContext::of(account, Actor::Product), &entry)?);
        Ok(())
    }

    /// Has the address confirmed through a link, as if the person had asked for it. The generation is that after this update.
    fn request_by_product(
        &self,
        tx: &mut Transaction,
        update: AccountUpdate<'_>,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let AccountUpdate { account, changes, event_id, request_id, .. } = update;
        let generation = if changes.ends_sessions { account.generation.next() } else { account.generation };
        let pending =
            PendingAddress { address: address.clone(), since: now, request: request_id.clone(), generation };
        let primary = PendingPrimary { pending, session: None };
        let put = self.put_record(&account.id, Record::Pending(Pending::primary(&primary)))?;
        tx.add(Self::when_pending_as_read(put, account));
        let (by, source) = (Actor::Product, &ClientInfo::of_product());
        self.announce_request(tx, PrimaryRequest { account, primary: &primary, event_id, by, source }, now)
    }

    /// Makes an address the primary that the product vouches for, with all that a change of the primary has. Returns the writes
    /// that claim it.
    fn take_vouched(
        &self,
        tx: &mut Transaction,
        update: AccountUpdate<'_>,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Vec<NewClaim>, StoreError> {
        let AccountUpdate { account, hold, event_id, .. } = update;
        let (primary, recovery) = account.after_replacing_by_product(address, hold, now);
        let is_backup = account.has_confirmed(address);
        let recovery = if is_backup { account.recovery_emails(now) } else { recovery };
        let event = AccountEvent {
            id: event_id.clone(),
            notice: Notice::PrimaryChanged {
                former: account.primary.address.clone(),
                address: address.clone(),
                former_until: now + hold,
            },
            at: now,
            source: ClientInfo::of_product(),
            before: Some(account.recovery_emails(now)),
            before_primary: Some(account.primary_emails()),
        };
        let pending = Write::delete(&self.tables.accounts, Self::account_key(&account.id, PENDING));
        tx.add(Self::when_pending_as_read(pending, account));
        self.record_and_tell(tx, EventContext::of(account, Actor::Product), &primary, &event, &[])?;
        let mut claims = self.replace_addresses(tx, account, &primary, &recovery, now)?;
        if is_backup {
            // Never true: the answer is that for another account's address, after the same calls.
            let part = tx.add(self.claim_free_email(address, &account.id, now)?);
            claims.push(NewClaim { address: address.clone(), part });
        }
        Ok(claims)
    }
}

/// A kind as the database has it.
const fn kind(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Regular => "regular",
        AccountKind::Sso => "sso",
    }
}
