//! Signs in through a link from a mail. GET asks "as whom", POST opens a session: in the browser that asked for the
//! link by its button, in another with the code that the asking page shows.
use domain::{Account, Link, Purpose, Session, SignInEmail, Timestamp, Token};
use shared::app::App;
use shared::error::Error;
use shared::metrics::Event;
use shared::store::{LinkSignIn, Slot};
use shared::web::pages::{OpenLinkPage, ProblemPage, SignedIn};
use shared::web::{Code, Method, OpenedLink, Reply, Request, SessionCookie, StatusCode};

/// The link, its account and the door it opens, or what to say instead.
type Found = Result<(Link, Account, SignInEmail), Code>;

/// GET and POST `/login/open`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let OpenedLink { token, code } = request.opened_link()?;
    let Some(token) = token else { return Ok(dead(app, &request, Code::LinkUnknown)) };

    let (link, account, sign_in_email) = match find(app, &request, &token, now).await? {
        Ok(found) => found,
        Err(code) => return Ok(dead(app, &request, code)),
    };
    let visitor = app.visitor(&request, now).await?;
    let signed_in = visitor.as_ref().map(|visitor| &visitor.account);
    let is_same_browser = app.is_same_browser(&link, &request.asked(), signed_in)?;
    let texts = app.texts(account.language);
    let page = OpenLinkPage::new(&account, signed_in, &token, is_same_browser, texts.clone());
    if request.method == Method::GET {
        app.count(Event::Opened(link.purpose));
        return Ok(Reply::page(StatusCode::OK, page));
    }

    let authorization =
        match app.authorize(&link, is_same_browser, code.as_deref(), now).await?.map_err(Code::from) {
            Ok(authorization) => authorization,
            Err(Code::LinkLocked) => return Ok(dead(app, &request, Code::LinkLocked)),
            Err(code) => return Ok(Reply::refusal(code, page.with_problem(&code.into()), texts)),
        };
    let secret = app.entropy.token();
    let session =
        Session::begin(secret.hash(), account.id.clone(), sign_in_email.into(), request.source(), now);
    let former = request.session().map(|former| former.hash());
    let notice_id = app.message_id();
    let sign_in = LinkSignIn {
        session: &session,
        former: former.as_ref(),
        link: &link,
        authorization,
        sign_in_email,
        notice_id: &notice_id,
    };
    if !app.store.open_session_with_link(sign_in, now).await? {
        // Somebody was faster: the same link in another window, a newer one, a removed address.
        let code = find(app, &request, &token, now).await?.err().unwrap_or(Code::LinkUsed);
        return Ok(dead(app, &request, code));
    }
    Ok(signed_in_reply(app, &request, &account, &session, secret))
}

/// The way on, with the new session's cookie and without the request's.
fn signed_in_reply(
    app: &App,
    request: &Request,
    account: &Account,
    session: &Session,
    secret: Token,
) -> Reply {
    app.count(Event::Used(Purpose::SignIn));
    app.count(Event::SignedIn(session.method));
    tracing::info!(
        request_id = request.id,
        account_id = account.id.as_str(),
        method = ?session.method,
        "signed in through a link"
    );
    Reply::see_other("/account", StatusCode::OK, &SignedIn::new(account))
        .with_session(SessionCookie::Set(secret))
        .clearing_asked()
}

/// The link, its account and the door it opens, if the address it was mailed to still is the account's.
async fn find(app: &App, request: &Request, token: &Token, now: Timestamp) -> Result<Found, Error> {
    let Some(link) = app.store.find_link(&token.hash(), Purpose::SignIn).await? else {
        return Ok(Err(Code::LinkUnknown));
    };
    request.is_about(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Ok(Err(code));
    }
    match app.store.slot_of(&link).await? {
        Slot::Own => {}
        Slot::Others => return Ok(Err(Code::LinkReplaced)),
        Slot::Closed => return Ok(Err(Code::LinkUsed)),
    }
    let account = app.store.load_account(&link.account_id).await?;
    let sign_in_email = account.as_ref().and_then(|account| account.sign_in_email(&link.address, now));
    Ok(match (account, sign_in_email) {
        (Some(account), Some(_)) if link.requested_at() < account.sessions_valid_from => {
            Err(Code::LinkReplaced)
        }
        (Some(account), Some(sign_in_email)) => Ok((link, account, sign_in_email)),
        _ => Err(Code::LinkUnknown),
    })
}

/// A calm page with the way to a new link.
fn dead(app: &App, request: &Request, code: Code) -> Reply {
    if code == Code::LinkExpired {
        app.count(Event::Expired(Purpose::SignIn));
    }
    let texts = app.texts(request.language());
    let page = ProblemPage::new(&code.into(), texts.clone()).leading_to("/login", "way-on-new-link");
    Reply::refusal(code, page, texts)
}
