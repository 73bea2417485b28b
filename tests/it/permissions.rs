//! The template's permissions, enforced: a function cannot leak what it cannot read.
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{AttributeValue, Get, KeysAndAttributes, TransactGetItem};
use dev::aws::calls::Calls;
use dev::aws::checks::Checks;
use dev::aws::connection::{ConnectionCutter, CuttableListener};
use dev::aws::database::Server;
use dev::aws::database::WriteSignal;
use dev::aws::endpoint::AwsEndpoint;
use dev::aws::faults::Faults;
use dev::aws::iam::{AccessKeys, OPERATOR_KEY, access_key_id};
use dev::aws::ses::Ses;
use dev::events::Events;
use dev::lambda::runtime_api::RuntimeApi;
use dev::mailbox::Mailbox;
use dev::template::statement::Permission;
use dev::template::{ACCOUNT_ID, REGION};
use domain::EmailAddress;
use shared::error::chain;
use tokio::net::TcpListener;

use crate::support::{World, template};

const ACCOUNTS: &str = "AccountsTable";

/// The local AWS endpoint with a real database, over loopback.
async fn front() -> SocketAddr {
    let database = Server::start(template(), None).await.expect("the database starts");
    let front = AwsEndpoint {
        checks: Checks::of(template(), Faults::default()),
        database: database.address,
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        ses: Ses::new(template(), Mailbox::default(), Events::on_buses(&template().buses)),
        calls: Calls::default(),
        runtime: RuntimeApi::new(template(), &[]),
        writes: WriteSignal::default(),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let service = front.router().into_make_service_with_connect_info::<ConnectionCutter>();
    tokio::spawn(async move { axum::serve(CuttableListener(listener), service).await });
    address
}

fn client(front: SocketAddr, key: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(key, "local", None, None, "test"))
        .http_client(shared::aws::amazon_roots_client())
        .endpoint_url(format!("http://{front}"));
    Client::from_conf(config.build())
}

/// Tries to read accounts with every operation of DynamoDB; returns the outcomes.
async fn tries_to_read(client: &Client) -> Vec<(&'static str, Result<(), String>)> {
    let text = |value: &str| AttributeValue::S(value.into());
    let keys = KeysAndAttributes::builder()
        .keys([("account_id".into(), text("a")), ("record".into(), text("profile"))].into())
        .build()
        .expect("keys are set");
    let get = Get::builder().table_name(ACCOUNTS).key("account_id", text("a")).key("record", text("profile"));
    let get = TransactGetItem::builder().get(get.build().expect("table and key are set")).build();
    let query = client.query().table_name(ACCOUNTS);
    let by_id = query
        .clone()
        .key_condition_expression("account_id = :x")
        .expression_attribute_values(":x", text("a"));
    let by_email = query.index_name("email-index").key_condition_expression("email = :x");
    let by_email = by_email.expression_attribute_values(":x", text("a"));
    let statement = format!("SELECT * FROM {ACCOUNTS} WHERE account_id = 'a'");
    macro_rules! outcome {
        ($name:literal, $call:expr) => {
            (
                $name,
                $call.send().await.map(|_| ()).map_err(|error| error.code().unwrap_or_default().to_owned()),
            )
        };
    }
    vec![
        outcome!(
            "GetItem",
            client
                .get_item()
                .table_name(ACCOUNTS)
                .key("account_id", text("a"))
                .key("record", text("profile"))
        ),
        outcome!("Query", by_id),
        outcome!("Query on the index", by_email),
        outcome!("Scan", client.scan().table_name(ACCOUNTS)),
        outcome!("Scan of the index", client.scan().table_name(ACCOUNTS).index_name("email-index")),
        outcome!("BatchGetItem", client.batch_get_item().request_items(ACCOUNTS, keys)),
        outcome!("TransactGetItems", client.transact_get_items().transact_items(get)),
        outcome!("PartiQL", client.execute_statement().statement(statement)),
    ]
}

#[tokio::test]
async fn the_functions_open_to_strangers_are_denied_every_way_to_read_accounts() {
    let front = front().await;
    for function in ["forgot-username", "request-magic-link"] {
        for (operation, outcome) in tries_to_read(&client(front, &access_key_id(function))).await {
            assert_eq!(outcome, Err("AccessDeniedException".into()), "{function}: {operation}");
        }
    }
    for (operation, outcome) in tries_to_read(&client(front, OPERATOR_KEY)).await {
        assert_eq!(outcome, Ok(()), "the same call works for the operator: {operation}");
    }
    for (operation, outcome) in tries_to_read(&client(front, "AKIASOMEBODY")).await {
        assert_eq!(outcome, Err("UnrecognizedClientException".into()), "{operation}");
    }
}

#[tokio::test]
async fn a_profile_with_a_password_hash_is_denied_and_the_refusal_says_why() {
    let front = front().await;
    let client = client(front, &access_key_id("request-backup"));
    let item = |record: &str, attribute: &str| {
        let text = |value: &str| AttributeValue::S(value.into());
        [("account_id", text("a")), ("record", text(record)), (attribute, text("x"))]
            .map(|(name, value)| (name.to_owned(), value))
    };
    let put = |item| client.put_item().table_name(ACCOUNTS).set_item(Some(HashMap::from(item))).send();
    put(item("email#pending", "pending_address")).await.expect("it is what the flow does");
    let denied = put(item("profile", "password_hash")).await.expect_err("it is not what the flow does");
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let message = denied.message().unwrap_or_default();
    assert!(message.ends_with("dynamodb:PutItem action with dynamodb:Attributes password_hash"), "{message}");
}

#[tokio::test]
async fn flows_in_these_tests_run_with_their_own_permissions_only() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let address = EmailAddress::parse(&mina.email).expect("an address");
    let functions = &world.functions;
    for (function, store) in [
        ("forgot-username", &functions.forgot_username.store),
        ("request-magic-link", &functions.request_magic_link.store),
        ("sign-out", &functions.sign_out.store),
    ] {
        for outcome in [
            store.load_account(&mina.id).await.map(|_| ()),
            store.find_by_email(&address).await.map(|_| ()),
            store.find_owner(&address, world.operator.now()).await.map(|_| ()),
        ] {
            let error = chain(&outcome.expect_err("it is denied"));
            assert!(error.contains("AccessDeniedException"), "{function}: {error}");
        }
    }
    assert!(functions.account.store.load_account(&mina.id).await.is_ok());
}

pub fn arn(resource: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{resource}")
}

/// The functions whose statements allow an action on a resource, under whatever conditions.
pub fn allowed(action: &str, resource: &str) -> Vec<&'static str> {
    let keys = AccessKeys::of(template());
    let demand = Permission { action: action.into(), resources: vec![resource.into()], context: [].into() };
    let names = template().functions.iter().map(|function| &*function.name);
    names
        .filter(|name| {
            let header = format!("AWS4-HMAC-SHA256 Credential={}/x", access_key_id(name));
            keys.owner(&header).expect("every function has a key").may_under_conditions(&demand)
        })
        .collect()
}

#[test]
fn who_may_do_what_with_accounts() {
    let index = format!("{ACCOUNTS}/index/email-index");
    let table = [
        ("GetItem", ACCOUNTS),
        ("Query", ACCOUNTS),
        ("Query", &*index),
        ("ConditionCheckItem", ACCOUNTS),
        ("PutItem", ACCOUNTS),
        ("UpdateItem", ACCOUNTS),
        ("DeleteItem", ACCOUNTS),
    ];
    let lines = table.map(|(action, resource)| {
        let functions = allowed(&format!("dynamodb:{action}"), &arn(resource));
        format!("{action} {resource}: {}", functions.join(", "))
    });
    insta::assert_snapshot!(lines.join("\n"), @r"
    GetItem AccountsTable: admin-account, admin-hand-over, confirm-backup, confirm-primary, delivery, mailer, password-login, undo-change
    Query AccountsTable: account, admin-account, admin-hand-over, confirm-backup, confirm-primary, delivery, end-session, mailer, oidc-authorize, oidc-sign-out, oidc-userinfo, open-hand-over, open-magic-link, password-login, promote-backup, remove-backup, request-backup, request-primary, set-password, undo-change
    Query AccountsTable/index/email-index: mailer, password-login
    ConditionCheckItem AccountsTable: admin-account, confirm-backup, confirm-primary, delivery, oidc-token, open-hand-over, open-magic-link, password-login, remove-backup, request-backup, request-primary, undo-change
    PutItem AccountsTable: admin-account, confirm-backup, confirm-primary, promote-backup, request-backup, request-primary, undo-change
    UpdateItem AccountsTable: admin-account, confirm-backup, confirm-primary, delivery, end-session, open-magic-link, password-login, promote-backup, set-password, undo-change
    DeleteItem AccountsTable: admin-account, confirm-backup, confirm-primary, promote-backup, remove-backup, undo-change
    ");
}

#[test]
fn only_the_account_page_and_the_account_api_list_sessions_and_only_eight_flows_end_them() {
    let sessions = arn("SessionsTable");
    let index = format!("{sessions}/index/account-index");
    assert_eq!(allowed("dynamodb:Query", &index), ["account", "admin-account"]);
    assert!(allowed("dynamodb:Query", &sessions).is_empty());
    let mut ending = allowed("dynamodb:DeleteItem", &sessions);
    ending.sort_unstable();
    assert_eq!(
        ending,
        [
            "admin-account",
            "end-session",
            "oidc-sign-out",
            "open-hand-over",
            "open-magic-link",
            "password-login",
            "set-password",
            "sign-out"
        ]
    );
}

#[test]
fn only_the_account_page_an_undo_and_a_deletion_read_what_happened() {
    let history = arn("HistoryTable");
    assert_eq!(allowed("dynamodb:Query", &history), ["account", "admin-account", "undo-change"]);
    assert_eq!(allowed("dynamodb:DeleteItem", &history), ["admin-account"]);
    assert!(allowed("dynamodb:GetItem", &history).is_empty());
    for action in ["PutItem", "UpdateItem", "DeleteItem"] {
        assert!(!allowed(&format!("dynamodb:{action}"), &history).contains(&"account"), "{action}");
    }
}

/// Of the products, one function finds the one that has registered an address: by ids and addresses, without a secret.
#[test]
fn nobody_may_list_search_or_administer() {
    for action in [
        "Scan",
        "BatchGetItem",
        "BatchWriteItem",
        "PartiQLSelect",
        "PartiQLUpdate",
        "DeleteTable",
        "UpdateTable",
        "ExportTableToPointInTime",
        "UpdateTimeToLive",
    ] {
        for table in &template().tables {
            for resource in [arn(&table.name), format!("{}/index/email-index", arn(&table.name))] {
                let searches = action == "Scan" && resource == arn("ClientsTable");
                let expected: &[&str] = if searches { &["admin-hand-over"] } else { &[] };
                assert_eq!(
                    allowed(&format!("dynamodb:{action}"), &resource),
                    expected,
                    "{action} {resource}"
                );
            }
        }
    }
}

#[test]
fn the_outbox_is_written_by_flows_and_read_by_the_mailer() {
    let outbox = arn("OutboxTable");
    assert_eq!(allowed("dynamodb:GetItem", &outbox), ["mailer"]);
    assert_eq!(allowed("dynamodb:UpdateItem", &outbox), ["mailer"]);
    assert_eq!(allowed("dynamodb:DeleteItem", &outbox), ["admin-account"], "of an account that is deleted");
    assert!(!allowed("dynamodb:PutItem", &outbox).contains(&"mailer"));
}
