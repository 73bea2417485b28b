//! What happened to an account lately, as a part of the account page.
use serde::Serialize;

use crate::notice_text;
use crate::texts::Texts;
use domain::{Activity, Actor, ClientInfo, SignInMethod, Timestamp};

/// As many as are shown at once. The others unfold.
const AT_ONCE: usize = 5;

/// Something that happened, as the owner sees it. No address is in full.
#[derive(Debug, Clone, Serialize)]
pub struct ListedActivity {
    /// What.
    what: &'static str,
    /// By which way somebody signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<SignInMethod>,
    /// The address that it is about, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The one that was replaced, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<String>,
    /// When.
    pub(super) at: Timestamp,
    /// Who did it, if it was not the owner or who acted as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Actor>,
    /// On what kind of device, and from where, roughly; nothing for what nobody did, or a product.
    #[serde(flatten)]
    source: Option<ClientInfo>,
}

impl From<&Activity> for ListedActivity {
    fn from(activity: &Activity) -> Self {
        let addresses = activity.addresses();
        let source = activity.has_source().then_some(&activity.source);
        Self {
            what: activity.what(),
            how: activity.how(),
            address: addresses.backup,
            former: addresses.former,
            at: activity.at,
            by: source.and_then(Actor::of_source),
            source: source.filter(|source| !source.is_product).cloned(),
        }
    }
}

impl ListedActivity {
    pub(super) fn happened(&self, text: &Texts) -> String {
        let addresses = [("former", self.former.as_deref()), ("backup", self.address.as_deref())];
        let addresses = addresses.map(|(name, address)| (name, address.unwrap_or_default()));
        match self.how {
            Some(SignInMethod::Password) => text.message("history-signed-in-password"),
            Some(SignInMethod::LinkToPrimary) => text.message("history-signed-in-primary"),
            Some(SignInMethod::HandOver) => text.message("history-signed-in-hand-over"),
            // These are events.
            Some(SignInMethod::PasswordWithBackup | SignInMethod::LinkToBackup) => {
                text.message("history-signed-in-backup")
            }
            None => text.format(&format!("history-{}", self.what), &addresses),
        }
    }

    pub(super) fn network(&self, text: &Texts) -> Option<String> {
        self.source.as_ref().and_then(|source| notice_text::network(source, text))
    }

    pub(super) fn device(&self, text: &Texts) -> Option<String> {
        if self.by == Some(Actor::Product) {
            return Some(text.message("history-by-product"));
        }
        self.source.as_ref().map(|source| notice_text::device(source, text))
    }
}

/// What happened, the newest first.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct HistoryList(Vec<ListedActivity>);

impl HistoryList {
    /// The list of these activities, the newest first.
    pub fn new(activity: &[Activity]) -> Self {
        Self(activity.iter().map(ListedActivity::from).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The newest.
    pub(super) fn at_once(&self) -> &[ListedActivity] {
        &self.0[..self.0.len().min(AT_ONCE)]
    }

    /// The others.
    pub(super) fn earlier(&self) -> &[ListedActivity] {
        &self.0[self.0.len().min(AT_ONCE)..]
    }
}
