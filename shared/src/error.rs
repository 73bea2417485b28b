//! Why a flow has no answer of its own: the request was malformed or forged, or we are broken.
use crate::mail::SendError;
use crate::store::StoreError;
use crate::web::Problem;

/// What a flow ends with when none of its expected outcomes came about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be taken as it is (4xx). The visitor is told what is wrong with it.
    #[error("the request was refused: {0:?}")]
    Refused(Problem),
    /// The page is for people who are signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// We are broken (5xx). The visitor is told nothing but that; the log has the chain of causes.
    #[error("a step failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// An error and its causes on one line, for the log. Addresses in it are hidden: SES names the recipient it
/// refuses.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let line = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let words = line.split_whitespace().map(|word| if word.contains('@') { "***@***" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("not verified: mina@example.com, <joris@example.org>;\n  region eu-north-1")]
    struct Refusal;

    #[test]
    fn the_chain_is_one_line_and_names_no_address() {
        let error = Error::Internal(Box::new(Refusal));
        assert_eq!(chain(&error), "a step failed: not verified: ***@*** ***@*** region eu-north-1");
    }
}
