//! Passwords whose hashes another system made: they sign in, and the first sign-in replaces the hash.
use std::collections::BTreeMap;

use domain::password::Work;
use serde_json::json;

use crate::support::{PASSWORD, Visitor, World};

/// Hashes of [`PASSWORD`] of other programs (libxcrypt, OpenSSL, Django), each with the start of the stored form.
const HASHES: [(&str, &str); 8] = [
    ("$2a$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", "$bcrypt$c=4,l=23$"),
    ("$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", "$bcrypt$c=4,l=23$"),
    ("$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", "$bcrypt$c=4,l=23$"),
    (
        "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
        "$scrypt$ln=10,r=8,p=1,l=32$",
    ),
    (
        "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNhbA$0jCG77B+ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
        "$pbkdf2-sha256$i=1000,l=32$",
    ),
    (
        "$pbkdf2-sha512$i=1000$c2l4dGVlbiBieXRlIHNhbA$rU4+LXNnfyZTFoCA/lyqwAI23FwQPXA1J8WUvWKIN0asda65BYVS3ajgw8RORUx2kWMyEjgepCG1IEmnGuv2Yg",
        "$pbkdf2-sha512$i=1000,l=64$",
    ),
    (
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuFABy..DpKi5eX.TjDW.8iDMNk/Tma6W",
        "$bcrypt-sha256$c=4,l=23$",
    ),
    (
        "scrypt$1024$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
        "$scrypt$ln=10,r=8,p=5,l=64$",
    ),
];

async fn sign_in(visitor: &Visitor<'_>, password: &str) -> i64 {
    visitor.post_json("/login", &json!({ "identifier": "mina", "password": password })).await.status
}

/// One run of each function.
fn once_each(named: &str) -> BTreeMap<String, u64> {
    named.split(' ').map(|cost| (cost.to_owned(), 1)).collect()
}

/// The hash that the account has now.
fn kept(world: &World) -> String {
    let items = world.dump()["AccountsTable"].join("\n");
    let (_, hash) = items.split_once("\"password_hash\":{\"S\":\"").expect("the account has a hash");
    hash.split('"').next().expect("a text ends").to_owned()
}

#[tokio::test]
async fn an_imported_password_signs_in_and_the_first_time_makes_its_hash_our_own() {
    for (hash, kdf) in HASHES {
        let world = World::new();
        world.person("mina").imported(hash).create().await;
        assert_eq!(sign_in(&world.visitor(), "Correct horse battery").await, 401, "{hash}");
        let before = kept(&world);
        assert!(before.starts_with(kdf), "{before}");
        assert_eq!(sign_in(&world.visitor(), PASSWORD).await, 200, "{hash}");
        assert!(kept(&world).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let (again, work) = world.work_of(sign_in(&world.visitor(), PASSWORD)).await;
        assert_eq!(
            (again, work),
            (200, Work { argon2id_runs: 1, ..Work::default() }),
            "{hash}: like everybody else from now on"
        );
    }
}

#[tokio::test]
async fn no_digest_of_another_system_is_ever_at_rest() {
    for (hash, _) in HASHES {
        let world = World::new();
        world.person("mina").imported(hash).create().await;
        let digest = hash.rsplit('$').next().expect("a digest");
        let digest = &digest[digest.len() - 31..];
        let tables: String = world.dump().into_values().flatten().collect();
        assert!(!tables.contains(digest), "{hash}");
        assert!(
            kept(&world).contains("|$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}: wrapped in a hash of the current cost"
        );
    }
}

#[tokio::test]
async fn what_bcrypt_never_read_opens_the_account_as_before_and_is_not_made_the_password() {
    // Of eighty times p, of which bcrypt reads 72.
    let hash = "$2b$04$abcdefghijklmnopqrstuuNt.0ah97gHY3F7JC1Z6EXmQc0bQBhIO";
    let world = World::new();
    world.person("mina").imported(hash).create().await;
    let before = kept(&world);
    let mistyped = "p".repeat(79) + "q";
    for password in [&mistyped, &"p".repeat(80)] {
        assert_eq!(sign_in(&world.visitor(), password).await, 200);
        assert_eq!(kept(&world), before, "nobody knows whether the rest was right");
    }
    assert_eq!(sign_in(&world.visitor(), &"p".repeat(71)).await, 401);
}

#[tokio::test]
async fn a_hash_that_costs_more_than_a_new_one_is_brought_to_the_current_cost_so_that_it_cannot_be_told_apart()
 {
    use argon2::password_hash::phc;
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let params = Params::new(32_768, 2, 1, None).expect("parameters");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: phc::PasswordHash =
        argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[5; 16]).expect("a hash");
    let world = World::new();
    world.person("mina").imported(&hash.to_string()).create().await;
    assert!(kept(&world).starts_with("$argon2id$v=19,m=32768,t=2,p=1,l=32$"), "{}", kept(&world));
    assert_eq!(sign_in(&world.visitor(), PASSWORD).await, 200);
    assert!(kept(&world).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept(&world));
}

#[tokio::test]
async fn where_the_operator_names_the_former_hashes_every_try_does_the_work_of_all() {
    let named = "bcrypt$c=4,l=23 pbkdf2-sha256$i=1000,l=32 bcrypt-sha256$c=4,l=23";
    let world = World::new().with_former_hashes(named);
    world.person("mina").create().await;
    world.person("ines").imported(HASHES[0].0).create().await;
    world.person("iris").imported(HASHES[4].0).create().await;
    world.person("sami").imported(HASHES[6].0).create().await;
    world.person("dana").imported(HASHES[0].0).disabled().create().await;
    world.person("petra").sso().create().await;
    let tried = async |identifier: &str, password: &str| {
        let form = json!({ "identifier": identifier, "password": password });
        let (signing_in, work) = world.work_of(world.visitor().post_json("/login", &form)).await;
        (signing_in.status, work)
    };
    let work = |argon2id_runs| Work { argon2id_runs, legacy_runs: once_each(named) };
    let oversized = "x".repeat(2_000);
    for identifier in ["nobody", "mina", "ines", "iris", "sami", "dana", "petra"] {
        for wrong in ["Correct horse battery", "", &oversized] {
            assert_eq!(tried(identifier, wrong).await, (401, work(1)), "{identifier}");
        }
    }
    // The first right password costs one more run of Argon2id, for the new hash.
    for (identifier, runs) in [("mina", 1), ("ines", 2), ("ines", 1), ("iris", 2), ("sami", 2)] {
        assert_eq!(tried(identifier, PASSWORD).await, (200, work(runs)), "{identifier}");
    }
    for _ in 0..10 {
        tried("mira", "wrong").await;
    }
    assert_eq!(tried("mira", "wrong").await, (401, work(1)), "at the limit");
}

#[tokio::test]
async fn a_former_hash_that_is_not_named_shows_in_the_work() {
    let world = World::new();
    world.person("ines").imported(HASHES[0].0).create().await;
    for (identifier, legacy_runs) in [("nobody", BTreeMap::new()), ("ines", once_each("bcrypt$c=4,l=23"))] {
        let form = json!({ "identifier": identifier, "password": "wrong" });
        let (_, work) = world.work_of(world.visitor().post_json("/login", &form)).await;
        assert_eq!(work, Work { argon2id_runs: 1, legacy_runs }, "{identifier}");
    }
}

#[tokio::test]
async fn a_hash_that_cannot_be_replaced_now_is_replaced_the_next_time() {
    let world = World::new();
    world.person("mina").imported(HASHES[0].0).create().await;
    world.wire.fail_on("AccountsTable", "UpdateItem", 3, dev::aws::faults::FaultKind::ServerError);
    let browser = world.visitor();
    assert_eq!(sign_in(&browser, PASSWORD).await, 200, "the session is open already");
    assert!(browser.is_signed_in().await);
    assert!(kept(&world).starts_with(HASHES[0].1));
    assert!(world.log().contains("could not upgrade a password's hash"), "{}", world.log());
    assert_eq!(sign_in(&world.visitor(), PASSWORD).await, 200);
    assert!(kept(&world).starts_with("$argon2id$"));
}
