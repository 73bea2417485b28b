//! A product sends its person to sign out (OpenID Connect RP-Initiated Logout 1.0). A button ends the session, and a link leads
//! back.
use domain::oidc::{Client, Parameters, SIGN_OUT_PATH, SignOutRefused, SignOutRequest};
use shared::app::App;
use shared::error::Error;
use shared::requirements::ClientRequests;
use shared::web::pages::{ClientSignOutPage, ClientSignedOutPage};
use shared::web::{Reply, Request, SessionCookie, StatusCode};

/// GET `/oidc/logout`: the button where somebody is signed in, else the way back.
pub async fn get(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let parameters = request.query_pairs();
    let way_back = find(app, &parameters).await?;
    let client = way_back.client.as_ref().map(|client| &client.name);
    if let Some(user) = app.authenticate(&request, now).await? {
        let texts = app.texts(user.account.language);
        let page = ClientSignOutPage::new(&user.account, client, parameters, texts);
        return Ok(Reply::page(StatusCode::OK, page));
    }
    let back = client.zip(way_back.location);
    Ok(Reply::page(StatusCode::OK, ClientSignedOutPage::new(back, app.texts(request.language()))))
}

/// POST `/oidc/logout`: the button. The page behind it is that of the same request, where nobody is signed in any more; it finds
/// the way back by itself, so that only a program, which goes to no page, gets it here.
pub async fn post(app: &App<ClientRequests>, request: Request) -> Result<Reply, Error> {
    let parameters = request.form_pairs()?;
    let way_back = if request.wants_json() { find(app, &parameters).await? } else { WayBack::default() };
    if let Some(session) = request.session() {
        app.store.end_session(&session.hash()).await?;
        tracing::info!("signed out for a product");
    }
    let texts = app.texts(request.language());
    let client = way_back.client.as_ref().map(|client| &client.name);
    let page = ClientSignedOutPage::new(client.zip(way_back.location), texts);
    Ok(Reply::see_other(path_with(&parameters), StatusCode::OK, &page)
        .with_session(SessionCookie::Clear)
        .forgetting_wanted_change()
        .forgetting_authorization()
        .clearing_site_data())
}

/// The path of this page with these parameters.
fn path_with(parameters: &[(String, String)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    if query.is_empty() { SIGN_OUT_PATH.to_owned() } else { format!("{SIGN_OUT_PATH}?{query}") }
}

/// Which product asks, and where it wants its person back.
#[derive(Default)]
struct WayBack {
    client: Option<Client>,
    location: Option<String>,
}

/// Reads a request. A hint that proves nothing is no hint. A request that is wrong leads nowhere, and the person may sign out all
/// the same.
async fn find(app: &App<ClientRequests>, parameters: &[(String, String)]) -> Result<WayBack, Error> {
    let asked = match SignOutRequest::parse(&Parameters::new(parameters)) {
        Ok(asked) => asked,
        Err(why) => return Ok(nowhere(why)),
    };
    let hint = match &asked.id_token_hint {
        Some(hint) => app.verified_hint(hint).await?,
        None => None,
    };
    let client = match asked.client(hint.as_ref()) {
        Ok(Some(id)) => match app.store.find_client(&id).await? {
            Some(client) => Some(client),
            None => return Ok(nowhere(SignOutRefused::UnknownClient)),
        },
        Ok(None) => None,
        Err(why) => return Ok(nowhere(why)),
    };
    let location = asked.location(client.as_ref());
    Ok(location.map_or_else(nowhere, |location| WayBack { client, location }))
}

fn nowhere(why: SignOutRefused) -> WayBack {
    tracing::warn!(%why, "a request to sign out leads nowhere");
    WayBack::default()
}
