//! Somebody at the site: a base URL, a cookie jar and JSON. Must not know the story, only what a client and a
//! browser know. The jar is kept by hand, because the site's cookies are `Secure` and a local site has no TLS.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use axum::{
    body::Bytes,
    http::{HeaderValue, Method, Request, header},
};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// How long a site may take for one answer. API Gateway itself gives up after 30 seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cookie that says who is signed in.
const SESSION_COOKIE: &str = "__Host-session";

/// Connections to sites, with and without TLS; its clones share them.
#[derive(Debug, Clone)]
pub(super) struct Wire(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Wire {
    /// Trusts the certificate authorities of this machine, and follows no redirect.
    pub(super) fn new() -> Result<Self> {
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

/// The cookie that says which link this browser asked for.
const ASKED_COOKIE: &str = "__Host-asked";

/// A client of the site with cookies of its own.
#[derive(Debug)]
pub(super) struct Visitor {
    site: String,
    wire: Wire,
    cookies: BTreeMap<String, String>,
}

/// What is asked of the site, apart from the cookies.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Begins with `/` and may carry a query.
    pub(super) path: String,
    /// What the client says of itself and of the body.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Asked {
    /// As a program asks: for JSON, with JSON.
    pub(super) fn json(method: Method, path: &str, body: Option<Value>) -> Self {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(body.is_some().then(|| ("content-type", "application/json".to_owned())));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        Self { method, path: path.to_owned(), headers, body }
    }
}

/// What the site answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The body, byte for byte.
    pub(super) bytes: Vec<u8>,
    /// The body as JSON; null when it is none.
    pub(super) body: Value,
    /// The header lines that two answers can be compared by: sorted, without the date and the request's own id.
    pub(super) headers: Vec<(String, String)>,
    /// All header lines, sorted.
    pub(super) all_headers: Vec<(String, String)>,
}

impl Visitor {
    /// Someone who was never here before.
    pub(super) fn new(site: &str, wire: &Wire) -> Self {
        Self { site: site.to_owned(), wire: wire.clone(), cookies: BTreeMap::new() }
    }

    /// Whether this client holds a session, dead or alive.
    pub(super) fn has_session(&self) -> bool {
        self.cookies.contains_key(SESSION_COOKIE)
    }

    /// The cookies this client would send now.
    pub(super) fn cookie_names(&self) -> Vec<String> {
        self.cookies.keys().cloned().collect()
    }

    /// Sends one request.
    pub(super) async fn send(&mut self, asked: &Asked) -> Result<Answer> {
        let url = format!("{}{}", self.site, asked.path);
        let mut request = Request::builder().method(asked.method.clone()).uri(url);
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let answering = self.wire.0.request(request.body(Full::from(asked.body.clone()))?);
        let response = tokio::time::timeout(PATIENCE, answering)
            .await
            .with_context(|| format!("{} s are over without an answer of {}", PATIENCE.as_secs(), self.site))?
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
        let bytes = response.into_body().collect().await.context("the answer broke off")?.to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, bytes, body, headers, all_headers })
    }

    /// Does with a `Set-Cookie` what a browser does, and says so when a browser would drop it.
    fn keep(&mut self, line: &str) -> Result<()> {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            bail!("not a cookie: {line}");
        };
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let has = |wanted: &str| attributes.iter().any(|attribute| attribute == wanted);
        if name.starts_with("__Host-") {
            let domain = attributes.iter().any(|attribute| attribute.starts_with("domain="));
            ensure!(
                has("secure") && has("path=/") && !domain,
                "a browser drops the cookie {name}: {attributes:?}"
            );
        }
        ensure!(has("httponly"), "scripts can read the cookie {name}: {attributes:?}");
        if value.is_empty() || has("max-age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

impl Answer {
    /// The status must be this one.
    pub(super) fn expect(&self, status: u16) -> Result<&Self> {
        ensure!(self.status == status, "expected {status}, came {}", self.in_full());
        Ok(self)
    }

    /// It must be a problem document with this status and code.
    pub(super) fn expect_problem(&self, status: u16, code: &str) -> Result<&Self> {
        let expected = format!("expected {status} and the problem {code}, came {}", self.in_full());
        ensure!(self.status == status && self.body["code"] == code, expected);
        let media_type =
            self.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| &**value);
        ensure!(
            media_type.is_some_and(|value| value.starts_with("application/problem+json")),
            "expected application/problem+json, came {media_type:?}"
        );
        Ok(self)
    }

    /// What the JSON pointer names must have this value.
    pub(super) fn expect_value(&self, pointer: &str, value: &str) -> Result<&Self> {
        let there = self.body.pointer(pointer).and_then(Value::as_str);
        ensure!(there == Some(value), "expected {pointer} to be \"{value}\", came {}", self.in_full());
        Ok(self)
    }

    /// What the JSON pointer names must be true, or must be false.
    pub(super) fn expect_flag(&self, pointer: &str, value: bool) -> Result<&Self> {
        let there = self.body.pointer(pointer).and_then(Value::as_bool);
        ensure!(there == Some(value), "expected {pointer} to be {value}, came {}", self.in_full());
        Ok(self)
    }

    /// It must be the same answer as another: status, headers and bytes, but for the code of a link and the cookie
    /// that belongs to it, which are of each request's own.
    pub(super) fn expect_same_as(&self, other: &Self) -> Result<()> {
        ensure!(
            self.status == other.status && self.without_chance() == other.without_chance(),
            "expected the same answer twice, came {} {:?} and {} {:?}",
            self.in_full(),
            self.headers,
            other.in_full(),
            other.headers,
        );
        Ok(())
    }

    fn without_chance(&self) -> (Vec<(String, String)>, String) {
        let text = String::from_utf8_lossy(&self.bytes);
        let code = self.body.get("code").and_then(Value::as_str).filter(|_| self.status == 200);
        let text = code.map_or_else(|| text.to_string(), |code| text.replace(code, "CODE"));
        let asked = format!("{ASKED_COOKIE}=");
        let headers = self.headers.iter().map(|(name, value)| match value.strip_prefix(&asked) {
            Some(cookie) if name == "set-cookie" => {
                let attributes = cookie.split_once(';').map_or("", |(_, attributes)| attributes);
                (name.clone(), format!("{asked}SECRET;{attributes}"))
            }
            _ => (name.clone(), value.clone()),
        });
        (headers.collect(), text)
    }

    fn in_full(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.bytes))
    }

    /// The essential part in one line.
    pub(super) fn gist(&self) -> String {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str);
        let essence = match (text("/code"), text("/backup/state"), text("/username"), text("/address")) {
            (Some(code), ..) if self.status == 200 => format!("and shows the code {code}"),
            (Some(problem), ..) => problem.to_owned(),
            (_, Some(state), ..) => {
                let addresses = [text("/backup/address"), text("/backup/pending_address")];
                let addresses: Vec<_> = addresses.into_iter().flatten().collect();
                format!("backup {state} {}", addresses.join(" by ")).trim_end().to_owned()
            }
            (_, _, Some(username), Some(address)) => format!("{username}, {address}"),
            (_, _, Some(username), None) => username.to_owned(),
            _ => shortened(&String::from_utf8_lossy(&self.bytes)),
        };
        let session = format!("{SESSION_COOKIE}=");
        let cookie =
            self.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with(&session));
        let cookie = match cookie {
            Some((_, value)) if value[session.len()..].starts_with(';') => ", session cookie cleared",
            Some(_) => ", session cookie",
            None => "",
        };
        format!("{} {essence}{cookie}", self.status)
    }
}

fn shortened(text: &str) -> String {
    const LENGTH: usize = 72;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_dropped_and_cleared_as_in_a_browser() {
        let wire = Wire::new().expect("this machine trusts somebody");
        let mut visitor = Visitor::new("http://127.0.0.1:1", &wire);
        let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
        visitor.keep(&format!("__Host-session=abc; {attributes}")).expect("a browser keeps it");
        assert!(visitor.has_session());
        assert!(visitor.keep("__Host-session=abc; Path=/; HttpOnly").is_err());
        assert!(visitor.keep("__Host-session=abc; Path=/; Secure").is_err());
        assert!(visitor.keep(&format!("__Host-session=abc; Domain=a.example; {attributes}")).is_err());
        visitor.keep(&format!("__Host-session=; Max-Age=0; {attributes}")).expect("a browser clears it");
        assert!(!visitor.has_session());
    }
}
