//! A password as a person typed it.
use std::fmt;

/// The longest password that is verified; NIST SP 800-63B-4 asks for at least 64 characters.
pub const MAX_BYTES: usize = 1_024;

/// A password as it was typed: no trimming, no normalising, no case folding (ASVS 5.0 V6.2.8).
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct TypedPassword(String);

impl TypedPassword {
    /// Takes what was typed.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(typed.into())
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.0.len() > MAX_BYTES
    }

    /// At most its first [`MAX_BYTES`] bytes, so that an oversized password takes no longer than others.
    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.0.as_bytes()[..self.0.len().min(MAX_BYTES)]
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}
