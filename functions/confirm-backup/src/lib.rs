//! Confirms a backup email through the link sent to it. GET shows the page, POST confirms: with the
//! button where the account is signed in, elsewhere with the code that the account page shows.
use domain::{Account, ClientInfo, Link, LinkAuthorization, Purpose, Timestamp, Token};
use shared::app::App;
use shared::confirmation::OpenedConfirmation;
use shared::error::Error;
use shared::metrics::Event;
use shared::requirements::BackupConfirmation;
use shared::store::Confirmation;
use shared::web::pages::{ConfirmPage, ConfirmedPage};
use shared::web::{Code, LinkForm, Reply, Request, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::ConfirmBackup;

/// GET `/backup/confirm`.
pub async fn get(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    let (token, now) = (request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?, app.now());
    let opened = match app.open_confirmation(&request, &token, PURPOSE, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let page = confirmed_before(app, &token, error, now).await?;
            return Ok(Reply::page(StatusCode::OK, page));
        }
    };
    app.count(Event::Opened(PURPOSE));
    Ok(Reply::page(StatusCode::OK, page(app, &opened, &token)))
}

/// POST `/backup/confirm`.
pub async fn post(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: LinkForm = request.form()?;
    let token = form.token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let opened = match app.open_confirmation(&request, &token, PURPOSE, now).await {
        Ok(opened) => opened,
        Err(error) => {
            return confirmed_before(app, &token, error, now).await.map(|page| to_confirmed(&page, &token));
        }
    };
    let page = page(app, &opened, &token);
    let OpenedConfirmation { link, account, is_same_browser, .. } = opened;
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

fn page(app: &App<BackupConfirmation>, opened: &OpenedConfirmation, token: &Token) -> ConfirmPage {
    let OpenedConfirmation { link, account, is_same_browser, .. } = opened;
    ConfirmPage::new(account, &link.address, token, *is_same_browser, app.texts(account.language))
}

/// The answer to the button. The page behind it is that of the used link.
fn to_confirmed(page: &ConfirmedPage, token: &Token) -> Reply {
    Reply::see_other(format!("/backup/confirm?token={}", token.expose()), StatusCode::OK, page)
}

/// The answer to an error: if it is that the link was used, and its address is the backup email, the page that says so.
async fn confirmed_before(
    app: &App<BackupConfirmation>,
    token: &Token,
    error: Error,
    now: Timestamp,
) -> Result<ConfirmedPage, Error> {
    let (link, account) = app.find_used_link(token, PURPOSE, error).await?;
    let Some(backup) = account.backup.confirmed().filter(|backup| backup.address == link.address) else {
        return Err(Error::link(PURPOSE, Code::LinkUsed));
    };
    let waits_until = Some(backup.usable_from).filter(|from| *from > now);
    let texts = app.texts(account.language);
    Ok(ConfirmedPage::new(&account, &link.address, waits_until, texts))
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
        account = app.after_refused_confirmation(refused, link, now).await?;
        now = app.now();
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}
