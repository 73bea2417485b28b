//! Confirms a backup email through the link mailed to it. GET shows, POST acts: where the account is signed in by its
//! button, elsewhere with the code that the account page shows.
use domain::{Account, ClientInfo, Link, LinkAuthorization, Purpose, Timestamp, Token};
use shared::app::App;
use shared::error::Error;
use shared::metrics::Event;
use shared::store::{ConfirmRefused, Confirmation};
use shared::web::pages::{ConfirmPage, ConfirmedPage, ProblemPage};
use shared::web::{Code, Method, OpenedLink, Reply, Request, StatusCode};

/// The link and its account, or what to say instead.
type Found = Result<(Link, Account), Code>;

/// GET and POST `/backup/confirm`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let OpenedLink { token, code } = request.opened_link()?;
    let Some(token) = token else { return Ok(dead(app, &request, Code::LinkUnknown)) };

    let (link, account) = match find(app, &request, &token, now).await? {
        Ok(found) => found,
        Err(code) => return Ok(dead(app, &request, code)),
    };
    let visitor = app.visitor(&request, now).await?;
    let is_same_browser =
        app.is_same_browser(&link, &[], visitor.as_ref().map(|visitor| &visitor.account))?;
    let texts = app.texts(account.language);
    let page = ConfirmPage::new(&account, &link.address, &token, is_same_browser, texts.clone());
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
    Ok(match confirm(app, &link, authorization, account, &request.source()).await? {
        Err(code) => dead(app, &request, code),
        Ok((account, now)) => {
            app.count(Event::Used(link.purpose));
            let usable_from = now + app.backup_hold;
            let held_until = Some(usable_from).filter(|from| *from > now);
            Reply::page(StatusCode::OK, ConfirmedPage::new(&account, &link.address, held_until, texts))
        }
    })
}

/// The link and its account, if it is alive and still the one that the account waits for.
async fn find(app: &App, request: &Request, token: &Token, now: Timestamp) -> Result<Found, Error> {
    let Some(link) = app.store.find_link(&token.hash(), Purpose::ConfirmBackup).await? else {
        return Ok(Err(Code::LinkUnknown));
    };
    request.is_about(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Ok(Err(code));
    }
    let account = app.store.load_account(&link.account_id).await?.filter(|account| !account.is_disabled());
    let Some(account) = account else { return Ok(Err(Code::LinkUnknown)) };
    let awaited = account.backup.pending().is_some_and(|pending| pending.request == link.request);
    Ok(if awaited { Ok((link, account)) } else { Err(Code::LinkReplaced) })
}

/// Confirms in one transaction. When the account changed under our hands, it is read again and decided anew. The time
/// is always read after the account: what somebody else has swept from it is over by then. Gives the account as it was,
/// and when it was confirmed.
async fn confirm(
    app: &App,
    link: &Link,
    authorization: LinkAuthorization,
    account: Account,
    source: &ClientInfo,
) -> Result<Result<(Account, Timestamp), Code>, Error> {
    const READINGS: usize = 3;
    let mut now = app.now();
    app.store.release_expired_claim(&link.address, now).await?;
    let notice_id = app.message_id();
    let mut account = account;
    for _ in 0..READINGS {
        let confirmation = Confirmation {
            link,
            authorization,
            account: &account,
            notice_id: &notice_id,
            source,
            hold: app.backup_hold,
        };
        let Err(refused) = app.store.confirm_backup(confirmation, now).await? else {
            return Ok(Ok((account, now)));
        };
        match refused {
            ConfirmRefused::LinkDead => return Ok(Err(Code::LinkUsed)),
            ConfirmRefused::NoLongerPending => return Ok(Err(Code::LinkReplaced)),
            ConfirmRefused::Taken => return Ok(Err(Code::AddressTaken)),
            ConfirmRefused::ChangesNotAllowed => {
                let account = app.store.load_account(&link.account_id).await?;
                return Ok(Err(match account.filter(|account| !account.is_disabled()) {
                    None => Code::LinkUnknown,
                    Some(account) if account.frozen_until(now).is_some() => Code::BackupFrozen,
                    Some(_) => Code::LinkReplaced,
                }));
            }
            ConfirmRefused::AccountChanged => match app.store.load_account(&link.account_id).await? {
                Some(changed) => account = changed,
                None => return Ok(Err(Code::LinkUnknown)),
            },
        }
        now = app.now();
    }
    Err(Error::Internal("the account changed at every try".into()))
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
