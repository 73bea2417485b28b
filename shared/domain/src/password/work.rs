//! The expensive runs behind a verification, counted so that tests can show that every account costs the same.
use std::collections::BTreeMap;

/// What was run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Runs of Argon2id at the current cost.
    pub argon2id_runs: u64,
    /// Runs of other systems' functions, by their cost as [`super::FormerHashes`] names it.
    pub legacy_runs: BTreeMap<String, u64>,
}

impl Work {
    /// The work that was added since `earlier`, an earlier state of the same count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |cost: &String| earlier.legacy_runs.get(cost).copied().unwrap_or_default();
        let added = |(cost, runs): (&String, &u64)| (cost.clone(), runs.saturating_sub(before(cost)));
        Self {
            argon2id_runs: self.argon2id_runs.saturating_sub(earlier.argon2id_runs),
            legacy_runs: self.legacy_runs.iter().map(added).filter(|(_, runs)| *runs > 0).collect(),
        }
    }

    /// Adds other work to this.
    pub fn add(&mut self, other: &Self) {
        self.argon2id_runs += other.argon2id_runs;
        for (cost, runs) in &other.legacy_runs {
            *self.legacy_runs.entry(cost.clone()).or_default() += runs;
        }
    }

    pub(super) fn count_argon2id(&mut self) {
        self.argon2id_runs += 1;
    }

    pub(super) fn count_legacy(&mut self, cost: String) {
        *self.legacy_runs.entry(cost).or_default() += 1;
    }
}
