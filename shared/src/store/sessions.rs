//! The table of sessions, by the hash of the cookie's secret.
use serde::{Deserialize, Serialize};

use super::accounts::{BACKUP, FORMER, PRIMARY, PROFILE};
use super::limits::Admission;
use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use crate::domain::session::IDLE_LIFETIME;
use crate::domain::{
    AccountId, Door, EmailAddress, Link, MailRequest, MessageId, Notice, PasswordTry, Proof, Session,
    SignInMethod, Source, Timestamp, TokenHash,
};

#[derive(Serialize, Deserialize)]
struct Row {
    session_hash: TokenHash,
    account_id: AccountId,
    how: SignInMethod,
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
    pub password: (&'a PasswordTry, &'a Admission),
    /// Where the backup email stood in the identifier's place: the address, and the key of the notice.
    pub backup_used: Option<(&'a EmailAddress, &'a MessageId)>,
    /// Where the request came from, for the notice.
    pub source: &'a Source,
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
    pub proof: Proof,
    /// Which of the account's addresses it was mailed to.
    pub door: Door,
    /// The key of the notice, for the backup email.
    pub notice_id: &'a MessageId,
    /// Where the request came from, for the notice.
    pub source: &'a Source,
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

    /// Opens a session for a right password, ends the browser's former one, settles its counts and, where the
    /// backup email was used, asks for the notice. All or nothing.
    pub async fn open_session_with_password(
        &self,
        sign_in: PasswordSignIn<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const DOING: &str = "open a session";
        let (password, admission) = sign_in.password;
        let mut writes = vec![self.opening(sign_in.session)?];
        writes.extend(self.settling(password, admission, now)?);
        writes.extend(sign_in.former.map(|former| self.ending(former)));
        if let Some((address, notice_id)) = sign_in.backup_used {
            writes.push(self.telling_of_use(
                &sign_in.session.account_id,
                address,
                notice_id,
                sign_in.source,
                now,
            )?);
        }
        let outcome = self.transact(DOING, writes).await?;
        outcome.map_err(|_| StoreError::new(DOING, "a session of that hash exists"))
    }

    /// Spends a link and opens a session for it, ends the browser's former one and, for the backup email, asks for
    /// the notice. All or nothing: of a hundred openings of one link one succeeds. False when the link was dead by
    /// then (used, expired, replaced, taken back) or its address no longer the account's.
    pub async fn open_session_with_link(
        &self,
        sign_in: LinkSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let LinkSignIn { session, former, link, proof, door, notice_id, source } = sign_in;
        let mut writes = vec![
            self.spending(link, proof, now),
            self.closing_slot(link, now),
            self.honouring(link),
            self.opening_door(link, door, now),
            self.opening(session)?,
        ];
        writes.extend(former.map(|former| self.ending(former)));
        if door != Door::Primary {
            writes.push(self.telling_of_use(&link.account_id, &link.address, notice_id, source, now)?);
        }
        Ok(self.transact("open a session through a link", writes).await?.is_ok())
    }

    /// Ends a session; one that is not there has ended.
    pub async fn end_session(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.write("end a session", self.ending(hash)).await.map(|_| ())
    }

    /// Key: the record of the address. The condition is false when it is not the account's any more, is held, or was
    /// in force until now only.
    fn opening_door(&self, link: &Link, door: Door, now: Timestamp) -> Write {
        let (record, condition) = match door {
            Door::Primary => (PRIMARY, "email = :email"),
            Door::Backup => {
                (BACKUP, "email = :email AND (attribute_not_exists(usable_from) OR usable_from <= :now)")
            }
            Door::Former => (FORMER, "email = :email AND in_force_until > :now"),
        };
        let check = Write::check(&self.tables.accounts, Self::account_key(&link.account_id, record))
            .when(condition)
            .value(":email", text(link.address.canonical()));
        if door == Door::Primary { check } else { check.value(":now", number(now.unix_seconds())) }
    }

    /// Key: the profile. The condition is false when links asked for that early were taken back with the sessions.
    fn honouring(&self, link: &Link) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(&link.account_id, PROFILE))
            .when("sessions_valid_from <= :asked_at")
            .value(":asked_at", number(link.asked_at().unix_seconds()))
    }

    fn opening(&self, session: &Session) -> Result<Write, StoreError> {
        let put = Write::put(&self.tables.sessions, &Row::from(session))?;
        Ok(put.when("attribute_not_exists(session_hash)"))
    }

    fn ending(&self, hash: &TokenHash) -> Write {
        Write::delete(&self.tables.sessions, key([("session_hash", hash.as_str())]))
    }

    fn telling_of_use(
        &self,
        account: &AccountId,
        address: &EmailAddress,
        notice_id: &MessageId,
        source: &Source,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let notice = Notice::BackupUsed { address: address.clone() };
        let (account_id, source) = (account.clone(), source.clone());
        self.queueing(notice_id, MailRequest::Notice { account_id, notice, source }, now)
    }
}
