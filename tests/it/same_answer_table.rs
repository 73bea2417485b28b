//! Every function, asked by a stranger about every state an account can be in: one answer, after the same work.
//!
//! The product is made of two lists. A state that is added to [`State`] is asked about by itself, and a function that
//! no question reaches fails [`every_function_is_asked`]. Limits that are reached by the asking itself come below it.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::LazyLock;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::password::Work;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::limits::fail_in_network;
use crate::questions::{QUESTIONS, takes_text};
use crate::states::{FORMER_HASHES, State};
use crate::support::{Answer, Ask, PASSWORD, World, file, route, template};

/// How something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Address,
    Username,
}

impl Shape {
    /// What no email could reach is no address: a request for email says so, and a sign-in takes it as a username.
    fn of(question: usize, state: State, typed: &str) -> Self {
        let is_address = match state {
            _ if !takes_text(question) => true,
            State::Neither | State::Malformed => false,
            _ => typed.contains('@'),
        };
        if is_address { Self::Address } else { Self::Username }
    }
}

/// What a stranger can see, and the work that could be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    answer: Answer,
    /// The page that a redirect leads to.
    behind: Option<Answer>,
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
    /// Each call with whether it went through.
    outcomes: Vec<String>,
    /// Tables that are not what they were.
    written: Vec<&'static str>,
}

impl Look {
    fn shape(&self) -> Shape {
        Shape::of(self.question, self.state, self.typed)
    }
}

/// Asks as a visitor who has no cookie. Beside what is seen, each call with whether it went through.
async fn see(world: &World, ask: &Ask) -> (Seen, Vec<String>) {
    let visitor = world.visitor();
    let ((answer, calls), work) = world.work_of(world.calls_of(visitor.ask(ask))).await;
    let outcomes = calls.iter().map(ToString::to_string).collect();
    let behind = match answer.header("location") {
        "" => None,
        location => Some(visitor.get(location).await),
    };
    (Seen { answer, behind, calls: calls.into_iter().map(|call| call.what).collect(), work }, outcomes)
}

/// The work behind every password sign-in.
fn one_run_of_each() -> Work {
    Work { argon2id_runs: 1, legacy_runs: [(FORMER_HASHES.to_owned(), 1)].into() }
}

async fn look(question: usize, state: State, typed: &'static str) -> Look {
    let ask = QUESTIONS[question].1(typed);
    let world = state.world().await;
    let before = world.dump();
    let (mut seen, outcomes) = see(&world, &ask).await;
    // A form shows again what was typed into it, and so does the page after it, which a cookie tells.
    let html = typed.trim().replace('"', "&#34;");
    let cookie = URL_SAFE_NO_PAD.encode(typed.trim());
    if !typed.is_empty() {
        let form = format!("value=\"{}\"", typed.replace('"', "&#34;"));
        seen.answer.body = seen.answer.body.replace(&form, "value=\"TYPED\"");
        for cookies in &mut seen.answer.cookies {
            *cookies = cookies.replace(&format!(".{cookie};"), ".TYPED;");
        }
        if let Some(behind) = seen.behind.as_mut().filter(|_| typed.contains('@')) {
            behind.body = behind.body.replace(&html, "TYPED");
        }
    }
    let after = world.dump();
    let written = after.into_iter().filter(|(table, items)| before[table] != *items);
    let written = written.map(|(table, _)| table).collect();
    Look { question, state, typed, seen, outcomes, written }
}

/// All questions about all states, in all ways of typing them. One test makes them for all that need them, on every core:
/// they are a fifth of the work of all tests.
fn all() -> &'static [Look] {
    static ALL: LazyLock<Vec<Look>> = LazyLock::new(|| {
        let mut asked = Vec::new();
        for (question, (what, _)) in QUESTIONS.iter().enumerate() {
            for state in State::ALL {
                let typed = state.typed().into_iter();
                // An empty field of a page is no different from a field in which nothing was typed.
                let typed = typed.filter(|typed| !(what.starts_with("form") && typed.is_empty()));
                let count = if takes_text(question) { usize::MAX } else { 1 };
                asked.extend(typed.take(count).map(|typed| (question, *state, typed)));
            }
        }
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let shares = asked.chunks(asked.len().div_ceil(cores));
        thread::scope(|scope| {
            let looking: Vec<_> = shares
                .map(|share| {
                    scope.spawn(move || {
                        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                        let looks =
                            share.iter().map(|&(question, state, typed)| look(question, state, typed));
                        looks.map(|look| runtime.block_on(look)).collect::<Vec<_>>()
                    })
                })
                .collect();
            looking.into_iter().flat_map(|share| share.join().expect("no look panics")).collect()
        })
    });
    &ALL
}

/// What is seen of somebody unknown.
fn expected(all: &[Look]) -> BTreeMap<(usize, Shape), &Look> {
    let unknown = all.iter().filter(|look| look.state == State::Unknown);
    // The last of each wins; all of them are compared with it.
    unknown.map(|look| ((look.question, look.shape()), look)).collect()
}

#[tokio::test]
async fn every_function_answers_alike_whatever_state_an_account_is_in() {
    let all = all();
    let expected = expected(all);
    for look in all {
        let unknown = expected[&(look.question, look.shape())];
        let (what, ask) = (QUESTIONS[look.question].0, QUESTIONS[look.question].1(look.typed));
        let about = format!("{} {} ({what}): {} as {:?}", ask.method, ask.path, look.typed, look.state);
        assert_eq!(look.seen, unknown.seen, "{about}");
        if !matches!(look.state, State::Limited | State::UnknownLimited) {
            assert_eq!(look.outcomes, unknown.outcomes, "{about}");
            assert!(look.outcomes.iter().all(|call| !call.contains("Exception")), "{:?}", look.outcomes);
        }
        let signs_in = ask.method == "POST" && ask.path == "/login";
        let work = if signs_in { one_run_of_each() } else { Work::default() };
        assert_eq!(look.seen.work, work, "{about}");
    }
}

#[tokio::test]
async fn a_password_of_any_length_costs_the_same_calls_and_one_run_of_argon2id() {
    let sign_in = |look: &&Look| {
        let (what, ask) = QUESTIONS[look.question];
        what.starts_with("JSON") && ask(look.typed).path == "/login"
    };
    let mut asked = BTreeSet::new();
    let mut seen = BTreeMap::new();
    for look in all().iter().filter(sign_in) {
        asked.insert(look.question);
        let first = seen.entry(look.shape()).or_insert(&look.seen);
        assert_eq!(&look.seen, *first, "{}: {}", QUESTIONS[look.question].0, look.typed);
    }
    assert_eq!((asked.len(), seen.len()), (4, 2), "each kind of password, for each way to look somebody up");
}

#[tokio::test]
async fn who_is_typed_is_there() {
    for state in State::ALL {
        let accounts = state.world().await.dump()["AccountsTable"].join("\n");
        for typed in state.typed() {
            let stored = accounts.contains(&format!("\"{}\"", typed.to_lowercase()));
            let unknown =
                matches!(state, State::Unknown | State::UnknownLimited | State::Malformed | State::Neither);
            assert_eq!(stored, !unknown, "{state:?}: {typed}");
        }
    }
}

#[tokio::test]
async fn asking_for_a_mail_once_too_often_reads_like_success() {
    for path in ["/forgot-username", "/login/link"] {
        let world = State::Unknown.world().await;
        let visitor = world.visitor();
        let mut seen = Vec::new();
        for email in ["mina@example.com", "nobody@example.com", "petra@example.com"] {
            let asking = Ask::form(path, &[("email", email)]);
            let mut former = visitor.ask(&asking).await;
            for _ in 1..5 {
                former = visitor.ask(&asking).await;
            }
            let (limited, calls) = world.calls_of(visitor.ask(&asking)).await;
            assert_eq!(limited.without_chance(), former.without_chance(), "{path}: {email}");
            seen.push(calls);
        }
        assert_eq!(seen[0].len(), 1, "and costs as many calls");
        assert!(seen.iter().all(|calls| *calls == seen[0]), "{seen:?}");
    }
}

#[tokio::test]
async fn a_locked_identifier_is_answered_like_a_wrong_password_known_or_not() {
    let mut all = Vec::new();
    for identifier in ["mina", "nobody", "petra", "dana", "ines"] {
        let world = State::Unknown.world().await;
        let asking = Ask::json("/login", &wrong(identifier));
        let (first, _) = see(&world, &asking).await;
        for _ in 1..10 {
            world.visitor().ask(&asking).await;
        }
        let locked = see(&world, &asking).await;
        assert_eq!((&locked.0.answer, locked.1.len()), (&first.answer, 4), "{identifier}");
        assert_eq!(locked.0.work, one_run_of_each(), "{identifier}");
        all.push(locked);
    }
    assert!(all.iter().all(|seen| *seen == all[0]), "{all:?}");
}

#[tokio::test]
async fn where_a_network_failed_too_often_the_answer_is_that_of_a_wrong_password_known_or_not() {
    let mut all = Vec::new();
    for (identifier, password) in [
        ("mina", "wrong"),
        ("mina", PASSWORD),
        ("nobody", "wrong"),
        ("petra", "wrong"),
        ("ines", PASSWORD),
        ("", ""),
    ] {
        let world = State::Unknown.world().await;
        let (wrong, _) = see(&world, &Ask::json("/login", &wrong("nobody"))).await;
        fail_in_network(&world, "203.0.113.7", 99).await;
        let form = json!({ "identifier": identifier, "password": password });
        let refused = see(&world, &Ask::json("/login", &form)).await;
        assert_eq!((&refused.0.answer, refused.1.len()), (&wrong.answer, 3), "{identifier}");
        assert_eq!(refused.0.work, one_run_of_each(), "{identifier}");
        all.push(refused);
    }
    assert!(all[0].1.iter().any(|call| call == "UpdateItem LimitsTable -> ConditionalCheckFailedException"));
    assert!(all.iter().all(|seen| *seen == all[0]), "{all:?}");
}

#[tokio::test]
async fn the_mailer_alone_tells_them_apart() {
    let world = State::Unknown.world().await;
    world.new_records();
    let addresses = State::ALL.iter().flat_map(|state| state.typed()).filter(|typed| typed.contains('@'));
    for (number, email) in addresses.enumerate() {
        let visitor = world.visitor_from(&format!("198.51.{number}.1"));
        visitor.post_form("/forgot-username", &[("email", email)]).await;
    }
    let to: Vec<_> = world.deliver().await.into_iter().map(|mail| mail.to).collect();
    let expected = [
        "mina@example.com",
        "spare@example.org",
        "mina@example.com",
        "former@example.org",
        "anouk@example.com",
        "vera@example.com",
        "ines@example.com",
        "frida@example.com",
        "frida.spare@example.org",
        "bob@example.com",
        "ulla@example.com",
        "ulla.spare@example.org",
    ];
    assert_eq!(to, expected);
}

fn wrong(identifier: &str) -> Value {
    json!({ "identifier": identifier, "password": "wrong" })
}

#[tokio::test]
async fn no_function_open_to_strangers_changes_an_account() {
    for look in all() {
        let path = QUESTIONS[look.question].1(look.typed).path;
        let strange = look.written.iter().filter(|table| !matches!(**table, "LimitsTable" | "OutboxTable"));
        assert_eq!(strange.count(), 0, "{path}: {} {:?}", look.typed, look.written);
    }
}

/// The function that a question goes to.
fn answers(ask: &Ask) -> &'static str {
    route(&ask.method, ask.path.split('?').next().unwrap_or_default()).function
}

#[test]
fn every_function_is_asked() {
    let routed = template().functions.iter().filter(|function| !function.routes.is_empty());
    let routed: BTreeSet<_> = routed.map(|function| &*function.name).collect();
    let asked = QUESTIONS.iter().map(|(_, ask)| answers(&ask("x")));
    assert_eq!(asked.collect::<BTreeSet<_>>(), routed);
}

#[tokio::test]
async fn the_table_in_the_documentation_is_what_comes_out() {
    let table = table(all());
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
        let fits = self.shape.is_none_or(|shape| shape == look.shape());
        look.question == self.question && fits
    }
}

fn columns(all: &[Look]) -> Vec<Column<'_>> {
    let expected = expected(all);
    let mut columns = Vec::new();
    for question in 0..QUESTIONS.len() {
        let address = &expected[&(question, Shape::Address)].seen;
        let username = expected.get(&(question, Shape::Username)).map_or(address, |look| &look.seen);
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
            answers(&ask),
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
