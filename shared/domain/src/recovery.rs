//! After a sign-in through the backup email: what puts the account in order, and what of it is done.
//!
//! The steps are judged by the state of the account, wherever they were done. Only what the state cannot say is kept, in the
//! row of the session.
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::message_id::MessageId;
use super::session::Session;

/// What the person has said in a session that began through the backup email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Nothing yet.
    Begun,
    /// That they can still read the primary mailbox.
    MailboxRead,
    /// That they want to see the steps no more.
    Dismissed,
}

impl Recovery {
    /// The name in stored data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::MailboxRead => "mailbox-read",
            Self::Dismissed => "dismissed",
        }
    }
}

/// The steps, and whether each is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecoverySteps {
    /// The primary mailbox can be read, or the account has another primary email since.
    pub mailbox: bool,
    /// A password was set since the sign-in.
    pub password: bool,
    /// No other session is left, or all others were ended since the sign-in.
    pub sessions: bool,
}

impl RecoverySteps {
    /// The steps of a session; nothing when it did not begin through the backup email, all are done, or they were dismissed.
    pub fn of(session: &Session, account: &Account, has_other_sessions: bool) -> Option<Self> {
        let said = session.recovery.filter(|said| *said != Recovery::Dismissed)?;
        let began = session.created_at;
        let steps = Self {
            // Times are whole seconds: a change in the second of the sign-in counts as one after it, as everywhere here.
            mailbox: said == Recovery::MailboxRead || account.primary.usable_from >= began,
            password: account.has_password_since(&MessageId::first_of(began)),
            sessions: !has_other_sessions || account.sessions_ended_at.is_some_and(|ended| ended >= began),
        };
        (steps != Self { mailbox: true, password: true, sessions: true }).then_some(steps)
    }
}
