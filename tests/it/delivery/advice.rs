//! What the account page advises when email fails: only what the person can do there.
use std::time::Duration;

use serde_json::json;

use super::{LATER, MINUTE, PRIMARY, SPARE, mina};
use crate::support::{Visitor, World, bounce, complaint, token_in};

const PROMOTE: &str = "Make the backup email the primary";
const ANOTHER: &str = "Use another primary email";
const ADVICE: &str = "Use another address as your primary email.";

/// What the box about the primary has of these.
async fn advised(browser: &Visitor<'_>) -> Vec<&'static str> {
    let words = browser.get("/account").await.words();
    let (first, _) = words.split_once("\nUsername\n").expect("what follows");
    assert!(
        first.contains("Sign-in links don’t reach you, and a security notice may not either."),
        "{first}"
    );
    [ADVICE, PROMOTE, ANOTHER].into_iter().filter(|advice| first.contains(advice)).collect()
}

#[tokio::test]
async fn the_backup_email_is_advised_only_while_email_to_it_arrives() {
    let world = World::new();
    let mina = mina(&world).await;
    assert!(world.report(&bounce(PRIMARY, LATER)).await);
    let browser = world.signed_in(&mina).await;
    assert_eq!(advised(&browser).await, [ADVICE, PROMOTE, ANOTHER]);
    assert!(world.report(&complaint(SPARE, LATER)).await);
    assert_eq!(advised(&browser).await, [ADVICE, ANOTHER]);
}

#[tokio::test]
async fn nothing_is_advised_that_is_not_possible_now() {
    let world = World::new();
    let mina = mina(&world).await;
    let browser = world.signed_in(&mina).await;
    assert_eq!(browser.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    let undo = token_in(&world.deliver().await[0]);
    let form = json!({ "token": undo, "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &form).await.status, 200);
    world.after(MINUTE);
    for address in [PRIMARY, SPARE] {
        assert!(world.report(&bounce(address, LATER + 100)).await);
    }
    let browser = world.signed_in(&mina).await;
    assert_eq!(advised(&browser).await, [""; 0], "changes are frozen");
    let words = browser.get("/account").await.words();
    let dead = "It would not let you back into your account.";
    assert!(words.contains(dead) && !words.contains("Choose another backup email."), "{words}");
    world.after(Duration::from_hours(72));
    let browser = world.signed_in(&mina).await;
    assert_eq!(advised(&browser).await, [ADVICE, ANOTHER]);
    assert!(browser.get("/account").await.words().contains(&format!("{dead} Choose another backup email.")));
}
