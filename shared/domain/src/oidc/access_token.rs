//! Access tokens as signed tokens (RFC 9068): with one, a client asks the userinfo endpoint about its person. They are good for
//! nothing else.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::ClientId;
use super::code::IssuedCode;
use super::issuer::{Issuer, USERINFO_PATH};
use super::jwk::{KeyId, PublicKeys};
use super::jws::{self, NotVerified, TokenType, UnsignedToken};
use super::scopes::Scopes;
use crate::account::{Account, AccountId};
use crate::generation::Generation;
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::TokenHash;

/// Lifetime of an access token. A client uses it at once; there are no refresh tokens.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(5);
/// How much earlier than the function that issued a token the clock of the one that reads it may be.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Its claims (RFC 9068, section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    iss: String,
    sub: AccountId,
    aud: String,
    iat: Timestamp,
    exp: Timestamp,
    /// The id: the hash of the code, which is redeemed for one access token.
    jti: TokenHash,
    client_id: ClientId,
    scope: Scopes,
    /// The session, by the key that the database has. It does not work as the session's secret.
    sid: TokenHash,
    /// The session's generation: the token ends with all sessions. A private name, because it means something here alone.
    sparekey_generation: Generation,
}

impl AccessTokenClaims {
    /// The claims for a code that is redeemed now.
    pub fn new(issuer: &Issuer, code: &IssuedCode, now: Timestamp) -> Self {
        Self {
            iss: issuer.as_str().to_owned(),
            sub: code.account_id.clone(),
            aud: issuer.url(USERINFO_PATH),
            iat: now,
            exp: now + ACCESS_TOKEN_LIFETIME,
            jti: code.hash.clone(),
            client_id: code.client.clone(),
            scope: code.scopes,
            sid: code.session.clone(),
            sparekey_generation: code.generation,
        }
    }

    /// The token, to be signed with this key.
    pub fn to_unsigned(&self, key: &KeyId) -> UnsignedToken {
        UnsignedToken::new(TokenType::Access, key, self)
    }
}

/// Why a text gives no access. To the client all are `invalid_token` (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenRefused {
    /// It is no token of ours.
    #[error(transparent)]
    NotVerified(#[from] NotVerified),
    /// Its claims are not those of an access token.
    #[error("the claims are not those of an access token")]
    Malformed,
    /// It was issued under another name.
    #[error("the token has another issuer")]
    OtherIssuer,
    /// It is for another endpoint.
    #[error("the token is for another audience")]
    OtherAudience,
    /// It lies in the future, or it would live for longer than such tokens do.
    #[error("the token has times that none of ours has")]
    Times,
    /// Its lifetime is over.
    #[error("the token has expired")]
    Expired,
}

/// An access token that was verified. Its session may have ended all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Whom it is about.
    pub account_id: AccountId,
    /// Who got it.
    pub client: ClientId,
    /// What it gives access to.
    pub scopes: Scopes,
    /// The hash of the code that it was made for. When that is used a second time, the token must end (RFC 6749, section
    /// 4.1.2).
    pub code: TokenHash,
    /// The key of the session that it ends with.
    pub session: TokenHash,
    /// The generation that it ends with.
    pub generation: Generation,
}

impl AccessToken {
    /// Verifies a token of ours at `now` (RFC 9068, section 4).
    pub fn verify(
        token: &str,
        keys: &PublicKeys,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Self, AccessTokenRefused> {
        let claims = jws::verify(token, TokenType::Access, keys)?;
        let claims: AccessTokenClaims =
            serde_json::from_slice(&claims).map_err(|_| AccessTokenRefused::Malformed)?;
        if claims.iss != issuer.as_str() {
            return Err(AccessTokenRefused::OtherIssuer);
        }
        if claims.aud != issuer.url(USERINFO_PATH) {
            return Err(AccessTokenRefused::OtherAudience);
        }
        if claims.iat > now + CLOCK_SKEW
            || claims.exp < claims.iat
            || claims.exp > claims.iat + ACCESS_TOKEN_LIFETIME
        {
            return Err(AccessTokenRefused::Times);
        }
        // On or after `exp` it must not be accepted (RFC 7519, section 4.1.4).
        if now >= claims.exp {
            return Err(AccessTokenRefused::Expired);
        }
        Ok(Self {
            account_id: claims.sub,
            client: claims.client_id,
            scopes: claims.scope,
            code: claims.jti,
            session: claims.sid,
            generation: claims.sparekey_generation,
        })
    }

    /// Whether its session, as it is now, is still one of this account. A session that goes on under another secret after all
    /// others have ended is another one to a token.
    pub fn is_valid_for(&self, session: &Session, account: &Account) -> bool {
        self.account_id == account.id
            && self.session == session.hash
            && self.generation == session.generation
            && session.is_valid_for(account)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::super::code::tests::issued;
    use super::super::test_keys::{first, keys};
    use super::*;
    use crate::account::tests::account;
    use crate::{AccountKind, ClientInfo, SignInMethod, Token};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn issuer() -> Issuer {
        Issuer::new("https://account.example.com")
    }

    fn claims() -> Value {
        let code = issued(&[("scope", "openid email")]);
        serde_json::to_value(AccessTokenClaims::new(&issuer(), &code, NOW)).expect("JSON")
    }

    fn verify(claims: &impl Serialize, now: Timestamp) -> Result<AccessToken, AccessTokenRefused> {
        let key = first();
        let token = key.sign(UnsignedToken::new(TokenType::Access, key.public.id(), claims));
        AccessToken::verify(&token, &keys(), &issuer(), now)
    }

    #[test]
    fn claims_are_those_of_the_standard() {
        let code = issued(&[]);
        let expected = json!({
            "iss": "https://account.example.com",
            "sub": "a",
            "aud": "https://account.example.com/oidc/userinfo",
            "iat": 1_000_000,
            "exp": 1_000_300,
            "jti": code.hash.as_str(),
            "client_id": code.client.as_str(),
            "scope": "openid email",
            "sid": code.session.as_str(),
            "sparekey_generation": 0,
        });
        assert_eq!(claims(), expected);
        let token = verify(&claims(), NOW).expect("a token");
        assert_eq!(
            (&token.session, token.scopes, token.generation),
            (&code.session, code.scopes, Generation::FIRST)
        );
        assert_eq!((token.client, token.account_id, token.code), (code.client, code.account_id, code.hash));
    }

    #[test]
    fn a_claim_that_is_not_ours_is_refused_even_with_a_right_signature() {
        use AccessTokenRefused as Refused;
        let changed = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            claims
        };
        for (name, value, why) in [
            ("iss", json!("https://account.example.com/"), Refused::OtherIssuer),
            ("iss", json!(["https://account.example.com"]), Refused::Malformed),
            ("aud", json!("https://account.example.com"), Refused::OtherAudience),
            ("aud", json!(["https://account.example.com/oidc/userinfo"]), Refused::Malformed),
            ("iat", json!(1_000_006), Refused::Times),
            ("iat", json!("1000000"), Refused::Malformed),
            ("exp", json!(1_000_301), Refused::Times),
            ("exp", json!(999_999), Refused::Times),
            ("exp", json!(1_000_000), Refused::Expired),
            ("exp", Value::Null, Refused::Malformed),
            ("client_id", json!("web"), Refused::Malformed),
            ("scope", json!("email"), Refused::Malformed),
            ("sparekey_generation", json!(-1), Refused::Malformed),
        ] {
            assert_eq!(verify(&changed(name, value.clone()), NOW), Err(why), "{name} {value}");
        }
        let object = claims();
        for name in object.as_object().expect("an object").keys() {
            let mut without = object.clone();
            without.as_object_mut().expect("an object").remove(name);
            assert_eq!(verify(&without, NOW), Err(Refused::Malformed), "{name}");
        }
    }

    #[test]
    fn a_claim_that_is_there_twice_is_refused() {
        let key = first();
        let once = serde_json::to_string(&claims()).expect("JSON");
        let twice = once.replacen('{', r#"{"sub":"somebody-else","#, 1);
        for (json, good) in [(once, true), (twice, false)] {
            let unsigned = UnsignedToken::new(TokenType::Access, key.public.id(), &json!({}));
            let (header, _) = unsigned.signing_input().split_once('.').expect("a header");
            let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(json));
            let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.signature(input.as_bytes())));
            assert_eq!(AccessToken::verify(&token, &keys(), &issuer(), NOW).is_ok(), good);
        }
    }

    #[test]
    fn a_token_lives_for_five_minutes() {
        for (seconds, expected) in [
            (-6, Some(AccessTokenRefused::Times)),
            (-5, None),
            (0, None),
            (299, None),
            (300, Some(AccessTokenRefused::Expired)),
        ] {
            let now = Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds);
            assert_eq!(verify(&claims(), now).err(), expected, "{seconds}");
        }
    }

    #[test]
    fn a_token_ends_with_its_session_and_its_generation() {
        let token = verify(&claims(), NOW).expect("a token");
        let account = account(AccountKind::Regular, None, None);
        let (method, source) = (SignInMethod::LinkToBackup, ClientInfo::default());
        let session = Session::begin(token.session.clone(), &account, method, source, NOW);
        assert!(token.is_valid_for(&session, &account));
        let ended = Account { generation: account.generation.next(), ..account.clone() };
        assert!(!token.is_valid_for(&session, &ended));
        let renewed = session.renewed(Token::from_bytes([9; 32]).hash(), NOW);
        assert!(renewed.is_valid_for(&ended) && !token.is_valid_for(&renewed, &ended));
        let disabled = Account { disabled_at: Some(NOW), ..account.clone() };
        assert!(!token.is_valid_for(&session, &disabled));
        let other = Account { id: AccountId::new("b"), ..account.clone() };
        assert!(!token.is_valid_for(&session, &other));
        let others = Session { account_id: other.id.clone(), ..session };
        assert!(!token.is_valid_for(&others, &other));
    }
}
