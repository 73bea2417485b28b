//! The page that makes the backup email the primary.
use std::time::Duration;

use askama::Template;
use serde::Serialize;

use super::{Code, Problem, Shown};
use crate::texts::Texts;
use domain::{Account, Timestamp};

/// What it does, and the choice what becomes of the primary; or why it is refused, and what to do about it.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/promote.html")]
pub struct PromotePage {
    #[serde(skip)]
    text: Texts,
    primary_email: String,
    /// The backup email, if there is one.
    backup_email: Option<String>,
    /// For how many hours the primary still signs in, if it is not kept.
    hold_hours: u64,
    /// Whether an address waits for confirmation, which this cancels.
    cancels_pending: bool,
    /// When it can be done, if that is later.
    #[serde(skip)]
    from: Option<Timestamp>,
    /// When the primary became that, so that a second click is recognised.
    #[serde(skip)]
    seen: i64,
    #[serde(skip)]
    problem: Option<Shown>,
}

impl PromotePage {
    /// The page of an account.
    pub fn new(account: &Account, hold: Duration, now: Timestamp, text: Texts) -> Self {
        let backup = account.backup.confirmed().filter(|backup| backup.usable_from <= now);
        Self {
            text,
            primary_email: account.primary.address.shown(),
            backup_email: backup.map(|backup| backup.address.shown()),
            hold_hours: hold.as_secs() / 3_600,
            cancels_pending: account.pending().is_some(),
            from: None,
            seen: account.primary.usable_from.unix_seconds(),
            problem: None,
        }
    }

    /// The page without the choice: why it is refused, and from when on it is not.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self.from = problem.until();
        self
    }

    /// Whether a sign-in through the backup email is all that is missing.
    fn needs_link(&self) -> bool {
        self.problem.as_ref().is_some_and(|shown| shown.code == Code::BackupSignInNeeded.as_str())
    }
}
