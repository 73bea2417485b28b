//! Asks for a sign-in link by mail. Open to strangers, so it has no permission to read accounts: every address
//! takes the same way through the outbox, and the mailer decides behind it.
use domain::{EmailRequest, Purpose, TypedAddress};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::web::pages::{Asked, CheckMailboxPage, SignInPage};
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
    let id = app.message_id();
    let mail = EmailRequest::SignInLink { typed: typed.clone() };
    app.request_email(&request, &id, mail, &typed, now).await?;
    // Shown and set whether or not there will be a link, and computed alike.
    let key = app.hashing_key()?;
    let page = CheckMailboxPage::new(Asked::SignInLink, texts).with_code(&key.code_of(&id));
    Ok(Reply::page(StatusCode::OK, page).with_asked(
        &key.browser_token_of(&id),
        &request.asked(),
        Purpose::SignIn.lifetime(),
    ))
}
