//! Requests a sign-in link by email. Open to strangers, so it has no permission to read accounts: every address gets the
//! same treatment, and the mailer decides later whether to send.
use domain::{EmailRequest, Purpose, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::requirements::EmailRequests;
use shared::web::pages::SignInPage;
use shared::web::{EmailKind, LocalPath, Problem, Reply, Request, StatusCode};

const KIND: EmailKind = EmailKind::SignInLink;

#[derive(Deserialize)]
struct Form {
    email: String,
    #[serde(default)]
    form_id: String,
}

/// GET `/login/link` shows again that the email is on its way, in the browser that requested it; elsewhere the sign-in page.
pub async fn get(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let (now, texts) = (app.now(), app.texts(request.language()));
    let requested = request.requested_email();
    let shown = requested.as_ref().and_then(|requested| app.check_mailbox(&request, requested, KIND, now));
    Ok(shown.unwrap_or_else(|| {
        let page = SignInPage::new(LocalPath::account(), app.form_id(), texts).with_requested(requested);
        Reply::page(StatusCode::OK, page.with_client(request.waiting_client()))
    }))
}

/// POST `/login/link`.
pub async fn post(app: &App<EmailRequests>, request: Request) -> Result<Reply, Error> {
    let texts = app.texts(request.language());
    let form: Form = request.form()?;
    let typed = TypedAddress::parse(&form.email).map_err(|not_an_address| {
        let problem = Problem::from(not_an_address);
        let page = SignInPage::new(LocalPath::account(), app.form_id(), texts.clone());
        let page = page.with_client(request.waiting_client());
        Error::on_page(problem.clone(), page.with_link_problem(&problem, &*form.email), texts)
    })?;
    let id = app.request_id(&form.form_id, KIND, &typed);
    let client = request.waiting_authorization(app.now()).and_then(|waiting| waiting.client().ok());
    let email = EmailRequest::SignInLink { typed: typed.clone(), source: request.client_info(), client };
    app.request_email(&request, &id, email, &typed).await?;
    // Computed and set in the same way whether or not there will be a link.
    let browser = app.needs.keys.browser_token_of(&id);
    let lifetime = Purpose::SignIn.lifetime();
    Ok(app.email_requested(&request, KIND, id, &form.email).with_link_request(
        &browser,
        &request.link_requests(),
        lifetime,
    ))
}
