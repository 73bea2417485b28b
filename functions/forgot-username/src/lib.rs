//! Requests the username by email. Open to strangers, so it has no permission to read accounts: every address gets the
//! same treatment, and the mailer decides later whether to send.
use domain::{EmailRequest, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::requirements::EmailRequests;
use shared::web::pages::ForgotUsernamePage;
use shared::web::{EmailKind, Problem, Reply, Request, StatusCode};

const KIND: EmailKind = EmailKind::Username;

#[derive(Deserialize)]
struct Form {
    email: String,
    #[serde(default)]
    form_id: String,
}

/// GET `/forgot-username`. With `?sent` it shows again that the email is on its way, in the browser that requested it.
pub async fn get(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let (now, texts) = (app.now(), app.texts(request.language()));
    let requested = request.requested_email();
    let sent = requested.as_ref().filter(|_| request.query("sent").is_some());
    let shown = sent.and_then(|requested| app.check_mailbox(&request, requested, KIND, now));
    Ok(shown.unwrap_or_else(|| {
        let page = ForgotUsernamePage::new(app.form_id(), texts).with_requested(requested);
        Reply::page(StatusCode::OK, page)
    }))
}

/// POST `/forgot-username`.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let texts = app.texts(request.language());
    let form: Form = request.form()?;
    let typed = TypedAddress::parse(&form.email).map_err(|not_an_address| {
        let problem = Problem::from(not_an_address);
        let page = ForgotUsernamePage::new(app.form_id(), texts.clone()).with_problem(&problem, &*form.email);
        Error::on_page(problem, page, texts)
    })?;
    let id = app.request_id(&form.form_id, KIND, &typed);
    let email = EmailRequest::ForgotUsername { typed: typed.clone() };
    app.request_email(&request, &id, email, &typed).await?;
    Ok(app.email_requested(&request, KIND, id, &form.email))
}
