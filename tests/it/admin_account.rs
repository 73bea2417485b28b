//! Accounts that a product creates, reads and changes, by ids of its own.
mod conditions;
mod deletion;
mod elsewhere;
mod email;
mod hostile;
mod owner;
mod told;

use domain::AccountId;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, PASSWORD, PRINCIPAL, Person, World, assert_sealed};

/// The id of a product for somebody.
pub const ID: &str = "user-7f3a";

/// What a product wants of an account.
pub fn wanted() -> Value {
    json!({ "username": "mina", "email": "mina@example.com", "email_verified": true, "kind": "regular" })
}

/// The same with these fields instead.
pub fn wanted_with(fields: &Value) -> Value {
    let mut wanted = wanted();
    for (name, value) in fields.as_object().expect("fields are an object") {
        wanted[name] = value.clone();
    }
    wanted
}

pub fn path(external_id: &str) -> String {
    format!("/admin/accounts/{external_id}")
}

impl World {
    /// A request of a product's back end.
    pub async fn back_end(&self, ask: &Ask) -> Answer {
        let answer = self.visitor().ask(ask).await;
        assert!(answer.cookies.is_empty() && answer.header("location").is_empty(), "{answer:#?}");
        answer
    }

    /// Says what the account with this id is to be.
    pub async fn put_account(&self, external_id: &str, wanted: &Value) -> Answer {
        self.back_end(&Ask::signed_json("PUT", &path(external_id), wanted)).await
    }

    /// Reads the account with this id.
    pub async fn get_account(&self, external_id: &str) -> Answer {
        self.back_end(&Ask::signed("GET", &path(external_id))).await
    }

    /// Deletes it.
    pub async fn delete_account(&self, external_id: &str) -> Answer {
        self.back_end(&Ask::signed("DELETE", &path(external_id))).await
    }

    /// The person of the account with this id.
    pub async fn person_of(&self, external_id: &str) -> Person {
        let account = self.get_account(external_id).await.json();
        let text = |name: &str| account[name].as_str().expect("it is a text").to_owned();
        Person { id: AccountId::new(text("account_id")), username: text("username"), email: text("email") }
    }

    /// All items of an account, as the database has them.
    pub fn items_of(&self, person: &Person) -> Vec<String> {
        let items = self.dump()["AccountsTable"].clone();
        items.into_iter().filter(|item| item.contains(person.id.as_str())).collect()
    }

    /// Disables it, enables it or ends its sessions.
    pub async fn post_account(&self, external_id: &str, action: &str) -> Answer {
        self.back_end(&Ask::signed("POST", &format!("{}/{action}", path(external_id)))).await
    }
}

/// Asserts that a request is refused with this code, and says about which field.
pub fn assert_refused(answer: &Answer, status: i64, code: &str, field: Option<&str>) {
    assert_eq!((answer.status, &*answer.code()), (status, code), "{}", answer.body);
    assert_eq!(answer.json()["field"].as_str(), field, "{}", answer.body);
    assert_sealed(answer);
}

#[tokio::test]
async fn an_account_is_created_as_wanted_and_read_as_it_is() {
    let world = World::new();
    let created = world.put_account(ID, &wanted_with(&json!({ "locale": "nl" }))).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_sealed(&created);
    let document = created.json();
    let id = document["account_id"].as_str().expect("it has a key").to_owned();
    assert_eq!(
        document,
        json!({
            "external_id": ID,
            "account_id": id,
            "username": "mina",
            "email": "mina@example.com",
            "email_verified": true,
            "pending_email": null,
            "kind": "regular",
            "locale": "nl",
            "disabled": false,
            "being_deleted": false,
            "has_password": false,
            "has_backup_email": false,
            "created_at": document["created_at"],
        })
    );
    assert!(document["created_at"].as_str().is_some_and(|at| at.starts_with("2026-11-22T12:00:")));
    let read = world.get_account(ID).await;
    assert_eq!((read.status, &read.body), (200, &created.body));
    assert_eq!(read.header("etag"), created.header("etag"));
    assert_eq!(read.header("etag").len(), 24);
    world.assert_claims_fit();
    assert!(world.deliver().await.is_empty(), "nobody gets an email");
}

#[tokio::test]
async fn who_was_created_by_a_product_signs_in_and_ends_up_with_an_account_like_any_other() {
    let world = World::new();
    let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(PASSWORD), [7; 16]);
    let hash = hash.expect("it is short");
    let wanted = wanted_with(&json!({ "password_hash": hash.as_str() }));
    let created = world.put_account(ID, &wanted).await;
    assert_eq!((created.status, created.json()["has_password"].as_bool()), (201, Some(true)));
    assert!(!created.body.contains("argon2id"));
    let browser = world.visitor();
    let signed_in = browser.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.shown());
    let token = browser.emailed_token("/account/backup", "spare@example.org").await;
    let confirmed = browser.post_form("/backup/confirm", &[("token", &token)]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.shown());
    let read = world.get_account(ID).await.json();
    assert_eq!(read["has_backup_email"], true);
    assert!(!read.to_string().contains("spare"), "the backup email is the person's: {read}");
}

#[tokio::test]
async fn an_imported_hash_is_taken_if_every_sign_in_takes_its_time() {
    let bcrypt = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let wanted = wanted_with(&json!({ "password_hash": bcrypt }));
    let mut world = World::new();
    let refused = world.put_account(ID, &wanted).await;
    assert_refused(&refused, 422, "invalid-field", Some("password_hash"));
    assert!(
        refused.body.contains("bcrypt$c=4,l=23 is not in the parameter FormerHashes"),
        "{}",
        refused.body
    );
    world.deploy(&[("FORMER_HASHES", "bcrypt$c=4,l=23")]);
    assert_eq!(world.put_account(ID, &wanted).await.status, 201);
}

#[tokio::test]
async fn a_hash_counts_when_an_account_is_created_and_may_be_sent_for_ever_after() {
    let world = World::new();
    let hash = |password: &str| {
        let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(password), [7; 16]);
        json!({ "password_hash": hash.expect("it is short").as_str() })
    };
    let wanted = wanted_with(&hash(PASSWORD));
    assert_eq!(world.put_account(ID, &wanted).await.status, 201);
    let browser = world.visitor();
    let signs_in = async |password: &str| {
        browser.post_form("/login", &[("identifier", "mina"), ("password", password)]).await.status
    };
    assert_eq!(signs_in(PASSWORD).await, 303);
    let own = "a password of their own";
    assert_eq!(browser.post_form("/account/password", &[("password", own)]).await.status, 303);
    let before = world.dump();
    let cheap = json!({ "password_hash": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS" });
    for fields in [hash(PASSWORD), hash("another one of the product"), cheap] {
        assert_eq!(world.put_account(ID, &wanted_with(&fields)).await.status, 200);
        assert_eq!(world.dump(), before, "{fields}");
    }
    assert_eq!([signs_in(PASSWORD).await, signs_in(own).await], [401, 303]);
    // It has to be one, all the same.
    let none = wanted_with(&json!({ "password_hash": "md5$x" }));
    assert_refused(&world.put_account(ID, &none).await, 422, "invalid-field", Some("password_hash"));
}

#[tokio::test]
async fn a_thousand_accounts_that_are_put_twice_are_written_once_and_cause_no_email() {
    let world = World::new();
    let wanted = |number: usize| {
        let email = format!("person{number}@example.com");
        wanted_with(&json!({ "username": format!("person{number}"), "email": email }))
    };
    for number in 0..1_000 {
        let created = world.put_account(&format!("user-{number}"), &wanted(number)).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    let before = world.dump();
    let (answers, calls) = world
        .calls_of(async {
            let mut answers = Vec::new();
            for number in 0..1_000 {
                answers.push(world.put_account(&format!("user-{number}"), &wanted(number)).await.status);
            }
            answers
        })
        .await;
    assert!(answers.iter().all(|status| *status == 200));
    assert!(calls.iter().all(|call| call.what.starts_with("GetItem") || call.what.starts_with("Query")));
    assert_eq!(world.dump(), before);
    assert!(world.deliver().await.is_empty());
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_changed_username_frees_the_old_one_and_all_that_it_looks_like() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    // Cyrillic letters: it looks like mina.
    let alike = json!({ "username": "mіna", "email": "eve@example.net" });
    let refused = world.put_account("eve", &wanted_with(&alike)).await;
    assert_refused(&refused, 409, "username-taken", Some("username"));
    for name in ["Mina", "joris"] {
        let renamed = world.put_account(ID, &wanted_with(&json!({ "username": name }))).await;
        assert_eq!((renamed.status, renamed.json()["username"].as_str()), (200, Some(name)));
        world.assert_claims_fit();
    }
    assert_eq!(world.put_account("eve", &wanted_with(&alike)).await.status, 201);
    let taken = world
        .put_account("eve", &wanted_with(&json!({ "username": "JORIS", "email": "eve@example.net" })))
        .await;
    assert_refused(&taken, 409, "username-taken", Some("username"));
    assert!(world.deliver().await.is_empty(), "nobody gets an email");
    world.assert_claims_fit();
}

#[tokio::test]
async fn language_and_kind_change_and_a_session_ends_with_the_kind() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    let danish = world.put_account(ID, &wanted_with(&json!({ "locale": "da" }))).await;
    assert_eq!((danish.status, danish.json()["locale"].as_str()), (200, Some("da")));
    let kept = world.put_account(ID, &wanted()).await;
    assert_eq!(kept.json()["locale"], "da", "a wish that names none keeps it");
    assert!(browser.is_signed_in().await);
    let sso = world.put_account(ID, &wanted_with(&json!({ "kind": "sso" }))).await;
    assert_eq!((sso.status, sso.json()["kind"].as_str()), (200, Some("sso")));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn what_others_have_is_a_conflict_that_names_the_field_and_is_never_adopted() {
    let world = World::new();
    world.person("joris").backup("spare@example.org").create().await;
    let before = world.dump();
    for (fields, code, field) in [
        (json!({ "username": "joris" }), "username-taken", "username"),
        (json!({ "email": "joris@example.com" }), "email-taken", "email"),
        (json!({ "email": "spare@example.org" }), "email-taken", "email"),
        (json!({ "username": "joris", "email": "joris@example.com" }), "username-taken", "username"),
    ] {
        let refused = world.put_account(ID, &wanted_with(&fields)).await;
        assert_refused(&refused, 409, code, Some(field));
        assert_eq!(world.dump(), before, "{fields}");
    }
    world.put_account(ID, &wanted()).await;
    let before = world.dump();
    for (fields, code, field) in [
        (json!({ "username": "Joris" }), "username-taken", "username"),
        (json!({ "email": "joris@example.com" }), "email-taken", "email"),
        (json!({ "email": "spare@example.org", "username": "nour" }), "email-taken", "email"),
    ] {
        let refused = world.put_account(ID, &wanted_with(&fields)).await;
        assert_refused(&refused, 409, code, Some(field));
        assert_eq!(world.dump(), before, "{fields}");
    }
}

#[tokio::test]
async fn an_account_is_disabled_enabled_and_signed_out_as_often_as_wanted() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    for _ in 0..2 {
        assert_eq!(world.post_account(ID, "disable").await.status, 204);
        assert_eq!(world.get_account(ID).await.json()["disabled"], true);
    }
    assert!(!browser.is_signed_in().await);
    for _ in 0..2 {
        assert_eq!(world.post_account(ID, "enable").await.status, 204);
        assert_eq!(world.get_account(ID).await.json()["disabled"], false);
    }
    assert!(!browser.is_signed_in().await, "no session comes back");
    let browser = world.signed_in(&person).await;
    assert_eq!(world.post_account(ID, "end-sessions").await.status, 204);
    assert!(!browser.is_signed_in().await);
    for action in ["disable", "enable", "end-sessions"] {
        assert_refused(&world.post_account("nobody", action).await, 404, "account-unknown", None);
    }
}

#[tokio::test]
async fn the_log_names_who_asked_and_the_account_and_neither_address_nor_id_of_the_product() {
    let world = World::new();
    let id = "mina@example.com";
    let created = world.put_account(id, &wanted()).await;
    world.put_account(id, &wanted_with(&json!({ "email": "new@example.org" }))).await;
    world.put_account("other", &wanted_with(&json!({ "username": "x" }))).await;
    world.get_account("%C3%A9").await;
    for (action, line) in [
        ("disable", "disabled an account"),
        ("enable", "enabled an account"),
        ("end-sessions", "ended all sessions"),
    ] {
        world.post_account(id, action).await;
        assert!(world.log().contains(line), "{line}");
    }
    world.delete_account(id).await;
    let log = world.log();
    assert!(log.contains(PRINCIPAL), "{log}");
    assert!(log.contains("/admin/accounts/{external_id}"), "{log}");
    assert!(log.contains(created.json()["account_id"].as_str().expect("a key")), "{log}");
    for secret in ["@example", "mina", "Signature"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
