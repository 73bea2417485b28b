//! The list of the user's own sessions on the account page.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Ask, NOON, PASSWORD, Visitor, World};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15";

async fn sign_in(browser: &Visitor<'_>, identifier: &str, user_agent: &str) {
    let form = Ask::form("/login", &[("identifier", identifier), ("password", PASSWORD)]);
    assert_eq!(browser.ask(&form.header("user-agent", user_agent)).await.status, 303);
}

fn after_heading(words: &str) -> &str {
    let (_, section) = words.split_once("Where you are signed in\n").expect("the section is there");
    section.split_once("\nWhat happened lately").expect("the history follows").0
}

#[tokio::test]
async fn each_session_says_on_what_device_how_and_when() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let phone = world.visitor_from("198.51.100.4");
    sign_in(&phone, "mina", IPHONE).await;
    world.after(Duration::from_hours(2));
    let laptop = world.visitor();
    let token = laptop.emailed_token("/login/link", "spare@example.org").await;
    laptop.post_form("/login/open", &[("token", &token)]).await;
    insta::assert_snapshot!(after_heading(&laptop.get("/account").await.words()), @r"
    Linux computer
    address begins with 203.0
    This browser
    Signed in through a link to the backup email on 22 November 2026 at 14:00 UTC
    Last used just now
    iPhone
    address begins with 198.51
    Signed in with a password on 22 November 2026 at 12:00 UTC
    Last used 2 hours ago
    End session
    End all other sessions
    ");
    let phone_sees = phone.get("/account").await;
    assert!(!phone_sees.words().contains("You signed in with your backup email"), "{}", phone_sees.words());
}

/// Sessions from before it was stored have no source.
#[tokio::test]
async fn a_session_that_lacks_an_attribute_is_none_and_is_not_listed() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let stored: Value = serde_json::from_str(&world.dump()["SessionsTable"][0]).expect("an item is JSON");
    let other = world.signed_in(&mina).await;
    let attributes = stored.as_object().expect("an item has attributes").keys();
    for attribute in attributes.filter(|attribute| !["session_hash", "source"].contains(&attribute.as_str()))
    {
        let mut item = stored.clone();
        item.as_object_mut().expect("an item has attributes").remove(attribute);
        world.put("SessionsTable", &item);
        let answer = browser.get("/account").await;
        assert_eq!(answer.header("location"), "/login?next=/account", "{attribute}: {}", answer.shown());
        let answer = other.get("/account").await;
        assert_eq!(answer.status, 200, "{attribute}: {}", answer.shown());
        assert!(answer.words().contains("You are signed in only here."), "{attribute}: {}", answer.words());
    }
    world.put("SessionsTable", &stored);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_single_session_is_told_as_such() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let joris = world.person("joris").create().await;
    let browser = world.signed_in(&mina).await;
    world.signed_in(&joris).await;
    insta::assert_snapshot!(after_heading(&browser.get("/account").await.words()), @r"
    Unknown device
    This browser
    Signed in with a password on 22 November 2026 at 12:00 UTC
    Last used just now
    You are signed in only here.
    ");
}

#[tokio::test]
async fn programs_read_the_sessions_too() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    sign_in(&browser, "mina", IPHONE).await;
    let page = browser.get_json("/account").await.json();
    let session = page["sessions"][0]["session"].clone();
    assert_eq!(session.as_str().map(str::len), Some(43));
    let expected = json!({
        "session": session, "device": "iphone", "network": "203.0.x.x", "how": "password",
        "signed_in_at": NOON, "seen_at": NOON, "this_browser": true,
    });
    assert_eq!(page["sessions"], json!([expected]));
    assert_eq!(page["more_sessions"], false);
    let secret = browser.cookie("__Host-session").expect("a session");
    assert!(!page.to_string().contains(&secret), "what names a session opens none");
}

#[tokio::test]
async fn dead_sessions_are_not_listed() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.signed_in(&mina).await;
    world.after(Duration::from_hours(24 * 14));
    let browser = world.signed_in(&mina).await;
    let count = async |browser: &Visitor<'_>| {
        browser.get_json("/account").await.json()["sessions"].as_array().map(Vec::len)
    };
    assert_eq!(count(&browser).await, Some(1), "the idle one is not there");
    world.end_sessions(&mina).await;
    world.after(Duration::from_secs(1));
    let browser = world.signed_in(&mina).await;
    assert_eq!(count(&browser).await, Some(1), "nor one that was ended");
}

#[tokio::test]
async fn twenty_are_shown_and_that_there_are_more_is_said() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let first = world.signed_in(&mina).await;
    for _ in 0..20 {
        world.after(Duration::from_secs(1));
        world.signed_in(&mina).await;
    }
    let page = first.get_json("/account").await.json();
    assert_eq!(page["sessions"].as_array().map(Vec::len), Some(20));
    assert_eq!((&page["sessions"][0]["this_browser"], &page["more_sessions"]), (&json!(true), &json!(true)));
    let newest = page["sessions"][1]["signed_in_at"].as_u64();
    assert_eq!(newest, Some(NOON + 20), "the newest first, behind this browser's");
    assert!(first.get("/account").await.words().contains("There may be more than are shown."));
}

/// A living session, then so many newer ones that idle; returns the living one's browser and a new one's.
async fn behind_idle_ones(world: &World, idle: usize) -> (Visitor<'_>, Visitor<'_>) {
    let mina = world.person("mina").create().await;
    let living = world.signed_in(&mina).await;
    world.after(Duration::from_secs(1));
    world.signed_in(&mina).await;
    let rows = world.dump()["SessionsTable"].clone();
    let rows = rows.iter().map(|row| serde_json::from_str(row).expect("it is JSON"));
    let mut row: serde_json::Value =
        rows.max_by_key(|row: &serde_json::Value| row["created_at"]["N"].to_string()).expect("a session");
    for number in 1..idle {
        row["session_hash"] = json!({ "S": format!("{number:042}A") });
        world.put("SessionsTable", &row);
    }
    for _ in 0..2 {
        world.after(Duration::from_hours(24 * 8));
        assert!(living.is_signed_in().await, "it is used");
    }
    (living, world.signed_in(&mina).await)
}

#[tokio::test]
async fn a_living_session_is_listed_behind_any_number_of_idle_ones() {
    let world = World::new();
    let (_living, browser) = behind_idle_ones(&world, 130).await;
    let page = browser.get_json("/account").await.json();
    assert_eq!(page["sessions"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["more_sessions"], false);
    assert!(browser.get("/account").await.words().contains("End all other sessions"));
}

#[tokio::test]
async fn past_a_thousand_idle_ones_the_others_can_still_be_ended() {
    let world = World::new();
    let (living, browser) = behind_idle_ones(&world, 1_010).await;
    let calls = world.wire.calls().len();
    let page = browser.get("/account").await;
    // Two of them read what happened lately.
    assert!(world.wire.calls().len() - calls <= 14, "the reading is bounded");
    assert!(page.words().contains("There may be more than are shown."), "{}", page.words());
    browser.post_form("/account/sessions/end", &[("others", "true")]).await;
    assert!(!living.is_signed_in().await && browser.is_signed_in().await);
}

#[tokio::test]
async fn a_session_from_before_devices_were_kept_still_reads() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let row: serde_json::Value = serde_json::from_str(&world.dump()["SessionsTable"][0]).expect("it is JSON");
    let mut row = row;
    row.as_object_mut().expect("a row").remove("source").expect("it is kept today");
    world.put("SessionsTable", &row);
    let page = browser.get_json("/account").await;
    assert_eq!((page.status, &page.json()["sessions"][0]["device"]), (200, &json!("unknown")));
}

#[tokio::test]
async fn pages_tell_times_in_the_zone_of_the_deployment() {
    let mut world = World::new();
    world.deploy(&[("TIME_ZONE", "Europe/Copenhagen")]);
    let browser = world.person("mina").backup("old@example.org").signed_in().await;
    let page = browser.get("/account").await;
    assert!(page.words().contains("Confirmed on 22 November 2026 at 13:00 CET"), "{}", page.words());
    let marked = "<time datetime=\"2026-11-22T12:00:00Z\" title=\"22 November 2026 at 13:00 CET\">";
    assert!(page.body.contains(marked), "{}", page.body);
    assert_eq!(browser.get_json("/account").await.json()["backup"]["since"], NOON, "programs get seconds");
}
