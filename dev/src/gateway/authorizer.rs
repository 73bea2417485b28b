//! The authorizer `AWS_IAM`: whether a request is signed by a caller of the API, and whether the caller may send it.
//!
//! Follows
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html> and, for the signature,
//! "Elements of an AWS API request signature" of the IAM user guide. Stricter than AWS where nothing is documented for HTTP
//! APIs: a signature in the query is refused, and the body must be signed. Nothing here starts a function.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use time::{Duration, OffsetDateTime};

use super::callers::{Caller, Callers, SERVICE};
use crate::signature::{DATE, Signable, parse_date};
use crate::template::statement::Permission;
use crate::template::{ACCOUNT_ID, REGION, Template};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TOKEN: &str = "x-amz-security-token";

/// How far the time of a signature may be from the clock ("In most cases, a request must reach AWS within five minutes of the
/// time stamp in the request").
const SKEW: Duration = Duration::minutes(5);

/// Why a request is refused. The caller gets the same answer to all of them: an HTTP API, unlike a REST API, tells the reason
/// to its access log alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unsigned,
    Malformed,
    UnknownKey(String),
    /// A key of a user comes without a session token.
    Token,
    Scope {
        named: String,
        wanted: String,
    },
    Date,
    Time,
    /// A header that must be signed.
    HeaderNotSigned(String),
    /// A header that is signed and did not come.
    HeaderMissing(String),
    Signature,
    NotAllowed {
        caller: String,
        resource: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("the request is not signed"),
            Self::Malformed => write!(f, "the header authorization is not one of {ALGORITHM}"),
            Self::UnknownKey(key) => write!(f, "nobody has the access key {key}"),
            Self::Token => write!(f, "the access key has no session token, and {TOKEN} gives one"),
            Self::Scope { named, wanted } => write!(f, "it is signed for {named}, not for {wanted}"),
            Self::Date => write!(f, "{DATE} is missing or no time"),
            Self::Time => write!(f, "{DATE} is more than five minutes from now"),
            Self::HeaderNotSigned(name) => write!(f, "the header {name} is not signed"),
            Self::HeaderMissing(name) => write!(f, "the signed header {name} did not come"),
            Self::Signature => f.write_str("the signature is that of another request or another secret"),
            Self::NotAllowed { caller, resource } => {
                write!(f, "no policy allows {caller} execute-api:Invoke on {resource}")
            }
        }
    }
}

/// The authorizer of an API.
#[derive(Debug, Clone)]
pub(super) struct Authorizer {
    callers: Callers,
    api_id: String,
}

/// The header `authorization`, read.
struct Authorization<'h> {
    access_key_id: &'h str,
    /// Date, region, service and the end `aws4_request`, with slashes between.
    scope: &'h str,
    signed_headers: Vec<&'h str>,
    signature: &'h str,
}

impl<'h> Authorization<'h> {
    fn parse(header: &'h str) -> Option<Self> {
        let rest = header.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = BTreeMap::new();
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            if parts.insert(name, value).is_some() {
                return None;
            }
        }
        let (access_key_id, scope) = parts.remove("Credential")?.split_once('/')?;
        let signed_headers = parts.remove("SignedHeaders")?.split(';').collect();
        let signature = parts.remove("Signature")?;
        parts.is_empty().then_some(Self { access_key_id, scope, signed_headers, signature })
    }
}

impl Authorizer {
    /// The one of a template's API.
    pub(super) fn of(template: &Template) -> Self {
        Self { callers: Callers::of(template), api_id: template.http_api.id.clone() }
    }

    /// Who sends a request, if it may be sent; `path` is the request's, decoded.
    pub(super) fn caller(
        &self,
        parts: &Parts,
        path: &str,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<&Caller, Refusal> {
        let caller = self.signer(parts, body, now)?;
        // The path of the request and not of the route, as in the ARN that authorizers of Lambda get.
        let resource = format!(
            "arn:aws:{SERVICE}:{REGION}:{ACCOUNT_ID}:{}/$default/{}{path}",
            self.api_id, parts.method
        );
        let permission = Permission {
            action: format!("{SERVICE}:Invoke"),
            resources: vec![resource.clone()],
            context: BTreeMap::new(),
        };
        if caller.may(&permission) {
            return Ok(caller);
        }
        Err(Refusal::NotAllowed { caller: caller.name().to_owned(), resource })
    }

    /// Whose signature a request has.
    fn signer(&self, parts: &Parts, body: &[u8], now: OffsetDateTime) -> Result<&Caller, Refusal> {
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(first), None) = (given.next(), given.next()) else { return Err(Refusal::Unsigned) };
        let authorization = first.to_str().ok().and_then(Authorization::parse).ok_or(Refusal::Malformed)?;
        let key = authorization.access_key_id;
        let caller = self.callers.owner(key).ok_or_else(|| Refusal::UnknownKey(key.to_owned()))?;
        if parts.headers.contains_key(TOKEN) {
            return Err(Refusal::Token);
        }
        let date = only(&parts.headers, DATE).ok_or(Refusal::Date)?;
        let at = parse_date(date).ok_or(Refusal::Date)?;
        let wanted = format!("{}/{REGION}/{SERVICE}/aws4_request", &date[..8]);
        if authorization.scope != wanted {
            return Err(Refusal::Scope { named: authorization.scope.to_owned(), wanted });
        }
        if (now - at).abs() > SKEW {
            return Err(Refusal::Time);
        }
        let headers = signed(&parts.headers, &authorization.signed_headers)?;
        let signable = Signable {
            method: parts.method.as_str(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()),
            headers: &headers,
            body,
        };
        // A request that cannot be signed has no right signature.
        match caller.signer().signature(&signable, at) {
            Ok(signature) if signature == authorization.signature => Ok(caller),
            _ => Err(Refusal::Signature),
        }
    }
}

/// The value of a header that comes once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

/// The headers that a signature names, without the date. `host` and all of AWS's own must be among them.
fn signed<'h>(headers: &'h HeaderMap, names: &[&'h str]) -> Result<Vec<(&'h str, &'h str)>, Refusal> {
    let must = |name: &str| name == "host" || name.starts_with("x-amz-");
    if let Some(unsigned) = headers.keys().find(|name| must(name.as_str()) && !names.contains(&name.as_str()))
    {
        return Err(Refusal::HeaderNotSigned(unsigned.to_string()));
    }
    let mut signed = Vec::new();
    for name in names.iter().copied().filter(|name| *name != DATE) {
        let before = signed.len();
        for value in headers.get_all(name) {
            signed.push((name, std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::Signature)?));
        }
        if signed.len() == before {
            return Err(Refusal::HeaderMissing(name.to_owned()));
        }
    }
    Ok(signed)
}

#[cfg(test)]
pub(super) mod tests;
