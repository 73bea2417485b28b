//! What `openapi.yaml` tells the authors of programs. Every answer in JSON that any test gets is held against it, and what was
//! given is kept for `tests/openapi/given`.
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::request::Ask;
use super::visitor::Answer;
use super::world::file;

/// Which of the described answers were given, a line for each. All test binaries append to it.
const GIVEN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/described-answers.txt");

/// The description of the API.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document: Value = yaml_serde::from_str(&file("openapi.yaml")).expect("openapi.yaml is YAML");
    assert_eq!(document["openapi"], "3.1.1");
    Contract { document, validators: Mutex::default(), given: Mutex::default() }
});

/// The description, with the validators of the bodies that were seen, and the answers that were given.
pub struct Contract {
    document: Value,
    validators: Mutex<BTreeMap<String, Arc<[Validator; 2]>>>,
    given: Mutex<BTreeSet<String>>,
}

/// The description of the API.
pub fn contract() -> &'static Contract {
    &CONTRACT
}

/// Fails if an answer in JSON is another one than the description has for this request, or any answer lacks a header that it
/// requires. Pages are for people, and a path without a route has a problem that is none of its own.
pub fn assert_described(ask: &Ask, answer: &Answer) {
    let sent = ask.path.split('?').next().unwrap_or_default();
    let path = CONTRACT.path_of(sent);
    let found = match path {
        Some(path) if answer.status != 405 && !is_unknown_page(answer) => {
            CONTRACT.check(path, &method(ask), answer)
        }
        // The path is none of the site's, has a slash too many, or one that is encoded, or dots with which API Gateway leads it
        // elsewhere; or it does not answer the method, and the description names those that it does.
        _ if is_json(answer) => CONTRACT.find("/components/schemas/Problem", &answer.json()),
        _ => Ok(()),
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

/// The media type of an answer, without its parameters.
fn media_type(answer: &Answer) -> &str {
    answer.header("content-type").split(';').next().unwrap_or_default()
}

fn is_json(answer: &Answer) -> bool {
    media_type(answer).ends_with("json")
}

fn is_unknown_page(answer: &Answer) -> bool {
    is_json(answer) && answer.json()["code"] == "not-found"
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

    /// The pointer that a part refers to; that of the part itself if it refers to nothing.
    fn followed(&self, pointer: String) -> Option<String> {
        match self.part(&pointer)?["$ref"].as_str() {
            Some(shared) => Some(shared.trim_start_matches('#').to_owned()),
            None => Some(pointer),
        }
    }

    /// Holds an answer against what its operation has.
    fn check(&self, path: &str, method: &str, answer: &Answer) -> Result<(), String> {
        let operation = format!("/paths/{}/{method}", escaped(path));
        let Some(response) = self.followed(format!("{operation}/responses/{}", answer.status)) else {
            let status = answer.status;
            return if is_json(answer) {
                Err(format!("no {method} with the status {status}"))
            } else {
                Ok(())
            };
        };
        self.check_headers(&response, answer)?;
        if is_json(answer) {
            let media_type = media_type(answer);
            let schema = format!("{response}/content/{}/schema", escaped(media_type));
            self.part(&schema).ok_or_else(|| format!("no {media_type} with the status {}", answer.status))?;
            self.find(&schema, &answer.json())?;
        } else if self.part(&format!("{response}/content")).is_some() {
            // The page in its place.
            return Ok(());
        }
        self.keep(&operation, answer);
        Ok(())
    }

    /// Whether an answer has the headers that its description requires.
    fn check_headers(&self, response: &str, answer: &Answer) -> Result<(), String> {
        let headers = self.part(&format!("{response}/headers")).and_then(Value::as_object);
        for name in headers.into_iter().flat_map(|headers| headers.keys()) {
            let header = self.followed(format!("{response}/headers/{}", escaped(name)));
            let is_required = header.and_then(|header| self.part(&format!("{header}/required")));
            if is_required == Some(&json!(true)) && answer.header(name).is_empty() {
                return Err(format!("no {name} with the status {}", answer.status));
            }
        }
        Ok(())
    }

    /// Keeps that a described answer was given: the operation, the status, and the code or error of the body if it has one. A
    /// line is written at once, so that lines of tests that run at the same time do not mix.
    fn keep(&self, operation: &str, answer: &Answer) {
        let operation = &self.part(operation).expect("it was found")["operationId"];
        let body = if is_json(answer) { answer.json() } else { Value::Null };
        let code = body["code"].as_str().filter(|_| body["status"].is_number());
        let code = code.or_else(|| body["error"].as_str()).unwrap_or("-");
        let line = format!("{} {} {code}\n", operation.as_str().expect("an id"), answer.status);
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.insert(line.clone()) {
            let mut kept = OpenOptions::new().create(true).append(true).open(GIVEN).expect(GIVEN);
            kept.write_all(line.as_bytes()).expect(GIVEN);
        }
    }

    /// Holds a body against the schema at this pointer, as programs read it, and then without further fields.
    fn find(&self, schema: &str, body: &Value) -> Result<(), String> {
        let validators = self.validators(schema);
        let differences: BTreeSet<String> = validators
            .iter()
            .flat_map(|validator| validator.iter_errors(body))
            .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
            .collect();
        let differences: Vec<String> = differences.into_iter().collect();
        if differences.is_empty() { Ok(()) } else { Err(differences.join("; ")) }
    }

    /// The validators of the schema at this pointer, whose references lead to the components.
    fn validators(&self, schema: &str) -> Arc<[Validator; 2]> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let root = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "allOf": [self.part(schema)],
                "components": self.document["components"],
            });
            let roots = [root.clone(), without_more_fields(root)];
            Arc::new(roots.map(|root| jsonschema::validator_for(&root).expect("a schema of openapi.yaml")))
        };
        Arc::clone(validators.entry(schema.to_owned()).or_insert_with(build))
    }
}
