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
        if typed.contains('@') {
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

/// What a stranger typed into an email field, if it looks like an address.
///
/// Some addresses that [`EmailAddress`] refuses (a quoted local part, an IP literal) are accepted on purpose: they go
/// through the outbox like all others, and the mailer drops them where nobody can see it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TypedAddress(String);

impl TypedAddress {
    /// Accepts any line of at most 254 bytes with an `@` inside.
    pub fn parse(typed: &str) -> Result<Self, email_address::NotAnAddress> {
        use email_address::NotAnAddress;
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(NotAnAddress::Empty);
        }
        if typed.len() > email_address::MAX_BYTES {
            return Err(NotAnAddress::TooLong);
        }
        let at_inside = typed.find('@').is_some_and(|at| at > 0) && !typed.ends_with('@');
        if !at_inside || typed.contains(char::is_control) {
            return Err(NotAnAddress::Malformed);
        }
        let canonical = EmailAddress::parse(typed)
            .map_or_else(|_| typed.to_lowercase(), |address| address.canonical().into());
        // Checked again, because some letters take more bytes in lower case, and the mailer parses what is queued.
        if canonical.len() > email_address::MAX_BYTES {
            Err(NotAnAddress::TooLong)
        } else {
            Ok(Self(canonical))
        }
    }

    /// The canonical form where there is one, else the text in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if email can be sent to it.
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

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
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
    fn a_typed_address_that_grows_in_lower_case_still_fits_where_it_is_read_again() {
        // Each of these letters is two bytes, and three in lower case.
        let grows = |letters: usize| format!("{}@example.com", "\u{130}".repeat(letters));
        let longest = TypedAddress::parse(&grows(80)).expect("252 bytes");
        assert_eq!(TypedAddress::parse(longest.as_str()).as_ref(), Ok(&longest));
        assert_eq!(TypedAddress::parse(&grows(81)), Err(email_address::NotAnAddress::TooLong));
    }

    #[test]
    fn a_typed_address_only_has_to_look_like_one() {
        for plausible in
            ["Mina@Example.com", "\"a b\"@example.com", "søren@example.com", "a@[192.0.2.1]", "a@localhost"]
        {
            assert!(TypedAddress::parse(plausible).is_ok(), "{plausible:?}");
        }
        for not in ["", "mina", "@example.com", "mina@", "mina@example.com\r\nBcc: eve@example.net"] {
            assert!(TypedAddress::parse(not).is_err(), "{not:?}");
        }
        assert_eq!(TypedAddress::parse("Mina@Example.com").expect("plausible").as_str(), "mina@example.com");
    }
}
