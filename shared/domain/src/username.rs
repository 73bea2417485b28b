//! Usernames: stored as chosen, compared in one canonical form.
use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// The minimum number of characters after normalisation.
pub const MIN_CHARS: usize = 3;
/// The maximum number of characters after normalisation.
pub const MAX_CHARS: usize = 64;

/// A username in NFKC, as its owner writes it.
#[derive(Debug, Clone)]
pub struct Username {
    name: String,
    canonical: String,
}

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUsername {
    /// Not 3 to 64 characters.
    #[error("a username has 3 to 64 characters")]
    Length,
    /// An `@` would make it look like an address; spaces, controls and invisible characters help impersonation.
    #[error("a username has no @, no space and no invisible characters")]
    Character,
}

impl Username {
    /// Parses what a person typed; space around it is dropped.
    pub fn parse(typed: &str) -> Result<Self, NotAUsername> {
        let typed = typed.trim();
        // Normalisation can multiply the length, so a long text is refused before it.
        if typed.chars().count() > MAX_CHARS {
            return Err(NotAUsername::Length);
        }
        let name: String = typed.nfkc().collect();
        if name.chars().any(|c| c == '@' || c.is_whitespace() || c.is_control() || is_invisible(c)) {
            return Err(NotAUsername::Character);
        }
        if !(MIN_CHARS..=MAX_CHARS).contains(&name.chars().count()) {
            return Err(NotAUsername::Length);
        }
        // Unicode definition D145 (canonical caseless match) on top of NFKC: fold, then normalise again.
        let canonical = name.chars().default_case_fold().nfkc().collect();
        Ok(Self { name, canonical })
    }

    /// As its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The form that is compared and claimed.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Username {}

/// Zero-width characters, soft hyphens and bidirectional controls (Unicode TR 36, section 3.5).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_case_and_width_in_every_script() {
        for (one, other) in [
            ("Mina", "mina"),
            ("ＭＩＮＡ", "mina"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("まどか", "まどか"),
        ] {
            assert_eq!(Username::parse(one).ok(), Username::parse(other).ok(), "{one} and {other}");
        }
        assert_eq!(Username::parse("Mina").expect("a username").as_str(), "Mina");
    }

    #[test]
    fn refuses_short_long_addresses_and_invisible_characters() {
        for (typed, why) in [
            ("mi", NotAUsername::Length),
            (&*"m".repeat(65), NotAUsername::Length),
            ("mina@example.com", NotAUsername::Character),
            ("mina＠home", NotAUsername::Character),
            ("mi na", NotAUsername::Character),
            ("mi\u{200b}na", NotAUsername::Character),
            ("mina\u{202e}", NotAUsername::Character),
            ("mi\0na", NotAUsername::Character),
        ] {
            assert_eq!(Username::parse(typed).map(|name| name.name), Err(why), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn canonical_form_is_stable(typed in "\\PC{0,70}") {
            if let Ok(username) = Username::parse(&typed) {
                let again = Username::parse(username.as_str()).expect("a username parses again");
                prop_assert_eq!(again.canonical(), username.canonical());
            }
        }
    }
}
