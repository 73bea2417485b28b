//! What every flow gets, built once for each process.
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use domain::{Account, ExternalId, FormId, Language, MessageId, OriginKeys, Session, Timestamp};

use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::logging;
use crate::mail::Outbound;
use crate::metrics::{Event, Metrics, Sink};
use crate::publishing::{EventBus, Publishing};
use crate::store::Store;
use crate::texts::Texts;
use crate::time_zone::DisplayZone;
use crate::web::Request;

/// What every flow needs and, in `needs`, what this one needs in addition (see [`crate::requirements`]).
#[derive(Debug, Clone)]
pub struct App<R = ()> {
    /// The database.
    pub store: Store,
    /// Randomness.
    pub entropy: Entropy,
    /// What only this flow gets.
    pub needs: R,
    clock: Clock,
    metrics: Metrics,
    product_name: Arc<str>,
    time_zone: DisplayZone,
    origin_keys: Option<OriginKeys>,
    sdk: SdkConfig,
}

/// What the mailer gets.
#[derive(Debug, Clone)]
pub struct Mailer {
    /// What every flow needs.
    pub app: App,
    /// The mail service.
    pub outbound: Outbound,
    /// How long one request may take.
    pub record_timeout: Duration,
}

/// What the publisher gets.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// What every flow needs, and what events say.
    pub app: App<Publishing>,
    /// The bus.
    pub bus: EventBus,
}

/// The outside of a process: AWS, time, randomness, output. Tests replace it.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The AWS configuration.
    pub sdk: SdkConfig,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Where metrics are written.
    pub metrics: Sink,
}

impl Platform {
    /// The system's clock and randomness, and metrics on standard output, where CloudWatch reads them.
    pub fn system(sdk: SdkConfig) -> Self {
        Self { sdk, clock: Clock::system(), entropy: Entropy::system(), metrics: Sink::standard_output() }
    }
}

/// A user who is signed in.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Their session.
    pub session: Session,
    /// Their account, as just read.
    pub account: Account,
}

impl<R> App<R> {
    /// Builds the app.
    pub fn new(config: &Config, needs: R, platform: &Platform) -> Self {
        Self {
            store: Store::new(config.tables.clone(), &platform.sdk, platform.entropy.clone()),
            entropy: platform.entropy.clone(),
            needs,
            clock: platform.clock.clone(),
            metrics: Metrics::new(&config.metrics_namespace, platform.metrics.clone()),
            product_name: config.product_name.as_str().into(),
            time_zone: config.time_zone.clone(),
            origin_keys: config.origin_keys.clone(),
            sdk: platform.sdk.clone(),
        }
    }

    /// The AWS configuration, for a client that only some flows need.
    pub(crate) const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The current second. A flow reads it once and passes it on.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a request must show that came through CloudFront, if the site is behind it.
    pub fn origin_keys(&self) -> Option<&OriginKeys> {
        self.origin_keys.as_ref()
    }

    /// A new key for an email request. Keys sort by time.
    pub fn message_id(&self) -> MessageId {
        MessageId::new(self.clock.unix_milliseconds(), self.entropy.id())
    }

    /// An id for a form on a page that is made now.
    pub fn form_id(&self) -> FormId {
        FormId::new(self.clock.unix_milliseconds(), self.entropy.id())
    }

    /// The current millisecond since the epoch, for keys that are made of a form. Everything else goes by [`App::now`].
    pub fn unix_milliseconds(&self) -> u64 {
        self.clock.unix_milliseconds()
    }

    /// Counts an event.
    pub fn count(&self, event: Event) {
        self.metrics.count(event, self.clock.unix_milliseconds());
    }

    /// The texts of a language.
    pub fn texts(&self, language: Language) -> Texts {
        Texts::new(language, Arc::clone(&self.product_name)).in_zone(self.time_zone.clone())
    }

    /// Who is signed in with the session of a request, if it is live and still valid for its account.
    pub async fn authenticate(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Authenticated>, Error> {
        let Some(token) = request.session() else { return Ok(None) };
        let Some(session) = self.store.touch_session(&token.hash(), now).await? else { return Ok(None) };
        let account = self.store.load_account(&session.account_id).await?;
        let account = account.filter(|account| session.is_valid_for(account));
        Ok(account.map(|account| Authenticated { session, account }))
    }

    /// The same, but refuses everybody else. From then on the log's span names the account.
    pub async fn require_authenticated(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Authenticated, Error> {
        let authenticated = self.authenticate(request, now).await?.ok_or(Error::NotSignedIn)?;
        logging::record_account(&authenticated.account.id);
        Ok(authenticated)
    }

    /// The account with this external id. From then on the log's span names it.
    pub async fn find_account_by_external_id(
        &self,
        external_id: &ExternalId,
    ) -> Result<Option<Account>, Error> {
        let Some(id) = self.store.find_by_external_id(external_id).await? else { return Ok(None) };
        logging::record_account(&id);
        Ok(self.store.load_account(&id).await?)
    }
}
