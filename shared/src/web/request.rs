//! A request, read once from API Gateway's event (HTTP API, payload format 2.0).
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use super::{cookies, origin};
use crate::texts;
use domain::{AccountId, ClientInfo, Language, Token};

/// The largest body that is read; the longest honest form has a password of 1,024 bytes in it.
pub const MAX_BODY_BYTES: usize = 16 * 1_024;

/// A form without fields.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyForm {}

/// A link as somebody opens it.
pub struct OpenedLink {
    /// Its secret. None where there is none that could be one.
    pub token: Option<Token>,
    /// The code that was typed along with it.
    pub code: Option<String>,
}

/// The account that a request turns out to be about, once that is known: for the log alone, and no proof of anything.
/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct About(Arc<OnceLock<AccountId>>);

impl About {
    /// The account's key.
    pub fn account_id(&self) -> Option<&str> {
        self.0.get().map(AccountId::as_str)
    }
}

/// A request.
#[derive(Debug)]
pub struct Request {
    /// The method; HEAD reads as GET, since no page does anything on GET.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// API Gateway's id of the request, for the log.
    pub id: String,
    /// The peer's address as API Gateway saw it; no header can set it (ASVS 5.0 V15.3.4).
    pub client: IpAddr,
    /// Whom it is about.
    pub about: About,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    cookies: Vec<String>,
    body: Result<Vec<u8>, Problem>,
}

impl Request {
    /// Reads the event. A body that is no base64 where the event says so is a problem of its reader, not of ours.
    pub fn read(event: ApiGatewayV2httpRequest) -> Self {
        let context = event.request_context;
        let method = if context.http.method == Method::HEAD { Method::GET } else { context.http.method };
        let unknown_client = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            method,
            path: event.raw_path.unwrap_or_else(|| "/".into()),
            id: context.request_id.unwrap_or_default(),
            client: context.http.source_ip.and_then(|ip| ip.parse().ok()).unwrap_or(unknown_client),
            about: About::default(),
            query: serde_html_form::from_str(&event.raw_query_string.unwrap_or_default()).unwrap_or_default(),
            headers: event.headers,
            cookies: event.cookies.unwrap_or_default(),
            body: read_body(event.body.unwrap_or_default(), event.is_base64_encoded),
        }
    }

    /// Notes whom it is about, so that the log can say so. What is noted first stays.
    pub fn is_about(&self, account: &AccountId) {
        let _ = self.about.0.set(account.clone());
    }

    fn header(&self, name: &http::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Refuses a method that the page does not answer; `allow` lists those it does, as in an `Allow` header.
    pub fn allow(&self, allow: &'static str) -> Result<(), Problem> {
        let allowed = allow.split(", ").any(|method| self.method == method);
        if allowed { Ok(()) } else { Err(Problem::method_not_allowed(allow)) }
    }

    /// Refuses a POST that another site's page made a browser send.
    pub fn check_origin(&self) -> Result<(), Problem> {
        let safe = self.method == Method::GET || origin::is_same_site(&self.headers);
        if safe { Ok(()) } else { Err(Code::CrossSite.into()) }
    }

    /// Whether the answer should be JSON: the client asks for it, or sent it and has no wish of its own.
    pub fn wants_json(&self) -> bool {
        let accept = self.header(&ACCEPT);
        let no_wish = accept.is_empty() || accept == "*/*";
        (accept.contains("json") && !accept.contains("text/html")) || (no_wish && self.media_type() == JSON)
    }

    /// The language that the visitor's browser prefers.
    pub fn language(&self) -> Language {
        texts::negotiate(self.header(&ACCEPT_LANGUAGE))
    }

    /// Where it came from, as far as the owner of an account is told.
    pub fn source(&self) -> ClientInfo {
        ClientInfo::new(self.header(&USER_AGENT), self.client)
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The link that is opened, by the query of a GET or the form of a POST.
    pub fn opened_link(&self) -> Result<OpenedLink, Problem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            token: String,
            #[serde(default)]
            code: Option<String>,
        }
        if self.method == Method::POST {
            let form = self.form::<Form>()?;
            return Ok(OpenedLink { token: Token::parse(&form.token).ok(), code: form.code });
        }
        let token = self.query("token").and_then(|token| Token::parse(token).ok());
        Ok(OpenedLink { token, code: None })
    }

    /// The session's secret. A cookie that is not one counts as none.
    pub fn session(&self) -> Option<Token> {
        cookies::read_token(&self.cookies, cookies::SESSION)
    }

    /// The secrets of the requests for a link that this browser made last, the latest first. What is none of ours
    /// counts as none.
    pub fn asked(&self) -> Vec<Token> {
        cookies::decode_asked(&self.cookie(cookies::ASKED).unwrap_or_default())
    }

    /// What was typed for this account before its owner had to sign in again. Any browser can make it up: it is shown in a form's
    /// field and judged like everything else that stands there.
    pub fn typed(&self, owner: &AccountId) -> Option<String> {
        cookies::decode_typed(owner, &self.cookie(cookies::TYPED)?)
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        cookies::read(&self.cookies, name)
    }

    fn media_type(&self) -> &str {
        self.header(&CONTENT_TYPE).split(';').next().unwrap_or_default().trim()
    }

    /// Reads the body, a form or JSON, into a type that denies unknown fields.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body = self.body.as_ref().map_err(Clone::clone)?;
        let media_type = self.media_type().to_ascii_lowercase();
        match &*media_type {
            FORM => serde_html_form::from_bytes(body).map_err(|error| Problem::malformed_body(&error)),
            // Serde would take an array for a struct as well, and an empty one for a form without required fields.
            JSON if !body.trim_ascii_start().starts_with(b"{") => {
                Err(Problem::malformed_body(&"the body is not a JSON object"))
            }
            JSON => serde_json::from_slice(body).map_err(|error| Problem::malformed_body(&error)),
            // An empty form has no type: some clients leave it out.
            "" if body.is_empty() => {
                serde_html_form::from_bytes(body).map_err(|error| Problem::malformed_body(&error))
            }
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn read_body(body: String, is_base64: bool) -> Result<Vec<u8>, Problem> {
    // Measured as it came: base64 is a third longer, so this also bounds the work of decoding.
    if body.len() > MAX_BODY_BYTES * 4 / 3 + 4 {
        return Err(Code::BodyTooLarge.into());
    }
    let bytes = if is_base64 {
        STANDARD.decode(body).map_err(|error| Problem::malformed_body(&error))?
    } else {
        body.into_bytes()
    };
    if bytes.len() > MAX_BODY_BYTES { Err(Code::BodyTooLarge.into()) } else { Ok(bytes) }
}
