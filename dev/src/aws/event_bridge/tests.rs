//! The SDK of AWS against the endpoint, and what only a sender without it could send.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_eventbridge::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::net::TcpListener;

use super::*;
use crate::aws::calls::Calls;
use crate::aws::checks::Checks;
use crate::aws::connection::{ConnectionCutter, CuttableListener};
use crate::aws::database::{Server, WriteSignal};
use crate::aws::endpoint::AwsEndpoint;
use crate::aws::faults::{EntryError, Fault, FaultKind, Faults, Which};
use crate::aws::iam::{OPERATOR_KEY, access_key_id};
use crate::aws::ses::Ses;
use crate::lambda::runtime_api::RuntimeApi;
use crate::mailbox::Mailbox;
use crate::template::Template;

/// A function that may publish two types of events, and one that may publish nothing.
const TEMPLATE: &str = r#"
Parameters:
  EventBusName: { Type: String }
Resources:
  Publisher:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: publisher } }
    Properties:
      Policies:
        Statement:
          - Effect: Allow
            Action: events:PutEvents
            Resource: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}
            Condition:
              ForAllValues:StringEquals: { "events:source": sparekey }
              "Null": { "events:source": "false" }
              StringEquals:
                "events:detail-type": [Account Locked, Account Opened]
                "events:eventBusInvocation": "false"
  Other:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: other } }
"#;

const BUS: &str = "accounts";

fn template() -> Template {
    let parameters = BTreeMap::from([("EventBusName".to_owned(), BUS.to_owned())]);
    Template::parse(TEMPLATE, &parameters).expect("a template")
}

/// An endpoint that is served, and what came of calls to it.
struct Served {
    url: String,
    events: Events,
    faults: Faults,
    calls: Calls,
    database: Server,
}

impl Served {
    async fn start() -> Self {
        let template = template();
        let database = Server::start(&template, None).await.expect("the database starts");
        let (calls, faults) = (Calls::default(), Faults::default());
        let events = Events::on_buses(&template.buses);
        let endpoint = AwsEndpoint {
            checks: Checks::of(&template, faults.clone()),
            database: database.address,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            ses: Ses::new(&template, Mailbox::default(), events.clone()),
            calls: calls.clone(),
            runtime: RuntimeApi::new(&template, &[]),
            writes: WriteSignal::default(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let service = endpoint.router().into_make_service_with_connect_info::<ConnectionCutter>();
        tokio::spawn(async move { axum::serve(CuttableListener(listener), service).await });
        Self { url, events, faults, calls, database }
    }

    /// The SDK with this key. It tries once.
    fn client(&self, key: &str) -> Client {
        let http = aws_smithy_http_client::Builder::new();
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(key, "local", None, None, "test"))
            .http_client(http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url);
        Client::from_conf(config.build())
    }

    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<PutEventsOutput, String> {
        let sent =
            self.client(&access_key_id("publisher")).put_events().set_entries(Some(entries)).send().await;
        sent.map_err(|error| match error.code() {
            Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
            None => DisplayErrorContext(&error).to_string(),
        })
    }

    fn fail(&self, kind: FaultKind) {
        self.faults.add(Fault { operation: Some("PutEvents".to_owned()), ..Fault::next_call(kind) });
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.database.stop();
    }
}

fn locked(detail: &str) -> PutEventsRequestEntry {
    let entry = PutEventsRequestEntry::builder().source("sparekey").detail_type("Account Locked");
    entry.detail(detail).event_bus_name(BUS).build()
}

/// The error codes of the entries, in order; empty for those that were taken.
fn codes(output: &PutEventsOutput) -> Vec<&str> {
    output.entries().iter().map(|entry| entry.error_code().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_sdk_publishes_events_with_their_time_on_their_bus() {
    let served = Served::start().await;
    let entry = PutEventsRequestEntry::builder()
        .source("sparekey")
        .detail_type("Account Opened")
        .detail(r#"{"account": "a", "n": [1]}"#)
        .resources("one")
        .resources("two")
        .time(DateTime::from_secs_f64(1_794_729_600.9))
        .event_bus_name(bus_arn(BUS));
    let output = served.put(vec![entry.build(), locked("{}")]).await.expect("it is taken");
    assert_eq!((output.failed_entry_count(), codes(&output)), (0, vec!["", ""]));
    let events = served.events.published_on(BUS);
    let ids: Vec<_> = output.entries().iter().filter_map(|entry| entry.event_id()).collect();
    assert_eq!(ids, [&events[0]["id"], &events[1]["id"]]);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 2, "an id for each");
    assert_eq!(
        events[0],
        json!({
            "version": "0", "id": ids[0], "detail-type": "Account Opened", "source": "sparekey",
            "account": "000000000000", "time": "2026-11-15T08:00:00Z", "region": "us-east-1",
            "resources": ["one", "two"], "detail": { "account": "a", "n": [1] },
        })
    );
    assert!(served.events.published_on(DEFAULT_BUS).is_empty());
    let calls = served.calls.since(0);
    let calls: Vec<_> = calls.iter().map(|call| (&*call.function, &*call.operation, &call.error)).collect();
    assert_eq!(calls, [("publisher", "PutEvents", &None)]);
}

#[tokio::test]
async fn an_entry_that_is_refused_does_not_affect_the_others() {
    let served = Served::start().await;
    // The operator may publish from any source.
    let operator = served.client(OPERATOR_KEY);
    let entry = || PutEventsRequestEntry::builder().source("s").detail_type("t").detail("{}");
    let without = |what: &str| {
        let entry = PutEventsRequestEntry::builder();
        let entry = if what == "Source" { entry } else { entry.source("s") };
        let entry = if what == "DetailType" { entry } else { entry.detail_type("t") };
        if what == "Detail" { entry.build() } else { entry.detail("{}").build() }
    };
    let entries = [
        entry().build(),
        without("Source"),
        without("DetailType"),
        without("Detail"),
        entry().detail("{").build(),
        entry().detail("[]").build(),
        entry().detail("\"text\"").build(),
        entry().source("aws.ses").build(),
        entry().detail_type("é".repeat(129)).build(),
        entry().detail_type("é".repeat(128)).build(),
    ];
    let sent = operator.put_events().set_entries(Some(entries.to_vec())).send().await;
    let output = sent.expect("the request is well formed");
    let invalid = "InvalidArgument";
    let malformed = "MalformedDetail";
    assert_eq!(
        codes(&output),
        [
            "",
            invalid,
            invalid,
            invalid,
            malformed,
            malformed,
            malformed,
            "NotAuthorizedForSourceException",
            invalid,
            ""
        ]
    );
    assert_eq!(output.failed_entry_count(), 8);
    for (place, what) in [(1, "Source"), (2, "DetailType"), (3, "Detail")] {
        let message = output.entries()[place].error_message().unwrap_or_default();
        assert_eq!(message, format!("Parameter {what} is not valid. Reason: {what} is a required argument."));
    }
    assert!(output.entries().iter().all(|entry| entry.event_id().is_some() != entry.error_code().is_some()));
    assert_eq!(served.events.published_on(DEFAULT_BUS).len(), 2);
}

#[tokio::test]
async fn a_request_that_is_refused_publishes_nothing() {
    let served = Served::start().await;
    // What counts is the size of the time and all texts together.
    let size = |bytes: usize| {
        let text = "x".repeat(bytes - 14 - "sparekey".len() - "Account Locked".len() - "{\"a\":\"\"}".len());
        let mut entry = locked(&format!("{{\"a\":\"{text}\"}}"));
        entry.time = Some(DateTime::from_secs(0));
        entry
    };
    let mut half = vec![size(ENTRIES_SIZE / 2), size(ENTRIES_SIZE / 2)];
    let of_bus = |name: &str| {
        let mut entry = locked("{}");
        entry.event_bus_name = Some(name.to_owned());
        vec![entry]
    };
    for (entries, refusal) in [
        (vec![], "ValidationException: 1 validation error detected: Value at 'entries'"),
        (vec![locked("{}"); 11], "less than or equal to 10"),
        (vec![size(ENTRIES_SIZE)], "ValidationException: Total size of the entries"),
        (half.clone(), "ValidationException: Total size of the entries"),
        (of_bus("another"), "AccessDeniedException"),
        (of_bus(&bus_arn(BUS).replace("us-east-1", "eu-north-1")), "AccessDeniedException"),
    ] {
        let refused = served.put(entries).await.expect_err(refusal);
        assert!(refused.contains(refusal), "{refused}");
    }
    assert!(served.events.published().is_empty());
    half.push(locked("{}"));
    half[0] = size(ENTRIES_SIZE / 2 - "sparekeyAccount Locked{}".len() - 1);
    let taken = served.put(half).await.expect("one byte less is taken");
    assert_eq!((taken.failed_entry_count(), served.events.published_on(BUS).len()), (0, 3));
    served.put(vec![locked("{}"); 10]).await.expect("ten are taken");
}

#[tokio::test]
async fn only_what_the_policy_allows_is_published() {
    let served = Served::start().await;
    let entry = |source: &str, detail_type: &str| {
        let mut entry = locked("{}");
        entry.source = Some(source.to_owned());
        entry.detail_type = Some(detail_type.to_owned());
        entry
    };
    let mut without_source = locked("{}");
    without_source.source = None;
    for (entries, refusal) in [
        (vec![entry("sparekey", "Account Deleted")], "with events:detail-type Account Deleted"),
        (vec![entry("other", "Account Locked")], "with events:source other"),
        (vec![without_source], "with no events:source"),
        // One entry is enough to refuse all.
        (vec![locked("{}"), entry("other", "Account Opened")], "with events:source other"),
    ] {
        let refused = served.put(entries).await.expect_err(refusal);
        assert!(refused.starts_with("AccessDeniedException"), "{refused}");
        assert!(refused.contains(refusal) && refused.contains(&bus_arn(BUS)), "{refused}");
    }
    let sent = served.client(&access_key_id("other")).put_events().entries(locked("{}")).send().await;
    let refused = sent.expect_err("it has no permission");
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    assert!(served.events.published().is_empty());
    served.put(vec![locked("{}"), entry("sparekey", "Account Opened")]).await.expect("both are allowed");
    let errors = served.calls.since(0).into_iter().map(|call| call.error.is_some());
    assert_eq!(errors.collect::<Vec<_>>(), [true, true, true, true, true, false]);
}

#[tokio::test]
async fn an_event_for_a_bus_that_does_not_exist_is_taken_and_lost() {
    let served = Served::start().await;
    let operator = served.client(OPERATOR_KEY);
    for bus in ["nowhere".to_owned(), bus_arn(BUS).replace("000000000000", "111111111111")] {
        let mut entry = locked("{}");
        entry.event_bus_name = Some(bus);
        let output = operator.put_events().entries(entry).send().await.expect("EventBridge does not say");
        assert!(output.failed_entry_count() == 0 && output.entries()[0].event_id().is_some());
    }
    assert!(served.events.published().is_empty());
}

#[tokio::test]
async fn a_bus_is_described_to_who_may_ask_and_another_is_not_there() {
    let served = Served::start().await;
    let operator = served.client(OPERATOR_KEY);
    let described = |name: &str| operator.describe_event_bus().name(name).send();
    for (name, bus) in [(BUS, BUS), (&bus_arn(BUS), BUS), (DEFAULT_BUS, DEFAULT_BUS)] {
        let found = described(name).await.expect("it is there");
        assert_eq!((found.name(), found.arn()), (Some(bus), Some(&*bus_arn(bus))));
    }
    for name in ["nowhere".to_owned(), bus_arn(BUS).replace("000000000000", "111111111111")] {
        let error = described(&name).await.expect_err("it is not there").into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
    }
    let publisher = served.client(&access_key_id("publisher"));
    let refused = publisher.describe_event_bus().name(BUS).send().await.expect_err("it may only publish");
    assert_eq!(refused.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn calls_fail_on_demand_with_the_errors_of_eventbridge() {
    let served = Served::start().await;
    for (kind, error) in [
        (FaultKind::Throttle, "ThrottlingException"),
        (FaultKind::ServerError, "InternalException"),
        (FaultKind::Reject, "ValidationException"),
    ] {
        served.fail(kind);
        let refused = served.put(vec![locked("{}")]).await.expect_err(error);
        assert!(refused.starts_with(error), "{refused}");
    }
    assert!(served.events.published().is_empty());
    served.fail(FaultKind::LostAnswer);
    let lost = served.put(vec![locked("{}")]).await.expect_err("no answer comes");
    assert!(lost.contains("dispatch failure"), "{lost}");
    assert_eq!(served.events.published_on(BUS).len(), 1, "the event is published all the same");
    served.fail(FaultKind::Delay { delay_ms: 30 });
    let began = std::time::Instant::now();
    served.put(vec![locked("{}")]).await.expect("it comes late");
    assert!(began.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn single_entries_fail_on_demand_and_the_others_are_published() {
    let served = Served::start().await;
    let entries = |count: usize| (0..count).map(|n| locked(&format!("{{\"n\": {n}}}"))).collect::<Vec<_>>();
    let numbers = |events: &Events| {
        let events = events.published_on(BUS);
        let numbers = events.iter().map(|event| event["detail"]["n"].as_u64().unwrap_or(99));
        numbers.collect::<Vec<_>>()
    };
    let error = EntryError::InternalFailure;
    served.fail(FaultKind::RefuseEntries { which: Which::Nth(2), error });
    let output = served.put(entries(3)).await.expect("the request is taken");
    assert_eq!((output.failed_entry_count(), codes(&output)), (1, vec!["", "InternalFailure", ""]));
    assert!(output.entries()[1].error_message().is_some());
    assert_eq!(numbers(&served.events), [0, 2]);
    let output = served.put(entries(1)).await.expect("the fault is used up");
    assert_eq!(output.failed_entry_count(), 0);

    served.events.forget();
    served.faults.clear();
    let every = FaultKind::RefuseEntries { which: Which::Every(4), error: EntryError::Throttling };
    served.faults.add(Fault { times: 3, ..Fault::next_call(every) });
    for (count, failed) in [(3, vec!["", "", ""]), (2, vec!["ThrottlingException", ""])] {
        let output = served.put(entries(count)).await.expect("the request is taken");
        assert_eq!(codes(&output), failed);
    }
    let mut broken = entries(3);
    broken[2].detail = None;
    let output = served.put(broken).await.expect("the request is taken");
    // The eighth entry of all has two reasons to fail.
    assert_eq!(codes(&output), ["", "", "ThrottlingException"]);
    assert_eq!(numbers(&served.events), [0, 1, 2, 1, 0, 1]);
}

#[test]
fn what_no_sdk_sends_is_refused_too() {
    let events = Events::without_rules();
    let one = |entry: Value| json!({ "Entries": [entry] });
    let entry = |member: &str, value: Value| {
        let mut entry = json!({ "Source": "s", "DetailType": "t", "Detail": "{}" });
        entry[member] = value;
        one(entry)
    };
    for (name, body, error, message) in [
        ("PutRule", json!({}), "UnknownOperationException", "PutRule"),
        ("PutEvents", json!([]), "SerializationException", "invalid"),
        ("PutEvents", json!({}), "ValidationException", "'entries'"),
        ("PutEvents", json!({ "Entries": {} }), "SerializationException", "invalid type"),
        ("PutEvents", one(json!("event")), "SerializationException", "invalid type"),
        ("PutEvents", entry("Detail", json!({})), "SerializationException", "invalid type"),
        ("PutEvents", entry("Time", json!("2026-11-15T08:00:00Z")), "SerializationException", "invalid type"),
        ("PutEvents", entry("Time", json!(1e18)), "SerializationException", "timestamp"),
        ("PutEvents", entry("Resources", json!([1])), "SerializationException", "invalid type"),
        (
            "PutEvents",
            entry("EventBusName", json!("")),
            "ValidationException",
            "entries.1.member.eventBusName",
        ),
        ("PutEvents", entry("EventBusName", json!("a b")), "ValidationException", "regular expression"),
        ("PutEvents", entry("EventBusName", json!("arn:x")), "ValidationException", "regular expression"),
        ("PutEvents", entry("EventBusName", json!("x".repeat(1_601))), "ValidationException", "1600"),
        (
            "PutEvents",
            json!({ "EndpointId": "a.b", "Entries": [{}] }),
            "ValidationException",
            "global endpoints",
        ),
    ] {
        let response = respond(&events, &EventBridgeRequest { name, body: &body }, None);
        let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!((response.status, &answer["__type"]), (StatusCode::BAD_REQUEST, &json!(error)), "{body}");
        let said = answer["message"].as_str().expect("a message");
        assert!(said.contains(message), "{body}: {said}");
    }
    assert!(events.published().is_empty());
    let body = entry("Unknown", json!(null));
    let response = respond(&events, &EventBridgeRequest { name: "PutEvents", body: &body }, None);
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(events.published_on(DEFAULT_BUS)[0]["resources"], json!([]));
}
