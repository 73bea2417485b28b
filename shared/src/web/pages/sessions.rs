//! Where an account is signed in, as a part of the account page.
use serde::Serialize;

use crate::notice_text;
use crate::texts::Texts;
use domain::{ClientInfo, Session, SignInMethod, Timestamp, TokenHash};

/// As many as a person can look through. "End all other sessions" ends those that are not shown too.
const MOST_SHOWN: usize = 20;

/// How many sessions it takes to know that there are more than are shown.
pub const ENOUGH_SESSIONS: usize = MOST_SHOWN + 1;

/// A session as its owner sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ListedSession {
    /// The hash of its secret: it identifies the session and opens nothing.
    pub(super) session: TokenHash,
    /// On what kind of device it began, and from where, roughly.
    #[serde(flatten)]
    source: ClientInfo,
    /// How.
    how: SignInMethod,
    /// When its sign-in was.
    signed_in_at: Timestamp,
    /// When it was last used.
    pub(super) seen_at: Timestamp,
    /// Whether it is the one of this browser.
    pub(super) this_browser: bool,
}

impl ListedSession {
    fn new(session: &Session, this_browser: bool) -> Self {
        Self {
            session: session.hash.clone(),
            source: session.source.clone(),
            how: session.method,
            // The sign-in of a hand-over was elsewhere.
            signed_in_at: match session.method {
                SignInMethod::HandOver => session.created_at,
                _ => session.authenticated_at,
            },
            seen_at: session.seen_at,
            this_browser,
        }
    }

    pub(super) fn title(&self, texts: &Texts) -> String {
        notice_text::device(&self.source, texts)
    }

    pub(super) fn begin(&self, texts: &Texts) -> String {
        texts.format(self.key_of_begin(), &[("date", &*texts.date_time(self.signed_in_at))])
    }

    pub(super) fn begin_in_html(&self, texts: &Texts) -> String {
        texts.timed(self.key_of_begin(), self.signed_in_at)
    }

    fn key_of_begin(&self) -> &'static str {
        match self.how {
            SignInMethod::Password => "session-by-password",
            SignInMethod::PasswordWithBackup => "session-by-password-with-backup",
            SignInMethod::LinkToPrimary => "session-by-primary",
            SignInMethod::LinkToBackup => "session-by-backup",
            SignInMethod::HandOver => "session-by-hand-over",
        }
    }

    pub(super) fn network(&self, texts: &Texts) -> Option<String> {
        notice_text::network(&self.source, texts)
    }
}

/// The sessions of an account: this browser's first, then the newest.
#[derive(Debug, Clone, Serialize)]
pub struct SessionList {
    pub(super) sessions: Vec<ListedSession>,
    /// Whether there may be more than are shown.
    pub(super) more_sessions: bool,
    /// When it is shown.
    #[serde(skip)]
    pub(super) now: Timestamp,
}

impl SessionList {
    /// The list as this browser shows it, from the sessions that were found and whether these are all. It contains this
    /// browser's session even if the index does not show it yet.
    pub fn new(own: &Session, found: &[Session], complete: bool, now: Timestamp) -> Self {
        let others = found.iter().filter(|session| session.hash != own.hash);
        let others = others.map(|session| ListedSession::new(session, false));
        let mut sessions: Vec<_> = std::iter::once(ListedSession::new(own, true)).chain(others).collect();
        let more_sessions = !complete || sessions.len() > MOST_SHOWN;
        sessions.truncate(MOST_SHOWN);
        Self { sessions, more_sessions, now }
    }

    pub(super) fn others(&self) -> bool {
        self.more_sessions || self.sessions.len() > 1
    }
}
