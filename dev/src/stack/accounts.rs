//! The accounts of a stack: imported by the operator's command line, and shown with their passwords.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::lambda::process::Variables;
use crate::{random, workspace};

/// A line of a file with accounts, as far as it is shown.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountLine {
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
    workspace::root().join("dev/demo-accounts.jsonl")
}

/// From more passwords than this on, equal ones are hashed once: a thousand hashes take half a minute.
const MOST_BY_THEMSELVES: usize = 50;

/// A file like this one with hashes in the place of its passwords, where it has many of them; line by line, so
/// that what is wrong with a line keeps its number. Equal passwords share one hash, which a real file must never do.
fn with_shared_hashes(text: &str) -> Option<String> {
    let lines: Vec<Option<Value>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    let has_password = |line: &&Value| line["password"].is_string();
    if lines.iter().flatten().filter(has_password).count() <= MOST_BY_THEMSELVES {
        return None;
    }
    let mut hashes = HashMap::new();
    let rewritten = text.lines().zip(lines).map(|(line, object)| match object {
        Some(object) if object["password"].is_string() && object["password_hash"].is_null() => {
            hashed(object, &mut hashes).unwrap_or_else(|| line.to_owned())
        }
        _ => line.to_owned(),
    });
    Some(rewritten.collect::<Vec<_>>().join("\n"))
}

fn hashed(mut line: Value, hashes: &mut HashMap<String, String>) -> Option<String> {
    let password = line.as_object_mut()?.remove("password")?;
    let password = password.as_str()?;
    if !hashes.contains_key(password) {
        // The parameters of the functions, so that the import takes the hash as it is.
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).ok()?);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), &random::bytes::<16>()).ok()?;
        hashes.insert(password.to_owned(), PasswordHash::to_string(&hash));
    }
    line["password_hash"] = hashes.get(password)?.as_str().into();
    Some(line.to_string())
}

/// The status of `ops` when all is done except for some lines.
const LINES_LEFT_OUT: i32 = 3;

/// Imports a file into the stack. The error is the message of the operator's command line.
pub async fn import(ops: &Path, file: &Path, variables: &Variables, keep: bool) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut command = Command::new(ops);
    command.args(["accounts", "import"]);
    if keep {
        command.arg("--skip-existing");
    }
    let mut child = command
        .arg("-")
        .env_clear()
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", ops.display()))?;
    let text = with_shared_hashes(&text).unwrap_or(text);
    let mut stdin = child.stdin.take().context("ops has no stdin")?;
    stdin.write_all(text.as_bytes()).await.context("ops does not read the accounts")?;
    drop(stdin);
    let output = child.wait_with_output().await.context("ops")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        // Somebody has replaced the emails of an account that was kept, so it is no longer known to be that of its line.
        if keep && output.status.code() == Some(LINES_LEFT_OUT) {
            eprintln!("{}\nthe accounts of these lines are as they were left", complaint.trim_end());
            return Ok(());
        }
        bail!("{}\nthe accounts of {} could not be loaded", complaint.trim_end(), file.display());
    }
    Ok(())
}

/// Reads the accounts of a file, as far as they can be shown. The import reports lines that are wrong.
pub fn read(file: &Path) -> anyhow::Result<Vec<AccountLine>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_equal_passwords_share_one_hash_line_by_line() {
        let line = r#"{"username":"mina","email":"mina@example.com","kind":"regular","password":"x"}"#;
        let few = [line; MOST_BY_THEMSELVES].join("\n");
        assert_eq!(with_shared_hashes(&few), None);
        let many = with_shared_hashes(&format!("{few}\nnonsense\n{line}")).expect("more than a few");
        let lines: Vec<&str> = many.lines().collect();
        assert_eq!((lines.len(), lines[MOST_BY_THEMSELVES]), (MOST_BY_THEMSELVES + 2, "nonsense"));
        assert!(lines[0].contains("$argon2id$v=19$m=19456,t=2,p=1$") && !lines[0].contains("\"password\""));
        assert_eq!(lines[0], lines[1], "the hash and its salt are the same");
    }
}
