//! The pages: one struct each, HTML through its template and JSON through `Serialize`.
mod check_mailbox;
mod delivery;
mod hand_over;
mod history;
mod links;
mod oidc;
mod password;
mod primary;
mod problem;
mod promote;
mod sessions;
mod sign_in;
mod undo;

use std::time::Duration;

use askama::Template;
use serde::{Serialize, Serializer};

pub use check_mailbox::{CheckMailboxPage, EmailRequested};
use delivery::ListedFailure;
pub use hand_over::HandOverPage;
pub use history::{HistoryList, ListedActivity};
pub use links::{ConfirmPage, ConfirmedPage, OpenLinkPage};
use oidc::Back;
pub use oidc::{ClientSignOutPage, ClientSignedOutPage, ContinuePage};
pub use password::{PasswordPage, PasswordSet};
use primary::{ListedFormerPrimary, ListedPendingPrimary};
pub use primary::{PrimaryConfirmedPage, PrimaryPage};
pub use problem::ProblemPage;
pub use promote::PromotePage;
pub use sessions::{ENOUGH_SESSIONS, ListedSession, SessionList};
pub use sign_in::{ForgotUsernamePage, Reason, SignInPage, SignedIn};
pub use undo::{UndoPage, Undone, UndonePage};

use super::problem::{Code, Problem};
use super::{Banner, Change};
use crate::texts::Texts;
use domain::link::CONFIRMATION_LIFETIME;
use domain::oidc::{ClientName, RedirectUri};
use domain::{
    Account, AccountKind, Activity, Backup, EmailAddress, Generation, HashingKeys, MessageId, RecoverySteps,
    Session, Timestamp,
};

/// The stylesheet. Every page contains it byte for byte, because the content security policy names its hash.
pub const STYLE: &str = include_str!("../../templates/pages/style.css");

/// A problem as a page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The stable code.
    pub code: &'static str,
    /// One line that says what is wrong.
    pub title: String,
    /// What to do about it.
    pub advice: String,
    /// Whether the input is wrong, so that its field is marked.
    #[serde(skip)]
    marks_field: bool,
}

impl Shown {
    /// The texts of a problem.
    pub fn new(problem: &Problem, texts: &Texts) -> Self {
        let marks_field = matches!(
            problem.code,
            Code::NotAnAddress
                | Code::SameAsPrimary
                | Code::SameAsBackup
                | Code::WrongCredentials
                | Code::CodeNeeded
                | Code::WrongCode
                | Code::OtherUsername
                | Code::PasswordTooShort
                | Code::PasswordTooLong
                | Code::PasswordTooCommon
                | Code::PasswordTooPersonal
                | Code::PasswordUnusableCharacter
                | Code::SameAsPresentPassword
        );
        Self {
            code: problem.code.as_str(),
            title: problem.title(texts),
            advice: problem.advice(texts),
            marks_field,
        }
    }
}

/// The state of the backup email. Times are seconds since the epoch, UTC.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum BackupState {
    /// There is none.
    None,
    /// One is waiting for confirmation.
    Pending {
        /// The address.
        pending_address: String,
        /// Since when.
        pending_since: Timestamp,
    },
    /// One is active.
    Confirmed {
        /// The address.
        address: String,
        /// Since when.
        since: Timestamp,
    },
    /// One is active, another is pending.
    Replacing {
        /// The active address.
        address: String,
        /// Since when.
        since: Timestamp,
        /// The pending address.
        pending_address: String,
        /// Since when.
        pending_since: Timestamp,
    },
}

impl BackupState {
    fn pending_address(&self) -> Option<&str> {
        match self {
            Self::Pending { pending_address, .. } | Self::Replacing { pending_address, .. } => {
                Some(pending_address)
            }
            Self::None | Self::Confirmed { .. } => None,
        }
    }
}

impl From<&Backup> for BackupState {
    fn from(backup: &Backup) -> Self {
        match backup {
            Backup::None => Self::None,
            Backup::Pending(pending) => {
                Self::Pending { pending_address: pending.address.shown(), pending_since: pending.since }
            }
            Backup::Confirmed(confirmed) => {
                Self::Confirmed { address: confirmed.address.shown(), since: confirmed.since }
            }
            Backup::Replacing { confirmed, pending } => Self::Replacing {
                address: confirmed.address.shown(),
                since: confirmed.since,
                pending_address: pending.address.shown(),
                pending_since: pending.since,
            },
        }
    }
}

/// The backup emails, confirmed or pending, that look like addresses of the primary's mailbox.
fn in_primary_mailbox(account: &Account) -> Vec<String> {
    let confirmed = account.backup.confirmed().map(|confirmed| &confirmed.address);
    let pending = account.backup.pending().map(|pending| &pending.address);
    let backups = confirmed.into_iter().chain(pending);
    let same = backups.filter(|backup| backup.looks_like_mailbox_of(&account.primary.address));
    same.map(EmailAddress::shown).collect()
}

fn whether_any<S: Serializer>(addresses: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!addresses.is_empty())
}

/// Which part of the account page a problem belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountPart {
    /// The state of the backup email, and the buttons beside it.
    State,
    /// The form for another address.
    Form,
}

/// The account and its backup email.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/account.html")]
pub struct AccountPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    kind: AccountKind,
    primary_email: String,
    /// That email to it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_undeliverable: Option<ListedFailure>,
    /// The address that is waiting for confirmation as the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_primary: Option<ListedPendingPrimary>,
    backup: BackupState,
    /// That email to the confirmed backup email fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_undeliverable: Option<ListedFailure>,
    /// Since when nobody has shown that its mailbox is read, if that is long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_unused_since: Option<Timestamp>,
    /// The backup emails that look like addresses of the primary's mailbox, as they are shown.
    #[serde(rename = "same_mailbox", serialize_with = "whether_any")]
    in_primary_mailbox: Vec<String>,
    /// The code with which another browser can confirm the pending address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_code: Option<String>,
    /// The end of the confirmed address's waiting period, during which it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<Timestamp>,
    /// The former address, which stays active until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_address: Option<String>,
    /// The primary emails that were replaced and still sign in, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    former_primaries: Vec<ListedFormerPrimary>,
    /// Whether another address could be made the primary.
    #[serde(skip)]
    may_change_primary: bool,
    /// Whether the backup email could be made the primary, by a session that came through it.
    #[serde(skip)]
    is_promotable: bool,
    /// Whether a password signs in to it.
    has_password: bool,
    /// Until when nothing can be changed, because a change was undone.
    frozen_until: Option<Timestamp>,
    /// Where the account is signed in, on the page that shows it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    sessions: Option<SessionList>,
    /// What is left to do after a sign-in through the backup email.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<RecoverySteps>,
    /// The primary email in the question whether it can still be read.
    #[serde(skip)]
    primary_masked: String,
    /// What happened lately, on the page that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<HistoryList>,
    /// How long the link in the last confirmation email still works; nothing once it has expired.
    #[serde(skip)]
    pending_left: Option<Duration>,
    /// How often everything was ended before, so that a second click on "end all others" ends nothing more.
    #[serde(skip)]
    generation: Generation,
    /// The pending request, so that a second click on "send again" sends nothing more.
    #[serde(skip)]
    pending_request: Option<MessageId>,
    /// The product that has handed the person over, and where they return to.
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<Back>,
    #[serde(skip)]
    banner: Option<Banner>,
    /// The product that waits in another browser.
    #[serde(skip)]
    client_elsewhere: Option<String>,
    #[serde(skip)]
    typed: String,
    #[serde(skip)]
    problem: Option<(AccountPart, Shown)>,
}

impl AccountPage {
    /// The page of an account as it is at `now`.
    pub fn new(account: &Account, now: Timestamp, text: Texts) -> Self {
        let pending = account.pending();
        let waiting = account.backup.confirmed().filter(|backup| now < backup.usable_from);
        Self {
            text,
            username: account.username.as_str().to_owned(),
            kind: account.kind,
            primary_email: account.primary.address.shown(),
            primary_undeliverable: ListedFailure::of(&account.primary),
            pending_primary: account.pending_primary.as_ref().map(ListedPendingPrimary::from),
            backup: BackupState::from(&account.backup),
            backup_undeliverable: account.backup.confirmed().and_then(ListedFailure::of),
            backup_unused_since: account.backup_in_question(now),
            in_primary_mailbox: in_primary_mailbox(account),
            pending_code: None,
            held_until: waiting.map(|waiting| waiting.usable_from),
            former_address: waiting.and(account.former.as_ref()).map(|former| former.address.shown()),
            former_primaries: ListedFormerPrimary::all_of(account, now),
            may_change_primary: account.may_change_primary(now).is_ok(),
            is_promotable: account.promotable(Duration::ZERO, now).is_ok(),
            has_password: account.password_hash.is_some(),
            frozen_until: account.frozen_until(now),
            sessions: None,
            finish: None,
            primary_masked: account.primary.address.masked(),
            history: None,
            pending_left: pending
                .map(|pending| pending.since + CONFIRMATION_LIFETIME)
                .filter(|end| now <= *end)
                .map(|end| end.since(now)),
            generation: account.generation,
            pending_request: pending.map(|pending| pending.request.clone()),
            back: None,
            banner: None,
            client_elsewhere: None,
            typed: String::new(),
            problem: None,
        }
    }

    /// Adds the code of the pending address, while its link is live.
    #[must_use]
    pub fn with_code(mut self, account: &Account, keys: &HashingKeys) -> Self {
        let pending = account.pending().filter(|_| self.pending_left.is_some());
        self.pending_code = pending.map(|pending| keys.code_of(&pending.request).shown());
        self
    }

    /// Says what was done.
    #[must_use]
    pub fn with_banner(self, banner: Option<Banner>) -> Self {
        Self { banner, ..self }
    }

    /// Says where to go on to the product that waits in another browser, if one does.
    #[must_use]
    pub fn with_client_elsewhere(self, client: Option<String>) -> Self {
        Self { client_elsewhere: client, ..self }
    }

    /// Adds the way back to the product that has handed the person over.
    #[must_use]
    pub fn with_way_back(self, back: Option<(ClientName, RedirectUri)>) -> Self {
        Self { back: back.map(|(client, location)| Back::new(&client, location.as_str())), ..self }
    }

    /// Adds the sessions of the account.
    #[must_use]
    pub fn with_sessions(self, sessions: SessionList) -> Self {
        Self { sessions: Some(sessions), ..self }
    }

    /// Adds what is left to do, in a session that began through the backup email. The sessions come before it.
    #[must_use]
    pub fn with_recovery(self, session: &Session, account: &Account) -> Self {
        let others = self.sessions.as_ref().is_some_and(SessionList::others);
        Self { finish: RecoverySteps::of(session, account, others), ..self }
    }

    /// Adds what happened lately, the newest first.
    #[must_use]
    pub fn with_history(self, activity: &[Activity]) -> Self {
        Self { history: Some(HistoryList::new(activity)), ..self }
    }

    /// Adds what was typed before the user had to sign in again.
    #[must_use]
    pub fn with_typed(self, typed: Option<String>) -> Self {
        Self { typed: typed.unwrap_or_default(), ..self }
    }

    /// Adds a problem beside the button that was pressed. The form stays open with what was typed in it; a pending
    /// address was not typed, because "Send again" submits it.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem, typed: impl Into<String>) -> Self {
        let typed = typed.into();
        let beside_state = self.backup.pending_address() == Some(typed.as_str());
        let part = if beside_state { AccountPart::State } else { AccountPart::Form };
        self.problem = Some((part, Shown::new(problem, &self.text)));
        self.typed = if beside_state { String::new() } else { typed };
        self
    }

    /// Whether the form is open: something is in it, or was wanted of it before the user had to sign in again.
    fn form_is_open(&self) -> bool {
        self.resumes(Change::RequestBackup) || !self.typed.is_empty() || self.form_problem().is_some()
    }

    /// Whether the backup email can become the primary, and email to it does not fail too.
    fn promotes_reachable_backup(&self) -> bool {
        self.is_promotable && self.backup_undeliverable.is_none()
    }

    fn removal_is_open(&self) -> bool {
        self.resumes(Change::RemoveBackup)
    }

    fn resumes(&self, change: Change) -> bool {
        self.banner == Some(Banner::Resume(change))
    }

    fn state_problem(&self) -> Option<&Shown> {
        self.problem.as_ref().filter(|(part, _)| *part == AccountPart::State).map(|(_, shown)| shown)
    }

    fn form_problem(&self) -> Option<&Shown> {
        self.problem.as_ref().filter(|(part, _)| *part == AccountPart::Form).map(|(_, shown)| shown)
    }
}
