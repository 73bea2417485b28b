//! What programs are told whose requests no route takes, or whose bodies are no JSON: in words for programs, whatever is accepted.
use std::collections::BTreeSet;

use serde_json::json;

use super::{ID, assert_refused, path, wanted};
use crate::support::{Answer, Ask, World, template};

/// The methods of each path of the account API, as the template has them.
fn routes() -> Vec<(String, BTreeSet<String>)> {
    let routes = || template().functions.iter().flat_map(|function| &function.routes);
    let paths: BTreeSet<&str> = routes().filter_map(|route| route.path.as_deref()).collect();
    let methods = |path: &str| {
        let own = routes().filter(|route| route.path.as_deref() == Some(path));
        own.filter_map(|route| route.method.clone()).collect()
    };
    let paths = paths.into_iter().filter(|path| path.starts_with("/admin"));
    paths.map(|path| (path.replace("{external_id}", ID), methods(path))).collect()
}

fn assert_for_programs(answer: &Answer, status: i64, code: &str) {
    assert_refused(answer, status, code, None);
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{}", answer.body);
    for word in ["page", " form", "Please", "your account"] {
        assert!(!answer.body.contains(word), "{word}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_answered_with_those_that_it_does() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let before = world.dump();
    assert_eq!(routes().len(), 5);
    for (path, methods) in routes() {
        let listed = world.back_end(&Ask::new("OPTIONS", &path)).await;
        let allow: BTreeSet<String> = listed.header("allow").split(", ").map(str::to_owned).collect();
        let own = || methods.iter().cloned().chain(["OPTIONS".to_owned()]);
        assert_eq!((listed.status, &allow), (204, &own().collect()), "{path}");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            if methods.contains(method) {
                continue;
            }
            for ask in [Ask::signed(method, &path), Ask::new(method, &path).header("accept", "text/html")] {
                let (answer, calls) = world.calls_of(world.back_end(&ask)).await;
                assert_for_programs(&answer, 405, "method-not-allowed");
                assert_eq!(answer.header("allow"), listed.header("allow"), "{method} {path}");
                assert!(calls.is_empty());
            }
        }
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_path_that_is_none_is_not_found_with_every_method_and_not_logged() {
    let world = World::new();
    for path in [
        "/admin",
        "/admin/",
        "/admin/accounts",
        "/admin/accounts/",
        "/admin/accounts/mina@example.com/b",
        "/admin/accounts/mina@example.com%2Fb",
        "/admin/accounts/mina@example.com/disable/",
        "/admin/users/mina@example.com",
    ] {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"] {
            let ask = Ask::signed(method, path).header("accept", "text/html");
            assert_for_programs(&world.back_end(&ask).await, 404, "not-found");
        }
    }
    let log = world.log();
    assert!(log.contains("not-found") && !log.contains("@example"), "{log}");
}

#[tokio::test]
async fn behind_cloudfront_programs_are_told_the_same() {
    let mut world = World::new();
    world.deploy(&[("ORIGIN_KEY", "0123456789abcdef0123456789abcdef")]);
    let foreign = Ask::signed("PATCH", &path(ID)).header("sec-fetch-site", "cross-site");
    assert_for_programs(&world.back_end(&foreign).await, 405, "method-not-allowed");
    assert_for_programs(&world.back_end(&Ask::signed("GET", "/admin/x")).await, 404, "not-found");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said_to_the_author_of_a_program() {
    let world = World::new();
    for path in [path(ID), format!("{}/hand-over", path(ID))] {
        let method = if path.ends_with("hand-over") { "POST" } else { "PUT" };
        for (media_type, body, status, code, said) in [
            (
                "application/x-www-form-urlencoded",
                "username=mina".to_owned(),
                415,
                "unsupported-media-type",
                "Send JSON, with Content-Type: application/json.",
            ),
            ("application/json", "[".to_owned(), 400, "malformed-body", "expected a JSON object"),
            ("application/json", " ".repeat(17 * 1_024), 413, "body-too-large", "Send at most 16 KB."),
        ] {
            let answer = world.back_end(&Ask::signed(method, &path).body(media_type, body)).await;
            assert_for_programs(&answer, status, code);
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(detail.contains(said), "{detail}");
        }
    }
    let dutch = Ask::signed("PUT", &path(ID)).body("text/plain", "x").header("accept-language", "nl");
    let dutch = world.back_end(&dutch).await;
    assert_eq!(dutch.json()["detail"], "Stuur JSON, met Content-Type: application/json.");
    for path in ["/oidc/token", "/oidc/authorize", "/oidc/logout"] {
        let answer = world.visitor().post_json(path, &json!({})).await;
        assert_for_open_id_connect(&answer);
    }
}

fn assert_for_open_id_connect(answer: &Answer) {
    assert_eq!((answer.status, &*answer.code()), (415, "unsupported-media-type"));
    let document = answer.json();
    assert_eq!(document["title"], "This media type is not read here");
    assert_eq!(document["detail"], "Send a form, with Content-Type: application/x-www-form-urlencoded.");
}
