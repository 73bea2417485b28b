//! One statement of an IAM policy, and whether it applies to a permission. Knows neither keys nor the template.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::condition::{Condition, Context, matches};

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    deny: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    /// All of them must be met.
    conditions: Vec<Condition>,
}

/// One permission that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// For example `dynamodb:GetItem`.
    pub action: String,
    /// The ARNs, one of which must be allowed; more than one where AWS accepts either.
    pub resources: Vec<String>,
    /// The condition keys of the request.
    pub context: Context,
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
            condition: BTreeMap<String, BTreeMap<String, OneOrMany>>,
        }
        let written = Written::deserialize(statement).map_err(|error| error.to_string())?;
        let deny = match written.effect.as_str() {
            "Allow" => false,
            "Deny" => true,
            other => return Err(format!("the effect {other} is not known")),
        };
        let mut conditions = Vec::new();
        for (operator, keys) in written.condition {
            for (key, values) in keys {
                conditions.push(Condition::parse(&operator, &key, values.into_vec())?);
            }
        }
        Ok(Self {
            deny,
            actions: written.action.into_vec(),
            resources: written.resource.into_vec(),
            conditions,
        })
    }

    /// Its actions.
    pub fn actions(&self) -> &[String] {
        &self.actions
    }

    /// Its resources.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Its conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the statement denies what it applies to.
    pub fn denies(&self) -> bool {
        self.deny
    }

    /// Whether the statement names actions of this service, or all actions.
    pub fn names_service(&self, service: &str) -> bool {
        self.actions.iter().any(|action| action.split(':').next().is_some_and(|name| matches(name, service)))
    }

    /// Whether the statement names this action on this resource, whatever its conditions say.
    pub fn names(&self, permission: &Permission) -> bool {
        let action = permission.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self
                .resources
                .iter()
                .any(|pattern| permission.resources.iter().any(|resource| matches(pattern, resource)))
    }

    /// Whether the statement applies to this permission.
    pub fn applies_to(&self, permission: &Permission) -> bool {
        self.names(permission)
            && self.conditions.iter().all(|condition| condition.is_met(&permission.context))
    }

    /// What of this permission does not meet the conditions, for people to read.
    pub fn unmet(&self, permission: &Permission) -> Vec<String> {
        self.conditions.iter().filter_map(|condition| condition.unmet(&permission.context)).collect()
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
            json!({ "Effect": "Allow", "Action": "x", "Resource": "*", "Condition": { "DateLessThan": { "aws:CurrentTime": "b" } } }),
            json!({ "Effect": "Allow", "Action": "x", "Resource": "*", "Condition": { "Bool": { "aws:SecureTransport": true } } }),
        ] {
            assert!(Statement::parse(&statement).is_err(), "{statement}");
        }
    }
}
