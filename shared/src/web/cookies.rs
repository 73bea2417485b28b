//! The cookies: names, attributes, how they are written and read.
//!
//! `__Host-`: from this host only, over TLS only, for the whole site (ASVS 5.0 V3.3.1 and V3.3.3). No script can
//! read them. `Lax`, because links in emails must arrive with the session; POSTs of other sites are refused by origin.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};

use domain::Token;
use domain::oidc::ClientName;
use domain::session::FRESH_FOR;

/// Who is signed in.
pub(super) const SESSION: &str = "__Host-session";
/// The requests for a link from this browser.
pub(super) const LINK_REQUESTS: &str = "__Host-asked";
/// The accounts that were signed in to in this browser.
pub(super) const DEVICE: &str = "__Host-device";
/// What somebody wanted to change who has to sign in again first.
pub(super) const WANTED: &str = "__Host-wanted";

/// What a product asked for while nobody was signed in.
pub(super) const AUTHORIZE: &str = "__Host-authorize";
/// The name of that client.
pub(super) const CLIENT: &str = "__Host-client";
/// The name of a client that waits in another browser, for the page after a sign-in in this one.
pub(super) const CLIENT_ELSEWHERE: &str = "__Host-elsewhere";
/// Where somebody returns to whom a product has handed over.
pub(super) const WAY_BACK: &str = "__Host-back";
/// The last request for an email from this browser, for the page that says that it is on its way.
pub(super) const REQUESTED: &str = "__Host-requested";
/// What the next page says about what was done.
pub(super) const BANNER: &str = "__Host-banner";

/// A page that nobody opens within a minute says nothing about what was done before.
pub(super) const BANNER_LIFETIME: Duration = Duration::from_mins(1);
/// A wanted change is kept as long as a sign-in is fresh. After that it is forgotten.
pub(super) const WANTED_LIFETIME: Duration = FRESH_FOR;
/// The longest address (RFC 5321 section 4.5.3.1.3 without the angle brackets), in bytes: nothing longer can become a
/// backup email, so nothing longer is kept.
pub(super) const MAX_TYPED_BYTES: usize = 254;

/// A cookie of this lifetime.
pub(super) fn kept(name: &'static str, value: String, lifetime: Duration) -> Cookie<'static> {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    Cookie::build((name, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(seconds))
        .build()
}

/// A cookie that the browser deletes.
pub(super) fn cleared(name: &'static str) -> Cookie<'static> {
    kept(name, String::new(), Duration::ZERO)
}

/// Reads a cookie from a request's `Cookie` lines; the first of that name counts.
pub(super) fn read(lines: &[String], name: &str) -> Option<String> {
    let cookies = lines.iter().flat_map(|line| Cookie::split_parse(line.as_str())).filter_map(Result::ok);
    cookies.into_iter().find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Requests for a link that a browser keeps: as many as an impatient person makes.
const MAX_LINK_REQUESTS: usize = 3;
/// Not a character of base64url.
const SEPARATOR: char = '.';

/// The secrets of the last requests for a link, the latest first.
pub(super) fn encode_link_requests(latest: &Token, former: &[Token]) -> String {
    let kept = std::iter::once(latest).chain(former).take(MAX_LINK_REQUESTS).map(Token::expose);
    kept.collect::<Vec<_>>().join(&SEPARATOR.to_string())
}

/// The secrets of the last requests for a link. Anything else is ignored.
pub(super) fn decode_link_requests(value: &str) -> Vec<Token> {
    let parts = value.split(SEPARATOR).take(MAX_LINK_REQUESTS);
    parts.filter_map(|part| Token::parse(part).ok()).collect()
}

/// The name of a product: base64url, because a cookie may contain neither quotes nor letters beyond ASCII.
pub(super) fn encode_client(name: &ClientName) -> String {
    URL_SAFE_NO_PAD.encode(name.as_str())
}

/// The name of a product; nothing for what is no name of one.
pub(super) fn decode_client(value: &str) -> Option<String> {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
    ClientName::parse(&name).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cookie_is_found_on_any_line_and_the_first_of_a_name_counts() {
        let lines =
            ["a=1; __Host-asked=x".to_owned(), "broken; __Host-session=y; __Host-session=z".to_owned()];
        assert_eq!(read(&lines, LINK_REQUESTS).as_deref(), Some("x"));
        assert_eq!(read(&lines, SESSION).as_deref(), Some("y"));
        assert_eq!(read(&lines, WANTED), None);
    }

    #[test]
    fn the_last_three_requests_are_kept_and_nothing_else_is_read() {
        let [one, two, three, four] = [1, 2, 3, 4].map(|byte| Token::from_bytes([byte; 32]));
        let value = encode_link_requests(&four, &[three, two, one]);
        let read: Vec<_> = decode_link_requests(&value).iter().map(Token::expose).collect();
        assert_eq!(read.join("."), value);
        assert_eq!(read.len(), MAX_LINK_REQUESTS);
        assert!(decode_link_requests("").is_empty() && decode_link_requests(&"x.".repeat(9_999)).is_empty());
    }

    #[test]
    fn every_cookie_has_all_attributes() {
        assert_eq!(
            kept(LINK_REQUESTS, "x".into(), Duration::from_mins(10)).to_string(),
            "__Host-asked=x; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"
        );
        assert_eq!(
            cleared(WANTED).to_string(),
            "__Host-wanted=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn the_name_of_a_product_survives_and_nothing_else_is_one() {
        for name in ["Shop", "Größe & Co \"x\"", &"あ".repeat(80)] {
            let parsed = ClientName::parse(name).expect("a name");
            assert_eq!(decode_client(&encode_client(&parsed)).as_deref(), Some(name));
        }
        let other = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for value in ["", "x", "..", &other(""), &other("a\u{202e}b"), &other(&"a".repeat(81))] {
            assert_eq!(decode_client(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_line_can_be_read(lines in proptest::collection::vec("(__Host-wanted=)?\\PC*", 0..3)) {
            let _ = read(&lines, WANTED);
        }
    }
}
