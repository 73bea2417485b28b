//! Makes the backup email the primary: what a person does whose primary mailbox is lost for good.
//!
//! A session alone does not do it. It must just have come through a link to the backup email, so that an open browser gives
//! nobody the account for good, and nobody makes an address the primary whose mailbox is not read.
use domain::{Account, ConfirmedAddress, PromotionRefused, Session, Timestamp};
use serde::Deserialize;
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::requirements::PrimaryChanges;
use shared::store::Promotion;
use shared::web::pages::{AccountPage, PromotePage};
use shared::web::{Banner, Code, Problem, Reply, Request, SAME_CLICK, StatusCode};

#[derive(Deserialize)]
struct Form {
    /// Whether the former primary becomes the backup email.
    keep_former: bool,
    /// When the primary that the page showed became that.
    #[serde(default)]
    seen: Option<String>,
}

/// GET `/account/primary/promote`.
pub async fn get(app: &App<PrimaryChanges>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { session, account } = app.require_authenticated(&request, now).await?;
    may_promote(app, &account, &session, now)?;
    Ok(Reply::page(StatusCode::OK, page(app, &account, now)))
}

/// POST `/account/primary/promote`.
pub async fn post(app: &App<PrimaryChanges>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { session, account } = app.require_authenticated(&request, now).await?;
    let form: Form = request.form()?;
    if is_second_click(&form, &account, now) {
        return Ok(promoted(app, &account, now));
    }
    let backup = may_promote(app, &account, &session, now)?;

    let (keep_former, hold) = (form.keep_former, app.needs.hold);
    let promotion = Promotion {
        account: &account,
        backup,
        keep_former,
        hold,
        session: &session,
        event_id: &app.message_id(),
        source: &request.client_info(),
    };
    if !app.store.promote_backup(promotion, now).await? {
        // A second click may have been faster.
        let Authenticated { account, .. } = app.require_authenticated(&request, now).await?;
        if is_second_click(&form, &account, now) {
            return Ok(promoted(app, &account, now));
        }
        return Err(refused(app, Code::ChangedMeanwhile.into(), &account, now));
    }

    tracing::info!(keep_former, "the backup email was made the primary");
    Ok(promoted(app, &account.clone().with_promoted(backup, keep_former, hold, now), now))
}

fn promoted(app: &App<PrimaryChanges>, account: &Account, now: Timestamp) -> Reply {
    let page = AccountPage::new(account, now, app.texts(account.language));
    Reply::see_other("/account", StatusCode::OK, &page).with_banner(Banner::BackupPromoted)
}

/// Whether the page showed another primary than the present one, which is very new: the first click did it.
fn is_second_click(form: &Form, account: &Account, now: Timestamp) -> bool {
    let since = account.primary.usable_from;
    let seen = form.seen.as_ref().is_some_and(|seen| *seen != since.unix_seconds().to_string());
    seen && now <= since + SAME_CLICK && account.former_primaries.iter().any(|former| now < former.kept_until)
}

/// The backup email, if this session may make it the primary.
fn may_promote<'a>(
    app: &App<PrimaryChanges>,
    account: &'a Account,
    session: &Session,
    now: Timestamp,
) -> Result<&'a ConfirmedAddress, Error> {
    account.may_promote(session, app.needs.hold, now).map_err(|why| {
        let (code, until) = match why {
            PromotionRefused::SsoAccount => (Code::SsoAccount, None),
            PromotionRefused::ChangesFrozen => (Code::ChangesFrozen, account.frozen_until(now)),
            PromotionRefused::NothingToPromote => (Code::NothingToPromote, None),
            PromotionRefused::BackupTooNew(until) => (Code::BackupTooNew, Some(until)),
            PromotionRefused::PrimaryTooNew(until) => (Code::PrimaryTooNew, Some(until)),
            PromotionRefused::BackupSignInNeeded => (Code::BackupSignInNeeded, None),
        };
        refused(app, Problem::from(code).with_until(until), account, now)
    })
}

/// The page with why it is refused, and from when on it is not.
fn refused(app: &App<PrimaryChanges>, problem: Problem, account: &Account, now: Timestamp) -> Error {
    let page = page(app, account, now).with_problem(&problem);
    Error::on_page(problem, page, app.texts(account.language))
}

fn page(app: &App<PrimaryChanges>, account: &Account, now: Timestamp) -> PromotePage {
    PromotePage::new(account, app.needs.hold, now, app.texts(account.language))
}
