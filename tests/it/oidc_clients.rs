//! Products show at the token endpoint that they are themselves: with a secret, with two while it is changed, or without one
//! where everybody could read it.
use std::time::Duration;

use domain::oidc::{ClientAuthentication, ClientSecrets};
use serde_json::Value;

use crate::oidc_token::refused;
use crate::support::{Answer, Ask, Product, World, assert_sealed, basic};

/// A request with these credentials in the header instead of the product's.
fn with_header(product: &Product<'_>, code: &str, id: &str, secret: &str) -> Ask {
    product.redemption(code, &[]).header("authorization", &basic(id, secret))
}

/// The same with the credentials in the form.
fn in_form(product: &Product<'_>, code: &str, id: &str, secret: &str) -> Ask {
    let mut ask = product.redemption(code, &[("client_id", id), ("client_secret", secret)]);
    ask.headers.remove("authorization");
    ask
}

/// Changes the secrets that the operator has registered.
async fn rotate(world: &World, product: &Product<'_>, change: impl FnOnce(ClientSecrets) -> ClientSecrets) {
    let store = world.with_clients().store;
    let client =
        store.find_client(&product.client.id).await.expect("the database works").expect("it is there");
    let ClientAuthentication::Confidential(secrets) = client.authentication else {
        panic!("it has a secret")
    };
    let changed = change(secrets.clone());
    let replaced = store.replace_client_secrets(&client.id, &secrets, &changed).await;
    assert!(replaced.expect("the database works"));
}

/// The counts of limits that were reached.
fn reached(world: &World) -> Vec<Value> {
    let lines = world.counted().into_iter();
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line).expect("a line is JSON"));
    lines.filter(|line| line["about"] == "failed-client-secrets-from").collect()
}

#[tokio::test]
async fn a_secret_may_be_in_the_header_or_in_the_form_and_not_in_both() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let id = shop.client.id.as_str().to_owned();
    let secret = shop.secret.as_ref().expect("a secret").expose();
    for ask in [with_header, in_form] {
        let (_, code) = shop.person_arrives("mina").await;
        assert_eq!(shop.server.ask(&ask(&shop, &code, &id, &secret)).await.status, 200);
    }
    let (_, code) = shop.person_arrives("mina").await;
    let both = shop.redemption(&code, &[("client_id", &id), ("client_secret", &secret)]);
    assert_eq!(refused(&shop.server.ask(&both).await), "invalid_request");
    assert_eq!(
        refused(&shop.redeem(&code, &[("client_id", "AAAAAAAAAAAAAAAAAAAAAA")]).await),
        "invalid_request"
    );
    assert_eq!(shop.redeem(&code, &[("client_id", &id)]).await.status, 200, "many add their id to the form");
}

#[tokio::test]
async fn a_product_without_a_secret_needs_none_and_has_none() {
    let world = World::new();
    world.person("mina").create().await;
    let public = world.public_product("Public").await;
    let (_, code) = public.person_arrives("mina").await;
    let id = public.client.id.as_str().to_owned();
    for ask in [with_header, in_form] {
        let answer = public.server.ask(&ask(&public, &code, &id, &"A".repeat(43))).await;
        assert_eq!(refused(&answer), "invalid_client");
    }
    let tokens = public.tokens(&code).await;
    public.verified(&tokens).await;
}

#[tokio::test]
async fn who_does_not_show_the_secret_gets_nothing_and_learns_nothing() {
    let world = World::new();
    world.person("mina").create().await;
    let (shop, other) = (world.product("Shop").await, world.product("Other").await);
    let (_, code) = shop.person_arrives("mina").await;
    let id = shop.client.id.as_str().to_owned();
    let of_other = other.secret.as_ref().expect("a secret").expose();
    let secret = shop.secret.as_ref().expect("a secret").expose();
    let nearly = format!("{}{}", if secret.starts_with('A') { 'B' } else { 'A' }, &secret[1..]);
    let hash = shop.secret.as_ref().expect("a secret").hash().as_str().to_owned();
    let before = world.dump()["LinksTable"].clone();
    let (mut answers, mut costs): (Vec<Answer>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
    for (id, secret) in [
        (&*id, &*"A".repeat(43)),
        (&id, &of_other),
        (&id, &nearly),
        (&id, &hash),
        ("AAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(43)),
        ("AAAAAAAAAAAAAAAAAAAAAA", &secret),
    ] {
        for ask in [with_header(&shop, &code, id, secret), in_form(&shop, &code, id, secret)] {
            let (answer, calls) = world.calls_of(shop.server.ask(&ask)).await;
            assert_eq!(refused(&answer), "invalid_client");
            answers.push(answer);
            costs.push(calls.iter().map(ToString::to_string).collect());
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "known or not: {answers:#?}");
    assert!(
        costs.iter().all(|calls| *calls == ["GetItem ClientsTable", "UpdateItem LimitsTable"]),
        "{costs:?}"
    );
    assert!(answers[0].header("www-authenticate").starts_with("Basic realm="), "{:?}", answers[0]);

    let mut without = shop.redemption(&code, &[("client_id", &id)]);
    without.headers.remove("authorization");
    assert_eq!(refused(&shop.server.ask(&without).await), "invalid_client", "none at all");
    for header in ["Basic", "Basic x", "Bearer x", "Basic OnNlY3JldA==", "x"] {
        let ask = shop.redemption(&code, &[]).header("authorization", header);
        let answer = shop.server.ask(&ask).await;
        assert_eq!(refused(&answer), "invalid_client", "{header}");
        assert_sealed(&answer);
    }
    let assertion = [("client_assertion_type", "urn:x"), ("client_assertion", "x")];
    assert_eq!(refused(&shop.redeem(&code, &assertion).await), "invalid_client");
    assert_eq!(world.dump()["LinksTable"], before, "the code is as it was");
    shop.tokens(&code).await;
    let log = world.log();
    assert!(log.contains("a client did not authenticate"), "{log}");
    assert!(!log.contains(&secret) && !log.contains(&of_other) && !log.contains(&code), "{log}");
}

#[tokio::test]
async fn while_a_secret_is_changed_both_work_and_then_the_new_one_alone() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let entropy = &world.operator.entropy;
    let first = shop.secret.clone().expect("a secret");
    let (second, third) = (entropy.client_secret(), entropy.client_secret());
    let work = async |secrets: [(&domain::oidc::ClientSecret, bool); 3]| {
        for (secret, works) in secrets {
            let (_, code) = shop.person_arrives("mina").await;
            let ask = with_header(&shop, &code, shop.client.id.as_str(), &secret.expose());
            let answer = shop.server.ask(&ask).await;
            if works {
                assert_eq!(answer.status, 200, "{}", answer.body);
            } else {
                assert_eq!(refused(&answer), "invalid_client");
            }
        }
    };
    let now = world.operator.now();
    work([(&first, true), (&second, false), (&third, false)]).await;
    rotate(&world, &shop, |secrets| secrets.rotated(now, &second)).await;
    work([(&first, true), (&second, true), (&third, false)]).await;
    rotate(&world, &shop, ClientSecrets::without_former).await;
    work([(&first, false), (&second, true), (&third, false)]).await;
    rotate(&world, &shop, |secrets| secrets.rotated(now, &first).rotated(now, &third)).await;
    work([(&first, true), (&second, false), (&third, true)]).await;
}

#[tokio::test]
async fn a_code_of_a_product_that_was_removed_is_worth_nothing() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    world.with_clients().store.remove_client(&shop.client.id).await.expect("the database works");
    assert_eq!(refused(&shop.redeem(&code, &[]).await), "invalid_client");
}

#[tokio::test]
async fn wrong_secrets_are_counted_by_network_and_the_operator_is_told() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    let wrong = with_header(&shop, &code, shop.client.id.as_str(), &"A".repeat(43));
    let try_from = async |address: &str| {
        assert_eq!(refused(&world.visitor_from(address).ask(&wrong).await), "invalid_client");
    };
    for number in 0..20_u16 {
        // One network of IPv6.
        try_from(&format!("2001:db8::{number:x}:1")).await;
    }
    assert!(reached(&world).is_empty(), "{:?}", reached(&world));
    try_from("2001:db8::ffff:1").await;
    assert_eq!(reached(&world).len(), 1);
    try_from("2001:db8:0:1::1").await;
    assert_eq!(reached(&world).len(), 1, "another network has a count of its own");
    assert!(world.log().contains("failed-client-secrets-from"), "{}", world.log());
    world.after(Duration::from_hours(1));
    try_from("2001:db8::1").await;
    assert_eq!(reached(&world).len(), 1, "an hour later it begins anew");
}

#[tokio::test]
async fn malformed_credentials_are_counted_like_wrong_ones() {
    let world = World::new();
    let shop = world.product("Shop").await;
    let code = "A".repeat(43);
    let id = shop.client.id.as_str();
    let plain = || {
        let mut ask = shop.redemption(&code, &[]);
        ask.headers.remove("authorization");
        ask
    };
    let malformed = [
        with_header(&shop, &code, id, "guess"),
        in_form(&shop, &code, id, "guess"),
        in_form(&shop, &code, "web", &"A".repeat(43)),
        plain().header("authorization", "Basic x"),
        plain().header("authorization", "Bearer x"),
        plain(),
    ];
    let attacker = world.visitor_from("198.51.100.7");
    for number in 0..21 {
        assert!(reached(&world).is_empty(), "after {number}");
        assert_eq!(refused(&attacker.ask(&malformed[number % malformed.len()]).await), "invalid_client");
    }
    assert_eq!(reached(&world).len(), 1);
    // A request that is wrong in another way is no guess.
    let other = world.visitor_from("198.51.100.8");
    for _ in 0..30 {
        let wrong = shop.redemption(&code, &[("grant_type", "password")]);
        assert_eq!(refused(&other.ask(&wrong).await), "unsupported_grant_type");
    }
    assert_eq!(reached(&world).len(), 1);
}

#[tokio::test]
async fn who_has_the_secret_is_let_in_however_many_others_fail() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    let wrong = with_header(&shop, &code, shop.client.id.as_str(), &"A".repeat(43));
    for _ in 0..30 {
        assert_eq!(refused(&shop.server.ask(&wrong).await), "invalid_client");
    }
    assert_eq!(reached(&world).len(), 10);
    shop.tokens(&code).await;
}
