//! The example events for trying functions by hand: they are real and answered as expected.
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::Value;
use shared::web::StatusCode;

use crate::support::{Answer, World, assert_public, assert_sealed, file, template, workspace_file};

fn event(function: &str) -> Value {
    serde_json::from_str(&file(&format!("events/{function}.json"))).expect("an event is JSON")
}

#[tokio::test]
async fn each_function_answers_its_event() {
    for (function, status, location, said) in [
        ("account", StatusCode::SEE_OTHER, "/login?next=/account", ""),
        ("request-backup", StatusCode::SEE_OTHER, "/login?next=/account", ""),
        ("confirm-backup", StatusCode::NOT_FOUND, "", "<h1>"),
        ("remove-backup", StatusCode::SEE_OTHER, "/login?next=/account", ""),
        ("forgot-username", StatusCode::SEE_OTHER, "/forgot-username?sent", ""),
        ("request-magic-link", StatusCode::OK, "", "sign-in-link"),
        ("open-magic-link", StatusCode::NOT_FOUND, "", "<h1>"),
        ("password-login", StatusCode::SEE_OTHER, "/account", ""),
        ("end-session", StatusCode::SEE_OTHER, "/login?next=/account", ""),
        ("sign-out", StatusCode::SEE_OTHER, "/login", ""),
        ("undo-change", StatusCode::NOT_FOUND, "", "<h1>"),
        ("oidc-authorize", StatusCode::BAD_REQUEST, "", "<h1>"),
        ("oidc-token", StatusCode::UNAUTHORIZED, "", "invalid_client"),
        ("oidc-userinfo", StatusCode::UNAUTHORIZED, "", "invalid_token"),
        ("oidc-sign-out", StatusCode::OK, "", "<h1>"),
        ("admin-account", StatusCode::NOT_FOUND, "", "account-unknown"),
        ("admin-hand-over", StatusCode::NOT_FOUND, "", "account-unknown"),
        ("open-hand-over", StatusCode::NOT_FOUND, "", "<h1>"),
    ] {
        let world = World::new();
        world.person("mina").backup("mina.spare@example.org").create().await;
        let answer = Answer::from(world.answer_by(function, &event(function)).await);
        assert_eq!(answer.status, i64::from(status.as_u16()), "{function}: {}", answer.body);
        assert_eq!(answer.header("location"), location, "{function}");
        assert!(answer.body.contains(said), "{function}: {}", answer.body);
        assert_sealed(&answer);
    }
}

#[tokio::test]
async fn the_document_for_products_answers_its_event() {
    let world = World::new();
    let answer = Answer::from(world.answer_by("oidc-metadata", &event("oidc-metadata")).await);
    assert_public(&answer);
    assert!(answer.body.contains("\"issuer\""), "{}", answer.body);
}

#[tokio::test]
async fn the_mailer_handles_its_event() {
    let world = World::new();
    world.person("mina").backup("mina.spare@example.org").create().await;
    let event = event("mailer");
    world.put("OutboxTable", &event["Records"][0]["dynamodb"]["NewImage"]);
    let records = event["Records"].as_array().expect("an event has records");
    assert!(world.feed(records).await.batch_item_failures.is_empty());
    assert_eq!(world.emails()[0].to, "mina.spare@example.org");
}

#[tokio::test]
async fn the_publisher_publishes_its_event() {
    let world = World::new();
    let event = event("publisher");
    let records = event["Records"].as_array().expect("an event has records");
    assert!(world.feed_publisher(records).await.batch_item_failures.is_empty());
    assert_eq!(world.published()[0]["detail"]["external_id"], "user-7f3a");
}

#[tokio::test]
async fn the_report_of_a_bounce_is_noted() {
    let world = World::new();
    world.person("mina").backup("mina.spare@example.org").create().await;
    world.deliver().await;
    let mut event = event("delivery");
    // It is from before the account was created.
    assert!(world.report(&event).await);
    assert!(world.deliver().await.is_empty());
    event["detail"]["bounce"]["timestamp"] = "2026-11-22T12:00:01Z".into();
    world.after(Duration::from_secs(1));
    assert!(world.report(&event).await);
    assert_eq!(world.deliver().await[0].to, "mina@example.com");
}

#[test]
fn each_event_is_one_of_its_functions_routes_and_comes_from_a_documentation_address() {
    for function in template().functions.iter().filter(|function| !function.routes.is_empty()) {
        let event = event(&function.name);
        let keys: Vec<_> = function.routes.iter().map(dev::template::Route::key).collect();
        let key = event["routeKey"].as_str().expect("an event has a route").to_owned();
        assert!(keys.contains(&key), "{}: {key}", function.name);
        assert_eq!(event["routeKey"], event["requestContext"]["routeKey"]);
        assert_eq!(event["rawPath"], event["requestContext"]["http"]["path"]);
        let mut path = key.split_once(' ').expect("a key has a path").1.to_owned();
        for (name, value) in event["pathParameters"].as_object().into_iter().flatten() {
            path = path.replace(&format!("{{{name}}}"), value.as_str().expect("a variable is a text"));
        }
        assert_eq!(event["rawPath"], path, "{key}");
        let source = event["requestContext"]["http"]["sourceIp"].as_str().and_then(|ip| ip.parse().ok());
        let Some(IpAddr::V4(source)) = source else { panic!("{}: no address", function.name) };
        assert_eq!(source.octets()[..3], Ipv4Addr::new(203, 0, 113, 0).octets()[..3]);
    }
}

#[test]
fn there_is_one_event_for_each_function_and_none_beside() {
    let files = std::fs::read_dir(workspace_file("events")).expect("there are events");
    let mut files: Vec<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let mut functions: Vec<String> =
        template().functions.iter().map(|function| format!("{}.json", function.name)).collect();
    functions.sort();
    assert_eq!(files, functions);
}
