//! What only some functions need. Each requirement is a type; a flow that does not get it cannot show codes, count
//! limits or send email.
use std::time::Duration;

use domain::{DailyEmails, EmailAddress, HashingKey, PasswordHasher};

use crate::config::{Environment, Requirements};
use crate::mail::ConfigurationSets;

/// For flows that show or compare the codes of links.
#[derive(Debug, Clone)]
pub struct LinkCodes {
    /// The key from which codes and the cookies of requests are derived.
    pub key: HashingKey,
}

/// For flows that count what they do.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// The key under which limits are counted.
    pub key: HashingKey,
}

/// For flows that request emails.
#[derive(Debug, Clone)]
pub struct EmailRequests {
    /// The key under which limits are counted, and from which codes are derived.
    pub key: HashingKey,
    /// The limit on all emails of a day.
    pub daily_emails: DailyEmails,
}

/// For confirming a backup email.
#[derive(Debug, Clone)]
pub struct BackupConfirmation {
    /// The key from which codes are derived.
    pub key: HashingKey,
    /// The waiting period of a newly confirmed backup email, before it opens the account.
    pub waiting_period: Duration,
}

/// For verifying passwords.
#[derive(Debug, Clone)]
pub struct PasswordChecks {
    /// The key under which attempts are counted.
    pub key: HashingKey,
    /// Hashes and verifies passwords, at the same cost for every account.
    pub passwords: PasswordHasher,
}

/// For sending email: who sends, and where links lead.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The address that emails come from.
    pub from: EmailAddress,
    /// `https://host`, without a path. Links are built from it, never from a request's Host header.
    pub public_url: String,
    /// The configuration sets of SES that emails go through.
    pub configuration_sets: ConfigurationSets,
}

impl Requirements for LinkCodes {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { key: environment.hashing_key()? })
    }
}

impl Requirements for RateLimits {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { key: environment.hashing_key()? })
    }
}

impl Requirements for EmailRequests {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (key, daily_emails) = (environment.hashing_key(), environment.daily_emails());
        Some(Self { key: key?, daily_emails: daily_emails? })
    }
}

impl Requirements for BackupConfirmation {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (key, waiting_period) = (environment.hashing_key(), environment.backup_waiting_period());
        Some(Self { key: key?, waiting_period: waiting_period? })
    }
}

impl Requirements for PasswordChecks {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (key, former_hashes) = (environment.hashing_key(), environment.former_hashes());
        Some(Self { key: key?, passwords: PasswordHasher::new(former_hashes?) })
    }
}

impl Requirements for Sender {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (from, public_url) = (environment.email_from(), environment.public_url());
        let sets = environment.configuration_sets();
        Some(Self { from: from?, public_url: public_url?, configuration_sets: sets? })
    }
}

impl AsRef<HashingKey> for LinkCodes {
    fn as_ref(&self) -> &HashingKey {
        &self.key
    }
}

impl AsRef<HashingKey> for PasswordChecks {
    fn as_ref(&self) -> &HashingKey {
        &self.key
    }
}

impl AsRef<HashingKey> for EmailRequests {
    fn as_ref(&self) -> &HashingKey {
        &self.key
    }
}

impl AsRef<HashingKey> for BackupConfirmation {
    fn as_ref(&self) -> &HashingKey {
        &self.key
    }
}
