//! Shows the account, the state of its backup email and where it is signed in. It is also the front door (`/`) and answers for
//! paths that no function has.
use shared::app::App;
use shared::error::Error;
use shared::web::pages::{AccountPage, SessionList};
use shared::web::{Code, Problem, Reply, Request, StatusCode};

/// GET `/account`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    if !matches!(&*request.path, "/" | "/account") {
        return Err(Problem::from(Code::NotFound).into());
    }
    request.allow("GET, HEAD")?;
    let visitor = app.visitor(&request, now).await?.ok_or(Error::NotSignedIn)?;
    let account = &visitor.account;
    let sessions = app.store.list_sessions(account, now).await?;
    let page = AccountPage::new(account, now, app.texts(account.language))
        .with_code(account, app.hashing_key()?)
        .with_sessions(SessionList::new(&visitor.session, &sessions))
        .with_typed(request.typed(&account.id));
    Ok(match &*request.path {
        "/" => Reply::see_other("/account", StatusCode::OK, &page),
        _ => Reply::page(StatusCode::OK, page),
    })
}
