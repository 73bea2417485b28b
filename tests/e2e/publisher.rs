//! Events on the local stack: from a change through the stream and the real function to the bus, while EventBridge fails and
//! the function is killed.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use axum::http::Method;
use dev::aws::faults::{EntryError, Fault, FaultKind, Which};
use dev::browser::SiteRequest;
use dev::clock;
use dev::gateway::callers::PRODUCT;
use dev::stack::Stack;
use serde_json::{Value, json};

use crate::client::{new_browser, start};
use crate::operator::{ops, wait_until};

const BUS: &str = "products";
const PEOPLE: usize = 6;

/// A request of the product, signed.
async fn ask(stack: &Stack, method: Method, path: &str, body: Option<Value>) -> Result<i64> {
    let caller = stack.callers().named(PRODUCT).cloned().context("there is a product")?;
    let request = SiteRequest::json(method, path, body);
    let request = caller.signer().signed(request, stack.page_url(), clock::now())?;
    Ok(new_browser(stack)?.send(&request).await?.status.into())
}

fn path(number: usize) -> String {
    format!("/admin/accounts/employee-{number}")
}

/// Creates accounts, changes each, disables and enables it.
async fn change_all(stack: &Stack) -> Result<()> {
    for locale in ["en", "nl"] {
        for number in 0..PEOPLE {
            let (username, email) = (format!("person{number}"), format!("person{number}@example.net"));
            let wanted = json!({ "username": username, "email": email, "email_verified": true, "kind": "regular", "locale": locale });
            let status = ask(stack, Method::PUT, &path(number), Some(wanted)).await?;
            assert!([200, 201].contains(&status), "{status}");
        }
    }
    for action in ["disable", "enable"] {
        for number in 0..PEOPLE {
            let path = format!("{}/{action}", path(number));
            assert_eq!(ask(stack, Method::POST, &path, None).await?, 204);
        }
    }
    Ok(())
}

/// The kinds of each account's events, each event once, in the order in which they came first.
fn told(stack: &Stack) -> BTreeMap<String, Vec<String>> {
    let (mut accounts, mut seen) = (BTreeMap::<_, Vec<String>>::new(), BTreeSet::new());
    for event in stack.events().published_on(BUS) {
        assert!(!event.to_string().contains('@'), "{event:#}");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let Some(account) = text(&event["detail"]["external_id"]) else { continue };
        if seen.insert(event["detail"]["event_id"].to_string()) {
            accounts.entry(account).or_default().extend(text(&event["detail-type"]));
        }
    }
    accounts
}

async fn assert_all_come_in_order(stack: &Stack) -> Result<()> {
    let expected = ["account-created", "account-changed", "account-disabled", "account-enabled"];
    let all = || told(stack).values().map(Vec::len).sum::<usize>() == PEOPLE * expected.len();
    wait_until("an event of each change", all).await?;
    assert_eq!(told(stack).len(), PEOPLE);
    assert!(told(stack).values().all(|kinds| *kinds == expected), "{:#?}", told(stack));
    assert!(stack.dead_letters().is_empty(), "{:?}", stack.dead_letters());
    Ok(())
}

fn fault(times: u32, kind: FaultKind) -> Fault {
    Fault { function: Some("publisher".into()), times, ..Fault::next_call(kind) }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_each_change_gives_its_event_and_an_accounts_events_keep_their_order() -> Result<()> {
    let refused = FaultKind::RefuseEntries { which: Which::Every(10), error: EntryError::Throttling };
    for fault in [
        fault(3, FaultKind::Kill),
        fault(5, FaultKind::Throttle),
        fault(8, FaultKind::ServerError),
        fault(4, FaultKind::LostAnswer),
        fault(8, refused),
    ] {
        let stack = start().await?;
        stack.faults().add(fault);
        change_all(&stack).await?;
        assert_all_come_in_order(&stack).await?;
        assert!(stack.faults().left().is_empty(), "the fault struck");
        stack.stop().await;
    }
    Ok(())
}

/// While EventBridge is away, rows wait; nobody who signs in notices.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_eventbridge_was_away_is_published_when_it_is_back() -> Result<()> {
    let stack = start().await?;
    stack.faults().add(fault(10_000, FaultKind::ServerError));
    change_all(&stack).await?;
    let log = || stack.logs().lines_about("publisher").join("\n");
    wait_until("the failure", || log().contains("events are not on the bus and will be put again")).await?;
    assert!(told(&stack).is_empty());
    stack.faults().clear();
    assert_all_come_in_order(&stack).await?;
    assert!(!log().contains('@'), "{}", log());
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_commands_and_a_deletion_are_told_too() -> Result<()> {
    let stack = start().await?;
    let mut published = 0;
    for (command, kinds) in [
        (&["accounts", "disable", "mina"][..], &["account-disabled"][..]),
        (&["accounts", "enable", "mina"], &["account-enabled"]),
        (&["accounts", "end-sessions", "mina"], &["sessions-ended"]),
        (&["accounts", "delete", "mina", "--yes"], &["account-deletion-begun", "account-deleted"]),
    ] {
        // Events of the accounts that the stack began with come too.
        let by_operator = || {
            let events = stack.events().published_on(BUS).into_iter();
            let events = events.filter(|event| event["detail-type"] != "account-created");
            events.collect::<Vec<_>>()
        };
        let (code, said) = ops(&stack, command).await?;
        assert_eq!(code, Some(0), "{said}");
        wait_until("the event", || by_operator().len() >= published + kinds.len()).await?;
        let events = by_operator().split_off(published);
        let told: Vec<_> = events.iter().filter_map(|event| event["detail-type"].as_str()).collect();
        assert_eq!(told, kinds);
        assert!(events.iter().all(|event| event["detail"]["by"] == "operator"), "{events:#?}");
        published += kinds.len();
    }
    stack.stop().await;
    Ok(())
}

/// The ids of the events on the bus, each as often as it is there.
fn ids(stack: &Stack) -> Vec<String> {
    let events = stack.events().published_on(BUS);
    let mut ids: Vec<_> = events.iter().map(|event| event["detail"]["event_id"].to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_puts_the_events_of_a_time_on_the_bus_again() -> Result<()> {
    const LONG_AGO: &str = "2026-01-01T00:00:00Z";
    let stack = start().await?;
    change_all(&stack).await?;
    assert_all_come_in_order(&stack).await?;
    let once = ids(&stack);
    let all = once.len();
    let republish = async |options: &[&str]| {
        stack.events().forget();
        ops(&stack, &[&["events", "republish", "--bus"], options].concat()).await
    };

    let (code, said) = republish(&[BUS, "--from", LONG_AGO]).await?;
    assert!(code == Some(0) && said.contains(&format!("events put on the bus again: {all}\n")), "{said}");
    assert_eq!(ids(&stack), once, "each with the id that it had");
    assert_all_come_in_order(&stack).await?;

    // A tenth is refused each time, and calls fail for longer than the SDK tries.
    let refused = FaultKind::RefuseEntries { which: Which::Every(10), error: EntryError::Throttling };
    for (kind, times) in [(refused, 3), (FaultKind::Throttle, 4), (FaultKind::ServerError, 4)] {
        let (function, operation) = (Some("operator".into()), Some("PutEvents".into()));
        stack.faults().add(Fault { function, operation, times, ..Fault::next_call(kind) });
        let (code, said) = republish(&[BUS, "--from", LONG_AGO]).await?;
        assert_eq!(code, Some(0), "{said}");
        assert!(stack.faults().left().is_empty(), "the fault struck");
        assert_eq!(ids(&stack), once, "each once: nothing that was taken is put again");
        assert_all_come_in_order(&stack).await?;
    }

    // One is refused for what it says, and the others are put all the same.
    let which = Which::With(once[0].clone().into());
    let malformed = FaultKind::RefuseEntries { which, error: EntryError::MalformedDetail };
    let (function, operation) = (Some("operator".into()), Some("PutEvents".into()));
    stack.faults().add(Fault { function, operation, times: 1_000, ..Fault::next_call(malformed) });
    let (code, said) = republish(&[BUS, "--from", LONG_AGO]).await?;
    stack.faults().clear();
    assert!(code == Some(3) && said.contains(&format!("again: {}\n", all - 1)), "{said}");
    assert!(said.contains("EventBridge refused 1 event"), "{said}");
    assert!(said.contains(": MalformedDetail"), "{said}");
    assert_eq!(ids(&stack), once[1..]);

    let (code, said) = republish(&[BUS, "--from", LONG_AGO, "--dry-run"]).await?;
    assert!(
        code == Some(0) && said.contains(&format!("events that would be put on the bus: {all}\n")),
        "{said}"
    );
    assert!(ids(&stack).is_empty());
    let (code, said) = republish(&[BUS, "--from", LONG_AGO, "--to", "2026-01-02T00:00:00Z"]).await?;
    assert!(code == Some(0) && said.contains("events put on the bus again: 0\n"), "{said}");
    for (options, why) in [
        (&["nowhere", "--from", LONG_AGO][..], "there is no bus \"nowhere\""),
        (&[BUS, "--from", "2026-01-02T00:00:00Z", "--to", LONG_AGO], "--to is before --from"),
        (&[BUS, "--from", "yesterday"], "a time is written as"),
    ] {
        let (code, said) = republish(options).await?;
        assert!(code == Some(2) && said.contains(why), "{said}");
        assert!(ids(&stack).is_empty());
    }

    let now = clock::now().unix_timestamp().to_string();
    let row = json!({ "account_id": { "S": "somebody" }, "event_id": { "S": "broken" }, "happened_at": { "N": now } });
    stack.tables().put("HistoryTable", &row)?;
    let (code, said) = republish(&[BUS, "--from", LONG_AGO]).await?;
    assert!(code == Some(3) && said.contains("the row somebody broken cannot be read"), "{said}");
    assert_eq!(ids(&stack), once, "the others are put all the same");
    stack.stop().await;
    Ok(())
}
