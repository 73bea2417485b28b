//! Argon2id (RFC 9106): the cost of new hashes, and runs whose memory is reused.
use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::work::Work;

/// Memory of one run in KiB, from the OWASP Password Storage sheet.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes of one run, from the same row of that sheet.
pub const PASSES: u32 = 2;
/// Lanes of one run, from the same row of that sheet.
pub const LANES: u32 = 1;
/// Bytes of salt in a new hash (RFC 9106 section 3.1).
pub const SALT_BYTES: usize = 16;
/// Bytes of a new hash's digest (RFC 9106 section 4 gives 256 bits).
pub const DIGEST_BYTES: usize = Params::DEFAULT_OUTPUT_LEN;
/// The most memory that the verification of any hash may take; a function has 1,769 MB.
pub(super) const MAX_MEMORY_KIB: u32 = 256 * 1_024;
/// The most lanes that the verification of any hash may take.
pub(super) const MAX_LANES: u32 = 16;

/// Runs Argon2id. Runs at the current cost reuse their memory, because each new allocation of 19 MiB costs a page fault
/// for every 4 KiB.
///
/// It keeps one allocation for each run of those that were concurrent. They are not wiped between runs, and the crate
/// does not wipe its own either: an attacker who can read them can also read each password as it is typed.
#[derive(Default)]
pub(super) struct Argon2id {
    /// The allocations that no run uses at the moment.
    idle: Mutex<Vec<Vec<Block>>>,
}

impl Argon2id {
    /// Hashes a secret at the current cost.
    pub(super) fn hash(&self, secret: &[u8], salt: [u8; SALT_BYTES], work: &mut Work) -> phc::PasswordHash {
        const WITHIN_BOUNDS: &str = "secret, salt and parameters are within Argon2's bounds";
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect(WITHIN_BOUNDS);
        let params_string = ParamsString::try_from(&params).expect(WITHIN_BOUNDS);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        phc::PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: params_string,
            salt: Some(Salt::new(&salt).expect(WITHIN_BOUNDS)),
            hash: Some(self.run(&argon2, secret, &salt, work).expect(WITHIN_BOUNDS)),
        }
    }

    /// Whether a hash is of this secret, by the parameters of the hash. One that cannot be computed is of none.
    pub(super) fn verify(&self, secret: &[u8], hash: &phc::PasswordHash, work: &mut Work) -> bool {
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return false };
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from);
        let (Ok(version), Ok(params)) = (version, Params::try_from(hash)) else { return false };
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
        // `Output` compares in constant time.
        self.run(&argon2, secret, salt, work).is_some_and(|computed| computed == *expected)
    }

    fn run(&self, argon2: &Argon2<'_>, secret: &[u8], salt: &[u8], work: &mut Work) -> Option<Output> {
        let mut digest = [0; Output::MAX_LENGTH];
        let digest = digest.get_mut(..argon2.params().output_len().unwrap_or(DIGEST_BYTES))?;
        if is_current(argon2.params()) {
            let mut memory = self.take_memory();
            let outcome = argon2.hash_password_into_with_memory(secret, salt, digest, &mut memory);
            self.idle().push(memory);
            outcome.ok()?;
            work.count_argon2id();
        } else {
            argon2.hash_password_into(secret, salt, digest).ok()?;
        }
        Output::new(digest).ok()
    }

    /// Memory for one run at the current cost. A run overwrites each block before it reads it.
    fn take_memory(&self) -> Vec<Block> {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| vec![Block::new(); MEMORY_KIB as usize])
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2id(…)")
    }
}

/// Whether a hash is one that [`Argon2id::hash`] could have made.
pub(super) fn is_current_hash(hash: &phc::PasswordHash) -> bool {
    let current =
        |params| is_current(&params) && hash.hash.is_some_and(|digest| digest.len() == DIGEST_BYTES);
    hash.algorithm == ARGON2ID_IDENT
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(current)
}

/// Whether parameters are those of new hashes, no less and no more: a costlier hash could be told from all others by its
/// time.
pub(super) fn is_current(params: &Params) -> bool {
    (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];

    fn context(version: Version, memory_kib: u32, passes: u32, output: Option<usize>) -> Argon2<'static> {
        let params = Params::new(memory_kib, passes, 1, output).expect("parameters");
        Argon2::new(Algorithm::Argon2id, version, params)
    }

    #[test]
    fn a_run_in_used_memory_gives_what_the_crate_gives_in_new_memory() {
        let (argon2id, mut work) = (Argon2id::default(), Work::default());
        for secret in ["", "correct horse", "battery staple", "correct horse"] {
            let expected = context(Version::V0x13, MEMORY_KIB, PASSES, None)
                .hash_password_with_salt(secret.as_bytes(), &SALT)
                .expect("a hash");
            assert_eq!(argon2id.hash(secret.as_bytes(), SALT, &mut work), expected, "{secret}");
        }
        assert_eq!((work.argon2id_runs, argon2id.idle().len()), (4, 1));
    }

    #[test]
    fn verifies_as_the_crate_does() {
        let argon2id = Argon2id::default();
        let made = [
            context(Version::V0x13, MEMORY_KIB, PASSES, None),
            context(Version::V0x10, MEMORY_KIB, PASSES, None),
            context(Version::V0x13, MEMORY_KIB, PASSES, Some(64)),
            context(Version::V0x13, 64, 1, Some(16)),
            context(Version::V0x13, MEMORY_KIB + 1_024, 1, None),
        ];
        let made =
            made.map(|argon2| argon2.hash_password_with_salt(b"x", &SALT).expect("a hash").to_string());
        let odd = ["v=19$", "v=16$", "v=18$"].map(|version| made[0].replace("v=19$", version));
        let unversioned = made[1].replace("v=16$", "");
        let other_salt = made[0].replace("$AQEB", "$AQEC");
        let with_data = made[0].replace("p=1$", "p=1,data=ZGF0YQ$");
        for text in made.iter().chain(&odd).chain([&unversioned, &other_salt, &with_data]) {
            let hash = phc::PasswordHash::new(text).expect(text);
            for secret in [b"x".as_slice(), b"y", b""] {
                let verified = argon2id.verify(secret, &hash, &mut Work::default());
                assert_eq!(verified, Argon2::default().verify_password(secret, &hash).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn runs_at_the_same_time_share_no_memory() {
        let (argon2id, secrets) = (Argon2id::default(), ["one", "two", "three"]);
        let hash = |secret: &str| argon2id.hash(secret.as_bytes(), SALT, &mut Work::default());
        let expected = secrets.map(hash);
        std::thread::scope(|scope| {
            for (secret, expected) in secrets.iter().zip(&expected) {
                scope.spawn(move || assert_eq!(hash(secret), *expected));
            }
        });
        assert!((1..=secrets.len()).contains(&argon2id.idle().len()));
    }
}
