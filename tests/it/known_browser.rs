//! Nobody keeps the owner out: a browser that has signed in before has an allowance of its own.
use std::time::Duration;

use domain::{AccountId, CountedFor, Limit, PasswordAttempt};
use serde_json::json;

use crate::support::{Answer, PASSWORD, Visitor, World};

const HOUR: Duration = Duration::from_hours(1);
/// Calls of a stranger, from as many networks as needed.
const CALLS: usize = 10_000;

async fn sign_in(visitor: &Visitor<'_>, identifier: &str, password: &str) -> Answer {
    visitor.post_json("/login", &json!({ "identifier": identifier, "password": password })).await
}

/// A browser in which mina has signed in and out.
async fn known(world: &World) -> Visitor<'_> {
    let browser = world.visitor();
    assert_eq!(sign_in(&browser, "mina", PASSWORD).await.status, 200);
    browser.post_form("/logout", &[]).await;
    assert!(browser.cookie("__Host-device").is_some(), "signing out forgets no browser");
    browser
}

/// Failed passwords in a row for mina, without verifying each.
async fn fail_in_a_row(world: &World, times: usize) {
    let app = &world.functions.password_login;
    let whose = CountedFor::account(&AccountId::new("account-of-mina"));
    for _ in 0..times {
        let limit = Limit::failed_passwords_in_a_row(&whose);
        app.store.counted(&app.needs.keys).count(&limit, app.now()).await.expect("the database works");
    }
}

#[tokio::test]
async fn no_stranger_uses_up_what_a_known_browser_may() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let browser = known(&world).await;
    let app = &world.functions.password_login;
    let whose = CountedFor::account(&AccountId::new("account-of-mina"));
    for call in 0..CALLS {
        let client =
            format!("198.{}.{}.1", 18 + call / 65_536, call / 256 % 256).parse().expect("an address");
        let attempt = PasswordAttempt::new(&whose, None, client);
        let counted = app.store.counted(&app.needs.keys).count_password_attempt(&attempt, app.now()).await;
        drop(counted.expect("the database works"));
    }
    for number in 0..40 {
        let stranger = world.visitor_from(&format!("198.51.100.{number}"));
        for email in ["mina@example.com", "spare@example.org"] {
            stranger.post_form("/login/link", &[("email", email)]).await;
        }
        // In the owner's own network too.
        world
            .visitor()
            .post_form("/forgot-username", &[("email", &format!("person{number}@example.com"))])
            .await;
    }
    world.deliver().await;
    world.after(Duration::from_secs(1));

    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 401, "closed for everybody else");
    for name in ["mina", "mina@example.com", "spare@example.org"] {
        assert_eq!(sign_in(&browser, name, PASSWORD).await.status, 200, "{name}");
    }
    world.deliver().await;
    for email in ["mina@example.com", "spare@example.org"] {
        let token = browser.emailed_token("/login/link", email).await;
        assert!(!token.is_empty(), "{email}");
    }
}

#[tokio::test]
async fn a_stolen_device_cookie_gives_its_own_allowance_and_no_more() {
    let world = World::new();
    world.person("mina").create().await;
    let cookie = known(&world).await.cookie("__Host-device").expect("it is set");
    let thief = |number: u8| {
        let client = format!("198.51.100.{number}");
        world.visitor_from(&client).with_cookie(&format!("__Host-device={cookie}"))
    };
    for number in 0..10 {
        assert_eq!(sign_in(&thief(number), "mina", "wrong").await.status, 401);
    }
    assert_eq!(sign_in(&thief(20), "mina", PASSWORD).await.status, 401, "ten in an hour");
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200, "others have theirs");
    for number in 0..8 {
        thief(number).post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    }
    assert_eq!(world.deliver().await.len(), 5);
    world.after(HOUR);
    assert_eq!(sign_in(&thief(30), "mina", PASSWORD).await.status, 200, "in the next hour");
}

#[tokio::test]
async fn a_device_cookie_that_is_forged_cut_or_of_others_counts_as_none() {
    let world = World::new();
    for name in ["mina", "joris"] {
        world.person(name).create().await;
    }
    let joris = world.visitor();
    assert_eq!(sign_in(&joris, "joris", PASSWORD).await.status, 200);
    let of_joris = joris.cookie("__Host-device").expect("it is set");
    let mina = known(&world).await.cookie("__Host-device").expect("it is set");
    let elsewhere = World::new().with_hashing_key("another-deployment-another-key-of-it");
    elsewhere.person("mina").create().await;
    let of_elsewhere = known(&elsewhere).await.cookie("__Host-device").expect("it is set");
    for _ in 0..10 {
        sign_in(&world.visitor_from("198.51.100.1"), "mina", "wrong").await;
    }
    let reference = sign_in(&world.visitor(), "mina", PASSWORD).await;
    assert_eq!(reference.status, 401);
    let thousand = format!("{}~{mina}", vec![&*of_joris; 1_000].join("~"));
    for cookie in [
        &*of_joris,
        &of_elsewhere,
        &mina[..mina.len() / 4],
        "",
        "~",
        "....",
        &mina.replace('.', ""),
        &thousand,
    ] {
        let browser = world.visitor().with_cookie(&format!("__Host-device={cookie}"));
        assert_eq!(sign_in(&browser, "mina", PASSWORD).await, reference, "{cookie:.60}");
    }
    let lines = world.visitor().with_cookie(&format!("__Host-device={mina}"));
    assert_eq!(sign_in(&lines, "mina", PASSWORD).await.status, 200, "the real one");
}

#[tokio::test]
async fn a_hundred_failures_in_a_row_close_the_form_until_a_link_or_a_known_browser_signs_in() {
    for way in ["link", "known browser"] {
        let world = World::new();
        world.person("mina").create().await;
        let browser = known(&world).await;
        fail_in_a_row(&world, 99).await;
        assert_eq!(sign_in(&world.visitor(), "mina", "wrong").await.status, 401);
        world.after(HOUR * 24);
        let closed = sign_in(&world.visitor(), "mina", PASSWORD).await;
        assert_eq!(closed.status, 401, "a day later too");
        assert_eq!(closed, sign_in(&world.visitor(), "nobody", PASSWORD).await);
        if way == "link" {
            let visitor = world.visitor();
            let token = visitor.emailed_token("/login/link", "mina@example.com").await;
            assert_eq!(visitor.post_json("/login/open", &json!({ "token": token })).await.status, 200);
        } else {
            assert_eq!(sign_in(&browser, "mina", PASSWORD).await.status, 200);
        }
        assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200, "after a {way}");
    }
}

#[tokio::test]
async fn a_family_that_shares_a_browser_is_known_there_each_by_themselves() {
    let world = World::new();
    let browser = world.visitor();
    for name in ["mina", "joris", "ana"] {
        world.person(name).create().await;
        assert_eq!(sign_in(&browser, name, PASSWORD).await.status, 200);
    }
    for name in ["mina", "joris", "ana"] {
        for number in 0..10 {
            sign_in(&world.visitor_from(&format!("198.51.100.{number}")), name, "wrong").await;
        }
        assert_eq!(sign_in(&browser, name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn sixty_right_sign_ins_through_the_backup_email_send_one_notice_for_a_browser() {
    for (cookies, notices) in [(true, 1), (false, 1)] {
        let world = World::new();
        world.person("mina").backup("spare@example.org").create().await;
        let browser = world.visitor();
        for _ in 0..60 {
            let visitor = if cookies { &browser } else { &world.visitor() };
            assert_eq!(sign_in(visitor, "spare@example.org", PASSWORD).await.status, 200);
        }
        assert_eq!(world.deliver().await.len(), notices, "with cookies: {cookies}");
        let elsewhere = world.visitor_from("198.51.100.9");
        assert_eq!(sign_in(&elsewhere, "spare@example.org", PASSWORD).await.status, 200);
        assert_eq!(world.deliver().await.len(), 1, "another browser is told");
        world.after(HOUR);
        assert_eq!(sign_in(&browser, "spare@example.org", PASSWORD).await.status, 200);
        assert_eq!(world.deliver().await.len(), 1, "an hour later");
    }
}

#[tokio::test]
async fn an_account_signs_in_a_hundred_times_an_hour_at_most() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let app = &world.functions.password_login;
    for _ in 0..99 {
        let limit = Limit::sign_ins(&mina.id);
        app.store.counted(&app.needs.keys).count(&limit, app.now()).await.expect("the database works");
    }
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200);
    let refused = sign_in(&world.visitor(), "mina", PASSWORD).await;
    assert_eq!((refused.status, &*refused.code()), (429, "too-many-sign-ins"));
    assert_eq!(sign_in(&world.visitor(), "mina", "wrong").await.status, 401, "only a right one is told");
    world.visitor().emailed_token("/login/link", "mina@example.com").await;
}
