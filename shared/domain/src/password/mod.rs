//! Passwords: verified exactly as typed, at the same cost for every account.
mod argon2id;
mod former_hashes;
mod hash;
mod hasher;
mod imported;
mod kdf;
mod new_password;
mod not_importable;
mod typed;
mod work;

pub use argon2id::{DIGEST_BYTES, LANES, MEMORY_KIB, PASSES, SALT_BYTES};
pub use former_hashes::{FormerHashes, NotFormerHashes};
pub use hash::{NotAPasswordHash, PasswordHash};
pub use hasher::{PasswordHasher, Verdict, Verification};
pub use imported::ImportedHash;
pub use kdf::KdfCost;
pub use new_password::{MIN_CHARS, NewPassword, PasswordRefused};
pub use not_importable::NotImportable;
pub use typed::{MAX_BYTES, TypedPassword, UnusablePassword};
pub use work::Work;
