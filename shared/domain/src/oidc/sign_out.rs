//! A client sends its person here to sign out (OpenID Connect RP-Initiated Logout 1.0). The session ends when the person presses
//! the button of the page, never by the request itself.
use std::fmt;

use super::client::{Client, ClientId};
use super::id_token::IdTokenHint;
use super::parameters::{Parameters, Repeated};
use super::redirect_uri::RedirectUri;
use super::request::is_opaque;

/// What a client asks for (section 2).
#[derive(Clone, PartialEq, Eq)]
pub struct SignOutRequest {
    /// An ID token, not verified yet.
    pub id_token_hint: Option<String>,
    client: Option<ClientId>,
    redirect_uri: Option<String>,
    state: Option<String>,
}

/// Why a request leads nowhere. It is answered with a page for the person, who may sign out all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignOutRefused {
    /// A parameter is there twice.
    #[error(transparent)]
    Repeated(#[from] Repeated),
    /// The `client_id` is none, or no client has it.
    #[error("there is no client with this client_id")]
    UnknownClient,
    /// The ID token is another client's.
    #[error("id_token_hint was issued to another client than client_id")]
    OtherClient,
    /// There is an address, and nothing says whose it is.
    #[error("post_logout_redirect_uri needs an id_token_hint or a client_id")]
    ClientMissing,
    /// The client has not registered this address.
    #[error("post_logout_redirect_uri is not registered")]
    RedirectUriNotRegistered,
    /// The state is too long or not printable.
    #[error("state is longer than 512 bytes or not printable ASCII")]
    State,
}

impl SignOutRequest {
    /// Reads the parameters of a query or a form. `logout_hint` and `ui_locales` are ignored.
    pub fn parse(parameters: &Parameters<'_>) -> Result<Self, SignOutRefused> {
        let client = parameters.get("client_id")?.map(ClientId::parse).transpose();
        let own = |text: Option<&str>| text.map(str::to_owned);
        let state = parameters.get("state")?;
        if state.is_some_and(|state| !is_opaque(state)) {
            return Err(SignOutRefused::State);
        }
        Ok(Self {
            id_token_hint: own(parameters.get("id_token_hint")?),
            client: client.map_err(|_| SignOutRefused::UnknownClient)?,
            redirect_uri: own(parameters.get("post_logout_redirect_uri")?),
            state: own(state),
        })
    }

    /// Whose request it is, by the ID token, once it was verified, and by `client_id`. If both are there, they must agree.
    pub fn client(&self, hint: Option<&IdTokenHint>) -> Result<Option<ClientId>, SignOutRefused> {
        match (hint.map(|hint| &hint.client), &self.client) {
            (Some(by_hint), Some(by_id)) if by_hint != by_id => Err(SignOutRefused::OtherClient),
            (Some(client), _) | (None, Some(client)) => Ok(Some(client.clone())),
            (None, None) => Ok(None),
        }
    }

    /// Where the person goes after signing out; nowhere if the client does not ask for it. The address is one of this client's,
    /// letter by letter (section 3): unlike an answer with a code, nothing needs the port that happens to be free.
    pub fn location(&self, client: Option<&Client>) -> Result<Option<String>, SignOutRefused> {
        let Some(asked) = &self.redirect_uri else { return Ok(None) };
        let client = client.ok_or(SignOutRefused::ClientMissing)?;
        let is_asked_for = |uri: &&RedirectUri| uri.as_str() == asked;
        let uri =
            client.sign_out_uris.iter().find(is_asked_for).ok_or(SignOutRefused::RedirectUriNotRegistered)?;
        let state: Vec<_> = self.state.iter().map(|state| ("state", state.as_str())).collect();
        Ok(Some(uri.with_query(&state)))
    }
}

impl fmt::Debug for SignOutRequest {
    /// Without the ID token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOutRequest").field("client", &self.client).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::client;
    use super::super::parameters::tests::pairs;
    use super::*;
    use crate::account::AccountId;

    fn registered() -> Client {
        let uris = ["https://example.com/bye?x=1", "http://127.0.0.1:7777/bye"];
        let sign_out_uris = uris.map(|uri| RedirectUri::parse(uri).expect("an address")).to_vec();
        Client { sign_out_uris, ..client("https://example.com/cb") }
    }

    fn parse(parameters: &[(&str, &str)]) -> Result<SignOutRequest, SignOutRefused> {
        SignOutRequest::parse(&Parameters::new(&pairs(parameters)))
    }

    #[test]
    fn the_client_is_known_by_its_token_or_its_id_and_both_agree() {
        let (own, other) = (registered().id, ClientId::new([2; 16]));
        let hint = |client: &ClientId| IdTokenHint { client: client.clone(), subject: AccountId::new("a") };
        for (by_hint, by_id, expected) in [
            (None, None, Ok(None)),
            (None, Some(&own), Ok(Some(own.clone()))),
            (Some(hint(&own)), None, Ok(Some(own.clone()))),
            (Some(hint(&own)), Some(&own), Ok(Some(own.clone()))),
            (Some(hint(&other)), Some(&own), Err(SignOutRefused::OtherClient)),
        ] {
            let request = parse(&[("client_id", by_id.map_or("", |id| id.as_str()))]).expect("a request");
            assert_eq!(request.client(by_hint.as_ref()), expected);
        }
    }

    #[test]
    fn a_registered_address_is_gone_to_letter_by_letter() {
        let client = registered();
        let bye = "https://example.com/bye?x=1";
        for (uri, state, client, expected) in [
            ("", "s", Some(&client), Ok(None)),
            ("", "", None, Ok(None)),
            (bye, "", Some(&client), Ok(Some(bye))),
            (bye, "a&b", Some(&client), Ok(Some("https://example.com/bye?x=1&state=a%26b"))),
            ("http://127.0.0.1:7777/bye", "", Some(&client), Ok(Some("http://127.0.0.1:7777/bye"))),
            ("http://127.0.0.1:7778/bye", "", Some(&client), Err(SignOutRefused::RedirectUriNotRegistered)),
            ("https://example.com/bye", "", Some(&client), Err(SignOutRefused::RedirectUriNotRegistered)),
            // For signing in only.
            ("https://example.com/cb", "", Some(&client), Err(SignOutRefused::RedirectUriNotRegistered)),
            ("https://example.net/", "", Some(&client), Err(SignOutRefused::RedirectUriNotRegistered)),
            (bye, "", None, Err(SignOutRefused::ClientMissing)),
        ] {
            let request = parse(&[("post_logout_redirect_uri", uri), ("state", state)]).expect("a request");
            let location = request.location(client);
            assert_eq!(location.as_ref().map(Option::as_deref), expected.as_ref().map(|uri| *uri), "{uri}");
        }
    }

    #[test]
    fn what_is_malformed_or_repeated_is_refused() {
        let long = "s".repeat(513);
        for (parameters, why) in [
            (vec![("client_id", "web")], SignOutRefused::UnknownClient),
            (vec![("state", &*long)], SignOutRefused::State),
            (vec![("state", "a\nb")], SignOutRefused::State),
            (vec![("state", "a"), ("state", "b")], SignOutRefused::Repeated(Repeated("state"))),
            (
                vec![("post_logout_redirect_uri", "a"), ("post_logout_redirect_uri", "a")],
                SignOutRefused::Repeated(Repeated("post_logout_redirect_uri")),
            ),
        ] {
            assert_eq!(parse(&parameters), Err(why), "{parameters:?}");
        }
    }
}
