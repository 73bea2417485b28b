//! A double click ends as one click: the browser drops the answer to the first, and the page that it shows says what was done.
use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, PASSWORD, Visitor, World};

/// The number of accounts' events of this kind that were written.
fn events(world: &World) -> usize {
    world.history_rows(false).len()
}

async fn sessions_of(browser: &Visitor<'_>) -> usize {
    let account = browser.get_json("/account").await.json();
    account["sessions"].as_array().map_or(0, Vec::len)
}

fn both_lead_to(answers: &[Answer; 2], location: &str) {
    for answer in answers {
        assert_eq!((answer.status, answer.header("location")), (303, location), "{}", answer.shown());
    }
}

#[tokio::test]
async fn a_link_is_mailed_once_and_the_code_shown_is_that_of_its_email() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let page = browser.get("/login").await;
    let answers = browser.double_click(&page, "/login/link", &[("email", "mina@example.com")]).await;
    both_lead_to(&answers, "/login/link");
    let [first, second] = &answers;
    assert_eq!(first.cookies, second.cookies, "whichever answer the browser keeps, it is the same");

    let emails = world.deliver().await;
    let [email] = &emails[..] else { panic!("one email is expected: {emails:#?}") };
    let token = crate::support::token_in(email);
    let code = browser.follow(second).await.link_code();
    let opened = world.visitor().post_form("/login/open", &[("token", &token), ("code", &code)]).await;
    assert_eq!(opened.shown(), "303 to /account");
}

#[tokio::test]
async fn a_username_is_mailed_once() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let page = browser.get("/forgot-username").await;
    let answers = browser.double_click(&page, "/forgot-username", &[("email", "mina@example.com")]).await;
    both_lead_to(&answers, "/forgot-username?sent");
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn strangers_and_members_get_the_same_answer_to_both_clicks() {
    let world = World::new();
    world.person("mina").create().await;
    for (page, form) in [("/login", "/login/link"), ("/forgot-username", "/forgot-username")] {
        let mut answers = Vec::new();
        for email in ["mina@example.com", "nobody@example.com"] {
            let browser = world.visitor();
            let page = browser.get(page).await;
            let [first, second] = browser.double_click(&page, form, &[("email", email)]).await;
            answers.push([first.without_chance(), second.without_chance()]);
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn who_asks_again_later_or_for_another_address_gets_another_email() {
    let world = World::new();
    world.person("mina").create().await;
    world.person("joris").create().await;
    let browser = world.visitor();
    let page = browser.get("/login").await;
    let fields = page.hidden_fields("/login/link");
    let send = async |email: &str| {
        let form: Vec<_> =
            fields.iter().map(|(name, value)| (&**name, &**value)).chain([("email", email)]).collect();
        browser.post_form("/login/link", &form).await;
        world.deliver().await.len()
    };
    assert_eq!(send("mina@example.com").await, 1);
    assert_eq!(send("mina@example.com").await, 0);
    assert_eq!(send("joris@example.com").await, 1);
    world.after(Duration::from_secs(21));
    assert_eq!(send("mina@example.com").await, 1, "as after Back");
    let again = browser.get("/login/link").await;
    let hidden = again.hidden_fields("/login/link");
    let hidden: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    browser.post_form("/login/link", &hidden).await;
    assert_eq!(world.deliver().await.len(), 1, "Send again sends at once");
}

#[tokio::test]
async fn the_id_of_somebody_elses_form_gives_nothing_away() {
    let world = World::new();
    world.person("mina").create().await;
    let (mina, thief) = (world.visitor(), world.visitor_from("203.0.113.9"));
    let fields = mina.get("/login").await.hidden_fields("/login");
    let sign_in = |password| {
        let mut form: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        form.extend([("identifier", "mina"), ("password", password)]);
        form
    };
    assert_eq!(mina.post_form("/login", &sign_in(PASSWORD)).await.status, 303);
    let refused = thief.post_form("/login", &sign_in("a guess")).await;
    assert_eq!((refused.status, refused.session()), (401, None));
}

#[tokio::test]
async fn a_form_id_that_is_none_or_of_another_time_is_no_problem() {
    let world = World::new();
    world.person("mina").create().await;
    for id in ["", "x", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "00000000000000000000000000", &"é".repeat(1_000)] {
        let browser = world.visitor();
        let form = [("form_id", id), ("identifier", "mina"), ("password", PASSWORD)];
        assert_eq!(browser.post_form("/login", &form).await.shown(), "303 to /account", "{id:.30}");
        let form = [("form_id", id), ("email", "mina@example.com")];
        assert_eq!(world.visitor().post_form("/login/link", &form).await.shown(), "303 to /login/link");
    }
}

#[tokio::test]
async fn a_password_opens_one_session() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let page = browser.get("/login").await;
    let fields = [("identifier", "mina"), ("password", PASSWORD)];
    let answers = browser.double_click(&page, "/login", &fields).await;
    both_lead_to(&answers, "/account");
    assert_eq!(answers[0].session(), answers[1].session());
    assert_eq!(sessions_of(&browser).await, 1);
}

#[tokio::test]
async fn signing_in_with_the_backup_email_tells_the_owner_once() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let browser = world.visitor();
    let page = browser.get("/login").await;
    let fields = [("identifier", "spare@example.org"), ("password", PASSWORD)];
    both_lead_to(&browser.double_click(&page, "/login", &fields).await, "/account");
    assert_eq!((sessions_of(&browser).await, world.deliver().await.len()), (1, 1));
}

#[tokio::test]
async fn a_backup_email_is_requested_once() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let page = browser.get("/account").await;
    let answers = browser.double_click(&page, "/account/backup", &[("email", "spare@example.org")]).await;
    both_lead_to(&answers, "/account");
    assert_eq!(world.deliver().await.len(), 1);
    let account = browser.follow(&answers[1]).await;
    assert!(account.words().contains("We have sent an email to the new address."), "{}", account.words());

    // Who presses Send again on that page within a minute meant it, and is told to wait.
    let again = account.hidden_fields("/account/backup");
    let (_, seen) = &again[0];
    let again = [("seen", &**seen), ("email", "spare@example.org")];
    assert_eq!(browser.post_form("/account/backup", &again).await.status, 429);
}

#[tokio::test]
async fn a_request_is_cancelled_and_an_address_removed_once() {
    let world = World::new();
    let browser =
        world.person("mina").backup("spare@example.org").pending("new@example.org").signed_in().await;
    for (what, done) in
        [("pending", "The request is cancelled."), ("confirmed", "The backup email is removed.")]
    {
        let form = [("what", what)];
        let (before, dropped) = (events(&world), browser.duplicate());
        let first = dropped.post_form("/account/backup/remove", &form).await;
        let second = browser.post_form("/account/backup/remove", &form).await;
        assert!(dropped.follow(&first).await.words().starts_with(done));
        let page = browser.follow(&second).await.words();
        assert!(page.starts_with("That was already done."), "{page}");
        assert!(events(&world) <= before + 1, "{what}");
    }
    assert_eq!(world.deliver().await.len(), 1, "the notice of the removal");
    let program = browser.post_json("/account/backup/remove", &json!({})).await;
    assert_eq!((program.status, &*program.code()), (409, "nothing-to-remove"));
}

#[tokio::test]
async fn one_session_and_all_others_end_once() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let browser = world.signed_in(&mina).await;
    let other = world.signed_in(&mina).await;
    let page = browser.get("/account").await;
    let form = page.body.split("action=\"/account/sessions/end\">").nth(1).expect("another session");
    let hash = form.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a hash");
    for _ in 0..2 {
        let answer = browser.post_form("/account/sessions/end", &[("session", hash)]).await;
        let page = browser.follow(&answer).await;
        assert!(page.words().contains("That session has ended."), "{}", page.words());
    }
    assert!(!other.is_signed_in().await);

    let (third, fourth) = (world.signed_in(&mina).await, world.signed_in(&mina).await);
    let page = browser.get("/account").await;
    let answers = browser.double_click(&page, "/account/sessions/end", &[]).await;
    both_lead_to(&answers, "/account");
    let shown = browser.follow(&answers[1]).await.words();
    assert!(shown.starts_with("All other sessions have ended."), "{shown}");
    assert!(!third.is_signed_in().await && !fourth.is_signed_in().await && browser.is_signed_in().await);
    assert_eq!(world.deliver().await.len(), 1, "one notice");

    // A session from after the page was made has not ended, and the next page ends it.
    let fifth = world.signed_in(&mina).await;
    browser.double_click(&page, "/account/sessions/end", &[]).await;
    assert!(fifth.is_signed_in().await);
    let page = browser.get("/account").await;
    browser.double_click(&page, "/account/sessions/end", &[]).await;
    assert!(!fifth.is_signed_in().await);
}

#[tokio::test]
async fn an_address_is_confirmed_once_and_both_clicks_say_so() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    let page = browser.get(&format!("/backup/confirm?token={token}")).await;
    let answers = browser.double_click(&page, "/backup/confirm", &[]).await;
    both_lead_to(&answers, &format!("/backup/confirm?token={token}"));
    let page = browser.follow(&answers[1]).await;
    assert!(page.status == 200 && page.words().contains("spare@example.org"), "{}", page.words());
    assert_eq!(world.deliver().await.len(), 1, "the notice");
}

#[tokio::test]
async fn an_undo_happens_once_and_both_clicks_say_so() {
    let world = World::new();
    let (browser, token) = world.person("mina").asks_for_backup("thief@example.org").await;
    browser.post_form("/backup/confirm", &[("token", &token)]).await;
    let emails = world.deliver().await;
    let undo = crate::support::token_in(emails.first().expect("a notice"));
    let owner = world.visitor();
    let page = owner.get(&format!("/undo?token={undo}")).await;
    let before = events(&world);
    let answers = owner.double_click(&page, "/undo", &[("username", "mina")]).await;
    both_lead_to(&answers, &format!("/undo?token={undo}"));
    let page = owner.follow(&answers[1]).await;
    assert!(page.words().contains("Your account has no backup email now."), "{}", page.words());
    assert_eq!((world.deliver().await.len(), events(&world)), (1, before + 1));

    // Once the account is no longer frozen, the link is a used one like any other.
    world.after(Duration::from_hours(73));
    let page = owner.get_json(&format!("/undo?token={undo}")).await;
    assert_eq!((page.status, &*page.code()), (410, "link-used"));
}

#[tokio::test]
async fn signing_out_twice_is_signing_out() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    let page = browser.get("/account").await;
    let answers = browser.double_click(&page, "/logout", &[]).await;
    both_lead_to(&answers, "/login");
    assert!(browser.follow(&answers[1]).await.words().starts_with("You are signed out."));
}
