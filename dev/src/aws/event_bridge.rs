//! Amazon EventBridge, as far as publishing goes: `PutEvents`, and `DescribeEventBus` to find out whether there is a bus. What
//! becomes of the events is in `crate::events`. Must not know who may publish: the checks have decided that.
//!
//! Follows the API reference of `PutEvents` and `PutEventsRequestEntry`, and the messages that EventBridge was seen to send.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

mod entry;
#[cfg(test)]
mod tests;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use self::entry::{Entry, Outcome};
use super::faults::RefusedEntries;
use super::response::{AwsResponse, Service};
use crate::events::{DEFAULT_BUS, Events};
use crate::template::condition::{Context, DETAIL_TYPE, EVENT_BUS_INVOCATION, SOURCE};
use crate::template::intrinsics::bus_arn;
use crate::template::statement::Permission;

/// What `x-amz-target` says before the operation's name.
pub const TARGET: &str = "AWSEvents";

/// The quota of entries in one request.
const ENTRIES_MAX: usize = 10;

/// The entries of one request must be smaller than this together, in bytes. Most regions take 1 MB since January 2026, some still
/// take 256 KB, so that a function must be content with it.
const ENTRIES_SIZE: usize = 256 * 1024;

/// One call, as far as the endpoint has to understand it.
#[derive(Debug)]
pub struct EventBridgeRequest<'a> {
    /// The operation's name, for example `PutEvents`.
    pub name: &'a str,
    /// The request.
    pub body: &'a Value,
}

/// Why EventBridge refuses a request: the name of its error and its message.
#[derive(Debug)]
struct Refusal {
    kind: &'static str,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    #[serde(default)]
    entries: Vec<Entry>,
    endpoint_id: Option<String>,
}

impl EventBridgeRequest<'_> {
    /// The permissions that it needs: one for each bus, source and detail type that it names together.
    ///
    /// The Service Authorization Reference lists `events:source` as a key with many values (`ArrayOfString`), because
    /// `PutRule` has it too, and `events:detail-type` as a key with one.
    pub fn permissions(&self) -> Vec<Permission> {
        let action = format!("events:{}", self.name);
        if self.name != "PutEvents" {
            let bus = self.described().filter(|_| self.name == "DescribeEventBus").map(arn_of);
            let resources = vec![bus.unwrap_or_else(|| "*".to_owned())];
            return vec![Permission { action, resources, context: Context::new() }];
        }
        let mut permissions = Vec::new();
        for entry in self.entries() {
            let bus = entry["EventBusName"].as_str().unwrap_or(DEFAULT_BUS);
            // `true` for events that come from another bus.
            let mut context = Context::from([(EVENT_BUS_INVOCATION.to_owned(), vec!["false".to_owned()])]);
            for (key, member) in [(SOURCE, "Source"), (DETAIL_TYPE, "DetailType")] {
                if let Some(value) = entry[member].as_str() {
                    context.insert(key.to_owned(), vec![value.to_owned()]);
                }
            }
            let permission = Permission { action: action.clone(), resources: vec![arn_of(bus)], context };
            if !permissions.contains(&permission) {
                permissions.push(permission);
            }
        }
        permissions
    }

    /// The bus that is asked about.
    fn described(&self) -> Option<&str> {
        self.body["Name"].as_str().or_else(|| self.body["Name"].is_null().then_some(DEFAULT_BUS))
    }

    fn describe(&self, events: &Events) -> Result<Value, Refusal> {
        let named = self.described().ok_or_else(|| Refusal {
            kind: "SerializationException",
            message: "Name is not a text".to_owned(),
        })?;
        let arn = arn_of(named);
        match arn.strip_prefix(&bus_arn("")).filter(|name| events.has_bus(name)) {
            Some(name) => Ok(json!({ "Name": name, "Arn": arn })),
            None => Err(Refusal {
                kind: "ResourceNotFoundException",
                message: format!("Event bus {named} does not exist."),
            }),
        }
    }

    /// Its entries, as they were written.
    pub fn entries(&self) -> &[Value] {
        self.body["Entries"].as_array().map_or(&[], Vec::as_slice)
    }

    fn read(&self) -> Result<Vec<Entry>, Refusal> {
        let request = PutEvents::deserialize(self.body)
            .map_err(|error| Refusal { kind: "SerializationException", message: error.to_string() })?;
        if request.endpoint_id.is_some() {
            return Err(validation("The local EventBridge has no global endpoints".to_owned()));
        }
        match request.entries.len() {
            0 => return Err(constraint("entries", "have length greater than or equal to 1")),
            1..=ENTRIES_MAX => {}
            _ => return Err(constraint("entries", "have length less than or equal to 10")),
        }
        for (place, entry) in (1..).zip(&request.entries) {
            entry.check_bus(&format!("entries.{place}.member.eventBusName"))?;
        }
        if request.entries.iter().map(Entry::size).sum::<usize>() >= ENTRIES_SIZE {
            return Err(validation("Total size of the entries in the request is over the limit.".to_owned()));
        }
        Ok(request.entries)
    }
}

/// Carries out a call. These entries of it are refused, the others are taken.
pub fn respond(
    events: &Events,
    request: &EventBridgeRequest<'_>,
    refused: Option<&RefusedEntries>,
) -> AwsResponse {
    let answer = match request.name {
        "PutEvents" => request.read().map(|entries| put(events, entries, refused)),
        "DescribeEventBus" => request.describe(events),
        name => {
            let message = format!("{name} is not played by the local EventBridge");
            Err(Refusal { kind: "UnknownOperationException", message })
        }
    };
    match answer {
        Ok(answer) => AwsResponse::of_event_bridge(&answer),
        Err(Refusal { kind, message }) => {
            AwsResponse::failure(Service::EventBridge, StatusCode::BAD_REQUEST, kind, &message)
        }
    }
}

/// Puts entries, without those that a fault refuses.
fn put(events: &Events, entries: Vec<Entry>, refused: Option<&RefusedEntries>) -> Value {
    let outcomes = (1..).zip(entries).map(|(place, entry)| match refused {
        Some(refused) if refused.places.contains(&place) => Outcome::by_fault(refused.error),
        _ => entry.publish(events),
    });
    let outcomes: Vec<_> = outcomes.collect();
    let failed = outcomes.iter().filter(|outcome| outcome.is_failure()).count();
    let entries: Vec<_> = outcomes.iter().map(Outcome::to_json).collect();
    json!({ "FailedEntryCount": failed, "Entries": entries })
}

/// The ARN of a bus that is named by its name or its ARN.
fn arn_of(bus: &str) -> String {
    if bus.starts_with("arn:") { bus.to_owned() } else { bus_arn(bus) }
}

fn validation(message: String) -> Refusal {
    Refusal { kind: "ValidationException", message }
}

/// The refusal of a parameter that does not satisfy its constraint, in the words of AWS.
fn constraint(parameter: &str, member: &str) -> Refusal {
    validation(format!(
        "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must {member}"
    ))
}
