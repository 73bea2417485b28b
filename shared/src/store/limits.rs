//! The table of counts. Its keys are keyed hashes, so that it
//! cannot be searched for addresses.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Context;
use super::transaction::Transaction;
use super::write::{Item, Write, key, number};
use super::{Store, StoreError};
use domain::limit::Pace;
use domain::{HashingKey, Limit, PasswordAttempt, Timestamp};

/// The limit that a request would have exceeded. Nothing of the request was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached(pub Limit);

/// The store as a flow sees it that counts limits, under this key.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    pub(super) store: &'a Store,
    pub(super) key: &'a HashingKey,
}

impl Store {
    /// The same store, counting limits under this key.
    pub fn counted<'a>(&'a self, key: &'a HashingKey) -> Counted<'a> {
        Counted { store: self, key }
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
        self.write_within("count a try of a password", &limits, Vec::new(), now).await
    }

    /// Adds what follows a right password: its own attempt no longer counts, and what was counted for the account or the
    /// browser starts again from zero.
    pub(super) fn record_success(&self, tx: &mut Transaction, attempt: &PasswordAttempt, now: Timestamp) {
        let (first, in_a_row) = match attempt {
            PasswordAttempt::KnownBrowser { device: first, in_a_row }
            | PasswordAttempt::Elsewhere { account: first, in_a_row, .. } => (first, in_a_row),
        };
        tx.add(self.forget(first, now));
        tx.add(self.forget(in_a_row, now));
        if let PasswordAttempt::Elsewhere { network, .. } = attempt {
            let network = self.bucket(network, now);
            let uncount = Write::update(&self.store.tables.limits, network, "ADD counted :minus_one");
            tx.add(uncount.value(":minus_one", number(-1)));
        }
    }

    /// Sets a count back to zero. Key: the bucket.
    pub(super) fn forget(&self, limit: &Limit, now: Timestamp) -> Write {
        Write::delete(&self.store.tables.limits, self.bucket(limit, now))
    }

    /// Counts one attempt. Key: the bucket. False, and nothing counted, when the limit is reached.
    pub async fn count(&self, limit: &Limit, now: Timestamp) -> Result<bool, StoreError> {
        self.store.write(self.count_attempt(limit, now)).await.context("count an attempt")
    }

    /// Counts against the limits and writes, all in one transaction and thus in one call. Nothing is written when a
    /// limit is reached. The only condition that the writes may have of their own is that what they create is new.
    pub(super) async fn write_within(
        &self,
        doing: &'static str,
        limits: &[Limit],
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Result<(), LimitReached>, StoreError> {
        let mut tx = Transaction::new(doing);
        let mut counted = Vec::new();
        for limit in limits {
            counted.push((limit, tx.add(self.count_attempt(limit, now))));
        }
        for write in writes {
            tx.add(write);
        }
        let Err(failed) = tx.commit(self.store).await? else { return Ok(Ok(())) };
        Ok(match counted.into_iter().find(|(_, part)| failed.at(*part)) {
            Some((limit, _)) => Err(LimitReached(limit.clone())),
            // What was to be created exists: an earlier try of this call succeeded, and its answer was lost.
            None => Ok(()),
        })
    }

    /// Counts one attempt. Key: the bucket. The condition is false when the limit is reached.
    pub(super) fn count_attempt(&self, limit: &Limit, now: Timestamp) -> Write {
        let bucket = self.bucket(limit, now);
        match limit.pace {
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

    /// The key of the count of a limit in the current window.
    fn bucket(&self, limit: &Limit, now: Timestamp) -> Item {
        let window = match limit.pace {
            Pace::AtMost { window, .. } => {
                now.unix_seconds() / i64::try_from(window.as_secs()).unwrap_or(i64::MAX)
            }
            Pace::OneEvery(_) | Pace::InARow { .. } => 0,
        };
        self.hashed_key(&[limit.name, &limit.subject, &window.to_string()])
    }

    fn hashed_key(&self, parts: &[&str]) -> Item {
        key([("bucket", &*URL_SAFE_NO_PAD.encode(self.key.hash(parts)))])
    }
}
