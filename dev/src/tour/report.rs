//! Prints the tour: one block a step, with requests, responses and the time it took. Must
//! not know the site.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use axum::http::Method;
use serde_json::Value;

use super::recording::Recorder;
use crate::browser::{Browser, SiteRequest, SiteResponse};
use crate::mailbox::ReceivedEmail;

/// The column of the times.
const WIDTH: usize = 76;

/// Collects the lines of a step and prints them when its outcome is known.
#[derive(Debug)]
pub(super) struct Report {
    colours: bool,
    started: Instant,
    steps: usize,
    emails: usize,
    step: Option<Step>,
    recorder: Option<Recorder>,
}

#[derive(Debug)]
struct Step {
    title: String,
    started: Instant,
    lines: Vec<(&'static str, String)>,
}

impl Report {
    /// Colours only for a terminal, and not where `NO_COLOR` asks for none.
    pub(super) fn new(recorder: Option<Recorder>) -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, started: Instant::now(), steps: 0, emails: 0, step: None, recorder }
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

    /// Adds a line to the step: `asked`, `came`, `email` and so on.
    pub(super) fn line(&mut self, label: &'static str, text: String) {
        self.emails += usize::from(label == "email");
        if let Some(step) = &mut self.step {
            step.lines.push((label, text));
        }
    }

    /// Ends the step: it went as expected.
    pub(super) fn end(&mut self) {
        if let Some(step) = self.step.take() {
            self.steps += 1;
            self.print(&step, &self.paint("32", "✓"));
        }
    }

    /// Sends a request, and reports it and its response.
    pub(super) async fn ask(
        &mut self,
        browser: &mut Browser,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<SiteResponse> {
        let fields = body.as_ref().map(fields).unwrap_or_default();
        self.line("asked", format!("{method} {}{fields}", without_token(path)));
        let asked = SiteRequest::json(method, path, body);
        let answer = self.observe(browser, &asked).await?;
        self.line("came", answer.gist());
        Ok(answer)
    }

    /// Sends a request with headers and a body of its own, and reports it, without these, and its response.
    pub(super) async fn send(&mut self, browser: &mut Browser, asked: &SiteRequest) -> Result<SiteResponse> {
        self.line("asked", format!("{} {}", asked.method, asked.path));
        let answer = self.observe(browser, asked).await?;
        self.line("came", answer.gist());
        Ok(answer)
    }

    /// Whether the tour is recorded.
    pub(super) fn records(&self) -> bool {
        self.recorder.is_some()
    }

    /// Sends a request, and records it only.
    pub(super) async fn observe(
        &mut self,
        browser: &mut Browser,
        asked: &SiteRequest,
    ) -> Result<SiteResponse> {
        let cookies: Vec<String> = browser.cookies().keys().cloned().collect();
        let answer = browser.send(asked).await?;
        if let Some(recorder) = &mut self.recorder {
            let step = self.step.as_ref().map_or("", |step| step.title.as_str());
            recorder.exchange(step, &cookies, asked, &answer)?;
        }
        Ok(answer)
    }

    /// Records an email that was read.
    pub(super) fn record_mail(&mut self, email: &ReceivedEmail) -> Result<()> {
        let step = self.step.as_ref().map_or("", |step| step.title.as_str());
        match &mut self.recorder {
            Some(recorder) => recorder.email(step, email),
            None => Ok(()),
        }
    }

    /// Ends the tour and reports its outcome.
    pub(super) fn close(&mut self, outcome: Result<()>) -> Result<()> {
        if let Err(surprise) = outcome {
            self.fail(&surprise);
            bail!("the tour did not come to its end");
        }
        self.summary();
        Ok(())
    }

    /// Ends the step with an error.
    fn fail(&mut self, error: &anyhow::Error) {
        if let Some(step) = self.step.take() {
            self.print(&step, &self.paint("31", "✗"));
        }
        write(&format!("\n{} {error:#}\n", self.paint("31", "Surprise:")));
    }

    /// The last line.
    fn summary(&self) {
        let text = format!(
            "{} steps as expected, {} emails, {}",
            self.steps,
            self.emails,
            duration(self.started.elapsed())
        );
        write(&format!("\n{} {text}\n", self.paint("32", "✓")));
    }

    fn print(&self, step: &Step, mark: &str) {
        let time = duration(step.started.elapsed());
        let gap = WIDTH.saturating_sub(step.title.chars().count() + time.chars().count()).max(2);
        write(&format!("  {mark} {}{:gap$}{}\n", step.title, "", self.paint("2", &time)));
        for (label, text) in &step.lines {
            write(&format!("      {} {text}\n", self.paint("2", &format!("{label:<8}"))));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The fields of a request as they are printed: without password and token.
fn fields(body: &Value) -> String {
    let Some(fields) = body.as_object() else { return String::new() };
    let field = |(name, value): (&String, &Value)| match name.as_str() {
        "password" | "token" => format!("  {name} …"),
        _ => format!("  {name} {}", value.as_str().unwrap_or_default()),
    };
    fields.iter().map(field).collect()
}

fn without_token(path: &str) -> String {
    path.split_once("token=").map_or_else(|| path.to_owned(), |(before, _)| format!("{before}token=…"))
}

/// `7 ms` or `1.2 s`.
pub(super) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Prints; a closed pipe (`| head`) is no failure of the tour.
fn write(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
