//! Requests that nobody may send, and bodies and paths that nobody can mean.
use serde_json::{Value, json};

use super::{ID, assert_refused, path, wanted, wanted_with};
use crate::support::{Answer, Ask, World, template};

/// A request to each route, with what it takes.
fn asks() -> Vec<Ask> {
    let mut asks: Vec<Ask> = ["GET", "DELETE"].map(|method| Ask::signed(method, &path(ID))).into();
    asks.push(Ask::signed_json("PUT", &path(ID), &wanted()));
    let actions = ["disable", "enable", "end-sessions"];
    asks.extend(actions.map(|action| Ask::signed("POST", &format!("{}/{action}", path(ID)))));
    let routes = template().functions.iter().find(|function| function.name == "admin-account");
    assert_eq!(routes.map(|function| function.routes.len()), Some(asks.len()));
    asks
}

#[tokio::test]
async fn a_request_without_a_principal_of_iam_is_refused_whatever_it_claims() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let before = world.dump();
    let arn = "arn:aws:iam::123456789012:user/eve";
    for ask in asks() {
        let client = std::net::IpAddr::from([203, 0, 113, 7]);
        let mut event = ask.event(client, &["__Host-session=x".to_owned()]);
        for authorizer in [
            Value::Null,
            json!({}),
            json!({ "iam": null }),
            json!({ "iam": { "userArn": null } }),
            json!({ "iam": { "userArn": "" } }),
            json!({ "iam": { "accountId": "123456789012", "userId": "eve" } }),
            json!({ "jwt": { "claims": { "sub": arn }, "scopes": null } }),
            json!({ "lambda": { "iam": { "userArn": arn } } }),
        ] {
            event["requestContext"]["authorizer"] = authorizer.clone();
            for header in ["x-amzn-iam-user-arn", "x-forwarded-user", "x-origin-verify"] {
                event["headers"][header] = json!(arn);
            }
            let (answer, calls) = world.calls_of(world.answer_by("admin-account", &event)).await;
            assert_refused(&Answer::from(answer), 403, "not-authorized", None);
            assert!(calls.is_empty(), "{authorizer}: nothing is read");
        }
    }
    assert_eq!(world.dump(), before);
    assert!(world.log().contains("the authorizer of the route was removed"));
}

#[tokio::test]
async fn a_principal_needs_no_cookie_no_origin_and_no_cloudfront() {
    let mut world = World::new();
    world.deploy(&[("ORIGIN_KEY", "0123456789abcdef0123456789abcdef")]);
    assert_eq!(world.visitor().get("/login").await.status, 403, "people come through CloudFront");
    let foreign = Ask::signed_json("PUT", &path(ID), &wanted())
        .header("origin", "https://shop.example.net")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(world.back_end(&foreign).await.status, 201);
    assert_eq!(world.get_account(ID).await.status, 200);
    // Problems are JSON, whatever is accepted.
    let html = Ask::signed("GET", &path("nobody")).header("accept", "text/html");
    assert_refused(&world.back_end(&html).await, 404, "account-unknown", None);
}

/// Every byte percent-encoded (RFC 3986 section 2.1).
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"))
}

#[tokio::test]
async fn a_path_means_one_id_or_none() {
    let world = World::new();
    for id in ["auth0|5f7c", "a.b", "x+y", "\"q\"", "a;b=c", "{id}", "mina@example.com"] {
        let email = format!("person{}@example.com", id.len());
        let fields = json!({ "username": format!("person{}", id.len()), "email": email });
        let encoded = percent_encoded(id);
        let created = world.put_account(&encoded, &wanted_with(&fields)).await;
        assert_eq!((created.status, created.json()["external_id"].as_str()), (201, Some(id)), "{id}");
        assert_eq!(world.delete_account(&encoded).await.status, 200, "{id}");
    }
    let before = world.dump();
    // API Gateway decodes once: what comes out is what is checked.
    for sent in [
        "a%2525b",
        "%2e%2e",
        "%2E",
        "a%5Cb",
        "a%23b",
        "a%20b",
        "a%00b",
        "a%0ab",
        "s%C3%B8ren",
        "%FF",
        "a%252Fb",
        "%252e%252e",
        &"x".repeat(129),
    ] {
        for ask in [
            Ask::signed("GET", &path(sent)),
            Ask::signed_json("PUT", &path(sent), &wanted()),
            Ask::signed("DELETE", &path(sent)),
            Ask::signed("POST", &format!("{}/disable", path(sent))),
        ] {
            let answer = world.back_end(&ask).await;
            // A path that is cut off or normalised on the way leads to another route, and to nobody's account.
            let elsewhere = [303, 404, 405].contains(&answer.status);
            assert!(elsewhere || answer.code() == "not-an-external-id", "{sent}: {}", answer.body);
        }
    }
    assert_eq!(world.dump(), before);
}

/// API Gateway decodes the path and then cuts it off at a question mark, so that nothing of the rest reaches a function. The
/// answer says which account it is about.
#[tokio::test]
async fn the_answer_names_the_id_that_is_left_of_one_with_a_question_mark() {
    let world = World::new();
    let created = world.put_account("a%3Fb", &wanted()).await;
    assert_eq!((created.status, &created.json()["external_id"]), (201, &json!("a")));
}

#[tokio::test]
async fn the_variable_of_the_route_counts_and_not_the_path() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let before = world.dump();
    let client = std::net::IpAddr::from([203, 0, 113, 7]);
    for variables in
        [json!({}), json!({ "external_id": "a/b" }), json!({ "external_id": "" }), json!({ "id": ID })]
    {
        let mut event = Ask::signed("DELETE", &path(ID)).event(client, &[]);
        event["pathParameters"] = variables;
        let answer = Answer::from(world.answer_by("admin-account", &event).await);
        assert_refused(&answer, 400, "not-an-external-id", None);
    }
    let mut event = Ask::signed("POST", &format!("{}/disable", path(ID))).event(client, &[]);
    event["requestContext"]["routeKey"] = json!("POST /admin/accounts/{external_id}/erase");
    assert_refused(&Answer::from(world.answer_by("admin-account", &event).await), 404, "not-found", None);
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_body_that_nobody_can_mean_is_refused_with_the_field() {
    let world = World::new();
    let long = "x".repeat(300);
    for id in [ID, "other"] {
        if id == "other" {
            world.put_account(id, &wanted()).await;
        }
        let before = world.dump();
        for (fields, status, code, field) in [
            (json!({ "username": 7 }), 400, "malformed-body", Some("username")),
            (json!({ "username": null }), 400, "malformed-body", Some("username")),
            (json!({ "email": ["a@example.com", "b@example.com"] }), 400, "malformed-body", Some("email")),
            (json!({ "email": { "primary": "a@example.com" } }), 400, "malformed-body", Some("email")),
            (json!({ "email_verified": "true" }), 400, "malformed-body", Some("email_verified")),
            (json!({ "email_verified": 1 }), 400, "malformed-body", Some("email_verified")),
            (json!({ "kind": ["sso"] }), 400, "malformed-body", Some("kind")),
            (json!({ "locale": 1 }), 400, "malformed-body", Some("locale")),
            (json!({ "password_hash": {} }), 400, "malformed-body", Some("password_hash")),
            (json!({ "emails": [] }), 400, "malformed-body", None),
            (json!({ "password": "x" }), 400, "malformed-body", None),
            (json!({ "backup_email": "spare@example.org" }), 400, "malformed-body", None),
            (json!({ "account_id": "x" }), 400, "malformed-body", None),
            (json!({ "username": "m" }), 422, "invalid-field", Some("username")),
            (json!({ "username": "mi\u{202e}na" }), 422, "invalid-field", Some("username")),
            (json!({ "username": "https://evil.example" }), 422, "invalid-field", Some("username")),
            (json!({ "username": long }), 422, "invalid-field", Some("username")),
            (json!({ "email": "mina" }), 422, "invalid-field", Some("email")),
            (
                json!({ "email": "mina@example.com\r\nbcc: eve@example.net" }),
                422,
                "invalid-field",
                Some("email"),
            ),
            (json!({ "email": "mina@[127.0.0.1]" }), 422, "invalid-field", Some("email")),
            (json!({ "kind": "Regular" }), 422, "invalid-field", Some("kind")),
            (json!({ "locale": "tlh" }), 422, "invalid-field", Some("locale")),
            (json!({ "password_hash": "md5$x" }), 422, "invalid-field", Some("password_hash")),
            (json!({ "password_hash": "" }), 422, "invalid-field", Some("password_hash")),
            (json!({ "password_hash": "$2x$04$x" }), 422, "invalid-field", Some("password_hash")),
        ] {
            let refused = world.put_account(id, &wanted_with(&fields)).await;
            assert_refused(&refused, status, code, field);
            let names_it = fields
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.keys())
                .any(|name| refused.body.contains(name));
            assert!(names_it, "{fields}: {}", refused.body);
        }
        assert_eq!(world.dump(), before);
    }
    let sso = json!({ "kind": "sso", "password_hash": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS" });
    assert_refused(
        &world.put_account(ID, &wanted_with(&sso)).await,
        422,
        "invalid-field",
        Some("password_hash"),
    );
    let unverified = wanted_with(&json!({ "email_verified": false }));
    assert_refused(
        &world.put_account(ID, &unverified).await,
        422,
        "email-not-verified",
        Some("email_verified"),
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::new();
    let good = wanted().to_string();
    let twice = good.replacen('{', "{\"email\":\"eve@example.net\",", 1);
    for (media_type, body, status, code) in [
        ("application/json", "", 400, "malformed-body"),
        ("application/json", "{", 400, "malformed-body"),
        ("application/json", "[]", 400, "malformed-body"),
        ("application/json", "null", 400, "malformed-body"),
        ("application/json", &*twice, 400, "malformed-body"),
        ("application/json", &*format!("{good} {good}"), 400, "malformed-body"),
        ("application/json", &*"[".repeat(10_000), 400, "malformed-body"),
        ("application/json", &*format!("{good}{}", " ".repeat(17 * 1_024)), 413, "body-too-large"),
        ("application/x-www-form-urlencoded", "username=mina", 415, "unsupported-media-type"),
        ("text/plain", &*good, 415, "unsupported-media-type"),
        ("application/merge-patch+json", &*good, 415, "unsupported-media-type"),
    ] {
        let ask = Ask::signed("PUT", &path(ID)).body(media_type, body);
        assert_refused(&world.back_end(&ask).await, status, code, None);
    }
    let latin =
        Ask::signed("PUT", &path(ID)).body("application/json", b"{\"username\":\"s\xf8ren\"}".to_vec());
    assert_refused(&world.back_end(&latin).await, 400, "malformed-body", None);
    assert!(world.dump().values().all(Vec::is_empty));
}
