//! An email, before and after it arrived, and the links in its text.

use serde::{Deserialize, Serialize};

/// One header of an email beyond the usual ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, as sent.
    pub name: String,
    /// Its value, as sent.
    pub value: String,
}

/// An email as its sender hands it in.
#[derive(Clone, Debug, Default)]
pub struct NewEmail {
    /// All recipients, bare addresses or `Name <address>`, separated by `, `.
    pub to: String,
    /// The sender, a bare address or `Name <address>`.
    pub from: String,
    /// The subject line.
    pub subject: String,
    /// The text part; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
    /// Further headers, in the order they were given.
    pub headers: Vec<Header>,
}

/// An email in the mailbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceivedEmail {
    /// Counts from 1 in the order of arrival, and is never used twice.
    pub number: u64,
    /// When it arrived, in seconds since the epoch.
    pub received_at: i64,
    /// All recipients, separated by `, `.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The subject line.
    pub subject: String,
    /// The text part; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
    /// The http and https addresses of the text part, in their order.
    pub links: Vec<String>,
    /// Further headers, in the order they were given.
    pub headers: Vec<Header>,
}

impl ReceivedEmail {
    /// A line for a terminal. What a sender wrote cannot control it.
    pub fn line(&self) -> String {
        let shown = |text: &str| text.replace(char::is_control, " ");
        format!("email → {} \"{}\"", shown(&self.to), shown(&self.subject))
    }
}

/// The http and https addresses in a text, in their order.
pub(super) fn links_in(text: &str) -> Vec<String> {
    link_ranges(text).into_iter().map(|range| text[range].to_owned()).collect()
}

/// Where the addresses stand in a text. One ends before white space, quotes and angle brackets, and without
/// the punctuation of the sentence around it.
pub(super) fn link_ranges(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("http").map(|at| from + at) {
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(rest.len());
        let link = rest[..end].trim_end_matches(|c: char| ".,;:!?)]}'".contains(c));
        let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
        if host.is_some_and(|host| !host.is_empty()) {
            ranges.push(start..start + link.len());
            from = start + link.len();
        } else {
            from = start + "http".len();
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        let cases = [
            ("go to https://a.example/x?t=1.", vec!["https://a.example/x?t=1"]),
            (
                "(http://127.0.0.1:3000/a) and\nhttps://b.example",
                vec!["http://127.0.0.1:3000/a", "https://b.example"],
            ),
            ("<https://a.example/>", vec!["https://a.example/"]),
            ("http:// https:/ http httpx", vec![]),
            ("ünïcode https://a.example/ü …", vec!["https://a.example/ü"]),
        ];
        for (text, links) in cases {
            assert_eq!(links_in(text), links, "{text}");
        }
    }
}
