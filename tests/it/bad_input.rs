//! Every function answers invalid input with a clear 4xx and writes nothing.
use serde_json::{Value, json};

use crate::support::{Answer, Ask, World, assert_public, assert_sealed, template};

/// Every path of the site, with a body that its function accepts (or none, if it accepts none). Those for products take forms
/// alone, whose fields may be any: the standards say what they answer, see `oidc_authorize.rs` and its neighbours.
fn paths() -> Vec<(&'static str, Option<Value>)> {
    let routes = template().functions.iter().flat_map(|function| &function.routes);
    let routes = routes.filter(|route| route.method.is_none());
    let body = |path: &str| match path {
        "/" | "/account" | "/.well-known/openid-configuration" => None,
        path if path.starts_with("/oidc/") => None,
        "/account/backup" | "/account/primary" | "/forgot-username" | "/login/link" => {
            Some(json!({ "email": "spare@example.org" }))
        }
        "/account/backup/remove" => Some(json!({ "what": "pending" })),
        "/backup/confirm" | "/primary/confirm" | "/login/open" | "/hand-over" => {
            Some(json!({ "token": "A".repeat(43) }))
        }
        "/login" => Some(json!({ "identifier": "mina", "password": "wrong" })),
        "/undo" => Some(json!({ "token": "A".repeat(43), "username": "mina" })),
        "/account/sessions/end" => Some(json!({ "session": "A".repeat(43) })),
        "/account/finish" => Some(json!({ "finish": "dismiss" })),
        "/account/password" => Some(json!({ "password": "otter kettle violet" })),
        "/account/primary/promote" => Some(json!({ "keep_former": true })),
        "/logout" => Some(json!({})),
        other => panic!("a body for {other}"),
    };
    routes.filter_map(|route| route.path.as_deref()).map(|path| (path, body(path))).collect()
}

/// Bodies that no function accepts: description, media type, bytes, status, code.
fn bad_bodies(good: &Value) -> Vec<(&'static str, &'static str, Vec<u8>, i64, &'static str)> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let mut unknown_field = good.clone();
    unknown_field["admin"] = json!(true);
    let first = good.as_object().and_then(|fields| fields.keys().next()).map_or("x", String::as_str);
    let mut wrong_type = good.clone();
    wrong_type[first] = json!({ "$ne": null });
    let twice_json = format!("{{\"{first}\":\"a\",\"{first}\":\"b\"}}");
    let form = serde_html_form::to_string(good).expect("a form");
    let twice_form = format!("{form}&{first}=a&{first}=b");
    let huge = json!({ first: "a".repeat(17 * 1_024) }).to_string();
    let huge_form = format!("{first}={}", "a".repeat(17 * 1_024));
    let malformed = "malformed-body";
    let values: Vec<_> = good.as_object().into_iter().flat_map(|fields| fields.values()).collect();
    let unsupported = "unsupported-media-type";
    let good_text = good.to_string();
    vec![
        ("cut off", JSON, b"{\"".to_vec(), 400, malformed),
        ("empty", JSON, b"".to_vec(), 400, malformed),
        ("an array", JSON, b"[]".to_vec(), 400, malformed),
        ("the fields as an array", JSON, json!(values).to_string().into_bytes(), 400, malformed),
        ("null", JSON, b"null".to_vec(), 400, malformed),
        ("a text", JSON, b"\"x\"".to_vec(), 400, malformed),
        ("deep", JSON, "[".repeat(10_000).into_bytes(), 400, malformed),
        ("not UTF-8", JSON, b"{\"email\":\"\xff\xfe\"}".to_vec(), 400, malformed),
        ("an unknown field", JSON, unknown_field.to_string().into_bytes(), 400, malformed),
        ("a wrong type", JSON, wrong_type.to_string().into_bytes(), 400, malformed),
        ("a field twice", JSON, twice_json.into_bytes(), 400, malformed),
        ("trailing text", JSON, format!("{good_text} x").into_bytes(), 400, malformed),
        ("a field twice in a form", FORM, twice_form.into_bytes(), 400, malformed),
        ("JSON said to be a form", FORM, b"{\"a\":1}".to_vec(), 400, malformed),
        ("text", "text/plain", good_text.clone().into_bytes(), 415, unsupported),
        ("XML", "application/xml", b"<a/>".to_vec(), 415, unsupported),
        ("multipart", "multipart/form-data; boundary=x", b"--x--".to_vec(), 415, unsupported),
        ("no type", "", b"a=b".to_vec(), 415, unsupported),
        ("a strange type", "application/json-patch+json", good_text.into_bytes(), 415, unsupported),
        ("17 KB of JSON", JSON, huge.into_bytes(), 413, "body-too-large"),
        ("17 KB of form", FORM, huge_form.into_bytes(), 413, "body-too-large"),
        ("a megabyte", FORM, vec![b'a'; 1_024 * 1_024], 413, "body-too-large"),
    ]
}

/// The same for a program and for a person.
fn as_program_and_person(ask: &Ask) -> [Ask; 2] {
    [ask.clone().header("accept", "application/json"), ask.clone().header("accept", "text/html")]
}

/// Asserts the headers of an answer. The documents for products are everybody's.
fn assert_headers(path: &str, answer: &Answer) {
    if ["/.well-known/openid-configuration", "/oidc/jwks"].contains(&path) && answer.status == 200 {
        assert_public(answer);
    } else {
        assert_sealed(answer);
    }
}

fn assert_clear(answer: &Answer, status: i64, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_sealed(answer);
    if answer.header("content-type").contains("json") {
        assert_eq!(answer.code(), code, "{what}");
        let document = answer.json();
        for member in ["type", "title", "status", "detail", "code"] {
            assert!(!document[member].is_null(), "{what}: RFC 9457 wants {member}");
        }
    } else {
        assert!(answer.body.starts_with("<!doctype html>"), "{what}");
        assert!(answer.words().lines().count() >= 2, "{what}: says what is wrong and what to do");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_and_changes_nothing() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").pending("new@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let before = world.dump();
    for (path, good) in paths() {
        let Some(good) = good else { continue };
        for (what, media_type, body, status, code) in bad_bodies(&good) {
            // A form without fields has none that could be there twice.
            if good == json!({}) && what == "a field twice in a form" {
                continue;
            }
            let ask = Ask::new("POST", path).body(media_type, body);
            for ask in as_program_and_person(&ask) {
                let answer = browser.ask(&ask).await;
                assert_clear(&answer, status, code, &format!("{path}, {what}"));
                assert!(answer.cookies.is_empty(), "{path}, {what}");
            }
        }
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_form_may_have_fields_that_nobody_asked_for() {
    for (path, good) in paths() {
        let Some(good) = good else { continue };
        let form = serde_html_form::to_string(&good).expect("a form");
        let mut answers = Vec::new();
        for body in [form.clone(), format!("x-filled-by=extension&{form}&admin=1&admin=2&__proto__=x")] {
            let world = World::new();
            let mina =
                world.person("mina").backup("spare@example.org").pending("new@example.org").create().await;
            let browser = world.signed_in(&mina).await;
            let ask = Ask::new("POST", path).body("application/x-www-form-urlencoded", body.into_bytes());
            answers.push(browser.ask(&ask).await.without_chance().shown());
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_base64_is_refused_and_changes_nothing() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let before = world.dump();
    for (path, good) in paths() {
        if good.is_none() {
            continue;
        }
        for body in ["%%%", "YT0x=", "YT0", "é"] {
            let ask = Ask::new("POST", path)
                .header("accept", "application/json")
                .header("content-type", "application/json");
            let mut event = ask.event("203.0.113.7".parse().expect("an address"), &browser.cookies());
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(true);
            let answer = Answer::from(world.answer(&event).await);
            assert_clear(&answer, 400, "malformed-body", &format!("{path}, {body}"));
        }
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_required_field_must_be_there() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let before = world.dump();
    for path in [
        "/account/backup",
        "/forgot-username",
        "/login/link",
        "/login",
        "/login/open",
        "/backup/confirm",
        "/hand-over",
    ] {
        let answer = browser.post_json(path, &json!({})).await;
        assert_clear(&answer, 400, "malformed-body", path);
        assert_eq!(browser.post_form(path, &[]).await.status, 400, "{path}");
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn sixteen_kilobytes_are_read_and_one_byte_more_is_not() {
    let world = World::new();
    let form = |bytes: usize| format!("identifier=mina&password={}", "p".repeat(bytes - 25));
    for (bytes, status) in [(16 * 1_024, 401), (16 * 1_024 + 1, 413)] {
        let form = form(bytes);
        assert_eq!(form.len(), bytes);
        let as_form = Ask::new("POST", "/login").body("application/x-www-form-urlencoded", form);
        assert_eq!(world.visitor().ask(&as_form).await.status, status, "base64 of {bytes}");
        let padded = format!("{:bytes$}", json!({ "identifier": "mina", "password": "p" }).to_string());
        let as_json = Ask::new("POST", "/login").body("application/json", padded);
        assert_eq!(world.visitor().ask(&as_json).await.status, status, "{bytes} as they are");
    }
}

#[tokio::test]
async fn a_method_without_an_answer_is_refused_and_the_right_ones_are_named() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let before = world.dump();
    for (path, _) in paths() {
        let allow = match path {
            "/" | "/account" | "/.well-known/openid-configuration" | "/oidc/jwks" => "GET, HEAD, OPTIONS",
            "/oidc/token"
            | "/account/backup"
            | "/account/backup/remove"
            | "/account/sessions/end"
            | "/account/finish"
            | "/logout" => "POST, OPTIONS",
            _ => "GET, HEAD, POST, OPTIONS",
        };
        let options = browser.ask(&Ask::new("OPTIONS", path)).await;
        assert_eq!((options.status, options.header("allow"), &*options.body), (204, allow, ""), "{path}");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            for ask in as_program_and_person(&Ask::new(method, path)) {
                let answer = browser.ask(&ask).await;
                assert_clear(&answer, 405, "method-not-allowed", &format!("{method} {path}"));
                assert_eq!(answer.header("allow"), allow, "{method} {path}");
            }
        }
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_cookie_that_is_none_of_ours_counts_as_none() {
    let long = format!("__Host-session={}", "A".repeat(8_000));
    let unknown = format!("__Host-session={}", "A".repeat(43));
    let cookies = [
        "",
        "=",
        ";;;;",
        "__Host-session",
        "__Host-session=",
        "__Host-session=x",
        "__Host-session=\"\"",
        "__Host-session=../../x",
        "__Host-session=é\u{0}",
        "session=AAAA",
        &long,
        &unknown,
    ];
    for (path, good) in paths() {
        let ask = match &good {
            Some(good) => Ask::json(path, good),
            None => Ask::new("GET", path).header("accept", "application/json"),
        };
        let world = World::new();
        let expected = world.visitor().ask(&ask).await;
        assert!(expected.status < 500);
        for cookie in cookies {
            // A new world each time, so that limits count equally.
            let world = World::new();
            let answer = world.visitor().with_cookie(cookie).ask(&ask).await;
            assert_eq!(answer, expected, "{path} with {:?}", cookie.chars().take(40).collect::<String>());
            assert!(world.dump()["SessionsTable"].is_empty(), "{path}");
        }
    }
}

#[tokio::test]
async fn an_event_may_lack_what_api_gateway_sometimes_leaves_out() {
    let world = World::new();
    for (path, good) in paths() {
        let ask = match &good {
            Some(good) => Ask::json(path, good),
            None => Ask::page(path),
        };
        let event = ask.event("203.0.113.7".parse().expect("an address"), &[]);
        for pointer in [
            "/version",
            "/routeKey",
            "/rawQueryString",
            "/cookies",
            "/queryStringParameters",
            "/pathParameters",
            "/stageVariables",
            "/body",
            "/isBase64Encoded",
            "/headers/accept",
            "/headers/host",
            "/headers/content-type",
            "/headers/user-agent",
            "/requestContext/requestId",
            "/requestContext/http/sourceIp",
            "/requestContext/http/userAgent",
            "/requestContext/authorizer",
        ] {
            let answer = Answer::from(world.answer(&without(&event, pointer)).await);
            assert!(answer.status < 500, "{path} without {pointer}: {}", answer.body);
            assert_headers(path, &answer);
        }
    }
}

fn without(event: &Value, pointer: &str) -> Value {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
    if let Some(parent) = event.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(name);
    }
    event
}

#[tokio::test]
async fn strange_headers_and_queries_get_an_answer() {
    let world = World::new();
    let garbage = "\u{1}\"';--<script>%00%ff{{7*7}}";
    for (path, good) in paths() {
        for name in
            ["accept", "accept-language", "content-type", "origin", "host", "user-agent", "sec-fetch-site"]
        {
            let ask = match &good {
                Some(good) => Ask::json(path, good),
                None => Ask::new("GET", path),
            };
            for value in ["*/*;q=x", "ü", "", &"a,".repeat(3_000)] {
                let answer = world.visitor().ask(&ask.clone().header(name, value)).await;
                assert!(answer.status < 500, "{path} with {name}: {value:.20}");
                assert_headers(path, &answer);
            }
        }
        for query in
            ["token", "token=%ff", "token=a&token=b", "&&&=", &format!("next={}", "%41".repeat(3_000))]
        {
            let answer = world.visitor().ask(&Ask::page(&format!("{path}?{query}"))).await;
            assert!(answer.status < 500, "{path}?{query:.40}");
        }
        let hostile = serde_html_form::to_string([("next", garbage), ("token", garbage)]).expect("a query");
        let answer = world.visitor().ask(&Ask::page(&format!("{path}?{hostile}"))).await;
        assert!(answer.status < 500 && !answer.body.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn what_was_typed_is_shown_escaped() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let typed = "\"><script>alert(1)</script>@x";
    for (path, fields) in [
        ("/account/backup", vec![("email", typed)]),
        ("/forgot-username", vec![("email", "<script>alert(1)</script>")]),
        ("/login/link", vec![("email", "<script>alert(1)</script>")]),
        ("/login", vec![("identifier", typed), ("password", typed), ("next", typed)]),
    ] {
        let page = browser.post_form(path, &fields).await;
        assert!((400..500).contains(&page.status), "{path}: {}", page.status);
        assert!(!page.body.contains("<script"), "{path}");
        assert!(page.body.contains("&#60;script&#62;"), "{path}: {}", page.body);
    }
}

#[tokio::test]
async fn a_null_byte_or_a_line_break_in_a_field_is_no_failure() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    for (path, good) in paths() {
        let Some(good) = good else { continue };
        for field in good.as_object().into_iter().flat_map(|fields| fields.keys()) {
            for value in ["\0", "a\r\nb", "\u{202e}", "\u{10ffff}", " ", "@", "' OR 1=1", "${jndi:x}"] {
                let mut body = good.clone();
                body[field] = json!(value);
                let answer = browser.post_json(path, &body).await;
                assert!((400..500).contains(&answer.status), "{path} {field} {value:?}: {}", answer.body);
            }
        }
    }
}
