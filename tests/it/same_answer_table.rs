//! Every function, asked by a stranger about every state an account can be in: one answer, after the same work.
//!
//! The product is made of two lists. A state that is added to [`State`] is asked about by itself, and a function that
//! no question reaches fails [`every_function_is_asked`].
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::password::Work;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::states::State;
use crate::support::{Answer, Ask, file, function_of, template};

/// What a stranger asks, given what they type.
type Question = (&'static str, fn(&str) -> Ask);

/// A secret that no link has.
const NO_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const QUESTIONS: &[Question] = &[
    ("", |_| Ask::page("/forgot-username")),
    ("form", |typed| Ask::form("/forgot-username", &[("email", typed)])),
    ("JSON", |typed| Ask::json("/forgot-username", &json!({ "email": typed }))),
    ("", |_| Ask::page("/login/link")),
    ("form", |typed| Ask::form("/login/link", &[("email", typed)])),
    ("JSON", |typed| Ask::json("/login/link", &json!({ "email": typed }))),
    ("", |_| Ask::page("/login")),
    ("form, wrong password", |typed| Ask::form("/login", &[("identifier", typed), ("password", "wrong")])),
    ("JSON, wrong password", |typed| {
        Ask::json("/login", &json!({ "identifier": typed, "password": "wrong" }))
    }),
    ("JSON, no password", |typed| Ask::json("/login", &json!({ "identifier": typed }))),
    ("JSON, 5,000 bytes of password", |typed| {
        Ask::json("/login", &json!({ "identifier": typed, "password": "p".repeat(5_000) }))
    }),
    ("unknown link", |_| Ask::page(&format!("/login/open?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/login/open", &[("token", NO_TOKEN), ("code", "4F7 QKM")])),
    ("unknown link", |_| Ask::page(&format!("/backup/confirm?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/backup/confirm", &[("token", NO_TOKEN), ("code", "4F7 QKM")])),
    ("unknown link", |_| Ask::page(&format!("/undo?token={NO_TOKEN}"))),
    ("form, unknown link", |typed| Ask::form("/undo", &[("token", NO_TOKEN), ("username", typed)])),
    ("", |_| Ask::page("/account")),
    ("form", |typed| Ask::form("/account/backup", &[("email", typed)])),
    ("form", |_| Ask::form("/account/backup/remove", &[])),
    ("form", |_| Ask::form("/account/sessions/end", &[("others", "true")])),
    ("form", |_| Ask::form("/logout", &[])),
];

/// How something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Address,
    Username,
}

impl Shape {
    fn of(typed: &str) -> Self {
        if typed.contains('@') { Self::Address } else { Self::Username }
    }
}

/// What a stranger can see, and the work that could be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    answer: Answer,
    /// Each call to AWS, in order. Whether its condition held is not part of it: that takes no other way.
    calls: Vec<String>,
    /// Runs of Argon2id and of former functions.
    work: Work,
}

/// One look.
#[derive(Debug)]
struct Look {
    question: usize,
    state: State,
    typed: &'static str,
    seen: Seen,
    /// Tables that are not what they were.
    written: Vec<&'static str>,
}

async fn look(question: usize, state: State, typed: &'static str) -> Look {
    let ask = QUESTIONS[question].1(typed);
    let world = state.world().await;
    let before = world.dump();
    let visitor = world.visitor();
    let ((mut answer, calls), work) = world.work_of(world.calls_of(visitor.ask(&ask))).await;
    // A form shows again what was typed into it.
    answer.body = answer.body.replace(&format!("value=\"{typed}\""), "value=\"TYPED\"");
    let calls = calls.into_iter().map(|call| call.what).collect();
    let after = world.dump();
    let written = after.into_iter().filter(|(table, items)| before[table] != *items);
    let written = written.map(|(table, _)| table).collect();
    Look { question, state, typed, seen: Seen { answer, calls, work }, written }
}

/// All questions about all states, in all ways of typing them.
async fn all() -> &'static [Look] {
    static ALL: OnceCell<Vec<Look>> = OnceCell::const_new();
    ALL.get_or_init(async || {
        let mut all = Vec::new();
        for question in 0..QUESTIONS.len() {
            for state in State::ALL {
                for typed in state.typed() {
                    all.push(look(question, *state, typed).await);
                }
            }
        }
        all
    })
    .await
}

/// What is seen of somebody unknown.
fn expected(all: &[Look]) -> BTreeMap<(usize, Shape), &Look> {
    let unknown = all.iter().filter(|look| look.state == State::Unknown);
    // The last of each wins; all of them are compared with it.
    unknown.map(|look| ((look.question, Shape::of(look.typed)), look)).collect()
}

#[tokio::test]
async fn every_function_answers_alike_whatever_state_an_account_is_in() {
    let all = all().await;
    let expected = expected(all);
    for look in all {
        let unknown = expected[&(look.question, Shape::of(look.typed))];
        let (what, ask) = (QUESTIONS[look.question].0, QUESTIONS[look.question].1(look.typed));
        let about = format!("{} {} ({what}): {} as {:?}", ask.method, ask.path, look.typed, look.state);
        assert_eq!(look.seen, unknown.seen, "{about}");
    }
}

#[tokio::test]
async fn no_function_open_to_strangers_changes_an_account() {
    for look in all().await {
        let path = QUESTIONS[look.question].1(look.typed).path;
        let strange = look.written.iter().filter(|table| !matches!(**table, "LimitsTable" | "OutboxTable"));
        assert_eq!(strange.count(), 0, "{path}: {} {:?}", look.typed, look.written);
    }
}

#[test]
fn every_function_is_asked() {
    let routed = template().functions.iter().filter(|function| !function.routes.is_empty());
    let routed: BTreeSet<_> = routed.map(|function| &*function.name).collect();
    let asked = QUESTIONS.iter().map(|(_, ask)| function_of(ask("x").path.split('?').next().unwrap_or("")));
    assert_eq!(asked.collect::<BTreeSet<_>>(), routed);
}

#[tokio::test]
async fn the_table_in_the_documentation_is_what_comes_out() {
    let table = table(all().await);
    println!("{table}");
    let written = file("docs/same-answer.md");
    let (_, in_documentation) =
        written.split_once("<!-- generated -->\n").expect("the page has a place for it");
    if in_documentation != table {
        let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/same-answer.md");
        std::fs::write(place, &table).expect("it can be written");
        panic!("docs/same-answer.md is not what comes out: put {place} in its place");
    }
}

/// A column: a question, and how it is typed where that makes a difference.
struct Column<'a> {
    letter: String,
    question: usize,
    shape: Option<Shape>,
    expected: &'a Seen,
}

impl Column<'_> {
    fn has(&self, look: &Look) -> bool {
        let fits = self.shape.is_none_or(|shape| shape == Shape::of(look.typed));
        look.question == self.question && fits
    }
}

fn columns(all: &[Look]) -> Vec<Column<'_>> {
    let expected = expected(all);
    let mut columns = Vec::new();
    for question in 0..QUESTIONS.len() {
        let seen = |shape| &expected[&(question, shape)].seen;
        let (address, username) = (seen(Shape::Address), seen(Shape::Username));
        let work = |seen: &Seen| (seen.answer.status, seen.calls.clone(), seen.work.clone());
        let mut shapes = vec![(None, address)];
        if work(address) != work(username) {
            shapes = vec![(Some(Shape::Address), address), (Some(Shape::Username), username)];
        }
        for (shape, expected) in shapes {
            let letter = (columns.len() + 1).to_string();
            columns.push(Column { letter, question, shape, expected });
        }
    }
    columns
}

fn table(all: &[Look]) -> String {
    let columns = columns(all);
    let mut text = String::from(
        "| | request | typed | function | status | Argon2id runs | calls to AWS |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for Column { letter, question, shape, expected } in &columns {
        let (what, ask) = (QUESTIONS[*question].0, QUESTIONS[*question].1("x"));
        let path = ask.path.split('?').next().unwrap_or_default();
        let calls = if expected.calls.is_empty() { "none".into() } else { expected.calls.join(", ") };
        let typed = shape.map_or("either", |shape| match shape {
            Shape::Address => "address",
            Shape::Username => "username",
        });
        let _ = writeln!(
            text,
            "| {letter} | `{} {path}` {what} | {typed} | {} | {} | {} | {calls} |",
            ask.method,
            function_of(path),
            expected.answer.status,
            expected.work.argon2id_runs,
        );
    }
    let heads: Vec<_> = columns.iter().map(|column| &*column.letter).collect();
    let _ = write!(text, "\n| state | {} |\n| --- |{}\n", heads.join(" | "), " --- |".repeat(columns.len()));
    for state in State::ALL {
        let cells = columns.iter().map(|column| {
            let look = all.iter().find(|look| look.state == *state && column.has(look));
            look.map_or_else(String::new, |Look { seen, .. }| {
                format!("{}/{}/{}", seen.answer.status, seen.calls.len(), seen.work.argon2id_runs)
            })
        });
        let _ = writeln!(text, "| {} | {} |", state.words(), cells.collect::<Vec<_>>().join(" | "));
    }
    text
}
