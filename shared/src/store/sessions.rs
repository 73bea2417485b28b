//! The table of sessions, by the hash of the cookie's token.
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::account_admin::when_current;
use super::error::Context;
use super::limits::Counted;
use super::read::{Found, query_pages};
use super::transaction::Transaction;
use super::write::{Item, Write, key, number, text};
use super::{Store, StoreError};
use domain::session::{ABSOLUTE_LIFETIME, IDLE_LIFETIME};
use domain::{
    Account, AccountEvent, AccountId, ClientInfo, CountedFor, EmailAddress, EventContext, Generation,
    HourlyKey, Limit, Link, LinkAuthorization, LogEntry, LoggedAction, MessageId, Notice, PasswordAttempt,
    Recovery, Session, SignInEmail, SignInMethod, Timestamp, TokenHash,
};

/// Rows that one call for a list reads, valid or not.
const PAGE_ROWS: i32 = 100;

/// Calls that one list makes. Sessions that idle stay in the index for sixteen days more, and somebody who has the password
/// can make many.
const MOST_PAGES: usize = 10;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    session_hash: TokenHash,
    account_id: AccountId,
    /// The condition of a session in use asks for it: sessions of earlier versions have none, and have ended.
    generation: Generation,
    how: SignInMethod,
    /// Sessions that began before it was stored have none.
    #[serde(default)]
    source: ClientInfo,
    created_at: Timestamp,
    seen_at: Timestamp,
    authenticated_at: Timestamp,
    expires_at: Timestamp,
    /// The index does not have it: it matters to the browser of the session alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Recovery>,
}

/// An item of the table. One that lacks an attribute is no session: the permission to record the use of a session also
/// lets an item be made, of its key and `seen_at`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Stored {
    Session(Box<Row>),
    Incomplete(IgnoredAny),
}

impl Stored {
    pub(super) fn into_session(self) -> Option<Session> {
        match self {
            Self::Session(row) => Some((*row).into()),
            Self::Incomplete(_) => None,
        }
    }
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            hash: row.session_hash,
            account_id: row.account_id,
            generation: row.generation,
            method: row.how,
            source: row.source,
            created_at: row.created_at,
            seen_at: row.seen_at,
            authenticated_at: row.authenticated_at,
            expires_at: row.expires_at,
            recovery: row.recovery,
        }
    }
}

impl From<&Session> for Row {
    fn from(session: &Session) -> Self {
        Self {
            session_hash: session.hash.clone(),
            account_id: session.account_id.clone(),
            generation: session.generation,
            how: session.method,
            source: session.source.clone(),
            created_at: session.created_at,
            seen_at: session.seen_at,
            authenticated_at: session.authenticated_at,
            expires_at: session.expires_at,
            recovery: session.recovery,
        }
    }
}

/// What a sign-in with a password writes.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSignIn<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// The new session.
    pub session: &'a Session,
    /// The session that this browser had before; it ends.
    pub former: Option<&'a TokenHash>,
    /// The successful attempt.
    pub attempt: &'a PasswordAttempt,
    /// The key of its entry in the log, unless an address other than the primary was used.
    pub entry_id: &'a MessageId,
    /// If another address than the primary was typed as the identifier: that it was used.
    pub used: Option<AddressUse<'a>>,
}

/// That another address than the primary was used to sign in.
#[derive(Debug, Clone, Copy)]
pub struct AddressUse<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// What the address is to it.
    pub sign_in_email: SignInEmail,
    /// The address.
    pub address: &'a EmailAddress,
    /// The keys of its notice.
    pub notice: &'a NoticeKeys,
}

/// The keys of a notice that a sign-in causes.
#[derive(Debug, Clone)]
pub struct NoticeKeys {
    /// The message.
    pub id: MessageId,
    /// Under each of these it is sent once an hour.
    pub hourly: Vec<HourlyKey>,
}

/// Why a right password opened no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInRefused {
    /// The account was disabled, or all its sessions ended, since it was read.
    AccountEnded,
    /// There is a session with this secret: the answer to a first click was on its way.
    SessionExists,
    /// The account signed in too often.
    LimitReached(Limit),
}

/// Why the other sessions were not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndingRefused {
    /// This session has ended itself.
    SessionEnded,
    /// It was done too often.
    LimitReached,
}

/// What a sign-in through a link writes.
#[derive(Debug, Clone, Copy)]
pub struct LinkSignIn<'a> {
    /// The account, as last read.
    pub account: &'a Account,
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
    /// The notice, which is sent unless that is the primary; then its id is that of the entry in the log.
    pub notice: &'a NoticeKeys,
}

pub(super) fn session_key(hash: &TokenHash) -> Item {
    key([("session_hash", hash.as_str())])
}

impl Counted<'_> {
    /// Opens a session for a right password, ends the browser's former one, updates the counts and, if the backup email
    /// was used, queues the notice. All or nothing.
    pub async fn open_session_with_password(
        &self,
        sign_in: PasswordSignIn<'_>,
        now: Timestamp,
    ) -> Result<Result<(), SignInRefused>, StoreError> {
        let session = sign_in.session;
        let mut tx = Transaction::new("open a session");
        let current = tx.add(self.store.check_generation(&session.account_id, session.generation));
        let created = tx.add(self.store.create_session(session)?);
        let limit = Limit::sign_ins(&session.account_id);
        let counted = tx.add_all(self.count_attempt(&limit, now));
        self.record_success(&mut tx, sign_in.attempt, now);
        if let Some(former) = sign_in.former {
            tx.add(self.store.delete_session(former));
        }
        match sign_in.used {
            Some(used) => self.store.record_use(&mut tx, session, used, now)?,
            None => self.store.log_sign_in(&mut tx, (sign_in.account, session), sign_in.entry_id, now)?,
        }
        Ok(match tx.commit(self.store).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(current) => Err(SignInRefused::AccountEnded),
            Err(failed) if failed.at(created) => Err(SignInRefused::SessionExists),
            Err(failed) if failed.at_any(&counted) => Err(SignInRefused::LimitReached(limit)),
            Err(_) => Err(SignInRefused::AccountEnded),
        })
    }

    /// Spends a link and opens a session for it, resets the failed passwords in a row, ends the browser's former session
    /// and, unless the primary email was used, queues the notice. All or nothing: if one link is opened a hundred times at
    /// once, one succeeds. False when the link was dead by then (used, expired, replaced, undone), its address no longer
    /// the account's, or the account disabled.
    pub async fn open_session_with_link(
        &self,
        sign_in: LinkSignIn<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let LinkSignIn { account, session, former, link, authorization, sign_in_email, notice } = sign_in;
        let store = self.store;
        let mut tx = Transaction::new("open a session through a link");
        tx.add(store.spend_link(link, authorization, now));
        tx.add(store.close_slot(link, now));
        tx.add(store.check_generation(&link.account_id, session.generation));
        tx.add(store.use_sign_in_email(account, link, sign_in_email, now));
        tx.add(store.create_session(session)?);
        tx.add_all(
            self.forget(&Limit::failed_passwords_in_a_row(&CountedFor::account(&link.account_id)), now),
        );
        if let Some(former) = former {
            tx.add(store.delete_session(former));
        }
        if sign_in_email == SignInEmail::Primary {
            store.log_sign_in(&mut tx, (account, session), &notice.id, now)?;
        } else {
            let used = AddressUse { account, sign_in_email, address: &link.address, notice };
            store.record_use(&mut tx, session, used, now)?;
        }
        Ok(tx.commit(store).await?.is_ok())
    }

    /// Ends all sessions of an account but this one, counts that towards the limit, and queues the notice. The profile
    /// determines which sessions are valid, so that sessions the index does not show yet end too. All or nothing.
    pub async fn end_other_sessions(
        &self,
        account: &Account,
        session: &Session,
        limit: &Limit,
        (event_id, source): (MessageId, ClientInfo),
        now: Timestamp,
    ) -> Result<Result<(), EndingRefused>, StoreError> {
        let id = &session.account_id;
        let end = self.store.end_generation(id, now);
        let end = when_current(end, session.generation, "attribute_exists(account_id)");
        let event = AccountEvent::without_change(event_id, Notice::SessionsEnded, now, source);
        let mut tx = Transaction::new("end all other sessions");
        let profile = tx.add(end);
        let own = tx.add(self.store.renew_session(&session.hash, session.generation));
        tx.add_all(self.count_attempt(limit, now));
        self.store.record(&mut tx, account, &event)?;
        Ok(match tx.commit(self.store).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(profile) || failed.at(own) => Err(EndingRefused::SessionEnded),
            Err(_) => Err(EndingRefused::LimitReached),
        })
    }
}

impl Store {
    /// Finds a valid session and records that it was seen, in one write. Key: the session. The condition is false for an
    /// unknown session and after the idle end (ASVS 5.0 V7.3). Returns nothing then, after the absolute end, and for a
    /// session from before generations were stored: those are no part of the condition, because a function that may name an
    /// attribute in one may also write it.
    pub async fn touch_session(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let touch = Write::update(&self.tables.sessions, session_key(hash), "SET seen_at = :now")
            .when("seen_at > :idle")
            .value(":now", number(now.unix_seconds()))
            .value(":idle", number((now - IDLE_LIFETIME).unix_seconds()));
        let stored: Option<Stored> = self.update(touch).await.context("find a session")?;
        let session = stored.and_then(Stored::into_session);
        Ok(session.filter(|session| session.expires_at > now))
    }

    /// Ends a session. Key: the session. One that does not exist has ended.
    pub async fn end_session(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.write(self.delete_session(hash)).await.context("end a session")?;
        Ok(())
    }

    /// Lists the valid sessions of an account, the newest first, until there are `enough`. Reads `MOST_PAGES` calls of
    /// `PAGE_ROWS` at most. The index lags, so the list may be briefly stale.
    pub async fn list_sessions(
        &self,
        account: &Account,
        enough: usize,
        now: Timestamp,
    ) -> Result<Found<Session>, StoreError> {
        let oldest = now - ABSOLUTE_LIFETIME;
        let call = self.dynamodb.query().table_name(&self.tables.sessions).index_name("account-index");
        let call = call
            .key_condition_expression("account_id = :id AND created_at >= :oldest")
            .filter_expression("expires_at > :now AND seen_at > :idle AND generation = :generation")
            .expression_attribute_values(":generation", number(account.generation.number()))
            .expression_attribute_values(":id", text(account.id.as_str()))
            .expression_attribute_values(":oldest", number(oldest.unix_seconds()))
            .expression_attribute_values(":now", number(now.unix_seconds()))
            .expression_attribute_values(":idle", number((now - IDLE_LIFETIME).unix_seconds()))
            .scan_index_forward(false)
            .limit(PAGE_ROWS);
        let found: Found<Stored> =
            query_pages(call, enough, MOST_PAGES).await.context("list an account's sessions")?;
        let rows = found.rows.into_iter().filter_map(Stored::into_session).collect();
        Ok(Found { rows, complete: found.complete })
    }

    /// Ends one session of an account. Key: the session. False when it does not exist, or it is another account's (ASVS
    /// 5.0 V8.2.2).
    pub async fn end_session_of(&self, id: &AccountId, hash: &TokenHash) -> Result<bool, StoreError> {
        let delete = self.delete_session(hash).when("account_id = :me").value(":me", text(id.as_str()));
        self.write_once("end a session of an account", delete).await
    }

    /// Key: the session. The condition is false when it has ended. It does not name the account: a function that may name an
    /// attribute in a condition may also write it, and could give a session to another account.
    pub(super) fn renew_session(&self, hash: &TokenHash, generation: Generation) -> Write {
        Write::update(&self.tables.sessions, session_key(hash), "SET generation = :next")
            .when("generation = :current")
            .value(":current", number(generation.number()))
            .value(":next", number(generation.next().number()))
    }

    /// Key: the session. The condition is false when it exists.
    pub(super) fn create_session(&self, session: &Session) -> Result<Write, StoreError> {
        let put = Write::put(&self.tables.sessions, &Row::from(session))?;
        Ok(put.when("attribute_not_exists(session_hash)"))
    }

    pub(super) fn delete_session(&self, hash: &TokenHash) -> Write {
        Write::delete(&self.tables.sessions, session_key(hash))
    }

    /// Keeps what the person has said about the recovery of the account. Key: the session. The condition is false when it
    /// did not begin through the backup email, or the steps were dismissed; nothing is written then.
    pub async fn note_recovery(&self, hash: &TokenHash, said: Recovery) -> Result<(), StoreError> {
        let note = Write::update(&self.tables.sessions, session_key(hash), "SET recovery = :said")
            .when("attribute_exists(recovery) AND recovery <> :dismissed")
            .value(":said", text(said.as_str()))
            .value(":dismissed", text(Recovery::Dismissed.as_str()));
        self.write(note).await.context("keep what was said about a recovery")?;
        Ok(())
    }

    /// Adds that somebody signed in without the backup email.
    pub(super) fn log_sign_in(
        &self,
        tx: &mut Transaction,
        (account, session): (&Account, &Session),
        id: &MessageId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let action = LoggedAction::SignedIn { how: session.method };
        let entry = LogEntry { id: id.clone(), action, at: now, source: session.source.clone() };
        tx.add(self.log(EventContext::of_owner(account), &entry)?);
        Ok(())
    }

    /// Adds that an address other than the primary was used to sign in.
    fn record_use(
        &self,
        tx: &mut Transaction,
        session: &Session,
        used: AddressUse<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let address = used.address.clone();
        let notice = match used.sign_in_email {
            SignInEmail::FormerPrimary => Notice::FormerPrimaryUsed { address },
            SignInEmail::Primary | SignInEmail::Backup | SignInEmail::Former => {
                Notice::BackupUsed { address }
            }
        };
        let (id, source) = (used.notice.id.clone(), session.source.clone());
        let event = AccountEvent::without_change(id, notice, now, source);
        let context = EventContext::of_sign_in(used.account, session.method);
        self.record_and_tell(tx, context, &used.account.primary_emails(), &event, &used.notice.hourly)
    }
}
