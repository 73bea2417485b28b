//! Hand-overs: a product has signed a person in, and leads them to the account page here and back (docs/decisions/0037).
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::account::{Account, AccountId};
use super::client_info::ClientInfo;
use super::generation::Generation;
use super::link::{LinkState, Purpose};
use super::oidc::{Client, ClientId, RedirectUri};
use super::session::{Session, SignInMethod};
use super::timestamp::Timestamp;
use super::token::TokenHash;

/// The session of a hand-over ends after this time, even if it is in use: it is for a visit, and who signs out of the product
/// afterwards, on a computer that others use too, does not think of the session here.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(1);

/// How far the clock of a product may be ahead of ours.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// What the session of a hand-over has as the time of its sign-in where the product states none. It is fresh for nothing.
pub const NOT_STATED: Timestamp = Timestamp::from_unix_seconds(0);

/// A link that hands a person over, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The key: the hash of the secret in the link.
    pub token_hash: TokenHash,
    /// Whose account it leads to.
    pub account_id: AccountId,
    /// The account's generation when it was made.
    pub generation: Generation,
    /// The product that has registered the address to return to.
    pub client: ClientId,
    /// Where the person returns to.
    pub return_to: RedirectUri,
    /// When the person signed in to the product, if it says so.
    pub signed_in_at: Option<Timestamp>,
    /// The last second in which it works.
    pub expires_at: Timestamp,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
}

/// Why a text is no time at which a person can have signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASignInTime {
    /// It is no time.
    #[error("it is not a time such as 2026-11-22T12:00:00Z (RFC 3339)")]
    Malformed,
    /// It has not come yet.
    #[error("it is in the future")]
    Future,
}

/// Where a person returns to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayBack {
    /// The product.
    pub client: ClientId,
    /// An address that it has registered for this.
    pub location: RedirectUri,
}

impl WayBack {
    /// Whether the product still has this address.
    pub fn is_of(&self, client: &Client) -> bool {
        client.id == self.client && client.return_uris.contains(&self.location)
    }
}

impl HandOver {
    /// A link to this account that is made now.
    pub fn new(
        token_hash: TokenHash,
        account: &Account,
        back: WayBack,
        signed_in_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        Self {
            token_hash,
            account_id: account.id.clone(),
            generation: account.generation,
            client: back.client,
            return_to: back.location,
            signed_in_at,
            expires_at: now + Purpose::HandOver.lifetime(),
            spent_at: None,
        }
    }

    /// Its state by itself at `now`. A used link stays "used" after its lifetime.
    pub fn state(&self, now: Timestamp) -> LinkState {
        if self.spent_at.is_some() {
            LinkState::Used
        } else if now > self.expires_at {
            LinkState::Expired
        } else {
            LinkState::Live
        }
    }

    /// Where its person returns to.
    pub fn way_back(&self) -> WayBack {
        WayBack { client: self.client.clone(), location: self.return_to.clone() }
    }

    /// The session that it opens. Its sign-in is the one that the product states, so that it is fresh for what is left of the
    /// fifteen minutes after that, and not at all without one. It ends after [`SESSION_LIFETIME`].
    pub fn session(&self, hash: TokenHash, account: &Account, source: ClientInfo, now: Timestamp) -> Session {
        let session = Session::begin(hash, account, SignInMethod::HandOver, source, now);
        Session {
            authenticated_at: self.signed_in_at.unwrap_or(NOT_STATED),
            expires_at: now + SESSION_LIFETIME,
            ..session
        }
    }
}

/// Reads when a product says that a person signed in to it: a time of RFC 3339 with any offset, to the second. One that is
/// ahead of `now` by no more than [`CLOCK_SKEW`] is `now`.
pub fn stated_sign_in(text: &str, now: Timestamp) -> Result<Timestamp, NotASignInTime> {
    let stated = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotASignInTime::Malformed)?;
    let stated = Timestamp::from_unix_seconds(stated.unix_timestamp());
    if stated < NOT_STATED {
        return Err(NotASignInTime::Malformed);
    }
    if stated > now + CLOCK_SKEW {
        return Err(NotASignInTime::Future);
    }
    Ok(stated.min(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::account::tests::account;
    use crate::oidc::{CLIENT_ID_BYTES, ClientAuthentication, ClientName};
    use crate::session::FRESH_FOR;
    use crate::{AccountKind, Token};

    /// 2026-11-22T12:00:00Z.
    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_348_800);
    const SECOND: Duration = Duration::from_secs(1);

    fn hand_over(signed_in_at: Option<Timestamp>) -> (Account, HandOver) {
        let account = account(AccountKind::Regular, None, None);
        let location = RedirectUri::parse("https://shop.example.com/settings").expect("an address");
        let back = WayBack { client: ClientId::new([1; CLIENT_ID_BYTES]), location };
        let hash = Token::from_bytes([1; 32]).hash();
        let link = HandOver::new(hash, &account, back, signed_in_at, NOW);
        (account, link)
    }

    fn session(signed_in_at: Option<Timestamp>, now: Timestamp) -> Session {
        let (account, link) = hand_over(signed_in_at);
        link.session(Token::from_bytes([2; 32]).hash(), &account, ClientInfo::default(), now)
    }

    #[test]
    fn a_link_works_for_sixty_seconds_and_once() {
        let (_, link) = hand_over(None);
        let last = NOW + Duration::from_mins(1);
        assert_eq!((link.state(NOW), link.state(last)), (LinkState::Live, LinkState::Live));
        assert_eq!(link.state(last + SECOND), LinkState::Expired);
        let used = HandOver { spent_at: Some(NOW), ..link };
        assert_eq!((used.state(NOW), used.state(last + SECOND)), (LinkState::Used, LinkState::Used));
    }

    #[test]
    fn a_session_is_fresh_for_what_is_left_of_the_fifteen_minutes_after_the_stated_sign_in() {
        for ago in [Duration::ZERO, Duration::from_secs(899), FRESH_FOR] {
            let session = session(Some(NOW - ago), NOW);
            assert!(session.is_fresh(NOW), "{ago:?}");
            assert!(
                session.is_fresh(NOW - ago + FRESH_FOR) && !session.is_fresh(NOW - ago + FRESH_FOR + SECOND)
            );
            assert_eq!((session.created_at, session.seen_at), (NOW, NOW));
        }
        assert!(!session(Some(NOW - FRESH_FOR - SECOND), NOW).is_fresh(NOW));
    }

    #[test]
    fn a_session_without_a_stated_sign_in_is_never_fresh_and_no_recovery() {
        let session = session(None, NOW);
        assert!(!session.is_fresh(NOW));
        assert_eq!((session.method, session.recovery), (SignInMethod::HandOver, None));
        assert_eq!(session.expires_at, NOW + SESSION_LIFETIME);
        assert!(!session.method.is_through_backup());
    }

    #[test]
    fn a_stated_time_is_one_of_rfc_3339_that_has_come() {
        let at = |seconds: i64| Ok(Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds));
        for (text, read) in [
            ("2026-11-22T12:00:00Z", at(0)),
            ("2026-11-22T11:45:01Z", at(-899)),
            ("2026-11-22T11:59:59.999Z", at(-1)),
            ("2026-11-22T12:00:00+00:00", at(0)),
            ("2026-11-22T13:00:00+01:00", at(0)),
            ("2026-11-22T06:30:00-05:30", at(0)),
            ("1970-01-01T00:00:00Z", Ok(NOT_STATED)),
            // The clock of the product is ahead.
            ("2026-11-22T12:00:01Z", at(0)),
            ("2026-11-22T12:01:00Z", at(0)),
            ("2026-11-22T12:01:01Z", Err(NotASignInTime::Future)),
            ("2026-11-22T12:01:00-01:00", Err(NotASignInTime::Future)),
            ("9999-12-31T23:59:59Z", Err(NotASignInTime::Future)),
            ("1969-12-31T23:59:59Z", Err(NotASignInTime::Malformed)),
            ("", Err(NotASignInTime::Malformed)),
            ("now", Err(NotASignInTime::Malformed)),
            ("1795348800", Err(NotASignInTime::Malformed)),
            ("2026-11-22", Err(NotASignInTime::Malformed)),
            ("2026-11-22T12:00:00", Err(NotASignInTime::Malformed)),
            ("2026-02-30T12:00:00Z", Err(NotASignInTime::Malformed)),
            (" 2026-11-22T12:00:00Z", Err(NotASignInTime::Malformed)),
            ("2026-11-22T12:00:00Z and more", Err(NotASignInTime::Malformed)),
        ] {
            assert_eq!(stated_sign_in(text, NOW), read, "{text:?}");
        }
    }

    #[test]
    fn a_way_back_leads_to_an_address_that_its_product_still_has() {
        let (_, link) = hand_over(None);
        let way = link.way_back();
        let client = Client {
            id: way.client.clone(),
            name: ClientName::parse("Example shop").expect("a name"),
            redirect_uris: vec![RedirectUri::parse("https://shop.example.com/callback").expect("an address")],
            sign_out_uris: vec![way.location.clone()],
            return_uris: vec![],
            authentication: ClientAuthentication::Public,
            created_at: NOW,
        };
        assert!(!way.is_of(&client));
        let with = Client { return_uris: vec![way.location.clone()], ..client };
        assert!(way.is_of(&with));
        assert!(!way.is_of(&Client { id: ClientId::new([2; CLIENT_ID_BYTES]), ..with }));
    }

    proptest! {
        #[test]
        fn no_stated_time_lies_ahead(seconds in 0..=NOW.unix_seconds() + 60, text in "\\PC{0,40}") {
            let stated = stated_sign_in(&Timestamp::from_unix_seconds(seconds).rfc3339(), NOW);
            prop_assert_eq!(stated, Ok(Timestamp::from_unix_seconds(seconds.min(NOW.unix_seconds()))));
            prop_assert!(stated_sign_in(&text, NOW).map_or(true, |stated| stated <= NOW));
        }
    }
}
