//! What an import has done, for the operator.
use std::collections::BTreeMap;
use std::fmt;

use domain::ImportedHash;

use super::import_kinds::Kinds;
use crate::output::counted;

/// A hash of another system, which the first sign-in replaces.
pub struct Foreign {
    kind: &'static str,
    cheap: bool,
}

impl Foreign {
    /// Nothing for a hash that this service could have made.
    pub fn new(hash: &ImportedHash) -> Option<Self> {
        (!hash.is_current()).then(|| Self { kind: hash.kind(), cheap: hash.is_cheap() })
    }
}

/// What became of a line that could be imported.
pub enum Outcome {
    Made(Option<Foreign>),
    Exists,
    /// Why.
    Refused(String),
}

/// What was done.
#[derive(Default)]
pub struct Summary {
    made: u64,
    existed: u64,
    foreign: BTreeMap<&'static str, usize>,
    cheap: usize,
    kinds: Kinds,
}

impl Summary {
    /// Nothing yet, of a file with these kinds of hashes.
    pub fn new(kinds: Kinds) -> Self {
        Self { kinds, ..Self::default() }
    }

    /// Adds what became of a line.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Made(foreign) => {
                self.made += 1;
                if let Some(Foreign { kind, cheap }) = foreign {
                    *self.foreign.entry(kind).or_default() += 1;
                    self.cheap += usize::from(*cheap);
                }
            }
            Outcome::Exists => self.existed += 1,
            Outcome::Refused(_) => {}
        }
    }
}

impl Summary {
    /// What was done so far, of a run that has come to no end.
    pub fn counts(&self) -> String {
        let created = format!("{} created", counted(self.made, "account", "accounts"));
        match self.existed {
            0 => created,
            1 => format!("{created}\n1 existed already and was left alone"),
            existed => format!("{created}\n{existed} existed already and were left alone"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counts())?;
        if !self.foreign.is_empty() {
            let kinds: Vec<_> = self.foreign.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            write!(f, "\nhashes under Argon2id until the first sign-in replaces them: {}", kinds.join(", "))?;
        }
        write!(f, "{}", self.kinds)?;
        if self.cheap > 0 {
            let cheap = self.cheap;
            write!(
                f,
                "\n{cheap} of them cost less than advised, so anyone who had the former table may know passwords"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_which_hashes_there_are_and_how_many_were_cheap() {
        let hashes = [
            "$2b$12$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$scrypt$ln=17,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
            "$pbkdf2-sha256$29000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B.ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
            "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
            "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuFABy..DpKi5eX.TjDW.8iDMNk/Tma6W",
        ];
        let hashes = hashes.map(|hash| ImportedHash::parse(hash).expect("a hash"));
        let mut summary = Summary::default();
        for hash in &hashes {
            summary.add(&Outcome::Made(Foreign::new(hash)));
        }
        summary.add(&Outcome::Refused("taken".into()));
        assert_eq!(
            summary.to_string(),
            "6 accounts created\n\
             hashes under Argon2id until the first sign-in replaces them: 1 PBKDF2, 2 bcrypt, 1 bcrypt of SHA-256, 1 scrypt\n\
             2 of them cost less than advised, so anyone who had the former table may know passwords"
        );
        let mut skipped = Summary::default();
        skipped.add(&Outcome::Exists);
        assert_eq!(skipped.to_string(), "0 accounts created\n1 existed already and was left alone");
    }
}
