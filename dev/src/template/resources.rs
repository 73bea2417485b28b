//! Turns resolved resources into the typed model.
//!
//! Properties that only matter in AWS (descriptions, retention, encryption) are passed over; properties
//! of routes, event sources and policies are all known here or refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::events::{AsyncInvocation, EmailEvents, EventInvokeConfig, EventRule, SuppressedReasons};
use super::http_api;
use super::intrinsics::{plain_text, stream_arn};
use super::kms::KmsKey;
use super::model::{Function, Secret, StreamSource, Table, Template, TemplateError};
use super::statement::Statement;

/// Adds one resource to the model, if it is one that the local stack runs.
pub fn add(
    template: &mut Template,
    globals: &Value,
    id: &str,
    resource: &Value,
) -> Result<(), TemplateError> {
    let properties = &resource["Properties"];
    match resource["Type"].as_str().unwrap_or_default() {
        "AWS::Serverless::Function" => template.functions.push(function(globals, id, resource)?),
        "AWS::Serverless::HttpApi" => {
            template.http_api = http_api::http_api(id, properties, &template.http_api)?;
        }
        "AWS::IAM::ManagedPolicy" => {
            if let Some(statements) = http_api::policy_for_callers(id, properties)? {
                template.caller_policies.insert(id.to_owned(), statements);
            }
        }
        "AWS::DynamoDB::Table" => template.tables.push(table(id, properties)?),
        "AWS::SecretsManager::Secret" => {
            let rules: SecretRules = read(id, &properties["GenerateSecretString"])?;
            let secret = Secret { length: rules.password_length, punctuation: !rules.exclude_punctuation };
            template.secrets.insert(id.to_owned(), secret);
        }
        "AWS::SES::ConfigurationSet" => {
            template.configuration_sets.insert(id.to_owned(), SuppressedReasons::parse(id, properties)?);
        }
        "AWS::SES::ConfigurationSetEventDestination" => {
            template.email_events.extend(EmailEvents::parse(id, properties)?);
        }
        "AWS::KMS::Key" => {
            template.kms_keys.insert(id.to_owned(), KmsKey::parse(id, properties)?);
        }
        _ => {}
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretRules {
    /// AWS's default.
    #[serde(default = "default_password_length")]
    password_length: usize,
    #[serde(default)]
    exclude_punctuation: bool,
}

fn default_password_length() -> usize {
    32
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FunctionProperties {
    handler: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    environment: Environment,
    policies: Value,
    events: BTreeMap<String, Event>,
    event_invoke_config: Option<EventInvokeConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StreamEvent {
    stream: String,
    starting_position: String,
    batch_size: Option<usize>,
    parallelization_factor: Option<usize>,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    maximum_retry_attempts: Option<i64>,
    maximum_record_age_in_seconds: Option<i64>,
    filter_criteria: Option<FilterCriteria>,
    destination_config: Option<DestinationConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DestinationConfig {
    pub(super) on_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OnFailure {
    #[serde(rename = "Type")]
    _kind: Option<String>,
    pub(super) destination: String,
}

fn function(globals: &Value, id: &str, resource: &Value) -> Result<Function, TemplateError> {
    let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str().ok_or_else(|| {
        TemplateError::new(format!("{id}.Metadata.BuildProperties.Binary"), "is missing: which binary is it?")
    })?;
    let common: FunctionProperties = read_or_default("Globals.Function", globals)?;
    let own: FunctionProperties = read_or_default(&format!("{id}.Properties"), &resource["Properties"])?;
    let mut variables = common.environment.variables;
    variables.extend(own.environment.variables);
    let mut function = Function {
        logical_id: id.to_owned(),
        name: name.to_owned(),
        handler: own.handler.or(common.handler).unwrap_or_else(|| "bootstrap".to_owned()),
        environment: variables.into_iter().map(|(name, value)| (name, plain_text(&value))).collect(),
        // The defaults of Lambda.
        timeout: Duration::from_secs(own.timeout.or(common.timeout).unwrap_or(3)),
        memory_mb: own.memory_size.or(common.memory_size).unwrap_or(128),
        routes: Vec::new(),
        statements: statements(id, &own.policies)?,
        stream: None,
        rules: Vec::new(),
        asynchronous: own.event_invoke_config.map(AsyncInvocation::from).unwrap_or_default(),
    };
    for (event_name, event) in own.events {
        let place = format!("{id}.Events.{event_name}");
        match event.kind.as_str() {
            "HttpApi" => function.routes.push(http_api::route(&place, &event.properties)?),
            "DynamoDB" if function.stream.is_none() => {
                function.stream = Some(stream_source(&place, &event.properties)?);
            }
            "EventBridgeRule" => function.rules.push(EventRule::parse(&place, &event.properties)?),
            other => {
                return Err(TemplateError::new(
                    place,
                    format!("a {other} event is not run by the local stack"),
                ));
            }
        }
    }
    Ok(function)
}

fn statements(id: &str, policies: &Value) -> Result<Vec<Statement>, TemplateError> {
    let place = format!("{id}.Policies");
    let policies = match policies {
        Value::Null => return Ok(Vec::new()),
        Value::Array(policies) => policies.clone(),
        one => vec![one.clone()],
    };
    let mut statements = Vec::new();
    for policy in policies {
        let list = match &policy["Statement"] {
            Value::Array(list) => list.clone(),
            statement @ Value::Object(_) => vec![statement.clone()],
            _ => {
                return Err(TemplateError::new(
                    place,
                    "only policies written out as statements are known to the local stack",
                ));
            }
        };
        for (index, statement) in list.iter().enumerate() {
            statements.push(
                Statement::parse(statement)
                    .map_err(|problem| TemplateError::new(format!("{place}[{index}]"), problem))?,
            );
        }
    }
    Ok(statements)
}

fn stream_source(place: &str, properties: &Value) -> Result<StreamSource, TemplateError> {
    let event: StreamEvent = read(place, properties)?;
    let table = event
        .stream
        .rsplit_once(":table/")
        .and_then(|(_, rest)| rest.strip_suffix("/stream/local"))
        .ok_or_else(|| TemplateError::new(format!("{place}.Stream"), "is not the stream of a table"))?;
    if let Some(other) = event.function_response_types.iter().find(|kind| *kind != "ReportBatchItemFailures")
    {
        return Err(TemplateError::new(
            format!("{place}.FunctionResponseTypes"),
            format!("{other} is not known"),
        ));
    }
    let from_the_beginning = match event.starting_position.as_str() {
        "TRIM_HORIZON" => true,
        "LATEST" => false,
        other => {
            return Err(TemplateError::new(
                format!("{place}.StartingPosition"),
                format!("{other} is not known"),
            ));
        }
    };
    let mut event_names = BTreeSet::new();
    for filter in event.filter_criteria.map(|criteria| criteria.filters).unwrap_or_default() {
        event_names.extend(filtered_event_names(&format!("{place}.FilterCriteria"), &filter.pattern)?);
    }
    Ok(StreamSource {
        stream_arn: stream_arn(table),
        table: table.to_owned(),
        batch_size: event.batch_size.unwrap_or(100).max(1),
        lanes: event.parallelization_factor.unwrap_or(1).max(1),
        report_batch_item_failures: !event.function_response_types.is_empty(),
        bisect_batch: event.bisect_batch_on_function_error,
        // AWS writes "no limit" as -1, and that is its default.
        maximum_retry_attempts: event.maximum_retry_attempts.and_then(|limit| u32::try_from(limit).ok()),
        maximum_record_age: event
            .maximum_record_age_in_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(Duration::from_secs),
        event_names,
        from_the_beginning,
        on_failure: event.destination_config.map(|config| config.on_failure.destination),
    })
}

/// Reads a filter such as `{"eventName": ["INSERT"]}`, the only kind known here.
fn filtered_event_names(place: &str, pattern: &str) -> Result<Vec<String>, TemplateError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Pattern {
        event_name: Vec<String>,
    }
    let pattern: Pattern = serde_json::from_str(pattern).map_err(|error| {
        TemplateError::new(
            place,
            format!("only a pattern on eventName is known to the local stack ({error})"),
        )
    })?;
    Ok(pattern.event_name)
}

fn table(id: &str, properties: &Value) -> Result<Table, TemplateError> {
    for wanted in ["AttributeDefinitions", "KeySchema"] {
        if !properties[wanted].is_array() {
            return Err(TemplateError::new(format!("{id}.Properties.{wanted}"), "is missing"));
        }
    }
    let mut definition = Map::new();
    definition.insert("TableName".to_owned(), json!(id));
    for property in [
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "ProvisionedThroughput",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    ] {
        if !properties[property].is_null() {
            definition.insert(property.to_owned(), properties[property].clone());
        }
    }
    if let Some(view) = properties["StreamSpecification"]["StreamViewType"].as_str() {
        definition.insert(
            "StreamSpecification".to_owned(),
            json!({ "StreamEnabled": true, "StreamViewType": view }),
        );
    }
    let expiry = &properties["TimeToLiveSpecification"];
    let time_to_live = expiry["AttributeName"].as_str().filter(|_| expiry["Enabled"] == json!(true));
    Ok(Table {
        name: id.to_owned(),
        definition: Value::Object(definition),
        time_to_live: time_to_live.map(str::to_owned),
    })
}

fn read<T: for<'de> Deserialize<'de>>(place: &str, value: &Value) -> Result<T, TemplateError> {
    T::deserialize(value).map_err(|error| TemplateError::new(place, error.to_string()))
}

fn read_or_default<T: for<'de> Deserialize<'de> + Default>(
    place: &str,
    value: &Value,
) -> Result<T, TemplateError> {
    if value.is_null() { Ok(T::default()) } else { read(place, value) }
}
