//! The SDK's configuration, in a Lambda function and on an operator's machine.
//!
//! Both read the standard variables `AWS_ENDPOINT_URL_*`, `AWS_MAX_ATTEMPTS` and `AWS_RETRY_MODE`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html>).
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// Amazon Root CA 1 to 4 and the Starfield root that older chains end in.
const AMAZON_ROOT_CAS: &[u8] = include_bytes!("../certs/amazon-root-cas.pem");

/// Within the region a connection takes a millisecond; after a second it will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One attempt; DynamoDB answers in milliseconds, SES in tenths of a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// All attempts together; below every function's own timeout, so that the visitor still gets an error page.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// The configuration of a Lambda function: region and credentials come from the environment, without a file or a network
/// call.
///
/// It trusts Amazon's root certificates only, since every AWS endpoint chains to them: loading the system's store of
/// some 150 would take two thirds of a function's start.
pub async fn for_function() -> SdkConfig {
    let no_files = EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, "")
        .with_contents(EnvConfigFileKind::Credentials, "")
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .profile_files(no_files)
        .http_client(amazon_roots_client())
        .timeout_config(timeouts())
        .load()
        .await
}

/// The configuration of an operator's command line: the full chain of the AWS CLI (environment, profiles, SSO,
/// `credential_process`, instance role). Credentials are refreshed while it runs. The system's root certificates are
/// trusted, so that an endpoint behind a company's proxy works too.
pub async fn for_operator(profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(client).timeout_config(timeouts());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(aws_types::region::Region::new(region.to_owned()));
    }
    loader.load().await
}

/// The HTTP client of Lambda functions.
pub fn amazon_roots_client() -> SharedHttpClient {
    http_client(Builder::new())
}

fn http_client(builder: Builder) -> SharedHttpClient {
    let trust = TrustStore::empty().with_pem_certificate(AMAZON_ROOT_CAS);
    let context =
        TlsContext::builder().with_trust_store(trust).build().expect("the certificates are well-formed");
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

/// The same configuration with a client that closes each connection after its call, for a service whose calls tell
/// something: a connection that is left open makes the next call faster.
pub fn without_kept_connections(sdk: &SdkConfig) -> SdkConfig {
    let client = http_client(Builder::new().pool_max_idle_per_host(0));
    sdk.to_builder().http_client(client).build()
}

/// How long a call to AWS may take (ASVS 5.0 V13.1.3).
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
