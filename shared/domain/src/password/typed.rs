//! A password as a person typed it.
use std::fmt;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization as _;

/// The longest password that is verified; NIST SP 800-63B-4 asks for at least 64 characters.
pub const MAX_BYTES: usize = 1_024;

/// A password as it was typed: no trimming, no case folding (ASVS 5.0 V6.2.8). Only how accents are encoded depends on the
/// keyboard and not on the person: see [`TypedPassword::composed`].
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct TypedPassword(String);

/// Why an account cannot have a password, wherever it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusablePassword {
    /// It has no character.
    #[error("it is empty; leave it out, and the owner signs in by a link")]
    Empty,
    /// It has only characters that nobody sees.
    #[error("it is blank; leave it out, and the owner signs in by a link")]
    Blank,
    /// It has a character that other systems cut it off at, or that stands for one that could not be read.
    #[error("it has a character that no password can have: U+0000 or U+FFFD")]
    UnusableCharacter,
    /// It is longer than [`MAX_BYTES`].
    #[error("it is over {MAX_BYTES} bytes")]
    TooLong,
}

/// U+FFFD replaces what is not Unicode, in a form and in the keyboards that send half a character.
pub(super) fn has_unusable_character(password: &str) -> bool {
    password.contains(['\0', char::REPLACEMENT_CHARACTER])
}

/// White space, a letter of Braille without a dot, and whatever Unicode says not to draw.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}' || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

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

    /// Checks that it is one that can be verified. One that another system accepted may be short or easy to guess.
    pub fn check_usable(&self) -> Result<(), UnusablePassword> {
        if self.0.is_empty() {
            return Err(UnusablePassword::Empty);
        }
        if has_unusable_character(&self.0) {
            return Err(UnusablePassword::UnusableCharacter);
        }
        if self.0.chars().all(is_blank) {
            return Err(UnusablePassword::Blank);
        }
        if self.is_too_long() { Err(UnusablePassword::TooLong) } else { Ok(()) }
    }

    /// Whether nothing was typed. That is nobody's password.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nobodys_password_is_told() {
        use UnusablePassword::{Blank, Empty, TooLong, UnusableCharacter};
        let long = "p".repeat(MAX_BYTES + 1);
        for (text, problem) in [
            ("", Some(Empty)),
            (" ", Some(Blank)),
            ("\u{200b}\t\u{a0}", Some(Blank)),
            ("\0", Some(UnusableCharacter)),
            ("a\0b", Some(UnusableCharacter)),
            ("a\u{fffd}b", Some(UnusableCharacter)),
            (&long, Some(TooLong)),
            (&long[1..], None),
            ("x", None),
            (" x", None),
        ] {
            assert_eq!(TypedPassword::new(text).check_usable().err(), problem, "{text:?}");
        }
    }
}
