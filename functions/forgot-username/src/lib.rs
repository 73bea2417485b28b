//! Requests the username by email. Open to strangers, so it has no permission to read accounts: every address gets the
//! same treatment, and the mailer decides later whether to send.
use domain::{EmailRequest, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::requirements::EmailRequests;
use shared::web::pages::{CheckMailboxPage, ForgotUsernamePage, RequestedEmail};
use shared::web::{Problem, Reply, Request, StatusCode};

#[derive(Deserialize)]
struct Form {
    email: String,
}

/// GET `/forgot-username`.
pub async fn get(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    Ok(Reply::page(StatusCode::OK, ForgotUsernamePage::new(app.texts(request.language()))))
}

/// POST `/forgot-username`.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let texts = app.texts(request.language());
    let form: Form = request.form()?;
    let typed = TypedAddress::parse(&form.email).map_err(|not_an_address| {
        let problem = Problem::from(not_an_address);
        let page = ForgotUsernamePage::new(texts.clone()).with_problem(&problem, form.email);
        Error::on_page(problem, page, texts.clone())
    })?;
    let email = EmailRequest::ForgotUsername { typed: typed.clone() };
    app.request_email(&request, &app.message_id(), email, &typed).await?;
    Ok(Reply::page(StatusCode::OK, CheckMailboxPage::new(RequestedEmail::Username, texts)))
}
