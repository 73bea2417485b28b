//! Undoing that a password was set.
use std::time::Duration;

use serde_json::{Value, json};

use crate::set_password::{NEW, set, sign_in, signed_in_by_link};
use crate::support::{PASSWORD, Visitor, World, read};
use crate::undo_history::{MINUTES, PATH, UndoLink, change};

/// What a thief sets.
const THIEFS: &str = "violet kettle otter";

/// Sets a password; returns the link in the notice.
async fn set_and_told<'w>(world: &'w World, browser: &Visitor<'_>, password: &str) -> UndoLink<'w> {
    assert_eq!(set(browser, password).await.status, 200);
    UndoLink::due(world).await
}

async fn thief(world: &World) -> Visitor<'_> {
    world.person("mina").backup("owners@example.org").signed_in().await
}

#[tokio::test]
async fn the_link_in_the_notice_voids_it_and_says_so_before_and_after() {
    let world = World::new();
    let thief = thief(&world).await;
    world.after(MINUTES);
    let link = set_and_told(&world, &thief, THIEFS).await;
    let page = world.visitor().get(&format!("{PATH}?token={}", link.token)).await;
    insta::assert_snapshot!(page.shown(), @r"
    200
    This wasn’t you?
    If you undo the change, everybody is signed out of your account, links that were already sent stop working, and its email addresses can’t be changed for 72 hours.
    What happened in the last 7 days
    Choose the earliest thing that wasn’t you. It is undone, and so is everything listed above it.
    On 22 November 2026 at 12:02 UTC, a new password was set for your account. Everybody else was signed out. Sign-in links and confirmation links that were sent before no longer work.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: Your backup email stays as it is. The password that was set stops working, and the one before it doesn’t come back. You then sign in with a link, and can set a new password.
    On 22 November 2026 at 12:00 UTC, ow***rs@example.org became the backup email of your account. It can now be used to get back into the account.
    The request came from a device we don’t know, from an address that begins with 127.0.
    If you undo from here: Your account then has no backup email. The password that was set stops working, and the one before it doesn’t come back. You then sign in with a link, and can set a new password.
    Your username
    It’s in the email with this link. We ask for it so that no email scanner can undo anything for you.
    Undo the change
    Was it you after all? Close this page, and nothing changes.
    ");
    let json = link.page().await;
    assert_eq!((&json["what"], &json["password_void"]), (&json!("password-set"), &json!(true)));
    assert_eq!(json["events"][0]["password_void"], true);

    let form = [("token", &*link.token), ("username", "mina")];
    insta::assert_snapshot!(world.visitor().submit(PATH, &form).await.shown(), @r"
    200
    The change has been undone
    Your primary email is m***a@example.com. Your backup email is ow***rs@example.org.
    The password that was set no longer works, and the one before it doesn’t come back. Sign in with a link that we send you, then set a new password.
    Everybody was signed out. Now sign in again, and set a new password if someone else may know yours. Email addresses can be changed again from 25 November 2026 at 12:04 UTC.
    Go to sign-in
    ");
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    insta::assert_snapshot!(read(notice), @r"
    A change to your account was undone

    Hello mina,

    On 22 November 2026 at 12:04 UTC, a change was undone through the link in our email. The backup email of your account is now ow***rs@example.org. The password that was set no longer works. Sign in with a link that we send you, and set a new one. The request came from a Linux computer, from an address that begins with 203.0.

    Go to your account:
    https://account.example.com/account

    Everybody was signed out. Sign in and check your account, and set a new password if someone else may know yours.

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
    assert!(!thief.is_signed_in().await);
    for password in [THIEFS, PASSWORD] {
        assert_eq!(sign_in(&world, password).await, 401, "neither is valid: {password}");
    }
}

#[tokio::test]
async fn then_it_is_an_account_without_a_password_and_its_owner_sets_one() {
    let world = World::new();
    let thief = thief(&world).await;
    world.after(MINUTES);
    let link = set_and_told(&world, &thief, THIEFS).await;
    let undone = link.undo().await;
    assert_eq!((undone.status, &undone.json()["password_void"]), (200, &json!(true)));
    world.deliver().await;
    let void = world.work_of(world.calls_of(tried(&world, "mina", THIEFS))).await;
    world.person("joris").without_password().backup("joris.spare@example.org").create().await;
    let none = world.work_of(world.calls_of(tried(&world, "joris", THIEFS))).await;
    assert_eq!(void, none, "the same answer after the same calls and the same work");

    world.after(MINUTES);
    let owner = signed_in_by_link(&world, "mina@example.com").await;
    let account = owner.get_json("/account").await.json();
    assert_eq!(account["has_password"], false);
    assert!(!account["frozen_until"].is_null(), "setting a password is allowed all the same");
    assert_eq!(set(&owner, THIEFS).await.status, 200, "there is no present password to compare with");
    assert_eq!(sign_in(&world, THIEFS).await, 200);
    assert_eq!(set(&owner, NEW).await.status, 200);
    assert_eq!((sign_in(&world, THIEFS).await, sign_in(&world, NEW).await), (401, 200));
}

async fn tried(world: &World, identifier: &str, password: &str) -> (i64, String) {
    let form = json!({ "identifier": identifier, "password": password });
    let answer = world.visitor().post_json("/login", &form).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn everything_from_the_chosen_event_on_is_undone_and_nothing_before() {
    for (since, password_left, backup_left) in [
        (0, None, "owners@example.org"),
        (1, None, "owners@example.org"),
        (2, None, "owners@example.org"),
        (3, Some(THIEFS), "owners@example.org"),
        (4, Some(THIEFS), "thief@example.net"),
    ] {
        let world = World::new();
        let thief = thief(&world).await;
        world.after(MINUTES);
        // The owner's own addition of the backup email is the first event.
        thief.post_json("/account/sessions/end", &json!({ "others": true })).await;
        UndoLink::due(&world).await;
        set_and_told(&world, &thief, THIEFS).await;
        change(&world, &thief, "thief@example.net").await;
        thief.post_json("/account/sessions/end", &json!({ "others": true })).await;
        let newest = UndoLink::due(&world).await;
        let ids = newest.ids().await;
        assert_eq!(ids.len(), 5);
        let page = newest.page().await;
        let shown: Vec<&Value> = page["events"]
            .as_array()
            .expect("a list")
            .iter()
            .rev()
            .map(|event| &event["password_void"])
            .collect();
        assert_eq!(shown, [true, true, true, false, false]);
        let form = json!({ "token": newest.token, "username": "mina", "since": ids[since] });
        let answer = newest.post(&form).await;
        assert_eq!((answer.status, &answer.json()["password_void"]), (200, &json!(password_left.is_none())));
        world.after(Duration::from_secs(1));
        for password in [PASSWORD, THIEFS] {
            let expected = if password_left == Some(password) { 200 } else { 401 };
            assert_eq!(sign_in(&world, password).await, expected, "since {since}: {password}");
        }
        let owner = signed_in_by_link(&world, "mina@example.com").await;
        let backup = owner.get_json("/account").await.json()["backup"]["address"].clone();
        let expected = if since == 0 { Value::Null } else { json!(backup_left) };
        assert_eq!(backup, expected, "since {since}");
    }
}

#[tokio::test]
async fn a_password_from_before_the_chosen_event_stays() {
    let world = World::new();
    let owner = thief(&world).await;
    world.after(MINUTES);
    set_and_told(&world, &owner, NEW).await;
    let link = change(&world, &owner, "thief@example.net").await;
    assert_eq!(link.page().await["password_void"], false);
    assert_eq!(link.undo().await.json()["password_void"], false);
    world.after(Duration::from_secs(1));
    assert_eq!(sign_in(&world, NEW).await, 200);
}

#[tokio::test]
async fn an_undo_since_a_later_event_revives_nothing_that_an_earlier_one_voided() {
    let world = World::new();
    let thief = thief(&world).await;
    world.after(MINUTES);
    let first = set_and_told(&world, &thief, THIEFS).await;
    thief.post_json("/account/sessions/end", &json!({ "others": true })).await;
    let later = UndoLink::due(&world).await;
    assert_eq!(first.undo().await.status, 200);
    world.deliver().await;
    assert_eq!(later.page().await["password_void"], false, "it is void already");
    assert_eq!(later.undo().await.status, 200);
    world.after(Duration::from_secs(1));
    for password in [THIEFS, PASSWORD] {
        assert_eq!(sign_in(&world, password).await, 401, "{password}");
    }
}

#[tokio::test]
async fn two_links_of_two_passwords_undone_at_once_leave_none() {
    let world = World::new();
    let thief = thief(&world).await;
    world.after(MINUTES);
    let first = set_and_told(&world, &thief, THIEFS).await;
    let second = set_and_told(&world, &thief, NEW).await;
    world.wire.contend();
    let (one, other) = tokio::join!(first.undo(), second.undo());
    assert_eq!((one.status, other.status), (200, 200));
    world.after(Duration::from_secs(1));
    for password in [THIEFS, NEW, PASSWORD] {
        assert_eq!(sign_in(&world, password).await, 401, "{password}");
    }
}

#[tokio::test]
async fn an_undo_and_a_password_at_once_leave_no_password_of_a_thief() {
    for turns in 0..24 {
        let world = World::new();
        let thief = thief(&world).await;
        world.after(MINUTES);
        let link = change(&world, &thief, "thief@example.net").await;
        if turns % 2 == 1 {
            world.wire.contend();
        }
        let setting = async {
            crate::ending::yield_for(turns).await;
            set(&thief, THIEFS).await
        };
        let (undone, _) = tokio::join!(link.undo(), setting);
        assert_eq!(undone.status, 200, "{turns}");
        assert!(!thief.is_signed_in().await, "{turns}");
        world.after(Duration::from_secs(1));
        assert_eq!(sign_in(&world, THIEFS).await, 401, "{turns}");
    }
}

#[tokio::test]
async fn a_sign_in_that_began_before_the_undo_leaves_its_password_void() {
    const OUTDATED: &str =
        "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
    let world = World::new();
    let mina = world.person("mina").create().await;
    let thief = world.signed_in(&mina).await;
    let link = set_and_told(&world, &thief, THIEFS).await;
    let account = async || world.operator.store.load_account(&mina.id).await.expect("the database works");
    let before = account().await.expect("it exists").password_hash.expect("it has one");
    assert_eq!(link.undo().await.status, 200);
    // The upgrade of a sign-in that was slow comes after the undo.
    let upgraded = domain::PasswordHash::parse(OUTDATED).expect("a hash");
    let upgrading = world.functions.password_login.store.upgrade_password(&mina.id, &before, &upgraded).await;
    upgrading.expect("the database works");
    assert!(account().await.expect("it exists").password_hash.is_none());
}
