//! Ends the session on the server and clears the cookie.
use shared::app::App;
use shared::error::Error;
use shared::web::pages::SignedOutPage;
use shared::web::{EmptyForm, Reply, Request, SessionCookie, StatusCode};

/// POST `/logout`. Without a session there is nothing to end, and the answer is the same.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let EmptyForm {} = request.form()?;
    if let Some(session) = request.session() {
        app.store.end_session(&session.hash()).await?;
    }
    let page = SignedOutPage::new(app.texts(request.language()));
    Ok(Reply::page(StatusCode::OK, page)
        .with_session(SessionCookie::Clear)
        .clearing_typed()
        .clearing_site_data())
}
