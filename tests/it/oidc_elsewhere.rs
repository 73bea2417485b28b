//! A link that was requested on the way to a product is opened in another browser: that says where the product waits.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dev::aws::faults::FaultKind;
use domain::Language;
use domain::oidc::ClientId;
use serde_json::{Value, json};

use crate::support::{Answer, Product, Visitor, World, assert_sealed, token_in};

const EMAIL: &str = "mina@example.com";
const CLIENT_READ: &str = "GetItem ClientsTable";

/// A link that somebody requested in a browser that a product has sent, and the code that is shown there.
async fn requested(world: &World, product: &Product<'_>, laptop: &Visitor<'_>) -> (String, String) {
    product.sends(laptop, &[]).await;
    asked_for(world, laptop).await
}

/// The same in a browser as it is.
async fn asked_for(world: &World, laptop: &Visitor<'_>) -> (String, String) {
    let asked = laptop.post_form("/login/link", &[("email", EMAIL)]).await;
    let code = laptop.follow(&asked).await.link_code();
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert!(!email.text.contains("Shop") && !email.html.contains("Shop"), "{}", email.text);
    (token_in(email), code)
}

async fn look(browser: &Visitor<'_>, token: &str) -> Answer {
    browser.get(&format!("/login/open?token={token}")).await
}

#[tokio::test]
async fn both_pages_say_where_the_product_waits_and_the_second_says_it_once() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (laptop, phone) = (world.visitor(), world.visitor());
    let (token, code) = requested(&world, &shop, &laptop).await;
    let page = look(&phone, &token).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    200
    Sign in as mina?
    You started to sign in to Shop in another browser. To go on to Shop, open this link in that browser: a link signs in only the browser in which it is opened.
    Code
    You opened this link in another browser than the one that asked for it. The page there shows a code of six letters and digits. After five wrong codes the link stops working.
    Have you closed that page?
    Ask for a new link here
    Sign in as mina
    You didn’t ask for this link? Close this page, and nothing happens.
    ");
    let wrong = phone.post_form("/login/open", &[("token", &token), ("code", "000000")]).await;
    assert!(
        wrong.status == 422 && wrong.words().contains("in to Shop in another browser"),
        "{}",
        wrong.shown()
    );
    let opened = phone.post_form("/login/open", &[("token", &token), ("code", &code)]).await;
    assert_eq!(opened.shown(), "303 to /account");
    let account = phone.follow(&opened).await;
    let said: Vec<_> = account.words().lines().take(3).map(str::to_owned).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    You are signed in.
    The other browser, in which you started to sign in to Shop, is not signed in. To go on there, ask for a new link in it and open the link there. Or go to Shop in this browser, where you are signed in now.
    Account details
    ");
    assert!(!phone.get("/account").await.body.contains("Shop"), "it is said once");

    // What it says works: in both browsers.
    let here = shop.sends(&phone, &[]).await;
    shop.tokens(&shop.code(&here)).await;
    let (token, _) = asked_for(&world, &laptop).await;
    let page = look(&laptop, &token).await;
    assert!(
        !page.body.contains("Shop"),
        "in the browser in which it waits, nothing is to be said: {}",
        page.body
    );
    let opened = laptop.post_form("/login/open", &[("token", &token)]).await;
    shop.tokens(&shop.code(&laptop.follow(&opened).await)).await;
}

#[tokio::test]
async fn the_link_itself_may_be_carried_to_the_browser_in_which_the_product_waits() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (laptop, phone) = (world.visitor(), world.visitor());
    let (token, _) = requested(&world, &shop, &laptop).await;
    look(&phone, &token).await;
    let opened = laptop.post_form("/login/open", &[("token", &token)]).await;
    shop.tokens(&shop.code(&laptop.follow(&opened).await)).await;
}

#[tokio::test]
async fn it_is_said_in_the_language_of_the_account_and_to_programs() {
    for (language, page_says, account_says) in [
        (
            Language::Nl,
            "Je was in een andere browser begonnen met inloggen bij Shop.",
            "De andere browser, waarin",
        ),
        (Language::Da, "Du begyndte at logge ind hos Shop i en anden browser.", "Den anden browser, hvor"),
    ] {
        let world = World::new();
        world.person("mina").language(language).create().await;
        let shop = world.product("Shop").await;
        let (laptop, phone) = (world.visitor(), world.visitor());
        let (token, code) = requested(&world, &shop, &laptop).await;
        let page = look(&phone, &token).await.words();
        assert!(page.contains(page_says), "{page}");
        let json = phone.get_json(&format!("/login/open?token={token}")).await.json();
        assert_eq!(json["client_elsewhere"], "Shop");
        let opened = phone.post_form("/login/open", &[("token", &token), ("code", &code)]).await;
        let account = phone.follow(&opened).await.words();
        assert!(account.contains(account_says), "{account}");
    }
}

#[tokio::test]
async fn a_second_click_and_a_browser_that_is_signed_in_already_are_told_too() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let laptop = world.visitor();
    let (token, code) = requested(&world, &shop, &laptop).await;
    let phone = world.visitor();
    let page = look(&phone, &token).await;
    for answer in phone.double_click(&page, "/login/open", &[("code", &code)]).await {
        let named = answer.cookies.iter().any(|cookie| cookie.starts_with("__Host-elsewhere="));
        // The second request has the cookies that the browser had before the first was answered.
        assert_eq!(named, answer.status == 303, "{}", answer.shown());
    }
    let (token, _) = asked_for(&world, &laptop).await;
    let signed_in = world.signed_in(&mina).await;
    let page = look(&signed_in, &token).await;
    assert!(page.body.contains("in to Shop in another browser"), "{}", page.body);
    let opened = signed_in.post_form("/login/open", &[("token", &token)]).await;
    assert!(signed_in.follow(&opened).await.body.contains("to Shop, is not signed in"));
    let again = look(&signed_in, &token).await;
    assert!(signed_in.follow(&again).await.body.contains("to Shop, is not signed in"));
}

#[tokio::test]
async fn a_browser_in_which_a_product_waits_goes_on_to_that_one() {
    let world = World::new();
    world.person("mina").create().await;
    let (shop, other) = (world.product("Shop").await, world.product("Other").await);
    let (laptop, phone) = (world.visitor(), world.visitor());
    let (token, code) = requested(&world, &shop, &laptop).await;
    other.sends(&phone, &[]).await;
    assert!(!look(&phone, &token).await.body.contains("Shop"));
    let opened = phone.post_form("/login/open", &[("token", &token), ("code", &code)]).await;
    other.tokens(&other.code(&phone.follow(&opened).await)).await;
    assert!(!phone.get("/account").await.body.contains("Shop"));
}

/// What a browser says is a cookie that anybody can write. Nothing of it is shown but the name that the operator registered.
#[tokio::test]
async fn the_name_is_the_registered_one_and_never_one_that_a_browser_sends() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop <b> & \"Socks\"").await;
    let sent = shop.sends(&world.visitor(), &[]).await;
    let waiting = sent.cookies[0].split(['=', ';']).nth(1).expect("a value");
    let waiting: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(waiting).expect("base64url")).expect("JSON");
    let of = |id: &str| {
        let mut forged = waiting.clone();
        forged["p"]["client_id"] = json!(id);
        forged["t"] = json!(world.operator.now().unix_seconds());
        URL_SAFE_NO_PAD.encode(forged.to_string())
    };
    let name = URL_SAFE_NO_PAD.encode("Your bank. Call 555-0100");
    let (known, unknown) = (shop.client.id.as_str(), ClientId::new([7; 16]));
    for (id, named) in [
        (known, true),
        (unknown.as_str(), false),
        ("Your bank", false),
        ("<b>", false),
        (&*"A".repeat(500), false),
    ] {
        // Past the limits of the address.
        world.after(Duration::from_hours(1));
        let forger = world
            .visitor()
            .with_cookie(&format!("__Host-authorize={}", of(id)))
            .with_cookie(&format!("__Host-client={name}"));
        let (token, code) = asked_for(&world, &forger).await;
        let phone = world.visitor();
        let page = look(&phone, &token).await;
        assert_eq!(page.body.contains("Shop &#60;b&#62; &#38; &#34;Socks&#34;"), named, "{}", page.body);
        let opened = phone.post_form("/login/open", &[("token", &token), ("code", &code)]).await;
        let account = phone.follow(&opened).await;
        assert_eq!(
            account.body.contains("Shop &#60;b&#62; &#38; &#34;Socks&#34;"),
            named,
            "{}",
            account.body
        );
        for page in [page, account] {
            assert!(
                page.status == 200 && !page.body.contains("bank") && !page.body.contains("<b>"),
                "{}",
                page.body
            );
        }
    }
}

#[tokio::test]
async fn of_a_product_that_was_removed_nothing_is_said() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (laptop, phone) = (world.visitor(), world.visitor());
    let (token, _) = requested(&world, &shop, &laptop).await;
    assert!(look(&phone, &token).await.body.contains("Shop"));
    world.with_clients().store.remove_client(&shop.client.id).await.expect("the database works");
    let page = look(&phone, &token).await;
    assert!(page.status == 200 && !page.body.contains("in another browser."), "{}", page.body);
}

#[tokio::test]
async fn without_products_a_forged_cookie_changes_nothing() {
    let mut world = World::new();
    world.person("mina").create().await;
    world.functions.open_magic_link.store = world.operator.store.clone();
    assert!(!world.operator.store.has_clients());
    let shop = world.product("Shop").await;
    let (token, _) = requested(&world, &shop, &world.visitor()).await;
    let page = look(&world.visitor(), &token).await;
    assert!(page.status == 200 && !page.body.contains("Shop"), "{}", page.body);
}

#[tokio::test]
async fn only_the_other_browser_costs_a_read_and_a_failure_of_it_uses_no_link() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let reads = async |browser: &Visitor<'_>, token: &str| {
        let (answer, calls) = world.calls_of(look(browser, token)).await;
        assert_eq!(answer.status, 200);
        calls.iter().filter(|call| call.to_string() == CLIENT_READ).count()
    };
    let laptop = world.visitor();
    let (plain, _) = asked_for(&world, &world.visitor()).await;
    assert_eq!(reads(&world.visitor(), &plain).await, 0, "no product waits anywhere");
    let (token, code) = requested(&world, &shop, &laptop).await;
    assert_eq!((reads(&laptop, &token).await, reads(&world.visitor(), &token).await), (0, 1));

    let phone = world.visitor();
    let fields = [("token", &*token), ("code", &*code)];
    world.wire.fail_on("ClientsTable", "GetItem", 3, FaultKind::ServerError);
    let failed = phone.post_form("/login/open", &fields).await;
    assert_eq!((failed.status, failed.session()), (500, None), "{}", failed.shown());
    assert_eq!(phone.post_form("/login/open", &fields).await.status, 303, "the link was not used");
}

/// Whether an address has an account is in no answer and in no row of the request.
#[tokio::test]
async fn the_request_is_the_same_for_known_and_unknown_addresses() {
    let mut seen = Vec::new();
    for typed in [EMAIL, "ruth@example.com"] {
        let world = World::new();
        world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let browser = world.visitor();
        shop.sends(&browser, &[]).await;
        let (answer, calls) = world.calls_of(browser.post_form("/login/link", &[("email", typed)])).await;
        let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
        let rows = &world.dump()["OutboxTable"];
        let [row] = &rows[..] else { panic!("one row: {rows:?}") };
        assert!(row.contains(shop.client.id.as_str()) && !row.contains("Shop"), "an id and no name: {row}");
        let mut row: Value = serde_json::from_str(row).expect("a row is JSON");
        for drawn in ["message_id", "request"] {
            assert!(row[drawn].is_object(), "{row}");
        }
        row["message_id"] = json!("ID");
        let row = row.to_string().replace(shop.client.id.as_str(), "CLIENT").replace(typed, "TYPED");
        seen.push((answer.without_chance(), calls, row));
    }
    assert_eq!(seen[0], seen[1]);
}
