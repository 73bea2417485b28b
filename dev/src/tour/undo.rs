//! The story of an account that a thief changes: the notice, its link, and how the link takes the change back without a
//! sign-in. Must not know how anything is printed or sent.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::mail_reader::EmailKind;
use super::story::sign_in;
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::Browser;
use crate::stack::accounts::AccountLine;

/// Walks this part. The person has a backup email before and the same one after it.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let mira = &people.mira;
    let (spare, thiefs) = (backup_address(mira, "spare"), backup_address(mira, "thief"));
    let mut thief = tour.browser();
    tour.report.chapter("This wasn’t me");
    tour.a_day_later().await?;
    let link = change(tour, &mut thief, mira, &thiefs).await?;
    take_back(tour, mira, &link).await?;
    thief_is_out(tour, &mut thief, mira, &thiefs).await?;
    as_before(tour, mira, &spare).await?;
    once_only(tour, mira, &link).await
}

/// A thief who knows the password replaces the backup email by their own. Returns the path of the link in the notice.
async fn change(tour: &mut Walk, thief: &mut Browser, mira: &AccountLine, thiefs: &str) -> Result<String> {
    tour.report.begin(&format!("A thief knows {}’s password and changes the backup email", mira.username));
    let login = json!({ "identifier": mira.username, "password": mira.password });
    tour.post(thief, "/login", login).await?.expect(200)?;
    tour.post(thief, "/account/backup", json!({ "email": thiefs })).await?.expect(202)?;
    let email = tour.email(thiefs, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    let answer = tour.post(thief, "/backup/confirm", json!({ "token": token_of(&link)? })).await?;
    answer.expect(200)?.expect_value("/address", thiefs)?;
    tour.report.end();

    tour.report.begin("The notice to the primary has a link that tells what happened");
    let notice = tour.email(&mira.email, EmailKind::Words).await?;
    let link = tour.emails.link_path(&notice)?;
    ensure!(link.starts_with("/undo?"), "expected a link that takes the change back, came {link}");
    ensure!(!notice.text.contains(thiefs), "expected the address masked, came\n{}", notice.text);
    let mut owner = tour.browser();
    let page = tour.get(&mut owner, &link).await?;
    page.expect(200)?.expect_value("/what", "changed")?;
    tour.report.end();
    Ok(link)
}

async fn take_back(tour: &mut Walk, mira: &AccountLine, link: &str) -> Result<()> {
    let token = token_of(link)?;
    let mut owner = tour.browser();
    tour.report.begin("The button alone takes nothing back: the username is asked for");
    let answer = tour.post(&mut owner, "/undo", json!({ "token": token })).await?;
    answer.expect_problem(422, "other-username")?;
    tour.report.end();

    tour.report.begin("The owner takes it back, without signing in");
    let form = json!({ "token": token, "username": mira.username });
    let answer = tour.post(&mut owner, "/undo", form).await?;
    answer.expect(200)?.expect_flag("/former_taken", false)?;
    ensure!(!owner.has_session(), "expected that taking back signs nobody in");
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}

async fn thief_is_out(tour: &mut Walk, thief: &mut Browser, mira: &AccountLine, thiefs: &str) -> Result<()> {
    tour.report.begin("The thief is signed out, and the thief’s address opens nothing");
    tour.get(thief, "/account").await?.expect_problem(401, "not-signed-in")?;
    let login = json!({ "identifier": thiefs, "password": mira.password });
    tour.post(thief, "/login", login).await?.expect_problem(401, "wrong-credentials")?;
    tour.report.end();
    Ok(())
}

async fn as_before(tour: &mut Walk, mira: &AccountLine, spare: &str) -> Result<()> {
    let mut browser = tour.browser();
    tour.report.begin("The former backup email works again");
    let login = json!({ "identifier": spare, "password": mira.password });
    tour.post(&mut browser, "/login", login).await?.expect(200)?;
    tour.get(&mut browser, "/account").await?.expect(200)?.expect_value("/backup/address", spare)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();

    sign_in(tour, &mut browser, mira).await?;
    tour.report.begin("Changes of the backup email rest for 72 hours");
    let account = tour.get(&mut browser, "/account").await?;
    let until = account.expect(200)?.body.get("frozen_until").and_then(Value::as_u64);
    ensure!(until.is_some(), "expected frozen_until, came {}", account.body);
    let another = json!({ "email": backup_address(mira, "another") });
    tour.post(&mut browser, "/account/backup", another).await?.expect_problem(403, "changes-frozen")?;
    tour.report.end();
    Ok(())
}

async fn once_only(tour: &mut Walk, mira: &AccountLine, link: &str) -> Result<()> {
    tour.report.begin("The link once more: it says what was restored, and does nothing");
    let mut anybody = tour.browser();
    let shown = tour.get(&mut anybody, link).await?;
    let until = shown.expect(200)?.body.get("frozen_until").cloned();
    let form = json!({ "token": token_of(link)?, "username": mira.username });
    let answer = tour.post(&mut anybody, "/undo", form).await?;
    let same = answer.expect(200)?.body.get("frozen_until") == until.as_ref();
    ensure!(same && until.is_some(), "expected that the second click changes nothing, came {}", answer.body);
    tour.report.end();
    Ok(())
}
