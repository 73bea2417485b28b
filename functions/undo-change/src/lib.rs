//! Takes a change of the backup email back: "this wasn't me". GET shows what happened, POST acts. It needs no
//! session, because whoever made the change may have all of them.
//!
//! The username is asked for, since a mail gateway that presses buttons must not take anybody's change back: it
//! stands in the mail, and no machine writes it into the form.
use domain::{Account, ClientInfo, EmailAddress, MessageId, Timestamp, Token, UndoLink, Username};
use serde::Deserialize;
use shared::app::App;
use shared::error::Error;
use shared::metrics::Event;
use shared::store::{Undo, UndoRefused};
use shared::web::pages::{ProblemPage, UndoPage, UndonePage};
use shared::web::{Code, Method, Reply, Request, SessionCookie, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    token: String,
    #[serde(default)]
    username: String,
}

/// What became of the backup email.
enum Outcome {
    /// It is what it was before.
    Undone(Account),
    /// Another account has the former address, so there is none; all the rest is done.
    FormerTaken(Account),
    /// The link does not work.
    Dead(Code),
}

/// GET and POST `/undo`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let form = if request.method == Method::POST { Some(request.form::<Form>()?) } else { None };
    let token = form.as_ref().map_or_else(|| request.query("token"), |form| Some(&form.token));
    let Some(token) = token.and_then(|token| Token::parse(token).ok()) else {
        return Ok(dead(app, &request, Code::LinkUnknown));
    };

    let (link, account) = match find(app, &request, &token, now).await? {
        Ok(found) => found,
        Err(code) => return Ok(dead(app, &request, code)),
    };
    let texts = app.texts(account.language);
    let page = UndoPage::new(&link, &account, &token, texts.clone());
    let Some(form) = form else { return Ok(Reply::page(StatusCode::OK, page)) };
    if !names(&form.username, &account) {
        let code = Code::OtherUsername;
        return Ok(Reply::refusal(code, page.with_problem(&code.into(), form.username), texts));
    }

    let (account, former_taken) =
        match undo(app, &link, account, &app.message_id(), &request.source(), now).await? {
            Outcome::Dead(code) => return Ok(dead(app, &request, code)),
            Outcome::Undone(account) => (account, false),
            Outcome::FormerTaken(account) => (account, true),
        };
    app.count(Event::NotMe);
    let account_id = account.id.as_str();
    tracing::warn!(request_id = request.id, account_id, former_taken, "a change was taken back");
    let page = UndonePage::new(&link, &account, former_taken, now, texts);
    Ok(Reply::page(StatusCode::OK, page).with_session(SessionCookie::Clear))
}

async fn find(
    app: &App,
    request: &Request,
    token: &Token,
    now: Timestamp,
) -> Result<Result<(UndoLink, Account), Code>, Error> {
    let Some(link) = app.store.find_undo_link(&token.hash()).await? else {
        return Ok(Err(Code::LinkUnknown));
    };
    request.is_about(&link.account_id);
    if let Some(code) = Code::of_link(link.state(now)) {
        return Ok(Err(code));
    }
    Ok(app
        .store
        .load_account(&link.account_id)
        .await?
        .map(|account| (link, account))
        .ok_or(Code::LinkUnknown))
}

/// Whether this is the account's username, however it is written.
fn names(typed: &str, account: &Account) -> bool {
    Username::parse(typed.trim()).is_ok_and(|typed| typed.canonical() == account.username.canonical())
}

/// Takes back in one transaction. When the account changed under our hands, it is read again and decided anew; when
/// another account has the former address, all the rest is done.
async fn undo(
    app: &App,
    link: &UndoLink,
    account: Account,
    notice_id: &MessageId,
    source: &ClientInfo,
    now: Timestamp,
) -> Result<Outcome, Error> {
    const TRIES: usize = 4;
    let (mut account, mut taken) = (account, false);
    for _ in 0..TRIES {
        let current = account.backup.confirmed().map(|current| &current.address);
        let before: Option<EmailAddress> = link.notice.backup_after_undo(current).unwrap_or_default();
        let backup = before.as_ref().filter(|_| !taken);
        if let Some(address) = backup {
            app.store.release_expired_claim(address, now).await?;
        }
        let taking = Undo { link, account: &account, backup, notice_id, source };
        match app.store.undo(taking, now).await? {
            Ok(()) if taken => return Ok(Outcome::FormerTaken(account)),
            Ok(()) => return Ok(Outcome::Undone(account)),
            Err(UndoRefused::LinkDead) => return Ok(Outcome::Dead(Code::LinkUsed)),
            Err(UndoRefused::Taken) => taken = true,
            Err(UndoRefused::AccountChanged) => match app.store.load_account(&link.account_id).await? {
                Some(changed) => account = changed,
                None => return Ok(Outcome::Dead(Code::LinkUnknown)),
            },
        }
    }
    Err(Error::Internal("the account changed at every try".into()))
}

/// A calm page; the way on leads to the account, where things can still be set right by hand.
fn dead(app: &App, request: &Request, code: Code) -> Reply {
    let texts = app.texts(request.language());
    let page = ProblemPage::new(&code.into(), texts.clone()).leading_to("/account", "way-on-account");
    Reply::refusal(code, page, texts)
}
