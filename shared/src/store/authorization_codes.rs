//! Authorization codes, in the table of links: items whose key begins with `code#`, so that a permission for links can leave
//! them out and one for codes can name them alone.
//!
//! The item of a code is what its tokens depend on. It stays for as long as they may work, so that a second use of the code
//! is recognised until then, and ends them (RFC 6749, section 4.1.2). An access token names its code by the hash, and a
//! function that accepts one reads the item ([`Store::find_grant`]).
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::sessions::{Stored, session_key};
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::oidc::{ACCESS_TOKEN_LIFETIME, Authentication, ClientId, CodeChallenge, IssuedCode, Scopes};
use domain::session::IDLE_LIFETIME;
use domain::{AccountId, Generation, Session, Timestamp, TokenHash};

#[derive(Serialize, Deserialize)]
struct Row {
    token_hash: String,
    code_hash: TokenHash,
    client_id: ClientId,
    redirect_uri: String,
    code_challenge: CodeChallenge,
    account_id: AccountId,
    session_hash: TokenHash,
    generation: Generation,
    scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    authentication: Authentication,
    issued_at: Timestamp,
    /// The last second in which the code works.
    redeemable_until: Timestamp,
    /// The last second in which a token of it may work; then DynamoDB deletes the item.
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent_at: Option<Timestamp>,
    /// When it was used once more, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replayed_at: Option<Timestamp>,
}

impl From<&IssuedCode> for Row {
    fn from(code: &IssuedCode) -> Self {
        Self {
            token_hash: code_name(&code.hash),
            code_hash: code.hash.clone(),
            client_id: code.client.clone(),
            redirect_uri: code.redirect_uri.clone(),
            code_challenge: code.code_challenge.clone(),
            account_id: code.account_id.clone(),
            session_hash: code.session.clone(),
            generation: code.generation,
            scopes: code.scopes,
            nonce: code.nonce.clone(),
            authentication: code.authentication,
            issued_at: code.issued_at,
            redeemable_until: code.expires_at,
            expires_at: code.expires_at + ACCESS_TOKEN_LIFETIME,
            spent_at: None,
            replayed_at: None,
        }
    }
}

impl From<Row> for IssuedCode {
    fn from(row: Row) -> Self {
        Self {
            hash: row.code_hash,
            client: row.client_id,
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            account_id: row.account_id,
            session: row.session_hash,
            generation: row.generation,
            scopes: row.scopes,
            nonce: row.nonce,
            authentication: row.authentication,
            issued_at: row.issued_at,
            expires_at: row.redeemable_until,
        }
    }
}

/// Why a code gave no tokens. The texts are for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRedeemed {
    /// It was redeemed before. What that gave has ended.
    #[error("the code was redeemed before")]
    Replayed,
    /// Its lifetime is over, or it does not exist.
    #[error("the code has expired")]
    Expired,
    /// The session that it was made in has ended, or its account is disabled.
    #[error("the session has ended in which the code was given")]
    SessionEnded,
}

/// The key of a code in the attribute `token_hash`.
fn code_name(hash: &TokenHash) -> String {
    format!("code#{}", hash.as_str())
}

fn code_key(hash: &TokenHash) -> Item {
    key([("token_hash", &*code_name(hash))])
}

impl Store {
    /// Creates a code. Key: the code. One that exists stays as it is.
    pub async fn create_code(&self, code: &IssuedCode) -> Result<(), StoreError> {
        let put = Write::put(&self.tables.links, &Row::from(code))?;
        self.write(put.when("attribute_not_exists(token_hash)")).await.context("keep a code")?;
        Ok(())
    }

    /// Finds a code, consistently, also one that was redeemed or has expired: [`Store::redeem_code`] decides.
    pub async fn find_code(&self, hash: &TokenHash) -> Result<Option<IssuedCode>, StoreError> {
        Ok(self.find_code_row(hash).await?.map(IssuedCode::from))
    }

    async fn find_code_row(&self, hash: &TokenHash) -> Result<Option<Row>, StoreError> {
        self.get(&self.tables.links, code_key(hash)).await.context("read a code")
    }

    /// Redeems a code for a client that may have its tokens. Keys: the code, its session, the profile of its account. All or
    /// nothing: if a code is redeemed a hundred times at once, one succeeds. When it was redeemed before, it is marked as
    /// replayed, so that what that gave ends. DynamoDB recognises a retry, so that a lost answer is no second use.
    pub async fn redeem_code(
        &self,
        code: &IssuedCode,
        now: Timestamp,
    ) -> Result<Result<(), NotRedeemed>, StoreError> {
        let mut tx = Transaction::new("redeem a code");
        let spent = tx.add(self.spend_code(code, now));
        tx.add(self.check_session(code));
        tx.add(self.check_generation(&code.account_id, code.generation));
        let Err(failed) = tx.commit(self).await? else { return Ok(Ok(())) };
        if !failed.at(spent) {
            return Ok(Err(NotRedeemed::SessionEnded));
        }
        let replayed = self.write(self.mark_replayed(code, now)).await.context("end what a code gave")?;
        Ok(Err(if replayed { NotRedeemed::Replayed } else { NotRedeemed::Expired }))
    }

    /// Key: the code. The condition is false when it was redeemed, has expired, or does not exist.
    fn spend_code(&self, code: &IssuedCode, now: Timestamp) -> Write {
        Write::update(&self.tables.links, code_key(&code.hash), "SET spent_at = :now")
            .when("attribute_not_exists(spent_at) AND redeemable_until >= :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the code. The condition is false when it was not redeemed.
    fn mark_replayed(&self, code: &IssuedCode, now: Timestamp) -> Write {
        Write::update(&self.tables.links, code_key(&code.hash), "SET replayed_at = :now")
            .when("attribute_exists(spent_at)")
            .value(":now", number(now.unix_seconds()))
    }

    /// Key: the session. The condition is false when it has ended, is in another generation, or is another account's.
    fn check_session(&self, code: &IssuedCode) -> Write {
        Write::check(&self.tables.sessions, session_key(&code.session))
            .when("generation = :generation AND account_id = :account")
            .value(":generation", number(code.generation.number()))
            .value(":account", text(code.account_id.as_str()))
    }

    /// What an access token still gives: the code that it was made for, by the hash that it names. Read consistently. Nothing
    /// when the code was not redeemed, was used a second time, or its tokens have expired. The token ends with its session and
    /// its account's generation too; [`Store::find_session`] finds the one, and the account is read for the answer anyway.
    pub async fn find_grant(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<IssuedCode>, StoreError> {
        let row = self.find_code_row(hash).await?;
        let gives = |row: &Row| {
            row.replayed_at.is_none()
                && row.spent_at.is_some_and(|spent| now <= spent + ACCESS_TOKEN_LIFETIME)
        };
        Ok(row.filter(gives).map(IssuedCode::from))
    }

    /// Finds a valid session, consistently, without a record that it was seen: a product asks, and its person may be gone.
    pub async fn find_session(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let stored: Option<Stored> =
            self.get(&self.tables.sessions, session_key(hash)).await.context("read a session")?;
        let session = stored.and_then(Stored::into_session);
        Ok(session.filter(|session| session.expires_at > now && session.seen_at > now - IDLE_LIFETIME))
    }
}
