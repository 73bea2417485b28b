//! The account page: what it shows, and to whom.
use std::time::Duration;

use domain::Language;
use serde_json::json;

use crate::support::{Answer, NOON, World};

const DAY: Duration = Duration::from_hours(24);

/// What every account page begins with.
const TOP: &str = "\
200
Account details
Username
mina
Primary email
mina@example.com
Use another primary email
Backup email";
const WHAT_FOR: &str = "\
It lets you back into your account if you lose your primary mailbox. \
It is used for recovery only and gets no other email.";
const FORM: &str = "\
Backup email address
Choose a mailbox you can still open if you lose the primary one. We send one email to it, for you to confirm.
Send confirmation email";
const IN_FORCE: &str = "\
spare@example.org
Confirmed on 22 November 2026 at 12:00 UTC";
const WAITING: &str = "\
Requested on 22 November 2026 at 12:00 UTC
Open the email we sent to this address and choose “Confirm backup email”. The link in it works for 24 more hours.
Opening the link on another device? Enter this code there: CODE
No email? Look in the spam folder and check the address above for typing errors.
Send again
Cancel
Use another address";
const PASSWORD: &str = "\
Password
You can sign in with your password, or with a link that we send you.
Set a new password";
const PROMOTE: &str = "Make the backup email the primary";
const REMOVE: &str = "\
Remove
If you remove it, this address no longer lets you into your account. Links we already sent to it stop working.
Remove backup email";

/// Sees that the page reads like this down to the sessions, which `sessions.rs` reads.
fn assert_reads(page: &Answer, parts: &[&str]) {
    let shown = page.shown();
    let (upper_part, _) = shown.split_once("\nWhere you are signed in").expect("the sessions come last");
    assert_eq!(upper_part, parts.join("\n"));
}

#[tokio::test]
async fn an_account_without_a_backup_email_offers_to_define_one() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    assert_reads(&browser.get("/account").await, &[TOP, WHAT_FOR, "Define a backup email", FORM, PASSWORD]);
}

#[tokio::test]
async fn a_pending_backup_email_can_be_sent_again_or_cancelled() {
    let world = World::new();
    let browser = world.person("mina").pending("spare@example.org").signed_in().await;
    assert_reads(
        &browser.get("/account").await,
        &[TOP, WHAT_FOR, "Waiting for confirmation", "spare@example.org", WAITING, FORM, PASSWORD],
    );
}

#[tokio::test]
async fn a_confirmed_backup_email_can_be_changed_or_removed() {
    let world = World::new();
    let browser = world.person("mina").backup("spare@example.org").signed_in().await;
    assert_reads(
        &browser.get("/account").await,
        &[TOP, WHAT_FOR, "In use", IN_FORCE, "Change", FORM, REMOVE, PROMOTE, PASSWORD],
    );
}

#[tokio::test]
async fn while_it_is_replaced_both_addresses_are_shown() {
    let world = World::new();
    let browser =
        world.person("mina").backup("spare@example.org").pending("new@example.net").signed_in().await;
    assert_reads(
        &browser.get("/account").await,
        &[
            TOP,
            WHAT_FOR,
            "Waiting for confirmation",
            "new@example.net",
            WAITING,
            FORM,
            "In use until you confirm the new one",
            IN_FORCE,
            REMOVE,
            PROMOTE,
            PASSWORD,
        ],
    );
}

#[tokio::test]
async fn a_backup_email_in_the_mailbox_of_the_primary_has_a_hint_beside_it() {
    const HINT: &str =
        "This looks like the same mailbox as your primary email. If you lose that one, you lose both.";
    let world = World::new();
    for (username, backup, pending, hints) in [
        ("one", Some("one+spare@example.com"), None, 1),
        ("two", None, Some("Two+x@example.com"), 1),
        ("three", Some("spare@example.org"), Some("three+x@example.com"), 1),
        ("four", Some("four+x@example.com"), Some("four+y@example.com"), 2),
        ("five", Some("four@example.net"), Some("five.x@example.com"), 0),
    ] {
        let mut person = world.person(username);
        if let Some(backup) = backup {
            person = person.backup(backup);
        }
        if let Some(pending) = pending {
            person = person.pending(pending);
        }
        let browser = person.signed_in().await;
        let page = browser.get("/account").await.shown();
        assert_eq!(page.matches(HINT).count(), hints, "{username}: {page}");
        let before = page.split(HINT).next().unwrap_or_default().to_owned();
        assert!(hints != 1 || before.lines().rev().nth(1).is_some_and(|line| line.contains('+')), "{page}");
        let program = browser.get_json("/account").await.json();
        assert_eq!(program["same_mailbox"], json!(hints > 0), "{username}");
    }
}

#[tokio::test]
async fn an_sso_account_says_why_it_has_no_backup_email() {
    let world = World::new();
    let petra = world.person("petra").sso().create().await;
    let page = world.signed_in(&petra).await.get("/account").await;
    let why = "You sign in through your organisation, and your organisation can also let you back in. \
               So this account has no backup email.";
    assert_reads(&page, &[&TOP.replace("mina", "petra").replace("Use another primary email\n", ""), why]);
    assert!(!page.body.contains("/account/backup"), "there is no form for it");
}

#[tokio::test]
async fn a_request_whose_link_has_expired_says_so_and_offers_a_new_one() {
    let world = World::new();
    let browser = world.person("mina").pending("spare@example.org").signed_in().await;
    world.after(Duration::from_hours(24));
    assert!(browser.get("/account").await.body.contains("works for one more minute"));
    world.after(Duration::from_secs(1));
    let page = browser.get("/account").await;
    assert!(page.body.contains("The link in the email has expired. Choose “Send again”"), "{}", page.shown());
}

#[tokio::test]
async fn programs_read_the_same_as_json() {
    let world = World::new();
    let since = json!(NOON);
    for (name, person, backup) in [
        ("none", world.person("none"), json!({ "state": "none" })),
        (
            "pending",
            world.person("pending").pending("p@example.org"),
            json!({ "state": "pending", "pending_address": "p@example.org", "pending_since": since }),
        ),
        (
            "confirmed",
            world.person("confirmed").backup("c@example.org"),
            json!({ "state": "confirmed", "address": "c@example.org", "since": since }),
        ),
        (
            "replacing",
            world.person("replacing").backup("old@example.org").pending("new@bücher.example"),
            json!({
                "state": "replacing", "address": "old@example.org", "since": since,
                "pending_address": "new@bücher.example", "pending_since": since,
            }),
        ),
    ] {
        let person = person.create().await;
        let answer = world.signed_in(&person).await.get_json("/account").await;
        assert_eq!(answer.status, 200);
        let email = format!("{name}@example.com");
        let mut page = answer.json();
        let code = page.as_object_mut().expect("it is an object").remove("pending_code");
        assert_eq!(code.is_some(), backup["pending_address"].is_string(), "{page}");
        let fields = page.as_object_mut().expect("it is an object");
        assert!(fields.remove("sessions").is_some() && fields.remove("more_sessions").is_some());
        assert!(fields.remove("history").is_some());
        let (kind, frozen) = ("regular", json!(null));
        assert_eq!(
            page,
            json!({
                "username": name, "kind": kind, "primary_email": email, "backup": backup, "same_mailbox": false,
                "frozen_until": frozen, "has_password": true,
            })
        );
    }
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_account_and_not_of_the_browser() {
    let world = World::new();
    for (username, language, tag) in
        [("ida", Language::Da, "da"), ("joris", Language::Nl, "nl"), ("mina", Language::En, "en")]
    {
        let person = world.person(username).language(language).create().await;
        let page = world.signed_in(&person).await.get("/account").await;
        assert!(page.body.contains(&format!("<html lang=\"{tag}\">")), "{username}");
    }
}

#[tokio::test]
async fn without_a_session_one_is_led_to_sign_in_and_back() {
    let world = World::new();
    for path in ["/account", "/"] {
        let browser = world.visitor();
        assert_eq!(browser.get(path).await.shown(), "303 to /login?next=/account");
        let program = world.visitor().get_json(path).await;
        assert_eq!((program.status, &*program.code()), (401, "not-signed-in"));
    }
}

#[tokio::test]
async fn the_front_door_leads_to_the_account_and_other_paths_nowhere() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    assert_eq!(browser.get("/").await.shown(), "303 to /account");
    for path in
        ["/favicon.ico", "/.env", "/accounts", "//example.net/", "//", "/\\example.net/", "/a@example.net/"]
    {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
        assert_eq!(browser.get_json(path).await.code(), "not-found", "{path}");
    }
}

#[tokio::test]
async fn a_path_with_a_slash_at_its_end_leads_to_the_one_without() {
    let world = World::new();
    for (path, to) in [
        ("/account/", "/account"),
        ("/login/", "/login"),
        ("/login/open//?token=abc-_1", "/login/open?token=abc-_1"),
        ("/login/?next=//example.net", "/login?next=//example.net"),
        ("/login/?next=<x>", "/login?next=%3Cx%3E"),
    ] {
        for answer in [world.visitor().get(path).await, world.visitor().get_json(path).await] {
            assert_eq!((answer.status, answer.header("location")), (308, to), "{path}");
        }
    }
}

#[tokio::test]
async fn a_session_ends_two_weeks_after_it_was_last_used() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    world.after((14 * DAY).saturating_sub(Duration::from_secs(1)));
    assert!(browser.is_signed_in().await);
    world.after((14 * DAY).saturating_sub(Duration::from_secs(1)));
    assert!(browser.is_signed_in().await, "using it began the two weeks anew");
    let idle = world.signed_in(&mina).await;
    world.after(14 * DAY);
    assert!(!idle.is_signed_in().await);
}

#[tokio::test]
async fn a_session_ends_thirty_days_after_it_began_however_busy() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    for _ in 0..29 {
        world.after(DAY);
        assert!(browser.is_signed_in().await);
    }
    world.after(DAY.saturating_sub(Duration::from_secs(1)));
    assert!(browser.is_signed_in().await);
    world.after(Duration::from_secs(1));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn sessions_older_than_the_account_honours_are_dead() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let before = world.signed_in(&mina).await;
    world.set(&mina.id, "profile", "generation", &json!({ "N": "1" }));
    assert!(!before.is_signed_in().await);
    world.after(Duration::from_secs(1));
    assert!(world.signed_in(&mina).await.is_signed_in().await);
}

#[tokio::test]
async fn a_session_of_an_account_that_is_gone_is_dead() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    for record in ["profile", "email#primary"] {
        world.delete(&mina.id, record);
    }
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn the_hash_that_is_stored_is_no_key_to_the_session() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.signed_in(&mina).await;
    let stored = world.dump()["SessionsTable"].join("");
    let (_, hash) = stored.split_once("\"session_hash\":{\"S\":\"").expect("a session is stored");
    let hash = hash.split('"').next().expect("a string ends");
    assert_eq!(hash.len(), 43);
    assert!(!world.visitor().with_session(hash).is_signed_in().await);
}
