//! A client that keeps cookies as a browser does, for the tour and for tests: a site, a cookie jar and JSON. Must not
//! know what the site is about.
//!
//! The jar is a map of its own, because the site's cookies are `Secure` and a local site has no TLS: the jars of HTTP
//! clients would not send them back.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use axum::{
    body::Bytes,
    http::{HeaderValue, Method, Request, header},
};
use cookie::Cookie;
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// How long a site may take for one response. API Gateway itself gives up after 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to sites, with and without TLS; clones share them.
#[derive(Debug, Clone)]
pub struct Connections(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Connections {
    /// Trusts the certificate authorities of this machine, and follows no redirect.
    pub fn new() -> Result<Self> {
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

/// A browser at one site, with cookies of its own.
#[derive(Debug, Clone)]
pub struct Browser {
    site: String,
    connections: Connections,
    cookies: BTreeMap<String, String>,
}

/// A request to the site, without the cookies.
#[derive(Debug, Clone)]
pub struct SiteRequest {
    /// The method.
    pub method: Method,
    /// Begins with `/` and may carry a query.
    pub path: String,
    /// The headers, without the cookies.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: String,
}

impl SiteRequest {
    /// A program's request: it sends JSON and wants JSON.
    pub fn json(method: Method, path: &str, body: Option<Value>) -> Self {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(body.is_some().then(|| ("content-type", "application/json".to_owned())));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        Self { method, path: path.to_owned(), headers, body }
    }
}

/// The site's response.
#[derive(Debug, Clone)]
pub struct SiteResponse {
    /// The status.
    pub status: u16,
    /// The body, byte for byte.
    pub bytes: Vec<u8>,
    /// The body as JSON; null where it is not JSON.
    pub body: Value,
    /// The headers by which two responses can be compared: sorted, without the date and the request's own id.
    pub headers: Vec<(String, String)>,
    /// All headers, sorted.
    pub all_headers: Vec<(String, String)>,
}

impl Browser {
    /// A browser without cookies at the site of this URL.
    pub fn new(site: &str, connections: &Connections) -> Self {
        Self { site: site.to_owned(), connections: connections.clone(), cookies: BTreeMap::new() }
    }

    /// The cookies, by name.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// Asks for JSON.
    pub async fn get(&mut self, path: &str) -> Result<SiteResponse> {
        self.send(&SiteRequest::json(Method::GET, path, None)).await
    }

    /// Sends JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<SiteResponse> {
        self.send(&SiteRequest::json(Method::POST, path, Some(body.clone()))).await
    }

    /// Sends a request with the cookies, and keeps the cookies of the response.
    pub async fn send(&mut self, request: &SiteRequest) -> Result<SiteResponse> {
        let url = format!("{}{}", self.site, request.path);
        let mut sent = Request::builder().method(request.method.clone()).uri(url);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            sent = sent.header(header::COOKIE, pairs.join("; "));
        }
        let response = self.connections.0.request(sent.body(Full::from(request.body.clone()))?);
        let response = tokio::time::timeout(TIMEOUT, response)
            .await
            .with_context(|| format!("no response of {} in {} s", self.site, TIMEOUT.as_secs()))?
            .with_context(|| format!("the site does not answer at {}", self.site))?;

        for cookie in response.headers().get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().context("a cookie is not text")?)?;
        }
        let status = response.status().as_u16();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let lines = response.headers().iter();
        let mut all_headers: Vec<_> = lines.map(|(name, value)| (name.to_string(), text(value))).collect();
        all_headers.sort();
        let own = |name: &str| matches!(name, "date" | "apigw-requestid" | "x-amzn-requestid");
        let headers = all_headers.iter().filter(|(name, _)| !own(name)).cloned().collect();
        let bytes = response.into_body().collect().await.context("the response broke off")?;
        let bytes = bytes.to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(SiteResponse { status, bytes, body, headers, all_headers })
    }

    /// Treats a `Set-Cookie` as a browser does; a cookie that a browser would drop is an error.
    fn keep(&mut self, line: &str) -> Result<()> {
        let cookie = Cookie::parse(line).with_context(|| format!("not a cookie: {line}"))?;
        let name = cookie.name();
        if name.starts_with("__Host-") {
            let kept =
                cookie.secure() == Some(true) && cookie.path() == Some("/") && cookie.domain().is_none();
            ensure!(kept, "a browser drops the cookie {name}: {cookie:?}");
        }
        ensure!(cookie.http_only() == Some(true), "scripts can read the cookie {name}: {cookie:?}");
        if cookie.value().is_empty() || cookie.max_age().is_some_and(time::Duration::is_zero) {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), cookie.value().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_dropped_and_cleared_as_in_a_browser() {
        let connections = Connections::new().expect("this machine trusts somebody");
        let mut browser = Browser::new("http://127.0.0.1:1", &connections);
        let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
        browser.keep(&format!("__Host-session=abc; {attributes}")).expect("a browser keeps it");
        assert!(browser.cookies().contains_key("__Host-session"));
        assert!(browser.keep("__Host-session=abc; Path=/; HttpOnly").is_err());
        assert!(browser.keep("__Host-session=abc; Path=/; Secure").is_err());
        assert!(browser.keep(&format!("__Host-session=abc; Domain=a.example; {attributes}")).is_err());
        browser.keep(&format!("__Host-session=; Max-Age=0; {attributes}")).expect("a browser clears it");
        assert!(browser.cookies().is_empty());
    }
}
