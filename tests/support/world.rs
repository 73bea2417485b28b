//! The world of one test: all functions with the variables and permissions of the template, on a database of their own.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use dev::aws::iam::OPERATOR_KEY;
use dev::gateway::routes::{Found, Routes};
use dev::lambda::process::Variables;
use dev::mailbox::ReceivedEmail;
use dev::stack::environment::{Environments, secrets};
use dev::template::Template;
use domain::password::Work;
use domain::{AccountId, HashingKeys, PasswordHasher};
use dynoxide::Database;
use serde_json::{Value, json};
use shared::app::{App, Mailer, Publisher};
use shared::config::Requirements;
use shared::requirements::PasswordChecks;
use shared::signing::rotation::KeyRotation;
use tracing::subscriber::DefaultGuard;

use super::claims::assert_fit;
use super::dynamodb::{carry_out, dump};
use super::functions::Functions;
use super::log::Log;
use super::platform::{TestClock, TestPlatform};
use super::stream::Stream;
use super::visitor::Visitor;
use super::wire::{Call, Wire};

/// 22 November 2026, noon UTC.
pub const NOON: u64 = 1_795_348_800;
/// The site's URL in these tests.
pub const PUBLIC_URL: &str = "https://account.example.com";

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let parameters = [
        ("PublicUrl", PUBLIC_URL),
        ("MailFrom", "no-reply@example.com"),
        ("OpenIdConnect", "true"),
        ("AccountApi", "true"),
        ("EventBusName", "products"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Template::parse(&template_text(), &BTreeMap::from(parameters)).expect("the template can be run")
});

/// The template, read once.
pub fn template() -> &'static Template {
    &TEMPLATE
}

/// The template's text.
pub fn template_text() -> String {
    file("template.yaml")
}

/// The path of a file of the workspace.
pub fn workspace_file(path: &str) -> std::path::PathBuf {
    dev::workspace::root().join(path)
}

/// A file of the workspace.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(workspace_file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The world of one test.
pub struct World {
    /// The clock that all functions read.
    pub clock: TestClock,
    /// The connection between the functions and AWS.
    pub wire: Wire,
    /// The tables.
    pub database: Database,
    /// The functions behind routes.
    pub functions: Box<Functions>,
    /// Further processes of them, if there are several.
    processes: Vec<Functions>,
    turn: Cell<usize>,
    pub(super) mailer: Mailer,
    /// An app with the operator's access key, which may do everything.
    pub operator: App<PasswordChecks>,
    pub(super) publisher: Publisher,
    pub(super) outbox: Stream,
    pub(super) history: Stream,
    platform: TestPlatform,
    deployments: Cell<u64>,
    log: Log,
    _listening: DefaultGuard,
}

impl World {
    /// A world at [`NOON`], with empty tables.
    pub fn new() -> Self {
        let log = Log::default();
        let listening = log.listen();
        let database = Database::memory().expect("a database in memory");
        for table in &template().tables {
            let definition = serde_json::from_value(table.definition.clone()).expect("a CreateTable request");
            database.create_table(definition).expect("the table can be made");
        }
        let wire = Wire::new(database.clone());
        let clock = TestClock::at(NOON);
        let platform = TestPlatform::new(&clock, 0, wire.http_client());
        let (mailer, publisher, operator) =
            (variables("mailer"), variables("publisher"), operator_variables());
        Self {
            functions: Box::new(Functions::start(&platform, variables)),
            mailer: platform.mailer(&|name| mailer.get(name).cloned()),
            publisher: platform.publisher(&|name| publisher.get(name).cloned()),
            operator: platform.app(&|name| operator.get(name).cloned()),
            platform,
            processes: Vec::new(),
            turn: Cell::new(0),
            deployments: Cell::new(0),
            clock,
            wire,
            database,
            outbox: Stream::of("mailer"),
            history: Stream::of("publisher"),
            log,
            _listening: listening,
        }
    }

    /// The same with this waiting period of a new backup email.
    pub fn with_waiting_period(mut self, waiting_period: Duration) -> Self {
        self.functions.confirm_backup.needs.waiting_period = waiting_period;
        self
    }

    /// The same with these kinds of imported hashes configured.
    pub fn with_former_hashes(mut self, named: &str) -> Self {
        let former_hashes = named.parse().expect("kinds of hashes");
        self.functions.password_login.needs.passwords = PasswordHasher::new(former_hashes);
        self
    }

    /// The same with another hashing key for sign-ins with a password, as another deployment has it.
    pub fn with_hashing_key(mut self, secret: &str) -> Self {
        self.functions.password_login.needs.keys = HashingKeys::parse(secret).expect("long enough");
        self
    }

    /// The same with this many processes of each function, which answer in turn. Each keeps what it has read.
    pub fn with_processes(mut self, count: usize) -> Self {
        self.processes = (1..count).map(|_| self.functions_with(&[])).collect();
        self
    }

    /// What the operator rotates the keys of tokens with.
    pub fn key_rotation(&self) -> KeyRotation {
        let mut variables = variables("oidc-token");
        variables.insert("AWS_ACCESS_KEY_ID".into(), OPERATOR_KEY.into());
        self.platform.key_rotation(&|name| variables.get(name).cloned())
    }

    /// Restarts the functions behind routes, as a deployment does. Only the tables remain.
    pub fn restart(&mut self) {
        self.deploy(&[]);
    }

    /// The same, with these variables instead of the template's.
    pub fn deploy(&mut self, changes: &[(&str, &str)]) {
        *self.functions = self.functions_with(changes);
    }

    /// The functions behind routes, with these variables instead of the template's, as a deployment starts them.
    pub fn functions_with(&self, changes: &[(&str, &str)]) -> Functions {
        // Another seed each time, because the system's randomness does not repeat either.
        self.deployments.set(self.deployments.get() + 1);
        let seed = self.deployments.get() << 32;
        let platform = TestPlatform::new(&self.clock, seed, self.wire.http_client());
        let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changes: Variables = changes.collect();
        Functions::start(&platform, |function| {
            let mut variables = variables(function);
            variables.extend(changes.clone());
            variables
        })
    }

    /// The operator's app in a deployment with these variables instead of the template's.
    pub fn operator_with(&self, changes: &[(&str, &str)]) -> App<PasswordChecks> {
        let mut variables = operator_variables();
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.platform.app(&|name| variables.get(name).cloned())
    }

    /// A function that is not behind a route, with these variables.
    pub(super) fn start<R: Requirements>(&self, variables: &Variables) -> App<R> {
        self.platform.app(&|name| variables.get(name).cloned())
    }

    /// The mailer of a deployment with this product name.
    pub fn mailer_of(&self, product: &str) -> Mailer {
        let mut mailer = variables("mailer");
        mailer.insert("PRODUCT_NAME".into(), product.into());
        self.platform.mailer(&|name| mailer.get(name).cloned())
    }

    /// From now on the publisher has these variables instead of the template's.
    pub fn set_publisher(&mut self, changes: &[(&str, &str)]) {
        let mut publisher = variables("publisher");
        publisher.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.publisher = self.platform.publisher(&|name| publisher.get(name).cloned());
    }

    /// The mailer as its runtime holds it.
    pub fn mailer(&self) -> &Mailer {
        &self.mailer
    }

    /// From now on the mailer gives a request this time.
    pub fn set_record_timeout(&mut self, timeout: Duration) {
        self.mailer.record_timeout = timeout;
    }

    /// Lets time pass.
    pub fn after(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// A browser without cookies, at an address of its own.
    pub fn visitor(&self) -> Visitor<'_> {
        Visitor::new(self, IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)))
    }

    /// A browser at this address.
    pub fn visitor_from(&self, client: &str) -> Visitor<'_> {
        Visitor::new(self, client.parse().expect("an IP address"))
    }

    /// Everything in all tables.
    pub fn dump(&self) -> BTreeMap<&'static str, Vec<String>> {
        template().tables.iter().map(|table| (&*table.name, dump(&self.database, &table.name))).collect()
    }

    /// Sets one attribute of an item directly, for states that only time or a migration causes.
    pub fn set(&self, account: &AccountId, record: &str, attribute: &str, value: &Value) {
        let update = json!({
            "TableName": "AccountsTable",
            "Key": { "account_id": { "S": account.as_str() }, "record": { "S": record } },
            "UpdateExpression": "SET #attribute = :value",
            "ExpressionAttributeNames": { "#attribute": attribute },
            "ExpressionAttributeValues": { ":value": value },
        });
        self.carry_out("UpdateItem", &update);
    }

    /// Deletes an item of an account directly.
    pub fn delete(&self, account: &AccountId, record: &str) {
        let key = json!({ "account_id": { "S": account.as_str() }, "record": { "S": record } });
        self.carry_out("DeleteItem", &json!({ "TableName": "AccountsTable", "Key": key }));
    }

    /// The rows of the table of what happened to accounts: the events, or the entries of the log.
    pub fn history_rows(&self, of_log: bool) -> Vec<Value> {
        let rows = self.dump()["HistoryTable"].clone();
        let rows = rows.iter().map(|row| serde_json::from_str(row).expect("an item is JSON"));
        let is_of_log =
            |row: &Value| row["account_id"]["S"].as_str().is_some_and(|id| id.starts_with("log#"));
        rows.filter(|row| is_of_log(row) == of_log).collect()
    }

    /// Deletes all that happened to accounts, as if it was longer ago.
    pub fn forget_history(&self) {
        for item in &self.dump()["HistoryTable"] {
            let item: Value = serde_json::from_str(item).expect("an item is JSON");
            let key = json!({ "account_id": item["account_id"], "event_id": item["event_id"] });
            self.carry_out("DeleteItem", &json!({ "TableName": "HistoryTable", "Key": key }));
        }
    }

    /// Puts an item directly.
    pub fn put(&self, table: &str, item: &Value) {
        self.carry_out("PutItem", &json!({ "TableName": table, "Item": item }));
    }

    /// Removes an attribute from every item of a table, as if an earlier version had written them.
    pub fn remove_everywhere(&self, table: &str, attribute: &str) {
        for item in &self.dump()[table] {
            let mut item: Value = serde_json::from_str(item).expect("an item is JSON");
            item.as_object_mut().expect("an item is an object").remove(attribute);
            self.put(table, &item);
        }
    }

    fn carry_out(&self, operation: &str, body: &Value) {
        let (status, answer) = carry_out(&self.database, operation, body);
        assert_eq!(status, 200, "{answer}");
    }

    /// Asserts that claims and accounts agree.
    pub fn assert_claims_fit(&self) {
        let items = self.dump();
        let items = items["AccountsTable"].iter().map(|item| serde_json::from_str(item).expect("it is JSON"));
        assert_fit(&items.collect::<Vec<Value>>(), self.operator.now().unix_seconds());
    }

    /// All emails so far.
    pub fn emails(&self) -> Vec<ReceivedEmail> {
        self.wire.mailbox().emails()
    }

    /// The calls to AWS that were made during something.
    pub async fn calls_of<T>(&self, doing: impl Future<Output = T>) -> (T, Vec<Call>) {
        let before = self.wire.calls().len();
        let outcome = doing.await;
        (outcome, self.wire.calls().split_off(before))
    }

    /// The runs of Argon2id and of former functions during something. No other function has a hasher.
    pub async fn work_of<T>(&self, doing: impl Future<Output = T>) -> (T, Work) {
        let before = self.total_work();
        let outcome = doing.await;
        (outcome, self.total_work().since(&before))
    }

    fn total_work(&self) -> Work {
        let mut total = self.functions.password_login.needs.passwords.total_work();
        total.add(&self.functions.set_password.needs.passwords.total_work());
        total.add(&self.operator.needs.passwords.total_work());
        total
    }

    /// What the functions logged.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// What the functions counted.
    pub fn counted(&self) -> Vec<String> {
        self.platform.counted()
    }

    /// Calls the function of the event's path.
    pub async fn answer(&self, event: &Value) -> ApiGatewayV2httpResponse {
        let path = event["rawPath"].as_str().unwrap_or("/");
        let method = event["requestContext"]["http"]["method"].as_str().unwrap_or("GET");
        self.answer_by(route(method, path).function, event).await
    }

    /// Calls this function with an event.
    pub async fn answer_by(&self, function: &str, event: &Value) -> ApiGatewayV2httpResponse {
        self.clock.tick();
        let turn = self.turn.get();
        self.turn.set((turn + 1) % (self.processes.len() + 1));
        let process = turn.checked_sub(1).map_or(&*self.functions, |other| &self.processes[other]);
        process.answer(function, event).await
    }
}

/// The route that takes a request to a path, as API Gateway chooses it.
pub fn route(method: &str, path: &str) -> Found<'static> {
    static ROUTES: LazyLock<Routes> = LazyLock::new(|| Routes::of(template()));
    ROUTES.find(method, path).expect("there is a default route")
}

/// The function that answers for a path.
pub fn function_of(path: &str) -> &'static str {
    route("GET", path).function
}

/// Those of a function, with the operator's access key.
fn operator_variables() -> Variables {
    let mut variables = variables("password-login");
    variables.insert("AWS_ACCESS_KEY_ID".into(), OPERATOR_KEY.into());
    variables
}

/// The variables that the template gives a function.
pub fn variables(function: &str) -> Variables {
    let function = template().function(function).expect("the function is in the template");
    let secrets = secrets(template(), None).expect("the template's secrets");
    // Nothing listens on this port: the wire answers before a connection is made.
    let environments = Environments { aws_port: 1, secrets };
    environments.of_function(function).expect("the template gives the function its variables")
}
