//! Authorization codes: what a client redeems for tokens (RFC 6749, section 4.1). A code is a [`Token`](crate::Token); only its
//! hash is stored.
use std::time::Duration;

use super::authentication::Authentication;
use super::client::ClientId;
use super::code_challenge::{CodeChallenge, CodeVerifier};
use super::request::AuthorizationRequest;
use super::scopes::Scopes;
use crate::account::AccountId;
use crate::generation::Generation;
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::TokenHash;

/// Lifetime of a code. RFC 6749, section 4.1.2, allows ten minutes; a client redeems it at once.
pub const CODE_LIFETIME: Duration = Duration::from_mins(1);

/// A code as the database has it. It is redeemed once, by one conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// The key: SHA-256 of the code.
    pub hash: TokenHash,
    /// Who may redeem it.
    pub client: ClientId,
    /// The address it was sent to, as it was asked for.
    pub redirect_uri: String,
    /// What its redeemer must know the secret of.
    pub code_challenge: CodeChallenge,
    /// Who has signed in.
    pub account_id: AccountId,
    /// In which session.
    pub session: TokenHash,
    /// The generation of that session. What is redeemed in a later one is worth nothing.
    pub generation: Generation,
    /// What the client may learn.
    pub scopes: Scopes,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// When and how the person signed in.
    pub authentication: Authentication,
    /// When it was made.
    pub issued_at: Timestamp,
    /// The last second in which it works.
    pub expires_at: Timestamp,
}

/// Why a code cannot be redeemed. To the client all are `invalid_grant` (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefused {
    /// There is none with this hash, or it was redeemed already, or its session has ended.
    #[error("there is no such code")]
    Unknown,
    /// Its lifetime is over.
    #[error("the code has expired")]
    Expired,
    /// It was made for another client.
    #[error("the code is another client's")]
    OtherClient,
    /// It was sent to another address.
    #[error("the code was sent to another address")]
    OtherRedirectUri,
    /// The verifier is not that of its challenge.
    #[error("the code verifier is wrong")]
    WrongVerifier,
}

impl IssuedCode {
    /// The code with this hash, for a request that this session is enough for.
    pub fn new(hash: TokenHash, request: &AuthorizationRequest, session: &Session, now: Timestamp) -> Self {
        Self {
            hash,
            client: request.client.clone(),
            redirect_uri: request.to.redirect_uri.as_str().to_owned(),
            code_challenge: request.code_challenge.clone(),
            account_id: session.account_id.clone(),
            session: session.hash.clone(),
            generation: session.generation,
            scopes: request.scopes,
            nonce: request.nonce.clone(),
            authentication: session.into(),
            issued_at: now,
            expires_at: now + CODE_LIFETIME,
        }
    }

    /// Whether this client may redeem it at `now`. The address is compared letter by letter, the port too.
    pub fn redeem(
        &self,
        client: &ClientId,
        redirect_uri: &str,
        verifier: &CodeVerifier,
        now: Timestamp,
    ) -> Result<(), CodeRefused> {
        if self.client != *client {
            return Err(CodeRefused::OtherClient);
        }
        if self.redirect_uri != redirect_uri {
            return Err(CodeRefused::OtherRedirectUri);
        }
        if !self.code_challenge.verify(verifier) {
            return Err(CodeRefused::WrongVerifier);
        }
        // Last, because it may be a second use, which ends what the first one gave.
        if now > self.expires_at { Err(CodeRefused::Expired) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::request::tests::parse;
    use super::*;
    use crate::account::tests::account;
    use crate::{AccountKind, ClientInfo, SignInMethod, Token};

    /// The verifier of the challenge in the tests' requests (RFC 7636, appendix B).
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    /// A code of a request with these parameters changed, made in the second of the request. The person signed in through
    /// the backup email ten seconds before that.
    pub(in crate::oidc) fn issued(changed: &[(&str, &str)]) -> IssuedCode {
        let request = parse(changed).expect("a request");
        let now = request.requested_at;
        let account = account(AccountKind::Regular, None, None);
        let (hash, method) = (Token::from_bytes([3; 32]).hash(), SignInMethod::LinkToBackup);
        let signed_in_at = now - Duration::from_secs(10);
        let session = Session::begin(hash, &account, method, ClientInfo::default(), signed_in_at);
        IssuedCode::new(Token::from_bytes([4; 32]).hash(), &request, &session, now)
    }

    #[test]
    fn a_code_remembers_request_and_session() {
        let code = issued(&[("nonce", "n"), ("scope", "openid profile")]);
        assert_eq!((code.nonce.as_deref(), code.scopes.to_string()), (Some("n"), "openid profile".into()));
        assert_eq!((code.account_id.as_str(), code.generation), ("a", Generation::FIRST));
        assert_eq!(code.session, Token::from_bytes([3; 32]).hash());
        assert!(
            code.authentication.recovery
                && code.authentication.at + Duration::from_secs(10) == code.issued_at
        );
        assert_eq!(code.expires_at.since(code.issued_at), CODE_LIFETIME);
    }

    #[test]
    fn only_its_client_redeems_it_at_its_address_with_its_verifier_within_a_minute() {
        let code = issued(&[]);
        let (uri, other_uri) = ("https://example.com/cb", "https://example.com/cb/");
        let (own, other) = (code.client.clone(), ClientId::new([2; 16]));
        let wrong_verifier = "w".repeat(43);
        for (client, uri, verifier, seconds, expected) in [
            (&own, uri, VERIFIER, 0, Ok(())),
            (&own, uri, VERIFIER, 60, Ok(())),
            (&own, uri, VERIFIER, 61, Err(CodeRefused::Expired)),
            (&other, uri, VERIFIER, 0, Err(CodeRefused::OtherClient)),
            (&other, uri, VERIFIER, 61, Err(CodeRefused::OtherClient)),
            (&own, uri, &*wrong_verifier, 61, Err(CodeRefused::WrongVerifier)),
            (&own, other_uri, VERIFIER, 0, Err(CodeRefused::OtherRedirectUri)),
            (&own, "", VERIFIER, 0, Err(CodeRefused::OtherRedirectUri)),
            (&own, uri, &*wrong_verifier, 0, Err(CodeRefused::WrongVerifier)),
            (&own, uri, code.code_challenge.as_str(), 0, Err(CodeRefused::WrongVerifier)),
        ] {
            let verifier = CodeVerifier::parse(verifier).expect("a verifier");
            let now = code.issued_at + Duration::from_secs(seconds);
            assert_eq!(code.redeem(client, uri, &verifier, now), expected, "{uri} {seconds}");
        }
    }
}
