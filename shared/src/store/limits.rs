//! The table of counts. A bucket's key is a keyed hash, so that the table cannot be searched for addresses.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::write::{Write, key, number};
use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::limit::{Limit, Pace};

/// The bound that a request would have passed. Nothing of the request was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached(pub Limit);

impl Store {
    /// Counts one attempt; false, and nothing counted, when the bound is reached.
    pub async fn count(&self, limit: &Limit, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.write("count an attempt", self.counting(limit, now)?).await?.is_some())
    }

    /// Counts against the limits and writes, all in one transaction and thus in one call. When a limit is reached,
    /// nothing is written. The writes may have one condition of their own: that what they add is new.
    pub(super) async fn transact_within(
        &self,
        doing: &'static str,
        limits: &[Limit],
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let counted = limits.iter().map(|limit| self.counting(limit, now));
        let writes = counted.chain(writes.into_iter().map(Ok)).collect::<Result<_, _>>()?;
        let outcome = self.transact(doing, writes).await?;
        Ok(outcome.or_else(|failed| match limits.get(failed.first()) {
            Some(limit) => Err(LimitReached(limit.clone())),
            // What was to be added is there already: an earlier try of this call got through.
            None => Ok(()),
        }))
    }

    /// The write that counts one attempt. Key: the bucket. Its condition is false when the bound is reached.
    fn counting(&self, limit: &Limit, now: Timestamp) -> Result<Write, StoreError> {
        let bucket = key([("bucket", &*self.bucket(limit, now)?)]);
        Ok(match limit.pace {
            Pace::AtMost { count, window } => {
                // `counted`, because COUNT is a reserved word of DynamoDB's expressions.
                Write::update(&self.tables.limits, bucket, "SET expires_at = :end ADD counted :one")
                    .when("attribute_not_exists(counted) OR counted < :most")
                    .value(":end", number((now + window).unix_seconds()))
                    .value(":one", number(1))
                    .value(":most", number(count))
            }
            Pace::OneEvery(time) => Write::update(&self.tables.limits, bucket, "SET expires_at = :end")
                .when("attribute_not_exists(expires_at) OR expires_at <= :now")
                .value(":end", number((now + time).unix_seconds()))
                .value(":now", number(now.unix_seconds())),
        })
    }

    /// The write that forgets what was counted in this window.
    pub(super) fn forgetting(&self, limit: &Limit, now: Timestamp) -> Result<Write, StoreError> {
        Ok(Write::delete(&self.tables.limits, key([("bucket", &*self.bucket(limit, now)?)])))
    }

    fn bucket(&self, limit: &Limit, now: Timestamp) -> Result<String, StoreError> {
        let Some(secret) = &self.hashing_key else {
            return Err(StoreError::new("count an attempt", "this function was started without HASHING_KEY"));
        };
        let window = match limit.pace {
            Pace::AtMost { window, .. } => {
                now.unix_seconds() / i64::try_from(window.as_secs()).unwrap_or(i64::MAX)
            }
            Pace::OneEvery(_) => 0,
        };
        Ok(URL_SAFE_NO_PAD.encode(secret.hash(&[limit.name, &limit.subject, &window.to_string()])))
    }
}
