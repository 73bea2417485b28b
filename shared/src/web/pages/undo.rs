//! The pages of "this wasn't me".
use askama::Template;
use serde::Serialize;

use super::super::Banner;
use super::{Code, Shown};
use crate::notice_text::Happening;
use crate::texts::Texts;
use domain::{
    Account, AccountEvent, Actor, Device, EmailAddress, History, MessageId, RecoveryEmails, Timestamp, Token,
    UndoLink,
};

/// Something that happened, as its owner sees it.
#[derive(Debug, Clone, Serialize)]
struct ListedEvent {
    /// What `since` takes.
    id: MessageId,
    what: &'static str,
    at: Timestamp,
    /// Who did it, if it was not the owner or who acted as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Actor>,
    device: Device,
    network: String,
    /// Whether it was undone already.
    undone: bool,
    /// The primary email after it and everything later is undone, masked, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_then: Option<String>,
    /// The backup email then, masked.
    backup_then: Option<String>,
    /// Whether the account's password is void then, because it was set since.
    password_void: bool,
    #[serde(skip)]
    happened: String,
    #[serde(skip)]
    came_from: Option<String>,
    /// What undoing it restores; nothing for what cannot be undone.
    #[serde(skip)]
    effect: Option<String>,
}

impl ListedEvent {
    fn new(event: &AccountEvent, history: &History, account: &Account, now: Timestamp, text: &Texts) -> Self {
        let can_be_undone = event.notice.can_be_undone();
        let primary =
            can_be_undone.then(|| history.primary_before(event, &account.primary_emails(), &[], now));
        let primary = primary.map(|emails| emails.primary.address);
        let then = primary.as_ref().map(|primary| {
            let then = history.before(event, &account.recovery_emails(now), &[], now).without(primary);
            account.with_known_delivery(&account.primary_emails(), &then).1
        });
        let primary_then =
            primary.filter(|primary| *primary != account.primary.address).map(|primary| primary.masked());
        let password_void = can_be_undone && account.has_password_since(&event.id);
        let current = account.recovery_emails(now);
        let effect = then.as_ref().map(|then| {
            let emails = if *then == current && then.backup.is_some() {
                text.message("undo-effect-same")
            } else {
                WILL_BE_RESTORED.sentence(then, now, text)
            };
            let primary = primary_then.as_ref();
            let primary =
                primary.map(|primary| text.format("undo-effect-primary", &[("primary", &**primary)]));
            let password = password_void.then(|| text.message("undo-effect-password"));
            let sentences: Vec<_> = primary.into_iter().chain([emails]).chain(password).collect();
            sentences.join(" ")
        });
        let AccountEvent { notice, at, source, .. } = event;
        let happening = Happening { notice, at: *at, source, kind: account.kind };
        Self {
            id: event.id.clone(),
            what: event.notice.stem(),
            at: event.at,
            by: Actor::of_source(source),
            device: source.device,
            network: source.network.clone(),
            undone: history.is_undone(event),
            primary_then,
            backup_then: then.as_ref().and_then(masked_backup),
            password_void,
            happened: happening.text(text),
            came_from: happening.came_from(text),
            effect,
        }
    }
}

fn masked_backup(emails: &RecoveryEmails) -> Option<String> {
    emails.backup.as_ref().map(|backup| backup.address.masked())
}

/// The keys of a sentence about the recovery emails that an undo restores.
struct Restored {
    none: &'static str,
    active: &'static str,
    waiting: &'static str,
    with_former: &'static str,
}

/// Before the undo.
const WILL_BE_RESTORED: Restored = Restored {
    none: "undo-effect-none",
    active: "undo-effect-restored",
    waiting: "undo-effect-waits",
    with_former: "undo-effect-replaced",
};

/// After it.
const ARE_RESTORED: Restored = Restored {
    none: "taken-back-none",
    active: "taken-back-restored",
    waiting: "taken-back-waits",
    with_former: "taken-back-replaced",
};

impl Restored {
    /// The sentence. An address in its waiting period is not active yet, and the one that is active until then is named
    /// too.
    fn sentence(&self, emails: &RecoveryEmails, now: Timestamp, text: &Texts) -> String {
        let Some(backup) = &emails.backup else { return text.message(self.none) };
        let date = text.date_time(backup.usable_from);
        match &emails.former {
            Some(former) => {
                let (former, backup) = former.address.masked_apart(&backup.address);
                let arguments = [("former", &*former), ("backup", &*backup), ("date", &*date)];
                text.format(self.with_former, &arguments)
            }
            None if backup.usable_from > now => {
                text.format(self.waiting, &[("backup", &*backup.address.masked()), ("date", &*date)])
            }
            None => text.format(self.active, &[("backup", &*backup.address.masked())]),
        }
    }
}

/// What happened, when and from where, what undoing it does, and the button that undoes it.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/undo.html")]
pub struct UndoPage {
    #[serde(skip)]
    text: Texts,
    what: &'static str,
    at: Timestamp,
    /// Who did it, if it was not the owner or who acted as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Actor>,
    device: Device,
    network: String,
    /// The primary email after the undo of the link's own event and everything later, masked, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_then: Option<String>,
    /// The backup email then, masked.
    backup_then: Option<String>,
    /// Whether the account's password is void then, because it was set since.
    password_void: bool,
    /// What happened in the last days, the newest first.
    events: Vec<ListedEvent>,
    /// The id of the event that the link is about, or that was chosen instead.
    chosen: MessageId,
    #[serde(skip)]
    typed: String,
    #[serde(skip)]
    problem: Option<(UndoPart, Shown)>,
    #[serde(skip)]
    token: String,
}

/// What of the form a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UndoPart {
    Username,
    Events,
}

impl UndoPage {
    /// The page of a live link.
    pub fn new(
        link: &UndoLink,
        account: &Account,
        history: &History,
        token: &Token,
        now: Timestamp,
        text: Texts,
    ) -> Self {
        let own = link.event_id();
        let listed = history.listed(&own).into_iter();
        let events: Vec<_> =
            listed.map(|event| ListedEvent::new(event, history, account, now, &text)).collect();
        let chosen = events.iter().find(|event| event.id == own);
        Self {
            what: link.notice.stem(),
            at: link.at,
            by: Actor::of_source(&link.source),
            device: link.source.device,
            network: link.source.network.clone(),
            primary_then: chosen.and_then(|event| event.primary_then.clone()),
            backup_then: chosen.and_then(|event| event.backup_then.clone()),
            password_void: chosen.is_some_and(|event| event.password_void),
            events,
            chosen: own,
            typed: String::new(),
            problem: None,
            token: token.expose(),
            text,
        }
    }

    /// The page after a username that is not the account's.
    #[must_use]
    pub fn with_other_username(self, typed: impl Into<String>) -> Self {
        self.with_problem(UndoPart::Username, Code::OtherUsername, typed)
    }

    /// The page after an event was chosen that is not there, or cannot be undone.
    #[must_use]
    pub fn with_unknown_event(self, typed: impl Into<String>) -> Self {
        self.with_problem(UndoPart::Events, Code::EventUnknown, typed)
    }

    /// The page with this event chosen.
    #[must_use]
    pub fn with_chosen(self, event: &MessageId) -> Self {
        Self { chosen: event.clone(), ..self }
    }

    fn with_problem(mut self, part: UndoPart, code: Code, typed: impl Into<String>) -> Self {
        self.problem = Some((part, Shown::new(&code.into(), &self.text)));
        self.typed = typed.into();
        self
    }

    fn problem_of(&self, part: UndoPart) -> Option<&Shown> {
        self.problem.as_ref().filter(|(of, _)| *of == part).map(|(_, shown)| shown)
    }

    fn username_problem(&self) -> Option<&Shown> {
        self.problem_of(UndoPart::Username)
    }

    fn events_problem(&self) -> Option<&Shown> {
        self.problem_of(UndoPart::Events)
    }

    /// The chosen event, if there is no other that could be chosen: then nothing is asked.
    fn only_event(&self) -> Option<&ListedEvent> {
        let mut choices = self.events.iter().filter(|event| event.effect.is_some());
        let only = choices.next().filter(|event| event.id == self.chosen)?;
        choices.next().is_none().then_some(only)
    }
}

/// What an undo left.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The primary email now.
    pub primary: EmailAddress,
    /// The recovery emails now.
    pub emails: RecoveryEmails,
    /// Whether an address that would have been restored belongs to another account now, if that is known.
    pub former_taken: Option<bool>,
    /// Whether the password is void.
    pub password_void: bool,
}

/// The changes are undone.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/taken-back.html")]
pub struct UndonePage {
    #[serde(skip)]
    text: Texts,
    /// The primary email now, masked.
    primary: String,
    /// The backup email now, masked.
    backup: Option<String>,
    /// Whether an address that would have been restored belongs to another account now; in the answer to the undo.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_taken: Option<bool>,
    /// Whether the password is void, because it was set since.
    password_void: bool,
    frozen_until: Timestamp,
    #[serde(skip)]
    restored: String,
    #[serde(skip)]
    banner: Option<Banner>,
}

impl UndonePage {
    /// The page of an account with these addresses.
    pub fn new(undone: &Undone, frozen_until: Timestamp, now: Timestamp, text: Texts) -> Self {
        let Undone { primary, emails, former_taken, password_void } = undone;
        let primary = primary.masked();
        let restored = [
            text.format("taken-back-primary", &[("primary", &*primary)]),
            ARE_RESTORED.sentence(emails, now, &text),
        ]
        .join(" ");
        Self {
            primary,
            backup: masked_backup(emails),
            former_taken: *former_taken,
            password_void: *password_void,
            frozen_until,
            restored,
            banner: None,
            text,
        }
    }

    /// Says what was done.
    #[must_use]
    pub fn with_banner(self, banner: Option<Banner>) -> Self {
        Self { banner, ..self }
    }
}
