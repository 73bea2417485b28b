//! Requests another primary email, which is confirmed through a link sent to it. The present one stays until then.
use domain::{
    Account, Actor, EmailAddress, PendingAddress, PendingPrimary, PrimaryRefused, Purpose, Timestamp,
};
use serde::Deserialize;
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::metrics::{Event, Subject};
use shared::requirements::EmailRequests;
use shared::store::{LimitReached, PrimaryRequest};
use shared::web::pages::{AccountPage, PrimaryPage};
use shared::web::{Banner, Change, Code, Problem, Reply, Request, StatusCode, WantedChange};

#[derive(Deserialize)]
struct Form {
    email: String,
    /// The pending request that the page showed; empty for none.
    seen: Option<String>,
}

/// GET `/account/primary`.
pub async fn get(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { account, .. } = app.require_authenticated(&request, now).await?;
    account.may_change_primary(now).map_err(|refused| on_page(app, &account, refused, "", now))?;
    let (banner, wanted) = (request.banner(), request.wanted_change());
    let resumed = wanted.clone().filter(|wanted| banner == wanted.change.banner());
    let typed = resumed.and_then(|wanted| wanted.typed_by(&account.id)).unwrap_or_default();
    let page = page(app, &account, now).with_banner(banner).with_typed(typed);
    Ok(Reply::page(StatusCode::OK, page).having_shown(banner).having_resumed(wanted.as_ref()))
}

/// POST `/account/primary`.
///
/// An address of another account is treated exactly as a free one: nothing here looks for its owner.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { session, account } = app.require_authenticated(&request, now).await?;
    let form: Form = request.form()?;
    let address = may_become_primary(app, &account, &form.email, now)?;
    let texts = app.texts(account.language);
    if !session.is_fresh(now) {
        let wanted = WantedChange::new(Change::RequestPrimary, &account, now).with_typed(&form.email);
        return Ok(Reply::to_sign_in_again(&wanted, &texts));
    }

    let limits = app.needs.confirmation_limits(&account.id, &address);
    let pending =
        PendingAddress { address, since: now, request: app.message_id(), generation: account.generation };
    let primary = PendingPrimary { pending, session: Some(session.hash) };
    let wanted = PrimaryRequest {
        account: &account,
        primary: &primary,
        event_id: &app.message_id(),
        by: Actor::Owner,
        source: &request.client_info(),
    };
    app.count(Event::Requested(Subject::Confirmation));
    let counted = app.store.counted(&app.needs.keys);
    if let Err(LimitReached(limit)) = counted.request_primary(wanted, &limits, now).await? {
        let seen = form.seen.as_deref().filter(|_| limit == limits[0]);
        let first_click =
            app.already_requested(&account.id, Purpose::ConfirmPrimary, seen, &form.email).await?;
        if let Some(account) = first_click {
            return Ok(requested(app, &account, now));
        }
        let code = app.confirmation_limit_reached(&limit, &limits);
        return Err(refuse(app, &account, code.into(), &form.email, now));
    }

    let account = Account { pending_primary: Some(primary), ..account.without_pending() };
    Ok(requested(app, &account, now))
}

fn requested(app: &App<EmailRequests>, account: &Account, now: Timestamp) -> Reply {
    let page =
        AccountPage::new(account, now, app.texts(account.language)).with_code(account, &app.needs.keys);
    let reply = Reply::see_other("/account", StatusCode::ACCEPTED, &page);
    reply.with_banner(Banner::ConfirmationRequested).forgetting_wanted_change()
}

fn may_become_primary(
    app: &App<EmailRequests>,
    account: &Account,
    typed: &str,
    now: Timestamp,
) -> Result<EmailAddress, Error> {
    account.may_change_primary(now).map_err(|refused| on_page(app, account, refused, typed, now))?;
    let address =
        EmailAddress::parse(typed).map_err(|problem| refuse(app, account, problem.into(), typed, now))?;
    let may = account.may_become_primary(&address, now);
    may.map(|()| address).map_err(|refused| on_page(app, account, refused, typed, now))
}

/// The page with why it is refused, and from when on it is not.
fn on_page(
    app: &App<EmailRequests>,
    account: &Account,
    refused: PrimaryRefused,
    typed: &str,
    now: Timestamp,
) -> Error {
    let (code, until) = match refused {
        PrimaryRefused::SsoAccount => (Code::SsoAccount, None),
        PrimaryRefused::ChangesFrozen(until) => (Code::ChangesFrozen, Some(until)),
        PrimaryRefused::PrimaryTooNew(until) => (Code::PrimaryTooNew, Some(until)),
        PrimaryRefused::SameAsPrimary => (Code::SameAsPrimary, None),
        PrimaryRefused::SameAsBackup => (Code::SameAsBackup, None),
    };
    let problem = Problem::about(Purpose::ConfirmPrimary, code).with_until(until);
    refuse(app, account, problem, typed, now)
}

fn refuse(
    app: &App<EmailRequests>,
    account: &Account,
    problem: Problem,
    typed: &str,
    now: Timestamp,
) -> Error {
    let page = page(app, account, now).with_typed(typed.to_owned()).with_problem(&problem);
    Error::on_page(problem, page, app.texts(account.language))
}

fn page(app: &App<EmailRequests>, account: &Account, now: Timestamp) -> PrimaryPage {
    PrimaryPage::new(account, now, app.texts(account.language))
}
