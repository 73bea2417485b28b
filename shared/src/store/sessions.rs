//! The table of sessions, by the hash of the cookie's token.
use serde::{Deserialize, Serialize};

use super::accounts::{BACKUP, FORMER, PRIMARY};
use super::error::Context;
use super::limits::{Counted, RateLimitDecision};
use super::read::{Found, query_pages};
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::session::{ABSOLUTE_LIFETIME, IDLE_LIFETIME, valid_after_ending_all};
use domain::{
    Account, AccountId, ClientInfo, EmailAddress, EmailRequest, Link, LinkAuthorization, MessageId, Notice,
    PasswordAttempt, Session, SignInEmail, SignInMethod, Timestamp, TokenHash,
};

/// Rows that one call for a list reads, valid or not.
const PAGE_ROWS: i32 = 100;

/// Calls that one list makes. Sessions that idle stay in the index for sixteen days more, and somebody who has the password
/// can make many.
const MOST_PAGES: usize = 10;

#[derive(Serialize, Deserialize)]
struct Row {
    session_hash: TokenHash,
    account_id: AccountId,
    how: SignInMethod,
    /// Sessions that began before it was stored have none.
    #[serde(default)]
    source: ClientInfo,
    created_at: Timestamp,
    seen_at: Timestamp,
    authenticated_at: Timestamp,
    expires_at: Timestamp,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            hash: row.session_hash,
            account_id: row.account_id,
            method: row.how,
            source: row.source,
            created_at: row.created_at,
            seen_at: row.seen_at,
            authenticated_at: row.authenticated_at,
            expires_at: row.expires_at,
        }
    }
}

impl From<&Session> for Row {
    fn from(session: &Session) -> Self {
        Self {
            session_hash: session.hash.clone(),
            account_id: session.account_id.clone(),
            how: session.method,
            source: session.source.clone(),
            created_at: session.created_at,
            seen_at: session.seen_at,
            authenticated_at: session.authenticated_at,
            expires_at: session.expires_at,
        }
    }
}

/// What a sign-in with a password writes.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSignIn<'a> {
    /// The new session.
    pub session: &'a Session,
    /// The session that this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The successful attempt, and why it was allowed.
    pub password: (&'a PasswordAttempt, &'a RateLimitDecision),
    /// If the backup email was typed as the identifier: the address, and the key of the notice.
    pub backup_used: Option<(&'a EmailAddress, &'a MessageId)>,
}

/// What a sign-in through a link writes.
#[derive(Debug, Clone, Copy)]
pub struct LinkSignIn<'a> {
    /// The new session.
    pub session: &'a Session,
    /// The session that this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The link.
    pub link: &'a Link,
    /// How the browser was authorized to use it.
    pub authorization: LinkAuthorization,
    /// Which of the account's addresses it was sent to.
    pub sign_in_email: SignInEmail,
    /// The key of the notice, which is sent unless that is the primary.
    pub notice_id: &'a MessageId,
}

fn session_key(hash: &TokenHash) -> Item {
    key([("session_hash", hash.as_str())])
}

impl Counted<'_> {
    /// Opens a session for a right password, ends the browser's former one, updates the counts and, if the backup email
    /// was used, queues the notice. All or nothing. False when the account was disabled, or all its sessions ended,
    /// since it was read.
    pub async fn open_session_with_password(
        &self,
        sign_in: PasswordSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let session = sign_in.session;
        let (password, decision) = sign_in.password;
        let mut tx = Transaction::new("open a session");
        tx.add(self.store.check_session_valid(&session.account_id, session.created_at));
        tx.add(self.store.create_session(session)?);
        self.record_success(&mut tx, password, decision, now);
        if let Some(former) = sign_in.former {
            tx.add(self.store.delete_session(former));
        }
        if let Some((address, notice_id)) = sign_in.backup_used {
            tx.add(self.store.enqueue_use_notice(session, address, notice_id, now)?);
        }
        Ok(tx.commit(self.store).await?.is_ok())
    }
}

impl Store {
    /// Finds a valid session and records that it was seen, in one write. Key: the session. The condition contains its
    /// absolute and its idle end (ASVS 5.0 V7.3). Returns nothing for an expired or unknown session.
    pub async fn touch_session(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let touch = Write::update(&self.tables.sessions, session_key(hash), "SET seen_at = :now")
            .when("expires_at > :now AND seen_at > :idle")
            .value(":now", number(now.unix_seconds()))
            .value(":idle", number((now - IDLE_LIFETIME).unix_seconds()));
        let row: Option<Row> = self.update(touch).await.context("find a session")?;
        Ok(row.map(Session::from))
    }

    /// Spends a link and opens a session for it, ends the browser's former one and, unless the primary email was used,
    /// queues the notice. All or nothing: if one link is opened a hundred times at once, one succeeds. False when the
    /// link was dead by then (used, expired, replaced, undone), its address no longer the account's, or the account
    /// disabled.
    pub async fn open_session_with_link(
        &self,
        sign_in: LinkSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let LinkSignIn { session, former, link, authorization, sign_in_email, notice_id } = sign_in;
        let mut tx = Transaction::new("open a session through a link");
        tx.add(self.spend_link(link, authorization, now));
        tx.add(self.close_slot(link, now));
        tx.add(self.check_session_valid(&link.account_id, link.requested_at()));
        tx.add(self.check_sign_in_email(link, sign_in_email, now));
        tx.add(self.create_session(session)?);
        if let Some(former) = former {
            tx.add(self.delete_session(former));
        }
        if sign_in_email != SignInEmail::Primary {
            tx.add(self.enqueue_use_notice(session, &link.address, notice_id, now)?);
        }
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Ends a session. Key: the session. One that does not exist has ended.
    pub async fn end_session(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.write(self.delete_session(hash)).await.context("end a session")?;
        Ok(())
    }

    /// Key: the record of the address. The condition is false when it is no longer the account's, its waiting period is
    /// not over, or it has expired as a former one.
    fn check_sign_in_email(&self, link: &Link, sign_in_email: SignInEmail, now: Timestamp) -> Write {
        let (record, condition) = match sign_in_email {
            SignInEmail::Primary => (PRIMARY, "email = :email"),
            SignInEmail::Backup => {
                (BACKUP, "email = :email AND (attribute_not_exists(usable_from) OR usable_from <= :now)")
            }
            SignInEmail::Former => (FORMER, "email = :email AND in_force_until > :now"),
        };
        let check = Write::check(&self.tables.accounts, Self::account_key(&link.account_id, record))
            .when(condition)
            .value(":email", text(link.address.canonical()));
        if sign_in_email == SignInEmail::Primary {
            check
        } else {
            check.value(":now", number(now.unix_seconds()))
        }
    }

    /// Lists the valid sessions of an account, the newest first, until there are `enough`. Reads `MOST_PAGES` calls of
    /// `PAGE_ROWS` at most. The index lags, so the list may be briefly stale.
    pub async fn list_sessions(
        &self,
        account: &Account,
        enough: usize,
        now: Timestamp,
    ) -> Result<Found<Session>, StoreError> {
        let oldest = account.sessions_valid_from.max(now - ABSOLUTE_LIFETIME);
        let call = self.dynamodb.query().table_name(&self.tables.sessions).index_name("account-index");
        let call = call
            .key_condition_expression("account_id = :id AND created_at >= :oldest")
            .filter_expression("expires_at > :now AND seen_at > :idle")
            .expression_attribute_values(":id", text(account.id.as_str()))
            .expression_attribute_values(":oldest", number(oldest.unix_seconds()))
            .expression_attribute_values(":now", number(now.unix_seconds()))
            .expression_attribute_values(":idle", number((now - IDLE_LIFETIME).unix_seconds()))
            .scan_index_forward(false)
            .limit(PAGE_ROWS);
        let found: Found<Row> =
            query_pages(call, enough, MOST_PAGES).await.context("list an account's sessions")?;
        let rows = found.rows.into_iter().map(Session::from).collect();
        Ok(Found { rows, complete: found.complete })
    }

    /// Ends one session of an account. Key: the session. False when it does not exist, or it is another account's (ASVS
    /// 5.0 V8.2.2).
    pub async fn end_session_of(&self, id: &AccountId, hash: &TokenHash) -> Result<bool, StoreError> {
        let delete = self.delete_session(hash).when("account_id = :me").value(":me", text(id.as_str()));
        self.write_once("end a session of an account", delete).await
    }

    /// Ends all sessions of an account but one, which continues under a new token. The profile determines which sessions
    /// are valid, so that sessions the index does not show yet end too. All or nothing. False when the session itself
    /// has ended, or the account is disabled.
    pub async fn end_other_sessions(
        &self,
        account: &Account,
        session: &Session,
        renewed: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let begins = valid_after_ending_all(account, now);
        let renewed = session.renewed(renewed.clone(), begins);
        let mut tx = Transaction::new("end all other sessions");
        tx.add(self.end_sessions_if_valid(&account.id, session.created_at, begins));
        tx.add(self.create_session(&renewed)?);
        tx.add(self.delete_session(&session.hash).when("attribute_exists(session_hash)"));
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Key: the session. The condition is false when it exists.
    fn create_session(&self, session: &Session) -> Result<Write, StoreError> {
        let put = Write::put(&self.tables.sessions, &Row::from(session))?;
        Ok(put.when("attribute_not_exists(session_hash)"))
    }

    fn delete_session(&self, hash: &TokenHash) -> Write {
        Write::delete(&self.tables.sessions, session_key(hash))
    }

    /// Queues the notice that a backup email, current or former, was used to sign in.
    fn enqueue_use_notice(
        &self,
        session: &Session,
        address: &EmailAddress,
        notice_id: &MessageId,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let notice = Notice::BackupUsed { address: address.clone() };
        let (account_id, source) = (session.account_id.clone(), session.source.clone());
        self.enqueue(notice_id, EmailRequest::Notice { account_id, notice, source }, now)
    }
}
