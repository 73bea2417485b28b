//! The text of emails: a subject, a text part and an HTML part that say the same.
use askama::Template;

use domain::Notice;

use super::{Asked, Email, ToldAddress};
use crate::notice_text::{self, Happening};
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
    /// What lists of emails show beside the subject. It is not seen in the email itself.
    preheader: String,
    greeting: Option<String>,
    lead: String,
    /// A line on its own: the username.
    highlight: Option<String>,
    /// What stands before the button, if most readers need not press it. The button is then less striking.
    before: Vec<String>,
    action: Action,
    /// What stands after the button.
    after: Vec<String>,
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
        let asked = |asked: &Asked, ignore: &str| {
            let on = text.format("mail-asked", &[("date", &text.date_time(asked.at))]);
            let source = notice_text::source(&asked.source, text);
            // No page has asked for what a product asks for, and nobody knows of it.
            let (elsewhere, ignore) = if asked.source.is_product {
                ("mail-elsewhere-by-product", "verify-ignore-by-product")
            } else {
                ("mail-elsewhere", ignore)
            };
            vec![text.message(elsewhere), format!("{on} {source} {}", text.message(ignore))]
        };
        match self {
            Self::VerifyBackup { username, token, asked: by, .. } => {
                let action = action("verify-action", format!("/backup/confirm?token={}", token.expose()));
                verification("verify", username, action, asked(by, "verify-ignore"), text)
            }
            Self::VerifyPrimary { username, token, asked: by, .. } => {
                let action =
                    action("verify-primary-action", format!("/primary/confirm?token={}", token.expose()));
                verification("verify-primary", username, action, asked(by, "verify-ignore"), text)
            }
            Self::YourUsername { username, .. } => Content {
                subject: text.message("username-subject"),
                preheader: text.message("username-preheader"),
                greeting: None,
                lead: text.message("username-lead"),
                highlight: Some(username.clone()),
                before: Vec::new(),
                action: action("username-action", "/login".into()),
                after: vec![text.message("username-ignore")],
                reason: text.message("mail-reason"),
            },
            Self::SignInLink { username, token, asked: by, .. } => Content {
                subject: text.message("sign-in-subject"),
                preheader: text.message("sign-in-preheader"),
                greeting: Some(text.format("mail-greeting", &[("username", username)])),
                lead: text.format("sign-in-lead", &[("username", username)]),
                highlight: None,
                before: Vec::new(),
                action: action("sign-in-action", format!("/login/open?token={}", token.expose())),
                after: asked(by, "sign-in-ignore"),
                reason: text.message("mail-reason"),
            },
            Self::Notice { to, username, notice, at, source, kind, undo } => {
                let event = Happening { notice, at: *at, source, kind: *kind };
                let happened = event.text(text);
                let (before, action, after) = match undo {
                    Some(token) => (
                        vec![text.message("undo-calm"), text.message("undo-explain")],
                        action("undo-action", format!("/undo?token={}", token.expose())),
                        Vec::new(),
                    ),
                    None => (
                        Vec::new(),
                        action("notice-action", "/account".into()),
                        vec![text.message(match notice {
                            Notice::BackupUndeliverable { .. } => "undeliverable-explain",
                            _ => "notice-explain",
                        })],
                    ),
                };
                let came_from = event.came_from(text);
                Content {
                    subject: event.subject(text),
                    greeting: Some(text.format("mail-greeting", &[("username", username)])),
                    lead: std::iter::once(happened.clone()).chain(came_from).collect::<Vec<_>>().join(" "),
                    preheader: happened,
                    highlight: None,
                    before,
                    action,
                    after,
                    reason: text.message(match to {
                        ToldAddress::Primary(_) => "mail-notice-reason",
                        ToldAddress::Former(_) => "mail-former-reason",
                    }),
                }
            }
            Self::AddressClaimAttempt { username, address, at, .. } => {
                let arguments = [("date", &*text.date_time(*at)), ("backup", &*address.masked())];
                let lead = text.format("wanted-lead", &arguments);
                Content {
                    subject: text.message("wanted-subject"),
                    preheader: lead.clone(),
                    greeting: Some(text.format("mail-greeting", &[("username", username)])),
                    lead,
                    highlight: None,
                    before: Vec::new(),
                    action: action("notice-action", "/account".into()),
                    after: vec![text.message("wanted-ignore")],
                    reason: text.message("mail-notice-reason"),
                }
            }
        }
    }
}

/// An email that asks its reader to confirm the address.
fn verification(stem: &str, username: &str, action: Action, after: Vec<String>, text: &Texts) -> Content {
    let whose = [("username", username)];
    Content {
        subject: text.message(&format!("{stem}-subject")),
        preheader: text.format(&format!("{stem}-preheader"), &whose),
        greeting: None,
        lead: text.format(&format!("{stem}-lead"), &whose),
        highlight: None,
        before: Vec::new(),
        action,
        after,
        reason: text.message("mail-reason"),
    }
}
