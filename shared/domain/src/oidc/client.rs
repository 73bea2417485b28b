//! Clients: the products that sign their people in here.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::client_authentication::ClientCredentials;
use super::client_secret::ClientSecrets;
use super::redirect_uri::RedirectUri;
use crate::timestamp::Timestamp;
use crate::username::is_unseen;

/// Random bytes of an id.
pub const CLIENT_ID_BYTES: usize = 16;
/// The length of its text.
const ID_CHARS: usize = 22;
/// Characters of a name: it fits into a line of a page.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=80;
/// Addresses of each kind. A product has one for each of its sites, and few sites.
pub const MAX_URIS: usize = 10;

/// The id of a client: 128 bits as 22 characters of base64url. It is no secret, and has no prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ClientId(String);

/// The text is not 16 bytes in base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a client")]
pub struct NotAClientId;

impl ClientId {
    /// A new id of random bytes.
    pub fn new(random: [u8; CLIENT_ID_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// Parses the parameter `client_id`.
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        if text.len() != ID_CHARS {
            return Err(NotAClientId);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAClientId)?;
        if bytes.len() == CLIENT_ID_BYTES { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;

    fn try_from(text: String) -> Result<Self, NotAClientId> {
        Self::parse(&text)
    }
}

/// What people see that they sign in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ClientName(String);

/// Why a text is no name of a client. The texts are for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAClientName {
    /// Not 1 to 80 characters.
    #[error("a name has 1 to 80 characters")]
    Length,
    /// A control or an invisible character, or white space other than a space.
    #[error("the name has the character U+{:04X}, which nobody sees", u32::from(*.0))]
    Character(char),
}

impl ClientName {
    /// Parses what an operator typed; space around it is dropped.
    pub fn parse(typed: &str) -> Result<Self, NotAClientName> {
        let name = typed.trim();
        if !NAME_CHARS.contains(&name.chars().count()) {
            return Err(NotAClientName::Length);
        }
        match name.chars().find(|c| is_unseen(*c) || (c.is_whitespace() && *c != ' ')) {
            Some(c) => Err(NotAClientName::Character(c)),
            None => Ok(Self(name.to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ClientName {
    type Error = NotAClientName;

    fn try_from(text: String) -> Result<Self, NotAClientName> {
        Self::parse(&text)
    }
}

/// How a client shows at the token endpoint that it is itself (RFC 6749, section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// Not at all: it runs where its user can read everything, and only its code verifier counts.
    Public,
    /// With a secret that its server keeps.
    Confidential(ClientSecrets),
}

/// A client as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The key.
    pub id: ClientId,
    /// What people see.
    pub name: ClientName,
    /// Where people return to with a code: 1 to 10.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent after they signed out: 10 at most.
    pub sign_out_uris: Vec<RedirectUri>,
    /// Where people whom it hands over return to from their account page: 10 at most.
    pub return_uris: Vec<RedirectUri>,
    /// How it shows that it is itself.
    pub authentication: ClientAuthentication,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Why a client cannot be registered. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAClient {
    /// Nobody could return to it.
    #[error("a client has at least one redirect address")]
    NoRedirectUri,
    /// More than ten addresses of one kind.
    #[error("a client has at most {MAX_URIS} addresses of a kind")]
    TooManyUris,
    /// The same address twice.
    #[error("the address {0} is there twice")]
    Twice(RedirectUri),
}

/// Client authentication failed: `invalid_client` (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefused {
    /// The credentials are those of another client.
    #[error("the credentials are those of another client")]
    OtherClient,
    /// A confidential client showed no secret.
    #[error("the client must authenticate with its secret")]
    SecretMissing,
    /// A public client showed a secret. It has none, so somebody mistakes it for another.
    #[error("the client is public and has no secret")]
    SecretOfAPublicClient,
    /// The secret is not one of the stored ones.
    #[error("the secret is wrong")]
    WrongSecret,
}

impl Client {
    /// The client, if it may be registered like this.
    pub fn checked(self) -> Result<Self, NotAClient> {
        if self.redirect_uris.is_empty() {
            return Err(NotAClient::NoRedirectUri);
        }
        for uris in [&self.redirect_uris, &self.sign_out_uris, &self.return_uris] {
            if uris.len() > MAX_URIS {
                return Err(NotAClient::TooManyUris);
            }
            let twice = uris.iter().enumerate().find(|(place, uri)| uris[..*place].contains(uri));
            if let Some((_, uri)) = twice {
                return Err(NotAClient::Twice(uri.clone()));
            }
        }
        Ok(self)
    }

    /// The address that a request asks for, if it is registered.
    pub fn redirect_uri(&self, asked: &str) -> Option<RedirectUri> {
        self.redirect_uris.iter().find_map(|uri| uri.asked_for(asked))
    }

    /// Whether a request to the token endpoint comes from this client.
    pub fn authenticate(&self, credentials: &ClientCredentials) -> Result<(), ClientRefused> {
        if credentials.client != self.id {
            return Err(ClientRefused::OtherClient);
        }
        match (&self.authentication, &credentials.secret) {
            (ClientAuthentication::Public, None) => Ok(()),
            (ClientAuthentication::Public, Some(_)) => Err(ClientRefused::SecretOfAPublicClient),
            (ClientAuthentication::Confidential(_), None) => Err(ClientRefused::SecretMissing),
            (ClientAuthentication::Confidential(secrets), Some(shown)) if secrets.verify(shown) => Ok(()),
            (ClientAuthentication::Confidential(_), Some(_)) => Err(ClientRefused::WrongSecret),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::client_secret::ClientSecret;
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    /// A public client with this address.
    pub(in crate::oidc) fn client(redirect_uri: &str) -> Client {
        Client {
            id: ClientId::new([1; CLIENT_ID_BYTES]),
            name: ClientName::parse("Example").expect("a name"),
            redirect_uris: vec![RedirectUri::parse(redirect_uri).expect("an address")],
            sign_out_uris: vec![],
            return_uris: vec![],
            authentication: ClientAuthentication::Public,
            created_at: NOW,
        }
    }

    #[test]
    fn an_id_is_22_characters_of_base64url() {
        let id = ClientId::new([255; CLIENT_ID_BYTES]);
        assert_eq!(ClientId::parse(id.as_str()), Ok(id.clone()));
        let text = id.as_str();
        for bad in [
            "",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}=="),
            &text.replace('_', "/"),
            // Other bits behind the last byte would be another text of the same id.
            &format!("{}x", &text[..21]),
            &format!("{}é", &text[..20]),
        ] {
            assert_eq!(ClientId::parse(bad), Err(NotAClientId), "{bad}");
        }
    }

    #[test]
    fn a_name_is_1_to_80_characters_that_people_see() {
        let (longest, longer) = ("é".repeat(80), "é".repeat(81));
        for (typed, name) in [
            ("Example", Ok("Example")),
            ("  Café & Co. – 日本 ", Ok("Café & Co. – 日本")),
            (&longest, Ok(&*longest)),
            (&longer, Err(NotAClientName::Length)),
            ("", Err(NotAClientName::Length)),
            (" \t", Err(NotAClientName::Length)),
            ("a\nb", Err(NotAClientName::Character('\n'))),
            ("a\u{a0}b", Err(NotAClientName::Character('\u{a0}'))),
            ("a\u{202e}b", Err(NotAClientName::Character('\u{202e}'))),
            ("\u{2800}", Err(NotAClientName::Character('\u{2800}'))),
            ("a\0", Err(NotAClientName::Character('\0'))),
        ] {
            let parsed = ClientName::parse(typed);
            assert_eq!(parsed.as_ref().map(ClientName::as_str), name.as_ref().map(|name| *name), "{typed:?}");
        }
    }

    #[test]
    fn a_client_has_one_to_ten_addresses_and_each_once() {
        let uris = |count: usize| -> Vec<RedirectUri> {
            let texts = (0..count).map(|number| format!("https://example.com/{number}"));
            texts.map(|text| RedirectUri::parse(&text).expect("an address")).collect()
        };
        let twice = [uris(1), uris(2)].concat();
        for (redirect_uris, sign_out_uris, refused) in [
            (uris(1), vec![], None),
            (uris(10), uris(10), None),
            (vec![], uris(1), Some(NotAClient::NoRedirectUri)),
            (uris(11), vec![], Some(NotAClient::TooManyUris)),
            (uris(1), uris(11), Some(NotAClient::TooManyUris)),
            (twice.clone(), vec![], Some(NotAClient::Twice(twice[0].clone()))),
            (uris(1), twice.clone(), Some(NotAClient::Twice(twice[0].clone()))),
        ] {
            let client = Client { redirect_uris, sign_out_uris, ..client("https://example.com/") };
            assert_eq!(client.checked().err(), refused);
        }
        for (return_uris, refused) in [
            (uris(10), None),
            (uris(11), Some(NotAClient::TooManyUris)),
            (twice.clone(), Some(NotAClient::Twice(twice[0].clone()))),
        ] {
            let client = Client { return_uris, ..client("https://example.com/") };
            assert_eq!(client.checked().err(), refused);
        }
    }

    #[test]
    fn only_its_secret_authenticates_a_confidential_client_and_none_a_public_one() {
        let (right, wrong) = (ClientSecret::from_bytes([7; 32]), ClientSecret::from_bytes([8; 32]));
        let public = client("https://example.com/");
        let secrets = ClientSecrets::new(&right, NOW);
        let confidential =
            Client { authentication: ClientAuthentication::Confidential(secrets), ..public.clone() };
        for (client, secret, expected) in [
            (&public, None, Ok(())),
            (&public, Some(&right), Err(ClientRefused::SecretOfAPublicClient)),
            (&confidential, None, Err(ClientRefused::SecretMissing)),
            (&confidential, Some(&wrong), Err(ClientRefused::WrongSecret)),
            (&confidential, Some(&right), Ok(())),
        ] {
            let shown = |id: u8| ClientCredentials {
                client: ClientId::new([id; CLIENT_ID_BYTES]),
                secret: secret.cloned(),
            };
            assert_eq!(client.authenticate(&shown(1)), expected);
            assert_eq!(client.authenticate(&shown(2)), Err(ClientRefused::OtherClient));
        }
    }

    proptest! {
        #[test]
        fn an_id_is_parsed_as_it_was_made(random in any::<[u8; CLIENT_ID_BYTES]>(), text in "\\PC{0,30}") {
            let id = ClientId::new(random);
            prop_assert_eq!(ClientId::parse(id.as_str()), Ok(id));
            if let Ok(parsed) = ClientId::parse(&text) {
                prop_assert_eq!(parsed.as_str(), &*text);
            }
        }
    }
}
