//! The page after a stranger has requested an email.
use askama::Template;
use serde::Serialize;

use super::super::{Banner, EmailKind, RequestedEmail};
use crate::texts::Texts;
use domain::{FormId, LinkCode, Timestamp};

/// The one answer to every request for an email.
#[derive(Debug, Clone, Serialize)]
pub struct EmailRequested {
    asked: EmailKind,
    /// The code with which another browser can use the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl EmailRequested {
    /// The answer. It does not even repeat the address.
    pub fn new(asked: EmailKind, code: Option<&LinkCode>) -> Self {
        Self { asked, code: code.map(LinkCode::shown) }
    }
}

/// The page behind that answer, which the requesting browser can open again. It knows what that browser sent, and not
/// whether the address belongs to an account.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/check-mail.html")]
pub struct CheckMailboxPage {
    #[serde(skip)]
    text: Texts,
    #[serde(flatten)]
    answer: EmailRequested,
    /// The address as it was typed.
    email: String,
    /// Until when the link in the email works.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip)]
    minutes_left: u64,
    #[serde(skip)]
    form_id: FormId,
    #[serde(skip)]
    banner: Option<Banner>,
}

impl CheckMailboxPage {
    /// The page of a request at `now`, with the code if this is the browser that made the request.
    pub fn new(
        requested: &RequestedEmail,
        code: Option<&LinkCode>,
        form_id: FormId,
        now: Timestamp,
        text: Texts,
    ) -> Self {
        let ends_at = requested.ends_at();
        Self {
            text,
            answer: EmailRequested::new(requested.kind, code),
            email: requested.typed.clone(),
            expires_at: Some(ends_at).filter(|_| requested.kind == EmailKind::SignInLink),
            minutes_left: ends_at.since(now).as_secs().div_ceil(60),
            form_id,
            banner: None,
        }
    }

    /// Says what was done.
    #[must_use]
    pub fn with_banner(self, banner: Option<Banner>) -> Self {
        Self { banner, ..self }
    }
}
