//! The table of counts, and of the networks from which identifiers signed in. Its keys are keyed hashes, so that it
//! cannot be searched for addresses.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Context;
use super::transaction::Transaction;
use super::write::{Item, Write, key, number};
use super::{Store, StoreError};
use domain::limit::{KNOWN_NETWORK_LIFETIME, Pace};
use domain::{HashingKey, Limit, PasswordAttempt, Timestamp};

/// The limit that a request would have exceeded. Nothing of the request was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached(pub Limit);

/// Whether verification of a password proceeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateLimitDecision {
    /// It does; the attempt is counted for the identifier and for the network.
    Allowed,
    /// It does, although the network's limit is reached, because the identifier signed in from this network recently.
    /// The attempt is counted for the identifier only.
    AllowedKnownNetwork,
    /// It does not: this limit is reached. Nothing is counted.
    Limited(Limit),
}

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
    /// Counts an attempt at a password before anything else is known, so that concurrent attempts never exceed a limit.
    ///
    /// One transaction, and a second one if the network's limit is reached: the same for every identifier.
    pub async fn count_password_attempt(
        &self,
        password: &PasswordAttempt,
        now: Timestamp,
    ) -> Result<RateLimitDecision, StoreError> {
        let mut tx = Transaction::new("count a try of a password");
        tx.add(self.count_attempt(&password.identifier, now));
        let network = tx.add(self.count_attempt(&password.network, now));
        let Err(failed) = tx.commit(self.store).await? else { return Ok(RateLimitDecision::Allowed) };
        if !failed.at(network) {
            return Ok(RateLimitDecision::Limited(password.identifier.clone()));
        }
        let mut tx = Transaction::new("count a try of a password");
        let identifier = tx.add(self.count_attempt(&password.identifier, now));
        tx.add(self.check_known_network(password, now));
        Ok(match tx.commit(self.store).await? {
            Ok(()) => RateLimitDecision::AllowedKnownNetwork,
            Err(failed) if failed.at(identifier) => RateLimitDecision::Limited(password.identifier.clone()),
            Err(_) => RateLimitDecision::Limited(password.network.clone()),
        })
    }

    /// Adds what follows a right password: its own attempt no longer counts, the identifier's count starts again from
    /// zero, and identifier and network are remembered together.
    pub(super) fn record_success(
        &self,
        tx: &mut Transaction,
        password: &PasswordAttempt,
        decision: &RateLimitDecision,
        now: Timestamp,
    ) {
        tx.add(Write::delete(&self.store.tables.limits, self.bucket(&password.identifier, now)));
        tx.add(
            Write::update(&self.store.tables.limits, self.known_network(password), "SET expires_at = :end")
                .value(":end", number((now + KNOWN_NETWORK_LIFETIME).unix_seconds())),
        );
        if *decision == RateLimitDecision::Allowed {
            let network = self.bucket(&password.network, now);
            let uncount = Write::update(&self.store.tables.limits, network, "ADD counted :minus_one");
            tx.add(uncount.value(":minus_one", number(-1)));
        }
    }

    /// Key: the pair. The condition is false when the identifier did not sign in from the network recently.
    fn check_known_network(&self, password: &PasswordAttempt, now: Timestamp) -> Write {
        Write::check(&self.store.tables.limits, self.known_network(password))
            .when("expires_at > :now")
            .value(":now", number(now.unix_seconds()))
    }

    /// The key of a pair of identifier and network.
    fn known_network(&self, password: &PasswordAttempt) -> Item {
        self.hashed_key(&["signed-in-from", &password.pair])
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
            Pace::AtMost { count, window } => {
                // `counted`, because COUNT is a reserved word of DynamoDB's expressions.
                Write::update(&self.store.tables.limits, bucket, "SET expires_at = :end ADD counted :one")
                    .when("attribute_not_exists(counted) OR counted < :most")
                    .value(":end", number((now + window).unix_seconds()))
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
            Pace::OneEvery(_) => 0,
        };
        self.hashed_key(&[limit.name, &limit.subject, &window.to_string()])
    }

    fn hashed_key(&self, parts: &[&str]) -> Item {
        key([("bucket", &*URL_SAFE_NO_PAD.encode(self.key.hash(parts)))])
    }
}
