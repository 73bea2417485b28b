//! The links that undo a change: "this wasn't me".
use super::account::AccountId;
use super::backup::{ConfirmedAddress, RecoveryEmails};
use super::client_info::ClientInfo;
use super::email_address::EmailAddress;
use super::email_request::Notice;
use super::history::AccountEvent;
use super::link::{LinkState, Purpose};
use super::message_id::MessageId;
use super::primary::PrimaryEmails;
use super::timestamp::Timestamp;
use super::token::TokenHash;
use super::username::Username;

/// A link that undoes a change, as the database has it.
#[derive(Debug, Clone)]
pub struct UndoLink {
    /// The key: the hash of the secret in the email.
    pub token_hash: TokenHash,
    /// Whose account it is.
    pub account_id: AccountId,
    /// The mailbox that it was sent to. It works while that is the account's primary, or one that the primary replaced not
    /// long ago. Links of earlier versions have none: they were sent to the primary.
    pub sent_to: Option<EmailAddress>,
    /// The event in the account's history. Links of earlier versions have none.
    pub event: Option<MessageId>,
    /// What happened.
    pub notice: Notice,
    /// When it happened.
    pub at: Timestamp,
    /// Where the request that made the change came from.
    pub source: ClientInfo,
    /// The username that its email shows. Links of earlier versions have none.
    pub username: Option<Username>,
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

    /// The id of the event that it is about.
    pub fn event_id(&self) -> MessageId {
        self.event.clone().unwrap_or_else(|| MessageId::first_of(self.at))
    }

    /// Whether somebody who read its email may type this as the username: it is the one that the email shows, or the present
    /// one. A product may have changed it meanwhile, of which the owner knows nothing.
    pub fn is_named_by(&self, typed: &str, present: &Username) -> bool {
        let is_known = |typed: &Username| typed == present || self.username.as_ref() == Some(typed);
        Username::parse(typed.trim()).is_ok_and(|typed| is_known(&typed))
    }

    /// The event that it is about, as far as the link tells: the history may lack it, or not be readable.
    pub fn own_event(&self) -> AccountEvent {
        let waits_until = |from: Option<Timestamp>| from.map_or(self.at, |from| from.max(self.at));
        let had = |address: &EmailAddress, from: Option<Timestamp>| RecoveryEmails {
            backup: Some(ConfirmedAddress {
                usable_from: waits_until(from),
                ..ConfirmedAddress::new(address.clone(), self.at)
            }),
            former: None,
        };
        let before = match &self.notice {
            Notice::BackupAdded { .. } => Some(RecoveryEmails::default()),
            Notice::BackupChanged { former, former_usable_from: from, .. } => Some(had(former, *from)),
            Notice::BackupRemoved { address, usable_from: from } => Some(had(address, *from)),
            Notice::BackupPromoted { address, .. } => Some(had(address, None)),
            // The recovery emails stayed as they were.
            Notice::PrimaryChanged { .. }
            | Notice::PrimaryRequested { .. }
            | Notice::FormerPrimaryUsed { .. }
            | Notice::BackupUsed { .. }
            | Notice::BackupUndeliverable { .. }
            | Notice::SessionsEnded
            | Notice::PasswordSet { .. }
            | Notice::Undone { .. } => None,
        };
        let before_primary = match &self.notice {
            Notice::BackupPromoted { former, .. } | Notice::PrimaryChanged { former, .. } => {
                Some(PrimaryEmails {
                    primary: ConfirmedAddress::new(former.clone(), self.at),
                    former: Vec::new(),
                })
            }
            _ => None,
        };
        AccountEvent {
            id: self.event_id(),
            notice: self.notice.clone(),
            at: self.at,
            source: self.source.clone(),
            before,
            before_primary,
        }
    }
}
