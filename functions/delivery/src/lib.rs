//! Notes what SES reports: that email to an address of an account fails. Nobody can call it from outside: EventBridge does,
//! with the bounces and complaints of this stack's configuration sets.
//!
//! The note stands beside the address in its record, and decides nothing: the mailer goes on sending, and SES decides by its
//! own list what it delivers. The owner reads of it on the account page; if it is about the backup email, the primary is told.
//!
//! Events come at least once, late, and in any order. One that tells nothing new changes nothing. One that is not as expected
//! is done at once, because another attempt would find the same.
use serde_json::Value;
use shared::app::App;
use shared::error::Error;
use shared::logging;
use shared::mail::FailedDelivery;
use shared::metrics::Event;
use shared::requirements::DeliveryReports;
use shared::store::{Addressee, Failed, MOST_READS};

/// Handles one event.
pub async fn handle(app: &App<DeliveryReports>, event: &Value) -> Result<(), Error> {
    let now = app.now();
    let report = match FailedDelivery::read(event, &app.needs.configuration_sets, now) {
        Ok(report) => report,
        Err(why) => {
            tracing::warn!(why = %why, "an event changes nothing");
            return Ok(());
        }
    };
    let event_id = app.message_id();
    for _ in 0..MOST_READS {
        let (account, to) = match app.store.find_addressee(&report.address, now).await? {
            Addressee::Nobody => {
                tracing::info!("email fails to an address that no account has");
                return Ok(());
            }
            Addressee::Former(owner) => {
                logging::record_account(&owner);
                tracing::info!("email fails to a former address");
                return Ok(());
            }
            Addressee::Of(account, to) => (account, to),
        };
        logging::record_account(&account.id);
        let Some(confirmed) = account.delivered_to(to) else { continue };
        let Some(delivery) = confirmed.delivery_after(report.failed) else {
            tracing::info!("email fails, as is known, or it has arrived since");
            return Ok(());
        };
        let (account, failed, delivery, event_id) = (&*account, report.failed, &delivery, &event_id);
        let failure = Failed { account, to, confirmed, failed, delivery, event_id };
        if app.store.note_failure(failure, now).await? {
            app.count(Event::Undeliverable(report.failed.why));
            tracing::warn!(
                which = to.as_str(),
                why = report.failed.why.as_str(),
                "email to an address fails"
            );
            return Ok(());
        }
    }
    Err(Error::Internal("the account changed at every attempt".into()))
}
