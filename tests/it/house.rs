//! The rules of the house that a test can hold.
mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use shared::runtime::{BATCH_STEP, RECORD_TIMEOUT};
use shared::store::DELIVERY_WINDOW;

use crate::support::{file, starts, template, template_text, variables, workspace_file};

/// The longest file, by a little more than what the style guide calls about.
const LINES_OF_A_FILE: usize = 420;
const LINES_OF_A_FLOW: usize = 60;

fn functions() -> Vec<String> {
    let folders = std::fs::read_dir(workspace_file("functions")).expect("there are functions");
    let folders = folders.map(|folder| folder.expect("a folder").path()).filter(|path| path.is_dir());
    let mut names: Vec<String> =
        folders.map(|path| path.file_name().expect("it has a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn pascal_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// All packages of the workspace as cargo sees them, by name.
fn packages() -> BTreeMap<String, Value> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace_file("."))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    packages
        .iter()
        .map(|package| (package["name"].as_str().expect("a name").to_owned(), package.clone()))
        .collect()
}

fn dependencies(package: &Value, kind: Option<&str>) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    let wanted = all.filter(|dependency| dependency["kind"].as_str() == kind);
    wanted.filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect()
}

/// All source files under a folder.
pub fn sources(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                walk(&path, found);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "html" || extension == "txt")
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace_file(folder), &mut found);
    found.sort();
    found
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file can be read")
}

/// The part before the unit tests.
pub fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

#[test]
fn one_name_from_the_folder_to_the_resource() {
    let packages = packages();
    let functions = functions();
    assert_eq!(functions.len(), template().functions.len());
    for name in &functions {
        let package = packages.get(name).unwrap_or_else(|| panic!("{name} is a package"));
        let targets = package["targets"].as_array().expect("a package has targets");
        let binaries = targets.iter().filter(|target| target["kind"][0] == "bin");
        let binaries: Vec<_> = binaries.filter_map(|target| target["name"].as_str()).collect();
        assert_eq!(binaries, [name], "{name}: the binary");

        let function = template().function(name).unwrap_or_else(|| panic!("{name} is in the template"));
        assert_eq!(function.logical_id, format!("{}Function", pascal_case(name)));
        assert!(!function.statements.is_empty(), "{name} has a policy of its own");
        let has_source = function.stream.is_some() || !function.rules.is_empty();
        assert!(function.routes.is_empty() == has_source, "{name} has routes, a stream or a rule");

        assert!(workspace_file(&format!("events/{name}.json")).exists(), "{name} has an event");
        let module = name.replace('-', "_");
        assert!(workspace_file(&format!("tests/it/{module}.rs")).exists(), "{name} has a test module");
        assert!(file("tests/it/main.rs").contains(&format!("mod {module};")), "{name} is tested");
    }
}

#[test]
fn who_depends_on_whom() {
    let packages = packages();
    let functions: BTreeSet<String> = functions().into_iter().collect();
    let ours: BTreeSet<String> = packages.keys().cloned().collect();
    let of_ours = |name: &str, kind| -> Vec<String> {
        dependencies(&packages[name], kind).intersection(&ours).cloned().collect()
    };
    let rules = BTreeSet::from(["domain".to_owned(), "shared".to_owned()]);
    for name in &functions {
        let known: BTreeSet<String> = of_ours(name, None).into_iter().collect();
        assert!(known.contains("shared") && known.is_subset(&rules), "{name}: {known:?}");
        let aws: Vec<_> =
            dependencies(&packages[name], None).into_iter().filter(|name| name.starts_with("aws")).collect();
        assert!(aws.is_empty(), "{name} reaches for AWS by itself: {aws:?}");
    }
    assert_eq!(of_ours("shared", None), ["domain"]);
    assert!(of_ours("domain", None).is_empty());
    assert!(of_ours("dev", None).is_empty(), "functions are black boxes to the local stack");
    assert_eq!(of_ours("ops", None), ["domain", "shared"]);
    assert!(dependencies(&packages["tests"], None).is_empty(), "nothing but tests");
    for (name, package) in &packages {
        let features = package["features"].as_object().expect("a map of features");
        assert!(features.is_empty(), "{name} is tested as it is shipped");
        let manifest = read(Path::new(package["manifest_path"].as_str().expect("a manifest")));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} keeps the lints of the workspace");
    }
}

#[test]
fn the_rules_can_reach_nothing_outside() {
    let packages = packages();
    for name in dependencies(&packages["domain"], None) {
        let reaches = ["aws", "http", "hyper", "lambda", "rand", "reqwest", "tokio", "tracing"];
        assert!(!reaches.iter().any(|start| name.starts_with(start)), "domain depends on {name}");
    }
}

#[test]
fn store_mail_and_web_know_the_domain_and_never_each_other() {
    let neighbours = ["store", "mail", "web"];
    for own in neighbours {
        for path in sources(&format!("shared/src/{own}")) {
            let source = read(&path);
            for other in neighbours.iter().filter(|other| **other != own).chain(&["app", "runtime"]) {
                assert!(!source.contains(&format!("crate::{other}")), "{} imports {other}", path.display());
            }
        }
    }
}

#[test]
fn of_the_web_the_app_knows_the_request_alone() {
    let source = file("shared/src/app.rs");
    let of_web: Vec<_> = source.match_indices("web::").map(|(at, _)| &source[at..]).collect();
    assert!(!of_web.is_empty() && of_web.iter().all(|rest| rest.starts_with("web::Request;")), "{of_web:?}");
    assert!(!source.contains("crate::runtime"));
}

#[test]
fn files_and_flows_are_short() {
    for folder in [
        "functions",
        "shared/domain/src",
        "shared/src",
        "dev/src",
        "ops/src",
        "tests/it",
        "tests/support",
        "tests/e2e",
        "tests/models",
    ] {
        for path in sources(folder) {
            let lines = read(&path).lines().count();
            assert!(lines <= LINES_OF_A_FILE, "{}: {lines} lines", path.display());
        }
    }
    for name in functions() {
        let source = file(&format!("functions/{name}/src/lib.rs"));
        for flow in source.split("\npub async fn ").skip(1) {
            let lines = flow.lines().take_while(|line| *line != "}").count() + 1;
            assert!(lines <= LINES_OF_A_FLOW, "{name}: {lines} lines");
        }
        let main = file(&format!("functions/{name}/src/main.rs"));
        assert!(main.lines().count() <= 6, "{name}: main is thin");
    }
}

/// A resource of the template as it is written.
fn resource(name: &str) -> yaml_serde::Value {
    let template: yaml_serde::Value = yaml_serde::from_str(&template_text()).expect("the template is YAML");
    template["Resources"][name]["Properties"].clone()
}

#[test]
fn tables_keep_what_must_be_kept_and_forget_what_must_be_forgotten() {
    for table in &template().tables {
        let properties = resource(&table.name);
        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{}", table.name);
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{}", table.name);
        let expiry = table.time_to_live.as_deref();
        let lasts = ["AccountsTable", "ClientsTable"].contains(&&*table.name);
        assert_eq!(expiry, (!lasts).then_some("expires_at"), "{}", table.name);
        let stream = table.definition["StreamSpecification"]["StreamViewType"].as_str();
        let has_stream = ["OutboxTable", "HistoryTable"].contains(&&*table.name);
        assert_eq!(stream, has_stream.then_some("NEW_IMAGE"), "{}", table.name);
    }
    let accounts = resource("AccountsTable");
    assert_eq!(accounts["DeletionProtectionEnabled"], true);
    assert_eq!(accounts["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    let index = &accounts["GlobalSecondaryIndexes"][0];
    assert_eq!(index["IndexName"], "email-index");
    assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY");
}

#[test]
fn the_outbox_feeds_the_mailer_for_a_day_and_a_slow_record_fails_alone() {
    let mailer = template().function("mailer").expect("there is a mailer");
    let stream = mailer.stream.as_ref().expect("it reads a stream");
    assert_eq!(stream.table, "OutboxTable");
    assert!(stream.report_batch_item_failures && stream.bisect_batch && stream.from_the_beginning);
    assert_eq!(stream.maximum_retry_attempts, None, "retries end by age");
    let age = stream.maximum_record_age.expect("there is a limit");
    assert!(age < Duration::from_hours(24), "what DynamoDB's stream forgets never reaches the queue");
    let last_run = age + mailer.timeout;
    assert!(last_run <= DELIVERY_WINDOW, "what is called given up is older than the mailer tries");
    assert!(RECORD_TIMEOUT + BATCH_STEP < mailer.timeout, "a slow record fails before the function does");
    let batches_per_second = u128::try_from(stream.lanes).expect("few") * 1_000 / BATCH_STEP.as_millis();
    let taken = batches_per_second * u128::try_from(stream.batch_size).expect("few");
    let template: yaml_serde::Value = yaml_serde::from_str(&template_text()).expect("the template is YAML");
    let requests = template["Parameters"]["RequestsPerSecond"]["Default"].as_u64().expect("a number");
    assert!(taken >= u128::from(requests), "the mailer keeps up with what the API lets pass");
    assert_eq!(stream.event_names, BTreeSet::from(["INSERT".to_owned()]), "not its own marks");
    assert!(stream.on_failure.as_deref().is_some_and(|queue| queue.contains("UnsentQueue")));
}

#[test]
fn figures_are_those_of_the_page() {
    use domain::{
        account, activity, device_cookie, email_address, link, link_code, password, session, username,
    };
    let page = file("docs/architecture.md");
    let (minutes, hours, days) = (60, 3_600, 86_400);
    let whole = |duration: Duration, unit: u64| {
        assert_eq!(duration.as_secs() % unit, 0, "{duration:?}");
        duration.as_secs() / unit
    };
    let thousands = |number: u32| format!("{},{:03}", number / 1_000, number % 1_000);
    for row in [
        format!("| sign-in link | {} minutes from the request |", whole(link::SIGN_IN_LIFETIME, minutes)),
        format!(
            "| confirmation link | {} hours from the request |",
            whole(link::CONFIRMATION_LIFETIME, hours)
        ),
        format!(
            "| code of a link | {} characters of 32 (30 bits), {} tries |",
            link_code::CODE_CHARACTERS,
            link::MAX_CODE_ATTEMPTS
        ),
        format!("| what the account page lists of it | the newest {} |", activity::MOST_LISTED),
        format!("| \"this wasn't me\" link | {} days from the event |", whole(link::UNDO_LIFETIME, days)),
        format!("after one was undone | {} hours |", whole(account::FREEZE, hours)),
        format!(
            "| session | {} days, {} days idle |",
            whole(session::ABSOLUTE_LIFETIME, days),
            whole(session::IDLE_LIFETIME, days)
        ),
        format!("| a browser that has signed in is known | {} days |", whole(device_cookie::LIFETIME, days)),
        format!(
            "| Argon2id | {} KiB, {} passes, {} lane |",
            thousands(password::MEMORY_KIB),
            password::PASSES,
            password::LANES
        ),
        format!(
            "| address | {} bytes, local part {} |",
            email_address::MAX_BYTES,
            email_address::MAX_LOCAL_BYTES
        ),
        format!("| new password | {} characters, {} bytes |", password::MIN_CHARS, thousands(1_024)),
        format!("| username | {} to {} characters |", username::MIN_CHARS, username::MAX_CHARS),
        format!("| body | {} KB |", shared::web::MAX_BODY_BYTES / 1_024),
        format!(
            "| email request tried | 23 hours, {} seconds an attempt; a batch takes whole multiples of {} ms |",
            RECORD_TIMEOUT.as_secs(),
            BATCH_STEP.as_millis()
        ),
    ] {
        assert!(page.contains(&row), "docs/architecture.md has not: {row}");
    }
    const { assert!(password::MEMORY_KIB >= 19_456 && password::PASSES >= 2, "OWASP Password Storage sheet") };
    for function in &template().functions {
        let memory = match &*function.name {
            // Argon2id needs the processor; the mailer's batches share one.
            "password-login" | "set-password" | "mailer" => 1_024..=1_769,
            _ => 256..=512,
        };
        assert!(memory.contains(&function.memory_mb), "{} has {} MB", function.name, function.memory_mb);
    }
}

#[test]
fn the_template_gives_each_function_what_it_needs_and_no_more() {
    // Each has a default where it is left out.
    // RELEASE is for SAM alone: it makes a new version when a value changes that a function gets.
    let optional =
        ["BACKUP_HOLD_HOURS", "FORMER_HASHES", "LOG_LEVEL", "PRIMARY_HOLD_HOURS", "RELEASE", "TIME_ZONE"];
    for function in &template().functions {
        let given = variables(&function.name);
        assert!(starts(&function.name, &|name| given.get(name).cloned()).is_ok(), "{}", function.name);
        for left_out in function.environment.keys() {
            let started =
                starts(&function.name, &|name| given.get(name).filter(|_| name != left_out).cloned());
            // Links are opened and accounts are shown without products too.
            let is_of_products =
                ["account", "open-magic-link"].contains(&&*function.name) && left_out == "CLIENTS_TABLE";
            let may_go = is_of_products
                || optional.contains(&&**left_out)
                || left_out.starts_with("AWS_ENDPOINT_URL_");
            assert_eq!(started.is_ok(), may_go, "{} without {left_out}", function.name);
        }
    }
}
