//! What `openapi.yaml` tells the authors of programs. Every answer in JSON that any test gets is held against it.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::request::Ask;
use super::visitor::Answer;
use super::world::file;

/// The description of the API.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document: Value = yaml_serde::from_str(&file("openapi.yaml")).expect("openapi.yaml is YAML");
    assert_eq!(document["openapi"], "3.1.1");
    Contract { document, validators: Mutex::default() }
});

/// The description, with the validators of the bodies that were seen.
pub struct Contract {
    document: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// The description of the API.
pub fn contract() -> &'static Contract {
    &CONTRACT
}

/// Fails if an answer in JSON is another one than the description has for this request. Pages are for people, and a path without
/// a route has a problem that is none of its own.
pub fn assert_described(ask: &Ask, answer: &Answer) {
    let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
    let sent = ask.path.split('?').next().unwrap_or_default();
    if !media_type.ends_with("json") {
        return;
    }
    let path = CONTRACT.path_of(sent);
    let found = match path {
        Some(path) if answer.status != 405 && answer.json()["code"] != "not-found" => {
            CONTRACT.check(path, &method(ask), answer.status, media_type, &answer.json())
        }
        // The path is none of the site's, has a slash too many, or one that is encoded, or dots with which API Gateway leads it elsewhere; or it does not
        // answer the method, and the description names those that it does.
        _ => CONTRACT.find("/components/schemas/Problem", &answer.json()),
    };
    if let Err(difference) = found {
        panic!("openapi.yaml, {} {sent}: {difference}\n{}", ask.method, answer.body);
    }
}

/// The method's name in the description. HEAD is answered as GET is (RFC 9110 section 9.3.2).
fn method(ask: &Ask) -> String {
    match ask.method.to_ascii_lowercase().as_str() {
        "head" => "get".to_owned(),
        other => other.to_owned(),
    }
}

/// A part of a JSON pointer (RFC 6901 section 3).
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// A schema whose objects have no fields but those that it names. Programs are told to expect more in later versions; a test
/// knows its version.
fn without_more_fields(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(parts) => {
            if parts.get("type").is_some_and(|kind| kind == "object") && parts.contains_key("properties") {
                parts.insert("additionalProperties".to_owned(), json!(false));
            }
            parts.values_mut().for_each(|part| *part = without_more_fields(part.take()));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| *part = without_more_fields(part.take())),
        _ => {}
    }
    schema
}

impl Contract {
    /// The paths.
    pub fn paths(&self) -> BTreeSet<&str> {
        self.document["paths"].as_object().expect("paths").keys().map(String::as_str).collect()
    }

    /// The path with this one's variables.
    fn path_of(&self, sent: &str) -> Option<&str> {
        let is_variable = |part: &str| part.starts_with('{') && part.ends_with('}');
        self.paths().into_iter().find(|path| {
            let (mut parts, mut sent) = (path.split('/'), sent.split('/'));
            loop {
                match (parts.next(), sent.next()) {
                    (None, None) => return true,
                    (Some(part), Some(sent)) if part == sent || is_variable(part) && !sent.is_empty() => {}
                    _ => return false,
                }
            }
        })
    }

    /// The methods of a path, in lower case.
    pub fn methods(&self, path: &str) -> Option<BTreeSet<String>> {
        Some(self.document["paths"].get(path)?.as_object().expect("a path").keys().cloned().collect())
    }

    /// A part of the description, by its JSON pointer.
    pub fn part(&self, pointer: &str) -> Option<&Value> {
        self.document.pointer(pointer)
    }

    /// Holds an answer against what its operation has.
    fn check(
        &self,
        path: &str,
        method: &str,
        status: i64,
        media_type: &str,
        body: &Value,
    ) -> Result<(), String> {
        let operation = format!("/paths/{}/{method}", escaped(path));
        let operation = self.part(&operation).map(|_| operation).ok_or("there is no such method")?;
        let mut response = format!("{operation}/responses/{status}");
        let described = self.part(&response).ok_or_else(|| format!("no status {status}"))?;
        if let Some(shared) = described["$ref"].as_str() {
            shared.trim_start_matches('#').clone_into(&mut response);
        }
        let schema = format!("{response}/content/{}/schema", escaped(media_type));
        self.part(&schema).ok_or_else(|| format!("no {media_type} with the status {status}"))?;
        self.find(&schema, body)
    }

    /// Holds a body against the schema at this pointer.
    fn find(&self, schema: &str, body: &Value) -> Result<(), String> {
        let validator = self.validator(schema);
        let differences: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
            .collect();
        if differences.is_empty() { Ok(()) } else { Err(differences.join("; ")) }
    }

    /// The validator of the schema at this pointer, whose references lead to the components.
    fn validator(&self, schema: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let root = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "allOf": [self.part(schema)],
                "components": self.document["components"],
            });
            let root = without_more_fields(root);
            Arc::new(jsonschema::validator_for(&root).expect("a schema of openapi.yaml"))
        };
        Arc::clone(validators.entry(schema.to_owned()).or_insert_with(build))
    }
}
