//! A product of a stack, registered by the operator's command line.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::lambda::process::Variables;

/// What people see that they sign in to.
const NAME: &str = "Demo product";
/// Where the examples of `docs/oidc.md` take codes. The port may be any other.
const REDIRECT_URIS: [&str; 3] = [
    "http://127.0.0.1/callback",
    "http://127.0.0.1/accounts/oidc/sparekey/login/callback/",
    "http://127.0.0.1/auth/openid_connect/callback",
];

/// A product as it knows itself.
#[derive(Debug, Clone)]
pub struct DemoClient {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: String,
}

/// Registers the product. The error is the message of the operator's command line.
pub async fn register(ops: &Path, variables: &Variables) -> anyhow::Result<DemoClient> {
    let mut command = Command::new(ops);
    command.args(["clients", "add", "--name", NAME]);
    for uri in REDIRECT_URIS {
        command.args(["--redirect-uri", uri]);
    }
    let command = command.env_clear().envs(variables).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("cannot start {}", ops.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{}\nthe demo product could not be registered", complaint.trim_end());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("ops printed no {name}"))
    };
    Ok(DemoClient { id: value("client_id")?, secret: value("client_secret")? })
}
