//! What a stranger types to identify an account. Nothing here reveals whether that account exists.
use serde::{Deserialize, Serialize};

use super::email_address::{self, EmailAddress};
use super::username::Username;

/// The content of the "username or email" field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// A text without `@` that can be a username.
    Username(Username),
    /// A text with `@` that can be an address.
    Email(EmailAddress),
    /// Neither, so it names nobody. Sign-in handles it like an unknown username.
    Neither(String),
}

/// What was typed is cut here: no username or address is longer.
const MAX_KEPT_CHARS: usize = 256;

impl Identifier {
    /// Parses the field; every text is one of the three.
    pub fn parse(typed: &str) -> Self {
        // Without control characters: a zero byte separates the parts of what is hashed.
        let kept =
            || typed.trim().to_lowercase().chars().filter(|c| !c.is_control()).take(MAX_KEPT_CHARS).collect();
        let neither = || Self::Neither(kept());
        if typed.contains(['@', '\u{ff20}']) {
            EmailAddress::parse(typed).map_or_else(|_| neither(), Self::Email)
        } else {
            Username::parse(typed).map_or_else(|_| neither(), Self::Username)
        }
    }

    /// The text under which attempts are counted, the same for known and unknown identifiers.
    pub fn counted_as(&self) -> &str {
        match self {
            Self::Username(username) => username.canonical(),
            Self::Email(address) => address.canonical(),
            Self::Neither(text) => text,
        }
    }
}

/// What a stranger typed into an email field. Whether it is an address tells nothing about accounts, so a person is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TypedAddress(String);

impl TypedAddress {
    /// Parses an address that email can be sent to.
    pub fn parse(typed: &str) -> Result<Self, email_address::NotAnAddress> {
        EmailAddress::parse(typed).map(|address| Self::from(&address))
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address. Requests of earlier versions may have a text that is none.
    pub fn address(&self) -> Option<EmailAddress> {
        EmailAddress::parse(&self.0).ok()
    }
}

impl From<&EmailAddress> for TypedAddress {
    fn from(address: &EmailAddress) -> Self {
        Self(address.canonical().into())
    }
}

impl std::fmt::Debug for TypedAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address() {
            Some(address) => address.fmt(f),
            None => f.write_str("***"),
        }
    }
}

impl From<TypedAddress> for String {
    fn from(typed: TypedAddress) -> Self {
        typed.0
    }
}

impl TryFrom<String> for TypedAddress {
    type Error = email_address::NotAnAddress;

    /// Reads what is queued, by an earlier version too.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > email_address::MAX_BYTES {
            return Err(email_address::NotAnAddress::TooLong);
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_sign_decides_what_an_identifier_is() {
        assert!(matches!(Identifier::parse("Mina "), Identifier::Username(_)));
        assert!(matches!(Identifier::parse("mina@example.com"), Identifier::Email(_)));
        for nobody in ["", "ab", "mina@", "\"a\"@example.com", "two words"] {
            assert!(matches!(Identifier::parse(nobody), Identifier::Neither(_)), "{nobody:?}");
        }
        assert_eq!(Identifier::parse(&"x ".repeat(9_000)).counted_as().chars().count(), MAX_KEPT_CHARS);
    }

    #[test]
    fn what_is_counted_has_no_control_characters() {
        assert_eq!(Identifier::parse("mina\0 1\u{85}").counted_as(), "mina 1");
    }

    #[test]
    fn a_typed_address_is_one_that_email_can_be_sent_to() {
        for typed in ["Mina@Example.com", " mina@example.com ", "Mina <mina@example.com>"] {
            assert_eq!(TypedAddress::parse(typed).expect("an address").as_str(), "mina@example.com");
        }
        for not in
            ["", "mina", "@example.com", "mina@", "mina@example", "\"a b\"@example.com", "a@[192.0.2.1]"]
        {
            assert!(TypedAddress::parse(not).is_err(), "{not:?}");
        }
    }

    #[test]
    fn what_an_earlier_version_queued_is_read_and_names_nobody() {
        let queued = TypedAddress::try_from("\"a b\"@example.com".to_owned()).expect("it was accepted then");
        assert_eq!(queued.address(), None);
        assert!(TypedAddress::try_from("a".repeat(255)).is_err());
    }
}
