//! The story with two devices: one requests a link, the other opens it with the code that the first one shows. Must not know how anything is printed or sent.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::mail_reader::EmailKind;
use super::story::sign_in;
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::{Browser, SiteResponse};
use crate::stack::accounts::AccountLine;

/// Walks this part. Afterwards the person has a backup email.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let mira = &people.mira;
    tour.report.chapter("Another device");
    tour.a_day_later().await?;
    open_elsewhere(tour, mira).await?;
    too_many_codes(tour, mira).await?;
    confirm_elsewhere(tour, mira, &backup_address(mira, "spare")).await
}

/// Asks for a sign-in link in a browser; the link's path, and the code that the browser shows.
async fn ask_for_link(
    tour: &mut Walk,
    laptop: &mut Browser,
    person: &AccountLine,
) -> Result<(String, String)> {
    let answer = tour.post(laptop, "/login/link", json!({ "email": person.email })).await?;
    let code = shown_code(answer.expect(200)?, "/code")?;
    let email = tour.email(&person.email, EmailKind::SignIn).await?;
    ensure!(!email.text.contains(&code), "expected the code on the page only, it is in the email too");
    Ok((tour.emails.link_path(&email)?, code))
}

async fn open_elsewhere(tour: &mut Walk, mira: &AccountLine) -> Result<()> {
    let (mut laptop, mut phone) = (tour.browser(), tour.browser());
    tour.report.begin("A laptop asks for a sign-in link and shows a code");
    let (link, code) = ask_for_link(tour, &mut laptop, mira).await?;
    let token = token_of(&link)?.to_owned();
    tour.get(&mut laptop, &link).await?.expect(200)?.expect_flag("/needs_code", false)?;
    tour.report.end();

    tour.report.begin("A phone that opens the link has to know the code");
    tour.get(&mut phone, &link).await?.expect(200)?.expect_flag("/needs_code", true)?;
    let answer = tour.post(&mut phone, "/login/open", json!({ "token": token })).await?;
    answer.expect_problem(422, "code-needed")?;
    tour.report.end();

    tour.report.begin("A wrong code opens nothing");
    let answer =
        tour.post(&mut phone, "/login/open", json!({ "token": token, "code": other_than(&code) })).await?;
    answer.expect_problem(422, "wrong-code")?;
    ensure!(!phone.has_session(), "expected no session from a wrong code");
    tour.report.end();

    tour.report.begin("The right one signs the phone in, however it is typed");
    let typed = code.to_lowercase().replace(' ', "-");
    let answer = tour.post(&mut phone, "/login/open", json!({ "token": token, "code": typed })).await?;
    answer.expect(200)?.expect_value("/username", &mira.username)?;
    tour.get(&mut phone, "/account").await?.expect(200)?;
    tour.get(&mut laptop, "/account").await?.expect_problem(401, "not-signed-in")?;
    tour.report.end();
    Ok(())
}

async fn too_many_codes(tour: &mut Walk, mira: &AccountLine) -> Result<()> {
    const TRIES: usize = 5;
    let (mut laptop, mut stranger) = (tour.browser(), tour.browser());
    tour.report.begin("Five wrong codes make a link dead, for the laptop that asked too");
    let (link, code) = ask_for_link(tour, &mut laptop, mira).await?;
    let token = token_of(&link)?.to_owned();
    let wrong = json!({ "token": token, "code": other_than(&code) });
    for number in 1..=TRIES {
        let answer = tour.post(&mut stranger, "/login/open", wrong.clone()).await?;
        let (status, problem) = if number < TRIES { (422, "wrong-code") } else { (410, "link-locked") };
        answer.expect_problem(status, problem)?;
    }
    let right = json!({ "token": token, "code": code });
    for browser in [&mut stranger, &mut laptop] {
        tour.post(browser, "/login/open", right.clone()).await?.expect_problem(410, "link-locked")?;
    }
    tour.report.end();
    Ok(())
}

async fn confirm_elsewhere(tour: &mut Walk, mira: &AccountLine, spare: &str) -> Result<()> {
    let (mut laptop, mut phone) = (tour.browser(), tour.browser());
    sign_in(tour, &mut laptop, mira).await?;
    tour.report.begin("The account shows a code while a backup email waits");
    tour.post(&mut laptop, "/account/backup", json!({ "email": spare })).await?.expect(202)?;
    let code = shown_code(tour.get(&mut laptop, "/account").await?.expect(200)?, "/pending_code")?;
    let link = tour.email(spare, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&link)?;
    tour.report.end();

    tour.report.begin("With it a phone confirms that nobody is signed in on");
    let token = token_of(&link)?;
    let answer = tour.post(&mut phone, "/backup/confirm", json!({ "token": token })).await?;
    answer.expect_problem(422, "code-needed")?;
    let answer = tour.post(&mut phone, "/backup/confirm", json!({ "token": token, "code": code })).await?;
    answer.expect(200)?.expect_value("/address", spare)?;
    ensure!(!phone.has_session(), "expected no session from a confirmation");
    tour.get(&mut laptop, "/account").await?.expect(200)?.expect_value("/backup/address", spare)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}

fn shown_code(answer: &SiteResponse, pointer: &str) -> Result<String> {
    let code = answer.body.pointer(pointer).and_then(serde_json::Value::as_str);
    Ok(code.with_context(|| format!("expected a code at {pointer}, came {}", answer.body))?.to_owned())
}

/// Another code.
fn other_than(code: &str) -> &'static str {
    if code == "000 000" { "000 001" } else { "000 000" }
}
