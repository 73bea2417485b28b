//! One entry of a `PutEvents`: whether EventBridge takes it, and what it answers to it. A refused entry does not affect the others.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Refusal, arn_of, constraint};
use crate::aws::faults::EntryError;
use crate::events::{DEFAULT_BUS, Events, NewEvent};
use crate::template::intrinsics::bus_arn;

/// How many bytes of an entry's size its time takes, however it is written.
const TIME_SIZE: usize = 14;

/// The API reference of `PutEventsRequestEntry`.
const DETAIL_TYPE_MAX: usize = 128;
const BUS_NAME_MAX: usize = 1_600;

/// Sources that only services of AWS have.
const RESERVED: &str = "aws.";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    #[serde(default, deserialize_with = "moment")]
    time: Option<OffsetDateTime>,
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    #[serde(default)]
    resources: Option<Vec<String>>,
}

/// What became of an entry.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is an event of this id now.
    Taken(String),
    /// It is refused, with this code and message.
    Refused(&'static str, String),
}

impl Outcome {
    /// The refusal that a fault makes.
    pub(super) fn by_fault(error: EntryError) -> Self {
        let (code, message) = match error {
            EntryError::Throttling => ("ThrottlingException", "Rate exceeded"),
            EntryError::InternalFailure => ("InternalFailure", "Internal failure"),
            EntryError::NotAuthorized => {
                ("NotAuthorizedForDetailTypeException", "Not authorized for the detail type.")
            }
            EntryError::MalformedDetail => ("MalformedDetail", "Detail is malformed."),
        };
        Self::Refused(code, message.to_owned())
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Taken(id) => json!({ "EventId": id }),
            Self::Refused(code, message) => json!({ "ErrorCode": code, "ErrorMessage": message }),
        }
    }
}

impl Entry {
    /// Its size in bytes, as the user guide calculates it.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten();
        let resources = self.resources.iter().flatten();
        let time = self.time.map_or(0, |_| TIME_SIZE);
        time + texts.chain(resources).map(String::len).sum::<usize>()
    }

    /// Checks the name of the bus, which fails the whole request.
    pub(super) fn check_bus(&self, parameter: &str) -> Result<(), Refusal> {
        let Some(bus) = &self.event_bus_name else { return Ok(()) };
        let name = bus.rsplit_once(":event-bus/").filter(|_| bus.starts_with("arn:"));
        let name = name.map_or(bus.as_str(), |(_, name)| name);
        if bus.is_empty() {
            return Err(constraint(parameter, "have length greater than or equal to 1"));
        }
        if bus.len() > BUS_NAME_MAX {
            return Err(constraint(parameter, "have length less than or equal to 1600"));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(constraint(
                parameter,
                r"satisfy regular expression pattern: (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+",
            ));
        }
        Ok(())
    }

    /// Publishes it, unless EventBridge would refuse it.
    pub(super) fn publish(self, events: &Events) -> Outcome {
        let event = match self.read() {
            Ok(event) => event,
            Err((code, message)) => return Outcome::Refused(code, message),
        };
        let named = self.event_bus_name.as_deref().unwrap_or(DEFAULT_BUS);
        // A bus of another account or region is none of ours, whatever its name.
        let arn = arn_of(named);
        let bus = arn.strip_prefix(&bus_arn("")).unwrap_or(named);
        Outcome::Taken(events.publish(bus, event))
    }

    /// The event that it is to become; or the code and the message of the refusal.
    fn read(&self) -> Result<NewEvent, (&'static str, String)> {
        let invalid = |parameter: &str, reason: &str| {
            ("InvalidArgument", format!("Parameter {parameter} is not valid. Reason: {reason}"))
        };
        let required = |parameter: &str, value: &Option<String>| {
            let value = value.clone().filter(|value| !value.is_empty());
            value.ok_or_else(|| invalid(parameter, &format!("{parameter} is a required argument.")))
        };
        let source = required("Source", &self.source)?;
        let detail_type = required("DetailType", &self.detail_type)?;
        let detail = required("Detail", &self.detail)?;
        if detail_type.chars().count() > DETAIL_TYPE_MAX {
            let reason = format!("DetailType has more than {DETAIL_TYPE_MAX} characters.");
            return Err(invalid("DetailType", &reason));
        }
        if source.starts_with(RESERVED) {
            let message = "Not authorized for the source.".to_owned();
            return Err(("NotAuthorizedForSourceException", message));
        }
        let detail = serde_json::from_str(&detail).ok().filter(Value::is_object);
        let detail = detail.ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
        let resources = self.resources.clone().unwrap_or_default();
        Ok(NewEvent { source, detail_type, time: self.time, resources, detail })
    }
}

/// Seconds since the epoch, as AWS JSON 1.1 writes a time.
fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let Some(seconds) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are wanted, and what is too large is refused below"
    )]
    let whole = seconds.floor() as i64;
    OffsetDateTime::from_unix_timestamp(whole).map(Some).map_err(serde::de::Error::custom)
}
