//! The table of links, by the hash of their token.
//!
//! The sign-in links of one account and address share a *slot*, an item that names the request whose link works. A
//! later request takes the slot over, which makes the older link dead. Opening a session closes the slot, and only a
//! later request opens it again. A request whose email was sent twice (the mailer delivers at least once, and the second
//! email may come when the first was used) has two links and one slot: either works, once. For confirmations, the
//! account's pending record has this part.
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::read::row;
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::link::MAX_CODE_ATTEMPTS;
use domain::oidc::ClientId;
use domain::{
    AccountId, EmailAddress, Generation, HourlyKey, Link, LinkAuthorization, MessageId, Purpose, Timestamp,
    TokenHash,
};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: TokenHash,
    purpose: Purpose,
    account_id: AccountId,
    address: EmailAddress,
    request_id: MessageId,
    /// Links of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
    tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<ClientId>,
}

/// Who has the slot of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The link's own request: the link may work.
    Own,
    /// A later request: the link is dead.
    Others,
    /// Nobody: a link of the slot was used.
    Closed,
}

#[derive(Serialize, Deserialize)]
struct SlotRow {
    token_hash: String,
    request_id: MessageId,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
}

/// A later request has the slot, or a link of this request was used: the link would have been dead from the start and
/// was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded;

/// A notice that is sent once an hour, and the message that is the one.
#[derive(Serialize)]
struct HourRow {
    token_hash: String,
    request_id: MessageId,
    expires_at: Timestamp,
}

/// For how long a notice of the same kind, account, address and browser is not sent again.
const NOTICE_INTERVAL: Duration = Duration::from_hours(1);

/// What the slot of an account and address has in the place of a token's hash.
fn slot_name(id: &AccountId, address: &EmailAddress) -> String {
    format!("slot#{}#{}", id.as_str(), address.canonical())
}

/// The key of the slot of the sign-in links that an account gets at an address.
pub(super) fn slot_key(id: &AccountId, address: &EmailAddress) -> Item {
    key([("token_hash", &*slot_name(id, address))])
}

pub(super) fn link_key(hash: &TokenHash) -> Item {
    key([("token_hash", hash.as_str())])
}

impl Store {
    /// Finds a link of this purpose, consistently. One of another purpose is unknown.
    pub async fn find_link(&self, hash: &TokenHash, purpose: Purpose) -> Result<Option<Link>, StoreError> {
        let row: Option<Row> = self.find_link_row(hash, purpose).await?;
        Ok(row.map(|row| Link {
            token_hash: row.token_hash,
            purpose: row.purpose,
            account_id: row.account_id,
            address: row.address,
            request: row.request_id,
            generation: row.generation,
            expires_at: row.expires_at,
            spent_at: row.spent_at,
            tries: row.tries,
            client: row.client_id,
        }))
    }

    /// Finds the row of a link of this purpose; the purpose determines its shape.
    pub(super) async fn find_link_row<R: DeserializeOwned>(
        &self,
        hash: &TokenHash,
        purpose: Purpose,
    ) -> Result<Option<R>, StoreError> {
        let item = self.get_item(&self.tables.links, link_key(hash)).await.context("read a link")?;
        let item = item.filter(|item| item.get("purpose") == Some(&text(purpose.as_str())));
        row(item).context("read a link")
    }

    /// Who has the slot of a sign-in link, read consistently.
    pub async fn find_slot(&self, link: &Link) -> Result<Slot, StoreError> {
        let slot: Option<SlotRow> = self
            .get(&self.tables.links, slot_key(&link.account_id, &link.address))
            .await
            .context("read a link's slot")?;
        Ok(match slot.filter(|slot| slot.closed_at.is_none()) {
            None => Slot::Closed,
            Some(slot) if slot.request_id == link.request => Slot::Own,
            Some(_) => Slot::Others,
        })
    }

    /// Takes the hour of a notice for this message, under all of its keys or none. Keys: one item for each. The conditions
    /// are false when another message has taken one of them within the hour.
    pub async fn take_hour(
        &self,
        keys: &[HourlyKey],
        id: &MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::new("take the hour of a notice");
        for key in keys {
            let row = HourRow {
                token_hash: format!("hour#{}", key.as_str()),
                request_id: id.clone(),
                expires_at: now + NOTICE_INTERVAL,
            };
            let put = Write::put(&self.tables.links, &row)?
                .when("attribute_not_exists(token_hash) OR expires_at <= :now OR request_id = :id")
                .value(":now", number(now.unix_seconds()))
                .value(":id", text(id.as_str()));
            tx.add(put);
        }
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Creates a confirmation link. Key: the link. One that exists stays as it is.
    pub async fn create_confirmation_link(&self, link: &Link) -> Result<(), StoreError> {
        self.write(self.create_link(link)?).await.context("keep a confirmation link")?;
        Ok(())
    }

    /// Creates a sign-in link and takes the slot for it. Key: the slot. The condition is false when a later request has
    /// it, or a link of this request was used.
    pub async fn create_sign_in_link(&self, link: &Link) -> Result<Result<(), Superseded>, StoreError> {
        let slot = SlotRow {
            token_hash: slot_name(&link.account_id, &link.address),
            request_id: link.request.clone(),
            expires_at: link.expires_at,
            closed_at: None,
        };
        let take_slot = Write::put(&self.tables.links, &slot)?
            .when(
                "attribute_not_exists(token_hash) OR request_id < :request \
                 OR (request_id = :request AND attribute_not_exists(closed_at))",
            )
            .value(":request", text(link.request.as_str()));
        let mut tx = Transaction::new("keep a sign-in link");
        tx.add(self.create_link(link)?);
        tx.add(take_slot);
        Ok(tx.commit(self).await?.map_err(|_| Superseded))
    }

    /// Key: the link. The condition is false when it exists.
    fn create_link(&self, link: &Link) -> Result<Write, StoreError> {
        let row = Row {
            token_hash: link.token_hash.clone(),
            purpose: link.purpose,
            account_id: link.account_id.clone(),
            address: link.address.clone(),
            request_id: link.request.clone(),
            generation: link.generation,
            expires_at: link.expires_at,
            spent_at: link.spent_at,
            tries: link.tries,
            client_id: link.client.clone(),
        };
        Ok(Write::put(&self.tables.links, &row)?.when("attribute_not_exists(token_hash)"))
    }

    /// Counts an attempt at the link's code, before the code is compared: however many requests come at once, no more
    /// codes are compared than there are attempts. Key: the link. Returns how many attempts were counted so far; nothing
    /// when none was left, or the link is dead.
    pub async fn record_code_attempt(&self, link: &Link, now: Timestamp) -> Result<Option<u32>, StoreError> {
        let count = Write::update(&self.tables.links, link_key(&link.token_hash), "ADD tries :one")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now AND tries < :most")
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1))
            .value(":most", number(MAX_CODE_ATTEMPTS));
        let row: Option<Row> = self.update(count).await.context("take a try of a link")?;
        Ok(row.map(|row| row.tries))
    }

    /// Key: the link. The condition is false when it was used, has expired, or was locked by wrong codes. A right code
    /// has counted an attempt of its own, so for it the last attempt is allowed too.
    pub(super) fn spend_link(&self, link: &Link, authorization: LinkAuthorization, now: Timestamp) -> Write {
        let most = match authorization {
            LinkAuthorization::SameBrowser => MAX_CODE_ATTEMPTS - 1,
            LinkAuthorization::Code => MAX_CODE_ATTEMPTS,
        };
        Write::update(&self.tables.links, link_key(&link.token_hash), "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now AND tries <= :most")
            .value(":now", number(now.unix_seconds()))
            .value(":most", number(most))
    }

    /// Key: the slot. The condition is false when a later request has it, or a link of it was used. The item stays until
    /// all links of the request have expired, so that no older link can take the slot again.
    pub(super) fn close_slot(&self, link: &Link, now: Timestamp) -> Write {
        Write::update(&self.tables.links, slot_key(&link.account_id, &link.address), "SET closed_at = :now")
            .when("request_id = :request AND attribute_not_exists(closed_at)")
            .value(":request", text(link.request.as_str()))
            .value(":now", number(now.unix_seconds()))
    }
}
