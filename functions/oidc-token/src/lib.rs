//! A product redeems a code for tokens (RFC 6749, section 4.1.3; OpenID Connect Core 1.0, section 3.1.3).
use std::net::IpAddr;

use domain::oidc::{
    AccessTokenClaims, ClientRefused, CodeRefused, IdToken, IssuedCode, Parameters, TokenError,
    TokenErrorCode, TokenRequest, TokenResponse,
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
    let tokens = redeem(app, request.authorization(), &form, request.client(), now).await?;
    Ok(Reply::document(StatusCode::OK, &tokens))
}

/// A refusal as RFC 6749, section 5.2, describes it.
fn refused(why: impl Into<TokenError>) -> Error {
    let error: TokenError = why.into();
    tracing::warn!(code = error.code.as_str(), "refused");
    let status = StatusCode::from_u16(error.status()).expect("a status of this endpoint is 400 or 401");
    let challenge = error.challenge().map(str::to_owned);
    Error::answered(Reply::document(status, &error).with_challenge(challenge))
}

/// The tokens of a code. They are signed before the code is spent, so that a failure of KMS leaves it as it was; they are given
/// only once it is spent.
async fn redeem(
    app: &App<TokenIssuing>,
    authorization: Option<&str>,
    form: &[(String, String)],
    address: IpAddr,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let asked = match TokenRequest::parse(authorization, &Parameters::new(form)) {
        Ok(asked) => asked,
        Err(error) => {
            // What has not the shape of credentials is a guess too.
            if error.code == TokenErrorCode::InvalidClient {
                count_failure(app, address, now).await?;
            }
            return Err(refused(error));
        }
    };
    authenticate(app, &asked, address, now).await?;
    let client = &asked.credentials.client;
    let code = app.store.find_code(&asked.code.hash()).await?;
    let code = code.ok_or_else(|| refused(CodeRefused::Unknown))?;
    shared::logging::record_account(&code.account_id);
    let tokens = match code.redeem(client, &asked.redirect_uri, &asked.code_verifier, now) {
        Ok(()) => Some(sign(app, &code, now).await?),
        // A second use ends what the first one gave, however late it comes.
        Err(CodeRefused::Expired) => None,
        Err(why) => {
            tracing::warn!(client = client.as_str(), %why, "a code was not redeemed");
            return Err(refused(why));
        }
    };
    match app.store.redeem_code(&code, now).await? {
        Ok(()) => {
            tracing::info!(client = client.as_str(), "redeemed a code");
            tokens.ok_or_else(|| refused(CodeRefused::Expired))
        }
        Err(NotRedeemed::Replayed) => {
            tracing::warn!(client = client.as_str(), "a code was used again, so its tokens have ended");
            Err(refused(CodeRefused::Unknown))
        }
        Err(why @ (NotRedeemed::Expired | NotRedeemed::SessionEnded)) => {
            tracing::warn!(client = client.as_str(), %why, "a code was not redeemed");
            Err(refused(CodeRefused::Unknown))
        }
    }
}

/// Refuses a request that does not come from its client. Wrong secrets are counted by network.
async fn authenticate(
    app: &App<TokenIssuing>,
    asked: &TokenRequest,
    address: IpAddr,
    now: Timestamp,
) -> Result<(), Error> {
    let why = match app.store.find_client(&asked.credentials.client).await? {
        // The same answer as for a wrong secret: it does not tell which clients there are.
        None => ClientRefused::WrongSecret,
        Some(client) => match client.authenticate(&asked.credentials) {
            Ok(()) => return Ok(()),
            Err(why) => why,
        },
    };
    tracing::warn!(client = asked.credentials.client.as_str(), %why, "a client did not authenticate");
    count_failure(app, address, now).await?;
    Err(refused(why))
}

/// Counts a request whose client did not authenticate. The count refuses nothing; it tells the operator.
async fn count_failure(app: &App<TokenIssuing>, address: IpAddr, now: Timestamp) -> Result<(), Error> {
    let limit = Limit::failed_client_secrets_from(address);
    if !app.store.counted(&app.needs.keys).count(&limit, now).await? {
        app.record_limit_reached(&limit);
    }
    Ok(())
}

/// Signs the tokens of a code. The ID token names the access token, so that comes first.
async fn sign(app: &App<TokenIssuing>, code: &IssuedCode, now: Timestamp) -> Result<TokenResponse, Error> {
    let issuer = &app.needs.verification.issuer;
    let signer = app.signer().await?;
    let access_token = AccessTokenClaims::new(issuer, code, now).to_unsigned(signer.key_id());
    let access_token = app.sign(&signer, access_token).await?;
    let id_token = IdToken::new(issuer, code, &access_token, now).to_unsigned(signer.key_id());
    let id_token = app.sign(&signer, id_token).await?;
    Ok(TokenResponse::new(access_token, id_token, code.scopes))
}
