//! Functions started with parameters at the edge of what the template takes: `tests/deploy/edges.json`, whose values
//! `tests/deploy/edges.py` holds against the template's patterns.
use std::collections::BTreeMap;

use dev::stack::environment::{Environments, secrets};
use dev::template::Template;

use crate::support::{file, starts, template_text};

/// What is wrong with the environment of each function that does not start with these parameters.
fn refusals(changes: &[(&str, &str)]) -> Vec<String> {
    let always = [("PublicUrl", "https://account.example.com"), ("MailFrom", "no-reply@example.com")];
    let given: BTreeMap<String, String> =
        always.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let template =
        Template::parse(&template_text(), &given).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
    let secrets = secrets(&template, None).expect("the template's secrets");
    let environments = Environments { aws_port: 1, secrets };
    let mut refusals = Vec::new();
    for function in &template.functions {
        let variables =
            environments.of_function(function).expect("the template gives the function its variables");
        if let Err(refusal) = starts(&function.name, &|name| variables.get(name).cloned()) {
            refusals.push(refusal.to_string());
        }
    }
    refusals
}

/// What a parameter needs beside it.
fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    let certificate = (
        "CertificateArn",
        "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    );
    match name {
        "DomainName" => vec![("PublicUrl", ""), certificate],
        "CloudFrontCertificateArn" => {
            vec![("PublicUrl", ""), ("DomainName", "account.example.com"), ("CloudFront", "true")]
        }
        "WebAclArn" => vec![("CloudFront", "true")],
        "CertificateArn" => vec![("PublicUrl", ""), ("DomainName", "account.example.com")],
        "HostedZoneId" => vec![("PublicUrl", ""), ("DomainName", "account.example.com"), certificate],
        "MailFromDomain" => vec![("CreateMailIdentity", "true")],
        _ => Vec::new(),
    }
}

#[test]
fn functions_start_with_every_value_that_the_template_takes() {
    let edges: BTreeMap<String, BTreeMap<String, Vec<String>>> =
        serde_json::from_str(&file("tests/deploy/edges.json")).expect("it is JSON");
    let (mut started, mut stopped) = (0, 0);
    // The local stack has no policy that a statement refers to, and the key itself reaches no variable.
    for (name, values) in edges.iter().filter(|(name, _)| *name != "KmsKeyArn") {
        for value in &values["taken"] {
            // Without the value there is nothing that needs another.
            let mut changes = if value.is_empty() { Vec::new() } else { beside(name) };
            changes.push((name, value));
            assert_eq!(refusals(&changes), Vec::<String>::new(), "{name}={value}");
            started += 1;
        }
        for value in values.get("stopped").into_iter().flatten() {
            let refusals = refusals(&[(name, value)]);
            assert!(!refusals.is_empty(), "{name}={value}");
            let named =
                |refusal: &String| ["FORMER_HASHES", "TIME_ZONE"].iter().any(|name| refusal.contains(name));
            assert!(refusals.iter().all(named), "{refusals:?}");
            stopped += 1;
        }
    }
    assert!(started > 60 && stopped > 3, "{started} {stopped}");
}
