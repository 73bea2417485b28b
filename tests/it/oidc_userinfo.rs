//! Products ask who has signed in, with an access token that ends with whatever it depends on.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Language;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::oidc_token::{ENDINGS, end};
use crate::request_primary::{NEW, asked, mina};
use crate::support::{Answer, Ask, Product, Tokens, Visitor, World, assert_sealed, signs_in, workspace_file};

const PATH: &str = "/oidc/userinfo";
const SECOND: Duration = Duration::from_secs(1);

/// What somebody with these scopes is told.
async fn told(product: &Product<'_>, browser: &Visitor<'_>, scope: &str) -> Value {
    let answer = product.sends(browser, &[("scope", scope)]).await;
    let tokens = product.tokens(&product.code(&answer)).await;
    assert_eq!(tokens.scope, scope);
    let answer = product.userinfo(&tokens.access).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_sealed(&answer);
    answer.json()
}

/// Asserts that a token is refused as RFC 6750 says.
fn assert_refused(answer: &Answer, what: &str) {
    assert_sealed(answer);
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
    assert!(!answer.body.contains("mina"), "{what}: {}", answer.body);
}

#[tokio::test]
async fn a_product_is_told_what_the_scopes_say_and_no_more() {
    let world = World::new();
    let person = world.person("mina").backup("spare@example.org").language(Language::Da);
    let mina = person.create().await;
    let browser = world.signed_in(&mina).await;
    let shop = world.product("Shop").await;
    let sub = mina.id.as_str();
    let profile = json!({ "sub": sub, "preferred_username": "mina", "locale": "da" });
    let email = json!({ "sub": sub, "email": "mina@example.com", "email_verified": true });
    let mut all = profile.clone();
    all.as_object_mut().expect("an object").extend(email.as_object().expect("an object").clone());
    for (scope, known) in [
        ("openid", json!({ "sub": sub })),
        ("openid profile", profile),
        ("openid email", email),
        ("openid profile email", all),
    ] {
        let told = told(&shop, &browser, scope).await;
        assert_eq!(told, known, "{scope}");
        assert!(!told.to_string().contains("spare"), "the backup email is nobody's business");
    }
}

#[tokio::test]
async fn it_answers_both_methods_and_reads_the_token_from_the_header_alone() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    let answer = shop.userinfo(&tokens.access).await;
    let bearer = format!("Bearer {}", tokens.access);
    let form = "application/x-www-form-urlencoded";
    for ask in [
        Ask::new("POST", PATH).header("authorization", &bearer),
        Ask::new("POST", PATH).header("authorization", &bearer).body(form, ""),
        Ask::new("GET", PATH).header("authorization", &format!("bearer {}", tokens.access)),
        Ask::page(PATH).header("authorization", &bearer),
    ] {
        assert_eq!(shop.server.ask(&ask).await, answer, "{ask:?}");
    }
    let pair = format!("access_token={}", tokens.access);
    for ask in [
        Ask::new("GET", PATH),
        Ask::new("GET", &format!("{PATH}?{pair}")),
        Ask::new("POST", PATH).body(form, pair),
        Ask::new("GET", PATH).header("authorization", "Basic x"),
        Ask::new("GET", PATH).header("authorization", "Bearer"),
    ] {
        let answer = shop.server.ask(&ask).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{ask:?}");
        assert_sealed(&answer);
    }
}

#[tokio::test]
async fn a_token_works_for_five_minutes() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    world.after(Duration::from_secs(299));
    assert_eq!(shop.userinfo(&tokens.access).await.status, 200);
    world.after(SECOND);
    assert_refused(&shop.userinfo(&tokens.access).await, "expired");
}

#[tokio::test]
async fn a_token_ends_with_the_session_of_its_person() {
    for way in ENDINGS {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (browser, tokens) = shop.signs_in("mina").await;
        end(way, &world, &mina, &browser).await;
        assert_refused(&shop.userinfo(&tokens.access).await, way);
        if way == "an operator disables the account" {
            world.enable(&mina).await;
            assert_refused(&shop.userinfo(&tokens.access).await, "and it is not revived");
        }
    }
}

#[tokio::test]
async fn the_tokens_of_a_removed_product_end_at_once_and_those_of_others_do_not() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let mut given = Vec::new();
    for product in [world.product("Shop").await, world.product("Second").await] {
        let tokens = product.tokens(&product.code(&product.sends(&browser, &[]).await)).await;
        given.push((product, tokens));
    }
    let [(shop, of_shop), (second, of_second)] = &given[..] else { panic!("two products") };
    let (answer, calls) = world.calls_of(shop.userinfo(&of_shop.access)).await;
    let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
    let reads =
        ["GetItem LinksTable", "GetItem ClientsTable", "GetItem SessionsTable", "Query AccountsTable"];
    assert_eq!((answer.status, &calls[calls.len() - 4..]), (200, &reads.map(str::to_owned)[..]), "{calls:?}");
    world.with_clients().store.remove_client(&shop.client.id).await.expect("the database works");
    assert_refused(&shop.userinfo(&of_shop.access).await, "removed");
    assert!(world.log().contains("the client of a token is gone"), "{}", world.log());
    assert_eq!(second.userinfo(&of_second.access).await.status, 200);
}

#[tokio::test]
async fn another_session_of_the_same_person_changes_nothing() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (browser, tokens) = shop.signs_in("mina").await;
    world.signed_in(&mina).await.post_form("/logout", &[]).await;
    assert_eq!(shop.userinfo(&tokens.access).await.status, 200);
    // Signing in again in the same browser ends its former session.
    world.after(SECOND);
    let asked = shop.sends(&browser, &[("prompt", "login")]).await;
    let last = signs_in(&browser, &asked, "mina").await;
    let newer = shop.tokens(&shop.code(&last)).await;
    assert_refused(&shop.userinfo(&tokens.access).await, "of the former session");
    assert_eq!(shop.userinfo(&newer.access).await.status, 200);
}

/// The parts of a token: header, claims, signature.
fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().expect("three parts")
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn a_token_that_is_not_ours_to_the_last_bit_is_refused() {
    let world = World::new();
    world.person("mina").create().await;
    world.person("joris").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    let (_, of_joris) = shop.signs_in("joris").await;
    let [header, claims, signature] = parts(&tokens.access);
    let [_, claims_of_joris, _] = parts(&of_joris.access);
    let with = |name: &str, value: Value| {
        let mut changed = decoded(header);
        changed[name] = value;
        encoded(&changed)
    };
    let mut wider = decoded(claims);
    wider["exp"] = json!(wider["exp"].as_i64().expect("a number") + 86_400);

    // A key of RSA that anybody could have, under the name of ours.
    let key = std::fs::read(workspace_file("shared/domain/src/oidc/test_keys/first.pk8")).expect("a key");
    let key = RsaKeyPair::from_pkcs8(&key).expect("a key");
    let mut foreign = vec![0; key.public().modulus_len()];
    let signed = format!("{header}.{claims}");
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut foreign).expect("a signature");

    let keys = world.visitor().get_json("/oidc/jwks").await.json();
    let n = URL_SAFE_NO_PAD.decode(keys["keys"][0]["n"].as_str().expect("a text")).expect("base64url");
    let symmetric = format!("{}.{claims}", with("alg", json!("HS256")));
    let mac = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &n), symmetric.as_bytes());
    for (what, token) in [
        ("the claims of somebody else", format!("{header}.{claims_of_joris}.{signature}")),
        ("a longer life", format!("{header}.{}.{signature}", encoded(&wider))),
        ("another signature", format!("{header}.{claims}.{}", parts(&of_joris.access)[2])),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{}.x", tokens.access)),
        ("no algorithm", format!("{}.{claims}.", with("alg", json!("none")))),
        ("no algorithm, signed", format!("{}.{claims}.{signature}", with("alg", json!("none")))),
        ("the public key as a secret", format!("{symmetric}.{}", URL_SAFE_NO_PAD.encode(mac))),
        ("a key of its own", format!("{}.{claims}.{signature}", with("jwk", keys["keys"][0].clone()))),
        (
            "a key from elsewhere",
            format!("{}.{claims}.{signature}", with("jku", json!("https://example.net"))),
        ),
        ("another key under our name", format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&foreign))),
        ("an unknown key", format!("{}.{claims}.{signature}", with("kid", json!("x")))),
        ("padding", format!("{}=", tokens.access)),
        ("an ID token", tokens.id.clone()),
        ("a session", "A".repeat(43)),
        ("nine thousand bytes", "A.".repeat(4_500)),
    ] {
        assert_refused(&shop.userinfo(&token).await, what);
    }
    assert_eq!(shop.userinfo(&tokens.access).await.json()["preferred_username"], "mina");
}

/// The local KMS signs for both with the same key, so that only what is in the token tells them apart.
#[tokio::test]
async fn a_token_of_another_issuer_is_refused_though_its_key_is_ours() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let foreign = world.functions_with(&[("PUBLIC_URL", "https://other.example.com")]);
    let (_, code) = shop.person_arrives("mina").await;
    let event = shop.redemption(&code, &[]).event("192.0.2.80".parse().expect("an address"), &[]);
    let tokens = Tokens::of(&Answer::from(foreign.answer("oidc-token", &event).await));
    let claims = shop.claims(&tokens.access, "at+jwt").await;
    assert_eq!(claims["iss"], "https://other.example.com");
    assert_refused(&shop.userinfo(&tokens.access).await, "another issuer");
}

#[tokio::test]
async fn who_changes_the_primary_email_stays_the_same_person() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let shop = world.product("Shop").await;
    let before = told(&shop, &browser, "openid email").await;
    assert_eq!(before["email"], "mina@example.com");
    let token = asked(&world, &browser, NEW).await;
    assert_eq!(browser.post_json("/primary/confirm", &json!({ "token": token })).await.status, 200);
    let after = told(&shop, &browser, "openid email").await;
    assert_eq!((&after["sub"], &after["email"]), (&before["sub"], &json!(NEW)));
}

#[tokio::test]
async fn a_product_that_asks_is_no_use_of_the_session() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    world.after(Duration::from_mins(4));
    let before = world.dump();
    let of = async || {
        let (answer, calls) = world.calls_of(shop.userinfo(&tokens.access)).await;
        assert_eq!(answer.status, 200);
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let read = ["GetItem LinksTable", "GetItem ClientsTable", "GetItem SessionsTable", "Query AccountsTable"];
    assert_eq!(of().await, [&["GetItem ClientsTable", "GetPublicKey SigningKey"], &read[..]].concat());
    assert_eq!(of().await, read);
    assert_eq!(world.dump(), before);
    let (_, calls) = world.calls_of(shop.userinfo("x")).await;
    assert!(calls.is_empty(), "{calls:?}");
}
