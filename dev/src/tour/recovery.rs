//! The story of a lost mailbox: in through the backup email, and out of the lost mailbox for good. Must not know how anything is
//! printed or sent.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::mail_reader::EmailKind;
use super::story::sign_in;
use super::walk::{People, Walk, backup_address, token_of};
use crate::browser::Browser;
use crate::stack::accounts::AccountLine;

const NEW_PASSWORD: &str = "ladder violet otter kettle";

/// Walks this part. The person has another primary email and another password after it.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    let yulia = &people.yulia;
    let (key, new) = (backup_address(yulia, "key"), backup_address(yulia, "new"));
    tour.report.chapter("A lost mailbox, and an account in order");
    tour.a_day_later().await?;
    let mut before = tour.browser();
    sign_in(tour, &mut before, yulia).await?;
    define(tour, &mut before, yulia, &key).await?;
    tour.a_day_later().await?;

    let mut person = tour.browser();
    let mut sent = Sent::default();
    get_in(tour, &mut person, yulia, &key, &mut sent).await?;
    take_another(tour, &mut person, yulia, &new, &mut sent).await?;
    set_password(tour, &mut person, yulia, &new, &mut sent).await?;
    in_order(tour, &mut person, &mut before, &new, &sent).await
}

/// What a person fills in and sends on the way.
#[derive(Default)]
struct Sent {
    forms: usize,
    fields: usize,
}

impl Sent {
    fn form(&mut self, fields: usize) {
        self.forms += 1;
        self.fields += fields;
    }
}

async fn define(tour: &mut Walk, before: &mut Browser, yulia: &AccountLine, key: &str) -> Result<()> {
    tour.report.begin("Long before, a backup email is defined");
    tour.post(before, "/account/backup", json!({ "email": key })).await?.expect(202)?;
    let email = tour.email(key, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(before, "/backup/confirm", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    tour.email(&yulia.email, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}

async fn get_in(
    tour: &mut Walk,
    person: &mut Browser,
    yulia: &AccountLine,
    key: &str,
    sent: &mut Sent,
) -> Result<()> {
    tour.report.begin("The mailbox is lost: in through a link to the backup email");
    tour.post(person, "/login/link", json!({ "email": key })).await?.expect(200)?;
    sent.form(1);
    let email = tour.email(key, EmailKind::SignIn).await?;
    let link = tour.emails.link_path(&email)?;
    tour.post(person, "/login/open", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    sent.form(0);
    tour.email(&yulia.email, EmailKind::Words).await?;
    let account = tour.get(person, "/account").await?;
    account.expect(200)?.expect_flag("/finish/mailbox", false)?.expect_flag("/finish/password", false)?;
    tour.report.end();
    Ok(())
}

async fn take_another(
    tour: &mut Walk,
    person: &mut Browser,
    yulia: &AccountLine,
    new: &str,
    sent: &mut Sent,
) -> Result<()> {
    tour.report.begin("Another address becomes the primary, and the lost mailbox is told");
    tour.post(person, "/account/primary", json!({ "email": new })).await?.expect(202)?;
    sent.form(1);
    let notice = tour.email(&yulia.email, EmailKind::Words).await?;
    ensure!(!notice.text.contains(new), "expected the address masked, came\n{}", notice.text);
    let email = tour.email(new, EmailKind::Confirm).await?;
    let link = tour.emails.link_path(&email)?;
    let page = tour.get(person, &link).await?;
    page.expect(200)?.expect_value("/address", new)?.expect_flag("/needs_code", false)?;
    tour.post(person, "/primary/confirm", json!({ "token": token_of(&link)? })).await?.expect(200)?;
    sent.form(0);
    tour.email(&yulia.email, EmailKind::Words).await?;
    tour.email(new, EmailKind::Words).await?;
    tour.report.end();
    Ok(())
}

async fn set_password(
    tour: &mut Walk,
    person: &mut Browser,
    yulia: &AccountLine,
    new: &str,
    sent: &mut Sent,
) -> Result<()> {
    tour.report.begin("And a new password");
    tour.post(person, "/account/password", json!({ "password": NEW_PASSWORD })).await?.expect(200)?;
    sent.form(1);
    for to in [&*yulia.email, new] {
        tour.email(to, EmailKind::Words).await?;
    }
    tour.report.end();
    Ok(())
}

async fn in_order(
    tour: &mut Walk,
    person: &mut Browser,
    before: &mut Browser,
    new: &str,
    sent: &Sent,
) -> Result<()> {
    tour.report.begin("The account is in order, and everybody else is signed out");
    let account = tour.get(person, "/account").await?;
    account.expect(200)?.expect_value("/primary_email", new)?;
    let left = account.body.get("finish").cloned().unwrap_or(Value::Null);
    ensure!(left.is_null(), "expected that nothing is left to do, came {left}");
    tour.get(before, "/account").await?.expect_problem(401, "not-signed-in")?;
    let login = json!({ "identifier": new, "password": NEW_PASSWORD });
    tour.post(&mut tour.browser(), "/login", login).await?.expect(200)?;
    let Sent { forms, fields } = sent;
    tour.report.line("met", format!("{forms} forms with {fields} fields, from the lost mailbox to here"));
    tour.report.end();
    Ok(())
}
