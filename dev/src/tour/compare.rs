//! Compares two recorded tours: one line an exchange, a count, and at the end the differences in full. Must not know
//! what the exchanges mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::recording::{self, Entry};

/// Headers that depend on the server and not on the site, and why they are not compared. A header that is not listed
/// here has to be the same.
const SET_ASIDE: [(&str, &str); 3] = [
    ("apigw-requestid", "API Gateway's own number of a request; sam local gives none"),
    ("connection", "sam local closes the connection after each answer; AWS keeps it open"),
    ("server", "sam local's web server names itself"),
];

/// Compares two recordings, prints the result, and fails if they differ.
pub fn run(one: &Path, other: &Path) -> Result<()> {
    let comparison = Comparison::of(&recording::read(one)?, &recording::read(other)?);
    print!("{}", comparison.text);
    if comparison.different > 0 {
        bail!("{} and {} differ", one.display(), other.display());
    }
    Ok(())
}

/// The result: a text, and how many entries differ.
#[derive(Debug, Default)]
struct Comparison {
    text: String,
    /// The differences in full, for the end of the text.
    differences: String,
    same: usize,
    different: usize,
    /// How often a header that differed was set aside.
    set_aside: BTreeMap<&'static str, usize>,
}

impl Comparison {
    fn of(one: &[Entry], other: &[Entry]) -> Self {
        let mut comparison = Self::default();
        for at in 0..one.len().max(other.len()) {
            comparison.pair(one.get(at), other.get(at));
        }
        let Self { text, differences, same, different, set_aside } = &mut comparison;
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{} compared: {same} same, {different} different", *same + *different);
        for (name, why) in SET_ASIDE {
            let times = set_aside.get(name).copied().unwrap_or_default();
            let _ = writeln!(text, "set aside in {times}: the header {name} ({why})");
        }
        text.push_str(differences);
        comparison
    }

    fn pair(&mut self, one: Option<&Entry>, other: Option<&Entry>) {
        let Some(present) = one.or(other) else { return };
        let mut differences = Vec::new();
        match (one, other) {
            (Some(one), Some(other)) => self.fields(&fields(one), &fields(other), &mut differences),
            (_, None) => differences.push("only in the first recording".to_owned()),
            (None, _) => differences.push("only in the second recording".to_owned()),
        }
        let verdict = if differences.is_empty() { "same" } else { "different" };
        self.same += usize::from(differences.is_empty());
        self.different += usize::from(!differences.is_empty());
        let _ = writeln!(self.text, "{verdict:<10} {}", title(present));
        if !differences.is_empty() {
            let _ = writeln!(self.differences, "\n{}\n{}", title(present), differences.join("\n"));
        }
    }

    fn fields(
        &mut self,
        one: &BTreeMap<String, Value>,
        other: &BTreeMap<String, Value>,
        differences: &mut Vec<String>,
    ) {
        let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names {
            let (one, other) = (one.get(name), other.get(name));
            if one == other {
                continue;
            }
            let header = name.strip_prefix(HEADER).unwrap_or_default();
            if let Some((header, _)) = SET_ASIDE.iter().find(|(set_aside, _)| *set_aside == header) {
                *self.set_aside.entry(header).or_default() += 1;
            } else {
                let text =
                    |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                differences.push(format!(
                    "    {name}: {}\n    {:>1$}: {2}",
                    text(one),
                    name.len(),
                    text(other)
                ));
            }
        }
    }
}

/// The prefix of a field that is a header.
const HEADER: &str = "header ";

/// The fields of an entry that are compared, by name.
fn fields(entry: &Entry) -> BTreeMap<String, Value> {
    let whole = serde_json::to_value(entry).unwrap_or_default();
    let all = whole.as_object().into_iter().flatten();
    let own = all.filter(|(name, _)| *name != "headers");
    let mut fields: BTreeMap<String, Value> =
        own.map(|(name, value)| (name.clone(), value.clone())).collect();
    let headers = match entry {
        Entry::Exchange(exchange) => &exchange.headers,
        Entry::Mail(letter) => &letter.headers,
    };
    for (name, value) in headers {
        let field = fields.entry(format!("{HEADER}{name}")).or_insert_with(|| json!([]));
        if let Value::Array(values) = field {
            values.push(json!(value));
        }
    }
    fields
}

/// An entry in one line.
fn title(entry: &Entry) -> String {
    match entry {
        Entry::Exchange(exchange) => {
            let asked = format!("{} {}", exchange.method, exchange.path);
            format!("{asked:<38} {}  {}", exchange.status, exchange.step)
        }
        Entry::Mail(letter) => format!("{:<38} email {}", letter.to, letter.subject),
    }
}

#[cfg(test)]
mod tests {
    use super::super::recording::{Exchange, RecordedMail};
    use super::*;

    fn exchange() -> Exchange {
        Exchange {
            step: "Signs out".to_owned(),
            method: "POST".to_owned(),
            path: "/logout".to_owned(),
            sent_headers: Vec::new(),
            sent_cookies: vec!["__Host-session".to_owned()],
            sent_body: json!({}),
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            cookies: vec!["__Host-session=; Max-Age=0".to_owned()],
            body: json!({}),
        }
    }

    fn compared(one: &[Exchange], other: &[Exchange]) -> Comparison {
        let entries = |list: &[Exchange]| list.iter().cloned().map(Entry::Exchange).collect::<Vec<_>>();
        Comparison::of(&entries(one), &entries(other))
    }

    #[test]
    fn each_part_of_an_answer_counts() {
        let original = exchange();
        let header = |name: &str| vec![("content-type".to_owned(), name.to_owned())];
        let changed: [(&str, Exchange); 6] = [
            ("status: 200", Exchange { status: 500, ..original.clone() }),
            ("body: {}", Exchange { body: json!(null), ..original.clone() }),
            ("cookies: [", Exchange { cookies: Vec::new(), ..original.clone() }),
            ("header content-type: [", Exchange { headers: header("text/html"), ..original.clone() }),
            ("header content-type: [", Exchange { headers: Vec::new(), ..original.clone() }),
            ("path: \"/logout\"", Exchange { path: "/login".to_owned(), ..original.clone() }),
        ];
        for (part, other) in changed {
            let comparison = compared(std::slice::from_ref(&original), &[other]);
            assert_eq!((comparison.same, comparison.different), (0, 1), "{part}");
            assert!(comparison.text.contains(part), "{part} in {}", comparison.text);
        }
    }

    #[test]
    fn what_is_the_same_is_counted_and_a_missing_exchange_is_a_difference() {
        let both = [exchange(), exchange()];
        let comparison = compared(&both, &both);
        assert!(comparison.text.contains("2 compared: 2 same, 0 different"), "{}", comparison.text);
        let comparison = compared(&both, &both[..1]);
        assert_eq!((comparison.same, comparison.different), (1, 1));
        assert!(comparison.text.contains("only in the first recording"), "{}", comparison.text);
    }

    #[test]
    fn headers_set_aside_are_counted_and_make_no_difference() {
        for (name, _) in SET_ASIDE {
            let mut other = exchange();
            other.headers.push((name.to_owned(), "something".to_owned()));
            let comparison = compared(&[exchange()], &[other]);
            assert_eq!((comparison.different, comparison.set_aside[name]), (0, 1), "{name}");
            assert!(comparison.text.contains(&format!("set aside in 1: the header {name}")), "{name}");
        }
    }

    #[test]
    fn mails_are_compared_too() {
        let letter = RecordedMail {
            step: "A step".to_owned(),
            to: "mina@example.com".to_owned(),
            from: "no-reply@example.com".to_owned(),
            subject: "Your username".to_owned(),
            text: "mina".to_owned(),
            html: "<p>mina".to_owned(),
            headers: Vec::new(),
        };
        let other = RecordedMail { text: "Mina".to_owned(), ..letter.clone() };
        let comparison = Comparison::of(&[Entry::Mail(letter)], &[Entry::Mail(other)]);
        assert_eq!(comparison.different, 1);
        assert!(comparison.text.contains("text: \"mina\""), "{}", comparison.text);
    }
}
