//! A tour in a file: every exchange and every email, one JSON object a line, so that two tours can be compared.
//! Placeholders replace what always differs. Must not know what the exchanges mean.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::placeholders::Placeholders;
use crate::browser::{SiteRequest, SiteResponse};
use crate::mailbox::ReceivedEmail;

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// A request and its response.
    Exchange(Exchange),
    /// An email that was read.
    Mail(RecordedMail),
}

/// A request and its response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The step's title.
    pub step: String,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The request's headers apart from its cookies.
    pub sent_headers: Vec<(String, String)>,
    /// The names of the cookies that went with the request.
    pub sent_cookies: Vec<String>,
    /// The request's body: JSON, else text, null for none.
    pub sent_body: Value,
    /// The status.
    pub status: u16,
    /// The response's headers apart from its cookies.
    pub headers: Vec<(String, String)>,
    /// The cookies that were set, with their attributes.
    pub cookies: Vec<String>,
    /// The response's body: JSON, else text, null for none.
    pub body: Value,
}

/// An email.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedMail {
    /// The step's title.
    pub step: String,
    /// The recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The subject line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Writes a recording.
#[derive(Debug)]
pub(super) struct Recorder {
    file: File,
    placeholders: Placeholders,
}

impl Recorder {
    /// Records the exchanges with this site in this file, which is overwritten.
    pub(super) fn create(file: &Path, site: &str) -> Result<Self> {
        let created = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { file: created, placeholders: Placeholders::new(site) })
    }

    /// Records a request and its response.
    pub(super) fn exchange(
        &mut self,
        step: &str,
        sent_cookies: &[String],
        asked: &SiteRequest,
        answer: &SiteResponse,
    ) -> Result<()> {
        let rules = &self.placeholders;
        let (cookies, headers): (Vec<_>, Vec<_>) =
            answer.all_headers.iter().partition(|(name, _)| name == "set-cookie");
        let sent = asked.headers.iter();
        let exchange = Exchange {
            step: step.to_owned(),
            method: asked.method.to_string(),
            path: rules.text(&asked.path),
            sent_headers: sent.map(|(name, value)| ((*name).to_owned(), rules.text(value))).collect(),
            sent_cookies: sent_cookies.to_vec(),
            sent_body: rules.body(asked.body.as_bytes()),
            status: answer.status,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.clone(), rules.header(name, value)))
                .collect(),
            cookies: cookies.into_iter().map(|(_, value)| rules.text(value)).collect(),
            body: rules.body(&answer.bytes),
        };
        self.write(&Entry::Exchange(exchange))
    }

    /// Records an email.
    pub(super) fn email(&mut self, step: &str, email: &ReceivedEmail) -> Result<()> {
        let rules = &self.placeholders;
        let headers = email.headers.iter();
        let letter = RecordedMail {
            step: step.to_owned(),
            to: email.to.clone(),
            from: email.from.clone(),
            subject: email.subject.clone(),
            text: rules.text(&email.text),
            html: rules.text(&email.html),
            headers: headers.map(|header| (header.name.clone(), rules.text(&header.value))).collect(),
        };
        self.write(&Entry::Mail(letter))
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(entry)?).context("the recording cannot be written")
    }
}

/// Reads a recording.
pub(super) fn read(file: &Path) -> Result<Vec<Entry>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = BufReader::new(opened).lines().enumerate();
    lines
        .map(|(number, line)| {
            let entry = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?));
            entry.with_context(|| format!("{}, line {}: no recording of a tour", file.display(), number + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_without_what_differs_by_nature() {
        let file = std::env::temp_dir().join(format!("recording-{}.jsonl", std::process::id()));
        let token = "Zm9yZ290dGVuLWJ1dC1uZXZlci1sb3N0LWFuZC1mb3Q";
        let asked = SiteRequest::json(Method::POST, "/login/open", Some(json!({ "token": token })));
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let answer = SiteResponse {
            status: 200,
            bytes: br#"{"since":1795348800}"#.to_vec(),
            body: Value::Null,
            headers: Vec::new(),
            all_headers: vec![
                header("date", "Sun, 22 Nov 2026 12:00:00 GMT"),
                header("set-cookie", &format!("__Host-session={token}; Path=/; Max-Age=2592000")),
            ],
        };
        let mut recorder = Recorder::create(&file, "http://127.0.0.1:3000").expect("a file");
        recorder.exchange("A step", &["a".to_owned()], &asked, &answer).expect("written");
        let read = read(&file).expect("read again");
        std::fs::remove_file(&file).expect("it is there");
        let expected = Exchange {
            step: "A step".to_owned(),
            method: "POST".to_owned(),
            path: "/login/open".to_owned(),
            sent_headers: vec![
                header("accept", "application/json"),
                header("content-type", "application/json"),
            ],
            sent_cookies: vec!["a".to_owned()],
            sent_body: json!({ "token": "<token>" }),
            status: 200,
            headers: vec![header("date", "<date>")],
            cookies: vec!["__Host-session=<token>; Path=/; Max-Age=2592000".to_owned()],
            body: json!({ "since": "<time>" }),
        };
        assert_eq!(read, [Entry::Exchange(expected)]);
    }
}
