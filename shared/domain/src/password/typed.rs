//! A password as a person typed it.
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// The longest password that is verified; NIST SP 800-63B-4 asks for at least 64 characters.
pub const MAX_BYTES: usize = 1_024;

/// A password as it was typed: no trimming, no case folding (ASVS 5.0 V6.2.8). Only how accents are encoded depends on the
/// keyboard and not on the person: see [`TypedPassword::composed`].
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct TypedPassword(String);

impl TypedPassword {
    /// Takes what was typed.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(typed.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with composed accents (Unicode NFC), if that differs: some systems send them decomposed, and a password that
    /// was set on another one is then not the same bytes (NIST SP 800-63B-4, 3.1.1.2).
    pub(super) fn composed(&self) -> Option<Self> {
        let composed: String = self.0.nfc().collect();
        (composed != self.0).then_some(Self(composed))
    }

    /// Whether it is longer than any password that is verified.
    pub fn is_too_long(&self) -> bool {
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
