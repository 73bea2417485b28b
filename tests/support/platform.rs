//! Test doubles of a process's platform: a clock that a test moves, seeded randomness, the test's own HTTP client.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use domain::oidc::KeyArn;
use ring::digest::{SHA256, digest};
use shared::app::{App, Mailer, Platform, Publisher};
use shared::clock::Clock;
use shared::config::{self, Requirements};
use shared::entropy::Entropy;
use shared::mail::Outbound;
use shared::metrics::Sink;
use shared::publishing::{EventBus, Publishing};
use shared::requirements::Sender;
use shared::runtime::RECORD_TIMEOUT;
use shared::signing::rotation::KeyRotation;

/// The wait before the SDK's first retry, shortened so that tests are fast.
const FIRST_RETRY: Duration = Duration::from_millis(1);

/// Variables of an environment, by name.
pub type Variable<'v> = &'v dyn Fn(&str) -> Option<String>;

/// A clock that a test moves, and each request by a millisecond; clones are the same clock.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// A clock that is stopped at that many seconds after the epoch.
    pub fn at(unix_seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(unix_seconds * 1_000)))
    }

    /// Lets time pass. A tick since the last second does not count.
    pub fn advance(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let advanced = |now: u64| Some(now - now % 1_000 + milliseconds);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advanced);
    }

    /// Lets a millisecond pass, so that keys sort in the order of the requests. The second stays the same.
    pub fn tick(&self) {
        let ticked = |now: u64| (now % 1_000 < 999).then_some(now + 1);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, ticked);
    }

    fn as_clock(&self) -> Clock {
        let milliseconds = Arc::clone(&self.0);
        Clock::new(move || milliseconds.load(Ordering::Relaxed))
    }
}

/// The platform of all functions of one test: time, randomness, the network.
#[derive(Debug, Clone)]
pub struct TestPlatform {
    clock: Clock,
    entropy: Entropy,
    http_client: SharedHttpClient,
    counted: Arc<Mutex<Vec<String>>>,
}

impl TestPlatform {
    /// With this clock and this network. The same seed gives the same secrets.
    pub fn new(clock: &TestClock, seed: u64, http_client: SharedHttpClient) -> Self {
        Self { clock: clock.as_clock(), entropy: seeded(seed), http_client, counted: Arc::default() }
    }

    /// The lines of metrics so far.
    pub fn counted(&self) -> Vec<String> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a flow gets, in an environment of these variables.
    pub fn app<R: Requirements>(&self, variable: Variable<'_>) -> App<R> {
        let (config, needs) = config::read(variable).expect("the test's variables are complete");
        App::new(&config, needs, &self.platform(variable))
    }

    /// What the mailer gets, in an environment of these variables.
    pub fn mailer(&self, variable: Variable<'_>) -> Mailer {
        let (config, sender) = config::read::<Sender>(variable).expect("the test's variables are complete");
        let platform = self.platform(variable);
        let outbound = Outbound::new(sender, &config.product_name, &platform.sdk);
        Mailer { app: App::new(&config, (), &platform), outbound, record_timeout: RECORD_TIMEOUT }
    }

    /// What the publisher gets, in an environment of these variables.
    pub fn publisher(&self, variable: Variable<'_>) -> Publisher {
        let platform = self.platform(variable);
        let app: App<Publishing> = self.app(variable);
        let bus = EventBus::new(app.needs.bus.clone(), &platform.sdk);
        Publisher { app, bus }
    }

    /// What an operator rotates the keys of tokens with.
    pub fn key_rotation(&self, variable: Variable<'_>) -> KeyRotation {
        let first = KeyArn::parse(&variable("SIGNING_KEY").unwrap_or_default()).expect("the template's key");
        KeyRotation::new(self.app::<()>(variable).store, &self.sdk(variable), first)
    }

    fn platform(&self, variable: Variable<'_>) -> Platform {
        let lines = Arc::clone(&self.counted);
        let keep = move |line: &str| {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        };
        Platform {
            sdk: self.sdk(variable),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            metrics: Sink::new(keep),
        }
    }

    /// As [`shared::aws::for_function`] builds it from the process's environment.
    fn sdk(&self, variable: Variable<'_>) -> SdkConfig {
        let of = |name| variable(name).unwrap_or_default();
        let credentials = Credentials::new(
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY"),
            variable("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(of("AWS_REGION")))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.http_client.clone())
            .retry_config(RetryConfig::standard().with_initial_backoff(FIRST_RETRY))
            .timeout_config(shared::aws::timeouts())
            .sleep_impl(TokioSleep::new());
        sdk.set_endpoint_url(variable("AWS_ENDPOINT_URL_DYNAMODB"));
        sdk.build()
    }
}

/// A repeatable sequence: SHA-256 of a counter.
fn seeded(seed: u64) -> Entropy {
    let counter = AtomicU64::new(seed);
    Entropy::new(move |bytes| {
        let step = counter.fetch_add(1, Ordering::Relaxed);
        let block = digest(&SHA256, &step.to_be_bytes());
        bytes.iter_mut().zip(block.as_ref().iter().cycle()).for_each(|(byte, random)| *byte = *random);
    })
}
