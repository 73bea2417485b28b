//! Why a hash of another system cannot be imported.

/// Why a hash cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotImportable {
    /// Its function is not supported.
    #[error(
        "not a hash of Argon2id, Argon2i, bcrypt, scrypt or PBKDF2 (as PHC string, in the Modular Crypt Format or as Django has it); \
         leave the hash out, and the owner signs in by a link"
    )]
    UnknownKind,
    /// It was made by the faulty `crypt_blowfish` before 1.1, which takes different passwords for one.
    #[error(
        "$2x$ is bcrypt with a fault that lets other passwords in; leave the hash out, and the owner signs in by a link"
    )]
    FaultyBcrypt,
    /// Its function is supported, but it does not parse.
    #[error("not a well-formed hash of {0}")]
    Malformed(&'static str),
    /// It was exported where Argon2id has another cost, and cannot be wrapped a second time.
    #[error(
        "the hash is wrapped in Argon2id of another cost; leave it out, and the owner signs in by a link"
    )]
    WrappedAtOtherCost,
    /// Django's mark of an account without a password.
    #[error("it marks an account without a password; leave it out")]
    Unusable,
    /// To verify it would take longer than people wait.
    #[error("the hash costs too much to verify: of {kind} at most {most} are taken")]
    TooCostly {
        /// The function.
        kind: &'static str,
        /// The upper bound.
        most: &'static str,
    },
}
