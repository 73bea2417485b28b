//! A product sends its person here to sign out. A button does it, and nothing else.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::json;

use crate::support::{
    Answer, Ask, Person, Product, Tokens, Visitor, World, assert_sealed, leads_to, sign_out_request,
};

const PATH: &str = "/oidc/logout";
const BACK: &str = "https://shop.example.com/signed-out";

/// A product, somebody who has signed in to it, and their browser.
async fn scene(world: &World) -> (Product<'_>, Person, Visitor<'_>, Tokens) {
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (browser, tokens) = shop.signs_in("mina").await;
    (shop, mina, browser, tokens)
}

/// Presses the button of the page.
async fn press(browser: &Visitor<'_>, page: &Answer) -> Answer {
    let hidden = page.hidden_fields(PATH);
    let fields: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    browser.post_form(PATH, &fields).await
}

#[tokio::test]
async fn a_page_asks_a_button_signs_out_and_a_link_leads_back() {
    let world = World::new();
    let (shop, _, browser, tokens) = scene(&world).await;
    let request = sign_out_request(&[
        ("id_token_hint", &tokens.id),
        ("post_logout_redirect_uri", BACK),
        ("state", "the cart & more"),
    ]);
    let before = world.dump();
    let page = browser.get(&request).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    200
    Sign out?
    Shop asks whether you want to sign out of Sparekey too, where you are signed in as mina.
    Sign out
    Stay signed in
    ");
    assert_eq!(world.dump(), before, "looking signs nobody out");
    assert!(browser.is_signed_in().await && page.cookies.is_empty());

    let pressed = press(&browser, &page).await;
    assert_eq!(pressed.status, 303);
    assert!(pressed.header("location").starts_with("/oidc/logout?"), "{}", pressed.shown());
    assert_eq!(pressed.header("clear-site-data"), "\"cache\", \"storage\"");
    let cleared = ["__Host-session", "__Host-wanted", "__Host-authorize", "__Host-client"]
        .map(|name| format!("{name}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"));
    assert_eq!(pressed.cookies, cleared);
    assert!(world.dump()["SessionsTable"].is_empty());
    let last = browser.follow(&pressed).await;
    assert_sealed(&last);
    insta::assert_snapshot!(last.shown(), @r"
    200
    You are signed out
    You will be taken back to Shop in a moment.
    Back to Shop
    ");
    assert_eq!(leads_to(&last), format!("{BACK}?state=the+cart+%26+more"));
    assert_eq!(shop.userinfo(&tokens.access).await.status, 401, "what the product got has ended too");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn the_hint_may_be_old_and_may_be_left_out() {
    let world = World::new();
    let (shop, _, browser, tokens) = scene(&world).await;
    world.after(Duration::from_hours(24 * 10));
    for parameters in [
        &[("id_token_hint", &*tokens.id), ("post_logout_redirect_uri", BACK)][..],
        &[("client_id", shop.client.id.as_str()), ("post_logout_redirect_uri", BACK)],
        &[
            ("id_token_hint", &tokens.id),
            ("client_id", shop.client.id.as_str()),
            ("post_logout_redirect_uri", "https://shop.example.com/bye?from=sparekey"),
        ],
    ] {
        let browser = browser.duplicate();
        let page = browser.get(&sign_out_request(parameters)).await;
        assert_eq!(page.status, 200, "{}", page.shown());
        assert!(page.words().contains("Shop"), "{}", page.words());
    }
    let request = sign_out_request(&[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", BACK)]);
    let pressed = press(&browser, &browser.get(&request).await).await;
    assert_eq!(leads_to(&browser.follow(&pressed).await), BACK);
}

#[tokio::test]
async fn where_nothing_says_who_asks_the_page_says_so_and_leads_nowhere() {
    let world = World::new();
    let (_, _, browser, tokens) = scene(&world).await;
    let page = browser.get(PATH).await;
    insta::assert_snapshot!(page.shown(), @r"
    200
    Sign out?
    Somebody asks whether you want to sign out of Sparekey, where you are signed in as mina.
    Sign out
    Stay signed in
    ");
    let forged = tokens.id.rsplit_once('.').expect("three parts").0.to_owned() + ".";
    for hint in [&*forged, "x", &tokens.access] {
        let request = sign_out_request(&[("id_token_hint", hint)]);
        assert_eq!(browser.get(&request).await.words(), page.words(), "a hint that proves nothing is none");
    }
    let pressed = press(&browser, &page).await;
    assert_eq!(pressed.shown(), "303 to /oidc/logout");
    let last = browser.follow(&pressed).await;
    insta::assert_snapshot!(last.shown(), @r"
    200
    You are signed out
    You can close this page.
    ");
    assert!(!last.body.contains("http-equiv"), "{}", last.body);
}

#[tokio::test]
async fn who_is_not_signed_in_goes_back_at_once() {
    let world = World::new();
    let (_, mina, browser, tokens) = scene(&world).await;
    browser.post_form("/logout", &[]).await;
    let of_disabled = world.signed_in(&mina).await;
    world.disable(&mina).await;
    let request = sign_out_request(&[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", BACK)]);
    for visitor in [browser, of_disabled, world.visitor(), world.visitor().with_session(&"A".repeat(43))] {
        let answer = visitor.get(&request).await;
        assert_eq!((answer.status, leads_to(&answer)), (200, BACK.to_owned()));
        assert!(!answer.body.contains("<form"), "{}", answer.body);
    }
}

/// A request that is wrong leads nowhere, and who wants to signs out all the same.
#[tokio::test]
async fn the_way_back_is_a_registered_one_of_the_product_that_asks() {
    let world = World::new();
    let (shop, _, browser, tokens) = scene(&world).await;
    let other = world.product("Other").await;
    let (id, id_of_other) = (shop.client.id.as_str(), other.client.id.as_str());
    let mut wrong = Vec::new();
    for address in [
        "https://shop.example.com/signed-out/",
        "https://shop.example.com:443/signed-out",
        "https://shop.example.com/Signed-out",
        "https://shop.example.com/signed-out?x=y",
        "https://shop.example.com/signed-out#x",
        "https://mina@shop.example.com/signed-out",
        "http://shop.example.com/signed-out",
        "https://shop.example.com/signed-in",
        "https://other.example.com/signed-out",
        "https://example.net/",
        "//example.net",
        "/account",
        "javascript:alert(1)",
    ] {
        for proof in [("id_token_hint", &*tokens.id), ("client_id", id)] {
            wrong.push(vec![proof, ("post_logout_redirect_uri", address)]);
        }
    }
    let back = ("post_logout_redirect_uri", BACK);
    let forged = format!("{}x", tokens.id);
    wrong.extend([
        // Nobody asks, or nobody who proves it.
        vec![back],
        vec![back, ("id_token_hint", &*forged)],
        vec![back, ("id_token_hint", &tokens.access)],
        // Two products, an unknown one, none.
        vec![back, ("id_token_hint", &tokens.id), ("client_id", id_of_other)],
        vec![back, ("client_id", "AAAAAAAAAAAAAAAAAAAAAA")],
        vec![back, ("client_id", "x")],
        vec![back, back, ("client_id", id)],
        vec![back, ("client_id", id), ("state", "mañana")],
    ]);
    let stranger = world.visitor();
    for visitor in [&browser, &stranger] {
        let plain = visitor.get(PATH).await;
        for parameters in &wrong {
            let answer = visitor.get(&sign_out_request(parameters)).await;
            assert_sealed(&answer);
            assert_eq!(answer.shown(), plain.shown(), "as if nobody had asked: {parameters:?}");
            assert!(!answer.body.contains("http-equiv"), "{parameters:?}: {}", answer.body);
        }
    }
    assert!(browser.is_signed_in().await, "looking signs nobody out");
    let page = browser.get(&sign_out_request(&wrong[0])).await;
    let last = browser.follow(&press(&browser, &page).await).await;
    assert_eq!(last.shown(), stranger.get(PATH).await.shown());
    assert!(!last.body.contains("http-equiv") && !browser.is_signed_in().await, "{}", last.body);
}

#[tokio::test]
async fn another_site_signs_nobody_out() {
    let world = World::new();
    let (_, _, browser, tokens) = scene(&world).await;
    let fields = [("id_token_hint", &*tokens.id), ("post_logout_redirect_uri", BACK)];
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://shop.example.com")] {
        let forged = Ask::form(PATH, &fields).header(name, value);
        assert_eq!(browser.ask(&forged).await.status, 403, "{name}");
    }
    let framed = browser.get(&sign_out_request(&fields)).await;
    assert!(framed.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn the_page_shows_who_is_signed_in_here_whomever_the_hint_names() {
    let world = World::new();
    let (_, _, _, tokens) = scene(&world).await;
    let joris = world.person("joris").create().await;
    let browser = world.signed_in(&joris).await;
    let page = browser.get(&sign_out_request(&[("id_token_hint", &tokens.id)])).await;
    assert!(page.words().contains("joris") && !page.words().contains("mina"), "{}", page.words());
    press(&browser, &page).await;
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn what_a_product_writes_into_the_request_is_shown_to_nobody() {
    let world = World::new();
    let (shop, _, browser, _) = scene(&world).await;
    let hostile = "\"><script>alert(1)</script>";
    let request = sign_out_request(&[
        ("client_id", shop.client.id.as_str()),
        ("post_logout_redirect_uri", BACK),
        ("state", hostile),
        (hostile, hostile),
    ]);
    let page = browser.get(&request).await;
    assert!(page.status == 200 && !page.body.contains("<script"), "{}", page.body);
    assert!(!page.words().contains("alert"), "{}", page.words());
    let pressed = press(&browser, &page).await;
    let last = browser.follow(&pressed).await;
    assert!(!last.body.contains("<script"), "{}", last.body);
}

#[tokio::test]
async fn each_step_costs_what_it_must_and_a_failure_signs_nobody_out() {
    let world = World::new();
    let (_, _, browser, tokens) = scene(&world).await;
    let fields = [("id_token_hint", &*tokens.id), ("post_logout_redirect_uri", BACK)];
    let of = async |ask: Ask| {
        let (answer, calls) = world.calls_of(browser.ask(&ask)).await;
        (answer.status, calls.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let look = || Ask::page(&sign_out_request(&fields));
    let seen = ["GetItem ClientsTable", "UpdateItem SessionsTable", "Query AccountsTable"].map(str::to_owned);
    let list_and_key = ["GetItem ClientsTable", "GetPublicKey SigningKey"].map(str::to_owned);
    let first = [&list_and_key, &seen[..]].concat();
    assert_eq!(of(look()).await, (200, first));
    assert_eq!(of(look()).await, (200, seen.to_vec()));

    world.wire.fail("DeleteItem", 3, FaultKind::ServerError);
    let failed = browser.post_form(PATH, &fields).await;
    assert_eq!((failed.status, failed.cookies.len()), (500, 0));
    assert!(browser.is_signed_in().await);
    let (status, calls) = of(Ask::form(PATH, &fields)).await;
    assert_eq!(status, 303);
    assert_eq!(calls, ["DeleteItem SessionsTable"], "the page behind it finds the way back");
    assert_eq!(of(look()).await, (200, seen[..1].to_vec()), "nobody is signed in any more");
    let as_program = Ask::form(PATH, &fields).header("accept", "application/json");
    let (told, calls) = world.calls_of(browser.ask(&as_program)).await;
    assert_eq!((&told.json()["client"], &told.json()["location"]), (&json!("Shop"), &json!(BACK)));
    assert_eq!(calls.len(), 1, "a program goes to no page: {calls:?}");
    let program = browser.post_json(PATH, &json!({})).await;
    assert_eq!((program.status, &*program.code()), (415, "unsupported-media-type"));
}
