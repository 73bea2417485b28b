//! A product redeems a code for tokens (RFC 6749, section 4.1.3; OpenID Connect Core 1.0, section 3.1.3).
use std::net::IpAddr;

use domain::oidc::{
    AccessTokenClaims, ClientRefused, CodeRefused, IdToken, IssuedCode, Parameters, TokenError, TokenRequest,
    TokenResponse,
};
use domain::{Limit, Timestamp};
use shared::app::App;
use shared::error::Error;
use shared::requirements::TokenIssuing;
use shared::store::NotRedeemed;
use shared::web::{Reply, Request, StatusCode};

/// POST `/oidc/token`.
pub async fn post(app: &App<TokenIssuing>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form = request.form_pairs()?;
    Ok(match redeem(app, request.authorization(), &form, request.client(), now).await? {
        Ok(tokens) => Reply::document(StatusCode::OK, &tokens),
        Err(refused) => {
            tracing::warn!(code = refused.code.as_str(), "refused");
            let status = if refused.challenge().is_some() {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            let challenge = refused.challenge().map(str::to_owned);
            Reply::document(status, &refused).with_challenge(challenge)
        }
    })
}

/// The tokens of a code. They are signed before the code is spent, so that a failure of KMS leaves it as it was; they are given
/// only once it is spent.
async fn redeem(
    app: &App<TokenIssuing>,
    authorization: Option<&str>,
    form: &[(String, String)],
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<TokenResponse, TokenError>, Error> {
    let asked = match TokenRequest::parse(authorization, &Parameters::new(form)) {
        Ok(asked) => asked,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Err(refused) = authenticate(app, &asked, address, now).await? {
        return Ok(Err(refused.into()));
    }
    let client = &asked.credentials.client;
    let Some(code) = app.store.find_code(&asked.code.hash()).await? else {
        return Ok(Err(CodeRefused::Unknown.into()));
    };
    shared::logging::record_account(&code.account_id);
    let tokens = match code.redeem(client, &asked.redirect_uri, &asked.code_verifier, now) {
        Ok(()) => Ok(sign(app, &code, now).await?),
        Err(refused) => {
            tracing::warn!(client = client.as_str(), why = %refused, "a code was not redeemed");
            if refused != CodeRefused::Expired {
                return Ok(Err(refused.into()));
            }
            Err(refused)
        }
    };
    // Also when it has expired: a second use ends what the first one gave, however late it comes.
    match app.store.redeem_code(&code, now).await? {
        Ok(()) => {
            tracing::info!(client = client.as_str(), "redeemed a code");
            Ok(tokens.map_err(TokenError::from))
        }
        Err(NotRedeemed::Replayed) => {
            tracing::warn!(client = client.as_str(), "a code was used again, so its tokens have ended");
            Ok(Err(CodeRefused::Unknown.into()))
        }
        Err(why @ (NotRedeemed::Expired | NotRedeemed::SessionEnded)) => {
            tracing::warn!(client = client.as_str(), ?why, "a code was not redeemed");
            Ok(Err(CodeRefused::Unknown.into()))
        }
    }
}

/// Whether the request comes from the client. Wrong secrets are counted by network.
async fn authenticate(
    app: &App<TokenIssuing>,
    asked: &TokenRequest,
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<(), ClientRefused>, Error> {
    let refused = match app.store.find_client(&asked.credentials.client).await? {
        // The same answer as for a wrong secret: it does not tell which clients there are.
        None => ClientRefused::WrongSecret,
        Some(client) => match client.authenticate(&asked.credentials) {
            Ok(()) => return Ok(Ok(())),
            Err(refused) => refused,
        },
    };
    tracing::warn!(client = asked.credentials.client.as_str(), why = %refused, "a client did not authenticate");
    let limit = Limit::failed_client_secrets_from(address);
    if !app.store.counted(&app.needs.keys).count(&limit, now).await? {
        app.record_limit_reached(&limit);
    }
    Ok(Err(refused))
}

/// Signs the tokens of a code. The ID token names the access token, so that comes first.
async fn sign(app: &App<TokenIssuing>, code: &IssuedCode, now: Timestamp) -> Result<TokenResponse, Error> {
    let issuer = &app.needs.verification.issuer;
    let key = app.public_key().await?.id();
    let access_token = app.sign(AccessTokenClaims::new(issuer, code, now).to_unsigned(key)).await?;
    let id_token = app.sign(IdToken::new(issuer, code, &access_token, now).to_unsigned(key)).await?;
    Ok(TokenResponse::new(access_token, id_token, code.scopes))
}
