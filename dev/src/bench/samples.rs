//! The samples of all flows, and the percentiles that stand for them.

use std::time::Duration;

/// What one request or one email cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Processor time of the function's process, in milliseconds.
    pub(super) cpu: f64,
    /// From sending the request to the last byte of its answer, in milliseconds.
    pub(super) wall: f64,
    /// Calls to AWS.
    pub(super) calls: f64,
    /// Read request units.
    pub(super) read: f64,
    /// Write request units.
    pub(super) write: f64,
}

/// All samples of one flow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// For example `GET /account`.
    pub(super) flow: String,
    /// The function behind it.
    pub(super) function: String,
    pub(super) samples: Vec<Sample>,
}

impl Row {
    /// One column in ascending order.
    pub(super) fn column(&self, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        sorted(self.samples.iter().map(of).collect())
    }
}

/// The rows in the order in which the first person met the flows.
#[derive(Debug, Default)]
pub(super) struct Results(pub(super) Vec<Row>);

impl Results {
    /// Adds the samples of one person: flow, function and what was measured.
    pub(super) fn add(&mut self, samples: Vec<(String, String, Sample)>) {
        for (flow, function, sample) in samples {
            match self.0.iter_mut().find(|row| row.flow == flow) {
                Some(row) => row.samples.push(sample),
                None => self.0.push(Row { flow, function, samples: vec![sample] }),
            }
        }
    }

    pub(super) fn row(&self, flow: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.flow == flow)
    }
}

pub(super) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// A percentile of sorted values by the nearest-rank method; 0 of no values.
pub(super) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

pub(super) fn median(sorted: &[f64]) -> f64 {
    percentile(sorted, 50)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for (values, percent, value) in [
            (&hundred[..], 50, 50.0),
            (&hundred, 99, 99.0),
            (&hundred, 100, 100.0),
            (&hundred, 0, 1.0),
            (&hundred[..5], 50, 3.0),
            (&hundred[..5], 99, 5.0),
            (&hundred[..1], 50, 1.0),
            (&[], 50, 0.0),
        ] {
            assert_eq!(
                percentile(values, percent).to_bits(),
                f64::to_bits(value),
                "{percent} of {}",
                values.len()
            );
        }
    }

    #[test]
    fn samples_of_one_flow_come_together_in_the_order_of_the_first_person() {
        let sample = |cpu| Sample { cpu, wall: 1.0, calls: 2.0, read: 0.5, write: 0.0 };
        let of = |flow: &str, cpu| (flow.to_owned(), "account".to_owned(), sample(cpu));
        let mut results = Results::default();
        results.add(vec![of("b", 2.0), of("a", 1.0)]);
        results.add(vec![of("a", 0.5)]);
        let flows: Vec<&str> = results.0.iter().map(|row| row.flow.as_str()).collect();
        assert_eq!(flows, ["b", "a"]);
        assert_eq!(results.row("a").map(|row| row.column(|sample| sample.cpu)), Some(vec![0.5, 1.0]));
    }
}
