//! Requests a backup email: define, change, send again.
use domain::{
    Account, AccountId, Backup, EmailAddress, Limit, PendingAddress, Requester, Timestamp, TypedAddress,
};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::metrics::{Event, Subject};
use shared::requirements::EmailRequests;
use shared::store::LimitReached;
use shared::web::pages::AccountPage;
use shared::web::{Banner, Change, Code, Problem, Reply, Request, StatusCode, WantedChange};

#[derive(Deserialize)]
struct Form {
    email: String,
    /// The pending request that the page showed; empty for none.
    seen: Option<String>,
}

/// POST `/account/backup`.
///
/// An address of another account is treated exactly as a free one: nothing here looks for its owner.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let user = app.require_authenticated(&request, now).await?;
    let form: Form = request.form()?;
    let texts = app.texts(user.account.language);
    let refuse = |problem: Problem| {
        let page = AccountPage::new(&user.account, now, texts.clone())
            .with_code(&user.account, &app.needs.keys)
            .with_problem(&problem, &*form.email);
        Error::on_page(problem, page, texts.clone())
    };

    let address = may_become_backup(&user.account, &form.email, now).map_err(refuse)?;
    if !user.session.is_fresh(now) {
        return Ok(Reply::to_sign_in_again(&wanted(&user.account, &address, &form.email), &texts));
    }
    let limits = [
        Limit::backup_request_spacing(&user.account.id),
        Limit::backup_requests(&user.account.id),
        Limit::emails_to(&TypedAddress::from(&address)),
        app.daily_email_limit(Requester::Account(&user.account.id)),
    ];
    let generation = user.account.generation;
    let pending = PendingAddress { address, since: now, request: app.message_id(), generation };
    app.count(Event::Requested(Subject::Confirmation));
    let counted = app.store.counted(&app.needs.keys);
    let wanted = (&pending, &request.client_info());
    let outcome = counted.request_backup(&user.account.id, wanted, &limits, now).await?;
    if let Err(LimitReached(limit)) = outcome {
        if limit == limits[0]
            && let Some(reply) = same_click(app, &user.account.id, &form, now).await?
        {
            return Ok(reply);
        }
        app.record_limit_reached(&limit);
        let code = if limit == limits[0] { Code::TooSoon } else { Code::TooMany };
        return Err(refuse(code.into()));
    }

    let backup = Backup::new(user.account.backup.confirmed().cloned(), Some(pending));
    let account = Account { backup, ..user.account };
    let page = AccountPage::new(&account, now, texts).with_code(&account, &app.needs.keys);
    Ok(requested(&page))
}

fn requested(page: &AccountPage) -> Reply {
    let reply = Reply::see_other("/account", StatusCode::ACCEPTED, page);
    reply.with_banner(Banner::ConfirmationRequested).forgetting_wanted_change()
}

/// What is wanted. A pending address was not typed: "Send again" submits it.
fn wanted(account: &Account, address: &EmailAddress, typed: &str) -> WantedChange {
    if account.backup.pending().is_some_and(|pending| pending.address == *address) {
        WantedChange::new(Change::SendAgain, account)
    } else {
        WantedChange::new(Change::RequestBackup, account).with_typed(typed)
    }
}

/// The answer to a second click: the page showed another request than the one that is pending now, and that is for the same
/// address. Nothing for anything else.
async fn same_click(
    app: &App<EmailRequests>,
    id: &AccountId,
    form: &Form,
    now: Timestamp,
) -> Result<Option<Reply>, Error> {
    let Some(seen) = &form.seen else { return Ok(None) };
    let Some(account) = app.store.load_account(id).await? else { return Ok(None) };
    let is_new = |pending: &&PendingAddress| pending.request.as_str() != seen;
    let pending = account.backup.pending().filter(is_new);
    let requested_now =
        pending.is_some_and(|pending| Ok(&pending.address) == EmailAddress::parse(&form.email).as_ref());
    Ok(requested_now.then(|| {
        let page = AccountPage::new(&account, now, app.texts(account.language));
        requested(&page.with_code(&account, &app.needs.keys))
    }))
}

fn may_become_backup(account: &Account, typed: &str, now: Timestamp) -> Result<EmailAddress, Problem> {
    if account.frozen_until(now).is_some() {
        return Err(Code::ChangesFrozen.into());
    }
    let address = EmailAddress::parse(typed)?;
    account.may_become_backup(&address)?;
    Ok(address)
}
