//! Passwords: setting one, and upgrading the hash of one. Both are attributes of the profile.
use super::account_admin::when_current;
use super::accounts::PROFILE;
use super::error::Context;
use super::transaction::Transaction;
use super::write::{Write, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountEvent, AccountId, ClientInfo, MessageId, Notice, PasswordHash, Session, Timestamp,
};

/// What setting a password takes.
#[derive(Debug, Clone, Copy)]
pub struct NewHash<'a> {
    /// The hash of the password.
    pub hash: &'a PasswordHash,
    /// Whose password it is, as last read.
    pub account: &'a Account,
    /// The session that sets it; it ends.
    pub session: &'a Session,
    /// The same session under its new secret, in the next generation.
    pub renewed: &'a Session,
    /// The key of the event, and of the notice to the primary.
    pub event_id: &'a MessageId,
    /// Where the request came from.
    pub source: &'a ClientInfo,
}

impl Store {
    /// Sets a password: its hash and the event that set it; all sessions of the account end, and with them its links and
    /// pending addresses; the session that did it continues under a new secret; the owner is told. All or nothing. False
    /// when that session has ended, as by another password at the same time.
    pub async fn set_password(&self, new: NewHash<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let NewHash { hash, account, session, renewed, event_id, source } = new;
        let notice = Notice::PasswordSet { had_password: Some(account.password_hash.is_some()) };
        let event = AccountEvent::without_change(event_id.clone(), notice, now, source.clone());
        let mut tx = Transaction::new("set a password");
        tx.add(self.put_hash(session, hash, event_id, now));
        tx.add(self.create_session(renewed)?);
        tx.add(self.delete_session(&session.hash).when("attribute_exists(session_hash)"));
        self.record(&mut tx, account, &event)?;
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Key: the profile. The condition is false when all sessions have ended since the session's generation. Disabling ends
    /// them too.
    fn put_hash(
        &self,
        session: &Session,
        hash: &PasswordHash,
        event_id: &MessageId,
        now: Timestamp,
    ) -> Write {
        let expression = "SET password_hash = :hash, password_event = :event, sessions_ended_at = :now \
                          ADD generation :one";
        let profile = Self::account_key(&session.account_id, PROFILE);
        let put = Write::update(&self.tables.accounts, profile, expression);
        when_current(put, session.generation, "attribute_exists(account_id)")
            .value(":hash", text(hash.as_str()))
            .value(":event", text(event_id.as_str()))
            .value(":now", number(now.unix_seconds()))
            .value(":one", number(1))
    }

    /// Replaces the hash that a password was verified against by a costlier one. Key: the profile. The condition is
    /// false when the password was changed in between; the change stands.
    pub async fn upgrade_password(
        &self,
        id: &AccountId,
        former: &PasswordHash,
        upgraded: &PasswordHash,
    ) -> Result<(), StoreError> {
        let profile = Self::account_key(id, PROFILE);
        let upgrade = Write::update(&self.tables.accounts, profile, "SET password_hash = :upgraded")
            .when("password_hash = :former")
            .value(":upgraded", text(upgraded.as_str()))
            .value(":former", text(former.as_str()));
        self.write(upgrade).await.context("upgrade a password's hash")?;
        Ok(())
    }
}
