//! An authorization request that waits in a cookie until its person has signed in.
//!
//! What waits are its parameters. They are parsed again when it goes on, against the client as it is then, so that nothing in
//! the cookie needs to be believed.
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::authorization_response::{AuthorizationRefused, Unredirectable};
use super::client::{Client, ClientId};
use super::parameters::Parameters;
use super::request::{AuthorizationRequest, CHALLENGE_METHOD, RESPONSE_TYPE};
use crate::account::AccountId;
use crate::language::Language;
use crate::timestamp::Timestamp;

/// How long it waits: the person may look for the mail with the link, which lives for ten minutes, and ask for a second one.
pub const LIFETIME: Duration = Duration::from_mins(30);
/// Longest text. Browsers keep 4,096 bytes of a cookie with its name.
pub const MAX_BYTES: usize = 3_900;
/// Most that parameters may be in JSON. With this, the subject and the time, the text fits.
const MAX_PARAMETERS: usize = 2_750;

/// What the cookie has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRequest {
    #[serde(rename = "p")]
    parameters: BTreeMap<String, String>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    subject: Option<AccountId>,
    #[serde(rename = "t")]
    requested_at: Timestamp,
}

/// The text is no request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no request waits")]
pub struct NotWaiting;

impl WaitingRequest {
    /// What waits of a request.
    pub fn new(request: &AuthorizationRequest) -> Self {
        Self {
            parameters: parameters(request),
            subject: request.subject.clone(),
            requested_at: request.requested_at,
        }
    }

    /// The value of the cookie: base64url of JSON.
    pub fn to_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("texts and numbers are JSON"))
    }

    /// Reads the value of the cookie at `now`. It may have waited for too long.
    pub fn parse(value: &str, now: Timestamp) -> Result<Self, NotWaiting> {
        if value.len() > MAX_BYTES {
            return Err(NotWaiting);
        }
        let json = URL_SAFE_NO_PAD.decode(value).map_err(|_| NotWaiting)?;
        let waiting: Self = serde_json::from_slice(&json).map_err(|_| NotWaiting)?;
        let waits = waiting.requested_at <= now && now <= waiting.requested_at + LIFETIME;
        if waits { Ok(waiting) } else { Err(NotWaiting) }
    }

    /// Whose request it is, for looking the client up.
    pub fn client(&self) -> Result<ClientId, Unredirectable> {
        AuthorizationRequest::client_of(&Parameters::new(&self.pairs()))
    }

    /// The request, if it is still one of this client.
    pub fn resume(&self, client: &Client) -> Result<AuthorizationRequest, AuthorizationRefused> {
        let pairs = self.pairs();
        let request = AuthorizationRequest::parse(&Parameters::new(&pairs), client, self.requested_at)?;
        Ok(AuthorizationRequest { subject: self.subject.clone(), ..request })
    }

    /// What the person may have typed elsewhere, for the field of the form.
    pub fn login_hint(&self) -> Option<&str> {
        self.parameters.get("login_hint").map(String::as_str)
    }

    /// The language that the client asks for.
    pub fn language(&self) -> Option<Language> {
        self.parameters.get("ui_locales").and_then(|tag| Language::from_tag(tag))
    }

    fn pairs(&self) -> Vec<(String, String)> {
        self.parameters.clone().into_iter().collect()
    }
}

impl fmt::Debug for WaitingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitingRequest(…)")
    }
}

/// Whether the request is too long to wait.
pub(super) fn is_too_long(request: &AuthorizationRequest) -> bool {
    let json = serde_json::to_vec(&parameters(request)).expect("texts are JSON");
    json.len() > MAX_PARAMETERS
}

/// The parameters of which the same request is made again.
fn parameters(request: &AuthorizationRequest) -> BTreeMap<String, String> {
    [
        ("client_id", Some(request.client.clone().into())),
        ("redirect_uri", Some(request.to.redirect_uri.as_str().to_owned())),
        ("response_type", Some(RESPONSE_TYPE.to_owned())),
        ("state", request.to.state.clone()),
        ("nonce", request.nonce.clone()),
        ("code_challenge", Some(request.code_challenge.as_str().to_owned())),
        ("code_challenge_method", Some(CHALLENGE_METHOD.to_owned())),
        ("scope", Some(request.scopes.to_string())),
        ("max_age", request.max_age.map(|age| age.as_secs().to_string())),
        ("prompt", request.prompt.value().map(str::to_owned)),
        ("login_hint", request.login_hint.clone()),
        ("ui_locales", request.language.map(|language| language.tag().to_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::client::tests::client;
    use super::super::redirect_uri::RedirectUri;
    use super::super::request::tests::parse;
    use super::*;

    const URI: &str = "https://example.com/cb";

    fn waited(request: &AuthorizationRequest, seconds: i64) -> Result<WaitingRequest, NotWaiting> {
        let now = Timestamp::from_unix_seconds(request.requested_at.unix_seconds() + seconds);
        WaitingRequest::parse(&WaitingRequest::new(request).to_value(), now)
    }

    #[test]
    fn a_request_goes_on_as_it_was_for_half_an_hour() {
        let request = parse(&[
            ("nonce", "n\"\\ "),
            ("state", "{}&=%"),
            ("max_age", "0"),
            ("prompt", "select_account"),
            ("login_hint", "mína@example.com"),
            ("ui_locales", "da"),
            ("id_token_hint", "a.b.c"),
        ]);
        let asked =
            AuthorizationRequest { subject: Some(AccountId::new("a")), ..request.expect("a request") };
        for (seconds, waits) in [(0, true), (1_800, true), (1_801, false), (-1, false)] {
            assert_eq!(waited(&asked, seconds).is_ok(), waits, "{seconds}");
        }
        let waiting = waited(&asked, 60).expect("it waits");
        assert_eq!(waiting.client().as_ref(), Ok(&asked.client));
        // The hint does not wait: what it proved is the subject.
        let expected = AuthorizationRequest { id_token_hint: None, ..asked };
        assert_eq!(waiting.resume(&client(URI)), Ok(expected));
    }

    #[test]
    fn it_goes_on_for_its_client_as_that_is_now() {
        let waiting = waited(&parse(&[]).expect("a request"), 0).expect("it waits");
        let moved = client("https://example.com/elsewhere");
        let refused = AuthorizationRefused::Unredirectable(Unredirectable::RedirectUriNotRegistered);
        assert_eq!(waiting.resume(&moved), Err(refused));
        let other = Client { id: ClientId::new([2; 16]), ..client(URI) };
        let refused = AuthorizationRefused::Unredirectable(Unredirectable::UnknownClient);
        assert_eq!(waiting.resume(&other), Err(refused));
    }

    #[test]
    fn the_longest_request_fits_into_a_cookie_and_a_longer_one_is_refused() {
        let uri = format!("https://example.com/{}", "a".repeat(1_004));
        let client =
            Client { redirect_uris: vec![RedirectUri::parse(&uri).expect("an address")], ..client(URI) };
        let longest = |letter: &str| {
            let (opaque, hint) = (letter.repeat(512), "m".repeat(254));
            let request = parse(&[("nonce", &opaque), ("login_hint", &hint), ("max_age", "9999999999")]);
            let mut pairs: Vec<_> = parameters(&request.expect("a request")).into_iter().collect();
            pairs.retain(|(name, _)| name != "redirect_uri" && name != "state");
            pairs.extend([("redirect_uri".to_owned(), uri.clone()), ("state".to_owned(), opaque)]);
            let now = Timestamp::from_unix_seconds(1_800_000_000);
            AuthorizationRequest::parse(&Parameters::new(&pairs), &client, now)
        };
        let request = longest("x").expect("it is short enough");
        let subject = Some(AccountId::new("a".repeat(64)));
        let value = WaitingRequest::new(&AuthorizationRequest { subject, ..request }).to_value();
        assert!((3_000..=MAX_BYTES).contains(&value.len()), "{}", value.len());
        // Each of these letters is two in JSON.
        assert!(matches!(longest("\\"), Err(AuthorizationRefused::Redirected(_))));
    }

    proptest! {
        #[test]
        fn anything_may_be_in_the_cookie(value in "\\PC{0,80}|[A-Za-z0-9_-]{0,80}", json in "\\{\"p\":\\{\\},\"t\":[0-9]{1,3}\\}") {
            let now = Timestamp::from_unix_seconds(1_000);
            for value in [value, URL_SAFE_NO_PAD.encode(json)] {
                if let Ok(waiting) = WaitingRequest::parse(&value, now) {
                    prop_assert!(waiting.resume(&client(URI)).is_err());
                }
            }
        }
    }
}
