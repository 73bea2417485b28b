//! Signing in through a link from an email.
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Ask, Visitor, World, read};

const PATH: &str = "/login/open";
const LIFETIME: Duration = Duration::from_mins(10);

async fn open(visitor: &Visitor<'_>, token: &str) -> Answer {
    visitor.post_json(PATH, &json!({ "token": token })).await
}

fn page(token: &str) -> String {
    format!("{PATH}?token={token}")
}

#[tokio::test]
async fn a_click_and_a_button_sign_in() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    insta::assert_snapshot!(browser.get(&page(&token)).await.shown(), @r"
    200
    Sign in as mina?
    Sign in as mina
    You didn’t ask for this link? Close this page, and nothing happens.
    ");
    assert!(!browser.is_signed_in().await, "looking signs nobody in");

    let answer = browser.post_form(PATH, &[("token", &token)]).await;
    assert_eq!(answer.shown(), "303 to /account");
    let [cookie, device, asked, requested, banner] = &answer.cookies[..] else {
        panic!("{:?}", answer.cookies)
    };
    assert!(device.starts_with("__Host-device=") && device.ends_with("; Max-Age=31536000"), "{device}");
    assert_eq!(asked, "__Host-asked=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
    assert_eq!(requested, "__Host-requested=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
    assert_eq!(banner, "__Host-banner=signed-in; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
    let cookie = cookie.replace(&answer.session().expect("a session begins"), "SECRET");
    assert_eq!(cookie, "__Host-session=SECRET; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000");
    assert!(browser.is_signed_in().await);
    assert!(world.deliver().await.is_empty(), "the primary is nothing to be told of");
}

#[tokio::test]
async fn a_program_is_told_who_is_signed_in() {
    let world = World::new();
    world.person("mina").create().await;
    let program = world.visitor();
    let token = program.emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(
        program.get_json(&page(&token)).await.json(),
        json!({ "username": "mina", "signed_in_as": null, "needs_code": false })
    );
    assert_eq!(open(&program, &token).await.json(), json!({ "username": "mina" }));
}

#[tokio::test]
async fn through_the_backup_email_the_primary_hears_of_it() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "spare@example.org").await;
    assert_eq!(open(&browser, &token).await.status, 200);
    assert!(browser.is_signed_in().await);
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    Your backup email was used to sign in

    Hello mina,

    On 22 November 2026 at 12:00 UTC, someone signed in to your account with the backup email sp***re@example.org. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
}

#[tokio::test]
async fn opening_the_page_changes_nothing_however_often() {
    let world = World::new();
    world.person("mina").create().await;
    let scanner = world.visitor();
    let token = scanner.emailed_token("/login/link", "mina@example.com").await;
    let before = world.dump();
    let first = scanner.get(&page(&token)).await;
    for method in ["HEAD", "GET", "HEAD", "GET"] {
        let again = scanner.ask(&Ask { method: method.into(), ..Ask::page(&page(&token)) }).await;
        assert_eq!(again, first, "{method}");
    }
    assert!(first.cookies.is_empty());
    assert_eq!(world.dump(), before);
    assert_eq!(open(&scanner, &token).await.status, 200);
}

#[tokio::test]
async fn a_link_works_once() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(open(&browser, &token).await.status, 200);
    let other = world.visitor();
    let again = open(&other, &token).await;
    assert_eq!((again.status, &*again.code()), (410, "link-used"));
    assert!(!other.is_signed_in().await);
    insta::assert_snapshot!(other.get(&page(&token)).await.shown(), @r"
    410
    This link was already used
    Each link works once. If you still need one, you can get a new one.
    Get a new link
    ");
}

#[tokio::test]
async fn a_double_click_opens_one_session_in_the_browser_that_asked() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    let second_click = browser.duplicate();
    let first = open(&browser, &token).await;
    world.after(Duration::from_secs(30));
    let again = open(&second_click, &token).await;
    assert_eq!((first.status, again.status), (200, 200), "{}", again.body);
    assert_eq!(first.session(), again.session());
    assert!(second_click.is_signed_in().await);
    assert_eq!(world.dump()["SessionsTable"].len(), 1);
    assert!(world.deliver().await.is_empty(), "a sign-in through the primary sends no notice");

    for (what, clicks_late) in [("too late", true), ("after the session has ended", false)] {
        let browser = world.visitor();
        let token = browser.emailed_token("/login/link", "mina@example.com").await;
        let second_click = browser.duplicate();
        assert_eq!(open(&browser, &token).await.status, 200);
        if clicks_late {
            world.after(Duration::from_secs(31));
        } else {
            browser.post_json("/logout", &json!({})).await;
        }
        assert_eq!(open(&second_click, &token).await.code(), "link-used", "{what}");
    }
}

#[tokio::test]
async fn of_a_hundred_concurrent_openings_one_opens_a_session() {
    for conflicts in [false, true] {
        let world = World::new();
        world.person("mina").create().await;
        let asker = world.visitor();
        let token = asker.emailed_token("/login/link", "mina@example.com").await;
        if conflicts {
            world.wire.contend();
        }
        let visitors: Vec<_> = (0..100).map(|_| asker.duplicate()).collect();
        let answers = join_all(visitors.iter().map(|visitor| open(visitor, &token))).await;
        let with = |status| answers.iter().filter(|answer| answer.status == status).count();
        // On a busy machine a conflict may outlast the function's retries: then an error page, and no session.
        let given_up = if conflicts { with(500) } else { 0 };
        assert_eq!(with(200), 100 - given_up, "all of them are clicks of the browser that asked");
        let sessions: BTreeSet<_> = answers.iter().filter_map(Answer::session).collect();
        assert_eq!((sessions.len(), world.dump()["SessionsTable"].len()), (1, 1));
    }
}

#[tokio::test]
async fn a_link_works_for_ten_minutes() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    world.after(LIFETIME);
    assert_eq!(browser.get(&page(&token)).await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(open(&browser, &token).await.code(), "link-expired");
    insta::assert_snapshot!(browser.get(&page(&token)).await.shown(), @r"
    410
    This link has expired
    It was only good for a short time, to keep you safe. You can get a new one.
    Get a new link
    ");
}

#[tokio::test]
async fn a_new_link_makes_the_older_dead() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let browser = world.visitor();
    let older = browser.emailed_token("/login/link", "mina@example.com").await;
    let to_backup = browser.emailed_token("/login/link", "spare@example.org").await;
    world.after(Duration::from_secs(1));
    let newer = browser.emailed_token("/login/link", "mina@example.com").await;
    let dead = open(&browser, &older).await;
    assert_eq!((dead.status, &*dead.code()), (410, "link-replaced"));
    assert_eq!(browser.get(&page(&older)).await.status, 410);
    assert_eq!(open(&browser, &newer).await.status, 200);
    assert_eq!(open(&browser, &to_backup).await.status, 200, "another address has links of its own");
}

#[tokio::test]
async fn asking_alone_makes_no_link_dead_before_the_new_one_is_there() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    browser.post_form("/login/link", &[("email", "mina@example.com")]).await;
    assert_eq!(open(&browser, &token).await.status, 200);
}

#[tokio::test]
async fn the_browsers_former_session_ends() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.person("joris").signed_in().await;
    let [former] = &browser.cookies()[..] else { panic!("one cookie") };
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    insta::assert_snapshot!(browser.get(&page(&token)).await.shown(), @r"
    200
    Sign in as mina?
    You are already signed in here as joris. You can stay signed in, or use this link instead.
    Sign in as mina
    Stay signed in as joris
    You didn’t ask for this link? Close this page, and nothing happens.
    ");
    assert_eq!(open(&browser, &token).await.status, 200);
    assert_eq!(browser.get_json("/account").await.json()["username"], "mina");
    assert!(!world.visitor().with_cookie(former).is_signed_in().await);
}

#[tokio::test]
async fn who_signs_in_again_is_not_told_to_stay_signed_in() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    insta::assert_snapshot!(browser.get(&page(&token)).await.shown(), @r"
    200
    Sign in as mina?
    Sign in as mina
    You didn’t ask for this link? Close this page, and nothing happens.
    ");
    assert_eq!(open(&browser, &token).await.status, 200);
}

#[tokio::test]
async fn what_is_no_sign_in_link_is_unknown() {
    let world = World::new();
    let (_, confirmation) = world.person("mina").asks_for_backup("spare@example.org").await;
    let stranger = world.visitor();
    for wrong in ["", "x", &confirmation, &"A".repeat(43), "%00", "../../etc/passwd"] {
        let answer = open(&stranger, wrong).await;
        assert_eq!((answer.status, &*answer.code()), (404, "link-unknown"), "{wrong}");
        assert_eq!(stranger.get(&page(wrong)).await.status, 404, "{wrong}");
    }
    assert_eq!(stranger.get(PATH).await.status, 404);
    assert!(stranger.cookies().is_empty());
}

#[tokio::test]
async fn a_failing_database_leaves_the_link_alive() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    let before = world.dump();
    world.wire.fail("TransactWriteItems", 3, dev::aws::faults::FaultKind::ServerError);
    let answer = open(&browser, &token).await;
    assert_eq!((answer.status, &*answer.code()), (500, "internal"));
    assert!(answer.cookies.is_empty());
    assert_eq!(world.dump(), before);
    world.wire.fail("TransactWriteItems", 1, dev::aws::faults::FaultKind::LostAnswer);
    assert_eq!(open(&browser, &token).await.status, 200);
    assert!(browser.is_signed_in().await);
}
