//! A request as API Gateway sends it to a function.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::{file, route};

/// A real event, from which all others are built.
static REAL: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&file("events/account.json")).expect("an event is JSON"));

/// Who signs the requests of a product.
pub const PRINCIPAL: &str = "arn:aws:sts::123456789012:assumed-role/shop/i-1234567890abcdef0";

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

    /// A request that a product's back end has signed.
    pub fn signed(method: &str, path: &str) -> Self {
        let signature = "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20261122/us-east-1/execute-api/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=0000";
        Self::new(method, path).header("authorization", signature)
    }

    /// The same with this body.
    pub fn signed_json(method: &str, path: &str, value: &Value) -> Self {
        Self::signed(method, path).body("application/json", value.to_string())
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
        let found = route(&self.method, path);
        event["rawPath"] = json!(found.path);
        event["rawQueryString"] = json!(query);
        event["routeKey"] = json!(found.route.key());
        event["requestContext"]["routeKey"] = json!(found.route.key());
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(found.path);
        if !found.parameters.is_empty() {
            event["pathParameters"] = json!(found.parameters);
        }
        event["requestContext"]["http"]["sourceIp"] = json!(client);
        // API Gateway verifies the signature first, see `dev::gateway`.
        let signature =
            self.headers.get("authorization").filter(|value| value.starts_with("AWS4-HMAC-SHA256 "));
        if found.route.iam && signature.is_some() {
            event["requestContext"]["authorizer"] = json!({ "iam": {
                "accessKey": "ASIAIOSFODNN7EXAMPLE",
                "accountId": "123456789012",
                "callerId": "AROAIOSFODNN7EXAMPLE:shop",
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": PRINCIPAL,
                "userId": "AROAIOSFODNN7EXAMPLE:shop",
            } });
        }
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
