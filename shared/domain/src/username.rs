//! Usernames: stored as chosen, compared in one canonical form.
//!
//! What a new account may be called is stricter than what an account may be found by: rules became stricter after accounts
//! were created, and their owners still sign in.
use std::collections::BTreeSet;

use caseless::Caseless;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

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

/// A username that a new account may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUsername(Username);

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUsername {
    /// Not 3 to 64 characters.
    #[error("a username has 3 to 64 characters")]
    Length,
    /// An `@` would make it look like an address, `/ : \` like a link or a path; spaces, controls and invisible characters
    /// help impersonation.
    #[error("it has the character U+{:04X}; a username has no @ / : \\, no space and nothing invisible", u32::from(*.0))]
    Character(char),
}

impl Username {
    /// Parses what a person typed to be found by, or what is stored; space around it is dropped. Accepts what earlier
    /// versions accepted for a new account.
    pub fn parse(typed: &str) -> Result<Self, NotAUsername> {
        let typed = typed.trim();
        // Normalisation can multiply the length, so a long text is refused before it.
        if typed.chars().count() > MAX_CHARS {
            return Err(NotAUsername::Length);
        }
        let name: String = typed.nfkc().collect();
        let refused = |c: &char| *c == '@' || c.is_whitespace() || c.is_control() || is_invisible_mark(*c);
        if let Some(c) = name.chars().find(refused) {
            return Err(NotAUsername::Character(c));
        }
        if !(MIN_CHARS..=MAX_CHARS).contains(&name.chars().count()) {
            return Err(NotAUsername::Length);
        }
        Ok(Self { canonical: folded(&name), name })
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

impl NewUsername {
    /// Parses the username of a new account; space around it is dropped.
    pub fn parse(chosen: &str) -> Result<Self, NotAUsername> {
        // Before normalisation too: NFKC removes or composes characters that the owner did write.
        if let Some(c) = chosen.trim().chars().find(|c| is_refused_in_new(*c)) {
            return Err(NotAUsername::Character(c));
        }
        let username = Username::parse(chosen)?;
        match username.name.chars().find(|c| is_refused_in_new(*c)) {
            Some(c) => Err(NotAUsername::Character(c)),
            None => Ok(Self(username)),
        }
    }

    /// The name, without the promise that it is acceptable today.
    pub fn username(&self) -> &Username {
        &self.0
    }

    /// What the name looks like: of two names that have one of these in common, only one may exist. Three texts at most.
    pub fn looks(&self) -> BTreeSet<String> {
        looks(&self.0)
    }
}

/// The skeletons of a name (UTS 39, section 4), without regard to case: of the name in small letters, in capitals, and as it
/// is written. Letters that look alike in one case do not in the other (Cyrillic М and м), and `Ivan` with a capital i looks
/// like `lvan`, which neither of its cases does.
pub fn looks(username: &Username) -> BTreeSet<String> {
    let look = |name: &str| skeleton(name).collect::<String>();
    let as_written = folded(&look(&username.name));
    BTreeSet::from([look(&username.canonical), look(&username.name.to_uppercase()), as_written])
}

/// Unicode definition D145 (canonical caseless match) on top of NFKC: fold, then normalise again.
fn folded(name: &str) -> String {
    name.chars().default_case_fold().nfkc().collect()
}

/// Zero-width characters, soft hyphens and bidirectional controls (Unicode TR 36, section 3.5).
fn is_invisible_mark(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether nobody sees this character, or everybody sees another one. By property, so that no character is forgotten: a
/// list of ours had no variation selectors and no fillers.
pub(crate) fn is_unseen(c: char) -> bool {
    use GeneralCategory as Category;
    let category = CodePointMapData::<Category>::new().get(c);
    // A letter of Braille without a dot. It is a symbol to Unicode, and empty.
    c == '\u{2800}'
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        // An unassigned character looks like a box today and like anything tomorrow.
        || matches!(category, Category::Control | Category::Format | Category::PrivateUse | Category::Unassigned)
}

fn is_refused_in_new(c: char) -> bool {
    matches!(c, '@' | '/' | ':' | '\\') || c.is_whitespace() || is_unseen(c)
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
            ("mina@example.com", NotAUsername::Character('@')),
            ("mina＠home", NotAUsername::Character('@')),
            ("mi na", NotAUsername::Character(' ')),
            ("mi\u{200b}na", NotAUsername::Character('\u{200b}')),
            ("mina\u{202e}", NotAUsername::Character('\u{202e}')),
            ("mi\0na", NotAUsername::Character('\0')),
        ] {
            assert_eq!(Username::parse(typed).map(|name| name.name), Err(why), "{typed:?}");
            assert!(NewUsername::parse(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn a_new_name_has_nothing_invisible_and_cannot_be_a_link() {
        for typed in [
            "mina\u{fe0f}",
            "mina\u{3164}",
            "mi\u{34f}na",
            "mina\u{115f}",
            "mina\u{17b4}",
            "mina\u{1d173}",
            "mina\u{e0100}",
            "mina\u{e0041}",
            "mina\u{2800}",
            "mina\u{e000}",
            "mina\u{378}",
            "https://evil.example/win?id=7",
            "mina／admin",
            "team:mina",
            "team\\mina",
        ] {
            let Err(NotAUsername::Character(refused)) = NewUsername::parse(typed) else {
                panic!("{typed:?} is accepted")
            };
            assert!(refused != 'm' && refused != 'i', "{typed:?}: {refused:?}");
            assert!(Username::parse(typed).is_ok(), "{typed:?} of an earlier version still signs in");
        }
        for typed in ["mina", "Straße", "まどか", "ሚናቸው", "o'neill", "m.de-boer_7", "минa", "कमला", "😀😀😀"]
        {
            assert!(NewUsername::parse(typed).is_ok(), "{typed:?}");
        }
        let refused = NewUsername::parse("mina\u{fe0f}").expect_err("invisible");
        assert!(refused.to_string().contains("U+FE0F"), "{refused}");
    }

    #[test]
    fn names_that_look_alike_have_a_look_in_common() {
        let alike = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|name| NewUsername::parse(name).expect("a username").looks());
            !one.is_disjoint(&other)
        };
        for (one, other) in [
            ("mina", "mіna"),
            ("Mina", "МIΝА"),
            ("Ivan", "lvan"),
            ("ivan", "ІVAN"),
            ("paypal", "раураl"),
            ("bob", "b0b"),
            ("rnina", "mina"),
        ] {
            assert!(alike(one, other) && alike(other, one), "{one} and {other}");
        }
        for (one, other) in
            [("mina", "nina"), ("mina", "mína"), ("mina", "mlna"), ("ivan", "lvan"), ("joris", "jorus")]
        {
            assert!(!alike(one, other), "{one} and {other}");
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

        #[test]
        fn a_new_name_is_read_as_it_was_stored(typed in "\\PC{0,70}") {
            if let Ok(new) = NewUsername::parse(&typed) {
                let again = NewUsername::parse(new.username().as_str()).expect("a username parses again");
                prop_assert_eq!(again.looks(), new.looks());
            }
        }
    }
}
