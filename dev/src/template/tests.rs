mod event_bus;

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
  K: { Type: AWS::KMS::Key, Properties: { KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY } }
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
        ("!Ref K", "K"),
        ("!GetAtt K.Arn", "arn:aws:kms:us-east-1:000000000000:key/K"),
        ("!GetAtt K.KeyId", "K"),
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
        ("      Environment: { Variables: { V: !GetAtt K.Alias } }", "!GetAtt K.Alias"),
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
        (
            "      Events: { E: { Type: HttpApi, Properties: { Path: '/x{x}' } } }",
            "F.Events.E: the path /x{x}",
        ),
        (
            "      Events: { E: { Type: HttpApi, Properties: { Auth: {} } } }",
            "F.Events.E: missing field `Authorizer`",
        ),
        (
            "      Events: { E: { Type: HttpApi, Properties: { Auth: { Authorizer: Tokens } } } }",
            "F.Events.E: the authorizer Tokens is not known",
        ),
        (
            "      Events: { E: { Type: HttpApi, Properties: { Auth: { Authorizer: AWS_IAM, AuthorizationScopes: [a] } } } }",
            "F.Events.E: unknown field `AuthorizationScopes`",
        ),
        (
            "      Events: { E: { Type: HttpApi, Properties: { Path: /x, Auth: { Authorizer: AWS_IAM } } } }",
            "F.Events: the route ANY /x wants AWS_IAM, and the API lacks EnableIamAuthorizer",
        ),
        (
            "      Events: { A: { Type: HttpApi, Properties: { Path: '/{x}' } }, B: { Type: HttpApi, Properties: { Path: '/{y}' } } }",
            "F.Events: the route ANY /{y} belongs to another",
        ),
        ("      Events: { E: { Type: HttpApi, Properties: { TimeoutInMillis: 50 } } }", "unknown field"),
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
fn what_an_api_cannot_do_here_is_refused() {
    let api = |properties: &str| {
        let text = format!(
            "Resources:\n  Api: {{ Type: AWS::Serverless::HttpApi, Properties: {{ {properties} }} }}\n"
        );
        Template::parse(&text, &BTreeMap::new())
    };
    let template = api("Auth: { EnableIamAuthorizer: true }").expect("a template");
    assert_eq!(template.http_api, HttpApi { id: "Api".to_owned(), has_iam_authorizer: true });
    assert!(!api("Description: x").expect("a template").http_api.has_iam_authorizer);
    for (properties, problem) in [
        (
            "Auth: { EnableIamAuthorizer: true, DefaultAuthorizer: AWS_IAM }",
            "Api.Properties.Auth: unknown field",
        ),
        ("Auth: { Authorizers: { Tokens: {} } }", "Api.Properties.Auth: unknown field `Authorizers`"),
        ("Auth: { EnableIamAuthorizer: 'yes' }", "Api.Properties.Auth: invalid type"),
        ("StageName: live", "Api: the local stack plays the stage $default only"),
    ] {
        let error = api(properties).expect_err(properties).to_string();
        assert!(error.contains(problem), "{properties}: {error}");
    }
    let error = parse("  Other: { Type: AWS::Serverless::HttpApi }\n").expect_err("a second").to_string();
    assert_eq!(error, "template.yaml, Other: the local stack plays one HTTP API");
}

#[test]
fn managed_policies_are_read_and_those_for_callers_are_kept() {
    let policy = |statement: &str| {
        parse(&format!(
            "  P: {{ Type: AWS::IAM::ManagedPolicy, Properties: {{ PolicyDocument: {{ Statement: {statement} }} }} }}\n"
        ))
    };
    let arn =
        "!Sub 'arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default/GET/x'";
    let template = policy(&format!("{{ Effect: Allow, Action: 'execute-api:Invoke', Resource: {arn} }}"));
    let template = template.expect("a template");
    assert_eq!(template.caller_policies.keys().collect::<Vec<_>>(), ["P"]);
    assert_eq!(
        template.caller_policies["P"][0].resources(),
        ["arn:aws:execute-api:us-east-1:000000000000:Api/$default/GET/x"]
    );
    let other = policy("[{ Effect: Allow, Action: 'kms:Decrypt', Resource: '*' }]").expect("a template");
    assert!(other.caller_policies.is_empty());
    for (statement, problem) in [
        ("[]", ""),
        ("x", "P.Properties.PolicyDocument.Statement: is missing"),
        (
            "{ Effect: Allow, Action: a }",
            "P.Properties.PolicyDocument.Statement[0]: missing field `Resource`",
        ),
        (
            "{ Effect: Allow, Action: 'execute-api:Invoke', Resource: b, Condition: { IpAddress: { 'aws:SourceIp': c } } }",
            "Statement[0]: the condition operator IpAddress is not known",
        ),
    ] {
        match policy(statement) {
            Ok(template) => assert!(problem.is_empty() && template.caller_policies.is_empty(), "{statement}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!problem.is_empty() && error.contains(problem), "{statement}: {error}");
            }
        }
    }
}

/// A part of a product that a parameter turns on: a function with a route, a stream and a log group, a table, keys, an
/// alarm.
const PART: &str = r#"
Parameters:
  Part: { Type: String, Default: "false", AllowedValues: ["true", "false"] }
  Days: { Type: Number, Default: 30, AllowedValues: [1, 30] }
Conditions:
  HasPart: !Equals [!Ref Part, "true"]
Globals:
  Function: { Environment: { Variables: { RECORDS: !If [HasPart, !Ref Records, !Ref AWS::NoValue] } } }
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Always:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: always } }
    Properties: { Events: { E: { Type: HttpApi } } }
  Sometimes:
    Type: AWS::Serverless::Function
    Condition: HasPart
    Metadata: { BuildProperties: { Binary: sometimes } }
    Properties:
      LoggingConfig: { LogGroup: !Ref SometimesLogs }
      Environment: { Variables: { KEY: !Ref SigningKey } }
      Policies: { Statement: { Effect: Allow, Action: kms:Sign, Resource: !GetAtt SigningKey.Arn } }
      Events:
        E: { Type: HttpApi, Properties: { Path: /part } }
        S: { Type: DynamoDB, Properties: { Stream: !GetAtt Records.StreamArn, StartingPosition: LATEST } }
  SometimesLogs: { Type: AWS::Logs::LogGroup, Condition: HasPart }
  SometimesAlarm:
    Type: AWS::CloudWatch::Alarm
    Condition: HasPart
    Properties: { Dimensions: [{ Name: FunctionName, Value: !Ref Sometimes }] }
  Records:
    Type: AWS::DynamoDB::Table
    Condition: HasPart
    Properties:
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
  SigningKey:
    Type: AWS::KMS::Key
    Condition: HasPart
    Properties: { KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY }
  PartSecret:
    Type: AWS::SecretsManager::Secret
    Condition: HasPart
    Properties: { GenerateSecretString: {} }
Outputs:
  RecordsTable: { Condition: HasPart, Value: !Ref Records }
"#;

fn with_part(name: &str, value: &str) -> anyhow::Result<Template> {
    Template::parse(PART, &BTreeMap::from([(name.to_owned(), value.to_owned())]))
}

#[test]
fn what_has_a_condition_that_does_not_hold_is_left_out() {
    let names = |template: &Template| {
        let functions = template.functions.iter().map(|function| function.name.clone());
        functions.collect::<Vec<_>>()
    };
    let template = with_part("Part", "false").expect("it can be run without");
    assert_eq!(names(&template), ["always"]);
    assert_eq!(template.functions[0].routes.iter().map(Route::key).collect::<Vec<_>>(), ["$default"]);
    assert!(template.tables.is_empty() && template.kms_keys.is_empty() && template.secrets.is_empty());
    assert!(template.operator_variables().is_empty());

    let template = with_part("Part", "true").expect("it can be run with it");
    assert_eq!(names(&template), ["always", "sometimes"]);
    let sometimes = template.function("sometimes").expect("it is there");
    assert_eq!(sometimes.routes.iter().map(Route::key).collect::<Vec<_>>(), ["ANY /part"]);
    assert_eq!(sometimes.stream.as_ref().map(|stream| stream.table.as_str()), Some("Records"));
    assert_eq!(sometimes.environment["KEY"], "SigningKey");
    assert_eq!(template.tables[0].name, "Records");
    assert_eq!(template.kms_keys.keys().collect::<Vec<_>>(), ["SigningKey"]);
    assert_eq!(template.operator_variables(), BTreeMap::from([("RECORDS".into(), "Records".into())]));
}

#[test]
fn what_is_there_names_nothing_that_is_left_out() {
    for resource in [
        "  Alarm: { Type: AWS::CloudWatch::Alarm, Properties: { Value: !Ref Sometimes } }\n",
        "  Alarm: { Type: AWS::CloudWatch::Alarm, Properties: { Value: !Sub '${Sometimes}' } }\n",
        "  Other: { Type: AWS::SQS::Queue, Properties: { K: !GetAtt SigningKey.Arn } }\n",
        "  Other: { Type: AWS::SQS::Queue, Properties: { K: !Ref SometimesLogs } }\n",
    ] {
        let text = PART.replace("Outputs:\n", &format!("{resource}Outputs:\n"));
        let error = Template::parse(&text, &BTreeMap::new()).expect_err(resource).to_string();
        assert!(error.contains("has a condition that does not hold"), "{resource}: {error}");
        let given = BTreeMap::from([("Part".to_owned(), "true".to_owned())]);
        Template::parse(&text, &given).expect(resource);
    }
}

#[test]
fn a_value_that_the_template_does_not_allow_is_refused() {
    for (name, value, problem) in [
        ("Part", "yes", "Parameters.Part: yes is none of true, false"),
        ("Part", "", "Parameters.Part:  is none of true, false"),
        ("Days", "2", "Parameters.Days: 2 is none of 1, 30"),
    ] {
        let error = with_part(name, value).expect_err(value).to_string();
        assert_eq!(error, format!("template.yaml, {problem}"));
    }
    with_part("Days", "1").expect("it is allowed");
}

#[test]
fn there_are_as_many_signing_keys_as_key_pairs() {
    let key = |id: &str| {
        format!(
            "  {id}: {{ Type: AWS::KMS::Key, Properties: {{ KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY }} }}\n"
        )
    };
    let symmetric = "  S: { Type: AWS::KMS::Key }\n";
    let four = ["L", "M", "N"].map(key).concat();
    parse(&format!("{four}{symmetric}")).expect("four keys for signatures");
    let error = parse(&format!("{four}{}", key("O"))).expect_err("a fifth").to_string();
    assert_eq!(error, "template.yaml, O: the local stack plays 4 keys for signatures");
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
