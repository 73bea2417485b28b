//! The table of accounts: reading one whole, finding one, making one, upgrading a password's hash.
//!
//! An account is the items of one partition: `profile`, `email#primary`, `email#backup`, `email#former`,
//! `email#pending`. Only confirmed addresses carry `email`, the key of the sparse index. A claim item keeps an address
//! or a username unique: its partition key is made of the claimed text.
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::write::{Write, key, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountId, AccountKind, Backup, ConfirmedAddress, EmailAddress, FormerAddress, Language,
    MessageId, PasswordHash, PendingAddress, Timestamp, Username,
};

pub(super) const PROFILE: &str = "profile";
pub(super) const PRIMARY: &str = "email#primary";
pub(super) const BACKUP: &str = "email#backup";
pub(super) const FORMER: &str = "email#former";
pub(super) const PENDING: &str = "email#pending";
const CLAIM: &str = "claim";

/// More index entries than that for one address can't be: a claim keeps addresses unique, and an entry that
/// lags behind its item is gone within a second.
const MOST_CANDIDATES: i32 = 2;

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
    username: String,
    kind: AccountKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    locale: Language,
    sessions_valid_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_frozen_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// `email` is the index's key and canonical; `address` is the same with its local part as typed.
#[derive(Serialize, Deserialize)]
pub(super) struct Confirmed {
    email: String,
    address: EmailAddress,
    verified_at: Timestamp,
    /// Only where the address is held at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usable_from: Option<Timestamp>,
}

/// A replaced address that stays in force while the new one is held.
#[derive(Serialize, Deserialize)]
pub(super) struct Former {
    email: String,
    address: EmailAddress,
    verified_at: Timestamp,
    in_force_until: Timestamp,
}

/// The address goes by another name here, so that the index cannot find it.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    #[serde(rename = "pending_address")]
    pub(super) address: EmailAddress,
    pub(super) requested_at: Timestamp,
    pub(super) request_id: MessageId,
}

impl From<&ConfirmedAddress> for Confirmed {
    fn from(confirmed: &ConfirmedAddress) -> Self {
        Self {
            email: confirmed.address.canonical().to_owned(),
            address: confirmed.address.clone(),
            verified_at: confirmed.since,
            usable_from: Some(confirmed.usable_from).filter(|from| *from > confirmed.since),
        }
    }
}

impl From<Confirmed> for ConfirmedAddress {
    fn from(row: Confirmed) -> Self {
        let usable_from = row.usable_from.unwrap_or(row.verified_at);
        Self { address: row.address, since: row.verified_at, usable_from }
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

impl From<Pending> for PendingAddress {
    fn from(row: Pending) -> Self {
        Self { address: row.address, since: row.requested_at, request: row.request_id }
    }
}

/// The item that keeps a text unique. The claim of a former address ends with it.
#[derive(Serialize, Deserialize)]
struct Claim {
    account_id: String,
    record: String,
    owner_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force_until: Option<Timestamp>,
}

pub(super) fn email_claim(address: &EmailAddress) -> String {
    format!("claim#email#{}", address.canonical())
}

fn username_claim(username: &Username) -> String {
    format!("claim#username#{}", username.canonical())
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its key.
    pub id: AccountId,
    /// Its username.
    pub username: Username,
    /// Its primary email, taken as confirmed.
    pub primary: EmailAddress,
    /// Who answers for its authentication.
    pub kind: AccountKind,
    /// Its password.
    pub password_hash: Option<PasswordHash>,
    /// The language of its pages and mails.
    pub language: Language,
}

/// Why an account could not be made. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCreated {
    /// Another account has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another account has the address.
    #[error("the email is taken")]
    EmailTaken,
}

impl Store {
    /// The key of an item of an account.
    pub(super) fn account_key(
        id: &AccountId,
        record: &str,
    ) -> std::collections::HashMap<String, AttributeValue> {
        key([("account_id", id.as_str()), ("record", record)])
    }

    /// The write that claims an address. Key: the claim. Its condition is false when anyone has the address.
    pub(super) fn create_claim(
        &self,
        address: &EmailAddress,
        owner: &AccountId,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let claim = self.claim(email_claim(address), owner)?;
        Ok(claim
            .when("attribute_not_exists(account_id) OR in_force_until <= :now")
            .value(":now", number(now.unix_seconds())))
    }

    /// The write that lets the claim of an address end at that time, or not at all. Its condition is false when the
    /// claim is another account's.
    pub(super) fn set_claim_end(
        &self,
        address: &EmailAddress,
        owner: &AccountId,
        until: Option<Timestamp>,
    ) -> Write {
        let claim = key([("account_id", &*email_claim(address)), ("record", CLAIM)]);
        let write = match until {
            Some(until) => Write::update(&self.tables.accounts, claim, "SET in_force_until = :until")
                .value(":until", number(until.unix_seconds())),
            None => Write::update(&self.tables.accounts, claim, "REMOVE in_force_until"),
        };
        write.when("owner_id = :owner").value(":owner", text(owner.as_str()))
    }

    /// The write that gives an address free. Its condition is false when the claim is another account's.
    pub(super) fn release_claim(&self, address: &EmailAddress, owner: &AccountId) -> Write {
        Write::delete(&self.tables.accounts, key([("account_id", &email_claim(address)), ("record", CLAIM)]))
            .when("owner_id = :owner")
            .value(":owner", text(owner.as_str()))
    }

    fn claim(&self, claimed: String, owner: &AccountId) -> Result<Write, StoreError> {
        let claim = Claim {
            account_id: claimed,
            record: CLAIM.into(),
            owner_id: owner.clone(),
            in_force_until: None,
        };
        Ok(Write::put(&self.tables.accounts, &claim)?.when("attribute_not_exists(account_id)"))
    }

    pub(super) fn put_record(&self, id: &AccountId, record: Record) -> Result<Write, StoreError> {
        Write::put(&self.tables.accounts, &Row { account_id: id.clone(), record })
    }

    /// Makes an account with its claims, all or nothing.
    pub async fn create_account(
        &self,
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Result<(), NotCreated>, StoreError> {
        let profile = Profile {
            username: new.username.as_str().to_owned(),
            kind: new.kind,
            password_hash: new.password_hash.as_ref().map(|hash| hash.as_str().to_owned()),
            locale: new.language,
            sessions_valid_from: now,
            backup_frozen_until: None,
            disabled_at: None,
            created_at: now,
        };
        let writes = vec![
            self.claim(username_claim(&new.username), &new.id)?,
            self.create_claim(&new.primary, &new.id, now)?,
            self.put_record(&new.id, Record::Profile(profile))?,
            self.put_record(
                &new.id,
                Record::Primary(Confirmed::from(&ConfirmedAddress::new(new.primary.clone(), now))),
            )?,
        ];
        let outcome = self.transact("make an account", writes).await?;
        Ok(outcome
            .map_err(|failed| if failed.at(0) { NotCreated::UsernameTaken } else { NotCreated::EmailTaken }))
    }

    /// Reads an account whole, consistently, in one query. An unknown key costs the same call.
    pub async fn load_account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        const DOING: &str = "read an account";
        let call = self.dynamodb.query().table_name(&self.tables.accounts).consistent_read(true);
        let call = call
            .key_condition_expression("account_id = :id")
            .expression_attribute_values(":id", text(id.as_str()));
        let answer = call.send().await.map_err(|error| StoreError::new(DOING, error))?;
        let rows: Vec<Row> = serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| StoreError::new(DOING, error))?;
        assemble(id, rows).map_err(|broken| StoreError::new(DOING, broken))
    }

    /// The accounts that may have this address as primary or backup. The index lags: only the account itself,
    /// read with [`Store::load_account`], can tell.
    pub async fn find_by_email(&self, address: &EmailAddress) -> Result<Vec<AccountId>, StoreError> {
        const DOING: &str = "find an address";
        #[derive(Deserialize)]
        struct Entry {
            account_id: AccountId,
        }
        let call = self.dynamodb.query().table_name(&self.tables.accounts).index_name("email-index");
        let call = call.key_condition_expression("email = :email").limit(MOST_CANDIDATES);
        let call = call.expression_attribute_values(":email", text(address.canonical()));
        let answer = call.send().await.map_err(|error| StoreError::new(DOING, error))?;
        let entries: Vec<Entry> = serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| StoreError::new(DOING, error))?;
        Ok(entries.into_iter().map(|entry| entry.account_id).collect())
    }

    /// The look-up of an identifier that can name nobody: the same call as for all others, for the same time.
    pub async fn find_nobody(&self) -> Result<Vec<AccountId>, StoreError> {
        Ok(self.claimed_by("find nobody", "claim#nobody").await?.into_iter().collect())
    }

    /// The account that has this username.
    pub async fn find_by_username(&self, username: &Username) -> Result<Option<AccountId>, StoreError> {
        self.claimed_by("find a username", &username_claim(username)).await
    }

    /// The account that has claimed this address at `now`, whether as primary or as backup.
    pub async fn owner_of(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim("find an address's owner", &email_claim(address)).await?;
        let living = claim.filter(|claim| claim.in_force_until.is_none_or(|until| now < until));
        Ok(living.map(|claim| claim.owner_id))
    }

    /// The account that still has the claim of an address, though its time is over.
    pub(super) async fn expired_claim_owner(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let claim = self.find_claim("find who had an address", &email_claim(address)).await?;
        let lapsed = claim.filter(|claim| claim.in_force_until.is_some_and(|until| until <= now));
        Ok(lapsed.map(|claim| claim.owner_id))
    }

    /// Key: the claim. The condition is false when it is another account's, or its time is not over.
    pub(super) fn delete_expired_claim(
        &self,
        address: &EmailAddress,
        holder: &AccountId,
        now: Timestamp,
    ) -> Write {
        let claim = key([("account_id", &*email_claim(address)), ("record", CLAIM)]);
        Write::delete(&self.tables.accounts, claim)
            .when("owner_id = :holder AND in_force_until <= :now")
            .value(":holder", text(holder.as_str()))
            .value(":now", number(now.unix_seconds()))
    }

    async fn claimed_by(&self, doing: &'static str, claimed: &str) -> Result<Option<AccountId>, StoreError> {
        Ok(self.find_claim(doing, claimed).await?.map(|claim| claim.owner_id))
    }

    async fn find_claim(&self, doing: &'static str, claimed: &str) -> Result<Option<Claim>, StoreError> {
        let call = self.dynamodb.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let call = call.set_key(Some(key([("account_id", claimed), ("record", CLAIM)])));
        let answer = call.send().await.map_err(|error| StoreError::new(doing, error))?;
        answer.item.map(serde_dynamo::from_item).transpose().map_err(|error| StoreError::new(doing, error))
    }

    /// Puts a costlier hash in the place of the one it was verified against. Key: the profile. The condition is
    /// false when the password was changed meanwhile; then the change stands.
    pub async fn upgrade_password(
        &self,
        id: &AccountId,
        former: &PasswordHash,
        upgraded: &PasswordHash,
    ) -> Result<(), StoreError> {
        let profile = Self::account_key(id, PROFILE);
        let upgrade = Write::update(&self.tables.accounts, profile, "SET password_hash = :upgraded")
            .when("password_hash = :former")
            .value(":upgraded", text(upgraded.as_str()))
            .value(":former", text(former.as_str()));
        self.write("upgrade a password's hash", upgrade).await.map(|_| ())
    }
}

/// An item is missing or does not parse.
#[derive(Debug, thiserror::Error)]
#[error("account {account}: {what}")]
struct BrokenAccount {
    account: String,
    what: &'static str,
}

fn assemble(id: &AccountId, rows: Vec<Row>) -> Result<Option<Account>, BrokenAccount> {
    if rows.is_empty() {
        return Ok(None);
    }
    let broken = |what| BrokenAccount { account: id.as_str().to_owned(), what };
    let (mut profile, mut primary, mut backup, mut former, mut pending) = (None, None, None, None, None);
    for row in rows {
        match row.record {
            Record::Profile(record) => profile = Some(record),
            Record::Primary(record) => primary = Some(record.into()),
            Record::Backup(record) => backup = Some(record.into()),
            Record::Former(record) => former = Some(record.into()),
            Record::Pending(record) => pending = Some(PendingAddress::from(record)),
        }
    }
    let profile: Profile = profile.ok_or_else(|| broken("no profile"))?;
    // What a session asked for ends with it.
    let pending = pending.filter(|pending| pending.since >= profile.sessions_valid_from);
    let password_hash = profile.password_hash.as_deref().map(PasswordHash::parse).transpose();
    Ok(Some(Account {
        id: id.clone(),
        username: Username::parse(&profile.username).map_err(|_| broken("not a username"))?,
        kind: profile.kind,
        password_hash: password_hash.map_err(|_| broken("not a password hash"))?,
        language: profile.locale,
        sessions_valid_from: profile.sessions_valid_from,
        backup_frozen_until: profile.backup_frozen_until,
        disabled_at: profile.disabled_at,
        created_at: profile.created_at,
        primary: primary.ok_or_else(|| broken("no primary email"))?,
        backup: Backup::new(backup, pending),
        former,
    }))
}
