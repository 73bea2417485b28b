//! The key of an account.
use serde::{Deserialize, Serialize};

/// The key of an account: opaque, never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// Wraps a key as the database has it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// A key that no account has: to read it takes as long as to read an account.
    pub fn nobody() -> Self {
        Self("nobody".into())
    }

    /// The key as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
