//! What we read from an HTTP request: form, cookies, preferred language and format.
mod of_products;

use std::net::{IpAddr, Ipv4Addr};

use domain::oidc::WaitingRequest;
use domain::{AccountId, ClientInfo, DeviceCookie, Language, Timestamp, Token, WayBack};
use http::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, USER_AGENT};
use http::{HeaderName, Method};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use serde::de::DeserializeOwned;

use super::guard::{MAX_BODY_BYTES, UNDECODABLE};
use super::problem::{Code, Problem};
use super::{Audience, Banner, LocalPath, RequestedEmail, WantedChange, cookies, origin, way_back};
use crate::texts;

pub use of_products::Fields;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A form without fields.
#[derive(Debug, serde::Deserialize)]
pub struct EmptyForm {}

/// The form of a link that is opened.
#[derive(Debug, serde::Deserialize)]
pub struct LinkForm {
    token: String,
    /// The code that was entered.
    #[serde(default)]
    pub code: Option<String>,
}

impl LinkForm {
    /// The link's secret, if it can be one.
    pub fn token(&self) -> Option<Token> {
        Token::parse_in_link(&self.token).ok()
    }
}

/// A request.
#[derive(Debug)]
pub struct Request(lambda_http::Request);

impl From<lambda_http::Request> for Request {
    fn from(request: lambda_http::Request) -> Self {
        Self(request)
    }
}

impl Request {
    /// The method.
    pub fn method(&self) -> &Method {
        self.0.method()
    }

    /// The path, without the query, as API Gateway sent it.
    pub fn path(&self) -> &str {
        self.0.raw_http_path()
    }

    /// The path without the slashes at its end, with the query; nothing if it has none there, or the rest is no path of
    /// this site.
    pub fn path_without_slash(&self) -> Option<String> {
        let path = self.path();
        let bare = path.trim_end_matches('/');
        if bare == path {
            return None;
        }
        let query = self.0.uri().query().map(|query| format!("{bare}?{query}"));
        query.into_iter().chain([bare.to_owned()]).find(|path| LocalPath::is_local(path))
    }

    /// API Gateway's id of the request, for the log.
    pub fn id(&self) -> &str {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// The client's address as API Gateway saw it, or as CloudFront named it beside its secret ([`super::cloudfront`]); no
    /// header of a client can set it (ASVS 5.0 V15.3.4).
    pub fn client(&self) -> IpAddr {
        let seen = match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        seen.and_then(|address| address.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// A header; empty if there is none, or one that is not ASCII.
    fn header(&self, name: &HeaderName) -> &str {
        self.0.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Refuses a request that another site's page made a browser send, unless its method is safe (RFC 9110 section 9.2.1).
    pub fn check_origin(&self) -> Result<(), Problem> {
        let safe = self.method().is_safe() || origin::is_same_site(self.0.headers());
        if safe { Ok(()) } else { Err(Code::CrossSite.into()) }
    }

    /// Whether the answer should be JSON: the client asks for it, or sends it and states no preference.
    pub fn wants_json(&self) -> bool {
        let accept = self.header(&ACCEPT);
        let no_preference = accept.is_empty() || accept == "*/*";
        (accept.contains("json") && !accept.contains("text/html"))
            || (no_preference && self.media_type() == JSON)
    }

    /// The language that the visitor's browser prefers.
    pub fn language(&self) -> Language {
        texts::negotiate(self.header(&ACCEPT_LANGUAGE))
    }

    /// Where the request came from, as the owner of an account may know it.
    pub fn client_info(&self) -> ClientInfo {
        ClientInfo::new(self.header(&USER_AGENT), self.client())
    }

    /// The parameters of the query in their order, also those that occur twice.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        parameters(self.raw_query().as_bytes())
    }

    /// The query as it was sent.
    pub fn raw_query(&self) -> &str {
        self.0.uri().query().unwrap_or_default()
    }

    /// The fields of a form in their order, also those that occur twice. Anything but a form is refused (RFC 6749 section 3.2).
    pub fn form_pairs(&self) -> Result<Vec<(String, String)>, Problem> {
        let body: &[u8] = self.0.body();
        if body.len() > MAX_BODY_BYTES {
            return Err(Code::BodyTooLarge.into());
        }
        match &*self.media_type().to_ascii_lowercase() {
            FORM => Ok(parameters(body)),
            "" if body.is_empty() => Ok(Vec::new()),
            _ => Err(Problem::from(Code::UnsupportedMediaType).told_to(Audience::OpenIdConnect)),
        }
    }

    /// The header `Authorization`, if there is one.
    pub fn authorization(&self) -> Option<&str> {
        self.0.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default())
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The secret in the link that a GET opens, if it can be one.
    pub fn link_token(&self) -> Option<Token> {
        self.query("token").and_then(|token| Token::parse_in_link(&token).ok())
    }

    /// The session's secret. An invalid cookie counts as none.
    pub fn session(&self) -> Option<Token> {
        self.cookie(cookies::SESSION).and_then(|value| Token::parse(&value).ok())
    }

    /// The secrets of this browser's last requests for a link, the latest first.
    pub fn link_requests(&self) -> Vec<Token> {
        cookies::decode_link_requests(&self.cookie(cookies::LINK_REQUESTS).unwrap_or_default())
    }

    /// The accounts that were signed in to in this browser. Anything can be in it.
    pub fn device_cookie(&self) -> DeviceCookie {
        self.cookie(cookies::DEVICE).map(|value| DeviceCookie::parse(&value)).unwrap_or_default()
    }

    /// What somebody wanted to change in this browser who had to sign in again first. Any browser can forge it (see
    /// [`WantedChange`]).
    pub fn wanted_change(&self) -> Option<WantedChange> {
        WantedChange::decode(&self.cookie(cookies::WANTED)?)
    }

    /// What a product asked for in this browser while nobody was signed in, if it still waits. Any browser can forge it (see
    /// [`WaitingRequest`]).
    pub fn waiting_authorization(&self, now: Timestamp) -> Option<WaitingRequest> {
        WaitingRequest::parse(&self.cookie(cookies::AUTHORIZE)?, now).ok()
    }

    /// The name of that product. Any browser can forge it, and shows it to itself.
    pub fn waiting_client(&self) -> Option<String> {
        cookies::decode_client(&self.cookie(cookies::CLIENT)?)
    }

    /// The name of a product that waits in another browser, after a sign-in in this one. Any browser can forge it, and shows it
    /// to itself.
    pub fn client_elsewhere(&self) -> Option<String> {
        cookies::decode_client(&self.cookie(cookies::CLIENT_ELSEWHERE)?)
    }

    /// Where the person of this account returns to, if a product has handed them over in this browser. Any browser can forge it
    /// (see `way_back`).
    pub fn way_back(&self, account: &AccountId) -> Option<WayBack> {
        way_back::decode(&self.cookie(cookies::WAY_BACK)?, account)
    }

    /// The last request for an email from this browser. Any browser can forge it (see [`RequestedEmail`]).
    pub fn requested_email(&self) -> Option<RequestedEmail> {
        RequestedEmail::decode(&self.cookie(cookies::REQUESTED)?)
    }

    /// What the page says about what was done.
    pub fn banner(&self) -> Option<Banner> {
        Banner::parse(&self.cookie(cookies::BANNER)?)
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.0.headers().get_all(COOKIE).iter();
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        cookies::read(&lines, name)
    }

    fn media_type(&self) -> &str {
        self.header(&CONTENT_TYPE).split(';').next().unwrap_or_default().trim()
    }

    /// Reads the body, a form or JSON. A form may have fields that nobody asked for, because extensions of browsers add them;
    /// a program's JSON may not (ASVS 5.0 V15.3.3).
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = self.0.body();
        if body.len() > MAX_BODY_BYTES {
            return Err(Code::BodyTooLarge.into());
        }
        let media_type = self.media_type().to_ascii_lowercase();
        match &*media_type {
            // Its one field would be unknown, and what a program meant would be ignored.
            FORM if body.trim_ascii_start().starts_with(b"{") => {
                Err(Problem::malformed_body(&"the body is JSON and its media type that of a form"))
            }
            FORM => serde_html_form::from_bytes(body).map_err(|error| Problem::malformed_body(&error)),
            // Serde would accept an array for a struct too, and an empty one for a form without required fields.
            JSON if !body.trim_ascii_start().starts_with(b"{") => {
                Err(Problem::malformed_body(&"the body is not a JSON object"))
            }
            JSON => strict_json(body),
            UNDECODABLE => Err(Problem::malformed_body(&"the body is not base64")),
            // An empty form has no type: some clients leave it out.
            "" if body.is_empty() => {
                serde_html_form::from_bytes(body).map_err(|error| Problem::malformed_body(&error))
            }
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

/// The pairs of a query or a form. What is not UTF-8 has none.
fn parameters(text: &[u8]) -> Vec<(String, String)> {
    serde_html_form::from_bytes(text).unwrap_or_default()
}

/// Reads JSON whose fields must all be known.
fn strict_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_ignored::deserialize(&mut json, |field| {
        unknown.get_or_insert_with(|| field.to_string());
    });
    let read = read.and_then(|read| json.end().map(|()| read));
    let read = read.map_err(|error| Problem::malformed_body(&error))?;
    match unknown {
        None => Ok(read),
        Some(field) => Err(Problem::malformed_body(&format!("unknown field `{field}`"))),
    }
}
