//! The only place that reads randomness.
use std::fmt;
use std::sync::Arc;

use domain::Token;
use domain::oidc::{ClientId, ClientSecret};
use domain::password::SALT_BYTES;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Where random bytes come from; clones draw from the same source.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Entropy {
    /// The operating system's generator, through `ring`.
    pub fn system() -> Self {
        let random = SystemRandom::new();
        Self::new(move |bytes| {
            random.fill(bytes).expect("the operating system has a random number generator");
        })
    }

    /// Randomness from a function that fills a slice. Outside tests it must be a cryptographically secure generator
    /// (ASVS 5.0 V11.5.1).
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// A new secret.
    pub fn token(&self) -> Token {
        Token::from_bytes(self.bytes())
    }

    /// A new salt.
    pub fn salt(&self) -> [u8; SALT_BYTES] {
        self.bytes()
    }

    /// 128 random bits for a key that need not be secret.
    pub fn id(&self) -> u128 {
        u128::from_be_bytes(self.bytes())
    }

    /// The id of a new client.
    pub fn client_id(&self) -> ClientId {
        ClientId::new(self.bytes())
    }

    /// A new secret of a client.
    pub fn client_secret(&self) -> ClientSecret {
        ClientSecret::from_bytes(self.bytes())
    }

    /// A fraction from 0 to 1, to spread retries.
    pub(crate) fn jitter(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.bytes())) / f64::from(u32::MAX)
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
