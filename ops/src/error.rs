//! How a command fails: what went wrong, and what the operator can do about it.
use std::process::ExitCode;

use shared::error::chain;

use crate::output::tell;

/// A command's failure.
#[derive(Debug)]
pub enum Failure {
    /// The operator's input is wrong; each line says where and how.
    Input(Vec<String>),
    /// A signal ended the command; what it has said so far tells how to go on.
    Interrupted,
    /// AWS, a file or the environment failed.
    Environment(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// Prints the failure to standard error. Exit status 2 for wrong input, 130 after a signal (as shells have
    /// it for Ctrl-C), 1 for everything else.
    pub fn print(&self) -> ExitCode {
        match self {
            Self::Input(lines) => {
                for line in lines {
                    tell!("{line}");
                }
                ExitCode::from(2)
            }
            Self::Interrupted => ExitCode::from(130),
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
