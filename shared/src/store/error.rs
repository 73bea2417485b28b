//! Why a store operation failed, and whether it is worth trying again.
use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::transaction::is_conflict;

/// What went wrong underneath: a call, or an item that does not parse.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// A call failed, or an item does not parse.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing}")]
pub struct StoreError {
    doing: &'static str,
    source: Cause,
}

/// DynamoDB has left items unread at every try.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB left items unread")]
pub(super) struct LeftUnread;

/// Why a call failed that may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// There were more calls than DynamoDB takes: fewer at a time will do.
    Throttled,
    /// DynamoDB, or the network on the way to it, does not answer. What was written is not known.
    Unanswered,
}

/// The codes of DynamoDB for too many calls
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
const THROTTLED: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionInProgressException",
];

impl StoreError {
    /// Whether it may pass by itself, for commands that can wait longer than a request. Nothing for all that another try
    /// would meet again, and for calls that only functions make.
    pub fn passing(&self) -> Option<Passing> {
        if self.source.is::<LeftUnread>() {
            return Some(Passing::Throttled);
        }
        if self.is_conflict() {
            return Some(Passing::Throttled);
        }
        passing::<TransactWriteItemsError>(&self.source)
            .or_else(|| passing::<BatchGetItemError>(&self.source))
            .or_else(|| passing::<ScanError>(&self.source))
            .or_else(|| passing::<QueryError>(&self.source))
    }

    /// Whether others wrote the same items at every try of a transaction. Nothing was written.
    pub fn is_conflict(&self) -> bool {
        let error = self.source.downcast_ref::<SdkError<TransactWriteItemsError>>();
        error.and_then(SdkError::as_service_error).is_some_and(is_conflict)
    }

    /// Whether an item was read that does not parse, so that every other item can still be read.
    pub fn is_unreadable_item(&self) -> bool {
        self.source.is::<serde_dynamo::Error>() || self.source.is::<super::accounts::BrokenAccount>()
    }
}

fn passing<E: Error + ProvideErrorMetadata + Send + Sync + 'static>(cause: &Cause) -> Option<Passing> {
    match cause.downcast_ref::<SdkError<E>>()? {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Some(Passing::Unanswered),
        // Without credentials there is no call either, and that does not pass.
        SdkError::DispatchFailure(failure) => {
            let is_network = failure.is_io() || failure.is_timeout() || failure.as_other().is_some();
            is_network.then_some(Passing::Unanswered)
        }
        SdkError::ServiceError(error) => {
            let is_throttled = error.err().code().is_some_and(|code| THROTTLED.contains(&code));
            if is_throttled {
                return Some(Passing::Throttled);
            }
            error.raw().status().is_server_error().then_some(Passing::Unanswered)
        }
        _ => None,
    }
}

/// Turns any failure into a [`StoreError`].
pub(super) trait Context<T> {
    /// Adds what was being done, to be read after "could not".
    fn context(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<Cause>> Context<T> for Result<T, E> {
    fn context(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError { doing, source: error.into() })
    }
}
