//! What only some functions need. Each requirement is a type; a flow that does not get it cannot show codes, count
//! limits or send email.
use std::time::Duration;

use domain::oidc::Issuer;
use domain::{DailyEmails, EmailAddress, HashingKeys, PasswordHasher};

use crate::config::{Callers, Environment, Requirements};
use crate::mail::ConfigurationSets;
use crate::publishing::Publishing;
use crate::signing::TokenKeys;

/// For flows that show or compare the codes of links.
#[derive(Debug, Clone)]
pub struct LinkCodes {
    /// The keys from which codes and the cookies of requests are derived.
    pub keys: HashingKeys,
}

/// For flows that count what they do.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// The keys under which limits are counted.
    pub keys: HashingKeys,
}

/// For flows that request emails.
#[derive(Debug, Clone)]
pub struct EmailRequests {
    /// The keys under which limits are counted, and from which codes are derived.
    pub keys: HashingKeys,
    /// The limit on all emails of a day.
    pub daily_emails: DailyEmails,
}

/// For confirming a backup email.
#[derive(Debug, Clone)]
pub struct BackupConfirmation {
    /// The keys from which codes are derived.
    pub keys: HashingKeys,
    /// The waiting period of a newly confirmed backup email, before it opens the account.
    pub waiting_period: Duration,
}

/// For changing the primary email.
#[derive(Debug, Clone)]
pub struct PrimaryChanges {
    /// For how long a primary that was replaced still signs in, and an address is the backup email before it can become the
    /// primary.
    pub hold: Duration,
}

/// For confirming another primary email.
#[derive(Debug, Clone)]
pub struct PrimaryConfirmations {
    /// The keys from which codes are derived.
    pub keys: HashingKeys,
    /// For how long the primary that is replaced still signs in.
    pub hold: Duration,
}

/// For verifying passwords.
#[derive(Debug, Clone)]
pub struct PasswordChecks {
    /// The keys under which attempts are counted.
    pub keys: HashingKeys,
    /// Hashes and verifies passwords, at the same cost for every account.
    pub passwords: PasswordHasher,
}

/// For documents and tokens of OpenID Connect: who issues them, and the keys that sign them.
#[derive(Debug, Clone)]
pub struct TokenVerification {
    /// Who issues tokens.
    pub issuer: Issuer,
    /// The keys of the tokens. Their list is in the table of clients.
    pub keys: TokenKeys,
}

/// For requests of clients.
#[derive(Debug, Clone)]
pub struct ClientRequests {
    /// What its tokens are verified by.
    pub verification: TokenVerification,
}

/// For giving tokens to clients.
#[derive(Debug, Clone)]
pub struct TokenIssuing {
    /// Who issues tokens, and their key.
    pub verification: TokenVerification,
    /// The keys under which wrong secrets are counted.
    pub keys: HashingKeys,
}

/// For the account API, which principals of IAM call for a product.
#[derive(Debug, Clone)]
pub struct AccountAdministration {
    /// What confirmation emails are counted by.
    pub emails: EmailRequests,
    /// Hashes passwords that come from another system, as the import does.
    pub passwords: PasswordHasher,
    /// For how long a primary email that is replaced still signs in.
    pub hold: Duration,
    /// Days that logs are kept.
    pub log_retention_days: u32,
}

/// For handing people over, which principals of IAM ask for.
#[derive(Debug, Clone)]
pub struct HandOvers {
    /// `https://host`, without a path. Links are built from it, never from a request's Host header.
    pub public_url: String,
}

/// For opening the links of hand-overs.
#[derive(Debug, Clone)]
pub struct HandOverSignIns {
    /// The keys under which sign-ins are counted, and from which the secrets of sessions are derived.
    pub keys: HashingKeys,
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

/// For reports of SES about emails that were sent.
#[derive(Debug, Clone)]
pub struct DeliveryReports {
    /// The configuration sets of SES that emails go through. Reports about others are not ours.
    pub configuration_sets: ConfigurationSets,
}

impl Requirements for LinkCodes {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { keys: environment.hashing_keys()? })
    }
}

impl Requirements for RateLimits {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { keys: environment.hashing_keys()? })
    }
}

impl Requirements for EmailRequests {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, daily_emails) = (environment.hashing_keys(), environment.daily_emails());
        Some(Self { keys: keys?, daily_emails: daily_emails? })
    }
}

impl Requirements for BackupConfirmation {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, waiting_period) = (environment.hashing_keys(), environment.backup_waiting_period());
        Some(Self { keys: keys?, waiting_period: waiting_period? })
    }
}

impl Requirements for PrimaryChanges {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { hold: environment.primary_hold()? })
    }
}

impl Requirements for PrimaryConfirmations {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, hold) = (environment.hashing_keys(), environment.primary_hold());
        Some(Self { keys: keys?, hold: hold? })
    }
}

impl Requirements for PasswordChecks {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, former_hashes) = (environment.hashing_keys(), environment.former_hashes());
        Some(Self { keys: keys?, passwords: PasswordHasher::new(former_hashes?) })
    }
}

impl Requirements for TokenVerification {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (issuer, clients) = (environment.public_url(), environment.clients_table());
        let keys = environment.token_keys();
        clients?;
        Some(Self { issuer: Issuer::new(issuer?), keys: keys? })
    }
}

impl Requirements for ClientRequests {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { verification: TokenVerification::read(environment)? })
    }
}

impl Requirements for TokenIssuing {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, requests) = (environment.hashing_keys(), ClientRequests::read(environment));
        Some(Self { verification: requests?.verification, keys: keys? })
    }
}

impl Requirements for DeliveryReports {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { configuration_sets: environment.configuration_sets()? })
    }
}

impl Requirements for AccountAdministration {
    const CALLERS: Callers = Callers::Principals;

    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (emails, former_hashes) = (EmailRequests::read(environment), environment.former_hashes());
        let (hold, days) = (environment.primary_hold(), environment.log_retention_days());
        let passwords = PasswordHasher::new(former_hashes?);
        Some(Self { emails: emails?, passwords, hold: hold?, log_retention_days: days? })
    }
}

impl Requirements for HandOvers {
    const CALLERS: Callers = Callers::Principals;

    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (public_url, clients) = (environment.public_url(), environment.clients_table());
        clients?;
        Some(Self { public_url: public_url? })
    }
}

impl Requirements for HandOverSignIns {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (keys, clients) = (environment.hashing_keys(), environment.clients_table());
        clients?;
        Some(Self { keys: keys? })
    }
}

impl Requirements for Sender {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (from, public_url) = (environment.email_from(), environment.public_url());
        let sets = environment.configuration_sets();
        Some(Self { from: from?, public_url: public_url?, configuration_sets: sets? })
    }
}

impl Requirements for Publishing {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let (bus, addresses) = (environment.event_bus_name(), environment.event_addresses());
        Some(Self { bus: bus?, addresses: addresses? })
    }
}

impl AsRef<HashingKeys> for LinkCodes {
    fn as_ref(&self) -> &HashingKeys {
        &self.keys
    }
}

impl AsRef<HashingKeys> for PasswordChecks {
    fn as_ref(&self) -> &HashingKeys {
        &self.keys
    }
}

impl AsRef<HashingKeys> for EmailRequests {
    fn as_ref(&self) -> &HashingKeys {
        &self.keys
    }
}

impl AsRef<HashingKeys> for BackupConfirmation {
    fn as_ref(&self) -> &HashingKeys {
        &self.keys
    }
}

impl AsRef<HashingKeys> for PrimaryConfirmations {
    fn as_ref(&self) -> &HashingKeys {
        &self.keys
    }
}

impl AsRef<TokenKeys> for TokenVerification {
    fn as_ref(&self) -> &TokenKeys {
        &self.keys
    }
}

impl AsRef<TokenKeys> for ClientRequests {
    fn as_ref(&self) -> &TokenKeys {
        &self.verification.keys
    }
}

impl AsRef<TokenKeys> for TokenIssuing {
    fn as_ref(&self) -> &TokenKeys {
        &self.verification.keys
    }
}
