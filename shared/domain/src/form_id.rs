//! The id of a form on a page, by which a second click on its button is recognised.
//!
//! A browser that sends a form twice drops the answer to the first. So both must have the same answer: the same key of an
//! email request, or the same session. What the two have in common is the form, and nothing else of them can be trusted:
//! people behind one address type the same things at the same time.
use std::time::Duration;

use ulid::Ulid;

use super::hashing_key::HashingKey;
use super::message_id::MessageId;
use super::token::Token;

/// How long clicks on one button count as one. Somebody who sends the same form again after that means it.
pub const SAME_CLICK: Duration = Duration::from_secs(20);

/// A form that is older gets no id of its own any more. Nobody clicks twice on a page for longer than that.
const LIFETIME: Duration = Duration::from_hours(24);

/// The id of a form: a ULID with the time at which its page was made. Anybody can make one up. It gives nothing to anybody
/// but the same answer to the same form, so it need not be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormId(Ulid);

impl FormId {
    /// An id for a page that is made now: 48 bits of milliseconds since the epoch, 80 random bits.
    pub fn new(unix_milliseconds: u64, random: u128) -> Self {
        Self(Ulid::from_parts(unix_milliseconds, random))
    }

    /// Reads the field of a form. Anything else is no id.
    pub fn parse(text: &str) -> Option<Self> {
        Ulid::from_string(text).ok().map(Self)
    }

    /// When the period of clicks that count as one began, in milliseconds since the epoch. Periods follow each other from
    /// the moment the page was made. Nothing for a form from the future, or a form that is too old.
    fn click(self, now: u64) -> Option<u64> {
        let age =
            now.checked_sub(self.0.timestamp_ms()).filter(|age| u128::from(*age) <= LIFETIME.as_millis())?;
        let period = u64::try_from(SAME_CLICK.as_millis()).ok()?;
        Some(now - age % period)
    }
}

impl std::fmt::Display for FormId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl HashingKey {
    /// The key of the email request that a form makes, the same for a second click. `what` says which form it is, `typed`
    /// what was typed. Nothing for a form whose clicks cannot be told apart.
    pub fn request_of_form(&self, form: FormId, what: &str, typed: &str, now: u64) -> Option<MessageId> {
        let click = form.click(now)?;
        let hash = self.hash(&["form-request", &form.to_string(), &click.to_string(), what, typed]);
        let random: &[u8; 16] = hash.first_chunk().expect("a hash is longer than that");
        Some(MessageId::new(click, u128::from_be_bytes(*random)))
    }

    /// The secret of the session that a form opens, the same for a second click. `whose` is what only the person who sends the
    /// form can name: the account whose password it has, or the hash of the session it is sent in. Nothing for a form whose
    /// clicks cannot be told apart.
    pub fn session_token_of_form(&self, form: FormId, whose: &str, now: u64) -> Option<Token> {
        let click = form.click(now)?;
        let parts = ["form-session", &*form.to_string(), &*click.to_string(), whose];
        Some(Token::from_bytes(self.hash(&parts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE_AT: u64 = 1_785_000_000_000;

    fn key() -> HashingKey {
        HashingKey::new(&"k".repeat(32)).expect("long enough")
    }

    fn request(form: FormId, typed: &str, now: u64) -> Option<MessageId> {
        key().request_of_form(form, "link", typed, now)
    }

    #[test]
    fn clicks_within_seconds_are_one_and_later_ones_are_not() {
        let form = FormId::new(MADE_AT, 1);
        let first = request(form, "mina@example.com", MADE_AT + 41_000);
        assert!(first.is_some());
        for (later, same) in [(0, true), (300, true), (18_000, true), (19_000, false), (60_000, false)] {
            assert_eq!(
                request(form, "mina@example.com", MADE_AT + 41_000 + later) == first,
                same,
                "{later} ms"
            );
        }
    }

    #[test]
    fn another_form_or_address_is_another_click() {
        let form = FormId::new(MADE_AT, 1);
        let request_of = |form, what, typed| key().request_of_form(form, what, typed, MADE_AT);
        let mine = request_of(form, "link", "mina@example.com");
        assert_ne!(request_of(FormId::new(MADE_AT, 2), "link", "mina@example.com"), mine);
        assert_ne!(request_of(form, "username", "mina@example.com"), mine);
        assert_ne!(request_of(form, "link", "joris@example.com"), mine);
        let session = |account| key().session_token_of_form(form, account, MADE_AT).map(|s| s.expose());
        assert_ne!(session("mina"), session("joris"));
    }

    #[test]
    fn the_keys_of_requests_sort_by_their_time_and_never_lie_ahead() {
        let form = FormId::new(MADE_AT, 1);
        for age in [0, 1, 19_999, 20_000, 3_600_000, 86_400_000] {
            let made = request(form, "mina@example.com", MADE_AT + age).expect("young enough");
            let latest = MessageId::new(MADE_AT + age, u128::MAX);
            assert!(
                made <= latest && made >= MessageId::new((MADE_AT + age).saturating_sub(20_000), 0),
                "{age}"
            );
        }
    }

    #[test]
    fn a_form_from_the_future_or_of_another_day_and_anything_else_is_none() {
        let form = FormId::new(MADE_AT, 1);
        assert_eq!(request(form, "mina@example.com", MADE_AT - 1), None);
        assert_eq!(request(form, "mina@example.com", MADE_AT + 86_400_001), None);
        assert_eq!(FormId::parse(&form.to_string()), Some(form));
        for text in ["", "x", "01J", &"é".repeat(26), &"Z".repeat(27), "01ARZ3NDEKTSV4RRFFQ69G5FAU!"] {
            assert_eq!(FormId::parse(text), None, "{text}");
        }
    }
}
