//! The story of a product's back end that keeps accounts of its own here, with requests that it signs. Must not know how anything
//! is printed or sent.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use super::event_reader;
use super::mail_reader::EmailKind;
use super::walk::{Walk, token_of};
use crate::browser::{Browser, SiteRequest, SiteResponse};
use crate::clock;
use crate::gateway::callers::Caller;
use crate::stack::RETURN_URI;

const EXTERNAL_ID: &str = "employee-4711";
const PATH: &str = "/admin/accounts/employee-4711";
const USERNAME: &str = "noor";
const EMAIL: &str = "noor@example.net";

/// Walks this part, if somebody may call the API. A recording leaves it out, because `sam local` asks nobody for a signature.
pub(super) async fn tell(tour: &mut Walk) -> Result<()> {
    let Some(caller) = tour.site.caller.clone().filter(|_| !tour.report.records()) else { return Ok(()) };
    tour.report.chapter("A product keeps accounts here");
    tour.a_day_later().await?;
    provision(tour, &caller).await?;
    let mut person = tour.browser();
    sign_in(tour, &mut person).await?;
    hand_over(tour, &caller).await?;
    disable(tour, &caller, &mut person).await?;
    without_a_signature(tour, &caller).await?;
    delete(tour, &caller).await?;
    hear(tour).await
}

/// What the product's back end sends, signed.
async fn ask(
    tour: &mut Walk,
    caller: &Caller,
    (method, path): (Method, &str),
    body: Option<Value>,
) -> Result<SiteResponse> {
    let request = SiteRequest::json(method, path, body);
    let signed = caller.signer().signed(request, &tour.site.url, clock::now())?;
    tour.send(&mut tour.browser(), &signed).await
}

fn wanted() -> Value {
    json!({ "username": USERNAME, "email": EMAIL, "email_verified": true, "kind": "regular", "locale": "en" })
}

async fn provision(tour: &mut Walk, caller: &Caller) -> Result<()> {
    tour.report.begin(
        "Its back end says what an account is to be: the first time creates it, the second changes nothing",
    );
    ask(tour, caller, (Method::GET, PATH), None).await?.expect_problem(404, "account-unknown")?;
    let created = ask(tour, caller, (Method::PUT, PATH), Some(wanted())).await?;
    created.expect(201)?.expect_value("/username", USERNAME)?.expect_value("/email", EMAIL)?;
    let again = ask(tour, caller, (Method::PUT, PATH), Some(wanted())).await?;
    ensure!(again.expect(200)?.body == created.body, "expected {}, came {}", created.body, again.body);
    tour.report.end();
    Ok(())
}

async fn sign_in(tour: &mut Walk, person: &mut Browser) -> Result<()> {
    tour.report.begin("The person has no password, and signs in with a link");
    tour.post(person, "/login/link", json!({ "email": EMAIL })).await?.expect(200)?;
    let email = tour.email(EMAIL, EmailKind::SignIn).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(person, "/login/open", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    tour.get(person, "/account").await?.expect(200)?.expect_value("/username", USERNAME)?;
    tour.report.end();
    Ok(())
}

async fn hand_over(tour: &mut Walk, caller: &Caller) -> Result<()> {
    if tour.site.product.is_none() {
        return Ok(());
    }
    tour.report.begin("The product hands the person over, who has just signed in there, and who goes back from the account page");
    let stated = json!({ "return_to": RETURN_URI, "signed_in_at": clock::rfc3339(clock::now()) });
    let path = format!("{PATH}/hand-over");
    let elsewhere = json!({ "return_to": format!("{RETURN_URI}/") });
    let refused = ask(tour, caller, (Method::POST, &path), Some(elsewhere)).await?;
    refused.expect_problem(422, "invalid-field")?.expect_value("/field", "return_to")?;
    let given = ask(tour, caller, (Method::POST, &path), Some(stated)).await?;
    let link = given.expect(201)?.body["link"].as_str().context("no link came")?.to_owned();
    let link = link.strip_prefix(&*tour.site.url).with_context(|| format!("not a link of ours: {link}"))?;
    let mut person = tour.browser();
    let page = tour.get(&mut person, link).await?;
    page.expect(200)?.expect_value("/username", USERNAME)?.expect_value("/client", "Demo product")?;
    tour.get(&mut person, "/account").await?.expect(401)?;
    let token = json!({ "token": token_of(link)? });
    tour.post(&mut person, "/hand-over", token.clone()).await?.expect(200)?;
    tour.post(&mut tour.browser(), "/hand-over", token).await?.expect_problem(410, "link-used")?;
    let account = tour.get(&mut person, "/account").await?;
    account.expect(200)?.expect_value("/back/location", RETURN_URI)?;
    let backup = json!({ "email": format!("spare-of-{EMAIL}") });
    tour.post(&mut person, "/account/backup", backup).await?.expect(202)?;
    let account = tour.get(&mut person, "/account").await?;
    account.expect(200)?.expect_value("/back/location", RETURN_URI)?;
    tour.report.end();
    Ok(())
}

async fn disable(tour: &mut Walk, caller: &Caller, person: &mut Browser) -> Result<()> {
    tour.report.begin("The product disables the account, which ends its sessions");
    ask(tour, caller, (Method::POST, &format!("{PATH}/disable")), None).await?.expect(204)?;
    tour.get(person, "/account").await?.expect(401)?;
    let account = ask(tour, caller, (Method::GET, PATH), None).await?;
    account.expect(200)?.expect_flag("/disabled", true)?;
    ask(tour, caller, (Method::POST, &format!("{PATH}/enable")), None).await?.expect(204)?;
    tour.report.end();
    Ok(())
}

async fn without_a_signature(tour: &mut Walk, caller: &Caller) -> Result<()> {
    tour.report.begin("Without a signature, or with that of another request, nobody gets anything");
    let unsigned = SiteRequest::json(Method::GET, PATH, None);
    let other = SiteRequest::json(Method::GET, "/admin/accounts/employee-4712", None);
    let other = caller.signer().signed(other, &tour.site.url, clock::now())?;
    for asked in [unsigned, SiteRequest { path: PATH.to_owned(), ..other }] {
        let answer = tour.send(&mut tour.browser(), &asked).await?;
        answer.expect(403)?.expect_value("/message", "Forbidden")?;
    }
    tour.report.end();
    Ok(())
}

async fn delete(tour: &mut Walk, caller: &Caller) -> Result<()> {
    tour.report.begin("It deletes the account, and is told what remains for how long");
    let deleted = ask(tour, caller, (Method::DELETE, PATH), None).await?;
    deleted.expect(200)?.expect_flag("/deleted", true)?;
    let remains = deleted.body["remains"].as_array().context("nothing is said of what remains")?;
    ensure!(!remains.is_empty(), "{}", deleted.body);
    ask(tour, caller, (Method::GET, PATH), None).await?.expect_problem(404, "account-unknown")?;
    tour.report.end();
    Ok(())
}

/// What programs of the product have heard meanwhile.
async fn hear(tour: &mut Walk) -> Result<()> {
    if !tour.site.has_events {
        return Ok(());
    }
    tour.report.begin("Each change has given an event on the bus, in order and without an address");
    let wanted = [
        "account-created",
        "signed-in",
        "signed-in",
        "backup-email-requested",
        "account-disabled",
        "account-enabled",
        "account-deletion-begun",
        "account-deleted",
    ];
    let heard = event_reader::kinds_of(&tour.site.mailbox, EXTERNAL_ID, wanted.len()).await?;
    ensure!(heard == wanted, "expected {wanted:?}, came {heard:?}");
    tour.report.end();
    Ok(())
}
