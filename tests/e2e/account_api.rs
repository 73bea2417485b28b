//! The account API of products on the local stack: signed requests, and what is refused before the function starts.
use anyhow::{Context as _, Result};
use axum::http::Method;
use dev::browser::{Browser, SiteRequest, SiteResponse};
use dev::clock;
use dev::gateway::callers::{Caller, NOBODY, PRODUCT};
use dev::signature::Signer;
use dev::stack::Stack;
use serde_json::{Value, json};

use crate::client::{email, new_browser, start, token};

const PATH: &str = "/admin/accounts/employee-4711";
const READER: &str = "account-reader";
const WRITER: &str = "account-writer";
const FUNCTION: &str = "admin-account";

fn wanted() -> Value {
    json!({ "username": "noor", "email": "noor@example.net", "email_verified": true, "kind": "regular" })
}

fn caller(stack: &Stack, name: &str) -> Result<Caller> {
    stack.callers().named(name).cloned().with_context(|| format!("the template has no policy for {name}"))
}

fn get() -> SiteRequest {
    SiteRequest::json(Method::GET, PATH, None)
}

fn put() -> SiteRequest {
    SiteRequest::json(Method::PUT, PATH, Some(wanted()))
}

fn post(action: &str) -> SiteRequest {
    SiteRequest::json(Method::POST, &format!("{PATH}/{action}"), None)
}

/// A stack and a connection to it.
struct Site {
    stack: Stack,
    http: Browser,
}

impl Site {
    async fn start() -> Result<Self> {
        let stack = start().await?;
        let http = new_browser(&stack)?;
        Ok(Self { stack, http })
    }

    fn signed(&self, signer: Signer<'_>, request: SiteRequest, minutes_ago: i64) -> Result<SiteRequest> {
        let at = clock::now() - std::time::Duration::from_mins(minutes_ago.try_into()?);
        signer.signed(request, self.stack.page_url(), at)
    }

    async fn send_as(&mut self, name: &str, request: SiteRequest) -> Result<SiteResponse> {
        let caller = caller(&self.stack, name)?;
        let request = self.signed(caller.signer(), request, 0)?;
        self.http.send(&request).await
    }

    /// How often the function has been started for a request, by the lines that tell what one cost.
    fn starts(&self) -> usize {
        let cost = format!("  {FUNCTION}: ");
        self.stack.logs().lines().iter().filter(|line| line.contains(&cost)).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_decides_who_reads_and_who_writes() -> Result<()> {
    let mut site = Site::start().await?;
    for (name, request, status) in [
        (READER, get(), 404),
        (READER, put(), 403),
        (NOBODY, put(), 403),
        (WRITER, put(), 201),
        (PRODUCT, put(), 200),
        (READER, get(), 200),
        (PRODUCT, get(), 200),
        (WRITER, get(), 403),
        (NOBODY, get(), 403),
        (READER, post("disable"), 403),
        (WRITER, post("disable"), 204),
        (READER, post("enable"), 403),
        (WRITER, post("enable"), 204),
        (READER, post("end-sessions"), 403),
        (WRITER, post("end-sessions"), 204),
        (READER, SiteRequest::json(Method::DELETE, PATH, None), 403),
        (WRITER, SiteRequest::json(Method::DELETE, PATH, None), 200),
        (READER, get(), 404),
    ] {
        let (starts, what) = (site.starts(), format!("{} {} by {name}", request.method, request.path));
        let answer = site.send_as(name, request).await?;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert_eq!(
            answer.body == json!({ "message": "Forbidden" }),
            status == 403,
            "{what}: {}",
            answer.body
        );
        assert_eq!(site.starts() - starts, usize::from(status != 403), "{what}");
    }
    site.stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_as_it_comes_starts_no_function() -> Result<()> {
    let mut site = Site::start().await?;
    let product = caller(&site.stack, PRODUCT)?;
    let signer = product.signer();
    let now = |request| site.signed(signer, request, 0);
    let other_body =
        json!({ "username": "noor", "email": "eve@example.net", "email_verified": true, "kind": "regular" });
    let elsewhere = "/admin/accounts/employee-4712".to_owned();
    let requests = [
        ("no signature", put()),
        ("another body", SiteRequest { body: other_body.to_string(), ..now(put())? }),
        ("another path", SiteRequest { path: elsewhere, ..now(put())? }),
        ("an action", SiteRequest { path: format!("{PATH}/disable"), ..now(post("enable"))? }),
        ("another method", SiteRequest { method: Method::DELETE, ..now(get())? }),
        ("six minutes old", site.signed(signer, put(), 6)?),
        ("another region", site.signed(Signer { region: "eu-west-1", ..signer }, put(), 0)?),
        ("another service", site.signed(Signer { service: "dynamodb", ..signer }, put(), 0)?),
        ("another secret", site.signed(Signer { secret: "local", ..signer }, put(), 0)?),
        (
            "the operator",
            site.signed(Signer { access_key_id: "operator", secret: "local", ..signer }, put(), 0)?,
        ),
        (
            "a function",
            site.signed(Signer { access_key_id: "AKIAADMINACCOUNT", secret: "local", ..signer }, put(), 0)?,
        ),
    ];
    let before = site.stack.tables().items("AccountsTable")?;
    for (what, request) in requests {
        let answer = site.http.send(&request).await?;
        assert_eq!((answer.status, &answer.body), (403, &json!({ "message": "Forbidden" })), "{what}");
    }
    assert_eq!(site.starts(), 0, "the function was not started");
    assert_eq!(site.stack.tables().items("AccountsTable")?, before);
    // A signature of four minutes ago is still one, and what waited for the function would have come before it.
    let late = site.http.send(&site.signed(signer, put(), 4)?).await?;
    assert_eq!((late.status, site.starts()), (201, 1), "{}", late.body);
    site.stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_is_decoded_once_and_has_no_slash() -> Result<()> {
    let mut site = Site::start().await?;
    let at = |id: &str| SiteRequest::json(Method::PUT, &format!("/admin/accounts/{id}"), Some(wanted()));
    let made = site.send_as(PRODUCT, at("employee%2D4711")).await?;
    assert_eq!((made.status, &made.body["external_id"]), (201, &json!("employee-4711")), "{}", made.body);
    let same = site.send_as(PRODUCT, at("employee-4711")).await?;
    assert_eq!((same.status, &same.body), (200, &made.body));
    for id in ["a%252Fb", "%25", "s%C3%B8ren", "a%20b", "a%00"] {
        let answer = site.send_as(PRODUCT, at(id)).await?;
        assert!((400..500).contains(&answer.status) && answer.status != 403, "{id}: {}", answer.body);
    }
    // API Gateway makes two segments of it before it chooses a route, so that it is no path of the account API.
    let starts = site.starts();
    for id in ["a%2Fb", "a%2Fb%2Fdisable"] {
        let request = SiteRequest::json(Method::GET, &format!("/admin/accounts/{id}"), None);
        let answer = site.send_as(PRODUCT, request).await?;
        assert_eq!((answer.status, site.starts()), (404, starts), "{id}: {}", answer.body);
    }
    site.stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_account_a_product_made_signs_in_until_it_is_disabled() -> Result<()> {
    let mut site = Site::start().await?;
    assert_eq!(site.send_as(WRITER, put()).await?.status, 201);
    let mut noor = new_browser(&site.stack)?;
    noor.post("/login/link", &json!({ "email": "noor@example.net" })).await?;
    let link = token(&email(&site.stack, "noor@example.net", "Your sign-in link").await?)?;
    assert_eq!(noor.post("/login/open", &json!({ "token": link })).await?.status, 200);
    assert_eq!(noor.get("/account").await?.body["username"], "noor");
    assert_eq!(site.send_as(WRITER, post("disable")).await?.status, 204);
    assert_eq!(noor.get("/account").await?.status, 401);
    site.stack.stop().await;
    Ok(())
}
