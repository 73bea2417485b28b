//! What the account page says about what happened lately.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::{Value, json};

use crate::set_password::{NEW, set, signed_in_by_link};
use crate::support::{NOON, Visitor, World};
use crate::undo_history::{MINUTES, UndoLink, change, sign_in};

/// What happened, the newest first.
async fn whats(browser: &Visitor<'_>) -> Vec<String> {
    let page = browser.get_json("/account").await.json();
    let history = page["history"].as_array().expect("a list");
    history.iter().map(|one| one["what"].as_str().expect("a word").to_owned()).collect()
}

fn lately(words: &str) -> &str {
    words.split_once("What happened lately\n").expect("the section is there").1
}

#[tokio::test]
async fn everything_is_listed_once_the_newest_first() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = sign_in(&world, "mina").await;
    world.after(MINUTES);
    browser.post_json("/account/backup", &json!({ "email": "typo@example.org" })).await;
    world.deliver().await;
    world.after(Duration::from_secs(1));
    browser.post_json("/account/backup/remove", &json!({ "what": "pending" })).await;
    world.after(MINUTES);
    change(&world, &browser, "spare@example.org").await;
    signed_in_by_link(&world, "mina@example.com").await;
    world.after(Duration::from_secs(1));
    sign_in(&world, "spare@example.org").await;
    world.after(Duration::from_secs(1));
    signed_in_by_link(&world, "spare@example.org").await;
    world.after(Duration::from_secs(1));
    browser.post_json("/account/sessions/end", &json!({ "others": true })).await;
    world.after(Duration::from_secs(1));
    set(&browser, NEW).await;
    world.after(Duration::from_secs(1));
    browser.post_json("/account/backup/remove", &json!({ "what": "confirmed" })).await;
    assert_eq!(
        whats(&browser).await,
        [
            "removed",
            "password-set",
            "sessions-ended",
            "used",
            "used",
            "signed-in",
            "added",
            "requested",
            "cancelled",
            "requested",
            "signed-in",
            "created",
        ]
    );
}

#[tokio::test]
async fn programs_read_when_how_and_from_where_and_no_address_in_full() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = sign_in(&world, "mina").await;
    world.after(MINUTES);
    browser.post_json("/account/backup", &json!({ "email": "spare@example.org" })).await;
    let page = browser.get_json("/account").await.json();
    let source = json!({ "device": "linux", "network": "203.0.x.x" });
    let with_source = |mut one: Value| {
        let fields = one.as_object_mut().expect("an object");
        fields.extend(source.as_object().expect("an object").clone());
        one
    };
    assert_eq!(
        page["history"],
        json!([
            with_source(json!({ "what": "requested", "address": "sp***re@example.org", "at": NOON + 120 })),
            with_source(json!({ "what": "signed-in", "how": "password", "at": NOON })),
            json!({ "what": "created", "at": NOON }),
        ])
    );
    let log = world.history_rows(true);
    assert_eq!(log.len(), 3);
    assert!(!format!("{log:?}").contains("spare@"), "a requested address may be anybody's: {log:?}");
}

#[tokio::test]
async fn the_page_shows_five_and_the_rest_unfolds() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    world.forget_history();
    let nothing = browser.get("/account").await.words();
    assert_eq!(lately(&nothing), "Nothing in the last 90 days.");
    for _ in 0..6 {
        world.after(Duration::from_mins(1));
        sign_in(&world, "mina").await;
    }
    world.after(Duration::from_mins(1));
    sign_in(&world, "spare@example.org").await;
    let page = browser.get("/account").await;
    insta::assert_snapshot!(lately(&page.words()), @r"
    The last 90 days, the newest first.
    Signed in with the backup email sp***re@example.org
    22 November 2026 at 12:07 UTC
    Linux computer address begins with 203.0
    Signed in with a password
    22 November 2026 at 12:06 UTC
    Linux computer address begins with 203.0
    Signed in with a password
    22 November 2026 at 12:05 UTC
    Linux computer address begins with 203.0
    Signed in with a password
    22 November 2026 at 12:04 UTC
    Linux computer address begins with 203.0
    Signed in with a password
    22 November 2026 at 12:03 UTC
    Linux computer address begins with 203.0
    Show earlier
    Signed in with a password
    22 November 2026 at 12:02 UTC
    Linux computer address begins with 203.0
    Signed in with a password
    22 November 2026 at 12:01 UTC
    Linux computer address begins with 203.0
    ");
    let (at_once, unfolds) = page.body.split_once("<summary>Show earlier").expect("it unfolds");
    let lately = at_once.split_once("id=\"history\"").expect("the section").1;
    assert_eq!((lately.matches("<time ").count(), unfolds.matches("<time ").count()), (5, 2));
    assert!(lately.contains("<time datetime=\"2026-11-22T12:07:00Z\">22 November 2026"), "{lately}");
}

#[tokio::test]
async fn twenty_are_listed_and_nothing_older_than_ninety_days() {
    let world = World::new();
    world.person("mina").create().await;
    let first = sign_in(&world, "mina").await;
    assert_eq!(whats(&first).await, ["signed-in", "created"]);
    world.after(Duration::from_hours(90 * 24) + Duration::from_secs(1));
    let browser = sign_in(&world, "mina").await;
    assert_eq!(whats(&browser).await.len(), 1, "the first is too old");
    for _ in 0..25 {
        sign_in(&world, "mina").await;
    }
    assert_eq!(whats(&browser).await.len(), 20);
    let (_, calls) = world.calls_of(browser.get("/account")).await;
    let queries: Vec<_> = calls.iter().filter(|call| call.what.contains("HistoryTable")).collect();
    assert_eq!(queries.len(), 2, "{calls:?}");
}

#[tokio::test]
async fn what_causes_no_notice_changes_nothing_about_an_undo() {
    let world = World::new();
    let mina = world.person("mina").backup("owners@example.org").create().await;
    let thief = world.signed_in(&mina).await;
    world.after(MINUTES);
    let link = change(&world, &thief, "thief@example.net").await;
    let before = link.page().await;
    for _ in 0..3 {
        sign_in(&world, "mina").await;
        world.after(MINUTES);
        thief.post_json("/account/backup", &json!({ "email": "other@example.net" })).await;
        thief.post_json("/account/backup/remove", &json!({ "what": "pending" })).await;
    }
    assert!(world.history_rows(true).len() > 9);
    assert_eq!(link.page().await, before);
    let emails: Vec<_> = world.deliver().await.into_iter().map(|email| email.to).collect();
    assert!(emails.iter().all(|to| to == "other@example.net"), "no notice: {emails:?}");
    assert_eq!(link.undo().await.status, 200);
}

#[tokio::test]
async fn a_refused_sign_in_or_request_logs_nothing() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.forget_history();
    let wrong = json!({ "identifier": "mina", "password": "wrong" });
    assert_eq!(world.visitor().post_json("/login", &wrong).await.status, 401);
    browser.post_json("/account/backup", &json!({ "email": "mina@example.com" })).await;
    browser.post_json("/account/backup/remove", &json!({ "what": "pending" })).await;
    let asked = json!({ "email": "spare@example.org" });
    assert_eq!(browser.post_json("/account/backup", &asked).await.status, 202);
    assert_eq!(browser.post_json("/account/backup", &asked).await.status, 429, "too soon");
    assert_eq!(world.history_rows(true).len(), 1);
}

#[tokio::test]
async fn another_accounts_history_is_not_listed_and_unreadable_rows_are_left_out() {
    let world = World::new();
    world.person("joris").create().await;
    sign_in(&world, "joris").await;
    let mina = world.person("mina").create().await;
    let browser = sign_in(&world, "mina").await;
    let of_mina = format!("log#{}", mina.id.as_str());
    let rows = world.history_rows(true);
    let mut row = rows.into_iter().find(|row| row["account_id"]["S"] == *of_mina).expect("a row of hers");
    row["event_id"] = json!({ "S": "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" });
    row["happened"] = json!({ "M": { "what": { "S": "unheard-of" } } });
    world.put("HistoryTable", &row);
    assert_eq!(whats(&browser).await, ["signed-in", "created"]);
    assert!(world.log().contains("an event of the history is left out"));
}

#[tokio::test]
async fn while_it_cannot_be_read_the_page_fails_calmly() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.wire.fail_on("HistoryTable", "Query", 6, FaultKind::ServerError);
    let page = browser.get("/account").await;
    assert_eq!(page.status, 500);
    assert!(!page.body.contains("HistoryTable"), "{}", page.body);
    world.wire.clear();
    assert_eq!(browser.get("/account").await.status, 200);
}

#[tokio::test]
async fn an_undo_is_listed_too() {
    let world = World::new();
    let mina = world.person("mina").backup("owners@example.org").create().await;
    let thief = world.signed_in(&mina).await;
    world.after(MINUTES);
    let link: UndoLink<'_> = change(&world, &thief, "thief@example.net").await;
    assert_eq!(link.undo().await.status, 200);
    world.after(Duration::from_secs(1));
    let owner = sign_in(&world, "mina").await;
    let words = owner.get("/account").await.words();
    assert!(
        words.contains(
            "Changes undone through the link in our email. The backup email was then ow***rs@example.org"
        ),
        "{words}"
    );
    assert!(
        words.contains("Backup email changed from ow***rs@example.org to th***ef@example.net"),
        "{words}"
    );
}
