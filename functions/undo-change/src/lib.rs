//! Undoes a change of the backup email: "this wasn't me". GET shows what happened, POST undoes it. It needs no
//! session, because a thief may have all of them.
//!
//! The form asks for the username, so that a mail gateway that presses buttons undoes nothing: the email contains the
//! username, but no machine types it into the form.
use domain::{Account, ClientInfo, MessageId, Purpose, Timestamp, Token, UndoLink, Username};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::logging;
use shared::metrics::Event;
use shared::store::{Undo, UndoRefused};
use shared::web::pages::{UndoPage, UndonePage};
use shared::web::{Code, Reply, Request, SessionCookie, StatusCode};

/// What the links of this flow are for.
const PURPOSE: Purpose = Purpose::Undo;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    token: String,
    #[serde(default)]
    username: String,
}

/// A change that was undone.
struct Undone {
    /// The account as it was before.
    account: Account,
    /// Another account has the former address, so there is no backup email now; everything else was undone.
    former_taken: bool,
}

/// GET `/undo`.
pub async fn get(app: &App, request: Request) -> Result<Reply, Error> {
    let token = request.link_token().ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    let (link, account) = find(app, &token, app.now()).await?;
    let page = UndoPage::new(&link, &account, &token, app.texts(account.language));
    Ok(Reply::page(StatusCode::OK, page))
}

/// POST `/undo`.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form: Form = request.form()?;
    let token = Token::parse(&form.token).map_err(|_| Error::link(PURPOSE, Code::LinkUnknown))?;
    let (link, account) = find(app, &token, now).await?;
    let texts = app.texts(account.language);
    if !names(&form.username, &account) {
        let code = Code::OtherUsername;
        let page = UndoPage::new(&link, &account, &token, texts.clone());
        return Err(Error::on_page(code, page.with_problem(&code.into(), form.username), texts));
    }

    let Undone { account, former_taken } =
        undo(app, &link, account, &app.message_id(), &request.client_info(), now).await?;

    app.count(Event::NotMe);
    tracing::warn!(former_taken, "a change was taken back");
    let page = UndonePage::new(&link, &account, former_taken, now, texts);
    Ok(Reply::page(StatusCode::OK, page).with_session(SessionCookie::Clear))
}

/// Finds the link, if it is live, and its account.
async fn find(app: &App, token: &Token, now: Timestamp) -> Result<(UndoLink, Account), Error> {
    let link =
        app.store.find_undo_link(&token.hash()).await?.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    logging::record_account(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Err(Error::link(PURPOSE, code));
    }
    let account =
        app.store.load_account(&link.account_id).await?.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
    Ok((link, account))
}

/// Whether this is the account's username, however it is written.
fn names(typed: &str, account: &Account) -> bool {
    Username::parse(typed.trim()).is_ok_and(|typed| typed.canonical() == account.username.canonical())
}

/// Undoes in one transaction. If the account has changed since it was read, it is read again. If another account has the
/// former address, everything else is undone.
async fn undo(
    app: &App,
    link: &UndoLink,
    mut account: Account,
    notice_id: &MessageId,
    source: &ClientInfo,
    now: Timestamp,
) -> Result<Undone, Error> {
    const ATTEMPTS: usize = 4;
    let mut former_taken = false;
    for _ in 0..ATTEMPTS {
        let current = account.backup.confirmed().map(|current| &current.address);
        let before = link.notice.backup_after_undo(current).unwrap_or_default();
        let backup = before.as_ref().filter(|_| !former_taken);
        if let Some(address) = backup {
            app.store.release_expired_claim(address, now).await?;
        }
        let change = Undo { link, account: &account, backup, notice_id, source };
        match app.store.undo(change, now).await? {
            Ok(()) => return Ok(Undone { account, former_taken }),
            Err(UndoRefused::LinkDead) => return Err(Error::link(PURPOSE, Code::LinkUsed)),
            Err(UndoRefused::Taken) => former_taken = true,
            Err(UndoRefused::AccountChanged) => {
                let changed = app.store.load_account(&link.account_id).await?;
                account = changed.ok_or(Error::link(PURPOSE, Code::LinkUnknown))?;
            }
        }
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}
