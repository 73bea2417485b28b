//! Makes an event of API Gateway safe for `lambda_http`, whose conversion panics if a part of the event cannot be
//! part of an HTTP request (docs/decisions/0005).
//!
//! Pure: its result always converts.
use std::fmt::Write as _;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, COOKIE, HOST};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

/// The largest body that is read; the longest real form contains a password of 1,024 bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1_024;

/// The media type of a body that is marked as base64 but is not. [`super::Request::form`] refuses it as malformed.
pub(super) const UNDECODABLE: &str = "application/x-undecodable";

/// The longest path or query. API Gateway accepts 10,240 bytes of request line and headers together.
const MAX_TARGET_BYTES: usize = 16 * 1_024;

/// An event as the runtime reads it.
#[derive(Debug)]
pub struct Event(pub ApiGatewayV2httpRequest);

impl<'de> Deserialize<'de> for Event {
    /// Headers that are not valid in HTTP would fail the whole event, and values beyond ASCII could not be read: invalid
    /// characters of values become question marks, invalid names are removed.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        if let Some(headers) = event.get_mut("headers").and_then(Value::as_object_mut) {
            headers.retain(|name, _| HeaderName::from_bytes(name.as_bytes()).is_ok());
            for value in headers.values_mut() {
                clean(value);
            }
        }
        serde_json::from_value(event).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Replaces all but visible ASCII (RFC 9110 section 5.5), in one value or in each of several.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            *text = text.chars().map(|c| if c.is_ascii() && !c.is_control() { c } else { '?' }).collect();
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        _ => {}
    }
}

/// Makes every part of the event one that `lambda_http` can convert.
pub fn guard(Event(mut event): Event) -> ApiGatewayV2httpRequest {
    guard_body(&mut event);
    guard_cookies(&mut event);
    // The conversion would put the stage before the path, and the scheme that a client claims before the host.
    event.request_context.stage = None;
    event.headers.remove("x-forwarded-proto");
    let path = guard_path(event.raw_path.take().unwrap_or_default());
    guard_host(&mut event, &path);
    event.raw_path = Some(path);
    event.raw_query_string = event.raw_query_string.map(|query| guard_query(&query));
    event
}

/// A body that is too large stays too large and is not decoded; one that does not decode is marked.
fn guard_body(event: &mut ApiGatewayV2httpRequest) {
    let Some(body) = &mut event.body else { return };
    // Base64 is a third longer.
    if body.len() > MAX_BODY_BYTES * 4 / 3 + 4 {
        *body = "x".repeat(MAX_BODY_BYTES + 1);
        event.is_base64_encoded = false;
    } else if event.is_base64_encoded && STANDARD.decode(&*body).is_err() {
        event.body = None;
        event.is_base64_encoded = false;
        event.headers.insert(CONTENT_TYPE, HeaderValue::from_static(UNDECODABLE));
    }
}

/// One invalid cookie would lose all others.
fn guard_cookies(event: &mut ApiGatewayV2httpRequest) {
    let Some(cookies) = event.cookies.take() else { return };
    let line = cookies.iter().filter(|cookie| !cookie.chars().any(char::is_control));
    let line = line.map(String::as_str).collect::<Vec<_>>().join("; ");
    match HeaderValue::from_bytes(line.as_bytes()) {
        Ok(line) => event.headers.insert(COOKIE, line),
        Err(_) => event.headers.remove(COOKIE),
    };
}

fn guard_path(path: String) -> String {
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let end = path.floor_char_boundary(MAX_TARGET_BYTES);
    path[..end].to_owned()
}

/// Removes a host that is not valid in a URL. A form of our own pages never has such a host.
fn guard_host(event: &mut ApiGatewayV2httpRequest, path: &str) {
    let usable = |host: &str| {
        let url = Url::parse(&format!("https://{host}{path}"));
        url.is_ok_and(|url| url.as_str().parse::<http::Uri>().is_ok())
    };
    if event.headers.get(HOST).is_some_and(|host| !host.to_str().is_ok_and(usable)) {
        event.headers.remove(HOST);
    }
    let context = &mut event.request_context;
    context.domain_name = context.domain_name.take().filter(|name| usable(name));
}

/// Percent-encodes what is not valid in a URI (RFC 3986 section 3.4). Removes a query that is too long; no link of ours
/// is.
fn guard_query(query: &str) -> String {
    let mut encoded = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'#' | b'`' | 0..=b' ' | 0x7f.. => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            byte => encoded.push(byte.into()),
        }
    }
    if encoded.len() > MAX_TARGET_BYTES { String::new() } else { encoded }
}

#[cfg(test)]
mod tests {
    use lambda_http::request::LambdaRequest;
    use serde_json::json;

    use super::*;
    use crate::web::{Code, EmptyForm, Request};

    /// An event with these parts in place of its own, as a request.
    fn request(parts: Value) -> Request {
        let mut event = json!({
            "version": "2.0",
            "rawPath": "/login",
            "rawQueryString": "",
            "headers": { "host": "account.example.com", "content-type": "application/x-www-form-urlencoded" },
            "requestContext": {
                "domainName": "account.example.com",
                "http": { "method": "POST", "path": "/login", "sourceIp": "203.0.113.7" },
                "requestId": "r",
                "stage": "$default",
            },
            "isBase64Encoded": false,
        });
        merge(&mut event, parts);
        let event: Event = serde_json::from_value(event).expect("it deserialises");
        Request::from(lambda_http::Request::from(LambdaRequest::ApiGatewayV2(guard(event))))
    }

    fn merge(into: &mut Value, parts: Value) {
        match (into, parts) {
            (Value::Object(into), Value::Object(parts)) => {
                for (name, part) in parts {
                    merge(into.entry(name).or_insert(Value::Null), part);
                }
            }
            (into, part) => *into = part,
        }
    }

    fn context(part: &str, value: &str) -> Value {
        json!({ "requestContext": { part: value } })
    }

    #[test]
    fn every_path_and_host_converts_and_the_path_stays_what_it_was() {
        let long = format!("/{}", "x".repeat(70_000));
        for (parts, path) in [
            (json!({}), "/login"),
            (json!({ "rawPath": null }), "/"),
            (json!({ "rawPath": "" }), "/"),
            (json!({ "rawPath": "login" }), "/login"),
            (json!({ "rawPath": "//example.net/login" }), "//example.net/login"),
            (json!({ "rawPath": "/a/../login" }), "/a/../login"),
            (json!({ "rawPath": "/søren/\u{0}/<x>" }), "/søren/\u{0}/<x>"),
            (json!({ "rawPath": "/login?next=#top" }), "/login?next=#top"),
            (json!({ "rawPath": long }), &long[..MAX_TARGET_BYTES]),
            (json!({ "headers": { "host": "" } }), "/login"),
            (json!({ "headers": { "host": "two words" } }), "/login"),
            (json!({ "headers": { "host": "[::1" } }), "/login"),
            (json!({ "headers": { "host": "a:99999" } }), "/login"),
            (json!({ "headers": { "host": "u@h?x#y" } }), "/login"),
            (json!({ "headers": { "host": ["one.example.com", "two.example.com"] } }), "/login"),
            (json!({ "headers": { "host": "sør en" } }), "/login"),
            (json!({ "headers": { "x-forwarded-proto": "no scheme" } }), "/login"),
            (json!({ "headers": { "x-forwarded-proto": "javascript" } }), "/login"),
            (context("stage", "pr od/%zz"), "/login"),
            (context("domainName", "two words"), "/login"),
            (
                json!({ "headers": { "host": "a b" }, "rawPath": "x", "requestContext": { "domainName": "c d" } }),
                "/x",
            ),
        ] {
            assert_eq!(request(parts.clone()).path(), path, "{parts}");
        }
    }

    #[test]
    fn every_query_converts_and_says_what_it_said() {
        let token = "A".repeat(43);
        for (query, value) in [
            (format!("token={token}"), Some(&*token)),
            ("token=a\"b<c>d e`f#g".into(), Some("a\"b<c>d e`f#g")),
            ("token=\u{1}\u{7f}\té".into(), Some("\u{1}\u{7f}\té")),
            ("token=%zz".into(), Some("%zz")),
            ("x=1&token=a&token=b".into(), Some("a")),
            (format!("token={}", "x".repeat(64 * 1_024)), None),
            (String::new(), None),
        ] {
            let read = request(json!({ "rawQueryString": query })).query("token");
            assert_eq!(read.as_deref(), value, "{query:.60}");
        }
    }

    #[test]
    fn every_body_converts_and_is_read_or_refused() {
        let form = |parts| request(parts).form::<EmptyForm>().err().map(|problem| problem.code);
        let long = "x".repeat(8 * MAX_BODY_BYTES);
        for (body, is_base64, refused) in [
            ("", false, None),
            ("", true, None),
            // A field that nobody asked for.
            ("a=1", false, None),
            ("YT0x", true, None),
            ("{}", false, Some(Code::MalformedBody)),
            ("e30=", true, Some(Code::MalformedBody)),
            ("not base64!", true, Some(Code::MalformedBody)),
            ("YT0", true, Some(Code::MalformedBody)),
            (&*long, false, Some(Code::BodyTooLarge)),
            (&*long, true, Some(Code::BodyTooLarge)),
            (&*STANDARD.encode("x".repeat(MAX_BODY_BYTES + 1)), true, Some(Code::BodyTooLarge)),
        ] {
            let parts = json!({ "body": body, "isBase64Encoded": is_base64 });
            assert_eq!(form(parts), refused, "{body:.40} {is_base64}");
        }
        // A client that names the mark itself gets no further.
        let marked = json!({ "headers": { "content-type": UNDECODABLE } });
        assert_eq!(form(marked), Some(Code::MalformedBody));
    }

    #[test]
    fn one_odd_cookie_or_header_costs_nothing_but_itself() {
        let session = "A".repeat(43);
        let ours = format!("__Host-session={session}");
        for others in [vec![], vec!["a=\u{1}"], vec!["a=é", "b=\"x y\""], vec!["a=\r\nset-cookie: x"]] {
            let cookies: Vec<&str> = others.iter().copied().chain([&*ours]).collect();
            let read = request(json!({ "cookies": cookies }));
            assert_eq!(read.session().map(|token| token.expose()).as_ref(), Some(&session), "{others:?}");
        }
        let headers = json!({ "headers": {
            "user-agent": "Größe\u{fffd} (iPhone)", "x y": "1", "": "2", "accept": ["text/html", "a\nb"],
        } });
        let read = request(headers);
        assert_eq!(read.client_info().device, domain::Device::Iphone);
        assert!(!read.wants_json());
    }
}
