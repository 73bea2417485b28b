//! Makes another address the primary email, through the link sent to it. GET shows the page, POST confirms: with the button
//! where the account is signed in, elsewhere with the code that the account page shows.
use domain::{Account, LinkAuthorization, Purpose, Timestamp, Token, TokenHash};
use shared::app::App;
use shared::confirmation::OpenedConfirmation;
use shared::error::Error;
use shared::metrics::Event;
use shared::requirements::PrimaryConfirmations;
use shared::store::{ConfirmRefused, PrimaryConfirmation};
use shared::web::pages::{ConfirmPrimaryPage, PrimaryConfirmedPage};
use shared::web::{Code, LinkForm, Reply, Request, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::ConfirmPrimary;

/// GET `/primary/confirm`.
pub async fn get(app: &App<PrimaryConfirmations>, request: Request) -> Result<Reply, Error> {
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

/// POST `/primary/confirm`.
pub async fn post(app: &App<PrimaryConfirmations>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: LinkForm = request.form()?;
    let token = form.token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let opened = match app.open_confirmation(&request, &token, PURPOSE, now).await {
        Ok(opened) => opened,
        Err(error) => {
            return confirmed_before(app, &token, error, now).await.map(|page| to_confirmed(&page, &token));
        }
    };
    let texts = app.texts(opened.account.language);
    let page = page(app, &opened, &token);
    let authorization = app.authorize(&opened.link, opened.is_same_browser, form.code.as_deref(), now).await;
    let authorization =
        authorization.map_err(|error| error.on(|problem| page.with_problem(problem), &texts))?;

    let address = opened.link.address.clone();
    let (account, now) = match confirm(app, &request, opened, authorization).await {
        Ok(confirmed) => confirmed,
        // A second click may have been faster.
        Err(error) => {
            return confirmed_before(app, &token, error, now).await.map(|page| to_confirmed(&page, &token));
        }
    };

    app.count(Event::Used(PURPOSE));
    tracing::info!("another address was made the primary");
    let (primary, _) = account.after_taking(&address, app.needs.hold, now);
    let account = Account { primary: primary.primary, former_primaries: primary.former, ..account };
    Ok(to_confirmed(&PrimaryConfirmedPage::new(&account, now, texts), &token))
}

fn page(app: &App<PrimaryConfirmations>, opened: &OpenedConfirmation, token: &Token) -> ConfirmPrimaryPage {
    let OpenedConfirmation { link, account, is_same_browser, .. } = opened;
    let texts = app.texts(account.language);
    ConfirmPrimaryPage::new(account, &link.address, app.needs.hold, token, *is_same_browser, texts)
}

/// The answer to the button. The page behind it is that of the used link.
fn to_confirmed(page: &PrimaryConfirmedPage, token: &Token) -> Reply {
    Reply::see_other(format!("/primary/confirm?token={}", token.expose()), StatusCode::OK, page)
}

/// The answer to an error: if it is that the link was used, and its address is the primary, the page that says so.
async fn confirmed_before(
    app: &App<PrimaryConfirmations>,
    token: &Token,
    error: Error,
    now: Timestamp,
) -> Result<PrimaryConfirmedPage, Error> {
    let (link, account) = app.find_used_link(token, PURPOSE, error).await?;
    if account.primary.address != link.address {
        return Err(Error::link(PURPOSE, Code::LinkUsed));
    }
    let texts = app.texts(account.language);
    Ok(PrimaryConfirmedPage::new(&account, now, texts))
}

/// Confirms in one transaction. If the account has changed since it was read, it is read again. Returns the account as it
/// was before, and when it was confirmed.
async fn confirm(
    app: &App<PrimaryConfirmations>,
    request: &Request,
    opened: OpenedConfirmation,
    authorization: LinkAuthorization,
) -> Result<(Account, Timestamp), Error> {
    const READS: usize = 3;
    let mut sessions = sessions_that_go_on(&opened);
    let OpenedConfirmation { link, mut account, .. } = opened;
    let (event_id, source) = (app.message_id(), request.client_info());
    let mut now = app.now();
    app.store.release_expired_claim(&link.address, now).await?;
    for _ in 0..READS {
        let confirmation = PrimaryConfirmation {
            link: &link,
            authorization,
            account: &account,
            sessions: &sessions,
            hold: app.needs.hold,
            event_id: &event_id,
            source: &source,
        };
        let Err(refused) = app.store.confirm_primary(confirmation, now).await? else {
            return Ok((account, now));
        };
        if refused == ConfirmRefused::SessionEnded {
            sessions.pop();
        }
        account = app.after_refused_confirmation(refused, &link, now).await?;
        now = app.now();
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}

/// The session of this browser, if the account is signed in here, and the one that asked. That one comes last: it may have
/// ended since.
fn sessions_that_go_on(opened: &OpenedConfirmation) -> Vec<TokenHash> {
    let own = opened.user.as_ref().filter(|user| user.account.id == opened.account.id);
    let asked = opened.account.pending_primary.as_ref().map(|primary| &primary.session);
    let mut sessions: Vec<_> = own.map(|user| &user.session.hash).into_iter().chain(asked).cloned().collect();
    sessions.dedup();
    sessions
}
