//! The only place that reads the environment. All that is missing or wrong is reported at start, at once.
use std::fmt::Display;
use std::time::Duration;

use domain::oidc::KeyArn;
use domain::published_event::Addresses;
use domain::{DailyEmails, EmailAddress, FormerHashes, HashingKeys, OriginKeys};

use crate::mail::ConfigurationSets;
use crate::signing::TokenKeys;
use crate::time_zone::DisplayZone;

/// The names of the tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Accounts and claims.
    pub accounts: String,
    /// Links and their slots.
    pub links: String,
    /// Sessions.
    pub sessions: String,
    /// Counters of rate limits.
    pub limits: String,
    /// Email requests.
    pub outbox: String,
    /// What happened to accounts.
    pub history: String,
    /// Clients of OpenID Connect; nothing where that is off.
    pub clients: Option<String>,
}

/// What every function needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The tables.
    pub tables: Tables,
    /// The name that pages and emails show.
    pub product_name: String,
    /// The zone in which they tell times.
    pub time_zone: DisplayZone,
    /// The CloudWatch namespace of the application's metrics.
    pub metrics_namespace: String,
    /// The lowest level that is logged.
    pub log_level: tracing::Level,
    /// What a request must show that came through CloudFront; nothing where the API is reached directly.
    pub origin_keys: Option<OriginKeys>,
}

/// Everything that is wrong with the environment.
#[derive(Debug, thiserror::Error)]
#[error("the environment is not complete: {}", .0.join("; "))]
pub struct Incomplete(pub Vec<String>);

/// Who sends requests to a web function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anybody, mostly browsers: through CloudFront where the site is behind it, and not from pages of other sites.
    Anybody,
    /// Principals of IAM, at the API's own address. API Gateway has verified their signature and their permission.
    Principals,
}

/// What a function needs beyond [`Config`]. A function can use only what it requires, and does not start without it.
pub trait Requirements: Sized + Send + Sync + 'static {
    /// Who sends requests to functions that need this.
    const CALLERS: Callers = Callers::Anybody;

    /// Reads it. Returns nothing if something is missing or wrong, and notes that in `environment`.
    fn read(environment: &mut Environment<'_>) -> Option<Self>;
}

/// No further requirements.
impl Requirements for () {
    fn read(_: &mut Environment<'_>) -> Option<Self> {
        Some(())
    }
}

/// Reads the configuration of a function and what it needs beyond that.
pub fn read<R: Requirements>(variable: &dyn Fn(&str) -> Option<String>) -> Result<(Config, R), Incomplete> {
    let mut environment = Environment { variable, problems: Vec::new() };
    let config = Config {
        tables: environment.tables(),
        product_name: environment.required("PRODUCT_NAME"),
        time_zone: environment.time_zone(),
        metrics_namespace: environment.required("METRICS_NAMESPACE"),
        log_level: environment.log_level(),
        origin_keys: environment.origin_keys(),
    };
    environment.check_sdk_variables();
    match (R::read(&mut environment), environment.problems) {
        (Some(requirements), problems) if problems.is_empty() => Ok((config, requirements)),
        (_, problems) => Err(Incomplete(problems)),
    }
}

/// Reads what the operator's command line needs: the tables. The SDK finds region and credentials.
pub fn read_tables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Tables, Incomplete> {
    let mut environment = Environment { variable, problems: Vec::new() };
    let tables = environment.tables();
    environment.check_retry_variables();
    if environment.problems.is_empty() { Ok(tables) } else { Err(Incomplete(environment.problems)) }
}

/// A variable of this process.
#[expect(clippy::disallowed_methods, reason = "this is the only place")]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Variables, and the problems found in them so far.
pub struct Environment<'v> {
    variable: &'v dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Environment<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    fn tables(&mut self) -> Tables {
        Tables {
            accounts: self.required("ACCOUNTS_TABLE"),
            links: self.required("LINKS_TABLE"),
            sessions: self.required("SESSIONS_TABLE"),
            limits: self.required("LIMITS_TABLE"),
            outbox: self.required("OUTBOX_TABLE"),
            history: self.required("HISTORY_TABLE"),
            clients: self.optional("CLIENTS_TABLE"),
        }
    }

    /// The SDK reads these itself, and would report a missing one only at its first call.
    fn check_sdk_variables(&mut self) {
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            self.required(name);
        }
        self.check_retry_variables();
    }

    /// The SDK's loader, which the operator's command line uses, panics if one of these is malformed; a function would
    /// ignore it.
    fn check_retry_variables(&mut self) {
        if self.optional("AWS_MAX_ATTEMPTS").is_some_and(|text| !text.parse().is_ok_and(|n: u32| n > 0)) {
            self.problems.push("AWS_MAX_ATTEMPTS is not a number above 0".into());
        }
        if self.optional("AWS_RETRY_MODE").is_some_and(|mode| !["standard", "adaptive"].contains(&&*mode)) {
            self.problems.push("AWS_RETRY_MODE is neither standard nor adaptive".into());
        }
    }

    /// The key of keyed hashes, of at least 32 characters, and a second one while the keys are rotated.
    pub fn hashing_keys(&mut self) -> Option<HashingKeys> {
        self.parsed("HASHING_KEY", HashingKeys::parse)
    }

    /// A variable that must be there and can be parsed.
    fn parsed<T, E: Display>(&mut self, name: &str, parse: fn(&str) -> Result<T, E>) -> Option<T> {
        let text = Some(self.required(name)).filter(|text| !text.is_empty())?;
        parse(&text).map_err(|problem| self.problems.push(format!("{name}: {problem}"))).ok()
    }

    /// The waiting period of a newly confirmed backup email.
    pub fn backup_waiting_period(&mut self) -> Option<Duration> {
        self.hours("BACKUP_HOLD_HOURS", 0)
    }

    /// For how long a primary email that was replaced still signs in, and an address is the backup email before it can become
    /// the primary.
    pub fn primary_hold(&mut self) -> Option<Duration> {
        self.hours("PRIMARY_HOLD_HOURS", 72)
    }

    /// A number of hours, a week at most: a typing error must not lock people out for years.
    fn hours(&mut self, name: &str, default: u64) -> Option<Duration> {
        const MAX_HOURS: u64 = 7 * 24;
        let Some(hours) = self.optional(name) else { return Some(Duration::from_hours(default)) };
        match hours.parse() {
            Ok(hours) if hours <= MAX_HOURS => Some(Duration::from_hours(hours)),
            _ => {
                self.problems.push(format!("{name} is not a number of hours from 0 to {MAX_HOURS}"));
                None
            }
        }
    }

    /// The kinds of hashes that accounts were imported with.
    pub fn former_hashes(&mut self) -> Option<FormerHashes> {
        let named = self.optional("FORMER_HASHES").unwrap_or_default();
        named.parse().map_err(|problem| self.problems.push(format!("FORMER_HASHES: {problem}"))).ok()
    }

    /// The limit on all emails of a day.
    pub fn daily_emails(&mut self) -> Option<DailyEmails> {
        let text = Some(self.required("DAILY_MAILS")).filter(|text| !text.is_empty())?;
        let emails = text.parse().map_err(|_| "not a number".to_owned());
        emails
            .and_then(|emails| DailyEmails::new(emails).map_err(|error| error.to_string()))
            .map_err(|problem| self.problems.push(format!("DAILY_MAILS is {problem}")))
            .ok()
    }

    /// Days that logs are kept.
    pub fn log_retention_days(&mut self) -> Option<u32> {
        let days = self.required("LOG_RETENTION_DAYS").parse().ok();
        if days.is_none() && self.optional("LOG_RETENTION_DAYS").is_some() {
            self.problems.push("LOG_RETENTION_DAYS is not a number".into());
        }
        days
    }

    /// The sender's address.
    pub fn email_from(&mut self) -> Option<EmailAddress> {
        let from = self.required("MAIL_FROM");
        let parsed = EmailAddress::parse(&from);
        if let (Err(error), false) = (&parsed, from.is_empty()) {
            self.problems.push(format!("MAIL_FROM is not an address: {error}"));
        }
        parsed.ok()
    }

    /// `https://host`, without a path and without a slash at the end.
    pub fn public_url(&mut self) -> Option<String> {
        let url = self.required("PUBLIC_URL");
        if is_public_url(&url) {
            return Some(url);
        }
        if !url.is_empty() {
            self.problems
                .push("PUBLIC_URL is not https://host (or http://127.0.0.1:port) without a path".into());
        }
        None
    }

    /// The table of clients, which is there only with OpenID Connect.
    pub fn clients_table(&mut self) -> Option<String> {
        Some(self.required("CLIENTS_TABLE")).filter(|name| !name.is_empty())
    }

    /// The keys that sign tokens, by the template's.
    pub fn token_keys(&mut self) -> Option<TokenKeys> {
        self.parsed("SIGNING_KEY", KeyArn::parse).map(TokenKeys::new)
    }

    /// The configuration sets of SES that emails go through.
    pub fn configuration_sets(&mut self) -> Option<ConfigurationSets> {
        let mut set = |variable| Some(self.required(variable)).filter(|name| !name.is_empty());
        let (lasting, sign_in_links) = (set("CONFIGURATION_SET"), set("SIGN_IN_LINK_CONFIGURATION_SET"));
        let notices = set("NOTICE_CONFIGURATION_SET");
        Some(ConfigurationSets { lasting: lasting?, sign_in_links: sign_in_links?, notices: notices? })
    }

    /// The bus of EventBridge that events go to.
    pub fn event_bus_name(&mut self) -> Option<String> {
        Some(self.required("EVENT_BUS_NAME")).filter(|name| !name.is_empty())
    }

    /// Whether events have email addresses.
    pub fn event_addresses(&mut self) -> Option<Addresses> {
        match self.required("EVENT_ADDRESSES").as_str() {
            "true" => Some(Addresses::Included),
            "false" => Some(Addresses::LeftOut),
            "" => None,
            _ => {
                self.problems.push("EVENT_ADDRESSES is neither true nor false".into());
                None
            }
        }
    }

    /// What a request must show that came through CloudFront. A value that cannot be read is a problem: without a key every
    /// request would be let in.
    fn origin_keys(&mut self) -> Option<OriginKeys> {
        let secret = self.optional("ORIGIN_KEY")?;
        OriginKeys::parse(&secret)
            .map_err(|problem| self.problems.push(format!("ORIGIN_KEY: {problem}")))
            .ok()
    }

    fn time_zone(&mut self) -> DisplayZone {
        let Some(name) = self.optional("TIME_ZONE") else { return DisplayZone::default() };
        DisplayZone::named(&name).unwrap_or_else(|| {
            self.problems
                .push("TIME_ZONE is not a zone of the IANA database, such as Europe/Copenhagen".into());
            DisplayZone::default()
        })
    }

    fn log_level(&mut self) -> tracing::Level {
        let level = self.optional("LOG_LEVEL").unwrap_or_else(|| "info".into());
        level.parse().unwrap_or_else(|_| {
            self.problems.push("LOG_LEVEL is not one of error, warn, info, debug, trace".into());
            tracing::Level::INFO
        })
    }
}

/// `https` everywhere, plain `http` on the loopback interface only, and nothing after the authority.
fn is_public_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let loopback = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (secure || loopback)
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.path_and_query().is_none_or(|path| path == "/")
        && !url.ends_with('/')
}

#[cfg(test)]
mod tests;
