//! What operators rely on in the template: logs without secrets, alarms with actions, parameters with rules.
use std::collections::{BTreeMap, BTreeSet};

use dev::template::Template;
use yaml_serde::Value;

use crate::support::{PUBLIC_URL, file, template, template_text};

fn document() -> Value {
    yaml_serde::from_str(&template_text()).expect("the template is YAML")
}

fn resources_of(kind: &str) -> Vec<(String, Value)> {
    let document = document();
    let resources = document["Resources"].as_mapping().expect("there are resources");
    let of_kind = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind
        .map(|(name, resource)| (name.as_str().expect("a name").to_owned(), resource["Properties"].clone()))
        .collect()
}

/// What a `!Ref` refers to.
fn referred(value: &Value) -> &str {
    match value {
        Value::Tagged(tagged) => tagged.value.as_str().unwrap_or_default(),
        _ => "",
    }
}

#[test]
fn every_function_logs_into_a_group_of_its_own_that_forgets() {
    let groups: BTreeMap<_, _> = resources_of("AWS::Logs::LogGroup").into_iter().collect();
    for (name, group) in &groups {
        assert_eq!(referred(&group["RetentionInDays"]), "LogRetentionDays", "{name}");
    }
    let mut used = BTreeSet::from(["ApiLogs".to_owned()]);
    for (name, function) in resources_of("AWS::Serverless::Function") {
        let group = referred(&function["LoggingConfig"]["LogGroup"]).to_owned();
        assert!(used.insert(group), "{name} shares its log group");
        assert_eq!(function["AutoPublishAliasAllProperties"], true, "{name}: settings reach the alias");
    }
    assert_eq!(used, groups.into_keys().collect());
}

#[test]
fn the_access_log_holds_nothing_that_opens_or_names() {
    let (_, api) = resources_of("AWS::Serverless::HttpApi").remove(0);
    let format = api["AccessLogSettings"]["Format"].as_str().expect("a format").to_owned();
    let line: BTreeMap<String, String> = serde_json::from_str(&format).expect("the line is flat JSON");
    let known = [
        "requestId",
        "requestTime",
        "httpMethod",
        "routeKey",
        "status",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "integrationErrorMessage",
        "error.message",
    ];
    let known = known.map(|name| format!("$context.{name}"));
    assert_eq!(line.into_values().collect::<BTreeSet<_>>(), BTreeSet::from(known));
}

/// A client that fills a throttle closes its route for everybody, so that the pages that people need then must not be behind it.
#[test]
fn a_throttle_of_one_route_closes_no_page() {
    let (_, api) = resources_of("AWS::Serverless::HttpApi").remove(0);
    let throttled = api["RouteSettings"].as_mapping().expect("one route is throttled");
    let routes: Vec<_> = template().functions.iter().flat_map(|function| &function.routes).collect();
    let keys: Vec<String> = routes.iter().map(|route| route.key()).collect();
    assert_eq!(throttled.keys().filter_map(Value::as_str).collect::<Vec<_>>(), ["POST /login"]);
    for key in throttled.keys().map(|key| key.as_str().expect("a route's key")) {
        assert!(
            keys.iter().any(|route| route == key),
            "{key} is no route: CloudFormation refuses its settings"
        );
        let (method, path) = key.split_once(' ').expect("a method and a path");
        assert_eq!(method, "POST", "{key}: looking is throttled with it");
        assert!(keys.contains(&format!("ANY {path}")), "{key}: nothing shows the page");
    }
    // A method of its own is for a throttle, or for policies of IAM; a route that shares its path with another leads to the same
    // function.
    for function in &template().functions {
        for route in function.routes.iter().filter(|route| route.method.is_some() && !route.iam) {
            assert!(throttled.contains_key(route.key()), "{}: a method without a throttle", route.key());
            let any = function.routes.iter().any(|other| other.path == route.path && other.method.is_none());
            assert!(any, "{}: the other methods go elsewhere", route.key());
        }
    }
}

#[test]
fn every_alarm_tells_the_topic_and_stays_calm_without_data() {
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    let names: BTreeSet<String> = alarms
        .iter()
        .filter_map(|(_, alarm)| match &alarm["AlarmName"] {
            Value::Tagged(tagged) => tagged.value.as_str().map(str::to_owned),
            _ => None,
        })
        .collect();
    for (name, alarm) in &alarms {
        let condition = |actions: &Value| match actions {
            Value::Tagged(tagged) => tagged.value[0].as_str().map(str::to_owned),
            _ => None,
        };
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(condition(&alarm[actions]).as_deref(), Some("HasAlarmTopic"), "{name}: {actions}");
        }
        // A queue that nobody uses reports nothing and keeps its messages; the metric of a certificate ends with it.
        let missing = match name.as_str() {
            "UnsentMailAlarm" | "UnnotedReportAlarm" | "UnpublishedEventAlarm" => "ignore",
            "CertificateEndsAlarm" => "breaching",
            _ => "notBreaching",
        };
        assert_eq!(alarm["TreatMissingData"], missing, "{name}");
    }
    let document = document();
    let rollback = &document["Globals"]["Function"]["DeploymentPreference"]["Alarms"];
    for alarm in rollback.as_sequence().expect("a list of alarms") {
        let known = names.contains(referred(alarm)) || alarms.iter().any(|(name, _)| name == referred(alarm));
        assert!(known, "no alarm is called {}", referred(alarm));
    }
}

#[test]
fn parameters_that_do_not_fit_together_are_refused() {
    let with = |changes: &[(&str, &str)]| {
        let always = [("MailFrom", "no-reply@example.com")];
        let parameters = always.iter().chain(changes).map(|(name, value)| ((*name).into(), (*value).into()));
        Template::parse(&template_text(), &parameters.collect()).map_err(|error| error.to_string())
    };
    let site = ("DomainName", "account.example.com");
    let certificate = ("CertificateArn", "arn:aws:acm:us-east-1:000000000000:certificate/c");
    let template = with(&[site, certificate]).expect("a site with a name of its own");
    let mailer = template.function("mailer").expect("there is a mailer");
    assert_eq!(mailer.environment["PUBLIC_URL"], "https://account.example.com");
    with(&[("CreateMailIdentity", "true"), ("MailFromDomain", "bounce.example.com")]).expect("an identity");

    for (changes, problem) in [
        (&[site][..], "DomainName needs CertificateArn"),
        (&[site, certificate, ("PublicUrl", PUBLIC_URL)], "give one of them"),
        (&[certificate], "are for DomainName"),
        (&[("HostedZoneId", "Z1")], "are for DomainName"),
        (&[("MailFromDomain", "bounce.example.com")], "CreateMailIdentity"),
    ] {
        let error = with(changes).expect_err(problem);
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_mail_may_go_through_the_stacks_configuration_sets_only() {
    let mailer = template().function("mailer").expect("there is a mailer");
    assert_eq!(mailer.environment["CONFIGURATION_SET"], "Mails");
    assert_eq!(mailer.environment["SIGN_IN_LINK_CONFIGURATION_SET"], "SignInLinkMails");
    assert_eq!(mailer.environment["NOTICE_CONFIGURATION_SET"], "NoticeMails");
    let statements = format!("{:?}", mailer.statements);
    let named = statements.split(":configuration-set/").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(named.collect::<BTreeSet<_>>(), BTreeSet::from(["Mails", "NoticeMails", "SignInLinkMails"]));
}

#[test]
fn what_is_published_has_the_version_of_the_workspace() {
    let published = document()["Metadata"]["AWS::ServerlessRepo::Application"].clone();
    let version = published["SemanticVersion"].as_str().expect("a version").to_owned();
    assert!(file("Cargo.toml").contains(&format!("version = \"{version}\"\nedition")), "{version}");
    assert_eq!(published["SpdxLicenseId"], "Apache-2.0");
}

/// The statements of the policies of `deploy/role.yaml`, those that depend on a condition included.
fn statements_of_the_pipeline() -> Vec<Value> {
    let document: Value = yaml_serde::from_str(&file("deploy/role.yaml")).expect("it is YAML");
    let mut statements = Vec::new();
    for role in ["DeployRole", "StackRole"] {
        let properties = &document["Resources"][role]["Properties"];
        let Value::Tagged(boundary) = &properties["PermissionsBoundary"] else {
            panic!("{role} has no boundary")
        };
        assert_eq!(boundary.value[0], "HasPermissionsBoundary", "{role}");
        for policy in properties["Policies"].as_sequence().expect("policies") {
            statements.extend(statements_of(policy));
        }
    }
    let resources = document["Resources"].as_mapping().expect("resources").values();
    let managed = resources.filter(|resource| resource["Type"] == "AWS::IAM::ManagedPolicy");
    statements.extend(managed.flat_map(|policy| statements_of(&policy["Properties"])));
    statements
}

fn statements_of(policy: &Value) -> Vec<Value> {
    let listed = policy["PolicyDocument"]["Statement"].as_sequence().expect("statements").iter();
    let with_its_condition = |statement: &Value| match statement {
        Value::Tagged(tagged) => tagged.value[1].clone(),
        plain => plain.clone(),
    };
    listed.map(with_its_condition).collect()
}

#[test]
fn the_pipeline_reaches_the_secrets_of_its_own_stack_alone() {
    let mut reached = 0;
    for statement in statements_of_the_pipeline() {
        let text = yaml_serde::to_string(&statement).expect("it is YAML");
        if text.contains("secretsmanager:") && !text.contains("secretsmanager:GetRandomPassword") {
            reached += 1;
            assert!(text.contains(":secret:${StackName}-"), "{text}");
        }
    }
    assert_eq!(reached, 4, "the hashing key, the origin key, their versions, and the people of the tour");
    let secrets = resources_of("AWS::SecretsManager::Secret");
    let mut names: Vec<_> = secrets.iter().map(|(_, secret)| referred(&secret["Name"])).collect();
    names.sort_unstable();
    assert_eq!(names, ["${AWS::StackName}-hashing-key", "${AWS::StackName}-origin-key"]);
}

#[test]
fn with_a_boundary_no_role_gets_a_permission_without_it() {
    let globals = &document()["Globals"]["Function"]["PermissionsBoundary"];
    let Value::Tagged(of_functions) = globals else { panic!("functions have no boundary") };
    assert_eq!(of_functions.value[0], "HasPermissionsBoundary");
    for statement in statements_of_the_pipeline() {
        let text = yaml_serde::to_string(&statement).expect("it is YAML");
        let gives =
            ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:AttachRolePolicy"];
        if gives.iter().any(|action| text.contains(action)) {
            let of_aws_alone =
                text.contains("iam::aws:policy/") && !text.contains("${AWS::AccountId}:policy/");
            let gradual = text.contains("CodeDeployServiceRole-*") && !text.contains("Policy");
            assert!(text.contains("iam:PermissionsBoundary") || of_aws_alone || gradual, "{text}");
        }
        assert!(!text.contains("iam:DeleteRolePermissionsBoundary"), "{text}");
    }
}

/// The text of every workflow.
fn workflows() -> BTreeMap<String, String> {
    let folder =
        std::fs::read_dir(crate::support::workspace_file(".github/workflows")).expect("there are workflows");
    let paths = folder.map(|entry| entry.expect("a file").path());
    paths
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("it can be read"))
        })
        .collect()
}

#[test]
fn advisories_are_checked_every_week() {
    let workflows = workflows();
    let scheduled: Vec<_> = workflows.values().filter(|text| text.contains("  schedule:\n")).collect();
    assert!(scheduled.iter().any(|text| text.contains("cargo deny") && text.contains("check advisories")));
}

#[test]
fn what_workflows_run_of_others_is_pinned_to_its_content() {
    for (name, text) in workflows() {
        for line in text.lines().map(str::trim) {
            // A workflow of our own is the same commit.
            if let Some((_, action)) = line.split_once("uses: ").filter(|(_, name)| !name.starts_with("./")) {
                let commit = action.split_once('@').and_then(|(_, rest)| rest.get(..40)).unwrap_or_default();
                assert!(
                    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{name}: {line}"
                );
            }
            let installs = line.contains("pip\" install") || line.contains("pip install");
            assert!(!installs || line.contains("--require-hashes --no-deps -r "), "{name}: {line}");
        }
    }
    for list in [
        "deploy/requirements.txt",
        "tests/sam-local/requirements.txt",
        "tests/deploy/requirements.txt",
        ".ci/checkov.txt",
    ] {
        let text = file(list);
        let releases = text.lines().filter(|line| line.contains("=="));
        for release in releases {
            assert!(release.ends_with(" \\"), "{list}: {release} has no hash");
        }
        assert!(text.contains("--hash=sha256:"), "{list}");
    }
}

/// What the functions log: the messages, and the names of the fields.
fn logged() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut messages, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for folder in ["shared/src", "functions"] {
        for path in crate::house::sources(folder) {
            let source = std::fs::read_to_string(path).expect("a source can be read");
            for call in source.split("tracing::").skip(1).filter_map(|call| call.split(';').next()) {
                for (index, part) in call.split('"').enumerate() {
                    if index % 2 == 1 {
                        messages.insert(part.to_owned());
                    } else {
                        let names = part.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                        fields.extend(names.map(str::to_owned));
                    }
                }
            }
        }
    }
    (messages, fields)
}

/// The texts between quotation marks after this one, up to the end of its list or line.
fn quoted_after<'p>(page: &'p str, before: &str) -> Vec<&'p str> {
    let ends = |rest: &'p str| rest.split([']', '\n', '|']).next().unwrap_or_default();
    let lists = page.split(before).skip(1).map(ends);
    lists.flat_map(|list| list.split('"').skip(1).step_by(2)).collect()
}

#[test]
fn every_log_field_and_message_of_the_runbook_is_logged() {
    let (page, (messages, fields)) = (file("docs/runbook.md"), logged());
    let named: BTreeSet<&str> = page
        .split("fields.")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
        .collect();
    assert!(named.len() >= 8, "{named:?}");
    for field in named {
        assert!(field == "message" || fields.contains(field), "no line has the field {field}");
    }
    let texts =
        [quoted_after(&page, "fields.message = "), quoted_after(&page, "fields.message in ")].concat();
    assert!(texts.len() >= 8, "{texts:?}");
    for text in texts.iter().filter(|text| !matches!(**text, "platform.report" | "success")) {
        assert!(messages.contains(*text) || *text == "01…", "nothing logs {text:?}");
    }
}

#[test]
fn every_metric_and_table_item_of_the_runbook_exists() {
    let page = file("docs/runbook.md");
    let metrics = file("shared/src/metrics.rs");
    let named = page.split("ispresent(").skip(1).filter_map(|rest| rest.split(')').next());
    let named: BTreeSet<&str> = named.collect();
    assert!(named.contains("RefusedForTheDay"), "{named:?}");
    for metric in named {
        assert!(metrics.contains(metric), "no metric is called {metric}");
    }
    let store =
        ["accounts", "claims", "links"].map(|name| file(&format!("shared/src/store/{name}.rs"))).concat();
    for (start, kinds) in
        [("email#", &["backup", "former", "pending"][..]), ("claim#", &["email", "skeleton", "username"])]
    {
        let named: BTreeSet<&str> = page
            .split(start)
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next())
            .filter(|kind| !kind.is_empty())
            .collect();
        assert_eq!(named, kinds.iter().copied().collect(), "{start}");
        for kind in kinds {
            assert!(store.contains(&format!("\"{start}{kind}")), "the store has no {start}{kind}");
        }
    }
    // All that makes an address of an account work, other than the primary, is removed in an incident.
    let removed = page
        .split("transact-write-items")
        .nth(1)
        .expect("an incident")
        .split("```")
        .next()
        .unwrap_or_default();
    for line in store.lines().filter(|line| line.contains("#[serde(rename = \"email#")) {
        let record = line.split('"').nth(1).expect("a name");
        assert!(record == "email#primary" || removed.contains(record), "{record} stays");
    }
}
