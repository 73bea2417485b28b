//! Disabling accounts, ending their sessions, listing them: two attributes of the profile, and a scan.
use serde::Deserialize;

use super::accounts::PROFILE;
use super::error::Context;
use super::transaction::Transaction;
use super::write::{Item, Write, number, text};
use super::{Store, StoreError};
use domain::{AccountId, EventContext, ExternalId, Generation, LogEntry, LoggedAction, MessageId, Timestamp};

/// A position in a list that is read a page at a time.
#[derive(Debug, Clone)]
pub struct Cursor(pub(super) Item);

impl Cursor {
    /// Just after this account.
    pub fn after(id: &AccountId) -> Self {
        Self(Store::account_key(id, PROFILE))
    }
}

/// An account in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct ListedAccount {
    /// Its key.
    pub account_id: AccountId,
    /// Its external id.
    pub external_id: Option<ExternalId>,
}

/// One page of accounts.
#[derive(Debug)]
pub struct AccountBatch {
    /// The accounts.
    pub accounts: Vec<ListedAccount>,
    /// Where the next page starts; nothing on the last one.
    pub next: Option<Cursor>,
}

impl Store {
    /// Part of every sign-in. Key: the profile. The condition is false for a disabled account, and when all sessions
    /// have ended since this generation.
    pub(super) fn check_generation(&self, id: &AccountId, generation: Generation) -> Write {
        let check = Write::check(&self.tables.accounts, Self::account_key(id, PROFILE));
        when_current(check, generation, "attribute_not_exists(disabled_at)")
    }

    /// Ends all sessions, with one atomic addition. Key: the profile.
    pub(super) fn end_generation(&self, id: &AccountId, now: Timestamp) -> Write {
        let expression = "SET sessions_ended_at = :now ADD generation :one";
        Write::update(&self.tables.accounts, Self::account_key(id, PROFILE), expression)
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1))
    }

    /// Disables an account and ends its sessions, which enabling does not revive; logs that. Key: the profile. False when it is
    /// disabled already, or unknown.
    pub async fn disable_account(
        &self,
        context: EventContext<'_>,
        entry_id: MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let profile = Self::account_key(context.account_id, PROFILE);
        let expression = "SET disabled_at = :now, sessions_ended_at = :now ADD generation :one";
        let disable = Write::update(&self.tables.accounts, profile, expression)
            .when("attribute_exists(account_id) AND attribute_not_exists(disabled_at)")
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1));
        let action = LoggedAction::Disabled;
        self.write_and_log("disable an account", disable, context, (entry_id, action), now).await
    }

    /// Enables a disabled account, and logs that. Key: the profile. False when it is not disabled, or is being deleted.
    pub async fn enable_account(
        &self,
        context: EventContext<'_>,
        entry_id: MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let profile = Self::account_key(context.account_id, PROFILE);
        let enable = Write::update(&self.tables.accounts, profile, "REMOVE disabled_at")
            .when("attribute_exists(disabled_at) AND attribute_not_exists(deleting_since)");
        let action = LoggedAction::Enabled;
        self.write_and_log("enable an account", enable, context, (entry_id, action), now).await
    }

    /// Ends all sessions of an account, and the links requested so far with them; logs that. Key: the profile. False when it is
    /// unknown, or is being deleted, which has ended them.
    pub async fn end_all_sessions(
        &self,
        context: EventContext<'_>,
        entry_id: MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let end = self
            .end_generation(context.account_id, now)
            .when("attribute_exists(account_id) AND attribute_not_exists(deleting_since)");
        let action = LoggedAction::AllSessionsEnded;
        self.write_and_log("end all sessions of an account", end, context, (entry_id, action), now).await
    }

    /// Writes and logs, both or neither. False when the condition of the write is.
    async fn write_and_log(
        &self,
        doing: &'static str,
        write: Write,
        context: EventContext<'_>,
        (id, action): (MessageId, LoggedAction),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let entry = LogEntry::without_source(id, action, now);
        let mut tx = Transaction::new(doing);
        tx.add(write);
        tx.add(self.log(context, &entry)?);
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Lists all accounts, a page at a time. The order is the table's own and does not change, so that an
    /// interrupted run can continue after the last account it processed.
    pub async fn list_accounts(&self, from: Option<&Cursor>) -> Result<AccountBatch, StoreError> {
        let start = from.map(|cursor| cursor.0.clone());
        let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
        let call = call
            .filter_expression("#record = :profile")
            .projection_expression("account_id, #record, external_id")
            .expression_attribute_names("#record", "record")
            .expression_attribute_values(":profile", text(PROFILE));
        let answer = call.send().await.context("list accounts")?;
        let accounts = serde_dynamo::from_items(answer.items.unwrap_or_default()).context("list accounts")?;
        Ok(AccountBatch { accounts, next: answer.last_evaluated_key.map(Cursor) })
    }
}

/// The condition that the profile is of an account whose addresses may change at `:now`: it is not disabled, and changes are not
/// frozen.
pub(super) const CHANGES_ALLOWED: &str = "attribute_not_exists(disabled_at) \
     AND (attribute_not_exists(backup_frozen_until) OR backup_frozen_until <= :now)";

/// Adds the condition that the account exists and this generation of it is current. The profile of an account from before
/// generations were counted has none: it is in the first.
pub(super) fn when_current(write: Write, generation: Generation, and: &str) -> Write {
    let current = if generation == Generation::FIRST {
        "(attribute_not_exists(generation) OR generation = :generation)"
    } else {
        "generation = :generation"
    };
    write
        .when(format!("attribute_exists(account_id) AND {current} AND {and}"))
        .value(":generation", number(generation.number()))
}
