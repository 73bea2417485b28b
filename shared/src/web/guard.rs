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

use super::request::MAX_BODY_BYTES;

/// The media type of a body that is marked as base64 but is not. [`super::Request::form`] refuses it as malformed.
pub(super) const UNDECODABLE: &str = "application/x-undecodable";

/// The longest path or query. API Gateway accepts 10,240 bytes of request line and headers together.
const MAX_TARGET_BYTES: usize = 16 * 1_024;

/// An event as the runtime reads it.
#[derive(Debug)]
pub struct Event(pub ApiGatewayV2httpRequest);

impl<'de> Deserialize<'de> for Event {
    /// Headers that are not valid in HTTP would fail the whole event: invalid characters of their values are replaced,
    /// invalid names are removed.
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

/// Replaces what is not valid in a header's value, or in each of its values.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) if HeaderValue::from_str(text).is_err() => {
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
