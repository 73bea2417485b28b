//! Where somebody returns to whom a product has handed over. A cookie keeps it, and not the session: who has to sign in again
//! before a change begins another session, and still wants to return. It is kept as long as the session of the hand-over.
//!
//! Any browser can make the cookie up. It is shown only where the product has registered the address, so a forgery leads to an
//! address that the operator has vouched for, or nowhere.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::oidc::{ClientId, RedirectUri};
use domain::{AccountId, WayBack};

use super::wanted_change::mark;

/// The longest value that is read: the longest address in base64, an id and a mark.
const MAX_BYTES: usize = 1_500;
/// Not a character of base64url.
const SEPARATOR: char = '.';

/// The cookie's value, for this account.
pub(super) fn encode(way: &WayBack, account: &AccountId) -> String {
    let location = URL_SAFE_NO_PAD.encode(way.location.as_str());
    format!("{}{SEPARATOR}{}{SEPARATOR}{location}", way.client.as_str(), mark(account))
}

/// Reads the cookie. Nothing for anything else, or for another account: in a shared browser another person may have signed in.
pub(super) fn decode(value: &str, account: &AccountId) -> Option<WayBack> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let mut parts = value.split(SEPARATOR);
    let (client, owner, location) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || owner != mark(account) {
        return None;
    }
    let location = String::from_utf8(URL_SAFE_NO_PAD.decode(location).ok()?).ok()?;
    Some(WayBack { client: ClientId::parse(client).ok()?, location: RedirectUri::parse(&location).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn way(location: &str) -> WayBack {
        let location = RedirectUri::parse(location).expect("an address");
        WayBack { client: ClientId::new([7; 16]), location }
    }

    #[test]
    fn a_way_back_is_read_by_the_account_that_it_is_of_and_by_no_other() {
        let (mina, joris) = (AccountId::new("mina"), AccountId::new("joris"));
        let longest = format!("https://shop.example.com/{}", "a".repeat(1_024 - 25));
        for location in ["https://shop.example.com/settings?tab=recovery", &*longest] {
            let value = encode(&way(location), &mina);
            assert_eq!(decode(&value, &mina), Some(way(location)));
            assert_eq!(decode(&value, &joris), None);
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let mina = AccountId::new("mina");
        let good = encode(&way("https://shop.example.com/"), &mina);
        let with = |location: &str| {
            let (start, _) = good.rsplit_once('.').expect("three parts");
            format!("{start}.{}", URL_SAFE_NO_PAD.encode(location))
        };
        assert_eq!(decode(&with("https://shop.example.com/"), &mina), Some(way("https://shop.example.com/")));
        for bad in [
            String::new(),
            "..".into(),
            format!("{good}.x"),
            good.replace('.', ""),
            format!("x{good}"),
            with("http://shop.example.com/"),
            with("javascript:alert(1)"),
            with("/account"),
            with("https://shop.example.com/#x"),
            "A".repeat(100_000),
        ] {
            assert_eq!(decode(&bad, &mina), None, "{bad:.60}");
        }
    }

    proptest! {
        #[test]
        fn every_cookie_can_be_read(value in "\\PC*") {
            let _ = decode(&value, &AccountId::new("mina"));
        }
    }
}
