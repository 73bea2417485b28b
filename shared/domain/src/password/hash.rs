//! The stored form of a password's hash: an Argon2id hash of the password, or one that wraps an imported hash.
use std::fmt;

use argon2::Params;
use argon2::password_hash::phc;

use super::argon2id::{Argon2id, MAX_LANES, MAX_MEMORY_KIB, SALT_BYTES, is_current};
use super::imported::{Digest, ImportedHash};
use super::kdf::{KdfCost, LegacyKdf};
use super::work::Work;

/// More passes than these would not fit into a function's time.
const MAX_PASSES: u32 = 64;

/// Stands between an imported hash's [`LegacyKdf`] and the Argon2id hash that its digest is wrapped in.
pub(super) const SEPARATOR: char = '|';

/// A hash as it is stored: Argon2id in PHC string format, either of the password itself or of the digest of an imported
/// hash. In the second case that hash's function, cost and salt precede it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    kdf: Option<LegacyKdf>,
    /// On the heap, because the parsed form has a fixed size of some hundred bytes.
    argon2id: Box<phc::PasswordHash>,
}

/// The text is not a hash this service can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash in PHC string format (at most 256 MiB, 64 passes)")]
pub struct NotAPasswordHash;

impl PasswordHash {
    /// Parses a hash as the database has it. One from another system is an [`ImportedHash`].
    pub fn parse(stored: &str) -> Result<Self, NotAPasswordHash> {
        let (kdf, argon2id) = match stored.split_once(SEPARATOR) {
            Some((kdf, argon2id)) => (Some(LegacyKdf::parse(kdf).ok_or(NotAPasswordHash)?), argon2id),
            None => (None, stored),
        };
        let argon2id = phc::PasswordHash::new(argon2id).map_err(|_| NotAPasswordHash)?;
        let params = Params::try_from(&argon2id).map_err(|_| NotAPasswordHash)?;
        let affordable = params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() <= MAX_LANES;
        let complete =
            argon2id.algorithm.as_str() == "argon2id" && argon2id.salt.is_some() && argon2id.hash.is_some();
        if affordable && complete {
            Ok(Self { text: stored.into(), kdf, argon2id: argon2id.into() })
        } else {
            Err(NotAPasswordHash)
        }
    }

    /// The hash of a password.
    pub(super) fn of(password: &[u8], salt: [u8; SALT_BYTES], argon2id: &Argon2id, work: &mut Work) -> Self {
        let argon2id = argon2id.hash(password, salt, work);
        Self { text: argon2id.to_string(), kdf: None, argon2id: argon2id.into() }
    }

    /// An imported hash: as it is where this service would have made the same, else wrapped in Argon2id, so that a hash
    /// cheaper than our own is never stored.
    pub(super) fn wrapping(
        imported: &ImportedHash,
        salt: [u8; SALT_BYTES],
        argon2id: &Argon2id,
        work: &mut Work,
    ) -> Self {
        if imported.is_current()
            && let Ok(hash) = Self::parse(&imported.text)
        {
            return hash;
        }
        let digest = match &imported.digest {
            Digest::Plain(digest) => digest,
            Digest::Wrapped(hash) => return hash.clone(),
        };
        let (kdf, argon2id) = (imported.kdf.clone(), argon2id.hash(digest, salt, work));
        Self { text: format!("{kdf}{SEPARATOR}{argon2id}"), kdf: Some(kdf), argon2id: argon2id.into() }
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The function that leads from a password to the digest that is wrapped, if one is.
    pub(super) fn kdf(&self) -> Option<&LegacyKdf> {
        self.kdf.as_ref()
    }

    /// The function of the system it was imported from, if it wraps a hash of another one.
    pub fn former_cost(&self) -> Option<KdfCost> {
        self.kdf.as_ref().map(|kdf| kdf.cost)
    }

    /// Whether it is of another kind or cost than a new hash.
    pub(super) fn is_outdated(&self) -> bool {
        self.kdf.is_some() || !Params::try_from(&*self.argon2id).is_ok_and(|params| is_current(&params))
    }

    /// Whether it was made of this secret: the password, or the digest that [`Self::kdf`] makes of it.
    pub(super) fn verify(&self, secret: &[u8], argon2id: &Argon2id, work: &mut Work) -> bool {
        argon2id.verify(secret, &self.argon2id, work)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_hashes_of_other_kinds_and_ruinous_costs() {
        let good =
            "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
        let parsed = PasswordHash::parse(good).expect("a hash");
        assert_eq!((parsed.as_str(), format!("{parsed:?}")), (good, "PasswordHash(…)".to_owned()));
        let wrapped = format!("$bcrypt$c=4,l=23$c2l4dGVlbiBieXRlIHNhbA|{good}");
        assert_eq!(PasswordHash::parse(&wrapped).as_ref().map(PasswordHash::as_str), Ok(&*wrapped));
        for bad in [
            "",
            "hunter2",
            "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
            &good.replace("argon2id", "argon2i"),
            &good.replace("m=64", "m=4194304"),
            &good.replace("t=1", "t=1000"),
            &good.replace("m=64", "m=256").replace("p=1", "p=17"),
            good.rsplit_once('$').expect("a PHC string").0,
            &format!("|{good}"),
            &format!("$bcrypt$c=31,l=23$c2l4dGVlbiBieXRlIHNhbA|{good}"),
        ] {
            assert_eq!(PasswordHash::parse(bad).map(|_| ()), Err(NotAPasswordHash), "{bad:?}");
        }
    }
}
