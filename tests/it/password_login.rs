//! Signing in with a password.
use std::time::Duration;

use domain::{PasswordHasher, TypedPassword};
use serde_json::json;

use crate::support::{Answer, PASSWORD, Visitor, World};

const PATH: &str = "/login";

async fn sign_in(visitor: &Visitor<'_>, identifier: &str, password: &str) -> Answer {
    visitor.post_json(PATH, &json!({ "identifier": identifier, "password": password })).await
}

#[tokio::test]
async fn the_sign_in_page_has_both_forms_and_leads_on() {
    let world = World::new();
    let page = world.visitor().get("/login?next=/account%3Ftab=1").await;
    insta::assert_snapshot!(page.shown(), @r"
    200
    Sign in
    Username or email
    Password
    Sign in
    Forgot your username?
    Forgot your password, or lost your mailbox?
    We send you an email with a link that signs you in. Your backup email works too.
    Email address
    Email me a link
    ");
    assert!(page.body.contains("name=\"next\" value=\"/account?tab=1\""), "{}", page.body);
    for attribute in ["autocomplete=\"username\"", "autocomplete=\"current-password\"", "inputmode=\"email\""]
    {
        assert!(page.body.contains(attribute), "{attribute}");
    }
}

#[tokio::test]
async fn username_primary_and_confirmed_backup_email_sign_in() {
    let world = World::new();
    world.person("Søren").backup("spare@example.org").create().await;
    for (identifier, told) in
        [("Søren", false), (" søREN ", false), ("Sren@example.com", false), ("SPARE@example.org", true)]
    {
        let browser = world.visitor();
        let answer = browser.post_form(PATH, &[("identifier", identifier), ("password", PASSWORD)]).await;
        assert_eq!(answer.shown(), "303 to /account", "{identifier}");
        let cookie = answer.cookies[0].replace(&answer.session().expect("a session begins"), "SECRET");
        assert_eq!(cookie, "__Host-session=SECRET; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000");
        assert!(browser.is_signed_in().await);
        let notices = world.deliver().await;
        assert_eq!(
            notices.iter().map(|email| &*email.to).collect::<Vec<_>>(),
            vec!["Sren@example.com"; usize::from(told)]
        );
    }
    let program = sign_in(&world.visitor(), "søren", PASSWORD).await;
    assert_eq!((program.status, program.json()), (200, json!({ "username": "Søren" })));
}

#[tokio::test]
async fn everything_else_is_wrong_in_the_same_words() {
    let world = World::new();
    world.person("mina").pending("pending@example.org").create().await;
    world.person("petra").sso().create().await;
    world.person("ana").without_password().create().await;
    let long = "p".repeat(1_025);
    for (identifier, password) in [
        ("mina", "Correct horse battery"),
        ("mina", "correct horse battery "),
        ("mina", ""),
        ("mina", &*long),
        ("pending@example.org", PASSWORD),
        ("petra", PASSWORD),
        ("petra", ""),
        ("petra@example.com", PASSWORD),
        ("ana", ""),
        ("ana", PASSWORD),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("\"mina\"@example.com", PASSWORD),
        ("claim#username#mina", PASSWORD),
    ] {
        let stranger = world.visitor();
        let answer = sign_in(&stranger, identifier, password).await;
        assert_eq!((answer.status, &*answer.code()), (401, "wrong-credentials"), "{identifier} {password}");
        assert!(answer.cookies.is_empty());
    }
    assert!(world.dump()["SessionsTable"].is_empty());
}

#[tokio::test]
async fn a_wrong_password_keeps_the_identifier_and_never_the_password() {
    let world = World::new();
    let fields = [("identifier", "mina<b>"), ("password", "hunter2"), ("next", "/account?tab=1")];
    let page = world.visitor().post_form(PATH, &fields).await;
    insta::assert_snapshot!(page.shown(), @r"
    401
    Sign in
    That didn’t work The username or the password is not right. Try again, or sign in without a password below.
    Username or email
    Password
    Sign in
    Forgot your username?
    Forgot your password, or lost your mailbox?
    We send you an email with a link that signs you in. Your backup email works too.
    Email address
    Email me a link
    ");
    assert!(page.body.contains("value=\"mina&#60;b&#62;\""));
    assert!(page.body.contains("value=\"/account?tab=1\""));
    assert!(!page.body.contains("hunter2"));
}

#[tokio::test]
async fn a_password_of_1024_bytes_is_one() {
    let world = World::new();
    let longest = "ø".repeat(512);
    let hash = PasswordHasher::default().hash(&TypedPassword::new(&*longest), [3; 16]);
    world.person("mina").hash(hash.expect("it is short enough").as_str()).create().await;
    assert_eq!(sign_in(&world.visitor(), "mina", &longest).await.status, 200);
    assert_eq!(sign_in(&world.visitor(), "mina", &longest[2..]).await.status, 401);
}

#[tokio::test]
async fn each_sign_in_is_a_new_session_and_ends_the_browsers_former_one() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    sign_in(&browser, "mina", PASSWORD).await;
    let first = browser.cookie("__Host-session").expect("a session");
    sign_in(&browser, "mina", PASSWORD).await;
    let second = browser.cookie("__Host-session").expect("a session");
    assert_ne!(first, second);
    assert!(!world.visitor().with_session(&first).is_signed_in().await);
    assert!(world.visitor().with_session(&second).is_signed_in().await);
    assert_eq!(sign_in(&browser, "mina", "wrong").await.status, 401);
    assert!(browser.is_signed_in().await, "a wrong password ends nothing");
}

#[tokio::test]
async fn a_session_that_somebody_planted_is_not_adopted() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor().with_session(&"A".repeat(43));
    sign_in(&browser, "mina", PASSWORD).await;
    assert_ne!(browser.cookies(), [format!("__Host-session={}", "A".repeat(43))]);
}

#[tokio::test]
async fn next_stays_on_this_site() {
    let world = World::new();
    world.person("mina").create().await;
    for (next, location) in [
        ("/account", "/account"),
        ("/backup/confirm?token=abc", "/backup/confirm?token=abc"),
        ("//evil.example.net", "/account"),
        ("/\\evil.example.net", "/account"),
        ("https://evil.example.net", "/account"),
        ("javascript:alert(1)", "/account"),
        ("/account\r\nSet-Cookie: a=b", "/account"),
        ("", "/account"),
    ] {
        let fields = [("identifier", "mina"), ("password", PASSWORD), ("next", next)];
        let answer = world.visitor().post_form(PATH, &fields).await;
        assert_eq!(answer.shown(), format!("303 to {location}"), "{next:?}");
        let query = serde_html_form::to_string([("next", next)]).expect("a query");
        let page = world.visitor().get(&format!("{PATH}?{query}")).await;
        assert!(page.body.contains(&format!("name=\"next\" value=\"{location}\"")), "{next:?}");
    }
}

#[tokio::test]
async fn a_cheap_hash_is_upgraded_at_sign_in() {
    // m=1024, t=1 of the usual password.
    let cheap = cheap_hash();
    let world = World::new();
    world.person("mina").hash(&cheap).create().await;
    assert_eq!(sign_in(&world.visitor(), "mina", "wrong").await.status, 401);
    assert!(world.dump()["AccountsTable"].join("").contains("m=1024"));
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200);
    let stored = world.dump()["AccountsTable"].join("");
    assert!(stored.contains("$argon2id$v=19$m=19456,t=2,p=1$") && !stored.contains("m=1024"));
    let (answer, calls) = world.calls_of(sign_in(&world.visitor(), "mina", PASSWORD)).await;
    assert_eq!(answer.status, 200);
    assert!(!calls.iter().any(|call| call.what == "UpdateItem AccountsTable"), "only once: {calls:?}");
}

fn cheap_hash() -> String {
    use argon2::password_hash::phc;
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let params = Params::new(1_024, 1, 1, None).expect("parameters");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: phc::PasswordHash =
        argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[5; 16]).expect("a hash");
    hash.to_string()
}

#[tokio::test]
async fn ten_wrong_passwords_an_hour_then_even_the_right_one_reads_wrong() {
    let world = World::new();
    world.person("mina").create().await;
    let wrong = sign_in(&world.visitor(), "mina", "wrong").await;
    for _ in 1..10 {
        assert_eq!(sign_in(&world.visitor_from("198.51.100.1"), "MINA", "wrong").await, wrong);
    }
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await, wrong, "in the same words");
    assert_eq!(sign_in(&world.visitor(), "mina@example.com", PASSWORD).await, wrong, "by another name too");
    world.visitor().emailed_token("/login/link", "mina@example.com").await;
    world.after(Duration::from_hours(1));
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_right_password_lets_the_count_start_anew() {
    let world = World::new();
    world.person("mina").create().await;
    for _ in 0..2 {
        for _ in 0..9 {
            assert_eq!(sign_in(&world.visitor(), "mina", "wrong").await.status, 401);
        }
        assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn an_index_that_lags_behind_signs_nobody_in() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.person("joris").create().await;
    // The index still has an entry of an address that the account no longer has.
    let stale = json!({
        "account_id": { "S": mina.id.as_str() }, "record": { "S": "email#backup" },
        "email": { "S": "gone@example.org" }, "address": { "S": "other@example.org" },
        "verified_at": { "N": "1" },
    });
    world.put("AccountsTable", &stale);
    assert_eq!(sign_in(&world.visitor(), "gone@example.org", PASSWORD).await.status, 401);
    world.visitor().post_form("/forgot-username", &[("email", "gone@example.org")]).await;
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_still_signs_in() {
    let world = World::new();
    world.person("mina").create().await;
    world.wire.fail("TransactWriteItems", 1, dev::aws::faults::FaultKind::LostAnswer);
    let browser = world.visitor();
    assert_eq!(sign_in(&browser, "mina", PASSWORD).await.status, 200);
    assert!(browser.is_signed_in().await);
}
