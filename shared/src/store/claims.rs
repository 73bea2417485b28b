//! Claims, in the table of accounts: each is an item that keeps an address, a username or an external id
//! unique. Its partition key is made of the claimed text.
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::accounts::{FORMER, PROFILE, former_primary_record};
use super::error::{Cause, Context};
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::{AccountId, EmailAddress, ExternalId, Timestamp, Username};

const CLAIM: &str = "claim";

/// The claim of a former address expires with it.
#[derive(Serialize, Deserialize)]
struct Row {
    account_id: String,
    record: String,
    owner_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force_until: Option<Timestamp>,
}

/// A profile, or the claim of a look.
#[derive(Deserialize)]
struct Named {
    account_id: String,
    owner_id: Option<AccountId>,
    username: Option<String>,
}

/// What the username of an account looks like, without a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedLook {
    look: String,
    owner: AccountId,
}

/// Accounts from before usernames that look alike were refused.
#[derive(Debug, Default)]
pub struct UnclaimedLooks {
    /// What is to be claimed for them.
    pub unclaimed: Vec<UnclaimedLook>,
    /// Accounts that look like another one. They keep their names.
    pub alike: Vec<AccountId>,
}

impl UnclaimedLooks {
    /// From what is claimed by whom, and all accounts with their usernames.
    fn new(mut claimed: HashMap<String, AccountId>, names: Vec<(AccountId, String)>) -> Self {
        let mut found = Self::default();
        for (owner, name) in names {
            let looks = Username::parse(&name).map(|name| domain::username::looks(&name)).unwrap_or_default();
            for look in looks {
                match claimed.get(&format!("{LOOK}{look}")) {
                    Some(other) if *other == owner => {}
                    Some(_) => found.alike.push(owner.clone()),
                    None => {
                        claimed.insert(format!("{LOOK}{look}"), owner.clone());
                        found.unclaimed.push(UnclaimedLook { look, owner: owner.clone() });
                    }
                }
            }
        }
        found.alike.dedup();
        found
    }
}

fn email_claim(address: &EmailAddress) -> String {
    format!("claim#email#{}", address.canonical())
}

fn external_id_claim(external_id: &ExternalId) -> String {
    format!("claim#external-id#{}", external_id.as_str())
}

fn username_claim(username: &Username) -> String {
    format!("claim#username#{}", username.canonical())
}

/// Claims what a username looks like, so that no other account gets a name that looks the same. Accounts created before
/// there were such claims have them since the next import.
const LOOK: &str = "claim#skeleton#";

fn claim_key(claimed: &str) -> Item {
    key([("account_id", claimed), ("record", CLAIM)])
}

impl Store {
    /// Looks up an identifier that can name nobody: the same call as for any other, so that it takes the same time.
    pub async fn find_nobody(&self) -> Result<Vec<AccountId>, StoreError> {
        let claim = self.find_claim("claim#nobody").await.context("find nobody")?;
        Ok(claim.into_iter().map(|claim| claim.owner_id).collect())
    }

    /// The account that has this username.
    pub async fn find_by_username(&self, username: &Username) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim(&username_claim(username)).await.context("find a username")?;
        Ok(claim.map(|claim| claim.owner_id))
    }

    /// The account that has this external id.
    pub async fn find_by_external_id(
        &self,
        external_id: &ExternalId,
    ) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim(&external_id_claim(external_id)).await.context("find an external id")?;
        Ok(claim.map(|claim| claim.owner_id))
    }

    /// The account that has claimed this address at `now`, as primary, backup or former backup.
    pub async fn find_owner(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim(&email_claim(address)).await.context("find an address's owner")?;
        let active = claim.filter(|claim| claim.in_force_until.is_none_or(|until| now < until));
        Ok(active.map(|claim| claim.owner_id))
    }

    /// Deletes what another account has left of an address that has expired as its former backup email or primary: the
    /// record, so that the index leads to one account only, then the claim. Each is deleted only if it has expired.
    pub async fn release_expired_claim(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let claim = self.find_claim(&email_claim(address)).await.context("find who had an address")?;
        let expired = claim.filter(|claim| claim.in_force_until.is_some_and(|until| until <= now));
        let Some(Row { owner_id: owner, .. }) = expired else { return Ok(()) };
        let record = |record: &str| {
            Write::delete(&self.tables.accounts, Self::account_key(&owner, record))
                .when("email = :email AND in_force_until <= :now")
                .value(":email", text(address.canonical()))
                .value(":now", number(now.unix_seconds()))
        };
        let claim = self.delete_expired_claim(address, &owner, now);
        for write in [record(FORMER), record(&former_primary_record(address)), claim] {
            self.write(write).await.context("release an address whose time is over")?;
        }
        Ok(())
    }

    async fn find_claim(&self, claimed: &str) -> Result<Option<Row>, Cause> {
        self.get(&self.tables.accounts, claim_key(claimed)).await
    }

    /// Claims an address, for good or until a time. Key: the claim. The condition is false when another account has the
    /// address. The account's own claim, of a state that was read too early, is no reason: the record says so.
    pub(super) fn claim_email(
        &self,
        address: &EmailAddress,
        owner: &AccountId,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        Ok(self
            .put_claim(email_claim(address), owner, until)?
            .when("attribute_not_exists(account_id) OR in_force_until <= :now OR owner_id = :owner")
            .value(":owner", text(owner.as_str()))
            .value(":now", number(now.unix_seconds())))
    }

    /// Claims an external id. Key: the claim. The condition is false when an account has the external id.
    pub(super) fn claim_external_id(
        &self,
        external_id: &ExternalId,
        owner: &AccountId,
    ) -> Result<Write, StoreError> {
        Ok(self
            .put_claim(external_id_claim(external_id), owner, None)?
            .when("attribute_not_exists(account_id)"))
    }

    /// Claims a username. Key: the claim. The condition is false when an account has the username.
    pub(super) fn claim_username(&self, username: &Username, owner: &AccountId) -> Result<Write, StoreError> {
        Ok(self.put_claim(username_claim(username), owner, None)?.when("attribute_not_exists(account_id)"))
    }

    /// Claims what a username looks like. Key: the claim. The condition is false when the username of another account looks
    /// like it.
    pub(super) fn put_look(&self, look: &str, owner: &AccountId) -> Result<Write, StoreError> {
        let claim = self.put_claim(format!("{LOOK}{look}"), owner, None)?;
        Ok(claim
            .when("attribute_not_exists(account_id) OR owner_id = :owner")
            .value(":owner", text(owner.as_str())))
    }

    /// Claims a look that [`Store::find_unclaimed_looks`] found. False when another account has claimed it since.
    pub async fn claim_look(&self, unclaimed: &UnclaimedLook) -> Result<bool, StoreError> {
        self.write_once("claim what a username looks like", self.put_look(&unclaimed.look, &unclaimed.owner)?)
            .await
    }

    /// Reads the usernames of all accounts, and what is claimed of their looks.
    pub async fn find_unclaimed_looks(&self) -> Result<UnclaimedLooks, StoreError> {
        const DOING: &str = "read what usernames look like";
        let (mut claimed, mut names, mut start) = (HashMap::new(), Vec::new(), None);
        loop {
            let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
            let call = call
                .filter_expression("#record = :profile OR begins_with(account_id, :look)")
                .projection_expression("account_id, #record, owner_id, username")
                .expression_attribute_names("#record", "record")
                .expression_attribute_values(":profile", text(PROFILE))
                .expression_attribute_values(":look", text(LOOK));
            let answer = call.send().await.context(DOING)?;
            let rows: Vec<Named> =
                serde_dynamo::from_items(answer.items.unwrap_or_default()).context(DOING)?;
            for row in rows {
                match row {
                    Named { account_id, owner_id: Some(owner), .. } => {
                        claimed.insert(account_id, owner);
                    }
                    Named { account_id, username: Some(name), .. } => {
                        names.push((AccountId::new(account_id), name));
                    }
                    Named { .. } => {}
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(UnclaimedLooks::new(claimed, names));
            }
        }
    }

    fn put_claim(
        &self,
        claimed: String,
        owner: &AccountId,
        in_force_until: Option<Timestamp>,
    ) -> Result<Write, StoreError> {
        let owner_id = owner.clone();
        let row = Row { account_id: claimed, record: CLAIM.into(), owner_id, in_force_until };
        Write::put(&self.tables.accounts, &row)
    }

    /// Sets or removes the time at which the claim of an address expires. Key: the claim. The condition is false when
    /// it is another account's.
    pub(super) fn set_claim_end(
        &self,
        address: &EmailAddress,
        owner: &AccountId,
        until: Option<Timestamp>,
    ) -> Write {
        let claim = claim_key(&email_claim(address));
        let write = match until {
            Some(until) => Write::update(&self.tables.accounts, claim, "SET in_force_until = :until")
                .value(":until", number(until.unix_seconds())),
            None => Write::update(&self.tables.accounts, claim, "REMOVE in_force_until"),
        };
        write.when("owner_id = :owner").value(":owner", text(owner.as_str()))
    }

    /// Deletes the claim of an address. Key: the claim. The condition is false when it is another account's.
    pub(super) fn delete_claim(&self, address: &EmailAddress, owner: &AccountId) -> Write {
        Write::delete(&self.tables.accounts, claim_key(&email_claim(address)))
            .when("owner_id = :owner")
            .value(":owner", text(owner.as_str()))
    }

    /// Key: the claim. The condition is false when it is another account's, or has not expired.
    fn delete_expired_claim(&self, address: &EmailAddress, owner: &AccountId, now: Timestamp) -> Write {
        Write::delete(&self.tables.accounts, claim_key(&email_claim(address)))
            .when("owner_id = :holder AND in_force_until <= :now")
            .value(":holder", text(owner.as_str()))
            .value(":now", number(now.unix_seconds()))
    }
}
