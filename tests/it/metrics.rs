//! The application's metrics: each event once, and no name in any.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{NOON, PASSWORD, World};

/// The events counted since the last call: name and subject.
fn counted(world: &World, seen: &mut usize) -> Vec<String> {
    let lines = world.counted();
    let new = lines[*seen..].iter().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let metric = &line["_aws"]["CloudWatchMetrics"][0];
        let name = metric["Metrics"][0]["Name"].as_str().expect("a metric has a name");
        assert_eq!(line[name], 1, "{line}");
        assert_eq!(metric["Namespace"], "Sparekey/local", "as the template says");
        let keys: Vec<_> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, [name, "_aws", "about"], "nothing else is in a line");
        assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|time| time >= NOON * 1_000), "{line}");
        format!("{name} {}", line["about"].as_str().expect("a text"))
    });
    let new = new.collect();
    *seen = lines.len();
    new
}

#[tokio::test]
async fn each_step_of_the_story_is_counted_once_and_names_nobody() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.visitor();
    let mut seen = 0;

    let password = json!({ "identifier": "mina", "password": PASSWORD });
    browser.post_json("/login", &password).await;
    assert_eq!(counted(&world, &mut seen), ["SignedInWithPassword sign-in"]);

    let token = browser.emailed_token("/account/backup", "spare@example.org").await;
    assert_eq!(counted(&world, &mut seen), ["Requested confirmation", "Sent confirmation"]);
    browser.get(&format!("/backup/confirm?token={token}")).await;
    browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    world.deliver().await;
    assert_eq!(counted(&world, &mut seen), ["Opened confirmation", "Used confirmation", "Sent notice"]);

    browser.post_form("/forgot-username", &[("email", "spare@example.org")]).await;
    world.deliver().await;
    assert_eq!(counted(&world, &mut seen), ["Requested username", "Sent username"]);

    let token = browser.emailed_token("/login/link", "spare@example.org").await;
    browser.get(&format!("/login/open?token={token}")).await;
    browser.post_json("/login/open", &json!({ "token": token })).await;
    world.deliver().await;
    assert_eq!(
        counted(&world, &mut seen),
        [
            "Requested sign-in",
            "Sent sign-in",
            "Opened sign-in",
            "Used sign-in",
            "SignedInWithLinkToBackup sign-in",
            "Sent notice",
        ]
    );

    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    world.after(Duration::from_mins(11));
    browser.get(&format!("/login/open?token={token}")).await;
    assert_eq!(counted(&world, &mut seen), ["Requested sign-in", "Sent sign-in", "Expired sign-in"]);

    for line in world.counted() {
        for secret in ["mina", "spare", "@", mina.id.as_str(), &token] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

#[tokio::test]
async fn a_stranger_is_counted_alike_for_every_name() {
    let of = async |email: &str| {
        let world = World::new();
        world.person("mina").create().await;
        for _ in 0..6 {
            world.visitor().post_form("/login/link", &[("email", email)]).await;
        }
        world.counted()
    };
    let known = of("mina@example.com").await;
    assert_eq!(known, of("nobody@example.com").await);
    assert_eq!(known.iter().filter(|line| line.contains("\"Requested\":1")).count(), 6);
    assert_eq!(known.iter().filter(|line| line.contains("\"Refused\":1")).count(), 1);
}

#[tokio::test]
async fn a_reached_limit_is_counted_by_its_name() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let mut seen = 0;
    counted(&world, &mut seen);
    for _ in 0..2 {
        browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    }
    assert_eq!(
        counted(&world, &mut seen),
        ["Requested confirmation", "Requested confirmation", "Refused backup-request-spacing"]
    );
    for _ in 0..11 {
        let wrong = json!({ "identifier": "nobody", "password": "wrong" });
        world.visitor().post_json("/login", &wrong).await;
    }
    assert_eq!(counted(&world, &mut seen), ["Refused failed-passwords"]);
}
