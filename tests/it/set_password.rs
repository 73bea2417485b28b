//! Setting a password.
use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Ask, PASSWORD, Person, Visitor, World, read};

pub const PATH: &str = "/account/password";
/// What people set.
pub const NEW: &str = "otter kettle violet";

pub async fn set(browser: &Visitor<'_>, password: &str) -> Answer {
    browser.post_json(PATH, &json!({ "password": password })).await
}

/// The status of a sign-in with this password somewhere else.
pub async fn sign_in(world: &World, password: &str) -> i64 {
    let form = json!({ "identifier": "mina", "password": password });
    world.visitor().post_json("/login", &form).await.status
}

/// A browser in which the person signs in through a link to this address.
pub async fn signed_in_by_link<'w>(world: &'w World, email: &str) -> Visitor<'w> {
    let browser = world.visitor();
    let token = browser.emailed_token_of("/login/link", email, "Your sign-in link").await;
    assert_eq!(browser.post_json("/login/open", &json!({ "token": token })).await.status, 200);
    world.deliver().await;
    browser
}

fn session(browser: &Visitor<'_>) -> String {
    browser.cookie("__Host-session").expect("it is signed in")
}

/// Everything but when sessions were last seen.
pub fn contents(world: &World) -> Vec<Vec<String>> {
    let tables = ["AccountsTable", "OutboxTable", "HistoryTable", "LimitsTable"];
    tables.map(|table| world.dump()[table].clone()).into()
}

/// Somebody with a password, and a browser in which they are signed in.
pub async fn mina(world: &World) -> (Person, Visitor<'_>) {
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    (mina, browser)
}

#[tokio::test]
async fn the_page_asks_for_one_and_tells_managers_whose_it_is() {
    let world = World::new();
    let browser = world.person("mina").pending("spare@example.org").signed_in().await;
    let page = browser.get(PATH).await;
    insta::assert_snapshot!(page.shown(), @r"
    200
    Set a new password
    When you set it, everybody else is signed out of your account, and links we already sent stop working. You stay signed in here. The address that is waiting for confirmation is cancelled too.
    Username
    New password
    At least 15 characters. Several words that have nothing to do with each other are hard to guess and easy to remember, and spaces are fine. A password manager can also make one up and remember it for you.
    Set password
    Go to your account
    ");
    for attribute in [
        "autocomplete=\"new-password\"",
        "passwordrules=\"minlength: 15; allowed: ascii-printable;\"",
        "minlength=\"15\"",
        "autocomplete=\"username\" readonly value=\"mina\"",
        "type=\"password\"",
    ] {
        assert!(page.body.contains(attribute), "{attribute}: {}", page.body);
    }
    assert!(!page.body.contains("maxlength"), "it would cut a pasted password off");
    assert_eq!(
        browser.get_json(PATH).await.json(),
        json!({ "username": "mina", "has_password": true, "min_characters": 15, "cancels_pending": true })
    );
    let account = browser.get("/account").await;
    assert!(account.words().contains("You can sign in with your password"), "{}", account.words());
    assert!(account.body.contains("href=\"/account/password\""));
}

#[tokio::test]
async fn it_signs_in_from_then_on_and_the_former_one_does_not() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    assert_eq!(browser.post_form(PATH, &[("password", NEW)]).await.shown(), "303 to /account");
    assert!(browser.is_signed_in().await);
    assert_eq!((sign_in(&world, PASSWORD).await, sign_in(&world, NEW).await), (401, 200));
    let again = set(&browser, "violet kettle otter").await;
    assert_eq!((again.status, again.json()), (200, json!({ "set": "password" })));
    assert_eq!((sign_in(&world, NEW).await, sign_in(&world, "violet kettle otter").await), (401, 200));
}

#[tokio::test]
async fn all_other_sessions_and_links_are_dead_and_this_browser_goes_on_under_a_new_secret() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let (laptop, phone) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let former = session(&laptop);
    let thief = world.visitor();
    let link = thief.emailed_token("/login/link", "mina@example.com").await;
    let confirmation = phone.emailed_token("/account/backup", "thief@example.net").await;
    world.after(Duration::from_mins(5));

    assert_eq!(set(&laptop, NEW).await.status, 200);
    assert_ne!(session(&laptop), former);
    assert!(laptop.is_signed_in().await && !phone.is_signed_in().await);
    assert!(!world.visitor().with_session(&former).is_signed_in().await, "its former secret is dead");
    for (path, token) in [("/login/open", &link), ("/backup/confirm", &confirmation)] {
        let answer = thief.post_json(path, &json!({ "token": token })).await;
        assert_eq!((answer.status, &*answer.code()), (410, "link-replaced"), "{path}");
    }
    let account = laptop.get_json("/account").await.json();
    assert_eq!(account["backup"]["state"], "confirmed", "what was pending is cancelled");
    assert_eq!(account["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(account["sessions"][0]["how"], "password", "it began as it did");

    // It is no sign-in: the quarter of an hour goes on.
    world.after(Duration::from_mins(10));
    assert_eq!(set(&laptop, "violet kettle otter").await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(set(&laptop, NEW).await.code(), "fresh-sign-in-needed");
}

#[tokio::test]
async fn the_owner_is_told_at_the_primary() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    set(&browser, NEW).await;
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    A new password was set for your account

    Hello mina,

    On 22 November 2026 at 12:00 UTC, a new password was set for your account. Everybody else was signed out. Sign-in links and confirmation links that were sent before no longer work. The request came from a Linux computer, from an address that begins with 203.0.

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
async fn an_account_without_one_gets_its_first_after_a_sign_in_by_link() {
    let world = World::new();
    world.person("mina").without_password().backup("spare@example.org").create().await;
    let browser = signed_in_by_link(&world, "spare@example.org").await;
    let account = browser.get("/account").await.words();
    assert!(account.contains("This account has no password."), "{account}");
    assert!(browser.get(PATH).await.words().starts_with("Set a password\n"));
    assert_eq!(set(&browser, NEW).await.status, 200);
    assert_eq!(sign_in(&world, NEW).await, 200);
    let account = browser.get_json("/account").await.json();
    assert_eq!(
        (&account["has_password"], &account["sessions"][0]["how"]),
        (&json!(true), &json!("link-to-backup"))
    );
}

#[tokio::test]
async fn what_is_refused_changes_nothing_and_says_why() {
    let longest = format!("otter kettle violet {}", "ladder moon ".repeat(84));
    let longest = &longest[..1_024];
    for (password, code) in [
        ("", "password-too-short"),
        ("otter kettle 1", "password-too-short"),
        ("тюльпан мелок ", "password-too-short"),
        (&*format!("{longest}p"), "password-too-long"),
        ("otter kettle\0 violet", "password-unusable-character"),
        ("otter kettle \u{fffd} violet", "password-unusable-character"),
        ("               ", "password-too-common"),
        ("passwordpassword", "password-too-common"),
        ("123456789012345678", "password-too-common"),
        ("mina@example.com", "password-too-personal"),
        ("Sparekey mina 2026", "password-too-personal"),
        (PASSWORD, "same-as-present-password"),
    ] {
        let world = World::new();
        let (_, browser) = mina(&world).await;
        let before = contents(&world);
        let answer = set(&browser, password).await;
        assert_eq!((answer.status, &*answer.code()), (422, code), "{password:?}");
        let page = browser.post_form(PATH, &[("password", password)]).await;
        assert_eq!(page.status, 422);
        assert!(page.body.contains("aria-invalid=\"true\""), "the field is marked: {}", page.body);
        let words = answer.json()["title"].as_str().expect("a title").to_owned();
        assert!(page.words().contains(&words), "{}", page.words());
        assert!(password.is_empty() || !page.body.contains(password) || password == "mina@example.com");
        assert_eq!(contents(&world)[..3], before[..3], "{password:?}");
        assert!(browser.is_signed_in().await && world.deliver().await.is_empty());
    }
    let world = World::new();
    let (_, browser) = mina(&world).await;
    assert_eq!(set(&browser, longest).await.status, 200, "1,024 bytes");
    assert_eq!(sign_in(&world, longest).await, 200);
}

#[tokio::test]
async fn fifteen_characters_of_any_script_are_enough() {
    for password in [
        "otter kettle 1x",
        "тюльпан мелок я",
        "貓走過月亮的屋頂吃魚喝茶看雨雲",
        "🐙🚲🧀🌷🎷🪁🧂🪵🦉🧭🛶🎻🌋🧶🌲",
    ] {
        assert_eq!(password.chars().count(), 15, "{password}");
        let world = World::new();
        let (_, browser) = mina(&world).await;
        assert_eq!(set(&browser, password).await.status, 200, "{password}");
        assert_eq!(sign_in(&world, password).await, 200, "{password}");
    }
}

#[tokio::test]
async fn one_set_with_decomposed_accents_signs_in_with_both_kinds() {
    let (composed, decomposed) = ("cr\u{e8}me br\u{fb}l\u{e9}e oud", "cre\u{300}me bru\u{302}le\u{301}e oud");
    for (set_as, other) in [(composed, decomposed), (decomposed, composed)] {
        let world = World::new();
        let (_, browser) = mina(&world).await;
        assert_eq!(set(&browser, set_as).await.status, 200);
        assert_eq!((sign_in(&world, set_as).await, sign_in(&world, other).await), (200, 200));
        assert_eq!(set(&browser, other).await.code(), "same-as-present-password");
    }
}

#[tokio::test]
async fn half_a_character_in_json_is_no_password() {
    let world = World::new();
    let (_, browser) = mina(&world).await;
    let before = contents(&world);
    for body in [
        r#"{"password":"otter kettle violet \ud83d"}"#,
        r#"{"password":"otter kettle violet \udc19"}"#,
        r#"{"password":"otter kettle violet \ud83d\ud83d"}"#,
        r#"{"password":null}"#,
        r#"{"password":["otter kettle violet"]}"#,
        r#"{"password":"otter kettle violet","again":"otter kettle violet"}"#,
        "{}",
    ] {
        let ask = Ask::new("POST", PATH).header("accept", "application/json").body("application/json", body);
        let answer = browser.ask(&ask).await;
        assert_eq!((answer.status, &*answer.code()), (400, "malformed-body"), "{body}");
    }
    let form =
        Ask::form(PATH, &[]).body("application/x-www-form-urlencoded", "password=otter+kettle+%ED%A0%BD");
    assert_eq!(browser.ask(&form).await.status, 422, "half a character in a form");
    assert_eq!(contents(&world), before);
}

#[tokio::test]
async fn who_may_not_set_one_is_told_and_nothing_is_written() {
    let world = World::new();
    let body = json!({ "password": NEW });
    let before = contents(&world);
    assert_eq!(world.visitor().post_json(PATH, &body).await.code(), "not-signed-in");
    assert_eq!(world.visitor().get(PATH).await.shown(), "303 to /login?next=/account");
    assert_eq!(contents(&world), before);

    let petra = world.person("petra").sso().create().await;
    let petras = world.signed_in(&petra).await;
    let before = contents(&world);
    assert_eq!(
        (petras.get_json(PATH).await.status, petras.get_json(PATH).await.code()),
        (403, "sso-account".into())
    );
    assert_eq!(petras.post_json(PATH, &body).await.code(), "sso-account");
    insta::assert_snapshot!(petras.post_form(PATH, &[("password", NEW)]).await.shown(), @r"
    403
    Your organisation looks after this account
    You sign in through your organisation, and your organisation can also let you back in. So there is no backup email and no password here.
    Go to your account
    ");
    assert!(!petras.get("/account").await.body.contains(PATH));
    assert_eq!(contents(&world), before);

    let (mina, browser) = mina(&world).await;
    let forged = Ask::form(PATH, &[("password", NEW)]).header("sec-fetch-site", "cross-site");
    assert_eq!(browser.ask(&forged).await.status, 403);
    world.after(Duration::from_mins(15) + Duration::from_secs(1));
    let before = contents(&world);
    let again = "303 to /login?next=/account/password&reason=fresh";
    assert_eq!(browser.get(PATH).await.shown(), again);
    assert_eq!(browser.post_form(PATH, &[("password", NEW)]).await.shown(), again);
    assert_eq!(set(&browser, NEW).await.code(), "fresh-sign-in-needed");
    assert_eq!(contents(&world), before);
    let login = [("identifier", "mina"), ("password", PASSWORD), ("next", PATH), ("reason", "fresh")];
    assert_eq!(browser.post_form("/login", &login).await.shown(), format!("303 to {PATH}"));

    world.disable(&mina).await;
    let before = contents(&world);
    assert_eq!(set(&browser, NEW).await.code(), "not-signed-in");
    assert_eq!(contents(&world), before);
}
