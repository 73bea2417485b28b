//! The pages of another primary email: the form, and the one after it is confirmed.
use askama::Template;
use serde::Serialize;

use super::super::Banner;
use super::{Code, Problem, Shown};
use crate::texts::Texts;
use domain::{Account, AccountKind, MessageId, PendingPrimary, Timestamp};

/// What it does, and the form for the address; or why it is refused, and from when on it is not.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/primary.html")]
pub struct PrimaryPage {
    #[serde(skip)]
    text: Texts,
    primary_email: String,
    /// Whether an address waits for confirmation, which this replaces.
    cancels_pending: bool,
    /// When it can be done, if that is later.
    #[serde(skip)]
    from: Option<Timestamp>,
    /// The pending request, so that a second click is recognised.
    #[serde(skip)]
    pending_request: Option<MessageId>,
    /// Whether it can be done now.
    #[serde(skip)]
    is_allowed: bool,
    #[serde(skip)]
    banner: Option<Banner>,
    #[serde(skip)]
    typed: String,
    #[serde(skip)]
    problem: Option<Shown>,
}

impl PrimaryPage {
    /// The page of an account as it is at `now`.
    pub fn new(account: &Account, now: Timestamp, text: Texts) -> Self {
        Self {
            text,
            primary_email: account.primary.address.shown(),
            cancels_pending: account.pending().is_some(),
            from: None,
            pending_request: account.pending().map(|pending| pending.request.clone()),
            is_allowed: account.may_change_primary(now).is_ok(),
            banner: None,
            typed: String::new(),
            problem: None,
        }
    }

    /// Says what was done.
    #[must_use]
    pub fn with_banner(self, banner: Option<Banner>) -> Self {
        Self { banner, ..self }
    }

    /// With this in the field.
    #[must_use]
    pub fn with_typed(self, typed: String) -> Self {
        Self { typed, ..self }
    }

    /// With a problem, and from when on there is none.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self.from = problem.until();
        self
    }

    /// Whether the address that was typed is the backup email, which can be made the primary elsewhere.
    fn leads_to_promoting(&self) -> bool {
        self.problem.as_ref().is_some_and(|shown| shown.code == Code::SameAsBackup.as_str())
    }
}

/// The address is the primary now.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/primary-confirmed.html")]
pub struct PrimaryConfirmedPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    address: String,
    /// The primary before, masked, while it still signs in.
    #[serde(flatten)]
    former: Option<MaskedFormer>,
}

/// A primary email that was replaced and still signs in.
#[derive(Debug, Clone, Serialize)]
struct MaskedFormer {
    /// Its mask.
    former: String,
    /// The first second in which it no longer signs in.
    former_until: Timestamp,
}

impl PrimaryConfirmedPage {
    /// The page of an account whose primary was changed.
    pub fn new(account: &Account, now: Timestamp, text: Texts) -> Self {
        let former = account.former_primaries.iter().filter(|former| now < former.until);
        let former = former.max_by_key(|former| former.replaced_at).map(|former| MaskedFormer {
            former: former.email.address.masked_apart(&account.primary.address).0,
            former_until: former.until,
        });
        let username = account.username.as_str().to_owned();
        Self { text, username, address: account.primary.address.shown(), former }
    }
}

/// An address that is waiting for confirmation as the primary.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ListedPendingPrimary {
    pub(super) address: String,
    pub(super) since: Timestamp,
}

impl From<&PendingPrimary> for ListedPendingPrimary {
    fn from(primary: &PendingPrimary) -> Self {
        Self { address: primary.pending.address.shown(), since: primary.pending.since }
    }
}

/// A primary email that was replaced and still signs in.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ListedFormerPrimary {
    pub(super) address: String,
    /// When it was replaced.
    pub(super) replaced_at: Timestamp,
    /// The first second in which it no longer signs in.
    pub(super) until: Timestamp,
}

impl ListedFormerPrimary {
    pub(super) fn all_of(account: &Account, now: Timestamp) -> Vec<Self> {
        // No email signs in to an account that another system authenticates.
        let is_sso = account.kind == AccountKind::Sso;
        let signing_in = account.former_primaries.iter().filter(|former| !is_sso && now < former.until);
        let listed = signing_in.map(|former| Self {
            address: former.email.address.shown(),
            replaced_at: former.replaced_at,
            until: former.until,
        });
        listed.collect()
    }
}
