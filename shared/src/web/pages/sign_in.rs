//! The sign-in page, and the answer to a sign-in.
use askama::Template;
use serde::Serialize;

use super::super::local_path::LocalPath;
use super::super::problem::Problem;
use super::super::{Banner, RequestedEmail, WantedChange};
use super::Shown;
use crate::texts::Texts;
use domain::{Account, FormId};

/// Why somebody was redirected to the sign-in page. The URL has the name of a reason and no other text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The request needs a recent sign-in.
    Fresh,
}

impl Reason {
    /// Parses a query parameter or a form's field; anything else is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fresh].into_iter().find(|reason| reason.as_str() == text)
    }

    /// The name in the URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
        }
    }
}

/// Which of the sign-in page's two forms a problem belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignInForm {
    Password,
    Link,
}

/// Sign-in by password or by link.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/sign-in.html")]
pub struct SignInPage {
    #[serde(skip)]
    text: Texts,
    next: LocalPath,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// The change that somebody has to sign in again for. The page then asks the account that wants it, and no other.
    #[serde(skip)]
    again: Option<WantedChange>,
    #[serde(skip)]
    form_id: FormId,
    #[serde(skip)]
    requested: Option<RequestedEmail>,
    /// The product that somebody signs in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip)]
    banner: Option<Banner>,
    #[serde(skip)]
    identifier: String,
    #[serde(skip)]
    email: String,
    #[serde(skip)]
    problem: Option<(SignInForm, Shown)>,
}

impl SignInPage {
    /// The empty page.
    pub fn new(next: LocalPath, form_id: FormId, text: Texts) -> Self {
        let (identifier, email) = (String::new(), String::new());
        Self {
            text,
            next,
            reason: None,
            again: None,
            form_id,
            requested: None,
            client: None,
            banner: None,
            identifier,
            email,
            problem: None,
        }
    }

    /// Leads back to the page of a request from this browser, if there was one.
    #[must_use]
    pub fn with_requested(self, requested: Option<RequestedEmail>) -> Self {
        Self { requested, ..self }
    }

    /// Says what was done.
    #[must_use]
    pub fn with_banner(self, banner: Option<Banner>) -> Self {
        Self { banner, ..self }
    }

    /// Fills in what the person may have typed at a product.
    #[must_use]
    pub fn with_login_hint(self, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) if self.again.is_none() => {
                let email = if hint.contains('@') { hint.to_owned() } else { self.email.clone() };
                Self { identifier: hint.to_owned(), email, ..self }
            }
            _ => self,
        }
    }

    /// Says which product somebody signs in to, if one waits.
    #[must_use]
    pub fn with_client(self, client: Option<String>) -> Self {
        Self { client, ..self }
    }

    /// Adds the reason, if there is one, and the change that was wanted, if this is why. The account that wants it signs in,
    /// so its username and its primary email are filled in.
    #[must_use]
    pub fn with_reason(self, reason: Option<Reason>, wanted: Option<WantedChange>) -> Self {
        let again = wanted.filter(|_| reason == Some(Reason::Fresh));
        let email = again.as_ref().map_or_else(|| self.email.clone(), |wanted| wanted.email.clone());
        Self { reason, again, email, ..self }
    }

    /// The page after a wrong password.
    #[must_use]
    pub fn with_password_problem(mut self, problem: &Problem, identifier: impl Into<String>) -> Self {
        self.problem = Some((SignInForm::Password, Shown::new(problem, &self.text)));
        self.identifier = identifier.into();
        self
    }

    /// The page after an invalid address.
    #[must_use]
    pub fn with_link_problem(mut self, problem: &Problem, email: impl Into<String>) -> Self {
        self.problem = Some((SignInForm::Link, Shown::new(problem, &self.text)));
        self.email = email.into();
        self
    }

    fn title(&self) -> String {
        self.text.message(if self.again.is_some() { "again-title" } else { "sign-in-title" })
    }

    /// An account without a password signs in again with a link.
    fn asks_for_password(&self) -> bool {
        self.again.as_ref().is_none_or(|wanted| wanted.has_password)
    }

    fn password_problem(&self) -> Option<&Shown> {
        self.problem.as_ref().filter(|(form, _)| *form == SignInForm::Password).map(|(_, shown)| shown)
    }

    fn link_problem(&self) -> Option<&Shown> {
        self.problem.as_ref().filter(|(form, _)| *form == SignInForm::Link).map(|(_, shown)| shown)
    }
}

/// Who is signed in now. Browsers are redirected and never see it.
#[derive(Debug, Clone, Serialize)]
pub struct SignedIn {
    username: String,
}

impl SignedIn {
    /// The account that was signed in to.
    pub fn new(account: &Account) -> Self {
        Self { username: account.username.as_str().to_owned() }
    }
}

/// The form that asks for the username.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/forgot-username.html")]
pub struct ForgotUsernamePage {
    #[serde(skip)]
    text: Texts,
    #[serde(skip)]
    form_id: FormId,
    #[serde(skip)]
    requested: Option<RequestedEmail>,
    #[serde(skip)]
    typed: String,
    #[serde(skip)]
    problem: Option<Shown>,
}

impl ForgotUsernamePage {
    /// The empty form.
    pub fn new(form_id: FormId, text: Texts) -> Self {
        Self { text, form_id, requested: None, typed: String::new(), problem: None }
    }

    /// Leads back to the page of a request from this browser, if there was one.
    #[must_use]
    pub fn with_requested(self, requested: Option<RequestedEmail>) -> Self {
        Self { requested, ..self }
    }

    /// The form after an invalid address.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem, typed: impl Into<String>) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self.typed = typed.into();
        self
    }
}
