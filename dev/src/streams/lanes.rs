//! The lanes of a shard (`ParallelizationFactor`): which record goes where, and how far the stream is done.
//!
//! Follows <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>: the records of one item (partition
//! and sort key) stay in order, because they are all in one lane; lanes do not wait for each other.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::failures::sequence_number;

/// The lane of an item's records, by its keys.
pub fn lane_of(keys: &Value, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    keys.to_string().hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).expect("less than the number of lanes")
}

/// The records that were read, in the order of the stream, and whether each is done. Everything up to the position is.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By their place in the stream: the sequence number, and whether it is done.
    pending: BTreeMap<u64, (String, bool)>,
    read: u64,
    position: Option<String>,
}

impl Progress {
    /// Notes that these were read.
    pub(super) fn read(&self, records: &[Value]) {
        let mut inner = self.lock();
        for record in records {
            let place = inner.read;
            inner.pending.insert(place, (sequence_number(record), false));
            inner.read += 1;
        }
    }

    /// Notes that these are done or given up; the position from which a restart must read on, if it has moved.
    pub(super) fn done(&self, sequence_numbers: &[String]) -> Option<String> {
        let mut inner = self.lock();
        for (number, done) in inner.pending.values_mut() {
            *done |= sequence_numbers.contains(number);
        }
        let before = inner.position.clone();
        while let Some(first) = inner.pending.first_entry().filter(|first| first.get().1) {
            inner.position = Some(first.remove().0);
        }
        inner.position.clone().filter(|position| before.as_ref() != Some(position))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn record(id: &str, number: u32) -> Value {
        json!({ "dynamodb": { "Keys": { "id": { "S": id } }, "SequenceNumber": number.to_string() } })
    }

    #[test]
    fn an_item_has_one_lane_and_items_are_in_all() {
        let lane = |item: u32, lanes| lane_of(&json!({ "id": { "S": item.to_string() } }), lanes);
        let lanes: BTreeSet<_> = (0..100).map(|item| lane(item, 5)).collect();
        assert_eq!(lanes, BTreeSet::from([0, 1, 2, 3, 4]));
        assert!((0..100).all(|item| lane(item, 5) == lane(item, 5) && lane(item, 1) == 0));
    }

    #[test]
    fn the_position_waits_for_the_slowest_lane() {
        let progress = Progress::default();
        progress.read(&[1, 2, 3, 4].map(|number| record("a", number)));
        let done =
            |numbers: &[&str]| progress.done(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(done(&["2", "3"]), None);
        assert_eq!(done(&["1"]), Some("3".to_owned()));
        assert_eq!(done(&[]), None);
        progress.read(&[record("b", 5)]);
        assert_eq!(done(&["5"]), None);
        assert_eq!(done(&["4"]), Some("5".to_owned()));
    }
}
