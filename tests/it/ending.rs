//! Ending means ended: whatever happens at the same moment, and whatever an earlier version wrote.
use std::cell::Cell;
use std::time::Duration;

use serde_json::json;

use crate::support::{NOON, Visitor, World, token_in};

const END: &str = "/account/sessions/end";

/// How often a thief and an owner race; each time other calls meet.
const RACES: usize = 50;

/// A thief changes the backup email of this person; returns the secret of the undo link.
async fn changed(world: &World, thief: &Visitor<'_>) -> String {
    let token = thief.emailed_token("/account/backup", "thief@example.net").await;
    assert_eq!(thief.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    token_in(&world.deliver().await[0])
}

/// Calls everything that a session allows, until the owner's undo is answered.
async fn loop_calls(thief: &Visitor<'_>, delay: usize, done: &Cell<bool>) {
    yield_for(delay).await;
    while !done.get() {
        thief.post_json(END, &json!({ "others": true })).await;
        thief.post_json("/account/backup", &json!({ "email": "again@example.net" })).await;
        thief.post_json("/account/backup/remove", &json!({})).await;
        thief.get("/account").await;
    }
}

/// Lets other tasks run this many times.
pub async fn yield_for(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn thieves_who_loop_every_call_of_their_sessions_keep_none_after_an_undo() {
    let mut survivors = 0;
    for race in 0..RACES {
        let world = World::new();
        let mina = world.person("mina").backup("former@example.org").create().await;
        let thief = world.signed_in(&mina).await;
        let undo = json!({ "token": changed(&world, &thief).await, "username": "mina" });
        let other = world.signed_in(&mina).await;
        world.after(Duration::from_mins(1));
        let (owner, done) = (world.visitor(), Cell::new(false));
        if race % 2 == 1 {
            world.wire.contend();
        }
        let undoing = async {
            yield_for(race % 23).await;
            let undone = owner.post_json("/undo", &undo).await;
            done.set(true);
            undone
        };
        let loops = (loop_calls(&thief, race % 7, &done), loop_calls(&other, race % 11, &done));
        let (undone, (), ()) = tokio::join!(undoing, loops.0, loops.1);
        assert_eq!(undone.status, 200, "race {race}: {}", undone.body);
        for browser in [&thief, &other] {
            survivors += usize::from(browser.is_signed_in().await);
        }
        world.assert_claims_fit();
        assert!(
            world
                .operator
                .store
                .load_account(&mina.id)
                .await
                .is_ok_and(|account| { account.is_some_and(|account| account.backup.pending().is_none()) })
        );
    }
    println!("{survivors} sessions survived {RACES} races");
    assert_eq!(survivors, 0, "of {RACES} races");
}

#[tokio::test]
async fn a_link_asked_for_in_the_second_of_an_ending_or_before_is_never_made() {
    for (seconds, emails) in [(-1, 0), (0, 0), (1, 1)] {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let second = Duration::from_secs(1);
        if seconds >= 0 {
            world.end_sessions(&mina).await;
            world.after(second * u32::try_from(seconds).expect("not negative"));
        }
        world.visitor().post_form("/login/link", &[("email", "mina@example.com")]).await;
        if seconds < 0 {
            world.after(second);
            world.end_sessions(&mina).await;
        }
        assert_eq!(world.deliver().await.len(), emails, "asked {seconds} s after the ending");
    }
}

#[tokio::test]
async fn what_an_earlier_version_wrote_has_ended_and_says_so_calmly() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let link = world.visitor().emailed_token("/login/link", "mina@example.com").await;
    let confirmation = browser.emailed_token("/account/backup", "new@example.org").await;
    for table in ["SessionsTable", "LinksTable", "AccountsTable"] {
        world.remove_everywhere(table, "generation");
    }
    world.set(&mina.id, "profile", "sessions_valid_from", &json!({ "N": (NOON + 300).to_string() }));

    assert_eq!(browser.get("/account").await.shown(), "303 to /login?next=/account");
    for (path, token) in [("/login/open", &link), ("/backup/confirm", &confirmation)] {
        let answer = world.visitor().post_json(path, &json!({ "token": token })).await;
        assert_eq!((answer.status, &*answer.code()), (410, "link-replaced"), "{path}");
    }
    let again = world.signed_in(&mina).await;
    let account = again.get_json("/account").await.json();
    assert_eq!(account["backup"]["state"], "confirmed", "{account}");
    let link = world.visitor().emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(world.visitor().get(&format!("/login/open?token={link}")).await.status, 200);
    assert_eq!(again.post_json(END, &json!({ "others": true })).await.status, 200);
    assert!(again.is_signed_in().await);
}
