//! A product signs somebody in on a running stack with a client of others: the crate `openidconnect`, unchanged.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use dev::browser::{Browser, Connections};
use dev::stack::{DemoClient, Options, Stack};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::json;
use url::Url;

use crate::client::silent;

const REDIRECT_URI: &str = "http://127.0.0.1:8400/callback";

/// What the crate sends its requests with.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (parts, body) = request.into_parts();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let answer = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let answer = answer.send().await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}

/// Follows the product's link, signs in, and goes on; the address of the product that this leads to.
async fn sign_in(stack: &Stack, asked: &Url) -> Result<Url> {
    let mut browser = Browser::new(stack.page_url(), &Connections::new()?);
    let path = format!("{}?{}", asked.path(), asked.query().unwrap_or_default());
    let answer = browser.get(&path).await?;
    if answer.status != 303 {
        bail!("{} {}", answer.status, answer.body);
    }
    let login = json!({ "identifier": "mina", "password": "correct horse battery" });
    browser.post("/login", &login).await?;
    let page = browser.get("/oidc/authorize").await?;
    let location = page.body["location"].as_str().with_context(|| page.body.to_string())?;
    Ok(Url::parse(location)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_openidconnect_signs_somebody_in() -> Result<()> {
    walk(BTreeMap::new()).await
}

/// Through the distribution, which drops `Authorization` elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_crate_does_so_through_cloudfront() -> Result<()> {
    walk([("CloudFront".to_owned(), "true".to_owned())].into()).await
}

/// The whole way of a product, on a stack with these parameters.
async fn walk(parameters: BTreeMap<String, String>) -> Result<()> {
    let stack = Stack::start(&Options { parameters, ..silent() }).await?;
    let product = stack.demo_client().context("the stack has a product")?;
    signs_in(&stack, product).await?;
    stack.stop().await;
    Ok(())
}

/// Signs somebody in to this product of a stack. The ID token, verified.
pub async fn signs_in(stack: &Stack, product: &DemoClient) -> Result<String> {
    let issuer = IssuerUrl::new(stack.page_url().to_owned())?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &send).await?;
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(product.id.clone()),
        Some(ClientSecret::new(product.secret.clone())),
    )
    .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned())?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (asked, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "email"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    assert_eq!(asked.query_pairs().find(|(name, _)| name == "response_type").map(|(_, v)| v.into_owned()), {
        serde_json::to_value(CoreResponseType::Code)?.as_str().map(str::to_owned)
    });

    let came = sign_in(stack, &asked).await?;
    let value =
        |name: &str| came.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert!(came.as_str().starts_with(REDIRECT_URI), "{came}");
    assert_eq!(value("state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(value("code").context("a code")?);
    let tokens = client.exchange_code(code)?.set_pkce_verifier(verifier).request_async(&send).await?;

    // The crate checks signature, issuer, audience, times and nonce.
    let id_token = tokens.id_token().context("an ID token")?;
    let keys = client.id_token_verifier();
    let claims = id_token.claims(&keys, &nonce)?;
    let expected = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg()?,
        id_token.signing_key(&keys)?,
    )?;
    assert_eq!(claims.access_token_hash(), Some(&expected));
    let person: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))?
        .request_async(&send)
        .await?;
    assert_eq!(person.preferred_username().map(|name| name.as_str()), Some("mina"));
    assert_eq!(
        (person.email().map(|email| email.as_str()), person.email_verified()),
        (Some("mina@example.com"), Some(true))
    );
    Ok(id_token.to_string())
}
