//! The table of links, by the hash of their secret.
//!
//! Sign-in links share a *slot*, one item for each account and address, that names the request whose link
//! works. A later request takes the slot over and so makes the older link dead; opening a session closes it, and
//! only a later request opens it again. A request whose mail was sent twice (the mailer is at-least-once, and the
//! second mail may come when the first was used) has two links and one slot: either works, once. For confirmations
//! the account's pending record is the slot.
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::link::MAX_CODE_ATTEMPTS;
use domain::{AccountId, EmailAddress, Link, LinkAuthorization, MessageId, Purpose, Timestamp, TokenHash};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: TokenHash,
    purpose: Purpose,
    account_id: AccountId,
    address: EmailAddress,
    request_id: MessageId,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
    tries: u32,
}

/// Whose the slot of a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Its own request's: the link may work.
    Own,
    /// A later request's: the link is dead.
    Others,
    /// Nobody's: a link of the slot was used.
    Closed,
}

#[derive(Serialize)]
struct SlotRow {
    token_hash: String,
    request_id: MessageId,
    expires_at: Timestamp,
}

/// A later request has taken the slot, or a link of the request was used: the link would have been dead from the
/// start and was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded;

fn slot_key(account: &AccountId, address: &EmailAddress) -> String {
    format!("slot#{}#{}", account.as_str(), address.canonical())
}

impl Store {
    /// Reads a link of this purpose, consistently. One of another purpose is unknown.
    pub async fn find_link(&self, hash: &TokenHash, purpose: Purpose) -> Result<Option<Link>, StoreError> {
        let row: Option<Row> = self.find_link_row(hash, purpose).await?;
        Ok(row.map(|row| Link {
            token_hash: row.token_hash,
            purpose: row.purpose,
            account_id: row.account_id,
            address: row.address,
            request: row.request_id,
            expires_at: row.expires_at,
            spent_at: row.spent_at,
            tries: row.tries,
        }))
    }

    /// Reads the row of a link of this purpose, whose shape follows from the purpose.
    pub(super) async fn find_link_row<R: DeserializeOwned>(
        &self,
        hash: &TokenHash,
        purpose: Purpose,
    ) -> Result<Option<R>, StoreError> {
        const DOING: &str = "read a link";
        let call = self.dynamodb.get_item().table_name(&self.tables.links).consistent_read(true);
        let call = call.set_key(Some(key([("token_hash", hash.as_str())])));
        let item = call.send().await.map_err(|error| StoreError::new(DOING, error))?.item;
        let item = item.filter(|item| item.get("purpose") == Some(&text(purpose.as_str())));
        item.map(serde_dynamo::from_item).transpose().map_err(|error| StoreError::new(DOING, error))
    }

    /// Whose the slot of a sign-in link is, read consistently.
    pub async fn slot_of(&self, link: &Link) -> Result<Slot, StoreError> {
        const DOING: &str = "read a link's slot";
        let call = self.dynamodb.get_item().table_name(&self.tables.links).consistent_read(true);
        let call = call.set_key(Some(key([("token_hash", &*slot_key(&link.account_id, &link.address))])));
        let item = call.send().await.map_err(|error| StoreError::new(DOING, error))?.item;
        let open = item.as_ref().filter(|item| !item.contains_key("closed_at"));
        Ok(match open.and_then(|item| item.get("request_id")) {
            None => Slot::Closed,
            Some(request) if *request == text(link.request.as_str()) => Slot::Own,
            Some(_) => Slot::Others,
        })
    }

    /// Keeps a new confirmation link.
    pub async fn create_confirmation_link(&self, link: &Link) -> Result<(), StoreError> {
        self.write("keep a confirmation link", self.create_link(link)?).await.map(|_| ())
    }

    /// Keeps a new sign-in link and gives it the slot. Key: the slot. The condition is false when a later request has
    /// taken it, or a link of this request was used.
    pub async fn create_sign_in_link(&self, link: &Link) -> Result<Result<(), Superseded>, StoreError> {
        let slot = SlotRow {
            token_hash: slot_key(&link.account_id, &link.address),
            request_id: link.request.clone(),
            expires_at: link.expires_at,
        };
        let taking = Write::put(&self.tables.links, &slot)?
            .when(
                "attribute_not_exists(token_hash) OR request_id < :request \
                 OR (request_id = :request AND attribute_not_exists(closed_at))",
            )
            .value(":request", text(link.request.as_str()));
        let outcome = self.transact("keep a sign-in link", vec![self.create_link(link)?, taking]).await?;
        Ok(outcome.map_err(|_| Superseded))
    }

    fn create_link(&self, link: &Link) -> Result<Write, StoreError> {
        let row = Row {
            token_hash: link.token_hash.clone(),
            purpose: link.purpose,
            account_id: link.account_id.clone(),
            address: link.address.clone(),
            request_id: link.request.clone(),
            expires_at: link.expires_at,
            spent_at: link.spent_at,
            tries: link.tries,
        };
        Ok(Write::put(&self.tables.links, &row)?.when("attribute_not_exists(token_hash)"))
    }

    /// Takes one of the link's tries, before a code is compared: however many come at once, no more codes are
    /// compared than there are tries. Key: the link. Gives how many were taken so far; nothing when none was left, or
    /// the link is dead.
    pub async fn record_code_attempt(&self, link: &Link, now: Timestamp) -> Result<Option<u32>, StoreError> {
        const DOING: &str = "take a try of a link";
        let taking = Write::update(
            &self.tables.links,
            key([("token_hash", link.token_hash.as_str())]),
            "ADD tries :one",
        )
        .when("attribute_not_exists(spent_at) AND expires_at >= :now AND tries < :most")
        .value(":now", number(now.unix_seconds()))
        .value(":one", number(1))
        .value(":most", number(MAX_CODE_ATTEMPTS));
        let row: Option<Row> = self
            .write(DOING, taking)
            .await?
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(|error| StoreError::new(DOING, error))?;
        Ok(row.map(|row| row.tries))
    }

    /// Key: the link. The condition is false when it was used, its time is over, or wrong codes have made it dead:
    /// a right code holds a try of its own, so for it the last try counts too.
    pub(super) fn spend_link(&self, link: &Link, authorization: LinkAuthorization, now: Timestamp) -> Write {
        let spend_link = Write::update(
            &self.tables.links,
            key([("token_hash", link.token_hash.as_str())]),
            "SET spent_at = :now",
        );
        let most = match authorization {
            LinkAuthorization::SameBrowser => MAX_CODE_ATTEMPTS - 1,
            LinkAuthorization::Code => MAX_CODE_ATTEMPTS,
        };
        spend_link
            .when("attribute_not_exists(spent_at) AND expires_at >= :now AND tries <= :most")
            .value(":now", number(now.unix_seconds()))
            .value(":most", number(most))
    }

    /// Key: the slot. The condition is false when a later request has taken it, or a link of it was used. The item
    /// stays, so that no older link can take the slot again, until all links of the request are dead by their time.
    pub(super) fn close_slot(&self, link: &Link, now: Timestamp) -> Write {
        let slot = slot_key(&link.account_id, &link.address);
        Write::update(&self.tables.links, key([("token_hash", &*slot)]), "SET closed_at = :now")
            .when("request_id = :request AND attribute_not_exists(closed_at)")
            .value(":request", text(link.request.as_str()))
            .value(":now", number(now.unix_seconds()))
    }
}
