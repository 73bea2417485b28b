//! What can go wrong with the keys of tokens: operators at the same time, failures at every step, a list that cannot be read or
//! says nonsense, keys that are gone or of somebody else.
use std::time::Duration;

use dev::aws::checks::{Checks, Decision};
use dev::aws::faults::{FaultKind, Faults};
use dev::aws::iam::{OPERATOR_KEY, access_key_id};
use dev::aws::request::AwsRequest;
use domain::oidc::{KeyState, LIST_KEPT_FOR, PUBLISHED_BEFORE, Rotation};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::error::chain;
use shared::signing::rotation::RotationFailed;

use super::oidc_key_rotation::rotate;
use crate::support::{NOON, World, key_of, template, variables};

const KEYS: &str = "/oidc/jwks";
const ROW: &str = "#signing-keys";
const SECOND_KEY: &str = "00000000-0000-4000-8000-000000000002";

async fn try_to_rotate(world: &World, rotation: Rotation) -> Result<(), RotationFailed> {
    world.key_rotation().rotate(rotation, world.operator.now()).await.map(drop)
}

/// What each key is for now.
async fn states(world: &World) -> Vec<KeyState> {
    let now = world.operator.now();
    let keys = world.key_rotation().list(now).await.expect("the list is there");
    keys.states(now).map(|(_, state)| state).collect()
}

#[tokio::test]
async fn of_operators_at_the_same_time_one_wins_and_the_others_leave_nothing() {
    for rotated_before in [false, true] {
        let world = World::new();
        if rotated_before {
            rotate(&world, Rotation::Planned).await;
            world.after(PUBLISHED_BEFORE);
        }
        let rotations = (0..2).map(|_| try_to_rotate(&world, Rotation::Planned));
        let (outcomes, calls) = world.calls_of(join_all(rotations)).await;
        let lost: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        let [RotationFailed::Discarded { key, .. }] = lost[..] else { panic!("{outcomes:?}") };
        assert!(chain(lost[0]).ends_with("somebody else has rotated the keys at the same time"), "{lost:?}");
        let deletions: Vec<_> = calls
            .iter()
            .filter(|call| call.what.starts_with("ScheduleKeyDeletion"))
            .map(|call| &*call.what)
            .collect();
        let id = key.as_str().rsplit('/').next().expect("an id");
        assert_eq!(deletions, [format!("ScheduleKeyDeletion {id}")]);
        let expected = if rotated_before {
            &[KeyState::Published, KeyState::Signs, KeyState::Next][..]
        } else {
            &[KeyState::Signs, KeyState::Next]
        };
        assert_eq!(states(&world).await, expected);
    }
}

#[tokio::test]
async fn a_rotation_during_another_is_refused_before_anything_is_made() {
    let world = World::new();
    rotate(&world, Rotation::Planned).await;
    world.after(PUBLISHED_BEFORE.saturating_sub(Duration::from_secs(1)));
    let before = world.dump();
    let (outcome, calls) = world.calls_of(try_to_rotate(&world, Rotation::Planned)).await;
    let error = outcome.expect_err("it is under way").to_string();
    assert!(error.starts_with("another rotation is under way: the key "), "{error}");
    assert!(error.ends_with(" signs from 2026-11-22T15:00:00Z"), "{error}");
    assert_eq!(calls.iter().map(ToString::to_string).collect::<Vec<_>>(), ["GetItem ClientsTable"]);
    assert_eq!(world.dump(), before);
    world.after(Duration::from_secs(1));
    try_to_rotate(&world, Rotation::Planned).await.expect("now it may");
}

#[tokio::test]
async fn a_rotation_that_fails_says_what_remains_and_changes_no_list() {
    let (reject, error, lost) = (FaultKind::Reject, FaultKind::ServerError, FaultKind::LostAnswer);
    let pass = FaultKind::Delay { delay_ms: 0 };
    for (faults, says, made, deleted) in [
        (&[("GetItem", 9, error)][..], "no key was made", 0, 0),
        (&[("GetPublicKey", 9, error)], "no key was made, because the one of the stack cannot be read", 0, 0),
        (
            &[("GetKeyPolicy", 9, reject)],
            "no key was made, because the one of the stack cannot be read",
            0,
            0,
        ),
        (
            &[("ListResourceTags", 9, error)],
            "no key was made, because the one of the stack cannot be read",
            0,
            0,
        ),
        (&[("CreateKey", 1, reject)], "no key was made: ", 1, 0),
        (&[("CreateKey", 1, error)], "KMS did not say whether it made a key", 1, 0),
        (&[("CreateKey", 1, lost)], "KMS did not say whether it made a key", 1, 0),
        (
            &[("GetPublicKey", 1, pass), ("GetPublicKey", 9, error)],
            "the list is as it was, and the deletion of the new key",
            1,
            1,
        ),
        (
            &[("GetPublicKey", 1, pass), ("GetPublicKey", 9, error), ("ScheduleKeyDeletion", 9, error)],
            "aws kms schedule-key-deletion --key-id arn:aws:kms:us-east-1:000000000000:key/00000000",
            1,
            3,
        ),
        (&[("TransactWriteItems", 99, error)], "it is not known whether it was noted", 1, 0),
    ] {
        let world = World::new();
        let before = world.dump();
        for (operation, times, kind) in faults {
            world.wire.fail(operation, *times, *kind);
        }
        let (outcome, calls) = world.calls_of(try_to_rotate(&world, Rotation::Planned)).await;
        let failed = chain(&outcome.expect_err(says));
        assert!(failed.contains(says), "{faults:?}: {failed}");
        let count = |operation: &str| calls.iter().filter(|call| call.what.starts_with(operation)).count();
        assert_eq!((count("CreateKey"), count("ScheduleKeyDeletion")), (made, deleted), "{faults:?}");
        assert_eq!(world.dump(), before, "{faults:?}");
        world.wire.clear();
        try_to_rotate(&world, Rotation::Planned).await.expect("afterwards it works");
    }
}

#[tokio::test]
async fn a_lost_answer_of_the_table_is_no_failure_and_a_key_that_cannot_be_deleted_yet_stays_listed() {
    let world = World::new();
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    rotate(&world, Rotation::Planned).await;
    assert_eq!(states(&world).await, [KeyState::Signs, KeyState::Next]);
    try_to_rotate(&world, Rotation::AtOnce).await.expect("it may");
    world.wire.fail("ScheduleKeyDeletion", 9, FaultKind::ServerError);
    let rotated =
        world.key_rotation().rotate(Rotation::Planned, world.operator.now()).await.expect("it goes on");
    let left: Vec<_> = rotated.left.iter().map(|(key, _)| key.as_str()).collect();
    assert!(matches!(left[..], [key] if key.ends_with(SECOND_KEY)), "{left:?}");
    assert_eq!(states(&world).await, [KeyState::Forgotten, KeyState::Signs, KeyState::Next]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_costs_no_code() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, former) = shop.signs_in("mina").await;
    let published = world.visitor().get(KEYS).await;
    let (_, code) = shop.person_arrives("mina").await;
    let client_then_list = || {
        world.wire.fail_on("ClientsTable", "GetItem", 1, FaultKind::Delay { delay_ms: 0 });
        world.wire.fail_on("ClientsTable", "GetItem", 9, FaultKind::ServerError);
    };
    client_then_list();
    assert_eq!(shop.redeem(&code, &[]).await.status, 200, "the list of the minute before is good");
    world.wire.clear();
    world.after(LIST_KEPT_FOR);
    let (_, code) = shop.person_arrives("mina").await;
    let before = world.dump();
    client_then_list();
    let failed = shop.redeem(&code, &[]).await;
    assert_eq!((failed.status, &*failed.code()), (500, "internal"));
    assert_eq!(world.dump(), before, "the code is as it was");
    let failed = world.visitor().get(KEYS).await;
    assert_eq!((failed.status, failed.header("cache-control")), (500, "no-store"));
    assert_eq!(shop.userinfo(&former.access).await.status, 500);
    world.wire.clear();
    assert!(world.log().contains("could not read the list of signing keys"), "{}", world.log());
    assert_eq!(world.visitor().get(KEYS).await.body, published.body);
    assert_eq!(shop.userinfo(&shop.tokens(&code).await.access).await.status, 200);
}

/// A row with this list.
fn row(keys: &Value) -> Value {
    json!({ "client_id": { "S": ROW }, "list_version": { "N": "1" }, "signing_keys": keys })
}

fn listed(arn: &str, id: &str, signs_from: u64) -> Value {
    json!({ "M": {
        "arn": { "S": arn }, "id": { "S": id }, "noted_at": { "N": "1" },
        "signs_from": { "N": signs_from.to_string() },
    } })
}

fn arn(id: &str) -> String {
    format!("arn:aws:kms:us-east-1:000000000000:key/{id}")
}

#[tokio::test]
async fn a_list_of_nonsense_signs_nothing_and_spends_nothing() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    let (own, other) = (key_of(&tokens.id), "A".repeat(43));
    let signing = arn("SigningKey");
    let mut forgotten = listed(&signing, &own, 1);
    forgotten["M"]["forgotten_at"] = json!({ "N": "2" });
    for (what, keys, logged) in [
        ("no list", json!({ "S": "x" }), "Expected seq"),
        ("an empty list", json!({ "L": [] }), "has none that is not forgotten"),
        ("all forgotten", json!({ "L": [forgotten] }), "has none that is not forgotten"),
        ("an alias", json!({ "L": [listed("alias/x", &own, 1)] }), "not the ARN of a key"),
        ("no name", json!({ "L": [listed(&signing, "x", 1)] }), "not the name of a key"),
        (
            "two at once",
            json!({ "L": [listed(&signing, &own, 1), listed(&arn("x"), &other, 1)] }),
            "in the order",
        ),
        ("the name of another key", json!({ "L": [listed(&signing, &other, 1)] }), "but it is"),
        ("a key that is gone", json!({ "L": [listed(&arn("gone"), &own, 1)] }), "cannot read the public key"),
    ] {
        world.put("ClientsTable", &row(&keys));
        world.after(LIST_KEPT_FOR);
        let (_, code) = shop.person_arrives("mina").await;
        let before = world.dump();
        let failed = shop.redeem(&code, &[]).await;
        assert_eq!((failed.status, &*failed.code()), (500, "internal"), "{what}");
        assert!(!failed.body.contains("arn:") && !failed.body.contains(&own), "{what}");
        assert_eq!(world.dump(), before, "{what}");
        let document = world.visitor().get(KEYS).await;
        assert_eq!((document.status, document.header("cache-control")), (500, "no-store"), "{what}");
        assert!(world.log().contains(logged), "{what}: {}", world.log());
    }
    world.put("ClientsTable", &row(&json!({ "L": [listed(&signing, &own, 1)] })));
    world.after(LIST_KEPT_FOR);
    let (_, code) = shop.person_arrives("mina").await;
    assert_eq!(key_of(&shop.tokens(&code).await.id), own);
}

#[tokio::test]
async fn a_key_that_does_not_sign_and_cannot_be_read_is_left_out_and_told() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let own = key_of(&shop.signs_in("mina").await.1.id);
    let (next, former) = ("B".repeat(43), "C".repeat(43));
    let keys = json!({ "L": [
        listed(&arn("former"), &former, 1),
        listed(&arn("SigningKey"), &own, NOON),
        listed(&arn("next"), &next, NOON + 9_999),
    ] });
    world.put("ClientsTable", &row(&keys));
    world.after(LIST_KEPT_FOR);
    let published = shop.keys().await;
    assert_eq!(published.iter().map(|key| &key["kid"]).collect::<Vec<_>>(), [&json!(own)]);
    assert!(world.log().contains("left out a signing key that cannot be read"), "{}", world.log());
    shop.signs_in("mina").await;
}

#[tokio::test]
async fn a_failure_that_passes_leaves_no_key_out() {
    let world = World::new();
    rotate(&world, Rotation::Planned).await;
    // An incomplete document would be kept for an hour.
    world.wire.fail("GetPublicKey", 1, FaultKind::Delay { delay_ms: 0 });
    world.wire.fail("GetPublicKey", 9, FaultKind::Throttle);
    let failed = world.visitor().get(KEYS).await;
    assert_eq!((failed.status, failed.header("cache-control")), (500, "no-store"));
    world.wire.clear();
    let document = world.visitor().get_json(KEYS).await.json();
    assert_eq!(document["keys"].as_array().map(Vec::len), Some(2), "{document}");
}

/// Whether a caller may do this.
fn may(checks: &Checks, key: &str, operation: &str, body: &Value) -> bool {
    let caller = checks.keys.owner(&format!("Credential={key}/")).expect("a known key");
    let target = format!("TrentService.{operation}");
    let request = AwsRequest::of_target(&target, body);
    match checks.decide(caller, &request) {
        Decision::Respond(response) => {
            assert_eq!(response.error.as_deref(), Some("AccessDeniedException"));
            false
        }
        _ => true,
    }
}

#[tokio::test]
async fn functions_use_the_keys_of_their_stack_alone_and_make_none() {
    let checks = Checks::of(template(), Faults::default());
    let made = |tags: &[(&str, &str)]| {
        let tags: Vec<_> =
            tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
        let body = json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "Tags": tags });
        let AwsRequest::Kms(request) = AwsRequest::of_target("TrentService.CreateKey", &body) else {
            panic!("a call to KMS")
        };
        let answer: Value = serde_json::from_slice(&checks.kms.respond(&request).body).expect("JSON");
        answer["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    };
    let own = made(&[("Stack", "local"), ("Purpose", "signing-key")]);
    let of_another_stack = made(&[("Stack", "other"), ("Purpose", "signing-key")]);
    let for_something_else = made(&[("Stack", "local")]);
    for function in ["oidc-metadata", "oidc-authorize", "oidc-token", "oidc-userinfo", "oidc-sign-out"] {
        let key = access_key_id(function);
        for (arn, allowed) in [(&own, true), (&of_another_stack, false), (&for_something_else, false)] {
            let read = json!({ "KeyId": arn });
            assert_eq!(may(&checks, &key, "GetPublicKey", &read), allowed, "{function} {arn}");
            let mut sign = json!({ "KeyId": arn, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256" });
            assert_eq!(
                may(&checks, &key, "Sign", &sign),
                allowed && function == "oidc-token",
                "{function} {arn}"
            );
            sign["SigningAlgorithm"] = json!("RSASSA_PSS_SHA_256");
            assert!(!may(&checks, &key, "Sign", &sign), "{function} {arn}");
        }
        for (operation, body) in [
            ("CreateKey", json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" })),
            ("ScheduleKeyDeletion", json!({ "KeyId": own })),
            ("TagResource", json!({ "KeyId": of_another_stack, "Tags": [] })),
            ("ListResourceTags", json!({ "KeyId": own })),
            ("GetKeyPolicy", json!({ "KeyId": own })),
        ] {
            assert!(!may(&checks, &key, operation, &body), "{function} {operation}");
            assert!(may(&checks, OPERATOR_KEY, operation, &body), "{operation}");
        }
    }
}

#[tokio::test]
async fn the_list_is_read_by_all_and_written_by_no_function() {
    let world = World::new();
    rotate(&world, Rotation::Planned).await;
    for function in ["oidc-metadata", "oidc-authorize", "oidc-token", "oidc-userinfo", "oidc-sign-out"] {
        let key = access_key_id(function);
        let get = |id: &str| json!({ "TableName": "ClientsTable", "Key": { "client_id": { "S": id } } });
        world.wire.send(&key, "GetItem", &get(ROW)).await.expect("the list");
        let client = world.wire.send(&key, "GetItem", &get(&"A".repeat(22))).await;
        assert_eq!(client.is_ok(), function != "oidc-metadata", "{function}");
        let put = json!({ "TableName": "ClientsTable", "Item": row(&json!({ "L": [] })) });
        for (operation, body) in [("PutItem", put), ("DeleteItem", get(ROW))] {
            let (error, _) = world.wire.send(&key, operation, &body).await.expect_err("it is denied");
            assert_eq!(error, "AccessDeniedException", "{function} {operation}");
        }
    }
    assert!(variables("oidc-metadata").contains_key("CLIENTS_TABLE"));
}
