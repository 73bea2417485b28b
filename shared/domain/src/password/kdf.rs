//! The key derivation functions of other systems: how they get from a password to the digest of its hash.
//!
//! Of an imported hash its function, cost and salt are stored; its digest is not (docs/decisions/0012).
use std::fmt;
use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::{digest, pbkdf2};

use super::argon2id::{MAX_LANES, MAX_MEMORY_KIB, MEMORY_KIB, PASSES};
use super::not_importable::NotImportable;
use super::work::Work;

/// bcrypt has 2^cost rounds: 14 take a core about a second, sixteen times what the OWASP sheet asks for.
const MAX_BCRYPT_COST: u32 = 14;
/// bcrypt reads no more of a password, a zero byte at its end included.
const BCRYPT_READS_BYTES: usize = 72;
/// bcrypt's 192 bits, of which its text form drops the last eight.
const BCRYPT_DIGEST_BYTES: usize = 23;
/// The digits of a digest as a text.
const HEXADECIMAL: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
/// scrypt uses 128 · N · r bytes, p times: together 256 MiB, twice what the OWASP Password Storage sheet asks for.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 21;
/// scrypt begins and ends with PBKDF2 of 128 · r · p bytes, which N does not bound: 128 KiB are a millisecond.
const MAX_SCRYPT_PARTS: u64 = 1 << 10;
/// PBKDF2 iterations, together for all blocks of a digest: three times what the OWASP sheet asks for with SHA-256, one to two seconds of a core.
const MAX_ITERATIONS: u32 = 2_000_000;
/// Memory in KiB times passes of Argon2id: some 25 times the current cost, about half a second of a core.
const MAX_ARGON2_KIB: u64 = 1 << 20;
/// Salts and digests are at most this long; no system makes longer ones, and a digest of PBKDF2 costs by its length.
const MAX_PART_BYTES: usize = 64;
/// A shorter digest could also match another password.
const MIN_DIGEST_BYTES: usize = 16;

/// For decoding what other systems wrote.
pub(super) const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    // The last character has unused bits, and some systems set those of bcrypt's parts.
    .with_decode_allow_trailing_bits(true);
/// The encoding of salts and digests, in all formats but bcrypt's.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// A function with its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Argon2id or Argon2i.
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Bcrypt {
        cost: u32,
    },
    /// bcrypt of the password's SHA-256 in hexadecimal, as Django has it: 64 bytes without a zero byte, so bcrypt reads all.
    BcryptSha256 {
        cost: u32,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
    },
    Pbkdf2 {
        hmac: Hmac,
        iterations: NonZeroU32,
    },
}

/// The hash function of the HMAC in PBKDF2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hmac {
    Sha1,
    Sha256,
    Sha512,
}

impl Hmac {
    const fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    /// The bytes that PBKDF2 makes with all its iterations. For more of them it runs once more.
    const fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl Function {
    /// Parses the name and the parameters that a function has in a PHC string; `c` is bcrypt's cost.
    pub(super) fn parse(name: &str, params: &str) -> Result<Self, NotImportable> {
        let kind = match name {
            "argon2id" => "Argon2id",
            "argon2i" => "Argon2i",
            "bcrypt" | "bcrypt-sha256" => "bcrypt",
            "scrypt" => "scrypt",
            "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" => "PBKDF2",
            _ => return Err(NotImportable::UnknownKind),
        };
        let malformed = NotImportable::Malformed(kind);
        let params = parse_params(params).ok_or(malformed.clone())?;
        let optional = |key: &str| params.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let required = |key: &str| optional(key).ok_or(malformed.clone());
        let (function, known): (_, &[&str]) = match name {
            "argon2id" | "argon2i" => {
                let algorithm = if name == "argon2id" { Algorithm::Argon2id } else { Algorithm::Argon2i };
                // A hash without a version is of version 1.0 (16): the format had none then.
                let version =
                    Version::try_from(optional("v").unwrap_or(16)).map_err(|_| malformed.clone())?;
                let (memory_kib, passes, lanes) = (required("m")?, required("t")?, required("p")?);
                (Self::Argon2 { algorithm, version, memory_kib, passes, lanes }, &["v", "m", "t", "p"])
            }
            "bcrypt" => (Self::Bcrypt { cost: required("c")? }, &["c"]),
            "bcrypt-sha256" => (Self::BcryptSha256 { cost: required("c")? }, &["c"]),
            "scrypt" => {
                let log_n = required("ln")?.try_into().map_err(|_| malformed.clone())?;
                (Self::Scrypt { log_n, r: required("r")?, p: required("p")? }, &["ln", "r", "p"])
            }
            _ => {
                let iterations = NonZeroU32::new(required("i")?).ok_or(malformed.clone())?;
                let hmac = match name {
                    "pbkdf2-sha1" => Hmac::Sha1,
                    "pbkdf2-sha256" => Hmac::Sha256,
                    _ => Hmac::Sha512,
                };
                (Self::Pbkdf2 { hmac, iterations }, &["i"])
            }
        };
        // An unknown parameter would change the digest; `l` is only its length.
        if !params.iter().all(|(key, _)| *key == "l" || known.contains(key)) {
            return Err(malformed);
        }
        function.check().map(|()| function)
    }

    /// Checks that the function allows the parameters, and that verification stays within a second or two.
    fn check(self) -> Result<(), NotImportable> {
        let (kind, most) = (self.kind(), self.upper_bound());
        let (well_formed, affordable) = match self {
            Self::Argon2 { memory_kib, passes, lanes, .. } => (
                Params::new(memory_kib, passes, lanes, None).is_ok(),
                memory_kib <= MAX_MEMORY_KIB
                    && u64::from(memory_kib) * u64::from(passes) <= MAX_ARGON2_KIB
                    && lanes <= MAX_LANES,
            ),
            Self::Bcrypt { cost } | Self::BcryptSha256 { cost } => {
                ((4..=31).contains(&cost), cost <= MAX_BCRYPT_COST)
            }
            Self::Scrypt { log_n, r, p } => {
                let blocks = u64::from(r).saturating_mul(p.into()).saturating_mul(1 << log_n.min(32));
                let parts = u64::from(r).saturating_mul(p.into());
                (log_n > 0 && parts > 0, blocks <= MAX_SCRYPT_BLOCKS && parts <= MAX_SCRYPT_PARTS)
            }
            Self::Pbkdf2 { iterations, .. } => (true, iterations.get() <= MAX_ITERATIONS),
        };
        match (well_formed, affordable) {
            (false, _) => Err(NotImportable::Malformed(kind)),
            (true, false) => Err(NotImportable::TooCostly { kind, most }),
            (true, true) => Ok(()),
        }
    }

    /// The name as people write it.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Argon2 { algorithm: Algorithm::Argon2i, .. } => "Argon2i",
            Self::Argon2 { .. } => "Argon2id",
            Self::Bcrypt { .. } => "bcrypt",
            Self::BcryptSha256 { .. } => "bcrypt of SHA-256",
            Self::Scrypt { .. } => "scrypt",
            Self::Pbkdf2 { .. } => "PBKDF2",
        }
    }

    const fn upper_bound(self) -> &'static str {
        match self {
            Self::Argon2 { .. } => "256 MiB, 16 lanes, and 1 GiB in all passes",
            Self::Bcrypt { .. } | Self::BcryptSha256 { .. } => "cost 14",
            Self::Scrypt { .. } => "256 MiB (128 bytes times N, r and p), with r times p up to 1,024",
            Self::Pbkdf2 { .. } => "2,000,000 iterations, in all blocks of the digest",
        }
    }

    /// Whether it costs less than the OWASP Password Storage sheet asks for, so that an attacker who has the former
    /// system's table may have guessed the password.
    pub(super) fn is_cheap(self) -> bool {
        match self {
            Self::Argon2 { memory_kib, passes, .. } => {
                u64::from(memory_kib) * u64::from(passes) < u64::from(MEMORY_KIB) * u64::from(PASSES)
            }
            Self::Bcrypt { cost } | Self::BcryptSha256 { cost } => cost < 10,
            // N = 2^13, r = 8, p = 10 is the least of its rows.
            Self::Scrypt { log_n, r, p } => (u64::from(r) * u64::from(p)) << log_n < 80 << 13,
            Self::Pbkdf2 { hmac, iterations } => {
                let advised = match hmac {
                    Hmac::Sha1 => 1_300_000,
                    Hmac::Sha256 => 600_000,
                    Hmac::Sha512 => 210_000,
                };
                iterations.get() < advised
            }
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2 { algorithm, version, memory_kib, passes, lanes } => {
                let (algorithm, version) = (algorithm.as_str(), u32::from(*version));
                write!(f, "{algorithm}$v={version},m={memory_kib},t={passes},p={lanes}")
            }
            Self::Bcrypt { cost } => write!(f, "bcrypt$c={cost}"),
            Self::BcryptSha256 { cost } => write!(f, "bcrypt-sha256$c={cost}"),
            Self::Scrypt { log_n, r, p } => write!(f, "scrypt$ln={log_n},r={r},p={p}"),
            Self::Pbkdf2 { hmac: Hmac::Sha1, iterations } => write!(f, "pbkdf2-sha1$i={iterations}"),
            Self::Pbkdf2 { hmac: Hmac::Sha256, iterations } => write!(f, "pbkdf2-sha256$i={iterations}"),
            Self::Pbkdf2 { hmac: Hmac::Sha512, iterations } => write!(f, "pbkdf2-sha512$i={iterations}"),
        }
    }
}

/// A function, its parameters and the length of its digest: all that its time depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    pub(super) function: Function,
    digest_bytes: usize,
}

impl KdfCost {
    /// Checks the length of the digest, and what PBKDF2 costs for it.
    pub(super) fn new(function: Function, digest_bytes: usize) -> Result<Self, NotImportable> {
        let allowed = match function {
            Function::Bcrypt { .. } | Function::BcryptSha256 { .. } => {
                BCRYPT_DIGEST_BYTES..=BCRYPT_DIGEST_BYTES
            }
            _ => MIN_DIGEST_BYTES..=MAX_PART_BYTES,
        };
        if !allowed.contains(&digest_bytes) {
            return Err(NotImportable::Malformed(function.kind()));
        }
        if let Function::Pbkdf2 { hmac, iterations } = function {
            let blocks = u64::try_from(digest_bytes.div_ceil(hmac.block_bytes())).unwrap_or(u64::MAX);
            if blocks * u64::from(iterations.get()) > u64::from(MAX_ITERATIONS) {
                return Err(NotImportable::TooCostly { kind: function.kind(), most: function.upper_bound() });
            }
        }
        Ok(Self { function, digest_bytes })
    }

    /// Parses what [`fmt::Display`] writes: `name$parameters,l=bytes`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, params) = text.split_once('$')?;
        let (_, digest_bytes) = parse_params(params)?.into_iter().find(|(key, _)| *key == "l")?;
        Self::new(Function::parse(name, params).ok()?, digest_bytes.try_into().ok()?).ok()
    }

    /// Whether a run of this takes the time of the other and more: PBKDF2 of the same kind with as many iterations or more.
    pub fn covers(&self, other: &Self) -> bool {
        self == other || self.beyond(other).is_some()
    }

    /// What a run of this takes beyond one of the other that it covers.
    pub(super) fn beyond(&self, other: &Self) -> Option<Self> {
        let (Function::Pbkdf2 { hmac, iterations }, Function::Pbkdf2 { hmac: same, iterations: fewer }) =
            (self.function, other.function)
        else {
            return None;
        };
        let more = NonZeroU32::new(iterations.get().saturating_sub(fewer.get()))?;
        (hmac == same && self.digest_bytes == other.digest_bytes)
            .then_some(Self { function: Function::Pbkdf2 { hmac, iterations: more }, ..*self })
    }

    /// The digest of a password. The salt must be one that the function allows; 16 bytes fit all.
    pub(super) fn digest(&self, password: &[u8], salt: &[u8], work: &mut Work) -> Vec<u8> {
        const CHECKED: &str = "parameters and lengths were checked when they were parsed";
        work.count_legacy(self.to_string());
        let mut digest = vec![0; self.digest_bytes];
        match self.function {
            Function::Argon2 { algorithm, version, memory_kib, passes, lanes } => {
                let params = Params::new(memory_kib, passes, lanes, Some(self.digest_bytes)).expect(CHECKED);
                let argon2 = Argon2::new(algorithm, version, params);
                argon2.hash_password_into(password, salt, &mut digest).expect(CHECKED);
            }
            Function::Bcrypt { cost } => {
                let salt = salt.try_into().expect(CHECKED);
                digest.copy_from_slice(&bcrypt(cost, salt, password));
            }
            Function::BcryptSha256 { cost } => {
                let salt = salt.try_into().expect(CHECKED);
                digest.copy_from_slice(&bcrypt(cost, salt, sha256_in_hexadecimal(password).as_bytes()));
            }
            Function::Scrypt { log_n, r, p } => {
                let params = scrypt::Params::new(log_n, r, p).expect(CHECKED);
                scrypt::scrypt(password, salt, &params, &mut digest).expect(CHECKED);
            }
            Function::Pbkdf2 { hmac, iterations } => {
                pbkdf2::derive(hmac.algorithm(), iterations, salt, password, &mut digest);
            }
        }
        digest
    }
}

/// The part of bcrypt's digest that its text form has.
fn bcrypt(cost: u32, salt: [u8; 16], password: &[u8]) -> [u8; BCRYPT_DIGEST_BYTES] {
    let read: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_READS_BYTES).collect();
    let digest = bcrypt::bcrypt(cost, salt, &read);
    std::array::from_fn(|index| digest[index])
}

/// 64 characters, with small letters.
fn sha256_in_hexadecimal(password: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, password);
    digest
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| HEXADECIMAL[usize::from(half)])
        .collect()
}

impl fmt::Display for KdfCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},l={}", self.function, self.digest_bytes)
    }
}

impl fmt::Debug for KdfCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KdfCost({self})")
    }
}

/// How to get from a password to the digest of an imported hash: everything that the hash says except the digest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LegacyKdf {
    pub(super) cost: KdfCost,
    salt: Vec<u8>,
}

impl LegacyKdf {
    /// Checks the length of the salt.
    pub(super) fn new(cost: KdfCost, salt: Vec<u8>) -> Result<Self, NotImportable> {
        let allowed = match cost.function {
            Function::Argon2 { .. } => argon2::MIN_SALT_LEN..=MAX_PART_BYTES,
            Function::Bcrypt { .. } | Function::BcryptSha256 { .. } => 16..=16,
            _ => 1..=MAX_PART_BYTES,
        };
        if allowed.contains(&salt.len()) {
            Ok(Self { cost, salt })
        } else {
            Err(NotImportable::Malformed(cost.function.kind()))
        }
    }

    /// Parses what [`fmt::Display`] writes: `$name$parameters,l=bytes$salt`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (cost, salt) = text.strip_prefix('$')?.rsplit_once('$')?;
        Self::new(KdfCost::parse(cost)?, BASE64.decode(salt).ok()?).ok()
    }

    /// What the other system would have stored for this password.
    pub(super) fn digest(&self, password: &[u8], work: &mut Work) -> Vec<u8> {
        self.cost.digest(password, &self.salt, work)
    }

    /// Whether the digest is also that of a password without the zero bytes in this one. To bcrypt one is the end of the
    /// password, after which it starts over; HMAC, in PBKDF2 and scrypt, fills a short key up with them. Nobody's password
    /// has one, so who typed it is not taken for the owner.
    pub(super) fn takes_for_another(&self, password: &[u8]) -> bool {
        match self.cost.function {
            Function::Argon2 { .. } | Function::BcryptSha256 { .. } => false,
            Function::Bcrypt { .. } => password.contains(&0),
            Function::Scrypt { .. } | Function::Pbkdf2 { .. } => password.ends_with(&[0]),
        }
    }

    /// Whether the digest depends on all of the password. bcrypt ignores what follows its 72nd byte.
    pub(super) fn reads_all_of(&self, password: &[u8]) -> bool {
        !matches!(self.cost.function, Function::Bcrypt { .. }) || password.len() < BCRYPT_READS_BYTES
    }
}

impl fmt::Display for LegacyKdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}${}", self.cost, BASE64.encode(&self.salt))
    }
}

/// Without the salt, which belongs to the account's secret.
impl fmt::Debug for LegacyKdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LegacyKdf({})", self.cost)
    }
}

/// Parses `name=number,name=number`.
fn parse_params(text: &str) -> Option<Vec<(&str, u32)>> {
    text.split(',')
        .map(|param| param.split_once('=').and_then(|(key, value)| Some((key, value.parse().ok()?))))
        .collect()
}
