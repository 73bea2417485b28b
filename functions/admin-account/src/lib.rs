//! A product's back end creates, reads, changes, disables and deletes accounts of its own, by its own ids.
//!
//! Only principals of IAM reach it (docs/decisions/0035). It says what it wants an account to be, as often as it likes.
mod representation;

use domain::{
    Account, AccountChanges, AccountId, Actor, ChangesRefused, EmailChange, EventContext, ExternalId,
    Timestamp,
};
use representation::{Deleted, Wanted, read, reply};
use shared::app::App;
use shared::error::Error;
use shared::logging;
use shared::metrics::{Event, Subject};
use shared::requirements::AccountAdministration;
use shared::runtime::{self, Methods};
use shared::store::{AccountUpdate, Deleting, Deletion, NewAccount, NotCreated, StoreError, UpdateRefused};
use shared::web::{Code, Method, PreconditionFailed, Problem, Reply, Request, StatusCode};

/// What a PUT has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The account is new.
    Created,
    /// It has changed.
    Changed,
    /// It was as wanted.
    IsAsWanted,
    /// Nothing: others have changed it since it was read.
    Nothing,
}

/// How often an account is read that others change at the same time.
const READS: usize = 5;

/// What the function answers.
pub fn methods() -> Methods<AccountAdministration> {
    runtime::get(get).put(put).delete(delete).post(post)
}

/// GET `/admin/accounts/{external_id}`.
pub async fn get(app: &App<AccountAdministration>, request: Request) -> Result<Reply, Error> {
    let account =
        app.find_account_by_external_id(&request.external_id()?).await?.ok_or(Code::AccountUnknown)?;
    let reply = reply(StatusCode::OK, &account);
    match request.preconditions().check(&Method::GET, reply.entity_tag()) {
        Ok(()) => Ok(reply),
        Err(PreconditionFailed::NotModified) => Ok(reply.not_modified()),
        Err(failed) => Err(Problem::from(failed).into()),
    }
}

/// PUT `/admin/accounts/{external_id}`.
pub async fn put(app: &App<AccountAdministration>, request: Request) -> Result<Reply, Error> {
    let external_id = request.external_id()?;
    let wanted = read(&request)?;
    for _ in 0..READS {
        let present = app.find_account_by_external_id(&external_id).await?;
        // After the account, so that what was deleted as expired has expired at that time.
        let now = app.now();
        check(&request, &Method::PUT, present.as_ref())?;
        let done = match &present {
            None => create(app, &external_id, &wanted, now).await?,
            Some(account) => update(app, account, &wanted, now).await?,
        };
        let status = match (done, present) {
            (Done::Nothing, _) => continue,
            (Done::IsAsWanted, Some(account)) => return Ok(reply(StatusCode::OK, &account)),
            (Done::Created, _) => StatusCode::CREATED,
            (Done::Changed | Done::IsAsWanted, _) => StatusCode::OK,
        };
        let account = app.find_account_by_external_id(&external_id).await?.ok_or(Code::AccountUnknown)?;
        return Ok(reply(status, &account));
    }
    Err(Code::ChangedMeanwhile.into())
}

/// DELETE `/admin/accounts/{external_id}`. Interrupted, it is to be repeated, and goes on.
pub async fn delete(app: &App<AccountAdministration>, request: Request) -> Result<Reply, Error> {
    let external_id = request.external_id()?;
    for _ in 0..READS {
        let account = app.find_account_by_external_id(&external_id).await?.ok_or(Code::AccountUnknown)?;
        let now = app.now();
        // A deletion that has begun has met its condition, and has changed the account.
        if account.deleting_since.is_none() {
            check(&request, &Method::DELETE, Some(&account))?;
        }
        let deleting = Deleting { by: Actor::Product, entry_id: app.message_id() };
        let moment = || (app.message_id(), app.now());
        let begun = unless_crowded(app.store.begin_deletion(&account, &deleting, now).await)?;
        if begun != Some(Deletion::Done) {
            continue;
        }
        let done = unless_crowded(app.store.go_on_deleting(&account.id, &deleting, moment).await)?;
        if done == Some(Deletion::Done) {
            tracing::info!("deleted an account");
            let deleted = Deleted::new(external_id, app.needs.log_retention_days);
            return Ok(Reply::document(StatusCode::OK, &deleted));
        }
    }
    Err(Code::ChangedMeanwhile.into())
}

/// POST `/admin/accounts/{external_id}/disable`, `enable` and `end-sessions`. Each may be repeated.
pub async fn post(app: &App<AccountAdministration>, request: Request) -> Result<Reply, Error> {
    let external_id = request.external_id()?;
    let action = request.route().strip_prefix("/admin/accounts/{external_id}/").unwrap_or_default();
    for _ in 0..READS {
        let account = app.find_account_by_external_id(&external_id).await?.ok_or(Code::AccountUnknown)?;
        // Of the account, as it was just read: an action is a resource without a representation.
        check(&request, &Method::POST, Some(&account))?;
        if account.deleting_since.is_some() {
            return Err(Code::AccountBeingDeleted.into());
        }
        let (context, entry_id, now) =
            (EventContext::of(&account, Actor::Product), app.message_id(), app.now());
        let written = match action {
            "disable" | "enable" if account.is_disabled() == (action == "disable") => {
                return Ok(Reply::done());
            }
            "disable" => app.store.disable_account(context, entry_id, now).await,
            "enable" => app.store.enable_account(context, entry_id, now).await,
            "end-sessions" => app.store.end_all_sessions(context, entry_id, now).await,
            _ => return Err(Code::NotFound.into()),
        };
        // Where the condition is false, the account is gone, is being deleted or is as wanted by now.
        if unless_crowded(written)? == Some(true) {
            match action {
                "disable" => tracing::info!("disabled an account"),
                "enable" => tracing::info!("enabled an account"),
                _ => tracing::info!("ended all sessions of an account"),
            }
            return Ok(Reply::done());
        }
    }
    Err(Code::ChangedMeanwhile.into())
}

/// Refuses a request whose conditions the account does not meet.
fn check(request: &Request, method: &Method, account: Option<&Account>) -> Result<(), Problem> {
    let present = account.map(|account| reply(StatusCode::OK, account));
    let tag = present.as_ref().and_then(Reply::entity_tag);
    Ok(request.preconditions().check(method, tag)?)
}

/// Creates an account, unless another request has just done so.
async fn create(
    app: &App<AccountAdministration>,
    external_id: &ExternalId,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Done, Error> {
    let Wanted { account, password_hash } = wanted;
    let username = account.username.as_new().map_err(|why| Problem::invalid_field("username", &why))?;
    if !account.email_verified {
        return Err(Problem::of_field("email_verified", Code::EmailNotVerified).into());
    }
    if let Some(hash) = password_hash
        && !app.needs.passwords.takes_time_of(hash)
    {
        let why = format!(
            "{} is not in the parameter FormerHashes, so sign-ins would tell whose it is",
            hash.cost()
        );
        return Err(Problem::invalid_field("password_hash", &why).into());
    }
    let new = NewAccount {
        id: AccountId::new(app.message_id().as_str()),
        external_id: Some(external_id.clone()),
        username: username.clone(),
        primary: account.email.clone(),
        kind: account.kind,
        password_hash: password_hash
            .as_ref()
            .map(|hash| app.needs.passwords.wrap_imported(hash, app.entropy.salt())),
        language: account.language.unwrap_or_default(),
        by: Actor::Product,
        entry_id: app.message_id(),
    };
    app.store.release_expired_claim(&new.primary, now).await?;
    let created = app.store.create_account(&new, now).await;
    let Some(created) = unless_crowded(created)? else { return Ok(Done::Nothing) };
    match created {
        Ok(()) => {
            logging::record_account(&new.id);
            tracing::info!("created an account");
            Ok(Done::Created)
        }
        Err(NotCreated::ExternalIdTaken) => Ok(Done::Nothing),
        Err(NotCreated::UsernameTaken | NotCreated::UsernameLooksTaken) => Err(username_taken()),
        // It brings no backup email along.
        Err(NotCreated::EmailTaken | NotCreated::BackupTaken) => Err(email_taken()),
    }
}

/// Makes an account what is wanted, unless others have just changed it.
async fn update(
    app: &App<AccountAdministration>,
    account: &Account,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Done, Error> {
    if account.deleting_since.is_some() {
        return Err(Code::AccountBeingDeleted.into());
    }
    let changes = account.changes_to(&wanted.account, now).map_err(refused)?;
    if changes.is_empty() {
        return Ok(Done::IsAsWanted);
    }
    change(app, account, &changes, now).await
}

async fn change(
    app: &App<AccountAdministration>,
    account: &Account,
    changes: &AccountChanges,
    now: Timestamp,
) -> Result<Done, Error> {
    let limits = match &changes.email {
        Some(EmailChange::Request(address)) => {
            app.needs.emails.confirmation_limits(&account.id, address).to_vec()
        }
        Some(EmailChange::Replace(address)) => {
            app.store.release_expired_claim(address, now).await?;
            Vec::new()
        }
        Some(EmailChange::Cancel) | None => Vec::new(),
    };
    let update = AccountUpdate {
        account,
        changes,
        limits: &limits,
        hold: app.needs.hold,
        event_id: &app.message_id(),
        entry_id: &app.message_id(),
        request_id: &app.message_id(),
    };
    let counted = app.store.counted(&app.needs.emails.keys);
    let Some(updated) = unless_crowded(counted.update_account(update, now).await)? else {
        return Ok(Done::Nothing);
    };
    // Once for each PUT: what found the account changed is tried again.
    let is_decided = matches!(updated, Ok(()) | Err(UpdateRefused::LimitReached(_)));
    if is_decided && matches!(changes.email, Some(EmailChange::Request(_))) {
        app.count(Event::Requested(Subject::Confirmation));
    }
    match updated {
        Ok(()) => {
            let (profile, email) = (changes.changes_profile(), changes.email.is_some());
            tracing::info!(profile, email, "changed an account");
            Ok(Done::Changed)
        }
        Err(UpdateRefused::AccountChanged) => Ok(Done::Nothing),
        Err(UpdateRefused::UsernameTaken | UpdateRefused::UsernameLooksTaken) => Err(username_taken()),
        Err(UpdateRefused::EmailTaken) => Err(email_taken()),
        Err(UpdateRefused::LimitReached(limit)) => {
            app.record_limit_reached(&limit);
            let code = if limit == limits[0] { Code::TooSoon } else { Code::TooMany };
            Err(Problem::of_field("email", code).into())
        }
    }
}

/// Nothing where others wrote the same items at every try: the account has to be read again.
fn unless_crowded<T>(outcome: Result<T, StoreError>) -> Result<Option<T>, Error> {
    match outcome {
        Err(error) if error.is_conflict() => Ok(None),
        outcome => Ok(Some(outcome?)),
    }
}

fn username_taken() -> Error {
    Problem::of_field("username", Code::UsernameTaken).into()
}

fn email_taken() -> Error {
    Problem::of_field("email", Code::EmailTaken).into()
}

/// Why an account does not become what is wanted, with the time from which on it may.
fn refused(why: ChangesRefused) -> Problem {
    let until = |code, until: Timestamp| {
        Problem::of_field("email", code)
            .with_detail(format!("the email can be changed from {} on", until.rfc3339()))
    };
    match why {
        ChangesRefused::Username(why) => Problem::invalid_field("username", &why),
        ChangesRefused::UnverifiedEmailOfSso => Problem::of_field("email_verified", Code::EmailNotVerified),
        ChangesRefused::Disabled => Code::AccountDisabled.into(),
        ChangesRefused::EmailChangedByOwner => Problem::of_field("email", Code::EmailChangedByOwner),
        ChangesRefused::ChangesFrozen(from) => until(Code::ChangesFrozen, from),
        ChangesRefused::PrimaryTooNew(from) => until(Code::PrimaryTooNew, from),
    }
}
