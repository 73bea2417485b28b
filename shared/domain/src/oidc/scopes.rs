//! What a client may learn of a person.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Signing in at all; every request must have it.
const OPENID: &str = "openid";
/// The username and the language.
const PROFILE: &str = "profile";
/// The primary email.
const EMAIL: &str = "email";

/// The scopes of a request, and of the tokens that follow from it. `openid` is always one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Scopes {
    /// The username and the language.
    pub profile: bool,
    /// The primary email.
    pub email: bool,
}

/// `openid` is not among them, so the request is none of OpenID Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the scope openid is missing")]
pub struct NoOpenId;

impl Scopes {
    /// All that there are, as the discovery document lists them.
    pub const SUPPORTED: [&'static str; 3] = [OPENID, PROFILE, EMAIL];

    /// Parses names that are separated by spaces (RFC 6749, section 3.3). Unknown ones are ignored (OpenID Connect Core 1.0,
    /// section 3.1.2.1): the answer says what was granted.
    pub fn parse(text: &str) -> Result<Self, NoOpenId> {
        let has = |scope| text.split(' ').any(|name| name == scope);
        if has(OPENID) { Ok(Self { profile: has(PROFILE), email: has(EMAIL) }) } else { Err(NoOpenId) }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OPENID)?;
        for (granted, name) in [(self.profile, PROFILE), (self.email, EMAIL)] {
            if granted {
                write!(f, " {name}")?;
            }
        }
        Ok(())
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl TryFrom<String> for Scopes {
    type Error = NoOpenId;

    fn try_from(text: String) -> Result<Self, NoOpenId> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn openid_must_be_there_and_unknown_ones_are_ignored() {
        for (asked, granted) in [
            ("openid", Ok("openid")),
            ("openid profile email", Ok("openid profile email")),
            ("email openid", Ok("openid email")),
            ("profile  openid openid", Ok("openid profile")),
            ("openid offline_access phone", Ok("openid")),
            ("", Err(NoOpenId)),
            ("profile email", Err(NoOpenId)),
            ("OpenID", Err(NoOpenId)),
            ("openid,email", Err(NoOpenId)),
            ("openid\temail", Err(NoOpenId)),
        ] {
            assert_eq!(
                Scopes::parse(asked).map(|scopes| scopes.to_string()),
                granted.map(str::to_owned),
                "{asked}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_granted_is_read_as_the_same(text in "(openid|profile|email| |\\PC){0,8}") {
            if let Ok(scopes) = Scopes::parse(&text) {
                prop_assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
            }
        }
    }
}
