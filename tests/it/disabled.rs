//! An account that an operator has disabled (ASVS 5.0 V7.4.2, V7.4.5): nothing opens it, and no answer says why.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use serde_json::json;

use crate::support::{PASSWORD, Person, World};

#[tokio::test]
async fn its_sessions_are_dead_at_once_and_stay_so_when_it_is_enabled_again() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    world.disable(&mina).await;
    assert!(!browser.is_signed_in().await);
    for (path, body) in [
        ("/account/backup", json!({ "email": "new@example.org" })),
        ("/account/backup/remove", json!({})),
        ("/account/sessions/end", json!({ "others": true })),
        ("/account/password", json!({ "password": "otter kettle violet" })),
    ] {
        assert_eq!(browser.post_json(path, &body).await.code(), "not-signed-in", "{path}");
    }
    world.enable(&mina).await;
    assert!(!browser.is_signed_in().await, "an old session is not revived");
    world.after(Duration::from_secs(1));
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    assert_eq!(browser.post_json("/login", &credentials).await.status, 200);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_disabled_account_is_answered_like_a_wrong_password() {
    let ask = async |disabled: bool, identifier: &str, password: &str| {
        let world = World::new();
        let mina = world.person("mina").backup("spare@example.org");
        if disabled { mina.disabled() } else { mina }.create().await;
        let visitor = world.visitor();
        let credentials = json!({ "identifier": identifier, "password": password });
        let (answer, calls) = world.calls_of(visitor.post_json("/login", &credentials)).await;
        assert!(visitor.cookies().is_empty());
        (answer, calls)
    };
    for identifier in ["mina", "mina@example.com", "spare@example.org"] {
        let wrong = ask(false, identifier, "wrong").await;
        assert_eq!(wrong.0.code(), "wrong-credentials");
        assert_eq!(ask(true, identifier, PASSWORD).await, wrong, "{identifier}");
        assert_eq!(ask(true, identifier, "wrong").await, wrong, "{identifier}");
    }
}

#[tokio::test]
async fn it_gets_no_mail_that_a_stranger_asks_for() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    world.disable(&mina).await;
    for email in ["mina@example.com", "spare@example.org"] {
        for path in ["/forgot-username", "/login/link"] {
            assert_eq!(world.visitor().submit(path, &[("email", email)]).await.status, 200);
        }
    }
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn links_from_before_are_unknown() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let confirmation = browser.emailed_token("/account/backup", "spare@example.org").await;
    let sign_in = browser.emailed_token("/login/link", "mina@example.com").await;
    world.disable(&mina).await;
    let before = world.dump();
    for (path, token) in [("/backup/confirm", &confirmation), ("/login/open", &sign_in)] {
        let page = browser.get(&format!("{path}?token={token}")).await;
        assert!(page.status == 404 && page.words().contains("This link does not work"), "{}", page.shown());
        assert_eq!(
            browser.post_json(path, &json!({ "token": token })).await.code(),
            "link-unknown",
            "{path}"
        );
    }
    assert_eq!(world.dump()["AccountsTable"], before["AccountsTable"]);
    world.enable(&mina).await;
    assert_ne!(
        browser.post_json("/login/open", &json!({ "token": sign_in })).await.status,
        200,
        "nor revived"
    );
}

#[tokio::test]
async fn a_pending_address_gets_no_confirmation_any_more() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    world.signed_in(&mina).await.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    world.disable(&mina).await;
    assert!(world.deliver().await.is_empty());
}

/// Has an operator disable the account after a flow has read it and before the last of its transactions arrives.
async fn disabled_during<T>(
    world: &World,
    person: &Person,
    (function, transactions): (&str, u32),
    flow: impl Future<Output = T>,
) -> T {
    world.wire.fail_for(function, "TransactWriteItems", transactions, FaultKind::Delay { delay_ms: 200 });
    let before = world.wire.calls().len();
    let disabling = async {
        while !world.wire.calls()[before..].iter().any(|call| call.what == "Query AccountsTable") {
            tokio::task::yield_now().await;
        }
        world.disable(person).await;
    };
    let both = Box::pin(async { tokio::join!(flow, disabling) });
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("it is read");
    outcome
}

#[tokio::test]
async fn no_session_opens_when_it_is_disabled_while_somebody_signs_in() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    let body = json!({ "token": token });
    let opened =
        disabled_during(&world, &mina, ("open-magic-link", 1), browser.post_json("/login/open", &body)).await;
    assert_eq!(opened.status, 404, "{}", opened.body);
    assert!(world.dump()["SessionsTable"].is_empty());

    world.enable(&mina).await;
    let credentials = json!({ "identifier": "mina", "password": PASSWORD });
    // The first of two counts the attempt.
    let answer =
        disabled_during(&world, &mina, ("password-login", 2), browser.post_json("/login", &credentials))
            .await;
    assert_eq!(answer.code(), "wrong-credentials");
    assert!(world.dump()["SessionsTable"].is_empty());
}

#[tokio::test]
async fn no_backup_email_is_confirmed_or_removed_when_it_is_disabled_meanwhile() {
    let world = World::new();
    let mina = world.person("mina").backup("old@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let token = browser.emailed_token("/account/backup", "new@example.org").await;
    let form = json!({ "token": token, "code": browser.get("/account").await.link_code() });
    let answer = disabled_during(
        &world,
        &mina,
        ("confirm-backup", 1),
        world.visitor().post_json("/backup/confirm", &form),
    )
    .await;
    assert_eq!(answer.code(), "link-unknown");

    world.enable(&mina).await;
    world.after(Duration::from_secs(1));
    let browser = world.signed_in(&mina).await;
    let removal = json!({ "what": "confirmed" });
    let removed = browser.post_json("/account/backup/remove", &removal);
    assert_ne!(disabled_during(&world, &mina, ("remove-backup", 1), removed).await.status, 200);
    world.enable(&mina).await;
    world.after(Duration::from_secs(1));
    let browser = world.signed_in(&mina).await;
    let backup = browser.get_json("/account").await.json()["backup"].clone();
    assert_eq!(backup["address"], json!("old@example.org"));
}

#[tokio::test]
async fn what_was_asked_for_before_is_confirmed_no_more_when_it_is_enabled_again() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let thief = world.signed_in(&mina).await;
    let token = thief.emailed_token("/account/backup", "thief@example.net").await;
    let code = thief.get("/account").await.link_code();
    world.disable(&mina).await;
    world.enable(&mina).await;
    world.after(Duration::from_secs(1));
    let form = json!({ "token": token, "code": code });
    assert_eq!(world.visitor().post_json("/backup/confirm", &form).await.code(), "link-replaced");
    let browser = world.signed_in(&mina).await;
    assert_eq!(browser.get_json("/account").await.json()["backup"], json!({ "state": "none" }));
}

#[tokio::test]
async fn no_session_is_revived_where_disabling_was_broken_off() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    // The first write is carried out; a second one would be rejected.
    world.wire.fail("UpdateItem", 1, FaultKind::Delay { delay_ms: 0 });
    world.wire.fail("UpdateItem", 1, FaultKind::Reject);
    let _broken_off = world.disable_if_enabled(&mina).await;
    world.wire.clear();
    world.enable(&mina).await;
    assert!(!browser.is_signed_in().await);
}
