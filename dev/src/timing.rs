//! Whether response times reveal what the responses don't: requests with known and unknown identifiers, in pairs, on a
//! stack of its own, and a report of the differences. It is no test of a change, because times depend on the machine and
//! its load.
//!
//! Pairs are taken in rounds over all comparisons, so that all have equally many when the time is up, and the load of the
//! machine affects all alike. The order within a pair is random.

mod measured_stack;
mod neighbours;
mod plot;
mod states;
mod statistics;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum as _};

use self::measured_stack::{MeasuredStack, MeasuredStacks};
use self::states::{Flow, STATES, State};
use self::statistics::{Figures, Pairs, SHARE_TARGET, T_TARGET};
use crate::build::Profile;
use crate::random;

/// Pairs of one comparison in each round.
const ROUND: usize = 50;

/// Pairs of each comparison that are discarded: connections, caches and processes warm up.
const WARM_UP: usize = 20;

/// What is measured, and for how long.
#[derive(Args, Debug)]
pub struct Plan {
    /// How many pairs of each comparison
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Measure only this flow; may be given several times
    #[arg(long, value_enum, value_name = "FLOW")]
    only: Vec<Flow>,
    /// Stop after this many minutes, with the pairs taken by then
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// How many pairs of sequences of emails; 0 for none
    #[arg(long, value_name = "N", default_value_t = 100)]
    email_pairs: u32,
    /// Measure only the emails
    #[arg(long, conflicts_with = "only")]
    only_emails: bool,
    /// Write the plot to this file, instead of target/timing.svg
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write every pair to this file too (CSV), for other statistics
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// One row of the report.
struct Comparison {
    flow: Flow,
    state: &'static State,
    pairs: Pairs,
}

impl Plan {
    fn flows(&self) -> Vec<Flow> {
        let wanted = |flow: &Flow| self.only.is_empty() || self.only.contains(flow);
        Flow::ALL.into_iter().filter(wanted).collect()
    }

    fn comparisons(&self) -> Vec<Comparison> {
        let rows = self.flows().into_iter().flat_map(|flow| {
            let states = STATES.iter().filter(move |state| state.flows.contains(&flow));
            states.map(move |state| Comparison { flow, state, pairs: Pairs::default() })
        });
        rows.collect()
    }
}

/// Measures and reports.
pub async fn run(plan: &Plan, profile: Profile) -> Result<()> {
    if plan.email_pairs > 0 && plan.only.is_empty() {
        let end = Instant::now() + Duration::from_mins(plan.minutes);
        neighbours::report(&neighbours::measure(plan.email_pairs, profile, end).await?, profile);
    }
    if plan.only_emails { Ok(()) } else { measure_responses(plan, profile).await }
}

async fn measure_responses(plan: &Plan, profile: Profile) -> Result<()> {
    let mut comparisons = plan.comparisons();
    let stacks = MeasuredStacks::start(&plan.flows(), profile).await?;
    let outcome = measure(plan, &stacks, &mut comparisons).await;
    stacks.stop().await;
    outcome?;
    report(&comparisons, profile)?;
    if let Some(csv) = &plan.csv {
        std::fs::write(csv, samples(&comparisons))
            .with_context(|| format!("cannot write {}", csv.display()))?;
    }
    let svg = plan.svg.clone().unwrap_or_else(|| crate::workspace::root().join("target/timing.svg"));
    if let Some(folder) = svg.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&svg, plot::draw(&panels(&comparisons)))
        .with_context(|| format!("cannot write {}", svg.display()))?;
    println!("\nplot: {}", svg.display());
    Ok(())
}

async fn measure(plan: &Plan, stacks: &MeasuredStacks, comparisons: &mut [Comparison]) -> Result<()> {
    let (wanted, end) = (usize::try_from(plan.pairs)?, Instant::now() + Duration::from_mins(plan.minutes));
    stacks.bring_to_the_limit().await?;
    for comparison in comparisons.iter() {
        let stack = stacks.of(comparison.flow)?;
        stack.assert_same_answer(comparison.flow, comparison.state).await?;
        for _ in 0..WARM_UP {
            pair(stack, comparison).await?;
        }
    }
    let mut taken = 0;
    while taken < wanted {
        // Rate limits count by the hour: an identifier at its limit in one hour is not in the next.
        stacks.bring_to_the_limit().await?;
        let round = ROUND.min(wanted - taken);
        for comparison in comparisons.iter_mut() {
            let stack = stacks.of(comparison.flow)?;
            for _ in 0..round {
                let (known, unknown) = pair(stack, comparison).await?;
                comparison.pairs.known.push(known);
                comparison.pairs.unknown.push(unknown);
            }
            if Instant::now() >= end {
                eprintln!("the time is up after {} minutes", plan.minutes);
                return Ok(());
            }
        }
        taken += round;
        eprintln!("{taken} of {wanted} pairs of each comparison");
    }
    Ok(())
}

/// The times of one pair in microseconds, the known identifier's first; the order of the requests is random.
async fn pair(stack: &MeasuredStack, comparison: &Comparison) -> Result<(f64, f64)> {
    let Comparison { flow, state, .. } = comparison;
    let [coin] = random::bytes::<1>();
    if coin.is_multiple_of(2) {
        let known = stack.time(*flow, state.known).await?;
        Ok((known, stack.time(*flow, state.unknown).await?))
    } else {
        let unknown = stack.time(*flow, state.unknown).await?;
        Ok((stack.time(*flow, state.known).await?, unknown))
    }
}

fn report(comparisons: &[Comparison], profile: Profile) -> Result<()> {
    println!("known against unknown identifiers, {} build, times in microseconds", profile.name());
    println!("target: |t| < {T_TARGET} and a median difference under {} %", SHARE_TARGET * 100.0);
    println!();
    println!(
        "{:<24} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6} {:>7} {:>7}  target",
        "", "pairs", "known", "unknown", "diff", "diff %", "sign p", "W z", "W p", "t", "d", "r"
    );
    let mut flow = None;
    for Comparison { flow: own, state, pairs } in comparisons {
        if flow != Some(*own) {
            println!("{}", own.title());
            flow = Some(*own);
        }
        let Some(figures) = pairs.figures() else { bail!("there was no time for a single pair") };
        println!("{}", row(state.name, &figures));
    }
    println!();
    println!(
        "diff: median of the differences of pairs; sign p: sign test, exact; W: Wilcoxon's signed ranks,"
    );
    println!(
        "r its rank-biserial correlation; t: Welch's, without what is above the 90th percentile, d Cohen's."
    );
    Ok(())
}

fn row(name: &str, figures: &Figures) -> String {
    let Figures { pairs, known, unknown, difference, share, sign_p, wilcoxon, t, d, .. } = figures;
    let target = if figures.on_target() { "met" } else { "MISSED" };
    format!(
        "  {name:<22} {pairs:>6} {known:>9.0} {unknown:>9.0} {difference:>+8.1} {:>+8.3} {sign_p:>8.3} {:>+7.2} \
         {:>8.3} {t:>+6.2} {d:>+7.3} {:>+7.3}  {target}",
        share * 100.0,
        wilcoxon.z,
        wilcoxon.p,
        wilcoxon.rank_biserial,
    )
}

/// All pairs, one a line.
fn samples(comparisons: &[Comparison]) -> String {
    let mut text = "flow,state,known_us,unknown_us\n".to_owned();
    for Comparison { flow, state, pairs } in comparisons {
        for (known, unknown) in pairs.known.iter().zip(&pairs.unknown) {
            writeln!(text, "{flow},\"{}\",{known:.1},{unknown:.1}", state.name)
                .expect("a string can be written to");
        }
    }
    text
}

/// What the plot shows: one panel for each flow, one row for each state.
fn panels(comparisons: &[Comparison]) -> Vec<plot::Panel> {
    let mut panels: Vec<plot::Panel> = Vec::new();
    for Comparison { flow, state, pairs } in comparisons {
        let Some(figures) = pairs.figures() else { continue };
        let title = flow.title();
        if panels.last().is_none_or(|panel| panel.title != title) {
            panels.push(plot::Panel { title, rows: Vec::new() });
        }
        if let Some(panel) = panels.last_mut() {
            panel.rows.push((state.name, figures));
        }
    }
    panels
}

impl std::fmt::Display for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
