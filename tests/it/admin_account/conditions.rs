//! Conditional requests, and many at once.
use futures_util::future::join_all;
use serde_json::json;

use super::{ID, assert_refused, path, wanted, wanted_with};
use crate::support::{Answer, Ask, World};

fn put(fields: &serde_json::Value) -> Ask {
    Ask::signed_json("PUT", &path(ID), &wanted_with(fields))
}

#[tokio::test]
async fn the_tag_follows_what_a_product_sees_and_nothing_else() {
    let world = World::new();
    let mut tags = vec![world.put_account(ID, &wanted()).await.header("etag").to_owned()];
    let person = world.person_of(ID).await;
    let browser = world.signed_in(&person).await;
    assert_eq!(world.get_account(ID).await.header("etag"), tags[0], "a sign-in changes nothing of it");
    browser.emailed_token("/account/backup", "spare@example.org").await;
    assert_eq!(
        world.get_account(ID).await.header("etag"),
        tags[0],
        "nor does what waits to be the backup email"
    );
    for change in
        [put(&json!({ "locale": "da" })), put(&json!({ "username": "Mina" })), put(&json!({ "kind": "sso" }))]
    {
        tags.push(world.back_end(&change).await.header("etag").to_owned());
    }
    world.post_account(ID, "disable").await;
    tags.push(world.get_account(ID).await.header("etag").to_owned());
    let different: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!(different.len(), tags.len(), "{tags:?}");
}

#[tokio::test]
async fn a_get_with_a_known_tag_brings_no_body() {
    let world = World::new();
    let tag = world.put_account(ID, &wanted()).await.header("etag").to_owned();
    let known = world.back_end(&Ask::signed("GET", &path(ID)).header("if-none-match", &tag)).await;
    assert_eq!((known.status, &*known.body, known.header("etag")), (304, "", &*tag));
    let other = world.back_end(&Ask::signed("GET", &path(ID)).header("if-none-match", "\"x\"")).await;
    assert_eq!(other.status, 200);
    let matches = world.back_end(&Ask::signed("GET", &path(ID)).header("if-match", "\"x\"")).await;
    assert_refused(&matches, 412, "precondition-failed", None);
}

#[tokio::test]
async fn a_put_meets_its_condition_or_does_nothing() {
    let world = World::new();
    let missing = put(&json!({})).header("if-match", "*");
    assert_refused(&world.back_end(&missing).await, 412, "precondition-failed", None);
    let only_new = put(&json!({})).header("if-none-match", "*");
    let created = world.back_end(&only_new).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_refused(&world.back_end(&only_new).await, 412, "precondition-failed", None);
    let tag = created.header("etag");
    let renamed = world.back_end(&put(&json!({ "username": "joris" })).header("if-match", tag)).await;
    assert_eq!(renamed.status, 200);
    let before = world.dump();
    for stale in [tag, "\"x\"", "x", "", &*format!("W/{}", renamed.header("etag"))] {
        for ask in [
            put(&json!({ "username": "nour" })).header("if-match", stale),
            Ask::signed("DELETE", &path(ID)).header("if-match", stale),
        ] {
            assert_refused(&world.back_end(&ask).await, 412, "precondition-failed", None);
        }
    }
    let known = put(&json!({ "username": "nour" })).header("if-none-match", renamed.header("etag"));
    assert_refused(&world.back_end(&known).await, 412, "precondition-failed", None);
    for unreadable in ["", ",", "x", "\"x"] {
        let put = put(&json!({ "username": "nour" })).header("if-none-match", unreadable);
        assert_refused(&world.back_end(&put).await, 412, "precondition-failed", None);
        let get = Ask::signed("GET", &path(ID)).header("if-none-match", unreadable);
        assert_refused(&world.back_end(&get).await, 412, "precondition-failed", None);
    }
    assert_eq!(world.dump(), before);
    let deleted = Ask::signed("DELETE", &path(ID)).header("if-match", renamed.header("etag"));
    assert_eq!(world.back_end(&deleted).await.status, 200);
}

#[tokio::test]
async fn an_action_compares_with_the_account() {
    let world = World::new();
    let former = world.put_account(ID, &wanted()).await.header("etag").to_owned();
    world.put_account(ID, &wanted_with(&json!({ "locale": "da" }))).await;
    for action in ["disable", "enable", "end-sessions"] {
        let post = |header: &str, value: &str| {
            Ask::signed("POST", &format!("{}/{action}", path(ID))).header(header, value)
        };
        let before = world.dump();
        for stale in [post("if-match", &former), post("if-match", "x"), post("if-none-match", "*")] {
            assert_refused(&world.back_end(&stale).await, 412, "precondition-failed", None);
        }
        assert_eq!(world.dump(), before, "{action}");
        let tag = world.get_account(ID).await.header("etag").to_owned();
        assert_eq!(world.back_end(&post("if-match", &tag)).await.status, 204, "{action}");
    }
}

/// Sends requests at once, while transactions on one item conflict.
async fn at_once(world: &World, asks: &[Ask]) -> Vec<Answer> {
    world.wire.contend();
    join_all(asks.iter().map(|ask| world.back_end(ask))).await
}

#[tokio::test]
async fn of_fifty_that_create_one_account_one_does_and_the_others_see_it() {
    let world = World::new();
    let answers = at_once(&world, &vec![put(&json!({})); 50]).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let others = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, others), (1, 49), "{answers:#?}");
    let tag = answers[0].header("etag");
    assert!(answers.iter().all(|answer| answer.header("etag") == tag));
    world.assert_claims_fit();
    assert_eq!(world.dump()["AccountsTable"].iter().filter(|item| item.contains("\"profile\"")).count(), 1);
}

#[tokio::test]
async fn of_fifty_that_only_create_one_does() {
    let world = World::new();
    let answers = at_once(&world, &vec![put(&json!({})).header("if-none-match", "*"); 50]).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[49]), (201, 412, 412), "{statuses:?}");
}

#[tokio::test]
async fn of_twenty_that_change_what_they_have_read_one_does() {
    let world = World::new();
    let tag = world.put_account(ID, &wanted()).await.header("etag").to_owned();
    let asks: Vec<_> = (0..20)
        .map(|number| put(&json!({ "username": format!("mina{number}") })).header("if-match", &tag))
        .collect();
    let answers = at_once(&world, &asks).await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((changed, refused), (1, 19), "{answers:#?}");
    world.assert_claims_fit();
}

#[tokio::test]
async fn wishes_that_cross_are_fulfilled_one_after_the_other_or_said_to_be_tried_again() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let asks: Vec<_> = (0..10)
        .flat_map(|number| {
            [put(&json!({ "username": format!("mina{number}") })), put(&json!({ "locale": "da" }))]
        })
        .collect();
    for answer in at_once(&world, &asks).await {
        // Where conflicts last longer than a request, its answer is to send it again.
        assert!(answer.status == 200 || answer.code() == "changed-meanwhile", "{}", answer.body);
    }
    world.assert_claims_fit();
    assert_eq!(world.put_account(ID, &wanted_with(&json!({ "locale": "en" }))).await.status, 200);
}

#[tokio::test]
async fn two_accounts_that_want_one_name_get_it_once() {
    let world = World::new();
    let asks: Vec<_> = (0..20)
        .map(|number| {
            let fields = json!({ "email": format!("person{number}@example.com") });
            Ask::signed_json("PUT", &path(&format!("user-{number}")), &wanted_with(&fields))
        })
        .collect();
    let answers = at_once(&world, &asks).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let taken =
        answers.iter().filter(|answer| answer.status == 409 && answer.code() == "username-taken").count();
    assert_eq!((created, taken), (1, 19), "{answers:#?}");
    world.assert_claims_fit();
}
