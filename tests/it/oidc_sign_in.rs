//! People sign in to products, in any way there is, and arrive there.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, NOON, PASSWORD, PUBLIC_URL, Product, Visitor, World, assert_sealed, leads_to, signs_in,
    token_in,
};

const AUTHORIZE: &str = "/oidc/authorize";
const MINUTE: Duration = Duration::from_mins(1);

/// Signs in through a link to this address, in the browser that a product has sent. The last page of this site.
async fn by_link(product: &Product<'_>, browser: &Visitor<'_>, email: &str) -> Answer {
    let asked = product.sends(browser, &[]).await;
    assert_eq!(browser.follow(&asked).await.status, 200);
    let token = browser.emailed_token("/login/link", email).await;
    assert_eq!(browser.get(&format!("/login/open?token={token}")).await.status, 200);
    let opened = browser.post_form("/login/open", &[("token", &token)]).await;
    browser.follow(&opened).await
}

/// How somebody has signed in, as the product is told.
async fn told(product: &Product<'_>, last: &Answer) -> (Value, Value) {
    let tokens = product.tokens(&product.code(last)).await;
    let claims = product.verified(&tokens).await;
    (claims["amr"].clone(), claims["sparekey_recovery"].clone())
}

#[tokio::test]
async fn with_a_password() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    assert_eq!(asked.shown(), "303 to /login");
    insta::assert_snapshot!(browser.follow(&asked).await.shown(), @r"
    200
    Sign in
    To continue to Shop, sign in.
    Username or email
    Password
    Sign in
    Forgot your username?
    Forgot your password, or lost your mailbox?
    We send you an email with a link that signs you in. Your backup email works too.
    Email address
    Email me a link
    ");
    let last = signs_in(&browser, &asked, "mina").await;
    insta::assert_snapshot!(last.shown(), @r"
    200
    Continue to Shop
    You are signed in as mina. You will be taken to Shop in a moment.
    Continue to Shop
    ");

    let tokens = shop.tokens(&shop.code(&last)).await;
    assert_eq!(tokens.scope, "openid profile email");
    let claims = shop.verified(&tokens).await;
    assert_eq!(
        claims,
        json!({
            "iss": PUBLIC_URL, "sub": mina.id.as_str(), "aud": shop.client.id.as_str(), "iat": NOON,
            "exp": NOON + 300, "auth_time": NOON, "nonce": claims["nonce"], "at_hash": claims["at_hash"],
            "amr": ["pwd"], "sparekey_recovery": false,
        })
    );
    assert!(browser.is_signed_in().await, "here too");
}

#[tokio::test]
async fn through_a_link_to_the_primary_email() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.visitor();
    let last = by_link(&shop, &browser, "mina@example.com").await;
    assert_eq!(told(&shop, &last).await, (json!(["otp"]), json!(false)));
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn through_the_backup_email_the_product_is_told_that_it_is_a_recovery() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let shop = world.product("Shop").await;
    let last = by_link(&shop, &world.visitor(), "spare@example.org").await;
    assert_eq!(told(&shop, &last).await, (json!(["otp"]), json!(true)));
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com", "its owner is told as always");

    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    let last = signs_in(&browser, &asked, "spare@example.org").await;
    assert_eq!(told(&shop, &last).await, (json!(["pwd"]), json!(true)), "with a password too");
}

#[tokio::test]
async fn who_is_signed_in_already_arrives_at_once_and_the_product_learns_since_when() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.signed_in(&mina).await;
    world.after(MINUTE * 20);
    let answer = shop.sends(&browser, &[]).await;
    assert_eq!(answer.status, 303, "no page comes between: {}", answer.body);
    assert_sealed(&answer);
    let tokens = shop.tokens(&shop.code(&answer)).await;
    let claims = shop.verified(&tokens).await;
    assert_eq!((&claims["auth_time"], &claims["iat"]), (&json!(NOON), &json!(NOON + 1_200)));

    let second = world.product("Second").await;
    let answer = second.sends(&browser, &[]).await;
    let other = second.verified(&second.tokens(&second.code(&answer)).await).await;
    assert_eq!(other["sub"], claims["sub"], "everybody is the same to all products");
}

#[tokio::test]
async fn after_a_sign_in_the_last_step_is_a_page_that_leads_on() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    for kept in ["__Host-authorize", "__Host-client"] {
        let cookie = asked.cookies.iter().find(|cookie| cookie.starts_with(kept)).expect("it is kept");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"), "{cookie}");
    }
    let last = signs_in(&browser, &asked, "mina").await;
    assert_sealed(&last);
    assert_eq!((last.status, last.header("location")), (200, ""), "{}", last.body);
    assert!(leads_to(&last).starts_with("https://shop.example.com/signed-in?code="), "{}", last.body);
    assert!(!last.body.contains("<form") && !last.body.contains("<script"), "{}", last.body);
    let (authorize, client) = (browser.cookie("__Host-authorize"), browser.cookie("__Host-client"));
    assert_eq!((authorize, client), (None, None), "nothing waits any more");
    assert_eq!(browser.get(AUTHORIZE).await.shown(), "303 to /account", "as after a look back");
}

#[tokio::test]
async fn every_page_on_the_way_names_the_product() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shoes <b> & \"Socks\"").await;
    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    let named = "Shoes &#60;b&#62; &#38; &#34;Socks&#34;";
    let sign_in = browser.follow(&asked).await;
    let wrong = browser.post_form("/login", &[("identifier", "mina"), ("password", "wrong")]).await;
    let no_address = browser.post_form("/login/link", &[("email", "mina")]).await;
    assert_eq!((wrong.status, no_address.status), (401, 422));
    let last = signs_in(&browser, &asked, "mina").await;
    for page in [sign_in, wrong, no_address, last] {
        assert!(page.body.contains(named) && !page.body.contains("<b>"), "{}", page.body);
    }
    assert!(!world.visitor().get("/login").await.body.contains("Socks"), "where nobody waits it is silent");
}

#[tokio::test]
async fn the_product_may_say_in_which_language_and_who_it_probably_is() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    for (locales, says) in [("da", "Log ind"), ("fr nl-BE da", "Inloggen"), ("fr", "Sign in")] {
        let browser = world.visitor();
        let asked = shop.sends(&browser, &[("ui_locales", locales)]).await;
        let page = browser.follow(&asked).await;
        assert!(page.words().starts_with(says), "{locales}: {}", page.words());
    }
    for (hint, identifier, email) in [
        ("mina@example.com", "mina@example.com", "mina@example.com"),
        ("mina", "mina", ""),
        ("\"><b>", "&#34;&#62;&#60;b&#62;", ""),
    ] {
        let browser = world.visitor();
        let asked = shop.sends(&browser, &[("login_hint", hint)]).await;
        let page = browser.follow(&asked).await.body;
        let field = |name: &str| {
            let field = page.split("<input ").find(|field| field.contains(&format!("name=\"{name}\"")));
            let (_, value) = field.expect("there is a field").split_once("value=\"").expect("a value");
            value.split('"').next().unwrap_or_default().to_owned()
        };
        assert_eq!((&*field("identifier"), &*field("email")), (identifier, email), "{hint}");
    }
}

#[tokio::test]
async fn a_link_that_is_opened_elsewhere_signs_in_there_and_takes_nobody_to_the_product() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (laptop, phone) = (world.visitor(), world.visitor());
    shop.sends(&laptop, &[]).await;
    let asked = laptop.post_form("/login/link", &[("email", "mina@example.com")]).await;
    let code = laptop.follow(&asked).await.link_code();
    let token = token_in(&world.deliver().await[0]);
    let opened = phone.post_form("/login/open", &[("token", &token), ("code", &code)]).await;
    assert_eq!(opened.shown(), "303 to /account");
    assert_eq!(laptop.get(AUTHORIZE).await.shown(), "303 to /login", "nobody has signed in here");
    let last = signs_in(&laptop, &laptop.get(AUTHORIZE).await, "mina").await;
    shop.tokens(&shop.code(&last)).await;
}

#[tokio::test]
async fn a_product_comes_after_a_change_that_somebody_wanted_before() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.signed_in(&mina).await;
    world.after(MINUTE * 20);
    browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    assert!(browser.cookie("__Host-wanted").is_some());
    let asked = shop.sends(&browser, &[("prompt", "login")]).await;
    assert!(browser.cookie("__Host-wanted").is_none(), "the change is given up");
    let last = signs_in(&browser, &asked, "mina").await;
    shop.tokens(&shop.code(&last)).await;

    // The other way round, the change is why somebody signs in, and the product still waits.
    world.after(MINUTE * 20);
    shop.sends(&browser, &[("prompt", "login")]).await;
    let wanted = browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    let page = browser.follow(&wanted).await;
    let hidden = page.hidden_fields("/login");
    let typed = [("identifier", "mina"), ("password", PASSWORD)];
    let fields: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).chain(typed).collect();
    let signed_in = browser.post_form("/login", &fields).await;
    assert_eq!(signed_in.shown(), "303 to /account");
    shop.code(&browser.get(AUTHORIZE).await);
}

#[tokio::test]
async fn who_signs_out_on_the_way_goes_on_to_no_product() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.signed_in(&mina).await;
    world.after(MINUTE);
    shop.sends(&browser, &[("prompt", "login")]).await;
    browser.post_form("/logout", &[]).await;
    let fields = [("identifier", "mina"), ("password", PASSWORD)];
    assert_eq!(browser.post_form("/login", &fields).await.shown(), "303 to /account");
    assert_eq!(browser.get(AUTHORIZE).await.shown(), "303 to /account");
}

/// A HEAD is safe (RFC 9110, section 9.2.1): it makes no code, and does not even touch the session.
#[tokio::test]
async fn a_head_is_answered_as_where_nobody_is_signed_in_and_writes_nothing() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.signed_in(&mina).await;
    world.after(MINUTE);
    let before = world.dump();
    for (changes, leads) in [
        (&[][..], "/login"),
        (&[("prompt", "none")][..], "https://shop.example.com/signed-in?error=login_required"),
        (&[("code_challenge", "")][..], "https://shop.example.com/signed-in?error=invalid_request"),
    ] {
        let head = browser.duplicate().ask(&Ask::new("HEAD", &shop.request(changes))).await;
        assert!(head.status == 303 && head.header("location").starts_with(leads), "{}", head.shown());
        let stranger = world.visitor().get(&shop.request(changes)).await;
        assert_eq!(head.header("location"), stranger.header("location"));
    }
    shop.sends(&browser, &[("prompt", "login")]).await;
    let waiting = browser.duplicate().ask(&Ask::new("HEAD", AUTHORIZE)).await;
    assert_eq!(waiting.shown(), "303 to /login");
    assert_eq!(world.dump()["LinksTable"], before["LinksTable"], "no code");
    let head = browser.duplicate().ask(&Ask::new("HEAD", &shop.request(&[]))).await;
    assert_eq!(head.status, 303);
    shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await;
}

/// Browsers send no `Lax` cookie with such a request, so the browser that is signed in goes on with a GET.
#[tokio::test]
async fn a_products_own_page_may_post_its_request() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let signed_in = world.signed_in(&mina).await;
    let parameters = shop.parameters(&[]);
    let fields: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let post = Ask::form(AUTHORIZE, &fields)
        .header("sec-fetch-site", "cross-site")
        .header("origin", "https://shop.example.com");
    let before = world.dump();
    for visitor in [world.visitor(), signed_in.duplicate()] {
        let (answer, calls) = world.calls_of(visitor.ask(&post)).await;
        assert_eq!(answer.shown(), "303 to /oidc/authorize");
        assert_sealed(&answer);
        assert_eq!(calls.iter().map(ToString::to_string).collect::<Vec<_>>(), ["GetItem ClientsTable"]);
    }
    assert_eq!(world.dump(), before, "whatever the browser sends along");

    let answer = world.visitor().ask(&post).await;
    let cookies = answer.cookies.iter().map(|cookie| cookie.split(';').next().unwrap_or_default());
    let browser = cookies.fold(signed_in, Visitor::with_cookie);
    let last = browser.follow(&answer).await;
    assert_eq!(last.status, 200, "a redirect that follows a form of theirs may be stopped");
    shop.tokens(&shop.code(&last)).await;

    let stranger = world.visitor();
    let answer = stranger.ask(&post).await;
    let asked = stranger.follow(&answer).await;
    assert_eq!(asked.shown(), "303 to /login");
    shop.tokens(&shop.code(&signs_in(&stranger, &asked, "mina").await)).await;
}

#[tokio::test]
async fn a_refused_post_tells_the_product_too() {
    let world = World::new();
    let shop = world.product("Shop").await;
    let post = |changes: &[(&str, &str)]| {
        let parameters = shop.parameters(changes);
        let fields: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        Ask::form(AUTHORIZE, &fields).header("sec-fetch-site", "cross-site")
    };
    let refused = world.visitor().ask(&post(&[("code_challenge", "")])).await;
    assert_eq!(shop.error(&refused), "invalid_request");
    let nowhere = world.visitor().ask(&post(&[("redirect_uri", "https://example.net/")])).await;
    assert_eq!((nowhere.status, nowhere.header("location")), (400, ""), "{}", nowhere.body);
    assert!(nowhere.cookies.is_empty());
}

#[tokio::test]
async fn a_request_waits_for_half_an_hour() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    for (waited, arrives) in [(MINUTE * 30, true), (MINUTE * 30 + Duration::from_secs(1), false)] {
        let browser = world.visitor();
        let asked = shop.sends(&browser, &[]).await;
        world.after(waited);
        let last = signs_in(&browser, &asked, "mina").await;
        if arrives {
            shop.tokens(&shop.code(&last)).await;
        } else {
            assert_eq!(last.shown(), "303 to /account");
        }
    }
}

#[tokio::test]
async fn what_waits_is_held_against_what_the_operator_says_by_then() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    let removed = world.with_clients().store.remove_client(&shop.client.id).await;
    assert!(removed.expect("the database works"));
    let last = signs_in(&browser, &asked, "mina").await;
    assert_eq!((last.status, last.header("location")), (400, ""));
    assert_eq!(browser.cookie("__Host-authorize"), None, "it waits no more");
    insta::assert_snapshot!(last.shown(), @r"
    400
    This product is not known here
    Its address may be wrong, or it was removed. Please start again from the product, or tell the people who run it.
    Go to your account
    ");
}

#[tokio::test]
async fn a_browser_that_forges_what_waits_gains_nothing() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let asked = shop.sends(&world.visitor(), &[]).await;
    let waiting = asked.cookies[0].split(['=', ';']).nth(1).expect("a value");
    let waiting: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(waiting).expect("base64url")).expect("JSON");
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut forged = waiting.clone();
        change(&mut forged);
        format!("__Host-authorize={}", URL_SAFE_NO_PAD.encode(forged.to_string()))
    };
    for (what, cookie, status) in [
        ("garbage", "__Host-authorize=x".to_owned(), 303),
        ("no object", format!("__Host-authorize={}", URL_SAFE_NO_PAD.encode("[]")), 303),
        ("from the future", forged(&|waiting| waiting["t"] = json!(NOON + 60)), 303),
        (
            "another address",
            forged(&|waiting| waiting["p"]["redirect_uri"] = json!("https://example.net/")),
            400,
        ),
        ("no client", forged(&|waiting| waiting["p"]["client_id"] = json!("x")), 400),
    ] {
        let browser = world.signed_in(&mina).await.with_cookie(&cookie);
        let answer = browser.get(AUTHORIZE).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        let location = answer.header("location");
        assert!(location.is_empty() || location == "/account", "{what}: {location}");
        assert!(!answer.body.contains("example.net"), "{what}");
    }
}
