//! What changes how an account is recovered, or ends sessions, needs a sign-in that is at most 15 minutes old
//! (ASVS 5.0 V7.5.1).
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Visitor, World};

const TYPED: &str = "__Host-typed";
const AGAIN: &str = "303 to /login?next=/account&reason=fresh";
const QUARTER: Duration = Duration::from_mins(15);

fn changes() -> [(&'static str, Value); 5] {
    [
        ("/account/backup", json!({ "email": "new@example.org" })),
        ("/account/backup/remove", json!({ "what": "confirmed" })),
        ("/account/backup/remove", json!({ "what": "pending" })),
        ("/account/sessions/end", json!({ "session": "A".repeat(43) })),
        ("/account/sessions/end", json!({ "others": true })),
    ]
}

async fn sign_in_again(browser: &Visitor<'_>) -> Answer {
    let fields = [("identifier", "mina"), ("password", PASSWORD), ("next", "/account"), ("reason", "fresh")];
    browser.post_form("/login", &fields).await
}

#[tokio::test]
async fn a_change_after_fifteen_minutes_asks_to_sign_in_again_and_keeps_what_was_typed() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER + Duration::from_secs(1));
    let before = world.dump();
    let answer = browser.post_form("/account/backup", &[("email", "new+1@exämple.org")]).await;
    assert_eq!(answer.shown(), AGAIN);
    assert!(!answer.header("location").contains("example"), "no URL contains an address");
    let value = browser.cookie(TYPED).expect("what was typed is kept");
    assert!(!value.contains("new"), "{value}");
    assert_eq!(
        answer.cookies,
        [format!("{TYPED}={value}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=900")]
    );
    let after = world.dump();
    assert_eq!(
        (&before["AccountsTable"], &before["OutboxTable"]),
        (&after["AccountsTable"], &after["OutboxTable"])
    );

    let page = browser.get("/login?next=/account&reason=fresh").await;
    assert!(page.words().contains("we ask you to sign in again"), "{}", page.words());
    assert_eq!(sign_in_again(&browser).await.shown(), "303 to /account");
    let page = browser.get("/account").await;
    assert!(page.body.contains("<details open>") && page.body.contains("value=\"new+1@exämple.org\""));
    assert!(page.words().contains("Nothing has been sent yet."), "{}", page.words());

    let answer = browser.post_form("/account/backup", &[("email", "new+1@exämple.org")]).await;
    assert_eq!(answer.shown(), "303 to /account");
    assert_eq!(browser.cookie(TYPED), None, "done: it is forgotten");
    assert!(!browser.get("/account").await.body.contains("<details open>"));
}

#[tokio::test]
async fn each_change_needs_a_sign_in_of_the_last_fifteen_minutes() {
    for (path, body) in changes() {
        let world = World::new();
        let mina = world.person("mina").backup("old@example.org").pending("p@example.org").create().await;
        let browser = world.signed_in(&mina).await;
        world.after(QUARTER + Duration::from_secs(1));
        let before = world.dump();
        let answer = browser.post_json(path, &body).await;
        assert_eq!((answer.status, &*answer.code()), (401, "fresh-sign-in-needed"), "{path} {body}");
        let after = world.dump();
        assert_eq!(
            (&before["AccountsTable"], &before["LimitsTable"]),
            (&after["AccountsTable"], &after["LimitsTable"])
        );
        assert_eq!(before["SessionsTable"].len(), after["SessionsTable"].len());

        let fields: Vec<(String, String)> = body
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or("true").to_owned()))
            .collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(browser.post_form(path, &fields).await.shown(), AGAIN, "{path} {body}");

        let fresh = world.signed_in(&mina).await;
        world.after(QUARTER);
        assert_ne!(fresh.post_json(path, &body).await.status, 401, "{path} {body}: the last second counts");
    }
}

#[tokio::test]
async fn looking_and_signing_out_need_no_fresh_sign_in() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(Duration::from_hours(24));
    assert_eq!(browser.get("/account").await.status, 200);
    assert_eq!(browser.submit("/logout", &[]).await.status, 200);
}

#[tokio::test]
async fn signing_in_again_makes_a_new_session_and_ends_the_former() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let former = browser.cookie("__Host-session").expect("a session");
    world.after(QUARTER * 2);
    sign_in_again(&browser).await;
    assert!(!world.visitor().with_session(&former).is_signed_in().await);
    assert_eq!(
        browser.post_json("/account/backup", &json!({ "email": "new@example.org" })).await.status,
        202
    );
}

#[tokio::test]
async fn a_wrong_address_is_told_before_anybody_has_to_sign_in_again() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    assert_eq!(browser.post_form("/account/backup", &[("email", "not an address")]).await.status, 422);
}

#[tokio::test]
async fn a_wrong_password_keeps_saying_why_one_is_here() {
    let world = World::new();
    world.person("mina").create().await;
    let fields = [("identifier", "mina"), ("password", "wrong"), ("reason", "fresh")];
    let page = world.visitor().post_form("/login", &fields).await;
    assert!(page.words().contains("we ask you to sign in again"), "{}", page.words());
}

#[tokio::test]
async fn an_unknown_reason_is_ignored() {
    let world = World::new();
    let expected = world.visitor().get("/login?next=/account").await.without_chance();
    for reason in ["", "x", "FRESH", "fresh%20", "%3Cscript%3E"] {
        let page = world.visitor().get(&format!("/login?next=/account&reason={reason}")).await;
        assert_eq!(page.without_chance(), expected);
    }
}

#[tokio::test]
async fn sign_out_forgets_what_was_typed() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    browser.post_form("/account/backup", &[("email", "new@example.org")]).await;
    assert!(browser.cookie(TYPED).is_some());
    browser.submit("/logout", &[]).await;
    assert_eq!(browser.cookies(), Vec::<String>::new());
}

#[tokio::test]
async fn who_signs_in_next_in_a_shared_browser_does_not_read_what_was_typed() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.person("joris").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(QUARTER * 2);
    browser.post_form("/account/backup", &[("email", "new@example.org")]).await;
    browser.post_form("/login", &[("identifier", "joris"), ("password", PASSWORD)]).await;
    let page = browser.get("/account").await;
    assert!(page.body.contains("joris@example.com") && !page.body.contains("new@example.org"));
}

#[tokio::test]
async fn sending_again_after_a_fresh_sign_in_shows_the_address_once() {
    let world = World::new();
    let browser = world.person("mina").pending("p@example.org").signed_in().await;
    world.after(QUARTER * 2);
    browser.post_form("/account/backup", &[("email", "p@example.org")]).await;
    sign_in_again(&browser).await;
    assert!(!browser.get("/account").await.body.contains("<details open>"), "nothing was typed");
}

#[tokio::test]
async fn a_forged_cookie_of_what_was_typed_is_escaped_or_ignored() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let plain = browser.get("/account").await;
    for value in ["x", "AAAA", "é", "\"><script>", &"A".repeat(5_000)] {
        let browser = world.signed_in(&mina).await.with_cookie(&format!("{TYPED}={value}"));
        // More than five sign-ins unfold.
        world.forget_history();
        let page = browser.get("/account").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.body.matches("<details").count(), plain.body.matches("<details").count());
        assert!(!page.body.contains("<details open>") && !page.body.contains("<script"));
    }
    // A real cookie with markup in it: a program can obtain one.
    world.after(QUARTER * 2);
    let markup = "\"><script>alert(1)</script>@example.org";
    let answer = browser.post_form("/account/backup", &[("email", markup)]).await;
    assert!(!answer.body.contains("<script"), "{}", answer.body);
}
