//! The id that a product gives to an account of its own, by which the account API finds it.
use serde::{Deserialize, Deserializer, Serialize};

/// The most bytes of an external id.
pub const MAX_BYTES: usize = 128;

/// The external id of an account, which a product has given: unique, compared byte by byte.
///
/// It is one segment of a path in the account API. So it has no character by which a client, a proxy or a gateway could
/// change its meaning: visible ASCII without `/`, `\`, `%`, `?` and `#`, and neither `.` nor `..` (RFC 3986, section 6.2.2,
/// says what may be changed).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ExternalId(String);

/// Why a text is not an external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnExternalId {
    /// Not 1 to 128 bytes.
    #[error("an external id has 1 to 128 characters")]
    Length,
    /// A character beyond visible ASCII, or one that means something in a URL.
    #[error("it has the character U+{:04X}; an external id has visible ASCII only, and no / \\ % ? #", u32::from(*.0))]
    Character(char),
    /// `.` and `..` are removed from paths on the way.
    #[error("an external id is neither . nor ..")]
    Dots,
}

impl ExternalId {
    /// Parses an id as the product has it. Nothing is trimmed or folded.
    pub fn parse(text: &str) -> Result<Self, NotAnExternalId> {
        if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(NotAnExternalId::Character(c));
        }
        match text {
            "." | ".." => Err(NotAnExternalId::Dots),
            _ if text.is_empty() || text.len() > MAX_BYTES => Err(NotAnExternalId::Length),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The id as the product has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '/' | '\\' | '%' | '?' | '#')
}

impl<'de> Deserialize<'de> for ExternalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_every_common_kind_are_accepted_as_they_are() {
        for id in [
            "7",
            "user_2aB",
            "0190b1f2-7c3e-7d5a-9b1e-3f2a4c5d6e7f",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "mina@example.com",
            "tenant:4",
            "a.b",
            "...",
            "-",
            "~!$&'()*+,;=:@[]{}<>\"^`|_",
            &"x".repeat(MAX_BYTES),
        ] {
            assert_eq!(ExternalId::parse(id).expect(id).as_str(), id);
        }
        assert_ne!(ExternalId::parse("Mina"), ExternalId::parse("mina"), "case counts");
    }

    #[test]
    fn what_a_url_could_change_is_refused() {
        for (text, why) in [
            ("", NotAnExternalId::Length),
            (&*"x".repeat(MAX_BYTES + 1), NotAnExternalId::Length),
            (".", NotAnExternalId::Dots),
            ("..", NotAnExternalId::Dots),
            ("a/b", NotAnExternalId::Character('/')),
            ("a\\b", NotAnExternalId::Character('\\')),
            ("a%62", NotAnExternalId::Character('%')),
            ("a?b", NotAnExternalId::Character('?')),
            ("a#b", NotAnExternalId::Character('#')),
            ("a b", NotAnExternalId::Character(' ')),
            (" a", NotAnExternalId::Character(' ')),
            ("a\n", NotAnExternalId::Character('\n')),
            ("a\u{7f}", NotAnExternalId::Character('\u{7f}')),
            ("søren", NotAnExternalId::Character('ø')),
            ("ａ", NotAnExternalId::Character('ａ')),
        ] {
            assert_eq!(ExternalId::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn json_is_read_as_strictly() {
        let read = |json: &str| serde_json::from_str::<ExternalId>(json).ok();
        assert_eq!(read(r#""a-7""#), ExternalId::parse("a-7").ok());
        assert_eq!([read(r#""a/7""#), read("7"), read("null"), read(r#""""#)], [const { None }; 4]);
    }

    proptest! {
        #[test]
        fn every_accepted_id_is_one_segment_of_a_path(text in "[!-~]{0,130}") {
            if let Ok(id) = ExternalId::parse(&text) {
                prop_assert!(!id.as_str().contains(['/', '\\', '%', '?', '#']) && id.as_str() == text);
            }
        }
    }
}
