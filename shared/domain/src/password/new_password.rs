//! A password that an account may get: long enough, readable, and none that is among the first guesses (NIST SP 800-63B-4,
//! section 3.1.1.2, for a password that is the only factor). There are no rules of composition.
use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::{Score, zxcvbn};

use super::typed::{MAX_BYTES, TypedPassword, has_unusable_character, is_blank};
use crate::account::Account;
use crate::email_address::EmailAddress;

/// The minimum number of characters: Unicode code points after normalisation (NIST SP 800-63B-4, section 3.1.1.2).
pub const MIN_CHARS: usize = 15;

/// What the estimator must say at least: more than 10^8 guesses.
const MIN_SCORE: Score = Score::Three;

/// How much of a password is estimated. Where this much is hard to guess, all of it is. The time of the estimator grows with
/// the substitutions that it tries (`@` for a, `1` for i or l): with these characters it is 0.3 seconds at worst, with a
/// hundred 2.5.
const ESTIMATED_CHARS: usize = 32;

/// Shorter parts of a name or an address say nothing about a person.
const MIN_WORD_CHARS: usize = 3;

/// What must be left of a password without the words that others know: as much as NIST SP 800-63B-4 asks of one that is not
/// the only factor.
const MIN_OTHER_CHARS: usize = 8;

/// A password that an account may get, with composed accents (Unicode NFC): so it is the same on every keyboard.
#[derive(Debug, Clone)]
pub struct NewPassword(TypedPassword);

/// Why an account may not get a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRefused {
    /// It has fewer than [`MIN_CHARS`] characters.
    TooShort,
    /// It has more than [`MAX_BYTES`] bytes.
    TooLong,
    /// It has a character that other systems cut it off at, or that stands for one that could not be read.
    UnusableCharacter,
    /// It is among the first guesses: often used, a pattern, or blank.
    TooCommon,
    /// It is among the first guesses of somebody who knows the account.
    TooPersonal,
}

impl NewPassword {
    /// Checks a password for an account at a product of this name.
    pub fn parse(typed: &TypedPassword, account: &Account, product: &str) -> Result<Self, PasswordRefused> {
        Self::among(typed, &personal_words(account, product))
    }

    /// Checks a password; others know these words.
    fn among(typed: &TypedPassword, words: &[String]) -> Result<Self, PasswordRefused> {
        let password: String = typed.as_str().nfc().collect();
        if has_unusable_character(&password) {
            return Err(PasswordRefused::UnusableCharacter);
        }
        if password.len() > MAX_BYTES {
            return Err(PasswordRefused::TooLong);
        }
        if password.chars().count() < MIN_CHARS {
            return Err(PasswordRefused::TooShort);
        }
        // First, because this answer says more.
        if is_made_of(&password, words) {
            return Err(PasswordRefused::TooPersonal);
        }
        let estimated: String = password.chars().take(ESTIMATED_CHARS).collect();
        if password.chars().all(is_blank) || zxcvbn(&estimated, &[]).score() < MIN_SCORE {
            return Err(PasswordRefused::TooCommon);
        }
        Ok(Self(TypedPassword::new(password)))
    }

    /// The password, to hash it.
    pub(super) fn as_typed(&self) -> &TypedPassword {
        &self.0
    }
}

/// Whether the words that others know are in a password, and little else is. Capitals, spaces and punctuation are nothing
/// else.
fn is_made_of(password: &str, words: &[String]) -> bool {
    let mut rest = password.to_lowercase();
    for word in words {
        rest = rest.replace(word, " ");
    }
    let other = |text: &str| text.chars().filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation()).count();
    let found = other(&rest) < other(&password.to_lowercase());
    found && other(&rest) < MIN_OTHER_CHARS
}

/// The username, the addresses, the product's name, and their parts, in small letters; the longest first, so that a part
/// leaves nothing of the whole.
fn personal_words(account: &Account, product: &str) -> Vec<String> {
    let confirmed = account.backup.confirmed().map(|confirmed| &confirmed.address);
    let pending = account.pending().map(|pending| &pending.address);
    let former = account.former.as_ref().map(|former| &former.address);
    let addresses = [Some(&account.primary.address), confirmed, pending, former].into_iter().flatten();
    let names = [account.username.as_str(), account.username.canonical(), product].map(str::to_owned);
    let mut words: Vec<String> =
        names.into_iter().chain(addresses.map(EmailAddress::shown)).flat_map(|name| parts(&name)).collect();
    words.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    words.dedup();
    words
}

/// A name, and the words in it.
fn parts(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| *word != name);
    let sides = name.split('@').filter(|side| *side != name);
    let all = std::iter::once(name).chain(sides).chain(words);
    all.filter(|word| word.chars().count() >= MIN_WORD_CHARS)
        .map(|word| word.to_lowercase().nfc().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::AccountKind;
    use crate::account::tests::account;

    fn check(text: &str) -> Result<String, PasswordRefused> {
        let mina = account(AccountKind::Regular, Some("wilhelmina.brouwer@example.org"), None);
        let new = NewPassword::parse(&TypedPassword::new(text), &mina, "Sparekey");
        new.map(|new| new.0.as_str().to_owned())
    }

    #[test]
    fn fourteen_characters_are_too_few_and_fifteen_enough_in_every_script() {
        for text in [
            "kaas fiets wol",
            "тюльпан мелок ",
            "καραμέλα νησί ",
            "貓走過月亮的屋頂吃魚喝茶看",
            "ثلج ازرق قديم ",
            "🐙🚲🧀🌷🎷🪁🧂🪵🦉🧭🛶🎻🌋🧶",
        ] {
            let fourteen: String = text.chars().chain("x茶".chars()).take(14).collect();
            assert_eq!(check(&fourteen), Err(PasswordRefused::TooShort), "{fourteen}");
            let fifteen = format!("{fourteen}ö");
            assert_eq!(check(&fifteen), Ok(fifteen.clone()), "{fifteen}");
        }
    }

    #[test]
    fn accents_are_counted_and_kept_composed() {
        let decomposed = "cre\u{300}me bru\u{302}le\u{301}e";
        assert_eq!((decomposed.chars().count(), check(decomposed)), (15, Err(PasswordRefused::TooShort)));
        let composed = "cr\u{e8}me br\u{fb}l\u{e9}e oud";
        assert_eq!(check(&format!("{decomposed} oud")), Ok(composed.to_owned()));
        assert_eq!(check(composed), Ok(composed.to_owned()));
    }

    #[test]
    fn a_kilobyte_is_long_enough() {
        let letters = "kaas fiets wolk ".repeat(64);
        let longest = format!("{}{}", "zeven blauwe olifanten ", &letters[..MAX_BYTES - 23]);
        assert_eq!((longest.len(), check(&longest)), (1_024, Ok(longest.clone())));
        assert_eq!(check(&format!("{longest}p")), Err(PasswordRefused::TooLong));
        // One byte more in as many characters; and one that composing makes shorter.
        assert_eq!(check(&longest.replacen("zeven", "zév\u{e9}n", 1)), Err(PasswordRefused::TooLong));
        let decomposed = longest.replacen("zeven blauwe", "ze\u{301}ve\u{301}n blau", 1);
        assert!(decomposed.len() > MAX_BYTES && check(&decomposed).is_ok());
    }

    #[test]
    fn what_cannot_be_read_or_is_cut_off_elsewhere_is_refused() {
        for text in ["otter kettle\0 violet", "otter kettle violet\0", "otter kettle \u{fffd}violet"] {
            assert_eq!(check(text), Err(PasswordRefused::UnusableCharacter), "{text:?}");
        }
        assert!(check("otter\tkettle\nviolet").is_ok(), "what a manager makes up");
    }

    #[test]
    fn the_first_guesses_are_refused() {
        for text in [
            "passwordpassword",
            "Password123456789",
            "P@ssw0rd!P@ssw0rd!",
            "123456789012345",
            "1234567890123456789",
            "aaaaaaaaaaaaaaa",
            "пппппппппппппппп",
            "abcabcabcabcabcabc",
            "qwertyuiopasdfghjkl",
            "qwertyuiop123456789",
            "iloveyouiloveyou",
            "abcdefghijklmnopqrstuvwxyz",
            "111111111111111111",
            "               ",
            " \u{a0}\u{2003}\t \u{3000} \u{200b}\u{2060} \u{2800}\u{3164}\t  ",
        ] {
            assert_eq!(check(text), Err(PasswordRefused::TooCommon), "{text:?}");
        }
    }

    #[test]
    fn what_the_account_says_is_refused() {
        for text in [
            "wilhelmina.brouwer@example.org",
            "WILHELMINA.BROUWER@example.org",
            "wilhelmina.brouwer",
            "brouwerwilhelmina",
            "wilhelminabrouwer1",
            "mina@example.com1",
            "sparekeysparekeymina",
            "minasparekey2026",
            "Sparekey Wilhelmina",
            "SPAREKEY-wilhelmina!!",
            "my mina my sparekey",
        ] {
            assert_eq!(check(text), Err(PasswordRefused::TooPersonal), "{text}");
        }
        assert!(check("mina is fond of purple otters").is_ok(), "a name in a sentence does no harm");
        assert!(check("sparekey kettle umbrella tango").is_ok());
    }

    #[test]
    fn it_shows_itself_to_nobody() {
        let mina = account(AccountKind::Regular, None, None);
        let new = NewPassword::parse(&TypedPassword::new("otter kettle violet"), &mina, "Sparekey");
        assert_eq!(format!("{:?}", new.expect("it is allowed")), "NewPassword(TypedPassword(…))");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_text_is_answered_and_what_is_allowed_is_within_the_bounds(text in "\\PC{0,120}|[a4@s5$o0]{80,120}") {
            if let Ok(kept) = check(&text) {
                prop_assert!(kept.len() <= MAX_BYTES && kept.chars().count() >= MIN_CHARS);
                prop_assert_eq!(check(&kept), Ok(kept.clone()));
            }
        }
    }
}
