//! Whether an account may be used, and since when its sessions count: two attributes of its profile.
use std::time::Duration;

use serde::Deserialize;

use super::accounts::PROFILE;
use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::{AccountId, Timestamp};

/// A place in the walk through all accounts.
#[derive(Debug, Clone)]
pub struct Cursor {
    account_id: String,
    record: String,
}

impl Cursor {
    /// Right behind this account.
    pub fn after(id: &AccountId) -> Self {
        Self { account_id: id.as_str().to_owned(), record: PROFILE.into() }
    }
}

/// Some of all accounts.
#[derive(Debug)]
pub struct AccountBatch {
    /// Their keys.
    pub ids: Vec<AccountId>,
    /// Where the walk goes on; nothing at its end.
    pub next: Option<Cursor>,
}

impl Store {
    /// Part of every sign-in. Key: the profile. The condition is false for a disabled account, and when what began
    /// then (a session, the request for a link) has ended with all others since.
    pub(super) fn check_session_valid(&self, id: &AccountId, began: Timestamp) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(id, PROFILE))
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from <= :began")
            .value(":began", number(began.unix_seconds()))
    }

    /// Ends all sessions, on behalf of one that began then. Key: the profile. The condition is false when that one
    /// has ended itself.
    pub(super) fn ending_all(&self, id: &AccountId, began: Timestamp, valid_from: Timestamp) -> Write {
        let profile = Self::account_key(id, PROFILE);
        Write::update(&self.tables.accounts, profile, "SET sessions_valid_from = :from")
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from <= :began")
            .value(":from", number(valid_from.unix_seconds()))
            .value(":began", number(began.unix_seconds()))
    }

    /// Disables an account: its sessions are dead, and stay so when it is enabled again. Key: the profile. False
    /// when it was disabled already.
    pub async fn disable_account(&self, id: &AccountId, now: Timestamp) -> Result<bool, StoreError> {
        const DOING: &str = "disable an account";
        let disable = |expression| {
            Write::update(&self.tables.accounts, Self::account_key(id, PROFILE), expression)
                .value(":now", number(now.unix_seconds()))
        };
        // In one write, so that enabling revives no session where this was broken off.
        let disabling = disable("SET disabled_at = :now, sessions_valid_from = :from")
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from < :from")
            .value(":from", number((now + Duration::from_secs(1)).unix_seconds()));
        if self.write(DOING, disabling).await?.is_some() {
            return Ok(true);
        }
        let further = "SET disabled_at = :now, sessions_valid_from = sessions_valid_from + :second";
        let disabling = disable(further)
            .when("attribute_exists(account_id) AND attribute_not_exists(disabled_at)")
            .value(":second", number(1));
        Ok(self.write(DOING, disabling).await?.is_some())
    }

    /// Lets a disabled account be used again. Key: the profile. False when it is not disabled.
    pub async fn enable_account(&self, id: &AccountId) -> Result<bool, StoreError> {
        let profile = Self::account_key(id, PROFILE);
        let enable = Write::update(&self.tables.accounts, profile, "REMOVE disabled_at")
            .when("attribute_exists(disabled_at)");
        Ok(self.write("enable an account", enable).await?.is_some())
    }

    /// Ends all sessions of an account, and makes the links asked for before dead. Key: the profile. Where all were
    /// ended in this very second already, one may have begun since: then they are ended a second further on.
    pub async fn end_all_sessions(&self, id: &AccountId, now: Timestamp) -> Result<(), StoreError> {
        const DOING: &str = "end all sessions of an account";
        let profile = || Self::account_key(id, PROFILE);
        let second = Duration::from_secs(1);
        let end = Write::update(&self.tables.accounts, profile(), "SET sessions_valid_from = :from")
            .when("sessions_valid_from < :from")
            .value(":from", number((now + second).unix_seconds()));
        if self.write(DOING, end).await?.is_none() {
            let further = "SET sessions_valid_from = sessions_valid_from + :second";
            let end = Write::update(&self.tables.accounts, profile(), further)
                .when("attribute_exists(account_id)")
                .value(":second", number(1));
            self.write(DOING, end).await?;
        }
        Ok(())
    }

    /// The keys of all accounts, some at a time, in an order of the table's own that stays the same: a walk that was
    /// broken off can go on behind the last account it was through with.
    pub async fn list_accounts(&self, from: Option<&Cursor>) -> Result<AccountBatch, StoreError> {
        const DOING: &str = "list accounts";
        #[derive(Deserialize)]
        struct Key {
            account_id: String,
            record: String,
        }
        let start = from.map(|place| key([("account_id", &place.account_id), ("record", &place.record)]));
        let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
        let call = call
            .filter_expression("#record = :profile")
            .projection_expression("account_id, #record")
            .expression_attribute_names("#record", "record")
            .expression_attribute_values(":profile", text(PROFILE));
        let answer = call.send().await.map_err(|error| StoreError::new(DOING, error))?;
        let keys: Vec<Key> = serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| StoreError::new(DOING, error))?;
        let next: Option<Key> = answer
            .last_evaluated_key
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(|error| StoreError::new(DOING, error))?;
        Ok(AccountBatch {
            ids: keys.into_iter().map(|key| AccountId::new(key.account_id)).collect(),
            next: next.map(|Key { account_id, record }| Cursor { account_id, record }),
        })
    }
}
