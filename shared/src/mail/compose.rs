//! Mails in words: a subject, a text part and an HTML part that say the same.
use askama::Template;

use super::{Mail, Told};
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

impl Mail {
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
            Self::Notice { username, told, at, .. } => Content {
                subject: text.say(&format!("{}-subject", told.stem())),
                greeting: Some(text.with("mail-greeting", &[("username", username)])),
                lead: told.lead(text, &text.date_time(*at)),
                highlight: None,
                action: action("notice-action", "/account".into()),
                otherwise: text.say(if matches!(told, Told::Wanted { .. }) {
                    "wanted-ignore"
                } else {
                    "notice-if-not-you"
                }),
                reason: text.say("mail-notice-reason"),
            },
        }
    }
}

impl Told {
    fn stem(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Changed { .. } => "changed",
            Self::Removed { .. } => "removed",
            Self::Used { .. } => "used",
            Self::Wanted { .. } => "wanted",
        }
    }

    /// Addresses are masked: the owner knows them, and whoever else reads the mailbox need not.
    fn lead(&self, text: &Texts, date: &str) -> String {
        let (former, backup) = match self {
            Self::Changed { former, backup } => (former.masked(), backup.masked()),
            Self::Added { backup } | Self::Removed { backup } | Self::Used { backup } => {
                (String::new(), backup.masked())
            }
            Self::Wanted { address } => (String::new(), address.masked()),
        };
        text.with(
            &format!("{}-lead", self.stem()),
            &[("date", date), ("former", &former), ("backup", &backup)],
        )
    }
}
