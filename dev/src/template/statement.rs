//! One statement of an IAM policy, and whether it applies to a permission. Knows neither keys nor the template.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    deny: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    /// `StringEquals` by context key: the value must be one of these.
    string_equals: BTreeMap<String, Vec<String>>,
}

/// One permission that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// For example `dynamodb:GetItem`.
    pub action: String,
    /// The ARNs, one of which must be allowed; more than one where AWS accepts either.
    pub resources: Vec<String>,
    /// The condition keys of the request.
    pub context: BTreeMap<String, String>,
}

impl Statement {
    /// Reads a statement whose intrinsic functions are resolved. The error says what is not understood.
    pub fn parse(statement: &Value) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Written {
            #[serde(rename = "Sid")]
            _sid: Option<String>,
            effect: String,
            action: OneOrMany,
            resource: OneOrMany,
            #[serde(default)]
            condition: Conditions,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Conditions {
            #[serde(default)]
            string_equals: BTreeMap<String, OneOrMany>,
        }
        let written = Written::deserialize(statement).map_err(|error| error.to_string())?;
        let deny = match written.effect.as_str() {
            "Allow" => false,
            "Deny" => true,
            other => return Err(format!("the effect {other} is not known")),
        };
        Ok(Self {
            deny,
            actions: written.action.into_vec(),
            resources: written.resource.into_vec(),
            string_equals: written
                .condition
                .string_equals
                .into_iter()
                .map(|(key, values)| (key, values.into_vec()))
                .collect(),
        })
    }

    /// Whether the statement denies what it applies to.
    pub fn denies(&self) -> bool {
        self.deny
    }

    /// Whether the statement names actions of this service, or all actions.
    pub fn names_service(&self, service: &str) -> bool {
        self.actions.iter().any(|action| action.split(':').next().is_some_and(|name| matches(name, service)))
    }

    /// Whether the statement applies to this permission.
    pub fn applies_to(&self, permission: &Permission) -> bool {
        let action = permission.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self
                .resources
                .iter()
                .any(|pattern| permission.resources.iter().any(|resource| matches(pattern, resource)))
            && self.string_equals.iter().all(|(key, values)| {
                permission.context.get(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

/// Matches IAM's wildcards: `*` for any run of characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => {
            matches(rest, text)
                || text.char_indices().any(|(at, letter)| matches(rest, &text[at + letter.len_utf8()..]))
        }
        _ => text.chars().next().is_some_and(|letter| {
            (first == '?' || first == letter) && matches(rest, &text[letter.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_that_is_not_understood_is_refused() {
        for statement in [
            json!({ "Effect": "Allow", "NotAction": "x", "Resource": "*" }),
            json!({ "Effect": "Perhaps", "Action": "x", "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": "x", "Resource": "*", "Condition": { "StringLike": { "a": "b" } } }),
        ] {
            assert!(Statement::parse(&statement).is_err(), "{statement}");
        }
    }
}
