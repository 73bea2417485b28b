//! The mailer: at least once, and only to stored addresses. `mailer_batch` has what concerns several records.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::Language;
use serde_json::json;

use crate::support::{World, token_in};

#[tokio::test]
async fn the_same_record_twice_sends_once() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    let records = world.new_records();
    for _ in 0..3 {
        assert!(world.feed(&records).await.batch_item_failures.is_empty());
    }
    assert_eq!(world.emails().len(), 1);
}

#[tokio::test]
async fn a_crash_between_send_and_mark_sends_twice_and_both_links_sign_in_once_in_all() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    browser.post_form("/login/link", &[("email", "mina@example.com")]).await;
    let records = world.new_records();
    world.wire.fail("UpdateItem", 3, FaultKind::ServerError);
    assert_eq!(world.feed(&records).await.batch_item_failures.len(), 1);
    assert!(world.feed(&records).await.batch_item_failures.is_empty());
    let emails = world.emails();
    assert_eq!(emails.len(), 2, "never not at all");

    let (first, second) = (token_in(&emails[0]), token_in(&emails[1]));
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert_eq!(browser.get(&format!("/login/open?token={token}")).await.status, 200);
    }
    let opened = browser.post_json("/login/open", &json!({ "token": first })).await;
    assert_eq!(opened.status, 200);
    let again = world.visitor().post_json("/login/open", &json!({ "token": second })).await;
    assert_eq!((again.status, &*again.code()), (410, "link-used"));
}

#[tokio::test]
async fn the_second_mail_is_not_sent_when_the_first_link_was_used_by_then() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    browser.post_form("/login/link", &[("email", "mina@example.com")]).await;
    let records = world.new_records();
    world.wire.fail("UpdateItem", 3, FaultKind::ServerError);
    world.feed(&records).await;
    let token = token_in(&world.emails()[0]);
    assert_eq!(browser.post_json("/login/open", &json!({ "token": token })).await.status, 200);

    assert!(world.feed(&records).await.batch_item_failures.is_empty());
    assert_eq!(world.emails().len(), 1, "a second link would open a second session for one request");
}

#[tokio::test]
async fn an_older_request_gets_no_link_when_a_newer_one_was_used_by_then() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    browser.post_form("/login/link", &[("email", "mina@example.com")]).await;
    let delayed = world.new_records();
    world.after(Duration::from_secs(1));
    let newer = browser.emailed_token("/login/link", "mina@example.com").await;
    assert_eq!(browser.post_json("/login/open", &json!({ "token": newer })).await.status, 200);

    assert!(world.feed(&delayed).await.batch_item_failures.is_empty());
    assert_eq!(world.emails().len(), 1, "the newer request made it dead");
}

#[tokio::test]
async fn a_crash_between_send_and_mark_confirms_once_in_all() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    let records = world.new_records();
    world.wire.fail("UpdateItem", 3, FaultKind::ServerError);
    world.feed(&records).await;
    world.feed(&records).await;
    let emails = world.emails();
    assert_eq!(emails.len(), 2);
    let confirm = async |number: usize| {
        browser.post_json("/backup/confirm", &json!({ "token": token_in(&emails[number]) })).await
    };
    assert_eq!(confirm(1).await.status, 200);
    assert_eq!(confirm(0).await.status, 410);
    assert_eq!(world.deliver().await.len(), 1, "one notice");
}

#[tokio::test]
async fn a_throttled_ses_is_asked_again() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    world.wire.fail("SendEmail", 2, FaultKind::Throttle);
    assert_eq!(world.deliver().await.len(), 1);
}

#[tokio::test]
async fn the_log_of_a_failure_has_the_chain_and_no_address() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    world.wire.fail("SendEmail", 3, FaultKind::ServerError);
    world.feed(&world.new_records()).await;
    let log = world.log();
    assert!(log.contains("could not send a mail") && log.contains("InternalServiceError"), "{log}");
    assert!(!log.contains("mina@"), "{log}");
}

#[tokio::test]
async fn a_request_that_is_gone_or_malformed_is_no_reason_to_stop() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    let good = world.new_records().remove(0);
    let mut gone = good.clone();
    gone["dynamodb"]["Keys"]["message_id"]["S"] = json!("01KANBKY00X9PQY2A0J7WJ4Q8E");
    let mut without_key = good.clone();
    without_key["dynamodb"]["Keys"] = json!({ "other": { "N": "1" } });
    let failed = world.feed(&[without_key, gone, good]).await;
    assert!(failed.batch_item_failures.is_empty());
    assert_eq!(world.emails().len(), 1);
}

#[tokio::test]
async fn what_can_never_be_sent_is_given_up_at_once_and_holds_nobody_back() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let account = json!({ "S": mina.id.as_str() });
    let poison = json!({
        "message_id": { "S": "poison" }, "mail_state": { "S": "waiting" }, "requested_at": { "N": "1" },
        "expires_at": { "N": "9999999999" }, "request": { "M": { "kind": { "S": "no-such" }, "account_id": account } },
    });
    world.put("OutboxTable", &poison);
    world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
    let records = world.new_records();
    world.wire.fail("SendEmail", 1, FaultKind::Reject);
    for _ in 0..2 {
        assert!(world.feed(&records).await.batch_item_failures.is_empty(), "no retry");
    }
    assert!(world.emails().is_empty());
    let states = world.dump()["OutboxTable"].iter().filter(|item| item.contains("unsent")).count();
    let counted = world.counted().iter().filter(|line| line.contains("GivenUp\":1")).count();
    assert_eq!((states, counted), (2, 2), "each is marked and counted once:\n{}", world.log());
    assert!(world.log().contains("MessageRejected") && !world.log().contains("mina@"), "{}", world.log());
}

#[tokio::test]
async fn ses_that_takes_no_email_at_all_is_asked_again_until_it_does() {
    for kind in [FaultKind::Throttle, FaultKind::ServerError] {
        let world = World::new();
        world.person("mina").create().await;
        world.visitor().post_form("/forgot-username", &[("email", "mina@example.com")]).await;
        let records = world.new_records();
        world.wire.fail("SendEmail", 3, kind);
        assert_eq!(world.feed(&records).await.batch_item_failures.len(), 1, "{kind:?}");
        world.after(Duration::from_hours(22));
        assert!(world.feed(&records).await.batch_item_failures.is_empty());
        assert_eq!(world.emails().len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_link_that_has_expired_meanwhile_is_dropped_calmly() {
    let world = World::new();
    world.person("mina").create().await;
    world.visitor().post_form("/login/link", &[("email", "mina@example.com")]).await;
    let records = world.new_records();
    world.wire.fail("SendEmail", 3, FaultKind::ServerError);
    assert_eq!(world.feed(&records).await.batch_item_failures.len(), 1);
    world.after(Duration::from_mins(10));
    assert!(world.feed(&records).await.batch_item_failures.is_empty());
    assert!(world.emails().is_empty() && !world.counted().iter().any(|line| line.contains("GivenUp")));
    assert!(world.log().contains("the link would be dead"), "{}", world.log());
}

#[tokio::test]
async fn a_notice_to_an_account_that_is_gone_is_dropped() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    world.signed_in(&mina).await.post_json("/account/backup/remove", &json!({})).await;
    for record in ["profile", "email#primary"] {
        world.delete(&mina.id, record);
    }
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn a_confirmation_that_is_no_longer_wanted_or_would_be_dead_is_not_mailed() {
    let world = World::new();
    let browser = world.person("mina").signed_in().await;
    browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    browser.post_form("/account/backup/remove", &[]).await;
    assert!(world.deliver().await.is_empty());

    world.after(Duration::from_mins(1));
    browser.post_form("/account/backup", &[("email", "spare@example.org")]).await;
    world.after(Duration::from_hours(24));
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn the_backup_email_never_gets_a_notice() {
    let world = World::new();
    let mina = world.person("mina").backup("old@example.org").create().await;
    let browser = world.signed_in(&mina).await;
    let change = browser.emailed_token("/account/backup", "new@example.org").await;
    browser.post_json("/backup/confirm", &json!({ "token": change })).await;
    let asker = world.visitor();
    let link = asker.emailed_token_of("/login/link", "new@example.org", "Your sign-in link").await;
    asker.post_json("/login/open", &json!({ "token": link })).await;
    browser.post_json("/account/backup/remove", &json!({})).await;
    world.deliver().await;
    let to_backup: Vec<_> = world
        .emails()
        .into_iter()
        .filter(|email| email.to != mina.email)
        .map(|email| email.subject)
        .collect();
    assert_eq!(to_backup, ["Confirm your backup email", "Your sign-in link"]);
    let mut to_primary: Vec<_> = world
        .emails()
        .into_iter()
        .filter(|email| email.to == mina.email)
        .map(|email| email.subject)
        .collect();
    to_primary.sort();
    insta::assert_debug_snapshot!(to_primary, @r#"
    [
        "The backup email of your account was changed",
        "The backup email of your account was removed",
        "Your backup email was used to sign in",
    ]
    "#);
}

#[tokio::test]
async fn each_reader_gets_the_language_of_the_account() {
    let world = World::new();
    world.person("ida").language(Language::Da).backup("taken@example.org").create().await;
    let joris = world.person("joris").language(Language::Nl).create().await;
    world.signed_in(&joris).await.post_form("/account/backup", &[("email", "taken@example.org")]).await;
    let [email] = &world.deliver().await[..] else { panic!("one email") };
    assert_eq!(email.to, "ida@example.com");
    assert!(email.html.contains("<html lang=\"da\">"), "the owner's, not the requester's");
}
