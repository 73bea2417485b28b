//! Confirms a backup email through the link sent to it. GET shows the page, POST confirms: with the
//! button where the account is signed in, elsewhere with the code that the account page shows.
use domain::{Account, ClientInfo, Link, LinkAuthorization, Purpose, Timestamp, Token};
use shared::app::App;
use shared::error::Error;
use shared::metrics::Event;
use shared::requirements::BackupConfirmation;
use shared::store::{ConfirmRefused, Confirmation};
use shared::web::pages::{ConfirmPage, ConfirmedPage};
use shared::web::{Code, LinkForm, Reply, Request, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::ConfirmBackup;

/// A live link with its account, as this browser sees it.
struct Opened {
    link: Link,
    account: Account,
    is_same_browser: bool,
    page: ConfirmPage,
}

/// GET `/backup/confirm`.
pub async fn get(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    let (token, now) = (request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?, app.now());
    let opened = match open(app, &request, &token, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let page = confirmed_before(app, &token, error, now).await?;
            return Ok(Reply::page(StatusCode::OK, page));
        }
    };
    app.count(Event::Opened(PURPOSE));
    Ok(Reply::page(StatusCode::OK, opened.page))
}

/// POST `/backup/confirm`.
pub async fn post(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: LinkForm = request.form()?;
    let token = form.token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let opened = match open(app, &request, &token, now).await {
        Ok(opened) => opened,
        Err(error) => {
            return confirmed_before(app, &token, error, now).await.map(|page| to_confirmed(&page, &token));
        }
    };
    let Opened { link, account, is_same_browser, page } = opened;
    let texts = app.texts(account.language);

    let authorization = app.authorize(&link, is_same_browser, form.code.as_deref(), now).await;
    let authorization =
        authorization.map_err(|error| error.on(|problem| page.with_problem(problem), &texts))?;
    let confirmed = confirm(app, &link, authorization, account, &request.client_info()).await;
    let (account, now) = match confirmed {
        Ok(confirmed) => confirmed,
        // A second click may have been faster.
        Err(error) => {
            return confirmed_before(app, &token, error, now).await.map(|page| to_confirmed(&page, &token));
        }
    };

    app.count(Event::Used(PURPOSE));
    let usable_from = now + app.needs.waiting_period;
    let waits_until = Some(usable_from).filter(|from| *from > now);
    Ok(to_confirmed(&ConfirmedPage::new(&account, &link.address, waits_until, texts), &token))
}

/// The answer to the button. The page behind it is that of the used link.
fn to_confirmed(page: &ConfirmedPage, token: &Token) -> Reply {
    Reply::see_other(format!("/backup/confirm?token={}", token.expose()), StatusCode::OK, page)
}

/// The answer to an error: if it is that the link was used, and its address is the backup email, the page that says so, as
/// with a second click or a second look at the email.
async fn confirmed_before(
    app: &App<BackupConfirmation>,
    token: &Token,
    error: Error,
    now: Timestamp,
) -> Result<ConfirmedPage, Error> {
    let Error::LinkRefused { code: Code::LinkUsed, .. } = error else { return Err(error) };
    let Some(link) = app.store.find_link(&token.hash(), PURPOSE).await? else { return Err(error) };
    let account = find_account(app, &link).await?;
    let Some(backup) = account.backup.confirmed().filter(|backup| backup.address == link.address) else {
        return Err(error);
    };
    let waits_until = Some(backup.usable_from).filter(|from| *from > now);
    let texts = app.texts(account.language);
    Ok(ConfirmedPage::new(&account, &link.address, waits_until, texts))
}

/// Opens the link, if it is live and of the account's pending request.
async fn open(
    app: &App<BackupConfirmation>,
    request: &Request,
    token: &Token,
    now: Timestamp,
) -> Result<Opened, Error> {
    let link = app.open_link(token, PURPOSE, now).await?;
    let account = find_account(app, &link).await?;
    if account.backup.pending().is_none_or(|pending| pending.request != link.request) {
        return Err(Error::link(PURPOSE, Code::LinkReplaced));
    }
    let user = app.authenticate(request, now).await?;
    let is_same_browser = app.is_same_browser(&link, &[], user.as_ref().map(|user| &user.account));
    let texts = app.texts(account.language);
    let page = ConfirmPage::new(&account, &link.address, token, is_same_browser, texts);
    Ok(Opened { link, account, is_same_browser, page })
}

/// The account of a link. A link of a disabled account is unknown.
async fn find_account(app: &App<BackupConfirmation>, link: &Link) -> Result<Account, Error> {
    let account = app.store.load_account(&link.account_id).await?;
    account.filter(|account| !account.is_disabled()).ok_or(Error::link(PURPOSE, Code::LinkUnknown))
}

/// Confirms in one transaction. If the account has changed since it was read, it is read again. The time is always read
/// after the account, so that a record that another request deleted as expired has expired at that time. Returns the
/// account as it was before, and when it was confirmed.
async fn confirm(
    app: &App<BackupConfirmation>,
    link: &Link,
    authorization: LinkAuthorization,
    mut account: Account,
    source: &ClientInfo,
) -> Result<(Account, Timestamp), Error> {
    const READS: usize = 3;
    let mut now = app.now();
    app.store.release_expired_claim(&link.address, now).await?;
    let event_id = app.message_id();
    for _ in 0..READS {
        let confirmation = Confirmation {
            link,
            authorization,
            account: &account,
            event_id: &event_id,
            source,
            waiting_period: app.needs.waiting_period,
        };
        let Err(refused) = app.store.confirm_backup(confirmation, now).await? else {
            return Ok((account, now));
        };
        account = match refused {
            ConfirmRefused::LinkDead => return Err(Error::link(PURPOSE, Code::LinkUsed)),
            ConfirmRefused::NoLongerPending => return Err(Error::link(PURPOSE, Code::LinkReplaced)),
            ConfirmRefused::Taken => return Err(Error::link(PURPOSE, Code::AddressTaken)),
            ConfirmRefused::ChangesNotAllowed => {
                let frozen = find_account(app, link).await?.frozen_until(now).is_some();
                return Err(Error::link(
                    PURPOSE,
                    if frozen { Code::ChangesFrozen } else { Code::LinkReplaced },
                ));
            }
            ConfirmRefused::AccountChanged => app
                .store
                .load_account(&link.account_id)
                .await?
                .ok_or(Error::link(PURPOSE, Code::LinkUnknown))?,
        };
        now = app.now();
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}
