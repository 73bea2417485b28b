//! What the owner is told of what a product does, and can do about it.
use std::time::Duration;

use serde_json::{Value, json};

use super::{ID, wanted, wanted_with};
use crate::support::{World, read, token_in};

/// Puts the account, then with these fields; returns the email to this address as its reader sees it, and its link's secret.
async fn told(world: &World, fields: &Value, to: &str) -> (String, String) {
    world.put_account(ID, &wanted()).await;
    let changed = world.put_account(ID, &wanted_with(fields)).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let sent = world.deliver().await;
    let email = sent.iter().find(|email| email.to == to).unwrap_or_else(|| panic!("{sent:#?}"));
    (read(email), token_in(email))
}

#[tokio::test]
async fn a_link_takes_the_username_of_its_email_also_after_the_product_has_changed_it() {
    let world = World::new();
    let both = json!({ "username": "thief1", "email": "thief@example.net" });
    let (email, token) = told(&world, &both, "mina@example.com").await;
    assert!(email.contains("Hello thief1,"), "{email}");
    // Nobody tells the owner of this.
    let renamed = world
        .put_account(
            ID,
            &wanted_with(&json!({
        "username": "thief2", "email": "thief@example.net" })),
        )
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    let owner = world.visitor();
    let before = world.dump();
    for other in ["mina", "thief", "", "thief1@example.net"] {
        let refused = owner.post_json("/undo", &json!({ "token": token, "username": other })).await;
        assert_eq!((refused.status, &*refused.code()), (422, "other-username"), "{other}");
    }
    assert_eq!(world.dump(), before);
    let undone = owner.post_json("/undo", &json!({ "token": token, "username": " Thief1 " })).await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    assert_eq!(world.get_account(ID).await.json()["email"], "mina@example.com");
}

#[tokio::test]
async fn a_link_takes_the_present_username_too_and_one_of_an_earlier_version_no_other() {
    for (typed, stored, status) in
        [("nova", true, 200), ("mina", true, 200), ("nova", false, 200), ("mina", false, 422)]
    {
        let world = World::new();
        let (_, token) = told(&world, &json!({ "email": "new@example.org" }), "mina@example.com").await;
        let renamed = world
            .put_account(ID, &wanted_with(&json!({ "username": "nova", "email": "new@example.org" })))
            .await;
        assert_eq!(renamed.status, 200, "{}", renamed.body);
        if !stored {
            world.remove_everywhere("LinksTable", "username");
        }
        let undone = world.visitor().post_json("/undo", &json!({ "token": token, "username": typed })).await;
        assert_eq!(undone.status, status, "{typed} {stored}: {}", undone.body);
    }
}

#[tokio::test]
async fn a_verified_email_is_told_as_the_change_of_a_product() {
    let world = World::new();
    let (email, token) = told(&world, &json!({ "email": "new@example.org" }), "mina@example.com").await;
    insta::assert_snapshot!(email, @r"
    Your primary email was changed

    Hello mina,

    On 22 November 2026 at 12:00 UTC, n***w@example.org became the primary email of your account. The primary before it, m***a@example.com, still gives access until 25 November 2026 at 12:00 UTC. The request came from a product that manages your account, and not from a device.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this was the primary email of your Sparekey account until a short time ago.
    ");
    let page = world.visitor().get(&format!("/undo?token={token}")).await;
    let words = page.words();
    assert!(words.contains("The request came from a product that manages your account"), "{words}");
    assert!(!words.contains("device we don’t know") && !words.contains("begins with"), "{words}");
    let document = world.visitor().get_json(&format!("/undo?token={token}")).await.json();
    assert_eq!((&document["by"], &document["events"][0]["by"]), (&json!("product"), &json!("product")));
    assert_eq!((&document["device"], &document["network"]), (&json!("unknown"), &json!("")));
}

#[tokio::test]
async fn a_request_of_a_product_is_told_as_one_and_says_how_it_is_confirmed() {
    let world = World::new();
    let fields = json!({ "email": "new@example.org", "email_verified": false });
    let (notice, _) = told(&world, &fields, "mina@example.com").await;
    insta::assert_snapshot!(notice, @r"
    A product asked to change your primary email

    Hello mina,

    On 22 November 2026 at 12:00 UTC, n***w@example.org was named as the next primary email of your account. It takes effect once it is confirmed through an email to that address. The request came from a product that manages your account, and not from a device.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
    let link = world.emails().into_iter().find(|email| email.to == "new@example.org").expect("it was sent");
    insta::assert_snapshot!(read(&link), @r"
    Confirm your new primary email

    Please confirm this address as the primary email of the Sparekey account mina. The link works for 24 hours.

    Confirm primary email:
    https://account.example.com/primary/confirm?token=TOKEN

    First sign in to your account, then open the link in the same browser. In any other browser, you need the code shown on your account page.

    This email was requested on 22 November 2026 at 12:00 UTC. The request came from a product that manages your account, and not from a device. If you don’t want this, do nothing. We don’t use this address unless you confirm it.

    --
    Sparekey
    You get this email because this address was entered at Sparekey.
    ");
    // It is as the email says.
    let token = token_in(&link);
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let code = browser.get("/account").await.link_code();
    let other = world.visitor();
    let asked = other.post_json("/primary/confirm", &json!({ "token": token })).await;
    assert_eq!((asked.status, &*asked.code()), (422, "code-needed"));
    let confirmed = other.post_json("/primary/confirm", &json!({ "token": token, "code": code })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
}

#[tokio::test]
async fn no_device_and_no_network_of_a_product_is_stored_or_shown() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let person = world.person_of(ID).await;
    let unverified = |email: &str| wanted_with(&json!({ "email": email, "email_verified": false }));
    assert_eq!(world.put_account(ID, &unverified("new@example.org")).await.status, 200);
    assert_eq!(world.put_account(ID, &wanted()).await.status, 200);
    let verified = wanted_with(&json!({ "email": "new@example.org", "username": "nova" }));
    assert_eq!(world.put_account(ID, &verified).await.status, 200);
    world.deliver().await;
    for (table, items) in world.dump() {
        let stored = items.iter().find(|item| item.contains("203.0.x.x"));
        assert_eq!(stored, None, "{table}");
    }
    world.after(Duration::from_secs(1));
    let browser = world.signed_in(&person).await;
    let history = browser.get_json("/account").await.json()["history"].clone();
    let history = history.as_array().expect("a list");
    let of_product = |what: &str| history.iter().find(|entry| entry["what"] == what).expect("it is listed");
    for what in ["primary-requested", "cancelled", "primary-changed"] {
        let entry = of_product(what);
        assert_eq!(
            (&entry["by"], entry.get("device"), entry.get("network")),
            (&json!("product"), None, None)
        );
    }
    let page = browser.get("/account").await.words();
    assert_eq!(page.matches("By a product that manages your account").count(), 3, "{page}");
}

#[tokio::test]
async fn what_an_earlier_version_stored_of_a_product_is_shown_as_its_doing() {
    let world = World::new();
    let (_, token) = told(&world, &json!({ "email": "new@example.org" }), "mina@example.com").await;
    let server = json!({ "M": { "device": { "S": "linux" }, "network": { "S": "203.0.x.x" } } });
    for mut row in world.history_rows(false) {
        row["source"] = server.clone();
        world.put("HistoryTable", &row);
    }
    let document = world.visitor().get_json(&format!("/undo?token={token}")).await.json();
    assert_eq!(document["events"][0]["by"], "product");
    let browser = world.signed_in(&world.person_of(ID).await).await;
    let history = browser.get_json("/account").await.json()["history"].clone();
    let changed = history.as_array().expect("a list").iter().find(|entry| entry["what"] == "primary-changed");
    let changed = changed.expect("it is listed");
    assert_eq!((&changed["by"], changed.get("network")), (&json!("product"), None), "{history}");
}

#[tokio::test]
async fn no_email_gives_access_to_an_sso_account_and_none_is_said_to() {
    for (kind, says) in [("regular", true), ("sso", false)] {
        let world = World::new();
        let fields = json!({ "email": "new@example.org", "kind": kind });
        let (email, token) = told(&world, &fields, "mina@example.com").await;
        assert_eq!(email.contains("still gives access until"), says, "{email}");
        let page = world.visitor().get(&format!("/undo?token={token}")).await.words();
        assert_eq!(page.contains("still gives access until"), says, "{page}");
        let browser = world.signed_in(&world.person_of(ID).await).await;
        let page = browser.get("/account").await.words();
        assert_eq!(page.contains("still gives access until"), says, "{page}");
    }
}
