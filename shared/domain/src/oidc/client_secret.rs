//! The secrets of a confidential client: one, or two while they are rotated.
use std::fmt;

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;
use crate::token::{NotAToken, TOKEN_BYTES, Token, TokenHash};

/// 256 random bits. They are shown once, when they are made.
#[derive(Debug, Clone)]
pub struct ClientSecret(Token);

impl ClientSecret {
    /// Makes a secret of random bytes.
    pub const fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(Token::from_bytes(bytes))
    }

    /// Parses what a client sends.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        Token::parse(text).map(Self)
    }

    /// The secret itself, 43 characters of base64url: for the operator who registers the client.
    pub fn expose(&self) -> String {
        self.0.expose()
    }

    /// What is stored instead of it: a plain hash is enough for 256 random bits (ASVS 5.0 V6.5.2).
    pub fn hash(&self) -> TokenHash {
        self.0.hash()
    }
}

/// What is stored of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// SHA-256 of it.
    pub hash: TokenHash,
    /// When it was made.
    pub made_at: Timestamp,
}

/// The secrets that are accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecrets {
    /// The newest.
    pub current: StoredSecret,
    /// The one before it, until the product has the newest everywhere.
    pub former: Option<StoredSecret>,
}

impl ClientSecrets {
    /// The first secret of a client.
    pub fn new(secret: &ClientSecret, now: Timestamp) -> Self {
        Self { current: StoredSecret { hash: secret.hash(), made_at: now }, former: None }
    }

    /// The secrets once there is a new one. The one that was the newest still works; the one before that no longer does.
    #[must_use]
    pub fn rotated(self, now: Timestamp, new: &ClientSecret) -> Self {
        Self { former: Some(self.current), ..Self::new(new, now) }
    }

    /// The secrets once the product has the newest one everywhere.
    #[must_use]
    pub fn without_former(self) -> Self {
        Self { former: None, ..self }
    }

    /// Whether this is one of them. All hashes are compared, in constant time (ASVS 5.0 V11.2.4).
    pub fn verify(&self, shown: &ClientSecret) -> bool {
        // `ring` compares authentication codes in constant time, so both hashes are made into one.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"client-secret");
        let shown = shown.hash();
        let is_same = |stored: &StoredSecret| {
            let expected = hmac::sign(&key, stored.hash.as_str().as_bytes());
            hmac::verify(&key, shown.as_str().as_bytes(), expected.as_ref()).is_ok()
        };
        // Without a short circuit, so that the time does not tell which one it was.
        std::iter::once(&self.current)
            .chain(&self.former)
            .fold(false, |found, stored| found | is_same(stored))
    }
}

impl fmt::Debug for ClientSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Timestamp = Timestamp::from_unix_seconds(1);
    const LATER: Timestamp = Timestamp::from_unix_seconds(2);

    fn secret(byte: u8) -> ClientSecret {
        ClientSecret::from_bytes([byte; TOKEN_BYTES])
    }

    #[test]
    fn two_secrets_work_while_they_are_rotated_and_a_third_drops_the_oldest() {
        let one = ClientSecrets::new(&secret(1), FIRST);
        let two = one.clone().rotated(LATER, &secret(2));
        let three = two.clone().rotated(LATER, &secret(3));
        for (secrets, accepted) in [
            (&one, vec![1]),
            (&two, vec![1, 2]),
            (&three, vec![2, 3]),
            (&two.clone().without_former(), vec![2]),
        ] {
            let found: Vec<u8> = (0..5).filter(|byte| secrets.verify(&secret(*byte))).collect();
            assert_eq!(found, accepted);
        }
        assert_eq!((two.current.made_at, two.former.map(|former| former.made_at)), (LATER, Some(FIRST)));
    }

    #[test]
    fn a_hash_is_no_secret_and_debug_shows_none() {
        let secrets = ClientSecrets::new(&secret(7), FIRST);
        let hash_as_secret =
            ClientSecret::parse(secrets.current.hash.as_str()).expect("the shape of a secret");
        assert!(!secrets.verify(&hash_as_secret));
        let shown = ClientSecret::parse(&secret(7).expose()).expect("its own text");
        assert!(secrets.verify(&shown));
        assert_eq!(format!("{secrets:?} {shown:?}"), "ClientSecrets(…) ClientSecret(Token(…))");
    }
}
