//! Requests a backup email: define, change, send again.
use domain::{Account, Backup, EmailAddress, PendingAddress, Purpose, Timestamp};
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
        let wanted = wanted(&user.account, &address, &form.email, now);
        return Ok(Reply::to_sign_in_again(&wanted, &texts));
    }
    let limits = app.needs.confirmation_limits(&user.account.id, &address);
    let generation = user.account.generation;
    let pending = PendingAddress { address, since: now, request: app.message_id(), generation };
    app.count(Event::Requested(Subject::Confirmation));
    let counted = app.store.counted(&app.needs.keys);
    let wanted = (&pending, &request.client_info());
    let outcome = counted.request_backup(&user.account, wanted, &limits, now).await?;
    if let Err(LimitReached(limit)) = outcome {
        let seen = form.seen.as_deref().filter(|_| limit == limits[0]);
        let first_click =
            app.already_requested(&user.account.id, Purpose::ConfirmBackup, seen, &form.email).await?;
        if let Some(account) = first_click {
            return Ok(requested(app, &account, now));
        }
        return Err(refuse(app.confirmation_limit_reached(&limit, &limits).into()));
    }

    let backup = Backup::new(user.account.backup.confirmed().cloned(), Some(pending));
    let account = Account { backup, pending_primary: None, ..user.account };
    Ok(requested(app, &account, now))
}

fn requested(app: &App<EmailRequests>, account: &Account, now: Timestamp) -> Reply {
    let page =
        AccountPage::new(account, now, app.texts(account.language)).with_code(account, &app.needs.keys);
    let reply = Reply::see_other("/account", StatusCode::ACCEPTED, &page);
    reply.with_banner(Banner::ConfirmationRequested).forgetting_wanted_change()
}

/// What is wanted. A pending address was not typed: "Send again" submits it.
fn wanted(account: &Account, address: &EmailAddress, typed: &str, now: Timestamp) -> WantedChange {
    if account.backup.pending().is_some_and(|pending| pending.address == *address) {
        WantedChange::new(Change::SendAgain, account, now)
    } else {
        WantedChange::new(Change::RequestBackup, account, now).with_typed(typed)
    }
}

fn may_become_backup(account: &Account, typed: &str, now: Timestamp) -> Result<EmailAddress, Problem> {
    let frozen_until = account.frozen_until(now);
    if frozen_until.is_some() {
        return Err(Problem::from(Code::ChangesFrozen).with_until(frozen_until));
    }
    let address = EmailAddress::parse(typed)?;
    if !account.may_confirm_again(&address, now) {
        account.may_become_backup(&address)?;
    }
    Ok(address)
}
