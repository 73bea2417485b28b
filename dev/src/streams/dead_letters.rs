//! The dead-letter queue: batches and events that were given up.

use std::sync::{Arc, Mutex, PoisonError};

/// A batch that was given up, as it would reach the on-failure destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The function that could not handle the records.
    pub function: String,
    /// The ARN of the destination in AWS.
    pub destination: Option<String>,
    /// Why, as AWS calls it: `RetryAttemptsExhausted` or `RecordAgeExceeded` of a stream, `RetriesExhausted` or
    /// `EventAgeExceeded` of an event.
    pub condition: &'static str,
    /// The sequence numbers of the records, or the id of the event.
    pub sequence_numbers: Vec<String>,
}

/// The batches that all mappings gave up; clones share them.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters(Arc<Mutex<Vec<DeadLetter>>>);

impl DeadLetters {
    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a batch.
    pub(crate) fn add(&self, letter: DeadLetter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }
}
