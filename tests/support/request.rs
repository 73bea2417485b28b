//! A request as API Gateway sends it to a function.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::{file, function_of, template};

/// A real event, from which all others are built.
static REAL: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&file("events/account.json")).expect("an event is JSON"));

/// A request, before it is an event.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The path, with its query if it has one.
    pub path: String,
    /// Headers beyond the usual ones, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body's bytes.
    pub body: Option<Vec<u8>>,
}

impl Ask {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: BTreeMap::new(), body: None }
    }

    /// A page's request by a browser.
    pub fn page(path: &str) -> Self {
        Self::new("GET", path).header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    }

    /// A form that one of our pages posts.
    pub fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let body = serde_html_form::to_string(fields).expect("fields are a form");
        Self { method: "POST".into(), ..Self::page(path) }
            .header("sec-fetch-site", "same-origin")
            .header("origin", "https://account.example.com")
            .body("application/x-www-form-urlencoded", body)
    }

    /// A program's POST.
    pub fn json(path: &str, value: &Value) -> Self {
        Self::new("POST", path)
            .header("accept", "application/json")
            .body("application/json", value.to_string())
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets the body.
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// The event. As in API Gateway, JSON and text are sent as they are and everything else as base64.
    pub fn event(&self, client: IpAddr, cookies: &[String]) -> Value {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut event = REAL.clone();
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        event["routeKey"] = json!(route_key(&self.method, path));
        event["requestContext"]["routeKey"] = json!(route_key(&self.method, path));
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["requestContext"]["http"]["sourceIp"] = json!(client);
        for name in ["accept", "accept-language"] {
            event["headers"].as_object_mut().expect("headers are an object").remove(name);
        }
        // Cookies have a place of their own.
        let own = self.headers.get("cookie");
        event["cookies"] = json!(cookies.iter().chain(own).collect::<Vec<_>>());
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "cookie") {
            event["headers"][name] = json!(value);
        }
        if let Some(body) = &self.body {
            let media_type = self.headers.get("content-type").map_or("", String::as_str);
            let as_text = media_type.starts_with("text/") || media_type.starts_with("application/json");
            let text = std::str::from_utf8(body).ok().filter(|_| as_text);
            event["isBase64Encoded"] = json!(text.is_none());
            event["body"] = text.map_or_else(|| json!(STANDARD.encode(body)), |text| json!(text));
        }
        event
    }
}

/// The key of the route that API Gateway chooses: one with the method before the path's `ANY`.
fn route_key(method: &str, path: &str) -> String {
    let function = template().function(function_of(path)).expect("a function of the template");
    let on_path = || function.routes.iter().filter(|route| route.path.as_deref() == Some(path));
    let own = on_path().find(|route| route.method.as_deref() == Some(method));
    let any = || on_path().find(|route| route.method.is_none());
    let default = || function.routes.iter().find(|route| route.path.is_none());
    own.or_else(any).or_else(default).expect("a route leads here").key()
}
