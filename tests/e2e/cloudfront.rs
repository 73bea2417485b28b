//! The stack with CloudFront before the API: the page's port is the distribution, and the API refuses what comes past it.
use anyhow::{Context as _, Result};
use dev::stack::{Options, Stack};
use serde_json::json;

use crate::client::{email, new_browser, sign_in, silent, token};

async fn behind_cloudfront() -> Result<Stack> {
    let parameters = [("CloudFront".to_owned(), "true".to_owned())].into();
    Stack::start(&Options { parameters, ..silent() }).await
}

/// Headers by which somebody would pass for another viewer, or for CloudFront.
const FORGED: [(&str, &str); 4] = [
    ("x-origin-verify", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ("cloudfront-viewer-address", "203.0.113.7:1024"),
    ("x-viewer-host", "example.net"),
    ("x-forwarded-for", "203.0.113.7"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_site_works_through_cloudfront_and_the_api_itself_refuses() -> Result<()> {
    let stack = behind_cloudfront().await?;
    let mut mina = new_browser(&stack)?;
    sign_in(&mut mina, "mina", "correct horse battery").await?;
    assert_eq!(mina.get("/account").await?.status, 200);
    let mut other = new_browser(&stack)?;
    other.post("/login/link", &json!({ "email": "mina@example.com" })).await?;
    let link = email(&stack, "mina@example.com", "Your sign-in link").await?;
    assert!(link.links[0].starts_with(stack.page_url()), "links lead to the distribution: {:?}", link.links);
    assert_eq!(other.post("/login/open", &json!({ "token": token(&link)? })).await?.status, 200);

    let http = reqwest::Client::builder().no_proxy().build()?;
    let api = stack.api_url().context("the API has a port of its own")?;
    for path in ["/login", "/account", "/nowhere"] {
        let forged = FORGED
            .iter()
            .fold(http.get(format!("{api}{path}")), |request, (name, value)| request.header(*name, *value));
        for request in [http.get(format!("{api}{path}")), forged] {
            let answer = request.header("accept", "application/json").send().await?;
            assert_eq!(answer.status(), 403, "{path}");
            assert_eq!(answer.json::<serde_json::Value>().await?["code"], "not-via-cloudfront");
        }
    }
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_form_has_the_origin_of_the_site_and_forged_headers_change_nothing() -> Result<()> {
    let stack = behind_cloudfront().await?;
    let (page, http) = (stack.page_url(), reqwest::Client::builder().no_proxy().build()?);
    let post = |origin: &str| {
        let form = http.post(format!("{page}/login/link")).body("email=nobody@example.com");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        form.header("origin", origin.to_owned())
    };
    assert_eq!(post(page).send().await?.status(), 200);
    let forged = |mut request: reqwest::RequestBuilder| {
        for (name, value) in FORGED {
            request = request.header(name, value);
        }
        request
    };
    assert_eq!(forged(post(page)).send().await?.status(), 200);
    for origin in ["http://example.net", stack.api_url().context("the API")?] {
        assert_eq!(forged(post(origin)).send().await?.status(), 403, "{origin}");
    }
    // A hundred failed passwords of one viewer, who claims to be another one each time.
    for number in 0..100 {
        let typed = json!({ "identifier": format!("nobody{number}"), "password": "wrong" });
        let request = http.post(format!("{page}/login")).json(&typed);
        let request = request.header("cloudfront-viewer-address", format!("203.0.113.{number}:1024"));
        assert_eq!(request.send().await?.status(), 401);
    }
    let right = json!({ "identifier": "mina", "password": "correct horse battery" });
    let request = || http.post(format!("{page}/login")).header("accept", "application/json").json(&right);
    assert_eq!(forged(request()).send().await?.status(), 401, "its network is at its limit");
    let elsewhere =
        reqwest::Client::builder().no_proxy().local_address("127.0.0.2".parse::<std::net::IpAddr>().ok());
    let request = elsewhere.build()?.post(format!("{page}/login")).header("accept", "application/json");
    assert_eq!(request.json(&right).send().await?.status(), 200, "another viewer");
    stack.stop().await;
    Ok(())
}

/// Whoever holds a token or a secret shows it at two paths. At all others the distribution keeps it to itself.
#[tokio::test(flavor = "multi_thread")]
async fn authorization_reaches_the_functions_that_read_it_and_no_answer_of_theirs_is_kept() -> Result<()> {
    let stack = behind_cloudfront().await?;
    let (page, http) = (stack.page_url(), reqwest::Client::builder().no_proxy().build()?);
    let product = stack.demo_client().context("products go together with CloudFront")?;
    let asked = |method: reqwest::Method| http.request(method, format!("{page}/oidc/userinfo"));
    for method in [reqwest::Method::GET, reqwest::Method::POST] {
        for (request, challenge) in [
            (asked(method.clone()), "Bearer"),
            (asked(method.clone()).bearer_auth("a.b.c"), "Bearer error=\"invalid_token\""),
        ] {
            let answer = request.send().await?;
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!((answer.status().as_u16(), header("cache-control")), (401, Some("no-store")));
            let said = header("www-authenticate").context("a challenge")?;
            assert!(said.starts_with(challenge) && (said == "Bearer") == (challenge == "Bearer"), "{said}");
        }
    }
    let form = "grant_type=authorization_code&code=x&redirect_uri=x&code_verifier=x";
    let redeem = || {
        let request = http.post(format!("{page}/oidc/token")).body(form);
        request.header("content-type", "application/x-www-form-urlencoded")
    };
    for (request, error) in [
        (redeem(), "invalid_client"),
        (redeem().basic_auth(&product.id, Some(&product.secret)), "invalid_grant"),
    ] {
        let answer = request.send().await?;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.json::<serde_json::Value>().await?["error"], error);
    }
    let discovery = http.get(format!("{page}/.well-known/openid-configuration")).send().await?;
    assert_eq!(discovery.json::<serde_json::Value>().await?["issuer"], page);
    stack.stop().await;
    Ok(())
}
