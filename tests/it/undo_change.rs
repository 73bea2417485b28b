//! "This wasn't me": undoing a change of the backup email, without signing in.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Ask, PASSWORD, Visitor, World, read, token_in};
use crate::undo_history::backup_of_mina;

const PATH: &str = "/undo";

async fn undo(visitor: &Visitor<'_>, token: &str) -> Answer {
    visitor.post_json(PATH, &json!({ "token": token, "username": "mina" })).await
}

/// A thief in a session of mina's account replaces `former@example.org`; returns the secret of the undo link.
async fn changed(world: &World, thief: &Visitor<'_>, to: &str) -> String {
    let token = thief.emailed_token("/account/backup", to).await;
    assert_eq!(thief.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    token_in(notice)
}

#[tokio::test]
async fn a_change_is_undone_and_everybody_is_signed_out() {
    let world = World::new();
    let thief = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &thief, "thief@example.net").await;
    let owner = world.visitor();

    insta::assert_snapshot!(owner.get(&format!("{PATH}?token={token}")).await.shown(), @r"
    200
    This wasn’t you?
    If you undo the change, everybody is signed out of your account, links that were already sent stop working, and its email addresses can’t be changed for 72 hours.
    What happened in the last 7 days
    Choose the earliest thing that wasn’t you. It is undone, and so is everything listed above it.
    On 22 November 2026 at 12:00 UTC, the backup email of your account was changed from fo***er@example.org to th***ef@example.net. The former address no longer works.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: fo***er@example.org becomes your backup email again.
    On 22 November 2026 at 12:00 UTC, fo***er@example.org became the backup email of your account. It can now be used to get back into the account.
    The request came from a device we don’t know, from an address that begins with 127.0.
    If you undo from here: Your account then has no backup email.
    Your username
    It’s in the email with this link. We ask for it so that no email scanner can undo anything for you.
    Undo the change
    Was it you after all? Close this page, and nothing changes.
    ");
    let form = [("token", &*token), ("username", " MINA ")];
    insta::assert_snapshot!(owner.submit(PATH, &form).await.shown(), @r"
    200
    The change has been undone
    Your primary email is m***a@example.com. Your backup email is fo***er@example.org.
    Everybody was signed out. Now sign in again, and set a new password if someone else may know yours. Email addresses can be changed again from 25 November 2026 at 12:00 UTC.
    Go to sign-in
    ");
    assert!(!thief.is_signed_in().await);
    world.assert_claims_fit();
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    assert_eq!(notice.to, "mina@example.com");
    insta::assert_snapshot!(read(notice), @r"
    A change to your account was undone

    Hello mina,

    On 22 November 2026 at 12:00 UTC, a change was undone through the link in our email. The backup email of your account is now fo***er@example.org. The request came from a Linux computer, from an address that begins with 203.0.

    Go to your account:
    https://account.example.com/account

    Everybody was signed out. Sign in and check your account, and set a new password if someone else may know yours.

    --
    Sparekey
    You get this email because this is the primary email of your Sparekey account.
    ");
    assert_eq!(backup_of_mina(&world).await, "former@example.org");
}

#[tokio::test]
async fn each_notice_undoes_the_change_it_is_about() {
    for (what, left) in [
        ("added", json!(null)),
        ("changed", json!("former@example.org")),
        ("removed", json!("former@example.org")),
        ("used", json!(null)),
    ] {
        let world = World::new();
        let newcomer = world.person("mina");
        let newcomer = if what == "added" { newcomer } else { newcomer.backup("former@example.org") };
        let mina = newcomer.create().await;
        let thief = world.signed_in(&mina).await;
        let token = match what {
            "removed" => {
                thief.post_json("/account/backup/remove", &json!({})).await;
                token_in(&world.deliver().await[0])
            }
            "used" => {
                let form = json!({ "identifier": "former@example.org", "password": PASSWORD });
                assert_eq!(thief.post_json("/login", &form).await.status, 200);
                token_in(&world.deliver().await[0])
            }
            _ => changed(&world, &thief, "thief@example.net").await,
        };
        let page = world.visitor().get_json(&format!("{PATH}?token={token}")).await.json();
        assert_eq!((&page["what"], &page["device"]), (&json!(what), &json!("linux")), "{page}");
        let answer = undo(&world.visitor(), &token).await;
        assert_eq!((answer.status, &answer.json()["former_taken"]), (200, &json!(false)), "{what}");
        assert!(!thief.is_signed_in().await, "{what}");
        world.assert_claims_fit();
        assert_eq!(backup_of_mina(&world).await, left, "{what}");
    }
}

#[tokio::test]
async fn a_former_address_that_others_have_by_now_is_told_and_costs_nothing_else() {
    let world = World::new();
    let thief = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &thief, "thief@example.net").await;
    world.person("joris").backup("former@example.org").create().await;

    let form = [("token", &*token), ("username", "mina")];
    insta::assert_snapshot!(world.visitor().submit(PATH, &form).await.shown(), @r"
    200
    An address from before now belongs to another account, so it was not restored.
    The change has been undone
    Your primary email is m***a@example.com. Your account has no backup email now.
    Everybody was signed out. Now sign in again, and set a new password if someone else may know yours. Email addresses can be changed again from 25 November 2026 at 12:00 UTC.
    Go to sign-in
    ");
    assert!(!thief.is_signed_in().await);
    world.assert_claims_fit();
    let thiefs = json!({ "identifier": "thief@example.net", "password": PASSWORD });
    assert_eq!(world.visitor().post_json("/login", &thiefs).await.status, 401);
    assert_eq!(backup_of_mina(&world).await, json!(null));
}

#[tokio::test]
async fn outstanding_links_are_dead_then() {
    let world = World::new();
    let thief = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &thief, "thief@example.net").await;
    let to_thief = thief.emailed_token("/login/link", "thief@example.net").await;
    let to_primary = thief.emailed_token("/login/link", "mina@example.com").await;
    world.after(Duration::from_mins(2));
    let pending = thief.emailed_token("/account/backup", "other@example.net").await;
    thief.post_form("/login/link", &[("email", "mina@example.com")]).await;

    assert_eq!(undo(&world.visitor(), &token).await.status, 200);
    for (path, token, code) in [
        ("/login/open", &to_thief, "link-unknown"),
        ("/login/open", &to_primary, "link-replaced"),
        ("/backup/confirm", &pending, "link-replaced"),
    ] {
        assert_eq!(thief.post_json(path, &json!({ "token": token })).await.code(), code);
    }
    let emails = world.deliver().await;
    assert!(
        emails.iter().all(|email| email.subject != "Your sign-in link"),
        "it was asked for before the undo"
    );
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn changes_of_the_backup_email_rest_for_72_hours() {
    let world = World::new();
    let thief = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &thief, "thief@example.net").await;
    undo(&world.visitor(), &token).await;
    world.deliver().await;

    let change = json!({ "email": "thief@example.net" });
    let sign_in = async || {
        let browser = world.visitor();
        let form = json!({ "identifier": "mina", "password": PASSWORD });
        assert_eq!(browser.post_json("/login", &form).await.status, 200);
        browser
    };
    world.after(Duration::from_hours(72) - Duration::from_secs(1));
    let browser = sign_in().await;
    let refused = browser.post_json("/account/backup", &change).await;
    assert_eq!((refused.status, &*refused.code()), (403, "changes-frozen"));
    assert_eq!(refused.json()["until"], world.operator.now().unix_seconds() + 1);
    let page = browser.get("/account").await;
    assert!(
        page.words().contains("no new backup email can be set until 25 November 2026 at 12:00 UTC"),
        "{}",
        page.words()
    );
    assert!(!page.body.contains("action=\"/account/backup\""), "no form that would be refused");

    world.after(Duration::from_secs(1));
    assert_eq!(sign_in().await.post_json("/account/backup", &change).await.status, 202);
}

#[tokio::test]
async fn what_an_undo_restored_can_be_removed_while_changes_are_frozen() {
    let world = World::new();
    let thief = world.person("mina").backup("thief.one@example.net").signed_in().await;
    let token = changed(&world, &thief, "thief.two@example.net").await;
    undo(&world.visitor(), &token).await;
    world.after(Duration::from_secs(1));
    let owner = world.visitor();
    let form = json!({ "identifier": "mina", "password": PASSWORD });
    assert_eq!(owner.post_json("/login", &form).await.status, 200);
    assert_eq!(owner.get_json("/account").await.json()["backup"]["address"], "thief.one@example.net");
    assert!(owner.get("/account").await.body.contains("action=\"/account/backup/remove\""));
    assert_eq!(owner.post_form("/account/backup/remove", &[]).await.status, 303);
    assert_eq!(backup_of_mina(&world).await, json!(null));
    world.assert_claims_fit();
}

#[tokio::test]
async fn a_confirmation_at_the_same_moment_does_not_slip_through() {
    for seed in 0..8 {
        let world = World::new();
        let thief = world.person("mina").backup("former@example.org").signed_in().await;
        let token = changed(&world, &thief, "thief@example.net").await;
        world.after(Duration::from_mins(2));
        let next = thief.emailed_token("/account/backup", "next@example.net").await;
        world.wire.contend();
        let owner = world.visitor();
        let next = json!({ "token": next });
        let (undone, _) = if seed % 2 == 0 {
            tokio::join!(undo(&owner, &token), thief.post_json("/backup/confirm", &next))
        } else {
            let (confirmed, undone) =
                tokio::join!(thief.post_json("/backup/confirm", &next), undo(&owner, &token));
            (undone, confirmed)
        };
        assert_eq!(undone.status, 200);
        world.assert_claims_fit();
        assert_eq!(backup_of_mina(&world).await, "former@example.org");
    }
}

#[tokio::test]
async fn a_machine_that_presses_buttons_takes_nothing_back() {
    let world = World::new();
    let browser = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &browser, "new@example.net").await;
    let before = world.dump();
    let scanner = world.visitor();
    let page = format!("{PATH}?token={token}");
    for method in ["HEAD", "GET", "HEAD", "GET"] {
        let seen = scanner.ask(&Ask { method: method.into(), ..Ask::page(&page) }).await;
        assert_eq!((seen.status, seen.cookies.len()), (200, 0), "{method}");
    }
    for username in ["", "test", "mina@example.com", "joris"] {
        let pressed = scanner.post_form(PATH, &[("token", &token), ("username", username)]).await;
        assert_eq!(pressed.status, 422, "{username}");
        assert!(pressed.words().contains("That is not the username of this account"), "{}", pressed.words());
    }
    assert_eq!(scanner.post_form(PATH, &[("token", &token)]).await.status, 422);
    assert_eq!(world.dump(), before);
    assert_eq!(undo(&world.visitor(), &token).await.status, 200, "it still works for its owner");
}

#[tokio::test]
async fn a_link_works_once_and_for_seven_days() {
    let world = World::new();
    let mina = world.person("mina").backup("former@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let token = changed(&world, &browser, "new@example.net").await;
    world.after(Duration::from_hours(7 * 24));
    assert_eq!(world.visitor().get(&format!("{PATH}?token={token}")).await.status, 200);
    world.after(Duration::from_secs(1));
    let late = undo(&world.visitor(), &token).await;
    assert_eq!((late.status, &*late.code()), (410, "link-expired"));

    let browser = world.signed_in(&mina).await;
    let token = changed(&world, &browser, "third@example.net").await;
    let owners: Vec<_> = (0..20).map(|_| world.visitor()).collect();
    let answers = join_all(owners.iter().map(|owner| undo(owner, &token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "each says what is restored");
    assert_eq!(world.deliver().await.len(), 1, "and one undid it");
    world.assert_claims_fit();
}

#[tokio::test]
async fn the_links_of_one_purpose_are_unknown_to_the_others() {
    let world = World::new();
    let browser = world.person("mina").backup("former@example.org").signed_in().await;
    let undo_token = changed(&world, &browser, "new@example.net").await;
    let sign_in = browser.emailed_token("/login/link", "mina@example.com").await;
    for path in ["/login/open", "/backup/confirm"] {
        assert_eq!(browser.post_json(path, &json!({ "token": undo_token })).await.code(), "link-unknown");
    }
    assert_eq!(undo(&browser, &sign_in).await.code(), "link-unknown");
}

#[tokio::test]
async fn a_failing_database_leaves_the_link_alive_and_nothing_half_done() {
    let world = World::new();
    let browser = world.person("mina").backup("former@example.org").signed_in().await;
    let token = changed(&world, &browser, "new@example.net").await;
    let before = world.dump();
    world.wire.fail("TransactWriteItems", 3, FaultKind::ServerError);
    assert_eq!(undo(&world.visitor(), &token).await.status, 500);
    assert_eq!(world.dump(), before);
    assert_eq!(undo(&world.visitor(), &token).await.status, 200);
}
