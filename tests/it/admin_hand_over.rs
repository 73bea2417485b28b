//! Who may hand over whom, and where people may be led back to.
use dev::aws::iam::allow;
use dev::template::statement::Permission;
use dev::template::{ACCOUNT_ID, REGION};
use serde_json::{Value, json};

use crate::admin_account::{ID, assert_refused, path};
use crate::open_hand_over::{back_to, hand_over_path, look, token_of};
use crate::support::{Answer, Ask, World, template};

#[tokio::test]
async fn people_return_to_an_address_that_a_product_has_registered_letter_by_letter() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let bank = world.product("Bank").await;
    for address in [&shop, &bank].into_iter().flat_map(|product| &product.client.return_uris) {
        let given = world.ask_to_hand_over(ID, &json!({ "return_to": address.as_str() })).await;
        assert_eq!(given.status, 201, "{address}: {}", given.body);
    }
    let before = world.dump();
    for elsewhere in [
        "https://shop.example.com/Settings",
        "https://shop.example.com/settings/",
        "https://shop.example.com/settings?",
        "https://shop.example.com/settings?tab=Recovery",
        "https://shop.example.com/settings?tab=recovery&x=1",
        "https://shop.example.com/settings#x",
        "https://shop.example.com/setting",
        "https://shop.example.com:443/settings",
        "https://shop.example.com:8443/settings",
        "https://SHOP.example.com/settings",
        "https://shop.example.com./settings",
        "https://user@shop.example.com/settings",
        "https://shop.example.com/x/../settings",
        "https://shop.example.com/%73ettings",
        "http://shop.example.com/settings",
        "https://shop.example.com",
        "https://shop.example.com/",
        "https://evil.example.net/settings",
        " https://shop.example.com/settings",
        "https://shop.example.com/settings\n",
        "//shop.example.com/settings",
        "/settings",
        "javascript:alert(1)",
        "",
        // Other addresses of the same product: one expects a code, the other a sign-out.
        shop.address(),
        shop.client.sign_out_uris[0].as_str(),
        &format!("https://shop.example.com/settings?{}", "a".repeat(2_000)),
    ] {
        let refused = world.ask_to_hand_over(ID, &json!({ "return_to": elsewhere })).await;
        assert_refused(&refused, 422, "invalid-field", Some("return_to"));
    }
    assert_eq!(world.dump(), before);
}

/// On the loopback interface too: who is led back there has no listener that a port was free for.
#[tokio::test]
async fn the_port_of_a_loopback_address_is_one_of_its_letters() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let operator = world.with_clients();
    let address = domain::oidc::RedirectUri::parse("http://127.0.0.1:8400/settings").expect("an address");
    let local = domain::oidc::Client { return_uris: vec![address], ..shop.client.clone() };
    assert!(operator.store.change_client(&shop.client, &local).await.expect("a write"));
    for (port, status) in [("8400", 201), ("8401", 422)] {
        let to = format!("http://127.0.0.1:{port}/settings");
        assert_eq!(world.ask_to_hand_over(ID, &json!({ "return_to": to })).await.status, status, "{port}");
    }
}

#[tokio::test]
async fn of_two_products_with_an_address_the_older_one_is_named() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    world.after(std::time::Duration::from_secs(5));
    let other = world.product("Other").await;
    let same = domain::oidc::Client { return_uris: shop.client.return_uris.clone(), ..other.client.clone() };
    assert!(world.with_clients().store.change_client(&other.client, &same).await.expect("a write"));
    let token = world.handed_over(&shop, None).await;
    assert!(look(&world.visitor(), &token).await.words().contains("Shop leads you"));
}

#[tokio::test]
async fn an_account_that_nobody_can_sign_in_to_is_not_handed_over() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    // An account that is there without an id of a product is nobody's to hand over.
    let joris = world.person("joris").create().await;
    let fields = json!({ "return_to": back_to(&shop) });
    for id in ["nobody", "USER-7F3A", "joris", "joris@example.com", joris.id.as_str()] {
        assert_refused(&world.ask_to_hand_over(id, &fields).await, 404, "account-unknown", None);
    }
    for id in ["a%20b", "a%5Cb", "s%C3%B8ren"] {
        assert_refused(&world.ask_to_hand_over(id, &fields).await, 400, "not-an-external-id", None);
    }
    world.post_account(ID, "disable").await;
    let before = world.dump();
    let refused = world.ask_to_hand_over(ID, &fields).await;
    assert_refused(&refused, 409, "account-disabled", None);
    assert!(refused.body.contains("enable it first"), "{}", refused.body);
    assert_eq!(world.dump(), before);
    world.post_account(ID, "enable").await;
    assert_eq!(world.ask_to_hand_over(ID, &fields).await.status, 201);

    let mina = world.person_of(ID).await;
    world.set(&mina.id, "profile", "deleting_since", &json!({ "N": "1" }));
    assert_refused(&world.ask_to_hand_over(ID, &fields).await, 409, "account-being-deleted", None);
    let conditional = Ask::signed_json("POST", &hand_over_path(ID), &fields).header("if-match", "\"x\"");
    assert_refused(&world.back_end(&conditional).await, 412, "precondition-failed", None);
}

#[tokio::test]
async fn a_body_that_nobody_can_mean_is_refused_with_the_field() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let before = world.dump();
    let back = back_to(&shop);
    for (fields, field) in [
        (json!({}), Some("return_to")),
        (json!({ "return_to": null }), Some("return_to")),
        (json!({ "return_to": 7 }), Some("return_to")),
        (json!({ "return_to": [back] }), Some("return_to")),
        (json!({ "return_to": back, "signed_in_at": 1_795_348_800 }), Some("signed_in_at")),
        (json!({ "return_to": back, "signed_in_at": ["2026-11-22T12:00:00Z"] }), Some("signed_in_at")),
        (json!({ "return_to": back, "fresh": true }), None),
        (json!({ "return_to": back, "client_id": shop.client.id.as_str() }), None),
        (json!({ "returnTo": back }), None),
    ] {
        assert_refused(&world.ask_to_hand_over(ID, &fields).await, 400, "malformed-body", field);
    }
    let good = json!({ "return_to": back }).to_string();
    for (media_type, body, status, code) in [
        ("application/json", String::new(), 400, "malformed-body"),
        ("application/json", "[]".into(), 400, "malformed-body"),
        (
            "application/json",
            good.replacen('{', "{\"return_to\":\"https://evil.example.net/\",", 1),
            400,
            "malformed-body",
        ),
        ("application/json", format!("{good}{}", " ".repeat(17 * 1_024)), 413, "body-too-large"),
        ("application/x-www-form-urlencoded", "return_to=x".into(), 415, "unsupported-media-type"),
        ("text/plain", good.clone(), 415, "unsupported-media-type"),
    ] {
        let ask = Ask::signed("POST", &hand_over_path(ID)).body(media_type, body);
        assert_refused(&world.back_end(&ask).await, status, code, None);
    }
    assert_eq!(world.dump(), before);
    let given = world.ask_to_hand_over(ID, &json!({ "return_to": back, "signed_in_at": null })).await;
    assert_eq!(given.status, 201, "null is no sign-in: {}", given.body);
    assert_eq!(token_of(&given).len(), 43);
}

#[tokio::test]
async fn a_request_without_a_principal_of_iam_is_refused_before_anything_is_read() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let before = world.dump();
    let ask = Ask::signed_json("POST", &hand_over_path(ID), &json!({ "return_to": back_to(&shop) }));
    let mut event = ask.event(std::net::IpAddr::from([203, 0, 113, 7]), &[]);
    for authorizer in
        [Value::Null, json!({}), json!({ "iam": { "userArn": "" } }), json!({ "jwt": { "claims": {} } })]
    {
        event["requestContext"]["authorizer"] = authorizer.clone();
        let (answer, calls) = world.calls_of(world.answer_by("admin-hand-over", &event)).await;
        assert_refused(&Answer::from(answer), 403, "not-authorized", None);
        assert!(calls.is_empty(), "{authorizer}: nothing is read");
    }
    assert_eq!(world.dump(), before);
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let other = Ask::signed(method, &hand_over_path(ID));
        assert_ne!(world.visitor().ask(&other).await.status, 201, "{method}");
    }
}

/// Whether a managed policy of the template allows a call of the account API.
fn allows(policy: &str, method: &str, path: &str) -> bool {
    let api = &template().http_api.id;
    let resource = format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api}/$default/{method}{path}");
    let permission =
        Permission { action: "execute-api:Invoke".into(), resources: vec![resource], context: [].into() };
    allow(&template().caller_policies[policy], &permission)
}

#[test]
fn who_may_write_may_not_hand_over_and_the_other_way_round() {
    let (hand_over, own) = (hand_over_path(ID), path(ID));
    let actions = ["disable", "enable", "end-sessions"].map(|action| format!("{own}/{action}"));
    let writes = [("PUT", &own), ("DELETE", &own)].into_iter();
    let writes: Vec<_> = writes.chain(actions.iter().map(|path| ("POST", path))).collect();
    let policies: Vec<_> = template().caller_policies.keys().map(String::as_str).collect();
    assert_eq!(policies, ["AccountHandOverPolicy", "AccountReaderPolicy", "AccountWriterPolicy"]);
    for policy in policies {
        assert_eq!(allows(policy, "GET", &own), policy == "AccountReaderPolicy", "{policy}");
        for (method, path) in &writes {
            let may = allows(policy, method, path);
            assert_eq!(may, policy == "AccountWriterPolicy", "{policy}: {method} {path}");
        }
        assert_eq!(allows(policy, "POST", &hand_over), policy == "AccountHandOverPolicy", "{policy}");
        assert!(!allows(policy, "POST", &own) && !allows(policy, "POST", "/hand-over"), "{policy}");
    }
}
