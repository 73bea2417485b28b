//! The lines that were not imported, and why: a few for the terminal, all of them for `--refused FILE`.
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Failure;

/// A terminal shows so many; a file of wrong lines has as many problems as lines.
const MOST_SHOWN: usize = 100;

/// What every line of a report begins with.
const START: &str = "{\"line\":";

/// One line of the report.
#[derive(Serialize, Deserialize)]
struct Entry<'e> {
    line: u32,
    reason: std::borrow::Cow<'e, str>,
}

/// The lines that were refused.
#[derive(Default)]
pub struct Refused {
    shown: Vec<String>,
    count: usize,
    report: Option<Report>,
}

/// The report. A run that goes on where another one ended adds to its report, and reports no line twice.
struct Report {
    path: PathBuf,
    file: File,
    lines: HashSet<u32>,
}

impl Refused {
    /// For the terminal and, if there is a path, for a report.
    pub fn new(report: Option<&Path>) -> Result<Self, Failure> {
        let unusable = |path: &Path, error: &io::Error| {
            Failure::Input(vec![format!("cannot use {} as the report: {error}", path.display())])
        };
        let report = report.map(|path| Report::open(path).map_err(|error| unusable(path, &error)));
        Ok(Self { report: report.transpose()?, ..Self::default() })
    }

    /// Whether each of them is kept, so that the others can be imported.
    pub fn is_reported(&self) -> bool {
        self.report.is_some()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds one. The reason must not have a password or a hash in it.
    pub fn add(&mut self, line: u32, reason: &str) -> io::Result<()> {
        self.count += 1;
        match &mut self.report {
            Some(report) => report.add(line, reason)?,
            None if self.shown.len() < MOST_SHOWN => self.shown.push(format!("line {line}: {reason}")),
            None => {}
        }
        Ok(())
    }

    /// Fails if there are any, and says which or where.
    pub fn into_result(self) -> Result<(), Failure> {
        let Self { mut shown, count, report } = self;
        if count == 0 {
            return Ok(());
        }
        if let Some(report) = report {
            shown.push(format!("{count} lines are refused; {} says why", report.path.display()));
        } else if count > shown.len() {
            shown.push(format!("{} more lines are refused; --refused FILE keeps all", count - shown.len()));
        }
        Err(Failure::Input(shown))
    }
}

impl Report {
    /// Opens or creates it, for its owner alone. What a killed run has left of a last line is cut off.
    fn open(path: &Path) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let (mut reader, mut whole, mut lines) = (BufReader::new(&file), 0, HashSet::new());
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            if !text.ends_with('\n') && (text.starts_with(START) || START.starts_with(&text)) {
                break;
            }
            let entry: Entry<'_> = serde_json::from_str(&text).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "it has lines that are not of a report")
            })?;
            lines.insert(entry.line);
            whole += u64::try_from(text.len()).unwrap_or_default();
            text.clear();
        }
        file.set_len(whole)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(Self { path: path.to_owned(), file, lines })
    }

    /// Adds a line at once, so that a killed run has reported what it said.
    fn add(&mut self, line: u32, reason: &str) -> io::Result<()> {
        if !self.lines.insert(line) {
            return Ok(());
        }
        let entry = Entry { line, reason: reason.into() };
        self.file.write_all(format!("{}\n", serde_json::to_string(&entry)?).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(refused: Refused) -> Vec<String> {
        match refused.into_result() {
            Err(Failure::Input(lines)) => lines,
            Err(other) => panic!("{other:?}"),
            Ok(()) => Vec::new(),
        }
    }

    #[test]
    fn a_terminal_gets_a_hundred_lines_and_the_number_of_the_others() {
        assert_eq!(said(Refused::default()), [""; 0]);
        let mut refused = Refused::default();
        for line in 1..=102 {
            refused.add(line, "why").expect("nothing is written");
        }
        let said = said(refused);
        assert_eq!((said.len(), &*said[0], &*said[99]), (101, "line 1: why", "line 100: why"));
        assert_eq!(said[100], "2 more lines are refused; --refused FILE keeps all");
    }

    #[test]
    fn a_report_goes_on_after_a_run_that_was_killed() {
        let path = std::env::temp_dir().join(format!("sparekey-report-{}", std::process::id()));
        let run = |lines: &[u32]| {
            let mut refused = Refused::new(Some(&path)).expect("a report");
            for line in lines {
                refused.add(*line, "the \"email\" is taken").expect("it can be written");
            }
            said(refused)
        };
        let ends = format!("{} says why", path.display());
        assert_eq!(run(&[2, 7]), [format!("2 lines are refused; {ends}")]);
        let mut text = std::fs::read_to_string(&path).expect("a report");
        assert_eq!(text.lines().next(), Some(r#"{"line":2,"reason":"the \"email\" is taken"}"#));
        text.push_str(r#"{"line":9,"reas"#);
        std::fs::write(&path, &text).expect("it can be written");
        run(&[2, 9]);
        let text = std::fs::read_to_string(&path).expect("a report");
        let numbers: Vec<_> =
            text.lines().map(|line| line.split([':', ',']).nth(1).expect("a number")).collect();
        assert_eq!(numbers, ["2", "7", "9"]);
        for other in ["something else\n", "something else", "{\"username\":\"mina\"}"] {
            std::fs::write(&path, other).expect("it can be written");
            assert!(Refused::new(Some(&path)).is_err(), "{other}");
            assert_eq!(std::fs::read_to_string(&path).expect("it is left alone"), other);
        }
        std::fs::remove_file(&path).expect("it is there");
    }
}
