//! How a client says at the token endpoint who it is: `client_secret_basic`, `client_secret_post` or `none` (OpenID Connect
//! Core 1.0, section 9), and one of them at a time.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::client::ClientId;
use super::client_secret::ClientSecret;
use super::parameters::Parameters;
use super::token_response::{TokenError, TokenErrorCode};

/// What clients may use, as the discovery document lists it.
pub const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];

/// Whom a request to the token endpoint says that it is from.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The client.
    pub client: ClientId,
    /// Its secret, if it shows one.
    pub secret: Option<ClientSecret>,
}

impl ClientCredentials {
    /// Reads them from the header `Authorization`, if there is one, and from the form.
    pub fn parse(authorization: Option<&str>, form: &Parameters<'_>) -> Result<Self, TokenError> {
        let (client, secret) = (form.get("client_id")?, form.get("client_secret")?);
        let has_assertion =
            form.get("client_assertion")?.is_some() || form.get("client_assertion_type")?.is_some();
        if has_assertion {
            return Err(refused(
                "assertions are not supported; use client_secret_basic or client_secret_post",
            ));
        }
        let Some(header) = authorization else {
            let client = client.ok_or_else(|| refused("there is no client_id"))?;
            return Self::of(client, secret);
        };
        if secret.is_some() {
            return Err(TokenError::new(
                TokenErrorCode::InvalidRequest,
                "the client secret is in the header Authorization and in the form",
            ));
        }
        let credentials =
            Self::parse_basic(header).ok_or_else(|| refused("the header Authorization is malformed"))?;
        // Many clients add their id to the form. That is no second way to authenticate, but it must be the same.
        if client.is_some_and(|client| client != credentials.client.as_str()) {
            return Err(TokenError::new(
                TokenErrorCode::InvalidRequest,
                "client_id differs from the header Authorization",
            ));
        }
        Ok(credentials)
    }

    fn of(client: &str, secret: Option<&str>) -> Result<Self, TokenError> {
        let client =
            ClientId::parse(client).map_err(|_| refused("there is no client with this client_id"))?;
        let secret = secret.map(ClientSecret::parse).transpose();
        Ok(Self { client, secret: secret.map_err(|_| refused("client authentication failed"))? })
    }

    /// Reads `Basic` and base64 of id and secret, both encoded like the values of a form, with a colon between them (RFC
    /// 6749, section 2.3.1).
    fn parse_basic(header: &str) -> Option<Self> {
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim_start_matches(' ')).ok()?).ok()?;
        let (client, secret) = decoded.split_once(':')?;
        Self::of(&form_decoded(client)?, Some(&form_decoded(secret)?)).ok()
    }
}

/// A value of a form. One that could be several is none.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['=', '&']) {
        return None;
    }
    form_urlencoded::parse(text.as_bytes()).next().map(|(value, _)| value.into_owned())
}

fn refused(description: &'static str) -> TokenError {
    TokenError::new(TokenErrorCode::InvalidClient, description)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parameters::tests::pairs;
    use super::*;

    fn id() -> ClientId {
        ClientId::new([255; 16])
    }

    fn secret() -> ClientSecret {
        ClientSecret::from_bytes([254; 32])
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    fn read(header: Option<&str>, form: &[(&str, &str)]) -> Result<(ClientId, bool), TokenErrorCode> {
        let pairs = pairs(form);
        let credentials = ClientCredentials::parse(header, &Parameters::new(&pairs));
        let is_right = |shown: ClientSecret| shown.hash() == secret().hash();
        credentials
            .map(|found| (found.client, found.secret.is_some_and(is_right)))
            .map_err(|error| error.code)
    }

    #[test]
    fn each_method_is_read_by_itself() {
        let (id_text, secret_text) = (id().as_str().to_owned(), secret().expose());
        // Clients may encode more letters than they must.
        let encoded = |text: &str| text.replace('_', "%5F").replace('-', "%2d");
        assert!(id_text.contains('_') && secret_text.contains(['_', '-']));
        let plain = basic(&format!("{id_text}:{secret_text}"));
        let header = basic(&format!("{}:{}", encoded(&id_text), encoded(&secret_text)));
        for (header, form, found) in [
            (None, vec![("client_id", &*id_text)], (id(), false)),
            (None, vec![("client_id", &id_text), ("client_secret", &secret_text)], (id(), true)),
            (None, vec![("client_id", &id_text), ("client_secret", "")], (id(), false)),
            (Some(&plain), vec![], (id(), true)),
            (Some(&plain), vec![("client_id", &id_text)], (id(), true)),
            (Some(&plain.replace("Basic ", "basic  ")), vec![], (id(), true)),
            (Some(&header), vec![("client_secret", "")], (id(), true)),
        ] {
            assert_eq!(
                read(header.map(|header: &String| &**header), &form),
                Ok(found),
                "{header:?} {form:?}"
            );
        }
    }

    #[test]
    fn two_methods_and_what_is_malformed_are_refused() {
        let (id_text, secret_text) = (id().as_str().to_owned(), secret().expose());
        let right = basic(&format!("{id_text}:{secret_text}"));
        let other = ClientId::new([1; 16]);
        let header = |text: &str| Some(basic(text));
        for (header, form, code) in [
            (None, vec![], TokenErrorCode::InvalidClient),
            (None, vec![("client_id", "web")], TokenErrorCode::InvalidClient),
            (None, vec![("client_id", &*id_text), ("client_id", &id_text)], TokenErrorCode::InvalidRequest),
            (None, vec![("client_id", &id_text), ("client_secret", "guess")], TokenErrorCode::InvalidClient),
            (None, vec![("client_secret", &secret_text)], TokenErrorCode::InvalidClient),
            (None, vec![("client_id", &id_text), ("client_assertion", "x")], TokenErrorCode::InvalidClient),
            (Some(right.clone()), vec![("client_secret", &*secret_text)], TokenErrorCode::InvalidRequest),
            (Some(right.clone()), vec![("client_secret", "x")], TokenErrorCode::InvalidRequest),
            (Some(right.clone()), vec![("client_id", other.as_str())], TokenErrorCode::InvalidRequest),
            (Some(right.clone()), vec![("client_assertion_type", "x")], TokenErrorCode::InvalidClient),
            (Some(right.replace("Basic", "Bearer")), vec![], TokenErrorCode::InvalidClient),
            (Some(right.replace(' ', "")), vec![], TokenErrorCode::InvalidClient),
            (Some(format!("{right} x")), vec![], TokenErrorCode::InvalidClient),
            (Some(String::new()), vec![("client_id", &id_text)], TokenErrorCode::InvalidClient),
            (header(&id_text), vec![], TokenErrorCode::InvalidClient),
            (header(&format!("{id_text}:")), vec![], TokenErrorCode::InvalidClient),
            (header(&format!(":{secret_text}")), vec![], TokenErrorCode::InvalidClient),
            (header(&format!("{id_text}:{secret_text}:")), vec![], TokenErrorCode::InvalidClient),
            (header(&format!("{id_text}&x:{secret_text}")), vec![], TokenErrorCode::InvalidClient),
            (header(&format!("{id_text}=:{secret_text}")), vec![], TokenErrorCode::InvalidClient),
            (header(&format!("{id_text}:{}", "%41".repeat(1_000))), vec![], TokenErrorCode::InvalidClient),
        ] {
            assert_eq!(read(header.as_deref(), &form), Err(code), "{header:?} {form:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_as_a_form_is_read(client in any::<[u8; 16]>(), secret in any::<[u8; 32]>()) {
            let (client, secret) = (ClientId::new(client), ClientSecret::from_bytes(secret));
            // The most that a client may encode fits, too.
            let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            let header = basic(&format!("{}:{}", encode(client.as_str()), encode(&secret.expose())));
            let read = ClientCredentials::parse(Some(&header), &Parameters::new(&[])).expect("credentials");
            prop_assert_eq!(read.client, client);
            prop_assert_eq!(read.secret.map(|shown| shown.hash()), Some(secret.hash()));
        }

        #[test]
        fn any_header_is_read_or_refused(header in "\\PC{0,60}|[Bb]asic [A-Za-z0-9+/=]{0,120}") {
            if let Ok(read) = ClientCredentials::parse(Some(&header), &Parameters::new(&[])) {
                prop_assert!(read.secret.is_some());
            }
        }
    }
}
