//! What usernames look like, of accounts from before usernames that look alike were refused.
use std::collections::BTreeSet;

use serde::Deserialize;

use super::account_admin::Cursor;
use super::accounts::PROFILE;
use super::claims::look_claim;
use super::error::Context;
use super::write::text;
use super::{Store, StoreError};
use domain::{AccountId, Username};

/// What the username of an account looks like, without a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedLook {
    look: String,
    owner: AccountId,
}

impl UnclaimedLook {
    /// The account with the username.
    pub fn owner(&self) -> &AccountId {
        &self.owner
    }
}

/// Of one page of accounts: those from before usernames that look alike were refused.
#[derive(Debug, Default)]
pub struct UnclaimedLooks {
    /// What is to be claimed for them. Two accounts of the page may look the same.
    pub unclaimed: Vec<UnclaimedLook>,
    /// Accounts that look like another one. They keep their names.
    pub alike: Vec<AccountId>,
    /// How many usernames the page has.
    pub usernames: usize,
    /// Where the next page starts; nothing on the last one.
    pub next: Option<Cursor>,
}

impl Store {
    /// Claims a look that [`Store::find_unclaimed_looks`] found. False when another account has claimed it since.
    pub async fn claim_look(&self, unclaimed: &UnclaimedLook) -> Result<bool, StoreError> {
        self.write_once("claim what a username looks like", self.put_look(&unclaimed.look, &unclaimed.owner)?)
            .await
    }

    /// Reads a page of usernames, and who has claimed what they look like.
    pub async fn find_unclaimed_looks(&self, from: Option<&Cursor>) -> Result<UnclaimedLooks, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            account_id: AccountId,
            username: String,
        }
        const DOING: &str = "read what usernames look like";
        let start = from.map(|cursor| cursor.0.clone());
        let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
        let call = call
            .filter_expression("#record = :profile")
            .projection_expression("account_id, #record, username")
            .expression_attribute_names("#record", "record")
            .expression_attribute_values(":profile", text(PROFILE));
        let answer = call.send().await.context(DOING)?;
        let rows: Vec<Named> = serde_dynamo::from_items(answer.items.unwrap_or_default()).context(DOING)?;
        let usernames = rows.len();
        let looks: Vec<UnclaimedLook> =
            rows.into_iter().flat_map(|row| looks(row.account_id, &row.username)).collect();
        let claims: BTreeSet<String> = looks.iter().map(|one| look_claim(&one.look)).collect();
        let owners = self.find_owners(claims).await.context(DOING)?;
        let mut found =
            UnclaimedLooks { usernames, next: answer.last_evaluated_key.map(Cursor), ..Default::default() };
        for one in looks {
            match owners.get(&look_claim(&one.look)) {
                Some(claim) if claim.owner_id == one.owner => {}
                Some(_) => found.alike.push(one.owner),
                None => found.unclaimed.push(one),
            }
        }
        found.alike.dedup();
        Ok(found)
    }
}

fn looks(owner: AccountId, name: &str) -> impl Iterator<Item = UnclaimedLook> + use<> {
    let looks = Username::parse(name).map(|name| domain::username::looks(&name)).unwrap_or_default();
    looks.into_iter().map(move |look| UnclaimedLook { look, owner: owner.clone() })
}
