//! The one place where randomness is read.
use ring::rand::{SecureRandom, SystemRandom};

use domain::Token;
use domain::password::SALT_BYTES;

/// Where random bytes come from.
#[derive(Debug, Clone)]
pub enum Entropy {
    /// The operating system's generator, through `ring`.
    System(SystemRandom),
    /// A sequence that a test can repeat.
    #[cfg(feature = "testing")]
    Seeded(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Entropy {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self::System(SystemRandom::new())
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::System(random) => {
                random.fill(&mut bytes).expect("the operating system has a random number generator");
            }
            #[cfg(feature = "testing")]
            Self::Seeded(counter) => {
                let step = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let block = ring::digest::digest(&ring::digest::SHA256, &step.to_be_bytes());
                bytes
                    .iter_mut()
                    .zip(block.as_ref().iter().cycle())
                    .for_each(|(byte, random)| *byte = *random);
            }
        }
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

    /// A fraction from 0 to 1, to spread retries.
    pub fn jitter(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.bytes())) / f64::from(u32::MAX)
    }
}
