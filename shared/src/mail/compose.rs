//! Mails in words: a subject, a text part and an HTML part that say the same.
use askama::Template;

use super::Email;
use crate::texts::Texts;

/// A mail as it is sent.
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

/// What both parts are made of.
struct Content {
    subject: String,
    greeting: Option<String>,
    lead: String,
    /// A line set apart: the username.
    highlight: Option<String>,
    action: Action,
    /// What to do when it was not you.
    otherwise: String,
    /// Why this mail came.
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
    /// Puts the mail in words. Links lead to `public_url`.
    pub fn compose(&self, text: &Texts, public_url: &str) -> Result<Composed, askama::Error> {
        let content = self.content(text, public_url);
        Ok(Composed {
            text: TextPart { text, content: &content }.render()?,
            html: HtmlPart { text, content: &content }.render()?,
            subject: content.subject,
        })
    }

    fn content(&self, text: &Texts, public_url: &str) -> Content {
        let action =
            |label: &str, path: String| Action { label: text.say(label), url: format!("{public_url}{path}") };
        match self {
            Self::VerifyBackup { username, token, .. } => Content {
                subject: text.say("verify-subject"),
                greeting: None,
                lead: text.with("verify-lead", &[("username", username)]),
                highlight: None,
                action: action("verify-action", format!("/backup/confirm?token={}", token.expose())),
                otherwise: text.say("verify-ignore"),
                reason: text.say("mail-reason"),
            },
            Self::YourUsername { username, .. } => Content {
                subject: text.say("username-subject"),
                greeting: None,
                lead: text.say("username-lead"),
                highlight: Some(username.clone()),
                action: action("username-action", "/login".into()),
                otherwise: text.say("username-ignore"),
                reason: text.say("mail-reason"),
            },
            Self::SignInLink { username, token, .. } => Content {
                subject: text.say("sign-in-subject"),
                greeting: Some(text.with("mail-greeting", &[("username", username)])),
                lead: text.with("sign-in-lead", &[("username", username)]),
                highlight: None,
                action: action("sign-in-action", format!("/login/open?token={}", token.expose())),
                otherwise: text.say("sign-in-ignore"),
                reason: text.say("mail-reason"),
            },
            Self::Notice { username, notice, at, source, undo, .. } => Content {
                subject: text.say(&format!("{}-subject", notice.stem())),
                greeting: Some(text.with("mail-greeting", &[("username", username)])),
                lead: format!("{} {}", text.notice(notice, *at), text.source(source)),
                highlight: None,
                action: match undo {
                    Some(token) => action("undo-action", format!("/undo?token={}", token.expose())),
                    None => action("notice-action", "/account".into()),
                },
                otherwise: text.say(if undo.is_some() { "undo-explain" } else { "notice-explain" }),
                reason: text.say("mail-notice-reason"),
            },
            Self::AddressClaimAttempt { username, address, at, .. } => Content {
                subject: text.say("wanted-subject"),
                greeting: Some(text.with("mail-greeting", &[("username", username)])),
                lead: text
                    .with("wanted-lead", &[("date", &text.date_time(*at)), ("backup", &address.masked())]),
                highlight: None,
                action: action("notice-action", "/account".into()),
                otherwise: text.say("wanted-ignore"),
                reason: text.say("mail-notice-reason"),
            },
        }
    }
}
