//! What follows from a batch that failed: split it, try it again, or give it up. Pure: nothing is invoked here.

use std::time::Duration;

use serde_json::Value;

use crate::template::StreamSource;

/// The wait before the first retry of a batch; it doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Records to deliver together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub(super) records: Vec<Value>,
    /// How often they were tried again.
    pub(super) retries: u32,
}

/// What a function made of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Done,
    /// It reported failures; the first is at this place.
    FailedAt(usize),
    /// It failed as a whole: an error, a timeout, or a response that Lambda cannot read.
    Failed,
}

/// What to do after that.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Done,
    Retry(Vec<Batch>),
    GiveUp(Vec<Value>),
}

/// Decides what follows.
///
/// Of a batch with reported failures, those before the first are done, and all from the first on come again, those that
/// succeeded too: AWS promises to split the batch there (where the template says so), and no more. A batch that failed
/// as a whole is halved, so that one bad record ends up alone. Splitting does not count as a retry.
pub(super) fn after_failure(source: &StreamSource, batch: Batch, outcome: Outcome) -> Next {
    let Batch { mut records, retries } = batch;
    match outcome {
        Outcome::Done => return Next::Done,
        Outcome::FailedAt(place) if place > 0 => {
            return Next::Retry(vec![Batch { records: records.split_off(place), retries }]);
        }
        Outcome::Failed if source.bisect_batch && records.len() > 1 => {
            let second = records.split_off(records.len().div_ceil(2));
            return Next::Retry(vec![Batch { records, retries }, Batch { records: second, retries }]);
        }
        Outcome::FailedAt(_) | Outcome::Failed => {}
    }
    if source.maximum_retry_attempts.is_some_and(|limit| retries >= limit) {
        return Next::GiveUp(records);
    }
    Next::Retry(vec![Batch { records, retries: retries.saturating_add(1) }])
}

/// Reads `batchItemFailures`. Lambda takes a response it cannot read, or an item it did not send, for a failure of the
/// whole batch.
pub(super) fn outcome_of(payload: &[u8], records: &[Value]) -> Outcome {
    let answer: Value = match serde_json::from_slice(payload) {
        Ok(answer) => answer,
        Err(_) if payload.is_empty() => return Outcome::Done,
        Err(_) => return Outcome::Failed,
    };
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return Outcome::Done,
        Value::Array(failures) => failures,
        _ => return Outcome::Failed,
    };
    let place_of = |failure: &Value| {
        let number = failure["itemIdentifier"].as_str()?;
        records.iter().position(|record| sequence_number(record) == number)
    };
    let places: Option<Vec<_>> = failures.iter().map(place_of).collect();
    match places {
        Some(places) => places.into_iter().min().map_or(Outcome::Done, Outcome::FailedAt),
        None => Outcome::Failed,
    }
}

/// The number of a record in its stream.
pub(super) fn sequence_number(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}

/// The wait before this retry.
pub(super) fn backoff(retries: u32) -> Duration {
    if retries == 0 {
        return Duration::ZERO;
    }
    (FIRST_BACKOFF * 2_u32.saturating_pow(retries - 1).min(1000)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn source(bisect_batch: bool, maximum_retry_attempts: Option<u32>) -> StreamSource {
        StreamSource {
            table: "T".to_owned(),
            stream_arn: "arn".to_owned(),
            batch_size: 10,
            lanes: 1,
            report_batch_item_failures: true,
            bisect_batch,
            maximum_retry_attempts,
            maximum_record_age: None,
            event_names: BTreeSet::from(["INSERT".to_owned()]),
            from_the_beginning: true,
            on_failure: None,
        }
    }

    fn records(numbers: &[u32]) -> Vec<Value> {
        let record = |number: &u32| json!({ "dynamodb": { "SequenceNumber": number.to_string() } });
        numbers.iter().map(record).collect()
    }

    fn batch(numbers: &[u32], retries: u32) -> Batch {
        Batch { records: records(numbers), retries }
    }

    #[test]
    fn the_lowest_failed_record_is_where_it_goes_on() {
        let records = records(&[1, 2, 3]);
        for (answer, outcome) in [
            ("", Outcome::Done),
            ("null", Outcome::Done),
            ("{}", Outcome::Done),
            (r#"{"batchItemFailures": []}"#, Outcome::Done),
            (r#"{"batchItemFailures": null}"#, Outcome::Done),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}"#,
                Outcome::FailedAt(1),
            ),
            (r#"{"batchItemFailures": [{"itemIdentifier": "1"}]}"#, Outcome::FailedAt(0)),
            (r#"{"batchItemFailures": [{"itemIdentifier": "9"}]}"#, Outcome::Failed),
            (r#"{"batchItemFailures": [{}]}"#, Outcome::Failed),
            (r#"{"batchItemFailures": 1}"#, Outcome::Failed),
            ("oops", Outcome::Failed),
        ] {
            assert_eq!(outcome_of(answer.as_bytes(), &records), outcome, "{answer}");
        }
    }

    #[test]
    fn a_failed_batch_is_split_retried_and_given_up() {
        let retry = |batches| Next::Retry(batches);
        let (at, whole) = (Outcome::FailedAt, Outcome::Failed);
        for (bisect, limit, failing, outcome, next) in [
            (true, None, batch(&[1, 2, 3], 0), Outcome::Done, Next::Done),
            // Reported: all from the first on come again.
            (true, None, batch(&[1, 2, 3], 0), at(0), retry(vec![batch(&[1, 2, 3], 1)])),
            (true, None, batch(&[1, 2, 3], 0), at(1), retry(vec![batch(&[2, 3], 0)])),
            (true, Some(4), batch(&[1], 3), at(0), retry(vec![batch(&[1], 4)])),
            (true, Some(4), batch(&[1], 4), at(0), Next::GiveUp(records(&[1]))),
            (false, Some(0), batch(&[1, 2], 0), at(1), retry(vec![batch(&[2], 0)])),
            // As a whole: halved until the bad record is alone.
            (true, Some(4), batch(&[1, 2, 3], 0), whole, retry(vec![batch(&[1, 2], 0), batch(&[3], 0)])),
            (true, Some(4), batch(&[1], 4), whole, Next::GiveUp(records(&[1]))),
            (false, Some(0), batch(&[1, 2], 0), whole, Next::GiveUp(records(&[1, 2]))),
            (false, None, batch(&[1, 2], 99), whole, retry(vec![batch(&[1, 2], 100)])),
        ] {
            let shown = format!("{failing:?}, {outcome:?}");
            assert_eq!(after_failure(&source(bisect, limit), failing, outcome), next, "{shown}");
        }
    }
}
