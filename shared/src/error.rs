//! Why a flow does not reply with a page of its own: the request is refused, or something failed.
use domain::Purpose;

use crate::mail::SendError;
use crate::store::StoreError;
use crate::texts::Texts;
use crate::web::{Code, Page, Problem, Reply};

/// What a flow returns when it does not reply.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused (4xx). The visitor sees what is wrong on a page of its own.
    #[error("the request was refused: {0:?}")]
    Refused(Problem),
    /// The same, shown on the page where it can be corrected.
    #[error("the request was refused: {:?}", .0.problem)]
    RefusedOnPage(Box<RefusedOnPage>),
    /// The link does not work (4xx). The visitor sees why, and how to get another.
    #[error("the link was refused: {code:?}")]
    LinkRefused {
        /// What the link was for.
        purpose: Purpose,
        /// Why it does not work.
        code: Code,
    },
    /// The request is refused with this reply, as a standard describes it.
    #[error("the request was refused: {0:?}")]
    Answered(Box<Reply>),
    /// The page is for people who are signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Something failed on our side (5xx). The visitor learns nothing more; the log has the chain of causes.
    #[error("a step failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A problem with the page that shows it.
pub struct RefusedOnPage {
    /// What is wrong.
    pub problem: Problem,
    /// The page, for people.
    pub page: Box<dyn Page>,
    /// The texts of the problem document, for programs.
    pub texts: Texts,
}

impl Error {
    /// The request is refused, and this page says why.
    pub fn on_page(problem: impl Into<Problem>, page: impl Page + 'static, texts: Texts) -> Self {
        let (problem, page) = (problem.into(), Box::new(page));
        Self::RefusedOnPage(Box::new(RefusedOnPage { problem, page, texts }))
    }

    /// The request is refused with this reply.
    pub fn answered(reply: Reply) -> Self {
        Self::Answered(Box::new(reply))
    }

    /// Shows a refusal on the page that the function builds. Any other error is unchanged.
    #[must_use]
    pub fn on<P: Page + 'static>(self, page: impl FnOnce(&Problem) -> P, texts: &Texts) -> Self {
        match self {
            Self::Refused(problem) => {
                let page = page(&problem);
                Self::on_page(problem, page, texts.clone())
            }
            other => other,
        }
    }

    /// The link does not work.
    pub const fn link(purpose: Purpose, code: Code) -> Self {
        Self::LinkRefused { purpose, code }
    }
}

impl std::fmt::Debug for RefusedOnPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
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

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

/// An error and its causes on one line, for the log. Addresses in it are hidden: SES names the recipient that it
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
