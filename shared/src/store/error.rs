//! Why a store operation failed.

/// What went wrong underneath: a call, or an item that does not parse.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A call failed, or an item does not parse.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing}")]
pub struct StoreError {
    doing: &'static str,
    source: Cause,
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
