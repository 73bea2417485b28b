//! DynamoDB storage, in verbs of the domain.
//!
//! Each change is one conditional write or one transaction of them; nothing is read and then written. Row types are
//! private to this module.
mod account_admin;
mod account_update;
mod accounts;
mod addresses;
mod authorization_codes;
mod backup;
mod claims;
mod clients;
mod deletion;
mod delivery;
mod error;
mod existing;
mod hand_over;
mod history;
mod limits;
mod links;
mod looks;
mod new_account;
mod outbox;
mod password;
mod primary;
mod read;
mod sessions;
mod signing_keys;
mod transaction;
mod undo;
mod write;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;

pub use account_admin::{AccountBatch, Cursor, ListedAccount};
pub use account_update::{AccountUpdate, UpdateRefused};
pub use authorization_codes::NotRedeemed;
pub use backup::{ConfirmRefused, Confirmation};
pub use deletion::{Deleting, Deletion};
pub use delivery::{Addressee, Failed, MOST_READS, UndeliverableEmail};
pub use error::{Passing, StoreError};
pub use existing::{Existing, Names};
pub use hand_over::{HandOverRefused, HandOverSignIn};
pub use history::{HistoryBatch, HistoryRow, NotARow};
pub use limits::{Counted, LimitReached};
pub use links::{Slot, Superseded};
pub use looks::{UnclaimedLook, UnclaimedLooks};
pub use new_account::{NewAccount, NotCreated, Past};
pub use outbox::{DELIVERY_WINDOW, QueuedEmail, QueuedState, ResendRefused, UnreadableRequest, UnsentEmails};
pub use password::NewHash;
pub use primary::{PrimaryRequest, Promotion};
pub use read::Found;
pub use sessions::{AddressUse, EndingRefused, LinkSignIn, NoticeKeys, PasswordSignIn, SignInRefused};
pub use signing_keys::Version;
pub use undo::{Undo, UndoRefused};

use crate::config::Tables;
use crate::entropy::Entropy;

/// The tables, and the client to reach them.
#[derive(Debug, Clone)]
pub struct Store {
    dynamodb: Client,
    tables: Tables,
    entropy: Entropy,
}

impl Store {
    /// Reaches these tables.
    pub fn new(tables: Tables, sdk: &SdkConfig, entropy: Entropy) -> Self {
        Self { dynamodb: Client::new(sdk), tables, entropy }
    }

    /// Waits before a retry: full jitter below a limit that doubles each time.
    async fn back_off(&self, attempt: u32) {
        const FIRST: Duration = Duration::from_millis(20);
        #[expect(clippy::disallowed_methods, reason = "a transaction conflict is over in milliseconds")]
        tokio::time::sleep(FIRST.mul_f64(f64::from(1 << attempt) * self.entropy.jitter())).await;
    }
}
