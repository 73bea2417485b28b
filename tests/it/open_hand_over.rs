//! A product hands a person over to the account page, who comes back to it.
mod links;
mod sessions;

use domain::oidc::RedirectUri;
use serde_json::{Value, json};

use crate::admin_account::{ID, path, wanted, wanted_with};
use crate::support::{Answer, Ask, Person, Product, Visitor, World, assert_sealed};

/// The page of a link.
pub const PAGE: &str = "/hand-over";

/// The path that a product asks for a link.
pub fn hand_over_path(external_id: &str) -> String {
    format!("{}/hand-over", path(external_id))
}

impl World {
    /// A product, with the account of its person, who has no password here.
    pub async fn shop_with_mina(&self) -> (Product<'_>, Person) {
        let shop = self.product("Shop").await;
        assert_eq!(self.put_account(ID, &wanted()).await.status, 201);
        (shop, self.person_of(ID).await)
    }

    /// What the product's back end asks for.
    pub async fn ask_to_hand_over(&self, external_id: &str, fields: &Value) -> Answer {
        self.back_end(&Ask::signed_json("POST", &hand_over_path(external_id), fields)).await
    }

    /// The secret of a link for the person of [`ID`], who returns to the shop.
    pub async fn handed_over(&self, shop: &Product<'_>, signed_in_at: Option<&str>) -> String {
        let mut fields = json!({ "return_to": back_to(shop) });
        if let Some(signed_in_at) = signed_in_at {
            fields["signed_in_at"] = signed_in_at.into();
        }
        let given = self.ask_to_hand_over(ID, &fields).await;
        assert_eq!(given.status, 201, "{}", given.body);
        token_of(&given)
    }
}

/// Where people return to the product.
pub fn back_to(shop: &Product<'_>) -> String {
    shop.client.return_uris[0].as_str().to_owned()
}

/// The secret in the link of an answer.
pub fn token_of(given: &Answer) -> String {
    let given = given.json();
    let link = given["link"].as_str().expect("a link");
    link.strip_prefix("https://account.example.com/hand-over?token=").expect("a link of ours").to_owned()
}

/// The page of a link.
pub async fn look(browser: &Visitor<'_>, token: &str) -> Answer {
    browser.get(&format!("{PAGE}?token={token}")).await
}

/// Presses the button.
pub async fn press(browser: &Visitor<'_>, token: &str) -> Answer {
    browser.post_form(PAGE, &[("token", token)]).await
}

#[tokio::test]
async fn a_person_goes_from_the_product_to_the_account_page_and_back() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let given = world
        .ask_to_hand_over(ID, &json!({ "return_to": back_to(&shop), "signed_in_at": "2026-11-22T11:59:00Z" }))
        .await;
    assert_eq!(given.status, 201, "{}", given.body);
    assert_sealed(&given);
    let token = token_of(&given);
    assert_eq!(
        given.json(),
        json!({
            "external_id": ID,
            "link": format!("https://account.example.com/hand-over?token={token}"),
            "expires_at": "2026-11-22T12:01:00Z",
        })
    );

    let browser = world.visitor();
    let page = look(&browser, &token).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    200
    Go to your account, mina?
    Shop leads you to your account at Sparekey, as mina. From there you can go back to Shop.
    Go on as mina
    You didn’t come from Shop? Close this page, and nothing happens.
    ");
    assert!(!browser.is_signed_in().await, "looking signs nobody in");
    let pressed = press(&browser, &token).await;
    assert_sealed(&pressed);
    assert_eq!(pressed.shown(), "303 to /account");
    let session = pressed.session().expect("a session begins");
    let [cookie, back, banner] = &pressed.cookies[..] else { panic!("{:?}", pressed.cookies) };
    assert_eq!(
        cookie.replace(&session, "SECRET"),
        "__Host-session=SECRET; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
    );
    assert!(
        back.starts_with("__Host-back=")
            && back.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"),
        "{back}"
    );
    assert!(banner.starts_with("__Host-banner=signed-in;"), "{banner}");

    let account = browser.get("/account").await;
    let link = format!("<a class=\"button quiet small\" href=\"{}\">Back to Shop</a>", back_to(&shop));
    assert!(account.body.contains(&link), "{}", account.body);
    let token = browser.emailed_token("/account/backup", "spare@example.org").await;
    assert!(browser.get("/account").await.body.contains(&link), "after the backup email was requested too");
    assert_eq!(browser.post_form("/backup/confirm", &[("token", &token)]).await.status, 303);
    assert!(browser.get("/account").await.body.contains(&link), "and after it is confirmed");
    assert_eq!(world.get_account(ID).await.json()["has_backup_email"], true);
    let document = browser.get_json("/account").await.json();
    assert_eq!(document["back"], json!({ "client": "Shop", "location": back_to(&shop) }));
}

#[tokio::test]
async fn a_person_is_led_in_their_own_language() {
    for (locale, question, back) in [
        ("en", "Go to your account, mina?", "Back to Shop"),
        ("nl", "Naar je account, mina?", "Terug naar Shop"),
        ("da", "Gå til din konto, mina?", "Tilbage til Shop"),
    ] {
        let world = World::new();
        let shop = world.product("Shop").await;
        world.put_account(ID, &wanted_with(&json!({ "locale": locale }))).await;
        let token = world.handed_over(&shop, None).await;
        let browser = world.visitor();
        assert!(look(&browser, &token).await.words().contains(question), "{locale}");
        press(&browser, &token).await;
        assert!(browser.get("/account").await.words().contains(back), "{locale}");
    }
}

#[tokio::test]
async fn a_program_is_told_where_a_link_leads_and_who_is_signed_in() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let program = world.visitor();
    assert_eq!(
        program.get_json(&format!("{PAGE}?token={token}")).await.json(),
        json!({ "username": "mina", "client": "Shop", "signed_in_as": null })
    );
    let opened = program.post_json(PAGE, &json!({ "token": token })).await;
    assert_eq!((opened.status, opened.json()), (200, json!({ "username": "mina" })));
    assert!(program.is_signed_in().await);
}

#[tokio::test]
async fn the_way_back_lasts_an_hour_goes_with_its_person_and_ends_with_the_address() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let joris = world.person("joris").create().await;
    let token = world.handed_over(&shop, None).await;
    let browser = world.visitor();
    press(&browser, &token).await;
    let has_way_back = async |browser: &Visitor<'_>| {
        let document = browser.get_json("/account").await.json();
        document.get("back").is_some()
    };
    assert!(has_way_back(&browser).await);

    // Who has to sign in again wants to return all the same; another person in the same browser does not.
    let cookie = format!("__Host-back={}", browser.cookie("__Host-back").expect("it is kept"));
    let again = world.signed_in(&mina).await.with_cookie(&cookie);
    assert!(has_way_back(&again).await);
    let other = world.signed_in(&joris).await.with_cookie(&cookie);
    assert!(!has_way_back(&other).await);
    for forged in ["__Host-back=", "__Host-back=a.b.c", &cookie.replace("__Host-back=", "__Host-back=A")] {
        assert!(!has_way_back(&world.signed_in(&mina).await.with_cookie(forged)).await, "{forged}");
    }

    // A forged address is one that the product has registered for this, or none.
    let client = &shop.client;
    for elsewhere in ["https://evil.example.net/", shop.address(), client.sign_out_uris[0].as_str()] {
        let location = RedirectUri::parse(elsewhere).expect("an address");
        let encoded = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(location.as_str())
        };
        let (start, _) = cookie.rsplit_once('.').expect("three parts");
        let forged = world.signed_in(&mina).await.with_cookie(&format!("{start}.{encoded}"));
        assert!(!has_way_back(&forged).await, "{elsewhere}");
    }

    let operator = world.with_clients();
    let without = domain::oidc::Client { return_uris: vec![], ..client.clone() };
    assert!(operator.store.change_client(client, &without).await.expect("a write"));
    assert!(!has_way_back(&browser).await, "the address is not registered any more");
    assert!(operator.store.change_client(&without, client).await.expect("a write"));
    assert!(has_way_back(&browser).await);
    assert!(operator.store.remove_client(&client.id).await.expect("a write"));
    assert!(!has_way_back(&browser).await, "the product is gone");
}
