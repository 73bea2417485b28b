//! The second pass over a file: its accounts are compared with those that exist, hashed and created, a few lines at a time and
//! in the order of the file. A line is in memory from the time it is read until its account is created.
use std::num::NonZero;

use domain::{AccountId, Actor, password};
use futures_util::{Stream, StreamExt as _, stream};
use shared::store::{Existing, Names, NewAccount, NotCreated, Past};

use super::import_lines::{Parsed, Secret};
use super::import_summary::{Foreign, Outcome};
use super::pace::{MOST_AT_A_TIME, Pace};
use super::{Operator, usernames};
use crate::error::Failure;

/// Lines that are compared in one call: each has up to seven names, and a call takes a hundred.
const COMPARED_TOGETHER: usize = 14;
/// Such calls at a time.
const COMPARISONS_AT_A_TIME: usize = 8;

/// What all lines of a run have in common.
pub struct Run<'r> {
    operator: &'r Operator,
    /// That of the comparisons, which wait while the lines before them are created.
    comparing: Pace,
    creating: Pace,
    /// Whether accounts that exist are left alone.
    skip_existing: bool,
}

/// A line on its way.
enum Step {
    Parsed(Parsed),
    Ready { number: u32, new: NewAccount, past: Past, foreign: Option<Foreign> },
    Done(u32, Outcome),
}

/// Tells for each line, in order, what became of it, with its number.
pub fn create_all<'r>(
    run: &'r Run<'_>,
    lines: impl Iterator<Item = Result<Parsed, Failure>> + 'r,
) -> impl Stream<Item = Result<(u32, Outcome), Failure>> + 'r {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    stream::iter(lines)
        .chunks(COMPARED_TOGETHER)
        .map(|lines| run.skip(lines))
        .buffered(COMPARISONS_AT_A_TIME)
        .flat_map(stream::iter)
        .map(|step| run.hash(step))
        .buffered(cores)
        .map(|step| run.create(step))
        .buffered(MOST_AT_A_TIME)
}

/// Tells for each line, in order, what would become of it. Nothing is written.
pub fn compare_all<'r>(
    run: &'r Run<'_>,
    lines: impl Iterator<Item = Result<Parsed, Failure>> + 'r,
) -> impl Stream<Item = Result<(u32, Outcome), Failure>> + 'r {
    stream::iter(lines)
        .chunks(COMPARED_TOGETHER)
        .map(|lines| run.compare(lines))
        .buffered(COMPARISONS_AT_A_TIME)
        .flat_map(stream::iter)
        .map(|compared| {
            compared.map(|(line, existing)| {
                (line.number, run.outcome(&line, &existing).unwrap_or(Outcome::Made(None)))
            })
        })
}

impl<'r> Run<'r> {
    /// A run that leaves accounts that exist alone, or refuses their lines.
    pub fn new(operator: &'r Operator, skip_existing: bool) -> Self {
        let [comparing, creating] = [(); 2].map(|()| Pace::new(operator.entropy.clone()));
        Self { operator, comparing, creating, skip_existing }
    }

    /// How many calls were throttled so far, or not answered.
    pub fn throttled(&self) -> u64 {
        self.comparing.throttled() + self.creating.throttled()
    }

    /// Who has the names of these lines. A line that could not be read is the last.
    async fn compare(&self, lines: Vec<Result<Parsed, Failure>>) -> Vec<Result<(Parsed, Existing), Failure>> {
        let (mut parsed, mut failure) = (Vec::new(), None);
        for line in lines {
            match line {
                Ok(line) => parsed.push(line),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let names: Vec<Names<'_>> = parsed.iter().map(names).collect();
        let call = async || self.operator.store.find_existing(&names, self.operator.now()).await;
        match self.comparing.call(call).await {
            Ok(existing) => {
                let compared = parsed.into_iter().zip(existing).map(Ok);
                compared.chain(failure.map(Err)).collect()
            }
            Err(error) => vec![Err(error.into())],
        }
    }

    /// What becomes of a line because of accounts that exist; nothing if it can be created.
    fn outcome(&self, line: &Parsed, existing: &Existing) -> Option<Outcome> {
        let username = line.username.username().as_str();
        match existing {
            Existing::Nobody => None,
            Existing::Account(_) if self.skip_existing => Some(Outcome::Exists),
            Existing::Account(_) => Some(Outcome::Refused(taken(username, NotCreated::UsernameTaken))),
            Existing::Other(why) => Some(Outcome::Refused(taken_by_another(username, *why))),
        }
    }

    /// Leaves out the accounts that exist before their passwords are hashed, so that a run that goes on is soon where the one
    /// before it ended.
    async fn skip(&self, lines: Vec<Result<Parsed, Failure>>) -> Vec<Result<Step, Failure>> {
        if !self.skip_existing {
            return lines.into_iter().map(|line| line.map(Step::Parsed)).collect();
        }
        let step = |(line, existing): (Parsed, Existing)| match self.outcome(&line, &existing) {
            Some(outcome) => Step::Done(line.number, outcome),
            None => Step::Parsed(line),
        };
        self.compare(lines).await.into_iter().map(|compared| compared.map(step)).collect()
    }

    /// Hashes the password of a line, or wraps the hash of another system, on a core of its own; it takes some hundredths of a
    /// second.
    async fn hash(&self, step: Result<Step, Failure>) -> Result<Step, Failure> {
        let line = match step? {
            Step::Parsed(line) => line,
            step => return Ok(step),
        };
        let (salt, id) = (self.operator.entropy.salt(), AccountId::new(self.operator.message_id().as_str()));
        let entry_id = self.operator.message_id();
        let passwords = self.operator.passwords.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let (password_hash, foreign) = match &line.password {
                None => (None, None),
                Some(Secret::Hash(hash)) => (Some(passwords.wrap_imported(hash, salt)), Foreign::new(hash)),
                Some(Secret::Typed(typed)) => (Some(passwords.hash(typed, salt).ok_or(line.number)?), None),
            };
            let Parsed { number, external_id, username, primary, kind, language, .. } = line;
            let by = Actor::Operator;
            let new = NewAccount {
                id,
                external_id,
                username,
                primary,
                kind,
                password_hash,
                language,
                by,
                entry_id,
            };
            let past =
                Past { created_at: line.created_at, disabled_at: line.disabled_at, backup: line.backup };
            Ok(Step::Ready { number, new, past, foreign })
        });
        hashed.await?.map_err(|number: u32| {
            Failure::Input(vec![format!("line {number}: the password is over {} bytes", password::MAX_BYTES)])
        })
    }

    /// Creates an account. Its id stays the same at every try, so that one whose answer was lost is recognised.
    async fn create(&self, step: Result<Step, Failure>) -> Result<(u32, Outcome), Failure> {
        let (number, new, past, foreign) = match step? {
            Step::Ready { number, new, past, foreign } => (number, new, past, foreign),
            Step::Done(number, outcome) => return Ok((number, outcome)),
            Step::Parsed(line) => unreachable!("line {} was hashed before", line.number),
        };
        let (operator, names) = (self.operator, [Names::of(&new, &past)]);
        let create = async || operator.store.create_account_with_past(&new, &past, operator.now()).await;
        let Err(why) = self.creating.call(create).await? else { return Ok((number, Outcome::Made(foreign))) };
        let who = async || operator.store.find_existing(&names, operator.now()).await;
        let existing = self.creating.call(who).await?.pop();
        let username = new.username.username().as_str();
        Ok((
            number,
            match existing {
                Some(Existing::Account(id)) if id == new.id => Outcome::Made(foreign),
                Some(Existing::Account(_)) if self.skip_existing => Outcome::Exists,
                Some(Existing::Other(why)) => Outcome::Refused(taken_by_another(username, why)),
                _ => Outcome::Refused(taken(username, why)),
            },
        ))
    }
}

fn names(line: &Parsed) -> Names<'_> {
    Names {
        external_id: line.external_id.as_ref(),
        username: &line.username,
        primary: &line.primary,
        backup: line.backup.as_ref().map(|backup| &backup.address),
    }
}

fn taken(username: &str, why: NotCreated) -> String {
    format!("username {}: {why} by an account that exists already", usernames::shown(username))
}

/// Its name may be that of another person, so the reason says by what the two are told apart.
fn taken_by_another(username: &str, why: NotCreated) -> String {
    let taken = taken(username, why);
    match why {
        NotCreated::UsernameTaken => format!("{taken}, with another external id or other emails"),
        _ => taken,
    }
}
