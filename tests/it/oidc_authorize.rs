//! Requests of products: who may be asked, who is expected, and where an answer never goes.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::oidc::RedirectUri;
use serde_json::json;

use crate::support::{Answer, Person, Product, Visitor, World, assert_sealed, signs_in};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Mina, her browser, in which she signed in a second ago, and a product.
async fn scene(world: &World) -> (Person, Visitor<'_>, Product<'_>) {
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    world.after(SECOND);
    (mina, browser, world.product("Shop").await)
}

fn is_to_sign_in(answer: &Answer) -> bool {
    answer.shown() == "303 to /login"
}

/// Asserts that nobody is led anywhere but by the page itself, and that the page says why.
fn assert_leads_nowhere(answer: &Answer, title: &str, what: &str) {
    assert_sealed(answer);
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{what}: {}", answer.shown());
    assert!(answer.words().starts_with(title), "{what}: {}", answer.words());
    assert!(!answer.body.contains("http-equiv"), "{what}: {}", answer.body);
    assert!(answer.cookies.is_empty(), "{what}");
}

const UNKNOWN: &str = "This product is not known here";
const NOT_REGISTERED: &str = "This product asks to lead you to an address that it has not registered";

#[tokio::test]
async fn where_nobody_may_be_asked_a_session_gives_a_code_and_nothing_else_does() {
    let world = World::new();
    let (mina, browser, shop) = scene(&world).await;
    let ana = world.person("ana").create().await;
    let petra = world.person("petra").sso().create().await;
    let silent = [("prompt", "none")];
    shop.tokens(&shop.code(&shop.sends(&browser, &silent).await)).await;

    let ended = world.signed_in(&mina).await;
    let cookie = ended.cookie("__Host-session").expect("a session");
    ended.post_form("/logout", &[]).await;
    let of_ana = world.signed_in(&ana).await;
    world.disable(&ana).await;
    let idle = world.signed_in(&mina).await;
    let codes = world.dump()["LinksTable"].clone();
    for (what, visitor) in [
        ("nobody", world.visitor()),
        ("an ended session", world.visitor().with_session(&cookie)),
        ("an invented session", world.visitor().with_session(&"A".repeat(43))),
        ("a disabled account", of_ana),
        ("an account that signs in elsewhere", world.signed_in(&petra).await),
    ] {
        let answer = shop.sends(&visitor, &silent).await;
        assert_eq!((answer.status, &*shop.error(&answer)), (303, "login_required"), "{what}");
    }
    world.after(domain::session::IDLE_LIFETIME);
    assert_eq!(shop.error(&shop.sends(&idle, &silent).await), "login_required", "an idle session");
    assert_eq!(world.dump()["LinksTable"], codes, "no code was made");
}

#[tokio::test]
async fn who_signs_in_through_an_organisation_is_asked_for_another_account() {
    let world = World::new();
    let petra = world.person("petra").sso().create().await;
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.signed_in(&petra).await;
    let asked = shop.sends(&browser, &[]).await;
    assert!(is_to_sign_in(&asked), "{}", asked.shown());
    shop.tokens(&shop.code(&signs_in(&browser, &asked, "mina").await)).await;
}

#[tokio::test]
async fn a_product_may_have_its_person_sign_in_again_and_is_told_when_that_was() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let since = world.operator.now();
    for wish in
        [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0"), ("prompt", "consent login")]
    {
        world.after(MINUTE);
        let asked = shop.sends(&browser, &[wish]).await;
        assert!(is_to_sign_in(&asked), "{wish:?}: {}", asked.shown());
        let unmoved = browser.get("/oidc/authorize").await;
        assert!(is_to_sign_in(&unmoved), "{wish:?}: the session alone is not enough: {}", unmoved.shown());
        assert!(browser.is_signed_in().await, "it goes on until then");
        let last = signs_in(&browser, &asked, "mina").await;
        let claims = shop.verified(&shop.tokens(&shop.code(&last)).await).await;
        let now = world.operator.now();
        assert!(now > since && claims["auth_time"] == now.unix_seconds(), "{wish:?}: {claims}");
    }
    for calm in ["consent", ""] {
        shop.code(&shop.sends(&browser, &[("prompt", calm)]).await);
    }
}

#[tokio::test]
async fn a_sign_in_that_is_too_long_ago_is_repeated() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    // The scene has waited for a second.
    world.after(Duration::from_secs(599));
    shop.code(&shop.sends(&browser, &[("max_age", "600")]).await);
    world.after(SECOND);
    let silent = shop.sends(&browser, &[("max_age", "600"), ("prompt", "none")]).await;
    assert_eq!(shop.error(&silent), "login_required");
    let asked = shop.sends(&browser, &[("max_age", "600")]).await;
    assert!(is_to_sign_in(&asked), "{}", asked.shown());
    let last = signs_in(&browser, &asked, "mina").await;
    shop.code(&last);
    shop.code(&shop.sends(&browser, &[("max_age", "600")]).await);
}

#[tokio::test]
async fn where_a_certain_person_is_expected_nobody_else_gets_a_code() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    world.person("joris").create().await;
    let hint = shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await.id;
    let expected = [("id_token_hint", &*hint)];
    world.after(MINUTE * 60 * 24 * 7);
    shop.code(&shop.sends(&browser, &expected).await);
    shop.code(&shop.sends(&browser, &[("id_token_hint", &hint), ("prompt", "none")]).await);

    let (of_joris, _) = shop.signs_in("joris").await;
    world.after(SECOND);
    let silent = shop.sends(&of_joris, &[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert_eq!(shop.error(&silent), "login_required");
    let asked = shop.sends(&of_joris, &expected).await;
    assert!(is_to_sign_in(&asked), "{}", asked.shown());
    let other = signs_in(&of_joris, &asked, "joris").await;
    insta::assert_snapshot!(other.shown(), @r"
    200
    Continue to Shop
    You will be taken back to Shop in a moment.
    Continue to Shop
    ");
    assert_eq!(shop.error(&other), "login_required", "who came as somebody else is not asked again");
    world.after(SECOND);
    let asked = shop.sends(&of_joris, &expected).await;
    let right = signs_in(&of_joris, &asked, "mina").await;
    let claims = shop.verified(&shop.tokens(&shop.code(&right)).await).await;
    assert_eq!(claims["sub"], "account-of-mina");
}

#[tokio::test]
async fn a_hint_counts_only_as_an_id_token_of_this_product() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let other = world.product("Other").await;
    let tokens = shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await;
    let of_other = other.tokens(&other.code(&other.sends(&browser, &[]).await)).await;

    let [header, claims, signature] = tokens.id.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let encoded = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let keys = world.visitor().get_json("/oidc/jwks").await.json();
    let (kid, n) = (&keys["keys"][0]["kid"], keys["keys"][0]["n"].as_str().expect("a text"));
    let symmetric = format!("{}.{claims}", encoded(json!({ "alg": "HS256", "typ": "JWT", "kid": kid })));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(n).expect("base64url"));
    let mac = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, symmetric.as_bytes()));
    let none = encoded(json!({ "alg": "none", "typ": "JWT", "kid": kid }));
    let mut as_joris: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON");
    as_joris["sub"] = json!("account-of-joris");
    for (what, hint) in [
        ("of another product", of_other.id),
        ("unsigned", format!("{none}.{claims}.")),
        ("unsigned, with the signature", format!("{none}.{claims}.{signature}")),
        ("signed with the public key as a secret", format!("{symmetric}.{mac}")),
        ("of somebody else, by the same signature", format!("{header}.{}.{signature}", encoded(as_joris))),
        ("without a signature", format!("{header}.{claims}")),
        ("an access token", tokens.access.clone()),
        ("garbage", "x".into()),
        ("an address", "mina@example.com".into()),
    ] {
        for visitor in [&browser, &world.visitor()] {
            let answer = shop.sends(visitor, &[("id_token_hint", &hint)]).await;
            assert_eq!(shop.error(&answer), "invalid_request", "{what}");
        }
    }
    let whole = shop.sends(&browser, &[("id_token_hint", &tokens.id)]).await;
    shop.code(&whole);
}

#[tokio::test]
async fn an_address_that_is_not_registered_letter_by_letter_is_never_led_to() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let stranger = world.visitor();
    for address in [
        "https://shop.example.com/signed-in/",
        "https://shop.example.com//signed-in",
        "https://shop.example.com/Signed-In",
        "https://SHOP.example.com/signed-in",
        "HTTPS://shop.example.com/signed-in",
        "http://shop.example.com/signed-in",
        "https://shop.example.com:443/signed-in",
        "https://shop.example.com:8443/signed-in",
        "https://shop.example.com./signed-in",
        "https://shop.example.com/signed-in?",
        "https://shop.example.com/signed-in?x=y",
        "https://shop.example.com/signed-in#",
        "https://shop.example.com/signed-in#x",
        "https://mina@shop.example.com/signed-in",
        "https://shop.example.com@example.net/signed-in",
        "https://shop.example.com.example.net/signed-in",
        "https://shop.example.com/signed-in/../other",
        "https://shop.example.com/%73igned-in",
        "https://shop.example.com/signed-in ",
        " https://shop.example.com/signed-in",
        "https://shop.example.com/signed-in\r\nx: y",
        "https://shop.example.com/second",
        "https://shop.example.com/second?from=sparekey&x=y",
        "https://shop.example.com/signed-out",
        "https://example.net/",
        "//shop.example.com/signed-in",
        "/signed-in",
        "/account",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        for visitor in [&browser, &stranger] {
            for more in [("prompt", ""), ("prompt", "none"), ("response_type", "x")] {
                let answer = shop.sends(visitor, &[("redirect_uri", address), more]).await;
                assert_leads_nowhere(&answer, NOT_REGISTERED, address);
            }
        }
    }
    assert_leads_nowhere(&shop.sends(&browser, &[("redirect_uri", "")]).await, NOT_REGISTERED, "none");
    insta::assert_snapshot!(shop.sends(&browser, &[("redirect_uri", "https://example.net/")]).await.shown(), @r"
    400
    This product asks to lead you to an address that it has not registered
    So we stop here. Please tell the people who run the product.
    Go to your account
    ");
    let second = shop.client.redirect_uris[1].as_str();
    let answer = shop.sends(&browser, &[("redirect_uri", second)]).await;
    let location = answer.header("location");
    assert!(location.starts_with("https://shop.example.com/second?from=sparekey&code="), "{location}");
}

#[tokio::test]
async fn a_product_that_nobody_knows_leads_nowhere() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let other = world.product("Other").await;
    for id in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "../../clients"] {
        let answer = shop.sends(&browser, &[("client_id", id)]).await;
        assert_leads_nowhere(&answer, UNKNOWN, id);
    }
    for (name, twice) in [("client_id", other.client.id.as_str()), ("redirect_uri", other.address())] {
        let pair = serde_html_form::to_string([(name, twice)]).expect("a pair");
        let answer = browser.get(&format!("{}&{pair}", shop.request(&[]))).await;
        assert_leads_nowhere(&answer, UNKNOWN, name);
    }
    let answer = shop.sends(&browser, &[("redirect_uri", other.address())]).await;
    assert_leads_nowhere(&answer, NOT_REGISTERED, "the address of another product");
    world.with_clients().store.remove_client(&shop.client.id).await.expect("the database works");
    assert_leads_nowhere(&shop.sends(&browser, &[]).await, UNKNOWN, "removed");
    let json = browser.get_json(&shop.request(&[])).await;
    assert_eq!((json.status, &*json.code()), (400, "client-unknown"));
}

#[tokio::test]
async fn a_request_without_a_proper_challenge_gets_no_code() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let codes = world.dump()["LinksTable"].clone();
    let long = "A".repeat(44);
    for changes in [
        &[("code_challenge", "")][..],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge_method", "S512")],
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("code_challenge", "short")],
        &[("code_challenge", &long)],
        &[("code_challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX=")],
    ] {
        for visitor in [&browser, &world.visitor()] {
            let answer = shop.sends(visitor, changes).await;
            assert_eq!((answer.status, &*shop.error(&answer)), (303, "invalid_request"), "{changes:?}");
        }
    }
    assert_eq!(world.dump()["LinksTable"], codes, "no code was made");
}

#[tokio::test]
async fn what_else_is_wrong_with_a_request_is_told_to_the_product() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let long = "n".repeat(513);
    for (changes, error) in [
        ([("response_type", "")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("response_type", "code id_token")], "unsupported_response_type"),
        ([("response_mode", "fragment")], "invalid_request"),
        ([("response_mode", "form_post")], "invalid_request"),
        ([("scope", "")], "invalid_scope"),
        ([("scope", "profile email")], "invalid_scope"),
        ([("scope", "OPENID")], "invalid_scope"),
        ([("nonce", &*long)], "invalid_request"),
        ([("prompt", "none login")], "invalid_request"),
        ([("prompt", "create")], "invalid_request"),
        ([("max_age", "-1")], "invalid_request"),
        ([("max_age", "soon")], "invalid_request"),
        ([("request", "x")], "request_not_supported"),
        ([("request_uri", "https://shop.example.com/request")], "request_uri_not_supported"),
    ] {
        let answer = shop.sends(&browser, &changes).await;
        assert_eq!(shop.error(&answer), error, "{changes:?}");
        assert_sealed(&answer);
    }
    let twice = browser.get(&format!("{}&scope=openid", shop.request(&[]))).await;
    assert_eq!(shop.error(&twice), "invalid_request");
    let state = shop.sends(&browser, &[("state", "mañana")]).await;
    let location = state.header("location");
    assert!(location.contains("error=invalid_request") && !location.contains("state="), "{location}");
    let without = shop.sends(&browser, &[("state", "")]).await;
    let location = without.header("location");
    assert!(location.contains("?code=") && !location.contains("state="), "{location}");
    let unknown = shop.sends(&browser, &[("scope", "openid offline_access"), ("acr_values", "x")]).await;
    assert_eq!(shop.tokens(&shop.code(&unknown)).await.scope, "openid", "what nobody knows is ignored");
}

#[tokio::test]
async fn a_program_on_the_persons_own_machine_may_listen_on_any_port() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let mut client = shop.client.clone();
    client.id = world.operator.entropy.client_id();
    client.redirect_uris = vec![RedirectUri::parse("http://127.0.0.1/in").expect("an address")];
    world.with_clients().store.add_client(&client).await.expect("the database works");
    let local = |address: &str| shop.request(&[("client_id", client.id.as_str()), ("redirect_uri", address)]);
    let answer = browser.get(&local("http://127.0.0.1:49152/in")).await;
    assert!(answer.header("location").starts_with("http://127.0.0.1:49152/in?code="), "{}", answer.shown());
    for address in ["http://127.0.0.1:49152/", "http://localhost:49152/in", "http://127.0.0.2:49152/in"] {
        assert_leads_nowhere(&browser.get(&local(address)).await, NOT_REGISTERED, address);
    }
}

#[tokio::test]
async fn each_kind_of_request_costs_what_it_must() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let hint = shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await.id;
    let of = async |visitor: &Visitor<'_>, changes: &[(&str, &str)]| {
        let (answer, calls) = world.calls_of(shop.sends(visitor, changes)).await;
        assert!(matches!(answer.status, 303 | 400), "{}", answer.body);
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let known = ["GetItem ClientsTable", "UpdateItem SessionsTable", "Query AccountsTable"];
    assert_eq!(of(&browser, &[]).await, [&known[..], &["PutItem LinksTable"]].concat());
    assert_eq!(of(&browser, &[("prompt", "login")]).await, known);
    assert_eq!(of(&world.visitor(), &[]).await, known[..1]);
    assert_eq!(of(&world.visitor(), &[("prompt", "none")]).await, known[..1]);
    assert_eq!(of(&browser, &[("client_id", "x")]).await, Vec::<String>::new());
    assert_eq!(of(&browser, &[("redirect_uri", "https://example.net/")]).await, known[..1]);
    assert_eq!(of(&browser, &[("code_challenge", "")]).await, known[..1]);
    let hinted = of(&world.visitor(), &[("id_token_hint", &hint)]).await;
    let list_and_key = ["GetItem ClientsTable", "GetPublicKey SigningKey"];
    assert_eq!(hinted, [&known[..1], &list_and_key].concat());
    assert_eq!(
        of(&world.visitor(), &[("id_token_hint", &hint)]).await,
        known[..1],
        "list and key are known by now"
    );
    let (_, calls) = world.calls_of(world.visitor().get("/oidc/authorize")).await;
    assert!(calls.is_empty(), "nothing waits: {calls:?}");
}

#[tokio::test]
async fn a_failing_database_gives_no_code_and_the_next_try_does() {
    let world = World::new();
    let (_, browser, shop) = scene(&world).await;
    let before = world.dump();
    world.wire.fail("PutItem", 3, FaultKind::ServerError);
    let failed = shop.sends(&browser, &[]).await;
    assert_eq!((failed.status, failed.header("location")), (500, ""));
    assert_sealed(&failed);
    assert_eq!(world.dump()["LinksTable"], before["LinksTable"]);
    world.wire.fail("PutItem", 1, FaultKind::LostAnswer);
    shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await;

    let hint = shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await.id;
    world.wire.fail("GetPublicKey", 3, FaultKind::ServerError);
    assert_eq!(shop.sends(&browser, &[("id_token_hint", &hint)]).await.status, 500, "not a refused hint");
    shop.code(&shop.sends(&browser, &[("id_token_hint", &hint)]).await);
}
