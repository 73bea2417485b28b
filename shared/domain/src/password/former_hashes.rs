//! The functions of the hashes that accounts were imported with, which run at every sign-in (docs/decisions/0018).
//!
//! To verify an imported hash takes its own function on top of Argon2id, and the time would tell strangers which
//! accounts were imported. Where an operator names the functions, every verification runs each of them once.
use std::str::FromStr;

use super::kdf::{KdfCost, LegacyKdf};
use super::work::Work;

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
        "{0} is none of bcrypt$c=…,l=23, bcrypt-sha256$c=…,l=23, scrypt$ln=…,r=…,p=…,l=…, pbkdf2-sha1$i=…,l=…, pbkdf2-sha256$i=…,l=…, pbkdf2-sha512$i=…,l=…, argon2id$v=19,m=…,t=…,p=…,l=… and argon2i$v=19,m=…,t=…,p=…,l=… within the bounds of the import"
    )]
    Unknown(String),
    /// There are too many functions.
    #[error("more than {most} kinds of hashes would make every sign-in slow", most = FormerHashes::MOST)]
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
        if costs.len() > Self::MOST { Err(NotFormerHashes::TooMany) } else { Ok(Self(costs)) }
    }
}

impl FormerHashes {
    /// How many functions can be named: each costs every sign-in up to a second or two of a core. One table often has more
    /// kinds. Django raises the iterations of PBKDF2 with each of its releases, so the most of them cover all others.
    pub const MOST: usize = 4;

    /// Whether every sign-in takes the time of this function.
    pub(super) fn have(&self, cost: KdfCost) -> bool {
        self.covering(cost).is_some()
    }

    /// The named function whose time a run of this one, and what is left of the other, take together: itself, or PBKDF2 with
    /// the next higher number of iterations.
    fn covering(&self, cost: KdfCost) -> Option<KdfCost> {
        let covering = self.0.iter().filter(|named| named.covers(&cost));
        // Of two that cover it, one covers the other.
        covering.copied().reduce(|least, named| if least.covers(&named) { named } else { least })
    }

    /// The digest of a password by an account's own function, if it has one. Each named function runs once, whether
    /// or not it is the account's.
    pub(super) fn digest(
        &self,
        kdf: Option<&LegacyKdf>,
        password: &[u8],
        work: &mut Work,
    ) -> Option<Vec<u8>> {
        let own = kdf.and_then(|kdf| self.covering(kdf.cost).map(|named| (kdf, named)));
        for cost in &self.0 {
            let rest = match own {
                Some((kdf, named)) if named == *cost => cost.beyond(&kdf.cost),
                _ => Some(*cost),
            };
            if let Some(rest) = rest {
                std::hint::black_box(rest.digest(password, &NO_SALT, &mut Work::default()));
            }
            work.count_legacy(cost.to_string());
        }
        match own {
            Some((kdf, _)) => Some(kdf.digest(password, &mut Work::default())),
            None => kdf.map(|kdf| kdf.digest(password, work)),
        }
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

    #[test]
    fn the_most_iterations_of_pbkdf2_cover_fewer_of_the_same_kind() {
        let former: FormerHashes =
            "pbkdf2-sha256$i=3000,l=32 pbkdf2-sha256$i=2000,l=32".parse().expect("two kinds");
        let ran = |kdf: &LegacyKdf| {
            let mut work = Work::default();
            let digest = former.digest(Some(kdf), b"x", &mut work);
            assert_eq!(digest, Some(kdf.digest(b"x", &mut Work::default())));
            work.legacy_runs
        };
        let kdf = |kind: &str| LegacyKdf::parse(&format!("${kind}$c2l4dGVlbiBieXRlIHNhbA")).expect(kind);
        let everybodys = ran(&kdf("pbkdf2-sha256$i=3000,l=32"));
        assert_eq!(everybodys.values().sum::<u64>(), 2);
        for (kind, covered_by) in [
            ("pbkdf2-sha256$i=3000,l=32", Some("pbkdf2-sha256$i=3000,l=32")),
            ("pbkdf2-sha256$i=2001,l=32", Some("pbkdf2-sha256$i=3000,l=32")),
            ("pbkdf2-sha256$i=2000,l=32", Some("pbkdf2-sha256$i=2000,l=32")),
            ("pbkdf2-sha256$i=1,l=32", Some("pbkdf2-sha256$i=2000,l=32")),
            ("pbkdf2-sha256$i=3001,l=32", None),
            ("pbkdf2-sha256$i=1000,l=16", None),
            ("pbkdf2-sha512$i=1000,l=32", None),
            ("bcrypt$c=4,l=23", None),
        ] {
            let kdf = kdf(kind);
            let covering = former.covering(kdf.cost).map(|cost| cost.to_string());
            assert_eq!(covering.as_deref(), covered_by, "{kind}");
            assert_eq!(former.have(kdf.cost), covered_by.is_some(), "{kind}");
            assert_eq!(ran(&kdf) == everybodys, covered_by.is_some(), "{kind}");
        }
    }

    /// What this thread has used so far, so that other programs on the machine do not count. Linux only.
    fn seconds_on_a_core() -> f64 {
        let used = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
        let nanoseconds = used.split(' ').next().and_then(|used| used.parse().ok());
        std::time::Duration::from_nanos(nanoseconds.expect("a number")).as_secs_f64()
    }

    /// Run by hand: `cargo test -p domain --release costliest -- --ignored --nocapture`.
    #[test]
    #[ignore = "it measures"]
    fn the_costliest_hashes_take_a_second_or_two() {
        for cost in [
            "bcrypt$c=14,l=23",
            "scrypt$ln=18,r=8,p=1,l=64",
            "scrypt$ln=11,r=32,p=32,l=64",
            "scrypt$ln=1,r=1,p=1024,l=64",
            "scrypt$ln=1,r=1024,p=1,l=64",
            "scrypt$ln=21,r=1,p=1,l=64",
            "pbkdf2-sha1$i=2000000,l=20",
            "pbkdf2-sha256$i=2000000,l=32",
            "pbkdf2-sha256$i=1000000,l=64",
            "pbkdf2-sha512$i=2000000,l=64",
            "argon2id$v=19,m=262144,t=4,p=1,l=32",
            "argon2i$v=19,m=262144,t=4,p=16,l=32",
            "argon2i$v=19,m=8,t=131072,p=1,l=32",
            "argon2id$v=19,m=128,t=8192,p=16,l=32",
        ] {
            let started = seconds_on_a_core();
            KdfCost::parse(cost).expect(cost).digest(&[b'p'; 1_024], &[7; 16], &mut Work::default());
            println!("{cost:40} {:.2} s", seconds_on_a_core() - started);
        }
    }
}
