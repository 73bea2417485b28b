//! Deleting accounts: nothing of them stays that can be found, however often it is interrupted.
use std::pin::pin;
use std::time::Duration;

use dev::aws::faults::FaultKind;
use domain::{Actor, DeliveredTo, DeliveryFailure, Undeliverable};
use futures_util::future::{Either, join_all, select};
use serde_json::{Value, json};
use shared::store::{Deleting, Deletion, Failed};

use super::{ID, assert_refused, path, wanted, wanted_with};
use crate::support::{Ask, NOON, PASSWORD, Person, World, bounce, token_in};

/// An account with something of everything: sessions, a backup email and one before it, a former primary, an address that
/// waits, a history, a log, emails that wait.
async fn eventful(world: &World) -> Person {
    let hash = world.operator.needs.passwords.hash(&domain::TypedPassword::new(PASSWORD), [7; 16]);
    let hash = hash.expect("it is short");
    world.put_account(ID, &wanted_with(&json!({ "password_hash": hash.as_str() }))).await;
    world.put_account(ID, &wanted_with(&json!({ "email": "new@example.org" }))).await;
    world.deliver().await;
    let person = world.person_of(ID).await;
    let browser = world.visitor();
    browser.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
    for address in ["spare@example.org", "other@example.org"] {
        let token = browser.emailed_token_of("/account/backup", address, "Confirm your backup email").await;
        browser.post_form("/backup/confirm", &[("token", &token)]).await;
        world.after(Duration::from_mins(2));
    }
    let link = world.visitor().emailed_token_of("/login/link", "new@example.org", "Your sign-in link").await;
    world.visitor().post_form("/login/open", &[("token", &link)]).await;
    browser.post_form("/account/backup", &[("email", "third@example.org")]).await;
    person
}

/// Everything in all tables that names the account or one of its addresses, but for what expires by itself: links, requests of
/// strangers, and the row by which products are told.
fn traces(world: &World, person: &Person) -> Vec<String> {
    let mut found = Vec::new();
    for (table, items) in world.dump() {
        for item in items {
            let of_strangers =
                ["\"sign-in-link\"", "\"forgot-username\""].iter().any(|kind| item.contains(kind));
            let expires = (table == "LinksTable" && !item.contains("slot#"))
                || (table == "OutboxTable" && of_strangers)
                || (table == "HistoryTable" && is_of_deletion(&item));
            let names = [person.id.as_str(), "mina", "new@example", "spare@", "other@", "third@", ID];
            if !expires && names.iter().any(|name| item.contains(name)) {
                found.push(format!("{table}: {item}"));
            }
        }
    }
    found
}

/// Whether a row says that an account was deleted, by its ids and for a day.
fn is_of_deletion(row: &str) -> bool {
    let row: Value = serde_json::from_str(row).expect("an item is JSON");
    let number = |name: &str| row[name]["N"].as_str().and_then(|number| number.parse::<i64>().ok());
    row["happened"]["M"] == json!({ "what": { "S": "deleted" } })
        && row["source"]["M"] == json!({ "device": { "S": "unknown" }, "network": { "S": "" } })
        && row["context"]["M"] == json!({ "by": { "S": "product" }, "external_id": { "S": ID } })
        && number("expires_at").zip(number("happened_at")).is_some_and(|(end, at)| end - at == 24 * 60 * 60)
}

#[tokio::test]
async fn nothing_of_a_deleted_account_stays_that_its_keys_lead_to() {
    let world = World::new().with_waiting_period(Duration::from_hours(24));
    let person = eventful(&world).await;
    let joris = world.person("joris").backup("joris@example.net").create().await;
    let of_joris = world.items_of(&joris);
    assert!(traces(&world, &person).len() > 20);
    let deleted = world.delete_account(ID).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    let document = deleted.json();
    assert_eq!((&document["deleted"], &document["external_id"]), (&json!(true), &json!(ID)));
    let remains = document["remains"].as_array().expect("it says what remains");
    assert!(remains.iter().any(|remain| remain["what"] == "logs" && remain["days"] == 30), "{document}");
    assert_eq!(traces(&world, &person), [""; 0]);
    world.assert_claims_fit();
    assert_eq!(world.items_of(&joris), of_joris);

    for answer in [world.get_account(ID).await, world.delete_account(ID).await] {
        assert_refused(&answer, 404, "account-unknown", None);
    }
    // All that was taken is free.
    for (id, username, email) in [
        (ID, "mina", "mina@example.com"),
        ("b", "nour", "new@example.org"),
        ("c", "sasha", "spare@example.org"),
    ] {
        let again = wanted_with(&json!({ "username": username, "email": email }));
        assert_eq!(world.put_account(id, &again).await.status, 201, "{username}");
    }
    world.assert_claims_fit();
}

#[tokio::test]
async fn what_remains_is_as_the_page_says() {
    let page = include_str!("../../../docs/accounts-api.md");
    let (_, table) = page.split_once("| what | contains | days |\n| --- | --- | --- |\n").expect("a table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let documented: Vec<_> = rows
        .map(|row| {
            let [what, contains, days] =
                row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()[..]
            else {
                panic!("{row}")
            };
            let days = match days {
                "`LogRetentionDays`" => json!(30),
                "nobody knows" => Value::Null,
                days => json!(days.parse::<u32>().expect("a number")),
            };
            json!({ "what": what, "contains": contains, "days": days })
        })
        .collect();
    let world = World::new();
    world.put_account(ID, &wanted()).await;
    let deleted = world.delete_account(ID).await.json();
    assert_eq!(deleted["remains"], json!(documented));
}

#[tokio::test]
async fn links_and_sessions_of_a_deleted_account_open_nothing_also_for_one_that_follows_it() {
    let world = World::new();
    let person = eventful(&world).await;
    let session = world.signed_in(&person).await;
    let browser = world.visitor();
    let link = browser.emailed_token_of("/login/link", "new@example.org", "Your sign-in link").await;
    let undo = world.emails().into_iter().rev().find(|email| email.text.contains("/undo?token="));
    let undo = token_in(&undo.expect("a change was announced"));
    world.delete_account(ID).await;
    world.put_account(ID, &wanted_with(&json!({ "email": "new@example.org" }))).await;
    assert!(!session.is_signed_in().await);
    assert_ne!(browser.post_form("/login/open", &[("token", &link)]).await.status, 303);
    let undone = world.visitor().post_form("/undo", &[("token", &undo), ("username", "mina")]).await;
    assert_eq!(undone.status, 404, "{}", undone.shown());
    assert!(world.deliver().await.is_empty());
}

/// Sends a DELETE whose process is killed after this many calls to AWS; false if it came to its end before.
async fn killed_after(world: &World, calls: usize, ask: &Ask) -> bool {
    let before = world.wire.calls().len();
    let deleting = pin!(world.back_end(ask));
    let watching = pin!(async {
        while world.wire.calls().len() < before + calls {
            tokio::task::yield_now().await;
        }
    });
    matches!(select(watching, deleting).await, Either::Left(_))
}

#[tokio::test]
async fn a_deletion_that_is_interrupted_at_any_call_is_finished_by_the_next() {
    let mut interrupted = 0;
    for calls in 1.. {
        let world = World::new();
        let person = eventful(&world).await;
        let tag = world.get_account(ID).await.header("etag").to_owned();
        let ask = Ask::signed("DELETE", &path(ID)).header("if-match", &tag);
        if !killed_after(&world, calls, &ask).await {
            break;
        }
        interrupted += 1;
        let read = world.get_account(ID).await;
        if read.status == 200 && read.json()["being_deleted"] == true {
            assert_eq!(read.json()["disabled"], true);
            for refused in [
                world.put_account(ID, &wanted()).await,
                world.post_account(ID, "enable").await,
                world.post_account(ID, "disable").await,
                world.post_account(ID, "end-sessions").await,
            ] {
                assert_refused(&refused, 409, "account-being-deleted", None);
            }
            let browser = world.visitor();
            let sign_in =
                browser.post_form("/login", &[("identifier", "mina"), ("password", PASSWORD)]).await;
            assert!(sign_in.session().is_none(), "after {calls} calls");
        }
        // The condition was met when it began.
        let status = world.back_end(&ask).await.status;
        assert!([200, 404].contains(&status), "{status} after {calls} calls");
        assert_eq!(traces(&world, &person), [""; 0], "after {calls} calls");
        world.assert_claims_fit();
    }
    assert!(interrupted > 20, "{interrupted}");
}

#[tokio::test]
async fn an_action_that_a_deletion_overtakes_says_so() {
    for action in ["disable", "enable", "end-sessions"] {
        // The calls of a deletion until the account is marked, and all of them.
        for (calls, status, code) in [(3, 409, "account-being-deleted"), (1_000, 404, "account-unknown")] {
            let world = World::new();
            let person = eventful(&world).await;
            if action == "enable" {
                world.post_account(ID, "disable").await;
            }
            let before = world.wire.calls().len();
            let acting = pin!(world.post_account(ID, action));
            let read = pin!(async {
                while world.wire.calls().len() < before + 2 {
                    tokio::task::yield_now().await;
                }
            });
            let Either::Left(((), acting)) = select(read, acting).await else {
                panic!("it reads and writes")
            };
            killed_after(&world, calls, &Ask::signed("DELETE", &path(ID))).await;
            assert_refused(&acting.await, status, code, None);
            world.delete_account(ID).await;
            assert_eq!(traces(&world, &person), [""; 0], "{action} {calls}");
        }
    }
}

#[tokio::test]
async fn an_action_whose_conflicts_last_is_to_be_sent_again() {
    for action in ["disable", "enable", "end-sessions"] {
        let world = World::new();
        world.put_account(ID, &wanted()).await;
        if action == "enable" {
            world.post_account(ID, "disable").await;
        }
        world.wire.fail_on("AccountsTable", "TransactWriteItems", 1_000, FaultKind::TransactionConflict);
        assert_refused(&world.post_account(ID, action).await, 409, "changed-meanwhile", None);
        world.wire.clear();
        assert_eq!(world.post_account(ID, action).await.status, 204);
    }
}

#[tokio::test]
async fn a_deletion_whose_calls_fail_says_so_and_is_repeated() {
    for kind in [FaultKind::ServerError, FaultKind::LostAnswer] {
        for (table, operation) in [
            ("AccountsTable", "TransactWriteItems"),
            ("SessionsTable", "Query"),
            ("SessionsTable", "DeleteItem"),
            ("HistoryTable", "Query"),
            ("HistoryTable", "DeleteItem"),
            ("OutboxTable", "DeleteItem"),
            ("LinksTable", "DeleteItem"),
        ] {
            let world = World::new();
            let person = eventful(&world).await;
            world.wire.fail_on(table, operation, 30, kind);
            let failed = world.delete_account(ID).await;
            assert_eq!((failed.status, &*failed.code()), (500, "internal"), "{operation} {table}");
            world.wire.clear();
            let status = world.delete_account(ID).await.status;
            assert!([200, 404].contains(&status), "{operation} {table}: {status}");
            assert_eq!(traces(&world, &person), [""; 0], "{operation} {table}");
        }
    }
}

#[tokio::test]
async fn of_ten_that_delete_an_account_at_once_all_are_told_that_it_is_gone() {
    let world = World::new();
    let person = eventful(&world).await;
    world.wire.contend();
    let answers = join_all((0..10).map(|_| world.delete_account(ID))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert!(statuses[0] == 200 && statuses.iter().all(|status| [200, 404].contains(status)), "{answers:#?}");
    assert_eq!(traces(&world, &person), [""; 0]);
    world.assert_claims_fit();
}

#[tokio::test]
async fn what_a_person_does_meanwhile_leaves_nothing_behind() {
    for asked in ["/account/backup", "/account/primary"] {
        for pauses in 0..40 {
            let world = World::new();
            let person = eventful(&world).await;
            world.after(Duration::from_mins(2));
            let browser = world.signed_in(&person).await;
            let deleting = async {
                for _ in 0..pauses {
                    tokio::task::yield_now().await;
                }
                world.delete_account(ID).await
            };
            let fields = [("email", "third@example.org")];
            let (_, deleted) = futures_util::future::join(browser.post_form(asked, &fields), deleting).await;
            assert_eq!(deleted.status, 200, "{}", deleted.body);
            assert_eq!(traces(&world, &person), [""; 0], "{asked} {pauses}");
        }
    }
}

#[tokio::test]
async fn what_ses_reports_meanwhile_leaves_nothing_behind() {
    for pauses in (0..40).step_by(8) {
        let world = World::new();
        let person = eventful(&world).await;
        world.after(Duration::from_mins(2));
        let reporting = async {
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            world.report(&bounce("other@example.org", NOON + 300)).await
        };
        let (deleted, noted) = futures_util::future::join(world.delete_account(ID), reporting).await;
        assert!(deleted.status == 200 && noted, "{}", deleted.body);
        assert_eq!(traces(&world, &person), [""; 0], "{pauses}");
    }
}

#[tokio::test]
async fn what_was_read_before_a_deletion_began_writes_nothing_after_it() {
    let world = World::new();
    let person = eventful(&world).await;
    world.after(Duration::from_mins(2));
    let (store, now) = (&world.operator.store, world.operator.now());
    let account = store.load_account(&person.id).await.expect("the database works").expect("it is there");
    let deleting = Deleting { by: Actor::Product, entry_id: world.operator.message_id() };
    let begun = store.begin_deletion(&account, &deleting, now).await.expect("the database works");
    assert_eq!(begun, Deletion::Done);
    let before = world.dump();

    for address in ["new@example.org", "other@example.org"] {
        assert!(world.report(&bounce(address, NOON + 300)).await, "there is nothing to try again");
    }
    let failed = Undeliverable { why: DeliveryFailure::Bounced, since: now };
    for to in [DeliveredTo::Primary, DeliveredTo::Backup] {
        let confirmed = account.delivered_to(to).expect("it has both");
        let delivery = &confirmed.delivery_after(failed).expect("it is news");
        let event_id = &world.operator.message_id();
        let failure = Failed { account: &account, to, confirmed, failed, delivery, event_id };
        assert!(!store.note_failure(failure, now).await.expect("the database works"));
        let allowed = store.allow_delivery(&account, (to, confirmed), world.operator.message_id(), now);
        assert!(!allowed.await.expect("the database works"));
    }
    let pending = account.pending().expect("an address waits");
    let entry = (world.operator.message_id(), domain::ClientInfo::default());
    assert!(!store.cancel_pending(&account, pending, entry, now).await.expect("the database works"));
    assert_eq!(world.dump(), before);
}
