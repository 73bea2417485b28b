//! Setting a password at the same time as something else, often, and while the database fails.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::{Value, json};

use crate::set_password::{NEW, PATH, contents, mina, set, sign_in};
use crate::support::{PASSWORD, Visitor, World, token_in};

#[tokio::test]
async fn of_two_at_once_one_is_set_and_the_other_gets_a_clear_answer() {
    let world = World::new();
    let (mina, one) = mina(&world).await;
    let other = world.signed_in(&mina).await;
    world.wire.contend();
    let second = "violet kettle otter";
    let (first, then) = tokio::join!(set(&one, NEW), set(&other, second));
    let mut statuses = [first.status, then.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let (winner, loser, is, is_not) =
        if first.status == 200 { (&one, &then, NEW, second) } else { (&other, &first, second, NEW) };
    assert_eq!(loser.code(), "changed-meanwhile");
    assert!(winner.is_signed_in().await);
    assert!(one.is_signed_in().await != other.is_signed_in().await);
    assert_eq!((sign_in(&world, is).await, sign_in(&world, is_not).await), (200, 401));
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn a_double_click_sets_it_once_and_both_answers_lead_to_the_account() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let page = browser.get(PATH).await;
    let [first, second] = browser.double_click(&page, PATH, &[("password", NEW)]).await;
    assert_eq!((first.shown(), second.shown()), ("303 to /account".into(), "303 to /account".into()));
    assert_eq!(first.session(), second.session());
    let page = browser.follow(&second).await;
    assert!(page.words().starts_with("Your new password is set."), "{}", page.words());
    assert_eq!((sign_in(&world, NEW).await, world.deliver().await.len()), (200, 1));
}

#[tokio::test]
async fn the_form_of_an_ended_session_gives_no_session_to_anybody_else() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let fields = browser.get(PATH).await.hidden_fields(PATH);
    let form: Vec<_> =
        fields.iter().map(|(name, value)| (&**name, &**value)).chain([("password", NEW)]).collect();
    assert_eq!(browser.post_form(PATH, &form).await.shown(), "303 to /account");
    for other in [world.visitor(), world.visitor().with_session(&"A".repeat(43))] {
        assert_eq!(other.post_form(PATH, &form).await.session(), None);
    }
}

#[tokio::test]
async fn a_session_that_was_ended_meanwhile_is_not_revived() {
    let world = World::new();
    let (mina, browser) = mina(&world).await;
    let other = world.signed_in(&mina).await;
    let name = name_of(&browser).await;
    world.wire.contend();
    let ending = other.post_json("/account/sessions/end", &name);
    let (set, ended) = tokio::join!(set(&browser, NEW), ending);
    assert!(
        matches!((set.status, ended.status), (200, 401 | 404) | (401 | 409, 200)),
        "{} {}",
        set.status,
        ended.status
    );
    assert_eq!(browser.is_signed_in().await, set.status == 200);
}

/// The form that ends this browser's session.
async fn name_of(browser: &Visitor<'_>) -> Value {
    let account = browser.get_json("/account").await.json();
    json!({ "session": account["sessions"][0]["session"] })
}

#[tokio::test]
async fn it_is_allowed_while_changes_are_frozen_and_ten_times_a_day_anew_after_each_undo() {
    let world = World::new();
    let (mina, thief) = mina(&world).await;
    let passwords = |number: usize| format!("otter kettle violet {number}");
    for number in 0..10 {
        assert_eq!(set(&thief, &passwords(number)).await.status, 200, "{number}");
    }
    insta::assert_snapshot!(thief.post_form(PATH, &[("password", NEW)]).await.shown(), @r"
    429
    Set a new password
    When you set it, everybody else is signed out of your account, and links we already sent stop working. You stay signed in here.
    That’s enough new passwords for today You can set another one tomorrow. If someone else has set one, use “This wasn’t me” in the email about it.
    Username
    New password
    At least 15 characters. Several words that have nothing to do with each other are hard to guess and easy to remember, and spaces are fine. A password manager can also make one up and remember it for you.
    Set password
    Go to your account
    ");
    let notices = world.deliver().await;
    assert_eq!(notices.len(), 10, "the owner hears of each");
    let undo = json!({ "token": token_in(&notices[0]), "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &undo).await.status, 200);

    world.after(Duration::from_secs(1));
    let owner = world.signed_in(&mina).await;
    assert!(!owner.get_json("/account").await.json()["frozen_until"].is_null());
    assert_eq!(set(&owner, NEW).await.status, 200);
    assert_eq!(sign_in(&world, NEW).await, 200);
}

#[tokio::test]
async fn guesses_at_the_present_password_are_counted_before_they_are_compared() {
    let world = World::new();
    let (_, thief) = mina(&world).await;
    for _ in 0..10 {
        assert_eq!(set(&thief, PASSWORD).await.code(), "same-as-present-password");
    }
    let (refused, work) = world.work_of(set(&thief, PASSWORD)).await;
    assert_eq!((&*refused.code(), work.argon2id_runs), ("too-many-passwords", 0));
    let (refused, work) = world.work_of(set(&thief, "too short")).await;
    assert_eq!((&*refused.code(), work.argon2id_runs), ("password-too-short", 0), "no guess");
    assert!(world.log().contains("\"limit\":\"new-passwords\""));
}

#[tokio::test]
async fn it_takes_four_calls_and_two_runs() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let ((answer, calls), work) = world.work_of(world.calls_of(set(&browser, NEW))).await;
    let calls: Vec<_> =
        calls.iter().map(|call| call.what.split([' ', '(']).next().unwrap_or_default()).collect();
    assert_eq!(answer.status, 200);
    assert_eq!(calls, ["UpdateItem", "Query", "UpdateItem", "TransactWriteItems"]);
    assert_eq!(work.argon2id_runs, 2);
}

#[tokio::test]
async fn an_imported_hash_is_replaced_and_recognised() {
    const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let world = World::new();
    let mina = world.person("mina").imported(BCRYPT).create().await;
    let browser = world.signed_in(&mina).await;
    assert_eq!(set(&browser, PASSWORD).await.code(), "same-as-present-password");
    assert_eq!(set(&browser, NEW).await.status, 200);
    assert_eq!((sign_in(&world, PASSWORD).await, sign_in(&world, NEW).await), (401, 200));
}

#[tokio::test]
async fn when_the_write_fails_nothing_is_half_done() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let before = contents(&world);
    world.wire.fail("TransactWriteItems", 99, FaultKind::ServerError);
    let answer = set(&browser, NEW).await;
    assert_eq!((answer.status, &*answer.code()), (500, "internal"));
    assert_eq!(contents(&world)[..3], before[..3]);
    world.wire.clear();
    assert!(browser.is_signed_in().await);
    assert_eq!((set(&browser, NEW).await.status, sign_in(&world, NEW).await), (200, 200));
}
