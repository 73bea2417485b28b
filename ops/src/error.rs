//! How a command fails: what went wrong, and what the operator can do about it.
use std::process::ExitCode;

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
                tell!("error: {}", chain(&**error));
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
