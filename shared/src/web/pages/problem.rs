//! The page of a problem, where no other page shows it.
use askama::Template;
use serde::Serialize;

use super::super::problem::{Code, Problem};
use super::Shown;
use crate::texts::Texts;
use domain::Purpose;
use domain::oidc::{ClientName, RedirectUri};

/// Where a person can go next.
#[derive(Debug, Clone, Serialize)]
struct NextStep {
    href: String,
    label: String,
}

/// A problem on a page of its own.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/problem.html")]
pub struct ProblemPage {
    #[serde(skip)]
    text: Texts,
    problem: Shown,
    #[serde(skip)]
    next_step: NextStep,
}

impl ProblemPage {
    /// The page, with a link to the place that fits the problem.
    pub fn new(problem: &Problem, text: Texts) -> Self {
        let (href, label) = match problem.code {
            Code::WrongCredentials | Code::ChangedMeanwhile => ("/login", "way-on-sign-in"),
            _ => ("/account", "way-on-account"),
        };
        let next_step = NextStep { href: href.to_owned(), label: text.message(label) };
        Self { problem: Shown::new(problem, &text), next_step, text }
    }

    /// The page of a link that does not work, with a link to the page where another can be requested.
    pub fn of_link(purpose: Purpose, code: Code, text: Texts) -> Self {
        let (href, label) = match purpose {
            Purpose::SignIn => ("/login#by-link", "way-on-new-link"),
            Purpose::ConfirmBackup | Purpose::ConfirmPrimary | Purpose::Undo | Purpose::HandOver => {
                ("/account", "way-on-account")
            }
        };
        let next_step = NextStep { href: href.to_owned(), label: text.message(label) };
        Self { problem: Shown::new(&Problem::about(purpose, code), &text), next_step, text }
    }

    /// The page of a link of a hand-over that does not work, with the way back to the product, where another can be had.
    pub fn of_hand_over(code: Code, client: &ClientName, back: &RedirectUri, text: Texts) -> Self {
        let label = text.format("account-back", &[("client", client.as_str())]);
        let next_step = NextStep { href: back.as_str().to_owned(), label };
        Self { next_step, ..Self::of_link(Purpose::HandOver, code, text) }
    }
}
