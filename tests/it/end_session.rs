//! Ending sessions of the user's own account.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Ask, NOON, PASSWORD, Visitor, World, read, token_in};

const PATH: &str = "/account/sessions/end";

/// The names of the sessions that a browser's list shows, its own first.
async fn listed(browser: &Visitor<'_>) -> Vec<String> {
    let sessions = browser.get_json("/account").await.json()["sessions"].clone();
    let sessions = sessions.as_array().expect("there is a list");
    sessions.iter().map(|session| session["session"].as_str().expect("it has a name").to_owned()).collect()
}

/// The name of a browser's own session.
async fn own(browser: &Visitor<'_>) -> String {
    listed(browser).await.remove(0)
}

#[tokio::test]
async fn one_of_several_sessions_can_be_ended_and_the_others_stay() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let lost = world.signed_in(&mina).await;
    let name = own(&lost).await;

    assert_eq!(laptop.post_form(PATH, &[("session", &name)]).await.shown(), "303 to /account");
    assert!(!lost.is_signed_in().await);
    assert!(laptop.is_signed_in().await && phone.is_signed_in().await);
    assert!(!listed(&laptop).await.contains(&name));

    let name = own(&phone).await;
    let answer = laptop.post_json(PATH, &json!({ "session": name })).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ended": "session" })));
}

#[tokio::test]
async fn a_session_that_has_ended_already_gets_a_calm_page() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let name = own(&phone).await;
    phone.post_form("/logout", &[]).await;
    let page = laptop.submit(PATH, &[("session", &name)]).await;
    assert!(page.words().starts_with("That session has ended."), "{}", page.words());
    assert_eq!(laptop.post_json(PATH, &json!({ "session": name })).await.code(), "session-gone");
}

#[tokio::test]
async fn someone_elses_session_cannot_be_ended() {
    let world = World::new();
    let (mina, joris) = (world.person("mina").create().await, world.person("joris").create().await);
    let (mina, joris) = (world.signed_in(&mina).await, world.signed_in(&joris).await);
    let name = own(&joris).await;
    let before = world.dump();
    let (refused, calls) = world.calls_of(mina.post_json(PATH, &json!({ "session": name }))).await;
    assert_eq!((refused.status, &*refused.code()), (404, "session-gone"));
    assert_eq!(world.dump(), before);
    assert!(joris.is_signed_in().await);

    let unknown = json!({ "session": "A".repeat(43) });
    let (unknown, calls_for_unknown) = world.calls_of(mina.post_json(PATH, &unknown)).await;
    assert_eq!((unknown, calls_for_unknown), (refused, calls), "it looks like one that is not there");
}

#[tokio::test]
async fn ending_all_others_cancels_what_one_of_them_may_have_asked_for() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, thief) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let says = "also cancels the address that is waiting for confirmation";
    assert!(!laptop.get("/account").await.words().contains(says), "nothing waits");
    let token = thief.emailed_token("/account/backup", "thief@example.org").await;
    let code = thief.get("/account").await.link_code();
    assert!(laptop.get("/account").await.words().contains(says));
    world.after(Duration::from_mins(1));

    laptop.post_form(PATH, &[("others", "true")]).await;
    world.deliver().await;
    let account = laptop.get_json("/account").await.json();
    assert_eq!(account["backup"], json!({ "state": "none" }));
    let confirming = thief.post_json("/backup/confirm", &json!({ "token": token, "code": code })).await;
    assert_eq!((confirming.status, &*confirming.code()), (410, "link-replaced"));
    let again = laptop.emailed_token("/account/backup", "spare@example.org").await;
    assert_eq!(laptop.post_json("/backup/confirm", &json!({ "token": again })).await.status, 200);
}

#[tokio::test]
async fn ending_all_others_leaves_only_this_browser_and_tells_the_owner() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let answer = laptop.post_form(PATH, &[("others", "true")]).await;
    assert_eq!(answer.shown(), "303 to /account");
    assert!(laptop.is_signed_in().await && !phone.is_signed_in().await);
    assert_eq!(listed(&laptop).await.len(), 1);
    let rows = world.dump()["SessionsTable"].len();
    assert_eq!(rows, 2, "the phone's row waits for its end, dead");
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    All other sessions of your account were ended

    Hello mina,

    On 22 November 2026 at 12:00 UTC, someone who is signed in to your account ended all its other sessions. Sign-in links and confirmation links that were sent before no longer work. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");

    world.after(Duration::from_secs(1));
    assert_eq!(laptop.post_json(PATH, &json!({ "others": true })).await.json()["ended"], "other-sessions");
    assert!(laptop.is_signed_in().await, "again, and again it goes on");
}

#[tokio::test]
async fn the_notice_of_an_ending_undoes_it() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let thief = world.signed_in(&mina).await;
    assert_eq!(thief.post_json(PATH, &json!({ "others": true })).await.status, 200);
    let token = token_in(&world.deliver().await[0]);
    let undo = json!({ "token": token, "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &undo).await.status, 200);
    assert!(!thief.is_signed_in().await);
    world.after(Duration::from_secs(1));
    let account = world.signed_in(&mina).await.get_json("/account").await.json();
    assert_eq!(account["backup"]["address"], "spare@example.org", "the backup email stays as it was");
}

#[tokio::test]
async fn all_others_can_be_ended_five_times_a_day_and_no_time_lies_in_the_future() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let thief = world.signed_in(&mina).await;
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(thief.post_json(PATH, &json!({ "others": true })).await.status);
    }
    let ended = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((ended, statuses[5..].iter().all(|status| *status == 429)), (5, true));
    assert_eq!(world.deliver().await.len(), 5, "the owner hears of each");
    insta::assert_snapshot!(thief.post_form(PATH, &[("others", "true")]).await.shown(), @r"
    429
    You have ended all other sessions several times today
    You can still end sessions one by one on your account page. Tomorrow all of them can be ended at once again.
    Go to your account
    ");

    world.after(Duration::from_secs(1));
    let owner = world.visitor();
    let link = owner.emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(owner.post_json("/login/open", &json!({ "token": link })).await.status, 200);
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    assert_eq!(world.visitor().post_json("/login", &credentials).await.status, 200);
    let now = i64::try_from(NOON + 1).expect("noon fits");
    for row in &world.dump()["SessionsTable"] {
        let row: Value = serde_json::from_str(row).expect("a row is JSON");
        for time in ["created_at", "seen_at", "authenticated_at"] {
            let time: i64 = row[time]["N"].as_str().expect("a number").parse().expect("a number");
            assert!(time <= now, "{row}");
        }
    }
    world.after(Duration::from_hours(24));
    let browser = world.signed_in(&mina).await;
    assert_eq!(browser.post_json(PATH, &json!({ "others": true })).await.status, 200, "tomorrow it works");
}

#[tokio::test]
async fn ending_all_others_ends_a_session_the_index_does_not_show_yet() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let (answer, calls) = world.calls_of(laptop.post_json(PATH, &json!({ "others": true }))).await;
    assert_eq!(answer.status, 200);
    // The index may lag: it is used neither here nor when the session is used.
    assert!(calls.iter().all(|call| !call.what.contains("account-index")), "{calls:?}");
    let body = json!({});
    let (refused, calls) = world.calls_of(phone.post_json("/account/backup/remove", &body)).await;
    assert_eq!(refused.code(), "not-signed-in");
    assert!(calls.iter().all(|call| !call.what.contains("account-index")), "{calls:?}");
}

#[tokio::test]
async fn ending_all_others_ends_one_that_began_in_the_same_second_and_a_link_asked_for_before() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let laptop = world.signed_in(&mina).await;
    let thief = world.visitor();
    let link = thief.emailed_token("/login/link", "mina@example.com").await;
    let same_second = world.signed_in(&mina).await;
    laptop.post_form(PATH, &[("others", "true")]).await;
    assert!(!same_second.is_signed_in().await);
    world.after(Duration::from_secs(5));
    assert_ne!(thief.post_json("/login/open", &json!({ "token": link })).await.status, 200);
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn a_sign_in_right_after_all_were_ended_holds() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.end_sessions(&mina).await;
    let browser = world.visitor();
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    assert_eq!(browser.post_json("/login", &credentials).await.status, 200);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn twice_in_one_second_ends_what_began_in_between() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    let laptop = world.signed_in(&mina).await;
    laptop.post_json(PATH, &json!({ "others": true })).await;
    let thief = world.visitor();
    assert_eq!(thief.post_json("/login", &credentials).await.status, 200);
    assert_eq!(laptop.post_json(PATH, &json!({ "others": true })).await.status, 200);
    assert!(laptop.is_signed_in().await && !thief.is_signed_in().await);

    assert_eq!(thief.post_json("/login", &credentials).await.status, 200);
    world.end_sessions(&mina).await;
    assert!(!laptop.is_signed_in().await && !thief.is_signed_in().await);

    assert_eq!(thief.post_json("/login", &credentials).await.status, 200);
    world.disable(&mina).await;
    world.enable(&mina).await;
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn ending_all_others_is_no_sign_in() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(Duration::from_mins(15));
    assert_eq!(browser.post_json(PATH, &json!({ "others": true })).await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(browser.post_json(PATH, &json!({ "others": true })).await.code(), "fresh-sign-in-needed");
    for _ in 0..3 {
        world.after(Duration::from_hours(24 * 10).saturating_sub(Duration::from_mins(6)));
        assert!(browser.is_signed_in().await);
    }
    world.after(Duration::from_mins(18));
    assert!(!browser.is_signed_in().await, "thirty days after the sign-in it ends all the same");
}

#[tokio::test]
async fn of_two_browsers_that_end_each_other_at_once_one_goes_on() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (one, other) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    world.wire.contend();
    let body = json!({ "others": true });
    let (first, second) = tokio::join!(one.post_json(PATH, &body), other.post_json(PATH, &body));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert!(one.is_signed_in().await != other.is_signed_in().await);
}

#[tokio::test]
async fn ending_the_own_session_by_name_signs_out() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let name = own(&browser).await;
    let page = browser.submit(PATH, &[("session", &name)]).await;
    assert!(page.words().starts_with("You are signed out."), "{}", page.words());
    assert_eq!(browser.cookies(), Vec::<String>::new());
    assert!(world.dump()["SessionsTable"].is_empty());
}

#[tokio::test]
async fn exactly_one_thing_can_be_asked_for() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let before = world.dump();
    let session = "A".repeat(43);
    let bodies: [Value; 4] = [
        json!({}),
        json!({ "others": false }),
        json!({ "session": session, "others": true }),
        json!({ "others": "yes" }),
    ];
    for body in bodies {
        assert_eq!(browser.post_json(PATH, &body).await.code(), "malformed-body", "{body}");
    }
    assert_eq!(browser.post_form(PATH, &[]).await.status, 400);
    assert_eq!(world.dump(), before);
    for session in ["", "x", &"A".repeat(5_000), "../../x"] {
        assert_eq!(browser.post_json(PATH, &json!({ "session": session })).await.code(), "session-gone");
    }
}

#[tokio::test]
async fn nobody_ends_sessions_without_one_or_from_another_site() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let others = json!({ "others": true });
    assert_eq!(world.visitor().post_json(PATH, &others).await.code(), "not-signed-in");
    let forged = Ask::form(PATH, &[("others", "true")]).header("sec-fetch-site", "cross-site");
    assert_eq!(laptop.ask(&forged).await.status, 403);
    assert_eq!(laptop.get(PATH).await.header("allow"), "POST, OPTIONS");
    assert!(phone.is_signed_in().await);
}
