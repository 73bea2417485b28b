//! What happened to an account, as its owner and the operator see it: the events that the owner was told about, and
//! actions that cause no notice. No undo reads the actions.
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::client_info::ClientInfo;
use super::delivery::{DeliveredTo, DeliveryFailure};
use super::email_address::EmailAddress;
use super::email_request::Notice;
use super::history::AccountEvent;
use super::message_id::MessageId;
use super::session::SignInMethod;
use super::timestamp::Timestamp;

/// As much as a list shows.
pub const MOST_LISTED: usize = 20;

/// Something that somebody did and that the owner is not told by email.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum LoggedAction {
    /// A sign-in without the backup email. One with it is an event.
    SignedIn {
        /// By which way.
        how: SignInMethod,
    },
    /// A backup email was requested.
    BackupRequested {
        /// Its mask: until it is confirmed, the address may be anybody's.
        address: String,
        /// What the request has replaced. Entries of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<Requested>,
    },
    /// The pending address was cancelled.
    RequestCancelled {
        /// Its mask.
        address: String,
    },
    /// The backup email was confirmed once more.
    BackupConfirmedAgain {
        /// Its mask.
        address: String,
    },
    /// The account was created.
    Created,
    /// A product changed the account.
    Changed {
        /// What of it.
        fields: Vec<ChangedField>,
    },
    /// The account was disabled, and its sessions ended.
    Disabled,
    /// The account was enabled.
    Enabled,
    /// A product or an operator ended all sessions.
    AllSessionsEnded,
    /// The account is being deleted: it is disabled for good, and its sessions have ended.
    DeletionBegun,
    /// The account is deleted.
    Deleted,
    /// Email to the primary email fails.
    PrimaryUndeliverable {
        /// How it failed.
        why: DeliveryFailure,
    },
    /// An operator says that email to an address works again.
    DeliveryAllowed {
        /// What the address is to the account.
        to: DeliveredTo,
    },
}

/// What an address that waits for its confirmation is to become. One waits at the most: each request replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requested {
    /// The backup email.
    BackupEmail,
    /// The primary email.
    PrimaryEmail,
}

impl Requested {
    /// What the address that waits in an account is to become.
    pub fn of(account: &Account) -> Option<Self> {
        if account.pending_primary.is_some() {
            Some(Self::PrimaryEmail)
        } else {
            account.pending().map(|_| Self::BackupEmail)
        }
    }
}

/// A field of an account that a product changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangedField {
    /// Its username.
    Username,
    /// Who authenticates the person.
    Kind,
    /// The language of its pages and emails.
    Locale,
}

impl LoggedAction {
    /// That this address was requested as the backup email, in place of another request.
    pub fn requested(address: &EmailAddress, replaced: Option<Requested>) -> Self {
        Self::BackupRequested { address: address.masked(), replaced }
    }

    /// That the request for this address was cancelled.
    pub fn cancelled(address: &EmailAddress) -> Self {
        Self::RequestCancelled { address: address.masked() }
    }

    /// That this address was confirmed once more.
    pub fn confirmed_again(address: &EmailAddress) -> Self {
        Self::BackupConfirmedAgain { address: address.masked() }
    }

    /// What it was, in a word.
    const fn what(&self) -> &'static str {
        match self {
            Self::SignedIn { .. } => "signed-in",
            Self::BackupRequested { .. } => "requested",
            Self::RequestCancelled { .. } => "cancelled",
            Self::BackupConfirmedAgain { .. } => "confirmed-again",
            Self::Created => "created",
            Self::Changed { .. } => "account-changed",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::AllSessionsEnded => "all-sessions-ended",
            Self::DeletionBegun => "deletion-begun",
            Self::Deleted => "deleted",
            Self::PrimaryUndeliverable { why: DeliveryFailure::Bounced } => "primary-bounced",
            Self::PrimaryUndeliverable { why: DeliveryFailure::Complained } => "primary-complained",
            Self::DeliveryAllowed { .. } => "deliverable",
        }
    }

    /// Whether the owner did it, on a device of their own.
    const fn is_of_owner(&self) -> bool {
        matches!(
            self,
            Self::SignedIn { .. }
                | Self::BackupRequested { .. }
                | Self::RequestCancelled { .. }
                | Self::BackupConfirmedAgain { .. }
        )
    }
}

/// An action, and when and from where it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its key.
    pub id: MessageId,
    /// What was done.
    pub action: LoggedAction,
    /// When.
    pub at: Timestamp,
    /// Where the request came from.
    pub source: ClientInfo,
}

impl LogEntry {
    /// An action that came from no browser: of a product, an operator or the mail service.
    pub fn without_source(id: MessageId, action: LoggedAction, at: Timestamp) -> Self {
        Self { id, action, at, source: ClientInfo::default() }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// An event. The owner was told.
    Announced(Notice),
    /// An action.
    Logged(LoggedAction),
}

/// Something that happened, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its key.
    pub id: MessageId,
    /// What it was.
    pub happened: Happened,
    /// When.
    pub at: Timestamp,
    /// Where the request came from.
    pub source: ClientInfo,
}

impl From<AccountEvent> for Activity {
    fn from(event: AccountEvent) -> Self {
        Self { id: event.id, happened: Happened::Announced(event.notice), at: event.at, source: event.source }
    }
}

impl From<LogEntry> for Activity {
    fn from(entry: LogEntry) -> Self {
        Self { id: entry.id, happened: Happened::Logged(entry.action), at: entry.at, source: entry.source }
    }
}

/// The masks of the addresses of an activity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaskedAddresses {
    /// The backup email that was replaced.
    pub former: Option<String>,
    /// The backup email that it is about.
    pub backup: Option<String>,
}

impl Activity {
    /// The newest of both kinds, the newest first.
    pub fn newest(
        events: impl IntoIterator<Item = AccountEvent>,
        entries: impl IntoIterator<Item = LogEntry>,
        most: usize,
    ) -> Vec<Self> {
        let events = events.into_iter().map(Self::from);
        let mut all: Vec<Self> = events.chain(entries.into_iter().map(Self::from)).collect();
        all.sort_by(|one, other| other.id.cmp(&one.id));
        all.truncate(most);
        all
    }

    /// What it was, in a word: of an event the stem of its notice.
    pub const fn what(&self) -> &'static str {
        match &self.happened {
            Happened::Announced(notice) => notice.stem(),
            Happened::Logged(action) => action.what(),
        }
    }

    /// Whether somebody did it, in a request that came from somewhere.
    pub const fn has_source(&self) -> bool {
        match &self.happened {
            Happened::Announced(notice) => notice.has_source(),
            Happened::Logged(action) => action.is_of_owner(),
        }
    }

    /// By which way somebody signed in.
    pub const fn how(&self) -> Option<SignInMethod> {
        match self.happened {
            Happened::Logged(LoggedAction::SignedIn { how }) => Some(how),
            _ => None,
        }
    }

    /// Its addresses. Two of them show as much as tells them apart.
    pub fn addresses(&self) -> MaskedAddresses {
        let backup = |backup: String| MaskedAddresses { former: None, backup: Some(backup) };
        match &self.happened {
            Happened::Announced(
                Notice::BackupChanged { former, address, .. }
                | Notice::BackupPromoted { former, address, .. }
                | Notice::PrimaryChanged { former, address, .. },
            ) => {
                let (former, backup) = former.masked_apart(address);
                MaskedAddresses { former: Some(former), backup: Some(backup) }
            }
            Happened::Announced(
                Notice::BackupAdded { address, .. }
                | Notice::BackupRemoved { address, .. }
                | Notice::BackupUsed { address }
                | Notice::BackupUndeliverable { address, .. }
                | Notice::FormerPrimaryUsed { address }
                | Notice::PrimaryRequested { address, .. }
                | Notice::Undone { backup: Some(address), .. },
            ) => backup(address.masked()),
            Happened::Logged(
                LoggedAction::BackupRequested { address, .. }
                | LoggedAction::RequestCancelled { address }
                | LoggedAction::BackupConfirmedAgain { address },
            ) => backup(address.clone()),
            Happened::Announced(
                Notice::SessionsEnded | Notice::PasswordSet { .. } | Notice::Undone { backup: None, .. },
            )
            | Happened::Logged(_) => MaskedAddresses::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    fn event(second: i64, notice: Notice) -> AccountEvent {
        let id = MessageId::first_of(at(second));
        AccountEvent {
            id,
            notice,
            at: at(second),
            source: ClientInfo::default(),
            before: None,
            before_primary: None,
        }
    }

    fn entry(second: i64, action: LoggedAction) -> LogEntry {
        LogEntry {
            id: MessageId::first_of(at(second)),
            action,
            at: at(second),
            source: ClientInfo::default(),
        }
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    #[test]
    fn events_and_actions_are_listed_together_the_newest_first() {
        let signed_in = LoggedAction::SignedIn { how: SignInMethod::Password };
        let events =
            [event(10, Notice::PasswordSet { had_password: None }), event(30, Notice::SessionsEnded)];
        let entries = [
            entry(20, signed_in.clone()),
            entry(40, signed_in),
            entry(5, LoggedAction::requested(&address("a@b.example"), None)),
        ];
        let listed = Activity::newest(events, entries, 4);
        let listed: Vec<_> =
            listed.iter().map(|activity| (activity.at.unix_seconds(), activity.what())).collect();
        assert_eq!(
            listed,
            [(40, "signed-in"), (30, "sessions-ended"), (20, "signed-in"), (10, "password-set")]
        );
    }

    #[test]
    fn no_address_is_listed_in_full() {
        let (spare, other) = (address("spare@example.org"), address("sparse@example.org"));
        let changed = Notice::BackupChanged {
            former: spare.clone(),
            former_usable_from: None,
            address: other.clone(),
            usable_from: None,
        };
        let undone = |backup| Notice::Undone { backup, since: None, password_void: false, primary: None };
        let listed = Activity::newest(
            [
                event(9, changed),
                event(8, Notice::BackupAdded { address: spare.clone(), usable_from: None }),
                event(7, Notice::BackupRemoved { address: spare.clone(), usable_from: None }),
                event(6, Notice::BackupUsed { address: spare.clone() }),
                event(5, undone(Some(spare.clone()))),
                event(4, undone(None)),
            ],
            [entry(3, LoggedAction::requested(&spare, None)), entry(2, LoggedAction::cancelled(&spare))],
            MOST_LISTED,
        );
        let shown: Vec<_> = listed.iter().map(Activity::addresses).collect();
        let mask = Some("sp***re@example.org".to_owned());
        let one = MaskedAddresses { former: None, backup: mask };
        assert_ne!(shown[0].former, shown[0].backup, "the two can be told apart");
        assert_eq!(shown[1..5], [one.clone(), one.clone(), one.clone(), one.clone()]);
        assert_eq!(shown[5], MaskedAddresses::default());
        assert_eq!(shown[6..], [one.clone(), one]);
        for shown in shown.iter().flat_map(|shown| [&shown.former, &shown.backup]).flatten() {
            assert!(shown.contains("***"), "{shown}");
        }
    }
}
