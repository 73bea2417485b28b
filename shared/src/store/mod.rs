//! DynamoDB storage, in verbs of the domain.
//!
//! Each change is one conditional write or one transaction of them; nothing is read and then written. Row types are
//! private to this module.
mod account_admin;
mod accounts;
mod backup;
mod claims;
mod error;
mod limits;
mod links;
mod outbox;
mod read;
mod sessions;
mod transaction;
mod undo;
mod write;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;

pub use account_admin::{AccountBatch, Cursor};
pub use accounts::{NewAccount, NotCreated};
pub use backup::{ConfirmRefused, Confirmation};
pub use error::StoreError;
pub use limits::{LimitReached, RateLimitDecision};
pub use links::{Slot, Superseded};
pub use outbox::{Queued, QueuedState, ResendRefused, Unsent};
pub use sessions::{LinkSignIn, PasswordSignIn};
pub use undo::{Undo, UndoRefused};

use crate::config::{Config, Tables};
use crate::entropy::Entropy;
use domain::{DailyEmails, HashingKey};

/// The tables, and the client to reach them.
#[derive(Debug, Clone)]
pub struct Store {
    dynamodb: Client,
    tables: Tables,
    hashing_key: Option<HashingKey>,
    daily_emails: Option<DailyEmails>,
    entropy: Entropy,
}

impl Store {
    /// A store on the tables that the configuration names.
    pub fn new(config: &Config, sdk: &SdkConfig, entropy: Entropy) -> Self {
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(sdk);
        dynamodb.set_endpoint_url(config.aws.dynamodb_endpoint.clone());
        Self {
            dynamodb: Client::from_conf(dynamodb.build()),
            tables: config.tables.clone(),
            hashing_key: config.hashing_key.clone(),
            daily_emails: config.daily_emails,
            entropy,
        }
    }

    /// Waits before a retry: full jitter below a limit that doubles each time.
    async fn back_off(&self, attempt: u32) {
        const FIRST: Duration = Duration::from_millis(20);
        #[expect(clippy::disallowed_methods, reason = "a transaction conflict is over in milliseconds")]
        tokio::time::sleep(FIRST.mul_f64(f64::from(1 << attempt) * self.entropy.jitter())).await;
    }
}
