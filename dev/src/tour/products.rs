//! The story of a product that signs its people in here, with OpenID Connect. Must not know how anything is printed or sent.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::mail_reader::EmailKind;
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::{Browser, SiteRequest, SiteResponse};
use crate::stack::accounts::AccountLine;
use crate::stack::{DemoClient, REDIRECT_URI};

/// Walks this part, if the site has a product. A recording leaves it out: each stack has a
/// product of its own.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let Some(product) = tour.site.product.clone().filter(|_| !tour.report.records()) else { return Ok(()) };
    let soren = &people.soren;
    tour.report.chapter("A product signs its people in");
    tour.a_day_later().await?;
    let mut browser = tour.browser();
    read_metadata(tour).await?;
    ask(tour, &mut browser, &product).await?;
    let code = by_password(tour, &mut browser, soren).await?;
    let tokens = redeem(tour, &product, soren, &code).await?;
    again(tour, &product, &code, &tokens).await?;
    recovered(tour, &product, soren).await
}

async fn read_metadata(tour: &mut Walk) -> Result<()> {
    tour.report.begin("The product reads where to send its people, and by which key tokens are signed");
    let mut server = tour.browser();
    let metadata = tour.get(&mut server, "/.well-known/openid-configuration").await?;
    let issuer = tour.site.url.clone();
    metadata.expect(200)?.expect_value("/issuer", &issuer)?;
    let keys = tour.get(&mut server, "/oidc/jwks").await?;
    keys.expect(200)?.expect_value("/keys/0/alg", "RS256")?;
    tour.report.end();
    Ok(())
}

async fn ask(tour: &mut Walk, browser: &mut Browser, product: &DemoClient) -> Result<()> {
    tour.report.begin("It sends somebody, who has to sign in first, and the page says where to");
    let answer = tour.get(browser, &product.request()).await?;
    answer.expect(303)?.expect_header("location", "/login")?;
    tour.get(browser, "/login").await?.expect(200)?.expect_value("/client", "Demo product")?;
    tour.report.end();
    Ok(())
}

/// Goes on to the product; returns the code that it gets.
async fn go_on(tour: &mut Walk, browser: &mut Browser) -> Result<String> {
    let page = tour.get(browser, "/oidc/authorize").await?;
    let location = page.expect(200)?.body["location"].as_str().context("a page without a way on")?.to_owned();
    ensure!(location.starts_with(REDIRECT_URI), "expected the way to {REDIRECT_URI}, came {location}");
    let url = Url::parse(&location)?;
    let value =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    ensure!(value("state").as_deref() == Some("s1"), "expected the state back, came {location}");
    ensure!(value("iss").as_deref() == Some(&*tour.site.url), "expected the issuer, came {location}");
    value("code").with_context(|| format!("expected a code, came {location}"))
}

async fn by_password(tour: &mut Walk, browser: &mut Browser, soren: &AccountLine) -> Result<String> {
    tour.report.begin("With a password, and then on to the product with a code");
    let login = json!({ "identifier": soren.username, "password": soren.password });
    tour.post(browser, "/login", login).await?.expect(200)?;
    let code = go_on(tour, browser).await?;
    tour.report.end();
    Ok(code)
}

/// What the product's server sends for a code.
async fn send_code(tour: &mut Walk, product: &DemoClient, code: &str) -> Result<SiteResponse> {
    let body = Serializer::new(String::new()).extend_pairs(DemoClient::redemption(code)).finish();
    let headers = vec![
        ("authorization", product.credentials()),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let asked = SiteRequest { method: Method::POST, path: "/oidc/token".to_owned(), headers, body };
    tour.send(&mut tour.browser(), &asked).await
}

async fn ask_who(tour: &mut Walk, access_token: &str) -> Result<SiteResponse> {
    let headers = vec![("authorization", format!("Bearer {access_token}"))];
    let asked =
        SiteRequest { method: Method::GET, path: "/oidc/userinfo".to_owned(), headers, body: String::new() };
    tour.send(&mut tour.browser(), &asked).await
}

/// The claims of an ID token, which only a product that got it from this site over TLS may read without the signature.
fn claims(tokens: &SiteResponse) -> Result<Value> {
    let token = tokens.body["id_token"].as_str().context("no ID token came")?;
    let claims = token.split('.').nth(1).context("the ID token has no claims")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?)
}

async fn redeem(tour: &mut Walk, product: &DemoClient, soren: &AccountLine, code: &str) -> Result<String> {
    tour.report.begin("The product's server redeems the code, and asks who it is");
    let tokens = send_code(tour, product, code).await?;
    let claims = claims(tokens.expect(200)?)?;
    ensure!(claims["nonce"] == "n1" && claims["sparekey_recovery"] == false, "{claims}");
    let access_token = tokens.body["access_token"].as_str().context("no access token came")?.to_owned();
    let person = ask_who(tour, &access_token).await?;
    person
        .expect(200)?
        .expect_value("/preferred_username", &soren.username)?
        .expect_value("/email", &soren.email)?;
    ensure!(person.body["sub"] == claims["sub"], "{}", person.body);
    tour.report.end();
    Ok(access_token)
}

async fn again(tour: &mut Walk, product: &DemoClient, code: &str, access_token: &str) -> Result<()> {
    tour.report.begin("The same code once more gives nothing, and ends what it gave");
    let answer = send_code(tour, product, code).await?;
    answer.expect(400)?.expect_value("/error", "invalid_grant")?;
    ask_who(tour, access_token).await?.expect(401)?;
    tour.report.end();
    Ok(())
}

/// The person signs in through the backup email on the way to the product. The ID token says that it is a recovery.
async fn recovered(tour: &mut Walk, product: &DemoClient, soren: &AccountLine) -> Result<()> {
    let spare = backup_address(soren, "product");
    tour.report
        .begin("Somebody who has lost the primary mailbox gets to the product too, and the product is told");
    let mut owner = tour.browser();
    let login = json!({ "identifier": soren.username, "password": soren.password });
    tour.post(&mut owner, "/login", login).await?.expect(200)?;
    tour.post(&mut owner, "/account/backup", json!({ "email": spare })).await?.expect(202)?;
    let email = tour.email(&spare, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(&mut owner, "/backup/confirm", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    tour.email(&soren.email, EmailKind::Words).await?;

    let mut browser = tour.browser();
    tour.get(&mut browser, &product.request()).await?.expect(303)?;
    tour.post(&mut browser, "/login/link", json!({ "email": spare })).await?.expect(200)?;
    let email = tour.email(&spare, EmailKind::SignIn).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(&mut browser, "/login/open", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    let code = go_on(tour, &mut browser).await?;
    let tokens = send_code(tour, product, &code).await?;
    let claims = claims(tokens.expect(200)?)?;
    ensure!(claims["sparekey_recovery"] == true && claims["amr"] == json!(["otp"]), "{claims}");
    tour.email(&soren.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}
