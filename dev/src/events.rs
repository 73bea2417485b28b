//! Amazon EventBridge: buses, and the rules of the template that send events of a bus to functions.
//!
//! A function is invoked asynchronously, as by Lambda: at least once, again after an error, and after the last attempt the event
//! goes to the function's on-failure destination. Must not know what is in the events.

pub mod pattern;
mod published;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;

use self::published::Archive;
pub use self::published::Published;
use crate::clock;
use crate::lambda::invoker::Invoker;
use crate::logs::Logs;
use crate::random;
use crate::streams::{DeadLetter, DeadLetters};
use crate::template::{ACCOUNT_ID, AsyncInvocation, EventRule, REGION};

/// The bus that services of AWS send their events to.
pub const DEFAULT_BUS: &str = "default";

/// The wait before the first retry; it doubles with each. Lambda waits for a minute and then for two, which nobody at a local
/// stack wants to.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// A function that gets the events of a rule.
#[derive(Debug)]
pub struct Target {
    /// Which events it gets.
    pub rule: EventRule,
    /// The function's name.
    pub function: String,
    /// How it is invoked.
    pub invoker: Invoker,
    /// What follows when it fails.
    pub asynchronous: AsyncInvocation,
}

/// An event as its sender hands it in.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Who sends it, for example `aws.ses`.
    pub source: String,
    /// What kind it is.
    pub detail_type: String,
    /// When it happened; `None` for now.
    pub time: Option<OffsetDateTime>,
    /// What it is about.
    pub resources: Vec<String>,
    /// Its content.
    pub detail: Value,
}

/// All buses, and the rules of each; clones share them.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    buses: BTreeSet<String>,
    targets: Vec<Arc<Target>>,
    dead_letters: DeadLetters,
    logs: Logs,
    archive: Archive,
}

impl Events {
    /// The buses of these names besides the default one, with these rules.
    pub fn new(
        buses: &BTreeSet<String>,
        targets: Vec<Target>,
        dead_letters: DeadLetters,
        logs: Logs,
    ) -> Self {
        let buses = buses.iter().cloned().chain([DEFAULT_BUS.to_owned()]).collect();
        let targets = targets.into_iter().map(Arc::new).collect();
        Self(Arc::new(Inner { buses, targets, dead_letters, logs, archive: Archive::default() }))
    }

    /// The default bus without rules; it keeps the events for a look at them.
    pub fn without_rules() -> Self {
        Self::on_buses(&BTreeSet::new())
    }

    /// The buses of these names and the default one, without rules; they keep the events for a look at them.
    pub fn on_buses(buses: &BTreeSet<String>) -> Self {
        Self::new(buses, Vec::new(), DeadLetters::default(), Logs::default())
    }

    /// Whether there is a bus of this name.
    pub fn has_bus(&self, name: &str) -> bool {
        self.0.buses.contains(name)
    }

    /// Sends an event to a bus: every function that has a rule for it is invoked, on a task of its own. Returns its id.
    ///
    /// EventBridge takes an event for a bus that does not exist like any other, and loses it
    /// (<https://github.com/aws/aws-cli/issues/9186>). So do these buses, and the log says so.
    pub fn publish(&self, bus: &str, event: NewEvent) -> String {
        let id = random::uuid();
        if !self.has_bus(bus) {
            let NewEvent { source, detail_type, .. } = event;
            self.0.logs.note(&format!("LOST EVENT: there is no bus {bus} for {detail_type:?} of {source:?}"));
            return id;
        }
        let NewEvent { source, detail_type, time, resources, detail } = event;
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT_ID,
            "time": clock::rfc3339(time.unwrap_or_else(clock::now)),
            "region": REGION,
            "resources": resources,
            "detail": detail,
        });
        self.send(bus, &event);
        self.0.archive.add(bus, event);
        id
    }

    /// Sends an event as it is, for example once more.
    pub fn send(&self, bus: &str, event: &Value) {
        for target in &self.0.targets {
            if target.rule.bus == bus && target.rule.pattern.matches(event) {
                let (events, target, event) = (self.clone(), Arc::clone(target), event.clone());
                tokio::spawn(async move { events.deliver(&target, &event).await });
            }
        }
    }

    /// The events that were published lately on whichever bus, the oldest first.
    pub fn published(&self) -> Vec<Value> {
        self.published_after(0).into_iter().map(|published| published.event).collect()
    }

    /// The events that were published lately on this bus, the oldest first.
    pub fn published_on(&self, bus: &str) -> Vec<Value> {
        let published = self.published_after(0).into_iter().filter(|published| published.bus == bus);
        published.map(|published| published.event).collect()
    }

    /// The events after the one with this number, each with its bus, the oldest first.
    pub fn published_after(&self, number: u64) -> Vec<Published> {
        self.0.archive.after(number)
    }

    /// The number of the latest event that there ever was, and how many are kept.
    pub fn count(&self) -> (u64, usize) {
        self.0.archive.count()
    }

    /// The first matching event, among those already published and those that are published before the timeout.
    pub async fn wait_for(&self, timeout: Duration, fits: impl Fn(&Published) -> bool) -> Option<Published> {
        self.0.archive.wait_for(timeout, fits).await
    }

    /// Tells of every event that is published from now on. It ends only with its task.
    pub async fn each(&self, tell: impl Fn(&Published)) {
        self.0.archive.each(tell).await;
    }

    /// Forgets the events that were published. Numbers continue.
    pub fn forget(&self) {
        self.0.archive.empty();
    }

    async fn deliver(&self, target: &Target, event: &Value) {
        let (payload, began) = (Bytes::from(event.to_string()), clock::now());
        let AsyncInvocation { maximum_retries, maximum_age, on_failure } = &target.asynchronous;
        let mut retries = 0;
        let condition = loop {
            let Err(reason) = target.invoker.invoke(payload.clone()).await else { return };
            self.0.logs.note(&format!("{} failed: {reason}", target.function));
            if retries >= *maximum_retries {
                break "RetriesExhausted";
            }
            tokio::time::sleep(FIRST_BACKOFF * 2_u32.saturating_pow(retries)).await;
            if clock::now() - began > *maximum_age {
                break "EventAgeExceeded";
            }
            retries += 1;
        };
        let id = event["id"].as_str().unwrap_or_default();
        self.0
            .logs
            .note(&format!("DEAD LETTER: {} gave up on the event {id} ({condition})", target.function));
        self.0.dead_letters.add(DeadLetter {
            function: target.function.clone(),
            destination: on_failure.clone(),
            condition,
            sequence_numbers: vec![id.to_owned()],
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::pattern::Pattern;
    use super::*;

    /// A function at a Lambda endpoint that fails so many times, and what it was called with.
    async fn events(failures: u32, maximum_retries: u32) -> (Events, DeadLetters, Arc<Mutex<Vec<String>>>) {
        let (calls, left) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU32::new(failures)));
        let seen = Arc::clone(&calls);
        let answer = async move |body: String| {
            seen.lock().expect("nobody panics here").push(body);
            let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if fails.is_ok() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
        };
        let router = Router::new().route("/2015-03-31/functions/F/invocations", post(answer));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let pattern = Pattern::parse(&json!({ "source": ["aws.ses"] })).expect("a pattern");
        let target = Target {
            rule: EventRule { bus: DEFAULT_BUS.to_owned(), pattern },
            function: "f".to_owned(),
            invoker: Invoker::of_lambda(client, &url, "F"),
            asynchronous: AsyncInvocation {
                maximum_retries,
                maximum_age: Duration::from_hours(6),
                on_failure: Some("queue".to_owned()),
            },
        };
        let (dead_letters, logs) = (DeadLetters::default(), Logs::new(crate::logs::Printing::Nothing));
        let buses = BTreeSet::from(["another".to_owned()]);
        (Events::new(&buses, vec![target], dead_letters.clone(), logs), dead_letters, calls)
    }

    fn event(source: &str) -> NewEvent {
        NewEvent {
            source: source.to_owned(),
            detail_type: "Email Bounced".to_owned(),
            time: None,
            resources: Vec::new(),
            detail: json!({ "a": 1 }),
        }
    }

    async fn until(what: impl Fn() -> bool) {
        for _ in 0..500 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("it does not happen");
    }

    #[tokio::test]
    async fn a_function_gets_the_events_of_its_rule_and_no_others() {
        let (events, _, calls) = events(0, 2).await;
        events.publish(DEFAULT_BUS, event("aws.sns"));
        events.publish("another", event("aws.ses"));
        events.publish(DEFAULT_BUS, event("aws.ses"));
        until(|| !calls.lock().expect("nobody panics here").is_empty()).await;
        let calls = calls.lock().expect("nobody panics here");
        assert_eq!(calls.len(), 1);
        let event: Value = serde_json::from_str(&calls[0]).expect("an event");
        assert_eq!(event, events.published()[2]);
        assert_eq!((&event["source"], &event["detail"]["a"]), (&json!("aws.ses"), &json!(1)));
    }

    #[tokio::test]
    async fn an_event_is_kept_with_its_bus_and_one_for_no_bus_is_lost() {
        let (events, _, calls) = events(0, 2).await;
        let ids = ["another", "nowhere", DEFAULT_BUS].map(|bus| events.publish(bus, event("aws.sns")));
        let kept = events.published_after(0);
        let kept: Vec<_> = kept.iter().map(|published| (published.number, &*published.bus)).collect();
        assert_eq!(kept, [(1, "another"), (2, DEFAULT_BUS)]);
        assert_eq!(events.published_on("another")[0]["id"], ids[0].as_str());
        assert_eq!(events.published_on(DEFAULT_BUS)[0]["id"], ids[2].as_str());
        assert!(events.published_on("nowhere").is_empty());
        let lost = events.0.logs.lines_about("nowhere");
        assert!(lost.len() == 1 && lost[0].contains("LOST EVENT"), "{lost:?}");
        assert!(calls.lock().expect("nobody panics here").is_empty());
    }

    #[tokio::test]
    async fn an_error_is_tried_again_and_the_last_one_is_a_dead_letter() {
        let (recovers, dead_letters, calls) = events(2, 2).await;
        recovers.publish(DEFAULT_BUS, event("aws.ses"));
        until(|| calls.lock().expect("nobody panics here").len() == 3).await;
        assert!(dead_letters.all().is_empty());

        let (fails, dead_letters, calls) = events(9, 1).await;
        fails.publish(DEFAULT_BUS, event("aws.ses"));
        until(|| !dead_letters.all().is_empty()).await;
        assert_eq!(calls.lock().expect("nobody panics here").len(), 2);
        let letter = &dead_letters.all()[0];
        assert_eq!((letter.condition, letter.destination.as_deref()), ("RetriesExhausted", Some("queue")));
        assert_eq!(letter.sequence_numbers, [fails.published()[0]["id"].as_str().expect("an id")]);
    }
}
