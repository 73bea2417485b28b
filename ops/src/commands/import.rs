//! `ops accounts import`: hashes and creates the accounts of a file, a few lines at a time and in the order of the file, so
//! that an interrupted run can go on where it stopped.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use domain::{AccountId, ImportedHash, Timestamp, password};
use futures_util::{StreamExt as _, stream};
use shared::store::{NewAccount, NotCreated};

use super::import_lines::{Parsed, Secret, parse};
use super::{Connection, Operator, usernames};
use crate::error::Failure;

/// Accounts written at a time; one transaction each.
const AT_A_TIME: usize = 16;
/// The operator is told how far it is after so many lines.
const TOLD_EVERY: usize = 1_000;

/// An account that is ready to be written.
struct Ready {
    number: usize,
    account: NewAccount,
    foreign: Option<Foreign>,
}

/// A hash of another system, which the first sign-in replaces.
struct Foreign {
    kind: &'static str,
    cost: String,
    cheap: bool,
}

impl Foreign {
    fn new(hash: &ImportedHash) -> Option<Self> {
        let cost = hash.cost().to_string();
        (!hash.is_current()).then(|| Self { kind: hash.kind(), cost, cheap: hash.is_cheap() })
    }
}

/// What became of a line.
enum Outcome {
    Made,
    Exists,
    /// Its number, and the username as it is shown.
    LooksTaken(usize, String),
}

/// What was done, for the operator.
#[derive(Default)]
struct Summary {
    made: usize,
    foreign: BTreeMap<&'static str, usize>,
    /// As the parameter `FormerHashes` names them.
    costs: BTreeSet<String>,
    cheap: usize,
    /// Lines whose username looks like that of an account.
    refused: BTreeSet<(usize, String)>,
}

impl Summary {
    /// Adds a line whose account an earlier run may have created: it is not counted again, but the kind of its hash is still
    /// to be named.
    fn and_created_earlier(mut self, line: &Parsed) -> Self {
        if let Some(Secret::Hash(hash)) = &line.password {
            self.costs.extend(Foreign::new(hash).map(|foreign| foreign.cost));
        }
        self
    }

    fn and(mut self, outcome: Outcome, foreign: Option<&Foreign>) -> Self {
        if let Outcome::LooksTaken(line, username) = outcome {
            self.refused.insert((line, username));
        } else if let Outcome::Made = outcome {
            self.made += 1;
            if let Some(Foreign { kind, cost, cheap }) = foreign {
                self.costs.insert(cost.clone());
                *self.foreign.entry(*kind).or_default() += 1;
                self.cheap += usize::from(*cheap);
            }
        }
        self
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accounts created", self.made)?;
        if !self.foreign.is_empty() {
            let kinds: Vec<_> = self.foreign.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            write!(f, "\nhashes under Argon2id until the first sign-in replaces them: {}", kinds.join(", "))?;
        }
        if !self.costs.is_empty() {
            let costs: Vec<_> = self.costs.iter().map(String::as_str).collect();
            write!(
                f,
                "\nname their kinds in FormerHashes until then, or the time of a sign-in tells whose account it is: {}",
                costs.join(" ")
            )?;
        }
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

/// Runs the command. All lines are checked first; those before `from` are only checked.
pub async fn run(
    file: &Path,
    skip_existing: bool,
    from: usize,
    connection: &Connection,
) -> Result<(), Failure> {
    let text = match file.as_os_str().as_encoded_bytes() {
        b"-" => std::io::read_to_string(std::io::stdin())?,
        _ => std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?,
    };
    let lines = parse(&text).map_err(Failure::Input)?;
    drop(text);
    let operator = &Operator::connect(connection).await?;
    usernames::claim_looks(operator).await?;
    let summary = create_all(lines, operator, skip_existing, from).await?;
    println!("{summary}");
    if summary.refused.is_empty() {
        return Ok(());
    }
    let refused = summary.refused.iter().map(|(line, username)| {
        format!("line {line}: no account was created: {username} looks like the username of an account that exists")
    });
    Err(Failure::Input(refused.collect()))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(vec![format!("cannot read {}: {error}", file.display())])
}

/// Hashes and creates. The lines come to their end in the order of the file, so the last one that did tells how far it is.
async fn create_all(
    lines: Vec<Parsed>,
    operator: &Operator,
    skip_existing: bool,
    from: usize,
) -> Result<Summary, Failure> {
    let (total, now) = (lines.len(), operator.now());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut summary = Summary::default();
    if from > 1 {
        summary = lines.iter().fold(summary, Summary::and_created_earlier);
    }
    let (before, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.number < from);
    let mut done = before.len();
    let mut last = before.last().map_or(0, |line| line.number);
    let mut outcomes = stream::iter(lines)
        .map(|line| hash(line, operator))
        .buffered(cores)
        .map(|ready| async move {
            let ready = ready?;
            let outcome = create(operator, ready.number, &ready.account, skip_existing, now).await?;
            Ok::<_, Failure>((ready.number, outcome, ready.foreign))
        })
        .buffered(AT_A_TIME);
    while let Some(outcome) = outcomes.next().await {
        let (number, outcome, foreign) = outcome.inspect_err(|_| {
            eprintln!("stopped; continue with: accounts import --skip-existing --from {}", last + 1);
        })?;
        (done, last) = (done + 1, number);
        summary = summary.and(outcome, foreign.as_ref());
        if done % TOLD_EVERY == 0 {
            eprintln!(
                "{done} of {total} accounts, up to line {last}; to continue after it: --from {}",
                last + 1
            );
        }
    }
    Ok(summary)
}

async fn create(
    operator: &Operator,
    number: usize,
    new: &NewAccount,
    skip: bool,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    match operator.store.create_account(new, now).await? {
        Ok(()) => Ok(Outcome::Made),
        Err(NotCreated::UsernameLooksTaken) if skip => {
            Ok(Outcome::LooksTaken(number, usernames::shown(new.username.username().as_str())))
        }
        Err(_) if skip => Ok(Outcome::Exists),
        Err(taken) => {
            let username = usernames::shown(new.username.username().as_str());
            let problem = format!("line {number} ({username}): {taken} by an account that exists already");
            Err(Failure::Input(vec![problem]))
        }
    }
}

/// Hashes the password of a line, or wraps the hash of another system, on a core of its own; it takes some hundredths of a
/// second.
async fn hash(line: Parsed, operator: &Operator) -> Result<Ready, Failure> {
    let (salt, id) = (operator.entropy.salt(), AccountId::new(operator.message_id().as_str()));
    let passwords = operator.passwords.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let (password_hash, foreign) = match line.password {
            None => (None, None),
            Some(Secret::Hash(hash)) => (Some(passwords.wrap_imported(&hash, salt)), Foreign::new(&hash)),
            Some(Secret::Typed(typed)) => (Some(passwords.hash(&typed, salt).ok_or(line.number)?), None),
        };
        let Parsed { number, username, primary, kind, language, .. } = line;
        let account = NewAccount { id, external_id: None, username, primary, kind, password_hash, language };
        Ok(Ready { number, account, foreign })
    });
    hashed.await?.map_err(|number: usize| {
        Failure::Input(vec![format!("line {number}: the password is over {} bytes", password::MAX_BYTES)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_every_kind_are_accepted_and_the_summary_says_which_were_cheap() {
        let hashes = [
            "$2b$12$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$scrypt$ln=17,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
            "$pbkdf2-sha256$29000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B.ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
            "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
        ];
        let line = |number: usize, hash: &str| {
            format!(
                r#"{{"username":"user{number}","email":"user{number}@example.com","kind":"regular","password_hash":"{hash}"}}"#
            )
        };
        let lines: Vec<_> = hashes.iter().enumerate().map(|(number, hash)| line(number, hash)).collect();
        let parsed = parse(&lines.join("\n")).expect("good lines");
        let summary = parsed.into_iter().fold(Summary::default(), |summary, line| match line.password {
            Some(Secret::Hash(hash)) => summary.and(Outcome::Made, Foreign::new(&hash).as_ref()),
            _ => panic!("every line has a hash"),
        });
        assert_eq!(
            summary.to_string(),
            "5 accounts created\n\
             hashes under Argon2id until the first sign-in replaces them: 1 PBKDF2, 2 bcrypt, 1 scrypt\n\
             name their kinds in FormerHashes until then, or the time of a sign-in tells whose account it is: \
             bcrypt$c=12,l=23 bcrypt$c=4,l=23 pbkdf2-sha256$i=29000,l=32 scrypt$ln=17,r=8,p=1,l=32\n\
             2 of them cost less than advised, so anyone who had the former table may know passwords"
        );
        let existing = ImportedHash::parse(hashes[0]).expect("a hash");
        let skipped = Summary::default().and(Outcome::Exists, Foreign::new(&existing).as_ref());
        assert_eq!(skipped.to_string(), "0 accounts created");
    }
}
