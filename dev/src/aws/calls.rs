//! The log of calls to AWS: the caller, the operation, the tables, the consumed capacity.
//!
//! Holds names and figures only, never an item, so that it can be printed and compared in tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aws::operations::Capacity;

/// How many calls are kept; older ones are dropped, so that a stack that runs for weeks stays small.
const KEPT: usize = 20_000;

/// One call to DynamoDB, EventBridge, KMS or SES.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function's name, or `operator`.
    pub function: String,
    /// The invocation during which it was made; `None` for calls during the start of a function.
    pub request_id: Option<String>,
    /// For example `GetItem` or `SendEmail`.
    pub operation: String,
    /// The tables that it named.
    pub tables: Vec<String>,
    /// The capacity that it consumed.
    pub capacity: Capacity,
    /// The error's name; `None` for success.
    pub error: Option<String>,
}

/// The totals of one invocation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// How many calls.
    pub calls: usize,
    /// The capacity that they consumed.
    pub capacity: Capacity,
}

/// A log of calls that is shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    calls: VecDeque<Call>,
    /// How many of the oldest calls were dropped.
    forgotten: usize,
}

impl Calls {
    /// Adds a call.
    pub fn record(&self, call: Call) {
        let mut log = self.lock();
        if log.calls.len() == KEPT {
            log.calls.pop_front();
            log.forgotten += 1;
        }
        log.calls.push_back(call);
    }

    /// The present end of the log, for [`Calls::since`].
    pub fn mark(&self) -> usize {
        let log = self.lock();
        log.forgotten + log.calls.len()
    }

    /// The calls after a mark.
    pub fn since(&self, mark: usize) -> Vec<Call> {
        let log = self.lock();
        log.calls.iter().skip(mark.saturating_sub(log.forgotten)).cloned().collect()
    }

    /// The calls of one invocation.
    pub fn of_request(&self, request_id: &str) -> Vec<Call> {
        let log = self.lock();
        let calls = log.calls.iter().filter(|call| call.request_id.as_deref() == Some(request_id));
        calls.cloned().collect()
    }

    /// The totals of one invocation.
    pub fn summary(&self, request_id: &str) -> Summary {
        self.of_request(request_id).iter().fold(Summary::default(), |sum, call| Summary {
            calls: sum.calls + 1,
            capacity: Capacity {
                read: sum.capacity.read + call.capacity.read,
                write: sum.capacity.write + call.capacity.write,
            },
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let calls = if self.calls == 1 { "call" } else { "calls" };
        write!(f, "{} {calls}, {} RCU, {} WCU", self.calls, self.capacity.read, self.capacity.write)
    }
}
