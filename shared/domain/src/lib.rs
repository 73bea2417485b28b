//! The rules: what an account, an address, a link and a session are, and which changes are allowed.
//!
//! Pure: no async, no AWS, no clock and no randomness of its own; `now` and random bytes are arguments.
pub mod account;
mod account_id;
pub mod activity;
pub mod backup;
pub mod client_info;
pub mod delivery;
pub mod device_cookie;
pub mod email_address;
pub mod email_request;
pub mod external_id;
pub mod form_id;
pub mod generation;
pub mod hand_over;
pub mod hashing_key;
pub mod hashing_keys;
pub mod history;
pub mod identifier;
pub mod language;
pub mod limit;
pub mod link;
pub mod link_code;
pub mod mailbox;
pub mod message_id;
pub mod oidc;
pub mod origin_keys;
pub mod password;
pub mod primary;
pub mod provisioning;
pub mod published_event;
pub mod recovery;
pub mod remains;
pub mod session;
pub mod timestamp;
pub mod token;
pub mod undo;
pub mod username;

pub use account::{Account, AccountId, AccountKind, BackupRefused, SignInEmail};
pub use activity::{Activity, ChangedField, Happened, LogEntry, LoggedAction, Requested};
pub use backup::{Backup, ConfirmedAddress, FormerAddress, PendingAddress, RecoveryEmails};
pub use client_info::{ClientInfo, Device};
pub use delivery::{DeliveredTo, Delivery, DeliveryFailure, Undeliverable};
pub use device_cookie::{DeviceCookie, DeviceId};
pub use email_address::EmailAddress;
pub use email_request::{EmailRequest, HourlyKey, Notice, PrimaryAfterUndo};
pub use external_id::ExternalId;
pub use form_id::FormId;
pub use generation::Generation;
pub use hand_over::{HandOver, WayBack};
pub use hashing_key::HashingKey;
pub use hashing_keys::HashingKeys;
pub use history::{AccountEvent, Actor, EventContext, History};
pub use identifier::{Identifier, TypedAddress};
pub use language::Language;
pub use limit::{CountedFor, DailyEmails, Limit, PasswordAttempt, Requester};
pub use link::{CodeRejected, Link, LinkAuthorization, LinkState, Purpose};
pub use link_code::LinkCode;
pub use message_id::MessageId;
pub use origin_keys::OriginKeys;
pub use password::{
    FormerHashes, ImportedHash, NewPassword, PasswordHash, PasswordHasher, PasswordRefused, TypedPassword,
    Verdict, Verification,
};
pub use primary::{FormerPrimary, PendingPrimary, PrimaryEmails, PrimaryRefused, PromotionRefused};
pub use provisioning::{AccountChanges, ChangesRefused, EmailChange, WantedAccount, WantedUsername};
pub use published_event::PublishedEvent;
pub use recovery::{Recovery, RecoverySteps};
pub use session::{Session, SignInMethod};
pub use timestamp::Timestamp;
pub use token::{Token, TokenHash};
pub use undo::UndoLink;
pub use username::{NewUsername, Username};
