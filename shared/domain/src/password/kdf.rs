//! How other systems get from a password to the digest of its hash: function, cost, salt.
//!
//! Of an imported hash this is what is kept; its digest is not (see [`super::imported`]).
use std::fmt;
use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::pbkdf2;

use super::{MEMORY_KIB, PASSES};

/// bcrypt has 2^cost rounds: 14 take a core about a second, sixteen times what the OWASP sheet asks for.
const MAX_BCRYPT_COST: u32 = 14;
/// bcrypt reads no more of a password, a zero byte at its end included.
const BCRYPT_READS_BYTES: usize = 72;
/// bcrypt's 192 bits, of which its text form drops the last eight.
const BCRYPT_DIGEST_BYTES: usize = 23;
/// scrypt uses 128 · N · r bytes, p times: together 256 MiB, twice what the OWASP Password Storage sheet asks for.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 21;
/// PBKDF2 iterations: three times what the OWASP sheet asks for with SHA-256, one to two seconds of a core.
const MAX_ITERATIONS: u32 = 2_000_000;
/// Memory in KiB times passes of Argon2id: some 25 times today's cost, about half a second of a core.
const MAX_ARGON2_KIB: u64 = 1 << 20;
/// Memory of Argon2id in KiB, of which a function has 1,769 MB.
const MAX_ARGON2_MEMORY_KIB: u32 = 256 * 1_024;
/// Salts and digests are at most this long; no system makes longer ones, and a digest of PBKDF2 costs by its length.
const MAX_PART_BYTES: usize = 64;
/// A shorter digest could be hit by another password.
const MIN_DIGEST_BYTES: usize = 16;

/// For reading what other systems wrote.
pub(super) const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    // The last character has bits to spare, and some systems fill those of bcrypt's parts.
    .with_decode_allow_trailing_bits(true);
/// Of salts and digests, in all formats but bcrypt's.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Why a hash is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotImportable {
    /// It is of no kind that is known here.
    #[error(
        "not a hash of Argon2id, bcrypt, scrypt or PBKDF2 (as PHC string or in the Modular Crypt Format)"
    )]
    UnknownKind,
    /// It was made by the faulty `crypt_blowfish` before 1.1, which takes different passwords for one.
    #[error(
        "$2x$ is bcrypt with a fault that lets other passwords in; leave the hash out, and the owner signs in by a link"
    )]
    FaultyBcrypt,
    /// It is of a known kind, and does not parse.
    #[error("not a well-formed hash of {0}")]
    Malformed(&'static str),
    /// To verify it would keep a function busy for longer than anybody waits.
    #[error("the hash costs too much to verify: of {kind} at most {most} are taken")]
    TooCostly {
        /// The kind of hash.
        kind: &'static str,
        /// The bound.
        most: &'static str,
    },
}

/// A function with its cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Argon2id { version: Version, memory_kib: u32, passes: u32, lanes: u32 },
    Bcrypt { cost: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2Sha256 { iterations: NonZeroU32 },
    Pbkdf2Sha512 { iterations: NonZeroU32 },
}

impl Function {
    /// Reads a function by the name and the figures that it has in a PHC string; `c` is bcrypt's cost.
    pub(super) fn read(name: &str, figures: &str) -> Result<Self, NotImportable> {
        let kind = match name {
            "argon2id" => "Argon2id",
            "bcrypt" => "bcrypt",
            "scrypt" => "scrypt",
            "pbkdf2-sha256" | "pbkdf2-sha512" => "PBKDF2",
            _ => return Err(NotImportable::UnknownKind),
        };
        let malformed = NotImportable::Malformed(kind);
        let figures = read_figures(figures).ok_or(malformed.clone())?;
        let figure = |key: &str| figures.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let needed = |key: &str| figure(key).ok_or(malformed.clone());
        let (function, known): (_, &[&str]) = match name {
            "argon2id" => {
                // Hashes from before the format had versions are of version 1.0 (16).
                let version = Version::try_from(figure("v").unwrap_or(16)).map_err(|_| malformed.clone())?;
                let (memory_kib, passes, lanes) = (needed("m")?, needed("t")?, needed("p")?);
                (Self::Argon2id { version, memory_kib, passes, lanes }, &["v", "m", "t", "p"])
            }
            "bcrypt" => (Self::Bcrypt { cost: needed("c")? }, &["c"]),
            "scrypt" => {
                let log_n = needed("ln")?.try_into().map_err(|_| malformed.clone())?;
                (Self::Scrypt { log_n, r: needed("r")?, p: needed("p")? }, &["ln", "r", "p"])
            }
            _ => {
                let iterations = NonZeroU32::new(needed("i")?).ok_or(malformed.clone())?;
                let sha256 = name == "pbkdf2-sha256";
                let made = if sha256 {
                    Self::Pbkdf2Sha256 { iterations }
                } else {
                    Self::Pbkdf2Sha512 { iterations }
                };
                (made, &["i"])
            }
        };
        // An unknown figure would change the digest; `l` only tells its length.
        if !figures.iter().all(|(key, _)| *key == "l" || known.contains(key)) {
            return Err(malformed);
        }
        function.check().map(|()| function)
    }

    /// Holds the figures to what their functions allow, and the cost to what a function of ours can bear.
    fn check(self) -> Result<(), NotImportable> {
        let (kind, most) = (self.kind(), self.most());
        let (well_formed, affordable) = match self {
            Self::Argon2id { memory_kib, passes, lanes, .. } => (
                Params::new(memory_kib, passes, lanes, None).is_ok(),
                memory_kib <= MAX_ARGON2_MEMORY_KIB
                    && u64::from(memory_kib) * u64::from(passes) <= MAX_ARGON2_KIB
                    && lanes <= 16,
            ),
            Self::Bcrypt { cost } => ((4..=31).contains(&cost), cost <= MAX_BCRYPT_COST),
            Self::Scrypt { log_n, r, p } => {
                let blocks = u64::from(r).saturating_mul(p.into()).saturating_mul(1 << log_n.min(32));
                (log_n > 0 && r > 0 && p > 0, blocks <= MAX_SCRYPT_BLOCKS)
            }
            Self::Pbkdf2Sha256 { iterations } | Self::Pbkdf2Sha512 { iterations } => {
                (true, iterations.get() <= MAX_ITERATIONS)
            }
        };
        match (well_formed, affordable) {
            (false, _) => Err(NotImportable::Malformed(kind)),
            (true, false) => Err(NotImportable::TooCostly { kind, most }),
            (true, true) => Ok(()),
        }
    }

    /// The name for a person.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Argon2id { .. } => "Argon2id",
            Self::Bcrypt { .. } => "bcrypt",
            Self::Scrypt { .. } => "scrypt",
            Self::Pbkdf2Sha256 { .. } | Self::Pbkdf2Sha512 { .. } => "PBKDF2",
        }
    }

    const fn most(self) -> &'static str {
        match self {
            Self::Argon2id { .. } => "256 MiB, 16 lanes, and 1 GiB in all passes",
            Self::Bcrypt { .. } => "cost 14",
            Self::Scrypt { .. } => "256 MiB (128 bytes times N, r and p)",
            Self::Pbkdf2Sha256 { .. } | Self::Pbkdf2Sha512 { .. } => "2,000,000 iterations",
        }
    }

    /// Whether it costs less than the OWASP Password Storage sheet asks for, so that somebody who had the former
    /// system's table may have guessed the password.
    pub(super) fn is_cheap(self) -> bool {
        match self {
            Self::Argon2id { memory_kib, passes, .. } => {
                u64::from(memory_kib) * u64::from(passes) < u64::from(MEMORY_KIB) * u64::from(PASSES)
            }
            Self::Bcrypt { cost } => cost < 10,
            // N = 2^13, r = 8, p = 10 is the least of its rows.
            Self::Scrypt { log_n, r, p } => (u64::from(r) * u64::from(p)) << log_n < 80 << 13,
            Self::Pbkdf2Sha256 { iterations } => iterations.get() < 600_000,
            Self::Pbkdf2Sha512 { iterations } => iterations.get() < 210_000,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2id { version, memory_kib, passes, lanes } => {
                let version = u32::from(*version);
                write!(f, "$argon2id$v={version},m={memory_kib},t={passes},p={lanes}")
            }
            Self::Bcrypt { cost } => write!(f, "$bcrypt$c={cost}"),
            Self::Scrypt { log_n, r, p } => write!(f, "$scrypt$ln={log_n},r={r},p={p}"),
            Self::Pbkdf2Sha256 { iterations } => write!(f, "$pbkdf2-sha256$i={iterations}"),
            Self::Pbkdf2Sha512 { iterations } => write!(f, "$pbkdf2-sha512$i={iterations}"),
        }
    }
}

/// How to get from a password to the digest of an imported hash: everything that the hash said but the digest.
#[derive(Clone, PartialEq, Eq)]
pub struct LegacyKdf {
    pub(super) function: Function,
    salt: Vec<u8>,
    digest_bytes: usize,
}

impl LegacyKdf {
    pub(super) fn new(function: Function, salt: Vec<u8>, digest_bytes: usize) -> Result<Self, NotImportable> {
        let salts = match function {
            Function::Argon2id { .. } => argon2::MIN_SALT_LEN..=MAX_PART_BYTES,
            Function::Bcrypt { .. } => 16..=16,
            _ => 1..=MAX_PART_BYTES,
        };
        let digests = match function {
            Function::Bcrypt { .. } => BCRYPT_DIGEST_BYTES..=BCRYPT_DIGEST_BYTES,
            _ => MIN_DIGEST_BYTES..=MAX_PART_BYTES,
        };
        if salts.contains(&salt.len()) && digests.contains(&digest_bytes) {
            Ok(Self { function, salt, digest_bytes })
        } else {
            Err(NotImportable::Malformed(function.kind()))
        }
    }

    /// Reads a recipe as [`fmt::Display`] writes it: `$name$figures,l=bytes$salt`.
    pub fn read(text: &str) -> Option<Self> {
        let ["", name, figures, salt] = text.split('$').collect::<Vec<_>>()[..] else { return None };
        let function = Function::read(name, figures).ok()?;
        let (_, digest_bytes) = read_figures(figures)?.into_iter().find(|(key, _)| *key == "l")?;
        Self::new(function, BASE64.decode(salt).ok()?, digest_bytes.try_into().ok()?).ok()
    }

    /// The function, its figures and the digest's length, which are all that its time depends on:
    /// `name$figures,l=bytes`.
    pub fn cost(&self) -> String {
        format!("{},l={}", self.function, self.digest_bytes).split_off(1)
    }

    /// Whether it takes the time of another.
    pub(super) fn costs_like(&self, other: &Self) -> bool {
        (self.function, self.digest_bytes) == (other.function, other.digest_bytes)
    }

    /// What the other system would have kept of this password.
    pub fn digest(&self, password: &[u8]) -> Vec<u8> {
        const CHECKED: &str = "figures and lengths were checked when the recipe was read";
        let mut digest = vec![0; self.digest_bytes];
        match self.function {
            Function::Argon2id { version, memory_kib, passes, lanes } => {
                let params = Params::new(memory_kib, passes, lanes, Some(self.digest_bytes)).expect(CHECKED);
                let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
                argon2.hash_password_into(password, &self.salt, &mut digest).expect(CHECKED);
            }
            Function::Bcrypt { cost } => {
                let read: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_READS_BYTES).collect();
                let salt = self.salt.as_slice().try_into().expect(CHECKED);
                digest.copy_from_slice(&bcrypt::bcrypt(cost, salt, &read)[..BCRYPT_DIGEST_BYTES]);
            }
            Function::Scrypt { log_n, r, p } => {
                let params = scrypt::Params::new(log_n, r, p).expect(CHECKED);
                scrypt::scrypt(password, &self.salt, &params, &mut digest).expect(CHECKED);
            }
            Function::Pbkdf2Sha256 { iterations } => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &self.salt, password, &mut digest);
            }
            Function::Pbkdf2Sha512 { iterations } => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, &self.salt, password, &mut digest);
            }
        }
        digest
    }

    /// Whether the digest depends on all of the password. bcrypt ignores what follows its 72nd byte.
    pub fn reads_all_of(&self, password: &[u8]) -> bool {
        !matches!(self.function, Function::Bcrypt { .. }) || password.len() < BCRYPT_READS_BYTES
    }
}

impl fmt::Display for LegacyKdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}${}", self.cost(), BASE64.encode(&self.salt))
    }
}

/// Without the salt, which is part of an account's secret.
impl fmt::Debug for LegacyKdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipe({})", self.cost())
    }
}

/// Reads `name=number,name=number`.
fn read_figures(text: &str) -> Option<Vec<(&str, u32)>> {
    text.split(',')
        .map(|figure| figure.split_once('=').and_then(|(key, value)| Some((key, value.parse().ok()?))))
        .collect()
}
