//! The pages of "this wasn't me".
use askama::Template;
use serde::Serialize;

use super::{Problem, Shown};
use crate::notice_text;
use crate::texts::Texts;
use domain::account::FREEZE;
use domain::{Account, Device, Timestamp, Token, UndoLink};

/// What happened, when and from where, what undoing it does, and the button that undoes it.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/undo.html")]
pub struct UndoPage {
    #[serde(skip)]
    text: Texts,
    what: &'static str,
    at: Timestamp,
    device: Device,
    network: String,
    /// The backup email after the undo, masked.
    backup_then: Option<String>,
    #[serde(skip)]
    happened: String,
    #[serde(skip)]
    came_from: String,
    #[serde(skip)]
    typed: String,
    #[serde(skip)]
    problem: Option<Shown>,
    #[serde(skip)]
    token: String,
}

impl UndoPage {
    /// The page of a live link.
    pub fn new(link: &UndoLink, account: &Account, token: &Token, text: Texts) -> Self {
        let current = account.backup.confirmed().map(|current| &current.address);
        Self {
            what: link.notice.stem(),
            at: link.at,
            device: link.source.device,
            network: link.source.network.clone(),
            backup_then: link.notice.backup_after_undo(current).flatten().map(|backup| backup.masked()),
            happened: notice_text::event(&link.notice, link.at, &text),
            came_from: notice_text::source(&link.source, &text),
            typed: String::new(),
            problem: None,
            token: token.expose(),
            text,
        }
    }

    /// The page after a username that is not the account's.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem, typed: impl Into<String>) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self.typed = typed.into();
        self
    }
}

/// The change is undone.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/taken-back.html")]
pub struct UndonePage {
    #[serde(skip)]
    text: Texts,
    /// The backup email now, masked.
    backup: Option<String>,
    /// Whether the former one belongs to another account now.
    former_taken: bool,
    frozen_until: Timestamp,
}

impl UndonePage {
    /// The page after the button.
    pub fn new(link: &UndoLink, account: &Account, former_taken: bool, now: Timestamp, text: Texts) -> Self {
        let current = account.backup.confirmed().map(|current| &current.address);
        let backup = link.notice.backup_after_undo(current).flatten().filter(|_| !former_taken);
        Self { text, backup: backup.map(|backup| backup.masked()), former_taken, frozen_until: now + FREEZE }
    }
}
