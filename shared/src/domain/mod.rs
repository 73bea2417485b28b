//! The rules: what an account, an address, a link and a session are, and what may happen to them.
//!
//! Pure: no async, no AWS, no clock and no randomness of its own; `now` and secrets are arguments.
pub mod account;
pub mod email_address;
pub mod former_hashes;
pub mod hashing_key;
pub mod identifier;
pub mod imported_hash;
pub mod language;
pub mod limit;
pub mod link;
pub mod link_code;
pub mod mail_request;
pub mod message_id;
pub mod password;
pub mod recipe;
pub mod session;
pub mod source;
pub mod timestamp;
pub mod token;
pub mod undo;
pub mod username;

pub use account::{
    Account, AccountId, Backup, ConfirmedAddress, Door, FormerAddress, Kind, PendingAddress, RequestRefused,
    SpareKeys,
};
pub use email_address::EmailAddress;
pub use former_hashes::FormerHashes;
pub use hashing_key::HashingKey;
pub use identifier::{Identifier, TypedAddress};
pub use imported_hash::ImportedHash;
pub use language::Language;
pub use limit::{AskedBy, DailyMails, Limit, PasswordTry};
pub use link::{CodeRefused, Link, LinkState, Proof, Purpose};
pub use link_code::LinkCode;
pub use mail_request::{MailRequest, Notice};
pub use message_id::MessageId;
pub use password::{PasswordHash, TypedPassword, Verdict};
pub use session::{Session, SignInMethod};
pub use source::{Device, Source};
pub use timestamp::Timestamp;
pub use token::{Token, TokenHash};
pub use undo::UndoLink;
pub use username::Username;
