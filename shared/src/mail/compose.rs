//! The text of emails: a subject, a text part and an HTML part that say the same.
use askama::Template;

use super::{Email, ToldAddress};
use crate::notice_text;
use crate::texts::Texts;

/// An email as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The subject, one line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

struct Action {
    label: String,
    url: String,
}

/// What both parts contain.
struct Content {
    subject: String,
    greeting: Option<String>,
    lead: String,
    /// A line on its own: the username.
    highlight: Option<String>,
    action: Action,
    /// What to do if it was not you.
    otherwise: String,
    /// Why this email came.
    reason: String,
}

#[derive(Template)]
#[template(path = "mail/mail.txt", escape = "none")]
struct TextPart<'a> {
    text: &'a Texts,
    content: &'a Content,
}

#[derive(Template)]
#[template(path = "mail/mail.html")]
struct HtmlPart<'a> {
    text: &'a Texts,
    content: &'a Content,
}

impl Email {
    /// Writes the email. Links lead to `public_url`.
    pub fn compose(&self, text: &Texts, public_url: &str) -> Result<Composed, askama::Error> {
        let content = self.content(text, public_url);
        Ok(Composed {
            text: TextPart { text, content: &content }.render()?,
            html: HtmlPart { text, content: &content }.render()?,
            subject: content.subject,
        })
    }

    fn content(&self, text: &Texts, public_url: &str) -> Content {
        let action = |label: &str, path: String| Action {
            label: text.message(label),
            url: format!("{public_url}{path}"),
        };
        match self {
            Self::VerifyBackup { username, token, .. } => Content {
                subject: text.message("verify-subject"),
                greeting: None,
                lead: text.format("verify-lead", &[("username", username)]),
                highlight: None,
                action: action("verify-action", format!("/backup/confirm?token={}", token.expose())),
                otherwise: text.message("verify-ignore"),
                reason: text.message("mail-reason"),
            },
            Self::YourUsername { username, .. } => Content {
                subject: text.message("username-subject"),
                greeting: None,
                lead: text.message("username-lead"),
                highlight: Some(username.clone()),
                action: action("username-action", "/login".into()),
                otherwise: text.message("username-ignore"),
                reason: text.message("mail-reason"),
            },
            Self::SignInLink { username, token, .. } => Content {
                subject: text.message("sign-in-subject"),
                greeting: Some(text.format("mail-greeting", &[("username", username)])),
                lead: text.format("sign-in-lead", &[("username", username)]),
                highlight: None,
                action: action("sign-in-action", format!("/login/open?token={}", token.expose())),
                otherwise: text.message("sign-in-ignore"),
                reason: text.message("mail-reason"),
            },
            Self::Notice { to, username, notice, at, source, undo } => Content {
                subject: text.message(&format!("{}-subject", notice.stem())),
                greeting: Some(text.format("mail-greeting", &[("username", username)])),
                lead: format!(
                    "{} {}",
                    notice_text::event(notice, *at, text),
                    notice_text::source(source, text)
                ),
                highlight: None,
                action: match undo {
                    Some(token) => action("undo-action", format!("/undo?token={}", token.expose())),
                    None => action("notice-action", "/account".into()),
                },
                otherwise: text.message(if undo.is_some() { "undo-explain" } else { "notice-explain" }),
                reason: text.message(match to {
                    ToldAddress::Primary(_) => "mail-notice-reason",
                    ToldAddress::Former(_) => "mail-former-reason",
                }),
            },
            Self::AddressClaimAttempt { username, address, at, .. } => Content {
                subject: text.message("wanted-subject"),
                greeting: Some(text.format("mail-greeting", &[("username", username)])),
                lead: text
                    .format("wanted-lead", &[("date", &text.date_time(*at)), ("backup", &address.masked())]),
                highlight: None,
                action: action("notice-action", "/account".into()),
                otherwise: text.message("wanted-ignore"),
                reason: text.message("mail-notice-reason"),
            },
        }
    }
}
