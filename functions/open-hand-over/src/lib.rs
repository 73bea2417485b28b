//! Signs in a person whom a product hands over. GET shows to whose account the link leads, POST opens a session, ends the one
//! that this browser had, and leads to the account page, which has the way back (docs/decisions/0037).
//!
//! The link works in any browser, because no browser has requested it: the product sends its person there with it. It works for
//! a minute, and once.
use domain::oidc::{Client, ClientName};
use domain::{Account, FormId, HandOver, Purpose, SignInMethod, Timestamp, Token};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::logging;
use shared::metrics::Event;
use shared::requirements::HandOverSignIns;
use shared::store::{HandOverRefused, HandOverSignIn};
use shared::web::pages::{HandOverPage, ProblemPage, SignedIn};
use shared::web::{Code, Problem, Reply, Request, SessionCookie, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::HandOver;

#[derive(Deserialize)]
struct Form {
    token: String,
    #[serde(default)]
    form_id: String,
}

/// What a request finds.
enum Found {
    /// A live link, its account, and the product that gave it.
    Live(Box<Live>),
    /// A link that does not work, and why not.
    Dead(Box<HandOver>, Code),
}

struct Live {
    link: HandOver,
    account: Account,
    client: ClientName,
}

/// GET `/hand-over`.
pub async fn get(app: &App<HandOverSignIns>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let token = request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let live = match find(app, &token, now).await? {
        Found::Live(live) => live,
        Found::Dead(link, Code::LinkUsed) => return used_before(app, &request, &link, None, now).await,
        Found::Dead(link, code) => return Err(refused(app, &request, &link, code).await?),
    };
    let user = app.authenticate(&request, now).await?;
    let signed_in = user.as_ref().map(|user| &user.account);
    let texts = app.texts(live.account.language);
    let page = HandOverPage::new(&live.account, signed_in, &live.client, &token, app.form_id(), texts);
    app.count(Event::Opened(PURPOSE));
    Ok(Reply::page(StatusCode::OK, page))
}

/// POST `/hand-over`.
pub async fn post(app: &App<HandOverSignIns>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: Form = request.form()?;
    let token = Token::parse_in_link(&form.token).map_err(|_| Error::link(PURPOSE, Code::LinkUnknown))?;
    let of_form = secret_of_form(app, &form.form_id, &token);
    let live = match find(app, &token, now).await? {
        Found::Live(live) => live,
        Found::Dead(link, Code::LinkUsed) => return used_before(app, &request, &link, of_form, now).await,
        Found::Dead(link, code) => return Err(refused(app, &request, &link, code).await?),
    };

    let Live { link, account, .. } = &*live;
    let secret = of_form.clone().unwrap_or_else(|| app.entropy.token());
    let session = link.session(secret.hash(), account, request.client_info(), now);
    let former = request.session().map(|former| former.hash());
    let entry_id = &app.message_id();
    let sign_in = HandOverSignIn { link, account, session: &session, former: former.as_ref(), entry_id };
    match app.store.counted(&app.needs.keys).open_session_with_hand_over(sign_in, now).await? {
        Ok(()) => {}
        // Another request was faster, as a second click.
        Err(HandOverRefused::LinkDead) => return used_before(app, &request, link, of_form, now).await,
        Err(HandOverRefused::AccountEnded) => {
            return Err(refused(app, &request, link, Code::LinkReplaced).await?);
        }
        Err(HandOverRefused::LimitReached(limit)) => {
            app.record_limit_reached(&limit);
            return Err(refused(app, &request, link, Code::TooManySignIns).await?);
        }
    }

    app.count(Event::Used(PURPOSE));
    app.count(Event::SignedIn(SignInMethod::HandOver));
    let (client, is_fresh) = (link.client.as_str(), session.is_fresh(now));
    tracing::info!(client, is_fresh, "signed in a person who was handed over");
    Ok(handed_over(&request, account, link, SessionCookie::of(&session, secret, now)))
}

/// The secret of the session: the same for a second click on the button of the same page. Nobody but the browser with that page
/// knows its form, so another one with the same link has no part in it.
fn secret_of_form(app: &App<HandOverSignIns>, form_id: &str, token: &Token) -> Option<Token> {
    let (form, link) = (FormId::parse(form_id)?, token.hash());
    app.needs.keys.session_token_of_form(form, link.as_str(), app.unix_milliseconds())
}

fn handed_over(request: &Request, account: &Account, link: &HandOver, cookie: SessionCookie) -> Reply {
    Reply::handed_over(request, account, &SignedIn::new(account))
        .with_session(cookie)
        .with_way_back(&link.way_back(), account)
}

/// The refusal of a link, with the way back to the product, if it still has that address: there the person gets another link.
async fn refused(
    app: &App<HandOverSignIns>,
    request: &Request,
    link: &HandOver,
    code: Code,
) -> Result<Error, Error> {
    let Some(client) = find_client(app, link).await? else { return Ok(Error::link(PURPOSE, code)) };
    let texts = app.texts(request.language());
    let page = ProblemPage::of_hand_over(code, &client.name, &link.return_to, texts.clone());
    Ok(Error::on_page(Problem::about(PURPOSE, code), page, texts))
}

/// The answer to a link that was used before: to a second click that of the first, in a browser that is signed in to the account
/// the account page, and to anybody else the refusal.
async fn used_before(
    app: &App<HandOverSignIns>,
    request: &Request,
    link: &HandOver,
    of_form: Option<Token>,
    now: Timestamp,
) -> Result<Reply, Error> {
    if let Some(secret) = of_form
        && let Some(session) = app.store.touch_session(&secret.hash(), now).await?
        && let Some(account) = app.store.load_account(&link.account_id).await?
        && session.is_valid_for(&account)
    {
        let cookie = SessionCookie::of(&session, secret, now);
        return Ok(handed_over(request, &account, link, cookie));
    }
    let user = app.authenticate(request, now).await?.filter(|user| user.account.id == link.account_id);
    let Some(user) = user else { return Err(refused(app, request, link, Code::LinkUsed).await?) };
    let reply = Reply::see_other("/account", StatusCode::OK, &SignedIn::new(&user.account));
    Ok(reply.with_way_back(&link.way_back(), &user.account))
}

/// The product of a link, if it still has the address to return to.
async fn find_client(app: &App<HandOverSignIns>, link: &HandOver) -> Result<Option<Client>, Error> {
    let client = app.store.find_client(&link.client).await?;
    Ok(client.filter(|client| link.way_back().is_of(client)))
}

/// Finds the link: live with its account as it was when the link was made, and the product, if that still has the address to
/// return to.
async fn find(app: &App<HandOverSignIns>, token: &Token, now: Timestamp) -> Result<Found, Error> {
    let unknown = || Error::link(PURPOSE, Code::LinkUnknown);
    let link = app.store.find_hand_over(&token.hash()).await?.ok_or_else(unknown)?;
    logging::record_account(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Ok(Found::Dead(Box::new(link), code));
    }
    let account = app.store.load_account(&link.account_id).await?.ok_or_else(unknown)?;
    if account.is_disabled() || link.generation != account.generation {
        return Ok(Found::Dead(Box::new(link), Code::LinkReplaced));
    }
    let client = find_client(app, &link).await?.ok_or_else(unknown)?;
    Ok(Found::Live(Box::new(Live { link, account, client: client.name })))
}
