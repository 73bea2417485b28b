//! One HTTP client for all AWS services.
//!
//! It trusts Amazon's root certificates only (every AWS endpoint chains to them): loading the system's store
//! of some 150 would take two thirds of a function's start.
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::Aws;

/// Amazon Root CA 1 to 4 and the Starfield root that older chains end in.
const AMAZON_ROOT_CAS: &[u8] = include_bytes!("../certs/amazon-root-cas.pem");

/// Within the region a connection takes a millisecond; a second of waiting means it will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One try; DynamoDB answers in milliseconds, SES in tenths of a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// All tries together; below every function's own timeout, so that the page can still say sorry.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// The first try and two more.
const ATTEMPTS: u32 = 3;

/// The client that Lambda functions use.
pub fn http_client() -> SharedHttpClient {
    let trust = TrustStore::empty().with_pem_certificate(AMAZON_ROOT_CAS);
    let context =
        TlsContext::builder().with_trust_store(trust).build().expect("the certificates are well-formed");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

/// What all AWS clients share.
pub fn sdk_config(aws: &Aws, http_client: SharedHttpClient) -> SdkConfig {
    let credentials = Credentials::new(
        aws.access_key_id.clone(),
        aws.secret_access_key.clone(),
        aws.session_token.clone(),
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    SdkConfig::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(Region::new(aws.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build()
}
