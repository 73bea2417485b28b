//! The table of clients: registered once, found, listed, their secrets rotated, removed.
use dev::aws::faults::FaultKind;
use domain::Timestamp;
use domain::oidc::{Client, ClientAuthentication, ClientName, ClientSecret, ClientSecrets, RedirectUri};
use serde_json::{Value, json};
use shared::app::App;
use shared::error::chain;
use shared::requirements::PasswordChecks;

use crate::support::World;

const CLIENTS: &str = "ClientsTable";

/// The operator of a deployment with OpenID Connect.
fn operator(world: &World) -> App<PasswordChecks> {
    world.operator_with(&[("CLIENTS_TABLE", CLIENTS)])
}

fn address(text: &str) -> RedirectUri {
    RedirectUri::parse(text).expect("an address")
}

/// A public client of this name.
fn public(operator: &App<PasswordChecks>, name: &str) -> Client {
    Client {
        id: operator.entropy.client_id(),
        name: ClientName::parse(name).expect("a name"),
        redirect_uris: vec![address("https://example.com/signed-in"), address("http://127.0.0.1/in?x=1")],
        sign_out_uris: vec![address("https://example.com/")],
        return_uris: vec![address("https://example.com/settings")],
        authentication: ClientAuthentication::Public,
        created_at: operator.now(),
    }
}

/// The same with secrets.
fn confidential(operator: &App<PasswordChecks>, secrets: &ClientSecrets) -> Client {
    let authentication = ClientAuthentication::Confidential(secrets.clone());
    Client { authentication, ..public(operator, "Example") }
}

fn two_secrets(operator: &App<PasswordChecks>) -> [ClientSecret; 2] {
    [operator.entropy.client_secret(), operator.entropy.client_secret()]
}

/// The items of the table as they are stored.
fn stored(world: &World) -> Vec<Value> {
    let scan = serde_json::from_value(json!({ "TableName": CLIENTS })).expect("a Scan request");
    let answer = world.database.scan(scan).expect("the table can be read");
    let mut answer = serde_json::to_value(answer).expect("answers are JSON");
    serde_json::from_value(answer["Items"].take()).expect("a list of items")
}

#[tokio::test]
async fn a_client_is_found_as_it_was_registered_until_it_is_removed() {
    let world = World::new();
    let operator = operator(&world);
    let (store, now) = (&operator.store, operator.now());
    let [first, second] = two_secrets(&operator);
    let one = ClientSecrets::new(&first, now);
    for client in [
        public(&operator, "Café"),
        Client { sign_out_uris: vec![], return_uris: vec![], ..public(&operator, "Example") },
        confidential(&operator, &one),
        confidential(&operator, &one.rotated(Timestamp::from_unix_seconds(1), &second)),
    ] {
        assert_eq!(store.find_client(&client.id).await.expect("a read"), None);
        assert!(store.add_client(&client).await.expect("a write"));
        assert_eq!(store.find_client(&client.id).await.expect("a read"), Some(client.clone()));
        assert!(store.remove_client(&client.id).await.expect("a write"));
        assert_eq!(store.find_client(&client.id).await.expect("a read"), None);
        assert!(!store.remove_client(&client.id).await.expect("a write"), "it is gone");
    }
}

#[tokio::test]
async fn a_client_that_is_there_stays_as_it_is() {
    let world = World::new();
    let operator = operator(&world);
    let client = public(&operator, "Example");
    assert!(operator.store.add_client(&client).await.expect("a write"));
    let other = Client { name: ClientName::parse("Other").expect("a name"), ..client.clone() };
    assert!(!operator.store.add_client(&other).await.expect("a write"));
    assert_eq!(operator.store.find_client(&client.id).await.expect("a read"), Some(client));
}

#[tokio::test]
async fn of_a_secret_only_the_hash_is_stored() {
    let world = World::new();
    let operator = operator(&world);
    let [first, second] = two_secrets(&operator);
    let secrets = ClientSecrets::new(&first, operator.now()).rotated(operator.now(), &second);
    let client = confidential(&operator, &secrets);
    operator.store.add_client(&client).await.expect("a write");
    let item = stored(&world).remove(0);
    let text = item.to_string();
    for secret in [&first, &second] {
        assert!(!text.contains(&secret.expose()) && text.contains(secret.hash().as_str()), "{text}");
    }
    let mut attributes: Vec<&str> = item.as_object().expect("an item").keys().map(String::as_str).collect();
    attributes.sort_unstable();
    assert_eq!(
        attributes,
        [
            "client_id",
            "client_name",
            "created_at",
            "former_secret_hash",
            "former_secret_made_at",
            "redirect_uris",
            "return_uris",
            "secret_hash",
            "secret_made_at",
            "sign_out_uris",
        ]
    );
}

#[tokio::test]
async fn secrets_are_replaced_only_as_they_were_read() {
    let world = World::new();
    let operator = operator(&world);
    let (store, now) = (&operator.store, operator.now());
    let [first, second] = two_secrets(&operator);
    let one = ClientSecrets::new(&first, now);
    let client = confidential(&operator, &one);
    let two = one.clone().rotated(now, &second);
    let unknown = store.replace_client_secrets(&client.id, &one, &two).await.expect("a write");
    assert!(!unknown, "an update makes no client");
    assert!(stored(&world).is_empty());

    store.add_client(&client).await.expect("a write");
    let public = public(&operator, "Example");
    store.add_client(&public).await.expect("a write");
    let other = one.clone().rotated(now, &operator.entropy.client_secret());
    for (what, id, read, new, done) in [
        ("the second secret", &client.id, &one, &two, true),
        ("the same again, by somebody who has read the first alone", &client.id, &one, &other, false),
        ("the end of the former one", &client.id, &two, &two.clone().without_former(), true),
        ("the end of it again", &client.id, &two, &two.clone().without_former(), false),
        ("a public client", &public.id, &one, &two, false),
    ] {
        let replaced = store.replace_client_secrets(id, read, new).await.expect("a write");
        assert_eq!(replaced, done, "{what}");
        let expected = if done { new } else { continue };
        let found = store.find_client(id).await.expect("a read").expect("it is there");
        assert_eq!(found.authentication, ClientAuthentication::Confidential(expected.clone()), "{what}");
    }
    let found = store.find_client(&public.id).await.expect("a read");
    assert_eq!(found, Some(public), "a public client gets no secret");
}

#[tokio::test]
async fn name_and_addresses_are_changed_only_as_they_were_read() {
    let world = World::new();
    let operator = operator(&world);
    let store = &operator.store;
    let secrets = ClientSecrets::new(&operator.entropy.client_secret(), operator.now());
    let client = confidential(&operator, &secrets);
    let named =
        |name: &str, of: &Client| Client { name: ClientName::parse(name).expect("a name"), ..of.clone() };
    let moved = Client { redirect_uris: vec![address("https://example.net/in")], ..client.clone() };
    assert!(!store.change_client(&client, &moved).await.expect("a write"), "an update makes no client");
    assert!(stored(&world).is_empty());

    store.add_client(&client).await.expect("a write");
    let reversed =
        Client { redirect_uris: client.redirect_uris.iter().rev().cloned().collect(), ..client.clone() };
    let silent = Client { sign_out_uris: vec![], ..named("Other", &moved) };
    for (what, read, new, done) in [
        ("other addresses", &client, &moved, true),
        ("by somebody who read the former addresses", &client, &named("Other", &client), false),
        ("by somebody who read them in another order", &reversed, &moved, false),
        ("a name, and no address for a sign-out", &moved, &silent, true),
        ("by somebody who read the former name", &moved, &client, false),
        ("nothing", &silent, &silent, true),
    ] {
        assert_eq!(store.change_client(read, new).await.expect("a write"), done, "{what}");
        let expected = if done { new } else { continue };
        assert_eq!(store.find_client(&client.id).await.expect("a read").as_ref(), Some(expected), "{what}");
    }
    let rotated = secrets.clone().rotated(operator.now(), &operator.entropy.client_secret());
    assert!(store.replace_client_secrets(&client.id, &secrets, &rotated).await.expect("a write"));
    assert!(store.change_client(&silent, &client).await.expect("a write"), "secrets are changed apart");
    let found = store.find_client(&client.id).await.expect("a read").expect("it is there");
    assert_eq!(found.authentication, ClientAuthentication::Confidential(rotated));
}

#[tokio::test]
async fn of_many_rotations_at_once_one_is_done() {
    let world = World::new();
    let operator = operator(&world);
    let one = ClientSecrets::new(&operator.entropy.client_secret(), operator.now());
    let client = confidential(&operator, &one);
    operator.store.add_client(&client).await.expect("a write");
    let secrets: Vec<ClientSecret> = (0..20).map(|_| operator.entropy.client_secret()).collect();
    let rotations = secrets.iter().map(async |secret| {
        let new = one.clone().rotated(operator.now(), secret);
        operator.store.replace_client_secrets(&client.id, &one, &new).await.expect("a write").then_some(new)
    });
    let done: Vec<ClientSecrets> =
        futures_util::future::join_all(rotations).await.into_iter().flatten().collect();
    assert_eq!(done.len(), 1);
    let found = operator.store.find_client(&client.id).await.expect("a read").expect("it is there");
    assert_eq!(found.authentication, ClientAuthentication::Confidential(done[0].clone()));
}

/// A secret that was stored and never shown would lock the product out at the next rotation.
#[tokio::test]
async fn an_answer_that_is_lost_is_no_refusal() {
    let world = World::new();
    let operator = operator(&world);
    let store = &operator.store;
    let [first, second] = two_secrets(&operator);
    let one = ClientSecrets::new(&first, operator.now());
    let client = confidential(&operator, &one);
    let lose = || world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    lose();
    assert!(store.add_client(&client).await.expect("a write"));
    lose();
    let two = one.clone().rotated(operator.now(), &second);
    assert!(store.replace_client_secrets(&client.id, &one, &two).await.expect("a write"));
    lose();
    assert!(store.remove_client(&client.id).await.expect("a write"));
}

#[tokio::test]
async fn the_list_has_every_client_the_oldest_first() {
    // A call reads a megabyte at most, and these are more.
    const CLIENTS: usize = 80;
    let world = World::new();
    let operator = operator(&world);
    let long = |number: usize| address(&format!("https://example.com/{number}/{}", "a".repeat(980)));
    let mut ids = Vec::new();
    for number in 0..CLIENTS {
        // Registered in another order than they were made.
        let created_at = Timestamp::from_unix_seconds(i64::try_from(number * 37 % CLIENTS).expect("small"));
        let uris: Vec<RedirectUri> = (0..10).map(long).collect();
        let (redirect_uris, sign_out_uris) = (uris.clone(), uris);
        let client = Client { redirect_uris, sign_out_uris, created_at, ..public(&operator, "Example") };
        operator.store.add_client(&client).await.expect("a write");
        ids.push((created_at, client.id));
    }
    ids.sort_by_key(|(created_at, _)| *created_at);
    let (listed, calls) = world.calls_of(operator.store.list_clients()).await;
    let listed = listed.expect("a read").into_iter().map(|client| (client.created_at, client.id));
    assert_eq!(listed.collect::<Vec<_>>(), ids);
    assert!(calls.len() > 1, "{calls:?}");
}

#[tokio::test]
async fn without_the_table_every_call_says_so() {
    let world = World::new();
    let operator = world.operator_with(&[("CLIENTS_TABLE", "")]);
    assert!(!operator.store.has_clients());
    let client = public(&operator, "Example");
    for refused in [
        operator.store.find_client(&client.id).await.map(|_| ()),
        operator.store.list_clients().await.map(|_| ()),
        operator.store.add_client(&client).await.map(|_| ()),
        operator.store.remove_client(&client.id).await.map(|_| ()),
    ] {
        let error = chain(&refused.expect_err("there is no table"));
        assert!(error.ends_with("CLIENTS_TABLE is not set"), "{error}");
    }
    assert!(world.wire.calls().is_empty());
}
