//! What a flow is handed: the store, the clock, randomness. Built once for each process.
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::mail::Outbound;
use crate::metrics::{Event, Metrics};
use crate::store::{LimitReached, Store};
use crate::texts::Texts;
use crate::web::Request;
use domain::link::MAX_CODE_ATTEMPTS;
use domain::{
    Account, CodeRejected, EmailRequest, HashingKey, Language, Limit, Link, LinkAuthorization, LinkCode,
    MessageId, PasswordHasher, Requester, Session, Timestamp, Token, TypedAddress,
};

use aws_types::SdkConfig;

/// What every flow needs.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// Randomness.
    pub entropy: Entropy,
    pub(crate) metrics: Metrics,
    clock: Clock,
    product_name: Arc<str>,
    hashing_key: Option<HashingKey>,
    /// How long a newly confirmed backup email is held before it opens the account.
    pub backup_hold: Duration,
    /// Hashes and verifies passwords.
    pub passwords: PasswordHasher,
}

/// What the mailer needs.
#[derive(Debug, Clone)]
pub struct MailerApp {
    /// What every flow needs.
    pub app: App,
    /// The mail service.
    pub outbound: Outbound,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Their session.
    pub session: Session,
    /// Their account, as read a moment ago.
    pub account: Account,
}

impl App {
    /// Puts the parts together.
    pub fn new(config: &Config, sdk: &SdkConfig, clock: Clock, entropy: Entropy) -> Self {
        Self {
            store: Store::new(config, sdk, entropy.clone()),
            entropy,
            metrics: Metrics::new(&config.metrics_namespace),
            clock,
            product_name: config.product_name.as_str().into(),
            hashing_key: config.hashing_key.clone(),
            backup_hold: config.backup_hold,
            passwords: PasswordHasher::new(config.former_hashes.clone()),
        }
    }

    /// The current second. A flow asks once and passes it on.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A key for a mail request, later than all before.
    pub fn message_id(&self) -> MessageId {
        MessageId::new(self.clock.unix_milliseconds(), self.entropy.id())
    }

    /// Counts an event of the story.
    pub fn count(&self, event: Event) {
        self.metrics.count(event, self.clock.unix_milliseconds());
    }

    /// The words of a language.
    pub fn texts(&self, language: Language) -> Texts {
        Texts::new(language, Arc::clone(&self.product_name))
    }

    /// The key from which the codes of links follow.
    pub fn hashing_key(&self) -> Result<&HashingKey, Error> {
        self.hashing_key
            .as_ref()
            .ok_or_else(|| Error::Internal("this function was started without HASHING_KEY".into()))
    }

    /// Whether the browser made the request of a link: it holds the cookie of the request, or the account is signed
    /// in there.
    pub fn is_same_browser(
        &self,
        link: &Link,
        asked: &[Token],
        signed_in: Option<&Account>,
    ) -> Result<bool, Error> {
        let key = self.hashing_key()?;
        let has_cookie = asked.iter().any(|asked| key.is_browser_token_of(&link.request, asked));
        Ok(has_cookie || signed_in.is_some_and(|account| account.id == link.account_id))
    }

    /// How a browser shows that it may use a link: by being the one that asked, or else by the code that the asking
    /// page shows, which is compared for one of the link's tries. What cannot be a code costs none.
    pub async fn authorize(
        &self,
        link: &Link,
        is_same_browser: bool,
        typed: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<LinkAuthorization, CodeRejected>, Error> {
        if is_same_browser {
            return Ok(Ok(LinkAuthorization::SameBrowser));
        }
        let Some(typed) = typed.filter(|typed| !typed.trim().is_empty()) else {
            return Ok(Err(CodeRejected::Needed));
        };
        let Ok(code) = LinkCode::parse(typed) else { return Ok(Err(CodeRejected::Wrong)) };
        let Some(tries) = self.store.record_code_attempt(link, now).await? else {
            return Ok(Err(CodeRejected::Locked));
        };
        let right = self.hashing_key()?.is_code_of(&link.request, &code);
        Ok(if right {
            Ok(LinkAuthorization::Code)
        } else if tries < MAX_CODE_ATTEMPTS {
            Err(CodeRejected::Wrong)
        } else {
            Err(CodeRejected::Locked)
        })
    }

    /// Asks for a mail on behalf of a stranger: one transaction that counts and queues, the same for every
    /// address. A reached limit is noted for the operator; the stranger is told nothing of it.
    pub async fn request_email(
        &self,
        request: &Request,
        id: &MessageId,
        mail: EmailRequest,
        typed: &TypedAddress,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.count(Event::Requested((&mail).into()));
        let day = self.store.daily_email_limit(Requester::Client(request.client))?;
        let limits = [Limit::emails_to(typed), Limit::emails_from(request.client), day];
        if let Err(LimitReached(limit)) = self.store.request_email(id, mail, &limits, now).await? {
            self.record_limit_reached(request, &limit);
        }
        Ok(())
    }

    /// Notes for the operator that a limit is reached: its name, never its subject, which may be an address.
    pub fn record_limit_reached(&self, request: &Request, limit: &Limit) {
        self.count(Event::Refused(limit.into()));
        let account_id = request.about.account_id();
        tracing::warn!(request_id = request.id, account_id, limit = limit.name, "a limit is reached");
    }

    /// Who is signed in with the session of a request, if it is alive and its account still honours it.
    pub async fn visitor(&self, request: &Request, now: Timestamp) -> Result<Option<Visitor>, Error> {
        let Some(token) = request.session() else { return Ok(None) };
        let Some(session) = self.store.touch_session(&token.hash(), now).await? else { return Ok(None) };
        let account = self.store.load_account(&session.account_id).await?;
        let account = account.filter(|account| session.is_valid_for(account));
        Ok(account.map(|account| {
            request.is_about(&account.id);
            Visitor { session, account }
        }))
    }
}
