//! Secrets that are given out once and stored only as a hash.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// 256 random bits: twice what ASVS 5.0 V7.2.3 and V11.5.1 ask for, so it is enough to store a plain hash (V6.5.2).
pub const TOKEN_BYTES: usize = 32;

/// The length of its text.
const TEXT_LENGTH: usize = TOKEN_BYTES.div_ceil(3) * 4 - 1;

/// How much of a text is searched for a token.
const MOST_READ: usize = 256;

/// A secret of a link or a session. It has no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Token([u8; TOKEN_BYTES]);

/// The text is not 32 bytes in base64url (RFC 4648 section 5) without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token")]
pub struct NotAToken;

impl Token {
    /// Makes a token of random bytes.
    pub const fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// Parses a token of a link or a cookie.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        // The length first, so that a long text is not decoded.
        if text.len() != TEXT_LENGTH {
            return Err(NotAToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAToken)?;
        bytes.try_into().map(Self).map_err(|_| NotAToken)
    }

    /// Parses the token of a link as it arrives: programs that show emails put white space, full stops or brackets into an
    /// address or behind it. What cannot be part of a token is left out, and after a whole token and such a character the
    /// rest is ignored. The token itself must be complete.
    pub fn parse_in_link(text: &str) -> Result<Self, NotAToken> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let (mut token, mut separated) = (String::with_capacity(TEXT_LENGTH), false);
        for c in text.chars().take(MOST_READ) {
            match (is_part(c), token.len() < TEXT_LENGTH) {
                (true, true) => token.push(c),
                (true, false) if separated => break,
                (true, false) => return Err(NotAToken),
                (false, whole) => separated = !whole,
            }
        }
        Self::parse(&token)
    }

    /// The secret itself, 43 characters of base64url: for the link and the cookie, and nowhere else.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored instead of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.0)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a token's bytes in base64url. It does not work as a token itself, because its own hash differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// Parses a hash that a form of ours contains.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        Token::parse(text).map(|_| Self(text.to_owned()))
    }

    /// The text that is the key in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_shows_nothing_and_a_hash_does_not_work_as_its_token() {
        let token = Token::from_bytes([7; TOKEN_BYTES]);
        assert_eq!(format!("{token:?}"), "Token(…)");
        let as_token = Token::parse(token.hash().as_str()).expect("a hash has the shape of a token");
        assert_ne!(as_token.hash(), token.hash());
    }

    #[test]
    fn refuses_all_but_43_characters_of_base64url() {
        let good = Token::from_bytes([255; TOKEN_BYTES]).expose();
        for bad in [
            "",
            "abc",
            &good[1..],
            &format!("{good}="),
            &good.replace('_', "/"),
            &format!("{}é", &good[..41]),
        ] {
            assert_eq!(Token::parse(bad).map(|_| ()), Err(NotAToken), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_found_in_what_programs_make_of_a_link() {
        let token = Token::from_bytes([255; TOKEN_BYTES]).expose();
        let (start, end) = token.split_at(20);
        for (text, found) in [
            (format!("{token}."), true),
            (format!("{token})"), true),
            (format!("{token}>"), true),
            (format!("{token}%3E"), true),
            (format!(" {token} "), true),
            (format!("<{token}>,"), true),
            (format!("{start} {end}"), true),
            (format!("{start}\r\n {end}"), true),
            (format!("{start}\u{200b}{end}\u{a0}"), true),
            (format!("{token}\u{3002}"), true),
            (format!("{token}. And more text"), true),
            (format!("{token}a"), false),
            (format!("{token}-"), false),
            (start.to_owned(), false),
            (format!("{start}.{}", &end[1..]), false),
            (format!("{}{token}", ".".repeat(300)), false),
            (String::new(), false),
        ] {
            let parsed = Token::parse_in_link(&text).map(|parsed| parsed.expose());
            assert_eq!(parsed, if found { Ok(token.clone()) } else { Err(NotAToken) }, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn is_parsed_as_it_was_exposed(bytes in any::<[u8; TOKEN_BYTES]>()) {
            let token = Token::from_bytes(bytes);
            let read = Token::parse(&token.expose()).expect("its own text");
            prop_assert_eq!(read.hash(), token.hash());
        }
    }
}
