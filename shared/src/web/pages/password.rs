//! The page that sets a password, and the answer when it is set.
use askama::Template;
use serde::Serialize;

use super::{Problem, Shown};
use crate::texts::Texts;
use domain::password::MIN_CHARS;
use domain::{Account, FormId};

/// The form for a new password.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/password.html")]
pub struct PasswordPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    /// Whether it has one already.
    has_password: bool,
    min_characters: usize,
    /// Whether a backup email waits for confirmation, which setting a password cancels.
    cancels_pending: bool,
    #[serde(skip)]
    form_id: FormId,
    #[serde(skip)]
    problem: Option<Shown>,
}

impl PasswordPage {
    /// The empty form.
    pub fn new(account: &Account, form_id: FormId, text: Texts) -> Self {
        Self {
            text,
            username: account.username.as_str().to_owned(),
            has_password: account.password_hash.is_some(),
            min_characters: MIN_CHARS,
            cancels_pending: account.pending().is_some(),
            form_id,
            problem: None,
        }
    }

    /// The form after a password that is refused. It does not contain that password.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self
    }

    fn title(&self) -> String {
        self.text.message(if self.has_password { "password-change" } else { "password-first" })
    }
}

/// The password is set. Browsers are redirected and never see it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "set", rename_all = "kebab-case")]
pub enum PasswordSet {
    /// It signs in from now on.
    Password,
}
