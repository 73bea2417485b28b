//! How a command fails: what went wrong, and what the operator can do about it.
use std::process::ExitCode;

use shared::config;
use shared::error::chain;

use crate::output::tell;

/// A command's failure.
#[derive(Debug)]
pub enum Failure {
    /// The operator's input is wrong; each line says where and how.
    Input(Vec<String>),
    /// The command has done its work, except for some items; each line says which, or how many and where that is told.
    LeftOut(Vec<String>),
    /// A signal ended the command; what it has said so far tells how to go on.
    Interrupted(Signal),
    /// AWS, a file or the environment failed.
    Environment(Box<dyn std::error::Error + Send + Sync>),
}

/// A signal that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What systems end a process with.
    Terminate,
}

/// The statuses, for `--help`; docs/deploy.md has them too.
pub const EXIT_STATUSES: &str = "\
Exit status:
  0    all is done
  1    AWS, the network, a file or the environment failed; what was said before tells how to go on
  2    the input is wrong: nothing was done, or an import has stopped at a line and said how to go on
  3    all is done except for some lines, accounts or rows, which are named
  130  Ctrl-C has ended the command, 143: SIGTERM has
  141  standard output was closed";

impl Failure {
    /// Prints the failure to standard error, and says with which of [`EXIT_STATUSES`] to end.
    pub fn print(&self) -> ExitCode {
        match self {
            Self::Input(lines) | Self::LeftOut(lines) => {
                for line in lines {
                    tell!("{line}");
                }
                ExitCode::from(if matches!(self, Self::Input(_)) { 2 } else { 3 })
            }
            // As shells have it: 128 and the signal's number.
            Self::Interrupted(Signal::Interrupt) => ExitCode::from(130),
            Self::Interrupted(Signal::Terminate) => ExitCode::from(143),
            Self::Environment(error) => {
                let said = chain(&**error);
                tell!("error: {said}");
                if let Some(advice) = advice(&said) {
                    tell!("{advice}");
                }
                ExitCode::FAILURE
            }
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Environment(Box::new(error))
    }
}

/// The variables with names of tables.
const TABLES: [&str; 7] = [
    "ACCOUNTS_TABLE",
    "LINKS_TABLE",
    "SESSIONS_TABLE",
    "LIMITS_TABLE",
    "OUTBOX_TABLE",
    "HISTORY_TABLE",
    "CLIENTS_TABLE",
];

/// What to do about failures that AWS and its SDK name in their own words.
fn advice(said: &str) -> Option<String> {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["ResourceNotFoundException"]) {
        let tables =
            TABLES.iter().filter_map(|name| Some(format!("{name}={}", config::process_variable(name)?)));
        let tables = tables.collect::<Vec<_>>().join(" ");
        return Some(format!(
            "one of these tables is not in this region of this AWS account; check --region, --profile and: {tables}"
        ));
    }
    if has(&[
        "provided credentials",
        "CredentialsNotLoaded",
        "credential provider was not enabled",
        "no credentials found",
    ]) {
        return Some("no credentials: sign in (aws sso login), or choose others with --profile NAME".into());
    }
    if has(&["UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"]) {
        return Some(
            "AWS does not know these credentials: they are wrong, or of another partition of AWS".into(),
        );
    }
    if has(&["ExpiredToken", "token has expired", "TokenRefreshRequired"]) {
        return Some("the credentials have expired: sign in again (aws sso login)".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_says_is_explained() {
        for (said, advised) in [
            (
                "could not read an account: ResourceNotFoundException: Requested resource not found",
                "one of these tables",
            ),
            ("dispatch failure: no providers in chain provided credentials", "no credentials: "),
            (
                "UnrecognizedClientException: The security token included in the request is invalid.",
                "AWS does not know",
            ),
            (
                "ExpiredTokenException: The security token included in the request is expired",
                "the credentials have expired",
            ),
        ] {
            assert!(advice(said).is_some_and(|advice| advice.starts_with(advised)), "{said}");
        }
        assert_eq!(advice("AccessDeniedException: not authorized"), None);
    }
}
