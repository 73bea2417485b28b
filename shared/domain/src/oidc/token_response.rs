//! What the token endpoint answers (RFC 6749, sections 5.1 and 5.2).
use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::access_token::ACCESS_TOKEN_LIFETIME;
use super::client::ClientRefused;
use super::code::CodeRefused;
use super::parameters::Repeated;
use super::scopes::Scopes;

/// The body of an answer with tokens. It must not be stored anywhere on the way (`Cache-Control: no-store`).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: Scopes,
    id_token: String,
}

impl TokenResponse {
    /// Both tokens, signed, and the scopes that were granted: they may be fewer than were asked for.
    pub const fn new(access_token: String, id_token: String, scope: Scopes) -> Self {
        Self {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            scope,
            id_token,
        }
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenResponse(…)")
    }
}

/// The codes of RFC 6749, section 5.2, that this token endpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client is unknown, or is not who it says.
    InvalidClient,
    /// The code cannot be redeemed.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// Only codes are redeemed here.
    UnsupportedGrantType,
}

impl TokenErrorCode {
    /// The name, as answers and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// A refusal, and the body of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenError {
    /// For programs.
    #[serde(rename = "error")]
    pub code: TokenErrorCode,
    /// For the developers of the client: ASCII without `"` and `\`.
    #[serde(rename = "error_description")]
    pub description: Cow<'static, str>,
}

impl TokenError {
    /// A refusal with this description.
    pub const fn new(code: TokenErrorCode, description: &'static str) -> Self {
        Self { code, description: Cow::Borrowed(description) }
    }

    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self.code {
            TokenErrorCode::InvalidClient => 401,
            _ => 400,
        }
    }

    /// The value of `WWW-Authenticate`, which an answer with status 401 must have (RFC 9110, section 15.5.2).
    pub const fn challenge(&self) -> Option<&'static str> {
        match self.code {
            TokenErrorCode::InvalidClient => Some("Basic realm=\"token\", charset=\"UTF-8\""),
            _ => None,
        }
    }
}

impl From<Repeated> for TokenError {
    fn from(repeated: Repeated) -> Self {
        Self { code: TokenErrorCode::InvalidRequest, description: repeated.to_string().into() }
    }
}

impl From<ClientRefused> for TokenError {
    /// The reason is for the log: an attacker who tries secrets learns only that this one is wrong.
    fn from(_: ClientRefused) -> Self {
        Self::new(TokenErrorCode::InvalidClient, "client authentication failed")
    }
}

impl From<CodeRefused> for TokenError {
    /// The reason is for the log: an attacker who has found a code learns nothing about it.
    fn from(_: CodeRefused) -> Self {
        Self::new(
            TokenErrorCode::InvalidGrant,
            "the code is unknown, used or expired, or belongs to another client, redirect_uri or code_verifier",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_answered_as_oauth_names_them_and_debug_hides_them() {
        let scope = Scopes { profile: false, email: true };
        let answer = TokenResponse::new("access".into(), "id".into(), scope);
        let expected = r#"{"access_token":"access","token_type":"Bearer","expires_in":300,"scope":"openid email","id_token":"id"}"#;
        assert_eq!(serde_json::to_string(&answer).expect("JSON"), expected);
        assert_eq!(format!("{answer:?}"), "TokenResponse(…)");
    }

    #[test]
    fn only_a_client_that_is_not_who_it_says_is_asked_for_its_secret() {
        for (error, status, challenged, body) in [
            (
                TokenError::from(ClientRefused::WrongSecret),
                401,
                true,
                r#"{"error":"invalid_client","error_description":"client authentication failed"}"#,
            ),
            (
                TokenError::from(Repeated("code")),
                400,
                false,
                r#"{"error":"invalid_request","error_description":"the parameter code is repeated"}"#,
            ),
            (
                TokenError::new(TokenErrorCode::UnauthorizedClient, "no"),
                400,
                false,
                r#"{"error":"unauthorized_client","error_description":"no"}"#,
            ),
        ] {
            assert_eq!((error.status(), error.challenge().is_some()), (status, challenged));
            assert_eq!(serde_json::to_string(&error).expect("JSON"), body);
            assert!(body.contains(error.code.as_str()));
        }
    }

    #[test]
    fn all_refusals_of_a_code_look_alike() {
        let refused = [
            CodeRefused::Unknown,
            CodeRefused::Expired,
            CodeRefused::OtherClient,
            CodeRefused::OtherRedirectUri,
            CodeRefused::WrongVerifier,
        ];
        let errors: Vec<TokenError> = refused.into_iter().map(TokenError::from).collect();
        assert!(errors.iter().all(|error| *error == errors[0] && error.code == TokenErrorCode::InvalidGrant));
    }
}
