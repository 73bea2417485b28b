//! What programs are told where other tests look at pages alone: every answer that `openapi.yaml` describes is given to a program
//! somewhere (`tests/openapi/given`).
mod links;

use std::pin::pin;
use std::time::Duration;

use dev::aws::faults::FaultKind;
use futures_util::future::{Either, join, select};
use serde_json::{Value, json};

use crate::admin_account::{ID, path, wanted};
use crate::promote_backup::{HOLD, undo};
use crate::request_primary::{NEW, PATH as PRIMARY_PAGE, ask, asked, mina};
use crate::set_password::{PATH as PASSWORD_PAGE, signed_in_by_link};
use crate::support::{Answer, Ask, PASSWORD, Visitor, World, token_in};

const PROMOTION: &str = "/account/primary/promote";
const FORM: &str = "application/x-www-form-urlencoded";
const PRIMARY: &str = "mina@example.com";
const SPARE: &str = "spare@example.org";

/// Status and code of a refusal.
fn refusal(answer: &Answer) -> (i64, String) {
    (answer.status, answer.code())
}

fn refused(status: i64, code: &str) -> (i64, String) {
    (status, code.to_owned())
}

async fn promote(browser: &Visitor<'_>) -> Answer {
    browser.post_json(PROMOTION, &json!({ "keep_former": true })).await
}

/// Mina signs in with her password.
async fn sign_in(program: &Visitor<'_>) {
    let signed_in = program.post_json("/login", &json!({ "identifier": "mina", "password": PASSWORD })).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
}

/// A form that a program sends.
fn form(path: &str, body: impl Into<Vec<u8>>) -> Ask {
    Ask::new("POST", path).header("accept", "application/json").body(FORM, body)
}

#[tokio::test]
async fn the_first_page_is_the_account_and_the_form_of_a_stranger_has_nothing() {
    let world = World::new();
    let program = world.person("mina").signed_in().await;
    let account = program.get_json("/").await;
    assert_eq!((account.status, &account.json()["username"]), (200, &json!("mina")));
    let form = world.visitor().get_json("/forgot-username").await;
    assert_eq!((form.status, form.json()), (200, json!({})));
}

#[tokio::test]
async fn who_signed_in_too_long_ago_or_in_another_way_is_told_to_sign_in() {
    let world = World::new();
    let (mina, program) = mina(&world).await;
    world.after(Duration::from_secs(15 * 60 + 1));
    let answer = program.get_json(PASSWORD_PAGE).await;
    assert_eq!(refusal(&answer), refused(401, "fresh-sign-in-needed"));
    world.after(HOLD);
    let by_password = world.signed_in(&mina).await;
    let answer = by_password.get_json(PROMOTION).await;
    assert_eq!(refusal(&answer), refused(401, "backup-sign-in-needed"));
}

#[tokio::test]
async fn why_the_primary_cannot_be_changed_yet() {
    let world = World::new();
    let sso = world.person("sofie").sso().signed_in().await;
    assert_eq!(refusal(&sso.get_json(PROMOTION).await), refused(403, "sso-account"));
    let (mina, program) = mina(&world).await;
    assert_eq!(refusal(&program.get_json(PROMOTION).await), refused(403, "backup-too-new"));
    assert_eq!(ask(&program, NEW).await.status, 202);
    assert_eq!(refusal(&ask(&program, NEW).await), refused(429, "too-soon"));

    world.deliver().await;
    world.after(HOLD);
    let program = world.signed_in(&mina).await;
    let token = asked(&world, &program, NEW).await;
    let confirmed = program.post_json("/primary/confirm", &json!({ "token": token })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    for answer in
        [program.get_json(PRIMARY_PAGE).await, program.get_json(PROMOTION).await, promote(&program).await]
    {
        assert_eq!(refusal(&answer), refused(403, "primary-too-new"));
    }

    let notices = world.deliver().await;
    let notice = notices.iter().find(|notice| notice.to == PRIMARY).expect("the former primary is told");
    assert_eq!(undo(&world, &token_in(notice)).await.status, 200);
    world.after(Duration::from_secs(1));
    let program = world.visitor();
    sign_in(&program).await;
    for page in [PRIMARY_PAGE, PROMOTION] {
        assert_eq!(refusal(&program.get_json(page).await), refused(403, "changes-frozen"), "{page}");
    }
}

#[tokio::test]
async fn of_two_programs_that_promote_at_once_one_does() {
    let world = World::new();
    mina(&world).await;
    world.after(HOLD);
    let one = signed_in_by_link(&world, SPARE).await;
    let other = one.duplicate();
    let (first, second) = join(promote(&one), promote(&other)).await;
    let (done, late) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((done.status, refusal(&late)), (200, refused(409, "changed-meanwhile")));
}

#[tokio::test]
async fn a_program_that_signs_in_for_a_product_is_told_where_to_go_on() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let program = world.visitor();
    assert_eq!(program.get_json(&shop.request(&[])).await.shown(), "303 to /login");
    sign_in(&program).await;
    let waited = program.get_json("/oidc/authorize").await;
    assert_eq!((waited.status, &waited.json()["client"]), (200, &json!("Shop")));
    let led = waited.json()["location"].as_str().is_some_and(|location| location.starts_with(shop.address()));
    assert!(led, "{}", waited.body);
}

#[tokio::test]
async fn a_program_is_led_to_no_unknown_product_or_address() {
    let world = World::new();
    let shop = world.product("Shop").await;
    for (parameter, unknown, code) in [
        ("client_id", "AAAAAAAAAAAAAAAAAAAAAA", "client-unknown"),
        ("redirect_uri", "https://example.net/", "redirect-not-registered"),
    ] {
        let changes = [(parameter, unknown)];
        let body = serde_html_form::to_string(shop.parameters(&changes)).expect("a form");
        let program = world.visitor();
        for answer in [
            program.get_json(&shop.request(&changes)).await,
            program.ask(&form("/oidc/authorize", body)).await,
        ] {
            assert_eq!(refusal(&answer), refused(400, code), "{parameter}");
        }
    }
}

#[tokio::test]
async fn a_form_for_products_has_at_most_16_kb() {
    let world = World::new();
    for path in ["/oidc/authorize", "/oidc/logout", "/oidc/token"] {
        let answer = world.visitor().ask(&form(path, "a".repeat(17 * 1_024))).await;
        assert_eq!(refusal(&answer), refused(413, "body-too-large"), "{path}");
    }
}

#[tokio::test]
async fn no_action_is_for_an_id_that_no_account_can_have() {
    let world = World::new();
    for action in ["disable", "enable", "end-sessions"] {
        let answer = world.post_account("a%20b", action).await;
        assert_eq!(refusal(&answer), refused(400, "not-an-external-id"), "{action}");
    }
}

#[tokio::test]
async fn a_deletion_whose_conflicts_last_is_to_be_sent_again() {
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    world.wire.fail_on("AccountsTable", "TransactWriteItems", 1_000, FaultKind::TransactionConflict);
    assert_eq!(refusal(&world.delete_account(ID).await), refused(409, "changed-meanwhile"));
    world.wire.clear();
    assert_eq!(world.delete_account(ID).await.status, 200);
}

/// It is written, and deleted before it is read for the answer.
#[tokio::test]
async fn an_account_that_is_gone_before_the_answer_to_its_creation_is_unknown() {
    let world = World::new();
    let ask = Ask::signed_json("PUT", &path(ID), &wanted());
    let put = pin!(world.back_end(&ask));
    let written = pin!(async {
        while !world.dump()["AccountsTable"].iter().any(|item| is_profile(item)) {
            tokio::task::yield_now().await;
        }
    });
    let Either::Left(((), put)) = select(written, put).await else {
        unreachable!("it reads what it has written")
    };
    assert_eq!(world.delete_account(ID).await.status, 200);
    assert_eq!(refusal(&put.await), refused(404, "account-unknown"));
}

fn is_profile(item: &str) -> bool {
    serde_json::from_str::<Value>(item).expect("an item is JSON")["record"]["S"] == "profile"
}
