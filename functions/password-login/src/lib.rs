//! Signs in with a password and a username, a primary or a confirmed backup email.
//!
//! Every identifier costs the same: one count, one look-up, one account read, one Argon2id run (and one run of each
//! former hash function that the operator configured). Every failure gets the same answer.
use domain::{
    Account, AccountId, Identifier, PasswordAttempt, Session, SignInEmail, SignInMethod, Timestamp,
    TypedPassword, Verdict,
};
use serde::Deserialize;
use shared::app::App;
use shared::error::{Error, chain};
use shared::logging;
use shared::metrics::Event;
use shared::requirements::PasswordChecks;
use shared::store::{PasswordSignIn, RateLimitDecision};
use shared::texts::Texts;
use shared::web::pages::{Reason, SignInPage, SignedIn};
use shared::web::{Code, LocalPath, Problem, Reply, Request, SessionCookie, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    identifier: String,
    #[serde(default)]
    password: TypedPassword,
    #[serde(default)]
    next: LocalPath,
    #[serde(default)]
    reason: String,
}

/// The account that an identifier names, if it may sign in with a password.
struct Named {
    account: Account,
    /// The address that was typed, if it was one.
    sign_in_email: Option<SignInEmail>,
}

/// GET `/login`.
pub async fn get(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let next = LocalPath::from(request.query("next").unwrap_or_default());
    let reason = request.query("reason").as_deref().and_then(Reason::parse);
    let page = SignInPage::new(next, app.texts(request.language())).with_reason(reason);
    Ok(Reply::page(StatusCode::OK, page))
}

/// POST `/login`.
pub async fn post(app: &App<PasswordChecks>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let texts = app.texts(request.language());
    let form: Form = request.form()?;
    let identifier = Identifier::parse(&form.identifier);
    let attempt = PasswordAttempt::new(&identifier, request.client());

    let counted = app.store.counted(&app.needs.key);
    let decision = counted.count_password_attempt(&attempt, now).await?;
    if let RateLimitDecision::Limited(limit) = &decision {
        app.record_limit_reached(limit);
    }
    let allowed = !matches!(decision, RateLimitDecision::Limited(_));
    let named = find(app, &identifier, now).await?;
    if let Some(named) = &named {
        logging::record_account(&named.account.id);
    }
    let hash = named.as_ref().filter(|_| allowed).and_then(|named| named.account.password_hash.as_ref());
    let verdict = app.needs.passwords.verify(&form.password, hash, app.entropy.salt()).verdict;

    let (Some(named), true) = (&named, verdict != Verdict::Wrong) else {
        tracing::info!(allowed, "wrong credentials");
        return Err(wrong(form, texts));
    };
    let secret = app.entropy.token();
    let (method, source) = (SignInMethod::Password, request.client_info());
    let session = Session::begin(secret.hash(), &named.account, method, source, now);
    if !open(app, &request, named, &session, (&attempt, &decision), now).await? {
        tracing::warn!("disabled or ended while the password was verified");
        return Err(wrong(form, texts));
    }

    app.count(Event::SignedIn(method));
    tracing::info!("signed in with a password");
    upgrade(app, &named.account, &verdict).await;
    let next = form.next.as_str();
    Ok(Reply::see_other(next, StatusCode::OK, &SignedIn::new(&named.account))
        .with_session(SessionCookie::Set(secret)))
}

/// The one answer to every failure.
fn wrong(form: Form, texts: Texts) -> Error {
    let problem = Problem::from(Code::WrongCredentials);
    let page = SignInPage::new(form.next, texts.clone())
        .with_reason(Reason::parse(&form.reason))
        .with_password_problem(&problem, form.identifier);
    Error::on_page(problem, page, texts)
}

/// Finds the account with one look-up and one read, even if the look-up finds nobody or a disabled account.
async fn find(
    app: &App<PasswordChecks>,
    identifier: &Identifier,
    now: Timestamp,
) -> Result<Option<Named>, Error> {
    let candidates = match identifier {
        Identifier::Username(username) => app.store.find_by_username(username).await?.into_iter().collect(),
        Identifier::Email(address) => app.store.find_by_email(address).await?,
        Identifier::Neither(_) => app.store.find_nobody().await?,
    };
    let candidates = if candidates.is_empty() { vec![AccountId::nobody()] } else { candidates };
    for id in candidates {
        let Some(account) = app.store.load_account(&id).await? else { continue };
        if account.is_disabled() {
            logging::record_account(&account.id);
            tracing::warn!("the account is disabled");
            continue;
        }
        // The index may lag: the account itself shows whether the address is still one of its own.
        let sign_in_email = match identifier {
            Identifier::Email(address) => match account.sign_in_email(address, now) {
                Some(sign_in_email) => Some(sign_in_email),
                None => continue,
            },
            Identifier::Username(_) | Identifier::Neither(_) => None,
        };
        return Ok(Some(Named { account, sign_in_email }));
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

/// Opens the session of a right password. False when the account was disabled, or all its sessions ended, while the
/// password was verified: what was begun before an undo must not succeed after it.
async fn open(
    app: &App<PasswordChecks>,
    request: &Request,
    named: &Named,
    session: &Session,
    password: (&PasswordAttempt, &RateLimitDecision),
    now: Timestamp,
) -> Result<bool, Error> {
    let notice_id = app.message_id();
    let sign_in_email = named.sign_in_email.filter(|sign_in_email| *sign_in_email != SignInEmail::Primary);
    let backup_used = sign_in_email
        .and_then(|sign_in_email| named.account.address_of(sign_in_email))
        .map(|address| (address, &notice_id));
    let former = request.session().map(|former| former.hash());
    let sign_in = PasswordSignIn { session, former: former.as_ref(), password, backup_used };
    Ok(app.store.counted(&app.needs.key).open_session_with_password(sign_in, now).await?)
}
