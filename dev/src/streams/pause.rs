//! The switch that holds streams back.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds all streams back, as if Lambda's poller were late; clones hold the same streams.
#[derive(Debug, Clone, Default)]
pub struct StreamPause(Arc<watch::Sender<bool>>);

impl StreamPause {
    /// Stops the delivery of batches.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Continues the delivery of batches.
    pub fn end(&self) {
        self.0.send_replace(false);
    }

    /// Waits until no pause is on.
    pub(super) async fn over(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|paused| !paused).await;
    }
}
