//! Events: every change of an account gives one, in order, at least once, without addresses, and nothing else gives any.
mod failures;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Actor;
use domain::delivery::ASKED_AFTER;
use domain::published_event::{ENDS_SESSIONS, KINDS};
use jsonschema::Validator;
use serde_json::{Value, json};
use shared::store::{Deleting, Deletion};

use crate::admin_account::{ID, wanted_with};
use crate::promote_backup::HOLD;
use crate::set_password::signed_in_by_link;
use crate::support::{PASSWORD, Visitor, World, bounce, file, token_in};
use crate::undo_history::{MINUTES, sign_in};

const PRIMARY: &str = "new@example.org";
const SPARE: &str = "spare@example.org";

/// The schema for products, which allows fields of later versions. Here there are none.
fn schema() -> Value {
    let mut schema: Value = serde_json::from_str(&file("docs/events.schema.json")).expect("it is JSON");
    for kind in schema["oneOf"].as_array_mut().expect("a list of kinds") {
        kind["properties"]["detail"]["additionalProperties"] = json!(false);
    }
    schema
}

/// Asserts that products can read this, and nobody's address in it.
pub fn assert_described(events: &[Value]) {
    let validator: Validator = jsonschema::validator_for(&schema()).expect("it is a schema");
    for event in events {
        if let Err(error) = validator.validate(event) {
            panic!("docs/events.schema.json: {error}\n{event:#}");
        }
        assert!(!event.to_string().contains('@'), "{event:#}");
        assert!(!event.to_string().contains("mina"), "{event:#}");
    }
}

/// What was published since the last look: kind, who did it and how.
async fn told(world: &World) -> Vec<String> {
    let events = world.publish().await;
    assert_described(&events);
    let told = |event: &Value| {
        let detail = &event["detail"];
        let how = detail["how"].as_str().map(|how| format!(" {how}")).unwrap_or_default();
        let kind = event["detail-type"].as_str().expect("a kind");
        assert_eq!(detail["external_id"], ID, "{event:#}");
        assert_eq!(event["time"], detail["occurred_at"]);
        format!("{kind} by {}{how}", detail["by"].as_str().expect("somebody"))
    };
    events.iter().map(told).collect()
}

async fn open_link<'w>(world: &'w World, email: &str) -> Visitor<'w> {
    world.after(MINUTES);
    signed_in_by_link(world, email).await
}

async fn confirm_backup(world: &World, browser: &Visitor<'_>, email: &str) {
    world.after(MINUTES);
    let token = browser.emailed_token_of("/account/backup", email, "Confirm your backup email").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
}

/// An account of a product, with a password.
async fn create(world: &World) {
    let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(PASSWORD), [7; 16]);
    let hash = hash.expect("it is short");
    let created = world.put_account(ID, &wanted_with(&json!({ "password_hash": hash.as_str() }))).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

#[tokio::test]
async fn a_product_hears_what_it_does_to_an_account() {
    let world = World::new();
    create(&world).await;
    world.put_account(ID, &wanted_with(&json!({ "username": "minah", "locale": "da" }))).await;
    let events = world.publish().await;
    assert_described(&events);
    assert_eq!(events[1]["detail"]["fields"], json!(["username", "locale"]));
    assert_eq!(events[0]["source"], "sparekey");
    world.put_account(ID, &wanted_with(&json!({ "email": PRIMARY }))).await;
    for action in ["disable", "disable", "enable", "enable", "end-sessions"] {
        world.clock.tick();
        assert_eq!(world.post_account(ID, action).await.status, 204);
    }
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "account-changed by product",
        "primary-email-changed by product",
        "account-disabled by product",
        "account-enabled by product",
        "sessions-ended by product",
    ]
    "#);
    world.after(HOLD);
    let unverified = json!({ "email": "other@example.org", "email_verified": false });
    assert_eq!(world.put_account(ID, &wanted_with(&unverified)).await.status, 200);
    world.put_account(ID, &wanted_with(&json!({ "email": PRIMARY }))).await;
    // A repetition changes nothing.
    world.put_account(ID, &wanted_with(&json!({ "email": PRIMARY }))).await;
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "primary-email-requested by product",
        "email-request-cancelled by product",
    ]
    "#);
    world.delete_account(ID).await;
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "account-deletion-begun by product",
        "account-deleted by product",
    ]
    "#);
}

#[tokio::test]
async fn a_product_hears_what_the_owner_does() {
    let world = World::new();
    create(&world).await;
    world.put_account(ID, &wanted_with(&json!({ "email": PRIMARY }))).await;
    told(&world).await;
    world.after(MINUTES);
    sign_in(&world, "mina").await;
    open_link(&world, "mina@example.com").await;
    let browser = open_link(&world, PRIMARY).await;
    confirm_backup(&world, &browser, "first@example.net").await;
    confirm_backup(&world, &browser, SPARE).await;
    let spare = open_link(&world, SPARE).await;
    sign_in(&world, SPARE).await;
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "signed-in by owner password",
        "former-primary-email-used by owner link-to-primary",
        "signed-in by owner link-to-primary",
        "backup-email-requested by owner",
        "backup-email-confirmed by owner",
        "backup-email-requested by owner",
        "backup-email-changed by owner",
        "backup-email-used by owner link-to-backup",
        "backup-email-used by owner password-with-backup",
    ]
    "#);
    world.after(MINUTES);
    spare.post_form("/account/backup", &[("email", "third@example.net")]).await;
    spare.post_form("/account/backup/remove", &[("what", "pending")]).await;
    let set = spare.post_json("/account/password", &json!({ "password": "a whole new sentence" })).await;
    assert_eq!(set.status, 200, "{}", set.body);
    spare.post_form("/account/sessions/end", &[("others", "true")]).await;
    world.after(HOLD);
    let spare = open_link(&world, SPARE).await;
    spare.post_json("/account/primary", &json!({ "email": "fourth@example.net" })).await;
    world.deliver().await;
    assert_eq!(
        spare.post_json("/account/primary/promote", &json!({ "keep_former": true })).await.status,
        200
    );
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "backup-email-requested by owner",
        "email-request-cancelled by owner",
        "password-set by owner",
        "other-sessions-ended by owner",
        "backup-email-used by owner link-to-backup",
        "primary-email-requested by owner",
        "backup-email-promoted by owner",
    ]
    "#);
    let notice = world.deliver().await.into_iter().find(|email| email.text.contains("/undo?token="));
    let token = token_in(&notice.expect("a change is announced"));
    let undone = world.visitor().post_json("/undo", &json!({ "token": token, "username": "mina" })).await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    let browser = open_link(&world, PRIMARY).await;
    let removed = browser.post_json("/account/backup/remove", &json!({ "what": "confirmed" })).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "changes-undone by owner",
        "signed-in by owner link-to-primary",
        "backup-email-removed by owner",
    ]
    "#);
}

#[tokio::test]
async fn a_product_hears_which_addresses_fail_and_which_are_read() {
    let world = World::new();
    create(&world).await;
    let browser = sign_in(&world, "mina").await;
    confirm_backup(&world, &browser, SPARE).await;
    told(&world).await;
    world.after(ASKED_AFTER);
    let browser = sign_in(&world, "mina").await;
    confirm_backup(&world, &browser, SPARE).await;
    world.after(MINUTES);
    let now = u64::try_from(world.operator.now().unix_seconds()).expect("a time after 1970");
    for _ in 0..2 {
        assert!(world.report(&bounce(SPARE, now)).await);
        assert!(world.report(&bounce("mina@example.com", now)).await);
    }
    world.after(MINUTES);
    let (store, id) = (&world.operator.store, world.person_of(ID).await.id);
    let account = store.load_account(&id).await.expect("the database works").expect("it is there");
    let primary = (domain::DeliveredTo::Primary, &account.primary);
    let allowed = store.allow_delivery(&account, primary, world.operator.message_id(), world.operator.now());
    assert!(allowed.await.expect("the database works"));
    insta::assert_debug_snapshot!(told(&world).await, @r#"
    [
        "signed-in by owner password",
        "backup-email-requested by owner",
        "backup-email-confirmed-again by owner",
        "backup-email-undeliverable by mail-service",
        "primary-email-undeliverable by mail-service",
        "email-deliverable by operator",
    ]
    "#);
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_gives_no_event() {
    let world = World::new();
    create(&world).await;
    world.person("joris").backup("taken@example.org").create().await;
    let browser = sign_in(&world, "mina").await;
    world.publish().await;
    let wrong = json!({ "identifier": "mina", "password": "not this one" });
    assert_eq!(world.visitor().post_json("/login", &wrong).await.status, 401);
    world.visitor().post_form("/login/link", &[("email", "mina@example.com")]).await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    world.deliver().await;
    browser.get("/account").await;
    assert_eq!(world.put_account("another", &wanted_with(&json!({}))).await.status, 409);
    let taken = json!({ "email": "joris@example.com" });
    assert_eq!(world.put_account(ID, &wanted_with(&taken)).await.status, 409);
    assert_eq!(world.put_account(ID, &wanted_with(&json!({}))).await.status, 200);
    browser.post_form("/account/backup/remove", &[]).await;
    world.visitor().post_json("/backup/confirm", &json!({ "token": "a".repeat(43) })).await;
    browser.post_form("/logout", &[]).await;
    assert_eq!(world.publish().await, [Value::Null; 0]);
}

#[tokio::test]
async fn events_have_addresses_only_where_the_operator_wants_them() {
    let mut world = World::new();
    world.set_publisher(&[("EVENT_ADDRESSES", "true")]);
    create(&world).await;
    world.put_account(ID, &wanted_with(&json!({ "email": PRIMARY }))).await;
    let events = world.publish().await;
    let validator = jsonschema::validator_for(&schema()).expect("it is a schema");
    assert!(events.iter().all(|event| validator.is_valid(event)), "{events:#?}");
    let detail = &events[1]["detail"];
    assert_eq!(
        (&detail["former_email"], &detail["email"]),
        (&json!("mina@example.com"), &json!("new@example.org"))
    );
}

/// A deletion takes as long as it has items to delete. What happens meanwhile comes before its end.
#[tokio::test]
async fn the_end_of_a_deletion_is_the_last_event_by_its_id_too() {
    let world = World::new();
    create(&world).await;
    let (app, id) = (&world.operator, world.person_of(ID).await.id);
    let account = app.store.load_account(&id).await.expect("the database works").expect("it is there");
    let deleting = Deleting { by: Actor::Operator, entry_id: app.message_id() };
    let begun = app.store.begin_deletion(&account, &deleting, app.now()).await;
    assert_eq!(begun.expect("the database works"), Deletion::Done);
    world.after(Duration::from_secs(1));
    let meanwhile = app.message_id();
    world.after(Duration::from_secs(1));
    let done = app.store.go_on_deleting(&id, &deleting, || (app.message_id(), app.now())).await;
    assert_eq!(done.expect("the database works"), Deletion::Done);
    let events = world.publish().await;
    let [.., begun, deleted] = &events[..] else { panic!("{events:#?}") };
    assert_eq!(
        (&begun["detail-type"], &deleted["detail-type"]),
        (&json!("account-deletion-begun"), &json!("account-deleted"))
    );
    assert!(deleted["detail"]["event_id"].as_str() > Some(meanwhile.as_str()), "{deleted:#}");
    assert_eq!(deleted["detail"]["occurred_at"], app.now().rfc3339());
    assert_ne!(deleted["detail"]["occurred_at"], begun["detail"]["occurred_at"]);
}

/// A product in step by events alone: after an undo it has the address that is in force again, and knows of each request.
#[tokio::test]
async fn an_undo_says_whether_the_primary_returned_and_a_request_what_it_replaced() {
    let mut world = World::new();
    world.set_publisher(&[("EVENT_ADDRESSES", "true")]);
    create(&world).await;
    let browser = sign_in(&world, "mina").await;
    let last = async || world.publish().await.pop().expect("an event")["detail"].clone();
    let ask = async |path: &str, email: &str| {
        world.after(MINUTES);
        assert_eq!(browser.post_json(path, &json!({ "email": email })).await.status, 202);
        last().await
    };
    let asked = ask("/account/backup", "first@example.net").await;
    assert_eq!((&asked["replaces"], &asked["email"]), (&Value::Null, &Value::Null));
    let asked = ask("/account/primary", "thief@example.net").await;
    assert_eq!((&asked["replaces"], &asked["email"]), (&json!("backup-email"), &Value::Null));
    assert_eq!(ask("/account/backup", "second@example.net").await["replaces"], "primary-email");
    assert_eq!(ask("/account/backup", "third@example.net").await["replaces"], "backup-email");

    world.after(MINUTES);
    let token = browser
        .emailed_token_of("/account/primary", "thief@example.net", "Confirm your new primary email")
        .await;
    let confirmed = browser.post_json("/primary/confirm", &json!({ "token": token })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(last().await["email"], "thief@example.net");
    let emails = world.deliver().await.into_iter();
    let notice =
        emails.filter(|email| email.to == "mina@example.com").find(|email| email.text.contains("/undo?"));
    let token = token_in(&notice.expect("the former primary is told"));
    let undone = world.visitor().post_json("/undo", &json!({ "token": token, "username": "mina" })).await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    let undone = last().await;
    assert_eq!(undone["primary_restored"], true);
    assert_eq!(
        (&undone["email"], &undone["former_email"]),
        (&json!("mina@example.com"), &json!("thief@example.net"))
    );
    let events = world.published();
    let validator = jsonschema::validator_for(&schema()).expect("it is a schema");
    assert!(events.iter().all(|event| validator.is_valid(event)), "{events:#?}");
}

/// Products find each kind in the schema and in the documentation, with its type of RISC or CAEP.
#[test]
fn every_kind_is_described() {
    let schema = schema();
    let described = schema["oneOf"].as_array().expect("a list of kinds").iter().map(|kind| {
        let properties = &kind["properties"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = text(&properties["detail-type"]["const"]).expect("a kind has a name");
        (name, text(&properties["detail"]["properties"]["security_event"]["const"]))
    });
    let described: BTreeSet<_> = described.collect();
    let kinds = KINDS.iter().map(|(kind, fits)| ((*kind).to_owned(), fits.map(str::to_owned)));
    assert_eq!(described, kinds.collect());

    let document = file("docs/events.md");
    for (kind, fits) in KINDS {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/events.md does not have {kind}"));
        let fits = fits.and_then(|uri| uri.rsplit('/').next()).map(|name| format!("`{name}`"));
        let last = row.trim_end_matches('|').rsplit('|').next().expect("a row has cells").trim();
        let last = last.trim_start_matches("RISC ").trim_start_matches("CAEP ");
        assert_eq!(last, fits.as_deref().unwrap_or(""), "{row}");
        let own: BTreeSet<_> =
            row.split('|').nth(3).expect("a row has cells").split('`').skip(1).step_by(2).collect();
        let kind = schema["oneOf"].as_array().into_iter().flatten().find(|entry| entry["title"] == kind);
        let described = kind.and_then(|kind| kind["properties"]["detail"]["properties"].as_object());
        let described = described.expect("it is in the schema").keys().map(String::as_str);
        let common = ["event_id", "occurred_at", "account_id", "external_id", "by", "security_event"];
        assert_eq!(own, described.filter(|field| !common.contains(field)).collect(), "{row}");
    }
}

/// The kinds in a list of an example.
fn listed(text: &str) -> BTreeSet<&str> {
    text.trim_matches(['[', ']']).split(',').map(str::trim).collect()
}

#[test]
fn the_examples_sign_people_out_at_each_kind_that_ends_sessions() {
    let ends: BTreeSet<_> = ENDS_SESSIONS.into();
    let document = file("docs/events.md");
    let rule = document.split_once("SignPeopleOut:").expect("an example").1;
    let rule =
        rule.split_once("detail-type: [").expect("it names kinds").1.split_once(']').expect("a list").0;
    assert_eq!(listed(rule), ends);

    let template = file("docs/examples/events-to-a-webhook.yaml");
    let default = template.split_once("Default: ").expect("a default").1.lines().next().expect("a line");
    let default = listed(default);
    assert!(default.is_superset(&ends), "{:?}", ends.difference(&default));
    assert!(default.iter().all(|kind| KINDS.iter().any(|(known, _)| known == kind)), "{default:?}");
}
