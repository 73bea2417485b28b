//! What a request costs: the processor time, calls and capacity of every flow, beside one Argon2id hash alone in the
//! same run. Reports only; a time is no test of a change, because it depends on the machine and on what else that does.
//!
//! Every person walks through all flows once, so that all rows of the report meet the same machine.

mod cpu;
mod journey;
mod lone_hash;
mod probe;
mod report;
mod samples;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use tokio::process::Command;

use self::journey::Journey;
use self::lone_hash::LoneHash;
use self::probe::Site;
use self::report::CostReport;
use self::samples::Results;
use crate::build::{self, Profile};
use crate::workspace;

/// The page that keeps the figures; from the root of the workspace.
const PAGE: &str = "docs/performance.md";

/// People whose figures are thrown away: connections, caches and processes get warm.
const WARM_UP: u16 = 5;

/// People between two lines about the progress.
const PROGRESS_EVERY: u16 = 50;

/// What is measured, and where the figures go.
#[derive(Args, Debug)]
pub struct Plan {
    /// How many requests of each flow
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
    requests: u16,
    /// Write the figures into this page instead of docs/performance.md
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Measures in the release profile and reports.
pub async fn run(plan: &Plan) -> Result<()> {
    if Profile::default() == Profile::Dev {
        return run_release_build().await;
    }
    let page = plan.report.clone().unwrap_or_else(|| workspace::root().join(PAGE));
    // Whether the page can take the figures is found before the build and the run.
    let text = read(&page)?;
    report::with_figures(&text, "")?;
    let site = Site::start(plan.requests + WARM_UP).await?;
    let outcome = measure(plan, &site).await;
    site.stop().await;
    let (results, hash) = outcome?;
    let report = CostReport::new(&results, &hash)?;
    println!("{report}");
    let text = report::with_figures(&text, &report.to_string())?;
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    eprintln!("the figures are in {}", page.display());
    Ok(())
}

/// Builds this program as the functions are built and hands the work to it: the database, the gateway and the lone hash
/// of a debug build would cost several times what they cost in release.
async fn run_release_build() -> Result<()> {
    let binaries = build::build(&["dev"], Profile::Release, true).await?;
    let program = binaries.get("dev").context("the package dev has no binary of that name")?;
    let arguments = std::env::args_os().skip(1);
    let status = Command::new(program).args(arguments).kill_on_drop(true).status().await;
    let status = status.with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(status.success(), "the release build of the benchmark ended with {status}");
    Ok(())
}

async fn measure(plan: &Plan, site: &Site) -> Result<(Results, Vec<f64>)> {
    let (mut hash, mut hashes) = (LoneHash::new()?, Vec::new());
    let mut results = Results::default();
    for number in 0..plan.requests + WARM_UP {
        site.forget()?;
        let mut journey = Journey::new(site, &mut hash, number);
        journey.walk().await.with_context(|| format!("person {number}"))?;
        if number < WARM_UP {
            continue;
        }
        hashes.extend(journey.hashes);
        results.add(journey.samples);
        let taken = number + 1 - WARM_UP;
        if taken.is_multiple_of(PROGRESS_EVERY) {
            eprintln!("{taken} of {} requests of each flow", plan.requests);
        }
    }
    Ok((results, hashes))
}

fn read(page: &Path) -> Result<String> {
    std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))
}
