//! Builds the binaries of the stack with cargo, and learns from it where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStderr, ChildStdout, Command};

use crate::workspace;

/// The operator's package.
pub const OPERATOR_PACKAGE: &str = "ops";

/// A profile of cargo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// As it is shipped.
    Release,
}

impl Profile {
    /// The name for a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl Default for Profile {
    /// The profile this program was built with.
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::Dev } else { Self::Release }
    }
}

/// Builds the packages; the binaries' paths, by name.
///
/// Progress is a spinner on a terminal, a line for each package elsewhere.
pub async fn build(
    packages: &[&str],
    profile: Profile,
    show_progress: bool,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let progress = show_progress.then(spinner);
    let mut binaries = BTreeMap::new();
    for group in groups(packages, profile) {
        binaries.extend(build_together(&group, profile, progress.as_ref()).await?);
    }
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    Ok(binaries)
}

/// The packages that one call of cargo builds. Cargo gives all packages of a call the same features of a dependency, so
/// functions that are built as they are shipped are built without the operator's command line.
fn groups<'p>(packages: &[&'p str], profile: Profile) -> Vec<Vec<&'p str>> {
    let groups = match profile {
        Profile::Dev => vec![packages.to_vec()],
        Profile::Release => {
            let (operator, functions) = packages.iter().partition(|package| **package == OPERATOR_PACKAGE);
            vec![functions, operator]
        }
    };
    groups.into_iter().filter(|group: &Vec<&str>| !group.is_empty()).collect()
}

async fn build_together(
    packages: &[&str],
    profile: Profile,
    progress: Option<&ProgressBar>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            command.env_remove(name);
        }
    }
    command.current_dir(workspace::root()).args(["build", "--message-format", "json-render-diagnostics"]);
    match profile {
        // With the dependency features of the whole workspace, as `cargo test` has them, so that neither command
        // compiles the AWS SDK once more after the other.
        Profile::Dev => {
            command.arg("--workspace");
            command.args(packages.iter().flat_map(|package| ["--bin", package]));
        }
        // With the features of these packages alone, as they are shipped.
        Profile::Release => {
            command.arg("--release");
            command.args(packages.iter().flat_map(|package| ["--package", package]));
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", cargo.to_string_lossy()))?;
    let stdout = BufReader::new(child.stdout.take().context("cargo has no stdout")?).lines();
    let stderr = BufReader::new(child.stderr.take().context("cargo has no stderr")?).lines();
    let (binaries, complaints) = tokio::try_join!(artifacts(stdout), watch(stderr, progress))?;
    if !child.wait().await.context("cargo")?.success() {
        bail!("{}\ncargo could not build what the stack runs", complaints.join("\n"));
    }
    Ok(binaries)
}

/// The executables among cargo's messages.
async fn artifacts(mut lines: Lines<BufReader<ChildStdout>>) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut binaries = BTreeMap::new();
    while let Some(line) = lines.next_line().await.context("cargo's messages")? {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["reason"] == "compiler-artifact"
            && let (Some(name), Some(path)) =
                (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            binaries.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(binaries)
}

/// Whether `cargo run` and `cargo test` set a variable to describe the package they run.
///
/// Build scripts (that of `ring`) watch some of these: handed on, they would rebuild half of the stack each time
/// that it is started another way.
fn describes_a_package(variable: &str) -> bool {
    ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

fn spinner() -> ProgressBar {
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(100));
    progress.set_message("building");
    progress
}

fn show(progress: Option<&ProgressBar>, step: &str) {
    match progress {
        None => {}
        Some(progress) if progress.is_hidden() => eprintln!("{step}"),
        Some(progress) => {
            progress.inc(1);
            progress.set_message(format!("{step} ({} so far)", progress.position()));
        }
    }
}

/// Shows the progress of cargo, and keeps its other messages.
async fn watch(
    mut lines: Lines<BufReader<ChildStderr>>,
    progress: Option<&ProgressBar>,
) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    while let Some(line) = lines.next_line().await.context("cargo's messages")? {
        match line.trim_start().split_once(' ') {
            Some(("Compiling", rest)) => {
                let package = rest.split(' ').next().unwrap_or_default();
                show(progress, &format!("building {package}"));
            }
            Some(("Blocking", _)) => show(progress, "waiting for another cargo to finish"),
            Some(("Finished" | "Downloading" | "Downloaded" | "Locking" | "Updating", _)) => {}
            _ => complaints.push(line),
        }
    }
    Ok(complaints)
}
