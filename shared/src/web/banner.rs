//! What the page after a form says about what was done: one line, shown once.
use super::Change;

/// What was done, or that it was done before. Its name is what the cookie has, and the end of the key of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Banner {
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// An email was requested again.
    RequestedAgain,
    /// A confirmation was requested.
    ConfirmationRequested,
    /// The pending address was cancelled.
    RequestCancelled,
    /// The backup email was removed.
    BackupRemoved,
    /// It was done before, as with a second click.
    NothingLeftToRemove,
    /// One session has ended.
    SessionEnded,
    /// All sessions but this browser's have ended.
    OtherSessionsEnded,
    /// A password was set.
    PasswordSet,
    /// The backup email was made the primary.
    BackupPromoted,
    /// An undo could not restore an address that belongs to another account by now.
    AddressNotRestored,
    /// Somebody signed in to another account than the one that wanted a change.
    OtherAccount,
    /// Somebody signed in again for this change, which is not done yet.
    Resume(Change),
}

impl Banner {
    /// All of them, but for those of changes.
    const PLAIN: [Self; 13] = [
        Self::SignedIn,
        Self::SignedOut,
        Self::RequestedAgain,
        Self::ConfirmationRequested,
        Self::RequestCancelled,
        Self::BackupRemoved,
        Self::NothingLeftToRemove,
        Self::SessionEnded,
        Self::OtherSessionsEnded,
        Self::PasswordSet,
        Self::BackupPromoted,
        Self::AddressNotRestored,
        Self::OtherAccount,
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let changes = Change::ALL.into_iter().filter_map(Change::banner);
        Self::PLAIN.into_iter().chain(changes)
    }

    /// Reads the cookie; anything else is no banner.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::all().find(|banner| banner.as_str() == text)
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::SignedOut => "signed-out",
            Self::RequestedAgain => "requested-again",
            Self::ConfirmationRequested => "confirmation-requested",
            Self::RequestCancelled => "request-cancelled",
            Self::BackupRemoved => "backup-removed",
            Self::NothingLeftToRemove => "nothing-left-to-remove",
            Self::SessionEnded => "session-ended",
            Self::OtherSessionsEnded => "other-sessions-ended",
            Self::PasswordSet => "password-set",
            Self::BackupPromoted => "backup-promoted",
            Self::AddressNotRestored => "address-not-restored",
            Self::OtherAccount => "other-account",
            Self::Resume(change) => change.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_banner_is_read_by_its_name_and_nothing_else_is_one() {
        for banner in Banner::all() {
            assert_eq!(Banner::parse(banner.as_str()), Some(banner));
        }
        assert_eq!(Banner::parse("Your account was closed"), None);
        assert_eq!(Banner::parse(""), None);
    }
}
