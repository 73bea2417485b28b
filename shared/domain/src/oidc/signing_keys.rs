//! The keys that sign tokens, one after the other. All follows from the times in the list: nobody has to do anything when a time
//! has come.
//!
//! ```text
//! noted ── next ── signs_from ── signs ── the next key's signs_from ── published ── for hints only ── of no use
//!   any state ── forgotten (the next key signs at once)
//! ```
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access_token::ACCESS_TOKEN_LIFETIME;
use super::jwk::KeyId;
use super::key_arn::KeyArn;
use crate::session;
use crate::timestamp::Timestamp;

/// For how long a process keeps the list of keys before it reads it again.
pub const LIST_KEPT_FOR: Duration = Duration::from_mins(1);

/// For how long a key is published before it signs. A cache may keep the keys for an hour, and authorizers of API Gateway keep
/// them for up to two.
pub const PUBLISHED_BEFORE: Duration = Duration::from_hours(3);

/// How far the clock of a client may be behind when it still takes a token.
const CLOCK_LEEWAY: Duration = Duration::from_mins(5);

/// For how long a key is published after the next one signs: until all of its tokens have ended, wherever they are read.
pub const PUBLISHED_AFTER: Duration =
    ACCESS_TOKEN_LIFETIME.saturating_add(LIST_KEPT_FOR).saturating_add(CLOCK_LEEWAY);

/// For how long its ID tokens are hints after the next one signs: as long as a session that was told of in one can last.
pub const HINTS_AFTER: Duration = session::ABSOLUTE_LIFETIME;

/// One of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Where it is.
    pub arn: KeyArn,
    /// Its name in tokens.
    pub id: KeyId,
    /// When it was noted. For the first key, when the second was.
    pub noted_at: Timestamp,
    /// When it begins to sign. The first of a list signs before that too.
    pub signs_from: Timestamp,
    /// When it was forgotten, because it was feared lost. From then on it counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_at: Option<Timestamp>,
}

/// What a key is for at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and does not sign yet.
    Next,
    /// Signs.
    Signs,
    /// Signs no more, but tokens of it may still be in use.
    Published,
    /// Its ID tokens say whose session a client means, and nothing else.
    ForHints,
    /// All that it has signed has ended.
    OfNoUse,
    /// Was feared lost.
    Forgotten,
}

impl KeyState {
    /// Whether tokens with its signature are taken, and clients know it.
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Next | Self::Signs | Self::Published)
    }

    /// Whether an ID token with its signature is a hint.
    pub const fn verifies_hints(self) -> bool {
        self.is_published() || matches!(self, Self::ForHints)
    }

    /// Whether it never counts for anything again.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::OfNoUse | Self::Forgotten)
    }
}

/// When a new key begins to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// After [`PUBLISHED_BEFORE`]. No client notices.
    Planned,
    /// Now, and all others are forgotten: one of them is feared lost. Clients have to fetch the keys again.
    AtOnce,
}

/// The keys in the order in which they sign. At least one of them is not forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<SigningKey>", try_from = "Vec<SigningKey>")]
pub struct SigningKeys(Vec<SigningKey>);

/// Why keys are no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigningKeys {
    /// No key would sign.
    #[error("the list of signing keys has none that is not forgotten")]
    NoKey,
    /// It is not said which of two keys signs.
    #[error("the signing keys are not in the order in which they sign")]
    Order,
    /// One key is there twice.
    #[error("the list of signing keys has a key twice")]
    Twice,
}

/// A key that does not sign yet would be overtaken by another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another rotation is under way: the key {} signs from {}", .0.id.as_str(), .0.signs_from.rfc3339())]
pub struct UnderWay(pub Box<SigningKey>);

impl SigningKeys {
    /// Keys in the order in which they sign.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, NotSigningKeys> {
        let live: Vec<&SigningKey> = keys.iter().filter(|key| key.forgotten_at.is_none()).collect();
        if live.is_empty() {
            return Err(NotSigningKeys::NoKey);
        }
        if live.windows(2).any(|pair| pair[0].signs_from >= pair[1].signs_from) {
            return Err(NotSigningKeys::Order);
        }
        let twice = |(at, key): (usize, &SigningKey)| {
            keys[..at].iter().any(|other| other.arn == key.arn || other.id == key.id)
        };
        if keys.iter().enumerate().any(twice) {
            return Err(NotSigningKeys::Twice);
        }
        Ok(Self(keys))
    }

    /// The list of a deployment with one key, which has signed since it was made.
    pub fn only(arn: KeyArn, id: KeyId, now: Timestamp) -> Self {
        Self(vec![SigningKey { arn, id, noted_at: now, signs_from: now, forgotten_at: None }])
    }

    /// All keys, and what each is for at this time.
    pub fn states(&self, now: Timestamp) -> impl Iterator<Item = (&SigningKey, KeyState)> {
        self.0.iter().map(move |key| (key, self.state(key, now)))
    }

    fn live(&self) -> impl DoubleEndedIterator<Item = &SigningKey> {
        self.0.iter().filter(|key| key.forgotten_at.is_none())
    }

    fn state(&self, key: &SigningKey, now: Timestamp) -> KeyState {
        if key.forgotten_at.is_some() {
            return KeyState::Forgotten;
        }
        let signs_from = self.signing(now).signs_from;
        if key.signs_from > signs_from {
            return KeyState::Next;
        }
        let successor = self.live().find(|other| other.signs_from > key.signs_from);
        let since = |end: Timestamp, time: Duration| now < end + time;
        match successor.map(|successor| successor.signs_from) {
            _ if key.signs_from == signs_from => KeyState::Signs,
            Some(end) if since(end, PUBLISHED_AFTER) => KeyState::Published,
            Some(end) if since(end, HINTS_AFTER) => KeyState::ForHints,
            _ => KeyState::OfNoUse,
        }
    }

    /// The key that signs at this time: the last that has begun. If none has, the first, because some key always signs; so the
    /// clock of an operator may be ahead of a function's.
    pub fn signing(&self, now: Timestamp) -> &SigningKey {
        let begun = self.live().rfind(|key| key.signs_from <= now);
        begun.or_else(|| self.live().next()).expect("a list has a key that is not forgotten")
    }

    /// The published keys, the one that signs first.
    pub fn published(&self, now: Timestamp) -> Vec<&SigningKey> {
        let mut published: Vec<_> = self.states(now).filter(|(_, state)| state.is_published()).collect();
        published.sort_by_key(|(_, state)| *state != KeyState::Signs);
        published.into_iter().map(|(key, _)| key).collect()
    }

    /// The published key with this name.
    pub fn find_published(&self, id: &KeyId, now: Timestamp) -> Option<&SigningKey> {
        self.states(now).find(|(key, state)| key.id == *id && state.is_published()).map(|(key, _)| key)
    }

    /// The key with this name, if its ID tokens are hints.
    pub fn find_for_hints(&self, id: &KeyId, now: Timestamp) -> Option<&SigningKey> {
        self.states(now).find(|(key, state)| key.id == *id && state.verifies_hints()).map(|(key, _)| key)
    }

    /// The keys that never count for anything again.
    pub fn over(&self, now: Timestamp) -> Vec<&SigningKey> {
        self.states(now).filter(|(_, state)| state.is_over()).map(|(key, _)| key).collect()
    }

    /// The list without these keys, which never count for anything again.
    #[must_use]
    pub fn without(self, over: &[KeyArn]) -> Self {
        Self(self.0.into_iter().filter(|key| !over.contains(&key.arn)).collect())
    }

    /// Whether a new key may be made at this time.
    pub fn may_rotate(&self, rotation: Rotation, now: Timestamp) -> Result<(), UnderWay> {
        let next = self.states(now).find(|(_, state)| *state == KeyState::Next);
        match (rotation, next) {
            (Rotation::Planned, Some((next, _))) => Err(UnderWay(Box::new(next.clone()))),
            _ => Ok(()),
        }
    }

    /// The list with a new key behind the others.
    pub fn rotated(
        mut self,
        rotation: Rotation,
        arn: KeyArn,
        id: KeyId,
        now: Timestamp,
    ) -> Result<Self, UnderWay> {
        self.may_rotate(rotation, now)?;
        let signs_from = match rotation {
            Rotation::Planned => now + PUBLISHED_BEFORE,
            Rotation::AtOnce => {
                for key in self.0.iter_mut().filter(|key| key.forgotten_at.is_none()) {
                    key.forgotten_at = Some(now);
                }
                now
            }
        };
        self.0.push(SigningKey { arn, id, noted_at: now, signs_from, forgotten_at: None });
        Ok(self)
    }
}

impl From<SigningKeys> for Vec<SigningKey> {
    fn from(keys: SigningKeys) -> Self {
        keys.0
    }
}

impl TryFrom<Vec<SigningKey>> for SigningKeys {
    type Error = NotSigningKeys;

    fn try_from(keys: Vec<SigningKey>) -> Result<Self, NotSigningKeys> {
        Self::new(keys)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::KeyState::{ForHints, Forgotten, Next, OfNoUse, Published, Signs};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn arn(number: u8) -> KeyArn {
        KeyArn::parse(&format!("arn:aws:kms:eu-west-1:123456789012:key/key-{number}")).expect("an ARN")
    }

    fn id(number: u8) -> KeyId {
        KeyId::parse(&format!("{number:043}")).expect("a name")
    }

    fn states(keys: &SigningKeys, now: Timestamp) -> Vec<KeyState> {
        keys.states(now).map(|(_, state)| state).collect()
    }

    fn rotated(keys: SigningKeys, rotation: Rotation, number: u8, now: Timestamp) -> SigningKeys {
        keys.rotated(rotation, arn(number), id(number), now).expect("no other rotation is under way")
    }

    #[test]
    fn a_rotation_follows_from_the_times_alone() {
        let start = at(1_000_000);
        let keys = rotated(SigningKeys::only(arn(1), id(1), start), Rotation::Planned, 2, start);
        let begins = start + PUBLISHED_BEFORE;
        for (now, expected) in [
            (at(0), [Signs, Next]),
            (start, [Signs, Next]),
            (begins - SECOND, [Signs, Next]),
            (begins, [Published, Signs]),
            (begins + PUBLISHED_AFTER - SECOND, [Published, Signs]),
            (begins + PUBLISHED_AFTER, [ForHints, Signs]),
            (begins + HINTS_AFTER - SECOND, [ForHints, Signs]),
            (begins + HINTS_AFTER, [OfNoUse, Signs]),
        ] {
            assert_eq!(states(&keys, now), expected, "{now:?}");
            let expected_first = if expected[0] == Signs { id(1) } else { id(2) };
            assert_eq!(keys.published(now)[0].id, expected_first, "{now:?}");
            let published = expected.iter().filter(|state| state.is_published()).count();
            assert_eq!(keys.published(now).len(), published, "{now:?}");
            assert_eq!(keys.find_published(&id(1), now).is_some(), expected[0].is_published());
            assert_eq!(keys.find_for_hints(&id(1), now).is_some(), expected[0] != OfNoUse);
            assert_eq!(keys.over(now).len(), usize::from(expected[0] == OfNoUse));
        }
        assert!(keys.find_for_hints(&id(3), start).is_none());
        let refused = keys.clone().rotated(Rotation::Planned, arn(3), id(3), begins - SECOND);
        let UnderWay(next) = refused.expect_err("the second key would never sign");
        assert_eq!((&next.id, next.signs_from), (&id(2), begins));
        let third = rotated(keys, Rotation::Planned, 3, begins);
        assert_eq!(states(&third, begins), [Published, Signs, Next]);
        let kept = third.without(&[arn(1)]);
        assert_eq!(states(&kept, begins), [Signs, Next]);
    }

    #[test]
    fn at_once_all_other_keys_count_for_nothing() {
        let start = at(1_000_000);
        let keys = rotated(SigningKeys::only(arn(1), id(1), start), Rotation::Planned, 2, start);
        for now in [start, start + PUBLISHED_BEFORE, start + HINTS_AFTER] {
            let keys = rotated(keys.clone(), Rotation::AtOnce, 3, now);
            // Also by a clock that is behind that of the operator.
            for read_at in [now - PUBLISHED_BEFORE, now, now + HINTS_AFTER] {
                assert_eq!(states(&keys, read_at), [Forgotten, Forgotten, Signs]);
                assert_eq!(keys.signing(read_at).id, id(3));
                assert_eq!(keys.published(read_at).len(), 1);
                assert!(keys.find_for_hints(&id(1), read_at).is_none());
                assert_eq!(keys.over(read_at).len(), 2);
            }
            let again = rotated(keys, Rotation::AtOnce, 4, now);
            assert_eq!(states(&again, now), [Forgotten, Forgotten, Forgotten, Signs]);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let key = |number: u8, signs_from: i64, forgotten_at: Option<i64>| json!({ "arn": arn(number), "id": id(number), "noted_at": 1, "signs_from": signs_from, "forgotten_at": forgotten_at });
        for (list, why) in [
            (json!([]), "has none"),
            (json!([key(1, 5, Some(6))]), "has none"),
            (json!([key(1, 5, None), key(2, 5, None)]), "order"),
            (json!([key(1, 6, None), key(2, 5, None)]), "order"),
            (json!([key(1, 5, None), key(1, 6, None)]), "twice"),
            (json!([key(1, 5, Some(5)), key(1, 6, None)]), "twice"),
            (json!([{ "arn": "alias/x", "id": id(1), "noted_at": 1, "signs_from": 1 }]), "ARN"),
            (json!([{ "arn": arn(1), "id": "x", "noted_at": 1, "signs_from": 1 }]), "name of a key"),
            (json!([{ "arn": arn(1), "id": id(1) }]), "missing field"),
        ] {
            let error = serde_json::from_value::<SigningKeys>(list.clone()).expect_err("it is no list");
            assert!(error.to_string().contains(why), "{list}: {error}");
        }
        let list = json!([key(1, 9, Some(9)), key(2, 5, None), key(3, 6, None)]);
        assert!(serde_json::from_value::<SigningKeys>(list).is_ok(), "a forgotten key stands where it stood");
    }

    proptest! {
        /// Whatever operators do and when: some key signs, no key signs that was not published for as long as promised, and a key
        /// that has signed is published for as long as its tokens live.
        #[test]
        fn no_token_outlives_its_key(steps in prop::collection::vec((1_i64..40_000, any::<bool>()), 1..12), ask in 0_i64..400_000) {
            let mut now = at(1_000_000);
            let mut keys = SigningKeys::only(arn(0), id(0), now);
            for (number, (seconds, at_once)) in (1_u8..).zip(steps) {
                now = now + Duration::from_secs(seconds.unsigned_abs());
                let rotation = if at_once && seconds % 4 == 0 { Rotation::AtOnce } else { Rotation::Planned };
                if let Ok(next) = keys.clone().rotated(rotation, arn(number), id(number), now) {
                    keys = next;
                }
            }
            let asked = now + Duration::from_secs(ask.unsigned_abs());
            let signing = keys.signing(asked).clone();
            prop_assert_eq!(keys.states(asked).filter(|(_, state)| *state == Signs).count(), 1);
            prop_assert_eq!(&keys.published(asked)[0].id, &signing.id);
            for later in [Duration::ZERO, ACCESS_TOKEN_LIFETIME, PUBLISHED_AFTER.saturating_sub(SECOND)] {
                prop_assert!(keys.find_published(&signing.id, asked + later).is_some());
            }
            for (key, state) in keys.states(asked) {
                if state == Signs && key.signs_from > key.noted_at {
                    prop_assert!(key.signs_from.since(key.noted_at) == PUBLISHED_BEFORE);
                    prop_assert!(keys.find_published(&key.id, key.noted_at).is_some());
                }
            }
        }
    }
}
