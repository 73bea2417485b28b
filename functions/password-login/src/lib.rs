//! Signs in with a password and a username, a primary or a confirmed backup email.
//!
//! Every identifier costs the same: two counts, one look-up, one account read, one Argon2id run (and one run of each
//! former hash function that the operator configured). Every failure gets the same answer. Attempts are counted for the
//! account, whatever was typed, or for what was typed where that names none. A browser in which the account has signed in
//! before has an allowance of its own.
use std::net::IpAddr;

use domain::oidc::WaitingRequest;
use domain::{
    Account, AccountId, CountedFor, DeviceId, EmailAddress, FormId, Identifier, Limit, PasswordAttempt,
    Session, SignInEmail, SignInMethod, Timestamp, Token, TypedPassword, Verdict,
};
use futures_util::future::join;
use serde::Deserialize;
use shared::app::App;
use shared::error::{Error, chain};
use shared::known_browser::RememberedDevice;
use shared::logging;
use shared::metrics::Event;
use shared::requirements::PasswordChecks;
use shared::store::{AddressUse, LimitReached, PasswordSignIn, SignInRefused};
use shared::texts::Texts;
use shared::web::pages::{Reason, SignInPage, SignedIn};
use shared::web::{Code, LocalPath, Problem, Reply, Request, SessionCookie, StatusCode};

#[derive(Deserialize)]
struct Credentials {
    identifier: String,
    #[serde(default)]
    password: TypedPassword,
    #[serde(default)]
    next: LocalPath,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    form_id: String,
}

/// The account that an identifier names, if it may sign in with a password.
struct Named {
    account: Account,
    /// The address that was typed, if it was one.
    address: Option<(SignInEmail, EmailAddress)>,
}

/// GET `/login`.
pub async fn get(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let next = LocalPath::from(request.query("next").unwrap_or_default());
    let reason = request.query("reason").as_deref().and_then(Reason::parse);
    let banner = request.banner();
    let waiting = request.waiting_authorization(app.now());
    let asked_for = waiting.as_ref().and_then(WaitingRequest::language);
    let texts = app.texts(asked_for.unwrap_or_else(|| request.language()));
    let page = SignInPage::new(next, app.form_id(), texts)
        .with_reason(reason, request.wanted_change())
        .with_requested(request.requested_email())
        .with_client(request.waiting_client())
        .with_login_hint(waiting.as_ref().and_then(WaitingRequest::login_hint))
        .with_banner(banner);
    Ok(Reply::page(StatusCode::OK, page).having_shown(banner))
}

/// POST `/login`.
pub async fn post(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let texts = app.texts(request.language());
    let form: Credentials = request.form()?;
    let identifier = Identifier::parse(&form.identifier);
    let device = app.needs.keys.device_of(&request.device_cookie(), identifier.counted_as());

    // What does not wait for each other goes at the same time, so that a sign-in is three round trips.
    let network = count_network(app, request.client(), device.as_ref(), now);
    let (candidates, network) = join(look_up(app, &identifier), network).await;
    let (candidates, network) = (candidates?, network?);
    let whose = CountedFor::new(candidates.first(), &identifier);
    let attempt = PasswordAttempt::new(&whose, device.as_ref(), request.client());
    let counting = count(app, network, &attempt, now);
    let (named, counted) = join(find(app, &identifier, candidates, now), counting).await;
    let (named, counted) = (named?, counted?);
    if let Err(LimitReached(limit)) = &counted {
        app.record_limit_reached(limit);
    }
    if let Some(named) = &named {
        logging::record_account(&named.account.id);
    }

    let allowed = counted.is_ok();
    let hash = named.as_ref().filter(|_| allowed).and_then(|named| named.account.password_hash.as_ref());
    let verdict = app.needs.passwords.verify(&form.password, hash, app.entropy.salt()).verdict;
    let (Some(named), true) = (&named, verdict != Verdict::Wrong) else {
        tracing::info!(allowed, "wrong credentials");
        return Err(refused(app, &request, Code::WrongCredentials, form, texts));
    };
    let secret = secret_for(app, &form.form_id, &named.account);
    let typed = named.address.as_ref().map(|(sign_in_email, _)| *sign_in_email);
    let method = SignInMethod::with_password(typed);
    let session = Session::begin(secret.hash(), &named.account, method, request.client_info(), now);
    let remembered = app.remember_device(&request, &named.account);
    match open(app, &request, named, &session, &attempt, &remembered, now).await? {
        Ok(()) => {}
        // The first click opened it.
        Err(SignInRefused::SessionExists) => {
            let cookie = SessionCookie::of(&session, secret, now);
            return Ok(signed_in(&request, &form.next, &named.account, cookie, &remembered));
        }
        Err(SignInRefused::AccountEnded) => {
            tracing::warn!("disabled or ended while the password was verified");
            return Err(refused(app, &request, Code::WrongCredentials, form, texts));
        }
        Err(SignInRefused::LimitReached(limit)) => {
            app.record_limit_reached(&limit);
            return Err(refused(app, &request, Code::TooManySignIns, form, texts));
        }
    }

    app.count(Event::SignedIn(method));
    tracing::info!("signed in with a password");
    upgrade(app, &named.account, &verdict).await;
    let cookie = SessionCookie::of(&session, secret, now);
    Ok(signed_in(&request, &form.next, &named.account, cookie, &remembered))
}

fn signed_in(
    request: &Request,
    next: &LocalPath,
    account: &Account,
    cookie: SessionCookie,
    remembered: &RememberedDevice,
) -> Reply {
    Reply::signed_in(request, account, next, &SignedIn::new(account))
        .with_session(cookie)
        .with_device(&remembered.cookie)
}

/// The secret of the session: the same for a second click on the button of the same form, else a random one.
fn secret_for(app: &App<PasswordChecks>, form_id: &str, account: &Account) -> Token {
    let form = FormId::parse(form_id);
    let keys = &app.needs.keys;
    let of_form =
        form.and_then(|form| keys.session_token_of_form(form, account.id.as_str(), app.unix_milliseconds()));
    of_form.unwrap_or_else(|| app.entropy.token())
}

/// Counts the attempt for the client's network. A browser that is known has an allowance of its own instead.
async fn count_network(
    app: &App<PasswordChecks>,
    client: IpAddr,
    device: Option<&DeviceId>,
    now: Timestamp,
) -> Result<Result<(), LimitReached>, Error> {
    if device.is_some() {
        return Ok(Ok(()));
    }
    let limit = Limit::failed_passwords_from(client);
    let counted = app.store.counted(&app.needs.keys).count(&limit, now).await?;
    Ok(if counted { Ok(()) } else { Err(LimitReached(limit)) })
}

/// Counts the attempt for the account or the browser, unless the network's limit is reached.
async fn count(
    app: &App<PasswordChecks>,
    network: Result<(), LimitReached>,
    attempt: &PasswordAttempt,
    now: Timestamp,
) -> Result<Result<(), LimitReached>, Error> {
    if network.is_err() {
        return Ok(network);
    }
    Ok(app.store.counted(&app.needs.keys).count_password_attempt(attempt, now).await?)
}

/// The page again. Every wrong password or identifier gets the same one.
fn refused(
    app: &App<PasswordChecks>,
    request: &Request,
    code: Code,
    form: Credentials,
    texts: Texts,
) -> Error {
    let problem = Problem::from(code);
    let page = SignInPage::new(form.next, app.form_id(), texts.clone())
        .with_reason(Reason::parse(&form.reason), request.wanted_change())
        .with_client(request.waiting_client())
        .with_password_problem(&problem, form.identifier);
    Error::on_page(problem, page, texts)
}

/// The accounts that an identifier may name, with one look-up, even if it can name nobody.
async fn look_up(app: &App<PasswordChecks>, identifier: &Identifier) -> Result<Vec<AccountId>, Error> {
    Ok(match identifier {
        Identifier::Username(username) => app.store.find_by_username(username).await?.into_iter().collect(),
        Identifier::Email(address) => app.store.find_by_email(address).await?,
        Identifier::Neither(_) => app.store.find_nobody().await?,
    })
}

/// Finds the account among the candidates with one read, even if there is none or it is disabled.
async fn find(
    app: &App<PasswordChecks>,
    identifier: &Identifier,
    candidates: Vec<AccountId>,
    now: Timestamp,
) -> Result<Option<Named>, Error> {
    let candidates = if candidates.is_empty() { vec![AccountId::nobody()] } else { candidates };
    for id in candidates {
        let Some(account) = app.store.load_account(&id).await? else { continue };
        if account.is_disabled() {
            logging::record_account(&account.id);
            tracing::warn!("the account is disabled");
            continue;
        }
        // The index may lag: the account itself shows whether the address is still one of its own.
        let address = match identifier {
            Identifier::Email(address) => match account.stored_sign_in_email(address, now) {
                Some((sign_in_email, stored)) => Some((sign_in_email, stored.clone())),
                None => continue,
            },
            Identifier::Username(_) | Identifier::Neither(_) => None,
        };
        return Ok(Some(Named { account, address }));
    }
    Ok(None)
}

/// Replaces an outdated hash. If that fails, the sign-in succeeds anyway and the next one tries again: the session is
/// open already, and only this answer has its secret.
async fn upgrade(app: &App<PasswordChecks>, account: &Account, verdict: &Verdict) {
    let (Verdict::RightButOutdated(upgraded), Some(hash)) = (verdict, &account.password_hash) else { return };
    if let Err(error) = app.store.upgrade_password(&account.id, hash, upgraded).await {
        tracing::warn!(error = chain(&error), "a hash stays outdated");
    }
}

/// Opens the session of a right password. It is refused when the account was disabled, or all its sessions ended, while
/// the password was verified: what was begun before an undo must not succeed after it.
async fn open(
    app: &App<PasswordChecks>,
    request: &Request,
    named: &Named,
    session: &Session,
    attempt: &PasswordAttempt,
    remembered: &RememberedDevice,
    now: Timestamp,
) -> Result<Result<(), SignInRefused>, Error> {
    let account = &named.account;
    let other = named.address.as_ref().filter(|(sign_in_email, _)| *sign_in_email != SignInEmail::Primary);
    let other = other.map(|(sign_in_email, address)| {
        (*sign_in_email, address, app.notice_of_use(request, account, address, remembered))
    });
    let used = other.as_ref().map(|(sign_in_email, address, notice)| AddressUse {
        account,
        sign_in_email: *sign_in_email,
        address,
        notice,
    });
    let former = request.session().map(|former| former.hash());
    let entry_id = &app.message_id();
    let sign_in = PasswordSignIn { account, session, former: former.as_ref(), attempt, entry_id, used };
    Ok(app.store.counted(&app.needs.keys).open_session_with_password(sign_in, now).await?)
}
