//! Requests a sign-in link by email. Open to strangers, so it has no permission to read accounts: every address gets the
//! same treatment, and the mailer decides later whether to send.
use domain::{EmailRequest, Purpose, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::requirements::EmailRequests;
use shared::web::pages::{CheckMailboxPage, RequestedEmail, SignInPage};
use shared::web::{LocalPath, Problem, Reply, Request, StatusCode};

#[derive(Deserialize)]
struct Form {
    email: String,
}

/// GET `/login/link`, as after a reload, shows the sign-in page.
pub async fn get(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let page = SignInPage::new(LocalPath::account(), app.texts(request.language()));
    Ok(Reply::page(StatusCode::OK, page))
}

/// POST `/login/link`.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let texts = app.texts(request.language());
    let form: Form = request.form()?;
    let typed = TypedAddress::parse(&form.email).map_err(|not_an_address| {
        let problem = Problem::from(not_an_address);
        let page = SignInPage::new(LocalPath::account(), texts.clone());
        Error::on_page(problem.clone(), page.with_link_problem(&problem, form.email), texts.clone())
    })?;
    let id = app.message_id();
    let email = EmailRequest::SignInLink { typed: typed.clone() };
    app.request_email(&request, &id, email, &typed).await?;
    // Computed, shown and set in the same way whether or not there will be a link.
    let keys = &app.needs.keys;
    let page = CheckMailboxPage::new(RequestedEmail::SignInLink, texts).with_code(&keys.code_of(&id));
    Ok(Reply::page(StatusCode::OK, page).with_link_request(
        &keys.browser_token_of(&id),
        &request.link_requests(),
        Purpose::SignIn.lifetime(),
    ))
}
