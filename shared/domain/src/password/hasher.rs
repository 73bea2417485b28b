//! Hashes passwords, and verifies them with the same work for every account.
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use super::argon2id::{Argon2id, SALT_BYTES};
use super::former_hashes::FormerHashes;
use super::hash::PasswordHash;
use super::imported::ImportedHash;
use super::new_password::NewPassword;
use super::typed::TypedPassword;
use super::work::Work;

/// Whether the password is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not, or there is none.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash is of another kind or cost than a new one: this hash should replace it.
    RightButOutdated(PasswordHash),
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Whether the password is right.
    pub verdict: Verdict,
    /// What it took to tell.
    pub work: Work,
}

/// Hashes and verifies passwords. A process has one, because it keeps the memory of Argon2id; its clones share that.
#[derive(Debug, Clone, Default)]
pub struct PasswordHasher {
    argon2id: Arc<Argon2id>,
    former_hashes: FormerHashes,
    total_work: Arc<Mutex<Work>>,
}

impl PasswordHasher {
    /// A hasher whose verifications run these functions, too.
    pub fn new(former_hashes: FormerHashes) -> Self {
        Self { former_hashes, ..Self::default() }
    }

    /// Hashes a new password. Fails when the password is longer than [`super::MAX_BYTES`].
    pub fn hash(&self, password: &TypedPassword, salt: [u8; SALT_BYTES]) -> Option<PasswordHash> {
        if password.is_too_long() {
            return None;
        }
        Some(self.recording(|work| PasswordHash::of(password.first_bytes(), salt, &self.argon2id, work)).0)
    }

    /// Hashes a password that an account may get.
    pub fn hash_new(&self, password: &NewPassword, salt: [u8; SALT_BYTES]) -> PasswordHash {
        let password = password.as_typed().first_bytes();
        self.recording(|work| PasswordHash::of(password, salt, &self.argon2id, work)).0
    }

    /// Makes an imported hash one that can be stored: wrapped in Argon2id, unless this service would have made the same.
    pub fn wrap_imported(&self, imported: &ImportedHash, salt: [u8; SALT_BYTES]) -> PasswordHash {
        self.recording(|work| PasswordHash::wrapping(imported, salt, &self.argon2id, work)).0
    }

    /// Whether every sign-in takes the time of this hash, so that none tells whose hash it is.
    pub fn takes_time_of(&self, imported: &ImportedHash) -> bool {
        imported.is_current() || self.former_hashes.have(imported.cost())
    }

    /// Verifies a password with one Argon2id run of the current cost and one of each former function, whatever there is
    /// to verify against.
    ///
    /// No account, no password, an empty or an oversized one: each costs the same runs. A password with decomposed accents
    /// costs them twice, for everybody: it is tried as typed and composed. A hash of another Argon2id cost,
    /// or an imported one whose function is not among the former ones, costs its own run on top of that. When the
    /// password is right, an outdated hash costs one more for its replacement.
    pub fn verify(
        &self,
        typed: &TypedPassword,
        stored: Option<&PasswordHash>,
        salt: [u8; SALT_BYTES],
    ) -> Verification {
        let (verdict, work) = self.recording(|work| {
            let as_typed = self.try_one(typed, stored, salt, work);
            // Also when the first was right: what is tried must not depend on the account.
            let composed = typed.composed().map(|typed| self.try_one(&typed, stored, salt, work));
            if as_typed == Verdict::Wrong { composed.unwrap_or(Verdict::Wrong) } else { as_typed }
        });
        Verification { verdict, work }
    }

    /// Verifies one form of a password, with the work of every other.
    fn try_one(
        &self,
        typed: &TypedPassword,
        stored: Option<&PasswordHash>,
        salt: [u8; SALT_BYTES],
        total: &mut Work,
    ) -> Verdict {
        let mut work = Work::default();
        let verdict = self.judge(typed, stored, salt, &mut work);
        if work.argon2id_runs == 0 {
            black_box(self.argon2id.hash(typed.first_bytes(), salt, &mut work));
        }
        total.add(&work);
        verdict
    }

    /// The work of all calls so far.
    pub fn total_work(&self) -> Work {
        self.total_work.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judge(
        &self,
        typed: &TypedPassword,
        stored: Option<&PasswordHash>,
        salt: [u8; SALT_BYTES],
        work: &mut Work,
    ) -> Verdict {
        // Nobody is asked for nothing: an empty password is wrong even where its hash was imported.
        let stored = stored.filter(|_| !typed.is_too_long() && !typed.is_empty());
        let (kdf, password) = (stored.and_then(PasswordHash::kdf), typed.first_bytes());
        let digest = self.former_hashes.digest(kdf, password, work);
        let secret = digest.as_deref().unwrap_or(password);
        let Some(stored) = stored.filter(|stored| stored.verify(secret, &self.argon2id, work)) else {
            return Verdict::Wrong;
        };
        if kdf.is_some_and(|kdf| kdf.takes_for_another(password)) {
            return Verdict::Wrong;
        }
        // Where bcrypt has ignored the end of what was typed, nobody knows whether that is right: the hash stays.
        let is_known_whole = kdf.is_none_or(|kdf| kdf.reads_all_of(password));
        if stored.is_outdated() && is_known_whole {
            Verdict::RightButOutdated(PasswordHash::of(password, salt, &self.argon2id, work))
        } else {
            Verdict::Right
        }
    }

    fn recording<T>(&self, run: impl FnOnce(&mut Work) -> T) -> (T, Work) {
        let mut work = Work::default();
        let outcome = run(&mut work);
        self.total_work.lock().unwrap_or_else(PoisonError::into_inner).add(&work);
        (outcome, work)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc;
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};

    use super::*;
    use crate::password::{MAX_BYTES, MEMORY_KIB, PASSES};

    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];
    /// Of "correct horse battery".
    const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    /// Of eighty times p.
    const BCRYPT_OF_80_BYTES: &str = "$2b$04$abcdefghijklmnopqrstuuNt.0ah97gHY3F7JC1Z6EXmQc0bQBhIO";

    fn typed(text: &str) -> TypedPassword {
        TypedPassword::new(text)
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHasher::default().hash(&typed(text), SALT).expect("not too long")
    }

    fn imported(text: &str) -> PasswordHash {
        PasswordHasher::default().wrap_imported(&ImportedHash::parse(text).expect("a hash"), SALT)
    }

    fn verified(text: &str, stored: Option<&PasswordHash>) -> Verdict {
        PasswordHasher::default().verify(&typed(text), stored, SALT).verdict
    }

    fn argon2id(text: &str, memory_kib: u32, passes: u32) -> String {
        let params = Params::new(memory_kib, passes, 1, None).expect("parameters");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: phc::PasswordHash = argon2.hash_password_with_salt(text.as_bytes(), &SALT).expect("a hash");
        hash.to_string()
    }

    #[test]
    fn verifies_exactly_what_was_typed() {
        let stored = hash(" Correct Horse ");
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verified(" Correct Horse ", Some(&stored)), Verdict::Right);
        for wrong in ["Correct Horse", " correct horse ", "", " Correct Horse \0"] {
            assert_eq!(verified(wrong, Some(&stored)), Verdict::Wrong, "{wrong:?}");
        }
        assert_eq!(verified(" Correct Horse ", None), Verdict::Wrong);
        assert_eq!(format!("{:?}", typed("hunter2")), "TypedPassword(…)");
    }

    #[test]
    fn an_empty_password_is_wrong_even_where_its_hash_is_stored() {
        // Of the empty password, made by Python's hashlib.
        const PBKDF2: &str =
            "pbkdf2_sha256$1000$sixteen byte sal$k/xeJyw3NE88x5zljKwD2mlK19CRGwyifB+56j8UxFc=";
        let hasher = PasswordHasher::new("pbkdf2-sha256$i=1000,l=32".parse().expect("a kind"));
        let nobody = hasher.verify(&typed(""), None, SALT);
        for stored in [hash(""), imported(PBKDF2)] {
            assert_eq!(hasher.verify(&typed(""), Some(&stored), SALT), nobody);
        }
    }

    #[test]
    fn decomposed_accents_are_tried_composed_with_the_same_work_for_everybody() {
        let (composed, decomposed) = ("cr\u{e8}me br\u{fb}l\u{e9}e", "cre\u{300}me bru\u{302}le\u{301}e");
        let hasher = PasswordHasher::default();
        let runs = |typed_text: &str, stored: Option<&PasswordHash>| {
            let verification = hasher.verify(&typed(typed_text), stored, SALT);
            (verification.verdict, verification.work.argon2id_runs)
        };
        let set_composed = hash(composed);
        assert_eq!(runs(composed, Some(&set_composed)), (Verdict::Right, 1));
        assert_eq!(runs(decomposed, Some(&set_composed)), (Verdict::Right, 2));
        let set_decomposed = hash(decomposed);
        assert_eq!(runs(decomposed, Some(&set_decomposed)), (Verdict::Right, 2));
        assert_eq!(runs(composed, Some(&set_decomposed)), (Verdict::Wrong, 1));
        assert_eq!(runs(decomposed, Some(&hash("other"))), (Verdict::Wrong, 2));
        assert_eq!(runs(decomposed, None), (Verdict::Wrong, 2), "no account");
    }

    #[test]
    fn a_password_of_1024_bytes_is_verified_whole_and_a_longer_one_is_wrong() {
        let longest = "p".repeat(MAX_BYTES);
        let stored = hash(&longest);
        assert_eq!(verified(&longest, Some(&stored)), Verdict::Right);
        assert_eq!(verified(&longest[1..], Some(&stored)), Verdict::Wrong);
        assert_eq!(verified(&format!("{longest}p"), Some(&stored)), Verdict::Wrong);
        assert_eq!(PasswordHasher::default().hash(&typed(&format!("{longest}p")), SALT), None);
    }

    #[test]
    fn a_cheaper_hash_is_upgraded_when_the_password_is_right() {
        let stored = PasswordHash::parse(&argon2id("correct horse", 64, 1)).expect("a hash");
        let Verdict::RightButOutdated(upgraded) = verified("correct horse", Some(&stored)) else {
            panic!("the hash is outdated");
        };
        assert_eq!(verified("correct horse", Some(&upgraded)), Verdict::Right);
        assert_eq!(verified("wrong", Some(&stored)), Verdict::Wrong);
    }

    #[test]
    fn an_imported_hash_is_wrapped_in_argon2id_and_replaced_when_the_password_is_right() {
        let stored = imported(BCRYPT);
        assert!(stored.as_str().starts_with("$bcrypt$c=4,l=23$"), "{}", stored.as_str());
        assert!(stored.as_str().contains("|$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.as_str());
        assert_eq!(PasswordHash::parse(stored.as_str()), Ok(stored.clone()));
        assert_eq!(verified("wrong", Some(&stored)), Verdict::Wrong);
        assert_eq!(verified(BCRYPT, Some(&stored)), Verdict::Wrong, "the hash is no password");
        let verdict = verified("correct horse battery", Some(&stored));
        let Verdict::RightButOutdated(plain) = verdict else { panic!("{verdict:?}") };
        assert!(plain.as_str().starts_with("$argon2id$"));
        assert_eq!(verified("correct horse battery", Some(&plain)), Verdict::Right);
    }

    #[test]
    fn a_bcrypt_hash_stays_where_it_has_not_read_the_whole_password() {
        let stored = imported(BCRYPT_OF_80_BYTES);
        let typo = "p".repeat(72) + "xpppppp";
        for (password, verdict) in [("p".repeat(80), Verdict::Right), (typo, Verdict::Right)] {
            assert_eq!(verified(&password, Some(&stored)), verdict);
        }
        assert_eq!(verified(&"p".repeat(71), Some(&stored)), Verdict::Wrong);
    }

    #[test]
    fn a_zero_byte_makes_no_other_password_of_the_right_one() {
        const PASSWORD: &str = "correct horse battery";
        const SCRYPT: &str =
            "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
        const PBKDF2: &str =
            "$pbkdf2-sha256$i=1000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B+ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU";
        let repeated = format!("{PASSWORD}\0{PASSWORD}");
        let after = format!("{PASSWORD}\0");
        for hash in [BCRYPT, SCRYPT, PBKDF2] {
            let stored = imported(hash);
            assert!(matches!(verified(PASSWORD, Some(&stored)), Verdict::RightButOutdated(_)), "{hash}");
            for typed in [&*after, &repeated, &format!("{after}\0\0"), &format!("{PASSWORD}\0and more")] {
                assert_eq!(verified(typed, Some(&stored)), Verdict::Wrong, "{hash} {typed:?}");
            }
            let work_of =
                |text: &str| PasswordHasher::default().verify(&typed(text), Some(&stored), SALT).work;
            assert_eq!(work_of(&after), work_of("wrong"), "{hash}");
        }
    }

    #[test]
    fn a_hash_like_our_own_is_stored_as_it_is_and_any_other_is_brought_to_the_current_cost() {
        let own = hash("x");
        assert_eq!(imported(own.as_str()), own);
        let padded = format!("{}=", own.as_str());
        assert!(imported(&padded).as_str().contains('|'), "what PHC strings do not allow is wrapped");
        assert!(matches!(verified("x", Some(&imported(&padded))), Verdict::RightButOutdated(_)));
        for (memory_kib, passes) in [(64, 1), (MEMORY_KIB + 1_024, PASSES), (MEMORY_KIB, PASSES + 1)] {
            let other = argon2id("x", memory_kib, passes);
            for stored in [PasswordHash::parse(&other).expect("a hash"), imported(&other)] {
                assert!(matches!(verified("x", Some(&stored)), Verdict::RightButOutdated(_)));
                assert_eq!(verified("y", Some(&stored)), Verdict::Wrong);
            }
        }
    }

    /// What accounts can have, with a password that is right if there is one.
    fn states() -> Vec<(&'static str, Option<PasswordHash>, String)> {
        let stored = |text: &str| PasswordHash::parse(text).expect("a hash");
        let password = "correct horse battery";
        let unknown_version = hash(password).as_str().replace("v=19$", "v=18$");
        vec![
            ("no account or no password", None, password.to_owned()),
            ("a current hash", Some(hash(password)), password.to_owned()),
            ("a cheaper hash", Some(stored(&argon2id(password, 64, 1))), password.to_owned()),
            ("a costlier hash", Some(stored(&argon2id(password, MEMORY_KIB, 3))), password.to_owned()),
            ("a hash that cannot be computed", Some(stored(&unknown_version)), password.to_owned()),
            ("an imported hash", Some(imported(BCRYPT)), password.to_owned()),
            ("an imported hash of 80 bytes", Some(imported(BCRYPT_OF_80_BYTES)), "p".repeat(80)),
            (
                "an imported hash of another kind",
                Some(imported(
                    "$pbkdf2-sha256$i=1000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B+ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
                )),
                password.to_owned(),
            ),
        ]
    }

    #[test]
    fn a_wrong_password_costs_the_same_work_in_every_state() {
        let named = "bcrypt$c=4,l=23 pbkdf2-sha256$i=1000,l=32";
        let everyone = Work {
            argon2id_runs: 1,
            legacy_runs: named.split(' ').map(|cost| (cost.to_owned(), 1)).collect(),
        };
        let hasher = PasswordHasher::new(named.parse().expect("two kinds"));
        for (state, stored, _) in states() {
            for wrong in ["Correct horse battery", "", &"p".repeat(MAX_BYTES), &"p".repeat(MAX_BYTES + 1)] {
                if state == "an imported hash of 80 bytes" && wrong.len() == MAX_BYTES {
                    continue; // bcrypt takes it for the right one.
                }
                let before = hasher.total_work();
                let verification = hasher.verify(&typed(wrong), stored.as_ref(), SALT);
                let expected = Verification { verdict: Verdict::Wrong, work: everyone.clone() };
                assert_eq!(verification, expected, "{state}: {} bytes", wrong.len());
                assert_eq!(hasher.total_work().since(&before), everyone, "{state}");
            }
        }
    }

    #[test]
    fn a_right_password_costs_one_more_run_where_it_replaces_a_hash_of_the_current_cost() {
        let hasher = PasswordHasher::default();
        for (state, stored, right) in states() {
            let Verification { verdict, work } = hasher.verify(&typed(&right), stored.as_ref(), SALT);
            let is_wrapped = stored.as_ref().is_some_and(|stored| stored.kdf().is_some());
            let runs = match verdict {
                Verdict::RightButOutdated(_) if is_wrapped => 2,
                _ => 1,
            };
            assert_eq!(work.argon2id_runs, runs, "{state}");
            assert_eq!(work.legacy_runs.len(), usize::from(is_wrapped), "{state}: its own alone");
            let is_wrong = matches!(state, "no account or no password" | "a hash that cannot be computed");
            assert_eq!(verdict == Verdict::Wrong, is_wrong, "{state}");
        }
    }
}
