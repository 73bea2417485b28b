//! The code that the requesting page shows, with which the link can be used in another browser.
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// Random bytes that a code is made of, one for each character.
pub(super) const CODE_BYTES: usize = CODE_CHARACTERS;

/// Six characters are 30 bits: with five attempts a guess succeeds once in 200 million links (ASVS 5.0 V6.5.4 asks for
/// 20 bits, and V6.6.3 for a limit of attempts).
pub const CODE_CHARACTERS: usize = 6;

/// How much of a text is read as a code.
const MOST_READ: usize = 256;

/// Crockford's base 32: without I, L, O and U, which are easily mistaken.
/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Six characters of Crockford's base 32. Its `Debug` is opaque: a person who has the link needs nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode(String);

/// The text is not six characters of the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code")]
pub struct NotACode;

impl LinkCode {
    /// Makes a code of random bytes; each contributes five bits.
    pub(super) fn from_random(bytes: [u8; CODE_BYTES]) -> Self {
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
    }

    /// Parses what a person typed: in either case and any width, with any space and punctuation, O for 0, I or L for 1, as
    /// Crockford asks. Only letters and digits count.
    pub fn parse(typed: &str) -> Result<Self, NotACode> {
        let letters = typed.chars().take(MOST_READ).nfkc().filter(|letter| letter.is_alphanumeric());
        let code: String = letters
            .map(|letter| match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                letter => letter,
            })
            .take(CODE_CHARACTERS + 1)
            .collect();
        let known = code.bytes().all(|letter| ALPHABET.contains(&letter));
        if known && code.len() == CODE_CHARACTERS { Ok(Self(code)) } else { Err(NotACode) }
    }

    /// The six characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a page shows it, in two groups: `4F7 QKM`.
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(CODE_CHARACTERS / 2);
        format!("{first} {second}")
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_read_however_a_person_types_it() {
        for typed in [
            "01AZ9K",
            "01az9k",
            "o1az9k",
            "Oiaz9k",
            "ol-AZ9 K",
            " 01A Z9K ",
            "01A\u{a0}Z9K",
            "01A\u{2013}Z9K",
            "01A\u{2011}Z9K.",
            "01A\u{200b}Z9K\u{200e}",
            "\u{ff10}\u{ff11}\u{ff21}\u{3000}\u{ff3a}\u{ff19}\u{ff2b}",
            "“01AZ9K”",
        ] {
            assert_eq!(LinkCode::parse(typed).map(|code| code.0), Ok("01AZ9K".to_owned()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for typed in
            ["", "01AZ9", "01AZ9KK", "01AZ9U", "01AZ9é", "01AZ9\0", "01AZ9\u{416}", &"0".repeat(10_000)]
        {
            assert_eq!(LinkCode::parse(typed), Err(NotACode), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn is_read_as_it_is_shown(bytes in any::<[u8; CODE_BYTES]>()) {
            let code = LinkCode::from_random(bytes);
            prop_assert_eq!(LinkCode::parse(&code.shown()), Ok(code));
        }
    }
}
