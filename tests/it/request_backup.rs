//! Requesting a backup email: define, change, send again.
use std::time::Duration;

use domain::EmailAddress;
use serde_json::json;

use crate::support::{World, token_in};

const MINUTE: Duration = Duration::from_mins(1);
const PATH: &str = "/account/backup";

#[tokio::test]
async fn a_mail_to_the_new_address_asks_for_its_confirmation() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;

    let answer = browser.post_form(PATH, &[("email", " Mina.Spare@Example.ORG ")]).await;
    assert_eq!(answer.shown(), "303 to /account");
    assert!(world.emails().is_empty(), "only the mailer sends");

    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert_eq!(email.to, "Mina.Spare@example.org");
    assert_eq!(email.from, "Sparekey <no-reply@example.com>");
    let text = email.text.replace(&token_in(email), "TOKEN");
    insta::assert_snapshot!(format!("{}\n\n{text}", email.subject), @r"
    Confirm your backup email

    Please confirm that you want to use this address as the backup email of the Sparekey account mina. The link works for 24 hours.

    Confirm backup email:
    https://account.example.com/backup/confirm?token=TOKEN

    If you open the link on another device or in another browser, you need the code shown on the page where you asked for it.

    This email was requested on 22 November 2026 at 12:00 UTC. The request came from a Linux computer, from an address that begins with 203.0. If it wasn’t you, do nothing. We don’t use this address unless you confirm it.

    --
    Sparekey
    You get this email because this address was entered at Sparekey.
    ");

    let account = browser.get_json("/account").await.json();
    assert_eq!(account["backup"]["pending_address"], "Mina.Spare@example.org");
}

#[tokio::test]
async fn a_program_is_told_that_the_request_was_taken() {
    let world = World::new();
    let program = world.person("mina").signed_in().await;
    let answer = program.post_json(PATH, &json!({ "email": "spare@example.org" })).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["backup"]["state"], "pending");
}

#[tokio::test]
async fn what_cannot_be_the_backup_email_is_refused_with_a_clear_message() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let petra = world.person("petra").sso().create().await;
    for (person, typed, status, code) in [
        (&mina, "", 422, "not-an-address"),
        (&mina, "mina", 422, "not-an-address"),
        (&mina, "\"mina\"@example.com", 422, "not-an-address"),
        (&mina, "mina@[192.0.2.1]", 422, "not-an-address"),
        (&mina, "mіna@example.com", 422, "not-an-address"),
        (&mina, "mina@example.org\r\nBcc: eve@example.net", 422, "not-an-address"),
        (&mina, "MINA@Example.com", 422, "same-as-primary"),
        (&mina, "Spare@example.ORG", 422, "same-as-backup"),
        (&petra, "new@example.org", 403, "sso-account"),
    ] {
        let browser = world.signed_in(person).await;
        let before = world.dump();
        let answer = browser.post_json(PATH, &json!({ "email": typed })).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{typed:?}");
        let page = browser.post_form(PATH, &[("email", typed)]).await;
        assert_eq!(page.status, status, "{typed:?}");
        let title = answer.json()["title"].as_str().expect("a title").to_owned();
        assert!(page.words().contains(&title) || code == "sso-account", "{typed:?}: {}", page.words());
        assert_eq!(world.dump(), before, "nothing is written, and it does not count: {typed:?}");
    }
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn a_refused_address_stands_in_the_form_to_be_mended() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let page = world.signed_in(&mina).await.post_form(PATH, &[("email", "mina@<b>")]).await;
    assert!(page.body.contains("value=\"mina@&#60;b&#62;\""), "{}", page.body);
    assert!(page.body.contains("aria-invalid=\"true\""));
    assert!(page.body.contains("<details open>"));
}

#[tokio::test]
async fn one_request_a_minute_and_five_a_day() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let program = world.signed_in(&mina).await;
    let ask = json!({ "email": "spare@example.org" });
    for _ in 0..5 {
        assert_eq!(program.post_json(PATH, &ask).await.status, 202);
        let again = program.post_json(PATH, &ask).await;
        assert_eq!((again.status, &*again.code()), (429, "too-soon"));
        world.after(MINUTE.saturating_sub(Duration::from_secs(1)));
        assert_eq!(program.post_json(PATH, &ask).await.code(), "too-soon");
        world.after(Duration::from_secs(1));
    }
    assert_eq!(world.deliver().await.len(), 1, "one for the request that still is the latest");
    let sixth = program.post_json(PATH, &ask).await;
    assert_eq!((sixth.status, &*sixth.code()), (429, "too-many"));
    world.after(Duration::from_hours(24));
    let program = world.signed_in(&mina).await;
    assert_eq!(program.post_json(PATH, &ask).await.status, 202);
}

#[tokio::test]
async fn the_limits_of_one_account_are_not_those_of_another() {
    let world = World::new();
    for username in ["mina", "joris"] {
        let program = world.person(username).signed_in().await;
        let answer = program.post_json(PATH, &json!({ "email": "spare@example.org" })).await;
        assert_eq!(answer.status, 202, "{username}");
    }
}

#[tokio::test]
async fn sending_again_makes_the_older_link_dead() {
    let world = World::new();
    let (browser, older) = world.person("mina").asks_for_backup("spare@example.org").await;
    world.after(MINUTE);
    let newer = browser.emailed_token(PATH, "spare@example.org").await;
    assert_ne!(older, newer);

    let confirm = async |token: &str| browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(confirm(&older).await.code(), "link-replaced");
    assert_eq!(confirm(&newer).await.status, 200);
}

#[tokio::test]
async fn another_address_makes_the_link_to_the_first_dead() {
    let world = World::new();
    let (browser, first) = world.person("mina").asks_for_backup("first@example.org").await;
    world.after(MINUTE);
    browser.emailed_token(PATH, "second@example.org").await;
    let answer = browser.post_json("/backup/confirm", &json!({ "token": first })).await;
    assert_eq!((answer.status, &*answer.code()), (410, "link-replaced"));
}

#[tokio::test]
async fn an_address_of_another_account_looks_exactly_like_success() {
    let world = World::new();
    world.person("joris").backup("taken@example.org").create().await;
    let mut seen = Vec::new();
    for (username, email) in
        [("ana", "free@example.org"), ("bea", "joris@example.com"), ("eva", "taken@example.org")]
    {
        let browser = world.person(username).signed_in().await;
        let (answer, calls) = world.calls_of(browser.post_form(PATH, &[("email", email)])).await;
        let page = browser.get("/account").await.without_chance();
        let mask = EmailAddress::parse(email).expect("an address").masked();
        let page = page.body.replace(email, "EMAIL").replace(&mask, "MASK").replace(username, "NAME");
        seen.push((answer.shown(), calls, page));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);

    let emails = world.deliver().await;
    let told: Vec<_> = emails.iter().map(|email| (&*email.to, &*email.subject)).collect();
    insta::assert_debug_snapshot!(told, @r#"
    [
        (
            "free@example.org",
            "Confirm your backup email",
        ),
        (
            "joris@example.com",
            "Your address was entered at another account",
        ),
        (
            "joris@example.com",
            "Your address was entered at another account",
        ),
    ]
    "#);
    insta::assert_snapshot!(emails[2].text, @r"
    Hello joris,

    On 22 November 2026 at 12:00 UTC, someone asked to use ta***en@example.org for another account. It belongs to your account, so we didn’t allow it, and we told them nothing about you.

    Go to your account:
    https://account.example.com/account

    If that was you, you can use the account you already have. If not, there is nothing you need to do.

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
}

#[tokio::test]
async fn an_address_that_is_only_pending_elsewhere_can_be_asked_for() {
    let world = World::new();
    world.person("joris").pending("wanted@example.org").create().await;
    let (browser, token) = world.person("mina").asks_for_backup("wanted@example.org").await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
}

#[tokio::test]
async fn a_double_click_sends_one_mail() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.wire.contend();
    let form = [("email", "spare@example.org")];
    let (one, other) = tokio::join!(browser.post_form(PATH, &form), browser.post_form(PATH, &form));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 429]);
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn without_a_session_nothing_changes() {
    let world = World::new();
    world.person("mina").create().await;
    let before = world.dump();
    let form = [("email", "spare@example.org")];
    assert_eq!(world.visitor().post_form(PATH, &form).await.shown(), "303 to /login?next=/account");
    let program = world.visitor().post_json(PATH, &json!({ "email": "spare@example.org" })).await;
    assert_eq!((program.status, &*program.code()), (401, "not-signed-in"));
    assert_eq!(world.dump(), before);
}
