//! Signs in through a link from an email. GET shows for whom, POST opens a session: with the button in the browser that
//! requested the link, in another with the code that the requesting page shows.
use domain::oidc::ClientName;
use domain::{Account, Link, LinkAuthorization, Purpose, Session, SignInEmail, Timestamp, Token};
use shared::app::App;
use shared::error::Error;
use shared::known_browser::RememberedDevice;
use shared::metrics::Event;
use shared::requirements::LinkCodes;
use shared::store::{LinkSignIn, Slot};
use shared::web::pages::{OpenLinkPage, SignedIn};
use shared::web::{Banner, Code, LinkForm, LocalPath, Reply, Request, SAME_CLICK, SessionCookie, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::SignIn;

/// A live link, its account, and which of the account's addresses it was sent to.
struct Found {
    link: Link,
    account: Account,
    email: SignInEmail,
}

/// GET `/login/open`.
pub async fn get(app: &App<LinkCodes>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let token = request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let found = match find(app, &token, now).await {
        Ok(found) => found,
        Err(used @ Error::LinkRefused { code: Code::LinkUsed, .. }) => {
            let Some(link) = app.store.find_link(&token.hash(), PURPOSE).await? else { return Err(used) };
            return signed_in_already(app, &request, &link, now).await?.ok_or(used);
        }
        Err(error) => return Err(error),
    };
    let shown = show(app, &request, &found, &token, now).await?;
    app.count(Event::Opened(PURPOSE));
    Ok(Reply::page(StatusCode::OK, shown.page))
}

/// POST `/login/open`.
pub async fn post(app: &App<LinkCodes>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: LinkForm = request.form()?;
    let token = form.token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let found = match find(app, &token, now).await {
        Ok(found) => found,
        Err(used @ Error::LinkRefused { code: Code::LinkUsed, .. }) => {
            let Some(link) = app.store.find_link(&token.hash(), PURPOSE).await? else { return Err(used) };
            if let Some(reply) = again(app, &request, &link, &token, now).await? {
                return Ok(reply);
            }
            return signed_in_already(app, &request, &link, now).await?.ok_or(used);
        }
        Err(error) => return Err(error),
    };
    let Shown { page, is_same_browser, client_elsewhere } = show(app, &request, &found, &token, now).await?;
    let Found { link, account, email } = found;

    let authorization = app.authorize(&link, is_same_browser, form.code.as_deref(), now).await;
    let authorization = authorization
        .map_err(|error| error.on(|problem| page.with_problem(problem), &app.texts(account.language)))?;
    let secret = match authorization {
        LinkAuthorization::SameBrowser => app.needs.keys.session_token_of(&token),
        LinkAuthorization::Code => app.entropy.token(),
    };
    let session = Session::begin(secret.hash(), &account, email.into(), request.client_info(), now);
    let former = request.session().map(|former| former.hash());
    let remembered = app.remember_device(&request, &account);
    let sign_in = LinkSignIn {
        account: &account,
        session: &session,
        former: former.as_ref(),
        link: &link,
        authorization,
        sign_in_email: email,
        notice: &app.notice_of_use(&request, &account, &link.address, &remembered),
    };
    if !app.store.counted(&app.needs.keys).open_session_with_link(sign_in, now).await? {
        // Another request was faster: a second click, the same link in another window, a newer link, a removed address.
        if let Some(link) = app.store.find_link(&token.hash(), PURPOSE).await?
            && let Some(reply) = again(app, &request, &link, &token, now).await?
        {
            return Ok(reply);
        }
        find(app, &token, now).await?;
        return Err(Error::link(PURPOSE, Code::LinkUsed));
    }

    app.count(Event::Used(PURPOSE));
    app.count(Event::SignedIn(session.method));
    tracing::info!(method = ?session.method, "signed in through a link");
    let cookie = SessionCookie::of(&session, secret, now);
    Ok(signed_in(&request, &account, cookie, &remembered).with_client_elsewhere(client_elsewhere.as_ref()))
}

fn signed_in(
    request: &Request,
    account: &Account,
    cookie: SessionCookie,
    remembered: &RememberedDevice,
) -> Reply {
    Reply::signed_in(request, account, &LocalPath::account(), &SignedIn::new(account))
        .with_session(cookie)
        .with_device(&remembered.cookie)
        .clearing_link_requests()
}

/// The answer to a used link that is opened again in a browser where its account is signed in.
async fn signed_in_already(
    app: &App<LinkCodes>,
    request: &Request,
    link: &Link,
    now: Timestamp,
) -> Result<Option<Reply>, Error> {
    let user = app.authenticate(request, now).await?.filter(|user| user.account.id == link.account_id);
    let Some(user) = user else { return Ok(None) };
    // As the first answer said, which a second click replaces.
    let client = client_elsewhere(app, request, link).await?;
    let reply = Reply::see_other("/account", StatusCode::OK, &SignedIn::new(&user.account));
    Ok(Some(reply.with_banner(Banner::SignedIn).with_client_elsewhere(client.as_ref())))
}

/// The answer to a second click on the button, in the browser that requested the link: the session that the first click has
/// opened. Nothing for anybody else, later, or once that session has ended.
async fn again(
    app: &App<LinkCodes>,
    request: &Request,
    link: &Link,
    token: &Token,
    now: Timestamp,
) -> Result<Option<Reply>, Error> {
    let just_spent = link.spent_at.is_some_and(|spent_at| now <= spent_at + SAME_CLICK);
    if !just_spent || !app.is_same_browser(link, &request.link_requests(), None) {
        return Ok(None);
    }
    let mut opened = None;
    for secret in app.needs.keys.session_tokens_of(token) {
        opened = app.store.touch_session(&secret.hash(), now).await?.map(|session| (session, secret));
        if opened.is_some() {
            break;
        }
    }
    let Some((session, secret)) = opened else { return Ok(None) };
    let account = app.store.load_account(&session.account_id).await?;
    let account = account.filter(|account| session.is_valid_for(account));
    let cookie = SessionCookie::of(&session, secret, now);
    Ok(account.map(|account| signed_in(request, &account, cookie, &app.remember_device(request, &account))))
}

/// The page of a link in this browser.
struct Shown {
    page: OpenLinkPage,
    /// Whether this browser requested the link.
    is_same_browser: bool,
    /// The product that waits in the browser that did, if it is another.
    client_elsewhere: Option<ClientName>,
}

async fn show(
    app: &App<LinkCodes>,
    request: &Request,
    found: &Found,
    token: &Token,
    now: Timestamp,
) -> Result<Shown, Error> {
    let user = app.authenticate(request, now).await?;
    let signed_in = user.as_ref().map(|user| &user.account);
    let is_same_browser = app.is_same_browser(&found.link, &request.link_requests(), signed_in);
    let client_elsewhere = client_elsewhere(app, request, &found.link).await?;
    let texts = app.texts(found.account.language);
    let page = OpenLinkPage::new(&found.account, signed_in, token, is_same_browser, texts)
        .with_client_elsewhere(client_elsewhere.as_ref());
    Ok(Shown { page, is_same_browser, client_elsewhere })
}

/// The product for which somebody requested this link in another browser, by the name that the operator gave it: of a browser's
/// own words only the id was kept. Nothing where a product waits in this browser too, because the sign-in goes on to that one.
async fn client_elsewhere(
    app: &App<LinkCodes>,
    request: &Request,
    link: &Link,
) -> Result<Option<ClientName>, Error> {
    let Some(id) = link.client.as_ref().filter(|_| app.store.has_clients()) else { return Ok(None) };
    if app.has_cookie_of(link, &request.link_requests()) || request.waiting_client().is_some() {
        return Ok(None);
    }
    Ok(app.store.find_client(id).await?.map(|client| client.name))
}

/// Finds the link, if it is live and the address it was sent to is still the account's.
async fn find(app: &App<LinkCodes>, token: &Token, now: Timestamp) -> Result<Found, Error> {
    let link = app.open_link(token, PURPOSE, now).await?;
    match app.store.find_slot(&link).await? {
        Slot::Own => {}
        Slot::Others => return Err(Error::link(PURPOSE, Code::LinkReplaced)),
        Slot::Closed => return Err(Error::link(PURPOSE, Code::LinkUsed)),
    }
    let account =
        app.store.load_account(&link.account_id).await?.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let email = account.sign_in_email(&link.address, now).ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    if link.generation != Some(account.generation) {
        return Err(Error::link(PURPOSE, Code::LinkReplaced));
    }
    Ok(Found { link, account, email })
}
