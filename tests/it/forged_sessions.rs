//! What becomes of it when a function that was taken over tries to make itself a session: every way to write, with as
//! many attributes as its permissions allow.
use std::collections::BTreeSet;

use dev::aws::iam::{OPERATOR_KEY, access_key_id};
use domain::Token;
use serde_json::{Value, json};

use crate::support::{Effect, NOON, Person, WAYS, Way, World, Write, file, template};

/// The functions that put sessions: two after a proof, one after that of a product, and `set-password`, which gives the session
/// it has another secret.
const OPEN_SESSIONS: [&str; 4] = ["open-hand-over", "open-magic-link", "password-login", "set-password"];

/// A secret that the thief chose, and whose hash is the key of the session.
const CHOSEN: Token = Token::from_bytes([7; 32]);

/// What one function tried, and how often it then was signed in as somebody else.
#[derive(Debug, Default)]
struct Tries {
    writes: usize,
    denied: usize,
    forged: usize,
}

impl Tries {
    fn add(&mut self, other: &Self) {
        self.writes += other.writes;
        self.denied += other.denied;
        self.forged += other.forged;
    }
}

/// A taken-over function, the account it wants to get into, and the session it wants to get in with.
struct Thief<'w> {
    world: &'w World,
    key: String,
    secret: Token,
    session: Write,
}

impl Thief<'_> {
    /// Wants a session under this secret that is otherwise like one of the owner's.
    async fn new<'w>(world: &'w World, key: &str, owner: &Person, secret: Token) -> Thief<'w> {
        world.signed_in(owner).await;
        let items = world.dump()["SessionsTable"].clone();
        let items = items.iter().map(|item| serde_json::from_str::<Value>(item).expect("an item is JSON"));
        let mut attributes = items
            .filter(|item| item["account_id"]["S"] == owner.id.as_str())
            .find_map(|item| item.as_object().cloned())
            .expect("the owner is signed in");
        attributes.remove("session_hash");
        attributes.entry("generation").or_insert_with(|| json!({ "N": "0" }));
        let session_key = json!({ "session_hash": { "S": secret.hash().as_str() } });
        let session = Write::new("SessionsTable", &session_key, &json!(attributes));
        Thief { world, key: key.to_owned(), secret, session }
    }

    /// Whether the account page opens, and is the owner's.
    async fn is_in(&self) -> bool {
        let page = self.world.visitor().with_session(&self.secret.expose()).get_json("/account").await;
        assert!(page.status < 500, "{}", page.shown());
        page.status == 200 && page.json()["username"] == "mina"
    }

    /// Writes, and looks whether that has opened the account. Says whether the write was allowed.
    async fn writes(&self, way: &Way, write: &Write, tries: &mut Tries) -> bool {
        let (operation, body) = (way.request)(write);
        tries.writes += 1;
        match self.world.wire.send(&self.key, operation, &body).await {
            Ok(()) => {
                tries.forged += usize::from(self.is_in().await);
                true
            }
            Err((error, message)) => {
                let place = format!("{} {}: {error} {message}", self.key, way.name);
                assert_eq!(error, "AccessDeniedException", "{place}");
                assert!(message.contains("SessionsTable"), "a refusal names what was denied: {place}");
                tries.denied += 1;
                false
            }
        }
    }

    /// The whole session at once; then as many of its attributes as this way allows; then one attribute after the
    /// other, which is the most that updates can bring about.
    async fn tries(&self, way: &Way, tries: &mut Tries) {
        self.writes(way, &self.session, tries).await;
        let mut allowed = BTreeSet::new();
        for name in self.session.attributes.keys() {
            if self.writes(way, &self.session.with_only(|other| other == name), tries).await {
                allowed.insert(name.clone());
            }
        }
        if allowed.len() > 1 {
            self.writes(way, &self.session.with_only(|name| allowed.contains(name)), tries).await;
        }
    }
}

/// Tries everything with a function's key: under a secret that no session has, and under that of the thief's own session.
async fn tries_of(key: &str) -> Tries {
    let mut all = Tries::default();
    for own in [false, true] {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let joris = world.person("joris").create().await;
        let secret = if own {
            let browser = world.signed_in(&joris).await;
            let cookie = browser.cookie("__Host-session").expect("joris is signed in");
            Token::parse(&cookie).expect("it is a secret")
        } else {
            CHOSEN
        };
        let thief = Thief::new(&world, key, &mina, secret).await;
        let writing = WAYS.iter().filter(|way| way.effect != Effect::Delete);
        // Updates before and after, because a put replaces what they have brought about.
        let updates = WAYS.iter().filter(|way| way.effect == Effect::Update);
        for way in updates.clone().chain(writing).chain(updates) {
            thief.tries(way, &mut all).await;
        }
    }
    all
}

#[tokio::test]
async fn no_function_but_those_that_sign_people_in_can_bring_about_a_session() {
    let (mut total, mut functions) = (Tries::default(), 0);
    for function in &template().functions {
        let tries = tries_of(&access_key_id(&function.name)).await;
        if OPEN_SESSIONS.contains(&&*function.name) {
            assert!(tries.forged > 0, "{} cannot open a session: {tries:?}", function.name);
        } else {
            assert_eq!(tries.forged, 0, "{}: {tries:?}", function.name);
            total.add(&tries);
            functions += 1;
        }
    }
    let figure = format!(
        "forged sessions: {} of {} writes by {functions} functions, {} of them denied",
        total.forged, total.writes, total.denied
    );
    println!("{figure}");
    assert!(file("docs/permissions.md").contains(&figure), "docs/permissions.md does not say {figure}");
    assert_eq!(functions + OPEN_SESSIONS.len(), template().functions.len());
    assert!(total.denied * 10 > total.writes * 9, "{total:?}");
}

/// Shows that the writes above would open an account if they were allowed.
#[tokio::test]
async fn with_all_permissions_each_way_to_write_brings_about_a_session() {
    for way in WAYS.iter().filter(|way| way.effect != Effect::Delete) {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let thief = Thief::new(&world, OPERATOR_KEY, &mina, CHOSEN).await;
        // PartiQL updates only what is there.
        if way.name == "UPDATE" {
            world.put("SessionsTable", &json!(thief.session.with_only(|_| false).item()));
        }
        let mut tries = Tries::default();
        assert!(thief.writes(way, &thief.session, &mut tries).await, "{}", way.name);
        assert_eq!(tries.forged, 1, "{}", way.name);
    }
}

/// Such an item is no failure either.
#[tokio::test]
async fn a_session_with_an_attribute_of_another_type_is_none() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let thief = Thief::new(&world, OPERATOR_KEY, &mina, CHOSEN).await;
    world.put("SessionsTable", &json!(thief.session.item()));
    assert!(thief.is_in().await);
    // The database refuses the keys of the index; the generation may be one that nothing reads.
    let other = ["account_id", "created_at", "generation"];
    for name in thief.session.attributes.keys().filter(|name| !other.contains(&name.as_str())) {
        let mut item = Value::Object(thief.session.item());
        item[name] = json!({ "BOOL": true });
        world.put("SessionsTable", &item);
        assert!(!thief.is_in().await, "{name}");
    }
}

/// `end-session` raises the generation of an account and takes its own session along. With the attribute `account_id`,
/// even in a condition, it could give a session to another account.
#[tokio::test]
async fn a_session_can_continue_in_the_next_generation_and_not_change_hands() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let thief = Thief::new(&world, &access_key_id("end-session"), &mina, CHOSEN).await;
    world.put("SessionsTable", &json!(thief.session.item()));
    let profile = json!({ "account_id": { "S": mina.id.as_str() }, "record": { "S": "profile" } });
    let numbers = json!({ ":one": { "N": "1" }, ":now": { "N": NOON.to_string() } });
    let raise = json!({
        "TableName": "AccountsTable", "Key": profile,
        "UpdateExpression": "ADD generation :one SET sessions_ended_at = :now",
        "ConditionExpression": "attribute_exists(account_id)",
        "ExpressionAttributeValues": numbers,
    });
    let mut carry_on = json!({
        "TableName": "SessionsTable", "Key": thief.session.key,
        "UpdateExpression": "SET generation = :next", "ConditionExpression": "generation = :current",
        "ExpressionAttributeValues": { ":next": { "N": "1" }, ":current": thief.session.attributes["generation"] },
    });
    let transaction =
        |session: &Value| json!({ "TransactItems": [{ "Update": raise }, { "Update": session }] });
    let send = async |body: &Value| world.wire.send(&thief.key, "TransactWriteItems", body).await;
    send(&transaction(&carry_on)).await.expect("it is what the flow is to do");

    carry_on["ConditionExpression"] = json!("generation = :current AND account_id = :me");
    carry_on["ExpressionAttributeValues"][":me"] = json!({ "S": mina.id.as_str() });
    let (error, message) = send(&transaction(&carry_on)).await.expect_err("the attribute is named");
    assert_eq!(error, "AccessDeniedException");
    assert!(message.contains("dynamodb:Attributes account_id"), "{message}");
}
