//! Confirming an address by the link sent to it: as the backup email or as the primary. GET shows the page, POST confirms: with
//! the button where the account is signed in, elsewhere with the code that the account page shows.
use std::future::Future;

use askama::Template;
use domain::{
    Account, ClientInfo, HashingKeys, Link, LinkAuthorization, Purpose, Timestamp, Token, TokenHash,
};
use serde::Serialize;

use crate::app::{App, Authenticated};
use crate::error::Error;
use crate::metrics::Event;
use crate::store::{ConfirmRefused, Confirmation, StoreError};
use crate::web::pages::ConfirmPage;
use crate::web::{Code, LinkForm, Reply, Request, StatusCode};

/// How often an account is read that others change at the same time.
const READS: usize = 3;

/// What an address is confirmed as.
pub trait ConfirmedAs {
    /// What its function needs.
    type Needs: AsRef<HashingKeys> + Send + Sync;
    /// The page of an address that is confirmed.
    type ConfirmedPage: Template + Serialize + Send + Sync + 'static;
    /// What its links are for.
    const PURPOSE: Purpose;
    /// The path of its links.
    const PATH: &str;

    /// The page of a live link, with what it says for this purpose alone.
    fn complete(_app: &App<Self::Needs>, _account: &Account, _link: &Link, page: ConfirmPage) -> ConfirmPage {
        page
    }

    /// The account once the address is confirmed.
    fn confirmed(app: &App<Self::Needs>, account: Account, link: &Link, now: Timestamp) -> Account;

    /// The page of a used link; nothing when its address is no longer what it was confirmed as.
    fn confirmed_page(
        app: &App<Self::Needs>,
        account: &Account,
        link: &Link,
        now: Timestamp,
    ) -> Option<Self::ConfirmedPage>;

    /// Confirms in one transaction. The sessions go on if all others end.
    fn confirm(
        app: &App<Self::Needs>,
        confirmation: Confirmation<'_>,
        sessions: &[TokenHash],
        now: Timestamp,
    ) -> impl Future<Output = Result<Result<(), ConfirmRefused>, StoreError>> + Send;
}

/// GET of a link.
pub async fn get<C: ConfirmedAs>(app: &App<C::Needs>, request: &Request) -> Result<Reply, Error> {
    let (token, now) = (request.link_token().ok_or(Error::link(C::PURPOSE, Code::LinkUnknown))?, app.now());
    let opened = match app.open_confirmation(request, &token, C::PURPOSE, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let page = confirmed_before::<C>(app, &token, error, now).await?;
            return Ok(Reply::page(StatusCode::OK, page));
        }
    };
    app.count(Event::Opened(C::PURPOSE));
    Ok(Reply::page(StatusCode::OK, page_of::<C>(app, &opened, &token)))
}

/// POST of a link. The page behind the answer is that of the used link.
pub async fn post<C: ConfirmedAs>(app: &App<C::Needs>, request: &Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: LinkForm = request.form()?;
    let token = form.token().ok_or(Error::link(C::PURPOSE, Code::LinkUnknown))?;
    let page = match use_link::<C>(app, request, &token, form.code.as_deref(), now).await {
        Ok(page) => page,
        // A second click may have been faster.
        Err(error) => confirmed_before::<C>(app, &token, error, now).await?,
    };
    Ok(Reply::see_other(format!("{}?token={}", C::PATH, token.expose()), StatusCode::OK, &page))
}

async fn use_link<C: ConfirmedAs>(
    app: &App<C::Needs>,
    request: &Request,
    token: &Token,
    code: Option<&str>,
    now: Timestamp,
) -> Result<C::ConfirmedPage, Error> {
    let opened = app.open_confirmation(request, token, C::PURPOSE, now).await?;
    let page = page_of::<C>(app, &opened, token);
    let texts = app.texts(opened.account.language);
    let authorization = app.authorize(&opened.link, opened.is_same_browser, code, now).await;
    let authorization =
        authorization.map_err(|error| error.on(|problem| page.with_problem(problem), &texts))?;
    let (account, link, now) = confirm::<C>(app, opened, authorization, &request.client_info()).await?;
    app.count(Event::Used(C::PURPOSE));
    C::confirmed_page(app, &account, &link, now).ok_or(Error::link(C::PURPOSE, Code::LinkUsed))
}

/// The page of a live link.
fn page_of<C: ConfirmedAs>(app: &App<C::Needs>, opened: &OpenedConfirmation, token: &Token) -> ConfirmPage {
    let OpenedConfirmation { link, account, is_same_browser, .. } = opened;
    let texts = app.texts(account.language);
    let page = ConfirmPage::new(account, &link.address, token, *is_same_browser, texts);
    C::complete(app, account, link, page)
}

/// Confirms. If the account has changed since it was read, it is read again. The time is always read after the account, so
/// that a record that another request deleted as expired has expired at that time. Returns the account as it is now, the
/// link, and when it was confirmed.
async fn confirm<C: ConfirmedAs>(
    app: &App<C::Needs>,
    opened: OpenedConfirmation,
    authorization: LinkAuthorization,
    source: &ClientInfo,
) -> Result<(Account, Link, Timestamp), Error> {
    let mut sessions = opened.sessions_that_go_on();
    let OpenedConfirmation { link, mut account, .. } = opened;
    let event_id = app.message_id();
    let mut now = app.now();
    app.store.release_expired_claim(&link.address, now).await?;
    for _ in 0..READS {
        let confirmation =
            Confirmation { link: &link, authorization, account: &account, event_id: &event_id, source };
        let Err(refused) = C::confirm(app, confirmation, &sessions, now).await? else {
            return Ok((C::confirmed(app, account, &link, now), link, now));
        };
        if refused == ConfirmRefused::SessionEnded {
            sessions.pop();
        }
        account = app.after_refused_confirmation(refused, &link).await?;
        now = app.now();
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}

/// The answer to an error: if it is that the link was used, and its address is what it was confirmed as, the page that says so.
async fn confirmed_before<C: ConfirmedAs>(
    app: &App<C::Needs>,
    token: &Token,
    error: Error,
    now: Timestamp,
) -> Result<C::ConfirmedPage, Error> {
    let (link, account) = app.find_used_link(token, C::PURPOSE, error).await?;
    C::confirmed_page(app, &account, &link, now).ok_or(Error::link(C::PURPOSE, Code::LinkUsed))
}

/// A live link with its account, as this browser sees it.
#[derive(Debug)]
pub struct OpenedConfirmation {
    /// The link.
    pub link: Link,
    /// Its account, which waits for it.
    pub account: Account,
    /// Who is signed in in this browser.
    pub user: Option<Authenticated>,
    /// Whether this browser may use the link without a code.
    pub is_same_browser: bool,
}

impl OpenedConfirmation {
    /// The session of this browser, if the account is signed in here, and the one that asked for another primary. That one
    /// comes last: it may have ended since.
    fn sessions_that_go_on(&self) -> Vec<TokenHash> {
        let own = self.user.as_ref().filter(|user| user.account.id == self.account.id);
        let asked = self.account.pending_primary.as_ref().and_then(|primary| primary.session.as_ref());
        let mut sessions: Vec<_> =
            own.map(|user| &user.session.hash).into_iter().chain(asked).cloned().collect();
        sessions.dedup();
        sessions
    }
}

impl<R> App<R> {
    /// The account of a link. A link of a disabled account is unknown.
    pub async fn find_account_of(&self, link: &Link) -> Result<Account, Error> {
        let account = self.store.load_account(&link.account_id).await?;
        let account = account.filter(|account| !account.is_disabled());
        account.ok_or(Error::link(link.purpose, Code::LinkUnknown))
    }

    /// The link and its account if this error is that the link was used, as with a second click or a second look at the
    /// email; otherwise the error.
    pub async fn find_used_link(
        &self,
        token: &Token,
        purpose: Purpose,
        error: Error,
    ) -> Result<(Link, Account), Error> {
        let Error::LinkRefused { code: Code::LinkUsed, .. } = error else { return Err(error) };
        let Some(link) = self.store.find_link(&token.hash(), purpose).await? else { return Err(error) };
        let account = self.find_account_of(&link).await?;
        Ok((link, account))
    }

    /// What follows from a confirmation that did nothing: the account as it is now, to try again, or an error.
    pub async fn after_refused_confirmation(
        &self,
        refused: ConfirmRefused,
        link: &Link,
    ) -> Result<Account, Error> {
        let code = match refused {
            ConfirmRefused::LinkDead => Code::LinkUsed,
            ConfirmRefused::NoLongerPending => Code::LinkReplaced,
            ConfirmRefused::Taken => Code::AddressTaken,
            ConfirmRefused::IsBackup => Code::SameAsBackup,
            ConfirmRefused::ChangesNotAllowed => {
                // The link of a disabled account is unknown. An undo freezes changes in the transaction in which it ends
                // all requests.
                self.find_account_of(link).await?;
                Code::LinkReplaced
            }
            ConfirmRefused::AccountChanged | ConfirmRefused::SessionEnded => {
                return self.find_account_of(link).await;
            }
        };
        Err(Error::link(link.purpose, code))
    }
}

impl<R: AsRef<HashingKeys>> App<R> {
    /// Opens the link, if it is live and of the account's pending request.
    pub async fn open_confirmation(
        &self,
        request: &Request,
        token: &Token,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<OpenedConfirmation, Error> {
        let link = self.open_link(token, purpose, now).await?;
        let account = self.find_account_of(&link).await?;
        if account.pending_for(purpose).is_none_or(|pending| pending.request != link.request) {
            return Err(Error::link(purpose, Code::LinkReplaced));
        }
        let user = self.authenticate(request, now).await?;
        let is_same_browser = self.is_same_browser(&link, &[], user.as_ref().map(|user| &user.account));
        Ok(OpenedConfirmation { link, account, user, is_same_browser })
    }
}
