//! Where a browser is sent back to: addresses that an operator registered, letter by letter (RFC 9700, section 2.1).
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;
use url::{Host, Url};

/// Longest address: with its answer it fits into the header of a redirect and, with the other parameters of a request, into
/// a cookie.
pub const MAX_BYTES: usize = 1_024;
/// How an address on the loopback interface begins (RFC 8252, section 7.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];
/// Parameters of an answer (RFC 6749, section 4.1.2; RFC 9207), which must not be there twice.
const OF_THE_ANSWER: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// An address that answers may be sent to: `https`, or `http` on the loopback interface. In its normal form (WHATWG URL), so
/// that what a browser does with it is what is written there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RedirectUri(String);

/// Why an address cannot be registered. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARedirectUri {
    /// Over 1,024 bytes.
    #[error("the address is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It has letters that browsers write in another way.
    #[error("the address is not ASCII; write a host as xn--… and a path with %…")]
    NotAscii,
    /// It is no absolute URL with a host.
    #[error("the address is not an absolute URL such as https://example.com/signed-in")]
    Malformed,
    /// Everybody on the way could read the answer.
    #[error("the address is not https; plain http is for 127.0.0.1 and [::1] alone")]
    NotHttps,
    /// Its meaning is up to the resolver and the hosts file (RFC 8252, section 8.3).
    #[error("localhost may lead elsewhere; write 127.0.0.1 or [::1]")]
    Localhost,
    /// A `*`, which would be one letter of the name.
    #[error("the host has a *; there are no wildcards, so register each address")]
    Wildcard,
    /// A name or a password before the host.
    #[error("the address has a user name or a password before the host")]
    UserPart,
    /// A `#`, behind which no server sees anything (RFC 6749, section 3.1.2).
    #[error("the address has a fragment; remove the # and what follows it")]
    Fragment,
    /// A parameter that the answer has, too.
    #[error("the query has the parameter {0}, which answers have")]
    OfTheAnswer(&'static str),
    /// A browser would go to this address instead.
    #[error("a browser reads the address as another one; write {0}")]
    NotNormal(String),
}

impl RedirectUri {
    /// Parses an address that an operator registers, for signing in or for signing out.
    pub fn parse(text: &str) -> Result<Self, NotARedirectUri> {
        if text.len() > MAX_BYTES {
            return Err(NotARedirectUri::TooLong);
        }
        if !text.is_ascii() {
            return Err(NotARedirectUri::NotAscii);
        }
        let url = Url::parse(text).map_err(|_| NotARedirectUri::Malformed)?;
        match (url.scheme(), url.host()) {
            (_, None) => return Err(NotARedirectUri::Malformed),
            ("https", Some(Host::Domain(domain))) if domain.contains('*') => {
                return Err(NotARedirectUri::Wildcard);
            }
            ("https", Some(_))
            | ("http", Some(Host::Ipv4(Ipv4Addr::LOCALHOST) | Host::Ipv6(Ipv6Addr::LOCALHOST))) => {}
            ("http", Some(Host::Domain("localhost"))) => return Err(NotARedirectUri::Localhost),
            (_, Some(_)) => return Err(NotARedirectUri::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotARedirectUri::UserPart);
        }
        if url.fragment().is_some() {
            return Err(NotARedirectUri::Fragment);
        }
        if url.as_str() != text {
            return Err(NotARedirectUri::NotNormal(url.into()));
        }
        let of_the_answer = |name: &&&str| url.query_pairs().any(|(known, _)| known == **name);
        match OF_THE_ANSWER.iter().find(of_the_answer) {
            Some(name) => Err(NotARedirectUri::OfTheAnswer(name)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Whether a request may name this text: it is the same byte for byte. On the loopback interface the port may differ,
    /// because a program gets the one that is free (RFC 8252, section 7.3).
    pub fn matches(&self, asked: &str) -> bool {
        self.0 == asked
            || matches!((without_port(&self.0), without_port(asked)), (Some(own), Some(asked)) if own == asked)
    }

    /// The address as it was asked for, if that [matches](Self::matches).
    pub(super) fn asked_for(&self, asked: &str) -> Option<Self> {
        self.matches(asked).then(|| Self(asked.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with these parameters behind its own (`application/x-www-form-urlencoded`; RFC 6749, appendix B).
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> String {
        if pairs.is_empty() {
            return self.0.clone();
        }
        let added = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let separator = match self.0.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{self}{separator}{added}")
    }
}

/// What comes before and after the port of an address on the loopback interface.
fn without_port(text: &str) -> Option<(&str, &str)> {
    let (start, rest) = LOOPBACK.iter().find_map(|start| Some((*start, text.strip_prefix(start)?)))?;
    let Some(rest) = rest.strip_prefix(':') else { return Some((start, rest)) };
    let (port, path) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let is_port = !port.starts_with('0') && port.parse::<u16>().is_ok();
    is_port.then_some((start, path))
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = NotARedirectUri;

    fn try_from(text: String) -> Result<Self, NotARedirectUri> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn addresses_of_https_and_of_the_loopback_interface_are_registered_as_they_are() {
        let longest = format!("https://example.com/{}", "a".repeat(MAX_BYTES - 20));
        for text in [
            "https://example.com/",
            "https://example.com/signed-in",
            "https://example.com:8443/signed-in?from=sparekey&x=%2F",
            "https://xn--bcher-kva.example/",
            "https://example.com/a%20b/",
            "https://192.0.2.1/cb",
            "http://127.0.0.1/",
            "http://127.0.0.1:7777/cb?x=1",
            "http://[::1]/cb",
            &longest,
        ] {
            assert_eq!(uri(text).as_str(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_with_advice() {
        let normal = |text: &str| NotARedirectUri::NotNormal(text.to_owned());
        let too_long = format!("https://example.com/{}", "a".repeat(MAX_BYTES - 19));
        for (text, why) in [
            ("", NotARedirectUri::Malformed),
            ("/signed-in", NotARedirectUri::Malformed),
            ("//example.com/", NotARedirectUri::Malformed),
            ("https://", NotARedirectUri::Malformed),
            ("https://exa mple.com/", NotARedirectUri::Malformed),
            ("mailto:mina@example.com", NotARedirectUri::Malformed),
            ("data:text/html,x", NotARedirectUri::Malformed),
            ("javascript:alert(1)//https://example.com/", NotARedirectUri::Malformed),
            ("com.example.app:/cb", NotARedirectUri::Malformed),
            ("myapp://example.com/cb", NotARedirectUri::NotHttps),
            ("http://example.com/", NotARedirectUri::NotHttps),
            ("http://127.0.0.2/", NotARedirectUri::NotHttps),
            ("http://127.0.0.1.example.com/", NotARedirectUri::NotHttps),
            ("http://localhost.example.com/", NotARedirectUri::NotHttps),
            ("http://localhost:3000/cb", NotARedirectUri::Localhost),
            ("http://LOCALHOST/cb", NotARedirectUri::Localhost),
            ("https://*.example.com/", NotARedirectUri::Wildcard),
            ("https://mina@example.com/", NotARedirectUri::UserPart),
            ("https://example.com:secret@example.net/", NotARedirectUri::UserPart),
            ("https://example.com/#", NotARedirectUri::Fragment),
            ("https://example.com/cb#part", NotARedirectUri::Fragment),
            ("https://bücher.example/", NotARedirectUri::NotAscii),
            (&too_long, NotARedirectUri::TooLong),
            ("https://example.com/cb?code=1", NotARedirectUri::OfTheAnswer("code")),
            ("https://example.com/cb?a=1&st%61te=", NotARedirectUri::OfTheAnswer("state")),
            ("https://example.com", normal("https://example.com/")),
            ("https:example.com/", normal("https://example.com/")),
            ("HTTPS://Example.com/Cb", normal("https://example.com/Cb")),
            ("https://@example.com/", normal("https://example.com/")),
            ("https://example.com:443/", normal("https://example.com/")),
            ("https://example.com/a/../b", normal("https://example.com/b")),
            ("https://example.com/a/%2e%2E/b", normal("https://example.com/b")),
            ("https://example.com/./a", normal("https://example.com/a")),
            ("https://example.com\\@example.net/", normal("https://example.com/@example.net/")),
            ("https://example.com/a b", normal("https://example.com/a%20b")),
            (" https://example.com/", normal("https://example.com/")),
            ("https://example.com/a\tb\n", normal("https://example.com/ab")),
            ("http://127.1/cb", normal("http://127.0.0.1/cb")),
            ("http://2130706433/cb", normal("http://127.0.0.1/cb")),
            ("http://127.0.0.1:80/cb", normal("http://127.0.0.1/cb")),
            ("http://[0:0:0:0:0:0:0:1]/cb", normal("http://[::1]/cb")),
        ] {
            assert_eq!(RedirectUri::parse(text), Err(why), "{text:?}");
        }
        let advice = NotARedirectUri::NotNormal("https://example.com/".into()).to_string();
        assert!(advice.ends_with("write https://example.com/"), "{advice}");
    }

    #[test]
    fn what_is_asked_for_is_the_same_but_for_a_port_of_the_loopback_interface() {
        let web = "https://example.com/cb?x=1";
        for (registered, asked, same) in [
            (web, web, true),
            (web, "https://example.com/cb?x=1&y=2", false),
            (web, "https://example.com/cb", false),
            (web, "https://example.com/CB?x=1", false),
            (web, "https://example.com:443/cb?x=1", false),
            (web, "https://example.com:8443/cb?x=1", false),
            (web, "http://example.com/cb?x=1", false),
            (web, "https://example.com/a/../cb?x=1", false),
            (web, "https://example.com/cb?x=1#", false),
            (web, "", false),
            ("https://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true),
            ("http://127.0.0.1:7777/cb", "http://127.0.0.1:5000/cb", true),
            ("http://127.0.0.1:7777/cb", "http://127.0.0.1/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb", true),
            ("http://[::1]/cb", "http://[::1]:65535/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:05000/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@example.net/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1.example.net/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb/", false),
            ("http://127.0.0.1/", "http://127.0.0.1:5000", false),
            ("http://127.0.0.1/cb", "http://[::1]:5000/cb", false),
            ("http://127.0.0.1/cb", "http://localhost:5000/cb", false),
        ] {
            assert_eq!(uri(registered).matches(asked), same, "{registered} {asked}");
            assert_eq!(uri(registered).asked_for(asked).is_some(), same, "{registered} {asked}");
        }
    }

    #[test]
    fn an_answer_keeps_the_query_and_is_encoded() {
        let answer = [("code", "a&b=c"), ("state", "é +\r\n#")];
        let added = "code=a%26b%3Dc&state=%C3%A9+%2B%0D%0A%23";
        for (registered, start) in [
            ("https://example.com/", "https://example.com/?"),
            ("https://example.com/?", "https://example.com/?"),
            ("https://example.com/?x=%2F", "https://example.com/?x=%2F&"),
            ("https://example.com/?x=1&", "https://example.com/?x=1&"),
        ] {
            assert_eq!(uri(registered).with_query(&answer), format!("{start}{added}"));
            assert_eq!(uri(registered).with_query(&[]), registered);
        }
    }

    proptest! {
        #[test]
        fn what_is_registered_is_read_again_and_stays_on_its_host(
            text in "\\PC{0,60}|https?://[a-z.@:\\\\/\\[\\]0-9%?#*]{0,40}|http://127\\.0\\.0\\.1[:/?a-z0-9]{0,20}",
            value in "\\PC{0,20}",
        ) {
            if let Ok(uri) = RedirectUri::parse(&text) {
                prop_assert_eq!(uri.as_str(), &*text);
                prop_assert!(uri.matches(&text));
                let url = Url::parse(&text).expect("a URL");
                let answer = Url::parse(&uri.with_query(&[("state", &value)])).expect("a URL");
                prop_assert_eq!((answer.origin(), answer.path()), (url.origin(), url.path()));
                let states = answer.query_pairs().filter(|(name, _)| name == "state");
                prop_assert_eq!(states.map(|(_, state)| state.into_owned()).collect::<Vec<_>>(), vec![value]);
            }
        }
    }
}
