//! The one secret of a deployment: a key for hashes that nobody else can compute.
//!
//! Limits are counted by keyed hashes, so that the table of counts cannot be searched for addresses. The two secrets of a
//! request for a link are derived from it: the code that its page shows and the cookie of its browser. Neither is stored
//! (docs/decisions/0010).
use std::fmt;

use ring::hmac;

use super::link_code::{CODE_BYTES, LinkCode};
use super::message_id::MessageId;
use super::token::{TOKEN_BYTES, Token};

/// The key of HMAC-SHA-256 (FIPS 198-1).
#[derive(Clone)]
pub struct HashingKey(hmac::Key);

impl HashingKey {
    /// Makes a key of a secret of at least 32 bytes; fails for a shorter one.
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= 32).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    /// The keyed hash of several texts. The first names the use, so that no two uses share hashes. A zero byte, which no
    /// text contains, separates them.
    pub fn hash(&self, parts: &[&str]) -> [u8; TOKEN_BYTES] {
        let tag = hmac::sign(&self.0, parts.join("\0").as_bytes());
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Whether this is the keyed hash of the texts, compared in constant time (ASVS 5.0 V11.2.4).
    pub fn verify(&self, parts: &[&str], hash: &[u8]) -> bool {
        hmac::verify(&self.0, parts.join("\0").as_bytes(), hash).is_ok()
    }

    /// The code that the page of a request shows. It allows another browser to use the link of that request.
    pub fn code_of(&self, request: &MessageId) -> LinkCode {
        let hash = self.hash(&["link-code", request.as_str()]);
        let code: &[u8; CODE_BYTES] = hash.first_chunk().expect("a hash is longer than a code");
        LinkCode::from_random(*code)
    }

    /// Whether this is the code of the request, compared in constant time (ASVS 5.0 V11.2.4).
    pub fn is_code_of(&self, request: &MessageId, typed: &LinkCode) -> bool {
        let expected = hmac::sign(&self.0, self.code_of(request).as_str().as_bytes());
        hmac::verify(&self.0, typed.as_str().as_bytes(), expected.as_ref()).is_ok()
    }

    /// The cookie of the browser that made a request. It allows that browser to use the link without a code.
    pub fn browser_token_of(&self, request: &MessageId) -> Token {
        Token::from_bytes(self.hash(&["link-asker", request.as_str()]))
    }

    /// The secret of the session that a sign-in link opens in the browser that requested it. It follows from the link, so
    /// that a second click, which is sent before the answer to the first arrives, gets the same session.
    pub fn session_token_of(&self, link: &Token) -> Token {
        Token::from_bytes(self.hash(&["link-session", &link.expose()]))
    }

    /// Whether this is the cookie of the request.
    pub fn is_browser_token_of(&self, request: &MessageId, cookie: &Token) -> bool {
        // Hashes are compared, so that the time reveals nothing about the secret.
        self.browser_token_of(request).hash() == cookie.hash()
    }
}

impl fmt::Debug for HashingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: char) -> HashingKey {
        HashingKey::new(&secret.to_string().repeat(32)).expect("long enough")
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(HashingKey::new(&"k".repeat(31)).is_none());
    }

    #[test]
    fn code_and_cookie_belong_to_one_request_and_one_key() {
        let (request, other) = (MessageId::new(1, 1), MessageId::new(1, 2));
        let (code, asker) = (key('a').code_of(&request), key('a').browser_token_of(&request));
        assert!(key('a').is_code_of(&request, &code) && key('a').is_browser_token_of(&request, &asker));
        for (key, request) in [(key('a'), &other), (key('b'), &request)] {
            assert!(!key.is_code_of(request, &code) && !key.is_browser_token_of(request, &asker));
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", key('a')), "HashingKey(…)");
    }
}
