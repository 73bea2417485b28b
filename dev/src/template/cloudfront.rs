//! The CloudFront distribution of a template: what it sends to its origin, as far as the local stack plays it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::model::{Behavior, Distribution, TemplateError};

/// The one function of CloudFront that the local stack plays: it copies the viewer's `Host`.
const COPIES_HOST: [&str; 5] = [
    "function handler(event) {",
    "var request = event.request;",
    "request.headers['x-viewer-host'] = { value: request.headers.host.value };",
    "return request;",
    "}",
];

/// `CachingDisabled`, a cache policy that CloudFront manages: it keeps nothing and names no header.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
/// The header that CloudFront forwards by a cache policy only.
const AUTHORIZATION: &str = "authorization";

/// The parts of a distribution, which may come in any order.
#[derive(Default)]
pub(super) struct Parts {
    distribution: Option<(String, DistributionProperties)>,
    policies: BTreeMap<String, OriginRequestPolicy>,
    cache_policies: BTreeMap<String, CachePolicy>,
    functions: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DistributionProperties {
    distribution_config: DistributionConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DistributionConfig {
    origins: Vec<Origin>,
    default_cache_behavior: CacheBehavior,
    #[serde(default)]
    cache_behaviors: Vec<PathBehavior>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Origin {
    #[serde(default)]
    origin_custom_headers: Vec<CustomHeader>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CustomHeader {
    header_name: String,
    header_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PathBehavior {
    path_pattern: String,
    #[serde(flatten)]
    behavior: CacheBehavior,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CacheBehavior {
    cache_policy_id: String,
    origin_request_policy_id: String,
    #[serde(default)]
    function_associations: Vec<FunctionAssociation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionAssociation {
    event_type: String,
    #[serde(rename = "FunctionARN")]
    function_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OriginRequestPolicy {
    origin_request_policy_config: PolicyConfig,
}

#[derive(Deserialize)]
struct PolicyConfig {
    #[serde(rename = "CookiesConfig")]
    cookies: Cookies,
    #[serde(rename = "QueryStringsConfig")]
    query_strings: QueryStrings,
    #[serde(rename = "HeadersConfig")]
    headers: Headers,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CachePolicy {
    cache_policy_config: CacheConfig,
}

#[derive(Deserialize)]
struct CacheConfig {
    #[serde(rename = "MinTTL")]
    min_ttl: u64,
    #[serde(rename = "DefaultTTL")]
    default_ttl: u64,
    #[serde(rename = "MaxTTL")]
    max_ttl: u64,
    #[serde(rename = "ParametersInCacheKeyAndForwardedToOrigin")]
    key: CacheKey,
}

#[derive(Deserialize)]
struct CacheKey {
    #[serde(rename = "HeadersConfig")]
    headers: Headers,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cookies {
    cookie_behavior: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryStrings {
    query_string_behavior: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Headers {
    header_behavior: String,
    #[serde(default)]
    headers: Vec<String>,
}

impl Parts {
    /// Notes a resource, if it is a part of a distribution.
    pub(super) fn add(&mut self, id: &str, resource: &Value) -> Result<(), TemplateError> {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::CloudFront::Distribution" => {
                if self.distribution.is_some() {
                    return Err(TemplateError::new(id, "the local stack plays one distribution"));
                }
                self.distribution = Some((id.to_owned(), read(id, properties)?));
            }
            "AWS::CloudFront::OriginRequestPolicy" => {
                self.policies.insert(id.to_owned(), read(id, properties)?);
            }
            "AWS::CloudFront::CachePolicy" => {
                self.cache_policies.insert(id.to_owned(), read(id, properties)?);
            }
            "AWS::CloudFront::Function" => {
                let code = properties["FunctionCode"].as_str().unwrap_or_default();
                if !code.lines().map(str::trim).filter(|line| !line.is_empty()).eq(COPIES_HOST) {
                    return Err(TemplateError::new(
                        format!("{id}.FunctionCode"),
                        "is not the function that the local stack plays",
                    ));
                }
                self.functions.insert(format!("{id}.FunctionARN"));
            }
            _ => {}
        }
        Ok(())
    }

    /// The distribution, if there is one.
    pub(super) fn distribution(mut self) -> Result<Option<Distribution>, TemplateError> {
        let Some((id, DistributionProperties { distribution_config: config })) = self.distribution.take()
        else {
            return Ok(None);
        };
        let [origin] = <[Origin; 1]>::try_from(config.origins)
            .map_err(|_| TemplateError::new(id.as_str(), "the local stack plays one origin"))?;
        let mut paths = BTreeMap::new();
        for PathBehavior { path_pattern: path, behavior } in config.cache_behaviors {
            if !path.starts_with('/') || path.contains(['*', '?']) {
                return Err(TemplateError::new(id, "the local stack plays behaviors of single paths only"));
            }
            paths.insert(path, self.behavior(&id, &behavior)?);
        }
        let headers = origin.origin_custom_headers.into_iter();
        Ok(Some(Distribution {
            custom_headers: headers
                .map(|header| (header.header_name.to_ascii_lowercase(), header.header_value))
                .collect(),
            default: self.behavior(&id, &config.default_cache_behavior)?,
            paths,
        }))
    }

    /// What a behavior of this distribution forwards.
    fn behavior(&self, id: &str, behavior: &CacheBehavior) -> Result<Behavior, TemplateError> {
        let wrong = |problem: &str| Err(TemplateError::new(id, problem));
        let Some(policy) = self.policies.get(&behavior.origin_request_policy_id) else {
            return wrong("the origin request policy is none of this template");
        };
        let policy = &policy.origin_request_policy_config;
        let all = ["all", "all"];
        if [&*policy.cookies.cookie_behavior, &*policy.query_strings.query_string_behavior] != all
            || policy.headers.header_behavior != "whitelist"
        {
            return wrong("the local stack plays all cookies, the whole query, and headers by their names");
        }
        let mut forwarded = policy.headers.names();
        if forwarded.contains(AUTHORIZATION) {
            return wrong("CloudFront refuses an origin request policy that names Authorization");
        }
        forwarded.extend(self.in_cache_key(id, &behavior.cache_policy_id)?);
        let is_played = |association: &FunctionAssociation| {
            association.event_type == "viewer-request" && self.functions.contains(&association.function_arn)
        };
        if !behavior.function_associations.iter().all(is_played) {
            return wrong("the local stack plays functions of this template for viewer-request only");
        }
        Ok(Behavior { forwarded, copies_host: !behavior.function_associations.is_empty() })
    }

    /// The headers in a cache's key, which are forwarded too.
    fn in_cache_key(&self, id: &str, policy: &str) -> Result<BTreeSet<String>, TemplateError> {
        if policy == CACHING_DISABLED {
            return Ok(BTreeSet::new());
        }
        let wrong = |problem: &str| Err(TemplateError::new(id, problem));
        let Some(CachePolicy { cache_policy_config: policy }) = self.cache_policies.get(policy) else {
            return wrong("the cache policy is neither CachingDisabled nor one of this template");
        };
        if (policy.min_ttl, policy.default_ttl) != (0, 0) {
            return wrong("the local stack plays no cache, so nothing may be kept that does not ask for it");
        }
        let names = policy.key.headers.names();
        if policy.max_ttl == 0 && !names.is_empty() {
            return wrong("CloudFront refuses a cache policy that names headers and keeps nothing");
        }
        Ok(names)
    }
}

impl Headers {
    /// The names, in lower case.
    fn names(&self) -> BTreeSet<String> {
        self.headers.iter().map(|name| name.to_ascii_lowercase()).collect()
    }
}

fn read<T: for<'de> Deserialize<'de>>(place: &str, value: &Value) -> Result<T, TemplateError> {
    T::deserialize(value).map_err(|error| TemplateError::new(place, error.to_string()))
}
