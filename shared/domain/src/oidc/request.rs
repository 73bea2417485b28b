//! A request to the authorization endpoint (OpenID Connect Core 1.0, section 3.1.2.1; RFC 7636, section 4.3), parsed once.
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::authorization_response::{
    AuthorizationError, AuthorizationErrorCode, AuthorizationRefused, ReturnAddress, Unredirectable,
};
use super::client::{Client, ClientId};
use super::code_challenge::CodeChallenge;
use super::parameters::{Parameters, Repeated};
use super::prompt::{NotAPrompt, Prompt};
use super::scopes::Scopes;
use super::waiting_request;
use crate::account::AccountId;
use crate::email_address::MAX_BYTES as MAX_HINT_BYTES;
use crate::language::Language;
use crate::timestamp::Timestamp;

/// The only `response_type`: a code.
pub const RESPONSE_TYPE: &str = "code";
/// The only `response_mode`: answers are in the query.
pub const RESPONSE_MODE: &str = "query";
/// The only `code_challenge_method`.
pub const CHALLENGE_METHOD: &str = "S256";
/// Longest `state` and longest `nonce`, in bytes. Both wait in a cookie while the person signs in.
pub const MAX_OPAQUE_BYTES: usize = 512;
/// Longest `max_age`, in digits: three hundred years.
const MAX_AGE_DIGITS: usize = 10;

/// What a client asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes.
    pub to: ReturnAddress,
    /// What the ID token repeats, so that the client knows that it is the answer to this request.
    pub nonce: Option<String>,
    /// What the code is bound to.
    pub code_challenge: CodeChallenge,
    /// What the client may learn.
    pub scopes: Scopes,
    /// How long ago the person may have signed in.
    pub max_age: Option<Duration>,
    /// Whether the person is asked to sign in.
    pub prompt: Prompt,
    /// What the person may have typed elsewhere, for the field of the form. It is not checked, and proves nothing.
    pub login_hint: Option<String>,
    /// The first language of `ui_locales` that has texts.
    pub language: Option<Language>,
    /// An ID token from an earlier sign-in, not verified yet. It does not wait.
    pub id_token_hint: Option<String>,
    /// Whom that token is about, once it was verified: only they may sign in.
    pub subject: Option<AccountId>,
    /// When it came.
    pub requested_at: Timestamp,
}

impl AuthorizationRequest {
    /// Whose request it is, for looking the client up.
    pub fn client_of(parameters: &Parameters<'_>) -> Result<ClientId, Unredirectable> {
        let id = parameters.get("client_id")?.ok_or(Unredirectable::ClientMissing)?;
        ClientId::parse(id).map_err(|_| Unredirectable::UnknownClient)
    }

    /// Parses a request of this client. First comes whether an answer may go to the address in it.
    pub fn parse(
        parameters: &Parameters<'_>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Self, AuthorizationRefused> {
        if Self::client_of(parameters)? != client.id {
            return Err(Unredirectable::UnknownClient.into());
        }
        let asked = parameters.get("redirect_uri").map_err(Unredirectable::from)?;
        let asked = asked.ok_or(Unredirectable::RedirectUriMissing)?;
        let redirect_uri = client.redirect_uri(asked).ok_or(Unredirectable::RedirectUriNotRegistered)?;
        // A state that is refused is not sent back either.
        let state = parameters.get("state").ok().flatten().filter(|state| is_opaque(state));
        let to = ReturnAddress { redirect_uri, state: state.map(str::to_owned) };
        Self::parse_the_rest(parameters, client, &to, now).map_err(|broken| broken.told_at(to).into())
    }

    fn parse_the_rest(
        parameters: &Parameters<'_>,
        client: &Client,
        to: &ReturnAddress,
        now: Timestamp,
    ) -> Result<Self, Broken> {
        refuse_other_flows(parameters)?;
        opaque(parameters, "state", "state is longer than 512 bytes or not printable ASCII")?;
        let request = Self {
            client: client.id.clone(),
            to: to.clone(),
            nonce: opaque(parameters, "nonce", "nonce is longer than 512 bytes or not printable ASCII")?,
            code_challenge: code_challenge(parameters)?,
            scopes: Scopes::parse(parameters.get("scope")?.unwrap_or_default()).map_err(|_| {
                Broken::new(AuthorizationErrorCode::InvalidScope, "the scope openid is missing")
            })?,
            max_age: max_age(parameters)?,
            prompt: Prompt::parse(parameters.get("prompt")?.unwrap_or_default())?,
            login_hint: login_hint(parameters)?,
            language: parameters
                .get("ui_locales")?
                .and_then(|tags| tags.split(' ').find_map(Language::from_tag)),
            id_token_hint: parameters.get("id_token_hint")?.map(str::to_owned),
            subject: None,
            requested_at: now,
        };
        if waiting_request::is_too_long(&request) {
            return Err(Broken::invalid("the request is too long"));
        }
        Ok(request)
    }
}

impl fmt::Debug for AuthorizationRequest {
    /// Without what may be an address of a person or an ID token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A rule of a request that does not hold. The client is told.
struct Broken(AuthorizationErrorCode, Cow<'static, str>);

impl Broken {
    const fn new(code: AuthorizationErrorCode, description: &'static str) -> Self {
        Self(code, Cow::Borrowed(description))
    }

    const fn invalid(description: &'static str) -> Self {
        Self::new(AuthorizationErrorCode::InvalidRequest, description)
    }

    fn told_at(self, to: ReturnAddress) -> AuthorizationError {
        AuthorizationError { code: self.0, description: self.1, to }
    }
}

impl From<Repeated> for Broken {
    fn from(repeated: Repeated) -> Self {
        Self(AuthorizationErrorCode::InvalidRequest, repeated.to_string().into())
    }
}

impl From<NotAPrompt> for Broken {
    fn from(refused: NotAPrompt) -> Self {
        Self(AuthorizationErrorCode::InvalidRequest, refused.to_string().into())
    }
}

/// Refuses what would be another flow, or a request that is written elsewhere.
fn refuse_other_flows(parameters: &Parameters<'_>) -> Result<(), Broken> {
    for (name, code, description) in [
        ("request", AuthorizationErrorCode::RequestNotSupported, "request is not supported"),
        ("request_uri", AuthorizationErrorCode::RequestUriNotSupported, "request_uri is not supported"),
        ("registration", AuthorizationErrorCode::RegistrationNotSupported, "registration is not supported"),
    ] {
        if parameters.get(name)?.is_some() {
            return Err(Broken::new(code, description));
        }
    }
    match parameters.get("response_type")? {
        Some(RESPONSE_TYPE) => {}
        None => return Err(Broken::invalid("there is no response_type")),
        Some(_) => {
            let code = AuthorizationErrorCode::UnsupportedResponseType;
            return Err(Broken::new(code, "the only response_type is code"));
        }
    }
    match parameters.get("response_mode")? {
        None | Some(RESPONSE_MODE) => Ok(()),
        Some(_) => Err(Broken::invalid("the only response_mode is query")),
    }
}

/// A text that means something to the client alone.
fn opaque(
    parameters: &Parameters<'_>,
    name: &'static str,
    otherwise: &'static str,
) -> Result<Option<String>, Broken> {
    match parameters.get(name)? {
        Some(text) if !is_opaque(text) => Err(Broken::invalid(otherwise)),
        text => Ok(text.map(str::to_owned)),
    }
}

/// Printable ASCII (RFC 6749, appendix A.5), and not too long.
pub(super) fn is_opaque(text: &str) -> bool {
    text.len() <= MAX_OPAQUE_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Without a method it would be `plain` (RFC 7636, section 4.3), which shows the verifier to everybody who sees the request.
fn code_challenge(parameters: &Parameters<'_>) -> Result<CodeChallenge, Broken> {
    let challenge = parameters.get("code_challenge")?;
    let challenge = challenge.ok_or_else(|| Broken::invalid("there is no code_challenge"))?;
    if parameters.get("code_challenge_method")? != Some(CHALLENGE_METHOD) {
        return Err(Broken::invalid("the only code_challenge_method is S256"));
    }
    let malformed = Broken::invalid("code_challenge is not 43 characters of base64url");
    CodeChallenge::parse(challenge).map_err(|_| malformed)
}

/// Whole seconds; 0 asks for a sign-in, as `prompt=login` does.
fn max_age(parameters: &Parameters<'_>) -> Result<Option<Duration>, Broken> {
    let Some(text) = parameters.get("max_age")? else { return Ok(None) };
    let is_number = text.len() <= MAX_AGE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    let seconds = seconds.ok_or_else(|| Broken::invalid("max_age is not a number of seconds"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// As long as an address can be, and nothing that cannot be typed.
fn login_hint(parameters: &Parameters<'_>) -> Result<Option<String>, Broken> {
    match parameters.get("login_hint")? {
        Some(hint) if hint.len() > MAX_HINT_BYTES || hint.chars().any(char::is_control) => {
            Err(Broken::invalid("login_hint is longer than 254 bytes or has control characters"))
        }
        hint => Ok(hint.map(str::to_owned)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::client::tests::client;
    use super::super::parameters::tests::pairs;
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
    const URI: &str = "https://example.com/cb";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// A complete request with these parameters changed, added or, where they are empty, left out.
    pub(in crate::oidc) fn parse(
        changed: &[(&str, &str)],
    ) -> Result<AuthorizationRequest, AuthorizationRefused> {
        let id = client(URI).id;
        let complete = [
            ("client_id", id.as_str()),
            ("redirect_uri", URI),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let is_changed = |name: &str| changed.iter().any(|(other, _)| *other == name);
        let kept = complete.into_iter().filter(|(name, _)| !is_changed(name));
        let pairs = pairs(&kept.chain(changed.iter().copied()).collect::<Vec<_>>());
        AuthorizationRequest::parse(&Parameters::new(&pairs), &client(URI), NOW)
    }

    fn told(changed: &[(&str, &str)]) -> (AuthorizationErrorCode, Option<String>) {
        match parse(changed) {
            Err(AuthorizationRefused::Redirected(error)) => (error.code, error.to.state),
            other => panic!("{changed:?}: {other:?}"),
        }
    }

    #[test]
    fn a_complete_request_is_read() {
        let request = parse(&[
            ("nonce", "n"),
            ("max_age", "3600"),
            ("prompt", "consent"),
            ("login_hint", "mína@example.com"),
            ("ui_locales", "fr nl-BE en"),
            ("id_token_hint", "a.b.c"),
            ("response_mode", "query"),
            ("claims", "{}"),
            ("acr_values", "x"),
            ("display", "popup"),
        ]);
        let request = request.expect("a request");
        assert_eq!((request.to.redirect_uri.as_str(), request.to.state.as_deref()), (URI, Some("s")));
        assert_eq!(
            (request.nonce.as_deref(), request.scopes.to_string()),
            (Some("n"), "openid email".into())
        );
        assert_eq!((request.max_age, request.prompt), (Some(Duration::from_hours(1)), Prompt::AsNeeded));
        assert_eq!(
            (request.login_hint.as_deref(), request.language),
            (Some("mína@example.com"), Some(Language::Nl))
        );
        assert_eq!((request.code_challenge.as_str(), request.requested_at), (CHALLENGE, NOW));
        assert_eq!((request.id_token_hint.as_deref(), request.subject), (Some("a.b.c"), None));
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_is_not_the_clients() {
        let other = ClientId::new([2; 16]);
        let id = client(URI).id;
        for (changed, why) in [
            (vec![("client_id", "")], Unredirectable::ClientMissing),
            (vec![("client_id", "web")], Unredirectable::UnknownClient),
            (vec![("client_id", other.as_str())], Unredirectable::UnknownClient),
            (
                vec![("client_id", id.as_str()), ("client_id", id.as_str())],
                Unredirectable::Repeated(Repeated("client_id")),
            ),
            (vec![("redirect_uri", "")], Unredirectable::RedirectUriMissing),
            (vec![("redirect_uri", "https://example.com/cb/")], Unredirectable::RedirectUriNotRegistered),
            (vec![("redirect_uri", "https://example.net/")], Unredirectable::RedirectUriNotRegistered),
            (
                vec![("redirect_uri", URI), ("redirect_uri", "https://example.net/")],
                Unredirectable::Repeated(Repeated("redirect_uri")),
            ),
            // Whatever else is wrong.
            (
                vec![("redirect_uri", "https://example.net/"), ("response_type", "token")],
                Unredirectable::RedirectUriNotRegistered,
            ),
        ] {
            assert_eq!(parse(&changed), Err(AuthorizationRefused::Unredirectable(why)), "{changed:?}");
        }
    }

    #[test]
    fn every_other_error_is_told_to_the_client_by_its_standard_code() {
        use AuthorizationErrorCode as Code;
        let (long, long_hint) = ("n".repeat(513), "m".repeat(255));
        for (changed, code) in [
            (vec![("response_type", "")], Code::InvalidRequest),
            (vec![("response_type", "token")], Code::UnsupportedResponseType),
            (vec![("response_type", "code id_token")], Code::UnsupportedResponseType),
            (vec![("response_type", "none")], Code::UnsupportedResponseType),
            (vec![("response_mode", "fragment")], Code::InvalidRequest),
            (vec![("response_mode", "form_post")], Code::InvalidRequest),
            (vec![("request", "a.b.c")], Code::RequestNotSupported),
            (vec![("request_uri", "https://example.com/r")], Code::RequestUriNotSupported),
            (vec![("registration", "{}")], Code::RegistrationNotSupported),
            (vec![("scope", "")], Code::InvalidScope),
            (vec![("scope", "email")], Code::InvalidScope),
            (vec![("nonce", &*long)], Code::InvalidRequest),
            (vec![("nonce", "a\u{7f}")], Code::InvalidRequest),
            (vec![("code_challenge", "")], Code::InvalidRequest),
            (vec![("code_challenge", "short")], Code::InvalidRequest),
            (vec![("code_challenge_method", "")], Code::InvalidRequest),
            (vec![("code_challenge_method", "plain")], Code::InvalidRequest),
            (vec![("code_challenge_method", "s256")], Code::InvalidRequest),
            (vec![("max_age", "-1")], Code::InvalidRequest),
            (vec![("max_age", "+1")], Code::InvalidRequest),
            (vec![("max_age", "1.5")], Code::InvalidRequest),
            (vec![("max_age", "99999999999")], Code::InvalidRequest),
            (vec![("prompt", "none login")], Code::InvalidRequest),
            (vec![("prompt", "create")], Code::InvalidRequest),
            (vec![("login_hint", &long_hint)], Code::InvalidRequest),
            (vec![("login_hint", "mina\n")], Code::InvalidRequest),
            (vec![("scope", "openid"), ("scope", "openid")], Code::InvalidRequest),
            (vec![("request", "a"), ("request", "b")], Code::InvalidRequest),
        ] {
            assert_eq!(told(&changed), (code, Some("s".into())), "{changed:?}");
        }
        for state in [&*"s".repeat(513), "é", "a\r\nb"] {
            assert_eq!(told(&[("state", state)]), (Code::InvalidRequest, None), "{state:?}");
        }
        assert_eq!(told(&[("state", "a"), ("state", "b")]), (Code::InvalidRequest, None));
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        for (value, seconds) in
            [("", None), ("0", Some(0)), ("007", Some(7)), ("9999999999", Some(9_999_999_999))]
        {
            let max_age = parse(&[("max_age", value)]).expect("a request").max_age;
            assert_eq!(max_age.map(|age| age.as_secs()), seconds, "{value}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_goes_to_the_registered_address_or_nowhere(
            names in proptest::collection::vec("state|nonce|scope|prompt|max_age|login_hint|redirect_uri|request", 0..4),
            value in "\\PC{0,20}|https?://[a-z.@:/]{0,20}|[ -~]{0,600}",
        ) {
            let changed: Vec<_> = names.iter().map(|name| (&**name, &*value)).collect();
            match parse(&changed) {
                Ok(request) => prop_assert_eq!(request.to.redirect_uri.as_str(), URI),
                Err(AuthorizationRefused::Redirected(error)) => {
                    prop_assert_eq!(error.to.redirect_uri.as_str(), URI);
                    // RFC 6749, appendix A.8.
                    let allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
                    prop_assert!(error.description.bytes().all(allowed));
                }
                Err(AuthorizationRefused::Unredirectable(_)) => {}
            }
        }
    }
}
