//! The waiting period: a new backup email is confirmed but opens nothing yet; the former one still works.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::EmailAddress;
use serde_json::json;

use crate::support::{NOON, PASSWORD, Visitor, World, read, token_in};

const WAITING_PERIOD: Duration = Duration::from_hours(24);

/// Whether an address and the password open mina's account.
async fn opens(world: &World, email: &str) -> bool {
    let form = json!({ "identifier": email, "password": PASSWORD });
    let answer = world.visitor().post_json("/login", &form).await;
    assert!([200, 401].contains(&answer.status), "{}", answer.body);
    world.deliver().await;
    answer.status == 200
}

/// How many emails an address gets after requests for a username and for a link.
async fn emails_to(world: &World, email: &str) -> usize {
    let visitor = world.visitor();
    for path in ["/forgot-username", "/login/link"] {
        visitor.post_form(path, &[("email", email)]).await;
    }
    world.deliver().await.iter().filter(|sent| sent.to == email).count()
}

/// Requests an address and confirms it; returns the secret of the undo link.
async fn confirmed(world: &World, browser: &Visitor<'_>, email: &str) -> String {
    let token = browser.emailed_token("/account/backup", email).await;
    let answer = browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    token_in(&world.deliver().await[0])
}

async fn undo(world: &World, token: &str) {
    let form = json!({ "token": token, "username": "mina" });
    let answer = world.visitor().post_json("/undo", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.deliver().await;
    world.assert_claims_fit();
}

/// How many items of accounts lead to this address through the index.
fn entries(world: &World, email: &str) -> usize {
    let email = format!("\"email\":{{\"S\":\"{email}\"}}");
    world.dump()["AccountsTable"].iter().filter(|item| item.contains(&email)).count()
}

#[tokio::test]
async fn the_new_address_waits_and_the_former_one_works_until_then() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let first = browser.emailed_token("/account/backup", "old@example.org").await;
    browser.post_json("/backup/confirm", &json!({ "token": first })).await;
    world.deliver().await;
    world.after(WAITING_PERIOD);

    let browser = world.signed_in(&mina).await;
    let second = browser.emailed_token("/account/backup", "new@example.org").await;
    insta::assert_snapshot!(browser.submit("/backup/confirm", &[("token", &second)]).await.shown(), @r"
    200
    Your backup email is confirmed
    Username
    mina
    Backup email
    new@example.org
    To keep the account safe, a new backup email has a waiting period. From 24 November 2026 at 12:00 UTC, you can use it to get your username or a sign-in link, or to sign in with your password.
    Go to your account
    ");
    let page = browser.get("/account").await.words();
    assert!(
        page.contains("From 24 November 2026 at 12:00 UTC, new@example.org gives you access to the account."),
        "{page}"
    );
    assert!(page.contains("Until then, old@example.org does."), "{page}");
    assert!(page.contains("Not in use yet") && !page.contains("In use"), "{page}");
    let account = browser.get_json("/account").await.json();
    let until = NOON + 2 * WAITING_PERIOD.as_secs();
    assert_eq!(
        (&account["held_until"], &account["former_address"]),
        (&json!(until), &json!("old@example.org"))
    );
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert!(read(notice).contains("from o***d@example.org to n***w@example.org. The new address works from 24 November 2026 at 12:00 UTC; until then the former one does."), "{}", read(notice));
    world.assert_claims_fit();

    world.after(WAITING_PERIOD.saturating_sub(Duration::from_secs(1)));
    assert!(opens(&world, "old@example.org").await && !opens(&world, "new@example.org").await);
    assert_eq!(
        (emails_to(&world, "old@example.org").await, emails_to(&world, "new@example.org").await),
        (2, 0)
    );
    world.after(Duration::from_secs(1));
    assert!(!opens(&world, "old@example.org").await && opens(&world, "new@example.org").await);
    assert_eq!(
        (emails_to(&world, "old@example.org").await, emails_to(&world, "new@example.org").await),
        (0, 2)
    );
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_link_to_the_former_address_opens_until_the_second_in_which_the_waiting_period_ends() {
    for (early, status) in [(Duration::from_secs(1), 200), (Duration::ZERO, 404)] {
        let world = World::new().with_waiting_period(WAITING_PERIOD);
        let (browser, change) =
            world.person("mina").backup("old@example.org").asks_for_backup("new@example.org").await;
        browser.post_json("/backup/confirm", &json!({ "token": change })).await;
        world.deliver().await;
        world.after(WAITING_PERIOD.saturating_sub(Duration::from_mins(5)));
        let asker = world.visitor();
        let link = asker.emailed_token("/login/link", "old@example.org").await;
        world.after(Duration::from_mins(5).saturating_sub(early));
        let opened = asker.post_json("/login/open", &json!({ "token": link })).await;
        assert_eq!(opened.status, status, "{}", opened.body);
    }
}

#[tokio::test]
async fn what_a_thief_changed_is_undone_before_it_opens_anything() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let (thief, change) =
        world.person("mina").backup("old@example.org").asks_for_backup("thief@example.net").await;
    thief.post_json("/backup/confirm", &json!({ "token": change })).await;
    let undo_token = token_in(&world.deliver().await[0]);
    world.after(Duration::from_hours(8));
    let form = json!({ "token": undo_token, "username": "mina" });
    assert_eq!(world.visitor().post_json("/undo", &form).await.status, 200);
    world.assert_claims_fit();
    world.deliver().await;
    world.after(WAITING_PERIOD);
    assert!(opens(&world, "old@example.org").await && !opens(&world, "thief@example.net").await);
}

#[tokio::test]
async fn removing_takes_both_away() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let (browser, change) =
        world.person("mina").backup("old@example.org").asks_for_backup("new@example.org").await;
    browser.post_json("/backup/confirm", &json!({ "token": change })).await;
    assert_eq!(browser.post_json("/account/backup/remove", &json!({})).await.status, 200);
    assert_eq!(browser.get_json("/account").await.json()["backup"], json!({ "state": "none" }));
    assert!(!opens(&world, "old@example.org").await && !opens(&world, "new@example.org").await);
    world.assert_claims_fit();
}

#[tokio::test]
async fn going_back_to_the_former_address_needs_no_waiting_period() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let browser = world.person("mina").backup("old@example.org").signed_in().await;
    for email in ["new@example.org", "old@example.org"] {
        let change = browser.emailed_token_of("/account/backup", email, "Confirm your backup email").await;
        assert_eq!(
            browser.post_json("/backup/confirm", &json!({ "token": change })).await.status,
            200,
            "{email}"
        );
        world.after(Duration::from_mins(2));
    }
    assert!(opens(&world, "old@example.org").await && !opens(&world, "new@example.org").await);
    world.after(2 * WAITING_PERIOD);
    assert!(opens(&world, "old@example.org").await && !opens(&world, "new@example.org").await);
    world.assert_claims_fit();
}

#[tokio::test]
async fn after_the_waiting_period_the_former_address_is_free_for_others() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let mina = world.person("mina").backup("old@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let change = browser.emailed_token("/account/backup", "new@example.org").await;
    browser.post_json("/backup/confirm", &json!({ "token": change })).await;
    world.deliver().await;
    let joris = world.person("joris").create().await;
    let others = world.signed_in(&joris).await;
    others.post_form("/account/backup", &[("email", "old@example.org")]).await;
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert_eq!(email.to, "mina@example.com", "it is still mina's");

    world.after(WAITING_PERIOD);
    let others = world.signed_in(&joris).await;
    let theirs = others.emailed_token("/account/backup", "old@example.org").await;
    assert_eq!(others.post_json("/backup/confirm", &json!({ "token": theirs })).await.status, 200);
    world.assert_claims_fit();
    world.deliver().await;

    // Mina changes once more; the claim that is now another's is left alone.
    let browser = world.signed_in(&mina).await;
    let change = browser.emailed_token("/account/backup", "third@example.org").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": change })).await.status, 200);
    world.assert_claims_fit();
}

#[tokio::test]
async fn an_address_that_two_accounts_gave_up_is_found_for_its_third_owner() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    for (number, username) in ["mina", "joris", "ana"].into_iter().enumerate() {
        let person = world.person(username).create().await;
        let own = format!("own{number}@example.org");
        // The shared address first, then one of its own instead; the last account keeps the shared one.
        for email in ["shared@example.org", &own].into_iter().take(if username == "ana" { 1 } else { 2 }) {
            let browser = world.signed_in(&person).await;
            let token = browser.emailed_token("/account/backup", email).await;
            let confirmed = browser.post_json("/backup/confirm", &json!({ "token": token })).await;
            assert_eq!(confirmed.status, 200, "{username}: {}", confirmed.body);
            world.deliver().await;
            world.after(WAITING_PERIOD);
        }
    }
    world.assert_claims_fit();
    assert_eq!(entries(&world, "shared@example.org"), 1, "the index leads to its owner only");
    let form = json!({ "identifier": "shared@example.org", "password": PASSWORD });
    assert_eq!(world.visitor().post_json("/login", &form).await.json(), json!({ "username": "ana" }));
}

#[tokio::test]
async fn undoing_does_not_end_a_waiting_period() {
    for removed in [false, true] {
        let world = World::new().with_waiting_period(WAITING_PERIOD);
        let thief = world.person("mina").signed_in().await;
        confirmed(&world, &thief, "first@example.net").await;
        world.after(Duration::from_mins(2));
        let undo_token = if removed {
            assert_eq!(thief.post_json("/account/backup/remove", &json!({})).await.status, 200);
            token_in(&world.deliver().await[0])
        } else {
            confirmed(&world, &thief, "second@example.net").await
        };
        undo(&world, &undo_token).await;
        assert!(!opens(&world, "first@example.net").await, "it still waits");
        world.after(WAITING_PERIOD);
        assert!(opens(&world, "first@example.net").await);
    }
}

#[tokio::test]
async fn a_restored_address_leads_to_its_account_only() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let mina = world.person("mina").backup("old@example.org").create().await;
    let undo_token = confirmed(&world, &world.signed_in(&mina).await, "new@example.org").await;
    let joris = world.person("joris").create().await;
    for email in ["old@example.org", "own@example.org"] {
        world.after(WAITING_PERIOD);
        confirmed(&world, &world.signed_in(&joris).await, email).await;
    }
    world.after(WAITING_PERIOD);
    undo(&world, &undo_token).await;
    assert_eq!(entries(&world, "old@example.org"), 1);
    assert!(opens(&world, "old@example.org").await);
}

#[tokio::test]
async fn an_address_whose_waiting_period_ends_during_a_change_stays_as_the_former_one() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let mina = world.person("mina").backup("old@example.org").create().await;
    confirmed(&world, &world.signed_in(&mina).await, "new@example.org").await;
    world.after(WAITING_PERIOD.saturating_sub(Duration::from_mins(5)));
    let browser = world.signed_in(&mina).await;
    let token = browser.emailed_token("/account/backup", "third@example.org").await;
    world.after(Duration::from_mins(5).saturating_sub(Duration::from_secs(1)));

    // The waiting period ends after the link was read, and somebody else gets the former address.
    world.wire.fail("Query", 1, FaultKind::Delay { delay_ms: 200 });
    let before = world.wire.calls().len();
    let others = async {
        while !world.wire.calls()[before..].iter().any(|call| call.what == "GetItem LinksTable") {
            tokio::task::yield_now().await;
        }
        world.after(Duration::from_secs(1));
        let former = EmailAddress::parse("old@example.org").expect("an address");
        let now = world.operator.now();
        world.operator.store.release_expired_claim(&former, now).await.expect("the database works");
    };
    let form = json!({ "token": token });
    let (answer, ()) = tokio::join!(browser.post_json("/backup/confirm", &form), others);
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.assert_claims_fit();
    assert!(opens(&world, "new@example.org").await, "it was active");
}

#[tokio::test]
async fn nobody_reads_that_an_address_works_until_then_which_was_in_its_waiting_period_itself() {
    let world = World::new().with_waiting_period(WAITING_PERIOD);
    let browser = world.person("mina").signed_in().await;
    confirmed(&world, &browser, "first@example.org").await;
    world.after(Duration::from_mins(2));
    let token = browser.emailed_token("/account/backup", "second@example.org").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    let text = read(notice);
    assert!(text.contains("The former one was not in use yet, and it won’t be."), "{text}");
    assert!(!text.contains("until then"), "{text}");
    assert!(!opens(&world, "first@example.org").await);
}
