//! Arbitrary requests for whole flows, a network that answers like empty tables, and the properties of every answer.
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http::{HeaderName, HeaderValue, Method};

use shared::web::LocalPath;
use shared::web::guard::Event;

use super::assert_stays_here;

/// Builds a request from bytes: the first chooses the method and the coding of the body, then come a line each for
/// path and query, cookies, media type, `Accept` and `Sec-Fetch-Site`; the rest is the body. None if a line
/// is not possible in an event of API Gateway.
pub fn ask(data: &[u8]) -> Option<Event> {
    let (first, rest) = data.split_first()?;
    let mut parts = rest.splitn(6, |byte| *byte == b'\n');
    let mut line = || parts.next().map_or(Some(""), |line| std::str::from_utf8(line).ok());
    let (target, cookies) = (line()?.to_owned(), line()?.to_owned());
    let mut event = ApiGatewayV2httpRequest::default();
    for name in ["content-type", "accept", "sec-fetch-site"] {
        event.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(line()?).ok()?);
    }
    event.body = Some(line()?.to_owned());
    event.is_base64_encoded = first & 1 != 0;
    event.request_context.http.method = match first / 2 % 8 {
        0 | 1 => Method::GET,
        2 => Method::HEAD,
        3 => Method::PUT,
        _ => Method::POST,
    };
    event.request_context.http.source_ip = Some("203.0.113.7".into());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    event.raw_path = Some(path.to_owned());
    event.raw_query_string = Some(query.to_owned());
    event.cookies = Some(cookies.split("; ").map(str::to_owned).collect());
    Some(Event(event))
}

/// The site's URL.
pub const SITE: &str = "https://account.example.com";

/// The variables of a function's environment, as any function could have them.
pub fn variable(name: &str) -> Option<String> {
    let value = match name {
        "AWS_SESSION_TOKEN" | "AWS_MAX_ATTEMPTS" | "AWS_RETRY_MODE" | "ORIGIN_KEY" => return None,
        "AWS_ENDPOINT_URL_DYNAMODB" => "http://127.0.0.1:1",
        "BACKUP_HOLD_HOURS" => "0",
        "FORMER_HASHES" => "",
        "DAILY_MAILS" => "50000",
        "HASHING_KEY" => "0123456789abcdef0123456789abcdef",
        "LOG_LEVEL" => "error",
        "TIME_ZONE" => "UTC",
        "MAIL_FROM" => "no-reply@example.com",
        "PUBLIC_URL" => SITE,
        _ => "x",
    };
    Some(value.to_owned())
}

/// A network that answers like DynamoDB with empty tables: nothing is found, the condition of an update is false, a
/// transaction is written.
pub fn empty_tables() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(EmptyTables);
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct EmptyTables;

impl HttpConnector for EmptyTables {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (status, body) = if target.ends_with(".UpdateItem") {
            (
                400,
                r#"{"__type":"ConditionalCheckFailedException","message":"The conditional request failed"}"#,
            )
        } else {
            (200, "{}")
        };
        let status = status.try_into().expect("a status is a number of three digits");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

/// The properties of every answer: no failure of ours, all security headers, and no redirect off the site.
pub fn assert_calm(response: &ApiGatewayV2httpResponse) {
    let header = |name| response.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    assert!(matches!(response.status_code, 200..=303 | 400..=429), "status {}", response.status_code);
    let policy = header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // The documents for products are everybody's.
    let public = response.status_code == 200 && response.cookies.is_empty() && policy.contains("sandbox");
    let cached = header("cache-control");
    assert!(cached == Some("no-store") || (public && cached == Some("public, max-age=3600")), "{cached:?}");
    if let Some(location) = header("location") {
        assert_stays_here(&LocalPath::from(location.to_owned()));
        assert_eq!(LocalPath::from(location.to_owned()).as_str(), location, "off the site");
    }
}
