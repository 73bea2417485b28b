//! Whether two samples of times differ, by how much, and with which confidence. Pure functions of numbers; must not know
//! what was timed.
//!
//! Pairs are taken moments apart, so what slows the machine down slows both of a pair, and the tests of the
//! differences (sign, Wilcoxon) are the ones to trust on a noisy machine. Welch's t compares the samples as they are,
//! cropped at a percentile as dudect does it (Reparaz, Balasch, Verbauwhede: *Dude, is my code constant time?*, 2017),
//! because the slowest tenth measures interruptions and not the program.

/// The bound that dudect calls a leak beyond doubt when t passes it.
pub(super) const T_TARGET: f64 = 4.5;

/// The most that a median may differ, as a share of what is compared with.
pub(super) const SHARE_TARGET: f64 = 0.01;

/// The percentile of both samples together above which t leaves values out, in thousandths.
const CROPPED_AT: usize = 900;

/// Times in microseconds, taken in pairs: `known[i]` and `unknown[i]` moments apart.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) known: Vec<f64>,
    pub(super) unknown: Vec<f64>,
}

/// The statistics of the pairs.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) pairs: usize,
    /// Medians in microseconds.
    pub(super) known: f64,
    pub(super) unknown: f64,
    /// The median of the differences in microseconds, and where it lies with a confidence of 95 %.
    pub(super) difference: f64,
    pub(super) interval: (f64, f64),
    /// The difference as a share of the median it is compared with.
    pub(super) share: f64,
    /// Two-sided, exact.
    pub(super) sign_p: f64,
    pub(super) wilcoxon: Wilcoxon,
    /// Welch's t of the cropped samples.
    pub(super) t: f64,
    /// Cohen's d of the cropped samples.
    pub(super) d: f64,
    /// The differences at 5, 25, 75 and 95 %.
    pub(super) spread: [f64; 4],
}

impl Figures {
    /// Whether both targets are met.
    pub(super) fn on_target(&self) -> bool {
        self.t.abs() < T_TARGET && self.share.abs() < SHARE_TARGET
    }
}

impl Pairs {
    /// All figures; `None` without a pair.
    pub(super) fn figures(&self) -> Option<Figures> {
        let mut differences: Vec<f64> =
            self.known.iter().zip(&self.unknown).map(|(known, unknown)| known - unknown).collect();
        differences.sort_by(f64::total_cmp);
        if differences.is_empty() {
            return None;
        }
        let [known, unknown] = [&self.known, &self.unknown].map(|times| median(&sorted(times)));
        let difference = median(&differences);
        let (known_cropped, unknown_cropped) = cropped(&self.known, &self.unknown);
        Some(Figures {
            pairs: differences.len(),
            known,
            unknown,
            difference,
            interval: median_interval(&differences),
            share: difference / unknown,
            sign_p: sign_test(&differences),
            wilcoxon: wilcoxon(&differences),
            t: welch_t(&known_cropped, &unknown_cropped),
            d: cohens_d(&known_cropped, &unknown_cropped),
            spread: [50, 250, 750, 950].map(|thousandths| quantile(&differences, thousandths)),
        })
    }
}

/// Wilcoxon's signed-rank test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wilcoxon {
    /// Of the normal approximation, corrected for ties.
    pub(super) z: f64,
    /// Two-sided.
    pub(super) p: f64,
    /// The effect size: the rank-biserial correlation, from -1 to 1.
    pub(super) rank_biserial: f64,
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("nobody takes four billion samples"))
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The sample at so many thousandths of the way from the first to the last.
fn quantile(sorted: &[f64], thousandths: usize) -> f64 {
    sorted[(sorted.len() - 1) * thousandths / 1000]
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Where the median lies with 95 %, whatever the distribution: the order statistics 1.96 standard deviations of the
/// binomial distribution away from the middle.
fn median_interval(sorted: &[f64]) -> (f64, f64) {
    let last = sorted.len() - 1;
    // The standard deviation of the rank is half the root of the count.
    let away = (0..=last).find(|away| number(*away) >= 0.98 * number(sorted.len()).sqrt()).unwrap_or(last);
    let middle = sorted.len() / 2;
    (sorted[middle.saturating_sub(away)], sorted[(middle + away).min(last)])
}

/// The two-sided p of as many positive differences, if positive and negative were equally likely. Exact.
fn sign_test(differences: &[f64]) -> f64 {
    let positive = differences.iter().filter(|difference| **difference > 0.0).count();
    let negative = differences.iter().filter(|difference| **difference < 0.0).count();
    let (fewer, all) = (positive.min(negative), number(positive + negative));
    let ln_factorial = |count: f64| libm::lgamma(count + 1.0);
    let tail: f64 = (0..=fewer)
        .map(|count| {
            let count = number(count);
            let ways = ln_factorial(all) - ln_factorial(count) - ln_factorial(all - count);
            (ways - all * std::f64::consts::LN_2).exp()
        })
        .sum();
    (2.0 * tail).min(1.0)
}

/// The signed-rank test of differences; those of zero are left out, ties share their mean rank.
fn wilcoxon(differences: &[f64]) -> Wilcoxon {
    let mut differences: Vec<f64> =
        differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    differences.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let all = number(differences.len());
    let (mut sum, mut ties, mut below) = (0.0, 0.0, 0);
    for tied in differences.chunk_by(|one, other| one.abs().total_cmp(&other.abs()).is_eq()) {
        let count = number(tied.len());
        let rank = number(below) + f64::midpoint(1.0, count);
        sum += tied.iter().map(|difference| rank * difference.signum()).sum::<f64>();
        ties += count.powi(3) - count;
        below += tied.len();
    }
    if below == 0 {
        return Wilcoxon { z: 0.0, p: 1.0, rank_biserial: 0.0 };
    }
    let variance = all * (all + 1.0) * (2.0 * all + 1.0) / 6.0 - ties / 12.0;
    let z = sum / variance.sqrt();
    let p = libm::erfc(z.abs() / std::f64::consts::SQRT_2);
    Wilcoxon { z, p, rank_biserial: sum / (all * (all + 1.0) / 2.0) }
}

/// Both samples without what lies above a percentile of the two together.
fn cropped(one: &[f64], other: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let bound = quantile(&sorted(&[one, other].concat()), CROPPED_AT);
    let below = |times: &[f64]| times.iter().copied().filter(|time| *time <= bound).collect();
    (below(one), below(other))
}

fn mean_and_variance(sample: &[f64]) -> (f64, f64) {
    let count = number(sample.len());
    let mean = sample.iter().sum::<f64>() / count;
    let squares = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, squares / (count - 1.0))
}

/// Welch's t of two samples whose variances may differ; zero where a sample is too small to have one.
fn welch_t(one: &[f64], other: &[f64]) -> f64 {
    let ((mean, variance), (other_mean, other_variance)) = (mean_and_variance(one), mean_and_variance(other));
    let t =
        (mean - other_mean) / (variance / number(one.len()) + other_variance / number(other.len())).sqrt();
    if t.is_finite() { t } else { 0.0 }
}

/// The difference of the means in standard deviations.
fn cohens_d(one: &[f64], other: &[f64]) -> f64 {
    let ((mean, variance), (other_mean, other_variance)) = (mean_and_variance(one), mean_and_variance(other));
    let d = (mean - other_mean) / f64::midpoint(variance, other_variance).sqrt();
    if d.is_finite() { d } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Student's sleep data, known from R's `t.test(extra ~ group)`: t = -1.8608.
    const SLEEP: [[f64; 10]; 2] = [
        [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
        [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
    ];

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-4, "{found} is not {wanted}");
    }

    #[test]
    fn welchs_t_and_cohens_d_are_those_of_the_textbook() {
        close(welch_t(&SLEEP[0], &SLEEP[1]), -1.8608);
        close(cohens_d(&SLEEP[0], &SLEEP[1]), -0.8322);
        close(welch_t(&[1.0], &[2.0]), 0.0);
    }

    #[test]
    fn wilcoxons_test_is_that_of_the_textbook() {
        // Ten pairs with one zero and one tie, W = 27 - 18 (en.wikipedia.org/wiki/Wilcoxon_signed-rank_test).
        let differences = [15.0, -7.0, 5.0, 20.0, 0.0, -9.0, 17.0, -12.0, 5.0, -10.0];
        let found = wilcoxon(&differences);
        close(found.z, 9.0 / 284.5_f64.sqrt());
        close(found.p, 0.5936);
        close(found.rank_biserial, 0.2);
        let reversed = wilcoxon(&differences.map(|difference| -difference));
        close(reversed.z, -found.z);
        close(wilcoxon(&[0.0, 0.0]).p, 1.0);
    }

    #[test]
    fn the_sign_test_is_the_binomial_distribution() {
        let differences = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 0.0];
        close(sign_test(&differences), 2.0 * 56.0 / 1024.0);
        close(sign_test(&[1.0, -1.0]), 1.0);
        let many: Vec<f64> = (0..4000).map(|at| if at < 2100 { 1.0 } else { -1.0 }).collect();
        // The normal approximation with its continuity correction gives 0.00165.
        assert!((sign_test(&many) - 0.00165).abs() < 1e-4);
    }

    #[test]
    fn the_slowest_tenth_of_both_together_is_cropped() {
        let one: Vec<f64> = (0..50).map(f64::from).collect();
        let other: Vec<f64> = (50..100).map(f64::from).collect();
        let (one, other) = cropped(&one, &other);
        assert_eq!((one.len(), other.len()), (50, 40));
    }

    #[test]
    fn a_constant_difference_is_found_under_noise_that_both_share() {
        let noise = |at: u32| f64::from((at * 7919) % 1000);
        let unknown: Vec<f64> = (0..2000).map(|at| 25_000.0 + noise(at)).collect();
        let known = unknown.iter().map(|time| time + 300.0).collect();
        let slower = Pairs { known, unknown: unknown.clone() }.figures().expect("there are pairs");
        close(slower.difference, 300.0);
        assert!(slower.wilcoxon.p < 1e-9 && slower.sign_p < 1e-9 && slower.t > T_TARGET);
        assert!(!slower.on_target(), "1.2 % is more than a hundredth");
        let same = Pairs { known: unknown.clone(), unknown }.figures().expect("there are pairs");
        assert!(same.on_target() && same.wilcoxon.p > 0.99);
        assert!(Pairs::default().figures().is_none());
    }

    #[test]
    fn the_interval_of_a_median_holds_about_two_standard_deviations_of_its_rank() {
        let sorted: Vec<f64> = (0..2500).map(f64::from).collect();
        // The root of 2500 is 50, so 49 ranks to each side.
        assert_eq!(median_interval(&sorted), (1201.0, 1299.0));
        assert_eq!(median_interval(&[1.0]), (1.0, 1.0));
    }
}
