//! Keys for tests alone: `openssl genpkey` made them, and everybody can read them.
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::jwk::{PublicKey, PublicKeys};
use super::jws::UnsignedToken;

pub(super) const FIRST_SPKI: &[u8] = include_bytes!("test_keys/first.spki");
pub(super) const SECOND_SPKI: &[u8] = include_bytes!("test_keys/second.spki");
/// 1,024 bits.
pub(super) const SHORT_SPKI: &[u8] = include_bytes!("test_keys/short.spki");
/// 2,047 bits: as many bytes as 2,048.
pub(super) const BITS_2047_SPKI: &[u8] = include_bytes!("test_keys/bits2047.spki");
/// The exponent is 3.
pub(super) const EXPONENT_3_SPKI: &[u8] = include_bytes!("test_keys/exponent3.spki");
/// A key of ECDSA.
pub(super) const P256_SPKI: &[u8] = include_bytes!("test_keys/p256.spki");

/// A key that signs, as KMS has it.
pub(super) struct TestKey {
    pub(super) public: PublicKey,
    pair: RsaKeyPair,
}

impl TestKey {
    fn new(pkcs8: &[u8], spki: &[u8]) -> Self {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).expect("a key");
        Self { public: PublicKey::from_der(spki).expect("a key"), pair }
    }

    /// The signature of a text.
    pub(super) fn signature(&self, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        signed.expect("a signature");
        signature
    }

    /// The token with the signature of this key.
    pub(super) fn sign(&self, token: UnsignedToken) -> String {
        let signature = self.signature(token.signing_input().as_bytes());
        token.with_signature(&signature)
    }
}

pub(super) fn first() -> TestKey {
    TestKey::new(include_bytes!("test_keys/first.pk8"), FIRST_SPKI)
}

pub(super) fn second() -> TestKey {
    TestKey::new(include_bytes!("test_keys/second.pk8"), SECOND_SPKI)
}

/// Both keys.
pub(super) fn keys() -> PublicKeys {
    PublicKeys::new(vec![first().public, second().public])
}
