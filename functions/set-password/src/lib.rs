//! Sets a password, in a session that has just begun, by whatever way. The password before it is not asked for: people come
//! here because they have forgotten it, or because somebody else knows it. All other sessions end.
//!
//! It is allowed while changes of the backup email are frozen: that is when an owner needs it most.
use domain::{Account, AccountKind, FormId, Limit, NewPassword, Timestamp, Token, TypedPassword, Verdict};
use serde::Deserialize;
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::requirements::PasswordChecks;
use shared::store::NewHash;
use shared::texts::Texts;
use shared::web::pages::{PasswordPage, PasswordSet, ProblemPage};
use shared::web::{Banner, Change, Code, Reply, Request, SessionCookie, StatusCode, WantedChange};

#[derive(Deserialize)]
struct Form {
    password: TypedPassword,
    #[serde(default)]
    form_id: String,
}

/// GET `/account/password`.
pub async fn get(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { session, account } = app.require_authenticated(&request, now).await?;
    let texts = app.texts(account.language);
    may_have_password(&account, &texts)?;
    // Before a password is chosen, and not after it was sent.
    if !session.is_fresh(now) {
        return Ok(to_sign_in_again(&account, &texts, now));
    }
    let page = PasswordPage::new(&account, app.form_id(), texts);
    Ok(Reply::page(StatusCode::OK, page).having_resumed(request.wanted_change().as_ref()))
}

/// POST `/account/password`.
pub async fn post(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let form = request.form::<Form>();
    let user = match app.require_authenticated(&request, now).await {
        Ok(user) => user,
        // The first click has ended the session that this one is sent in.
        Err(Error::NotSignedIn) => {
            return again(app, &request, form.ok(), now).await?.ok_or(Error::NotSignedIn);
        }
        Err(error) => return Err(error),
    };
    let form = form?;
    let texts = app.texts(user.account.language);
    may_have_password(&user.account, &texts)?;
    if !user.session.is_fresh(now) {
        return Ok(to_sign_in_again(&user.account, &texts, now));
    }

    let refuse = |code: Code| {
        let page = PasswordPage::new(&user.account, app.form_id(), texts.clone()).with_problem(&code.into());
        Error::on_page(code, page, texts.clone())
    };
    let password = NewPassword::parse(&form.password, &user.account, texts.product());
    let password = password.map_err(|refused| refuse(refused.into()))?;
    differs(app, &user.account, &form.password, now).await?.map_err(refuse)?;

    let of_form = secret_of(app, &request, &form);
    let secret = of_form.unwrap_or_else(|| app.entropy.token());
    let renewed = user.session.renewed(secret.hash(), now);
    let new = NewHash {
        hash: &app.needs.passwords.hash_new(&password, app.entropy.salt()),
        account: &user.account,
        session: &user.session,
        renewed: &renewed,
        event_id: &app.message_id(),
        source: &request.client_info(),
    };
    if !app.store.set_password(new, now).await? {
        let first_click = again(app, &request, Some(form), now).await?;
        return first_click.ok_or_else(|| refused(Code::ChangedMeanwhile, &texts));
    }

    tracing::info!("a password was set");
    Ok(password_set(SessionCookie::of(&renewed, secret, now)))
}

fn to_sign_in_again(account: &Account, texts: &Texts, now: Timestamp) -> Reply {
    Reply::to_sign_in_again(&WantedChange::new(Change::SetPassword, account, now), texts)
}

fn password_set(cookie: SessionCookie) -> Reply {
    Reply::see_other("/account", StatusCode::OK, &PasswordSet::Password)
        .with_banner(Banner::PasswordSet)
        .with_session(cookie)
}

/// The secret of the session after the form: the same for a second click in the same session.
fn secret_of(app: &App<PasswordChecks>, request: &Request, form: &Form) -> Option<Token> {
    let (form_id, session) = (FormId::parse(&form.form_id)?, request.session()?);
    app.needs.keys.session_token_of_form(form_id, session.hash().as_str(), app.unix_milliseconds())
}

/// The answer to a second click: the session that the first one has opened. Nothing for anything else.
async fn again(
    app: &App<PasswordChecks>,
    request: &Request,
    form: Option<Form>,
    now: Timestamp,
) -> Result<Option<Reply>, Error> {
    let Some(secret) = form.and_then(|form| secret_of(app, request, &form)) else { return Ok(None) };
    let Some(session) = app.store.touch_session(&secret.hash(), now).await? else { return Ok(None) };
    let account = app.store.load_account(&session.account_id).await?;
    let is_valid = account.is_some_and(|account| session.is_valid_for(&account));
    Ok(is_valid.then(|| password_set(SessionCookie::of(&session, secret, now))))
}

/// An external identity provider has the passwords of SSO accounts.
fn may_have_password(account: &Account, texts: &Texts) -> Result<(), Error> {
    match account.kind {
        AccountKind::Regular => Ok(()),
        AccountKind::Sso => Err(refused(Code::SsoAccount, texts)),
    }
}

fn refused(code: Code, texts: &Texts) -> Error {
    let problem = code.into();
    let page = ProblemPage::new(&problem, texts.clone());
    Error::on_page(problem, page, texts.clone())
}

/// Whether it differs from the present password. The answer could be used to guess that, so it is counted before.
async fn differs(
    app: &App<PasswordChecks>,
    account: &Account,
    typed: &TypedPassword,
    now: Timestamp,
) -> Result<Result<(), Code>, Error> {
    let limit = Limit::new_passwords(account);
    if !app.store.counted(&app.needs.keys).count(&limit, now).await? {
        app.record_limit_reached(&limit);
        return Ok(Err(Code::TooManyPasswords));
    }
    let Some(present) = &account.password_hash else { return Ok(Ok(())) };
    let verdict = app.needs.passwords.verify(typed, Some(present), app.entropy.salt()).verdict;
    Ok(if verdict == Verdict::Wrong { Ok(()) } else { Err(Code::SameAsPresentPassword) })
}
