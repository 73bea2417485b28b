//! Shows the account, the state of its backup email, where it is signed in and what happened lately. It also answers `/` and
//! paths without a function.
use domain::Account;
use domain::oidc::{ClientName, RedirectUri};
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
    let (banner, wanted) = (request.banner(), request.wanted_change());
    let client_elsewhere = request.client_elsewhere();
    let sessions = app.store.list_sessions(account, ENOUGH_SESSIONS, now);
    let (sessions, activity) = join(sessions, app.store.list_activity(&account.id, now)).await;
    let sessions = sessions?;
    let back = way_back(app, &request, account).await?;
    let page = AccountPage::new(account, now, app.texts(account.language))
        .with_code(account, &app.needs.keys)
        .with_sessions(SessionList::new(&user.session, &sessions.rows, sessions.complete, now))
        .with_recovery(&user.session, account)
        .with_history(&activity?)
        .with_way_back(back)
        .with_banner(banner)
        .with_client_elsewhere(client_elsewhere.clone());
    if request.path() == "/" {
        return Ok(Reply::see_other("/account", StatusCode::OK, &page));
    }
    // Once, right after the sign-in. Who comes here in another way has given it up.
    let resumed = wanted.clone().filter(|wanted| banner == wanted.change.banner());
    let typed = resumed.and_then(|wanted| wanted.typed_by(&account.id));
    let reply = Reply::page(StatusCode::OK, page.with_typed(typed));
    let reply = reply.having_named_client(client_elsewhere.as_deref());
    Ok(reply.having_shown(banner).having_resumed(wanted.as_ref()))
}

/// The product that has handed this person over in this browser, and where they return to, as long as it has registered that.
async fn way_back(
    app: &App<LinkCodes>,
    request: &Request,
    account: &Account,
) -> Result<Option<(ClientName, RedirectUri)>, Error> {
    let way = request.way_back(&account.id).filter(|_| app.store.has_clients());
    let Some(way) = way else { return Ok(None) };
    let client = app.store.find_client(&way.client).await?.filter(|client| way.is_of(client));
    Ok(client.map(|client| (client.name, way.location)))
}
