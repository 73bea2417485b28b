//! Small models of the invariants, with every interleaving explored, and the store itself tested with the same steps.
//!
//! `cargo test -p tests --test models -- --nocapture` prints how many states were visited.

#![expect(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod backup;
mod ending;
mod link;
mod primary;
#[expect(dead_code, unused_imports, reason = "it is made for the flows' tests, which use the rest")]
#[path = "../support/mod.rs"]
mod support;
mod undo;

use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

/// The id of the next event, or nothing if there is an event with it: on a server whose clock is right, after all others; on one
/// that is late, just before the event that was committed last.
pub fn next_id(committed: impl DoubleEndedIterator<Item = u8> + Clone, late: bool) -> Option<u8> {
    let id = if late {
        committed.clone().next_back()? - 1
    } else {
        committed.clone().max().unwrap_or_default() + 10
    };
    committed.into_iter().all(|other| other != id).then_some(id)
}

/// The figures of an exploration.
#[derive(Debug, Clone, Copy)]
pub struct Visited {
    /// Distinct states.
    pub unique: usize,
    /// States that were reached, repeated ones included.
    pub total: usize,
    /// The depth of the search.
    pub depth: usize,
}

/// Visits every state. Every invariant must hold in all of them, and every expected state must be reached. An
/// exploration with fewer states than before explores too little.
pub fn explore<M>(name: &str, model: M, at_least: usize) -> Visited
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + PartialEq + Clone + std::fmt::Debug + Send + Sync + 'static,
    M::Action: PartialEq + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let checker = model.checker().threads(2).spawn_bfs().join();
    let visited = Visited {
        unique: checker.unique_state_count(),
        total: checker.state_count(),
        depth: checker.max_depth(),
    };
    println!("{name}: {} states, {} visited, {} steps deep", visited.unique, visited.total, visited.depth);
    checker.assert_properties();
    assert!(visited.unique >= at_least, "{name}: only {} states were visited", visited.unique);
    visited
}

/// A model without one of its rules must break this invariant.
pub fn assert_breaks<M>(model: M, invariant: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + PartialEq + Clone + std::fmt::Debug + Send + Sync + 'static,
    M::Action: PartialEq + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let finish = HasDiscoveries::AllOf([invariant].into_iter().collect());
    let checker = model.checker().threads(2).finish_when(finish).spawn_dfs().join();
    assert!(checker.discovery(invariant).is_some(), "nothing was found against: {invariant}");
}
