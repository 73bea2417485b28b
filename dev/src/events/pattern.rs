//! Event patterns: which events a rule takes. Follows "Creating Amazon EventBridge event patterns" of the EventBridge user
//! guide, as far as this project uses it: fields that must be there, each with the values that it may have.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>

use std::collections::BTreeMap;

use serde_json::Value;

/// A pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(BTreeMap<String, Field>);

/// What a field of an event must be.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// One of these. If the event has a list, one item of it.
    OneOf(Vec<Value>),
    /// An object that matches.
    Object(Pattern),
}

impl Pattern {
    /// Reads a pattern. The error says what is not understood: what the local stack ignored would hold in AWS only.
    pub fn parse(written: &Value) -> Result<Self, String> {
        let Some(fields) = written.as_object().filter(|fields| !fields.is_empty()) else {
            return Err("a pattern is an object with at least one field".to_owned());
        };
        let fields = fields.iter().map(|(name, field)| Ok((name.clone(), Field::parse(name, field)?)));
        Ok(Self(fields.collect::<Result<_, String>>()?))
    }

    /// Whether an event matches: all fields of the pattern, whatever else it has.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.iter().all(|(name, field)| event.get(name).is_some_and(|value| field.matches(value)))
    }
}

impl Field {
    fn parse(name: &str, written: &Value) -> Result<Self, String> {
        match written {
            Value::Object(_) => Ok(Self::Object(Pattern::parse(written)?)),
            Value::Array(values) if values.is_empty() => Err(format!("{name} has no values")),
            Value::Array(values) => match values.iter().find(|value| value.is_object() || value.is_array()) {
                Some(filter) => Err(format!("{name}: the filter {filter} is not known to the local stack")),
                None => Ok(Self::OneOf(values.clone())),
            },
            _ => Err(format!("the values of {name} are not a list")),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::OneOf(wanted), Value::Array(values)) => values.iter().any(|value| wanted.contains(value)),
            (Self::OneOf(wanted), value) => wanted.contains(value),
            // In a list of objects, one that matches is enough.
            (Self::Object(pattern), Value::Array(values)) => {
                values.iter().any(|value| pattern.matches(value))
            }
            (Self::Object(pattern), value) => pattern.matches(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_matches_when_each_field_has_one_of_its_values() {
        let pattern = json!({
            "source": ["aws.ses"],
            "detail-type": ["Email Bounced", "Email Complaint Received"],
            "detail": { "mail": { "tags": { "ses:configuration-set": ["one", "two"] } } },
        });
        let pattern = Pattern::parse(&pattern).expect("a pattern");
        let event = |source: &str, kind: &str, sets: Value| {
            json!({ "source": source, "detail-type": kind, "id": "x",
                "detail": { "bounce": {}, "mail": { "tags": { "ses:configuration-set": sets } } } })
        };
        for (event, matches) in [
            (event("aws.ses", "Email Bounced", json!(["two"])), true),
            (event("aws.ses", "Email Complaint Received", json!(["three", "one"])), true),
            (event("aws.ses", "Email Bounced", json!("one")), true),
            (event("aws.ses", "Email Bounced", json!(["ONE"])), false),
            (event("aws.ses", "Email Bounced", json!([])), false),
            (event("aws.ses", "Email Delivered", json!(["one"])), false),
            (event("aws.sns", "Email Bounced", json!(["one"])), false),
            (json!({ "source": "aws.ses", "detail-type": "Email Bounced" }), false),
            (json!({ "source": "aws.ses", "detail-type": "Email Bounced", "detail": "mail" }), false),
            (json!([]), false),
        ] {
            assert_eq!(pattern.matches(&event), matches, "{event}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (written, problem) in [
            (json!({}), "at least one field"),
            (json!("aws.ses"), "an object"),
            (json!({ "source": "aws.ses" }), "not a list"),
            (json!({ "source": [] }), "no values"),
            (json!({ "source": [{ "prefix": "aws." }] }), "the filter {\"prefix\":\"aws.\"} is not known"),
            (json!({ "detail": { "a": { "b": 1 } } }), "the values of b"),
        ] {
            let refusal = Pattern::parse(&written).expect_err("it is refused");
            assert!(refusal.contains(problem), "{refusal}");
        }
    }
}
