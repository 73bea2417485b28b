//! The public halves of the keys that sign tokens, as clients fetch them (RFC 7517, RFC 7518 section 6.3).
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs1::RsaPublicKeyRef;
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::{Deserialize, Serialize};
use spki::SubjectPublicKeyInfoRef;

use super::jws::ALGORITHM;

/// Lengths of a modulus, in bytes: RSA of 2,048 bits (the least of RFC 7518, section 3.3) to 4,096 (the most of KMS).
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// The exponent of all keys of KMS: 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The length of a name: SHA-256 in base64url.
const ID_CHARS: usize = 43;

/// The name of a key: its thumbprint (RFC 7638).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId(String);

/// The text is not SHA-256 in base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key")]
pub struct NotAKeyId;

impl KeyId {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, NotAKeyId> {
        let is_name = text.len() == ID_CHARS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotAKeyId) }
    }

    /// The text, 43 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;

    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        Self::parse(&text)
    }
}

/// Why bytes are no key that tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPublicKey {
    /// They are no `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
    #[error("the key is not SubjectPublicKeyInfo in DER")]
    Malformed,
    /// It is a key of another algorithm.
    #[error("the key is not one of RSA")]
    NotRsa,
    /// Its modulus has less than 2,048 or more than 4,096 bits, or its exponent is not 65537.
    #[error("the key is not one of RSA with 2,048 to 4,096 bits and the exponent 65537")]
    Unfit,
}

/// A public key of RSA.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    modulus: Vec<u8>,
}

impl PublicKey {
    /// Reads what `GetPublicKey` of KMS gives: a `SubjectPublicKeyInfo` in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, NotAPublicKey> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| NotAPublicKey::Malformed)?;
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(NotAPublicKey::NotRsa);
        }
        let key = info.subject_public_key.as_bytes().ok_or(NotAPublicKey::Malformed)?;
        let key = RsaPublicKeyRef::try_from(key).map_err(|_| NotAPublicKey::Malformed)?;
        let modulus = key.modulus.as_bytes();
        // A first byte of less than 128 would be a modulus of fewer bits.
        let has_all_bits = modulus.first().is_some_and(|byte| *byte >= 0x80);
        let fits = has_all_bits && MODULUS_BYTES.contains(&modulus.len());
        if !fits || key.public_exponent.as_bytes() != EXPONENT {
            return Err(NotAPublicKey::Unfit);
        }
        Ok(Self { id: KeyId(thumbprint(modulus)), modulus: modulus.to_owned() })
    }

    /// Its name.
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether this is the signature of this text by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let components = RsaPublicKeyComponents { n: &*self.modulus, e: &EXPONENT[..] };
        components.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id.as_str())
    }
}

/// SHA-256 of the required members in the order of their names, without white space (RFC 7638, section 3).
fn thumbprint(modulus: &[u8]) -> String {
    let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(EXPONENT));
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

/// The keys that tokens are signed with, or were, or will be: several while they are rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// The keys, the one that signs first.
    pub const fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// The key with this name.
    pub(super) fn find(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id.as_str() == id)
    }

    /// The document that clients fetch.
    pub fn to_set(&self) -> JwkSet {
        JwkSet { keys: self.0.iter().map(Jwk::from).collect() }
    }
}

/// A set of keys (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

/// A key (RFC 7517, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: KeyId,
    n: String,
    e: String,
}

impl From<&PublicKey> for Jwk {
    fn from(key: &PublicKey) -> Self {
        Self {
            kty: "RSA",
            usage: "sig",
            alg: ALGORITHM,
            kid: key.id.clone(),
            n: URL_SAFE_NO_PAD.encode(&key.modulus),
            e: URL_SAFE_NO_PAD.encode(EXPONENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::test_keys::{
        BITS_2047_SPKI, EXPONENT_3_SPKI, FIRST_SPKI, P256_SPKI, SECOND_SPKI, SHORT_SPKI, first, second,
    };
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standards_example() {
        // RFC 7638, section 3.1.
        let modulus = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB",
            "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8",
            "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_",
            "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        );
        let modulus = URL_SAFE_NO_PAD.decode(modulus).expect("base64url");
        let name = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(thumbprint(&modulus), name);
        assert_eq!(KeyId::parse(name).map(String::from).as_deref(), Ok(name));
        for other in ["", &name[1..], &format!("{name}=")[1..], &format!("{name}A"), &name.replace('-', "+")]
        {
            assert_eq!(KeyId::parse(other), Err(NotAKeyId), "{other}");
        }
    }

    #[test]
    fn a_key_is_published_as_the_standard_has_it() {
        let key = PublicKey::from_der(FIRST_SPKI).expect("a key");
        // The modulus follows the 33 bytes that begin every key of this length.
        let n = URL_SAFE_NO_PAD.encode(&FIRST_SPKI[33..289]);
        let set = serde_json::to_value(PublicKeys::new(vec![key.clone()]).to_set()).expect("JSON");
        let kid = key.id().as_str();
        let expected =
            json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": "AQAB"}]});
        assert_eq!(set, expected);
        assert_eq!(format!("{key:?}"), format!("PublicKey({kid})"));
    }

    #[test]
    fn keys_differ_by_name_and_are_found_by_it() {
        let [first, second] = [first().public, second().public];
        let keys = PublicKeys::new(vec![first.clone(), second.clone()]);
        assert_ne!(first.id(), second.id());
        assert_eq!(keys.find(second.id().as_str()), Some(&second));
        assert_eq!(keys.find(""), None);
        let set: Value = serde_json::to_value(keys.to_set()).expect("JSON");
        assert_eq!(set["keys"][0]["kid"], first.id().as_str());
    }

    #[test]
    fn other_and_weak_keys_are_refused() {
        let longer = [FIRST_SPKI, &[0]].concat();
        for (der, why) in [
            (&b""[..], NotAPublicKey::Malformed),
            (&FIRST_SPKI[..100], NotAPublicKey::Malformed),
            (&longer, NotAPublicKey::Malformed),
            // `RSAPublicKey` by itself.
            (&FIRST_SPKI[24..], NotAPublicKey::Malformed),
            (P256_SPKI, NotAPublicKey::NotRsa),
            (SHORT_SPKI, NotAPublicKey::Unfit),
            (BITS_2047_SPKI, NotAPublicKey::Unfit),
            (EXPONENT_3_SPKI, NotAPublicKey::Unfit),
        ] {
            assert_eq!(PublicKey::from_der(der), Err(why), "{}", der.len());
        }
    }

    proptest! {
        #[test]
        fn a_key_with_another_byte_is_refused_or_another_key(place in 0..SECOND_SPKI.len(), byte in any::<u8>()) {
            let mut der = SECOND_SPKI.to_vec();
            der[place] = byte;
            if let Ok(key) = PublicKey::from_der(&der) {
                prop_assert_eq!(key.id() == second().public.id(), der == SECOND_SPKI, "{}", place);
            }
        }
    }
}
