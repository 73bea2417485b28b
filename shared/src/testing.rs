//! What tests hold in their hands: a clock that stands still, seeded randomness, an HTTP client of their own.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::app::{App, MailApp};
use crate::clock::Clock;
use crate::config::{Config, Needs};
use crate::entropy::Entropy;
use crate::mail::Outbound;
use crate::network;

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// A clock that stands at that many seconds after the epoch.
    pub fn at(unix_seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(unix_seconds * 1_000)))
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

/// Builds what flows and the mailer are handed, around a test's clock and its HTTP client.
pub fn mail_app(
    variables: impl Fn(&str) -> Option<String>,
    http_client: SharedHttpClient,
    clock: &TestClock,
    seed: u64,
) -> MailApp {
    let mail = Config::read(Needs::Mail, &variables).expect("the test's variables are complete");
    let limits = Config::read(Needs::Limits, &variables).expect("the test's variables are complete");
    let config = Config { limits_key: limits.limits_key, ..mail };
    let sdk = network::sdk_config(&config.aws, http_client);
    let entropy = Entropy::Seeded(Arc::new(AtomicU64::new(seed)));
    let app = App::new(&config, &sdk, Clock::Fixed(Arc::clone(&clock.0)), entropy);
    let outbound = Outbound::new(&config, &sdk).expect("the configuration names a sender");
    MailApp { app, outbound }
}
