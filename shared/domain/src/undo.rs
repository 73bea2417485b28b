//! The links that undo a change: "this wasn't me".
use super::account::AccountId;
use super::client_info::ClientInfo;
use super::email_request::Notice;
use super::link::{LinkState, Purpose};
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// A link that undoes a change, as the database has it.
#[derive(Debug, Clone)]
pub struct UndoLink {
    /// The key: the hash of the secret in the email.
    pub token_hash: TokenHash,
    /// Whose account it is.
    pub account_id: AccountId,
    /// What happened.
    pub notice: Notice,
    /// When it happened.
    pub at: Timestamp,
    /// Where the request that made the change came from.
    pub source: ClientInfo,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
}

impl UndoLink {
    /// The last second in which it works.
    pub fn expires_at(&self) -> Timestamp {
        self.at + Purpose::Undo.lifetime()
    }

    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> LinkState {
        if self.spent_at.is_some() {
            LinkState::Used
        } else if now > self.expires_at() {
            LinkState::Expired
        } else {
            LinkState::Live
        }
    }
}
