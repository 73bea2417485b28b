//! Measures how long each function takes from the start of its process to its first poll.
//!
//! The environment is the template's; the Runtime API is a bare listener that only notes the time, so that
//! nothing but the function is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::build::{self, Profile};
use crate::lambda::process;
use crate::lambda::process::Variables;
use crate::stack::environment::{self, Environments};
use crate::workspace;

/// A function that has not polled by then never will.
const LONGEST: Duration = Duration::from_secs(10);

/// Measures every function and prints a table.
pub async fn run(runs: usize, profile: Profile) -> anyhow::Result<()> {
    let template = workspace::template(3000, &BTreeMap::new())?;
    let packages: Vec<&str> = template.functions.iter().map(|function| function.name.as_str()).collect();
    let binaries = build::build(&packages, profile, true).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the measurement")?;
    let aws_port = listener.local_addr().context("the port of the measurement")?.port();
    let environments = Environments { aws_port, secrets: environment::secrets(&template, None)? };
    println!("process start to first poll, {runs} runs each, in milliseconds");
    println!("{:<20} {:>8} {:>8} {:>8} {:>10}", "function", "median", "fastest", "slowest", "size");
    for function in &template.functions {
        let binary = binaries.get(&function.name).context("a function without a binary")?;
        let variables = environments.of_function(function)?;
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let time = first_poll(&listener, binary, &variables).await;
            times.push(time.with_context(|| function.name.clone())?);
        }
        times.sort_unstable();
        println!(
            "{:<20} {:>8} {:>8} {:>8} {:>7.1} MB",
            function.name,
            milliseconds(times[times.len() / 2]),
            milliseconds(times[0]),
            milliseconds(times[times.len() - 1]),
            megabytes(binary)?,
        );
    }
    Ok(())
}

/// Starts the process once and waits for its `GET …/invocation/next`.
async fn first_poll(
    listener: &TcpListener,
    binary: &PathBuf,
    variables: &Variables,
) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut child = process::spawn(binary, variables)?;
    let poll = async {
        loop {
            let (mut connection, _) = listener.accept().await.context("the measurement's listener")?;
            // Calls to AWS during the start get no response here.
            let mut line = [0; 512];
            let length = connection.read(&mut line).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&line[..length]);
            if request.starts_with("GET ") && request.contains("/invocation/next") {
                return Ok(started.elapsed());
            }
        }
    };
    let time = tokio::select! {
        time = tokio::time::timeout(LONGEST, poll) => time.unwrap_or_else(|_| bail!("it never polled")),
        status = child.wait() => bail!("it ended before it polled ({})", status.context("its status")?),
    };
    child.kill().await.context("it could not be ended")?;
    time
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

fn megabytes(file: &Path) -> anyhow::Result<f64> {
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Ok(f64::from(bytes) / 1_000_000.0)
}
