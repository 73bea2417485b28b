//! Asks for a backup email: define, change, send again.
use domain::{Account, Backup, EmailAddress, Limit, PendingAddress, Requester, Timestamp, TypedAddress};
use serde::Deserialize;
use shared::app::{App, Visitor};
use shared::error::Error;
use shared::metrics::{Event, Subject};
use shared::store::LimitReached;
use shared::web::pages::AccountPage;
use shared::web::{Code, Problem, Reply, Request, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    email: String,
}

enum Outcome {
    Asked(PendingAddress),
    SignInAgain,
    Refused(Problem),
}

/// POST `/account/backup`.
///
/// An address of another account takes the very same way as a free one: nothing here looks for its owner.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("POST")?;
    let visitor = app.visitor(&request, now).await?.ok_or(Error::NotSignedIn)?;
    let form: Form = request.form()?;

    let outcome = match may_become_backup(&visitor, &form.email, now) {
        Err(problem) => Outcome::Refused(problem),
        Ok(_) if !visitor.session.is_fresh(now) => Outcome::SignInAgain,
        Ok(address) => {
            let account = &visitor.account.id;
            let limits = [
                Limit::backup_request_spacing(account),
                Limit::backup_requests(account),
                Limit::emails_to(&TypedAddress::from(&address)),
                app.store.daily_email_limit(Requester::Account(account))?,
            ];
            // What was asked for before all sessions ended is void; after that in this very second is of the next.
            let since = now.max(visitor.account.sessions_valid_from);
            let pending = PendingAddress { address, since, request: app.message_id() };
            app.count(Event::Requested(Subject::Confirmation));
            match app.store.request_backup(account, &pending, &limits, since).await? {
                Ok(()) => Outcome::Asked(pending),
                Err(LimitReached(limit)) => {
                    app.record_limit_reached(&request, &limit);
                    let code = if limit == limits[0] { Code::TooSoon } else { Code::TooMany };
                    Outcome::Refused(code.into())
                }
            }
        }
    };

    let texts = app.texts(visitor.account.language);
    Ok(match outcome {
        Outcome::Asked(pending) => {
            let backup = Backup::new(visitor.account.backup.confirmed().cloned(), Some(pending));
            let account = Account { backup, ..visitor.account };
            let page = AccountPage::new(&account, now, texts).with_code(&account, app.hashing_key()?);
            Reply::see_other("/account", StatusCode::ACCEPTED, &page).clearing_typed()
        }
        Outcome::SignInAgain => Reply::to_sign_in_again(&texts).with_typed(&visitor.account.id, &form.email),
        Outcome::Refused(problem) => {
            let page = AccountPage::new(&visitor.account, now, texts.clone())
                .with_code(&visitor.account, app.hashing_key()?)
                .with_problem(&problem, form.email);
            Reply::refusal(problem, page, texts)
        }
    })
}

fn may_become_backup(visitor: &Visitor, typed: &str, now: Timestamp) -> Result<EmailAddress, Problem> {
    if visitor.account.frozen_until(now).is_some() {
        return Err(Code::BackupFrozen.into());
    }
    let address = EmailAddress::parse(typed)?;
    visitor.account.may_become_backup(&address)?;
    Ok(address)
}
