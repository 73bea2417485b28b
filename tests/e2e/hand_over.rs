//! A product hands a person over on the local stack: a policy of its own decides, and the link opens once.
use anyhow::{Context as _, Result};
use axum::http::Method;
use dev::browser::{Browser, SiteRequest, SiteResponse};
use dev::clock;
use dev::gateway::callers::{NOBODY, PRODUCT};
use dev::stack::{RETURN_URI, Stack};
use serde_json::json;

use crate::client::{new_browser, start};

const PATH: &str = "/admin/accounts/employee-4711";
const FUNCTION: &str = "admin-hand-over";
const HANDS_OVER: &str = "account-hand-over";

fn hand_over() -> SiteRequest {
    let body = json!({ "return_to": RETURN_URI, "signed_in_at": clock::rfc3339(clock::now()) });
    SiteRequest::json(Method::POST, &format!("{PATH}/hand-over"), Some(body))
}

async fn send_as(
    stack: &Stack,
    http: &mut Browser,
    name: &str,
    request: SiteRequest,
) -> Result<SiteResponse> {
    let caller = stack.callers().named(name).cloned();
    let caller = caller.with_context(|| format!("the template has no policy for {name}"))?;
    http.send(&caller.signer().signed(request, stack.page_url(), clock::now())?).await
}

/// How often the function has been started for a request, by the lines that tell what one cost.
fn starts(stack: &Stack) -> usize {
    let cost = format!("  {FUNCTION}: ");
    stack.logs().lines().iter().filter(|line| line.contains(&cost)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_its_own_decides_who_hands_over_and_the_person_comes_back() -> Result<()> {
    let stack = start().await?;
    let mut http = new_browser(&stack)?;
    let wanted =
        json!({ "username": "noor", "email": "noor@example.net", "email_verified": true, "kind": "regular" });
    let put = SiteRequest::json(Method::PUT, PATH, Some(wanted.clone()));
    assert_eq!(send_as(&stack, &mut http, PRODUCT, put.clone()).await?.status, 201);
    let forbidden = json!({ "message": "Forbidden" });
    for name in [NOBODY, "account-reader", "account-writer"] {
        let answer = send_as(&stack, &mut http, name, hand_over()).await?;
        assert_eq!((answer.status, &answer.body), (403, &forbidden), "{name}");
    }
    let unsigned = http.send(&hand_over()).await?;
    assert_eq!((unsigned.status, &unsigned.body), (403, &forbidden), "no signature");
    let product = stack.callers().named(PRODUCT).cloned().context("a product")?;
    let signed = product.signer().signed(hand_over(), stack.page_url(), clock::now())?;
    let elsewhere = SiteRequest { path: format!("{PATH}2/hand-over"), ..signed };
    assert_eq!(http.send(&elsewhere).await?.status, 403, "the signature of another path");
    assert_eq!(starts(&stack), 0, "the function was not started");
    for request in [put, SiteRequest::json(Method::GET, PATH, None)] {
        assert_eq!(send_as(&stack, &mut http, HANDS_OVER, request).await?.status, 403);
    }

    let given = send_as(&stack, &mut http, HANDS_OVER, hand_over()).await?;
    assert_eq!((given.status, starts(&stack)), (201, 1), "{}", given.body);
    let link = given.body["link"].as_str().context("a link")?;
    let link = link.strip_prefix(stack.page_url()).context("a link of ours")?;
    let token = json!({ "token": link.split_once("token=").context("a token")?.1 });
    let mut person = new_browser(&stack)?;
    assert_eq!(person.get(link).await?.body["client"], "Demo product");
    assert_eq!(person.get("/account").await?.status, 401, "looking signs nobody in");
    assert_eq!(person.post("/hand-over", &token).await?.status, 200);
    assert_eq!(new_browser(&stack)?.post("/hand-over", &token).await?.status, 410);
    let account = person.get("/account").await?.body;
    assert_eq!((&account["username"], &account["back"]["location"]), (&json!("noor"), &json!(RETURN_URI)));
    let defined = person.post("/account/backup", &json!({ "email": "spare@example.net" })).await?;
    assert_eq!(defined.status, 202, "the product has stated a sign-in: {}", defined.body);
    stack.stop().await;
    Ok(())
}
