//! The table of counts. Its keys are keyed hashes, so that it cannot be searched for addresses.
//!
//! With two hashing keys everything is counted under both, and refused if either count is full. So a count goes on when the
//! keys are rotated, and functions that have the former and the new version of the keys at the same time share one
//! (docs/decisions/0028). It is the same calls for everybody: how many keys there are depends on the deployment alone.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Context;
use super::transaction::Transaction;
use super::write::{Item, Write, key, number};
use super::{Store, StoreError};
use domain::limit::Pace;
use domain::{HashingKey, HashingKeys, Limit, PasswordAttempt, Timestamp};

/// The limit that a request would have exceeded. Nothing of the request was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached(pub Limit);

/// The store as a flow sees it that counts limits, under these keys.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    pub(super) store: &'a Store,
    pub(super) keys: &'a HashingKeys,
}

impl Store {
    /// The same store, counting limits under these keys.
    pub fn counted<'a>(&'a self, keys: &'a HashingKeys) -> Counted<'a> {
        Counted { store: self, keys }
    }
}

impl Counted<'_> {
    /// Counts an attempt at a password for its account or identifier, before the password is verified, so that concurrent
    /// attempts never exceed a limit. One transaction, the same for every identifier.
    pub async fn count_password_attempt(
        &self,
        attempt: &PasswordAttempt,
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let limits = match attempt {
            PasswordAttempt::KnownBrowser { device, .. } => vec![device.clone()],
            PasswordAttempt::Elsewhere { account, in_a_row, .. } => vec![account.clone(), in_a_row.clone()],
        };
        self.write_within("count a try of a password", &limits, now, |_| Ok(())).await
    }

    /// Adds what follows a right password: its own attempt no longer counts, and what was counted for the account or the
    /// browser starts again from zero.
    pub(super) fn record_success(&self, tx: &mut Transaction, attempt: &PasswordAttempt, now: Timestamp) {
        let (first, in_a_row) = match attempt {
            PasswordAttempt::KnownBrowser { device: first, in_a_row }
            | PasswordAttempt::Elsewhere { account: first, in_a_row, .. } => (first, in_a_row),
        };
        tx.add_all(self.forget(first, now));
        tx.add_all(self.forget(in_a_row, now));
        if let PasswordAttempt::Elsewhere { network, .. } = attempt {
            let uncount = |bucket| {
                let uncount = Write::update(&self.store.tables.limits, bucket, "ADD counted :minus_one");
                uncount.value(":minus_one", number(-1))
            };
            tx.add_all(self.buckets(network, now).map(uncount));
        }
    }

    /// Sets a count back to zero. Keys: the buckets.
    pub(super) fn forget(&self, limit: &Limit, now: Timestamp) -> impl Iterator<Item = Write> {
        self.buckets(limit, now).map(|bucket| Write::delete(&self.store.tables.limits, bucket))
    }

    /// Counts one attempt. Keys: the buckets. False, and nothing counted, when the limit is reached.
    pub async fn count(&self, limit: &Limit, now: Timestamp) -> Result<bool, StoreError> {
        const DOING: &str = "count an attempt";
        let writes: Vec<Write> = self.count_attempt(limit, now).collect();
        match <[Write; 1]>::try_from(writes) {
            // One write needs no transaction, which costs twice as much.
            Ok([only]) => self.store.write(only).await.context(DOING),
            Err(writes) => {
                let mut tx = Transaction::new(DOING);
                tx.add_all(writes);
                Ok(tx.commit(self.store).await?.is_ok())
            }
        }
    }

    /// Counts against the limits and writes, all in one transaction and thus in one call. Nothing is written when a
    /// limit is reached. The only conditions that the writes may have of their own are that what they create is new, and that
    /// the account's generation is current: if it is not, what they create would have no effect.
    pub(super) async fn write_within(
        &self,
        doing: &'static str,
        limits: &[Limit],
        now: Timestamp,
        add_writes: impl FnOnce(&mut Transaction) -> Result<(), StoreError>,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let mut tx = Transaction::new(doing);
        let mut counted = Vec::new();
        for limit in limits {
            counted.push((limit, tx.add_all(self.count_attempt(limit, now))));
        }
        add_writes(&mut tx)?;
        let Err(failed) = tx.commit(self.store).await? else { return Ok(Ok(())) };
        Ok(match counted.into_iter().find(|(_, parts)| failed.at_any(parts)) {
            Some((limit, _)) => Err(LimitReached(limit.clone())),
            // What was to be created exists: an earlier try of this call succeeded, and its answer was lost. Or all sessions
            // have ended since the request began, this one too.
            None => Ok(()),
        })
    }

    /// Counts one attempt. Keys: the buckets. A condition is false when the limit is reached.
    pub(super) fn count_attempt(&self, limit: &Limit, now: Timestamp) -> impl Iterator<Item = Write> {
        self.buckets(limit, now).map(move |bucket| self.count_in(bucket, limit.pace, now))
    }

    fn count_in(&self, bucket: Item, pace: Pace, now: Timestamp) -> Write {
        match pace {
            Pace::AtMost { count, window: kept } | Pace::InARow { count, kept } => {
                // `counted`, because COUNT is a reserved word of DynamoDB's expressions.
                Write::update(&self.store.tables.limits, bucket, "SET expires_at = :end ADD counted :one")
                    .when("attribute_not_exists(counted) OR counted < :most")
                    .value(":end", number((now + kept).unix_seconds()))
                    .value(":one", number(1))
                    .value(":most", number(count))
            }
            Pace::OneEvery(time) => Write::update(&self.store.tables.limits, bucket, "SET expires_at = :end")
                .when("attribute_not_exists(expires_at) OR expires_at <= :now")
                .value(":end", number((now + time).unix_seconds()))
                .value(":now", number(now.unix_seconds())),
        }
    }

    /// The keys of the counts of a limit in the current window, one under each hashing key.
    fn buckets(&self, limit: &Limit, now: Timestamp) -> impl Iterator<Item = Item> {
        let window = match limit.pace {
            Pace::AtMost { window, .. } => {
                now.unix_seconds() / i64::try_from(window.as_secs()).unwrap_or(i64::MAX)
            }
            Pace::OneEvery(_) | Pace::InARow { .. } => 0,
        };
        let window = window.to_string();
        self.keys.all().map(move |key| bucket(key, limit, &window))
    }
}

fn bucket(hashing: &HashingKey, limit: &Limit, window: &str) -> Item {
    let hash = hashing.hash(&[limit.name, &limit.counted_as(hashing), window]);
    key([("bucket", &*URL_SAFE_NO_PAD.encode(hash))])
}
