//! The first pass over a file: every line is checked, alone and against the others, before the first account is created.
use domain::Timestamp;

use super::import_kinds::Kinds;
use super::import_lines::{Parsed, parse};
use super::import_refused::Refused;
use super::import_seen::{Repeated, Same, Seen};
use super::import_source::{Line, Source};
use super::progress::Progress;
use super::usernames;
use crate::error::Failure;

/// What the first pass has found.
pub struct Checked {
    /// How many lines can be imported.
    pub good: u64,
    /// How many of them are before the line to continue with.
    pub before: u64,
    /// Of all hashes of the file, also of accounts that an earlier run has created.
    pub kinds: Kinds,
    /// Lines that have a name of an earlier one, in their order.
    repeated: Vec<Repeated>,
    now: Timestamp,
}

impl Checked {
    /// Checks all lines. Those before `from` were reported by the run before, but they still count for the others.
    pub fn new(source: &Source, refused: &mut Refused, from: u32, now: Timestamp) -> Result<Self, Failure> {
        let (mut seen, mut good, mut before, mut kinds) = (Seen::new(), 0, 0, Kinds::default());
        let (mut progress, mut last) = (Progress::new("lines checked", None, 0), 0);
        for line in source.lines()? {
            let line = line?;
            last = line.number;
            progress.show(line.number.into(), String::new);
            match parse_line(&line, now) {
                Ok(parsed) => {
                    good += 1;
                    before += u64::from(line.number < from);
                    seen.add(&parsed);
                    kinds.add(&parsed);
                }
                Err(problem) if line.number >= from => refused.add(line.number, &problem)?,
                Err(_) => {}
            }
        }
        progress.end();
        let repeated = seen.repeated();
        for line in &repeated {
            good -= 1;
            before -= u64::from(line.line < from);
        }
        let checked = Self { good, before, kinds, repeated, now };
        checked.report_repeated(source, refused, from)?;
        source.check_unchanged()?;
        if last == 0 {
            return Err(Failure::Input(vec!["the file has no accounts".into()]));
        }
        if from > last.saturating_add(1) {
            return Err(Failure::Input(vec![format!("--from {from}: the file ends with line {last}")]));
        }
        Ok(checked)
    }

    /// Their usernames are read once more, because the first pass keeps none.
    fn report_repeated(&self, source: &Source, refused: &mut Refused, from: u32) -> Result<(), Failure> {
        let mut repeated = self.repeated.iter().skip_while(|repeated| repeated.line < from).peekable();
        if repeated.peek().is_none() {
            return Ok(());
        }
        for line in source.lines()? {
            let line = line?;
            let Some(Repeated { same, first, .. }) =
                repeated.next_if(|repeated| repeated.line == line.number)
            else {
                continue;
            };
            let username =
                parse_line(&line, self.now).map(|line| line.username.username().as_str().to_owned());
            let username = usernames::shown(&username.unwrap_or_default());
            let problem = match same {
                Same::ExternalId => format!("the external id is already in line {first}"),
                Same::Username => format!("the username {username} is already in line {first}"),
                Same::Look => format!("the username {username} looks like the one in line {first}"),
                Same::Email => format!("an email is already in line {first}"),
            };
            refused.add(line.number, &problem)?;
        }
        Ok(())
    }

    /// The lines that can be imported, from this one on, read again. Fails at the first line after the file was changed.
    pub fn good_lines<'s>(
        &'s self,
        source: &'s Source,
        from: u32,
    ) -> Result<impl Iterator<Item = Result<Parsed, Failure>> + 's, Failure> {
        let is_repeated =
            |number: u32| self.repeated.binary_search_by_key(&number, |repeated| repeated.line).is_ok();
        let parsed = move |line: std::io::Result<Line>| {
            // Only what was checked is imported. Whatever was read after a change is seen here, because this looks later.
            let line =
                match line.map_err(Failure::from).and_then(|line| source.check_unchanged().map(|()| line)) {
                    Ok(line) => line,
                    Err(failure) => return Some(Err(failure)),
                };
            if line.number < from || is_repeated(line.number) {
                return None;
            }
            // A line that does not parse was refused in the first pass.
            parse_line(&line, self.now).ok().map(Ok)
        };
        Ok(source.lines()?.filter_map(parsed))
    }
}

fn parse_line(line: &Line, now: Timestamp) -> Result<Parsed, String> {
    match &line.text {
        Ok(text) => parse(line.number, text, now),
        Err(problem) => Err(problem.clone()),
    }
}
