//! The table of counts, and of who signed in from where. Its key is a keyed hash, so that it cannot be searched for
//! addresses.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::write::{Item, Write, key, number};
use super::{Store, StoreError};
use domain::limit::{KNOWN_NETWORK_LIFETIME, Pace};
use domain::{HashingKey, Limit, PasswordAttempt, Requester, Timestamp};

/// The bound that a request would have passed. Nothing of the request was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached(pub Limit);

/// Whether a password is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateLimitDecision {
    /// It is, and the try is counted for the identifier and for the network.
    Allowed,
    /// It is, because the identifier signed in from the network lately, though the network's bound is reached. The try
    /// is counted for the identifier only.
    AllowedKnownNetwork,
    /// It is not: this bound is reached. Nothing is counted.
    Limited(Limit),
}

impl Store {
    /// The bound on all mails of the day, as far as it counts what is asked for by this one.
    pub fn daily_email_limit(&self, requester: Requester<'_>) -> Result<Limit, StoreError> {
        let missing = || StoreError::new("count a mail", "this function was started without DAILY_MAILS");
        Ok(self.daily_emails.ok_or_else(missing)?.shard_for(requester, self.key_of_hashes()?))
    }

    /// Counts a try of a password before anything else is known, so that many tries at once never get past a bound.
    ///
    /// One transaction, and a second one where the network's bound is reached: the same for every identifier.
    pub async fn count_password_attempt(
        &self,
        password: &PasswordAttempt,
        now: Timestamp,
    ) -> Result<RateLimitDecision, StoreError> {
        const DOING: &str = "count a try of a password";
        const IDENTIFIER: usize = 0;
        const NETWORK: usize = 1;
        let writes =
            vec![self.count_attempt(&password.identifier, now)?, self.count_attempt(&password.network, now)?];
        let Err(failed) = self.transact(DOING, writes).await? else { return Ok(RateLimitDecision::Allowed) };
        if !failed.at(NETWORK) {
            return Ok(RateLimitDecision::Limited(password.identifier.clone()));
        }
        let writes =
            vec![self.count_attempt(&password.identifier, now)?, self.check_known_network(password, now)?];
        Ok(match self.transact(DOING, writes).await? {
            Ok(()) => RateLimitDecision::AllowedKnownNetwork,
            Err(failed) if failed.at(IDENTIFIER) => RateLimitDecision::Limited(password.identifier.clone()),
            Err(_) => RateLimitDecision::Limited(password.network.clone()),
        })
    }

    /// The writes after a right password: its own try is not counted any more, the identifier's count starts anew, and
    /// identifier and network are remembered together.
    pub(super) fn record_success(
        &self,
        password: &PasswordAttempt,
        decision: &RateLimitDecision,
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let remembering = Write::update(&self.tables.limits, self.pair(password)?, "SET expires_at = :end")
            .value(":end", number((now + KNOWN_NETWORK_LIFETIME).unix_seconds()));
        let mut writes = vec![self.reset_count(&password.identifier, now)?, remembering];
        if *decision == RateLimitDecision::Allowed {
            let bucket = key([("bucket", &*self.bucket(&password.network, now)?)]);
            let giving_back = Write::update(&self.tables.limits, bucket, "ADD counted :minus_one");
            writes.push(giving_back.value(":minus_one", number(-1)));
        }
        Ok(writes)
    }

    /// Writes nothing. Key: the pair. The condition is false when the identifier did not sign in from there lately.
    fn check_known_network(&self, password: &PasswordAttempt, now: Timestamp) -> Result<Write, StoreError> {
        Ok(Write::check(&self.tables.limits, self.pair(password)?)
            .when("expires_at > :now")
            .value(":now", number(now.unix_seconds())))
    }

    fn pair(&self, password: &PasswordAttempt) -> Result<Item, StoreError> {
        let hash = self.key_of_hashes()?.hash(&["signed-in-from", &password.pair]);
        Ok(key([("bucket", &*URL_SAFE_NO_PAD.encode(hash))]))
    }

    /// Counts one attempt; false, and nothing counted, when the bound is reached.
    pub async fn count(&self, limit: &Limit, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.write("count an attempt", self.count_attempt(limit, now)?).await?.is_some())
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
        let counted = limits.iter().map(|limit| self.count_attempt(limit, now));
        let writes = counted.chain(writes.into_iter().map(Ok)).collect::<Result<_, _>>()?;
        let outcome = self.transact(doing, writes).await?;
        Ok(outcome.or_else(|failed| match limits.get(failed.first()) {
            Some(limit) => Err(LimitReached(limit.clone())),
            // What was to be added is there already: an earlier try of this call got through.
            None => Ok(()),
        }))
    }

    /// The write that counts one attempt. Key: the bucket. Its condition is false when the bound is reached.
    fn count_attempt(&self, limit: &Limit, now: Timestamp) -> Result<Write, StoreError> {
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
    pub(super) fn reset_count(&self, limit: &Limit, now: Timestamp) -> Result<Write, StoreError> {
        Ok(Write::delete(&self.tables.limits, key([("bucket", &*self.bucket(limit, now)?)])))
    }

    fn bucket(&self, limit: &Limit, now: Timestamp) -> Result<String, StoreError> {
        let window = match limit.pace {
            Pace::AtMost { window, .. } => {
                now.unix_seconds() / i64::try_from(window.as_secs()).unwrap_or(i64::MAX)
            }
            Pace::OneEvery(_) => 0,
        };
        Ok(URL_SAFE_NO_PAD.encode(self.key_of_hashes()?.hash(&[
            limit.name,
            &limit.subject,
            &window.to_string(),
        ])))
    }

    fn key_of_hashes(&self) -> Result<&HashingKey, StoreError> {
        let missing = || StoreError::new("count an attempt", "this function was started without HASHING_KEY");
        self.hashing_key.as_ref().ok_or_else(missing)
    }
}
