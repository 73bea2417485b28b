//! Payload format 2.0: the event made from a request, the HTTP response made from a function's output.
//!
//! Pure: no connection, no function. Follows
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//! and, where that is silent, the observed behaviour of API Gateway: only text, JSON, XML and JavaScript bodies
//! travel as text, forms and bodies without a type as base64.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::callers::Caller;
use super::encoding;
use super::routes::Found;
use crate::lambda::runtime_api::trace_id;
use crate::template::ACCOUNT_ID;
use crate::template::intrinsics::plain_text;
use crate::{clock, random};

/// A request that came to the API of this id, the first label of its name in AWS.
pub struct Received<'r> {
    /// The API's id.
    pub api_id: &'r str,
    /// The route that takes it.
    pub found: &'r Found<'r>,
    /// Who signed it, if the route wants that.
    pub caller: Option<&'r Caller>,
    /// Method, target and headers.
    pub parts: &'r Parts,
    /// The body.
    pub body: &'r [u8],
    /// The other end of the connection.
    pub peer: SocketAddr,
}

/// The event for one request.
pub fn event(received: &Received<'_>) -> Value {
    let Received { api_id, found, caller, parts, body, peer } = *received;
    // Decoded, unlike the query.
    let path = &found.path;
    let query = parts.uri.query().unwrap_or_default();
    let now = clock::now();
    let host = text(&parts.headers, &header::HOST);
    let mut event = json!({
        "version": "2.0",
        "routeKey": found.route.key(),
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers, peer),
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.split(['.', ':']).next().unwrap_or_default(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                // The peer of the connection, never a header: limits rely on it.
                "sourceIp": peer.ip().to_string(),
                "userAgent": text(&parts.headers, &header::USER_AGENT),
            },
            "requestId": STANDARD.encode(random::bytes::<11>()),
            "routeKey": found.route.key(),
            "stage": "$default",
            "time": clock::common_log_time(now),
            "timeEpoch": clock::epoch_millis(now),
        },
        "isBase64Encoded": false,
    });
    if let Some(caller) = caller {
        event["requestContext"]["authorizer"] = json!({ "iam": caller.identity() });
    }
    if !found.parameters.is_empty() {
        event["pathParameters"] = json!(found.parameters);
    }
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(query_parameters(query));
    }
    if !body.is_empty() {
        let text = std::str::from_utf8(body).ok().filter(|_| travels_as_text(&parts.headers));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = text.map_or_else(|| json!(STANDARD.encode(body)), |text| json!(text));
    }
    event
}

/// Names in lower case, repeated ones joined with commas, cookies apart, and what API Gateway adds.
fn headers(headers: &HeaderMap, peer: SocketAddr) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if name == header::COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        map.entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let peer_ip = peer.ip().to_string();
    map.entry("x-forwarded-for".to_owned())
        .and_modify(|chain| {
            chain.push_str(", ");
            chain.push_str(&peer_ip);
        })
        .or_insert(peer_ip);
    let port = text(headers, &header::HOST).rsplit_once(':').map_or("80", |(_, port)| port).to_owned();
    map.insert("x-forwarded-port".to_owned(), port);
    map.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    map.entry("x-amzn-trace-id".to_owned()).or_insert_with(trace_id);
    map
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let pairs = lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    pairs.filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

/// Decoded, repeated names joined with commas.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut map = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = encoding::form(value);
        match map.get_mut(&encoding::form(name)) {
            Some(Value::String(joined)) => {
                joined.push(',');
                joined.push_str(&value);
            }
            _ => {
                map.insert(encoding::form(name), Value::String(value));
            }
        }
    }
    map
}

fn travels_as_text(headers: &HeaderMap) -> bool {
    let kind = text(headers, &header::CONTENT_TYPE).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/xml" | "application/javascript")
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionOutput {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The HTTP response for a function's output. The error says why there is none.
pub fn response(payload: &[u8]) -> Result<Response, String> {
    let answer: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if answer.get("statusCode").is_none() {
        // Format 2.0 takes any other JSON as the body of a 200.
        return Ok(axum::Json(answer).into_response());
    }
    let answer = FunctionOutput::deserialize(&answer).map_err(|error| error.to_string())?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        STANDARD.decode(body).map_err(|error| error.to_string())?
    } else {
        body.into_bytes()
    };
    let status = StatusCode::from_u16(answer.status_code).map_err(|error| error.to_string())?;
    let mut response = (status, Body::from(body)).into_response();
    for (name, value) in answer.headers.unwrap_or_default() {
        let name: HeaderName = name.parse().map_err(|_| format!("the header name {name:?}"))?;
        let value = plain_text(&value);
        response.headers_mut().insert(name, header_value(&value)?);
    }
    for cookie in answer.cookies.unwrap_or_default() {
        response.headers_mut().append(header::SET_COOKIE, header_value(&cookie)?);
    }
    Ok(response)
}

fn header_value(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| "a header's value holds a control character".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Route;

    fn request(build: impl FnOnce(axum::http::request::Builder) -> axum::http::request::Builder) -> Parts {
        let request = build(axum::http::Request::builder()).body(()).expect("a request");
        request.into_parts().0
    }

    fn event_of(parts: &Parts, body: &[u8]) -> Value {
        let peer = "192.0.2.7:5000".parse().expect("an address");
        let route = Route { method: None, path: Some("/login".to_owned()), iam: false };
        let parameters = BTreeMap::new();
        let found = Found { route: &route, function: "f", path: "/login".to_owned(), parameters };
        event(&Received { api_id: "Api", found: &found, caller: None, parts, body, peer })
    }

    #[test]
    fn an_event_has_the_shape_of_payload_format_2() {
        let parts = request(|request| {
            request
                .method("GET")
                .uri("/login?next=%2Faccount&a=1&a=b+c&flag")
                .header("Host", "127.0.0.1:3000")
                .header("X-Forwarded-For", "198.51.100.1")
                .header("Accept", "text/html")
                .header("Accept", "application/json")
                .header("Cookie", "a=1; b=2")
                .header("Cookie", "c=3")
        });
        let event = event_of(&parts, b"");
        assert_eq!(event["routeKey"], "ANY /login");
        assert_eq!(event["rawQueryString"], "next=%2Faccount&a=1&a=b+c&flag");
        assert_eq!(event["queryStringParameters"], json!({ "next": "/account", "a": "1,b c", "flag": "" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["headers"]["accept"], "text/html,application/json");
        assert!(event["headers"]["cookie"].is_null());
        assert_eq!(event["headers"]["x-forwarded-for"], "198.51.100.1, 192.0.2.7");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.7");
        assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.1");
        assert!(event.get("body").is_none() && event["isBase64Encoded"] == false);
        assert!(event.get("pathParameters").is_none() && event["requestContext"].get("authorizer").is_none());
    }

    #[test]
    fn paths_are_decoded_and_variables_have_values() {
        let route = Route { method: None, path: Some("/things/{id}".to_owned()), iam: false };
        let parameters = BTreeMap::from([("id".to_owned(), "søren".to_owned())]);
        let found = Found { route: &route, function: "f", path: "/things/søren".to_owned(), parameters };
        let parts = request(|request| request.uri("/things/s%C3%B8ren?a=%2F"));
        let peer = "192.0.2.7:5000".parse().expect("an address");
        let received =
            Received { api_id: "Api", found: &found, caller: None, parts: &parts, body: b"", peer };
        let event = event(&received);
        assert_eq!(event["pathParameters"], json!({ "id": "søren" }));
        assert_eq!(event["routeKey"], "ANY /things/{id}");
        assert_eq!(event["rawPath"], "/things/søren");
        assert_eq!(event["requestContext"]["http"]["path"], "/things/søren");
        assert_eq!(
            (&event["rawQueryString"], &event["requestContext"]["apiId"]),
            (&json!("a=%2F"), &json!("Api"))
        );
    }

    #[test]
    fn bodies_travel_as_api_gateway_sends_them() {
        for (kind, body, sent, base64) in [
            (Some("application/json"), &b"{}"[..], "{}", false),
            (Some("text/plain; charset=utf-8"), b"x", "x", false),
            (Some("application/x-www-form-urlencoded"), b"a=1", "YT0x", true),
            (Some("application/json"), b"\xff", "/w==", true),
            (None, b"x", "eA==", true),
        ] {
            let parts = request(|request| match kind {
                Some(kind) => request.header("Content-Type", kind),
                None => request,
            });
            let event = event_of(&parts, body);
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!(sent), &json!(base64)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn an_answer_becomes_a_response() {
        let answer = json!({
            "statusCode": 303,
            "headers": { "Location": "/account", "X-Count": 3 },
            "cookies": ["a=1; Secure", "b=2"],
        });
        let response = response(answer.to_string().as_bytes()).expect("a response");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], "/account");
        assert_eq!(response.headers()["x-count"], "3");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for answer in [
            "",
            r#"{"statusCode": "many"}"#,
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": 200, "isBase64Encoded": true, "body": "%"}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "headers": {"a": "c\r\nd: e"}}"#,
        ] {
            assert!(response(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
