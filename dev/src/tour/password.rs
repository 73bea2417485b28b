//! The story of a new password: after a sign-in by link, by somebody else, and again. Must not know how anything is printed
//! or sent.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::mail_reader::EmailKind;
use super::story::sign_in;
use super::walk::{People, Walk, token_of};
use crate::browser::Browser;
use crate::stack::accounts::AccountLine;

const PATH: &str = "/account/password";
const OWNERS: &str = "otter kettle violet ladder";
const THIEFS: &str = "violet kettle otter tango";

/// Walks this part. The person has another password after it.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let mira = &people.mira;
    tour.report.chapter("A new password");
    tour.a_day_later().await?;
    let mut thief = tour.browser();
    sign_in(tour, &mut thief, mira).await?;
    let link = thief_sets_one(tour, &mut thief, mira).await?;
    take_back(tour, mira, &link).await?;
    let mut owner = by_link(tour, mira).await?;
    owner_sets_one(tour, &mut owner, mira).await
}

async fn thief_sets_one(tour: &mut Walk, thief: &mut Browser, mira: &AccountLine) -> Result<String> {
    tour.report.begin("A thief at an open session sets a password, and the owner hears of it");
    tour.post(thief, PATH, json!({ "password": THIEFS })).await?.expect(200)?;
    signs_in(tour, mira, THIEFS, true).await?;
    let notice = tour.email(&mira.email, EmailKind::Words).await?;
    let link = tour.emails.link_path(&notice)?;
    let page = tour.get(&mut tour.browser(), &link).await?;
    page.expect(200)?.expect_value("/what", "password-set")?.expect_flag("/password_void", true)?;
    tour.report.end();
    Ok(link)
}

async fn take_back(tour: &mut Walk, mira: &AccountLine, link: &str) -> Result<()> {
    tour.report.begin("The link in the notice makes it void, and the former one does not come back");
    let form = json!({ "token": token_of(link)?, "username": mira.username });
    let answer = tour.post(&mut tour.browser(), "/undo", form).await?;
    answer.expect(200)?.expect_flag("/password_void", true)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    signs_in(tour, mira, THIEFS, false).await?;
    signs_in(tour, mira, mira.password.as_deref().unwrap_or_default(), false).await?;
    tour.report.end();
    Ok(())
}

async fn by_link(tour: &mut Walk, mira: &AccountLine) -> Result<Browser> {
    tour.report.begin("The owner signs in through a link");
    // A link that is asked for in the second of an undo is never sent: it may be the thief's.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut owner = tour.browser();
    tour.post(&mut owner, "/login/link", json!({ "email": mira.email })).await?.expect(200)?;
    let email = tour.email(&mira.email, EmailKind::SignIn).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(&mut owner, "/login/open", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    tour.report.end();
    Ok(owner)
}

async fn owner_sets_one(tour: &mut Walk, owner: &mut Browser, mira: &AccountLine) -> Result<()> {
    tour.report.begin("What everybody tries is refused");
    for (password, code) in [
        ("too short", "password-too-short"),
        ("passwordpassword", "password-too-common"),
        (&*mira.email, "password-too-personal"),
    ] {
        let answer = tour.post(owner, PATH, json!({ "password": password })).await?;
        answer.expect_problem(422, code)?;
    }
    tour.report.end();

    tour.report.begin("Sets a password, also while changes are frozen");
    tour.get(owner, PATH).await?.expect(200)?.expect_flag("/has_password", false)?;
    tour.post(owner, PATH, json!({ "password": OWNERS })).await?.expect(200)?;
    ensure!(owner.has_session(), "expected to stay signed in");
    tour.get(owner, "/account").await?.expect(200)?.expect_flag("/has_password", true)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    signs_in(tour, mira, OWNERS, true).await?;
    tour.report.end();
    Ok(())
}

/// Whether a password signs in somewhere else.
async fn signs_in(tour: &mut Walk, mira: &AccountLine, password: &str, expected: bool) -> Result<()> {
    let login = json!({ "identifier": mira.username, "password": password });
    let answer = tour.post(&mut tour.browser(), "/login", login).await?;
    if expected {
        answer.expect(200)?
    } else {
        answer.expect_problem(401, "wrong-credentials")?
    };
    Ok(())
}
