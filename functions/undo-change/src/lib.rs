//! Undoes what happened to the recovery of an account: "this wasn't me". GET lists what happened in the last days, POST
//! undoes everything from one event on; that of the link, unless an earlier or later one is chosen. It needs no session,
//! because a thief may have all of them.
//!
//! The form asks for the username, so that a mail gateway that presses buttons undoes nothing: the email contains the
//! username, but no machine types it into the form.
use domain::account::FREEZE;
use domain::{Account, AccountEvent, ClientInfo, History, MessageId, Purpose, Timestamp, Token, UndoLink};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::logging;
use shared::metrics::Event;
use shared::store::{Undo, UndoRefused};
use shared::web::pages::{UndoPage, Undone, UndonePage};
use shared::web::{Banner, Code, Reply, Request, SessionCookie, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::Undo;

#[derive(Deserialize)]
struct Form {
    token: String,
    #[serde(default)]
    username: String,
    /// The id of the first event that is undone.
    since: Option<String>,
}

/// A live link, and what it is about.
struct Opened {
    link: UndoLink,
    account: Account,
    history: History,
}

/// GET `/undo`. After the undo it shows what was undone, as long as the account is frozen.
pub async fn get(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let token = request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let opened = match open(app, &token, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let (page, banner) = (undone_before(app, &token, error, now).await?, request.banner());
            return Ok(Reply::page(StatusCode::OK, page.with_banner(banner)).having_shown(banner));
        }
    };
    Ok(Reply::page(StatusCode::OK, opened.page(app, &token, now)))
}

/// POST `/undo`.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: Form = request.form()?;
    let token = Token::parse_in_link(&form.token).map_err(|_| Error::link(PURPOSE, Code::LinkUnknown))?;
    let opened = match open(app, &token, now).await {
        Ok(opened) => opened,
        // A second click.
        Err(error) => {
            return undone_before(app, &token, error, now).await.map(|page| to_undone(&page, &token));
        }
    };
    let texts = app.texts(opened.account.language);
    let own = opened.link.event_id();
    let chosen = form.since.as_deref().unwrap_or(own.as_str());
    let Some(since) = opened.history.find_undoable(chosen).cloned() else {
        let page = opened.page(app, &token, now).with_unknown_event(form.username);
        return Err(Error::on_page(Code::EventUnknown, page, texts));
    };
    if !opened.link.is_named_by(&form.username, &opened.account.username) {
        let page = opened.page(app, &token, now).with_chosen(&since.id).with_other_username(form.username);
        return Err(Error::on_page(Code::OtherUsername, page, texts));
    }

    let done = undo(app, opened, &since, &app.message_id(), &request.client_info(), now).await;
    let undone = match done {
        Ok(undone) => undone,
        // The first click was faster.
        Err(error) => {
            return undone_before(app, &token, error, now).await.map(|page| to_undone(&page, &token));
        }
    };

    app.count(Event::NotMe);
    let (former_taken, password_void) = (undone.former_taken == Some(true), undone.password_void);
    tracing::warn!(former_taken, password_void, "a change was taken back");
    let reply = to_undone(&UndonePage::new(&undone, now + FREEZE, now, texts), &token);
    Ok(if former_taken { reply.with_banner(Banner::AddressNotRestored) } else { reply })
}

/// The answer to the button. The page behind it is that of the used link.
fn to_undone(page: &UndonePage, token: &Token) -> Reply {
    let reply = Reply::see_other(format!("/undo?token={}", token.expose()), StatusCode::OK, page);
    reply.with_session(SessionCookie::Clear)
}

/// The answer to an error: if it is that the link was used, and the account is frozen because of an undo, the page that says
/// what is restored.
async fn undone_before(app: &App, token: &Token, error: Error, now: Timestamp) -> Result<UndonePage, Error> {
    let Error::LinkRefused { code: Code::LinkUsed, .. } = error else { return Err(error) };
    let Some(link) = app.store.find_undo_link(&token.hash()).await? else { return Err(error) };
    let Some(account) = app.store.load_account(&link.account_id).await? else { return Err(error) };
    let Some(frozen_until) = account.frozen_until(now) else { return Err(error) };
    let undone = Undone {
        primary: account.primary.address.clone(),
        emails: account.recovery_emails(now),
        former_taken: None,
        password_void: account.has_void_password(),
    };
    Ok(UndonePage::new(&undone, frozen_until, now, app.texts(account.language)))
}

impl Opened {
    fn page(&self, app: &App, token: &Token, now: Timestamp) -> UndoPage {
        let texts = app.texts(self.account.language);
        UndoPage::new(&self.link, &self.account, &self.history, token, now, texts)
    }
}

/// Finds the link, if it is live, with its account and what happened to it.
async fn open(app: &App, token: &Token, now: Timestamp) -> Result<Opened, Error> {
    let link =
        app.store.find_undo_link(&token.hash()).await?.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    logging::record_account(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Err(Error::link(PURPOSE, code));
    }
    let (account, history) = load(app, &link, now).await?;
    Ok(Opened { link, account, history })
}

/// Reads the account, and then its history, which is at least as new. If the history lacks the link's own event, the link
/// tells it.
async fn load(app: &App, link: &UndoLink, now: Timestamp) -> Result<(Account, History), Error> {
    let account =
        app.store.load_account(&link.account_id).await?.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    // A mailbox whose time as the primary was undone undoes nothing itself: that would be the owner's changes.
    let told = |address| account.primary_emails().told(now).any(|told| told == address);
    if !link.sent_to.as_ref().is_none_or(told) {
        return Err(Error::link(PURPOSE, Code::LinkUnknown));
    }
    let history = app.store.load_history(&account.id, now).await?.with(link.own_event());
    Ok((account, history))
}

/// Undoes in one transaction. If the account has changed since it was read, it is read again. What other accounts have by
/// now is not restored; everything else is undone.
async fn undo(
    app: &App,
    opened: Opened,
    since: &AccountEvent,
    event_id: &MessageId,
    source: &ClientInfo,
    now: Timestamp,
) -> Result<Undone, Error> {
    // More than a signed-in thief can change or end in a day (`docs/limits.md`).
    const ATTEMPTS: usize = 20;
    let Opened { link, mut account, mut history } = opened;
    let mut taken = Vec::new();
    for _ in 0..ATTEMPTS {
        let primary = history.primary_before(since, &account.primary_emails(), &taken, now);
        let emails = history.before(since, &account.recovery_emails(now), &taken, now);
        let emails = emails.without(&primary.primary.address);
        for address in emails.addresses() {
            app.store.release_expired_claim(address, now).await?;
        }
        let change = Undo {
            link: &link,
            account: &account,
            since: &since.id,
            restored: &emails,
            primary: &primary,
            event_id,
            source,
        };
        match app.store.undo(change, now).await? {
            Ok(()) => {
                return Ok(Undone {
                    primary: primary.primary.address,
                    former_taken: Some(!taken.is_empty()),
                    password_void: account.has_password_since(&since.id),
                    emails,
                });
            }
            Err(UndoRefused::LinkDead) => return Err(Error::link(PURPOSE, Code::LinkUsed)),
            Err(UndoRefused::Taken(addresses)) => taken.extend(addresses),
            Err(UndoRefused::AccountChanged) => (account, history) = load(app, &link, now).await?,
        }
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}
