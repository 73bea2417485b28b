//! Whatever is sent to the paths of OpenID Connect: a calm answer, and nothing written but counts of wrong secrets.
//! `PROPTEST_CASES=10000` tries more.
use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::properties::requests::ask;
use crate::support::{World, basic};

/// The parameters that any of the paths knows, and one that none knows.
const NAMES: [&str; 22] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "other",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "request",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "token",
    "ui_locales",
];

/// A path, its function, and its methods as `ask` counts them.
const PATHS: [(&str, &str); 6] = [
    ("/.well-known/openid-configuration", "oidc-metadata"),
    ("/oidc/jwks", "oidc-metadata"),
    ("/oidc/authorize", "oidc-authorize"),
    ("/oidc/token", "oidc-token"),
    ("/oidc/userinfo", "oidc-userinfo"),
    ("/oidc/logout", "oidc-sign-out"),
];

/// Values that are nearly right for one parameter or another, and any text.
fn values(known: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![4 => select(known), 1 => "\\PC{0,30}", 1 => "[A-Za-z0-9_-]{43}", 1 => "[ -~]{0,600}"]
}

/// A part of a right request, and more that may be wrong or there twice.
fn pairs(right: Vec<(String, String)>, known: Vec<String>) -> impl Strategy<Value = String> {
    let all = right.len();
    let kept = prop_oneof![subsequence(right.clone(), all), subsequence(right, 0..=all)];
    let more = prop_oneof![Just(Vec::new()), vec((select(&NAMES[..]), values(known)), 0..6)];
    (kept, more).prop_map(|(kept, more)| {
        let more = more.into_iter().map(|(name, value)| (name.to_owned(), value));
        Serializer::new(String::new()).extend_pairs(kept.into_iter().chain(more)).finish()
    })
}

/// One request, as API Gateway sends it.
fn event(
    path: &str,
    method: u8,
    query: &str,
    body: &str,
    authorization: Option<&str>,
    cookies: &str,
) -> Option<Value> {
    let form = "application/x-www-form-urlencoded";
    let mut bytes = vec![method & !1];
    bytes.extend([&*format!("{path}?{query}"), cookies, form, "", "", body].join("\n").bytes());
    let mut event = serde_json::to_value(&ask(&bytes)?.0).expect("an event is JSON");
    if let Some(authorization) = authorization {
        event["headers"]["authorization"] = json!(authorization);
    }
    // A server sends none, and an empty one would be refused before all else.
    event["headers"].as_object_mut().expect("headers").remove("sec-fetch-site");
    Some(event)
}

#[test]
fn no_request_of_a_product_or_of_anybody_is_answered_by_a_failure_or_writes_anything() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = World::new();
    let (right, known, credentials) = tokio.block_on(async {
        world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (_, tokens) = shop.signs_in("mina").await;
        let mut right = shop.parameters(&[]);
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let redemption =
            [("grant_type", "authorization_code"), ("code", verifier), ("code_verifier", verifier)];
        right.extend(redemption.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut known: Vec<String> =
            ["", "plain", "token", "none", "login", "query", "0", "nl"].map(str::to_owned).to_vec();
        known.extend(right.iter().map(|(_, value)| value.clone()));
        known.extend([tokens.id, tokens.access]);
        let secret = shop.secret.as_ref().expect("a product with a server").expose();
        (right, known, basic(shop.client.id.as_str(), &secret))
    });
    let schemes = ["", "Basic ", "Bearer ", "basic", "Basic Og=="].map(str::to_owned).to_vec();
    let any_header =
        (select(schemes), values(known.clone())).prop_filter_map("a header is ASCII", |(scheme, value)| {
            let header = format!("{scheme}{value}");
            header.bytes().all(|byte| (b' '..=b'~').contains(&byte)).then_some(Some(header))
        });
    let authorization = prop_oneof![Just(None), Just(Some(credentials)), any_header];
    let cookies =
        select(vec![String::new(), "__Host-authorize=e30".to_owned(), "__Host-client=U2hvcA".to_owned()]);
    let request = (
        select(&PATHS[..]),
        any::<u8>(),
        pairs(right.clone(), known.clone()),
        pairs(right, known),
        authorization,
        cookies,
    );
    let written = |world: &World| {
        let mut tables = world.dump();
        tables.remove("LimitsTable");
        tables
    };
    let before = written(&world);
    let seen: RefCell<BTreeSet<(&str, i64)>> = RefCell::default();
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(
        &request,
        |((path, function), method, query, body, authorization, cookies)| {
            let Some(event) = event(path, method, &query, &body, authorization.as_deref(), &cookies) else {
                return Ok(());
            };
            let answer = tokio.block_on(world.answer_by(function, &event));
            seen.borrow_mut().insert((function, answer.status_code));
            prop_assert!(
                matches!(answer.status_code, 200..=303 | 400..=429),
                "{} {event}",
                answer.status_code
            );
            prop_assert_eq!(written(&world), before.clone(), "{}", event);
            Ok(())
        },
    );
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    // Right and wrong ones were among them.
    for expected in
        [("oidc-authorize", 303), ("oidc-authorize", 400), ("oidc-token", 400), ("oidc-token", 401)]
    {
        assert!(seen.borrow().contains(&expected), "{expected:?} of {seen:?}");
    }
}
