//! The kinds of hashes that a file has, and which of them the parameter `FormerHashes` should name.
use std::cmp::Reverse;
use std::fmt;

use domain::FormerHashes;
use domain::password::KdfCost;

use super::import_lines::{Parsed, Secret};
use crate::output::counted;

/// Kinds are told apart up to this many; a real table has some ten.
const MOST_KINDS: usize = 1_000;
/// Kinds are listed up to this many.
const MOST_LISTED: usize = 32;

/// The kinds of the hashes of other systems, with the number of accounts that have each.
#[derive(Debug, Default, Clone)]
pub struct Kinds {
    counts: Vec<(KdfCost, u64)>,
    /// Accounts with a hash of a kind beyond [`MOST_KINDS`].
    uncounted: u64,
    /// Accounts whose hash is a mark of Django that they have no password.
    unusable: u64,
}

impl Kinds {
    /// Adds the hash of a line, if that of another system takes its own time to verify.
    pub fn add(&mut self, line: &Parsed) {
        self.unusable += u64::from(line.is_marked_unusable);
        if let Some(Secret::Hash(hash)) = &line.password
            && !hash.is_current()
        {
            self.add_cost(hash.cost());
        }
    }

    fn add_cost(&mut self, cost: KdfCost) {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| *known == cost) {
            *count += 1;
        } else if self.counts.len() < MOST_KINDS {
            self.counts.push((cost, 1));
        } else {
            self.uncounted += 1;
        }
    }

    /// What `FormerHashes` can name, the most accounts first: a kind counts for all that it covers.
    fn to_name(&self) -> Vec<(KdfCost, u64)> {
        let costliest = |cost: &KdfCost| {
            let covering = self.counts.iter().map(|(kind, _)| *kind).filter(|kind| kind.covers(cost));
            covering.reduce(|most, kind| if kind.covers(&most) { kind } else { most })
        };
        let mut to_name: Vec<(KdfCost, u64)> = Vec::new();
        for (cost, count) in &self.counts {
            let named = costliest(cost).unwrap_or(*cost);
            match to_name.iter_mut().find(|(known, _)| *known == named) {
                Some((_, sum)) => *sum += count,
                None => to_name.push((named, *count)),
            }
        }
        sorted(to_name)
    }
}

fn sorted(mut kinds: Vec<(KdfCost, u64)>) -> Vec<(KdfCost, u64)> {
    kinds.sort_by_cached_key(|(cost, count)| (Reverse(*count), cost.to_string()));
    kinds
}

/// Each line begins with a line feed, because they follow others. Nothing if there are no such hashes.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unusable > 0 {
            let accounts = counted(self.unusable, "account has", "accounts have");
            write!(
                f,
                "\nin the file {accounts} no password (a hash that begins with !): the owner signs in by a link"
            )?;
        }
        if self.counts.is_empty() {
            return Ok(());
        }
        let listed = sorted(self.counts.clone());
        let kinds: Vec<_> =
            listed.iter().take(MOST_LISTED).map(|(cost, count)| format!("{count} {cost}")).collect();
        write!(f, "\ntheir kinds in the file: {}", kinds.join(", "))?;
        if listed.len() > MOST_LISTED || self.uncounted > 0 {
            let more = if self.uncounted > 0 { "at least " } else { "" };
            write!(f, ", and {more}{} more kinds", listed.len().saturating_sub(MOST_LISTED))?;
        }
        let to_name = self.to_name();
        let (named, others) = to_name.split_at(to_name.len().min(FormerHashes::MOST));
        let costs: Vec<_> = named.iter().map(|(cost, _)| cost.to_string()).collect();
        write!(
            f,
            "\nset FormerHashes to these until then, or the time of a sign-in tells whose account it is: {}",
            costs.join(" ")
        )?;
        if to_name.len() < listed.len() {
            write!(f, "\nPBKDF2 with the most iterations covers all kinds with fewer")?;
        }
        let left = others.iter().map(|(_, count)| count).sum::<u64>() + self.uncounted;
        if left > 0 {
            write!(
                f,
                "\nFormerHashes takes {}; {} of other kinds can be told by their time: leave their hashes out, or accept that",
                FormerHashes::MOST,
                counted(left, "account", "accounts")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::ImportedHash;

    use super::*;

    fn kinds(hashes: &[(&str, u64)]) -> Kinds {
        let mut kinds = Kinds::default();
        for (start, count) in hashes {
            let hash = if start.starts_with("$2b$") {
                format!("{start}abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS")
            } else {
                format!("{start}$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg")
            };
            let hash = ImportedHash::parse(&hash).expect(start);
            for _ in 0..*count {
                kinds.add_cost(hash.cost());
            }
        }
        kinds
    }

    #[test]
    fn a_table_of_django_needs_one_name_for_all_its_releases() {
        assert_eq!(Kinds::default().to_string(), "");
        let said = kinds(&[
            ("$pbkdf2-sha256$i=390000", 7),
            ("$pbkdf2-sha256$i=1000000", 2),
            ("$pbkdf2-sha256$i=260000", 30),
            ("$2b$12$", 9),
        ]);
        assert_eq!(
            said.to_string(),
            "\ntheir kinds in the file: 30 pbkdf2-sha256$i=260000,l=32, 9 bcrypt$c=12,l=23, \
             7 pbkdf2-sha256$i=390000,l=32, 2 pbkdf2-sha256$i=1000000,l=32\
             \nset FormerHashes to these until then, or the time of a sign-in tells whose account it is: \
             pbkdf2-sha256$i=1000000,l=32 bcrypt$c=12,l=23\
             \nPBKDF2 with the most iterations covers all kinds with fewer"
        );
    }

    #[test]
    fn accounts_without_a_password_are_counted() {
        let kinds = Kinds { unusable: 2, ..Kinds::default() };
        assert!(kinds.to_string().starts_with("\nin the file 2 accounts have no password"), "{kinds}");
    }

    #[test]
    fn the_most_frequent_kinds_are_named_and_the_others_counted() {
        let said = kinds(&[
            ("$2b$10$", 1),
            ("$2b$11$", 5),
            ("$2b$12$", 4),
            ("$2b$13$", 1),
            ("$scrypt$ln=14,r=8,p=1", 3),
            ("$scrypt$ln=15,r=8,p=1", 2),
        ])
        .to_string();
        let named = "whose account it is: bcrypt$c=11,l=23 bcrypt$c=12,l=23 scrypt$ln=14,r=8,p=1,l=32 scrypt$ln=15,r=8,p=1,l=32\n";
        assert!(said.contains(named), "{said}");
        assert!(said.ends_with("\nFormerHashes takes 4; 2 accounts of other kinds can be told by their time: leave their hashes out, or accept that"), "{said}");
        let many: Vec<(String, u64)> = (1..=40).map(|p| (format!("$scrypt$ln=10,r=1,p={p}"), 1)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(start, count)| (&**start, *count)).collect();
        assert!(kinds(&many).to_string().contains(", and 8 more kinds\n"));
    }
}
