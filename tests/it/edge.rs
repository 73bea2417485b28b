//! What every answer has, and what happens when a flow fails.
use dev::aws::faults::FaultKind;
use domain::Token;
use serde_json::json;
use shared::app::App;
use shared::error::Error;
use shared::requirements::LinkCodes;
use shared::runtime::get;
use shared::web::{Reply, Request};

use crate::support::{Answer, Ask, PASSWORD, World, assert_sealed, respond, template};
use crate::tour::{Tour, WRONG};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let (browser, stranger) = (world.signed_in(&mina).await, world.visitor());
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    for answer in [
        browser.get("/account").await,
        browser.get_json("/account").await,
        browser.get("/").await,
        browser.get("/nowhere").await,
        stranger.get("/account").await,
        stranger.get_json("/account").await,
        stranger.get("/login").await,
        stranger.get("/forgot-username").await,
        stranger.get("/backup/confirm").await,
        stranger.get("/login/open").await,
        stranger.get("/hand-over").await,
        stranger.post_json("/login", &credentials).await,
        stranger.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await,
        stranger.post_form("/logout", &[]).await,
    ] {
        assert_sealed(&answer);
    }
}

/// The paths of the template's routes that answer POST, as OPTIONS names it.
async fn posted_to(world: &World) -> Vec<&'static str> {
    let routes = template().functions.iter().flat_map(|function| &function.routes);
    let routes = routes.filter(|route| route.method.is_none());
    let mut paths = Vec::new();
    for path in routes.filter_map(|route| route.path.as_deref()) {
        let allowed = world.visitor().ask(&Ask::new("OPTIONS", path)).await;
        assert_eq!(allowed.status, 204, "{path}");
        if allowed.header("allow").contains("POST") {
            paths.push(path);
        }
    }
    paths
}

/// A form that a path takes.
fn form_for(path: &str) -> Ask {
    let token = "A".repeat(43);
    let fields = match path {
        "/account/backup" | "/account/primary" => vec![("email", "eve@example.net")],
        "/account/backup/remove" => vec![("what", "confirmed")],
        "/account/sessions/end" => vec![("others", "true")],
        "/account/finish" => vec![("finish", "dismiss")],
        "/account/password" => vec![("password", "otter kettle violet")],
        "/account/primary/promote" => vec![("keep_former", "true")],
        "/backup/confirm" | "/primary/confirm" | "/login/open" | "/hand-over" => {
            vec![("token", &*token)]
        }
        "/forgot-username" | "/login/link" => vec![("email", "mina@example.com")],
        "/login" => vec![("identifier", "mina"), ("password", PASSWORD)],
        "/logout" | "/oidc/logout" | "/oidc/userinfo" => vec![],
        "/oidc/token" => vec![
            ("grant_type", "authorization_code"),
            ("client_id", "AAAAAAAAAAAAAAAAAAAAAA"),
            ("code", &*token),
            ("redirect_uri", "https://shop.example.com/signed-in"),
            ("code_verifier", &*token),
        ],
        "/undo" => vec![("token", &*token), ("username", "mina")],
        other => panic!("a form for {other}"),
    };
    Ask::form(path, &fields)
}

#[tokio::test]
async fn a_post_of_another_sites_page_is_refused_everywhere() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let (browser, stranger) = (world.signed_in(&mina).await, world.visitor());
    let before = world.dump();
    // A product's own page may send its request, which changes nothing (see `oidc_sign_in.rs`).
    let (of_products, paths): (Vec<_>, Vec<_>) =
        posted_to(&world).await.into_iter().partition(|path| *path == "/oidc/authorize");
    assert!(of_products.len() == 1 && paths.len() >= 10, "{paths:?}");
    for path in &paths {
        let ours = form_for(path);
        let mut old_browser = ours.clone();
        old_browser.headers.remove("sec-fetch-site");
        for forged in [
            ours.clone().header("sec-fetch-site", "cross-site"),
            ours.clone().header("sec-fetch-site", "same-site"),
            ours.clone().header("sec-fetch-site", "cross-site").header("accept", "application/json"),
            old_browser.clone().header("origin", "https://evil.example.net"),
            old_browser.clone().header("origin", "http://account.example.com.evil.example.net"),
            old_browser.header("origin", "null"),
        ] {
            for visitor in [&browser, &stranger] {
                let answer = visitor.ask(&forged).await;
                assert_eq!(answer.status, 403, "{path}: {:?}", forged.headers);
                assert!(answer.cookies.is_empty(), "{path}");
                assert_sealed(&answer);
            }
        }
    }
    assert_eq!(world.dump(), before);
    for path in paths {
        let answer = browser.duplicate().ask(&form_for(path)).await;
        assert!(!matches!(answer.status, 400 | 403), "{path} takes it from this site: {}", answer.status);
    }
}

#[tokio::test]
async fn the_policy_of_a_page_allows_its_one_stylesheet_by_its_hash() {
    use base64::Engine as _;
    let world = World::new();
    let page = world.visitor().get("/login").await;
    let style = page.body.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let (style, rest) = style.expect("the page has a stylesheet");
    assert!(!rest.contains("<style") && !page.body.contains("style=\"") && !page.body.contains("<script"));
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    assert!(page.header("content-security-policy").contains(&format!("style-src 'sha256-{hash}'")));
}

#[tokio::test]
async fn a_failing_database_is_a_calm_page_and_one_line_in_the_log() {
    for (ask, operation) in [
        (Ask::page("/account"), "UpdateItem"),
        (Ask::form("/account/backup", &[("email", "new@example.org")]), "TransactWriteItems"),
        (Ask::form("/account/backup/remove", &[]), "TransactWriteItems"),
        (Ask::page(&format!("/backup/confirm?token={}", "A".repeat(43))), "GetItem"),
        (Ask::form("/forgot-username", &[("email", "mina@example.com")]), "TransactWriteItems"),
        (Ask::form("/login/link", &[("email", "mina@example.com")]), "TransactWriteItems"),
        (Ask::page(&format!("/login/open?token={}", "A".repeat(43))), "GetItem"),
        (Ask::page(&format!("/hand-over?token={}", "A".repeat(43))), "GetItem"),
        (Ask::form("/login", &[("identifier", "mina"), ("password", PASSWORD)]), "UpdateItem"),
        (Ask::form("/logout", &[]), "DeleteItem"),
    ] {
        let world = World::new();
        let browser = world.person("mina").backup("spare@example.org").signed_in().await;
        let before = world.dump();
        world.wire.fail(operation, 3, FaultKind::ServerError);
        let page = browser.ask(&ask).await;
        assert_eq!(page.status, 500, "{}", ask.path);
        assert_sealed(&page);
        assert!(page.words().contains("Something went wrong on our side"), "{}", page.words());
        assert!(!page.body.contains("Internal") && !page.body.contains("Table"), "{}", page.body);
        assert_eq!(world.dump(), before, "{}", ask.path);
        let failed: Vec<_> =
            world.log().lines().filter(|line| line.contains("\"ERROR\"")).map(str::to_owned).collect();
        assert_eq!(failed.len(), 1, "{}: {failed:?}", ask.path);
        assert!(failed[0].contains("could not") && failed[0].contains("InternalServerError"), "{failed:?}");
        assert!(failed[0].contains("request_id"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_throttled_call_is_tried_again() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.wire.fail("UpdateItem", 2, FaultKind::Throttle);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_single_write_that_meets_a_transaction_is_tried_again() {
    for (times, status) in [(7, 200), (8, 500)] {
        for (path, operation) in [("/account", "UpdateItem"), ("/logout", "DeleteItem")] {
            let world = World::new();
            let browser = world.person("mina").signed_in().await;
            world.wire.fail(operation, times, FaultKind::TransactionConflict);
            let answer = match operation {
                "UpdateItem" => browser.get_json(path).await,
                _ => browser.post_json(path, &json!({})).await,
            };
            assert_eq!(answer.status, status, "{operation} {times} times");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_does_not_tell_that_there_was_nothing() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let names = phone.get_json("/account").await.json();
    let name = &names["sessions"][0]["session"];
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    let ended = laptop.post_json("/account/sessions/end", &json!({ "session": name })).await;
    assert_eq!((ended.status, ended.json()), (200, json!({ "ended": "session" })));

    laptop.post_json("/account/backup", &json!({ "email": "spare@example.org" })).await;
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    let cancelled = laptop.post_json("/account/backup/remove", &json!({ "what": "pending" })).await;
    assert_eq!((cancelled.status, &cancelled.json()["backup"]["state"]), (200, &json!("none")));
}

async fn panics(_: &App<LinkCodes>, _: Request) -> Result<Reply, Error> {
    panic!("hunter2")
}

#[tokio::test]
async fn a_panic_is_a_calm_page_too() {
    let world = World::new();
    let ask = Ask::page("/account");
    let event = ask.event("203.0.113.7".parse().expect("an address"), &[]);
    let page = Answer::from(respond(&world.functions.account, &get(panics), &event).await);
    assert_eq!(page.status, 500);
    assert_sealed(&page);
    assert!(!page.body.contains("hunter2") && !world.log().contains("hunter2"));
    assert!(world.log().contains("panic"));
}

#[tokio::test]
async fn a_program_gets_problems_as_rfc_9457_says() {
    let world = World::new();
    let answer = world.visitor().post_json("/login", &json!({ "identifier": "x", "password": "y" })).await;
    assert_eq!(answer.header("content-type"), "application/problem+json; charset=utf-8");
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.json()).expect("JSON"), @r#"
    {
      "code": "wrong-credentials",
      "detail": "The username or the password is not right. Try again, or sign in without a password below.",
      "status": 401,
      "title": "That didn’t work",
      "type": "about:blank"
    }
    "#);
}

#[tokio::test]
async fn who_gets_json_and_who_gets_a_page() {
    let world = World::new();
    for (accept, sent, json) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", false),
        ("application/json", "", true),
        ("application/problem+json", "", true),
        ("application/json, text/html", "", false),
        ("*/*", "", false),
        ("", "", false),
        ("*/*", "application/json", true),
        ("", "application/json; charset=utf-8", true),
        ("text/html", "application/json", false),
    ] {
        let mut ask = Ask::new("GET", "/login").header("accept", accept);
        if !sent.is_empty() {
            ask = Ask::json("/login", &json!({ "identifier": "x" }))
                .header("accept", accept)
                .header("content-type", sent);
        }
        let answer = world.visitor().ask(&ask).await;
        assert_eq!(answer.header("content-type").contains("json"), json, "{accept} {sent}");
    }
}

#[tokio::test]
async fn no_log_of_the_whole_story_names_an_address_a_password_or_a_secret() {
    let world = World::new();
    let tour = Tour::walk(&world).await;
    let mut hidden = tour.secrets.clone();
    for (what, secret) in &tour.secrets {
        if let Ok(token) = Token::parse(secret) {
            hidden.insert(format!("the hash of {what}"), token.hash().as_str().to_owned());
        }
    }
    let kinds =
        ["session", "asked", "wanted", "code", "link", "HashingKey", "access token", "ID token", "secret"];
    let missing: Vec<_> =
        kinds.iter().filter(|kind| !hidden.keys().any(|what| what.starts_with(**kind))).collect();
    assert!(missing.is_empty(), "the tour came past none of {missing:?}");
    let never = [
        "@example",
        "spare",
        "thief",
        WRONG,
        PASSWORD,
        "Max-Age",
        "__Host-",
        "$argon2id",
        "token=",
        "203.0.113",
    ];
    hidden.extend(never.map(|text| (text.to_owned(), text.to_owned())));

    let log = world.log();
    assert!(log.lines().count() > 60 && log.contains("answered"), "{log}");
    for (what, secret) in hidden {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{what} is in the log: {line:?}");
    }
    assert!(log.contains("account-of-mina"), "ids are for the log");
    let counted = world.counted().join("\n");
    assert!(!counted.contains("mina") && !counted.contains('@'), "{counted}");
}
