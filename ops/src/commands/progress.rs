//! How far a long command is: one line that is written over on a terminal, a line now and then in a log.
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use crate::output::{self, tell};

/// A terminal is written to at most this often.
const REDRAWN: Duration = Duration::from_millis(250);
/// A log gets a line after so many, and later after ten times as many.
const LOGGED: u64 = 1_000;

/// The progress of one command.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    /// What an earlier run has done, which tells nothing about the rate.
    before: u64,
    started: Instant,
    is_terminal: bool,
    drawn: Option<Instant>,
}

impl Progress {
    /// Of so many of something ("accounts"), of which some were done before.
    pub fn new(what: &'static str, total: Option<u64>, before: u64) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { what, total, before, started: Instant::now(), is_terminal, drawn: None }
    }

    /// Says how far it is, if it is time to: so many are done, one more than at the last call. The note is added to a log's
    /// line.
    pub fn show(&mut self, done: u64, note: impl FnOnce() -> String) {
        if self.is_terminal {
            let now = Instant::now();
            if self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= REDRAWN) {
                self.drawn = Some(now);
                output::write_over(&self.line(done, now));
            }
        } else if is_logged(done) {
            tell!("{}{}", self.line(done, Instant::now()), note());
        }
    }

    /// Ends the line of a terminal.
    pub fn end(&mut self) {
        if self.drawn.take().is_some() {
            output::end_line();
        }
    }

    fn line(&self, done: u64, now: Instant) -> String {
        line(self.what, done, self.total, done.saturating_sub(self.before), now.duration_since(self.started))
    }
}

/// A terminal's line must not be continued by what is said next.
impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_logged(done: u64) -> bool {
    let every = if done <= 10 * LOGGED { LOGGED } else { 10 * LOGGED };
    done > 0 && done.is_multiple_of(every)
}

fn line(what: &str, done: u64, total: Option<u64>, in_this_run: u64, passed: Duration) -> String {
    let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = in_this_run.saturating_mul(1_000) / milliseconds;
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let left = total.map(|total| total.saturating_sub(done)).filter(|_| in_this_run > 0);
    let left = left.map(|left| u128::from(left) * u128::from(milliseconds) / u128::from(in_this_run) / 1_000);
    let left = left.map(|seconds| format!(", {} left", time(seconds))).unwrap_or_default();
    format!("{done}{of} {what} ({rate} a second{left})")
}

fn time(seconds: u128) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_rate_of_this_run_and_the_time_left() {
        let after = |seconds| Duration::from_secs(seconds);
        for (done, total, in_this_run, seconds, expected) in [
            (1_000, Some(1_200), 1_000, 2, "1000 of 1200 accounts (500 a second, 0 s left)"),
            (
                60_000,
                Some(1_000_000),
                10_000,
                100,
                "60000 of 1000000 accounts (100 a second, 2 h 36 min left)",
            ),
            (900, Some(1_000), 450, 900, "900 of 1000 accounts (0 a second, 3 min left)"),
            (0, Some(10), 0, 0, "0 of 10 accounts (0 a second)"),
            (20_000, None, 20_000, 10, "20000 accounts (2000 a second)"),
        ] {
            assert_eq!(line("accounts", done, total, in_this_run, after(seconds)), expected);
        }
    }

    #[test]
    fn a_log_gets_a_line_for_some_thousand() {
        let logged = (0..=40_000).filter(|done| is_logged(*done)).count();
        assert_eq!(logged, 13);
    }
}
