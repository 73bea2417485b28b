//! Strangers learn nothing: whatever state an account is in, the answer is the same to the byte, and so are the
//! calls to AWS behind it.
use domain::password::Work;
use serde_json::{Value, json};

use crate::limits::fail_in_network;
use crate::support::{Answer, Ask, PASSWORD, World};

/// What a stranger may type as an address, and what it is to this site.
const ADDRESSES: [(&str, &str); 13] = [
    ("unknown", "nobody@example.com"),
    ("the primary", "mina@example.com"),
    ("the backup", "spare@example.org"),
    ("pending only", "pending@example.org"),
    ("SSO", "petra@example.com"),
    ("without a password", "ana@example.com"),
    ("with an imported hash", "ines@example.com"),
    ("the former while it is replaced", "former@example.org"),
    ("the new while it replaces", "new@example.org"),
    ("the primary of a disabled account", "dora@example.com"),
    ("the backup of a disabled account", "dora@example.org"),
    ("written otherwise", "MINA@Example.COM"),
    ("of an unknown domain", "mina@xn--e1afmkfd.example"),
];

/// Looks like an address at a glance, and no mail could be sent to it.
const MALFORMED: [&str; 4] = ["\"a b\"@example.com", "mіna@example.com", "a@[192.0.2.1]", "a@localhost"];

/// A hash that another system made.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";

async fn world() -> World {
    let world = World::new().with_former_hashes("bcrypt$c=4,l=23");
    world.person("mina").backup("spare@example.org").create().await;
    world.person("joris").pending("pending@example.org").create().await;
    world.person("petra").sso().create().await;
    world.person("dora").backup("dora@example.org").disabled().create().await;
    world.person("ana").without_password().create().await;
    world.person("ines").imported(BCRYPT).create().await;
    world.person("søren").backup("former@example.org").pending("new@example.org").create().await;
    world
}

/// An answer and what it took: each call as one line, and the runs of Argon2id and of former functions.
type Seen = (Answer, Vec<String>, Work);

/// The runs behind every password sign-in.
fn one_run_of_each() -> Work {
    Work { argon2id_runs: 1, legacy_runs: [("bcrypt$c=4,l=23".to_owned(), 1)].into() }
}

/// Asks in a world of its own, so that not even a count differs.
async fn ask(ask: &Ask) -> Seen {
    let world = world().await;
    seen(&world, ask).await
}

async fn seen(world: &World, ask: &Ask) -> Seen {
    let visitor = world.visitor();
    let ((answer, calls), work) = world.work_of(world.calls_of(visitor.ask(ask))).await;
    (answer, calls.iter().map(ToString::to_string).collect(), work)
}

#[tokio::test]
async fn asking_for_a_mail_is_answered_alike_for_every_address() {
    for path in ["/forgot-username", "/login/link"] {
        for form in [true, false] {
            let asking = |email: &str| {
                if form {
                    Ask::form(path, &[("email", email)])
                } else {
                    Ask::json(path, &json!({ "email": email }))
                }
            };
            let expected = ask(&asking("nobody@example.com")).await;
            assert_eq!((expected.0.status, &expected.2), (200, &Work::default()));
            let counts = "Update LimitsTable, Update LimitsTable, Update LimitsTable";
            let one = format!("TransactWriteItems({counts}, Put OutboxTable)");
            assert_eq!(expected.1, [one], "one round trip");
            let malformed = MALFORMED.map(|email| ("malformed", email));
            for (state, email) in ADDRESSES.into_iter().chain(malformed) {
                let seen = ask(&asking(email)).await;
                assert_eq!(seen, expected, "{path}: {state}");
            }
        }
    }
}

#[tokio::test]
async fn asking_for_a_mail_once_too_often_reads_like_success() {
    for path in ["/forgot-username", "/login/link"] {
        let world = world().await;
        let visitor = world.visitor();
        let mut seen = Vec::new();
        for email in ["mina@example.com", "nobody@example.com", "petra@example.com", "\"a b\"@example.com"] {
            let asking = Ask::form(path, &[("email", email)]);
            let first = visitor.ask(&asking).await;
            for _ in 1..5 {
                visitor.ask(&asking).await;
            }
            let (limited, calls) = world.calls_of(visitor.ask(&asking)).await;
            assert_eq!(limited.without_chance(), first.without_chance(), "{path}: {email}");
            seen.push(calls);
        }
        assert_eq!(seen[0].len(), 1, "and costs as many calls");
        assert!(seen.iter().all(|calls| *calls == seen[0]), "{seen:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_answered_alike_for_every_identifier() {
    let usernames = ["nobody", "mina", "joris", "petra", "dora", "ana", "ines", "søren", "SØREN", "まどか"]
        .map(|name| ("a username", name));
    let neither = ["", "m", "two words", "mina@", "\"a b\"@example.com"].map(|text| ("neither", text));
    let look_up = "GetItem AccountsTable";
    let (expected, ..) = ask(&Ask::json("/login", &wrong("nobody"))).await;
    let count = "TransactWriteItems(Update LimitsTable, Update LimitsTable)";
    for (identifiers, look_up) in [
        (ADDRESSES.to_vec(), "Query AccountsTable/email-index"),
        (usernames.to_vec(), look_up),
        (neither.to_vec(), look_up),
    ] {
        let expected_calls = [count, look_up, "Query AccountsTable"];
        for (state, identifier) in identifiers {
            let (answer, calls, work) = ask(&Ask::json("/login", &wrong(identifier))).await;
            assert_eq!(answer, expected, "{state}: {identifier}");
            assert_eq!(calls, expected_calls, "{state}: {identifier}");
            assert_eq!(work, one_run_of_each(), "{state}: {identifier}");
        }
    }
}

#[tokio::test]
async fn the_page_of_a_wrong_password_differs_in_what_was_typed_only() {
    let (unknown, ..) = ask(&Ask::form("/login", &[("identifier", "NAME"), ("password", "wrong")])).await;
    for (state, identifier) in ADDRESSES {
        let fields = [("identifier", identifier), ("password", "wrong")];
        let (mut page, ..) = ask(&Ask::form("/login", &fields)).await;
        page.body = page.body.replace(identifier, "NAME");
        assert_eq!(page, unknown, "{state}");
    }
}

#[tokio::test]
async fn a_locked_identifier_is_answered_like_a_wrong_password_known_or_not() {
    let mut all = Vec::new();
    for identifier in ["mina", "nobody", "petra", "dora", "ines"] {
        let world = world().await;
        let asking = Ask::json("/login", &wrong(identifier));
        let (first, ..) = seen(&world, &asking).await;
        for _ in 1..10 {
            world.visitor().ask(&asking).await;
        }
        let locked = seen(&world, &asking).await;
        assert_eq!((&locked.0, locked.1.len()), (&first, 3), "{identifier}");
        assert_eq!(locked.2, one_run_of_each(), "{identifier}");
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
        let world = world().await;
        let (wrong, ..) = seen(&world, &Ask::json("/login", &wrong("nobody"))).await;
        fail_in_network(&world, "203.0.113.7", 99).await;
        let form = json!({ "identifier": identifier, "password": password });
        let refused = seen(&world, &Ask::json("/login", &form)).await;
        assert_eq!((&refused.0, refused.1.len()), (&wrong, 4), "{identifier}");
        assert_eq!(refused.2, one_run_of_each(), "{identifier}");
        all.push(refused);
    }
    let (counts, knows) =
        ("Update LimitsTable, Update LimitsTable", "Update LimitsTable, ConditionCheck LimitsTable");
    let failed = "TransactionCanceledException";
    let expected = [counts, knows].map(|what| format!("TransactWriteItems({what}) -> {failed}"));
    assert_eq!(all[0].1[..2], expected);
    assert!(all.iter().all(|seen| *seen == all[0]), "{all:?}");
}

#[tokio::test]
async fn a_password_of_any_length_costs_the_same_calls_and_one_run_of_argon2id() {
    let long = "p".repeat(5_000);
    let mut all = Vec::new();
    for identifier in ["mina", "nobody", "petra", "ana", "ines", ""] {
        for password in ["", "wrong", &long] {
            let form = json!({ "identifier": identifier, "password": password });
            all.push(ask(&Ask::json("/login", &form)).await);
        }
    }
    assert_eq!(all[0].2, one_run_of_each());
    assert!(all.iter().all(|seen| *seen == all[0]), "{all:#?}");
}

#[tokio::test]
async fn the_mailer_alone_tells_them_apart() {
    let world = world().await;
    for (number, (_, email)) in ADDRESSES.into_iter().enumerate() {
        let visitor = world.visitor_from(&format!("198.51.100.{number}"));
        visitor.post_form("/forgot-username", &[("email", email)]).await;
    }
    let to: Vec<_> = world.deliver().await.into_iter().map(|mail| mail.to).collect();
    let expected = [
        "mina@example.com",
        "spare@example.org",
        "ana@example.com",
        "ines@example.com",
        "former@example.org",
        "mina@example.com",
    ];
    assert_eq!(to, expected);
}

fn wrong(identifier: &str) -> Value {
    json!({ "identifier": identifier, "password": "wrong" })
}
