//! The tour on the terminal: one block a step, with what was asked, what came back and how long it took. Must
//! not know the site.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Where the times stand.
const WIDTH: usize = 76;

/// Collects the lines of a step and prints them when its outcome is known.
#[derive(Debug)]
pub(super) struct Report {
    colours: bool,
    started: Instant,
    steps: usize,
    mails: usize,
    step: Option<Step>,
}

#[derive(Debug)]
struct Step {
    title: String,
    started: Instant,
    lines: Vec<(&'static str, String)>,
}

impl Report {
    /// Colours only for a terminal, and not where `NO_COLOR` asks for none.
    pub(super) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, started: Instant::now(), steps: 0, mails: 0, step: None }
    }

    /// A heading over the steps that follow.
    pub(super) fn chapter(&self, title: &str) {
        write(&format!("\n{}\n", self.paint("1", title)));
    }

    /// A line outside of any step.
    pub(super) fn note(&self, text: &str) {
        write(&format!("{}\n", self.paint("2", text)));
    }

    /// Begins a step. The one before must have ended.
    pub(super) fn begin(&mut self, title: &str) {
        debug_assert!(self.step.is_none(), "a step begins before the last one ended");
        self.step = Some(Step { title: title.to_owned(), started: Instant::now(), lines: Vec::new() });
    }

    /// Adds a line to the step: `asked`, `came`, `mail` and the like.
    pub(super) fn line(&mut self, label: &'static str, text: String) {
        self.mails += usize::from(label == "mail");
        if let Some(step) = &mut self.step {
            step.lines.push((label, text));
        }
    }

    /// Ends the step well.
    pub(super) fn end(&mut self) {
        if let Some(step) = self.step.take() {
            self.steps += 1;
            self.print(&step, &self.paint("32", "✓"));
        }
    }

    /// Ends the step, and with it the tour, with what was expected and what came.
    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        if let Some(step) = self.step.take() {
            self.print(&step, &self.paint("31", "✗"));
        }
        write(&format!("\n{} {error:#}\n", self.paint("31", "Surprise:")));
    }

    /// The last line.
    pub(super) fn summary(&self) {
        let text = format!(
            "{} steps as expected, {} mails, {}",
            self.steps,
            self.mails,
            duration(self.started.elapsed())
        );
        write(&format!("\n{} {text}\n", self.paint("32", "✓")));
    }

    fn print(&self, step: &Step, mark: &str) {
        let time = duration(step.started.elapsed());
        let gap = WIDTH.saturating_sub(step.title.chars().count() + time.chars().count()).max(2);
        write(&format!("  {mark} {}{:gap$}{}\n", step.title, "", self.paint("2", &time)));
        for (label, text) in &step.lines {
            write(&format!("      {} {text}\n", self.paint("2", &format!("{label:<7}"))));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `7 ms` or `1.2 s`.
pub(super) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A reader that goes away (`| head`) is no failure of the tour.
fn write(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
