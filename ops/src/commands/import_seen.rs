//! Which names of a file are there twice, found with little memory: 16 bytes a name, some 100 a line.
//!
//! A name is kept as 96 bits of a keyed hash and the number of its line. Two of a thousand million names have the same hash
//! with a probability below one in a hundred thousand million, and nobody can aim at it, because the key is random.
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use super::import_lines::Parsed;

/// The names of the lines so far.
pub struct Seen {
    keys: [RandomState; 2],
    usernames: Vec<u128>,
    looks: Vec<u128>,
    emails: Vec<u128>,
    external_ids: Vec<u128>,
}

/// What a line has in common with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Same {
    ExternalId,
    Username,
    Look,
    Email,
}

/// A line that cannot be imported because of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repeated {
    pub line: u32,
    pub same: Same,
    pub first: u32,
}

impl Seen {
    /// Nothing.
    pub fn new() -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        let [usernames, looks, emails, external_ids] = [const { Vec::new() }; 4];
        Self { keys, usernames, looks, emails, external_ids }
    }

    fn entry(&self, name: &str, line: u32) -> u128 {
        let [high, low] = [0, 1].map(|key| u128::from(self.keys[key].hash_one(name)));
        (((high << 64) | low) & !u128::from(u32::MAX)) | u128::from(line)
    }

    /// Adds the names of a line.
    pub fn add(&mut self, line: &Parsed) {
        let number = line.number;
        self.usernames.push(self.entry(line.username.username().canonical(), number));
        for look in line.username.looks() {
            self.looks.push(self.entry(&look, number));
        }
        for email in
            [Some(&line.primary), line.backup.as_ref().map(|backup| &backup.address)].into_iter().flatten()
        {
            self.emails.push(self.entry(email.canonical(), number));
        }
        if let Some(id) = &line.external_id {
            self.external_ids.push(self.entry(id.as_str(), number));
        }
    }

    /// The lines that have a name of an earlier one, in the order of the file, each once for the first reason.
    pub fn repeated(self) -> Vec<Repeated> {
        let lists = [
            (Same::ExternalId, self.external_ids),
            (Same::Username, self.usernames),
            (Same::Look, self.looks),
            (Same::Email, self.emails),
        ];
        let mut repeated: Vec<Repeated> =
            lists.into_iter().flat_map(|(same, list)| in_list(same, list)).collect();
        repeated.sort_unstable();
        repeated.dedup_by_key(|repeated| repeated.line);
        repeated
    }
}

/// The repetitions of one kind of name.
fn in_list(same: Same, mut list: Vec<u128>) -> Vec<Repeated> {
    list.sort_unstable();
    let groups = list.chunk_by(|one, other| one >> 32 == other >> 32);
    let line = |entry: u128| u32::try_from(entry & u128::from(u32::MAX)).unwrap_or(u32::MAX);
    let repetitions = |group: &[u128]| {
        let first = group.first().copied().map_or(0, line);
        let later = group.iter().copied().map(line).filter(move |line| *line != first);
        later.map(move |line| Repeated { line, same, first }).collect::<Vec<_>>()
    };
    groups.flat_map(repetitions).collect()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::commands::import_lines::parse;

    fn repeated(lines: &[&str]) -> Vec<(u32, Same, u32)> {
        let mut seen = Seen::new();
        for (number, fields) in (1..).zip(lines) {
            let line = format!(r#"{{"kind":"regular",{fields}}}"#);
            seen.add(
                &parse(number, &line, Timestamp::from_unix_seconds(2_000_000_000)).expect("a good line"),
            );
        }
        seen.repeated().into_iter().map(|repeated| (repeated.line, repeated.same, repeated.first)).collect()
    }

    #[test]
    fn every_line_with_a_name_of_an_earlier_one_is_named_once() {
        let backup = r#""backup_confirmed_at":"1999-01-01T00:00:00Z""#;
        let found = repeated(&[
            r#""username":"mina","email":"mina@example.com","external_id":"7""#,
            r#""username":"joris","email":"joris@example.com","external_id":"8""#,
            r#""username":"Mina","email":"other@example.com""#,
            r#""username":"mіna","email":"third@example.com""#,
            r#""username":"nour","email":"MINA@example.com""#,
            r#""username":"kim","email":"kim@example.com","external_id":"7""#,
            &format!(
                r#""username":"eve","email":"eve@example.com","backup_email":"joris@example.com",{backup}"#
            ),
            r#""username":"mina","email":"mina@example.com","external_id":"7""#,
            r#""username":"lou","email":"lou@example.com","external_id":"A""#,
            r#""username":"max","email":"max@example.com","external_id":"a""#,
        ]);
        assert_eq!(
            found,
            [
                (3, Same::Username, 1),
                (4, Same::Look, 1),
                (5, Same::Email, 1),
                (6, Same::ExternalId, 1),
                (7, Same::Email, 2),
                (8, Same::ExternalId, 1),
            ]
        );
    }

    #[test]
    fn a_hundred_thousand_lines_take_a_hundred_bytes_each() {
        let mut seen = Seen::new();
        for number in 1..=100_000 {
            let line = format!(
                r#"{{"username":"person{number}","email":"person{number}@example.com","kind":"sso","external_id":"{number}"}}"#
            );
            seen.add(&parse(number, &line, Timestamp::from_unix_seconds(0)).expect("a good line"));
        }
        let names = [&seen.usernames, &seen.looks, &seen.emails, &seen.external_ids].map(Vec::len);
        let bytes = 16 * names.iter().sum::<usize>();
        assert!(bytes <= 100_000 * 100, "{bytes} {names:?}");
        assert_eq!(seen.repeated(), []);
    }
}
