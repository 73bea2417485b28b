//! The events that were published lately, kept for a look at them. Must not know how they are shown.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

/// The oldest events are dropped when there are more than this.
const KEPT: usize = 1_000;

/// An event on its bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Counts from 1 in the order of publication, and is never used twice.
    pub number: u64,
    /// The name of the bus.
    pub bus: String,
    /// The event, as the targets of rules get it.
    pub event: Value,
}

impl Published {
    /// A member of the event that is a text; empty for any other.
    pub fn text(&self, member: &str) -> &str {
        self.event[member].as_str().unwrap_or_default()
    }

    /// A line for a terminal. What a sender wrote cannot control it.
    pub fn line(&self) -> String {
        let shown = |text: &str| text.replace(char::is_control, " ");
        format!("event → {} \"{}\"", shown(&self.bus), shown(self.text("detail-type")))
    }
}

/// The events of all buses, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Archive {
    events: Mutex<VecDeque<Published>>,
    /// The number of the latest event; those who wait watch it.
    latest: watch::Sender<u64>,
}

impl Archive {
    /// Keeps an event.
    pub(super) fn add(&self, bus: &str, event: Value) {
        let mut events = self.lock();
        let number = *self.latest.borrow() + 1;
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(Published { number, bus: bus.to_owned(), event });
        drop(events);
        self.latest.send_replace(number);
    }

    /// The events after the one with this number.
    pub(super) fn after(&self, number: u64) -> Vec<Published> {
        self.lock().iter().filter(|published| published.number > number).cloned().collect()
    }

    /// The number of the latest event that there ever was, and how many are kept.
    pub(super) fn count(&self) -> (u64, usize) {
        let kept = self.lock().len();
        (*self.latest.borrow(), kept)
    }

    /// Forgets all events. Numbers continue.
    pub(super) fn empty(&self) {
        self.lock().clear();
    }

    /// Tells of every event from now on. It ends only with its task.
    pub(super) async fn each(&self, tell: impl Fn(&Published)) {
        let mut latest = self.latest.subscribe();
        let mut told = *latest.borrow_and_update();
        while latest.changed().await.is_ok() {
            for published in self.after(told) {
                told = published.number;
                tell(&published);
            }
        }
    }

    /// The first matching event, among those already here and those that come before the timeout.
    pub(super) async fn wait_for(
        &self,
        timeout: Duration,
        fits: impl Fn(&Published) -> bool,
    ) -> Option<Published> {
        let mut latest = self.latest.subscribe();
        let found = async {
            loop {
                latest.mark_unchanged();
                let found = self.lock().iter().find(|published| fits(published)).cloned();
                if found.is_some() {
                    return found;
                }
                latest.changed().await.ok()?;
            }
        };
        tokio::time::timeout(timeout, found).await.ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Published>> {
        // The list is consistent at every moment, so a panic elsewhere does no harm.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_go_and_numbers_continue() {
        let archive = Archive::default();
        for number in 0..=KEPT {
            archive.add("default", json!(number));
        }
        let kept = archive.after(0);
        assert_eq!((kept.len(), kept[0].number, &kept[0].event), (KEPT, 2, &json!(1)));
        assert_eq!(archive.after(1_000).len(), 1);
        archive.empty();
        assert_eq!(archive.count(), (1_001, 0));
        archive.add("other", json!("next"));
        let next = Published { number: 1_002, bus: "other".to_owned(), event: json!("next") };
        assert_eq!(archive.after(0), [next]);
    }

    #[tokio::test]
    async fn each_event_from_now_on_is_told_in_a_line_that_controls_no_terminal() {
        let archive = Arc::new(Archive::default());
        archive.add("default", json!({ "detail-type": "before" }));
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = tokio::spawn({
            let (archive, told) = (Arc::clone(&archive), Arc::clone(&told));
            async move {
                archive.each(|event| told.lock().expect("nobody panics here").push(event.line())).await;
            }
        });
        tokio::task::yield_now().await;
        archive.add("a\u{1b}[2Jb", json!({ "detail-type": "one\ntwo" }));
        archive.add("default", json!({}));
        let both = async {
            while told.lock().expect("nobody panics here").len() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), both).await.expect("both are told");
        telling.abort();
        let lines = told.lock().expect("nobody panics here");
        assert_eq!(*lines, ["event → a [2Jb \"one two\"", "event → default \"\""]);
    }

    #[tokio::test]
    async fn waiting_sees_events_of_before_and_after() {
        let archive = Arc::new(Archive::default());
        archive.add("default", json!("before"));
        let soon = Duration::from_secs(5);
        assert!(archive.wait_for(soon, |published| published.event == "before").await.is_some());
        let waiting = tokio::spawn({
            let archive = Arc::clone(&archive);
            async move { archive.wait_for(soon, |published| published.event == "after").await }
        });
        tokio::task::yield_now().await;
        archive.add("default", json!("other"));
        archive.add("default", json!("after"));
        let found = waiting.await.expect("the waiting task runs to its end");
        assert_eq!(found.map(|published| published.number), Some(3));
        assert!(archive.wait_for(Duration::ZERO, |published| published.event == "never").await.is_none());
    }
}
