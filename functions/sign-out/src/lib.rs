//! Ends the session on the server and clears the cookie.
use serde::Serialize;
use shared::app::App;
use shared::error::Error;
use shared::web::{Banner, EmptyForm, Reply, Request, SessionCookie, StatusCode};

/// The answer to programs. Browsers are redirected and never see it.
#[derive(Serialize)]
struct SignedOut {}

/// POST `/logout`. Without a session there is nothing to end, and the answer is the same.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let EmptyForm {} = request.form()?;
    if let Some(session) = request.session() {
        app.store.end_session(&session.hash()).await?;
    }
    let reply = Reply::see_other("/login", StatusCode::OK, &SignedOut {})
        .with_banner(Banner::SignedOut)
        .with_session(SessionCookie::Clear)
        .forgetting_wanted_change()
        .clearing_site_data();
    // Nobody goes on to a product who signs out on the way.
    Ok(if request.waiting_client().is_some() { reply.forgetting_authorization() } else { reply })
}
