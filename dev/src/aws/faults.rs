//! Faults on demand: which of the next calls to AWS fail, and how.
//!
//! Decides only; the endpoint acts on the decision.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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
    /// The service refuses this request, and would again: SES rejects the message, DynamoDB finds it invalid, the key of
    /// KMS is disabled.
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
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

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

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
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
}
