//! The functions of the hashes that accounts were imported with, which run at every sign-in (docs/decisions/0018).
//!
//! To verify an imported hash takes its own function on top of Argon2id, and the time would tell strangers which
//! accounts were imported. Where an operator names the functions, every verification runs each of them once.
use std::str::FromStr;

use super::kdf::{KdfCost, LegacyKdf};
use super::work::Work;

/// Each costs every sign-in up to a second or two of a core, and nobody migrates from more systems at once.
const MAX_FUNCTIONS: usize = 4;

/// The salt where there is no hash of that function. The length of a salt makes no measurable difference.
const NO_SALT: [u8; 16] = [0; 16];

/// The functions with their costs, as `bcrypt$c=10,l=23`, separated by spaces; `l` is the length of the digest in
/// bytes. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerHashes(Vec<KdfCost>);

/// A text does not name functions that can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFormerHashes {
    /// A function is not supported, or costs too much.
    #[error(
        "{0} is none of bcrypt$c=…,l=23, bcrypt-sha256$c=…,l=23, scrypt$ln=…,r=…,p=…,l=…, pbkdf2-sha256$i=…,l=…, pbkdf2-sha512$i=…,l=… and argon2id$v=19,m=…,t=…,p=…,l=… within the bounds of the import"
    )]
    Unknown(String),
    /// There are too many functions.
    #[error("more than {MAX_FUNCTIONS} kinds of hashes would make every sign-in slow")]
    TooMany,
}

impl FromStr for FormerHashes {
    type Err = NotFormerHashes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut costs = Vec::new();
        for named in text.split_whitespace() {
            let cost = KdfCost::parse(named).ok_or_else(|| NotFormerHashes::Unknown(named.to_owned()))?;
            if !costs.contains(&cost) {
                costs.push(cost);
            }
        }
        if costs.len() > MAX_FUNCTIONS { Err(NotFormerHashes::TooMany) } else { Ok(Self(costs)) }
    }
}

impl FormerHashes {
    /// Whether this function is among them.
    pub(super) fn have(&self, cost: KdfCost) -> bool {
        self.0.contains(&cost)
    }

    /// The digest of a password by an account's own function, if it has one. Each named function runs once, whether
    /// or not it is the account's.
    pub(super) fn digest(
        &self,
        kdf: Option<&LegacyKdf>,
        password: &[u8],
        work: &mut Work,
    ) -> Option<Vec<u8>> {
        for cost in &self.0 {
            if kdf.is_none_or(|kdf| kdf.cost != *cost) {
                std::hint::black_box(cost.digest(password, &NO_SALT, work));
            }
        }
        kdf.map(|kdf| kdf.digest(password, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_named_once() {
        let all =
            "bcrypt$c=10,l=23 scrypt$ln=14,r=8,p=1,l=64 pbkdf2-sha256$i=29000,l=32 pbkdf2-sha512$i=1000,l=64";
        let parsed: FormerHashes = all.parse().expect("four kinds");
        assert_eq!(parsed.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), all);
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

    #[test]
    fn each_named_function_runs_once_and_an_account_s_own_in_any_case() {
        let named = "bcrypt$c=4,l=23 pbkdf2-sha256$i=1000,l=32";
        let former: FormerHashes = named.parse().expect("two kinds");
        let own = |text| LegacyKdf::parse(text).expect(text);
        let (bcrypt, scrypt) = (
            own("$bcrypt$c=4,l=23$c2l4dGVlbiBieXRlIHNhbA"),
            own("$scrypt$ln=4,r=8,p=1,l=32$c2l4dGVlbiBieXRlIHNhbA"),
        );
        for (kdf, ran) in [
            (None, named.to_owned()),
            (Some(&bcrypt), named.to_owned()),
            (Some(&scrypt), format!("{named} {}", scrypt.cost)),
        ] {
            let mut work = Work::default();
            let digest = former.digest(kdf, b"x", &mut work);
            assert_eq!(digest, kdf.map(|kdf| kdf.digest(b"x", &mut Work::default())));
            let runs: Vec<_> = work.legacy_runs.into_iter().collect();
            assert_eq!(runs, ran.split(' ').map(|cost| (cost.to_owned(), 1)).collect::<Vec<_>>());
        }
    }
}
