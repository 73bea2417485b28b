//! The table of sessions, by the hash of the cookie's secret.
use serde::{Deserialize, Serialize};

use super::accounts::{BACKUP, FORMER, PRIMARY};
use super::limits::{Counted, RateLimitDecision};
use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::session::{ABSOLUTE_LIFETIME, IDLE_LIFETIME, valid_after_ending_all};
use domain::{
    Account, AccountId, ClientInfo, EmailAddress, EmailRequest, Link, LinkAuthorization, MessageId, Notice,
    PasswordAttempt, Session, SignInEmail, SignInMethod, Timestamp, TokenHash,
};

/// The newest sessions of an account that one list looks at; no person has more that live.
const MOST_LISTED: i32 = 100;

#[derive(Serialize, Deserialize)]
struct Row {
    session_hash: TokenHash,
    account_id: AccountId,
    how: SignInMethod,
    /// Sessions from before it was kept have none.
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
    /// The session this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The try that was right, and how it was let in.
    pub password: (&'a PasswordAttempt, &'a RateLimitDecision),
    /// Where the backup email stood in the identifier's place: the address, and the key of the notice.
    pub backup_used: Option<(&'a EmailAddress, &'a MessageId)>,
}

/// What a sign-in through a link writes.
#[derive(Debug, Clone, Copy)]
pub struct LinkSignIn<'a> {
    /// The new session.
    pub session: &'a Session,
    /// The session this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The link.
    pub link: &'a Link,
    /// How the browser showed that it may use it.
    pub authorization: LinkAuthorization,
    /// Which of the account's addresses it was mailed to.
    pub sign_in_email: SignInEmail,
    /// The key of the notice, for the backup email.
    pub notice_id: &'a MessageId,
}

impl Counted<'_> {
    /// Opens a session for a right password, ends the browser's former one, settles its counts and, where the
    /// backup email was used, asks for the notice. All or nothing. False when the account was disabled, or all its
    /// sessions ended, since it was read.
    pub async fn open_session_with_password(
        &self,
        sign_in: PasswordSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let session = sign_in.session;
        let (password, decision) = sign_in.password;
        let mut writes = vec![
            self.store.check_session_valid(&session.account_id, session.created_at),
            self.store.opening(session)?,
        ];
        writes.extend(self.record_success(password, decision, now)?);
        writes.extend(sign_in.former.map(|former| self.store.ending(former)));
        if let Some((address, notice_id)) = sign_in.backup_used {
            writes.push(self.store.enqueue_use_notice(
                &session.account_id,
                address,
                notice_id,
                &session.source,
                now,
            )?);
        }
        Ok(self.store.transact("open a session", writes).await?.is_ok())
    }
}

impl Store {
    /// Finds a living session and notes that it was seen, in one write. Key: the session. The condition holds its
    /// absolute and its idle end (ASVS 5.0 V7.3); expired or unknown, there is none.
    pub async fn touch_session(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        const DOING: &str = "find a session";
        let touch = Write::update(
            &self.tables.sessions,
            key([("session_hash", hash.as_str())]),
            "SET seen_at = :now",
        )
        .when("expires_at > :now AND seen_at > :idle")
        .value(":now", number(now.unix_seconds()))
        .value(":idle", number((now - IDLE_LIFETIME).unix_seconds()));
        let row: Option<Row> = self
            .write(DOING, touch)
            .await?
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(|error| StoreError::new(DOING, error))?;
        Ok(row.map(Session::from))
    }

    /// Spends a link and opens a session for it, ends the browser's former one and, for the backup email, asks for
    /// the notice. All or nothing: of a hundred openings of one link one succeeds. False when the link was dead by
    /// then (used, expired, replaced, taken back), its address no longer the account's, or the account disabled.
    pub async fn open_session_with_link(
        &self,
        sign_in: LinkSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let LinkSignIn { session, former, link, authorization, sign_in_email, notice_id } = sign_in;
        let mut writes = vec![
            self.spend_link(link, authorization, now),
            self.close_slot(link, now),
            self.check_session_valid(&link.account_id, link.requested_at()),
            self.check_sign_in_email(link, sign_in_email, now),
            self.opening(session)?,
        ];
        writes.extend(former.map(|former| self.ending(former)));
        if sign_in_email != SignInEmail::Primary {
            writes.push(self.enqueue_use_notice(
                &link.account_id,
                &link.address,
                notice_id,
                &session.source,
                now,
            )?);
        }
        Ok(self.transact("open a session through a link", writes).await?.is_ok())
    }

    /// Ends a session; one that is not there has ended.
    pub async fn end_session(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.write("end a session", self.ending(hash)).await.map(|_| ())
    }

    /// Key: the record of the address. The condition is false when it is not the account's any more, is held, or was
    /// in force until now only.
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

    /// The living sessions of an account, the newest first, whatever their number as far as one list goes. The
    /// index lags: one that has just begun or ended may be told wrongly for a moment.
    pub async fn list_sessions(&self, account: &Account, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        const DOING: &str = "list an account's sessions";
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
            .limit(MOST_LISTED);
        let answer = call.send().await.map_err(|error| StoreError::new(DOING, error))?;
        let rows: Vec<Row> = serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| StoreError::new(DOING, error))?;
        Ok(rows.into_iter().map(Session::from).collect())
    }

    /// Ends one session of an account. Key: the session. False when there is none of that hash, and just so when it
    /// is another account's (ASVS 5.0 V8.2.2).
    pub async fn end_session_of(&self, id: &AccountId, hash: &TokenHash) -> Result<bool, StoreError> {
        let ending = self.ending(hash).when("account_id = :me").value(":me", text(id.as_str()));
        // A transaction of one, so that a lost answer is not followed by "no such session".
        Ok(self.transact("end a session of an account", vec![ending]).await?.is_ok())
    }

    /// Ends all sessions of an account but one, which goes on under another secret. The profile says which sessions
    /// count, so that one the index does not show yet ends too. All or nothing; false when the session itself has
    /// ended by then.
    pub async fn end_other_sessions(
        &self,
        account: &Account,
        session: &Session,
        renewed: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let begins = valid_after_ending_all(account, now);
        let renewed = session.renewed(renewed.clone(), begins);
        let writes = vec![
            self.ending_all(&account.id, session.created_at, begins),
            self.opening(&renewed)?,
            self.ending(&session.hash).when("attribute_exists(session_hash)"),
        ];
        Ok(self.transact("end all other sessions", writes).await?.is_ok())
    }

    fn opening(&self, session: &Session) -> Result<Write, StoreError> {
        let put = Write::put(&self.tables.sessions, &Row::from(session))?;
        Ok(put.when("attribute_not_exists(session_hash)"))
    }

    fn ending(&self, hash: &TokenHash) -> Write {
        Write::delete(&self.tables.sessions, key([("session_hash", hash.as_str())]))
    }

    fn enqueue_use_notice(
        &self,
        account: &AccountId,
        address: &EmailAddress,
        notice_id: &MessageId,
        source: &ClientInfo,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let notice = Notice::BackupUsed { address: address.clone() };
        let (account_id, source) = (account.clone(), source.clone());
        self.enqueue(notice_id, EmailRequest::Notice { account_id, notice, source }, now)
    }
}
