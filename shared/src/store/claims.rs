//! Claims, in the table of accounts: each is an item that keeps an address, a username or an external id
//! unique. Its partition key is made of the claimed text.
use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::accounts::{FORMER, former_primary_record};
use super::error::{Cause, Context};
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::{AccountId, EmailAddress, ExternalId, Timestamp, Username};

const CLAIM: &str = "claim";

/// The claim of a former address expires with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claim {
    account_id: String,
    record: String,
    pub(super) owner_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force_until: Option<Timestamp>,
}

impl Claim {
    pub(super) fn new(claimed: String, owner_id: AccountId, in_force_until: Option<Timestamp>) -> Self {
        Self { account_id: claimed, record: CLAIM.into(), owner_id, in_force_until }
    }

    /// Whether what is claimed is still its owner's at `now`.
    pub(super) fn is_in_force(&self, now: Timestamp) -> bool {
        self.in_force_until.is_none_or(|until| now < until)
    }
}

pub(super) fn email_claim(address: &EmailAddress) -> String {
    format!("claim#email#{}", address.canonical())
}

pub(super) fn external_id_claim(external_id: &ExternalId) -> String {
    format!("claim#external-id#{}", external_id.as_str())
}

pub(super) fn username_claim(username: &Username) -> String {
    format!("claim#username#{}", username.canonical())
}

/// Claims what a username looks like, so that no other account gets a name that looks the same. Accounts created before
/// there were such claims have them since the next import.
const LOOK: &str = "claim#skeleton#";

pub(super) fn look_claim(look: &str) -> String {
    format!("{LOOK}{look}")
}

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
        let active = claim.filter(|claim| claim.is_in_force(now));
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
        let Some(Claim { owner_id: owner, .. }) = expired else { return Ok(()) };
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

    async fn find_claim(&self, claimed: &str) -> Result<Option<Claim>, Cause> {
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

    /// Claims an address as if the account were another one than has it. Key: the claim. The condition is false when any account
    /// has the address, also this one.
    pub(super) fn claim_free_email(
        &self,
        address: &EmailAddress,
        owner: &AccountId,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        Ok(self
            .put_claim(email_claim(address), owner, None)?
            .when("attribute_not_exists(account_id) OR in_force_until <= :now")
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
        let claim = self.put_claim(look_claim(look), owner, None)?;
        Ok(claim
            .when("attribute_not_exists(account_id) OR owner_id = :owner")
            .value(":owner", text(owner.as_str())))
    }

    /// The account that has claimed what a username looks like.
    pub(super) async fn find_look_owner(&self, look: &str) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim(&format!("{LOOK}{look}")).await.context("find who looks like that")?;
        Ok(claim.map(|claim| claim.owner_id))
    }

    /// Releases what a username looks like. Key: the claim. The condition is false when it is another account's.
    pub(super) fn delete_look(&self, look: &str, owner: &AccountId) -> Write {
        self.delete_claim_of(&format!("{LOOK}{look}"), owner)
    }

    /// Releases a username. Key: the claim. The condition is false when it is another account's.
    pub(super) fn delete_username_claim(&self, username: &Username, owner: &AccountId) -> Write {
        self.delete_claim_of(&username_claim(username), owner)
    }

    /// Releases an external id. Key: the claim. The condition is false when it is another account's.
    pub(super) fn delete_external_id_claim(&self, external_id: &ExternalId, owner: &AccountId) -> Write {
        self.delete_claim_of(&external_id_claim(external_id), owner)
    }

    fn delete_claim_of(&self, claimed: &str, owner: &AccountId) -> Write {
        Write::delete(&self.tables.accounts, claim_key(claimed))
            .when("owner_id = :owner")
            .value(":owner", text(owner.as_str()))
    }

    /// Who has claimed what, of these claims: all that exist, as they are now.
    pub(super) async fn find_owners(
        &self,
        claims: BTreeSet<String>,
    ) -> Result<HashMap<String, Claim>, Cause> {
        let keys: Vec<Item> = claims.iter().map(|claimed| claim_key(claimed)).collect();
        let items = self.get_many(&self.tables.accounts, keys).await?;
        let claims: Vec<Claim> = serde_dynamo::from_items(items)?;
        Ok(claims.into_iter().map(|claim| (claim.account_id.clone(), claim)).collect())
    }

    fn put_claim(
        &self,
        claimed: String,
        owner: &AccountId,
        in_force_until: Option<Timestamp>,
    ) -> Result<Write, StoreError> {
        Write::put(&self.tables.accounts, &Claim::new(claimed, owner.clone(), in_force_until))
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
        self.delete_claim_of(&email_claim(address), owner)
    }

    /// Key: the claim. The condition is false when it is another account's, or has not expired.
    fn delete_expired_claim(&self, address: &EmailAddress, owner: &AccountId, now: Timestamp) -> Write {
        Write::delete(&self.tables.accounts, claim_key(&email_claim(address)))
            .when("owner_id = :holder AND in_force_until <= :now")
            .value(":holder", text(owner.as_str()))
            .value(":now", number(now.unix_seconds()))
    }
}
