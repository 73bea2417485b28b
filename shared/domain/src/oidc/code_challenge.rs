//! Proof key for code exchange (RFC 7636): who redeems a code must be who asked for it. By `S256` alone.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Bytes of SHA-256.
const HASH_BYTES: usize = 32;
/// The length of a challenge: 32 bytes in base64url without padding.
const CHALLENGE_CHARS: usize = 43;
/// The lengths of a verifier (RFC 7636, section 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// SHA-256 of a verifier in base64url. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CodeChallenge(String);

/// The text is not 32 bytes in base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code challenge has 43 characters of base64url")]
pub struct NotACodeChallenge;

impl CodeChallenge {
    /// Parses the parameter `code_challenge`.
    pub fn parse(text: &str) -> Result<Self, NotACodeChallenge> {
        if text.len() != CHALLENGE_CHARS {
            return Err(NotACodeChallenge);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACodeChallenge)?;
        if bytes.len() == HASH_BYTES { Ok(Self(text.to_owned())) } else { Err(NotACodeChallenge) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was made of this verifier (RFC 7636, section 4.6). The comparison need not take the same time
    /// always: the challenge is no secret.
    pub fn verify(&self, verifier: &CodeVerifier) -> bool {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.0.as_bytes())) == self.0
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> Self {
        challenge.0
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = NotACodeChallenge;

    fn try_from(text: String) -> Result<Self, NotACodeChallenge> {
        Self::parse(&text)
    }
}

/// The secret of a challenge, which only the client that made the request has.
#[derive(Clone)]
pub struct CodeVerifier(String);

/// The text is not 43 to 128 unreserved characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code verifier has 43 to 128 letters, digits, hyphens, full stops, underscores and tildes")]
pub struct NotACodeVerifier;

impl CodeVerifier {
    /// Parses the parameter `code_verifier`.
    pub fn parse(text: &str) -> Result<Self, NotACodeVerifier> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if VERIFIER_CHARS.contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotACodeVerifier)
        }
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeVerifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_challenge_fits_its_verifier_alone() {
        let challenge = CodeChallenge::parse(CHALLENGE).expect("a challenge");
        let other = "a".repeat(43);
        // A challenge that is sent as its own verifier would be the method `plain`.
        for (verifier, fits) in [(VERIFIER, true), (&*other, false), (CHALLENGE, false)] {
            let verifier = CodeVerifier::parse(verifier).expect("a verifier");
            assert_eq!(challenge.verify(&verifier), fits, "{verifier:?}");
        }
    }

    #[test]
    fn a_challenge_is_43_characters_of_base64url() {
        for bad in [
            "",
            &CHALLENGE[1..],
            &format!("{CHALLENGE}="),
            &format!("{CHALLENGE}A"),
            &CHALLENGE.replace('-', "+"),
            &format!("{}N", &CHALLENGE[..42]),
            &format!("{}é", &CHALLENGE[..41]),
        ] {
            assert_eq!(CodeChallenge::parse(bad), Err(NotACodeChallenge), "{bad}");
        }
    }

    #[test]
    fn a_verifier_is_43_to_128_unreserved_characters_and_debug_hides_it() {
        for (text, good) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}-._~", "aZ9".repeat(14)), true),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{} ", "a".repeat(43)), false),
            (format!("{}é", "a".repeat(43)), false),
        ] {
            assert_eq!(CodeVerifier::parse(&text).is_ok(), good, "{text}");
        }
        let verifier = CodeVerifier::parse(VERIFIER).expect("a verifier");
        assert_eq!(format!("{verifier:?}"), "CodeVerifier(…)");
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_read_again(text in "\\PC{0,60}|[A-Za-z0-9_-]{43}") {
            if let Ok(challenge) = CodeChallenge::parse(&text) {
                prop_assert_eq!(challenge.as_str(), &*text);
                let stored = serde_json::to_string(&challenge).expect("JSON");
                prop_assert_eq!(serde_json::from_str::<CodeChallenge>(&stored).expect("a challenge"), challenge);
            }
        }
    }
}
