//! What a link is worth: a minute, once, while the account is as it was.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use futures_util::future::join_all;
use serde_json::json;

use super::{ID, PAGE, back_to, hand_over_path, look, press, token_of};
use crate::support::{Answer, Ask, World, assert_sealed};

/// Asserts that a link does not work, and says why and what to do.
fn assert_dead(answer: &Answer, status: i64, said: &str) {
    assert_eq!(answer.status, status, "{}", answer.shown());
    assert!(answer.words().contains(said), "{}", answer.shown());
    assert!(answer.session().is_none());
    assert_sealed(answer);
}

#[tokio::test]
async fn a_link_works_for_a_minute() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let [in_time, late] = [world.handed_over(&shop, None).await, world.handed_over(&shop, None).await];
    world.after(Duration::from_mins(1));
    assert_eq!(look(&world.visitor(), &in_time).await.status, 200);
    assert_eq!(press(&world.visitor(), &in_time).await.status, 303);
    world.after(Duration::from_secs(1));
    assert_dead(&look(&world.visitor(), &late).await, 410, "It worked for one minute");
    let before = world.dump();
    assert_dead(&press(&world.visitor(), &late).await, 410, "start there again");
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_link_works_once() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let browser = world.visitor();
    assert_eq!(press(&browser, &token).await.status, 303);
    let stranger = world.visitor();
    assert_dead(&look(&stranger, &token).await, 410, "Each link works once");
    assert_dead(&press(&stranger, &token).await, 410, "Each link works once");
    let (_, calls) = world.calls_of(look(&stranger, &token)).await;
    let calls: Vec<_> = calls.iter().map(|call| &*call.what).collect();
    assert_eq!(calls, ["GetItem LinksTable", "GetItem ClientsTable"], "nothing is read twice");
    let ask = Ask::new("GET", &format!("{PAGE}?token={token}")).header("accept", "application/json");
    let problem = stranger.ask(&ask).await;
    assert_eq!((problem.status, &*problem.code()), (410, "link-used"));
    assert!(!problem.body.contains("shop.example.com"), "{}", problem.body);
    // Who looks back is signed in, and goes to the account page.
    assert_eq!(look(&browser, &token).await.shown(), "303 to /account");
    let pressed = press(&browser, &token).await;
    assert_eq!((pressed.shown(), pressed.session()), ("303 to /account".into(), None));
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn of_a_hundred_at_once_one_opens_a_session() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let browsers: Vec<_> = (0..100).map(|_| world.visitor()).collect();
    let answers = join_all(browsers.iter().map(|browser| press(browser, &token))).await;
    let sessions = answers.iter().filter(|answer| answer.session().is_some()).count();
    assert_eq!(sessions, 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 303 | 410)));
    let stored = world.dump()["SessionsTable"].iter().filter(|row| row.contains(mina.id.as_str())).count();
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn two_clicks_on_the_button_are_one_and_no_other_page_has_a_part_in_it() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let (browser, other) = (world.visitor(), world.visitor());
    let [page, others_page] = [look(&browser, &token).await, look(&other, &token).await];
    let [first, second] = browser.double_click(&page, PAGE, &[]).await;
    assert_eq!((first.shown(), second.shown()), ("303 to /account".into(), "303 to /account".into()));
    assert!(first.session().is_some() && first.session() == second.session());
    assert!(browser.is_signed_in().await);
    assert_eq!(world.dump()["SessionsTable"].len(), 1);
    let fields = others_page.hidden_fields(PAGE);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_dead(&other.post_form(PAGE, &fields).await, 410, "Each link works once");
    // Once the session has ended, its form opens it no more.
    browser.post_form("/logout", &[]).await;
    let fields = page.hidden_fields(PAGE);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_dead(&browser.post_form(PAGE, &fields).await, 410, "Each link works once");
}

#[tokio::test]
async fn get_and_head_change_nothing() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let before = world.dump();
    let path = format!("{PAGE}?token={token}");
    for ask in [
        Ask::page(&path),
        Ask::new("HEAD", &path),
        Ask::page(&path).header("sec-purpose", "prefetch;prerender").header("purpose", "prefetch"),
        Ask::page(&path).header("sec-fetch-site", "cross-site"),
        Ask::page(&format!("{path}&form_id=01ARZ3NDEKTSV4RRFFQ69G5FAV")),
    ] {
        let answer = world.visitor().ask(&ask).await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        assert!(answer.cookies.is_empty());
        assert_sealed(&answer);
        assert!(
            !answer.body.contains("http-equiv") && !answer.body.contains("<script"),
            "nothing acts by itself"
        );
    }
    assert_eq!(world.dump(), before);
    assert_eq!(press(&world.visitor(), &token).await.status, 303, "and the link still works");
}

#[tokio::test]
async fn whatever_ends_sessions_ends_links() {
    for action in ["disable", "end-sessions"] {
        let world = World::new();
        let (shop, _) = world.shop_with_mina().await;
        let token = world.handed_over(&shop, None).await;
        assert_eq!(world.post_account(ID, action).await.status, 204);
        assert_dead(&look(&world.visitor(), &token).await, 410, "Everybody was signed out");
        assert_dead(&press(&world.visitor(), &token).await, 410, "Everybody was signed out");
        world.post_account(ID, "enable").await;
        assert_dead(&press(&world.visitor(), &token).await, 410, "Everybody was signed out");
        assert!(world.dump()["SessionsTable"].is_empty(), "{action}");
        let again = world.handed_over(&shop, None).await;
        assert_eq!(press(&world.visitor(), &again).await.status, 303, "another link works");
    }
}

#[tokio::test]
async fn an_undo_ends_links_and_a_deleted_account_has_none() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let thief = world.signed_in(&mina).await;
    let confirmation = thief.emailed_token("/account/backup", "thief@example.net").await;
    thief.post_form("/backup/confirm", &[("token", &confirmation)]).await;
    let undo = crate::support::token_in(&world.deliver().await[0]);
    let token = world.handed_over(&shop, None).await;
    let undone = world.visitor().post_form("/undo", &[("token", &undo), ("username", "mina")]).await;
    assert_eq!(undone.status, 303, "{}", undone.shown());
    assert_dead(&press(&world.visitor(), &token).await, 410, "Everybody was signed out");

    // A new one signs in, and changes are still frozen.
    let token = world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await;
    let browser = world.visitor();
    assert_eq!(press(&browser, &token).await.status, 303);
    let refused = browser.post_json("/account/backup", &json!({ "email": "new@example.org" })).await;
    assert_eq!((refused.status, &*refused.code()), (403, "changes-frozen"));

    let token = world.handed_over(&shop, None).await;
    assert_eq!(world.delete_account(ID).await.status, 200);
    assert_dead(&press(&world.visitor(), &token).await, 404, "start there again");
}

/// The account is read, and disabled before the transaction.
#[tokio::test]
async fn what_ends_between_the_page_and_the_write_ends_the_link() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let hash = domain::Token::parse(&token).expect("a token").hash();
    let link = world.operator.store.find_hand_over(&hash).await.expect("a read").expect("it is there");
    let account = world.operator.store.load_account(&mina.id).await.expect("a read").expect("it is there");
    let now = world.operator.now();
    world.end_sessions(&mina).await;
    let secret = world.operator.entropy.token();
    let session = link.session(secret.hash(), &account, domain::ClientInfo::default(), now);
    let entry_id = &world.operator.message_id();
    let sign_in = shared::store::HandOverSignIn {
        link: &link,
        account: &account,
        session: &session,
        former: None,
        entry_id,
    };
    let counted = world.operator.store.counted(&world.operator.needs.keys);
    let opened = counted.open_session_with_hand_over(sign_in, now).await.expect("a write");
    assert_eq!(opened, Err(shared::store::HandOverRefused::AccountEnded));
    assert!(world.dump()["SessionsTable"].is_empty());
    let stored = world.operator.store.find_hand_over(&link.token_hash).await.expect("a read");
    assert_eq!(stored, Some(link), "nothing is half done");
}

#[tokio::test]
async fn a_link_of_another_purpose_or_of_nobody_is_unknown() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let browser = world.visitor();
    let sign_in = browser.emailed_token("/login/link", "mina@example.com").await;
    let hand_over = world.handed_over(&shop, None).await;
    for (path, token) in [(PAGE, &*sign_in), ("/login/open", &*hand_over), ("/backup/confirm", &*hand_over)] {
        assert_eq!(browser.get(&format!("{path}?token={token}")).await.status, 404, "{path}");
        assert_eq!(browser.post_form(path, &[("token", token)]).await.status, 404, "{path}");
    }
    for token in ["", "x", &"A".repeat(43), &"A".repeat(9_000)] {
        assert_dead(&look(&browser, token).await, 404, "Part of it may be missing");
        assert_dead(&press(&browser, token).await, 404, "Part of it may be missing");
    }
    assert_eq!(press(&browser, &hand_over).await.status, 303);
}

#[tokio::test]
async fn a_link_dies_with_the_address_that_it_leads_back_to() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let token = world.handed_over(&shop, None).await;
    let operator = world.with_clients();
    let without = domain::oidc::Client { return_uris: vec![], ..shop.client.clone() };
    assert!(operator.store.change_client(&shop.client, &without).await.expect("a write"));
    assert_dead(&press(&world.visitor(), &token).await, 404, "start there again");
    let refused = world.ask_to_hand_over(ID, &json!({ "return_to": back_to(&shop) })).await;
    assert_eq!((refused.status, &*refused.code()), (422, "invalid-field"));
}

#[tokio::test]
async fn no_secret_is_logged_or_stored() {
    let world = World::new();
    let (shop, mina) = world.shop_with_mina().await;
    let browser = world.visitor();
    let token = world.handed_over(&shop, Some("2026-11-22T12:00:00Z")).await;
    look(&browser, &token).await;
    let session = press(&browser, &token).await.session().expect("a session");
    press(&world.visitor(), &token).await;
    browser.get("/account").await;
    let (log, stored) = (world.log(), serde_json::to_string(&world.dump()).expect("JSON"));
    for secret in [&token, &session] {
        assert!(!log.contains(&**secret) && !stored.contains(&**secret));
    }
    assert!(!log.contains(ID) && !log.contains("mina@") && !log.contains("shop.example.com"), "{log}");
    assert!(log.contains(crate::support::PRINCIPAL) && log.contains(mina.id.as_str()), "{log}");
    assert!(log.contains("gave a link that hands a person over"), "{log}");
    assert!(log.contains("signed in a person who was handed over"), "{log}");
    let counted = world.counted().join("\n");
    for (metric, about) in [("Opened", "hand-over"), ("Used", "hand-over"), ("SignedInByHandOver", "sign-in")]
    {
        assert!(
            counted.contains(&format!("\"{metric}\":1")) && counted.contains(about),
            "{metric}: {counted}"
        );
    }
}

#[tokio::test]
async fn a_failing_database_leaves_everything_as_it_was_and_the_link_works_afterwards() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let ask = Ask::signed_json("POST", &hand_over_path(ID), &json!({ "return_to": back_to(&shop) }));
    for operation in ["GetItem", "Query", "Scan", "PutItem"] {
        let before = world.dump();
        world.wire.fail(operation, 3, FaultKind::ServerError);
        let failed = world.back_end(&ask).await;
        assert_eq!((failed.status, &*failed.code()), (500, "internal"), "{operation}");
        assert_eq!(world.dump(), before, "{operation}");
    }
    let token = token_of(&world.back_end(&ask).await);
    for operation in ["GetItem", "Query", "TransactWriteItems"] {
        let before = world.dump();
        world.wire.fail(operation, 3, FaultKind::ServerError);
        let failed = press(&world.visitor(), &token).await;
        assert_eq!(failed.status, 500, "{operation}: {}", failed.shown());
        assert!(failed.cookies.is_empty());
        assert_eq!(world.dump(), before, "{operation}");
    }
    assert_eq!(press(&world.visitor(), &token).await.status, 303);
}

#[tokio::test]
async fn the_page_of_a_dead_link_leads_back_to_the_product_while_that_has_the_address() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let leads_back = |answer: &Answer| {
        let way = format!("<a class=\"button\" href=\"{}\">Back to Shop</a>", back_to(&shop));
        answer.body.contains(&way)
    };
    let used = world.handed_over(&shop, None).await;
    press(&world.visitor(), &used).await;
    let ended = world.handed_over(&shop, None).await;
    world.post_account(ID, "end-sessions").await;
    let late = world.handed_over(&shop, None).await;
    let mut dead = vec![(used, "Each link works once"), (ended, "Everybody was signed out")];
    let assert_all_lead_back = async |dead: &[(String, &str)]| {
        for (token, said) in dead {
            for answer in [look(&world.visitor(), token).await, press(&world.visitor(), token).await] {
                assert_dead(&answer, 410, said);
                assert!(leads_back(&answer), "{}", answer.body);
            }
        }
    };
    assert_all_lead_back(&dead).await;
    world.after(Duration::from_secs(61));
    dead.remove(1);
    dead.push((late, "It worked for one minute"));
    assert_all_lead_back(&dead).await;
    let unknown = look(&world.visitor(), &"A".repeat(43)).await;
    assert!(unknown.status == 404 && !leads_back(&unknown), "{}", unknown.shown());

    let without = domain::oidc::Client { return_uris: vec![], ..shop.client.clone() };
    assert!(world.with_clients().store.change_client(&shop.client, &without).await.expect("a write"));
    for (token, _) in &dead {
        let answer = look(&world.visitor(), token).await;
        assert!(answer.status == 410 && !leads_back(&answer), "{}", answer.body);
        assert!(answer.body.contains("Go to your account"));
    }
}
