//! The SDK's configuration, in a Lambda function and on an operator's machine.
//!
//! Both read the standard variables `AWS_ENDPOINT_URL_*`, `AWS_MAX_ATTEMPTS` and `AWS_RETRY_MODE`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html>).
use std::str::FromStr;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetrySpec;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use aws_types::sdk_config::{Builder, SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config;

/// Looks a variable up by its name.
type Variable = fn(&str) -> Option<String>;

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
/// It is what the loader of `aws-config` makes of the same variables. The loader itself would link STS, and the whole
/// chain of credentials with it, into every function: 1.3 MB.
///
/// It trusts Amazon's root certificates only, since every AWS endpoint chains to them: loading the system's store of
/// some 150 would take two thirds of a function's start.
pub fn for_function() -> SdkConfig {
    from_variables(config::process_variable)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(amazon_roots_client())
        .build()
}

/// The configuration without credentials and HTTP client.
///
/// The loader's variables of request compression and authentication schemes are left out: no request to DynamoDB or SES is
/// compressed or has a choice of schemes.
fn from_variables(variable: Variable) -> Builder {
    let flag = |name| flag(variable, name);
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .identity_cache(IdentityCache::lazy().build())
        .timeout_config(timeouts())
        .retry_config(retries(variable))
        .sleep_impl(TokioSleep::new())
        .time_source(SharedTimeSource::default())
        .request_checksum_calculation(
            parsed(variable, "AWS_REQUEST_CHECKSUM_CALCULATION").unwrap_or_default(),
        )
        .response_checksum_validation(
            parsed(variable, "AWS_RESPONSE_CHECKSUM_VALIDATION").unwrap_or_default(),
        );
    let region = set(variable, "AWS_REGION").or_else(|| set(variable, "AWS_DEFAULT_REGION"));
    sdk.set_region(region.map(Region::new));
    sdk.set_use_fips(flag("AWS_USE_FIPS_ENDPOINT"));
    sdk.set_use_dual_stack(flag("AWS_USE_DUALSTACK_ENDPOINT"));
    sdk.set_disable_clock_skew_correction(flag("AWS_DISABLE_CLOCK_SKEW_CORRECTION"));
    sdk.set_account_id_endpoint_mode(parsed(variable, "AWS_ACCOUNT_ID_ENDPOINT_MODE"));
    sdk.set_app_name(set(variable, "AWS_SDK_UA_APP_ID").and_then(|name| AppName::new(name).ok()));
    let ignored = flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true);
    sdk.set_service_config((!ignored).then_some(Endpoints(variable)));
    sdk
}

/// How a call is tried again. Malformed values are reported by name before ([`config::read`]).
fn retries(variable: Variable) -> RetryConfig {
    let mut retries = RetryConfig::standard();
    if let Some(attempts) = parsed(variable, "AWS_MAX_ATTEMPTS") {
        retries = retries.with_max_attempts(attempts);
    }
    if let Some(mode) = parsed(variable, "AWS_RETRY_MODE") {
        retries = retries.with_retry_mode(mode);
    }
    if flag(variable, "AWS_NEW_RETRIES_2026") == Some(true) {
        retries = retries.with_retry_spec(RetrySpec::v2_1());
    }
    retries
}

/// The endpoints of services that variables name.
#[derive(Debug)]
struct Endpoints(Variable);

impl LoadServiceConfig for Endpoints {
    /// A client asks with its service's id and the name of the variable for all services.
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        set(self.0, &format!("{}_{service}", key.env())).or_else(|| set(self.0, key.env()))
    }
}

/// A variable that is not blank.
fn set(variable: Variable, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.trim().is_empty())
}

fn flag(variable: Variable, name: &str) -> Option<bool> {
    set(variable, name)?.to_ascii_lowercase().parse().ok()
}

fn parsed<T: FromStr>(variable: Variable, name: &str) -> Option<T> {
    set(variable, name)?.parse().ok()
}

/// The configuration of an operator's command line: the full chain of the AWS CLI (environment, profiles, SSO,
/// `credential_process`, instance role). Credentials are refreshed while it runs. The system's root certificates are
/// trusted, so that an endpoint behind a company's proxy works too.
pub async fn for_operator(profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    let client = HttpBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(client).timeout_config(timeouts());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}

/// The HTTP client of Lambda functions.
pub fn amazon_roots_client() -> SharedHttpClient {
    http_client(HttpBuilder::new())
}

fn http_client(builder: HttpBuilder) -> SharedHttpClient {
    let trust = TrustStore::empty().with_pem_certificate(AMAZON_ROOT_CAS);
    let context =
        TlsContext::builder().with_trust_store(trust).build().expect("the certificates are well-formed");
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

/// The same configuration with a client that closes each connection after its call, for a service whose calls tell
/// something: a connection that is left open makes the next call faster.
pub fn without_kept_connections(sdk: &SdkConfig) -> SdkConfig {
    let client = http_client(HttpBuilder::new().pool_max_idle_per_host(0));
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

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryMode;
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use aws_types::endpoint_config::AccountIdEndpointMode;
    use aws_types::origin::Origin;

    use super::*;

    fn endpoint(variable: Variable, service: &str) -> Option<String> {
        let sdk = from_variables(variable).build();
        let key =
            ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        sdk.service_config()?.load_config(key.build().expect("it is complete"))
    }

    #[test]
    fn an_endpoint_of_the_service_is_taken_before_the_one_of_all_services() {
        let both: Variable = |name| match name {
            "AWS_ENDPOINT_URL_DYNAMODB" => Some("http://127.0.0.1:1".into()),
            "AWS_ENDPOINT_URL_TWO_WORDS" => Some("http://127.0.0.1:2".into()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:3".into()),
            _ => None,
        };
        assert_eq!(endpoint(both, "DynamoDB").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(endpoint(both, "Two Words").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(endpoint(both, "SESv2").as_deref(), Some("http://127.0.0.1:3"));
        assert_eq!(endpoint(|_| None, "DynamoDB"), None);
    }

    #[test]
    fn a_blank_endpoint_counts_as_none() {
        let blank_before_general: Variable = |name| match name {
            "AWS_ENDPOINT_URL_DYNAMODB" => Some(" ".into()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:3".into()),
            _ => None,
        };
        assert_eq!(endpoint(blank_before_general, "DynamoDB").as_deref(), Some("http://127.0.0.1:3"));
        assert_eq!(endpoint(|_| Some(String::new()), "DynamoDB"), None);
    }

    #[test]
    fn endpoints_can_be_ignored() {
        let ignoring: Variable = |name| match name {
            "AWS_ENDPOINT_URL_DYNAMODB" => Some("http://127.0.0.1:1".into()),
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => Some("true".into()),
            _ => None,
        };
        assert_eq!(endpoint(ignoring, "DynamoDB"), None);
    }

    #[test]
    fn the_standard_variables_are_read() {
        let sdk = from_variables(|name| {
            let value = match name {
                "AWS_DEFAULT_REGION" => "eu-west-1",
                "AWS_MAX_ATTEMPTS" => "5",
                "AWS_RETRY_MODE" => "adaptive",
                "AWS_USE_FIPS_ENDPOINT" => "TRUE",
                "AWS_USE_DUALSTACK_ENDPOINT" => "false",
                "AWS_NEW_RETRIES_2026" | "AWS_DISABLE_CLOCK_SKEW_CORRECTION" => "true",
                "AWS_ACCOUNT_ID_ENDPOINT_MODE" => "disabled",
                "AWS_SDK_UA_APP_ID" => "sample",
                _ => return None,
            };
            Some(value.into())
        })
        .build();
        assert_eq!(sdk.region(), Some(&Region::new("eu-west-1")));
        let tries = sdk.retry_config().expect("tries are set");
        assert_eq!((tries.max_attempts(), tries.mode()), (5, RetryMode::Adaptive));
        assert_eq!(tries.retry_spec(), Some(&RetrySpec::v2_1()));
        assert_eq!((sdk.use_fips(), sdk.use_dual_stack()), (Some(true), Some(false)));
        assert_eq!(sdk.disable_clock_skew_correction(), Some(true));
        assert_eq!(sdk.account_id_endpoint_mode(), Some(&AccountIdEndpointMode::Disabled));
        assert_eq!(sdk.app_name().map(AsRef::as_ref), Some("sample"));
    }

    /// Both read the environment of this process, where the region may be missing. A new version of the loader that sets more
    /// fails here.
    #[tokio::test]
    async fn the_loader_of_aws_config_makes_the_same_configuration() {
        let no_files = EnvConfigFiles::builder()
            .with_contents(EnvConfigFileKind::Config, "")
            .with_contents(EnvConfigFileKind::Credentials, "")
            .build();
        let region = Region::new("eu-north-1");
        let loaded = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .no_credentials()
            .http_client(amazon_roots_client())
            .profile_files(no_files)
            .timeout_config(timeouts())
            .load()
            .await;
        let built = from_variables(config::process_variable).region(region).build();
        // Endpoints are kept differently; the tests above are about them. Tokens are for services that take them, and DynamoDB
        // and SES take signatures only; the loader has them when it is built for the operator's command line too.
        let the_rest = |sdk: &SdkConfig| {
            let mut sdk = sdk.to_builder();
            sdk.set_endpoint_url(None).set_service_config(None::<Endpoints>);
            sdk.set_token_provider(None).set_http_client(None);
            sdk.insert_origin("endpoint_url", Origin::unknown());
            format!("{:#?}", sdk.build())
        };
        assert_eq!(the_rest(&built), the_rest(&loaded));
    }
}
