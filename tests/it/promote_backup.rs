//! Making the backup email the primary.
use std::time::Duration;

use dev::mailbox::ReceivedEmail;
use serde_json::{Value, json};

use crate::set_password::{self, signed_in_by_link};
use crate::support::{Answer, PASSWORD, Person, Visitor, World, assert_sealed, read, token_in};

const PATH: &str = "/account/primary/promote";
/// The default of `PrimaryHoldHours`.
pub const HOLD: Duration = Duration::from_hours(72);
/// A link that is requested in the second in which all sessions end is void.
const SECOND: Duration = Duration::from_secs(1);
const SPARE: &str = "spare@example.org";
const FORMER: &str = "mina@example.com";

async fn promote(browser: &Visitor<'_>, keep_former: bool) -> Answer {
    browser.post_json(PATH, &json!({ "keep_former": keep_former })).await
}

/// Somebody whose backup email was confirmed long ago.
async fn mina(world: &World) -> Person {
    let mina = world.person("mina").backup(SPARE).create().await;
    world.deliver().await;
    world.after(HOLD);
    mina
}

/// The same, and a browser that has just come through a link to the backup email.
async fn recovered(world: &World) -> (Person, Visitor<'_>) {
    let mina = mina(world).await;
    let browser = signed_in_by_link(world, SPARE).await;
    (mina, browser)
}

/// Everything but when sessions were last seen.
fn contents(world: &World) -> Vec<Vec<String>> {
    ["AccountsTable", "OutboxTable", "HistoryTable"].map(|table| world.dump()[table].clone()).into()
}

/// The status of a sign-in with this identifier and the password somewhere else.
pub async fn sign_in(world: &World, identifier: &str) -> i64 {
    let form = json!({ "identifier": identifier, "password": PASSWORD });
    let status = world.visitor().post_json("/login", &form).await.status;
    world.deliver().await;
    status
}

async fn code_of(answer: Answer) -> (i64, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn the_page_says_what_happens_and_asks_what_becomes_of_the_primary() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    let account = browser.get("/account").await;
    assert!(account.body.contains("href=\"/account/primary/promote\""), "{}", account.words());
    let page = browser.get(PATH).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    200
    Make the backup email the primary
    spare@example.org becomes the primary email of your account: notices go there, and it signs you in as before.
    Everybody else is signed out. We tell both mailboxes, and for seven days either of them can undo it.
    And mina@example.com?
    Stop using it. It gives access for another 72 hours, in case this was a mistake.
    Keep it as the backup email.
    Make spare@example.org the primary
    Go to your account
    ");
    insta::assert_snapshot!(browser.get_json(PATH).await.json(), @r#"{"backup_email":"spare@example.org","cancels_pending":false,"hold_hours":72,"primary_email":"mina@example.com"}"#);
}

#[tokio::test]
async fn the_two_change_places_or_the_former_primary_ends_after_a_while() {
    for keep_former in [true, false] {
        let world = World::new();
        let (mina, browser) = recovered(&world).await;
        let elsewhere = world.signed_in(&mina).await;
        let chosen = keep_former.to_string();
        let page = browser.get(PATH).await;
        let hidden = page.hidden_fields(PATH);
        let mut fields: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.push(("keep_former", &chosen));
        let shown = browser.submit(PATH, &fields).await;
        assert_sealed(&shown);
        assert!(shown.words().starts_with("Your primary email has been changed."), "{}", shown.words());
        assert!(!elsewhere.is_signed_in().await && browser.is_signed_in().await);
        world.assert_claims_fit();

        let account = browser.get_json("/account").await.json();
        assert_eq!(account["primary_email"], SPARE);
        if keep_former {
            assert_eq!(
                (&account["backup"]["address"], &account["former_primaries"]),
                (&json!(FORMER), &Value::Null)
            );
        } else {
            assert_eq!(account["backup"]["state"], "none");
            assert_eq!(account["former_primaries"][0]["address"], FORMER);
            assert!(shown.words().contains("was the primary email until"), "{}", shown.words());
        }
        assert_eq!([sign_in(&world, SPARE).await, sign_in(&world, FORMER).await], [200, 200]);
        world.after(HOLD);
        let after = if keep_former { 200 } else { 401 };
        assert_eq!([sign_in(&world, SPARE).await, sign_in(&world, FORMER).await], [200, after]);
        world.assert_claims_fit();
    }
}

#[tokio::test]
async fn both_mailboxes_are_told_and_the_former_one_reads_the_new_address_masked() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    assert_eq!(promote(&browser, false).await.status, 200);
    let notices = world.deliver().await;
    let to: Vec<_> = notices.iter().map(|notice| &*notice.to).collect();
    assert_eq!(to, [SPARE, FORMER]);
    insta::assert_snapshot!(read(&notices[1]), @r"
    Your primary email was changed

    Hello mina,

    On 25 November 2026 at 12:00 UTC, sp***re@example.org became the primary email of your account. The primary before it, m***a@example.com, still gives access until 28 November 2026 at 12:00 UTC. The request came from a Linux computer, from an address that begins with 203.0.

    Was this you? Then all is well, and there is nothing to do.

    If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.

    This wasn’t me:
    https://account.example.com/undo?token=TOKEN

    --
    Sparekey
    You get this email because this was the primary email of your Sparekey account until a short time ago.
    ");
    assert!(!read(&notices[1]).contains(SPARE));
}

#[tokio::test]
async fn for_a_week_the_former_mailbox_is_told_of_everything_and_then_of_nothing() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, false).await;
    world.deliver().await;
    let told = async |browser: &Visitor<'_>, password: &str| {
        assert_eq!(set_password::set(browser, password).await.status, 200);
        world.deliver().await.into_iter().map(|notice| notice.to).collect::<Vec<_>>()
    };
    assert_eq!(told(&browser, "otter kettle violet").await, [SPARE, FORMER]);
    world.after(Duration::from_hours(7 * 24) + Duration::from_secs(1));
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(told(&browser, "violet kettle otter").await, [SPARE]);
}

#[tokio::test]
async fn every_refusal_has_its_code_and_writes_nothing() {
    let world = World::new();
    assert_eq!(code_of(promote(&world.visitor(), false).await).await, (401, "not-signed-in".into()));

    let sso = world.person("sofie").email("sofie@example.com").sso().signed_in().await;
    assert_eq!(code_of(promote(&sso, false).await).await, (403, "sso-account".into()));
    let none = world.person("ada").email("ada@example.com").signed_in().await;
    assert_eq!(code_of(promote(&none, true).await).await, (409, "nothing-to-promote".into()));
    let pending = world.person("per").email("per@example.com").pending("per@example.org").signed_in().await;
    assert_eq!(code_of(promote(&pending, true).await).await, (409, "nothing-to-promote".into()));
    let new = world.person("nina").email("nina@example.com").backup("nina@example.org").signed_in().await;
    assert_eq!(code_of(promote(&new, true).await).await, (403, "backup-too-new".into()));
    world.deliver().await;

    let mina = mina(&world).await;
    let by_password = world.signed_in(&mina).await;
    let by_primary = signed_in_by_link(&world, FORMER).await;
    let by_backup = signed_in_by_link(&world, SPARE).await;
    let before = contents(&world);
    for browser in [&by_password, &by_primary] {
        assert_eq!(code_of(promote(browser, false).await).await, (401, "backup-sign-in-needed".into()));
    }
    let page = by_password.get(PATH).await;
    assert_sealed(&page);
    insta::assert_snapshot!(page.shown(), @r"
    401
    Make the backup email the primary
    Sign in through the backup email first This shows that you can read its mailbox. Ask for a sign-in link to the backup email, open it, and come back within 15 minutes.
    Send a sign-in link to spare@example.org
    Go to your account
    ");
    for body in [json!({}), json!({ "keep_former": "perhaps" }), json!({ "keep_former": true, "more": 1 })] {
        assert_eq!(by_backup.post_json(PATH, &body).await.code(), "malformed-body", "{body}");
    }
    world.after(Duration::from_secs(15 * 60 + 1));
    assert_eq!(code_of(promote(&by_backup, false).await).await, (401, "backup-sign-in-needed".into()));
    assert_eq!(contents(&world), before);
}

#[tokio::test]
async fn a_disabled_account_promotes_nothing() {
    let world = World::new();
    let (mina, browser) = recovered(&world).await;
    world.disable(&mina).await;
    assert_eq!(code_of(promote(&browser, false).await).await, (401, "not-signed-in".into()));
}

#[tokio::test]
async fn a_double_click_is_one_click() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    let page = browser.get(PATH).await;
    for answer in browser.double_click(&page, PATH, &[("keep_former", "false")]).await {
        assert_eq!((answer.status, answer.header("location")), (303, "/account"));
    }
    assert_eq!(world.deliver().await.len(), 2, "one event, two mailboxes");
}

#[tokio::test]
async fn the_pending_address_is_cancelled_and_its_link_confirms_nothing() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    let token = browser.emailed_token("/account/backup", "third@example.net").await;
    assert_eq!(promote(&browser, true).await.status, 200);
    let confirmed = browser.post_json("/backup/confirm", &json!({ "token": token })).await;
    assert_eq!(code_of(confirmed).await, (410, "link-replaced".into()));
    assert_eq!(browser.get_json("/account").await.json()["backup"]["address"], FORMER);
}

#[tokio::test]
async fn the_former_primary_is_nobody_elses_until_no_undo_can_return_it() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, false).await;
    let ada = world.person("ada").email("ada@example.net").create().await;
    world.deliver().await;
    let wanted = async || {
        let other = world.signed_in(&ada).await;
        let asked = other.post_json("/account/backup", &json!({ "email": FORMER })).await;
        assert_eq!(asked.status, 202);
        world.deliver().await.into_iter().map(|email| (email.to, email.subject)).collect::<Vec<_>>()
    };
    world.after(HOLD);
    assert_eq!(wanted().await.len(), 1);
    world.after(Duration::from_hours(7 * 24 - 72));
    let still = wanted().await;
    assert_eq!(still[0].0, SPARE, "the owner is told");
    world.after(Duration::from_mins(2));
    let free = wanted().await;
    assert_eq!(free[0].0, FORMER, "the address itself is asked");
    world.assert_claims_fit();
}

#[tokio::test]
async fn it_can_become_the_backup_email_again_at_once() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, false).await;
    world.deliver().await;
    let token = browser.emailed_token("/account/backup", FORMER).await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    world.assert_claims_fit();
    world.after(HOLD);
    assert_eq!(sign_in(&world, FORMER).await, 200, "as the backup email, without an end");
}

#[tokio::test]
async fn a_sign_in_through_the_former_primary_is_told_to_both() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, false).await;
    world.deliver().await;
    world.after(SECOND);
    let visitor = world.visitor();
    let token = visitor.emailed_token_of("/login/link", FORMER, "Your sign-in link").await;
    assert_eq!(visitor.post_json("/login/open", &json!({ "token": token })).await.status, 200);
    let notices = world.deliver().await;
    let told: Vec<_> = notices.iter().map(|notice| (&*notice.to, &*notice.subject)).collect();
    let subject = "Your former primary email was used to sign in";
    assert_eq!(told, [(SPARE, subject), (FORMER, subject)]);
}

/// The secret of the undo link in the notice to this mailbox.
fn undo_link(notices: &[ReceivedEmail], to: &str) -> String {
    let notice = notices.iter().find(|notice| notice.to == to).expect("it was told");
    token_in(notice)
}

pub async fn undo(world: &World, token: &str) -> Answer {
    world.visitor().post_json("/undo", &json!({ "token": token, "username": "mina" })).await
}

#[tokio::test]
async fn the_former_primary_undoes_it_and_both_addresses_are_what_they_were() {
    for keep_former in [true, false] {
        let world = World::new();
        let (_, browser) = recovered(&world).await;
        promote(&browser, keep_former).await;
        let link = undo_link(&world.deliver().await, FORMER);
        world.after(Duration::from_hours(7 * 24 - 1));
        let page = world.visitor().get(&format!("/undo?token={link}")).await;
        assert!(page.words().contains("becomes your primary email again."), "{}", page.words());
        let undone = undo(&world, &link).await;
        let state = undone.json();
        assert_eq!((undone.status, &state["primary"]), (200, &json!("m***a@example.com")));
        world.assert_claims_fit();
        let notices = world.deliver().await;
        assert_eq!(notices.iter().map(|notice| &*notice.to).collect::<Vec<_>>(), [FORMER]);
        assert_eq!([sign_in(&world, FORMER).await, sign_in(&world, SPARE).await], [200, 200]);
        world.after(SECOND);
        let account = signed_in_by_link(&world, FORMER).await.get_json("/account").await.json();
        assert_eq!(
            (&account["primary_email"], &account["backup"]["address"]),
            (&json!(FORMER), &json!(SPARE))
        );
    }
}

#[tokio::test]
async fn a_mailbox_that_an_undo_has_thrown_out_undoes_nothing_itself() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, false).await;
    let notices = world.deliver().await;
    let (owners, thiefs) = (undo_link(&notices, FORMER), undo_link(&notices, SPARE));
    set_password::set(&browser, "otter kettle violet").await;
    let later = undo_link(&world.deliver().await, SPARE);
    assert_eq!(undo(&world, &owners).await.status, 200);
    for link in [thiefs, later] {
        assert_eq!(code_of(undo(&world, &link).await).await, (404, "link-unknown".into()));
    }
}

#[tokio::test]
async fn nothing_is_promoted_while_changes_are_frozen() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    promote(&browser, true).await;
    let link = undo_link(&world.deliver().await, FORMER);
    undo(&world, &link).await;
    world.deliver().await;
    world.after(SECOND);
    let browser = signed_in_by_link(&world, SPARE).await;
    assert_eq!(code_of(promote(&browser, false).await).await, (403, "changes-frozen".into()));
}

#[tokio::test]
async fn of_a_promotion_and_a_new_password_at_once_only_one_is_done() {
    let world = World::new();
    let (_, browser) = recovered(&world).await;
    let (promoted, set) =
        futures_util::join!(promote(&browser, false), set_password::set(&browser, "otter kettle violet"));
    let done = [promoted.status, set.status].into_iter().filter(|status| *status == 200).count();
    assert!(done >= 1, "{} {}", promoted.status, set.status);
    let told: Vec<_> = world.deliver().await.into_iter().map(|notice| notice.to).collect();
    let expected: &[&str] = match (promoted.status, set.status) {
        (200, 200) => &[SPARE, FORMER, SPARE, FORMER],
        (200, _) => &[SPARE, FORMER],
        _ => &[FORMER],
    };
    assert!(told.iter().all(|to| expected.contains(&&**to)), "{told:?}");
    world.assert_claims_fit();
}
