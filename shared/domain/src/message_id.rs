//! The key of an email request, and of the links that are made for it.
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::timestamp::Timestamp;

/// The key of a request. Keys sort by the time of the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// A ULID: 48 bits of milliseconds since the epoch, 80 random bits.
    pub fn new(unix_milliseconds: u64, random: u128) -> Self {
        Self(Ulid::from_parts(unix_milliseconds, random).to_string())
    }

    /// The lowest key of a second: all keys of earlier seconds are less.
    pub fn first_of(second: Timestamp) -> Self {
        Self::new(u64::try_from(second.unix_seconds()).unwrap_or_default() * 1_000, 0)
    }

    /// Wraps a key as the database or the stream has it.
    pub fn from_stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Another key of the same time, for a message that is sent together with this one. That of number 0 is this key.
    #[must_use]
    pub fn following(&self, number: u128) -> Self {
        let following = |id: Ulid| Ulid::from_parts(id.timestamp_ms(), id.random().wrapping_add(number));
        Ulid::from_string(&self.0).map_or_else(|_| self.clone(), |id| Self(following(id).to_string()))
    }

    /// Reads a key that anybody may have written; anything but a ULID is none.
    pub fn parse(text: &str) -> Option<Self> {
        Ulid::from_string(text).is_ok().then(|| Self(text.to_owned()))
    }

    /// When it was made; the beginning of 1970 for a key that is none.
    pub fn time(&self) -> Timestamp {
        let milliseconds = Ulid::from_string(&self.0).map_or(0, |id| id.timestamp_ms());
        Timestamp::from_unix_seconds(i64::try_from(milliseconds / 1_000).unwrap_or_default())
    }

    /// The key as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
