use std::time::Duration;

use super::*;

const HEAD: &str = r#"
Parameters:
  PublicUrl: { Type: String, Default: "" }
  MailFrom: { Type: String }
Conditions:
  HasPublicUrl: !Not [!Equals [!Ref PublicUrl, ""]]
Globals:
  Function:
    Timeout: 10
    Environment: { Variables: { TABLE: !Ref T, LEVEL: info } }
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { PasswordLength: 12, ExcludePunctuation: true } }
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
      StreamSpecification: { StreamViewType: NEW_IMAGE }
"#;

fn parse(resources: &str) -> anyhow::Result<Template> {
    let parameters = BTreeMap::from([("MailFrom".to_owned(), "no-reply@example.com".to_owned())]);
    Template::parse(&format!("{HEAD}{resources}"), &parameters)
}

fn one_function(properties: &str) -> anyhow::Result<Function> {
    let resource = format!(
        "  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildProperties: {{ Binary: f }} }}\n    Properties:\n{properties}",
    );
    Ok(parse(&resource)?.functions.remove(0))
}

#[test]
fn intrinsic_functions_give_the_values_of_cloudformation() {
    for (written, value) in [
        ("!Ref T", "T"),
        ("{ Ref: AWS::Region }", "us-east-1"),
        ("!GetAtt T.Arn", "arn:aws:dynamodb:us-east-1:000000000000:table/T"),
        ("{ Fn::GetAtt: [T, Arn] }", "arn:aws:dynamodb:us-east-1:000000000000:table/T"),
        ("!Sub '${T.Arn}/index/i'", "arn:aws:dynamodb:us-east-1:000000000000:table/T/index/i"),
        ("!Sub '${!T} ${T}'", "${T} T"),
        ("!Sub ['${D}', { D: !Select [1, !Split ['@', !Ref MailFrom]] }]", "example.com"),
        ("!If [HasPublicUrl, yes, !Sub 'https://${Api}.example']", "https://Api.example"),
        ("!Join ['-', [a, !Ref T, 3]]", "a-T-3"),
        ("12", "12"),
    ] {
        let function = one_function(&format!("      Environment: {{ Variables: {{ V: {written} }} }}\n"))
            .expect("a template");
        assert_eq!(function.environment["V"], value, "{written}");
    }
}

#[test]
fn a_function_has_its_own_variables_and_the_global_ones() {
    let function = one_function(
        "      Timeout: 30\n      Environment: { Variables: { LEVEL: debug, GONE: !Ref AWS::NoValue } }\n",
    )
    .expect("a template");
    assert_eq!(function.timeout, Duration::from_secs(30));
    assert_eq!(
        function.environment,
        BTreeMap::from([("LEVEL".into(), "debug".into()), ("TABLE".into(), "T".into())])
    );
}

#[test]
fn what_cannot_be_run_is_named_with_its_place() {
    for (properties, problem) in [
        (
            "      Environment: { Variables: { V: !Ref Nothing } }",
            "F.Properties.Environment.Variables.V: !Ref Nothing",
        ),
        (
            "      Environment: { Variables: { V: !Base64 x } }",
            "F.Properties.Environment.Variables.V: !Base64",
        ),
        ("      Environment: { Variables: { V: !GetAtt T.Size } }", "!GetAtt T.Size"),
        ("      Environment: { Variables: { V: !If [No, a, b] } }", "there is no condition No"),
        ("      Policies: [AmazonDynamoDBFullAccess]", "F.Policies: only policies written out"),
        (
            "      Policies: { Statement: { Effect: Allow, Action: a, Resource: b, Condition: { Bool: { aws:SecureTransport: 'true' } } } }",
            "F.Policies[0]: the condition operator Bool is not known",
        ),
        (
            "      Policies: { Statement: { Effect: Allow, Action: a, Resource: b, Condition: { StringEquals: { 'aws:SourceVpc': c } } } }",
            "F.Policies[0]: the condition key aws:SourceVpc is not known",
        ),
        ("      Events: { E: { Type: Schedule } }", "F.Events.E: a Schedule event"),
        ("      Events: { E: { Type: HttpApi, Properties: { Path: '/{x}' } } }", "F.Events.E: the path /{x}"),
        (
            "      Events: { E: { Type: HttpApi, Properties: { Auth: {} } } }",
            "F.Events.E: unknown field `Auth`",
        ),
        (
            "      Events: { A: { Type: HttpApi }, B: { Type: HttpApi } }",
            "F.Events: the route $default belongs to another",
        ),
        (
            "      Events: { E: { Type: DynamoDB, Properties: { Stream: !GetAtt T.StreamArn, StartingPosition: LATEST, FilterCriteria: { Filters: [{ Pattern: '{\"dynamodb\": {}}' }] } } } }",
            "only a pattern on eventName",
        ),
    ] {
        let error = one_function(properties).expect_err(properties).to_string();
        assert!(error.contains(problem), "{properties}: {error}");
    }
}

#[test]
fn a_stream_source_has_the_settings_of_its_event() {
    let source = one_function(
        "      Events: { E: { Type: DynamoDB, Properties: { Stream: !GetAtt T.StreamArn, StartingPosition: TRIM_HORIZON, BatchSize: 7, ParallelizationFactor: 3, FunctionResponseTypes: [ReportBatchItemFailures], MaximumRetryAttempts: 4, MaximumRecordAgeInSeconds: -1, FilterCriteria: { Filters: [{ Pattern: '{\"eventName\": [\"INSERT\"]}' }] } } } }\n",
    )
    .expect("a template")
    .stream
    .expect("a stream");
    assert_eq!((source.table.as_str(), source.batch_size, source.lanes), ("T", 7, 3));
    assert_eq!((source.maximum_retry_attempts, source.maximum_record_age), (Some(4), None));
    assert!(source.report_batch_item_failures && !source.bisect_batch && source.from_the_beginning);
    assert_eq!(source.event_names, BTreeSet::from(["INSERT".to_owned()]));
}

#[test]
fn tables_and_secrets_are_read() {
    let template = parse("").expect("a template");
    let table = &template.tables[0];
    assert_eq!(table.definition["TableName"], "T");
    assert_eq!(table.definition["StreamSpecification"]["StreamEnabled"], true);
    assert_eq!(table.time_to_live.as_deref(), Some("expires_at"));
    assert_eq!(template.secrets["Secret"], Secret { length: 12, punctuation: false });
}

#[test]
fn conditions_take_resources_and_outputs_away() {
    let absent = "  Key: { Type: AWS::KMS::Key, Condition: HasPublicUrl }\n";
    let outputs = "Outputs:\n  Key: { Condition: HasPublicUrl, Value: !Ref Key }\n";
    let chosen =
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties: { K: !If [HasPublicUrl, !Ref Key, none] }\n";
    parse(&format!("{absent}{chosen}{outputs}")).expect("a template");
    for (resource, problem) in [
        ("  Q: { Type: AWS::SQS::Queue, Properties: { K: !Ref Key } }\n", "Key has a condition"),
        ("  Q: { Type: AWS::SQS::Queue, Properties: { K: !GetAtt Key.Arn } }\n", "Key has a condition"),
        ("  Q: { Type: AWS::SQS::Queue, Condition: No }\n", "Q: there is no condition No"),
    ] {
        let error = parse(&format!("{absent}{resource}")).expect_err(resource).to_string();
        assert!(error.contains(problem), "{resource}: {error}");
    }
}

#[test]
fn parameters_are_held_to_the_rules() {
    let rule = |condition: &str, assert: &str| {
        format!(
            "Rules:\n  R:\n    RuleCondition: {condition}\n    Assertions:\n      - {{ Assert: {assert}, AssertDescription: no such sender }}\n",
        )
    };
    let (yes, no) = ("!Equals [a, a]", "!Equals [!Ref MailFrom, a]");
    parse(&rule(yes, yes)).expect("the rule is kept");
    parse(&rule(no, no)).expect("the rule does not apply");
    let error = parse(&rule(yes, no)).expect_err("the rule is broken").to_string();
    assert_eq!(error, "template.yaml, Rules.R: no such sender");
}

#[test]
fn a_parameter_that_nobody_declares_is_refused() {
    let given = BTreeMap::from([("MailForm".to_owned(), "no-reply@example.com".to_owned())]);
    let error = Template::parse(HEAD, &given).expect_err("a typing error").to_string();
    assert_eq!(error, "template.yaml, Parameters.MailForm: there is no such parameter");
}

#[test]
fn the_template_of_this_project_can_be_run() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let text = std::fs::read_to_string(path).expect("the template");
    let parameters = BTreeMap::from([
        ("PublicUrl".to_owned(), "http://127.0.0.1:3000".to_owned()),
        ("MailFrom".to_owned(), "no-reply@example.com".to_owned()),
    ]);
    let template = Template::parse(&text, &parameters).expect("a template");
    let mailer = template.function("mailer").expect("the mailer");
    assert_eq!(mailer.environment["PUBLIC_URL"], "http://127.0.0.1:3000");
    assert!(mailer.stream.is_some() && mailer.routes.is_empty());
}
