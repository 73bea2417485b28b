//! The kinds of hashes that accounts brought along from another system, and the work that hides which account did.
//!
//! A hash from elsewhere costs its own function on top of Argon2id, which takes longer than nothing and would tell
//! strangers whose account was imported. Where an operator names the functions, every try of a password runs all of
//! them, whoever it names (docs/decisions/0018).
use std::str::FromStr;

use super::kdf::LegacyKdf;

/// Each costs every sign-in up to a second or two of a core; nobody comes from more systems at once.
const MOST: usize = 4;

/// Salts differ in length by some bytes at most, which is nothing beside the rounds of a function.
const SALT: &str = "c2l4dGVlbiBieXRlIHNhbA";

/// The functions with their costs, as `bcrypt$c=10,l=23`, with spaces between; `l` is the length of the digest in
/// bytes. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerHashes(Vec<LegacyKdf>);

/// A text names no functions that can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFormerHashes {
    /// One of them is no function, or it costs too much.
    #[error(
        "{0} is none of bcrypt$c=…,l=23, scrypt$ln=…,r=…,p=…,l=…, pbkdf2-sha256$i=…,l=…, pbkdf2-sha512$i=…,l=… and argon2id$v=19,m=…,t=…,p=…,l=… within the bounds of the import"
    )]
    Unknown(String),
    /// There are too many.
    #[error("more than {MOST} kinds of hashes would make every sign-in slow")]
    TooMany,
}

impl FromStr for FormerHashes {
    type Err = NotFormerHashes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut recipes: Vec<LegacyKdf> = Vec::new();
        for named in text.split_whitespace() {
            let kdf = LegacyKdf::read(&format!("${named}${SALT}"));
            let kdf = kdf.ok_or_else(|| NotFormerHashes::Unknown(named.to_owned()))?;
            if !recipes.iter().any(|other| other.costs_like(&kdf)) {
                recipes.push(kdf);
            }
        }
        if recipes.len() > MOST { Err(NotFormerHashes::TooMany) } else { Ok(Self(recipes)) }
    }
}

impl FormerHashes {
    /// The digest of a password by an account's recipe, if it has one, and the same work whether it does or not: of
    /// each function one run.
    pub(super) fn digest(&self, kdf: Option<&LegacyKdf>, password: &[u8]) -> Option<Vec<u8>> {
        for former in &self.0 {
            if kdf.is_none_or(|kdf| !kdf.costs_like(former)) {
                std::hint::black_box(counted(former, password));
            }
        }
        kdf.map(|kdf| counted(kdf, password))
    }
}

fn counted(kdf: &LegacyKdf, password: &[u8]) -> Vec<u8> {
    #[cfg(feature = "testing")]
    RUNS.with_borrow_mut(|runs| runs.push(kdf.cost()));
    kdf.digest(password)
}

#[cfg(feature = "testing")]
thread_local! {
    static RUNS: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The functions that this thread has run since it was asked last, for tests of equal work.
#[cfg(feature = "testing")]
pub fn take_runs() -> Vec<String> {
    RUNS.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_named_once() {
        let all =
            "bcrypt$c=10,l=23 scrypt$ln=14,r=8,p=1,l=64 pbkdf2-sha256$i=29000,l=32 pbkdf2-sha512$i=1000,l=64";
        let read: FormerHashes = all.parse().expect("four kinds");
        assert_eq!(read.0.iter().map(LegacyKdf::cost).collect::<Vec<_>>().join(" "), all);
        assert_eq!("".parse(), Ok(FormerHashes::default()));
        let twice: FormerHashes = "bcrypt$c=10,l=23  bcrypt$c=10,l=23 ".parse().expect("one kind");
        assert_eq!(twice.0.len(), 1);
        let five = format!("{all} argon2id$v=19,m=4096,t=3,p=1,l=32");
        assert_eq!(five.parse::<FormerHashes>(), Err(NotFormerHashes::TooMany));
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        for bad in [
            "md5$l=16",
            "bcrypt",
            "bcrypt$c=10",
            "bcrypt$c=31,l=23",
            "bcrypt$c=10,l=23$salt",
            "$bcrypt$c=10,l=23",
        ] {
            let refused = format!("bcrypt$c=10,l=23 {bad}").parse::<FormerHashes>();
            assert_eq!(refused, Err(NotFormerHashes::Unknown(bad.to_owned())));
        }
    }
}
