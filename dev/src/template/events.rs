//! What EventBridge and SES do with events, as the template says it: rules, asynchronous invocations, event publishing.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::intrinsics::{Scope, bus_arn, plain_text};
use super::model::{Template, TemplateError};
use crate::events::DEFAULT_BUS;
use crate::events::pattern::Pattern;

/// The parameter with the name of the bus that account events go to; empty where they go to none. The bus itself belongs to no
/// template.
const BUS_PARAMETER: &str = "EventBusName";

/// A rule that sends events of a bus to a function.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRule {
    /// The bus.
    pub bus: String,
    /// Which of its events.
    pub pattern: Pattern,
}

/// What follows when a function fails that nobody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncInvocation {
    /// Tries after the first.
    pub maximum_retries: u32,
    /// An event that is older is given up.
    pub maximum_age: Duration,
    /// The ARN where given-up events go.
    pub on_failure: Option<String>,
}

/// Lambda's defaults.
impl Default for AsyncInvocation {
    fn default() -> Self {
        Self { maximum_retries: 2, maximum_age: Duration::from_hours(6), on_failure: None }
    }
}

/// That SES sends events about the emails of a configuration set to a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailEvents {
    /// The configuration set.
    pub configuration_set: String,
    /// The types of events, as the API of SES names them: `BOUNCE`, `COMPLAINT`.
    pub types: BTreeSet<String>,
    /// The bus.
    pub bus: String,
}

/// Why SES puts an address on the account's suppression list, and for which of the reasons there it sends no email, as its API
/// names them: `BOUNCE`, `COMPLAINT`. With none of them the list does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SuppressedReasons(BTreeSet<String>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigurationSet {
    suppression_options: Option<SuppressionOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SuppressionOptions {
    suppressed_reasons: SuppressedReasons,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleEvent {
    pattern: Value,
    event_bus_name: Option<String>,
}

/// The property `EventInvokeConfig` of a function.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventInvokeConfig {
    maximum_event_age_in_seconds: Option<u64>,
    maximum_retry_attempts: Option<u32>,
    destination_config: Option<super::resources::DestinationConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PublishingProperties {
    configuration_set_name: String,
    event_destination: EventDestination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventDestination {
    #[serde(default, rename = "Name")]
    _name: Option<String>,
    #[serde(default)]
    enabled: bool,
    matching_event_types: BTreeSet<String>,
    event_bridge_destination: EventBridgeDestination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventBridgeDestination {
    event_bus_arn: String,
}

impl EventRule {
    /// Reads an event of the type `EventBridgeRule`.
    pub(super) fn parse(place: &str, properties: &Value) -> Result<Self, TemplateError> {
        let event = RuleEvent::deserialize(properties).map_err(|error| wrong(place, error.to_string()))?;
        let pattern = Pattern::parse(&event.pattern)
            .map_err(|problem| TemplateError::new(format!("{place}.Pattern"), problem))?;
        Ok(Self { bus: event.event_bus_name.unwrap_or_else(|| DEFAULT_BUS.to_owned()), pattern })
    }
}

impl From<EventInvokeConfig> for AsyncInvocation {
    fn from(config: EventInvokeConfig) -> Self {
        let default = Self::default();
        Self {
            maximum_retries: config.maximum_retry_attempts.unwrap_or(default.maximum_retries),
            maximum_age: config.maximum_event_age_in_seconds.map_or(default.maximum_age, Duration::from_secs),
            on_failure: config.destination_config.map(|config| config.on_failure.destination),
        }
    }
}

/// Those of an account, which are in force where a configuration set has none of its own.
impl Default for SuppressedReasons {
    fn default() -> Self {
        Self(["BOUNCE", "COMPLAINT"].map(str::to_owned).into())
    }
}

impl SuppressedReasons {
    /// Reads those of an `AWS::SES::ConfigurationSet`.
    pub(super) fn parse(id: &str, properties: &Value) -> Result<Self, TemplateError> {
        let set = ConfigurationSet::deserialize(properties)
            .map_err(|error| wrong(&format!("{id}.Properties"), error.to_string()))?;
        Ok(set.suppression_options.map(|options| options.suppressed_reasons).unwrap_or_default())
    }

    /// Whether this is one of them.
    pub fn include(&self, reason: &str) -> bool {
        self.0.contains(reason)
    }
}

impl EmailEvents {
    /// Reads an `AWS::SES::ConfigurationSetEventDestination`; nothing for one that is not enabled.
    pub(super) fn parse(id: &str, properties: &Value) -> Result<Option<Self>, TemplateError> {
        let place = format!("{id}.Properties");
        let PublishingProperties { configuration_set_name, event_destination } =
            PublishingProperties::deserialize(properties)
                .map_err(|error| wrong(&place, error.to_string()))?;
        let known = ["BOUNCE", "COMPLAINT"];
        if let Some(other) =
            event_destination.matching_event_types.iter().find(|kind| !known.contains(&kind.as_str()))
        {
            return Err(wrong(&place, format!("the local SES publishes {known:?}, and not {other}")));
        }
        let arn = &event_destination.event_bridge_destination.event_bus_arn;
        // SES knows no other bus.
        if *arn != bus_arn(DEFAULT_BUS) {
            return Err(wrong(&place, format!("{arn} is not the default bus")));
        }
        Ok(event_destination.enabled.then(|| Self {
            configuration_set: configuration_set_name,
            types: event_destination.matching_event_types,
            bus: DEFAULT_BUS.to_owned(),
        }))
    }
}

/// The buses besides the default one.
pub(super) fn buses(scope: &Scope) -> BTreeSet<String> {
    let named = scope.parameters.get(BUS_PARAMETER).map(plain_text);
    named.into_iter().filter(|name| !name.is_empty() && name != DEFAULT_BUS).collect()
}

/// Checks that there are the buses and the configuration sets that are named.
pub(super) fn check(template: &Template) -> Result<(), TemplateError> {
    for EmailEvents { configuration_set, .. } in &template.email_events {
        if !template.configuration_sets.contains_key(configuration_set) {
            return Err(wrong(configuration_set, "SES has no configuration set of that name"));
        }
    }
    for function in &template.functions {
        let exists = |bus: &str| bus == DEFAULT_BUS || template.buses.contains(bus);
        if let Some(rule) = function.rules.iter().find(|rule| !exists(&rule.bus)) {
            let place = format!("{}.Events", function.logical_id);
            return Err(wrong(&place, format!("the local stack has no bus {}", rule.bus)));
        }
    }
    Ok(())
}

fn wrong(place: &str, problem: impl Into<String>) -> TemplateError {
    TemplateError::new(place, problem)
}
