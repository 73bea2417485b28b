//! Confirms a backup email through the link sent to it.
use domain::{Account, Link, Purpose, Timestamp, TokenHash};
use shared::app::App;
use shared::confirmation::{self, ConfirmedAs};
use shared::error::Error;
use shared::requirements::BackupConfirmation;
use shared::store::{ConfirmRefused, Confirmation, StoreError};
use shared::web::pages::ConfirmedPage;
use shared::web::{Reply, Request};

/// GET `/backup/confirm`.
pub async fn get(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    confirmation::get::<BackupEmail>(app, &request).await
}

/// POST `/backup/confirm`.
pub async fn post(app: &App<BackupConfirmation>, request: Request) -> Result<Reply, Error> {
    confirmation::post::<BackupEmail>(app, &request).await
}

/// An address that becomes the backup email.
struct BackupEmail;

impl ConfirmedAs for BackupEmail {
    type Needs = BackupConfirmation;
    type ConfirmedPage = ConfirmedPage;
    const PURPOSE: Purpose = Purpose::ConfirmBackup;
    const PATH: &str = "/backup/confirm";

    fn confirmed(app: &App<Self::Needs>, account: Account, link: &Link, now: Timestamp) -> Account {
        account.with_confirmed(&link.address, app.needs.waiting_period, now)
    }

    fn confirmed_page(
        app: &App<Self::Needs>,
        account: &Account,
        link: &Link,
        now: Timestamp,
    ) -> Option<Self::ConfirmedPage> {
        let backup = account.backup.confirmed().filter(|backup| backup.address == link.address)?;
        let waits_until = Some(backup.usable_from).filter(|from| *from > now);
        Some(ConfirmedPage::new(account, &link.address, waits_until, app.texts(account.language)))
    }

    async fn confirm(
        app: &App<Self::Needs>,
        confirmation: Confirmation<'_>,
        _: &[TokenHash],
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefused>, StoreError> {
        app.store.confirm_backup(confirmation, app.needs.waiting_period, now).await
    }
}
