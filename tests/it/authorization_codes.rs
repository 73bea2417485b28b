//! Authorization codes in the table of links: redeemed once, and worth nothing with whatever ended meanwhile.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::oidc::{
    ACCESS_TOKEN_LIFETIME, AccessToken, Authentication, AuthenticationMethod, CODE_LIFETIME, ClientId,
    CodeChallenge, IssuedCode, Scopes,
};
use domain::session::IDLE_LIFETIME;
use domain::{Generation, Timestamp, Token, TokenHash};
use futures_util::future::join_all;
use serde_json::Value;
use shared::store::{NotRedeemed, Store};

use crate::support::{Person, Visitor, World};

const SECOND: Duration = Duration::from_secs(1);

fn hash(byte: u8) -> TokenHash {
    Token::from_bytes([byte; 32]).hash()
}

/// A code for the newest session of a world, with everything that a code may have.
fn code(world: &World, person: &Person) -> IssuedCode {
    let now = world.operator.now();
    let newest = world.dump()["SessionsTable"].last().expect("somebody is signed in").clone();
    let session: Value = serde_json::from_str(&newest).expect("an item is JSON");
    let session = session["session_hash"]["S"].as_str().expect("a key");
    IssuedCode {
        hash: hash(1),
        client: ClientId::new([2; 16]),
        redirect_uri: "https://example.com/signed-in".into(),
        code_challenge: CodeChallenge::parse(hash(3).as_str()).expect("a challenge"),
        account_id: person.id.clone(),
        session: TokenHash::parse(session).expect("a hash"),
        generation: Generation::FIRST,
        scopes: Scopes { profile: true, email: false },
        nonce: Some("n-0S6_WzA2Mj".into()),
        authentication: Authentication {
            at: now,
            method: AuthenticationMethod::OneTimePassword,
            recovery: true,
        },
        issued_at: now,
        expires_at: now + CODE_LIFETIME,
    }
}

/// Mina, her browser, and a code for it that is stored.
async fn stored_code(world: &World) -> (Person, Visitor<'_>, IssuedCode) {
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let code = code(world, &mina);
    world.operator.store.create_code(&code).await.expect("a write");
    (mina, browser, code)
}

async fn redeem(store: &Store, code: &IssuedCode, now: Timestamp) -> Result<(), NotRedeemed> {
    store.redeem_code(code, now).await.expect("a write")
}

/// Whether a token of the code works.
async fn works(store: &Store, code: &IssuedCode, now: Timestamp) -> bool {
    let token = AccessToken {
        account_id: code.account_id.clone(),
        client: code.client.clone(),
        scopes: code.scopes,
        code: code.hash.clone(),
        session: code.session.clone(),
        generation: code.generation,
    };
    let grant = store.find_grant(&token.code, now).await.expect("a read");
    assert!(grant.as_ref().is_none_or(|grant| grant == code), "{grant:?}");
    let session = store.find_session(&token.session, now).await.expect("a read");
    let account = store.load_account(&code.account_id).await.expect("a read").expect("it exists");
    grant.is_some() && session.is_some_and(|session| token.is_valid_for(&session, &account))
}

/// The ways in which the session of a code ends.
const WAYS: [&str; 4] = ["it signs out", "all others end", "all end", "the account is disabled"];

async fn end(way: &str, world: &World, person: &Person, browser: &Visitor<'_>) {
    match way {
        "it signs out" => assert_eq!(browser.post_form("/logout", &[]).await.status, 303),
        "all others end" => {
            assert_eq!(browser.post_form("/account/sessions/end", &[("others", "true")]).await.status, 303);
        }
        "all end" => world.end_sessions(person).await,
        _ => world.disable(person).await,
    }
}

/// The item of the code.
fn item(world: &World) -> Value {
    let items = world.dump()["LinksTable"].clone();
    let mut items = items.iter().map(|item| serde_json::from_str::<Value>(item).expect("an item is JSON"));
    items
        .find(|item| item["token_hash"]["S"].as_str().is_some_and(|key| key.starts_with("code#")))
        .expect("it is there")
}

#[tokio::test]
async fn a_code_is_found_as_it_was_made_by_its_hash_alone() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let store = &world.operator.store;
    assert_eq!(store.find_code(&code.hash).await.expect("a read"), Some(code.clone()));
    assert_eq!(store.find_code(&hash(9)).await.expect("a read"), None);
    let plain = IssuedCode {
        hash: hash(5),
        nonce: None,
        scopes: Scopes { profile: false, email: true },
        ..code.clone()
    };
    store.create_code(&plain).await.expect("a write");
    assert_eq!(store.find_code(&plain.hash).await.expect("a read"), Some(plain));
    let other = IssuedCode { redirect_uri: "https://example.org/".into(), ..code.clone() };
    store.create_code(&other).await.expect("a write");
    assert_eq!(store.find_code(&code.hash).await.expect("a read"), Some(code), "the first stays");
}

#[tokio::test]
async fn the_secret_of_a_code_is_not_stored_and_no_link_has_its_key() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let item = item(&world);
    assert_eq!(item["token_hash"]["S"], format!("code#{}", code.hash.as_str()));
    assert!(!item.to_string().contains(&Token::from_bytes([1; 32]).expose()), "{item}");
    for purpose in [domain::Purpose::SignIn, domain::Purpose::ConfirmBackup, domain::Purpose::ConfirmPrimary]
    {
        let link = world.operator.store.find_link(&code.hash, purpose).await.expect("a read");
        assert!(link.is_none(), "{purpose:?}");
    }
    let until = code.expires_at + ACCESS_TOKEN_LIFETIME;
    assert_eq!(
        item["expires_at"]["N"],
        until.unix_seconds().to_string(),
        "it is kept for as long as its tokens work"
    );
}

#[tokio::test]
async fn of_a_hundred_at_once_one_redeems_a_code_and_what_it_gave_ends() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let (store, now) = (&world.operator.store, world.operator.now());
    world.wire.contend();
    let outcomes = join_all((0..100).map(|_| redeem(store, &code, now))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let replays = outcomes.iter().filter(|outcome| **outcome == Err(NotRedeemed::Replayed));
    assert_eq!(replays.count(), 99);
    assert!(!works(store, &code, now).await);
}

#[tokio::test]
async fn a_token_works_once_its_code_was_redeemed() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let store = &world.operator.store;
    assert!(!works(store, &code, code.issued_at).await, "nothing was given yet");
    assert_eq!(redeem(store, &code, code.expires_at).await, Ok(()), "in its last second");
    assert!(works(store, &code, code.expires_at).await);
    let last = code.expires_at + ACCESS_TOKEN_LIFETIME;
    assert!(works(store, &code, last).await && !works(store, &code, last + SECOND).await);
    let unknown = IssuedCode { hash: hash(9), ..code.clone() };
    assert!(!works(store, &unknown, code.expires_at).await, "of a code that nobody made");
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    for way in WAYS {
        let world = World::new();
        let (mina, browser, code) = stored_code(&world).await;
        let (store, now) = (&world.operator.store, code.issued_at);
        assert_eq!(redeem(store, &code, now).await, Ok(()));
        assert!(works(store, &code, now).await);
        end(way, &world, &mina, &browser).await;
        assert!(!works(store, &code, now).await, "{way}");
    }
    let world = World::new();
    let (_, browser, code) = stored_code(&world).await;
    let store = &world.operator.store;
    assert_eq!(redeem(store, &code, code.issued_at).await, Ok(()));
    assert!(!works(store, &code, code.issued_at + IDLE_LIFETIME).await, "it was idle for too long");
    assert!(works(store, &code, code.issued_at).await, "looking at a token is no use of its session");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_second_use_ends_what_the_first_gave_even_when_the_code_has_expired() {
    for later in [Duration::ZERO, CODE_LIFETIME + SECOND, ACCESS_TOKEN_LIFETIME] {
        let world = World::new();
        let (_, _, code) = stored_code(&world).await;
        let (store, now) = (&world.operator.store, code.issued_at);
        assert_eq!(redeem(store, &code, now).await, Ok(()));
        assert!(works(store, &code, now + later).await);
        assert_eq!(redeem(store, &code, now + later).await, Err(NotRedeemed::Replayed), "{later:?}");
        assert!(!works(store, &code, now + later).await, "{later:?}");
        assert_eq!(redeem(store, &code, now + later).await, Err(NotRedeemed::Replayed), "and stays ended");
        assert!(!works(store, &code, now + later).await, "{later:?}");
    }
}

#[tokio::test]
async fn a_code_that_came_too_late_gives_nothing_and_is_not_replayed() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let store = &world.operator.store;
    let late = code.expires_at + SECOND;
    assert_eq!(redeem(store, &code, late).await, Err(NotRedeemed::Expired));
    let item = item(&world);
    assert!(item["spent_at"].is_null() && item["replayed_at"].is_null(), "{item}");
    let unknown = IssuedCode { hash: hash(9), ..code.clone() };
    assert_eq!(redeem(store, &unknown, code.issued_at).await, Err(NotRedeemed::Expired));
    assert_eq!(store.find_code(&unknown.hash).await.expect("a read"), None, "a use makes no code");
}

#[tokio::test]
async fn with_the_end_of_its_session_a_code_is_worth_nothing() {
    for way in WAYS {
        let world = World::new();
        let (mina, browser, code) = stored_code(&world).await;
        let (store, now) = (&world.operator.store, world.operator.now());
        end(way, &world, &mina, &browser).await;
        assert_eq!(redeem(store, &code, now).await, Err(NotRedeemed::SessionEnded), "{way}");
        assert!(item(&world)["spent_at"].is_null() && !works(store, &code, now).await, "{way}");
    }
}

/// Whoever can write codes cannot make one for somebody else with a session of their own.
#[tokio::test]
async fn a_code_of_another_persons_session_is_worth_nothing() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let joris = world.person("joris").create().await;
    let forged = IssuedCode { hash: hash(5), account_id: joris.id, ..code };
    let store = &world.operator.store;
    store.create_code(&forged).await.expect("a write");
    assert_eq!(redeem(store, &forged, forged.issued_at).await, Err(NotRedeemed::SessionEnded));
    assert!(!works(store, &forged, forged.issued_at).await);
}

/// Otherwise the client would get nothing, and its next try would look like a thief's.
#[tokio::test]
async fn a_lost_answer_is_no_second_use() {
    let world = World::new();
    let (_, _, code) = stored_code(&world).await;
    let (store, now) = (&world.operator.store, code.issued_at);
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    assert_eq!(redeem(store, &code, now).await, Ok(()));
    assert!(works(store, &code, now).await);
}
