//! Strangers learn nothing: whatever state an account is in, the answer is the same to the byte, and so are the
//! calls to AWS behind it.
use serde_json::{Value, json};

use crate::support::{Answer, Ask, World};

/// What a stranger may type as an address, and what it is to this site.
const ADDRESSES: [(&str, &str); 12] = [
    ("unknown", "nobody@example.com"),
    ("the primary", "mina@example.com"),
    ("the backup", "spare@example.org"),
    ("pending only", "pending@example.org"),
    ("SSO", "petra@example.com"),
    ("without a password", "ana@example.com"),
    ("the former while it is replaced", "former@example.org"),
    ("the new while it replaces", "new@example.org"),
    ("the primary of a disabled account", "dora@example.com"),
    ("the backup of a disabled account", "dora@example.org"),
    ("written otherwise", "MINA@Example.COM"),
    ("of an unknown domain", "mina@xn--e1afmkfd.example"),
];

/// Looks like an address at a glance, and no mail could be sent to it.
const MALFORMED: [&str; 4] = ["\"a b\"@example.com", "mіna@example.com", "a@[192.0.2.1]", "a@localhost"];

async fn world() -> World {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    world.person("joris").pending("pending@example.org").create().await;
    world.person("petra").sso().create().await;
    world.person("dora").backup("dora@example.org").disabled().create().await;
    world.person("ana").without_password().create().await;
    world.person("søren").backup("former@example.org").pending("new@example.org").create().await;
    world
}

/// Asks in a world of its own, so that not even a count differs; the answer, and each call as one line.
async fn ask(ask: &Ask) -> (Answer, Vec<String>) {
    let world = world().await;
    let visitor = world.visitor();
    let (answer, calls) = world.calls_of(visitor.ask(ask)).await;
    (answer, calls.iter().map(ToString::to_string).collect())
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
            let (expected, calls) = ask(&asking("nobody@example.com")).await;
            assert_eq!(expected.status, 200);
            let one = "TransactWriteItems(Update LimitsTable, Update LimitsTable, Put OutboxTable)";
            assert_eq!(calls, [one], "one round trip");
            let malformed = MALFORMED.map(|email| ("malformed", email));
            for (state, email) in ADDRESSES.into_iter().chain(malformed) {
                let seen = ask(&asking(email)).await;
                assert_eq!(seen, (expected.clone(), calls.clone()), "{path}: {state}");
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
    let usernames = ["nobody", "mina", "joris", "petra", "dora", "ana", "søren", "SØREN", "まどか"]
        .map(|name| ("a username", name));
    let neither = ["", "m", "two words", "mina@", "\"a b\"@example.com"].map(|text| ("neither", text));
    let look_up = "GetItem AccountsTable";
    let (expected, _) = ask(&Ask::json("/login", &wrong("nobody"))).await;
    for (identifiers, look_up) in [
        (ADDRESSES.to_vec(), "Query AccountsTable/email-index"),
        (usernames.to_vec(), look_up),
        (neither.to_vec(), look_up),
    ] {
        let expected_calls = ["UpdateItem LimitsTable", look_up, "Query AccountsTable"];
        for (state, identifier) in identifiers {
            let (answer, calls) = ask(&Ask::json("/login", &wrong(identifier))).await;
            assert_eq!(answer, expected, "{state}: {identifier}");
            assert_eq!(calls, expected_calls, "{state}: {identifier}");
        }
    }
}

#[tokio::test]
async fn the_page_of_a_wrong_password_differs_in_what_was_typed_only() {
    let (unknown, _) = ask(&Ask::form("/login", &[("identifier", "NAME"), ("password", "wrong")])).await;
    for (state, identifier) in ADDRESSES {
        let fields = [("identifier", identifier), ("password", "wrong")];
        let (mut page, _) = ask(&Ask::form("/login", &fields)).await;
        page.body = page.body.replace(identifier, "NAME");
        assert_eq!(page, unknown, "{state}");
    }
}

#[tokio::test]
async fn a_locked_identifier_is_answered_like_a_wrong_password_known_or_not() {
    let mut seen = Vec::new();
    for identifier in ["mina", "nobody", "petra", "dora"] {
        let world = world().await;
        let visitor = world.visitor();
        let first = visitor.post_json("/login", &wrong(identifier)).await;
        for _ in 1..10 {
            visitor.post_json("/login", &wrong(identifier)).await;
        }
        let locked = Ask::json("/login", &wrong(identifier));
        let (answer, calls) = world.calls_of(visitor.ask(&locked)).await;
        assert_eq!(answer, first);
        seen.push(calls);
    }
    assert_eq!(seen[0].len(), 3);
    assert!(seen.iter().all(|calls| *calls == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn a_password_of_any_length_costs_the_same_calls() {
    let long = "p".repeat(5_000);
    let mut seen = Vec::new();
    for identifier in ["mina", "nobody"] {
        for password in ["", "wrong", &long] {
            let form = json!({ "identifier": identifier, "password": password });
            seen.push(ask(&Ask::json("/login", &form)).await);
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
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
        "former@example.org",
        "mina@example.com",
    ];
    assert_eq!(to, expected);
}

fn wrong(identifier: &str) -> Value {
    json!({ "identifier": identifier, "password": "wrong" })
}
