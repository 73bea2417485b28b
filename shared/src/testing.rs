//! What tests hold in their hands: a clock that stands still, seeded randomness, an HTTP client of their own.
pub mod bodies;
pub mod requests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

use crate::app::{App, MailerApp};
use crate::clock::Clock;
use crate::config::{Config, Needs};
use crate::entropy::Entropy;
use crate::mail::Outbound;
use crate::metrics::Lines;
use crate::network;

/// The wait before the SDK's first retry; the functions' own would only make tests slow.
const FIRST_RETRY: Duration = Duration::from_millis(1);

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

/// The surroundings that all functions of one test share: time, randomness, the network.
#[derive(Debug, Clone)]
pub struct Bench {
    clock: TestClock,
    entropy: Entropy,
    http_client: SharedHttpClient,
    counted: Lines,
}

impl Bench {
    /// Puts functions at this clock and this network; the same seed gives the same secrets.
    pub fn new(clock: &TestClock, seed: u64, http_client: SharedHttpClient) -> Self {
        let entropy = Entropy::Seeded(Arc::new(AtomicU64::new(seed)));
        Self { clock: clock.clone(), entropy, http_client, counted: Lines::default() }
    }

    /// What the functions counted, line by line.
    pub fn counted(&self) -> Lines {
        Arc::clone(&self.counted)
    }

    /// What a flow is handed, in an environment of these variables.
    pub fn app(&self, needs: Needs, variables: impl Fn(&str) -> Option<String>) -> App {
        let config = Config::read(needs, variables).expect("the test's variables are complete");
        self.build(&config, &self.sdk(&config))
    }

    /// What the mailer is handed, in an environment of these variables.
    pub fn mailer_app(&self, variables: impl Fn(&str) -> Option<String>) -> MailerApp {
        let config = Config::read(Needs::Email, variables).expect("the test's variables are complete");
        let sdk = self.sdk(&config);
        let outbound = Outbound::new(&config, &sdk).expect("the configuration names a sender");
        MailerApp { app: self.build(&config, &sdk), outbound }
    }

    fn sdk(&self, config: &Config) -> SdkConfig {
        let sdk = network::sdk_config(&config.aws, self.http_client.clone());
        let retries = sdk.retry_config().expect("the SDK's retries are set").clone();
        sdk.into_builder().retry_config(retries.with_initial_backoff(FIRST_RETRY)).build()
    }

    fn build(&self, config: &Config, sdk: &SdkConfig) -> App {
        let mut app = App::new(config, sdk, Clock::Fixed(Arc::clone(&self.clock.0)), self.entropy.clone());
        app.metrics = app.metrics.create_link(&self.counted);
        app
    }
}
