//! The secret by which a request shows that it came through our CloudFront distribution.
use std::fmt;

use super::hashing_key::HashingKey;
use super::hashing_keys::{NotKeys, split};

/// The keyed hash of a key, computed at start.
const USE: &str = "origin";

/// The keys that are accepted: one, or two while they are rotated. The distribution sends all that it has, of which one must
/// be right, so it and the functions may be a step of the rotation apart.
#[derive(Clone)]
pub struct OriginKeys(Vec<(HashingKey, Vec<u8>)>);

impl OriginKeys {
    /// Reads the value of the secret: one or two keys, separated by white space.
    pub fn parse(secret: &str) -> Result<Self, NotKeys> {
        let hashed = |key: &str| {
            // A header that is there twice arrives as one, joined with a comma.
            if !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(NotKeys::NotAlphanumeric);
            }
            let hashing = HashingKey::new(key).ok_or(NotKeys::TooShort)?;
            let hash = hashing.hash(&[USE, key]).to_vec();
            Ok((hashing, hash))
        };
        split(secret)?.into_iter().map(hashed).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request that shows this text came through the distribution: one or two keys, of which one is right. All
    /// hashes are compared, in constant time, so that the time reveals nothing about a key (ASVS 5.0 V11.2.4).
    pub fn accept(&self, shown: &str) -> bool {
        if shown.contains(',') {
            return false;
        }
        let Ok(shown) = split(shown) else { return false };
        let pairs = self.0.iter().flat_map(|expected| shown.iter().map(move |shown| (expected, shown)));
        pairs.fold(false, |right, ((hashing, hash), shown)| right | hashing.verify(&[USE, shown], hash))
    }
}

impl fmt::Debug for OriginKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OriginKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letters: &str) -> String {
        letters.chars().map(|letter| letter.to_string().repeat(64)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_sent_and_what_is_accepted_may_be_a_step_of_the_rotation_apart() {
        for (sent, accepted, right) in [
            ("a", "a", true),
            ("a", "ab", true),
            ("ab", "a", true),
            ("ab", "ab", true),
            ("ab", "b", true),
            ("b", "ab", true),
            ("b", "b", true),
            ("a", "b", false),
            ("b", "a", false),
            ("ab", "c", false),
            ("c", "ab", false),
            ("", "a", false),
            // A guess is one of two, however many a request shows.
            ("bca", "a", false),
        ] {
            let keys = OriginKeys::parse(&secret(accepted)).expect("keys");
            assert_eq!(keys.accept(&secret(sent)), right, "{sent} {accepted}");
        }
    }

    #[test]
    fn a_part_of_a_key_or_more_than_it_is_not_the_key() {
        let key = secret("a");
        let keys = OriginKeys::parse(&key).expect("a key");
        let joined = [&format!("{key},{key}"), &format!("{key}, {key}"), &format!("{key} {key}")];
        for shown in ["", " ", &key[1..], &format!("{key}a"), joined[0], joined[1], joined[2]] {
            assert!(!keys.accept(shown), "{shown}");
        }
        assert_eq!(OriginKeys::parse(&format!("{key},")).err(), Some(NotKeys::NotAlphanumeric));
        assert_eq!(format!("{keys:?}"), "OriginKeys(…)");
    }
}
