//! Asks for a sign-in link by mail. Open to strangers, so it has no permission to read accounts: every address
//! takes the same way through the outbox, and the mailer decides behind it.
use serde::Deserialize;
use shared::app::App;
use shared::domain::{MailRequest, TypedAddress};
use shared::error::Error;
use shared::web::pages::{Asked, CheckMailPage, SignInPage};
use shared::web::{LocalPath, Method, Problem, Reply, Request, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    email: String,
}

/// POST `/login/link`; a GET (a reload, a bookmark) shows the sign-in page.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let texts = app.texts(request.language());
    if request.method == Method::GET {
        return Ok(Reply::page(StatusCode::OK, SignInPage::new(LocalPath::account(), texts)));
    }
    let form: Form = request.form()?;
    let typed = match TypedAddress::parse(&form.email) {
        Ok(typed) => typed,
        Err(not_an_address) => {
            let problem = Problem::from(not_an_address);
            let page =
                SignInPage::new(LocalPath::account(), texts.clone()).with_link_problem(&problem, form.email);
            return Ok(Reply::refusal(problem, page, texts));
        }
    };
    let mail = MailRequest::SignInLink { typed: typed.clone() };
    app.request_mail(mail, &typed, request.client, now).await?;
    Ok(Reply::page(StatusCode::OK, CheckMailPage::new(Asked::SignInLink, texts)))
}
