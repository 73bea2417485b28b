//! The key of a mail request, and of the links made for it.
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The key of a request, ordered by the time of asking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// A ULID: 48 bits of milliseconds since the epoch, 80 random bits.
    pub fn new(unix_milliseconds: u64, random: u128) -> Self {
        Self(Ulid::from_parts(unix_milliseconds, random).to_string())
    }

    /// Takes a key as the database or the stream has it.
    pub fn from_stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The key as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
