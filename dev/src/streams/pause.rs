//! The switch that holds streams back.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// Holds streams back, as if Lambda's poller were late: all of them, or those of single functions. Clones hold the same streams.
#[derive(Debug, Clone, Default)]
pub struct StreamPause(Arc<watch::Sender<Held>>);

#[derive(Debug, Default)]
struct Held {
    all: bool,
    /// The functions whose streams are held back by themselves.
    functions: BTreeSet<String>,
}

impl StreamPause {
    /// Stops the delivery of batches to all functions.
    pub fn begin(&self) {
        self.0.send_modify(|held| held.all = true);
    }

    /// Continues the delivery of batches, but to functions that are held back by themselves.
    pub fn end(&self) {
        self.0.send_modify(|held| held.all = false);
    }

    /// Stops the delivery of batches to one function.
    pub fn begin_for(&self, function: &str) {
        self.0.send_modify(|held| {
            held.functions.insert(function.to_owned());
        });
    }

    /// Continues the delivery of batches to one function, unless all are held back.
    pub fn end_for(&self, function: &str) {
        self.0.send_modify(|held| {
            held.functions.remove(function);
        });
    }

    /// Waits until this function is not held back.
    pub(super) async fn over(&self, function: &str) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|held| !held.all && !held.functions.contains(function)).await;
    }
}
