//! What somebody wanted to change who has to sign in again first. A cookie keeps it until then, so that no URL contains an
//! address, and so that a link from an email leads on to it too.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::Banner;
use super::cookies::MAX_TYPED_BYTES;
use domain::{Account, AccountId, Timestamp};

/// A change that needs a recent sign-in. The set is closed: what is not in it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// To request a backup email.
    RequestBackup,
    /// To have the email with the confirmation link sent again.
    SendAgain,
    /// To cancel that request.
    CancelRequest,
    /// To remove the backup email.
    RemoveBackup,
    /// To end one session.
    EndSession,
    /// To end all sessions but this browser's.
    EndOtherSessions,
    /// To set a password.
    SetPassword,
    /// To request another primary email.
    RequestPrimary,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::RequestBackup,
        Self::SendAgain,
        Self::CancelRequest,
        Self::RemoveBackup,
        Self::EndSession,
        Self::EndOtherSessions,
        Self::SetPassword,
        Self::RequestPrimary,
    ];

    /// The name: the end of the key of its texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestBackup => "request-backup",
            Self::SendAgain => "send-again",
            Self::CancelRequest => "cancel-request",
            Self::RemoveBackup => "remove-backup",
            Self::EndSession => "end-session",
            Self::EndOtherSessions => "end-other-sessions",
            Self::SetPassword => "set-password",
            Self::RequestPrimary => "request-primary",
        }
    }

    /// The page with the button that does it.
    pub const fn page(self) -> &'static str {
        match self {
            Self::SetPassword => "/account/password",
            Self::RequestPrimary => "/account/primary",
            Self::RequestBackup
            | Self::SendAgain
            | Self::CancelRequest
            | Self::RemoveBackup
            | Self::EndSession
            | Self::EndOtherSessions => "/account",
        }
    }

    /// What that page says: which button to press. The page for a password has nothing else.
    pub const fn banner(self) -> Option<Banner> {
        match self {
            Self::SetPassword => None,
            change => Some(Banner::Resume(change)),
        }
    }
}

/// Longer than any that is made: a username and two addresses, escaped and encoded.
const MAX_BYTES: usize = 2_000;

/// A change, who wants it, and what was typed for it. Anybody can make up the cookie that it is read from: it gives no more
/// than a page with what the browser sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedChange {
    /// What is wanted.
    pub change: Change,
    /// A mark of the account.
    owner: String,
    /// Its username.
    pub username: String,
    /// Its primary email.
    pub email: String,
    /// Whether it has a password to sign in with.
    pub has_password: bool,
    /// Whether it has a backup email that signs in.
    #[serde(default)]
    pub has_backup: bool,
    /// What was typed. Empty for a text that is too long for an address.
    typed: String,
}

impl WantedChange {
    /// A change that this account wants now.
    pub fn new(change: Change, account: &Account, now: Timestamp) -> Self {
        Self {
            change,
            owner: mark(&account.id),
            username: account.username.as_str().to_owned(),
            email: account.primary.address.shown(),
            has_password: account.password_hash.is_some(),
            has_backup: account.active_backup(now).is_some(),
            typed: String::new(),
        }
    }

    /// The address that was typed for it. One that is too long is not kept.
    #[must_use]
    pub fn with_typed(self, typed: &str) -> Self {
        let typed = if typed.len() <= MAX_TYPED_BYTES { typed.to_owned() } else { String::new() };
        Self { typed, ..self }
    }

    /// Whether it is this account that wants it. In a shared browser another may sign in.
    pub fn is_of(&self, account: &AccountId) -> bool {
        self.owner == mark(account)
    }

    /// What was typed for it, if this account did.
    pub fn typed_by(self, account: &AccountId) -> Option<String> {
        (self.is_of(account) && !self.typed.is_empty()).then_some(self.typed)
    }

    /// The cookie's value: base64url, because a cookie may contain neither quotes nor letters beyond ASCII.
    pub(super) fn encode(&self) -> Option<String> {
        let json = serde_json::to_vec(self).ok()?;
        let value = URL_SAFE_NO_PAD.encode(json);
        (value.len() <= MAX_BYTES).then_some(value)
    }

    /// Reads the cookie; nothing for anything else.
    pub(super) fn decode(value: &str) -> Option<Self> {
        if value.len() > MAX_BYTES {
            return None;
        }
        let wanted: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
        (wanted.typed.len() <= MAX_TYPED_BYTES).then_some(wanted)
    }
}

/// Distinguishes accounts without naming them. It protects nothing, so a forgery gains nothing.
pub(super) fn mark(account: &AccountId) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, account.as_str().as_bytes()).as_ref()[..9])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mina() -> AccountId {
        AccountId::new("mina")
    }

    fn wanted(typed: &str) -> WantedChange {
        let wanted = WantedChange {
            change: Change::RequestBackup,
            owner: mark(&mina()),
            username: "mina".into(),
            email: "mina@example.com".into(),
            has_password: true,
            has_backup: true,
            typed: String::new(),
        };
        wanted.with_typed(typed)
    }

    fn read_again(wanted: &WantedChange) -> Option<WantedChange> {
        WantedChange::decode(&wanted.encode()?)
    }

    #[test]
    fn every_change_is_read_by_its_name_and_leads_to_a_page_of_ours() {
        for change in Change::ALL {
            let changed = WantedChange { change, ..wanted("") };
            assert_eq!(read_again(&changed), Some(changed));
            assert_eq!(serde_json::to_value(change).expect("a name"), change.as_str());
            assert!(["/account", "/account/password", "/account/primary"].contains(&change.page()));
            assert_eq!(change.banner().is_none(), change.page() == "/account/password");
        }
    }

    #[test]
    fn nobody_reads_what_somebody_else_typed() {
        let wanted = read_again(&wanted("spare@example.org")).expect("short enough");
        assert_eq!(wanted.clone().typed_by(&mina()).as_deref(), Some("spare@example.org"));
        assert_eq!(wanted.typed_by(&AccountId::new("joris")), None);
    }

    #[test]
    fn nothing_too_long_for_an_address_is_kept_or_read() {
        let too_long = "a".repeat(MAX_TYPED_BYTES + 1);
        assert_eq!(wanted(&too_long).typed_by(&mina()), None);
        let forged = WantedChange { typed: too_long, ..wanted("") };
        assert_eq!(read_again(&forged), None);
        let forged = WantedChange { username: "a".repeat(MAX_BYTES), ..wanted("") };
        assert_eq!(forged.encode(), None);
        assert_eq!(WantedChange::decode(&"A".repeat(100_000)), None);
    }

    #[test]
    fn the_longest_that_is_made_is_kept() {
        let longest = WantedChange {
            username: "あ".repeat(64),
            email: "é".repeat(127),
            change: Change::EndOtherSessions,
            ..wanted(&"\"".repeat(MAX_TYPED_BYTES))
        };
        assert_eq!(read_again(&longest), Some(longest));
    }

    #[test]
    fn nothing_else_is_read() {
        let other = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for value in ["", "x", "..", &other("{}"), &other("null"), &other("{\"change\":\"close-account\"}")] {
            assert_eq!(WantedChange::decode(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_was_typed_survives_a_cookie(typed in "\\PC{1,60}") {
            let value = wanted(&typed).encode().expect("short enough");
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            let read = WantedChange::decode(&value).and_then(|read| read.typed_by(&mina()));
            prop_assert_eq!(read, Some(typed));
        }

        #[test]
        fn every_cookie_can_be_read(value in "\\PC*") {
            let _ = WantedChange::decode(&value);
        }
    }
}
