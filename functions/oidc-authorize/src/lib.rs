//! A product asks who somebody is (OpenID Connect Core 1.0, section 3.1.2). Who is signed in goes back to it with a code; who is
//! not signs in first, in any way there is, while the request waits in a cookie.
use domain::oidc::{
    AuthorizationErrorCode, AuthorizationRefused, AuthorizationRequest, Client, IssuedCode, NextStep,
    Parameters, Unredirectable, WaitingRequest,
};
use domain::{AccountKind, Timestamp};
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::requirements::ClientRequests;
use shared::web::pages::ContinuePage;
use shared::web::{Code, Method, Reply, Request, StatusCode};

/// GET `/oidc/authorize`: a new request or, without parameters, the one that waits.
pub async fn get(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let parameters = request.query_pairs();
    if parameters.is_empty() {
        return resume(app, &request, now).await;
    }
    let (client, asked) = read(app, &parameters, now).await?;
    Ok(match answer(app, &request, &client, asked, now).await? {
        Answer::ToClient { location, .. } => Reply::to_client(location).forgetting_authorization(),
        Answer::ToSignIn(waiting) => Reply::to_sign_in_for(&client.name, &waiting),
    })
}

/// POST `/oidc/authorize`, also from a product's own page. The browser sends no session with it, so the request waits and goes on
/// with a GET.
pub async fn post(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let (client, asked) = read(app, &request.form_pairs()?, now).await?;
    Ok(Reply::to_continue_for(&client.name, &WaitingRequest::new(&asked)))
}

/// A request with its client, and with whom it is about, if it has a hint that proves that.
async fn read(
    app: &App<ClientRequests>,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<(Client, AuthorizationRequest), Error> {
    let parameters = Parameters::new(parameters);
    let id = AuthorizationRequest::client_of(&parameters).map_err(|why| refused(app, why))?;
    let client = app.store.find_client(&id).await?;
    let client = client.ok_or_else(|| refused(app, Unredirectable::UnknownClient))?;
    let mut asked =
        AuthorizationRequest::parse(&parameters, &client, now).map_err(|why| refused(app, why))?;
    if let Some(hint) = asked.id_token_hint.take() {
        let hint = app.verified_hint(&hint).await?.filter(|hint| hint.client == client.id);
        let Some(hint) = hint else {
            let code = AuthorizationErrorCode::InvalidRequest;
            return Err(refused(app, asked.to.error(code, "id_token_hint is no ID token of this client")));
        };
        asked.subject = Some(hint.subject);
    }
    Ok((client, asked))
}

/// The request that waits in this browser, after a sign-in.
async fn resume(app: &App<ClientRequests>, request: &Request, now: Timestamp) -> Result<Reply, Error> {
    // It is gone once it was answered, as after a look back, or it waited for too long.
    let Some(waiting) = request.waiting_authorization(now) else { return Ok(Reply::to_account()) };
    let client = match waiting.client() {
        Ok(id) => app.store.find_client(&id).await?,
        Err(_) => None,
    };
    let Some(client) = client else {
        tracing::warn!("the client of a request that waited is gone");
        return Ok(led_nowhere(app, request, Code::ClientUnknown));
    };
    let answer = match waiting.resume(&client) {
        Ok(asked) => answer(app, request, &client, asked, now).await?,
        Err(refused) => match told(app, refused) {
            Ok(location) => Answer::ToClient { location, user: None },
            Err(code) => return Ok(led_nowhere(app, request, code)),
        },
    };
    Ok(match answer {
        Answer::ToClient { location, user } => {
            let language = user.as_ref().map_or_else(|| request.language(), |user| user.account.language);
            let username = user.as_ref().map(|user| &user.account.username);
            let page = ContinuePage::new(username, &client.name, location, app.texts(language));
            Reply::page(StatusCode::OK, page).forgetting_authorization()
        }
        Answer::ToSignIn(waiting) => Reply::to_sign_in_for(&client.name, &waiting),
    })
}

/// A request that waited leads nowhere any more. The browser forgets it, or every sign-in would end here.
fn led_nowhere(app: &App<ClientRequests>, request: &Request, code: Code) -> Reply {
    Reply::problem(code.into(), app.texts(request.language())).forgetting_authorization()
}

/// What a request leads to.
enum Answer {
    /// The product's address, with a code or an error.
    ToClient {
        location: String,
        /// Who is signed in, if the product gets a code.
        user: Option<Box<Authenticated>>,
    },
    /// The request waits until somebody has signed in.
    ToSignIn(WaitingRequest),
}

/// Answers a request by who is signed in in this browser.
async fn answer(
    app: &App<ClientRequests>,
    request: &Request,
    client: &Client,
    asked: AuthorizationRequest,
    now: Timestamp,
) -> Result<Answer, Error> {
    // A HEAD changes nothing (RFC 9110, section 9.2.1): it makes no code, and is answered as where nobody is signed in.
    let user = match *request.method() {
        Method::HEAD => None,
        _ => app.authenticate(request, now).await?,
    };
    // People of an organisation sign in there, and not here.
    let user = user.filter(|user| user.account.kind == AccountKind::Regular);
    match (asked.next_step(user.as_ref().map(|user| &user.session), now), user) {
        (NextStep::Code, Some(user)) => give_code(app, client, &asked, user, now).await,
        (NextStep::LoginRequired, _) => {
            let error = asked.to.error(AuthorizationErrorCode::LoginRequired, "the person has to sign in");
            tracing::info!(client = client.id.as_str(), "a sign-in is needed, and nobody may be asked");
            Ok(Answer::ToClient { location: error.location(&app.needs.verification.issuer), user: None })
        }
        (NextStep::SignIn | NextStep::Code, _) => Ok(Answer::ToSignIn(WaitingRequest::new(&asked))),
    }
}

/// Leads back with a code.
async fn give_code(
    app: &App<ClientRequests>,
    client: &Client,
    asked: &AuthorizationRequest,
    user: Authenticated,
    now: Timestamp,
) -> Result<Answer, Error> {
    shared::logging::record_account(&user.account.id);
    let code = app.entropy.token();
    app.store.create_code(&IssuedCode::new(code.hash(), asked, &user.session, now)).await?;
    tracing::info!(client = client.id.as_str(), "gave a code");
    let location = asked.to.location_with_code(&code, &app.needs.verification.issuer);
    Ok(Answer::ToClient { location, user: Some(Box::new(user)) })
}

/// A refusal of a request that does not wait.
fn refused(app: &App<ClientRequests>, why: impl Into<AuthorizationRefused>) -> Error {
    match told(app, why.into()) {
        Ok(location) => Error::answered(Reply::to_client(location)),
        Err(code) => code.into(),
    }
}

/// The address at which the product is told of a refusal. If nobody knows whose address it is, the person is told here.
fn told(app: &App<ClientRequests>, refused: AuthorizationRefused) -> Result<String, Code> {
    match refused {
        AuthorizationRefused::Redirected(error) => {
            tracing::warn!(code = error.code.as_str(), "refused");
            Ok(error.location(&app.needs.verification.issuer))
        }
        AuthorizationRefused::Unredirectable(why) => {
            tracing::warn!(%why, "led nowhere");
            Err(match why {
                Unredirectable::RedirectUriMissing | Unredirectable::RedirectUriNotRegistered => {
                    Code::RedirectNotRegistered
                }
                Unredirectable::Repeated(_)
                | Unredirectable::ClientMissing
                | Unredirectable::UnknownClient => Code::ClientUnknown,
            })
        }
    }
}
