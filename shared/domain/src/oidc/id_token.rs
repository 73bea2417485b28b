//! ID tokens: what a client is told about a sign-in (OpenID Connect Core 1.0, section 2).
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::access_token::ACCESS_TOKEN_LIFETIME;
use super::authentication::AuthenticationMethod;
use super::client::ClientId;
use super::code::IssuedCode;
use super::issuer::Issuer;
use super::jwk::{KeyId, PublicKeys};
use super::jws::{self, NotVerified, TokenType, UnsignedToken};
use crate::account::AccountId;
use crate::timestamp::Timestamp;

/// Lifetime of an ID token. A client reads it at once, and may send it back as a hint for as long as its key is known.
pub const ID_TOKEN_LIFETIME: Duration = ACCESS_TOKEN_LIFETIME;

/// Its claims. Username, language and email are not among them: clients send ID tokens back in the query of a request
/// (`id_token_hint`), which is logged in many places. The userinfo endpoint has them (section 5.4).
#[derive(Debug, Serialize)]
pub struct IdToken<'a> {
    iss: &'a str,
    sub: &'a AccountId,
    aud: &'a ClientId,
    iat: Timestamp,
    exp: Timestamp,
    auth_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    amr: [AuthenticationMethod; 1],
    /// [`super::authentication::RECOVERY_CLAIM`].
    sparekey_recovery: bool,
}

impl<'a> IdToken<'a> {
    /// The claims for a code that is redeemed now, together with this access token.
    pub fn new(issuer: &'a Issuer, code: &'a IssuedCode, access_token: &str, now: Timestamp) -> Self {
        Self {
            iss: issuer.as_str(),
            sub: &code.account_id,
            aud: &code.client,
            iat: now,
            exp: now + ID_TOKEN_LIFETIME,
            auth_time: code.authentication.at,
            nonce: code.nonce.as_deref(),
            at_hash: at_hash(access_token),
            amr: [code.authentication.method],
            sparekey_recovery: code.authentication.recovery,
        }
    }

    /// The token, to be signed with this key.
    pub fn to_unsigned(&self, key: &KeyId) -> UnsignedToken {
        UnsignedToken::new(TokenType::Id, key, self)
    }
}

/// The left half of SHA-256 of an access token in base64url (section 3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let hash = digest(&SHA256, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// An ID token that comes back: it says whose session a client means (`id_token_hint`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenHint {
    /// Who got it.
    pub client: ClientId,
    /// Whom it is about.
    pub subject: AccountId,
}

/// Why a text is no ID token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HintRefused {
    /// It is no token of ours.
    #[error(transparent)]
    NotVerified(#[from] NotVerified),
    /// Its claims are not those of an ID token.
    #[error("the claims are not those of an ID token")]
    Malformed,
    /// It was issued under another name.
    #[error("the token has another issuer")]
    OtherIssuer,
}

#[derive(Deserialize)]
struct HintClaims {
    iss: String,
    sub: AccountId,
    aud: ClientId,
}

impl IdTokenHint {
    /// Verifies an ID token. It may have expired: people use a product for longer than its tokens live (OpenID Connect
    /// RP-Initiated Logout 1.0, section 2). Once its key is gone, it is no hint any more.
    pub fn verify(token: &str, keys: &PublicKeys, issuer: &Issuer) -> Result<Self, HintRefused> {
        let claims = jws::verify(token, TokenType::Id, keys)?;
        let claims: HintClaims = serde_json::from_slice(&claims).map_err(|_| HintRefused::Malformed)?;
        if claims.iss != issuer.as_str() {
            return Err(HintRefused::OtherIssuer);
        }
        Ok(Self { client: claims.aud, subject: claims.sub })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::access_token::AccessTokenClaims;
    use super::super::authentication::RECOVERY_CLAIM;
    use super::super::code::tests::issued;
    use super::super::test_keys::{first, keys};
    use super::*;

    fn issuer() -> Issuer {
        Issuer::new("https://account.example.com")
    }

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_standards_example() {
        // OpenID Connect Core 1.0, appendix A.3.
        assert_eq!(at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }

    #[test]
    fn a_token_says_who_signed_in_when_how_and_for_whom() {
        let code = issued(&[("nonce", "n"), ("scope", "openid profile email")]);
        let (issuer, now) = (issuer(), code.issued_at);
        let token = IdToken::new(&issuer, &code, "access", now);
        let mut expected = json!({
            "iss": "https://account.example.com",
            "sub": "a",
            "aud": code.client.as_str(),
            "iat": now.unix_seconds(),
            "exp": now.unix_seconds() + 300,
            "auth_time": now.unix_seconds() - 10,
            "nonce": "n",
            "at_hash": at_hash("access"),
            "amr": ["otp"],
        });
        expected[RECOVERY_CLAIM] = Value::Bool(true);
        assert_eq!(serde_json::to_value(&token).expect("JSON"), expected);
        let without = issued(&[]);
        let token = IdToken::new(&issuer, &without, "access", now);
        assert_eq!(serde_json::to_value(&token).expect("JSON").get("nonce"), None);
    }

    #[test]
    fn an_old_token_is_a_hint_and_that_of_another_issuer_or_use_is_none() {
        let (code, issuer, key) = (issued(&[]), issuer(), first());
        let token = IdToken::new(&issuer, &code, "access", Timestamp::from_unix_seconds(0));
        let token = key.sign(token.to_unsigned(key.public.id()));
        let expected = IdTokenHint { client: code.client.clone(), subject: code.account_id.clone() };
        assert_eq!(IdTokenHint::verify(&token, &keys(), &issuer), Ok(expected));
        let other = Issuer::new("https://account.example.net");
        assert_eq!(IdTokenHint::verify(&token, &keys(), &other), Err(HintRefused::OtherIssuer));
        let access = AccessTokenClaims::new(&issuer, &code, code.issued_at);
        let access = key.sign(access.to_unsigned(key.public.id()));
        let refused = HintRefused::NotVerified(NotVerified::Type);
        assert_eq!(IdTokenHint::verify(&access, &keys(), &issuer), Err(refused));
        for claims in [json!({}), json!({"iss": "https://account.example.com", "sub": "a", "aud": "web"})] {
            let token = key.sign(UnsignedToken::new(TokenType::Id, key.public.id(), &claims));
            assert_eq!(IdTokenHint::verify(&token, &keys(), &issuer), Err(HintRefused::Malformed));
        }
    }
}
