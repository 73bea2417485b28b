//! The list of the keys that sign tokens: one row in the table of clients, whose id no client can have.
use domain::oidc::SigningKeys;
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::write::{Item, Write, key, number};
use super::{Store, StoreError};

/// The id of the row. It is no id of a client: those have 22 letters of base64url.
pub(super) const SIGNING_KEYS_ID: &str = "#signing-keys";

#[derive(Serialize, Deserialize)]
struct Row {
    client_id: String,
    /// Counts the writes. `VERSION` and `KEYS` are reserved words of DynamoDB's expressions.
    list_version: Version,
    signing_keys: SigningKeys,
}

/// Which write of the list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(i64);

fn row_key() -> Item {
    key([("client_id", SIGNING_KEYS_ID)])
}

impl Store {
    async fn find_signing_keys_row(&self) -> Result<Option<Row>, StoreError> {
        self.get(self.clients_table()?, row_key()).await.context("read the list of signing keys")
    }

    /// Reads the list, consistently: a key that was forgotten is of no use from then on. Nothing before the first rotation.
    pub async fn find_signing_keys(&self) -> Result<Option<SigningKeys>, StoreError> {
        Ok(self.find_signing_keys_row().await?.map(|row| row.signing_keys))
    }

    /// The same for one who may replace it.
    pub async fn find_signing_keys_version(&self) -> Result<Option<(SigningKeys, Version)>, StoreError> {
        Ok(self.find_signing_keys_row().await?.map(|row| (row.signing_keys, row.list_version)))
    }

    /// Writes the list that follows from the one that was read, or the first one. Key: the row of the list. False when somebody
    /// else has written one since.
    pub async fn replace_signing_keys(
        &self,
        read: Option<Version>,
        keys: &SigningKeys,
    ) -> Result<bool, StoreError> {
        let version = Version(read.map_or(1, |Version(read)| read + 1));
        let row =
            Row { client_id: SIGNING_KEYS_ID.to_owned(), list_version: version, signing_keys: keys.clone() };
        let put = Write::put(self.clients_table()?, &row)?;
        let put = match read {
            Some(Version(read)) => put.when("list_version = :read").value(":read", number(read)),
            None => put.when("attribute_not_exists(client_id)"),
        };
        self.write_once("write the list of signing keys", put).await
    }
}
