//! What the session of a hand-over may do: as much as the sign-in that the product states, and nothing at other products.
use std::time::Duration;

use serde_json::json;

use super::{ID, back_to, look, press};
use crate::admin_account::wanted_with;
use crate::support::{PASSWORD, Visitor, World};

/// What comes of defining a backup email: 202, or 401 that asks for a sign-in.
async fn define(browser: &Visitor<'_>) -> (i64, String) {
    let answer = browser.post_json("/account/backup", &json!({ "email": "spare@example.org" })).await;
    let code = if answer.status == 202 { String::new() } else { answer.code() };
    (answer.status, code)
}

#[tokio::test]
async fn a_session_is_fresh_only_by_a_stated_sign_in_of_the_last_fifteen_minutes() {
    let done = || (202, String::new());
    let asked = || (401, "fresh-sign-in-needed".to_owned());
    for (stated, expected) in [
        (None, asked()),
        (Some("2026-11-22T12:00:00Z"), done()),
        (Some("2026-11-22T13:00:00+01:00"), done()),
        (Some("2026-11-22T11:45:01Z"), done()),
        (Some("2026-11-22T11:45:00Z"), done()),
        (Some("2026-11-22T11:44:59Z"), asked()),
        (Some("2026-11-21T12:00:00Z"), asked()),
        (Some("1970-01-01T00:00:00Z"), asked()),
        // A clock that is a minute ahead makes no sign-in of the future.
        (Some("2026-11-22T12:01:00.000Z"), done()),
    ] {
        let world = World::new();
        let (shop, _) = world.shop_with_mina().await;
        let token = world.handed_over(&shop, stated).await;
        let browser = world.visitor();
        assert_eq!(press(&browser, &token).await.status, 303, "{stated:?}");
        assert!(browser.is_signed_in().await, "{stated:?}");
        assert_eq!(define(&browser).await, expected, "{stated:?}");
    }
}

#[tokio::test]
async fn freshness_ends_fifteen_minutes_after_the_stated_sign_in_and_not_after_the_hand_over() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    for (stated, later, status) in [
        ("2026-11-22T12:01:00Z", 900, 202),
        ("2026-11-22T11:50:00Z", 300, 202),
        ("2026-11-22T11:50:00Z", 301, 401),
    ] {
        let world_now = World::new();
        let (shop, _) = world_now.shop_with_mina().await;
        let token = world_now.handed_over(&shop, Some(stated)).await;
        let browser = world_now.visitor();
        press(&browser, &token).await;
        world_now.after(Duration::from_secs(later));
        assert_eq!(define(&browser).await.0, status, "{stated} and {later} seconds");
    }
    for (stated, why) in [
        ("2026-11-22T12:01:01Z", "signed_in_at: it is in the future"),
        ("2027-11-22T12:00:00Z", "signed_in_at: it is in the future"),
        ("yesterday", "signed_in_at: it is not a time"),
        ("", "signed_in_at: it is not a time"),
        ("1795348800", "signed_in_at: it is not a time"),
        ("2026-11-22T12:00:00", "signed_in_at: it is not a time"),
        ("0000-00-00T00:00:00Z", "signed_in_at: it is not a time"),
    ] {
        let before = world.dump();
        let fields = json!({ "return_to": back_to(&shop), "signed_in_at": stated });
        let refused = world.ask_to_hand_over(ID, &fields).await;
        crate::admin_account::assert_refused(&refused, 422, "invalid-field", Some("signed_in_at"));
        assert!(refused.body.contains(why), "{}", refused.body);
        assert_eq!(world.dump(), before);
    }
}

#[tokio::test]
async fn a_session_is_for_a_visit_and_ends_after_an_hour_however_much_it_is_used() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let other = world.signed_in(&mina).await;
    let browser = world.visitor();
    press(&browser, &world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await).await;
    // A session that goes on under another secret, or in another generation, keeps its end.
    let set = browser.post_json("/account/password", &json!({ "password": "otter kettle violet" })).await;
    assert_eq!(set.status, 200, "{}", set.body);
    assert!(!other.is_signed_in().await);
    for minutes in [20, 20, 19] {
        world.after(Duration::from_mins(minutes));
        assert!(browser.is_signed_in().await);
    }
    world.after(Duration::from_mins(1));
    assert!(!browser.is_signed_in().await);
    let sessions = world.signed_in(&mina).await.get_json("/account").await.json()["sessions"].clone();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
}

#[tokio::test]
async fn the_cookie_of_a_session_that_goes_on_under_another_secret_ends_with_it() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let browser = world.visitor();
    press(&browser, &world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await).await;
    world.after(Duration::from_mins(10));
    let form = browser.get("/account/password").await;
    let typed = [("password", "otter kettle violet")];
    for answer in browser.double_click(&form, "/account/password", &typed).await {
        let cookie = answer.cookies.iter().find(|cookie| cookie.starts_with("__Host-session="));
        let cookie = cookie.unwrap_or_else(|| panic!("{}", answer.shown()));
        assert!(cookie.ends_with("; Max-Age=3000"), "fifty minutes are left of the hour: {cookie}");
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn who_is_not_fresh_signs_in_and_still_finds_the_way_back() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let browser = world.visitor();
    press(&browser, &token).await;
    let asked = browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    assert_eq!(asked.shown(), "303 to /login?next=/account&reason=fresh");
    let link = browser.emailed_token("/login/link", "mina@example.com").await;
    let page = browser.submit("/login/open", &[("token", &link)]).await;
    assert!(page.body.contains("value=\"spare@example.org\""), "what was typed is kept: {}", page.body);
    assert!(page.words().contains("Back to Shop"), "{}", page.words());
    // Or the product states a sign-in: the change goes on from there too.
    let other = world.visitor();
    press(&other, &world.handed_over(&shop, None).await).await;
    other.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    let again = world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await;
    let pressed = press(&other, &again).await;
    let page = other.follow(&pressed).await;
    assert!(page.body.contains("value=\"spare@example.org\""), "{}", page.body);
}

#[tokio::test]
async fn a_session_of_another_account_ends_with_the_button_and_not_before() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let joris = world.person("joris").create().await;
    let browser = world.signed_in(&joris).await;
    let kept = browser.duplicate();
    let token = world.handed_over(&shop, None).await;
    let page = look(&browser, &token).await;
    assert!(
        page.words().contains("You are signed in here as joris. If you go on, that session ends."),
        "{}",
        page.words()
    );
    assert!(page.words().contains("Stay signed in as joris"));
    assert!(kept.is_signed_in().await);
    press(&browser, &token).await;
    assert_eq!(browser.get_json("/account").await.json()["username"], "mina");
    assert!(!kept.is_signed_in().await, "the session that the browser had has ended");
}

#[tokio::test]
async fn who_is_signed_in_already_is_only_asked_to_go_on() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let browser = world.visitor();
    press(&browser, &world.handed_over(&shop, None).await).await;
    let page = look(&browser, &world.handed_over(&shop, None).await).await;
    assert!(page.words().contains("Go on as mina"), "{}", page.words());
    assert!(!page.words().contains("signed in here") && !page.words().contains("Stay signed in"));
}

#[tokio::test]
async fn a_product_that_hands_people_over_signs_them_in_nowhere_else() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await;
    let bank = world.product("Bank").await;
    let browser = world.visitor();
    // The other product waits, and a hand-over is no sign-in for it.
    bank.sends(&browser, &[]).await;
    assert_eq!(press(&browser, &token).await.shown(), "303 to /account");
    let asked = bank.sends(&browser, &[]).await;
    assert_eq!(asked.shown(), "303 to /login");
    let silent = bank.sends(&browser, &[("prompt", "none")]).await;
    assert_eq!(bank.brought(&silent)["error"], "login_required");
    assert!(!world.dump()["LinksTable"].concat().contains("code#"), "no code is made");
    // A sign-in here leads on to the product.
    bank.sends(&browser, &[]).await;
    let link = browser.emailed_token("/login/link", "mina@example.com").await;
    let signed_in = browser.post_form("/login/open", &[("token", &link)]).await;
    assert_eq!(signed_in.shown(), "303 to /oidc/authorize");
}

#[tokio::test]
async fn the_account_page_and_the_log_say_how_somebody_came() {
    for (locale, session, happened) in [
        (
            "en",
            "Came from a product, signed in there, on 22 November 2026",
            "Came from a product, signed in there",
        ),
        ("nl", "ingelogd vanuit een product", "Ingelogd vanuit een product"),
        (
            "da",
            "Kom fra et produkt, logget ind der, den 22. november 2026",
            "Kom fra et produkt, logget ind der",
        ),
    ] {
        let world = World::new();
        let shop = world.product("Shop").await;
        world.put_account(ID, &wanted_with(&json!({ "locale": locale }))).await;
        let token = world.handed_over(&shop, None).await;
        let browser = world.visitor();
        press(&browser, &token).await;
        let page = browser.get("/account").await.words();
        assert!(page.contains(session) && page.contains(happened), "{page}");
        let document = browser.get_json("/account").await.json();
        let own = &document["sessions"][0];
        assert_eq!((&own["how"], &own["signed_in_at"]), (&json!("hand-over"), &json!(1_795_348_800)));
        let latest = &document["history"][0];
        assert_eq!((&latest["what"], &latest["how"]), (&json!("signed-in"), &json!("hand-over")));
        assert!(document.get("finish").is_none(), "it is no recovery");
        assert!(world.deliver().await.is_empty(), "nobody gets an email");
    }
}

#[tokio::test]
async fn nothing_that_protects_an_account_is_weaker_afterwards() {
    let world = World::new();
    let shop = world.product("Shop").await;
    world.put_account(ID, &crate::admin_account::wanted()).await;
    let mina = world.person_of(ID).await;
    let thief = world.visitor();
    for _ in 0..3 {
        thief.post_form("/login", &[("identifier", "mina"), ("password", "wrong")]).await;
    }
    let (counts, items) = (world.dump()["LimitsTable"].clone(), world.items_of(&mina));
    let browser = world.visitor();
    press(&browser, &world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await).await;
    let after = world.dump()["LimitsTable"].clone();
    assert!(counts.iter().all(|count| after.contains(count)), "failed passwords stay counted");
    assert_eq!(world.items_of(&mina), items, "no address counts as read, and nothing is changed");
    assert!(browser.cookie("__Host-device").is_none(), "the browser gets no allowance of its own");
    // What a session of the backup email may do, this one may not.
    let promote = browser.get_json("/account/primary/promote").await;
    assert_ne!(promote.status, 200, "{}", promote.body);
}

#[tokio::test]
async fn an_sso_account_is_handed_over_and_has_no_backup_email_there_either() {
    let world = World::new();
    let shop = world.product("Shop").await;
    world.put_account(ID, &wanted_with(&json!({ "kind": "sso" }))).await;
    let token = world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await;
    let browser = world.visitor();
    assert_eq!(press(&browser, &token).await.status, 303);
    let page = browser.get("/account").await.words();
    assert!(
        page.contains("You sign in through your organisation") && page.contains("Back to Shop"),
        "{page}"
    );
    assert_eq!(define(&browser).await, (403, "sso-account".to_owned()));
}

#[tokio::test]
async fn hand_overs_are_counted_and_the_link_survives_a_refusal() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    for _ in 0..100 {
        let token = world.handed_over(&shop, None).await;
        assert_eq!(press(&world.visitor(), &token).await.status, 303);
    }
    let token = world.handed_over(&shop, None).await;
    let refused = press(&world.visitor(), &token).await;
    assert_eq!(refused.status, 429, "{}", refused.shown());
    assert!(refused.words().contains("Somebody came to this account very often"), "{}", refused.shown());
    assert!(world.log().contains("hand-overs"), "the operator sees which limit it is");
    assert_eq!(look(&world.visitor(), &token).await.status, 200, "it is not spent");
    world.after(Duration::from_hours(1));
    let token = world.handed_over(&shop, None).await;
    assert_eq!(press(&world.visitor(), &token).await.status, 303);
}

#[tokio::test]
async fn no_number_of_hand_overs_uses_up_the_sign_ins_with_a_password_or_the_other_way_round() {
    let world = World::new();
    let shop = world.product("Shop").await;
    let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(PASSWORD), [7; 16]);
    let hash = hash.expect("it is short");
    world.put_account(ID, &wanted_with(&json!({ "password_hash": hash.as_str() }))).await;
    let credentials = [("identifier", "mina"), ("password", PASSWORD)];
    let browser = world.visitor();
    assert_eq!(browser.post_form("/login", &credentials).await.status, 303);
    for _ in 0..100 {
        let token = world.handed_over(&shop, None).await;
        assert_eq!(press(&world.visitor(), &token).await.status, 303);
    }
    let signed_in = browser.post_form("/login", &credentials).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.shown());
    for _ in 0..98 {
        assert_eq!(browser.post_form("/login", &credentials).await.status, 303);
    }
    assert_eq!(browser.post_form("/login", &credentials).await.status, 429);
    world.after(Duration::from_hours(1));
    for _ in 0..100 {
        browser.post_form("/login", &credentials).await;
    }
    assert_eq!(browser.post_form("/login", &credentials).await.status, 429);
    let token = world.handed_over(&shop, None).await;
    assert_eq!(press(&world.visitor(), &token).await.status, 303);
}
