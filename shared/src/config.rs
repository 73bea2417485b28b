//! The one place where the environment is read. What is missing or wrong is said at start, all at once.
use std::fmt;
use std::time::Duration;

use domain::{DailyEmails, EmailAddress, FormerHashes, HashingKey};

/// What one function needs beyond what all need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The tables only: the operator's command line shows no pages.
    Tables,
    /// Nothing: it shows pages.
    Nothing,
    /// The key of keyed hashes: it counts limits, or knows the codes of links.
    HashingKey,
    /// That key, and the bound on the mails of a day: it asks for mail on somebody's behalf.
    DailyEmails,
    /// The sender's address and the public URL.
    Email,
}

/// The names of the tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Accounts and claims.
    pub accounts: String,
    /// Links and their slots.
    pub links: String,
    /// Sessions.
    pub sessions: String,
    /// Counts.
    pub limits: String,
    /// Mail requests.
    pub outbox: String,
}

/// How AWS is reached; in Lambda all of it is in the environment.
#[derive(Clone)]
pub struct Aws {
    /// The region.
    pub region: String,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: String,
    /// The session token of short-lived credentials.
    pub session_token: Option<String>,
    /// Another address for DynamoDB than the region's.
    pub dynamodb_endpoint: Option<String>,
    /// Another address for SES than the region's.
    pub ses_endpoint: Option<String>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Who sends, and where its links lead.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The address mails come from.
    pub from: EmailAddress,
    /// `https://host`, without a path and without a slash at the end. Links are built from it, never from
    /// a request's Host header.
    pub public_url: String,
    /// The configuration set of SES that mails go through.
    pub configuration_set: String,
}

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The tables.
    pub tables: Tables,
    /// How AWS is reached.
    pub aws: Aws,
    /// The name that pages and mails carry.
    pub product_name: String,
    /// The namespace of the story's own numbers.
    pub metrics_namespace: String,
    /// Where the function counts limits or knows the codes of links.
    pub hashing_key: Option<HashingKey>,
    /// How long a newly confirmed backup email is held before it opens the account.
    pub backup_hold: Duration,
    /// The kinds of hashes that accounts were imported with, where the function verifies passwords.
    pub former_hashes: FormerHashes,
    /// Where the function asks for mail on somebody's behalf.
    pub daily_emails: Option<DailyEmails>,
    /// Where the function sends mail.
    pub sender: Option<Sender>,
    /// The least level that is logged.
    pub log_level: tracing::Level,
}

/// Everything that is wrong with the environment.
#[derive(Debug, thiserror::Error)]
#[error("the environment is not complete: {}", .0.join("; "))]
pub struct Incomplete(pub Vec<String>);

impl Config {
    /// Reads the process's environment.
    pub fn from_environment(needs: Needs) -> Result<Self, Incomplete> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        Self::read(needs, |name| std::env::var(name).ok())
    }

    /// Reads variables from wherever they are.
    pub fn read(needs: Needs, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Incomplete> {
        let mut reader = Reader { variable, problems: Vec::new() };
        let config = Self {
            tables: Tables {
                accounts: reader.required("ACCOUNTS_TABLE"),
                links: reader.required("LINKS_TABLE"),
                sessions: reader.required("SESSIONS_TABLE"),
                limits: reader.required("LIMITS_TABLE"),
                outbox: reader.required("OUTBOX_TABLE"),
            },
            aws: Aws {
                region: reader.required("AWS_REGION"),
                access_key_id: reader.required("AWS_ACCESS_KEY_ID"),
                secret_access_key: reader.required("AWS_SECRET_ACCESS_KEY"),
                session_token: reader.optional("AWS_SESSION_TOKEN"),
                dynamodb_endpoint: reader.optional("AWS_ENDPOINT_URL_DYNAMODB"),
                ses_endpoint: reader.optional("AWS_ENDPOINT_URL_SESV2"),
            },
            product_name: reader.required_for_pages(needs, "PRODUCT_NAME"),
            metrics_namespace: reader.required_for_pages(needs, "METRICS_NAMESPACE"),
            hashing_key: matches!(needs, Needs::HashingKey | Needs::DailyEmails)
                .then(|| reader.hashing_key())
                .flatten(),
            backup_hold: reader.backup_hold(),
            former_hashes: reader.former_hashes(),
            daily_emails: (needs == Needs::DailyEmails).then(|| reader.daily_emails()).flatten(),
            sender: (needs == Needs::Email).then(|| reader.sender()).flatten(),
            log_level: reader.log_level(),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(Incomplete(reader.problems)) }
    }
}

struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// What every function needs and the operator's command line does not.
    fn required_for_pages(&mut self, needs: Needs, name: &str) -> String {
        if needs == Needs::Tables { String::new() } else { self.required(name) }
    }

    fn hashing_key(&mut self) -> Option<HashingKey> {
        let key = HashingKey::new(&self.required("HASHING_KEY"));
        if key.is_none() && self.optional("HASHING_KEY").is_some() {
            self.problems.push("HASHING_KEY is shorter than 32 characters".into());
        }
        key
    }

    /// A week at most: a typing error must not lock people out for years.
    fn backup_hold(&mut self) -> Duration {
        const MOST_HOURS: u64 = 7 * 24;
        let Some(hours) = self.optional("BACKUP_HOLD_HOURS") else { return Duration::ZERO };
        match hours.parse() {
            Ok(hours) if hours <= MOST_HOURS => Duration::from_hours(hours),
            _ => {
                self.problems.push("BACKUP_HOLD_HOURS is not a number of hours from 0 to 168".into());
                Duration::ZERO
            }
        }
    }

    fn former_hashes(&mut self) -> FormerHashes {
        let named = self.optional("FORMER_HASHES").unwrap_or_default();
        named.parse().unwrap_or_else(|problem| {
            self.problems.push(format!("FORMER_HASHES: {problem}"));
            FormerHashes::default()
        })
    }

    fn daily_emails(&mut self) -> Option<DailyEmails> {
        let text = self.required("DAILY_MAILS");
        if text.is_empty() {
            return None;
        }
        let mails = text.parse().map_err(|_| "not a number".to_owned());
        match mails.and_then(|mails| DailyEmails::new(mails).map_err(|error| error.to_string())) {
            Ok(mails) => Some(mails),
            Err(problem) => {
                self.problems.push(format!("DAILY_MAILS is {problem}"));
                None
            }
        }
    }

    fn sender(&mut self) -> Option<Sender> {
        let from = self.required("MAIL_FROM");
        let public_url = self.required("PUBLIC_URL");
        let configuration_set = self.required("CONFIGURATION_SET");
        let parsed = EmailAddress::parse(&from);
        if let (Err(error), false) = (&parsed, from.is_empty()) {
            self.problems.push(format!("MAIL_FROM is not an address: {error}"));
        }
        if !public_url.is_empty() && !is_public_url(&public_url) {
            self.problems
                .push("PUBLIC_URL is not https://host (or http://127.0.0.1:port) without a path".into());
        }
        Some(Sender { from: parsed.ok()?, public_url, configuration_set })
    }

    fn log_level(&mut self) -> tracing::Level {
        let level = self.optional("LOG_LEVEL").unwrap_or_else(|| "info".into());
        level.parse().unwrap_or_else(|_| {
            self.problems.push("LOG_LEVEL is not one of error, warn, info, debug, trace".into());
            tracing::Level::INFO
        })
    }
}

/// `https` everywhere, plain `http` on the loopback interface only, and nothing behind the authority.
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
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 13] = [
        ("ACCOUNTS_TABLE", "a"),
        ("LINKS_TABLE", "l"),
        ("SESSIONS_TABLE", "s"),
        ("LIMITS_TABLE", "i"),
        ("OUTBOX_TABLE", "o"),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("PRODUCT_NAME", "Sparekey"),
        ("METRICS_NAMESPACE", "Sparekey/test"),
        ("MAIL_FROM", "no-reply@example.com"),
        ("PUBLIC_URL", "https://account.example.com"),
        ("CONFIGURATION_SET", "sparekey"),
    ];

    fn with(changes: &[(&str, &str)], needs: Needs) -> Result<Config, Incomplete> {
        Config::read(needs, |name| {
            let all = changes.iter().chain(&COMPLETE);
            all.clone().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_complete_environment_is_read() {
        let config = with(&[], Needs::Email).expect("complete");
        assert_eq!(config.sender.expect("a sender").public_url, "https://account.example.com");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let changes = [
            ("OUTBOX_TABLE", ""),
            ("MAIL_FROM", "nobody"),
            ("PUBLIC_URL", "http://example.com"),
            ("LOG_LEVEL", "loud"),
            ("BACKUP_HOLD_HOURS", "a day"),
            ("FORMER_HASHES", "md5"),
        ];
        let Err(Incomplete(problems)) = with(&changes, Needs::Email) else { panic!("six problems") };
        assert_eq!(problems.len(), 6, "{problems:?}");
        let Err(Incomplete(problems)) = with(&[("HASHING_KEY", "short")], Needs::HashingKey) else {
            panic!("a short key")
        };
        assert_eq!(problems, ["HASHING_KEY is shorter than 32 characters"]);
        let limits = |mails| with(&[("HASHING_KEY", "short"), ("DAILY_MAILS", mails)], Needs::DailyEmails);
        for (mails, problem) in [
            ("", "DAILY_MAILS is not set"),
            ("many", "DAILY_MAILS is not a number"),
            (
                "11999",
                "DAILY_MAILS is less than 12000 a day, which would let one client use up the mail of others",
            ),
        ] {
            let Err(Incomplete(problems)) = limits(mails) else { panic!("{problem}") };
            assert_eq!(problems, ["HASHING_KEY is shorter than 32 characters", problem]);
        }
    }

    #[test]
    fn a_public_url_is_https_and_bare() {
        for good in ["https://example.com", "https://example.com:8443", "http://127.0.0.1:3000"] {
            assert!(is_public_url(good), "{good}");
        }
        for bad in [
            "example.com",
            "http://example.com",
            "https://example.com/",
            "https://example.com/x",
            "https://u@example.com",
            "https://example.com?x=1",
            "",
        ] {
            assert!(!is_public_url(bad), "{bad}");
        }
    }
}
