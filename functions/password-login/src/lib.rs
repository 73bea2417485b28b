//! Signs in with a password and a username, a primary or a confirmed backup email.
//!
//! Every identifier costs the same: one count, one look-up, one account read, one Argon2id run (and one of each
//! former function that the operator named); then one answer.
use domain::{
    Account, AccountId, Identifier, PasswordAttempt, Session, SignInEmail, SignInMethod, Timestamp,
    TypedPassword, Verdict,
};
use serde::Deserialize;
use shared::app::App;
use shared::error::{Error, chain};
use shared::metrics::Event;
use shared::store::{PasswordSignIn, RateLimitDecision};
use shared::texts::Texts;
use shared::web::pages::{Reason, SignInPage, SignedIn};
use shared::web::{Code, LocalPath, Method, Problem, Reply, Request, SessionCookie, StatusCode};

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

/// Whom an identifier names, if it may sign in with a password.
struct Named {
    account: Account,
    /// The address that was typed, if it was one.
    sign_in_email: Option<SignInEmail>,
}

/// GET and POST `/login`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("GET, HEAD, POST")?;
    let texts = app.texts(request.language());
    if request.method == Method::GET {
        let next = LocalPath::from(request.query("next").unwrap_or_default().to_owned());
        let reason = request.query("reason").and_then(Reason::parse);
        return Ok(Reply::page(StatusCode::OK, SignInPage::new(next, texts).with_reason(reason)));
    }
    let form: Form = request.form()?;
    let identifier = Identifier::parse(&form.identifier);
    let password = PasswordAttempt::new(&identifier, request.client);

    let decision = app.store.count_password_attempt(&password, now).await?;
    if let RateLimitDecision::Limited(limit) = &decision {
        app.record_limit_reached(&request, limit);
    }
    let allowed = !matches!(decision, RateLimitDecision::Limited(_));
    let named = find(app, &request, &identifier, now).await?;
    if let Some(named) = &named {
        request.is_about(&named.account.id);
    }
    let hash = named.as_ref().filter(|_| allowed).and_then(|named| named.account.password_hash.as_ref());
    let verdict = app.passwords.verify(&form.password, hash, app.entropy.salt()).verdict;

    let (Some(named), true) = (&named, verdict != Verdict::Wrong) else {
        let account_id = request.about.account_id();
        tracing::info!(request_id = request.id, account_id, allowed, "wrong credentials");
        return Ok(wrong(form, texts));
    };
    let secret = app.entropy.token();
    // Where all sessions were ended in this very second, those that begin after that are of the next.
    let begins = now.max(named.account.sessions_valid_from);
    let (id, source) = (named.account.id.clone(), request.source());
    let session = Session::begin(secret.hash(), id, SignInMethod::Password, source, begins);
    if !open(app, &request, named, &session, (&password, &decision), now).await? {
        let account_id = request.about.account_id();
        tracing::warn!(
            request_id = request.id,
            account_id,
            "disabled or ended while the password was verified"
        );
        return Ok(wrong(form, texts));
    }
    app.count(Event::SignedIn(session.method));
    tracing::info!(
        request_id = request.id,
        account_id = named.account.id.as_str(),
        "signed in with a password"
    );
    upgrade(app, &request, &named.account, &verdict).await;
    let next = form.next.as_str();
    Ok(Reply::see_other(next, StatusCode::OK, &SignedIn::new(&named.account))
        .with_session(SessionCookie::Set(secret)))
}

/// The one answer to whatever does not fit.
fn wrong(form: Form, texts: Texts) -> Reply {
    let problem = Problem::from(Code::WrongCredentials);
    let page = SignInPage::new(form.next, texts.clone())
        .with_reason(Reason::parse(&form.reason))
        .with_password_problem(&problem, form.identifier);
    Reply::refusal(problem, page, texts)
}

/// Finds the account with one look-up and one read, also where the look-up finds nobody or a disabled account.
async fn find(
    app: &App,
    request: &Request,
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
            request.is_about(&account.id);
            tracing::warn!(
                request_id = request.id,
                account_id = account.id.as_str(),
                "the account is disabled"
            );
            continue;
        }
        // The index may lag: the account itself decides whether the address is (still) its own.
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

/// Replaces an outdated hash. Where that fails the sign-in stands, and the next one tries again: the session is open,
/// and without this answer nobody would hold its secret.
async fn upgrade(app: &App, request: &Request, account: &Account, verdict: &Verdict) {
    let (Verdict::RightButOutdated(upgraded), Some(hash)) = (verdict, &account.password_hash) else { return };
    if let Err(error) = app.store.upgrade_password(&account.id, hash, upgraded).await {
        let (account_id, error) = (account.id.as_str(), chain(&error));
        tracing::warn!(request_id = request.id, account_id, error, "a hash stays outdated");
    }
}

async fn open(
    app: &App,
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
    Ok(app.store.open_session_with_password(sign_in, now).await?)
}
