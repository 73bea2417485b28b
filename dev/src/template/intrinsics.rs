//! CloudFormation's intrinsic functions: turns a tagged YAML value into plain JSON.
//!
//! Holds no knowledge of functions, tables or routes; it only needs to know which parameters, conditions
//! and resources exist, so that a reference to nothing is found here and named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use yaml_serde::Value as Yaml;

use super::model::{ACCOUNT_ID, REGION, TemplateError};

/// What a reference can refer to.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Parameters by name, with the values of this stack.
    pub parameters: BTreeMap<String, Value>,
    /// Conditions by name, already decided.
    pub conditions: BTreeMap<String, bool>,
    /// Resource types by logical id.
    pub resources: BTreeMap<String, String>,
    /// Resources that this stack does not have, by their condition.
    pub absent: BTreeSet<String>,
}

/// The result of resolving one value; `None` is `AWS::NoValue`, which removes the property it stands in.
type Resolved = Result<Option<Value>, TemplateError>;

impl Scope {
    /// Resolves every intrinsic function in `value`; `place` names it in errors (`Resource.Property.…`).
    pub fn resolve(&self, place: &str, value: &Yaml) -> Resolved {
        if let Some((function, argument)) = intrinsic(value) {
            return self.call(place, &function, argument);
        }
        let plain = match value {
            Yaml::Null => Value::Null,
            Yaml::Bool(flag) => Value::Bool(*flag),
            Yaml::Number(number) => number_to_json(place, number)?,
            Yaml::String(text) => Value::String(text.clone()),
            Yaml::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    list.extend(self.resolve(&format!("{place}[{index}]"), item)?);
                }
                Value::Array(list)
            }
            Yaml::Mapping(entries) => {
                let mut map = Map::new();
                for (key, item) in entries {
                    let key = key_name(place, key)?;
                    if let Some(item) = self.resolve(&format!("{place}.{key}"), item)? {
                        map.insert(key, item);
                    }
                }
                Value::Object(map)
            }
            Yaml::Tagged(tagged) => {
                return Err(TemplateError::new(
                    place,
                    format!("{} is not known to the local stack", tagged.tag),
                ));
            }
        };
        Ok(Some(plain))
    }

    /// Decides one entry of `Conditions`, or the argument of `!And`, `!Or`, `!Not`.
    pub fn decide(&self, place: &str, value: &Yaml) -> Result<bool, TemplateError> {
        match self.resolve(place, value)? {
            Some(Value::Bool(decision)) => Ok(decision),
            _ => Err(TemplateError::new(place, "is not a condition")),
        }
    }

    fn call(&self, place: &str, function: &str, argument: &Yaml) -> Resolved {
        match function {
            "Ref" => self.reference(place, &self.text(place, argument)?),
            "GetAtt" => self.attribute_of(place, argument).map(Some),
            "Sub" => self.substitute(place, argument).map(Some),
            "If" => self.choose(place, argument),
            "Condition" => {
                let name = self.text(place, argument)?;
                self.condition(place, &name).map(|decision| Some(Value::Bool(decision)))
            }
            "Not" => {
                let [inner] = arguments(place, function, argument)?;
                Ok(Some(Value::Bool(!self.decide(place, inner)?)))
            }
            "And" | "Or" => {
                let mut decisions = Vec::new();
                for inner in sequence(place, function, argument)? {
                    decisions.push(self.decide(place, inner)?);
                }
                let all = function == "And";
                let decision = if all { !decisions.contains(&false) } else { decisions.contains(&true) };
                Ok(Some(Value::Bool(decision)))
            }
            "Equals" => {
                let [left, right] = arguments(place, function, argument)?;
                Ok(Some(Value::Bool(self.resolve(place, left)? == self.resolve(place, right)?)))
            }
            "Select" => self.select(place, argument),
            "Split" => {
                let [separator, whole] = arguments(place, function, argument)?;
                let (separator, whole) = (self.text(place, separator)?, self.text(place, whole)?);
                let parts = whole.split(&separator).map(|part| Value::String(part.to_owned()));
                Ok(Some(Value::Array(parts.collect())))
            }
            "Join" => {
                let [separator, parts] = arguments(place, function, argument)?;
                let separator = self.text(place, separator)?;
                let Some(Value::Array(parts)) = self.resolve(place, parts)? else {
                    return Err(TemplateError::new(place, "!Join wants a list"));
                };
                let parts: Vec<String> = parts.iter().map(plain_text).collect();
                Ok(Some(Value::String(parts.join(&separator))))
            }
            other => Err(TemplateError::new(place, format!("!{other} is not known to the local stack"))),
        }
    }

    fn reference(&self, place: &str, name: &str) -> Resolved {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT_ID,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::StackName" => "local",
            _ => {
                if let Some(value) = self.parameters.get(name) {
                    return Ok(Some(value.clone()));
                }
                self.check_presence(place, name)?;
                return match self.resources.get(name).map(String::as_str) {
                    Some("AWS::SQS::Queue") => Ok(Some(Value::String(format!(
                        "https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name}"
                    )))),
                    Some(_) => Ok(Some(Value::String(name.to_owned()))),
                    None => Err(TemplateError::new(
                        place,
                        format!("!Ref {name}: there is no parameter and no resource of that name"),
                    )),
                };
            }
        };
        Ok(Some(Value::String(pseudo.to_owned())))
    }

    fn attribute_of(&self, place: &str, argument: &Yaml) -> Result<Value, TemplateError> {
        let path = match argument {
            Yaml::Sequence(_) => {
                let [resource, attribute] = arguments(place, "GetAtt", argument)?;
                format!("{}.{}", self.text(place, resource)?, self.text(place, attribute)?)
            }
            _ => self.text(place, argument)?,
        };
        self.attribute(place, &path).map(Value::String)
    }

    fn attribute(&self, place: &str, path: &str) -> Result<String, TemplateError> {
        let (id, attribute) = path
            .split_once('.')
            .ok_or_else(|| TemplateError::new(place, format!("!GetAtt {path}: wants Resource.Attribute")))?;
        let kind = self
            .resources
            .get(id)
            .ok_or_else(|| TemplateError::new(place, format!("!GetAtt {path}: there is no resource {id}")))?;
        self.check_presence(place, id)?;
        match (kind.as_str(), attribute) {
            ("AWS::DynamoDB::Table", "Arn") => Ok(table_arn(id)),
            ("AWS::DynamoDB::Table", "StreamArn") => Ok(stream_arn(id)),
            ("AWS::KMS::Key", "Arn") => Ok(key_arn(id)),
            ("AWS::SQS::Queue", "Arn") => Ok(format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{id}")),
            ("AWS::KMS::Key", "KeyId") | ("AWS::SQS::Queue", "QueueName") => Ok(id.to_owned()),
            ("AWS::Serverless::Function", "Arn") => {
                Ok(format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{id}"))
            }
            // The version that SAM publishes; alarms name it.
            ("AWS::Serverless::Function", "Version.Version") => Ok("1".to_owned()),
            (
                "AWS::DynamoDB::Table"
                | "AWS::KMS::Key"
                | "AWS::SQS::Queue"
                | "AWS::Serverless::Function"
                | "AWS::SecretsManager::Secret",
                _,
            ) => Err(TemplateError::new(place, format!("!GetAtt {path}: a {kind} has no such attribute"))),
            // What the local stack does not run (alarms, topics) still has names to refer to.
            _ => Ok(path.to_owned()),
        }
    }

    fn substitute(&self, place: &str, argument: &Yaml) -> Result<Value, TemplateError> {
        let mut own = Map::new();
        let pattern = match argument {
            Yaml::Sequence(_) => {
                let [pattern, names] = arguments(place, "Sub", argument)?;
                if let Some(Value::Object(names)) = self.resolve(place, names)? {
                    own = names;
                }
                self.text(place, pattern)?
            }
            _ => self.text(place, argument)?,
        };
        let mut text = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, remainder) =
                after.split_once('}').ok_or_else(|| TemplateError::new(place, "!Sub: a ${ without its }"))?;
            text.push_str(before);
            text.push_str(&self.substitution(place, name.trim(), &own)?);
            rest = remainder;
        }
        text.push_str(rest);
        Ok(Value::String(text))
    }

    fn substitution(
        &self,
        place: &str,
        name: &str,
        own: &Map<String, Value>,
    ) -> Result<String, TemplateError> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some(value) = own.get(name) {
            return Ok(plain_text(value));
        }
        if name.contains('.') {
            return self.attribute(place, name);
        }
        let value = self.reference(place, name)?;
        Ok(value.as_ref().map(plain_text).unwrap_or_default())
    }

    fn choose(&self, place: &str, argument: &Yaml) -> Resolved {
        let [condition, yes, no] = arguments(place, "If", argument)?;
        let name = self.text(place, condition)?;
        // Both ways are resolved, so that a mistake in the way not taken here is found before it is deployed.
        // It may speak of resources that only the other decision brings.
        let other = Self { absent: BTreeSet::new(), ..self.clone() };
        let taken = self.condition(place, &name)?;
        let (of_yes, of_no) = if taken { (self, &other) } else { (&other, self) };
        let (yes, no) = (of_yes.resolve(place, yes)?, of_no.resolve(place, no)?);
        Ok(if taken { yes } else { no })
    }

    fn check_presence(&self, place: &str, id: &str) -> Result<(), TemplateError> {
        if self.absent.contains(id) {
            return Err(TemplateError::new(place, format!("{id} has a condition that does not hold")));
        }
        Ok(())
    }

    fn select(&self, place: &str, argument: &Yaml) -> Resolved {
        let [index, list] = arguments(place, "Select", argument)?;
        let index: usize = self
            .text(place, index)?
            .parse()
            .map_err(|_| TemplateError::new(place, "!Select wants a number first"))?;
        match self.resolve(place, list)? {
            Some(Value::Array(list)) if index < list.len() => Ok(Some(list[index].clone())),
            _ => Err(TemplateError::new(place, format!("!Select: the list has no item {index}"))),
        }
    }

    fn condition(&self, place: &str, name: &str) -> Result<bool, TemplateError> {
        self.conditions
            .get(name)
            .copied()
            .ok_or_else(|| TemplateError::new(place, format!("there is no condition {name}")))
    }

    fn text(&self, place: &str, value: &Yaml) -> Result<String, TemplateError> {
        match self.resolve(place, value)? {
            Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => Ok(plain_text(&value)),
            _ => Err(TemplateError::new(place, "a text is wanted here")),
        }
    }
}

/// The ARN of a table of the template.
pub fn table_arn(id: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{id}")
}

/// The ARN of a table's stream; the label, a time in AWS, is fixed here.
pub fn stream_arn(id: &str) -> String {
    format!("{}/stream/local", table_arn(id))
}

/// The ARN of a bus of EventBridge.
pub fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{name}")
}

/// The ARN of a key of KMS.
pub fn key_arn(id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/{id}")
}

/// A scalar as CloudFormation writes it into a string.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The function's short name and its argument, for `!Name x` and for `{"Fn::Name": x}` or `{"Ref": x}`.
fn intrinsic(value: &Yaml) -> Option<(String, &Yaml)> {
    match value {
        Yaml::Tagged(tagged) => {
            Some((tagged.tag.to_string().trim_start_matches('!').to_owned(), &tagged.value))
        }
        Yaml::Mapping(entries) if entries.len() == 1 => {
            let (key, argument) = entries.iter().next()?;
            let key = key.as_str()?;
            let name = if key == "Ref" { key } else { key.strip_prefix("Fn::")? };
            Some((name.to_owned(), argument))
        }
        _ => None,
    }
}

fn sequence<'y>(place: &str, function: &str, argument: &'y Yaml) -> Result<&'y [Yaml], TemplateError> {
    match argument {
        Yaml::Sequence(items) => Ok(items),
        _ => Err(TemplateError::new(place, format!("!{function} wants a list"))),
    }
}

fn arguments<'y, const N: usize>(
    place: &str,
    function: &str,
    argument: &'y Yaml,
) -> Result<&'y [Yaml; N], TemplateError> {
    sequence(place, function, argument)?
        .try_into()
        .map_err(|_| TemplateError::new(place, format!("!{function} wants a list of {N}")))
}

fn number_to_json(place: &str, number: &yaml_serde::Number) -> Result<Value, TemplateError> {
    serde_json::to_value(number).map_err(|_| TemplateError::new(place, "is not a number JSON knows"))
}

fn key_name(place: &str, key: &Yaml) -> Result<String, TemplateError> {
    match key {
        Yaml::String(name) => Ok(name.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        _ => Err(TemplateError::new(place, "a key here is not a name")),
    }
}
