//! Demo accounts: loaded by the operator's command line, and shown with their passwords.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::build::workspace_root;
use crate::environment::Variables;

/// A line of the file, as far as it is shown.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// What the person signs in with.
    pub username: String,
    /// The primary address.
    pub email: String,
    /// `regular` or `sso`.
    #[serde(default)]
    pub kind: String,
    /// The password; a file may hold a hash instead.
    #[serde(default)]
    pub password: Option<String>,
}

/// The accounts that a stack has when no others are asked for.
pub fn demo_file() -> PathBuf {
    workspace_root().join("dev/demo-accounts.jsonl")
}

/// Loads a file into the stack. What the operator's command line complains about is the error.
pub async fn import(ops: &Path, file: &Path, variables: &Variables, keep: bool) -> anyhow::Result<()> {
    let mut command = Command::new(ops);
    command.args(["accounts", "import"]);
    if keep {
        command.arg("--skip-existing");
    }
    let output = command
        .arg(file)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot start {}", ops.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{}\nthe accounts of {} could not be loaded", complaint.trim_end(), file.display());
    }
    Ok(())
}

/// Reads the accounts of a file, as far as they can be shown. What is wrong with a line, the import tells.
pub fn read(file: &Path) -> anyhow::Result<Vec<Account>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
