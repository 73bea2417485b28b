//! What must be refused: wrong addresses, an SSO account, someone else's address, dead links and
//! strangers. Must not know how anything is printed or sent.

use anyhow::{Result, ensure};
use serde_json::json;

use super::mail_reader::EmailKind;
use super::story::{confirm, sign_in};
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::Browser;
use crate::stack::accounts::AccountLine;

/// Walks this part.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let (owner, other) = (&people.soren, &people.yulia);
    let spare = backup_address(owner, "spare");
    let (mut owners, mut others) = (tour.browser(), tour.browser());

    tour.report.chapter("What is refused");
    sign_in(tour, &mut owners, owner).await?;
    bad_addresses(tour, &mut owners, owner).await?;
    sso_account(tour, people).await?;
    wrong_credentials(tour, people).await?;

    tour.report.chapter("Someone else's address");
    tour.report.begin(&format!("{} defines a backup email", owner.username));
    tour.post(&mut owners, "/account/backup", json!({ "email": spare })).await?.expect(202)?;
    tour.report.end();
    let link = confirm(tour, &mut owners, owner, &spare).await?;
    sign_in(tour, &mut others, other).await?;
    taken_address(tour, &mut others, owner, &spare).await?;

    tour.report.chapter("Dead links");
    used_link(tour, &mut owners, &link).await?;
    expired_link(tour, &mut others, &backup_address(other, "spare")).await?;
    replaced_link(tour, owner).await?;
    unknown_link(tour).await?;

    tour.report.chapter("Strangers");
    strangers(tour, people, &spare).await?;
    nothing_left(tour).await
}

async fn bad_addresses(tour: &mut Walk, browser: &mut Browser, person: &AccountLine) -> Result<()> {
    tour.report.begin("What is no address, or the primary one, is no backup email");
    let cases = [("not an address", "not-an-address"), (person.email.as_str(), "same-as-primary")];
    for (email, code) in cases {
        let answer = tour.post(browser, "/account/backup", json!({ "email": email })).await?;
        answer.expect_problem(422, code)?;
    }
    tour.report.end();
    Ok(())
}

async fn sso_account(tour: &mut Walk, people: &People) -> Result<()> {
    let (lender, bea) = (&people.yulia, &people.bea);
    let mut browser = tour.browser();
    sign_in(tour, &mut browser, lender).await?;
    tour.report.begin("An SSO account has no backup email");
    tour.site.operator()?.hand_over_session(&lender.username, &bea.username).await?;
    tour.report.line("note", format!("{} is signed in, as by an identity provider", bea.username));
    let account = tour.get(&mut browser, "/account").await?;
    account.expect(200)?.expect_value("/username", &bea.username)?.expect_value("/kind", "sso")?;
    let answer =
        tour.post(&mut browser, "/account/backup", json!({ "email": backup_address(bea, "spare") })).await?;
    answer.expect_problem(403, "sso-account")?;
    tour.report.end();
    Ok(())
}

async fn wrong_credentials(tour: &mut Walk, people: &People) -> Result<()> {
    tour.report.begin("A wrong password, an SSO account and nobody get the same answer");
    let mut browser = tour.browser();
    let mut answers = Vec::new();
    for identifier in [&people.mira.username, &people.bea.email, &"nobody@example.org".to_owned()] {
        let login = json!({ "identifier": identifier, "password": "not the password" });
        answers.push(tour.post(&mut browser, "/login", login).await?);
    }
    for answer in &answers {
        answer.expect_problem(401, "wrong-credentials")?.expect_same_as(&answers[0])?;
    }
    tour.report.end();
    Ok(())
}

async fn taken_address(
    tour: &mut Walk,
    browser: &mut Browser,
    owner: &AccountLine,
    taken: &str,
) -> Result<()> {
    tour.report.begin("Asking for it looks like success; only its owner hears of it");
    let answer = tour.post(browser, "/account/backup", json!({ "email": taken })).await?;
    answer
        .expect(202)?
        .expect_value("/backup/state", "pending")?
        .expect_value("/backup/pending_address", taken)?;
    tour.email(&owner.email, EmailKind::Words).await?;
    tour.no_mail(taken)?;
    tour.report.end();
    Ok(())
}

async fn used_link(tour: &mut Walk, browser: &mut Browser, link: &str) -> Result<()> {
    tour.report.begin("A link that has confirmed its address says so again");
    tour.get(browser, link).await?.expect(200)?;
    let answer = tour.post(browser, "/backup/confirm", json!({ "token": token_of(link)? })).await?;
    answer.expect(200)?;
    tour.report.end();
    Ok(())
}

async fn expired_link(tour: &mut Walk, browser: &mut Browser, spare: &str) -> Result<()> {
    tour.report.begin("An expired link");
    tour.a_day_later().await?;
    tour.post(browser, "/account/backup", json!({ "email": spare })).await?.expect(202)?;
    let email = tour.email(spare, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    let links = tour.site.operator()?.expire_links().await?;
    tour.report.line("later", format!("a day passes for {links} links: the operator sets them back"));
    tour.get(browser, &link).await?.expect_problem(410, "link-expired")?;
    let answer = tour.post(browser, "/backup/confirm", json!({ "token": token_of(&link)? })).await?;
    answer.expect_problem(410, "link-expired")?;
    tour.get(browser, "/account").await?.expect(200)?.expect_value("/backup/state", "pending")?;
    tour.report.end();
    Ok(())
}

async fn replaced_link(tour: &mut Walk, person: &AccountLine) -> Result<()> {
    tour.report.begin("A sign-in link dies when a newer one is asked for");
    let mut browser = tour.browser();
    let mut links = Vec::new();
    for _ in 0..2 {
        tour.post(&mut browser, "/login/link", json!({ "email": person.email })).await?.expect(200)?;
        let email = tour.email(&person.email, EmailKind::SignIn).await?;
        links.push(tour.emails.link_path(&email)?);
    }
    let older = json!({ "token": token_of(&links[0])? });
    tour.post(&mut browser, "/login/open", older).await?.expect_problem(410, "link-replaced")?;
    ensure!(!browser.has_session(), "expected no session from a dead link");
    let newer = json!({ "token": token_of(&links[1])? });
    tour.post(&mut browser, "/login/open", newer).await?.expect(200)?;
    tour.report.end();
    Ok(())
}

async fn unknown_link(tour: &mut Walk) -> Result<()> {
    tour.report.begin("A link that nobody sent");
    let mut browser = tour.browser();
    let token = "A".repeat(43);
    for path in ["/backup/confirm", "/login/open", "/undo"] {
        tour.get(&mut browser, &format!("{path}?token={token}"))
            .await?
            .expect_problem(404, "link-unknown")?;
        let answer = tour.post(&mut browser, path, json!({ "token": token })).await?;
        answer.expect_problem(404, "link-unknown")?;
    }
    tour.report.end();
    Ok(())
}

async fn strangers(tour: &mut Walk, people: &People, spare: &str) -> Result<()> {
    let stranger = "stranger@example.org";
    let pending = backup_address(&people.yulia, "spare");
    for (path, kind) in [("/forgot-username", EmailKind::Words), ("/login/link", EmailKind::SignIn)] {
        tour.report.begin(&format!("{path} says the same to a stranger, and sends nothing"));
        let mut browser = tour.browser();
        let mut answers = Vec::new();
        // The known address comes last, so that its email shows that none is still on its way.
        for email in [stranger, &people.bea.email, &pending, spare] {
            answers.push(tour.post(&mut browser, path, json!({ "email": email })).await?);
        }
        for answer in &answers {
            answer.expect(200)?.expect_same_as(&answers[0])?;
        }
        tour.email(spare, kind).await?;
        for email in [stranger, &people.bea.email, &pending] {
            tour.no_mail(email)?;
        }
        tour.report.end();
    }
    Ok(())
}

async fn nothing_left(tour: &mut Walk) -> Result<()> {
    tour.report.begin("No email came that the tour does not expect");
    tour.emails.nothing_left().await?;
    tour.report.end();
    Ok(())
}
