//! The CloudFront distribution of a template: what it sends to its origin, as far as the local stack plays it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::model::{Distribution, TemplateError};

/// The one function of CloudFront that the local stack plays: it copies the viewer's `Host`.
const COPIES_HOST: [&str; 5] = [
    "function handler(event) {",
    "var request = event.request;",
    "request.headers['x-viewer-host'] = { value: request.headers.host.value };",
    "return request;",
    "}",
];

/// The parts of a distribution, which may come in any order.
#[derive(Default)]
pub(super) struct Parts {
    distribution: Option<(String, DistributionProperties)>,
    policies: BTreeMap<String, OriginRequestPolicy>,
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
    cache_behaviors: Vec<Value>,
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
struct CacheBehavior {
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
    pub(super) fn distribution(self) -> Result<Option<Distribution>, TemplateError> {
        let Some((id, DistributionProperties { distribution_config: config })) = self.distribution else {
            return Ok(None);
        };
        let wrong = |problem: &str| Err(TemplateError::new(id.as_str(), problem));
        let [origin] = <[Origin; 1]>::try_from(config.origins)
            .map_err(|_| TemplateError::new(id.as_str(), "the local stack plays one origin"))?;
        if !config.cache_behaviors.is_empty() {
            return wrong("the local stack plays the default behavior only");
        }
        let behavior = config.default_cache_behavior;
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
        let is_played = |association: &FunctionAssociation| {
            association.event_type == "viewer-request" && self.functions.contains(&association.function_arn)
        };
        if !behavior.function_associations.iter().all(is_played) {
            return wrong("the local stack plays functions of this template for viewer-request only");
        }
        let headers = origin.origin_custom_headers.into_iter();
        Ok(Some(Distribution {
            forwarded: policy.headers.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            custom_headers: headers
                .map(|header| (header.header_name.to_ascii_lowercase(), header.header_value))
                .collect(),
            copies_host: !behavior.function_associations.is_empty(),
        }))
    }
}

fn read<T: for<'de> Deserialize<'de>>(place: &str, value: &Value) -> Result<T, TemplateError> {
    T::deserialize(value).map_err(|error| TemplateError::new(place, error.to_string()))
}
