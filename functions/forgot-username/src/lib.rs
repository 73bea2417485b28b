//! Asks for the username by mail. Open to strangers, so it has no permission to read accounts: every address
//! takes the same way through the outbox, and the mailer decides behind it.
use domain::{EmailRequest, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::web::pages::{Asked, CheckMailboxPage, ForgotUsernamePage};
use shared::web::{Method, Problem, Reply, Request, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    email: String,
}

/// GET and POST `/forgot-username`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let texts = app.texts(request.language());
    if request.method == Method::GET {
        return Ok(Reply::page(StatusCode::OK, ForgotUsernamePage::new(texts)));
    }
    let form: Form = request.form()?;
    let typed = match TypedAddress::parse(&form.email) {
        Ok(typed) => typed,
        Err(not_an_address) => {
            let problem = Problem::from(not_an_address);
            let page = ForgotUsernamePage::new(texts.clone()).with_problem(&problem, form.email);
            return Ok(Reply::refusal(problem, page, texts));
        }
    };
    let mail = EmailRequest::ForgotUsername { typed: typed.clone() };
    app.request_email(&request, &app.message_id(), mail, &typed, now).await?;
    Ok(Reply::page(StatusCode::OK, CheckMailboxPage::new(Asked::Username, texts)))
}
