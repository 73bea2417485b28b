//! Disabling accounts, ending their sessions, listing them: two attributes of the profile, and a scan.
use std::time::Duration;

use serde::Deserialize;

use super::accounts::PROFILE;
use super::error::{Cause, Context};
use super::write::{Item, Write, number, text};
use super::{Store, StoreError};
use domain::{AccountId, Timestamp};

/// A position in the list of all accounts.
#[derive(Debug, Clone)]
pub struct Cursor(Item);

impl Cursor {
    /// Just after this account.
    pub fn after(id: &AccountId) -> Self {
        Self(Store::account_key(id, PROFILE))
    }
}

/// One page of accounts.
#[derive(Debug)]
pub struct AccountBatch {
    /// Their ids.
    pub ids: Vec<AccountId>,
    /// Where the next page starts; nothing on the last one.
    pub next: Option<Cursor>,
}

impl Store {
    /// Part of every sign-in. Key: the profile. The condition is false for a disabled account, and when all sessions
    /// have ended since `began`, the time of the session or of the request for the link.
    pub(super) fn check_session_valid(&self, id: &AccountId, began: Timestamp) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(id, PROFILE))
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from <= :began")
            .value(":began", number(began.unix_seconds()))
    }

    /// Ends all sessions, on behalf of one that began at `began`. Key: the profile. The condition is false for a disabled
    /// account, and when that session has ended.
    pub(super) fn end_sessions_if_valid(
        &self,
        id: &AccountId,
        began: Timestamp,
        valid_from: Timestamp,
    ) -> Write {
        let profile = Self::account_key(id, PROFILE);
        Write::update(&self.tables.accounts, profile, "SET sessions_valid_from = :from")
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from <= :began")
            .value(":from", number(valid_from.unix_seconds()))
            .value(":began", number(began.unix_seconds()))
    }

    /// Disables an account and ends its sessions, which enabling does not revive. Key: the profile. False when it is
    /// disabled already, or unknown.
    pub async fn disable_account(&self, id: &AccountId, now: Timestamp) -> Result<bool, StoreError> {
        let disable = |expression| {
            Write::update(&self.tables.accounts, Self::account_key(id, PROFILE), expression)
                .value(":now", number(now.unix_seconds()))
        };
        // One write sets both, so that enabling revives no session even if this is interrupted.
        let usual = disable("SET disabled_at = :now, sessions_valid_from = :from")
            .when("attribute_not_exists(disabled_at) AND sessions_valid_from < :from")
            .value(":from", number((now + Duration::from_secs(1)).unix_seconds()));
        let same_second =
            disable("SET disabled_at = :now, sessions_valid_from = sessions_valid_from + :second")
                .when("attribute_exists(account_id) AND attribute_not_exists(disabled_at)")
                .value(":second", number(1));
        self.write_first_possible([usual, same_second]).await.context("disable an account")
    }

    /// Enables a disabled account. Key: the profile. False when it is not disabled.
    pub async fn enable_account(&self, id: &AccountId) -> Result<bool, StoreError> {
        let profile = Self::account_key(id, PROFILE);
        let enable = Write::update(&self.tables.accounts, profile, "REMOVE disabled_at")
            .when("attribute_exists(disabled_at)");
        self.write(enable).await.context("enable an account")
    }

    /// Ends all sessions of an account, and the links requested so far with them. Key: the profile. Where all sessions
    /// were ended in this very second already, one may have begun since: then the end moves on by a second.
    pub async fn end_all_sessions(&self, id: &AccountId, now: Timestamp) -> Result<(), StoreError> {
        let end =
            |expression| Write::update(&self.tables.accounts, Self::account_key(id, PROFILE), expression);
        let usual = end("SET sessions_valid_from = :from")
            .when("sessions_valid_from < :from")
            .value(":from", number((now + Duration::from_secs(1)).unix_seconds()));
        let same_second = end("SET sessions_valid_from = sessions_valid_from + :second")
            .when("attribute_exists(account_id)")
            .value(":second", number(1));
        self.write_first_possible([usual, same_second]).await.context("end all sessions of an account")?;
        Ok(())
    }

    /// Tries the writes in turn until one has a true condition. False when none has.
    async fn write_first_possible(&self, writes: [Write; 2]) -> Result<bool, Cause> {
        for write in writes {
            if self.write(write).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lists the ids of all accounts, a page at a time. The order is the table's own and does not change, so that an
    /// interrupted run can continue after the last account it processed.
    pub async fn list_accounts(&self, from: Option<&Cursor>) -> Result<AccountBatch, StoreError> {
        #[derive(Deserialize)]
        struct Key {
            account_id: AccountId,
        }
        let start = from.map(|cursor| cursor.0.clone());
        let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
        let call = call
            .filter_expression("#record = :profile")
            .projection_expression("account_id, #record")
            .expression_attribute_names("#record", "record")
            .expression_attribute_values(":profile", text(PROFILE));
        let answer = call.send().await.context("list accounts")?;
        let keys: Vec<Key> =
            serde_dynamo::from_items(answer.items.unwrap_or_default()).context("list accounts")?;
        Ok(AccountBatch {
            ids: keys.into_iter().map(|key| key.account_id).collect(),
            next: answer.last_evaluated_key.map(Cursor),
        })
    }
}
