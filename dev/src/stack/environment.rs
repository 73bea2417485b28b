//! The environment of a function process: the template's variables, and those that Lambda itself sets.
//!
//! Everything here follows from the template, the ports and the data directory, so that `cargo dev env` can print
//! it without starting anything.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::aws::containers;
use crate::aws::iam::{OPERATOR_KEY, access_key_id};
use crate::lambda::process::Variables;
use crate::random;
use crate::template::{Distribution, Function, REGION, Secret, Template};

/// The file of a data directory that keeps its secrets.
const SECRETS_FILE: &str = "secrets.json";

/// Punctuation that `GetSecretString` may use; a few characters are enough here.
const PUNCTUATION: &str = "!#%+-./:=?@_~";

/// The variables that name another address for an AWS service than the region's.
const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
const EVENTBRIDGE_ENDPOINT: &str = "AWS_ENDPOINT_URL_EVENTBRIDGE";
const KMS_ENDPOINT: &str = "AWS_ENDPOINT_URL_KMS";
const SES_ENDPOINT: &str = "AWS_ENDPOINT_URL_SESV2";

/// The environments of one stack's processes: what they have in common.
#[derive(Debug, Clone)]
pub struct Environments {
    /// The third port, of DynamoDB, EventBridge, KMS, SES and the Runtime API.
    pub aws_port: u16,
    /// The values of the template's secrets, by logical id.
    pub secrets: BTreeMap<String, String>,
}

impl Environments {
    /// All the variables of a function.
    pub fn of_function(&self, function: &Function) -> anyhow::Result<Variables> {
        self.of_environment(function, &function.name)
    }

    /// All the variables of one of its execution environments, which shows its name with every call to AWS.
    pub fn of_environment(&self, function: &Function, environment: &str) -> anyhow::Result<Variables> {
        let mut variables = self.of_template(function)?;
        let key = access_key_id(&function.name);
        variables.extend(self.of_aws(&key));
        let set_by_lambda = [
            ("AWS_SESSION_TOKEN", environment.to_owned()),
            // Lambda names a host and port only. A path, which tells the environments apart here, makes a URI only
            // together with a scheme.
            ("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/runtime/{environment}", self.aws_port)),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
            ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
            ("_HANDLER", function.handler.clone()),
            ("TZ", ":UTC".to_owned()),
        ];
        variables.extend(set_by_lambda.map(|(name, value)| (name.to_owned(), value)));
        Ok(variables)
    }

    /// What a function gets under `sam local`: the template's variables, secrets and endpoints filled in. The rest
    /// comes from `sam local` itself, which drops whatever the template does not declare.
    pub fn of_container(&self, function: &Function, host: &str) -> anyhow::Result<Variables> {
        let mut variables = self.of_template(function)?;
        let endpoint = containers::endpoint(&format!("{host}:{}", self.aws_port), &function.name);
        let calls = |service| function.statements.iter().any(|statement| statement.names_service(service));
        let services = [
            (DYNAMODB_ENDPOINT, true),
            (EVENTBRIDGE_ENDPOINT, calls("events")),
            (KMS_ENDPOINT, calls("kms")),
            (SES_ENDPOINT, calls("ses")),
        ];
        for (name, called) in services {
            match variables.get_mut(name) {
                Some(variable) => variable.clone_from(&endpoint),
                None if called => bail!(
                    "template.yaml, {}: without the variable {name} it would call AWS from sam local",
                    function.logical_id
                ),
                None => {}
            }
        }
        Ok(variables)
    }

    /// The template's variables with their secrets.
    fn of_template(&self, function: &Function) -> anyhow::Result<Variables> {
        let mut variables = Variables::new();
        for (name, value) in &function.environment {
            let value = self
                .with_secrets(value)
                .with_context(|| format!("template.yaml, {}: the variable {name}", function.logical_id))?;
            variables.insert(name.clone(), value);
        }
        Ok(variables)
    }

    /// The variables of the operator's command line: the tables, the key that signs, and credentials that may do everything.
    pub fn of_operator(&self, template: &Template) -> Variables {
        let mut variables = template.operator_variables();
        variables.extend(self.of_aws(OPERATOR_KEY));
        variables
    }

    /// The headers that a distribution adds, with their secrets.
    pub fn headers_of(&self, distribution: &Distribution) -> anyhow::Result<Vec<(String, String)>> {
        let headers = distribution.custom_headers.iter();
        headers.map(|(name, value)| Ok((name.clone(), self.with_secrets(value)?))).collect()
    }

    fn of_aws(&self, key: &str) -> Variables {
        let endpoint = format!("http://127.0.0.1:{}", self.aws_port);
        let variables = [
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            (DYNAMODB_ENDPOINT, endpoint.clone()),
            (EVENTBRIDGE_ENDPOINT, endpoint.clone()),
            (KMS_ENDPOINT, endpoint.clone()),
            (SES_ENDPOINT, endpoint),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Resolves dynamic references such as `{{resolve:secretsmanager:HashingKey:SecretString}}`.
    fn with_secrets(&self, value: &str) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("{{resolve:") {
            let (reference, remainder) = after.split_once("}}").context("a {{ without its }}")?;
            let parts: Vec<&str> = reference.split(':').collect();
            let secret = match parts.as_slice() {
                ["secretsmanager", id, "SecretString", trailing @ ..]
                    if trailing.iter().all(|part| part.is_empty()) =>
                {
                    self.secrets.get(*id).with_context(|| format!("there is no secret {id}"))?
                }
                _ => bail!("the reference {{{{resolve:{reference}}}}} is not known to the local stack"),
            };
            text.push_str(before);
            text.push_str(secret);
            rest = remainder;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// The values of the template's secrets.
///
/// In memory they follow from the secret's name alone, so that `cargo dev env` prints what a running stack has;
/// they guard nothing but the data of a stack on one machine. A data directory keeps random ones of its own.
pub fn secrets(template: &Template, data: Option<&Path>) -> anyhow::Result<BTreeMap<String, String>> {
    let Some(directory) = data else {
        let derived = template
            .secrets
            .iter()
            .map(|(id, rules)| (id.clone(), generate(rules, format!("local stack {id}").as_bytes())));
        return Ok(derived.collect());
    };
    let file = directory.join(SECRETS_FILE);
    let mut kept: BTreeMap<String, String> = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what this program wrote", file.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let missing: Vec<_> = template.secrets.iter().filter(|(id, _)| !kept.contains_key(*id)).collect();
    if !missing.is_empty() {
        for (id, rules) in missing {
            kept.insert(id.clone(), generate(rules, &random::bytes::<32>()));
        }
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&file, json!(kept).to_string()))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(kept)
}

fn generate(rules: &Secret, seed: &[u8]) -> String {
    let mut secret = random::letters_from(seed, rules.length);
    if rules.punctuation {
        // The characters that a caller may handle wrongly, at the end.
        let kept = rules.length.saturating_sub(PUNCTUATION.len());
        secret.truncate(kept);
        secret.push_str(&PUNCTUATION[..rules.length - kept]);
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_secrets_are_resolved() {
        let secrets = BTreeMap::from([("Key".to_owned(), "s3cret".to_owned())]);
        let environments = Environments { aws_port: 3002, secrets };
        for (written, value) in [
            ("plain", Some("plain")),
            ("{{resolve:secretsmanager:Key:SecretString}}", Some("s3cret")),
            ("a-{{resolve:secretsmanager:Key:SecretString::}}-b", Some("a-s3cret-b")),
            ("{{resolve:secretsmanager:Other:SecretString}}", None),
            ("{{resolve:ssm:/parameter}}", None),
        ] {
            assert_eq!(environments.with_secrets(written).ok().as_deref(), value, "{written}");
        }
    }

    #[test]
    fn a_container_gets_what_the_template_declares_and_an_endpoint_of_its_own() {
        let template = crate::workspace::template(3000, &BTreeMap::new()).expect("the template can be read");
        let secrets = secrets(&template, None).expect("in memory");
        let environments = Environments { aws_port: 3002, secrets };
        for function in &template.functions {
            let variables = environments.of_container(function, "192.0.2.1").expect("all is declared");
            let declared: Vec<_> = function.environment.keys().collect();
            assert_eq!(variables.keys().collect::<Vec<_>>(), declared, "{}", function.name);
            assert_eq!(variables[DYNAMODB_ENDPOINT], format!("http://192.0.2.1:3002/as/{}", function.name));
            assert!(variables.values().all(|value| !value.contains("{{resolve")), "{}", function.name);
        }
        let mailer = environments.of_container(template.function("mailer").expect("it is there"), "x");
        assert_eq!(mailer.expect("all is declared")["PUBLIC_URL"], "http://127.0.0.1:3000");
    }

    #[test]
    fn a_function_that_would_call_aws_itself_is_refused() {
        let mut template =
            crate::workspace::template(3000, &BTreeMap::new()).expect("the template can be read");
        let secrets = secrets(&template, None).expect("in memory");
        let environments = Environments { aws_port: 3002, secrets };
        for name in [DYNAMODB_ENDPOINT, SES_ENDPOINT] {
            let mailer = template.functions.iter_mut().find(|function| function.name == "mailer");
            let mailer = mailer.expect("it is there");
            let value = mailer.environment.remove(name).expect("declared");
            let refusal =
                environments.of_container(mailer, "x").expect_err("it lacks an endpoint").to_string();
            assert!(refusal.contains("MailerFunction") && refusal.contains(name), "{refusal}");
            mailer.environment.insert(name.to_owned(), value);
        }
    }

    #[test]
    fn a_function_that_calls_a_service_finds_it_here() {
        let template = |action: &str, variables: &str| {
            let text = format!(
                "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildProperties: {{ Binary: f }} }}\n    Properties:\n      Environment: {{ Variables: {{ AWS_ENDPOINT_URL_DYNAMODB: d{variables} }} }}\n      Policies: {{ Statement: {{ Effect: Allow, Action: '{action}', Resource: r }} }}\n",
            );
            Template::parse(&text, &BTreeMap::new()).expect("a template")
        };
        let environments = Environments { aws_port: 3002, secrets: BTreeMap::new() };
        for (action, endpoint) in [
            ("kms:Sign", KMS_ENDPOINT),
            ("events:PutEvents", EVENTBRIDGE_ENDPOINT),
            ("ses:SendEmail", SES_ENDPOINT),
        ] {
            let bare = template(action, "");
            let variables = environments.of_function(&bare.functions[0]).expect("no secret is named");
            assert_eq!(variables[endpoint], "http://127.0.0.1:3002");
            assert_eq!(environments.of_operator(&bare)[endpoint], "http://127.0.0.1:3002");
            let declared = template(action, &format!(", {endpoint}: k"));
            let variables = environments.of_container(&declared.functions[0], "x").expect("all is declared");
            assert_eq!(variables[endpoint], "http://x:3002/as/f");
            let refusal = environments.of_container(&bare.functions[0], "x").expect_err("it lacks one");
            assert!(refusal.to_string().contains(endpoint), "{refusal}");
        }
    }

    #[test]
    fn secrets_have_the_length_asked_for() {
        for (length, punctuation) in [(64, false), (32, true), (5, true)] {
            let secret = generate(&Secret { length, punctuation }, b"seed");
            assert_eq!(secret.len(), length);
            assert_eq!(secret.chars().all(|letter| letter.is_ascii_alphanumeric()), !punctuation);
        }
    }
}
