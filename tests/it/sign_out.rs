//! Signing out.
use serde_json::json;

use crate::support::{Ask, World};

const PATH: &str = "/logout";

#[tokio::test]
async fn the_session_ends_at_the_server_and_the_cookie_goes() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let [session] = &browser.cookies()[..] else { panic!("one cookie") };
    let answer = browser.post_form(PATH, &[]).await;
    assert_eq!(answer.shown(), "303 to /login");
    let mut cookies = ["__Host-session", "__Host-wanted"]
        .map(|name| format!("{name}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"))
        .to_vec();
    cookies.push("__Host-banner=signed-out; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60".into());
    assert_eq!(answer.cookies, cookies);
    assert_eq!(answer.header("clear-site-data"), "\"cache\", \"storage\"");
    assert!(world.dump()["SessionsTable"].is_empty());
    assert!(!world.visitor().with_cookie(session).is_signed_in().await, "a kept cookie opens nothing");
}

#[tokio::test]
async fn other_sessions_stay() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (phone, laptop) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    assert_eq!(phone.post_json(PATH, &json!({})).await.status, 200);
    assert!(laptop.is_signed_in().await);
}

#[tokio::test]
async fn without_a_session_the_answer_is_the_same() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let signed_in = world.signed_in(&mina).await;
    let ended = signed_in.post_form(PATH, &[]).await;
    assert_eq!(world.visitor().post_form(PATH, &[]).await, ended);
    assert_eq!(world.visitor().with_session(&"A".repeat(43)).post_form(PATH, &[]).await, ended);
}

#[tokio::test]
async fn a_link_or_a_form_of_another_site_signs_nobody_out() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let answer = browser.get(PATH).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"));
    let forged = Ask::form(PATH, &[]).header("sec-fetch-site", "cross-site");
    assert_eq!(browser.ask(&forged).await.status, 403);
    assert!(browser.is_signed_in().await);
}
