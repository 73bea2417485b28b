//! Passwords: verified exactly as received, at the same cost for everyone.
use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

pub mod former_hashes;
pub mod imported;
pub mod kdf;

pub use former_hashes::FormerHashes;
pub use imported::ImportedHash;
use kdf::LegacyKdf;

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
/// Bytes of a hash's digest (RFC 9106 section 4 gives 256 bits).
pub const DIGEST_BYTES: usize = Params::DEFAULT_OUTPUT_LEN;
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

/// Stands between the recipe of an imported hash and the Argon2id hash that was laid over its digest.
const LAID_OVER: char = '|';

/// A hash as it is kept: Argon2id in PHC string format, either of the password itself or of the digest that another
/// system's hash had; then that hash's [`LegacyKdf`] stands before it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    kdf: Option<LegacyKdf>,
}

/// The text is not a hash this service can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash in PHC string format (at most 256 MiB, 64 passes)")]
pub struct NotAPasswordHash;

impl PasswordHash {
    /// Reads a hash as the database has it. One from elsewhere is an [`ImportedHash`].
    pub fn parse(stored: &str) -> Result<Self, NotAPasswordHash> {
        let (kdf, phc) = match stored.split_once(LAID_OVER) {
            Some((kdf, phc)) => (Some(LegacyKdf::read(kdf).ok_or(NotAPasswordHash)?), phc),
            None => (None, stored),
        };
        let hash = phc::PasswordHash::new(phc).map_err(|_| NotAPasswordHash)?;
        let params = Params::try_from(&hash).map_err(|_| NotAPasswordHash)?;
        let affordable =
            params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= 16;
        let complete = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some();
        if affordable && complete { Ok(Self { text: stored.into(), kdf }) } else { Err(NotAPasswordHash) }
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The Argon2id hash, without a recipe.
    fn phc(&self) -> &str {
        self.text.split_once(LAID_OVER).map_or(&*self.text, |(_, phc)| phc)
    }

    /// Whether its Argon2id costs what a new hash costs: no less, and no more either, since at that cost an account
    /// could be told from all others.
    fn is_of_todays_cost(&self) -> bool {
        phc::PasswordHash::new(self.phc()).is_ok_and(|hash| {
            Params::try_from(&hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
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
    /// It is, and its hash is of another kind or cost than one made today: this one should take its place.
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
    let text = (password.0.len() <= MAX_BYTES).then(|| run(password.0.as_bytes(), salt))?;
    Some(PasswordHash { text, kdf: None })
}

/// Takes in a hash that another system made: one that this service would have made itself as it is, any other under an
/// Argon2id of today's cost over its digest.
pub fn wrap_imported(imported: &ImportedHash, salt: [u8; SALT_BYTES]) -> PasswordHash {
    if imported.is_todays() {
        return PasswordHash { text: imported.text.clone(), kdf: None };
    }
    let text = format!("{}{LAID_OVER}{}", imported.kdf, run(&imported.digest, salt));
    PasswordHash { text, kdf: Some(imported.kdf.clone()) }
}

/// Verifies a password with one Argon2id run of today's cost and one of each former function, whatever there is to
/// verify against.
///
/// No account, no password, an empty or an oversized one: each costs the same runs. A hash from elsewhere that the former
/// ones do not name, or from a time of other parameters, costs its own run on top of that, until the next sign-in has
/// replaced it.
pub fn verify(
    typed: &TypedPassword,
    stored: Option<&PasswordHash>,
    former: &FormerHashes,
    salt: [u8; SALT_BYTES],
) -> Verdict {
    let Some(stored) = stored.filter(|_| typed.0.len() <= MAX_BYTES) else {
        run_for_nothing(typed, former);
        return Verdict::Wrong;
    };
    let typed_bytes = typed.0.as_bytes();
    let kdf = stored.kdf.as_ref();
    let digest = former.digest(kdf, typed_bytes);
    let of_todays_cost = stored.is_of_todays_cost();
    if of_todays_cost {
        count_run();
    }
    // `Argon2::verify_password` takes the parameters from the hash, not from `self`.
    let right = current().verify_password(digest.as_deref().unwrap_or(typed_bytes), stored.phc()).is_ok();
    // Where bcrypt has not read all that was typed, nobody knows whether the rest is right: then its hash stays.
    let known_whole = kdf.is_none_or(|kdf| kdf.reads_all_of(typed_bytes));
    match (right, of_todays_cost) {
        (true, true) if kdf.is_none() || !known_whole => Verdict::Right,
        (true, _) if known_whole => hash(typed, salt).map_or(Verdict::Right, Verdict::RightButOutdated),
        (false, true) => Verdict::Wrong,
        (right, _) => {
            run_for_nothing(typed, &FormerHashes::default());
            if right { Verdict::Right } else { Verdict::Wrong }
        }
    }
}

/// One run of today's cost.
fn run(secret: &[u8], salt: [u8; SALT_BYTES]) -> String {
    count_run();
    let hash: phc::PasswordHash =
        current().hash_password_with_salt(secret, &salt).expect("secret and salt are within bounds");
    hash.to_string()
}

/// One run of today's cost and of each former function, whose results are thrown away.
fn run_for_nothing(typed: &TypedPassword, former: &FormerHashes) {
    let typed_bytes = &typed.0.as_bytes()[..typed.0.len().min(MAX_BYTES)];
    former.digest(None, typed_bytes);
    count_run();
    let mut output = [0; DIGEST_BYTES];
    current()
        .hash_password_into(typed_bytes, &[0; SALT_BYTES], &mut output)
        .expect("password and salt are within bounds");
    std::hint::black_box(output);
}

#[cfg(feature = "testing")]
thread_local! {
    static RUNS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Argon2id runs of today's cost on this thread so far, for tests of equal work.
#[cfg(feature = "testing")]
pub fn runs_so_far() -> u32 {
    RUNS.get()
}

fn count_run() {
    #[cfg(feature = "testing")]
    RUNS.set(RUNS.get() + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];

    fn typed(text: &str) -> TypedPassword {
        TypedPassword::new(text)
    }

    fn verified(typed: &TypedPassword, stored: Option<&PasswordHash>) -> Verdict {
        verify(typed, stored, &FormerHashes::default(), SALT)
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
        assert_eq!(verified(&typed(" Correct Horse "), Some(&stored)), Verdict::Right);
        for wrong in ["Correct Horse", " correct horse ", "", " Correct Horse \0"] {
            assert_eq!(verified(&typed(wrong), Some(&stored)), Verdict::Wrong, "{wrong:?}");
        }
        assert_eq!(verified(&typed(" Correct Horse "), None), Verdict::Wrong);
    }

    #[test]
    fn a_password_of_1024_bytes_is_verified_whole_and_a_longer_one_is_wrong() {
        let longest = "p".repeat(MAX_BYTES);
        let stored = hash(&typed(&longest), SALT).expect("not too long");
        assert_eq!(verified(&typed(&longest), Some(&stored)), Verdict::Right);
        assert_eq!(verified(&typed(&longest[1..]), Some(&stored)), Verdict::Wrong);
        assert_eq!(verified(&typed(&format!("{longest}p")), Some(&stored)), Verdict::Wrong);
        assert_eq!(hash(&typed(&format!("{longest}p")), SALT), None);
    }

    #[test]
    fn a_cheaper_hash_is_upgraded_when_the_password_is_right() {
        let stored = cheap_hash_of("correct horse");
        let Verdict::RightButOutdated(upgraded) = verified(&typed("correct horse"), Some(&stored)) else {
            panic!("the hash is outdated");
        };
        assert_eq!(verified(&typed("correct horse"), Some(&upgraded)), Verdict::Right);
        assert_eq!(verified(&typed("wrong"), Some(&stored)), Verdict::Wrong);
    }

    #[test]
    fn an_imported_hash_is_laid_under_argon2id_and_replaced_when_the_password_is_right() {
        let text = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
        let stored = wrap_imported(&ImportedHash::parse(text).expect("a hash"), SALT);
        assert!(stored.as_str().starts_with("$bcrypt$c=4,l=23$"), "{}", stored.as_str());
        assert!(stored.as_str().contains("|$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.as_str());
        assert_eq!(PasswordHash::parse(stored.as_str()), Ok(stored.clone()));
        assert_eq!(verified(&typed("wrong"), Some(&stored)), Verdict::Wrong);
        assert_eq!(verified(&typed(text), Some(&stored)), Verdict::Wrong, "the hash is no password");
        let verdict = verified(&typed("correct horse battery"), Some(&stored));
        let Verdict::RightButOutdated(plain) = verdict else { panic!("{verdict:?}") };
        assert!(plain.as_str().starts_with("$argon2id$"));
        assert_eq!(verified(&typed("correct horse battery"), Some(&plain)), Verdict::Right);
    }

    #[test]
    fn a_bcrypt_hash_stays_where_it_has_not_read_the_whole_password() {
        // Of eighty times p.
        let text = "$2b$04$abcdefghijklmnopqrstuuNt.0ah97gHY3F7JC1Z6EXmQc0bQBhIO";
        let stored = wrap_imported(&ImportedHash::parse(text).expect("a hash"), SALT);
        let typo = "p".repeat(72) + "xpppppp";
        for (password, verdict) in [("p".repeat(80), Verdict::Right), (typo, Verdict::Right)] {
            assert_eq!(verified(&typed(&password), Some(&stored)), verdict);
        }
        assert_eq!(verified(&typed(&"p".repeat(71)), Some(&stored)), Verdict::Wrong);
    }

    #[test]
    fn a_hash_like_our_own_is_taken_in_as_it_is_and_any_other_cost_is_brought_to_todays() {
        let own = hash(&typed("x"), SALT).expect("not too long");
        let imported = ImportedHash::parse(own.as_str()).expect("a hash");
        assert_eq!(wrap_imported(&imported, SALT), own);
        for (memory_kib, passes) in [(64, 1), (MEMORY_KIB + 1_024, PASSES), (MEMORY_KIB, PASSES + 1)] {
            let params = Params::new(memory_kib, passes, 1, None).expect("parameters");
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let other: phc::PasswordHash = argon2.hash_password_with_salt(b"x", &SALT).expect("a hash");
            let kept = PasswordHash::parse(&other.to_string()).expect("its own hash");
            let taken_in = wrap_imported(&ImportedHash::parse(&other.to_string()).expect("a hash"), SALT);
            for stored in [kept, taken_in] {
                assert!(matches!(verified(&typed("x"), Some(&stored)), Verdict::RightButOutdated(_)));
                assert_eq!(verified(&typed("y"), Some(&stored)), Verdict::Wrong);
            }
        }
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
            &format!("|{good}"),
            &format!("$bcrypt$c=31,l=23$c2l4dGVlbiBieXRlIHNhbA|{good}"),
        ] {
            assert_eq!(PasswordHash::parse(bad).map(|_| ()), Err(NotAPasswordHash), "{bad:?}");
        }
        assert_eq!(
            format!("{:?} {:?}", typed("hunter2"), cheap_hash_of("x")),
            "TypedPassword(…) PasswordHash(…)"
        );
    }
}
