//! What products read before anything else: where and how to sign people in, and the public keys of the tokens.
use std::time::Duration;

use domain::oidc::{KEYS_PATH, Metadata};
use shared::app::App;
use shared::error::Error;
use shared::requirements::TokenVerification;
use shared::web::{Reply, Request, StatusCode};

/// A key is published for three hours before it signs, so a cache may keep the documents for less than that.
const CACHED_FOR: Duration = Duration::from_hours(1);

/// GET `/.well-known/openid-configuration` and GET `/oidc/jwks`.
pub async fn get(app: &App<TokenVerification>, request: Request) -> Result<Reply, Error> {
    let reply = if request.path() == KEYS_PATH {
        Reply::document(StatusCode::OK, &app.published_keys().await?.to_set())
    } else {
        Reply::document(StatusCode::OK, &Metadata::new(&app.needs.issuer))
    };
    Ok(reply.cached_for(CACHED_FOR))
}
