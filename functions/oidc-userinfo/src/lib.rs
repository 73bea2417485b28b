//! A product asks about the person who signed in (OpenID Connect Core 1.0, section 5.3).
use domain::Account;
use domain::Timestamp;
use domain::oidc::{AccessToken, Scopes, UserInfo};
use shared::app::App;
use shared::error::Error;
use shared::requirements::ClientRequests;
use shared::web::{Reply, Request, StatusCode};

/// GET `/oidc/userinfo`.
pub async fn get(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Some(token) = bearer(&request) else { return Ok(refused("Bearer")) };
    Ok(match find(app, token, now).await? {
        Some((account, scopes)) => Reply::document(StatusCode::OK, &UserInfo::new(&account, scopes)),
        None => refused("Bearer error=\"invalid_token\", error_description=\"the token is not valid\""),
    })
}

/// POST `/oidc/userinfo`: the same (section 5.3.1).
pub async fn post(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    get(app, request).await
}

/// The token in the header (RFC 6750, section 2.1). In a query it would be logged, so it is not read there.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.authorization()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn refused(challenge: &str) -> Reply {
    let document = Reply::document(StatusCode::UNAUTHORIZED, &Refusal { error: "invalid_token" });
    document.with_challenge(Some(challenge.to_owned()))
}

/// The body beside the challenge, for people who look.
#[derive(serde::Serialize)]
struct Refusal {
    error: &'static str,
}

/// The account that a token gives access to. The token ends with its code, its client, its session and the account's generation.
async fn find(
    app: &App<ClientRequests>,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Account, Scopes)>, Error> {
    let keys = app.keys_of_access_token(token).await?;
    let token = match AccessToken::verify(token, &keys, &app.needs.verification.issuer, now) {
        Ok(token) => token,
        Err(why) => {
            tracing::warn!(%why, "refused a token");
            return Ok(None);
        }
    };
    shared::logging::record_account(&token.account_id);
    if app.store.find_grant(&token.code, now).await?.is_none() {
        return Ok(None);
    }
    if app.store.find_client(&token.client).await?.is_none() {
        tracing::warn!(client = token.client.as_str(), "the client of a token is gone");
        return Ok(None);
    }
    let Some(session) = app.store.find_session(&token.session, now).await? else { return Ok(None) };
    let account = app.store.load_account(&token.account_id).await?;
    let account = account.filter(|account| token.is_valid_for(&session, account));
    Ok(account.map(|account| (account, token.scopes)))
}
