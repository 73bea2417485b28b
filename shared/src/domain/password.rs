//! Passwords: verified exactly as received, at the same cost for everyone.
use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// Memory of one Argon2id run in KiB, from the OWASP Password Storage sheet.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes of one Argon2id run, from the same row of that sheet.
pub const PASSES: u32 = 2;
/// Lanes of one Argon2id run, from the same row of that sheet.
pub const LANES: u32 = 1;
/// The longest password that is verified; NIST SP 800-63B-4 asks for at least 64 characters.
pub const MAX_BYTES: usize = 1_024;
/// Bytes of salt in a new hash (RFC 9106 section 3.1).
pub const SALT_BYTES: usize = 16;
/// A stored hash may not ask for more memory than a function has to spare.
const MAX_MEMORY_KIB: u32 = 256 * 1_024;
/// Nor for more passes than fit into a function's time.
const MAX_PASSES: u32 = 64;

/// A password as it was typed: no trimming, no normalising, no case folding (ASVS 5.0 V6.2.8).
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct TypedPassword(String);

impl TypedPassword {
    /// Takes what was typed.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(typed.into())
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}

/// An Argon2id hash in PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// The text is not an Argon2id hash this service can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash in PHC string format (at most 256 MiB, 64 passes)")]
pub struct NotAPasswordHash;

impl PasswordHash {
    /// Reads a hash, as the database or an import has it.
    pub fn parse(phc: &str) -> Result<Self, NotAPasswordHash> {
        let hash = phc::PasswordHash::new(phc).map_err(|_| NotAPasswordHash)?;
        let params = Params::try_from(&hash).map_err(|_| NotAPasswordHash)?;
        let affordable =
            params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= 16;
        let complete = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some();
        if affordable && complete { Ok(Self(phc.into())) } else { Err(NotAPasswordHash) }
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it costs at least what a new hash costs.
    fn is_current(&self) -> bool {
        phc::PasswordHash::new(&self.0).is_ok_and(|hash| {
            Params::try_from(&hash)
                .is_ok_and(|params| params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES)
        })
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Whether the password is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not, or there is none.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash was cheaper than one made today: this one should take its place.
    RightButOutdated(PasswordHash),
}

/// The Argon2id of new hashes.
fn current() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a new password. It fails when the password is longer than [`MAX_BYTES`].
pub fn hash(password: &TypedPassword, salt: [u8; SALT_BYTES]) -> Option<PasswordHash> {
    if password.0.len() > MAX_BYTES {
        return None;
    }
    let hash: phc::PasswordHash = current()
        .hash_password_with_salt(password.0.as_bytes(), &salt)
        .expect("password and salt are within bounds");
    Some(PasswordHash(hash.to_string()))
}

/// Verifies a password with one Argon2id run of today's cost, whatever there is to verify against.
///
/// No account, no password, an empty or an oversized one: each costs the same run. A hash from a time of
/// cheaper parameters costs its own run on top of that, until the next sign-in has upgraded it.
pub fn verify(typed: &TypedPassword, stored: Option<&PasswordHash>, salt: [u8; SALT_BYTES]) -> Verdict {
    let Some(stored) = stored.filter(|_| typed.0.len() <= MAX_BYTES) else {
        run_once(typed);
        return Verdict::Wrong;
    };
    // `Argon2::verify_password` takes the parameters from the hash, not from `self`.
    let right = current().verify_password(typed.0.as_bytes(), stored.as_str()).is_ok();
    match (right, stored.is_current()) {
        (true, true) => Verdict::Right,
        (false, true) => Verdict::Wrong,
        (true, false) => hash(typed, salt).map_or(Verdict::Right, Verdict::RightButOutdated),
        (false, false) => {
            run_once(typed);
            Verdict::Wrong
        }
    }
}

/// One run of today's cost whose result is thrown away.
fn run_once(typed: &TypedPassword) {
    let end = typed.0.len().min(MAX_BYTES);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    current()
        .hash_password_into(&typed.0.as_bytes()[..end], &[0; SALT_BYTES], &mut output)
        .expect("password and salt are within bounds");
    std::hint::black_box(output);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];

    fn typed(text: &str) -> TypedPassword {
        TypedPassword::new(text)
    }

    fn cheap_hash_of(text: &str) -> PasswordHash {
        let params = Params::new(64, 1, 1, None).expect("parameters");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: phc::PasswordHash = argon2.hash_password_with_salt(text.as_bytes(), &SALT).expect("a hash");
        PasswordHash::parse(&hash.to_string()).expect("its own hash")
    }

    #[test]
    fn verifies_exactly_what_was_typed() {
        let stored = hash(&typed(" Correct Horse "), SALT).expect("not too long");
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verify(&typed(" Correct Horse "), Some(&stored), SALT), Verdict::Right);
        for wrong in ["Correct Horse", " correct horse ", "", " Correct Horse \0"] {
            assert_eq!(verify(&typed(wrong), Some(&stored), SALT), Verdict::Wrong, "{wrong:?}");
        }
        assert_eq!(verify(&typed(" Correct Horse "), None, SALT), Verdict::Wrong);
    }

    #[test]
    fn a_password_of_1024_bytes_is_verified_whole_and_a_longer_one_is_wrong() {
        let longest = "p".repeat(MAX_BYTES);
        let stored = hash(&typed(&longest), SALT).expect("not too long");
        assert_eq!(verify(&typed(&longest), Some(&stored), SALT), Verdict::Right);
        assert_eq!(verify(&typed(&longest[1..]), Some(&stored), SALT), Verdict::Wrong);
        assert_eq!(verify(&typed(&format!("{longest}p")), Some(&stored), SALT), Verdict::Wrong);
        assert_eq!(hash(&typed(&format!("{longest}p")), SALT), None);
    }

    #[test]
    fn a_cheaper_hash_is_upgraded_when_the_password_is_right() {
        let stored = cheap_hash_of("correct horse");
        let Verdict::RightButOutdated(upgraded) = verify(&typed("correct horse"), Some(&stored), SALT) else {
            panic!("the hash is outdated");
        };
        assert_eq!(verify(&typed("correct horse"), Some(&upgraded), SALT), Verdict::Right);
        assert_eq!(verify(&typed("wrong"), Some(&stored), SALT), Verdict::Wrong);
    }

    #[test]
    fn refuses_hashes_of_other_kinds_and_ruinous_costs() {
        let good = cheap_hash_of("x").as_str().to_owned();
        for bad in [
            "",
            "hunter2",
            "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
            &good.replace("argon2id", "argon2i"),
            &good.replace("m=64", "m=4194304"),
            &good.replace("t=1", "t=1000"),
            good.rsplit_once('$').expect("a PHC string").0,
        ] {
            assert_eq!(PasswordHash::parse(bad).map(|_| ()), Err(NotAPasswordHash), "{bad:?}");
        }
        assert_eq!(
            format!("{:?} {:?}", typed("hunter2"), cheap_hash_of("x")),
            "TypedPassword(…) PasswordHash(…)"
        );
    }
}
