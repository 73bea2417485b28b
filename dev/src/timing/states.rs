//! What is compared with what: the flows open to strangers, and the states that an account can be in. A table; a new
//! state is a line here, and a line in [`MADE`] if it has to be set up.
//!
//! Like is compared with like: a username with a username, an address with an address (one is found by a read, the
//! other by a query of an index), and all identifiers of a pair have the same length.

use clap::ValueEnum;
use serde_json::{Value, json};

/// A flow that anybody may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    /// `POST /login`, always with a wrong password.
    Login,
    /// The same on a site that names the hashes its accounts were imported with.
    LoginFormer,
    /// `POST /login/link`.
    Link,
    /// `POST /forgot-username`.
    Username,
}

/// A password that no account has.
const WRONG: &str = "not the password of anyone";

impl Flow {
    /// In the order of the report.
    pub(super) const ALL: [Self; 4] = [Self::Login, Self::LoginFormer, Self::Link, Self::Username];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Login | Self::LoginFormer => "/login",
            Self::Link => "/login/link",
            Self::Username => "/forgot-username",
        }
    }

    /// What the site has in `FormerHashes`: the kind of the one imported hash there is (docs/decisions/0018).
    pub(super) fn former_hashes(self) -> &'static str {
        if self == Self::LoginFormer { "bcrypt$c=10,l=23" } else { "" }
    }

    /// The heading of its rows.
    pub(super) fn title(self) -> String {
        match self.former_hashes() {
            "" => format!("POST {}", self.path()),
            named => format!("POST {}, FormerHashes {named}", self.path()),
        }
    }

    /// The request for this identifier.
    pub(super) fn body(self, identifier: &str) -> Value {
        match self {
            Self::Login | Self::LoginFormer => json!({ "identifier": identifier, "password": WRONG }),
            Self::Link | Self::Username => json!({ "email": identifier }),
        }
    }
}

/// A state, and the identifiers that are compared.
#[derive(Debug)]
pub(super) struct State {
    pub(super) name: &'static str,
    pub(super) known: &'static str,
    pub(super) unknown: &'static str,
    pub(super) flows: &'static [Flow],
}

const ADDRESS: &[Flow] = &[Flow::Login, Flow::Link, Flow::Username];

/// All states.
pub(super) const STATES: [State; 10] = [
    State { name: "by username", known: "mira", unknown: "nora", flows: &[Flow::Login] },
    State { name: "by primary", known: "mira@example.com", unknown: "nora@example.com", flows: &Flow::ALL },
    State { name: "by backup", known: "rosa@example.org", unknown: "nora@example.org", flows: ADDRESS },
    State { name: "pending only", known: "ines@example.org", unknown: "nora@example.org", flows: ADDRESS },
    State { name: "SSO", known: "lena@example.com", unknown: "nora@example.com", flows: ADDRESS },
    State {
        name: "without a password",
        known: "timo@example.com",
        unknown: "nora@example.com",
        flows: ADDRESS,
    },
    State { name: "disabled", known: "dora@example.com", unknown: "nora@example.com", flows: ADDRESS },
    State {
        name: "with an imported hash",
        known: "vera@example.com",
        unknown: "nora@example.com",
        flows: &[Flow::LoginFormer],
    },
    State {
        name: "both at the limit",
        known: "olga@example.com",
        unknown: "kurt@example.com",
        flows: ADDRESS,
    },
    State {
        name: "at the limit, and not",
        known: "kurt@example.com",
        unknown: "nora@example.com",
        flows: ADDRESS,
    },
];

/// Identifiers that have used up their limits, in each flow.
pub(super) const AT_THE_LIMIT: [&str; 2] = ["olga@example.com", "kurt@example.com"];

/// More requests than any limit on one identifier lets pass, and fewer than one client may send.
pub(super) const REQUESTS_TO_THE_LIMIT: usize = 12;

/// An identifier that is in no table and at no limit.
pub(super) const NOBODY: &str = "nora@example.com";

/// The accounts whose state has to be set up before the measurement.
pub(super) const MADE: [(&str, Making); 3] = [
    ("rosa", Making::Backup("rosa@example.org")),
    ("ines", Making::Pending("ines@example.org")),
    ("dora", Making::Disabled),
];

/// How a state is set up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Making {
    /// This address is asked for and confirmed.
    Backup(&'static str),
    /// This address is asked for.
    Pending(&'static str),
    /// An operator disables the account.
    Disabled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_compared_with_like() {
        for State { name, known, unknown, flows } in STATES {
            assert_eq!(
                known.len(),
                unknown.len(),
                "{name}: the length of a request must not tell them apart"
            );
            assert_eq!(known.contains('@'), unknown.contains('@'), "{name}");
            assert!(known.contains('@') || *flows == [Flow::Login], "{name}: only a sign-in takes usernames");
        }
    }
}
