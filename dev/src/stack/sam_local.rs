//! What differs when `sam local` runs the functions: `cargo dev services`.
//!
//! Knows how containers reach this machine, and the file with their variables. Must not know Docker.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Context as _;

use crate::lambda::process::Variables;

/// The name of this machine in containers where Docker itself forwards to the loopback interface (Docker Desktop).
const HOST: &str = "host.docker.internal";

/// How the stack and `sam local` reach each other.
#[derive(Debug, Clone, Default)]
pub struct SamLocal {
    /// The interface, besides loopback, where containers reach this machine.
    pub listen: Option<IpAddr>,
    /// The URL of Lambda's Invoke API (`sam local start-lambda`); with `None` the stack runs
    /// the functions without a route itself.
    pub invoke: Option<String>,
}

impl SamLocal {
    /// The host name of this machine in containers, as a URL has it.
    pub fn host(&self) -> String {
        match self.listen {
            None => HOST.to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("[{address}]"),
        }
    }
}

/// Writes the file for `sam local --env-vars`: the variables of each function, by logical id.
pub fn write_variables(variables: &BTreeMap<String, Variables>, file: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(variables)?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_reach_the_interface_the_stack_listens_on() {
        for (listen, host) in [
            (None, "host.docker.internal"),
            (Some("172.17.0.1"), "172.17.0.1"),
            (Some("fd00::1"), "[fd00::1]"),
        ] {
            let listen = listen.map(|address| address.parse().expect("an address"));
            assert_eq!(SamLocal { listen, invoke: None }.host(), host);
        }
    }
}
