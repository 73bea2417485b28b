//! Who signs people in: the issuer, and the addresses of its endpoints.

/// Where the discovery document is (OpenID Connect Discovery 1.0, section 4).
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Where people are sent to sign in.
pub const AUTHORIZE_PATH: &str = "/oidc/authorize";
/// Where codes are redeemed.
pub const TOKEN_PATH: &str = "/oidc/token";
/// Where access tokens are good for.
pub const USERINFO_PATH: &str = "/oidc/userinfo";
/// Where people are sent to sign out.
pub const SIGN_OUT_PATH: &str = "/oidc/logout";
/// Where the public keys are.
pub const KEYS_PATH: &str = "/oidc/jwks";

/// The issuer: `https://host`, without a path and without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// Wraps the public URL, which the configuration has checked.
    pub fn new(public_url: impl Into<String>) -> Self {
        Self(public_url.into())
    }

    /// The text, as tokens and answers have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of one of the paths above.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}
