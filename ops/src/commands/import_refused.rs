//! The lines that were not imported, and why: a few for the terminal, all of them for `--refused FILE`.
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::output::counted;

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

/// The report. A run says anew which of its lines are refused; of the lines before, the report keeps what another run said.
struct Report {
    path: PathBuf,
    file: File,
}

impl Refused {
    /// For the terminal and, if there is a path, for a report, of a run that begins with this line.
    pub fn new(report: Option<&Path>, from: u32) -> Result<Self, Failure> {
        let unusable = |path: &Path, error: &io::Error| {
            Failure::Input(vec![format!("cannot use {} as the report: {error}", path.display())])
        };
        let report = report.map(|path| Report::open(path, from).map_err(|error| unusable(path, &error)));
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

    /// Adds one. The reason must not have a password or a hash in it. Fails if it cannot be kept.
    pub fn add(&mut self, line: u32, reason: &str) -> Result<(), Failure> {
        self.count += 1;
        match &mut self.report {
            Some(report) => report.add(line, reason)?,
            None if self.shown.len() < MOST_SHOWN => self.shown.push(format!("line {line}: {reason}")),
            None => {}
        }
        Ok(())
    }

    /// Fails if there are any, and says which or where, after a run that has imported the others.
    pub fn left_out(self) -> Result<(), Failure> {
        if self.count == 0 { Ok(()) } else { Err(Failure::LeftOut(self.said())) }
    }

    /// Fails if there are any, and says which, before anything is imported.
    pub fn stops(self) -> Result<(), Failure> {
        if self.count == 0 { Ok(()) } else { Err(Failure::Input(self.said())) }
    }

    fn said(self) -> Vec<String> {
        let Self { mut shown, count, report } = self;
        if let Some(report) = report {
            let lines = counted(count, "line is", "lines are");
            shown.push(format!("{lines} refused; {} says why", report.path.display()));
        } else if count > shown.len() {
            let lines = counted(count - shown.len(), "more line is", "more lines are");
            shown.push(format!("{lines} refused; --refused FILE keeps all"));
        }
        shown
    }
}

impl Report {
    /// Opens or creates it, for its owner alone, and keeps of it only what it says of the lines before one.
    fn open(path: &Path, from: u32) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Err(io::Error::other("standard output has the outcome; name a file"));
        }
        let mut options = OpenOptions::new();
        let mut file = options.append(true).read(true).create(true).mode(0o600).open(path)?;
        // A pipe or a device keeps nothing.
        if file.metadata()?.is_file() {
            let kept = kept(&file, from)?;
            if file.metadata()?.len() != u64::try_from(kept.len()).unwrap_or(u64::MAX) {
                file = replace(path, &kept)?;
            }
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a line at once, so that a killed run has reported what it said.
    fn add(&mut self, line: u32, reason: &str) -> Result<(), Failure> {
        let entry = Entry { line, reason: reason.into() };
        let text = format!("{}\n", serde_json::to_string(&entry)?);
        self.file.write_all(text.as_bytes()).map_err(|error| {
            let path = self.path.display();
            io::Error::new(error.kind(), format!("cannot write the report {path}: {error}")).into()
        })
    }
}

/// What a report says of the lines before one. What a killed run has left of a last line is no part of it.
fn kept(file: &File, from: u32) -> io::Result<String> {
    let (mut reader, mut kept, mut text) = (BufReader::new(file), String::new(), String::new());
    while reader.read_line(&mut text)? > 0 {
        if !text.ends_with('\n') && (text.starts_with(START) || START.starts_with(&text)) {
            break;
        }
        let entry: Entry<'_> = serde_json::from_str(&text).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "it has lines that are not of a report")
        })?;
        if entry.line < from {
            kept.push_str(&text);
        }
        text.clear();
    }
    Ok(kept)
}

/// Writes a new report beside the old one, and gives it that one's name.
fn replace(path: &Path, text: &str) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&beside)?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&beside, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(refused: Refused) -> Vec<String> {
        match refused.left_out() {
            Err(Failure::LeftOut(lines)) => lines,
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
    fn a_report_says_what_its_last_run_said_of_each_line() {
        let path = std::env::temp_dir().join(format!("sparekey-report-{}", std::process::id()));
        let run = |from: u32, lines: &[(u32, &str)]| {
            let mut refused = Refused::new(Some(&path), from).expect("a report");
            for (line, reason) in lines {
                refused.add(*line, reason).expect("it can be written");
            }
            said(refused)
        };
        let text = || std::fs::read_to_string(&path).expect("a report");
        let ends = format!("{} says why", path.display());
        let taken = "the \"email\" is taken";
        assert_eq!(run(1, &[(2, taken), (7, "former")]), [format!("2 lines are refused; {ends}")]);
        assert_eq!(text().lines().next(), Some(r#"{"line":2,"reason":"the \"email\" is taken"}"#));
        // A killed run has left a part of a line. The one that goes on says anew what it says of its own lines.
        std::fs::write(&path, format!("{}{}", text(), r#"{"line":9,"reas"#)).expect("it can be written");
        assert_eq!(run(3, &[(7, "present")]), [format!("1 line is refused; {ends}")]);
        let second = r#"{"line":7,"reason":"present"}"#;
        assert_eq!(text().lines().nth(1), Some(second), "{}", text());
        assert_eq!(text().lines().count(), 2);
        run(8, &[(9, "more")]);
        assert_eq!(text().lines().count(), 3, "{}", text());
        // Another run from the beginning: the lines were corrected.
        assert_eq!(run(1, &[]), [""; 0]);
        assert_eq!(text(), "");
        for other in ["something else\n", "something else", "{\"username\":\"mina\"}"] {
            std::fs::write(&path, other).expect("it can be written");
            assert!(Refused::new(Some(&path), 1).is_err(), "{other}");
            assert_eq!(text(), other, "it is left alone");
        }
        std::fs::remove_file(&path).expect("it is there");
        assert!(Refused::new(Some(Path::new("-")), 1).is_err(), "no file of that name");
    }

    #[test]
    fn a_report_that_cannot_be_written_is_named() {
        let mut refused = Refused::new(Some(Path::new("/dev/full")), 1).expect("it can be opened");
        let Err(Failure::Environment(error)) = refused.add(7, "why") else { panic!("it is full") };
        assert!(error.to_string().starts_with("cannot write the report /dev/full: "), "{error}");
    }
}
