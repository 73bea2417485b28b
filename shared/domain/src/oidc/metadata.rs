//! The discovery document (OpenID Connect Discovery 1.0, section 3; RFC 8414): exactly what is supported.
use serde::Serialize;

use super::authentication::RECOVERY_CLAIM;
use super::client_authentication::METHODS;
use super::issuer::{AUTHORIZE_PATH, Issuer, KEYS_PATH, SIGN_OUT_PATH, TOKEN_PATH, USERINFO_PATH};
use super::jws::ALGORITHM;
use super::prompt::PROMPTS;
use super::request::{CHALLENGE_METHOD, RESPONSE_MODE, RESPONSE_TYPE};
use super::scopes::Scopes;
use super::token_request::GRANT_TYPE;
use crate::language::Language;

/// The document. Fields have the names of the standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the standard has a field for each")]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    jwks_uri: String,
    scopes_supported: [&'static str; 3],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    claims_supported: [&'static str; 14],
    ui_locales_supported: [&'static str; 3],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// The document of an issuer.
    pub fn new(issuer: &Issuer) -> Self {
        Self {
            issuer: issuer.as_str().to_owned(),
            authorization_endpoint: issuer.url(AUTHORIZE_PATH),
            token_endpoint: issuer.url(TOKEN_PATH),
            userinfo_endpoint: issuer.url(USERINFO_PATH),
            end_session_endpoint: issuer.url(SIGN_OUT_PATH),
            jwks_uri: issuer.url(KEYS_PATH),
            scopes_supported: Scopes::SUPPORTED,
            response_types_supported: [RESPONSE_TYPE],
            response_modes_supported: [RESPONSE_MODE],
            grant_types_supported: [GRANT_TYPE],
            // Everybody sees the same `sub`: the id of the account.
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: [ALGORITHM],
            token_endpoint_auth_methods_supported: METHODS,
            code_challenge_methods_supported: [CHALLENGE_METHOD],
            prompt_values_supported: PROMPTS,
            claims_supported: [
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "at_hash",
                "amr",
                "preferred_username",
                "locale",
                "email",
                "email_verified",
                RECOVERY_CLAIM,
            ],
            ui_locales_supported: Language::ALL.map(Language::tag),
            claims_parameter_supported: false,
            request_parameter_supported: false,
            // It is true where it is left out.
            request_uri_parameter_supported: false,
            authorization_response_iss_parameter_supported: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_document_says_what_is_supported_and_no_more() {
        let document = Metadata::new(&Issuer::new("https://account.example.com"));
        let document: Value = serde_json::to_value(document).expect("JSON");
        let expected = json!({
            "issuer": "https://account.example.com",
            "authorization_endpoint": "https://account.example.com/oidc/authorize",
            "token_endpoint": "https://account.example.com/oidc/token",
            "userinfo_endpoint": "https://account.example.com/oidc/userinfo",
            "end_session_endpoint": "https://account.example.com/oidc/logout",
            "jwks_uri": "https://account.example.com/oidc/jwks",
            "scopes_supported": ["openid", "profile", "email"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "select_account", "consent"],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "preferred_username",
                "locale", "email", "email_verified", "sparekey_recovery"
            ],
            "ui_locales_supported": ["en", "nl", "da"],
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "authorization_response_iss_parameter_supported": true,
        });
        assert_eq!(document, expected);
    }
}
