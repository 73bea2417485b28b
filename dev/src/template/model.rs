//! The template as types: functions, routes, event sources, tables, secrets, and what is wrong with a template.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::events::{AsyncInvocation, EmailEvents, EventRule, SuppressedReasons};
use super::kms::KmsKey;
use super::statement::Statement;

/// The region the local stack says it is in.
pub const REGION: &str = "us-east-1";
/// The account the local stack says it belongs to.
pub const ACCOUNT_ID: &str = "000000000000";

/// A template that the local stack cannot run, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateError {
    place: String,
    problem: String,
}

impl TemplateError {
    /// A problem at a place of the template.
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "template.yaml, {}: {}", self.place, self.problem)
    }
}

impl std::error::Error for TemplateError {}

/// The parts of the template that the local stack runs.
#[derive(Debug)]
pub struct Template {
    /// The functions, in the order of their logical ids.
    pub functions: Vec<Function>,
    /// The HTTP API.
    pub http_api: HttpApi,
    /// What managed policies allow callers of the API, by the policy's logical id.
    pub caller_policies: BTreeMap<String, Vec<Statement>>,
    /// The tables, in the order of their logical ids.
    pub tables: Vec<Table>,
    /// The secrets, by logical id.
    pub secrets: BTreeMap<String, Secret>,
    /// The CloudFront distribution before the API, if there is one.
    pub distribution: Option<Distribution>,
    /// The configuration sets of SES, by logical id, which is their name in the local stack.
    pub configuration_sets: BTreeMap<String, SuppressedReasons>,
    /// The buses of EventBridge besides the default one, by name.
    pub buses: BTreeSet<String>,
    /// What SES sends to buses of EventBridge.
    pub email_events: Vec<EmailEvents>,
    /// The keys of KMS, by logical id, which is their key id in the local stack.
    pub kms_keys: BTreeMap<String, KmsKey>,
}

/// A CloudFront distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The headers that it adds, names in lower case; secrets are still written as dynamic references.
    pub custom_headers: Vec<(String, String)>,
    /// What reaches the origin of a request whose path has no behavior of its own.
    pub default: Behavior,
    /// The behaviors of single paths.
    pub paths: BTreeMap<String, Behavior>,
}

/// What reaches a distribution's origin of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behavior {
    /// The headers that the origin request policy or the cache policy names, in lower case.
    pub forwarded: BTreeSet<String>,
    /// Whether its function copies the viewer's `Host`.
    pub copies_host: bool,
}

/// The HTTP API that the routes belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpApi {
    /// The logical id, which is the API's id in the local stack.
    pub id: String,
    /// Whether routes may want signed requests.
    pub has_iam_authorizer: bool,
}

/// One Lambda function.
#[derive(Debug)]
pub struct Function {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The binary's name, which is also the package's and the function's.
    pub name: String,
    /// `Handler`, passed on as `_HANDLER`.
    pub handler: String,
    /// Variables of the function and of `Globals`; secrets are still written as dynamic references.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// What the function is told about its memory; the local stack does not enforce it.
    pub memory_mb: u64,
    /// The routes that lead here.
    pub routes: Vec<Route>,
    /// What the function may do.
    pub statements: Vec<Statement>,
    /// The stream that feeds the function, if any.
    pub stream: Option<StreamSource>,
    /// The rules that send it events.
    pub rules: Vec<EventRule>,
    /// What follows when it fails on such an event.
    pub asynchronous: AsyncInvocation,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `None` for any method.
    pub method: Option<String>,
    /// `None` for `$default`, which takes what no other route does. Segments can be variables: `{name}`, and `{name+}` at
    /// the end.
    pub path: Option<String>,
    /// Whether requests are signed, and IAM decides who may send them.
    pub iam: bool,
}

impl Route {
    /// The route as API Gateway writes it into events: `ANY /login`, `$default`.
    pub fn key(&self) -> String {
        match &self.path {
            None => "$default".to_owned(),
            Some(path) => format!("{} {path}", self.method.as_deref().unwrap_or("ANY")),
        }
    }

    /// The key without the names of variables: two routes of the same shape take the same requests.
    pub(super) fn shape(&self) -> String {
        let unnamed = |segment: &str| match (segment.starts_with('{'), segment.ends_with("+}")) {
            (true, true) => "{+}".to_owned(),
            (true, false) => "{}".to_owned(),
            (false, _) => segment.to_owned(),
        };
        self.key().split('/').map(unnamed).collect::<Vec<_>>().join("/")
    }
}

/// An event source mapping from a table's stream.
#[derive(Debug, Clone)]
pub struct StreamSource {
    /// The table whose stream is read.
    pub table: String,
    /// The stream's ARN, as events carry it.
    pub stream_arn: String,
    /// Records of at most this many in one invocation.
    pub batch_size: usize,
    /// Batches that are processed at the same time (`ParallelizationFactor`); a key's records stay in one lane.
    pub lanes: usize,
    /// Whether the answer names the records that failed.
    pub report_batch_item_failures: bool,
    /// Whether a failed batch is split before it is tried again.
    pub bisect_batch: bool,
    /// Tries after the first; `None` for no limit.
    pub maximum_retry_attempts: Option<u32>,
    /// Records older than this are given up; `None` for no limit.
    pub maximum_record_age: Option<Duration>,
    /// Event names that pass the filter; empty for all.
    pub event_names: BTreeSet<String>,
    /// Whether records of the past are read when the mapping is new.
    pub from_the_beginning: bool,
    /// The ARN where given-up records go.
    pub on_failure: Option<String>,
}

/// A DynamoDB table.
#[derive(Debug)]
pub struct Table {
    /// The logical id, which is the table's name in the local stack.
    pub name: String,
    /// The `CreateTable` request.
    pub definition: Value,
    /// The attribute that holds an item's expiry.
    pub time_to_live: Option<String>,
}

/// What a generated secret looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Length in characters.
    pub length: usize,
    /// Whether punctuation may appear.
    pub punctuation: bool,
}
