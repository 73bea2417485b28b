//! Counts requests for emails, and tells the operator when a limit is reached.
use domain::{EmailRequest, Limit, MessageId, Requester, TypedAddress};

use crate::app::App;
use crate::error::Error;
use crate::metrics::Event;
use crate::requirements::EmailRequests;
use crate::store::LimitReached;
use crate::web::Request;

impl<R> App<R> {
    /// Tells the operator that a limit is reached: its name, never its subject, which may be an address.
    pub fn record_limit_reached(&self, limit: &Limit) {
        self.count(Event::Refused(limit.into()));
        tracing::warn!(limit = limit.name, "a limit is reached");
    }
}

impl App<EmailRequests> {
    /// The limit on all emails of a day, for this requester's shard.
    pub fn daily_email_limit(&self, requester: Requester<'_>) -> Limit {
        self.needs.daily_emails.shard_for(requester)
    }

    /// Requests an email on behalf of a stranger: one transaction that counts and enqueues, the same for every
    /// address. The stranger does not learn that a limit is reached.
    pub async fn request_email(
        &self,
        request: &Request,
        id: &MessageId,
        email: EmailRequest,
        typed: &TypedAddress,
    ) -> Result<(), Error> {
        self.count(Event::Requested((&email).into()));
        let client = request.client();
        let limits = match self.needs.keys.device_of(&request.device_cookie(), typed.as_str()) {
            // A browser that is known has an allowance of its own, which nobody else can use up.
            Some(device) => vec![Limit::emails_on(&device), Limit::emails_of_known_browsers(typed)],
            None => vec![
                Limit::emails_to(typed),
                Limit::emails_from(client),
                self.daily_email_limit(Requester::Client(client)),
            ],
        };
        let counted = self.store.counted(&self.needs.keys);
        if let Err(LimitReached(limit)) = counted.request_email(id, email, &limits, self.now()).await? {
            self.record_limit_reached(&limit);
        }
        Ok(())
    }
}
