//! Shows the account, the state of its backup email, where it is signed in and what happened lately. It also answers `/` and paths without a
//! function.
use futures_util::future::join;
use shared::app::App;
use shared::error::Error;
use shared::requirements::LinkCodes;
use shared::web::pages::{AccountPage, ENOUGH_SESSIONS, SessionList};
use shared::web::{Code, Reply, Request, StatusCode};

/// GET `/account`.
pub async fn get(app: &App<LinkCodes>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    if !matches!(request.path(), "/" | "/account") {
        let without_slash = request.path_without_slash().ok_or(Code::NotFound)?;
        return Ok(Reply::moved_to(without_slash));
    }
    let user = app.require_authenticated(&request, now).await?;
    let account = &user.account;
    let banner = request.banner();
    let sessions = app.store.list_sessions(account, ENOUGH_SESSIONS, now);
    let (sessions, activity) = join(sessions, app.store.list_activity(&account.id, now)).await;
    let sessions = sessions?;
    let page = AccountPage::new(account, now, app.texts(account.language))
        .with_code(account, &app.needs.keys)
        .with_sessions(SessionList::new(&user.session, &sessions.rows, sessions.complete))
        .with_recovery(&user.session, account)
        .with_history(&activity?)
        .with_typed(request.typed(&account.id));
    Ok(match request.path() {
        "/" => Reply::see_other("/account", StatusCode::OK, &page),
        _ => Reply::page(StatusCode::OK, page.with_banner(banner)).having_shown(banner),
    })
}
