//! Removes the backup email, or cancels a pending address, whatever that is to become.
use domain::{Account, Backup};
use serde::Deserialize;
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::web::pages::AccountPage;
use shared::web::{Banner, Change, Code, Reply, Request, StatusCode, WantedChange};

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    what: Option<What>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Pending,
    Confirmed,
}

impl From<What> for Change {
    fn from(what: What) -> Self {
        match what {
            What::Pending => Self::CancelRequest,
            What::Confirmed => Self::RemoveBackup,
        }
    }
}

/// POST `/account/backup/remove`. Without `what` it cancels the pending address if there is one, else it removes
/// the confirmed one.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let Authenticated { session, account } = app.require_authenticated(&request, now).await?;
    let form: Form = request.form()?;
    let what = form.what.unwrap_or(if account.pending().is_some() { What::Pending } else { What::Confirmed });
    // Cancelling needs this too: otherwise a thief at an unlocked laptop could block the owner.
    if !session.is_fresh(now) {
        let wanted = WantedChange::new(what.into(), &account, now);
        return Ok(Reply::to_sign_in_again(&wanted, &app.texts(account.language)));
    }

    // Also while changes are frozen: what an undo restored may be a thief's own address.
    let done = match (what, account.pending(), account.backup.confirmed()) {
        (What::Pending, Some(pending), _) => {
            let entry = (app.message_id(), request.client_info());
            app.store.cancel_pending(&account, pending, entry, now).await?
        }
        (What::Confirmed, _, Some(_)) => {
            app.store.remove_backup(&account, app.message_id(), request.client_info(), now).await?
        }
        (What::Pending, None, _) | (What::Confirmed, _, None) => false,
    };

    let texts = app.texts(account.language);
    if done {
        let page = AccountPage::new(&without(account, what), now, texts);
        let banner = match what {
            What::Pending => Banner::RequestCancelled,
            What::Confirmed => Banner::BackupRemoved,
        };
        return Ok(Reply::see_other("/account", StatusCode::OK, &page).with_banner(banner));
    }
    Ok(Reply::nothing_done("/account", &Code::NothingToRemove.into(), &texts)
        .with_banner(Banner::NothingLeftToRemove))
}

/// The account as it is now.
fn without(account: Account, what: What) -> Account {
    match what {
        What::Pending => account.without_pending(),
        What::Confirmed => {
            let backup = Backup::new(None, account.backup.pending().cloned());
            Account { backup, former: None, ..account }
        }
    }
}
