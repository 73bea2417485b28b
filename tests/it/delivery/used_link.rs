//! A link that is used shows that its own email arrived, and nothing about those that failed since.
use serde_json::{Value, json};

use super::{LATER, MINUTE, PRIMARY, SPARE, contents, mina, said};
use crate::set_password::signed_in_by_link;
use crate::support::{NOON, Visitor, World, bounce, complaint, token_in};

/// Asks for a sign-in link.
async fn requested_link(world: &World, browser: &Visitor<'_>, address: &str) -> String {
    assert_eq!(browser.post_form("/login/link", &[("email", address)]).await.status, 303);
    token_in(&world.deliver().await[0])
}

#[tokio::test]
async fn a_link_from_before_a_failure_does_not_end_it_and_the_primary_is_told_once() {
    for report in [bounce, complaint] {
        let world = World::new();
        let mina = mina(&world).await;
        let elsewhere = world.visitor();
        let token = requested_link(&world, &elsewhere, SPARE).await;
        world.after(MINUTE);
        let failed_at = NOON + 100;
        assert!(world.report(&report(SPARE, failed_at)).await);
        assert_eq!(world.deliver().await.len(), 1, "the primary is told");
        world.after(MINUTE);
        assert_eq!(elsewhere.post_form("/login/open", &[("token", &token)]).await.status, 303);
        let browser = world.signed_in(&mina).await;
        assert_eq!(said(&browser).await[1]["since"], json!(failed_at));
        // SES tells of it again at each further email.
        world.deliver().await;
        assert!(world.report(&report(SPARE, NOON + 170)).await);
        assert!(world.deliver().await.is_empty(), "it was told already");
        assert_eq!(said(&browser).await[1]["since"], json!(failed_at));
    }
}

#[tokio::test]
async fn a_report_that_comes_after_the_use_of_an_older_link_counts() {
    let world = World::new();
    mina(&world).await;
    let elsewhere = world.visitor();
    let token = requested_link(&world, &elsewhere, SPARE).await;
    world.after(MINUTE);
    assert_eq!(elsewhere.post_form("/login/open", &[("token", &token)]).await.status, 303);
    assert!(world.report(&complaint(SPARE, NOON + 61)).await);
    assert_eq!(said(&elsewhere).await[1]["why"], "complained", "its reader had the link and reported it");
}

#[tokio::test]
async fn a_link_that_was_requested_after_a_failure_ends_it_and_a_later_failure_counts_again() {
    let world = World::new();
    mina(&world).await;
    assert!(world.report(&bounce(PRIMARY, LATER)).await);
    let browser = signed_in_by_link(&world, PRIMARY).await;
    assert_eq!(said(&browser).await[0], Value::Null);
    // What is known stays: an older report is out of date.
    let before = contents(&world);
    assert!(world.report(&bounce(PRIMARY, LATER + 1)).await);
    assert_eq!(contents(&world), before);
    // Once more, now that something is known.
    world.after(MINUTE);
    let browser = signed_in_by_link(&world, PRIMARY).await;
    assert!(world.report(&bounce(PRIMARY, NOON + 120)).await);
    assert_eq!(said(&browser).await[0], Value::Null);
    world.after(MINUTE);
    assert!(world.report(&bounce(PRIMARY, NOON + 121)).await);
    assert_eq!(said(&browser).await[0], json!({ "why": "bounced", "since": NOON + 121 }));
}

#[tokio::test]
async fn an_undo_link_from_before_a_failure_of_the_primary_does_not_end_it() {
    let world = World::new();
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    assert_eq!(browser.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    let token = token_in(&world.deliver().await[0]);
    world.after(MINUTE);
    assert!(world.report(&complaint(PRIMARY, NOON + 100)).await);
    let form = json!({ "token": token, "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &form).await.status, 200);
    world.after(MINUTE);
    let browser = world.signed_in(&mina).await;
    assert_eq!(said(&browser).await[0], json!({ "why": "complained", "since": NOON + 100 }));
}
