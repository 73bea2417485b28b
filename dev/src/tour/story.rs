//! The main story: a backup email is defined, confirmed, used for each of the three ways to sign in or recover, changed
//! and removed. Must not know how anything is printed or sent.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::mail_reader::EmailKind;
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::Browser;
use crate::stack::accounts::AccountLine;

/// Walks this part.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let mira = &people.mira;
    let (spare, newer) = (backup_address(mira, "spare"), backup_address(mira, "newer"));
    let mut browser = tour.browser();

    tour.report.chapter("A spare key");
    sign_in(tour, &mut browser, mira).await?;
    define(tour, &mut browser, mira, &spare).await?;
    confirm(tour, &mut browser, mira, &spare).await?;
    sign_out(tour, &mut browser).await?;

    tour.report.chapter("The primary mailbox is lost");
    forgot_username(tour, mira, &spare).await?;
    magic_link(tour, mira, &spare).await?;
    password(tour, mira, &spare).await?;

    tour.report.chapter("Another spare key");
    sign_in(tour, &mut browser, mira).await?;
    change(tour, &mut browser, mira, &spare, &newer).await?;
    remove(tour, &mut browser, mira, &newer).await
}

/// Walks the part that needs no operator, as one person of a site that runs already.
pub(super) async fn tell_without_operator(tour: &mut Walk, person: &AccountLine) -> Result<()> {
    // At the person's own domain, whose emails the mailbox receives.
    let (local, domain) = person.email.split_once('@').context("an account's email has a domain")?;
    let spare = format!("{local}.spare@{domain}");
    let mut browser = tour.browser();

    tour.report.chapter("A spare key");
    sign_in(tour, &mut browser, person).await?;
    define(tour, &mut browser, person, &spare).await?;
    confirm(tour, &mut browser, person, &spare).await?;
    sign_out(tour, &mut browser).await?;

    tour.report.chapter("The primary mailbox is lost");
    forgot_username(tour, person, &spare).await?;
    magic_link(tour, person, &spare).await?;
    password(tour, person, &spare).await?;

    tour.report.chapter("The spare key goes");
    sign_in(tour, &mut browser, person).await?;
    remove(tour, &mut browser, person, &spare).await
}

/// Signs in with username and password.
pub(super) async fn sign_in(tour: &mut Walk, browser: &mut Browser, person: &AccountLine) -> Result<()> {
    tour.report.begin(&format!("{} signs in with username and password", person.username));
    let login = json!({ "identifier": person.username, "password": person.password });
    let answer = tour.post(browser, "/login", login).await?;
    answer.expect(200)?.expect_value("/username", &person.username)?;
    ensure!(browser.has_session(), "expected a session cookie, none came");
    tour.report.end();
    Ok(())
}

async fn define(tour: &mut Walk, browser: &mut Browser, mira: &AccountLine, spare: &str) -> Result<()> {
    tour.report.begin("Account details show no backup email");
    let account = tour.get(browser, "/account").await?;
    account
        .expect(200)?
        .expect_value("/username", &mira.username)?
        .expect_value("/primary_email", &mira.email)?;
    account.expect_value("/backup/state", "none")?;
    tour.report.end();

    tour.report.begin("Defines a backup email");
    let answer = tour.post(browser, "/account/backup", json!({ "email": spare })).await?;
    answer
        .expect(202)?
        .expect_value("/backup/state", "pending")?
        .expect_value("/backup/pending_address", spare)?;
    tour.report.end();

    tour.report.begin("While it is pending it opens nothing");
    let login = json!({ "identifier": spare, "password": mira.password });
    tour.post(&mut tour.browser(), "/login", login).await?.expect_problem(401, "wrong-credentials")?;
    tour.report.end();
    Ok(())
}

/// Finds the email that asks to confirm an address, looks at its page twice and presses the button. Gives the
/// link's path.
pub(super) async fn confirm(
    tour: &mut Walk,
    browser: &mut Browser,
    person: &AccountLine,
    spare: &str,
) -> Result<String> {
    tour.report.begin("The link in the email shows whose account and which address");
    let email = tour.email(spare, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    for _ in 0..2 {
        let page = tour.get(browser, &link).await?;
        page.expect(200)?.expect_value("/username", &person.username)?.expect_value("/address", spare)?;
    }
    tour.get(browser, "/account").await?.expect(200)?.expect_value("/backup/pending_address", spare)?;
    tour.report.end();

    tour.report.begin("The button confirms, and the owner hears of it");
    let answer = tour.post(browser, "/backup/confirm", json!({ "token": token_of(&link)? })).await?;
    answer.expect(200)?.expect_value("/address", spare)?;
    let account = tour.get(browser, "/account").await?;
    account
        .expect(200)?
        .expect_value("/backup/state", "confirmed")?
        .expect_value("/backup/address", spare)?;
    tour.email(&person.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(link)
}

async fn sign_out(tour: &mut Walk, browser: &mut Browser) -> Result<()> {
    tour.report.begin("Signs out");
    tour.post(browser, "/logout", json!({})).await?.expect(200)?;
    ensure!(!browser.has_session(), "expected the session cookie to be cleared, it is still there");
    tour.get(browser, "/account").await?.expect_problem(401, "not-signed-in")?;
    tour.report.end();
    Ok(())
}

async fn forgot_username(tour: &mut Walk, person: &AccountLine, address: &str) -> Result<()> {
    tour.report.begin("First door: the username, mailed to the backup email");
    tour.post(&mut tour.browser(), "/forgot-username", json!({ "email": address })).await?.expect(200)?;
    let email = tour.email(address, EmailKind::Words).await?;
    let parts = [&email.text, &email.html];
    ensure!(
        parts.iter().all(|part| part.contains(&person.username)),
        "expected the username {} in both parts\n{}",
        person.username,
        email.text
    );
    tour.report.end();
    Ok(())
}

async fn magic_link(tour: &mut Walk, mira: &AccountLine, spare: &str) -> Result<()> {
    let mut other = tour.browser();
    tour.report.begin("Second door: a sign-in link to the backup email");
    tour.post(&mut other, "/login/link", json!({ "email": spare })).await?.expect(200)?;
    let email = tour.email(spare, EmailKind::SignIn).await?;
    let link = tour.emails.link_path(&email)?;
    tour.get(&mut other, &link).await?.expect(200)?.expect_value("/username", &mira.username)?;
    tour.get(&mut other, "/account").await?.expect_problem(401, "not-signed-in")?;
    tour.report.end();

    tour.report.begin("Its button signs in, and the owner hears of it");
    let answer = tour.post(&mut other, "/login/open", json!({ "token": token_of(&link)? })).await?;
    answer.expect(200)?.expect_value("/username", &mira.username)?;
    tour.get(&mut other, "/account").await?.expect(200)?.expect_value("/username", &mira.username)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();

    tour.report.begin("The same link once more: it was used");
    let again = json!({ "token": token_of(&link)? });
    tour.post(&mut tour.browser(), "/login/open", again).await?.expect_problem(410, "link-used")?;
    tour.report.end();
    Ok(())
}

async fn password(tour: &mut Walk, mira: &AccountLine, spare: &str) -> Result<()> {
    let mut other = tour.browser();
    tour.report.begin("Third door: the backup email and the password");
    let login = json!({ "identifier": spare.to_uppercase(), "password": mira.password });
    tour.post(&mut other, "/login", login).await?.expect(200)?.expect_value("/username", &mira.username)?;
    tour.get(&mut other, "/account").await?.expect(200)?.expect_value("/backup/address", spare)?;
    // The owner has heard of it within the hour: the tour ends without another email.
    tour.report.end();
    Ok(())
}

async fn change(
    tour: &mut Walk,
    browser: &mut Browser,
    mira: &AccountLine,
    spare: &str,
    newer: &str,
) -> Result<()> {
    tour.report.begin("Asks for another one at once: too soon");
    let answer = tour.post(browser, "/account/backup", json!({ "email": newer })).await?;
    answer.expect_problem(429, "too-soon")?;
    tour.report.end();

    tour.report.begin("Asks for another one, later");
    tour.a_day_later().await?;
    let answer = tour.post(browser, "/account/backup", json!({ "email": newer })).await?;
    answer.expect(202)?.expect_value("/backup/state", "replacing")?;
    answer.expect_value("/backup/address", spare)?.expect_value("/backup/pending_address", newer)?;
    tour.report.end();

    tour.report.begin("The former one stays in force meanwhile");
    let login = json!({ "identifier": spare, "password": mira.password });
    tour.post(&mut tour.browser(), "/login", login).await?.expect(200)?;
    tour.report.end();

    confirm(tour, browser, mira, newer).await?;

    tour.report.begin("The former one opens nothing any more");
    for (identifier, status) in [(spare, 401), (newer, 200)] {
        let login = json!({ "identifier": identifier, "password": mira.password });
        tour.post(&mut tour.browser(), "/login", login).await?.expect(status)?;
    }
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}

async fn remove(tour: &mut Walk, browser: &mut Browser, mira: &AccountLine, newer: &str) -> Result<()> {
    tour.report.begin("Removes it, and the owner hears of it");
    let answer = tour.post(browser, "/account/backup/remove", json!({})).await?;
    answer.expect(200)?.expect_value("/backup/state", "none")?;
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.report.end();

    tour.report.begin("It opens nothing any more");
    let mut other = tour.browser();
    let login = json!({ "identifier": newer, "password": mira.password });
    tour.post(&mut other, "/login", login).await?.expect_problem(401, "wrong-credentials")?;
    tour.post(&mut other, "/forgot-username", json!({ "email": newer })).await?.expect(200)?;
    tour.post(&mut other, "/login/link", json!({ "email": newer })).await?.expect(200)?;
    // A later email that does arrive shows that none is still on its way.
    tour.post(&mut other, "/forgot-username", json!({ "email": mira.email })).await?.expect(200)?;
    tour.email(&mira.email, EmailKind::Words).await?;
    tour.no_mail(newer)?;
    tour.report.end();

    tour.report.begin("There is nothing left to remove");
    let answer = tour.post(browser, "/account/backup/remove", json!({})).await?;
    answer.expect_problem(409, "nothing-to-remove")?;
    tour.report.end();
    Ok(())
}
