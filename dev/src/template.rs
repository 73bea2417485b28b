//! The SAM template, read: which functions, routes, tables, permissions and variables there are.
//!
//! Knows SAM and CloudFormation, and nothing of processes or ports. What would change how the stack behaves, and is
//! not known to the local stack, is an error: a silent difference would be worse.

mod cloudfront;
pub mod condition;
mod events;
mod http_api;
pub mod intrinsics;
pub mod keys;
pub mod kms;
mod model;
mod resources;
pub mod statement;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;
use yaml_serde::Value as Yaml;

pub use self::events::{AsyncInvocation, EmailEvents, EventRule, SuppressedReasons};
use self::intrinsics::{Scope, key_arn, plain_text};
use self::kms::{KeyUsage, SIGNING_KEYS_MAX};
pub use self::model::{
    ACCOUNT_ID, Behavior, Distribution, Function, HttpApi, REGION, Route, Secret, StreamSource, Table,
    Template, TemplateError,
};

impl Template {
    /// Reads a template with the given values for its parameters; the others have their defaults.
    pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let document: Yaml = yaml_serde::from_str(text).context("template.yaml is not YAML")?;
        let resources = section(&document, "Resources")
            .ok_or_else(|| TemplateError::new("Resources", "there are none"))?;
        let scope = scope(&document, resources, parameters)?;
        let globals = match section(&document, "Globals") {
            Some(globals) => scope.resolve("Globals", &Yaml::Mapping(globals.clone()))?.unwrap_or_default(),
            None => Value::Null,
        };
        let mut template = Self {
            functions: Vec::new(),
            http_api: http_api::implicit(),
            caller_policies: BTreeMap::new(),
            tables: Vec::new(),
            secrets: BTreeMap::new(),
            configuration_sets: BTreeMap::new(),
            buses: events::buses(&scope),
            email_events: Vec::new(),
            kms_keys: BTreeMap::new(),
            distribution: None,
        };
        let mut cloudfront = cloudfront::Parts::default();
        for (id, resource) in resources {
            let id = id.as_str().unwrap_or_default();
            if !scope.absent.contains(id) {
                let resource = scope.resolve(id, resource)?.unwrap_or_default();
                resources::add(&mut template, &globals["Function"], id, &resource)?;
                cloudfront.add(id, &resource)?;
            }
        }
        template.distribution = cloudfront.distribution()?;
        for (name, output) in section(&document, "Outputs").into_iter().flatten() {
            let place = format!("Outputs.{}", name.as_str().unwrap_or_default());
            if holds(&scope, &place, output)? {
                scope.resolve(&place, output)?;
            }
        }
        template.check()?;
        template.functions.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
        template.tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(template)
    }

    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The environment variables, of all functions, whose value is the name of a table or a key of KMS.
    pub fn operator_variables(&self) -> BTreeMap<String, String> {
        let tables = self.tables.iter().map(|table| table.name.clone());
        let names: BTreeSet<String> = tables.chain(self.kms_keys.keys().map(|id| key_arn(id))).collect();
        self.functions
            .iter()
            .flat_map(|function| &function.environment)
            .filter(|(_, value)| names.contains(*value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Checks what spans resources: routes and binaries are unique, streams exist, each key has its key pair.
    fn check(&self) -> Result<(), TemplateError> {
        let mut signing = self.kms_keys.iter().filter(|(_, key)| key.usage == KeyUsage::Signatures);
        if let Some((id, _)) = signing.nth(SIGNING_KEYS_MAX) {
            let problem = format!("the local stack plays {SIGNING_KEYS_MAX} keys for signatures");
            return Err(TemplateError::new(id, problem));
        }
        http_api::check(self)?;
        events::check(self)?;
        let mut names = BTreeSet::new();
        for function in &self.functions {
            let id = &function.logical_id;
            if !names.insert(&function.name) {
                return Err(TemplateError::new(
                    id,
                    format!("another function runs {} already", function.name),
                ));
            }
            if let Some(stream) = &function.stream {
                let table = self.tables.iter().find(|table| table.name == stream.table);
                if table.is_none_or(|table| table.definition["StreamSpecification"].is_null()) {
                    return Err(TemplateError::new(
                        format!("{id}.Events"),
                        format!("{} has no StreamSpecification", stream.table),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn section<'y>(document: &'y Yaml, name: &str) -> Option<&'y yaml_serde::Mapping> {
    document.get(name).and_then(Yaml::as_mapping)
}

fn scope(
    document: &Yaml,
    resources: &yaml_serde::Mapping,
    given: &BTreeMap<String, String>,
) -> Result<Scope, TemplateError> {
    let mut scope = Scope::default();
    let declared = section(document, "Parameters");
    if let Some(unknown) =
        given.keys().find(|name| declared.is_none_or(|all| all.get(name.as_str()).is_none()))
    {
        return Err(TemplateError::new(format!("Parameters.{unknown}"), "there is no such parameter"));
    }
    for (name, declaration) in declared.into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        let value = match given.get(name) {
            Some(value) => {
                check_choice(name, declaration, value)?;
                Value::String(value.clone())
            }
            None => match declaration.get("Default") {
                Some(default) => scope.resolve(name, default)?.unwrap_or_default(),
                None => {
                    return Err(TemplateError::new(
                        format!("Parameters.{name}"),
                        "has no Default, and the local stack has no value for it",
                    ));
                }
            },
        };
        scope.parameters.insert(name.to_owned(), value);
    }
    for (name, condition) in section(document, "Conditions").into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        let decision = scope.decide(&format!("Conditions.{name}"), condition)?;
        scope.conditions.insert(name.to_owned(), decision);
    }
    check_rules(document, &scope)?;
    for (id, resource) in resources {
        let id = id.as_str().unwrap_or_default();
        if !holds(&scope, id, resource)? {
            scope.absent.insert(id.to_owned());
        }
        let kind = resource
            .get("Type")
            .and_then(Yaml::as_str)
            .ok_or_else(|| TemplateError::new(id, "has no Type"))?;
        scope.resources.insert(id.to_owned(), kind.to_owned());
    }
    Ok(scope)
}

/// A value that is given for a parameter must be one of its `AllowedValues`: `yes` for `"true"` would leave out what it
/// asks for. Patterns are not applied, because no local address of the site fits that of an address in AWS.
fn check_choice(name: &str, declaration: &Yaml, given: &str) -> Result<(), TemplateError> {
    let Some(allowed) = declaration.get("AllowedValues").and_then(Yaml::as_sequence) else { return Ok(()) };
    let place = format!("Parameters.{name}");
    let mut values = Vec::new();
    for value in allowed {
        values.push(plain_text(&Scope::default().resolve(&place, value)?.unwrap_or_default()));
    }
    if values.iter().any(|value| value == given) {
        return Ok(());
    }
    Err(TemplateError::new(place, format!("{given} is none of {}", values.join(", "))))
}

/// Whether a resource or an output is there at all.
fn holds(scope: &Scope, place: &str, declaration: &Yaml) -> Result<bool, TemplateError> {
    let Some(condition) = declaration.get("Condition").and_then(Yaml::as_str) else { return Ok(true) };
    scope
        .conditions
        .get(condition)
        .copied()
        .ok_or_else(|| TemplateError::new(place, format!("there is no condition {condition}")))
}

/// Parameters are held to the template's `Rules`, as CloudFormation does before it makes anything.
fn check_rules(document: &Yaml, scope: &Scope) -> Result<(), TemplateError> {
    for (name, rule) in section(document, "Rules").into_iter().flatten() {
        let place = format!("Rules.{}", name.as_str().unwrap_or_default());
        if let Some(condition) = rule.get("RuleCondition")
            && !scope.decide(&place, condition)?
        {
            continue;
        }
        for assertion in rule.get("Assertions").and_then(Yaml::as_sequence).into_iter().flatten() {
            let assert = assertion
                .get("Assert")
                .ok_or_else(|| TemplateError::new(place.as_str(), "an assertion has no Assert"))?;
            if !scope.decide(&place, assert)? {
                let why = assertion.get("AssertDescription").and_then(Yaml::as_str);
                return Err(TemplateError::new(place, why.unwrap_or("is broken")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
