//! How sessions, links and pending addresses end together.
use serde::{Deserialize, Serialize};

/// How often all sessions of an account have ended. Sessions, links and pending addresses store the generation they
/// were created under and are valid only while it is current, so one atomic addition ends all of them. Times are for
/// people to read: whole seconds cannot tell what was created before an ending from what was created after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u32);

impl Generation {
    /// The generation of a new account.
    pub const FIRST: Self = Self(0);

    /// Wraps a generation as the database has it.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, as the database has it.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The generation after all sessions have ended once more.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
