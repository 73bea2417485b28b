//! Confirms a backup email through the link mailed to it. GET shows, POST acts.
use shared::app::App;
use shared::domain::{Account, Link, Purpose, Timestamp, Token};
use shared::error::Error;
use shared::metrics::Event;
use shared::store::{ConfirmRefused, Confirmation};
use shared::web::pages::{ConfirmPage, ConfirmedPage, ProblemPage};
use shared::web::{Code, Method, Reply, Request, StatusCode};

/// The link and its account, or what to say instead.
type Found = Result<(Link, Account), Code>;

/// GET and POST `/backup/confirm`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let Some(token) = request.link_token()? else { return Ok(dead(app, &request, Code::LinkUnknown)) };

    let outcome = match find(app, &token, now).await? {
        Ok((link, account)) if request.method == Method::POST => confirm(app, link, account, now).await?,
        found => found,
    };

    Ok(match outcome {
        Err(code) => dead(app, &request, code),
        Ok((link, account)) => {
            let texts = app.texts(account.language);
            if request.method == Method::POST {
                app.count(Event::Used(link.purpose));
                Reply::page(StatusCode::OK, ConfirmedPage::new(&account, &link.address, texts))
            } else {
                app.count(Event::Opened(link.purpose));
                Reply::page(StatusCode::OK, ConfirmPage::new(&account, &link.address, &token, texts))
            }
        }
    })
}

/// The link and its account, if it is alive and still the one that the account waits for.
async fn find(app: &App, token: &Token, now: Timestamp) -> Result<Found, Error> {
    let Some(link) = app.store.find_link(&token.hash(), Purpose::ConfirmBackup).await? else {
        return Ok(Err(Code::LinkUnknown));
    };
    if let Some(code) = Code::of_link(link.state(now)) {
        return Ok(Err(code));
    }
    let Some(account) = app.store.load_account(&link.account_id).await? else {
        return Ok(Err(Code::LinkUnknown));
    };
    let awaited = account.backup.pending().is_some_and(|pending| pending.request == link.request);
    Ok(if awaited { Ok((link, account)) } else { Err(Code::LinkReplaced) })
}

/// Confirms in one transaction. When the account changed under our hands, it is read again and decided anew.
async fn confirm(app: &App, link: Link, account: Account, now: Timestamp) -> Result<Found, Error> {
    const READINGS: usize = 3;
    let notice_id = app.message_id();
    let mut account = account;
    for _ in 0..READINGS {
        let confirmation = Confirmation { link: &link, account: &account, notice_id: &notice_id };
        let Err(refused) = app.store.confirm_backup(confirmation, now).await? else {
            return Ok(Ok((link, account)));
        };
        match refused {
            ConfirmRefused::LinkDead => return Ok(Err(Code::LinkUsed)),
            ConfirmRefused::NoLongerPending => return Ok(Err(Code::LinkReplaced)),
            ConfirmRefused::Taken => return Ok(Err(Code::AddressTaken)),
            ConfirmRefused::AccountChanged => match app.store.load_account(&link.account_id).await? {
                Some(changed) => account = changed,
                None => return Ok(Err(Code::LinkUnknown)),
            },
        }
    }
    Err(Error::Broken("the account changed at every try".into()))
}

/// A calm page; the way on leads to the account, where a new link can be asked for.
fn dead(app: &App, request: &Request, code: Code) -> Reply {
    if code == Code::LinkExpired {
        app.count(Event::Expired(Purpose::ConfirmBackup));
    }
    let texts = app.texts(request.language());
    let page = ProblemPage::new(&code.into(), texts.clone()).leading_to("/account", "way-on-account");
    Reply::refusal(code, page, texts)
}
