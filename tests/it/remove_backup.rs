//! Removing the backup email, or cancelling a pending one.
use serde_json::json;

use crate::support::{PASSWORD, World, read};

const PATH: &str = "/account/backup/remove";

#[tokio::test]
async fn a_removed_address_stops_working_at_once_and_links_to_it_too() {
    let world = World::new();
    let browser = world.person("mina").backup("spare@example.org").signed_in().await;
    let stranger = world.visitor();
    let link = stranger.emailed_token("/login/link", "spare@example.org").await;

    let removed = browser.post_form(PATH, &[("what", "confirmed")]).await;
    assert_eq!(removed.shown(), "303 to /account");
    assert_eq!(browser.get_json("/account").await.json()["backup"], json!({ "state": "none" }));

    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    The backup email of your account was removed

    Hello mina,

    On 22 November 2026 at 12:00 UTC, sp***re@example.org was removed as the backup email of your account. It no longer works. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");

    let opened = stranger.post_json("/login/open", &json!({ "token": link })).await;
    assert_eq!((opened.status, &*opened.code()), (404, "link-unknown"));
    let credentials = json!({ "identifier": "spare@example.org", "password": PASSWORD });
    assert_eq!(stranger.post_json("/login", &credentials).await.code(), "wrong-credentials");
    for path in ["/forgot-username", "/login/link"] {
        stranger.post_form(path, &[("email", "spare@example.org")]).await;
    }
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn a_removed_address_is_free_for_others() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    world.signed_in(&mina).await.post_json(PATH, &json!({})).await;
    world.deliver().await;
    let (joris, token) = world.person("joris").asks_for_backup("spare@example.org").await;
    assert_eq!(joris.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
}

#[tokio::test]
async fn cancelling_a_change_leaves_the_former_in_force() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").pending("new@example.org").signed_in().await;
    let answer = browser.post_json(PATH, &json!({ "what": "pending" })).await;
    assert_eq!((answer.status, &answer.json()["backup"]["state"]), (200, &json!("confirmed")));
    assert_eq!(browser.get_json("/account").await.json()["backup"]["address"], "old@example.org");
    assert!(world.deliver().await.is_empty(), "nobody has to hear of it");
}

#[tokio::test]
async fn removing_during_a_change_leaves_the_new_address_pending() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").pending("new@example.org").signed_in().await;
    let answer = browser.post_json(PATH, &json!({ "what": "confirmed" })).await;
    assert_eq!((answer.status, &answer.json()["backup"]["state"]), (200, &json!("pending")));
    assert_eq!(browser.get_json("/account").await.json()["backup"]["pending_address"], "new@example.org");
}

#[tokio::test]
async fn without_a_word_the_smaller_loss_comes_first() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").pending("new@example.org").signed_in().await;
    for state in ["confirmed", "none"] {
        let answer = browser.post_json(PATH, &json!({})).await;
        assert_eq!(answer.json()["backup"]["state"], state);
    }
    let nothing = browser.post_json(PATH, &json!({})).await;
    assert_eq!((nothing.status, &*nothing.code()), (409, "nothing-to-remove"));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_removed() {
    let world = World::new();
    let none = world.person("none").create().await;
    let pending = world.person("pending").pending("p@example.org").create().await;
    let confirmed = world.person("confirmed").backup("c@example.org").create().await;
    for (person, what) in
        [(&none, "pending"), (&none, "confirmed"), (&pending, "confirmed"), (&confirmed, "pending")]
    {
        let browser = world.signed_in(person).await;
        let before = world.dump();
        let answer = browser.post_json(PATH, &json!({ "what": what })).await;
        assert_eq!(answer.code(), "nothing-to-remove", "{} {what}", person.username);
        let page = browser.submit(PATH, &[("what", what)]).await;
        assert!(page.words().starts_with("That was already done."), "{}", page.words());
        assert_eq!(world.dump(), before);
    }
}

#[tokio::test]
async fn two_clicks_remove_once_and_tell_once() {
    let world = World::new();
    let browser = world.person("mina").backup("spare@example.org").signed_in().await;
    world.wire.contend();
    let body = json!({ "what": "confirmed" });
    let (one, other) = tokio::join!(browser.post_json(PATH, &body), browser.post_json(PATH, &body));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn without_a_session_nothing_is_removed() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let before = world.dump();
    assert_eq!(world.visitor().post_json(PATH, &json!({})).await.code(), "not-signed-in");
    assert_eq!(world.dump(), before);
}
