//! Makes another address the primary email, through the link sent to it. All other sessions end.
use domain::{Account, Link, Purpose, Timestamp, TokenHash};
use shared::app::App;
use shared::confirmation::{self, ConfirmedAs};
use shared::error::Error;
use shared::requirements::PrimaryConfirmations;
use shared::store::{ConfirmRefused, Confirmation, StoreError};
use shared::web::pages::{ConfirmPage, PrimaryConfirmedPage};
use shared::web::{Reply, Request};

/// GET `/primary/confirm`.
pub async fn get(app: &App<PrimaryConfirmations>, request: Request) -> Result<Reply, Error> {
    confirmation::get::<Primary>(app, &request).await
}

/// POST `/primary/confirm`.
pub async fn post(app: &App<PrimaryConfirmations>, request: Request) -> Result<Reply, Error> {
    confirmation::post::<Primary>(app, &request).await
}

/// An address that becomes the primary.
struct Primary;

impl ConfirmedAs for Primary {
    type Needs = PrimaryConfirmations;
    type ConfirmedPage = PrimaryConfirmedPage;
    const PURPOSE: Purpose = Purpose::ConfirmPrimary;
    const PATH: &str = "/primary/confirm";

    fn complete(app: &App<Self::Needs>, account: &Account, link: &Link, page: ConfirmPage) -> ConfirmPage {
        page.replacing_primary(account, &link.address, app.needs.hold)
    }

    fn confirmed(app: &App<Self::Needs>, account: Account, link: &Link, now: Timestamp) -> Account {
        account.with_taken(&link.address, app.needs.hold, now)
    }

    fn confirmed_page(
        app: &App<Self::Needs>,
        account: &Account,
        link: &Link,
        now: Timestamp,
    ) -> Option<Self::ConfirmedPage> {
        let is_primary = account.primary.address == link.address;
        is_primary.then(|| PrimaryConfirmedPage::new(account, now, app.texts(account.language)))
    }

    async fn confirm(
        app: &App<Self::Needs>,
        confirmation: Confirmation<'_>,
        sessions: &[TokenHash],
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefused>, StoreError> {
        let confirmed = app.store.confirm_primary(confirmation, sessions, app.needs.hold, now).await?;
        if confirmed.is_ok() {
            tracing::info!("another address was made the primary");
        }
        Ok(confirmed)
    }
}
