//! The table of the figures, and the page that keeps it.

use std::fmt;

use anyhow::{Context as _, Result};

use super::journey::{RIGHT_PASSWORD, WRONG_PASSWORD};
use super::samples::{Results, Row, median, percentile, sorted};

/// What surrounds the figures in the page.
const BEGIN: &str = "<!-- the figures: written by `cargo dev bench` -->\n";
const END: &str = "<!-- end of the figures -->";

/// What the processor time of a sign-in should be at most, as a multiple of one hash.
const TARGET: f64 = 1.1;

/// The figures of one run.
#[derive(Debug)]
pub(super) struct CostReport {
    machine: String,
    lines: Vec<Line>,
    hash: f64,
    hash_p99: f64,
    hashes: usize,
    /// The processor time of a sign-in with a right and with a wrong password, in milliseconds.
    sign_ins: [f64; 2],
}

/// One row of the table, of medians unless it says otherwise. Times are in milliseconds.
#[derive(Debug)]
struct Line {
    flow: String,
    function: String,
    count: usize,
    cpu: f64,
    calls: f64,
    read: f64,
    write: f64,
    p50: f64,
    p99: f64,
}

impl Line {
    fn new(row: &Row) -> Self {
        let wall = row.column(|sample| sample.wall);
        Self {
            flow: row.flow.clone(),
            function: row.function.clone(),
            count: row.samples.len(),
            cpu: median(&row.column(|sample| sample.cpu)),
            calls: median(&row.column(|sample| sample.calls)),
            read: median(&row.column(|sample| sample.read)),
            write: median(&row.column(|sample| sample.write)),
            p50: percentile(&wall, 50),
            p99: percentile(&wall, 99),
        }
    }
}

impl CostReport {
    /// Sums a run up; `hashes` are the processor times of hashes alone.
    pub(super) fn new(results: &Results, hashes: &[f64]) -> Result<Self> {
        let hashes = sorted(hashes.to_vec());
        let cpu = |flow: &str| {
            let row = results.row(flow).with_context(|| format!("nobody walked {flow}"))?;
            anyhow::Ok(median(&row.column(|sample| sample.cpu)))
        };
        let cores = std::thread::available_parallelism().context("the number of processors")?;
        Ok(Self {
            machine: format!("{cores}-core {}", std::env::consts::ARCH.replace('_', "-")),
            lines: results.0.iter().map(Line::new).collect(),
            hash: median(&hashes),
            hash_p99: percentile(&hashes, 99),
            hashes: hashes.len(),
            sign_ins: [cpu(RIGHT_PASSWORD)?, cpu(WRONG_PASSWORD)?],
        })
    }
}

impl fmt::Display for CostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "release build, {}, one request at a time over loopback; times in milliseconds",
            self.machine
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<32} {:<20} {:>5} {:>7} {:>6} {:>5} {:>6} {:>7} {:>7}",
            "flow", "function", "count", "CPU", "calls", "read", "write", "p50", "p99"
        )?;
        for line in &self.lines {
            let Line { flow, function, count, cpu, calls, read, write, p50, p99 } = line;
            writeln!(
                f,
                "{flow:<32} {function:<20} {count:>5} {cpu:>7.2} {calls:>6} {read:>5} {write:>6} {p50:>7.2} {p99:>7.2}"
            )?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "one Argon2id hash alone: {:.2} of CPU (median of {}, p99 {:.2})",
            self.hash, self.hashes, self.hash_p99
        )?;
        let [right, wrong] = self.sign_ins.map(|cpu| cpu / self.hash);
        write!(
            f,
            "CPU of a sign-in by that of one hash: {right:.2} with the right password, {wrong:.2} with a wrong one \
             (target: at most {TARGET})"
        )
    }
}

/// The page with these figures in the place of its former ones.
pub(super) fn with_figures(page: &str, figures: &str) -> Result<String> {
    let (before, rest) =
        page.split_once(BEGIN).with_context(|| format!("the page lacks the line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the page lacks the line {END}"))?;
    Ok(format!("{before}{BEGIN}\n```text\n{figures}\n```\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::Sample;
    use super::*;

    fn sample(cpu: f64, wall: f64) -> Sample {
        Sample { cpu, wall, calls: 3.0, read: 1.5, write: 6.0 }
    }

    #[test]
    fn a_row_is_its_medians_and_the_sign_ins_are_set_against_one_hash() {
        let mut results = Results::default();
        for (flow, cpu) in [(RIGHT_PASSWORD, 16.5), (WRONG_PASSWORD, 15.0)] {
            let of = |cpu, wall| (flow.to_owned(), "password-login".to_owned(), sample(cpu, wall));
            results.add(vec![of(cpu, 20.0), of(cpu + 1.0, 90.0), of(cpu - 1.0, 19.0)]);
        }
        let report = CostReport::new(&results, &[15.0, 14.0, 99.0]).expect("all was walked").to_string();
        let row = "POST /login, right password      password-login           3   16.50      3   1.5      6   20.00   90.00";
        assert!(report.contains(row), "{report}");
        assert!(
            report.contains("one Argon2id hash alone: 15.00 of CPU (median of 3, p99 99.00)"),
            "{report}"
        );
        assert!(report.contains("1.10 with the right password, 1.00 with a wrong one"), "{report}");
        assert!(CostReport::new(&Results::default(), &[15.0]).is_err());
    }

    #[test]
    fn figures_are_replaced_and_the_rest_of_the_page_stays() {
        let page = format!("# Title\n\n{BEGIN}{END}\n\n## More\n");
        let once = with_figures(&page, "old").expect("it has a place");
        let twice = with_figures(&once, "new").expect("it has a place");
        assert_eq!(twice, format!("# Title\n\n{BEGIN}\n```text\nnew\n```\n\n{END}\n\n## More\n"));
        assert!(with_figures("# Title\n", "new").is_err());
    }
}
