//! One account as a line of a file: what an import reads and an export writes.
use domain::{AccountKind, TypedPassword};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The fields of a line. Times are UTC as RFC 3339 has them, to the second: `2026-11-22T14:05:05Z`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountLine {
    pub username: String,
    /// The primary email, which counts as confirmed.
    pub email: String,
    #[serde(deserialize_with = "kind")]
    pub kind: AccountKind,
    /// Only in files that are imported.
    #[serde(default, skip_serializing)]
    pub password: Option<TypedPassword>,
    /// As another system has it, or as this one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// A BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The id that a product has given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The backup email. It works at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_email: Option<String>,
    /// When its owner confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_confirmed_at: Option<String>,
    /// When the newest email to it was requested whose link was used, other than the one that confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_reached_at: Option<String>,
    /// Since when nobody can sign in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// By hand, because what serde says of `null` reads as if the line were no JSON.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountKind, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    AccountKind::deserialize(&value).map_err(|_| D::Error::custom("kind: expected regular or sso"))
}
