//! A request to the token endpoint (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
use super::client_authentication::ClientCredentials;
use super::code::CodeRefused;
use super::code_challenge::CodeVerifier;
use super::parameters::Parameters;
use super::token_response::{TokenError, TokenErrorCode};
use crate::token::Token;

/// The only `grant_type`.
pub const GRANT_TYPE: &str = "authorization_code";

/// A client that wants tokens for a code.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Who it says it is.
    pub credentials: ClientCredentials,
    /// The code.
    pub code: Token,
    /// The address that the code was sent to.
    pub redirect_uri: String,
    /// The secret of the code's challenge.
    pub code_verifier: CodeVerifier,
}

impl TokenRequest {
    /// Reads the header `Authorization`, if there is one, and the form.
    pub fn parse(authorization: Option<&str>, form: &Parameters<'_>) -> Result<Self, TokenError> {
        let credentials = ClientCredentials::parse(authorization, form)?;
        match form.get("grant_type")? {
            Some(GRANT_TYPE) => {}
            None => return Err(invalid("there is no grant_type")),
            Some(_) => {
                let code = TokenErrorCode::UnsupportedGrantType;
                return Err(TokenError::new(code, "the only grant_type is authorization_code"));
            }
        }
        let code = form.get("code")?.ok_or_else(|| invalid("there is no code"))?;
        let redirect_uri = form.get("redirect_uri")?.ok_or_else(|| invalid("there is no redirect_uri"))?;
        let code_verifier = form.get("code_verifier")?.ok_or_else(|| invalid("there is no code_verifier"))?;
        Ok(Self {
            credentials,
            // What has another shape is no code that there is, and no verifier that fits one.
            code: Token::parse(code).map_err(|_| CodeRefused::Unknown)?,
            redirect_uri: redirect_uri.to_owned(),
            code_verifier: CodeVerifier::parse(code_verifier).map_err(|_| CodeRefused::WrongVerifier)?,
        })
    }
}

fn invalid(description: &'static str) -> TokenError {
    TokenError::new(TokenErrorCode::InvalidRequest, description)
}

#[cfg(test)]
mod tests {
    use super::super::client::ClientId;
    use super::super::parameters::tests::pairs;
    use super::*;

    fn parse(changed: &[(&str, &str)]) -> Result<TokenRequest, TokenErrorCode> {
        let (id, code) = (ClientId::new([1; 16]), Token::from_bytes([2; 32]).expose());
        let verifier = "v".repeat(43);
        let complete = [
            ("client_id", id.as_str()),
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "https://example.com/cb"),
            ("code_verifier", &verifier),
        ];
        let is_changed = |name: &str| changed.iter().any(|(other, _)| *other == name);
        let kept = complete.into_iter().filter(|(name, _)| !is_changed(name));
        let pairs = pairs(&kept.chain(changed.iter().copied()).collect::<Vec<_>>());
        TokenRequest::parse(None, &Parameters::new(&pairs)).map_err(|error| error.code)
    }

    #[test]
    fn a_complete_request_is_read_and_debug_shows_no_secret() {
        let request = parse(&[("client_secret", &Token::from_bytes([9; 32]).expose())]).expect("a request");
        assert_eq!(request.code.hash(), Token::from_bytes([2; 32]).hash());
        assert_eq!(request.redirect_uri, "https://example.com/cb");
        let debug = format!("{request:?}");
        let code = Token::from_bytes([2; 32]).expose();
        let secret = Token::from_bytes([9; 32]).expose();
        assert!(![&*code, &*secret, "vvvv"].iter().any(|text| debug.contains(text)), "{debug}");
    }

    #[test]
    fn what_is_missing_repeated_or_of_another_shape_has_its_standard_error() {
        use TokenErrorCode as Code;
        for (changed, code) in [
            (vec![("grant_type", "")], Code::InvalidRequest),
            (vec![("grant_type", "refresh_token")], Code::UnsupportedGrantType),
            (vec![("grant_type", "password")], Code::UnsupportedGrantType),
            (vec![("grant_type", "client_credentials")], Code::UnsupportedGrantType),
            (vec![("code", "")], Code::InvalidRequest),
            (vec![("code", "guess")], Code::InvalidGrant),
            (vec![("redirect_uri", "")], Code::InvalidRequest),
            (vec![("code_verifier", "")], Code::InvalidRequest),
            (vec![("code_verifier", "short")], Code::InvalidGrant),
            (vec![("code", "a"), ("code", "b")], Code::InvalidRequest),
            (vec![("code_verifier", "a"), ("code_verifier", "a")], Code::InvalidRequest),
            (vec![("client_id", "")], Code::InvalidClient),
            // Who asks comes first.
            (vec![("client_id", ""), ("grant_type", "password")], Code::InvalidClient),
        ] {
            assert_eq!(parse(&changed).map(|_| ()), Err(code), "{changed:?}");
        }
    }
}
