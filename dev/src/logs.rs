//! The log lines of the stack and its functions: kept for tests, printed for developers.
//!
//! A function's warnings and errors are printed, and lines that are not JSON (a panic); all lines with `--verbose`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::clock;

/// How many lines are kept; older ones are dropped.
const KEPT: usize = 20_000;

/// How much is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Printing {
    /// Nothing: for tests and the tour, which have output of their own.
    Nothing,
    /// Requests, warnings and errors.
    #[default]
    Notable,
    /// Everything.
    Everything,
}

/// A log that is shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    lines: Arc<Mutex<VecDeque<String>>>,
    printing: Printing,
    /// While the functions start, what they say is not printed: one parameter that is wrong stops all of them.
    starting: Arc<AtomicBool>,
}

impl Logs {
    /// An empty log.
    pub fn new(printing: Printing) -> Self {
        Self { lines: Arc::default(), printing, starting: Arc::new(AtomicBool::new(true)) }
    }

    /// All functions have started.
    pub fn started(&self) {
        self.starting.store(false, Ordering::Relaxed);
    }

    /// A line for the developer alone, who sees no more of it than the mailbox shows. It is not kept.
    pub fn tell(&self, text: &str) {
        if self.printing != Printing::Nothing {
            eprintln!("{} {text}", clock::time_of_day(clock::now()));
        }
    }

    /// A line of the stack itself.
    pub fn note(&self, text: &str) {
        let line = format!("{} {text}", clock::time_of_day(clock::now()));
        if self.printing != Printing::Nothing {
            eprintln!("{line}");
        }
        self.keep(line);
    }

    /// A line that a function wrote.
    pub fn from_function(&self, function: &str, text: &str) {
        let printed = match self.printing {
            Printing::Nothing => false,
            Printing::Notable => notable(text) && !self.starting.load(Ordering::Relaxed),
            Printing::Everything => true,
        };
        let line = format!("[{function}] {text}");
        if printed {
            eprintln!("{line}");
        }
        self.keep(line);
    }

    /// All lines that are kept, the oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// Why a function did not start, as it said itself.
    pub fn reason(&self, function: &str) -> Option<String> {
        let begin = format!("[{function}] ");
        let lines = self.lock();
        let said = lines.iter().rev().filter_map(|line| line.strip_prefix(&begin));
        let mut errors = said.filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let error = line.get("error").or_else(|| line["fields"].get("error"))?;
            error.as_str().map(str::to_owned)
        });
        errors.next()
    }

    /// The lines of a function, and those that name it.
    pub fn lines_about(&self, function: &str) -> Vec<String> {
        self.lock().iter().filter(|line| line.contains(function)).cloned().collect()
    }

    fn keep(&self, line: String) {
        let mut lines = self.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn notable(text: &str) -> bool {
    match serde_json::from_str::<Value>(text) {
        Ok(line) => matches!(line["level"].as_str(), Some("WARN" | "ERROR")),
        Err(_) => true,
    }
}
