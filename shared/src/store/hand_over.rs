//! Links that hand people over, in the table of links, and the sessions that they open. The keys of these items begin with
//! `hand-over#`, so that a permission can name them alone: who makes them makes no other links.
use aws_sdk_dynamodb::types::Select;
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::limits::Counted;
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::oidc::{ClientId, RedirectUri};
use domain::{
    Account, AccountId, Generation, HandOver, Limit, MessageId, Session, Timestamp, TokenHash, WayBack,
};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: String,
    account_id: AccountId,
    generation: Generation,
    client_id: ClientId,
    return_to: RedirectUri,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_in_at: Option<Timestamp>,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
}

impl Row {
    fn into_link(self, hash: &TokenHash) -> HandOver {
        HandOver {
            token_hash: hash.clone(),
            account_id: self.account_id,
            generation: self.generation,
            client: self.client_id,
            return_to: self.return_to,
            signed_in_at: self.signed_in_at,
            expires_at: self.expires_at,
            spent_at: self.spent_at,
        }
    }
}

/// A client as a search for its addresses reads it. No secret is read.
#[derive(Deserialize)]
struct Registered {
    client_id: ClientId,
    created_at: Timestamp,
}

/// What the button of a hand-over writes.
#[derive(Debug, Clone, Copy)]
pub struct HandOverSignIn<'a> {
    /// The link.
    pub link: &'a HandOver,
    /// The account, as last read.
    pub account: &'a Account,
    /// The new session.
    pub session: &'a Session,
    /// The session that this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The key of its entry in the log.
    pub entry_id: &'a MessageId,
}

/// Why a hand-over opened no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOverRefused {
    /// The link was used, or has expired.
    LinkDead,
    /// The account was disabled, or all its sessions ended, since the link was made.
    AccountEnded,
    /// The account was handed over too often.
    LimitReached(Limit),
}

/// The key of a link in the attribute `token_hash`.
fn link_name(hash: &TokenHash) -> String {
    format!("hand-over#{}", hash.as_str())
}

fn link_key(hash: &TokenHash) -> Item {
    key([("token_hash", &*link_name(hash))])
}

impl Store {
    /// Finds the client that has registered this address to return to, letter by letter; of several the oldest. Reads the
    /// whole table consistently, which has a row for each product, and of the clients found no secret.
    pub async fn find_way_back(&self, asked: &str) -> Result<Option<WayBack>, StoreError> {
        const DOING: &str = "find the client of an address";
        let Ok(location) = RedirectUri::parse(asked) else { return Ok(None) };
        let call = self.dynamodb.scan().table_name(self.clients_table()?).consistent_read(true);
        // Named, because the permission asks for it.
        let call = call
            .select(Select::SpecificAttributes)
            .projection_expression("client_id, created_at")
            .filter_expression("contains(return_uris, :asked)")
            .expression_attribute_values(":asked", text(asked));
        let (mut found, mut start): (Vec<Registered>, _) = (Vec::new(), None);
        loop {
            let answer = call.clone().set_exclusive_start_key(start).send().await.context(DOING)?;
            let rows: Vec<Registered> =
                serde_dynamo::from_items(answer.items.unwrap_or_default()).context(DOING)?;
            found.extend(rows);
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let oldest = found
            .into_iter()
            .min_by_key(|client| (client.created_at, String::from(client.client_id.clone())));
        Ok(oldest.map(|client| WayBack { client: client.client_id, location }))
    }

    /// Creates a link. Key: the link. One that exists stays as it is.
    pub async fn create_hand_over(&self, link: &HandOver) -> Result<(), StoreError> {
        let row = Row {
            token_hash: link_name(&link.token_hash),
            account_id: link.account_id.clone(),
            generation: link.generation,
            client_id: link.client.clone(),
            return_to: link.return_to.clone(),
            signed_in_at: link.signed_in_at,
            expires_at: link.expires_at,
            spent_at: link.spent_at,
        };
        let put = Write::put(&self.tables.links, &row)?.when("attribute_not_exists(token_hash)");
        self.write(put).await.context("keep a link that hands a person over")?;
        Ok(())
    }

    /// Finds a link, consistently.
    pub async fn find_hand_over(&self, hash: &TokenHash) -> Result<Option<HandOver>, StoreError> {
        let row: Option<Row> =
            self.get(&self.tables.links, link_key(hash)).await.context("read a link that hands over")?;
        Ok(row.map(|row| row.into_link(hash)))
    }

    /// Key: the link. The condition is false when it was used or has expired.
    fn spend_hand_over(&self, link: &HandOver, now: Timestamp) -> Write {
        Write::update(&self.tables.links, link_key(&link.token_hash), "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND expires_at >= :now")
            .value(":now", number(now.unix_seconds()))
    }
}

impl Counted<'_> {
    /// Spends a link, opens its session, ends the browser's former one, counts the hand-over and logs it. All or nothing: if one
    /// link is opened a hundred times at once, one succeeds. Nobody has shown a mailbox or a password here, so failed passwords
    /// stay counted, and no address counts as read.
    pub async fn open_session_with_hand_over(
        &self,
        sign_in: HandOverSignIn<'_>,
        now: Timestamp,
    ) -> Result<Result<(), HandOverRefused>, StoreError> {
        let HandOverSignIn { link, account, session, former, entry_id } = sign_in;
        let store = self.store;
        let mut tx = Transaction::new("open a session for a person who was handed over");
        let spent = tx.add(store.spend_hand_over(link, now));
        let current = tx.add(store.check_generation(&link.account_id, link.generation));
        tx.add(store.create_session(session)?);
        let limit = Limit::hand_overs(&link.account_id);
        let counted = tx.add_all(self.count_attempt(&limit, now));
        if let Some(former) = former {
            tx.add(store.delete_session(former));
        }
        store.log_sign_in(&mut tx, (account, session), entry_id, now)?;
        Ok(match tx.commit(store).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(spent) => Err(HandOverRefused::LinkDead),
            Err(failed) if failed.at(current) => Err(HandOverRefused::AccountEnded),
            Err(failed) if failed.at_any(&counted) => Err(HandOverRefused::LimitReached(limit)),
            Err(_) => Err(HandOverRefused::LinkDead),
        })
    }
}
