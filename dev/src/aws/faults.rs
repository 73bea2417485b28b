//! Faults on demand: which of the next calls to AWS fail, and how.
//!
//! Decides only; the endpoint acts on the decision.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// AWS throttles the call.
    Throttle,
    /// AWS responds with a 500.
    ServerError,
    /// Another transaction works on the same items.
    TransactionConflict,
    /// The service refuses this request, and would again: SES rejects the message, DynamoDB and EventBridge find it invalid, the
    /// key of KMS is disabled.
    Reject,
    /// The process of the caller is killed; the call is not carried out.
    Kill,
    /// The call is carried out, but the connection closes without a response.
    LostAnswer,
    /// The call takes longer, and then succeeds.
    Delay {
        /// By how much, in milliseconds.
        delay_ms: u64,
    },
    /// The call succeeds, and single entries of it do not: `PutEvents` of EventBridge. Other calls succeed as a whole.
    RefuseEntries {
        /// Which of its entries.
        which: Which,
        /// With which error.
        error: EntryError,
    },
}

/// Which entries of a call fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one at this place of each call, counted from 1.
    Nth(usize),
    /// Each n-th, counted over all calls that met such a rule since the rules were last cleared.
    Every(usize),
    /// Those whose detail contains this text, such as the id of an account.
    With(Text),
}

/// A text that stays in memory, so that a rule about it can be copied. Rules are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Text(&'static str);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.leak())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The error of a single entry. EventBridge calls the first two retryable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryError {
    /// `ThrottlingException`.
    Throttling,
    /// `InternalFailure`.
    InternalFailure,
    /// `NotAuthorizedForDetailTypeException`.
    NotAuthorized,
    /// `MalformedDetail`.
    MalformedDetail,
}

/// The entries of one call that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEntries {
    /// Their places, counted from 1.
    pub places: BTreeSet<usize>,
    /// Their error.
    pub error: EntryError,
}

/// A rule: the next `times` calls that match fail. A field that is left out matches any call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The function that calls, or `operator`.
    pub function: Option<String>,
    /// For example `TransactWriteItems` or `SendEmail`.
    pub operation: Option<String>,
    /// A table that the call names.
    pub table: Option<String>,
    /// How many calls; one by default.
    #[serde(default = "once")]
    pub times: u32,
    /// How they fail.
    #[serde(flatten)]
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

/// The rules in force, shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
    /// How many entries calls had that met a rule about entries.
    entries: Arc<AtomicUsize>,
}

impl Fault {
    /// A rule by which the next call fails, whichever it is.
    pub fn next_call(kind: FaultKind) -> Self {
        Self { function: None, operation: None, table: None, times: 1, kind }
    }

    fn matches(&self, function: &str, operation: &str, tables: &[String]) -> bool {
        self.times > 0
            && self.function.as_ref().is_none_or(|wanted| wanted == function)
            && self.operation.as_ref().is_none_or(|wanted| wanted == operation)
            && self.table.as_ref().is_none_or(|wanted| tables.contains(wanted))
    }
}

impl Faults {
    /// Adds a rule behind the others.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// The rules that still have calls left.
    pub fn left(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// Drops all rules.
    pub fn clear(&self) {
        self.lock().clear();
        self.entries.store(0, Ordering::Relaxed);
    }

    /// Uses up one call of the first rule that matches.
    pub fn take(&self, function: &str, operation: &str, tables: &[String]) -> Option<FaultKind> {
        let mut faults = self.lock();
        let index = faults.iter().position(|fault| fault.matches(function, operation, tables))?;
        faults[index].times -= 1;
        let kind = faults[index].kind;
        faults.retain(|fault| fault.times > 0);
        Some(kind)
    }

    /// Counts the entries of a call with this fault; those that fail, if the fault is about entries.
    pub fn refused(&self, kind: FaultKind, entries: &[Value]) -> Option<RefusedEntries> {
        let FaultKind::RefuseEntries { which, error } = kind else { return None };
        let before = self.entries.fetch_add(entries.len(), Ordering::Relaxed);
        let fails = |(place, entry): &(usize, &Value)| match which {
            Which::Nth(nth) => *place == nth,
            Which::Every(step) => (before + place).is_multiple_of(step),
            Which::With(text) => entry["Detail"].as_str().is_some_and(|detail| detail.contains(text.0)),
        };
        let places = (1..).zip(entries).filter(fails).map(|(place, _)| place).collect();
        Some(RefusedEntries { places, error })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_used_up_by_the_calls_that_match() {
        let faults = Faults::default();
        let written = r#"{"function": "mailer", "table": "T", "times": 2, "kind": "delay", "delay_ms": 5}"#;
        faults.add(serde_json::from_str(written).expect("a rule"));
        faults.add(Fault::next_call(FaultKind::Throttle));
        let tables = ["T".to_owned()];
        assert_eq!(faults.take("mailer", "GetItem", &tables), Some(FaultKind::Delay { delay_ms: 5 }));
        assert_eq!(faults.take("account", "GetItem", &tables), Some(FaultKind::Throttle));
        assert_eq!(faults.take("account", "GetItem", &tables), None);
        assert_eq!(faults.take("mailer", "Query", &tables), Some(FaultKind::Delay { delay_ms: 5 }));
        assert!(faults.left().is_empty());
    }

    #[test]
    fn single_entries_are_refused_by_place_or_over_all_calls() {
        let faults = Faults::default();
        let refused = |written: &str, entries: usize| {
            let fault: Fault = serde_json::from_str(written).expect("a rule");
            let again = serde_json::to_string(&fault).expect("JSON");
            assert_eq!(serde_json::from_str::<Fault>(&again).expect("a rule"), fault);
            let entries = vec![json!({ "Detail": "{}" }); entries];
            let refused = faults.refused(fault.kind, &entries).expect("it is about entries");
            (refused.places.into_iter().collect::<Vec<_>>(), refused.error)
        };
        let nth = r#"{"kind": "refuse_entries", "which": {"nth": 2}, "error": "internal_failure"}"#;
        let fourth = r#"{"kind": "refuse_entries", "which": {"every": 4}, "error": "throttling"}"#;
        assert_eq!(refused(nth, 3), (vec![2], EntryError::InternalFailure));
        assert_eq!(refused(nth, 1), (vec![], EntryError::InternalFailure));
        faults.clear();
        assert_eq!(refused(fourth, 3), (vec![], EntryError::Throttling));
        assert_eq!(refused(fourth, 1), (vec![1], EntryError::Throttling));
        assert_eq!(refused(fourth, 10), (vec![4, 8], EntryError::Throttling));
        let with = r#"{"kind": "refuse_entries", "which": {"with": "one"}, "error": "malformed_detail"}"#;
        let fault: Fault = serde_json::from_str(with).expect("a rule");
        let entries = ["two", "one", "one"].map(|id| json!({ "Detail": format!("{{\"id\": \"{id}\"}}") }));
        let refused = faults.refused(fault.kind, &entries).expect("it is about entries");
        assert_eq!((refused.places, refused.error), ([2, 3].into(), EntryError::MalformedDetail));
        assert_eq!(faults.refused(FaultKind::Throttle, &entries), None);
    }
}
