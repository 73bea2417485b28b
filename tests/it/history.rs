//! The table of what happened to accounts, as an undo reads it.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::{Value, json};

use crate::support::{NOON, World};
use crate::undo_history::{MINUTES, PATH, UndoLink, backup_of_mina, change, sign_in};

#[tokio::test]
async fn rows_that_cannot_be_read_are_left_out_and_reported() {
    let world = World::new();
    let thief = world.person("mina").backup("owners@example.org").signed_in().await;
    world.after(MINUTES);
    let last = change(&world, &thief, "thief@example.net").await;
    let good = last.ids().await;
    let row = world.history_rows(false)[1].clone();
    let broken = [
        ("happened", json!({ "M": { "what": { "S": "unheard-of" } } })),
        ("happened", json!({ "S": "backup-added" })),
        ("happened_at", json!({ "S": "yesterday" })),
        ("source", json!({ "M": { "device": { "S": "toaster" }, "network": { "S": "" } } })),
        ("before", json!({ "M": { "backup": { "M": { "email": { "S": "x" } } } } })),
        ("before", json!({ "NULL": true })),
    ];
    for (number, (attribute, value)) in broken.iter().enumerate() {
        let mut row = row.clone();
        row[attribute] = value.clone();
        // Just after the last event.
        row["event_id"] = json!({ "S": format!("{}{number}", &good[1][..25]) });
        world.put("HistoryTable", &row);
    }
    assert_eq!(last.ids().await, good);
    let log = world.log();
    assert!(log.matches("an event of the history is left out").count() >= broken.len(), "{log}");
    assert!(!log.contains('@'), "no address in the log: {log}");
    assert_eq!(last.undo().await.status, 200);
    assert_eq!(backup_of_mina(&world).await, "owners@example.org");
}

#[tokio::test]
async fn links_of_an_earlier_version_undo_what_they_are_about() {
    let world = World::new();
    let thief = world.person("mina").backup("owners@example.org").signed_in().await;
    world.after(MINUTES);
    let link = change(&world, &thief, "thief@example.net").await;
    world.remove_everywhere("LinksTable", "event_id");
    world.forget_history();
    let page = link.page().await;
    assert_eq!((&page["what"], &page["events"][0]["id"]), (&json!("changed"), &page["chosen"]));
    assert_eq!(link.undo().await.status, 200);
    assert_eq!(backup_of_mina(&world).await, "owners@example.org");
}

#[tokio::test]
async fn events_are_kept_for_ninety_days_and_listed_for_seven() {
    let world = World::new();
    let mina = world.person("mina").backup("owners@example.org").create().await;
    let row = world.history_rows(false)[0].clone();
    assert_eq!(row["expires_at"], json!({ "N": (NOON + 90 * 24 * 3_600).to_string() }));
    world.after(Duration::from_hours(7 * 24) + Duration::from_secs(1));
    let link = change(&world, &world.signed_in(&mina).await, "new@example.org").await;
    assert_eq!(link.ids().await.len(), 1);
    assert_eq!(link.undo().await.status, 200);
    assert_eq!(backup_of_mina(&world).await, "owners@example.org");
}

#[tokio::test]
async fn a_hundred_uses_of_an_hour_are_listed_once() {
    let world = World::new();
    world.person("mina").backup("owners@example.org").create().await;
    sign_in(&world, "owners@example.org").await;
    let link = UndoLink::due(&world).await;
    for _ in 1..100 {
        sign_in(&world, "owners@example.org").await;
    }
    assert_eq!(world.history_rows(false).len(), 101);
    // The link is about the first use, and is always there.
    assert_eq!(link.ids().await.len(), 3, "{}", link.page().await);
    assert_eq!(link.undo().await.status, 200);
    world.after(Duration::from_hours(1));
    assert_eq!(backup_of_mina(&world).await, Value::Null);
}

#[tokio::test]
async fn while_the_history_cannot_be_read_nothing_is_undone() {
    let world = World::new();
    let thief = world.person("mina").signed_in().await;
    let link = change(&world, &thief, "thief@example.net").await;
    let before = world.dump();
    for form in [None, Some(json!({ "token": link.token, "username": "mina" }))] {
        world.wire.fail_on("HistoryTable", "Query", 3, FaultKind::ServerError);
        let answer = match form {
            Some(form) => link.post(&form).await,
            None => world.visitor().get(&format!("{PATH}?token={}", link.token)).await,
        };
        assert_eq!(answer.status, 500);
    }
    assert_eq!(world.dump(), before);
    assert_eq!(link.undo().await.status, 200);
}
