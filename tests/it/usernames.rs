//! Usernames that look alike, and those of accounts from before today's rules.
use std::collections::BTreeSet;

use domain::{AccountId, AccountKind, Actor, EmailAddress, Language, NewUsername};
use serde_json::json;
use shared::store::{NewAccount, NotCreated};

use crate::support::{PASSWORD, Person, World};

/// Tries to create another account with this username.
async fn create(world: &World, username: &str) -> Result<(), NotCreated> {
    let new = NewAccount {
        id: AccountId::new("account-of-eve"),
        external_id: None,
        username: NewUsername::parse(username).expect("a username"),
        primary: EmailAddress::parse("eve@example.net").expect("an address"),
        kind: AccountKind::Regular,
        password_hash: None,
        language: Language::En,
        by: Actor::Operator,
        entry_id: world.operator.message_id(),
    };
    world.operator.store.create_account(&new, world.operator.now()).await.expect("the database works")
}

/// Makes an account one of an earlier version: another username, and no claims of what it looks like.
fn age(world: &World, person: &Person, username: &str) {
    let claims: BTreeSet<String> = NewUsername::parse(&person.username).expect("it is new").looks();
    for look in claims {
        world.delete(&AccountId::new(format!("claim#skeleton#{look}")), "claim");
    }
    world.set(&person.id, "profile", "username", &json!({ "S": username }));
    let claim = format!("claim#username#{username}");
    let claim = json!({
        "account_id": { "S": claim }, "record": { "S": "claim" }, "owner_id": { "S": person.id.as_str() },
    });
    world.put("AccountsTable", &claim);
}

/// What an import does before it creates accounts; returns the accounts that look like another.
async fn claim_looks(world: &World) -> BTreeSet<String> {
    let (mut alike, mut next) = (BTreeSet::new(), None);
    loop {
        let found =
            world.operator.store.find_unclaimed_looks(next.as_ref()).await.expect("the database works");
        for unclaimed in &found.unclaimed {
            if !world.operator.store.claim_look(unclaimed).await.expect("the database works") {
                alike.insert(unclaimed.owner().as_str().to_owned());
            }
        }
        alike.extend(found.alike.iter().map(|id| id.as_str().to_owned()));
        next = found.next;
        if next.is_none() {
            return alike;
        }
    }
}

#[tokio::test]
async fn a_username_that_looks_like_anothers_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.person("mina").create().await;
    let before = world.dump();
    for (username, refused) in [
        ("mіna", NotCreated::UsernameLooksTaken),
        ("МІNA", NotCreated::UsernameLooksTaken),
        ("rnina", NotCreated::UsernameLooksTaken),
        ("Mina", NotCreated::UsernameTaken),
    ] {
        assert_eq!(create(&world, username).await, Err(refused), "{username}");
    }
    assert_eq!(world.dump(), before);
    assert_eq!(create(&world, "nina").await, Ok(()));
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_username_that_breaks_todays_rules_still_signs_in_with_the_same_calls() {
    let world = World::new();
    let (mina, joris) = (world.person("mina").create().await, world.person("joris").create().await);
    let before = "team:mina\u{fe0f}";
    assert!(NewUsername::parse(before).is_err());
    age(&world, &mina, before);
    let sign_in = async |username: &str| {
        let browser = world.visitor();
        let form = [("identifier", username), ("password", PASSWORD)];
        let (answer, calls) = world.calls_of(browser.post_form("/login", &form)).await;
        assert_eq!(answer.shown(), "303 to /account", "{username}");
        (browser, calls.into_iter().map(|call| call.what).collect::<Vec<_>>())
    };
    let (browser, calls) = sign_in(before).await;
    assert_eq!(calls, sign_in(&joris.username).await.1);
    assert_eq!(browser.get_json("/account").await.json()["username"], before);
    let token = world.visitor().emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(token.len(), 43);
}

#[tokio::test]
async fn an_import_protects_the_names_of_accounts_from_before_look_alikes_were_refused() {
    let world = World::new();
    let (mina, joris) = (world.person("mina").create().await, world.person("joris").create().await);
    age(&world, &mina, "mina");
    age(&world, &joris, "joris/\u{fe0f}");
    assert_eq!(claim_looks(&world).await, BTreeSet::new());
    assert_eq!(create(&world, "mіna").await, Err(NotCreated::UsernameLooksTaken));
    let again = world.operator.store.find_unclaimed_looks(None).await.expect("the database works");
    assert_eq!(again.unclaimed, [], "the second time there is nothing to do");
}

#[tokio::test]
async fn accounts_that_look_alike_already_are_reported_and_keep_their_names() {
    let world = World::new();
    let (mina, joris) = (world.person("mina").create().await, world.person("joris").create().await);
    age(&world, &mina, "mina");
    age(&world, &joris, "mіna");
    let alike = claim_looks(&world).await;
    assert_eq!(alike.len(), 1);
    assert_eq!(claim_looks(&world).await, alike, "they are told of at every import");
    for username in ["mina", "mіna"] {
        let form = [("identifier", username), ("password", PASSWORD)];
        assert_eq!(world.visitor().post_form("/login", &form).await.shown(), "303 to /account");
    }
}
