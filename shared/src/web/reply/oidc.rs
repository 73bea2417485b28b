//! Replies to products, and on the way to them.
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::super::cookies;
use super::{Content, Reply};
use domain::oidc::{AUTHORIZE_PATH, ClientName, WaitingRequest, waiting_request};

impl Reply {
    /// A 303 to the account page.
    pub fn to_account() -> Self {
        Self::new(StatusCode::SEE_OTHER, Content::Elsewhere("/account".to_owned()))
    }

    /// A 303 to a product, at an address that it has registered.
    pub fn to_client(address: impl Into<String>) -> Self {
        Self::new(StatusCode::SEE_OTHER, Content::Elsewhere(address.into()))
    }

    /// JSON as a standard describes it, whatever the client prefers.
    pub fn document(status: StatusCode, document: &impl Serialize) -> Self {
        let json = serde_json::to_value(document).unwrap_or_default();
        Self::new(status, Content::Document(json))
    }

    /// Allows every cache to keep it for this long.
    #[must_use]
    pub fn cached_for(self, lifetime: Duration) -> Self {
        Self { cached_for: Some(lifetime), ..self }
    }

    /// Says how to authenticate (RFC 9110 section 11.6.1).
    #[must_use]
    pub fn with_challenge(self, challenge: Option<String>) -> Self {
        Self { challenge, ..self }
    }

    /// Nobody is signed in, or not recently enough, and a product waits. The browser keeps what it asked for and goes to the
    /// sign-in page.
    pub fn to_sign_in_for(client: &ClientName, waiting: &WaitingRequest) -> Self {
        Self::waiting_at("/login", client, waiting).forgetting_wanted_change()
    }

    /// A product's own page has sent a request. The browser keeps it and goes on with a GET, which it sends the session with.
    pub fn to_continue_for(client: &ClientName, waiting: &WaitingRequest) -> Self {
        Self::waiting_at(AUTHORIZE_PATH, client, waiting)
    }

    fn waiting_at(path: &str, client: &ClientName, waiting: &WaitingRequest) -> Self {
        let kept = |name, value| cookies::kept(name, value, waiting_request::LIFETIME);
        Self::new(StatusCode::SEE_OTHER, Content::Elsewhere(path.to_owned()))
            .with_cookie(kept(cookies::AUTHORIZE, waiting.to_value()))
            .with_cookie(kept(cookies::CLIENT, cookies::encode_client(client)))
    }

    /// Has the browser forget what a product asked for, because it has its answer.
    #[must_use]
    pub fn forgetting_authorization(self) -> Self {
        self.with_cookie(cookies::cleared(cookies::AUTHORIZE)).with_cookie(cookies::cleared(cookies::CLIENT))
    }
    /// Somebody has signed in, but a product waits in another browser: the account page says so, once.
    #[must_use]
    pub fn with_client_elsewhere(self, client: Option<&ClientName>) -> Self {
        let Some(client) = client else { return self };
        let name = cookies::encode_client(client);
        self.with_cookie(cookies::kept(cookies::CLIENT_ELSEWHERE, name, cookies::BANNER_LIFETIME))
    }

    /// Has the browser forget that product, because this page names it.
    #[must_use]
    pub fn having_named_client(self, client: Option<&str>) -> Self {
        match client {
            Some(_) => self.with_cookie(cookies::cleared(cookies::CLIENT_ELSEWHERE)),
            None => self,
        }
    }
}
