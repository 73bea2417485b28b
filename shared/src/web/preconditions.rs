//! Conditional requests (RFC 9110, section 13): the tag of a representation, and what a request expects of it.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use ring::digest::{SHA256, digest};

use super::problem::{Code, Problem};

/// The strong tag of a representation (RFC 9110, section 8.8.3): a hash of its bytes, with the quotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

impl EntityTag {
    /// The tag of these bytes.
    pub fn of(representation: &[u8]) -> Self {
        let hash = digest(&SHA256, representation);
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])))
    }

    /// As the header `ETag` has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    /// `*`: any representation.
    Any,
    /// One of these tags, as they were sent.
    Tags(Vec<String>),
    /// Neither of both. A client that sends such a header wants a condition, and gets one that is false.
    Unreadable,
}

/// What a request expects before its method is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    matching: Option<Expected>,
    none_matching: Option<Expected>,
}

/// A precondition is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreconditionFailed {
    /// The client has this representation already: it asked with GET for another one.
    NotModified,
    /// The method is not to be applied.
    Failed,
}

impl Preconditions {
    /// Reads them from the headers of a request. A header that cannot be read is no missing one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { matching: expected(headers, &IF_MATCH), none_matching: expected(headers, &IF_NONE_MATCH) }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether one is false unless the client has read the present representation. `*` is not: any is as good.
    pub fn require_present_tag(&self) -> bool {
        matches!(self.matching, Some(Expected::Tags(_)))
    }

    /// Whether they hold for the present representation, if there is one (RFC 9110, section 13.2.2). `If-Match` compares
    /// strongly and `If-None-Match` weakly. One that cannot be read fails whatever the method.
    pub fn check(&self, method: &Method, present: Option<&EntityTag>) -> Result<(), PreconditionFailed> {
        let equals = |expected: &Expected, weakly: bool| match (expected, present) {
            (_, None) | (Expected::Unreadable, _) => false,
            (Expected::Any, Some(_)) => true,
            (Expected::Tags(tags), Some(present)) => tags.iter().any(|tag| {
                let tag = if weakly { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
                tag == present.as_str()
            }),
        };
        if self.none_matching == Some(Expected::Unreadable)
            || self.matching.as_ref().is_some_and(|expected| !equals(expected, false))
        {
            return Err(PreconditionFailed::Failed);
        }
        if self.none_matching.as_ref().is_some_and(|expected| equals(expected, true)) {
            return Err(if method.is_safe() {
                PreconditionFailed::NotModified
            } else {
                PreconditionFailed::Failed
            });
        }
        Ok(())
    }
}

impl From<PreconditionFailed> for Problem {
    fn from(_: PreconditionFailed) -> Self {
        Code::PreconditionFailed.into()
    }
}

fn expected(headers: &HeaderMap, name: &HeaderName) -> Option<Expected> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let lines: Result<Vec<&str>, _> = lines.map(|line| line.to_str()).collect();
    Some(match lines.map(|lines| lines.join(",")) {
        Ok(list) if list.trim() == "*" => Expected::Any,
        Ok(list) => tags(&list).map_or(Expected::Unreadable, Expected::Tags),
        Err(_) => Expected::Unreadable,
    })
}

/// The tags of a list with at least one (RFC 9110, sections 5.6.1.2 and 8.8.3); nothing if there is anything else in it.
fn tags(list: &str) -> Option<Vec<String>> {
    let between = [' ', '\t', ','];
    let (mut tags, mut rest) = (Vec::new(), list.trim_matches(between));
    while !rest.is_empty() {
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (opaque, after) = opaque.split_once('"')?;
        let is_followed = after.is_empty() || after.trim_start_matches([' ', '\t']).starts_with(',');
        if !is_followed || !opaque.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(rest[..rest.len() - after.len()].to_owned());
        rest = after.trim_start_matches(between);
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(
        method: &Method,
        sent: &[(HeaderName, &str)],
        present: Option<&EntityTag>,
    ) -> Result<(), PreconditionFailed> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        Preconditions::of(&headers).check(method, present)
    }

    #[test]
    fn a_tag_is_strong_and_follows_the_bytes() {
        let (one, other) = (EntityTag::of(b"{}"), EntityTag::of(b"{ }"));
        assert_ne!(one, other);
        assert_eq!(one, EntityTag::of(b"{}"));
        assert!(one.as_str().starts_with('"') && one.as_str().ends_with('"') && one.as_str().len() == 24);
        assert!(!one.as_str().contains(','));
    }

    #[test]
    fn if_match_lets_only_the_present_representation_pass() {
        let tag = EntityTag::of(b"1");
        let (own, weak, other) = (tag.as_str(), &*format!("W/{}", tag.as_str()), "\"other\"");
        let failed = Err(PreconditionFailed::Failed);
        for (value, with, without) in [
            (own, Ok(()), failed),
            ("*", Ok(()), failed),
            (&*format!("{other}, {own}"), Ok(()), failed),
            (&*format!("{other},{own} "), Ok(()), failed),
            (other, failed, failed),
            // Strong comparison: a weak tag is equal to none.
            (weak, failed, failed),
            (own.trim_matches('"'), failed, failed),
            ("", failed, failed),
            (",", failed, failed),
            ("* , *", failed, failed),
            ("ä", failed, failed),
        ] {
            for method in [Method::PUT, Method::DELETE, Method::GET] {
                let sent = [(IF_MATCH, value)];
                assert_eq!(check(&method, &sent, Some(&tag)), with, "{method} {value}");
                assert_eq!(check(&method, &sent, None), without, "{method} {value}, nothing there");
            }
        }
    }

    #[test]
    fn if_none_match_keeps_a_put_from_what_exists_and_a_get_from_what_is_known() {
        let tag = EntityTag::of(b"1");
        let (own, weak) = (tag.as_str(), &*format!("W/{}", tag.as_str()));
        for value in ["*", own, weak, &*format!("\"other\", {own}")] {
            let sent = [(IF_NONE_MATCH, value)];
            assert_eq!(check(&Method::PUT, &sent, Some(&tag)), Err(PreconditionFailed::Failed), "{value}");
            assert_eq!(
                check(&Method::GET, &sent, Some(&tag)),
                Err(PreconditionFailed::NotModified),
                "{value}"
            );
            assert_eq!(check(&Method::PUT, &sent, None), Ok(()), "{value}");
        }
        for value in ["\"other\"", "\"a,b\"", "W/\"\" ,, \"x\"", "\"\","] {
            for method in [Method::GET, Method::PUT] {
                assert_eq!(check(&method, &[(IF_NONE_MATCH, value)], Some(&tag)), Ok(()), "{value}");
            }
        }
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_false_for_every_method() {
        let tag = EntityTag::of(b"1");
        let (own, failed) = (tag.as_str(), Err(PreconditionFailed::Failed));
        let bare = own.trim_matches('"');
        let pair = format!("{own} {own}");
        for value in ["", " ", ",", "* , *", "*x", bare, "\"", "\"x", "w/\"x\"", "\"x y\"", &pair, "ä"] {
            for header in [IF_MATCH, IF_NONE_MATCH] {
                for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
                    let sent = [(header.clone(), value)];
                    assert_eq!(check(&method, &sent, Some(&tag)), failed, "{method} {header}: {value}");
                    assert_eq!(check(&method, &sent, None), failed, "{method} {header}: {value}");
                }
            }
        }
    }

    #[test]
    fn only_a_tag_shows_that_the_present_representation_was_read() {
        for (name, value, shows) in [
            (IF_MATCH, "\"x\"", true),
            (IF_MATCH, "*", false),
            (IF_MATCH, "", false),
            (IF_NONE_MATCH, "\"x\"", false),
        ] {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            assert_eq!(Preconditions::of(&headers).require_present_tag(), shows, "{value}");
        }
        assert!(!Preconditions::default().require_present_tag());
    }

    #[test]
    fn both_must_hold_and_several_lines_are_one_list() {
        let tag = EntityTag::of(b"1");
        let both = [(IF_MATCH, tag.as_str()), (IF_NONE_MATCH, tag.as_str())];
        assert_eq!(check(&Method::PUT, &both, Some(&tag)), Err(PreconditionFailed::Failed));
        let lines = [(IF_MATCH, "\"other\""), (IF_MATCH, tag.as_str())];
        assert_eq!(check(&Method::PUT, &lines, Some(&tag)), Ok(()));
        assert_eq!(check(&Method::PUT, &[], None), Ok(()));
        assert!(Preconditions::of(&HeaderMap::new()).is_empty());
    }
}
