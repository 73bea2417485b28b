//! Signed tokens: JSON Web Signatures in the compact form (RFC 7515), by `RS256` alone.
//!
//! Only tokens of our own are read here, so a header must be exactly one that is written here. That leaves no room for `none`,
//! for a symmetric algorithm, for a key that the token brings along or for a `crit`.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::jwk::{KeyId, PublicKeys};

/// RSASSA-PKCS1-v1_5 with SHA-256, which every client can verify (OpenID Connect Core 1.0, section 15.1).
pub const ALGORITHM: &str = "RS256";
/// Longest token that is read, in bytes. Ours have about a thousand.
pub const MAX_BYTES: usize = 8_192;

/// What a token is for: the header `typ`. One kind cannot be taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// An ID token.
    Id,
    /// An access token (RFC 9068, section 2.1).
    Access,
}

impl TokenType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "JWT",
            Self::Access => "at+jwt",
        }
    }
}

/// The header, which has these members and no others. `serde` refuses one that is there twice.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// A token that waits for its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedToken(String);

impl UnsignedToken {
    pub(super) fn new(typ: TokenType, key: &KeyId, claims: &impl Serialize) -> Self {
        let header =
            Header { alg: ALGORITHM.to_owned(), typ: typ.as_str().to_owned(), kid: key.as_str().to_owned() };
        let encode = |json: serde_json::Result<Vec<u8>>| {
            URL_SAFE_NO_PAD.encode(json.expect("texts, numbers and lists of them are JSON"))
        };
        Self(format!("{}.{}", encode(serde_json::to_vec(&header)), encode(serde_json::to_vec(claims))))
    }

    /// What is signed (RFC 7515, section 5.1): about a thousand bytes, and KMS takes 4,096.
    pub fn signing_input(&self) -> &str {
        &self.0
    }

    /// The token.
    pub fn with_signature(self, signature: &[u8]) -> String {
        format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Why a text is no token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// Over 8,192 bytes.
    #[error("the token is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url without padding, or not the JSON that it must be.
    #[error("the token is malformed")]
    Malformed,
    /// The header has other members than `alg`, `typ` and `kid`, or one of them twice.
    #[error("the header of the token is not one of ours")]
    Header,
    /// It was signed by another algorithm, or by none.
    #[error("the token is not signed by {ALGORITHM}")]
    Algorithm,
    /// It is a token for another use.
    #[error("the token is for another use")]
    Type,
    /// No key has this name, or no longer.
    #[error("the key of the token is unknown")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature of the token is wrong")]
    Signature,
}

/// The key that a text names which may be a token. It is only the key that has to be tried: nothing is verified yet.
pub fn named_key(token: &str) -> Option<KeyId> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(token.split_once('.')?.0).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    KeyId::parse(&header.kid).ok()
}

/// Verifies a token of this type, and returns its claims: nothing in them may be looked at before that. They still have to be
/// judged.
pub(super) fn verify(token: &str, typ: TokenType, keys: &PublicKeys) -> Result<Vec<u8>, NotVerified> {
    if token.len() > MAX_BYTES {
        return Err(NotVerified::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(NotVerified::Malformed)?;
    let (header, claims) = signing_input.split_once('.').ok_or(NotVerified::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotVerified::Malformed);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| NotVerified::Header)?;
    if header.alg != ALGORITHM {
        return Err(NotVerified::Algorithm);
    }
    if header.typ != typ.as_str() {
        return Err(NotVerified::Type);
    }
    let key = keys.find(&header.kid).ok_or(NotVerified::UnknownKey)?;
    if key.verify(signing_input.as_bytes(), &signature) { Ok(claims) } else { Err(NotVerified::Signature) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::hmac;

    use super::super::test_keys::{FIRST_SPKI, first, keys, second};
    use super::*;

    fn encode(text: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    /// A token of the first key with this header and these claims.
    fn signed(header: &str, claims: &str) -> String {
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = first().signature(input.as_bytes());
        format!("{input}.{}", encode(signature))
    }

    fn header(kid: &str) -> String {
        format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{kid}"}}"#)
    }

    #[test]
    fn what_is_signed_is_verified_with_its_own_key_and_for_its_own_use() {
        for key in [first(), second()] {
            let token = UnsignedToken::new(TokenType::Access, key.public.id(), &["claims"]);
            let token = key.sign(token);
            assert_eq!(named_key(&token).as_ref(), Some(key.public.id()));
            assert_eq!(verify(&token, TokenType::Access, &keys()), Ok(br#"["claims"]"#.to_vec()));
            assert_eq!(verify(&token, TokenType::Id, &keys()), Err(NotVerified::Type));
            let none = PublicKeys::new(vec![]);
            assert_eq!(verify(&token, TokenType::Access, &none), Err(NotVerified::UnknownKey));
        }
        // The name of one key and the signature of the other.
        let forged = second().sign(UnsignedToken::new(TokenType::Id, first().public.id(), &["claims"]));
        assert_eq!(verify(&forged, TokenType::Id, &keys()), Err(NotVerified::Signature));
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused_even_with_a_right_signature() {
        let kid = first().public.id().as_str().to_owned();
        let with = |member: &str| header(&kid).replace('}', &format!(",{member}}}"));
        let good = header(&kid);
        assert!(verify(&signed(&good, "{}"), TokenType::Id, &keys()).is_ok());
        for (header, why) in [
            (good.replace("RS256", "none"), NotVerified::Algorithm),
            (good.replace("RS256", "RS384"), NotVerified::Algorithm),
            (good.replace("RS256", "HS256"), NotVerified::Algorithm),
            (good.replace("RS256", "rs256"), NotVerified::Algorithm),
            (good.replace("JWT", "jwt"), NotVerified::Type),
            (good.replace("JWT", "at+jwt"), NotVerified::Type),
            (good.replace("JWT", "JOSE"), NotVerified::Type),
            (header(""), NotVerified::UnknownKey),
            (header("x"), NotVerified::UnknownKey),
            (with(r#""crit":["exp"]"#), NotVerified::Header),
            (with(r#""b64":false"#), NotVerified::Header),
            (with(r#""jwk":{}"#), NotVerified::Header),
            (with(r#""jku":"https://example.net/""#), NotVerified::Header),
            (with(r#""alg":"RS256""#), NotVerified::Header),
            (with(r#""alg":"none""#), NotVerified::Header),
            (with(&format!(r#""\u006bid":"{kid}""#)), NotVerified::Header),
            (good.replace(r#""typ":"JWT","#, ""), NotVerified::Header),
            (good.replace(r#""RS256""#, "null"), NotVerified::Header),
            (format!("{good}{good}"), NotVerified::Header),
            (String::new(), NotVerified::Header),
            ("[]".into(), NotVerified::Header),
        ] {
            assert_eq!(verify(&signed(&header, "{}"), TokenType::Id, &keys()), Err(why), "{header}");
        }
    }

    #[test]
    fn the_public_key_is_no_secret_of_a_symmetric_algorithm() {
        let kid = first().public.id().as_str().to_owned();
        for algorithm in ["HS256", "RS256"] {
            let input = format!("{}.{}", encode(header(&kid).replace("RS256", algorithm)), encode("{}"));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, FIRST_SPKI), input.as_bytes());
            assert!(verify(&format!("{input}.{}", encode(tag)), TokenType::Id, &keys()).is_err());
        }
    }

    #[test]
    fn the_text_of_a_token_is_three_parts_of_strict_base64url() {
        let token = signed(&header(first().public.id().as_str()), r#"{"a":1}"#);
        let [head, claims, signature] = *token.split('.').collect::<Vec<_>>().as_slice() else {
            panic!("three parts")
        };
        let long = format!("{head}.{}.{signature}", "A".repeat(MAX_BYTES));
        // The same bytes with other bits behind the last one.
        let (start, last) = signature.split_at(signature.len() - 1);
        let last = match last {
            "A" => "B",
            "Q" => "R",
            "g" => "h",
            _ => "x",
        };
        for (token, why) in [
            (String::new(), NotVerified::Malformed),
            (format!("{head}.{claims}"), NotVerified::Malformed),
            (format!("{token}."), NotVerified::Malformed),
            (format!("{token}.{signature}"), NotVerified::Malformed),
            (format!("{token}=="), NotVerified::Malformed),
            (format!("{token} "), NotVerified::Malformed),
            (format!(" {token}"), NotVerified::Malformed),
            (format!("{head}.{claims}.{start}{last}"), NotVerified::Malformed),
            (format!("{head}.{claims}.{}", signature.replace(['-', '_'], "+")), NotVerified::Malformed),
            (format!("{head}.{claims}."), NotVerified::Signature),
            (format!("{head}..{signature}"), NotVerified::Signature),
            (format!("{head}.{}.{signature}", encode(r#"{"a":2}"#)), NotVerified::Signature),
            (format!(".{claims}.{signature}"), NotVerified::Header),
            (long, NotVerified::TooLong),
        ] {
            assert_eq!(verify(&token, TokenType::Id, &keys()), Err(why), "{token:.80}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_token_with_another_letter_is_none(place in 0_usize..2_000, letter in "[A-Za-z0-9_.-]") {
            let token = signed(&header(first().public.id().as_str()), r#"{"sub":"a"}"#);
            let place = place % token.len();
            let changed = format!("{}{letter}{}", &token[..place], &token[place + 1..]);
            prop_assert_eq!(verify(&changed, TokenType::Id, &keys()).is_ok(), changed == token);
        }

        #[test]
        fn anything_else_is_none(text in "\\PC{0,60}|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
            prop_assert!(verify(&text, TokenType::Id, &PublicKeys::new(vec![])).is_err());
        }
    }
}
