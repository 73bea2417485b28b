//! The hashing keys of a deployment: the current one, with which everything new is made, and a second one, which is accepted
//! while the keys are rotated (docs/decisions/0028).
use super::account::Account;
use super::device_cookie::{DEVICE_ID_BYTES, DeviceCookie, DeviceId};
use super::form_id::FormId;
use super::hashing_key::HashingKey;
use super::link_code::LinkCode;
use super::message_id::MessageId;
use super::token::Token;

/// How many keys are valid at a time.
const MOST_KEYS: usize = 2;
/// The shortest key, in bytes.
const SHORTEST_KEY: usize = 32;

/// The text is no list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKeys {
    /// There is none.
    #[error("there is no key")]
    None,
    /// One of them is too short.
    #[error("a key is shorter than {SHORTEST_KEY} characters")]
    TooShort,
    /// There are more than two.
    #[error("there are more than {MOST_KEYS} keys")]
    TooMany,
    /// Both are the same.
    #[error("both keys are the same")]
    Twice,
    /// One of them, which is sent in a header, has other characters than letters and digits.
    #[error("a key has other characters than letters and digits")]
    NotAlphanumeric,
}

/// Splits the value of a secret into its keys: one, or two that differ, separated by white space.
pub(super) fn split(secret: &str) -> Result<Vec<&str>, NotKeys> {
    let keys: Vec<&str> = secret.split_whitespace().collect();
    match *keys.as_slice() {
        [] => Err(NotKeys::None),
        _ if keys.len() > MOST_KEYS => Err(NotKeys::TooMany),
        _ if keys.iter().any(|key| key.len() < SHORTEST_KEY) => Err(NotKeys::TooShort),
        [current, other] if current == other => Err(NotKeys::Twice),
        _ => Ok(keys),
    }
}

/// The keys. Whether the second is the former one or the next one makes no difference: it is accepted, and counted under.
#[derive(Debug, Clone)]
pub struct HashingKeys {
    current: HashingKey,
    other: Option<HashingKey>,
}

impl From<HashingKey> for HashingKeys {
    fn from(current: HashingKey) -> Self {
        Self { current, other: None }
    }
}

impl HashingKeys {
    /// Reads the value of the secret: the current key and, after white space, the other one, if there is one.
    pub fn parse(secret: &str) -> Result<Self, NotKeys> {
        let keys = split(secret)?;
        let mut keys = keys.into_iter().filter_map(HashingKey::new);
        let current = keys.next().ok_or(NotKeys::TooShort)?;
        Ok(Self { current, other: keys.next() })
    }

    /// All of them, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &HashingKey> {
        std::iter::once(&self.current).chain(&self.other)
    }

    /// The code that the page of a request shows.
    pub fn code_of(&self, request: &MessageId) -> LinkCode {
        self.current.code_of(request)
    }

    /// Whether this is the code of the request under one of the keys.
    pub fn is_code_of(&self, request: &MessageId, typed: &LinkCode) -> bool {
        // Without a short circuit, so that the time does not tell which key it was.
        self.all().fold(false, |found, key| found | key.is_code_of(request, typed))
    }

    /// The cookie of the browser that made a request.
    pub fn browser_token_of(&self, request: &MessageId) -> Token {
        self.current.browser_token_of(request)
    }

    /// Whether this is the cookie of the request under one of the keys.
    pub fn is_browser_token_of(&self, request: &MessageId, cookie: &Token) -> bool {
        self.all().fold(false, |found, key| found | key.is_browser_token_of(request, cookie))
    }

    /// The secret of the session that a sign-in link opens in the browser that requested it.
    pub fn session_token_of(&self, link: &Token) -> Token {
        self.current.session_token_of(link)
    }

    /// What that secret may be: the first click may have reached a function with another current key.
    pub fn session_tokens_of(&self, link: &Token) -> impl Iterator<Item = Token> {
        self.all().map(|key| key.session_token_of(link))
    }

    /// The key of the email request that a form makes, the same for a second click.
    pub fn request_of_form(&self, form: FormId, what: &str, typed: &str, now: u64) -> Option<MessageId> {
        self.current.request_of_form(form, what, typed, now)
    }

    /// The secret of the session that a form opens, the same for a second click.
    pub fn session_token_of_form(&self, form: FormId, whose: &str, now: u64) -> Option<Token> {
        self.current.session_token_of_form(form, whose, now)
    }

    /// The id of the browser, if its cookie shows that the account with this identifier was signed in to there.
    pub fn device_of(&self, cookie: &DeviceCookie, canonical: &str) -> Option<DeviceId> {
        self.all().find_map(|key| key.device_of(cookie, canonical))
    }

    /// The cookie after a sign-in to this account, made under the current key, and the browser's id. A browser that was
    /// known under either key stays the same one.
    pub fn remember_device(
        &self,
        cookie: &DeviceCookie,
        account: &Account,
        random: [u8; DEVICE_ID_BYTES],
    ) -> (DeviceCookie, DeviceId) {
        self.current.remember_device(cookie, account, random, self.other.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(letter: char) -> String {
        letter.to_string().repeat(32)
    }

    fn keys(letters: &str) -> HashingKeys {
        let words: Vec<String> = letters.chars().map(word).collect();
        HashingKeys::parse(&words.join(" ")).expect("keys")
    }

    #[test]
    fn a_secret_is_one_key_or_two_that_differ() {
        let (a, b, c) = (word('a'), word('b'), word('c'));
        for (secret, count) in [
            (a.clone(), Ok(1)),
            (format!("{a} {b}"), Ok(2)),
            (format!("\n{a}\t {b}\r\n"), Ok(2)),
            (String::new(), Err(NotKeys::None)),
            ("  ".into(), Err(NotKeys::None)),
            ("short".into(), Err(NotKeys::TooShort)),
            (format!("{a} short"), Err(NotKeys::TooShort)),
            (format!("{a} {b} {c}"), Err(NotKeys::TooMany)),
            (format!("{a} {a}"), Err(NotKeys::Twice)),
        ] {
            assert_eq!(HashingKeys::parse(&secret).map(|keys| keys.all().count()), count, "{secret:?}");
        }
    }

    #[test]
    fn what_either_key_made_is_accepted_and_what_the_one_before_them_made_is_not() {
        let (request, link) = (MessageId::new(1, 1), Token::from_bytes([7; 32]));
        for (made, accepted_by, accepted) in [
            ("a", "a", true),
            // The next key is published, is used, and stands alone.
            ("a", "ab", true),
            ("ab", "a", true),
            ("ab", "ba", true),
            ("ba", "ab", true),
            ("ba", "b", true),
            ("b", "ba", true),
            // The former key is gone.
            ("a", "b", false),
            ("a", "bc", false),
            ("a", "cb", false),
            ("ab", "cb", false),
        ] {
            let (made, accepted_by) = (keys(made), keys(accepted_by));
            let code = made.code_of(&request);
            assert_eq!(accepted_by.is_code_of(&request, &code), accepted, "{made:?} {accepted_by:?}");
            let cookie = made.browser_token_of(&request);
            assert_eq!(accepted_by.is_browser_token_of(&request, &cookie), accepted);
            let session = made.session_token_of(&link).hash();
            let found = accepted_by.session_tokens_of(&link).any(|token| token.hash() == session);
            assert_eq!(found, accepted);
        }
    }
}
