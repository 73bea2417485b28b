//! What changes how an account is recovered, or ends sessions, needs a sign-in that is at most 15 minutes old
//! (ASVS 5.0 V7.5.1). Who has to sign in again goes on to what was wanted.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::web::Change;

use crate::support::{Answer, PASSWORD, Visitor, World};

const WANTED: &str = "__Host-wanted";
const LOGIN: &str = "/login?next=/account&reason=fresh";
const AGAIN: &str = "303 to /login?next=/account&reason=fresh";
const QUARTER: Duration = Duration::from_mins(15);

fn changes() -> [(&'static str, Value); 5] {
    [
        ("/account/backup", json!({ "email": "new@example.org" })),
        ("/account/backup/remove", json!({ "what": "confirmed" })),
        ("/account/backup/remove", json!({ "what": "pending" })),
        ("/account/sessions/end", json!({ "session": "A".repeat(43) })),
        ("/account/sessions/end", json!({ "others": true })),
    ]
}

/// Each change as a form, and what the page for its sign-in and the page after that say.
const WORDS: [(&str, (&str, &str), &str, &str); 6] = [
    (
        "/account/backup",
        ("email", "new@example.org"),
        "Sign in again as mina to set a backup email.",
        "Nothing has been sent yet: choose “Send confirmation email” to go on.",
    ),
    (
        "/account/backup",
        ("email", "p@example.org"),
        "Sign in again as mina to have the confirmation email sent again.",
        "Nothing has been sent yet: choose “Send again” to go on.",
    ),
    (
        "/account/backup/remove",
        ("what", "confirmed"),
        "Sign in again as mina to remove the backup email.",
        "Nothing has been removed yet: choose “Remove backup email” to go on.",
    ),
    (
        "/account/backup/remove",
        ("what", "pending"),
        "Sign in again as mina to cancel the request.",
        "Nothing has been cancelled yet: choose “Cancel” to go on.",
    ),
    (
        "/account/sessions/end",
        ("session", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "Sign in again as mina to end a session.",
        "No session has ended yet: choose “End session” to go on.",
    ),
    (
        "/account/sessions/end",
        ("others", "true"),
        "Sign in again as mina to end all other sessions.",
        "No session has ended yet: choose “End all other sessions” to go on.",
    ),
];

async fn sign_in_again(browser: &Visitor<'_>) -> Answer {
    let page = browser.get(LOGIN).await;
    let identifier = match page.body.split_once("readonly autocomplete=\"username\" value=\"") {
        Some((_, rest)) => rest.split('"').next().unwrap_or_default(),
        None => "mina",
    };
    let fields =
        [("identifier", identifier), ("password", PASSWORD), ("next", "/account"), ("reason", "fresh")];
    browser.post_form("/login", &fields).await
}

fn open_forms(page: &Answer) -> usize {
    page.body.matches("<details open>").count()
}

#[tokio::test]
async fn a_change_after_fifteen_minutes_asks_to_sign_in_again_and_keeps_what_was_typed() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER + Duration::from_secs(1));
    let before = world.dump();
    let answer = browser.post_form("/account/backup", &[("email", "new+1@exämple.org")]).await;
    assert_eq!(answer.shown(), AGAIN);
    assert!(!answer.header("location").contains("example"), "no URL contains an address");
    let value = browser.cookie(WANTED).expect("what was wanted is kept");
    assert!(!value.contains("new"), "{value}");
    assert_eq!(
        answer.cookies,
        [format!("{WANTED}={value}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=900")]
    );
    let after = world.dump();
    assert_eq!(
        (&before["AccountsTable"], &before["OutboxTable"]),
        (&after["AccountsTable"], &after["OutboxTable"])
    );

    assert_eq!(sign_in_again(&browser).await.shown(), "303 to /account");
    let page = browser.get("/account").await;
    assert!(open_forms(&page) == 1 && page.body.contains("value=\"new+1@exämple.org\""));
    assert!(page.words().contains("Nothing has been sent yet"), "{}", page.words());
    let reloaded = browser.get("/account").await;
    assert!(open_forms(&reloaded) == 0 && !reloaded.body.contains("new+1@"), "once");

    let answer = browser.post_form("/account/backup", &[("email", "new+1@exämple.org")]).await;
    assert_eq!(answer.shown(), "303 to /account");
    assert_eq!(browser.cookie(WANTED), None, "done: it is forgotten");
    assert_eq!(open_forms(&browser.get("/account").await), 0);
}

#[tokio::test]
async fn the_sign_in_page_names_the_account_and_the_change_and_goes_on_to_it() {
    for (path, field, wanted, resumed) in WORDS {
        let world = World::new();
        let mina = world.person("mina").backup("old@example.org").pending("p@example.org").create().await;
        let (browser, _other) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
        world.after(QUARTER * 2);
        browser.post_form(path, &[field]).await;
        let page = browser.get(LOGIN).await;
        assert!(page.words().contains(wanted), "{}", page.words());
        assert!(page.body.contains("readonly autocomplete=\"username\" value=\"mina\""), "{}", page.body);
        assert!(page.body.contains("value=\"mina@example.com\""), "a link goes to the primary email");
        assert!(page.body.contains("<a href=\"/account\">Back to your account</a>"), "there is a way back");

        let before = world.dump();
        sign_in_again(&browser).await;
        let page = browser.get("/account").await;
        assert!(page.words().contains(resumed), "{path} {field:?}: {}", page.words());
        let after = world.dump();
        for table in ["AccountsTable", "OutboxTable"] {
            assert_eq!(before[table], after[table], "{path} {field:?}: signing in does none of it");
        }
        let logged = after["HistoryTable"].len() - before["HistoryTable"].len();
        assert_eq!(logged, 1, "{path} {field:?}: that somebody signed in");
        assert!(!browser.get("/account").await.words().contains(resumed), "once");
    }
}

#[tokio::test]
async fn a_removal_that_was_wanted_is_open_and_takes_one_more_button() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").signed_in().await;
    world.after(QUARTER * 2);
    browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    sign_in_again(&browser).await;
    let page = browser.get("/account").await;
    let (_, open) = page.body.split_once("<details open>").expect("one is open");
    assert!(
        open.split("</details>")
            .next()
            .is_some_and(|open| open.contains("action=\"/account/backup/remove\""))
    );
    let removed = browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    assert!(removed.words().contains("The backup email is removed."), "{}", removed.words());
}

#[tokio::test]
async fn what_was_typed_in_an_earlier_attempt_is_not_shown() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").signed_in().await;
    world.after(QUARTER * 2);
    browser.submit("/account/backup", &[("email", "typed@example.org")]).await;
    browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    sign_in_again(&browser).await;
    assert!(!browser.get("/account").await.body.contains("typed@example.org"));
}

#[tokio::test]
async fn who_goes_back_to_the_account_gives_it_up() {
    let world = World::new();
    let browser = world.person("mina").backup("old@example.org").signed_in().await;
    world.after(QUARTER * 2);
    browser.submit("/account/backup", &[("email", "typed@example.org")]).await;
    let page = browser.get("/account").await;
    assert!(open_forms(&page) == 0 && !page.body.contains("typed@example.org"));
    assert_eq!(browser.cookie(WANTED), None);
    assert!(!browser.get(LOGIN).await.words().contains("as mina"));
}

#[tokio::test]
async fn a_password_that_was_wanted_is_set_on_its_own_page() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    let page = browser.follow(&browser.get("/account/password").await).await;
    assert!(page.words().contains("Sign in again as mina to set a new password."), "{}", page.words());
    assert_eq!(sign_in_again(&browser).await.shown(), "303 to /account/password");
    assert!(browser.get("/account/password").await.body.contains("action=\"/account/password\""));
    assert_eq!(browser.cookie(WANTED), None);
}

#[tokio::test]
async fn a_link_opened_in_the_same_browser_goes_on_to_the_change_too() {
    let world = World::new();
    let mina = world.person("mina").backup("old@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(QUARTER * 2);
    browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    let page = browser.submit("/login/open", &[("token", &token)]).await;
    assert!(page.words().contains("Nothing has been removed yet"), "{}", page.words());
    assert_eq!(open_forms(&page), 1);

    world.after(QUARTER * 2);
    browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    browser.post_form("/login/link", &[("email", "mina@example.com")]).await;
    let code = browser.get("/login/link").await.link_code();
    let emails = world.deliver().await;
    let token = crate::support::token_in(&emails[0]);
    let phone = world.visitor();
    let page = phone.submit("/login/open", &[("token", &token), ("code", &code)]).await;
    assert!(page.words().contains("You are signed in."), "elsewhere nothing was wanted: {}", page.words());
    assert_eq!(open_forms(&page), 0);
}

#[tokio::test]
async fn an_account_without_a_password_signs_in_again_with_a_link() {
    let world = World::new();
    let browser = world.person("mina").without_password().signed_in().await;
    world.after(QUARTER * 2);
    let page = browser.submit("/account/backup", &[("email", "new@example.org")]).await;
    assert!(page.words().contains("Sign in again as mina"), "{}", page.words());
    assert!(!page.body.contains("type=\"password\"") && page.body.contains("action=\"/login/link\""));
    assert!(page.body.contains("Back to your account"));
    assert!(page.words().contains("Sign in with an email"), "{}", page.words());
    assert!(!page.words().contains("Or sign in") && !page.words().contains("backup email works too"));
}

#[tokio::test]
async fn signing_in_to_another_account_is_told() {
    let world = World::new();
    let mina = world.person("mina").backup("old@example.org").create().await;
    world.person("joris").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(QUARTER * 2);
    let page = browser.submit("/account/backup/remove", &[("what", "confirmed")]).await;
    for said in ["Or sign in without", "Your backup email works too.", "Not mina? Sign in to another account"]
    {
        assert!(page.words().contains(said), "{}", page.words());
    }
    let fields = [("identifier", "joris"), ("password", PASSWORD), ("next", "/account/password")];
    let page = browser.submit("/login", &fields).await;
    assert!(
        page.words().contains("You are now signed in to another account than before."),
        "{}",
        page.words()
    );
    assert!(page.words().contains("joris@example.com") && open_forms(&page) == 0);
    assert_eq!(browser.cookie(WANTED), None);
}

#[tokio::test]
async fn each_change_needs_a_sign_in_of_the_last_fifteen_minutes() {
    for (path, body) in changes() {
        let world = World::new();
        let mina = world.person("mina").backup("old@example.org").pending("p@example.org").create().await;
        let browser = world.signed_in(&mina).await;
        world.after(QUARTER + Duration::from_secs(1));
        let before = world.dump();
        let answer = browser.post_json(path, &body).await;
        assert_eq!((answer.status, &*answer.code()), (401, "fresh-sign-in-needed"), "{path} {body}");
        let after = world.dump();
        assert_eq!(
            (&before["AccountsTable"], &before["LimitsTable"]),
            (&after["AccountsTable"], &after["LimitsTable"])
        );
        assert_eq!(before["SessionsTable"].len(), after["SessionsTable"].len());

        let fields: Vec<(String, String)> = body
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or("true").to_owned()))
            .collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(browser.post_form(path, &fields).await.shown(), AGAIN, "{path} {body}");

        let fresh = world.signed_in(&mina).await;
        world.after(QUARTER);
        assert_ne!(fresh.post_json(path, &body).await.status, 401, "{path} {body}: the last second counts");
    }
}

#[tokio::test]
async fn looking_and_signing_out_need_no_fresh_sign_in() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(Duration::from_hours(24));
    assert_eq!(browser.get("/account").await.status, 200);
    assert_eq!(browser.submit("/logout", &[]).await.status, 200);
}

#[tokio::test]
async fn signing_in_again_makes_a_new_session_and_ends_the_former() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let former = browser.cookie("__Host-session").expect("a session");
    world.after(QUARTER * 2);
    sign_in_again(&browser).await;
    assert!(!world.visitor().with_session(&former).is_signed_in().await);
    assert_eq!(
        browser.post_json("/account/backup", &json!({ "email": "new@example.org" })).await.status,
        202
    );
}

#[tokio::test]
async fn a_wrong_address_is_told_before_anybody_has_to_sign_in_again() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    assert_eq!(browser.post_form("/account/backup", &[("email", "not an address")]).await.status, 422);
}

#[tokio::test]
async fn a_wrong_password_keeps_saying_who_is_to_sign_in_and_why() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    browser.post_form("/account/sessions/end", &[("others", "true")]).await;
    let fields = [("identifier", "mina"), ("password", "wrong"), ("reason", "fresh")];
    let page = browser.post_form("/login", &fields).await;
    assert!(page.words().contains("Sign in again as mina to end all other sessions."), "{}", page.words());
    assert!(page.body.contains("readonly autocomplete=\"username\" value=\"mina\""));

    // Without the cookie, as in a browser that keeps none, it says as much as it can.
    let page = world.visitor().post_form("/login", &fields).await;
    assert!(page.words().contains("we ask you to sign in again"), "{}", page.words());
}

#[tokio::test]
async fn without_a_wanted_change_the_page_is_that_of_strangers() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let strangers = world.visitor().get(LOGIN).await.without_chance();
    assert_eq!(world.signed_in(&mina).await.get(LOGIN).await.without_chance(), strangers);
    assert!(strangers.words().contains("we ask you to sign in again"), "{}", strangers.words());
}

#[tokio::test]
async fn an_unknown_reason_is_ignored() {
    let world = World::new();
    let expected = world.visitor().get("/login?next=/account").await.without_chance();
    for reason in ["", "x", "FRESH", "fresh%20", "%3Cscript%3E"] {
        let page = world.visitor().get(&format!("/login?next=/account&reason={reason}")).await;
        assert_eq!(page.without_chance(), expected);
    }
}

#[tokio::test]
async fn sign_out_forgets_what_was_typed() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    world.after(QUARTER * 2);
    browser.post_form("/account/backup", &[("email", "new@example.org")]).await;
    assert!(browser.cookie(WANTED).is_some());
    browser.submit("/logout", &[]).await;
    assert_eq!(browser.cookies(), Vec::<String>::new());
}

#[tokio::test]
async fn who_signs_in_next_in_a_shared_browser_does_not_read_what_was_typed() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.person("joris").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(QUARTER * 2);
    browser.post_form("/account/backup", &[("email", "new@example.org")]).await;
    browser.post_form("/login", &[("identifier", "joris"), ("password", PASSWORD)]).await;
    let page = browser.get("/account").await;
    assert!(page.body.contains("joris@example.com") && !page.body.contains("new@example.org"));
}

#[tokio::test]
async fn a_forged_cookie_of_what_was_wanted_is_escaped_or_ignored() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let plain = browser.get("/account").await;
    for value in ["x", "AAAA", "é", "\"><script>", &"A".repeat(5_000)] {
        let browser = world.signed_in(&mina).await.with_cookie(&format!("{WANTED}={value}"));
        // More than five sign-ins unfold.
        world.forget_history();
        let page = browser.get("/account").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.body.matches("<details").count(), plain.body.matches("<details").count());
        assert!(!page.body.contains("<details open>") && !page.body.contains("<script"));
    }
    // No change leads to another place than those of the closed set.
    for change in ["close-account", "https://example.net", "//example.net", "set-password "] {
        let forged = json!({
            "change": change, "owner": "", "username": "mina", "email": "", "has_password": true, "typed": "",
        });
        let cookie = format!("{WANTED}={}", URL_SAFE_NO_PAD.encode(forged.to_string()));
        let browser = world.visitor().with_cookie(&cookie);
        let answer = browser.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
        assert_eq!(answer.shown(), "303 to /account", "{change}");
    }
    for change in Change::ALL {
        let forged = json!({
            "change": change, "owner": "", "username": "\"><script>", "email": "\"><script>",
            "has_password": true, "typed": "\"><script>",
        });
        let cookie = format!("{WANTED}={}", URL_SAFE_NO_PAD.encode(forged.to_string()));
        let browser = world.signed_in(&mina).await.with_cookie(&cookie);
        for page in [browser.duplicate().get(LOGIN).await, browser.get("/account").await] {
            assert!(!page.body.contains("<script"), "{}", page.body);
        }
    }
    // A real cookie with markup in it: a program can obtain one.
    world.after(QUARTER * 2);
    let markup = "\"><script>alert(1)</script>@example.org";
    let answer = browser.post_form("/account/backup", &[("email", markup)]).await;
    assert!(!answer.body.contains("<script"), "{}", answer.body);
}
