//! What the template promises for a deployment and for operation in AWS: what its alarms watch, how long emails are tried.
use std::collections::{BTreeMap, BTreeSet};

use domain::Purpose;
use yaml_serde::Value;

use crate::support::{World, file, template_text};

/// CloudWatch's limit for one alarm.
const MOST_METRICS: usize = 10;

fn document() -> Value {
    yaml_serde::from_str(&template_text()).expect("the template is YAML")
}

fn resources_of(kind: &str) -> BTreeMap<String, Value> {
    let document = document();
    let resources = document["Resources"].as_mapping().expect("there are resources");
    let of_kind = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(name, resource)| (name.as_str().expect("a name").to_owned(), resource.clone())).collect()
}

/// The text of a tagged value (`!Ref X`, `!Sub X`, `!GetAtt X`), or the plain text.
fn text(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => tagged.value.as_str().unwrap_or_default().to_owned(),
        plain => plain.as_str().unwrap_or_default().to_owned(),
    }
}

/// One metric of an alarm: namespace and name, what its dimensions say, and its period in seconds.
struct Watched {
    metric: String,
    dimensions: BTreeMap<String, String>,
    period: u64,
}

/// The metrics of an alarm, both for one that names a metric and for one that computes.
fn watched(alarm: &Value) -> Vec<Watched> {
    let properties = &alarm["Properties"];
    let one = |metric: &Value, period: &Value| Watched {
        metric: format!("{}/{}", text(&metric["Namespace"]), text(&metric["MetricName"])),
        dimensions: (metric["Dimensions"].as_sequence().into_iter().flatten())
            .map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"])))
            .collect(),
        period: period.as_u64().expect("a period"),
    };
    match properties["Metrics"].as_sequence() {
        None => vec![one(properties, &properties["Period"])],
        Some(metrics) => metrics
            .iter()
            .filter(|metric| !metric["MetricStat"].is_null())
            .map(|metric| one(&metric["MetricStat"]["Metric"], &metric["MetricStat"]["Period"]))
            .collect(),
    }
}

/// The alarms that watch a metric of Lambda for errors, with the functions they watch.
fn errors(by_version: bool) -> BTreeSet<String> {
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    let metrics = alarms.values().flat_map(watched);
    metrics
        .filter(|watched| watched.metric == "AWS/Lambda/Errors")
        .filter(|watched| watched.dimensions.contains_key("ExecutedVersion") == by_version)
        .map(|watched| watched.dimensions["FunctionName"].clone())
        .collect()
}

#[test]
fn the_errors_of_each_function_and_of_each_new_version_are_watched() {
    let functions: BTreeSet<String> = resources_of("AWS::Serverless::Function").into_keys().collect();
    assert_eq!(errors(false), functions);
    assert_eq!(errors(true), functions);
    for (name, alarm) in resources_of("AWS::CloudWatch::Alarm") {
        let watched = watched(&alarm);
        assert!(watched.len() <= MOST_METRICS, "{name}");
        for by_version in watched.iter().filter(|watched| watched.dimensions.contains_key("ExecutedVersion"))
        {
            let function = &by_version.dimensions["FunctionName"];
            assert_eq!(by_version.dimensions["Resource"], format!("${{{function}}}:live"), "{name}");
            assert_eq!(by_version.dimensions["ExecutedVersion"], format!("{function}.Version.Version"));
            assert_eq!(by_version.period, 60, "{name}");
        }
    }
}

#[test]
fn an_expression_of_an_alarm_counts_all_its_metrics() {
    for (name, alarm) in resources_of("AWS::CloudWatch::Alarm") {
        let Some(metrics) = alarm["Properties"]["Metrics"].as_sequence() else { continue };
        let (measured, computed): (Vec<_>, Vec<_>) =
            metrics.iter().partition(|metric| !metric["MetricStat"].is_null());
        let expression = text(&computed.first().expect("an expression")["Expression"]);
        let words: BTreeSet<&str> = expression.split(|c: char| !c.is_alphanumeric()).collect();
        for metric in measured {
            assert!(
                words.contains(&*text(&metric["Id"])),
                "{name} measures {} for nothing",
                text(&metric["Id"])
            );
        }
    }
}

#[test]
fn a_gradual_deployment_is_stopped_only_by_what_its_versions_do() {
    let preference = document()["Globals"]["Function"]["DeploymentPreference"].clone();
    assert_eq!(preference["Type"], "Canary10Percent10Minutes");
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    let named = |name: &str| {
        let by_name = alarms.iter().find(|(_, alarm)| text(&alarm["Properties"]["AlarmName"]) == name);
        by_name.map_or_else(|| name.to_owned(), |(logical_id, _)| logical_id.clone())
    };
    let stops: BTreeSet<String> =
        preference["Alarms"].as_sequence().expect("a list").iter().map(|alarm| named(&text(alarm))).collect();
    // Lists of functions come behind that of all.
    let functions = resources_of("AWS::Serverless::Function");
    let own = functions.values().map(|function| &function["Properties"]["DeploymentPreference"]["Alarms"]);
    let own = own.flat_map(|alarms| alarms.as_sequence().into_iter().flatten());
    let stops: BTreeSet<String> = stops.into_iter().chain(own.map(|alarm| named(&text(alarm)))).collect();
    let by_version: BTreeSet<String> = alarms
        .iter()
        .filter(|(_, alarm)| watched(alarm).iter().any(|of| of.dimensions.contains_key("ExecutedVersion")))
        .map(|(name, _)| name.clone())
        .collect();
    assert!(by_version.is_subset(&stops), "{stops:?}");
    for stop in &stops {
        let alarm = alarms.get(stop).unwrap_or_else(|| panic!("there is no alarm {stop}"));
        // The state of something that another version left behind would stop the one that mends it.
        for watched in watched(alarm) {
            assert!(
                ["AWS/Lambda/Errors", "AWS/Lambda/Duration", "AWS/ApiGateway/5xx"]
                    .contains(&&*watched.metric),
                "{stop} watches {}",
                watched.metric
            );
            assert!(watched.period * 2 <= 600, "{stop}: ten minutes hold two of its periods");
        }
    }
}

/// An alarm stops a deployment of the functions that it watches. Those that are there on a condition have alarms that are there
/// on the same.
#[test]
fn an_alarm_on_versions_stops_the_functions_that_it_watches() {
    let functions = resources_of("AWS::Serverless::Function");
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    for (name, function) in &functions {
        let own = function["Properties"]["DeploymentPreference"]["Alarms"].as_sequence();
        let own: BTreeSet<String> = own.into_iter().flatten().map(text).collect();
        for (alarm_name, alarm) in &alarms {
            let versions =
                watched(alarm).into_iter().filter(|of| of.dimensions.contains_key("ExecutedVersion"));
            if versions.map(|of| of.dimensions["FunctionName"].clone()).any(|watched| watched == *name) {
                assert_eq!(alarm["Condition"], function["Condition"], "{alarm_name} and {name}");
                let stops = own.contains(alarm_name);
                assert_eq!(stops, !function["Condition"].is_null(), "{alarm_name} stops {name} by itself");
            }
        }
    }
}

#[test]
fn the_code_of_every_function_is_signed() {
    let workflow = file(".github/workflows/deploy.yml");
    let (_, list) = workflow.split_once("for function in Account ").expect("the list of the code to sign");
    let (list, _) = list.split_once("; do").expect("a list ends");
    let listed = list.split_whitespace().filter(|word| *word != "\\").chain(["Account"]);
    let listed: BTreeSet<String> = listed.map(|name| format!("{name}Function")).collect();
    assert_eq!(listed, resources_of("AWS::Serverless::Function").into_keys().collect());
}

#[test]
fn refused_reads_and_writes_of_every_table_and_index_are_watched() {
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    for metric in ["AWS/DynamoDB/ReadThrottleEvents", "AWS/DynamoDB/WriteThrottleEvents"] {
        let of_metric = alarms.values().flat_map(watched).filter(|watched| watched.metric == metric);
        let seen: BTreeSet<(String, Option<String>)> = of_metric
            .map(|watched| {
                let index = watched.dimensions.get("GlobalSecondaryIndexName").cloned();
                (watched.dimensions["TableName"].clone(), index)
            })
            .collect();
        let mut all = BTreeSet::new();
        for (name, table) in resources_of("AWS::DynamoDB::Table") {
            for index in table["Properties"]["GlobalSecondaryIndexes"].as_sequence().into_iter().flatten() {
                all.insert((name.clone(), Some(text(&index["IndexName"]))));
            }
            all.insert((name, None));
        }
        assert_eq!(seen, all, "{metric}");
    }
}

#[test]
fn the_accounts_concurrency_and_the_certificates_end_are_watched() {
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    let with = |metric: &str| {
        let found =
            alarms.values().find(|alarm| watched(alarm).iter().any(|watched| watched.metric == metric));
        found.unwrap_or_else(|| panic!("nothing watches {metric}"))
    };
    let concurrency = with("AWS/Lambda/ConcurrentExecutions");
    assert!(watched(concurrency)[0].dimensions.is_empty(), "of the account, not of a function");
    assert_eq!(concurrency["Properties"]["Threshold"].as_u64(), Some(80));
    let certificate = with("AWS/CertificateManager/DaysToExpiry");
    assert_eq!(certificate["Condition"], "HasDomain");
    assert_eq!(watched(certificate)[0].dimensions["CertificateArn"], "CertificateArn");
    assert_eq!(certificate["Properties"]["TreatMissingData"], "breaching", "the metric ends with it");
}

#[test]
fn emails_need_tls_and_a_sign_in_link_is_tried_no_longer_than_it_lives() {
    let sets = resources_of("AWS::SES::ConfigurationSet");
    for (name, set) in &sets {
        assert_eq!(set["Properties"]["DeliveryOptions"]["TlsPolicy"], "REQUIRE", "{name}");
        assert_eq!(set["Properties"]["ReputationOptions"]["ReputationMetricsEnabled"], true, "{name}");
        let suppressed = set["Properties"]["SuppressionOptions"]["SuppressedReasons"].as_sequence();
        // Without the list, SES would ask the account's.
        assert_eq!(suppressed.map(Vec::len), Some(if name == "NoticeMails" { 0 } else { 2 }), "{name}");
    }
    let seconds = |name: &str| sets[name]["Properties"]["DeliveryOptions"]["MaxDeliverySeconds"].as_u64();
    assert_eq!(seconds("SignInLinkMails"), Some(Purpose::SignIn.lifetime().as_secs()));
    assert_eq!(seconds("Mails"), None, "the others are of use for as long as SES tries");
}

#[tokio::test]
async fn sign_in_links_and_notices_go_through_sets_of_their_own() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    world.deliver().await;
    let visitor = world.visitor();
    visitor.post_form("/login/link", &[("email", "mina@example.com")]).await;
    visitor.post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    world.signed_in(&mina).await.post_form("/account/backup/remove", &[]).await;
    let sets: Vec<_> = world
        .deliver()
        .await
        .iter()
        .map(|email| {
            let set = email.headers.iter().find(|header| header.name == "X-SES-CONFIGURATION-SET");
            (email.subject.clone(), set.map(|header| header.value.clone()).unwrap_or_default())
        })
        .collect();
    let through = |set: &str| sets.iter().filter(|(_, through)| through == set).collect::<Vec<_>>();
    assert_eq!(sets.len(), 3, "{sets:?}");
    assert!(through("SignInLinkMails")[0].0.contains("link"), "{sets:?}");
    assert!(through("NoticeMails")[0].0.contains("removed"), "{sets:?}");
    assert!(through("Mails")[0].0.contains("username"), "{sets:?}");
}

#[test]
fn the_sites_name_has_addresses_of_both_kinds() {
    let (_, domain) = resources_of("AWS::ApiGatewayV2::DomainName").pop_first().expect("a domain");
    assert_eq!(domain["Properties"]["DomainNameConfigurations"][0]["IpAddressType"], "dualstack");
    let records = resources_of("AWS::Route53::RecordSet");
    let kinds: BTreeSet<String> =
        records.values().map(|record| text(&record["Properties"]["Type"])).collect();
    assert_eq!(kinds, BTreeSet::from(["A".to_owned(), "AAAA".to_owned()]));
}

#[test]
fn a_retry_after_a_failed_creation_meets_nothing_of_the_first() {
    for (name, resource) in document()["Resources"].as_mapping().expect("there are resources") {
        let properties = &resource["Properties"];
        let fixed =
            ["Name", "TableName", "QueueName", "LogGroupName", "EmailIdentity", "AlarmName", "DashboardName"];
        let named = fixed.iter().any(|property| !properties[*property].is_null());
        let kept = text(&resource["DeletionPolicy"]) == "Retain";
        assert!(!(named && kept), "{name:?} has a fixed name and stays after a failed creation");
    }
}

/// The table of `docs/upgrade.md` that is imported must be the one that the stack then has.
#[test]
fn the_table_that_is_imported_is_the_templates() {
    let page = file("docs/upgrade.md");
    let block =
        page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of YAML");
    let imported: Value = yaml_serde::from_str(block).expect("it is YAML");
    let imported = &imported["Resources"]["AccountsTable"];
    let table = &resources_of("AWS::DynamoDB::Table")["AccountsTable"];
    for attribute in ["Type", "DeletionPolicy", "UpdateReplacePolicy"] {
        assert_eq!(imported[attribute], table[attribute], "{attribute}");
    }
    for (name, value) in imported["Properties"].as_mapping().expect("properties") {
        let of_template = &table["Properties"][name.as_str().expect("a name")];
        if name == "SSESpecification" {
            assert_eq!(value["SSEType"], of_template["SSEType"]);
        } else {
            assert_eq!(value, of_template, "{name:?}");
        }
    }
    let left_out = table["Properties"].as_mapping().expect("properties").len()
        - imported["Properties"].as_mapping().expect("properties").len();
    assert_eq!(left_out, 1, "all but the tags");
}

#[test]
fn both_forms_of_githubs_subject_may_deploy_and_no_other() {
    let role = file("deploy/role.yaml");
    let subjects: Vec<&str> = role.lines().map(str::trim).filter(|line| line.contains("Sub repo:")).collect();
    assert_eq!(
        subjects,
        [
            "- !Sub repo:${Organisation}@${OrganisationId}/${Repository}@${RepositoryId}:environment:${Environment}",
            "- !Sub repo:${Organisation}/${Repository}:environment:${Environment}",
        ]
    );
    let document: Value = yaml_serde::from_str(&role).expect("it is YAML");
    let trust = &document["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    let conditions = trust[0]["Condition"].as_mapping().expect("conditions");
    assert_eq!(conditions.keys().filter_map(Value::as_str).collect::<Vec<_>>(), ["StringEquals"]);
}

#[test]
fn nothing_is_deployed_without_the_checks_and_a_waiting_approval_holds_up_nobody() {
    let text = file(".github/workflows/deploy.yml");
    let workflow: Value = yaml_serde::from_str(&text).expect("it is YAML");
    let jobs = workflow["jobs"].as_mapping().expect("jobs");
    assert!(workflow["concurrency"].is_null(), "a run that waits for an approval would hold up newer ones");
    assert!(jobs["check"]["uses"].as_str().is_some_and(|file| file.ends_with("/pull-request.yml")));
    assert!(file(".github/workflows/pull-request.yml").contains("run: .ci/run"));
    let needs = |job: &str| yaml_serde::to_string(&jobs[job]["needs"]).expect("it is YAML");
    assert!(needs("staging").contains("check") && needs("staging").contains("build"));
    assert!(needs("production").contains("staging"));
    let groups: BTreeSet<String> = ["staging", "production"]
        .map(|job| {
            assert_eq!(jobs[job]["concurrency"]["cancel-in-progress"], false, "{job}");
            jobs[job]["concurrency"]["group"].as_str().expect("a group").to_owned()
        })
        .into();
    assert_eq!(groups.len(), 2, "staging waits for no approval");
    for job in ["staging", "production"] {
        let steps = yaml_serde::to_string(&jobs[job]).expect("it is YAML");
        assert!(steps.contains("deploy/release"), "{job}: a changed parameter would not reach the functions");
        assert!(!steps.contains("sam deploy"), "{job}");
        assert!(steps.contains("deploy/prune-versions"), "{job}: versions would stay for ever");
    }
    for input in ["at_once", "mend"] {
        assert!(!workflow["on"]["workflow_dispatch"]["inputs"][input].is_null(), "{input}");
    }
}
