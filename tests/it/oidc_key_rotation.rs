//! The keys of tokens are rotated while people sign in to products: nobody notices. At once, everything of a former key ends.
use std::collections::BTreeMap;
use std::time::Duration;

use domain::oidc::{HINTS_AFTER, LIST_KEPT_FOR, PUBLISHED_AFTER, PUBLISHED_BEFORE, Rotation};
use serde_json::Value;

use crate::support::{Product, Tokens, World, claims_by, key_of, sign_out_request};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A server that keeps the keys for some time and does not look for others before.
struct Cache {
    kept_for: Duration,
    fetched: Option<(i64, Vec<Value>)>,
}

impl Cache {
    const fn new(kept_for: Duration) -> Self {
        Self { kept_for, fetched: None }
    }

    async fn verify(&mut self, world: &World, product: &Product<'_>, tokens: &Tokens) {
        let now = world.operator.now().unix_seconds();
        let end = |fetched: i64| fetched + i64::try_from(self.kept_for.as_secs()).expect("hours");
        if self.fetched.as_ref().is_none_or(|(fetched, _)| now >= end(*fetched)) {
            self.fetched = Some((now, product.keys().await));
        }
        let (_, keys) = self.fetched.as_ref().expect("just fetched");
        claims_by(keys, &tokens.id, "JWT");
        claims_by(keys, &tokens.access, "at+jwt");
    }
}

/// Rotates the keys.
pub async fn rotate(world: &World, rotation: Rotation) -> String {
    let rotated = world.key_rotation().rotate(rotation, world.operator.now()).await;
    let rotated = rotated.expect("nothing is in the way");
    assert_eq!(rotated.left, []);
    let new = rotated.keys.states(world.operator.now()).last().expect("a key").0.clone();
    assert_eq!(new.arn, rotated.new);
    new.id.as_str().to_owned()
}

/// The names of the published keys, the one that signs first.
async fn published(product: &Product<'_>) -> Vec<String> {
    product.keys().await.iter().map(|key| key["kid"].as_str().expect("a text").to_owned()).collect()
}

/// Whether a hint says which product somebody means who signs out.
async fn is_hint(world: &World, product: &Product<'_>, hint: &str) -> bool {
    let address = product.client.sign_out_uris[0].as_str();
    let request = sign_out_request(&[("id_token_hint", hint), ("post_logout_redirect_uri", address)]);
    let page = world.visitor().get(&request).await;
    assert_eq!(page.status, 200, "{}", page.shown());
    page.body.contains(address)
}

#[tokio::test]
async fn nobody_notices_two_rotations() {
    let world = World::new().with_processes(3);
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    // An hour is what the answer allows, and two hours what authorizers of API Gateway take.
    let mut caches = [Cache::new(HOUR), Cache::new(2 * HOUR)];
    let (first_browser, first) = shop.signs_in("mina").await;
    let mut hints = BTreeMap::from([(key_of(&first.id), first.id.clone())]);
    let mut order = vec![key_of(&first.id)];
    let mut former: Option<Tokens> = None;
    for step in 0..64 {
        if [3, 30].contains(&step) {
            let new = rotate(&world, Rotation::Planned).await;
            assert!(!order.contains(&new));
        }
        let (_, tokens) = shop.signs_in("mina").await;
        for cache in &mut caches {
            cache.verify(&world, &shop, &tokens).await;
        }
        for tokens in [Some(&tokens), former.as_ref()].into_iter().flatten() {
            assert_eq!(shop.userinfo(&tokens.access).await.status, 200, "{step}");
        }
        let key = key_of(&tokens.id);
        assert_eq!(key, key_of(&tokens.access));
        if order.last() != Some(&key) {
            assert!(!order.contains(&key), "no key comes back");
            order.push(key.clone());
        }
        hints.entry(key).or_insert(tokens.id.clone());
        // Steps of four and of eleven minutes, so that tokens of the step before are tried too.
        former = (step % 2 == 0).then_some(tokens);
        world.after(if step % 2 == 0 { 4 * MINUTE } else { 11 * MINUTE });
    }
    assert_eq!((order.len(), hints.len()), (3, 3), "both rotations have taken place");
    assert!(first_browser.is_signed_in().await);
    for hint in hints.values() {
        assert!(is_hint(&world, &shop, hint).await);
        let asked = shop.sends(&first_browser, &[("id_token_hint", hint), ("prompt", "none")]).await;
        shop.tokens(&shop.code(&asked)).await;
    }
    assert!(!world.log().contains("\"ERROR\""), "{}", world.log());
}

#[tokio::test]
async fn each_key_is_published_before_and_after_it_signs_and_known_for_hints_for_a_month() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    let first = key_of(&tokens.id);
    assert_eq!(published(&shop).await, [&*first]);
    let second = rotate(&world, Rotation::Planned).await;
    world.after(LIST_KEPT_FOR);
    assert_eq!(published(&shop).await, [&*first, &second]);
    world.after(PUBLISHED_BEFORE.saturating_sub(LIST_KEPT_FOR + SECOND));
    let (_, last) = shop.signs_in("mina").await;
    assert_eq!(key_of(&last.access), first);
    world.after(SECOND);
    assert_eq!(published(&shop).await, [&*second, &first]);
    assert_eq!(key_of(&shop.signs_in("mina").await.1.id), second);
    world.after(4 * MINUTE);
    assert_eq!(shop.userinfo(&last.access).await.status, 200, "it was signed in the last second of its key");
    world.after(PUBLISHED_AFTER.saturating_sub(4 * MINUTE + SECOND));
    assert_eq!(published(&shop).await, [&*second, &first]);
    world.after(SECOND);
    assert_eq!(published(&shop).await, [&*second]);
    assert_eq!(shop.userinfo(&last.access).await.status, 401);
    assert!(is_hint(&world, &shop, &last.id).await);
    world.after(HINTS_AFTER.saturating_sub(PUBLISHED_AFTER + SECOND));
    assert!(is_hint(&world, &shop, &last.id).await);
    world.after(SECOND + LIST_KEPT_FOR);
    assert!(!is_hint(&world, &shop, &last.id).await, "no session can be that old");
}

#[tokio::test]
async fn at_once_everything_of_the_former_keys_ends_within_a_minute() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (browser, lost) = shop.signs_in("mina").await;
    assert_eq!(shop.userinfo(&lost.access).await.status, 200);
    assert!(is_hint(&world, &shop, &lost.id).await);
    // A rotation that is under way is no obstacle, and its key is forgotten too.
    let next = rotate(&world, Rotation::Planned).await;
    let new = rotate(&world, Rotation::AtOnce).await;
    assert_eq!(shop.userinfo(&lost.access).await.status, 200, "the list is kept for a minute");
    world.after(LIST_KEPT_FOR);
    assert_eq!(shop.userinfo(&lost.access).await.status, 401);
    assert!(!is_hint(&world, &shop, &lost.id).await);
    let asked = shop.sends(&browser, &[("id_token_hint", &lost.id)]).await;
    assert_eq!(shop.error(&asked), "invalid_request");
    assert_eq!(published(&shop).await, [&*new]);
    assert_ne!(new, next);
    let (_, tokens) = shop.signs_in("mina").await;
    assert_eq!(key_of(&shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await.id), new);
    shop.verified(&tokens).await;
    assert!(browser.is_signed_in().await, "sessions here do not depend on the key");
}

#[tokio::test]
async fn a_kept_list_is_read_again_after_a_minute_and_a_key_once() {
    let world = World::new();
    rotate(&world, Rotation::Planned).await;
    let calls = async || {
        let (_, calls) = world.calls_of(world.visitor().get("/oidc/jwks")).await;
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let second = "GetPublicKey 00000000-0000-4000-8000-000000000002";
    assert_eq!(calls().await, ["GetItem ClientsTable", "GetPublicKey SigningKey", second]);
    world.after(LIST_KEPT_FOR.saturating_sub(SECOND));
    assert!(calls().await.is_empty());
    world.after(SECOND);
    assert_eq!(calls().await, ["GetItem ClientsTable"]);
}

#[tokio::test]
async fn keys_of_no_use_are_deleted_by_the_next_rotation_and_the_template_s_never() {
    let world = World::new();
    let first = rotate(&world, Rotation::Planned).await;
    let deletions = async |rotation| {
        let (_, calls) = world.calls_of(rotate(&world, rotation)).await;
        let deletions = calls.iter().filter(|call| call.what.starts_with("ScheduleKeyDeletion"));
        deletions.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(deletions(Rotation::AtOnce).await, Vec::<String>::new(), "none was of no use before");
    let second = "ScheduleKeyDeletion 00000000-0000-4000-8000-000000000002";
    assert_eq!(deletions(Rotation::Planned).await, [second]);
    let keys = world.key_rotation().list(world.operator.now()).await.expect("the list");
    let listed: Vec<_> = keys.states(world.operator.now()).map(|(key, _)| key.id.as_str()).collect();
    assert!(listed.len() == 2 && !listed.contains(&&*first), "{listed:?}");
}

#[tokio::test]
async fn the_list_is_no_client() {
    let world = World::new();
    world.person("mina").create().await;
    rotate(&world, Rotation::Planned).await;
    let shop = world.product("Shop").await;
    let clients = world.with_clients().store.list_clients().await.expect("the row of keys is left out");
    assert_eq!(clients.iter().map(|client| &client.id).collect::<Vec<_>>(), [&shop.client.id]);
    let as_client = [("client_id", "#signing-keys")];
    let asked = world.visitor().get(&shop.request(&as_client)).await;
    assert_eq!(asked.status, 400, "{}", asked.shown());
    let (_, code) = shop.person_arrives("mina").await;
    let redeemed = shop.redeem(&code, &as_client).await;
    assert!([400, 401].contains(&redeemed.status), "{}", redeemed.body);
    shop.tokens(&code).await;
}
