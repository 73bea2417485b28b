//! Password hashes that other systems made: Argon2id and Argon2i, bcrypt, scrypt and PBKDF2, as PHC strings, in the Modular Crypt
//! Format or as Django has them. And those that were exported from this service.
use std::fmt;

use argon2::password_hash::phc;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;

use super::argon2id::is_current_hash;
use super::hash::{PasswordHash, SEPARATOR};
use super::kdf::{BASE64, Function, KdfCost, LENIENT, LegacyKdf};
use super::not_importable::NotImportable;

/// bcrypt has an alphabet of its own.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);

/// A hash that another system made.
#[derive(Clone)]
pub struct ImportedHash {
    pub(super) text: String,
    pub(super) kdf: LegacyKdf,
    pub(super) digest: Digest,
}

/// What is known of the digest of a hash.
#[derive(Clone)]
pub(super) enum Digest {
    /// The digest itself.
    Plain(Vec<u8>),
    /// A hash of it: the hash was imported before, and exported again.
    Wrapped(PasswordHash),
}

impl ImportedHash {
    /// Parses `$argon2id$…`, `$argon2i$…`, `$2a$…`, `$2b$…`, `$2y$…`, `$scrypt$…`, `$pbkdf2-sha1$…`, `$pbkdf2-sha256$…` or
    /// `$pbkdf2-sha512$…`, and what Django makes of them: `argon2$argon2id$…`, `argon2$argon2i$…`, `bcrypt$$2b$…`,
    /// `bcrypt_sha256$$2b$…`, `pbkdf2_sha1$…`, `pbkdf2_sha256$…`, `scrypt$…`.
    /// Those are kept in the first form. So are hashes that this service has wrapped in Argon2id: `$bcrypt$…|$argon2id$…`.
    ///
    /// Fails for other functions, for what does not parse, and for a cost at which each verification would take more
    /// than a second or two.
    pub fn parse(text: &str) -> Result<Self, NotImportable> {
        if let Some((kdf, argon2id)) = text.split_once(SEPARATOR) {
            return Self::parse_wrapped(text, kdf, argon2id);
        }
        if let Some(hash) = text.strip_prefix("bcrypt_sha256$") {
            return Self::parse_plain(hash)?.of_sha256();
        }
        Self::parse_plain(&without_djangos_name(text))
    }

    /// A hash as [`PasswordHash`] has it. Only Argon2id of the current cost is taken: a cheaper one must not be stored, and a
    /// costlier one could be told from others by its time.
    fn parse_wrapped(text: &str, kdf: &str, argon2id: &str) -> Result<Self, NotImportable> {
        let kdf = LegacyKdf::parse(kdf).ok_or(NotImportable::UnknownKind)?;
        let malformed = NotImportable::Malformed(kdf.cost.function.kind());
        let wrapped = PasswordHash::parse(text).map_err(|_| malformed.clone())?;
        let is_current = phc::PasswordHash::new(argon2id).is_ok_and(|hash| is_current_hash(&hash));
        if is_current {
            Ok(Self { text: text.to_owned(), kdf, digest: Digest::Wrapped(wrapped) })
        } else {
            Err(NotImportable::WrappedAtOtherCost)
        }
    }

    /// This bcrypt hash, if what was hashed is the SHA-256 of the password.
    fn of_sha256(mut self) -> Result<Self, NotImportable> {
        let Function::Bcrypt { cost } = self.kdf.cost.function else {
            return Err(NotImportable::Malformed("bcrypt"));
        };
        self.kdf.cost.function = Function::BcryptSha256 { cost };
        Ok(self)
    }

    fn parse_plain(text: &str) -> Result<Self, NotImportable> {
        let fields: Vec<&str> = text.split('$').collect();
        let (function, salt, digest) = match fields[..] {
            // The three mark faults of old programs; up to 254 bytes they give the same digests.
            ["", "2a" | "2b" | "2y", cost, parts] if cost.len() == 2 && parts.is_char_boundary(22) => {
                let (salt, digest) = parts.split_at(22);
                (Function::parse("bcrypt", &format!("c={cost}"))?, salt, digest)
            }
            ["", "2a" | "2b" | "2y", ..] => return Err(NotImportable::Malformed("bcrypt")),
            ["", "2x", ..] => return Err(NotImportable::FaultyBcrypt),
            ["", name @ ("argon2id" | "argon2i"), version, params, salt, digest] => {
                (Function::parse(name, &format!("{version},{params}"))?, salt, digest)
            }
            // Some libraries write the iterations of PBKDF2 without their `i=`.
            ["", name @ ("pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512"), iterations, salt, digest]
                if iterations.parse::<u32>().is_ok() =>
            {
                (Function::parse(name, &format!("i={iterations}"))?, salt, digest)
            }
            ["", name, params, salt, digest] if !name.starts_with("bcrypt") => {
                (Function::parse(name, params)?, salt, digest)
            }
            ["", name, ..] => {
                Function::parse(name, "")?;
                return Err(NotImportable::UnknownKind);
            }
            _ if text.starts_with('!') => return Err(NotImportable::Unusable),
            _ => return Err(NotImportable::UnknownKind),
        };
        let malformed = || NotImportable::Malformed(function.kind());
        let decode = |part: &str| {
            let decoded = match function {
                Function::Bcrypt { .. } => BCRYPT_BASE64.decode(part),
                // The same libraries write a dot for the plus sign of base64.
                _ => BASE64.decode(part.replace('.', "+")),
            };
            decoded.map_err(|_| malformed())
        };
        let (salt, digest) = (decode(salt)?, decode(digest)?);
        let kdf = LegacyKdf::new(KdfCost::new(function, digest.len())?, salt)?;
        Ok(Self { text: text.to_owned(), kdf, digest: Digest::Plain(digest) })
    }

    /// The function as people write it: "bcrypt".
    pub fn kind(&self) -> &'static str {
        self.kdf.cost.function.kind()
    }

    /// Its cost, as [`super::FormerHashes`] parses it.
    pub fn cost(&self) -> KdfCost {
        self.kdf.cost
    }

    /// Whether it cost less than is advised now.
    pub fn is_cheap(&self) -> bool {
        self.kdf.cost.function.is_cheap()
    }

    /// Whether it is what this service would have made itself, and needs no wrapping.
    pub fn is_current(&self) -> bool {
        phc::PasswordHash::new(&self.text).is_ok_and(|hash| is_current_hash(&hash))
    }
}

/// Django writes the name of its hasher in front. For PBKDF2 and scrypt it has forms of its own, with a salt that is plain
/// text (`django.contrib.auth.hashers`).
fn without_djangos_name(text: &str) -> String {
    for name in ["argon2", "bcrypt$"] {
        if let Some(hash) = text.strip_prefix(name).filter(|hash| hash.starts_with(['$'])) {
            return hash.to_owned();
        }
    }
    match text.split('$').collect::<Vec<_>>()[..] {
        [name @ ("pbkdf2_sha256" | "pbkdf2_sha1"), iterations, salt, digest] if !salt.is_empty() => {
            let name = name.replace('_', "-");
            format!("${name}$i={iterations}${}${digest}", BASE64.encode(salt))
        }
        ["scrypt", n, salt, r, p, digest] if !salt.is_empty() => match n.parse::<u64>() {
            Ok(n) if n.is_power_of_two() => {
                format!("$scrypt$ln={},r={r},p={p}${}${digest}", n.ilog2(), BASE64.encode(salt))
            }
            _ => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImportedHash({})", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::work::Work;
    use crate::{PasswordHasher, TypedPassword};

    const PASSWORD: &[u8] = b"correct horse battery";

    /// Of [`PASSWORD`], made by libxcrypt (bcrypt) and OpenSSL (scrypt, PBKDF2).
    const HASHES: [&str; 7] = [
        "$2a$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
        "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
        "$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
        "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
        "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNhbA$0jCG77B+ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
        "$pbkdf2-sha256$1000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B.ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
        "$pbkdf2-sha512$i=1000$c2l4dGVlbiBieXRlIHNhbA$rU4+LXNnfyZTFoCA/lyqwAI23FwQPXA1J8WUvWKIN0asda65BYVS3ajgw8RORUx2kWMyEjgepCG1IEmnGuv2Yg",
    ];
    fn digest(hash: &ImportedHash, password: &[u8]) -> Vec<u8> {
        hash.kdf.digest(password, &mut Work::default())
    }

    fn plain(hash: &ImportedHash) -> &[u8] {
        match &hash.digest {
            Digest::Plain(digest) => digest,
            Digest::Wrapped(_) => panic!("it is wrapped"),
        }
    }

    /// Of "password", from the tests of the Argon2 reference implementation.
    const ARGON2ID: &str =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    /// From the same tests.
    const ARGON2I: &str =
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";

    #[test]
    fn digests_are_those_of_other_implementations() {
        for text in HASHES {
            let hash = ImportedHash::parse(text).expect(text);
            assert!(digest(&hash, PASSWORD) == *plain(&hash), "{text}");
            assert!(digest(&hash, b"Correct horse battery") != *plain(&hash), "{text}");
        }
        for text in [ARGON2ID, ARGON2I] {
            let hash = ImportedHash::parse(text).expect(text);
            assert!(digest(&hash, b"password") == *plain(&hash), "{text}");
        }
    }

    #[test]
    fn hashes_of_django_are_taken() {
        let [_, bcrypt, ..] = HASHES;
        // The PBKDF2 are made by Python's hashlib, the two behind the bcrypt by Django 5.2.
        for text in [
            "pbkdf2_sha256$1000$seasalt12345$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0=",
            "pbkdf2_sha1$1000$seasalt12345$JY8+dRLLhBjDFY0psoyuo6A4WXI=",
            &format!("bcrypt${bcrypt}"),
            "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuFABy..DpKi5eX.TjDW.8iDMNk/Tma6W",
            "scrypt$1024$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
        ] {
            let hash = ImportedHash::parse(text).expect(text);
            assert!(digest(&hash, PASSWORD) == *plain(&hash), "{text}");
        }
        for (text, kind) in [(ARGON2ID, "Argon2id"), (ARGON2I, "Argon2i")] {
            let hash = ImportedHash::parse(&format!("argon2{text}")).expect(text);
            assert!(digest(&hash, b"password") == *plain(&hash) && hash.kind() == kind, "{text}");
        }
        for not in [
            "pbkdf2_sha256$1000$$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0=",
            "pbkdf2_sha256$many$seasalt12345$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0=",
            "pbkdf2_md5$1000$seasalt12345$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0=",
            "bcrypt_sha256$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "bcrypt_sha256$$2x$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "bcrypt_sha256$$2b$15$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "bcrypt_sha256$$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
            "scrypt$1000$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
            "scrypt$0$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
            "scrypt$1024$$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
            "scrypt$1048576$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            assert!(ImportedHash::parse(not).is_err(), "{not}");
        }
    }

    #[test]
    fn bcrypt_of_sha256_reads_all_of_a_long_password() {
        // Of eighty times p, made by Django 5.2.
        let hash =
            ImportedHash::parse("bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuuJVC4X3TkSBFIOEHGdrs7FiIleIrZuu")
                .expect("a hash");
        for (length, same) in [(80, true), (79, false), (72, false)] {
            let typed = vec![b'p'; length];
            assert_eq!(digest(&hash, &typed) == *plain(&hash), same, "{length}");
            assert!(hash.kdf.reads_all_of(&typed) && !hash.kdf.takes_for_another(&typed), "{length}");
        }
        assert!(!hash.kdf.takes_for_another(b"p\0p"), "a zero byte is hashed like any other");
        assert_eq!(
            (hash.kind(), hash.cost().to_string().as_str()),
            ("bcrypt of SHA-256", "bcrypt-sha256$c=4,l=23")
        );
    }

    #[test]
    fn what_this_service_has_exported_is_taken_as_it_is() {
        let hasher = PasswordHasher::default();
        for text in HASHES.into_iter().chain([ARGON2ID, ARGON2I]) {
            let imported = ImportedHash::parse(text).expect(text);
            let stored = hasher.wrap_imported(&imported, [7; 16]);
            let again = ImportedHash::parse(stored.as_str()).expect(text);
            assert_eq!(hasher.wrap_imported(&again, [8; 16]), stored, "{text}");
            assert!(again.cost() == imported.cost() && again.kind() == imported.kind(), "{text}");
            assert!(!again.is_current(), "its time shows until it is replaced");
            let cheaper = stored.as_str().replace("m=19456,t=2", "m=64,t=1");
            assert_eq!(ImportedHash::parse(&cheaper).map(|_| ()), Err(NotImportable::WrappedAtOtherCost));
            let faked = stored.as_str().replacen("$c=4,", "$c=31,", 1).replacen("l=32$", "l=3$", 1);
            assert!(faked == stored.as_str() || ImportedHash::parse(&faked).is_err(), "{faked}");
        }
        let own = hasher.hash(&TypedPassword::new("x"), [7; 16]).expect("a hash");
        assert!(ImportedHash::parse(own.as_str()).expect("a hash").is_current());
        for not in [&format!("|{}", own.as_str()), "$bcrypt$c=4,l=23$c2l4dGVlbiBieXRlIHNhbA|", "a|b", "|"] {
            assert!(ImportedHash::parse(not).is_err(), "{not}");
        }
    }

    #[test]
    fn a_kdf_is_parsed_as_it_was_written_and_has_no_digest() {
        for text in HASHES.into_iter().chain([ARGON2ID, ARGON2I]) {
            let hash = ImportedHash::parse(text).expect(text);
            let written = hash.kdf.to_string();
            assert!(LegacyKdf::parse(&written) == Some(hash.kdf), "{written}");
            assert!(!written.contains(text.rsplit('$').next().expect("a digest")), "{written}");
        }
        for not in
            ["", "$", "$bcrypt$c=4,l=23", "$bcrypt$c=4,l=23$c2hvcnQ", "$bcrypt$c=4$c2l4dGVlbiBieXRlIHNhbA"]
        {
            assert!(LegacyKdf::parse(not).is_none(), "{not}");
        }
    }

    #[test]
    fn bcrypt_ignores_what_follows_its_72nd_byte_as_it_does_everywhere() {
        // Of eighty times p, made by libxcrypt.
        let hash = ImportedHash::parse("$2b$04$abcdefghijklmnopqrstuuNt.0ah97gHY3F7JC1Z6EXmQc0bQBhIO")
            .expect("a hash");
        for (length, same) in [(80, true), (72, true), (71, false), (1_024, true)] {
            let typed = vec![b'p'; length];
            assert_eq!(digest(&hash, &typed) == *plain(&hash), same, "{length}");
            assert_eq!(hash.kdf.reads_all_of(&typed), length < 72, "{length}");
        }
    }

    #[test]
    fn what_cannot_be_imported_says_why() {
        use NotImportable::{FaultyBcrypt, Malformed, TooCostly, UnknownKind, Unusable};
        const TWO_BLOCKS: &str =
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
        let salt = "c2l4dGVlbiBieXRlIHNhbA";
        let digest = "AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
        let phc = |start: &str| format!("{start}${salt}${digest}");
        let costly = |text: &str| matches!(ImportedHash::parse(text), Err(TooCostly { .. }));
        for start in [
            "$scrypt$ln=19,r=8,p=1",
            "$scrypt$ln=255,r=8,p=1",
            "$scrypt$ln=14,r=8,p=4294967295",
            "$scrypt$ln=1,r=1048576,p=1",
            "$scrypt$ln=1,r=1,p=1048576",
            "$scrypt$ln=11,r=25,p=41",
            "$scrypt$ln=1,r=4294967295,p=4294967295",
            "$pbkdf2-sha256$i=2000001",
            "$argon2id$v=19$m=8,t=131073,p=1",
            "$argon2i$v=19$m=65536,t=17,p=1",
            "$pbkdf2-sha512$4294967295",
            "$argon2id$v=19$m=524288,t=1,p=1",
            "$argon2id$v=19$m=65536,t=1000,p=1",
        ] {
            assert!(costly(&phc(start)), "{start}");
        }
        assert!(costly(&HASHES[1].replace("$04$", "$15$")));
        // A digest of two blocks takes all iterations twice.
        let of_64_bytes = |iterations: u32| format!("$pbkdf2-sha256$i={iterations}${salt}${TWO_BLOCKS}");
        assert!(costly(&of_64_bytes(1_000_001)) && ImportedHash::parse(&of_64_bytes(1_000_000)).is_ok());
        for (text, why) in [
            ("", UnknownKind),
            ("!VOfkflTGbOjPs2lGJvhEOqZDHUluHZvN7qqMW9Q1", Unusable),
            ("hunter2", UnknownKind),
            ("5f4dcc3b5aa765d61d8327deb882cf99", UnknownKind),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", UnknownKind),
            ("$6$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", UnknownKind),
            (&phc("$argon2d$v=19$m=64,t=1,p=1"), UnknownKind),
            (&phc("$bcrypt$c=4"), Malformed("bcrypt")),
            (&HASHES[1].replace("$2b$", "$2x$"), FaultyBcrypt),
            (&HASHES[1].replace("$04$", "$03$"), Malformed("bcrypt")),
            (&HASHES[1].replace("$04$", "$4$"), Malformed("bcrypt")),
            (&HASHES[1][..HASHES[1].len() - 1], Malformed("bcrypt")),
            (&format!("$2b$04${}", "é".repeat(27)), Malformed("bcrypt")),
            ("$scrypt$ln=10,r=8,p=1", Malformed("scrypt")),
            (&phc("$scrypt$ln=10,r=8"), Malformed("scrypt")),
            (&phc("$scrypt$ln=0,r=8,p=1"), Malformed("scrypt")),
            (&phc("$pbkdf2-sha256$i=0"), Malformed("PBKDF2")),
            (&phc("$pbkdf2-sha256$i=1000,x=1"), Malformed("PBKDF2")),
            (&format!("$pbkdf2-sha256$i=1000${salt}$c2hvcnQ"), Malformed("PBKDF2")),
            (&format!("$pbkdf2-sha256$i=1000${salt}${}", digest.repeat(3)), Malformed("PBKDF2")),
            (&format!("$pbkdf2-sha256$i=1000$${digest}"), Malformed("PBKDF2")),
            (&format!("$argon2id$v=19$m=64,t=1,p=1$c2hvcnQ${digest}"), Malformed("Argon2id")),
        ] {
            assert_eq!(ImportedHash::parse(text).map(|_| ()), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_hash_below_the_current_advice_is_cheap() {
        let salt_and_digest = "$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
        for (start, cheap) in [
            ("$scrypt$ln=17,r=8,p=1", false),
            ("$scrypt$ln=13,r=8,p=10", false),
            ("$scrypt$ln=14,r=8,p=1", true),
            ("$pbkdf2-sha256$i=600000", false),
            ("$pbkdf2-sha256$i=599999", true),
            ("$pbkdf2-sha512$i=210000", false),
            ("$argon2id$v=19$m=19456,t=2,p=1", false),
            ("$argon2id$v=19$m=19456,t=1,p=1", true),
        ] {
            let hash = ImportedHash::parse(&format!("{start}{salt_and_digest}")).expect(start);
            assert_eq!(hash.is_cheap(), cheap, "{start}");
            assert_eq!(hash.is_current(), start == "$argon2id$v=19$m=19456,t=2,p=1", "{start}");
        }
        assert!(ImportedHash::parse(HASHES[1]).expect("a hash").is_cheap());
        assert!(!ImportedHash::parse(&HASHES[1].replace("$04$", "$10$")).expect("a hash").is_cheap());
        assert_eq!(format!("{:?}", ImportedHash::parse(HASHES[1])), "Ok(ImportedHash(bcrypt))");
    }
}
