//! Confirming a backup email through the link mailed to it.
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Ask, PASSWORD, Visitor, World, read};

const PATH: &str = "/backup/confirm";
const LIFETIME: Duration = Duration::from_hours(24);

async fn confirm(visitor: &Visitor<'_>, token: &str) -> Answer {
    visitor.post_json(PATH, &json!({ "token": token })).await
}

fn page(token: &str) -> String {
    format!("{PATH}?token={token}")
}

#[tokio::test]
async fn a_click_and_a_button_confirm_the_address() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;

    let phone = world.visitor();
    insta::assert_snapshot!(phone.get(&page(&token)).await.shown(), @r"
    200
    Confirm your backup email
    Username
    mina
    Backup email
    spare@example.org
    Once you confirm, this address can be used to get back into this account.
    Code
    You opened this link in another browser than the one that asked for it. The page there shows a code of six letters and digits. After five wrong codes the link stops working.
    Have you closed that page?
    Ask for a new link here
    Confirm this address
    Not your account? Close this page, and nothing changes.
    ");
    let code = browser.get("/account").await.link_code();
    insta::assert_snapshot!(phone.submit(PATH, &[("token", &token), ("code", &code)]).await.shown(), @r"
    200
    Your backup email is confirmed
    Username
    mina
    Backup email
    spare@example.org
    From now on you can use it to get your username or a sign-in link, or to sign in with your password.
    Go to your account
    ");

    let account = browser.get_json("/account").await.json();
    assert_eq!(
        account["backup"],
        json!({
            "state": "confirmed", "address": "spare@example.org", "since": crate::support::NOON,
        })
    );
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    A backup email was added to your account

    Hello mina,

    On 22 November 2026 at 12:00 UTC, sp***re@example.org became the backup email of your account. It can now be used to get back into the account. The request came from a Linux computer, from an address that begins with 203.0.

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
async fn a_link_opened_twice_confirms_once() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    assert_eq!(confirm(&browser, &token).await.status, 200);
    let before = world.dump();
    // A second click, a second look at the email: the address is confirmed.
    let again = confirm(&browser, &token).await;
    assert_eq!((again.status, &again.json()["address"]), (200, &json!("spare@example.org")));
    assert!(browser.get(&page(&token)).await.words().contains("Your backup email is confirmed"));
    world.after(2 * LIFETIME);
    assert_eq!(confirm(&world.visitor(), &token).await.status, 200);
    assert_eq!(world.dump()["AccountsTable"], before["AccountsTable"]);

    // Not any more.
    let browser = world.visitor();
    browser.post_json("/login", &json!({ "identifier": "mina", "password": PASSWORD })).await;
    assert_eq!(browser.post_json("/account/backup/remove", &json!({})).await.status, 200);
    let late = confirm(&browser, &token).await;
    assert_eq!((late.status, &*late.code()), (410, "link-used"));
    let page = browser.get(&page(&token)).await;
    assert_eq!(page.status, 410);
    assert!(page.body.contains("href=\"/account\""), "there is a way on");
}

#[tokio::test]
async fn opening_the_page_changes_nothing_however_often() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    let scanner = world.visitor();
    let before = world.dump();
    let first = scanner.get(&page(&token)).await;
    for method in ["HEAD", "GET", "HEAD", "GET"] {
        let again = scanner.ask(&Ask { method: method.into(), ..Ask::page(&page(&token)) }).await;
        assert_eq!(again, first, "{method}");
    }
    assert_eq!(first.status, 200);
    assert_eq!(world.dump(), before);
    assert_eq!(confirm(&browser, &token).await.status, 200);
}

#[tokio::test]
async fn of_fifty_concurrent_confirmations_one_confirms() {
    let world = World::new();
    let (browser, token) =
        world.person("mina").backup("old@example.org").asks_for_backup("spare@example.org").await;
    world.wire.contend();
    let answers = join_all((0..50).map(|_| confirm(&browser, &token))).await;

    assert!(answers.iter().all(|answer| answer.status == 200), "each says that it is confirmed");
    let conflicts = world.wire.calls().iter().filter(|call| call.error.is_some()).count();
    assert!(conflicts > 50, "they met, and conflicts were tried again");
    assert_eq!(world.deliver().await.len(), 1, "one notice");
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_confirmation_and_a_removal_at_once_leave_one_of_two_honest_states() {
    for what in ["confirmed", "pending"] {
        let world = World::new();
        let (browser, token) =
            world.person("mina").backup("old@example.org").asks_for_backup("new@example.org").await;
        world.wire.contend();
        let remove = json!({ "what": what });
        let (confirmed, removed) =
            tokio::join!(confirm(&browser, &token), browser.post_json("/account/backup/remove", &remove));
        assert!([200, 410].contains(&confirmed.status), "{what}: {}", confirmed.body);
        assert!([200, 409].contains(&removed.status), "{what}: {}", removed.body);
        assert!(confirmed.status == 200 || removed.status == 200, "{what}: one of them did it");
        let backup = browser.get_json("/account").await.json()["backup"].clone();
        let address = backup["address"].as_str();
        let expected =
            if confirmed.status == 200 { Some("new@example.org") } else { Some("old@example.org") };
        assert_eq!(address, expected, "{what}: {backup}");
        world.assert_claims_fit();
    }
}

#[tokio::test]
async fn of_two_accounts_racing_for_an_address_one_wins() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let joris = world.person("joris").create().await;
    let (first, second) = (world.signed_in(&mina).await, world.signed_in(&joris).await);
    let of_mina = first.emailed_token("/account/backup", "spare@example.org").await;
    let of_joris = second.emailed_token("/account/backup", "Spare@Example.org").await;
    world.wire.contend();
    let (one, other) = tokio::join!(confirm(&first, &of_mina), confirm(&second, &of_joris));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);

    let loser = if one.status == 200 { other } else { one };
    assert_eq!(loser.code(), "address-taken");
    let states = [
        first.get_json("/account").await.json()["backup"]["state"].clone(),
        second.get_json("/account").await.json()["backup"]["state"].clone(),
    ];
    assert!(states.contains(&json!("confirmed")) && states.contains(&json!("pending")), "{states:?}");
    world.assert_claims_fit();
}

#[tokio::test]
async fn an_address_taken_meanwhile_gets_a_calm_page() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    world.person("joris").email("spare@example.org").create().await;
    let page = browser.post_form(PATH, &[("token", &token)]).await;
    insta::assert_snapshot!(page.shown(), @r"
    409
    This address can’t be used
    It now belongs to another account. Please choose another one.
    Go to your account
    ");
    assert_eq!(browser.get_json("/account").await.json()["backup"]["state"], "pending");
}

#[tokio::test]
async fn a_confirmation_link_works_for_24_hours() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    world.after(LIFETIME);
    assert_eq!(browser.get(&page(&token)).await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(browser.get(&page(&token)).await.status, 410);
    let late = confirm(&browser, &token).await;
    assert_eq!((late.status, &*late.code()), (410, "link-expired"));
    assert_eq!(browser.get_json("/account").await.json()["backup"]["state"], "pending");
}

#[tokio::test]
async fn what_is_no_confirmation_link_is_unknown() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    let sign_in = browser.emailed_token("/login/link", "mina@example.com").await;
    let before = world.dump();
    let stored = before["LinksTable"].join("");
    let hash = stored.split("\"token_hash\":{\"S\":\"").nth(1).and_then(|rest| rest.split('"').next());
    for wrong in [&token[..40], &sign_in, hash.expect("a link is stored"), "", "../../x", &"A".repeat(43)] {
        let answer = confirm(&browser, wrong).await;
        assert_eq!((answer.status, &*answer.code()), (404, "link-unknown"), "{wrong}");
        assert_eq!(browser.get(&page(wrong)).await.status, 404, "{wrong}");
    }
    assert_eq!(browser.get(PATH).await.status, 404, "without a token");
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_cancelled_request_makes_its_link_dead() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    browser.post_json("/account/backup/remove", &json!({})).await;
    assert_eq!(confirm(&browser, &token).await.code(), "link-replaced");
}

#[tokio::test]
async fn a_change_ends_the_former_address_and_gives_it_free() {
    let world = World::new();
    let (browser, token) =
        world.person("mina").backup("old@example.org").asks_for_backup("new@example.org").await;
    let sign_in = async |email: &str| {
        let form = json!({ "identifier": email, "password": PASSWORD });
        world.visitor().post_json("/login", &form).await.status
    };
    assert_eq!((sign_in("old@example.org").await, sign_in("new@example.org").await), (200, 401));
    world.deliver().await;

    assert_eq!(confirm(&browser, &token).await.status, 200);
    assert_eq!((sign_in("old@example.org").await, sign_in("new@example.org").await), (401, 200));
    let emails = world.deliver().await;
    let changed = &emails[0];
    assert_eq!(changed.to, "mina@example.com");
    insta::assert_snapshot!(read(changed), @r"
    The backup email of your account was changed

    Hello mina,

    On 22 November 2026 at 12:00 UTC, the backup email of your account was changed from o***d@example.org to n***w@example.org. The former address no longer works. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");

    let (joris, token) = world.person("joris").asks_for_backup("old@example.org").await;
    assert_eq!(confirm(&joris, &token).await.status, 200, "the former address is free");
}

#[tokio::test]
async fn a_lost_answer_confirms_once_and_the_page_says_so() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    world.wire.fail("TransactWriteItems", 1, dev::aws::faults::FaultKind::LostAnswer);
    assert_eq!(confirm(&browser, &token).await.status, 200);
    assert_eq!(world.deliver().await.len(), 1, "one notice");
}

#[tokio::test]
async fn conflicts_are_tried_again_and_failures_leave_nothing_half_done() {
    use dev::aws::faults::FaultKind;
    for (kind, times, status) in [
        (FaultKind::TransactionConflict, 7, 303),
        (FaultKind::TransactionConflict, 8, 500),
        (FaultKind::Throttle, 2, 303),
        (FaultKind::Throttle, 3, 500),
        (FaultKind::ServerError, 2, 303),
        (FaultKind::ServerError, 3, 500),
    ] {
        let world = World::new();
        let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
        let before = world.dump();
        world.wire.fail("TransactWriteItems", times, kind);
        let answer = browser.post_form(PATH, &[("token", &token)]).await;
        assert_eq!(answer.status, status, "{kind:?} {times} times");
        if status == 500 {
            assert_eq!(world.dump(), before, "{kind:?}");
            assert!(!answer.body.contains("dynamo") && !answer.body.contains("Exception"));
            let failed = world.log().lines().filter(|line| line.contains("\"failed\"")).count();
            assert_eq!(failed, 1, "logged once:\n{}", world.log());
            assert!(world.log().contains("could not confirm a backup email"));
            assert_eq!(confirm(&browser, &token).await.status, 200, "the link still works");
        }
    }
}
