//! What the functions need around them when `sam local` runs them: `cargo dev services`.
//!
//! Knows how containers reach this machine, and the file that tells them. Must not know Docker.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Context as _;

use crate::stack::Stack;

/// What a container calls this machine where Docker itself forwards to the loopback interface (Docker Desktop).
const HOST: &str = "host.docker.internal";

/// How the services and `sam local` find each other.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The interface, besides loopback, where containers reach this machine.
    pub listen: Option<IpAddr>,
    /// Where Lambda's Invoke API answers (`sam local start-lambda`); `None` and functions without a route are run here.
    pub invoke: Option<String>,
}

impl Services {
    /// What containers call this machine, ready for a URL.
    fn host(&self) -> String {
        match self.listen {
            None => HOST.to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("[{address}]"),
        }
    }

    /// Writes the file for `sam local --env-vars`.
    pub fn write_variables(&self, stack: &Stack, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&stack.container_variables(&self.host())?)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_reach_the_interface_that_is_listened_on() {
        for (listen, host) in [
            (None, "host.docker.internal"),
            (Some("172.17.0.1"), "172.17.0.1"),
            (Some("fd00::1"), "[fd00::1]"),
        ] {
            let listen = listen.map(|address| address.parse().expect("an address"));
            assert_eq!(Services { listen, invoke: None }.host(), host);
        }
    }
}
