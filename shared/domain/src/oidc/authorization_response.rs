//! What the authorization endpoint answers: a code or an error, in the query of the client's own address (RFC 6749, sections
//! 4.1.2 and 4.1.2.1), always with the issuer (RFC 9207). What must not lead to any client's address is an error of its own.
use std::borrow::Cow;

use super::issuer::Issuer;
use super::parameters::Repeated;
use super::redirect_uri::RedirectUri;
use crate::token::Token;

/// Codes of errors that are sent to the client (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client may not ask for a code.
    UnauthorizedClient,
    /// The person or the server refused.
    AccessDenied,
    /// Another flow than that with a code.
    UnsupportedResponseType,
    /// The scope `openid` is missing.
    InvalidScope,
    /// Something is broken here.
    ServerError,
    /// Something here is overloaded.
    TemporarilyUnavailable,
    /// The person would have to sign in, and nobody may be asked (`prompt=none`), or somebody else has signed in.
    LoginRequired,
    /// The parameter `request` (OpenID Connect Core 1.0, section 6.1).
    RequestNotSupported,
    /// The parameter `request_uri` (section 6.2).
    RequestUriNotSupported,
    /// The parameter `registration` (section 7.2.1).
    RegistrationNotSupported,
}

impl AuthorizationErrorCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::InvalidRequest,
        Self::UnauthorizedClient,
        Self::AccessDenied,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::LoginRequired,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::RegistrationNotSupported,
    ];

    /// The name, as answers and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
        }
    }
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnAddress {
    /// The registered address, as it was asked for.
    pub redirect_uri: RedirectUri,
    /// What the client wants to get back as it was.
    pub state: Option<String>,
}

/// A refusal that is sent to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationError {
    /// For programs.
    pub code: AuthorizationErrorCode,
    /// For the developers of the client: ASCII without `"` and `\`.
    pub description: Cow<'static, str>,
    /// Where it goes.
    pub to: ReturnAddress,
}

impl AuthorizationError {
    /// The address that the browser is redirected to.
    pub fn location(&self, issuer: &Issuer) -> String {
        let answer = [("error", self.code.as_str()), ("error_description", &*self.description)];
        self.to.location(&answer, issuer)
    }
}

impl ReturnAddress {
    /// The address that the browser is redirected to with a code.
    pub fn location_with_code(&self, code: &Token, issuer: &Issuer) -> String {
        self.location(&[("code", &*code.expose())], issuer)
    }

    /// A refusal that goes here.
    pub const fn error(self, code: AuthorizationErrorCode, description: &'static str) -> AuthorizationError {
        AuthorizationError { code, description: Cow::Borrowed(description), to: self }
    }

    fn location(&self, answer: &[(&str, &str)], issuer: &Issuer) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let pairs = answer.iter().copied().chain(state).chain([("iss", issuer.as_str())]);
        self.redirect_uri.with_query(&pairs.collect::<Vec<_>>())
    }
}

/// A request that must lead nowhere: nobody knows whose address it has (RFC 6749, section 4.1.2.1). It is answered with a
/// page for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unredirectable {
    /// A parameter is there twice, and nobody knows which one counts.
    #[error(transparent)]
    Repeated(#[from] Repeated),
    /// There is no `client_id`.
    #[error("there is no client_id")]
    ClientMissing,
    /// No client has this id.
    #[error("there is no client with this client_id")]
    UnknownClient,
    /// There is no `redirect_uri`.
    #[error("there is no redirect_uri")]
    RedirectUriMissing,
    /// The client has not registered this address.
    #[error("the redirect_uri is not registered")]
    RedirectUriNotRegistered,
}

/// Why a request does not lead to signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationRefused {
    /// It must lead nowhere.
    Unredirectable(Unredirectable),
    /// The client is told.
    Redirected(AuthorizationError),
}

impl From<Unredirectable> for AuthorizationRefused {
    fn from(refused: Unredirectable) -> Self {
        Self::Unredirectable(refused)
    }
}

impl From<AuthorizationError> for AuthorizationRefused {
    fn from(error: AuthorizationError) -> Self {
        Self::Redirected(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(state: Option<&str>) -> ReturnAddress {
        let redirect_uri = RedirectUri::parse("https://example.com/cb?x=1").expect("an address");
        ReturnAddress { redirect_uri, state: state.map(str::to_owned) }
    }

    #[test]
    fn every_answer_has_state_and_issuer() {
        let issuer = Issuer::new("https://account.example.com");
        let code = Token::from_bytes([0; 32]);
        let iss = "iss=https%3A%2F%2Faccount.example.com";
        let refused = to(Some("a=b&c")).error(AuthorizationErrorCode::LoginRequired, "nobody is signed in");
        for (location, expected) in [
            (to(None).location_with_code(&code, &issuer), format!("code={}&{iss}", "A".repeat(43))),
            (
                to(Some("s")).location_with_code(&code, &issuer),
                format!("code={}&state=s&{iss}", "A".repeat(43)),
            ),
            (
                refused.location(&issuer),
                format!("error=login_required&error_description=nobody+is+signed+in&state=a%3Db%26c&{iss}"),
            ),
        ] {
            assert_eq!(location, format!("https://example.com/cb?x=1&{expected}"));
        }
    }

    #[test]
    fn codes_differ_and_are_names_of_the_standards() {
        let names = AuthorizationErrorCode::ALL.map(AuthorizationErrorCode::as_str);
        let distinct: std::collections::BTreeSet<_> = names.into_iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
