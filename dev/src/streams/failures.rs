//! What follows from a batch that failed: split it, try it again, or give it up. Pure: nothing is invoked here.

use std::time::Duration;

use serde_json::Value;

use crate::template::StreamSource;

/// The wait before the first retry of a batch; it doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Records to deliver together.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) records: Vec<Value>,
    /// How often they were tried again.
    pub(super) retries: u32,
}

/// What to do after a failure.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Retry(Vec<Batch>),
    GiveUp(Vec<Value>),
}

/// Decides about a batch whose record at `failed_at` is the first that failed.
///
/// The records before it are done. The rest is tried again; where the template says so it is split first, so that
/// one bad record ends up alone. Splitting does not count as a retry.
pub(super) fn after_failure(source: &StreamSource, batch: Batch, failed_at: usize) -> Next {
    let Batch { mut records, retries } = batch;
    let mut rest = records.split_off(failed_at);
    if source.bisect_batch && rest.len() > 1 {
        let second = rest.split_off(rest.len().div_ceil(2));
        return Next::Retry(vec![Batch { records: rest, retries }, Batch { records: second, retries }]);
    }
    if failed_at > 0 {
        return Next::Retry(vec![Batch { records: rest, retries }]);
    }
    if source.maximum_retry_attempts.is_some_and(|limit| retries >= limit) {
        return Next::GiveUp(rest);
    }
    Next::Retry(vec![Batch { records: rest, retries: retries + 1 }])
}

/// Reads `batchItemFailures`: the index of the first record that failed. Lambda takes a response it cannot read, or an
/// item it did not send, for a failure of the whole batch.
pub(super) fn first_failure(payload: &[u8], records: &[Value]) -> Option<usize> {
    let answer: Value = match serde_json::from_slice(payload) {
        Ok(answer) => answer,
        Err(_) => return (!payload.is_empty()).then_some(0),
    };
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return None,
        Value::Array(failures) => failures,
        _ => return Some(0),
    };
    let index_of = |failure: &Value| {
        let number = failure["itemIdentifier"].as_str()?;
        records.iter().position(|record| sequence_number(record) == number)
    };
    failures.iter().map(|failure| index_of(failure).unwrap_or(0)).min()
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
        for (answer, failure) in [
            ("", None),
            ("null", None),
            ("{}", None),
            (r#"{"batchItemFailures": []}"#, None),
            (r#"{"batchItemFailures": null}"#, None),
            (r#"{"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}"#, Some(1)),
            (r#"{"batchItemFailures": [{"itemIdentifier": "9"}]}"#, Some(0)),
            (r#"{"batchItemFailures": [{}]}"#, Some(0)),
            (r#"{"batchItemFailures": 1}"#, Some(0)),
            ("oops", Some(0)),
        ] {
            assert_eq!(first_failure(answer.as_bytes(), &records), failure, "{answer}");
        }
    }

    #[test]
    fn a_failed_batch_is_split_retried_and_given_up() {
        let retry = |batches| Next::Retry(batches);
        for (bisect, limit, failing, failed_at, next) in [
            (true, Some(4), batch(&[1, 2, 3], 0), 0, retry(vec![batch(&[1, 2], 0), batch(&[3], 0)])),
            (true, Some(4), batch(&[1, 2, 3], 0), 2, retry(vec![batch(&[3], 0)])),
            (true, Some(4), batch(&[1], 3), 0, retry(vec![batch(&[1], 4)])),
            (true, Some(4), batch(&[1], 4), 0, Next::GiveUp(records(&[1]))),
            (false, Some(0), batch(&[1, 2], 0), 0, Next::GiveUp(records(&[1, 2]))),
            (false, Some(0), batch(&[1, 2], 0), 1, retry(vec![batch(&[2], 0)])),
            (false, None, batch(&[1, 2], 99), 0, retry(vec![batch(&[1, 2], 100)])),
        ] {
            let shown = format!("{failing:?} at {failed_at}");
            assert_eq!(after_failure(&source(bisect, limit), failing, failed_at), next, "{shown}");
        }
    }
}
