//! The table of accounts: finding and loading one.
//!
//! An account is the items of one partition: `profile`, `email#primary`, `email#backup`, `email#former`,
//! `email#pending`, and an `email#former-primary#…` for each primary that was replaced not long ago. Only confirmed addresses
//! have the attribute `email`, the key of the sparse index.
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::read::query;
use super::write::{Item, Write, key, text};
use super::{NewAccount, Store, StoreError};
use domain::{
    Account, AccountId, AccountKind, Backup, ConfirmedAddress, Delivery, EmailAddress, ExternalId,
    FormerAddress, FormerPrimary, Generation, Language, MessageId, PasswordHash, PendingAddress,
    PendingPrimary, Timestamp, TokenHash, Username,
};

pub(super) const PROFILE: &str = "profile";
pub(super) const PRIMARY: &str = "email#primary";
pub(super) const BACKUP: &str = "email#backup";
pub(super) const FORMER: &str = "email#former";
pub(super) const PENDING: &str = "email#pending";

/// The sort key of a former primary begins with this; its address follows.
const FORMER_PRIMARY: &str = "email#former-primary#";

/// One address has at most this many entries in the index: a claim keeps addresses unique, one account can have it in two
/// parts (its backup email that was its primary), and an entry that lags behind its item is gone within a second.
const MAX_CANDIDATES: i32 = 4;

/// One item of an account's partition.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) account_id: AccountId,
    #[serde(flatten)]
    pub(super) record: Record,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record")]
pub(super) enum Record {
    #[serde(rename = "profile")]
    Profile(Profile),
    #[serde(rename = "email#primary")]
    Primary(Confirmed),
    #[serde(rename = "email#backup")]
    Backup(Confirmed),
    #[serde(rename = "email#former")]
    Former(Former),
    #[serde(rename = "email#pending")]
    Pending(Pending),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Profile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    username: String,
    kind: AccountKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    /// The event that set it. A hash from an import has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_event: Option<MessageId>,
    /// The event whose password an undo has made void. The hash itself stays, because a function that may remove it may
    /// also write one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_void: Option<MessageId>,
    locale: Language,
    /// Profiles from before generations were counted have none: they are in the first.
    #[serde(default)]
    generation: Generation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sessions_ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_frozen_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disabled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleting_since: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

/// `email` is the key of the index and canonical; `address` is the same with its local part as typed.
#[derive(Serialize, Deserialize)]
pub(super) struct Confirmed {
    email: String,
    address: EmailAddress,
    verified_at: Timestamp,
    /// Only if the address had a waiting period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usable_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Delivery::is_unknown")]
    delivery: Delivery,
    /// Only of a primary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    chosen_by_owner: bool,
}

/// A replaced address, active until the waiting period of the new one is over.
#[derive(Serialize, Deserialize)]
pub(super) struct Former {
    email: String,
    address: EmailAddress,
    verified_at: Timestamp,
    in_force_until: Timestamp,
}

/// A replaced primary. It signs in until `in_force_until`, and is told of changes until `kept_until`.
#[derive(Serialize, Deserialize)]
pub(super) struct ReplacedPrimary {
    #[serde(flatten)]
    email: Confirmed,
    replaced_at: Timestamp,
    in_force_until: Timestamp,
    kept_until: Timestamp,
}

/// The item of one.
#[derive(Serialize, Deserialize)]
pub(super) struct FormerPrimaryRow {
    account_id: AccountId,
    record: String,
    #[serde(flatten)]
    replaced: ReplacedPrimary,
}

/// An item of an account's partition as it is read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    /// First, because all of its attributes are asked for.
    FormerPrimary(FormerPrimaryRow),
    Record(Row),
}

/// The sort key of a former primary.
pub(super) fn former_primary_record(address: &EmailAddress) -> String {
    format!("{FORMER_PRIMARY}{}", address.canonical())
}

impl FormerPrimaryRow {
    pub(super) fn new(id: &AccountId, former: &FormerPrimary) -> Self {
        let record = former_primary_record(&former.email.address);
        Self { account_id: id.clone(), record, replaced: former.into() }
    }
}

impl From<&FormerPrimary> for ReplacedPrimary {
    fn from(former: &FormerPrimary) -> Self {
        Self {
            email: Confirmed::from(&former.email),
            replaced_at: former.replaced_at,
            in_force_until: former.until,
            kept_until: former.kept_until,
        }
    }
}

impl From<ReplacedPrimary> for FormerPrimary {
    fn from(row: ReplacedPrimary) -> Self {
        Self {
            email: row.email.into(),
            replaced_at: row.replaced_at,
            until: row.in_force_until,
            kept_until: row.kept_until,
        }
    }
}

/// The address has another attribute name here, so that the index cannot find it.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    #[serde(rename = "pending_address")]
    pub(super) address: EmailAddress,
    pub(super) requested_at: Timestamp,
    pub(super) request_id: MessageId,
    /// Requests of earlier versions have none; they have ended.
    #[serde(default)]
    pub(super) generation: Option<Generation>,
    /// The session that requested it as the primary email. A backup email has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) primary_in_session: Option<TokenHash>,
    /// Whether a product requested it as the primary email.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) primary_by_product: bool,
}

impl Profile {
    /// That of an account that is made at `now`.
    pub(super) fn new(new: &NewAccount, now: Timestamp) -> Self {
        Self {
            external_id: new.external_id.clone(),
            username: new.username.username().as_str().to_owned(),
            kind: new.kind,
            password_hash: new.password_hash.as_ref().map(|hash| hash.as_str().to_owned()),
            password_event: None,
            password_void: None,
            locale: new.language,
            generation: Generation::FIRST,
            sessions_ended_at: None,
            backup_frozen_until: None,
            disabled_at: None,
            deleting_since: None,
            created_at: now,
        }
    }

    /// The hash, unless an undo has made it void.
    fn password(&self) -> Option<&str> {
        let is_void = self.password_void.is_some() && self.password_void == self.password_event;
        self.password_hash.as_deref().filter(|_| !is_void)
    }
}

impl From<&ConfirmedAddress> for Confirmed {
    fn from(confirmed: &ConfirmedAddress) -> Self {
        Self {
            email: confirmed.address.canonical().to_owned(),
            address: confirmed.address.clone(),
            verified_at: confirmed.since,
            usable_from: Some(confirmed.usable_from).filter(|from| *from > confirmed.since),
            delivery: confirmed.delivery.clone(),
            chosen_by_owner: confirmed.chosen_by_owner,
        }
    }
}

impl From<Confirmed> for ConfirmedAddress {
    fn from(row: Confirmed) -> Self {
        let usable_from = row.usable_from.unwrap_or(row.verified_at);
        Self {
            address: row.address,
            since: row.verified_at,
            usable_from,
            delivery: row.delivery,
            chosen_by_owner: row.chosen_by_owner,
        }
    }
}

impl From<&FormerAddress> for Former {
    fn from(former: &FormerAddress) -> Self {
        Self {
            email: former.address.canonical().to_owned(),
            address: former.address.clone(),
            verified_at: former.since,
            in_force_until: former.until,
        }
    }
}

impl From<Former> for FormerAddress {
    fn from(row: Former) -> Self {
        Self { address: row.address, since: row.verified_at, until: row.in_force_until }
    }
}

impl Pending {
    /// As a backup email.
    pub(super) fn backup(pending: &PendingAddress) -> Self {
        Self {
            address: pending.address.clone(),
            requested_at: pending.since,
            request_id: pending.request.clone(),
            generation: Some(pending.generation),
            primary_in_session: None,
            primary_by_product: false,
        }
    }

    /// As the primary.
    pub(super) fn primary(PendingPrimary { pending, session }: &PendingPrimary) -> Self {
        let primary_by_product = session.is_none();
        Self { primary_in_session: session.clone(), primary_by_product, ..Self::backup(pending) }
    }

    /// The pending backup email or primary, if the generation it was requested under is the current one.
    fn current(self, generation: Generation) -> (Option<PendingAddress>, Option<PendingPrimary>) {
        if self.generation != Some(generation) {
            return (None, None);
        }
        let pending = PendingAddress {
            address: self.address,
            since: self.requested_at,
            request: self.request_id,
            generation,
        };
        match self.primary_in_session {
            None if !self.primary_by_product => (Some(pending), None),
            session => (None, Some(PendingPrimary { pending, session })),
        }
    }
}

impl Store {
    /// The key of an item of an account.
    pub(super) fn account_key(id: &AccountId, record: &str) -> Item {
        key([("account_id", id.as_str()), ("record", record)])
    }

    /// Writes one item of an account, whatever it held before.
    pub(super) fn put_record(&self, id: &AccountId, record: Record) -> Result<Write, StoreError> {
        Write::put(&self.tables.accounts, &Row { account_id: id.clone(), record })
    }

    /// Loads an account, consistently, in one query. An unknown id costs the same call.
    pub async fn load_account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let call = self.dynamodb.query().table_name(&self.tables.accounts).consistent_read(true);
        let call = call
            .key_condition_expression("account_id = :id")
            .expression_attribute_values(":id", text(id.as_str()));
        let items = call.send().await.context("read an account")?.items.unwrap_or_default();
        let items: Result<Vec<Stored>, BrokenAccount> =
            items.into_iter().map(|item| stored(id, item)).collect();
        items.and_then(|items| assemble(id, items)).context("read an account")
    }

    /// The accounts that may have this address, other than as pending. The index lags: only the account itself, read
    /// with [`Store::load_account`], is certain.
    pub async fn find_by_email(&self, address: &EmailAddress) -> Result<Vec<AccountId>, StoreError> {
        #[derive(Deserialize)]
        struct Entry {
            account_id: AccountId,
        }
        let call = self.dynamodb.query().table_name(&self.tables.accounts).index_name("email-index");
        let call = call.key_condition_expression("email = :email").limit(MAX_CANDIDATES);
        let call = call.expression_attribute_values(":email", text(address.canonical()));
        let entries: Vec<Entry> = query(call).await.context("find an address")?;
        let mut ids = Vec::new();
        for Entry { account_id } in entries {
            if !ids.contains(&account_id) {
                ids.push(account_id);
            }
        }
        Ok(ids)
    }
}

/// An item is missing or does not parse.
#[derive(Debug, thiserror::Error)]
#[error("account {account}: {what}")]
pub(super) struct BrokenAccount {
    account: String,
    what: String,
}

/// An item of an account. What an untagged enum says of one that is none says nothing, so the record is named.
fn stored(id: &AccountId, item: Item) -> Result<Stored, BrokenAccount> {
    let record = item.get("record").and_then(|record| record.as_s().ok()).cloned();
    serde_dynamo::from_item(item).map_err(|_| BrokenAccount {
        account: id.as_str().to_owned(),
        what: match record.as_deref() {
            // Its sort key has the address.
            Some(record) if record.starts_with(FORMER_PRIMARY) => {
                format!("the item {FORMER_PRIMARY:?} cannot be read")
            }
            Some(record) => format!("the item {record:?} cannot be read"),
            None => "an item without a record".to_owned(),
        },
    })
}

fn assemble(id: &AccountId, items: Vec<Stored>) -> Result<Option<Account>, BrokenAccount> {
    if items.is_empty() {
        return Ok(None);
    }
    let broken = |what: &str| BrokenAccount { account: id.as_str().to_owned(), what: what.to_owned() };
    let (mut profile, mut primary, mut backup, mut former, mut pending) = (None, None, None, None, None);
    let mut former_primaries = Vec::new();
    for item in items {
        let record = match item {
            Stored::Record(row) => row.record,
            Stored::FormerPrimary(row) => {
                former_primaries.push(row.replaced.into());
                continue;
            }
        };
        match record {
            Record::Profile(record) => profile = Some(record),
            Record::Primary(record) => primary = Some(record.into()),
            Record::Backup(record) => backup = Some(record.into()),
            Record::Former(record) => former = Some(record.into()),
            Record::Pending(record) => pending = Some(record),
        }
    }
    let profile: Profile = profile.ok_or_else(|| broken("no profile"))?;
    let pending: Option<Pending> = pending;
    let (pending_backup, pending_primary) =
        pending.map(|pending| pending.current(profile.generation)).unwrap_or_default();
    let password = profile.password();
    let password_hash = password.map(PasswordHash::parse).transpose();
    Ok(Some(Account {
        id: id.clone(),
        external_id: profile.external_id,
        username: Username::parse(&profile.username).map_err(|_| broken("not a username"))?,
        kind: profile.kind,
        password_hash: password_hash.map_err(|_| broken("not a password hash"))?,
        password_event: profile.password_event,
        language: profile.locale,
        generation: profile.generation,
        sessions_ended_at: profile.sessions_ended_at,
        backup_frozen_until: profile.backup_frozen_until,
        disabled_at: profile.disabled_at,
        deleting_since: profile.deleting_since,
        created_at: profile.created_at,
        primary: primary.ok_or_else(|| broken("no primary email"))?,
        former_primaries,
        pending_primary,
        backup: Backup::new(backup, pending_backup),
        former,
    }))
}
