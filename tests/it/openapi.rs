//! The description of the API for programs, `openapi.yaml`. What answers look like is checked wherever a test gets one
//! (`support::contract`); here is what no single answer shows.
use std::collections::BTreeSet;

use domain::oidc::TokenErrorCode;
use domain::{
    AccountKind, Activity, ClientInfo, DeliveryFailure, Device, Happened, LoggedAction, MessageId, Notice,
    SignInMethod, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::web::pages::Reason;
use shared::web::{Code, EmailKind};

use crate::support::{Ask, World, contract, template};

#[tokio::test]
async fn every_route_is_described_with_its_methods_and_nothing_else_is() {
    let world = World::new();
    let routes = || template().functions.iter().flat_map(|function| &function.routes);
    let paths: BTreeSet<&str> = routes().filter_map(|route| route.path.as_deref()).collect();
    assert_eq!(contract().paths(), paths);
    for path in paths {
        let own = routes().filter(|route| route.path.as_deref() == Some(path));
        let own: Option<BTreeSet<String>> =
            own.map(|route| route.method.as_deref().map(str::to_ascii_lowercase)).collect();
        // A route for any method leads to a function that says which ones it answers.
        let methods = match own {
            Some(methods) => methods,
            None => answered(&world, path).await,
        };
        assert_eq!(contract().methods(path), Some(methods), "{path}");
    }
}

/// The methods that a function answers, but for those that need no description.
async fn answered(world: &World, path: &str) -> BTreeSet<String> {
    let allowed = world.visitor().ask(&Ask::new("OPTIONS", path)).await;
    assert_eq!(allowed.status, 204, "{path}");
    let methods = allowed.header("allow").split(", ").map(str::to_ascii_lowercase);
    methods.filter(|method| !matches!(&**method, "head" | "options")).collect()
}

#[test]
fn every_code_of_an_operation_has_its_status() {
    for path in contract().paths() {
        for method in contract().methods(path).expect("it is there") {
            let pointer = format!("/paths/{}/{method}/responses", path.replace('/', "~1"));
            let responses = contract().part(&pointer).and_then(|part| part.as_object()).expect("responses");
            for (status, response) in responses {
                let shared = response["$ref"].as_str().map(|shared| shared.trim_start_matches('#'));
                let response =
                    shared.map_or(response, |shared| contract().part(shared).expect("it is there"));
                let schema = &response["content"]["application/problem+json"]["schema"];
                let codes = schema["properties"]["code"]["enum"].as_array();
                for code in codes.into_iter().flatten().filter_map(|code| code.as_str()) {
                    let known = Code::ALL.iter().find(|known| known.as_str() == code);
                    let own = known.map(|known| known.status().as_str().to_owned());
                    assert_eq!(own.as_ref(), Some(status), "{method} {path}: {code}");
                }
            }
        }
    }
}

/// The names between backticks in Serde's refusal of another one: all that there are.
fn named(refusal: &str) -> BTreeSet<String> {
    let (_, names) = refusal.split_once(", expected ").unwrap_or_else(|| panic!("no names in: {refusal}"));
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names of an enum that is read. `unknown` has another one.
fn read<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    named(&serde_json::from_value::<T>(unknown).err().expect("there is no such name").to_string())
}

/// The names of an enum that is only written, from its first variant on. `next` names every variant, or it does not compile.
fn written<T: Copy + Serialize>(first: T, next: impl Fn(T) -> Option<T>) -> BTreeSet<String> {
    let all = std::iter::successors(Some(first), |last| next(*last));
    let names = all.map(|one| serde_json::to_value(one).expect("it is written"));
    names.map(|name| name.as_str().expect("it is a name").to_owned()).collect()
}

/// A value of every variant of an enum whose tag is `what`, in each of these looks. A variant takes the fields that it has.
fn each<T: DeserializeOwned>(looks: &[Value]) -> Vec<T> {
    let variants = read::<T>(json!({ "what": "?" }));
    let values = variants.iter().flat_map(|variant| {
        let looks = looks.iter().map(|look| {
            let mut look = look.clone();
            look["what"] = json!(variant);
            serde_json::from_value(look)
        });
        let values: Vec<T> = looks.filter_map(Result::ok).collect();
        assert!(!values.is_empty(), "{variant} needs another field");
        values
    });
    values.collect()
}

/// What can have happened, by the names that answers have for it: the events, and everything.
fn happened() -> (BTreeSet<String>, BTreeSet<String>) {
    let notice = json!({
        "address": "spare@example.org", "former": "mina@example.com", "former_until": 1, "usable_from": 1,
        "why": "bounced", "backup": "spare@example.org",
    });
    let mut other = notice.clone();
    for (field, value) in
        [("former_until", Value::Null), ("backup", Value::Null), ("why", json!("complained"))]
    {
        other[field] = value;
    }
    let events = each::<Notice>(&[notice, other]);
    let action = |why: &str| json!({ "how": "password", "address": "s***", "fields": [], "why": why, "to": "primary" });
    let actions = each::<LoggedAction>(&[action("bounced"), action("complained")]);
    let at = Timestamp::from_unix_seconds(0);
    let what = |happened| {
        let activity = Activity { id: MessageId::first_of(at), happened, at, source: ClientInfo::default() };
        activity.what().to_owned()
    };
    let stems: BTreeSet<String> = events.into_iter().map(Happened::Announced).map(what).collect();
    let others = actions.into_iter().map(Happened::Logged).map(what);
    (stems.clone(), stems.into_iter().chain(others).collect())
}

#[test]
fn every_list_of_names_is_that_of_the_code() {
    let token_errors = written(TokenErrorCode::InvalidRequest, |code| match code {
        TokenErrorCode::InvalidRequest => Some(TokenErrorCode::InvalidClient),
        TokenErrorCode::InvalidClient => Some(TokenErrorCode::InvalidGrant),
        TokenErrorCode::InvalidGrant => Some(TokenErrorCode::UnauthorizedClient),
        TokenErrorCode::UnauthorizedClient => Some(TokenErrorCode::UnsupportedGrantType),
        TokenErrorCode::UnsupportedGrantType => None,
    });
    let emails = written(EmailKind::Username, |kind| match kind {
        EmailKind::Username => Some(EmailKind::SignInLink),
        EmailKind::SignInLink => None,
    });
    let reasons = written(Reason::Fresh, |Reason::Fresh| None);
    let (events, everything) = happened();
    let lists = [
        ("Problem/properties/code", Code::ALL.iter().map(|code| code.as_str().to_owned()).collect()),
        ("Kind", read::<AccountKind>(json!("?"))),
        ("Device", read::<Device>(json!("?"))),
        ("SignInMethod", read::<SignInMethod>(json!("?"))),
        ("Undeliverable/properties/why", read::<DeliveryFailure>(json!("?"))),
        ("EventKind", events),
        ("Activity/properties/what", everything),
        ("EmailKind", emails),
        ("SignInForm/properties/reason", reasons),
        ("TokenError/properties/error", token_errors),
    ];
    for (place, names) in &lists {
        let list = contract().part(&format!("/components/schemas/{place}/enum")).and_then(Value::as_array);
        let list = list.unwrap_or_else(|| panic!("{place} is a list of names"));
        let list: BTreeSet<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        assert_eq!(list, *names, "{place}");
    }
    let described = contract().part("/components/schemas").map(count_lists);
    assert_eq!(described, Some(lists.len()), "a list is held against nothing");
}

/// How many lists of names there are in a part of the description.
fn count_lists(part: &Value) -> usize {
    match part {
        Value::Object(parts) => {
            let own = usize::from(parts.get("enum").is_some_and(Value::is_array));
            own + parts.values().map(count_lists).sum::<usize>()
        }
        Value::Array(parts) => parts.iter().map(count_lists).sum(),
        _ => 0,
    }
}

#[tokio::test]
async fn every_choice_of_a_body_is_one_that_is_read() {
    let world = World::new();
    let mina = world.person("mina").signed_in().await;
    for (path, field) in [("/account/finish", "finish"), ("/account/backup/remove", "what")] {
        let refused = mina.post_json(path, &json!({ field: "?" })).await;
        assert_eq!(refused.code(), "malformed-body");
        let schema = format!(
            "/paths/{}/post/requestBody/content/application~1json/schema/properties/{field}/enum",
            path.replace('/', "~1")
        );
        let choices = contract().part(&schema).and_then(Value::as_array).expect("a list");
        let choices: BTreeSet<String> = choices.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        assert_eq!(choices, named(refused.json()["detail"].as_str().expect("a detail")), "{path}");
    }
}

/// Every operation that people's programs have, and a request for it.
fn operations() -> Vec<(&'static Value, Ask)> {
    let paths = contract().paths().into_iter().filter(|path| !path.starts_with("/admin/"));
    let operations = paths.flat_map(|path| {
        let methods = contract().methods(path).expect("it is there");
        methods.into_iter().map(move |method| {
            let operation = contract().part(&format!("/paths/{}/{method}", path.replace('/', "~1")));
            let ask = match &*method {
                "get" => Ask::new("GET", path).header("accept", "application/json"),
                _ => Ask::json(path, &json!({})),
            };
            (operation.expect("it is there"), ask)
        })
    });
    operations.collect()
}

#[tokio::test]
async fn what_is_refused_before_anything_else_is_refused_by_every_operation() {
    let mut world = World::new();
    for (operation, ask) in operations() {
        let id = &operation["operationId"];
        if operation["security"] == json!([{ "session": [] }]) {
            assert_eq!(world.visitor().ask(&ask).await.code(), "not-signed-in", "{id}");
        }
        // A product's own page may send this one.
        if ask.method == "POST" && id != "authorizeByForm" {
            let foreign = ask.header("sec-fetch-site", "cross-site");
            assert_eq!(world.visitor().ask(&foreign).await.code(), "cross-site", "{id}");
        }
    }
    world.deploy(&[("ORIGIN_KEY", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]);
    for (operation, ask) in operations() {
        let refused = world.visitor().ask(&ask).await;
        assert_eq!(refused.code(), "not-via-cloudfront", "{}", operation["operationId"]);
    }
}

#[tokio::test]
async fn a_program_that_looks_at_an_unknown_link_is_told_so() {
    let world = World::new();
    for path in ["/backup/confirm", "/hand-over", "/login/open", "/primary/confirm", "/undo"] {
        let answer = world.visitor().get_json(&format!("{path}?token={}", "A".repeat(43))).await;
        assert_eq!((answer.status, &*answer.code()), (404, "link-unknown"), "{path}");
    }
}
