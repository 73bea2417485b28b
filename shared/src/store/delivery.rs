//! What is known about emails to an address: an attribute of its record, which is gone with the record when the address is
//! replaced or removed.
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::accounts::{BACKUP, FORMER, PRIMARY, PROFILE, former_primary_record};
use super::error::Context;
use super::transaction::Transaction;
use super::write::{Item, Write, number, text};
use super::{Store, StoreError};
use domain::{
    Account, AccountEvent, AccountId, Actor, ClientInfo, ConfirmedAddress, DeliveredTo, Delivery,
    EmailAddress, EventContext, Link, LogEntry, LoggedAction, MessageId, Notice, SignInEmail, Timestamp,
    Undeliverable,
};

/// What noting that email to an address fails takes.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// The account, as last read.
    pub account: &'a Account,
    /// What the address is to it.
    pub to: DeliveredTo,
    /// The address, as last read.
    pub confirmed: &'a ConfirmedAddress,
    /// How email to it fails.
    pub failed: Undeliverable,
    /// What is known about it then.
    pub delivery: &'a Delivery,
    /// The key of the event, and of its first notice.
    pub event_id: &'a MessageId,
}

/// How often an account is read that others change at the same time.
pub const MOST_READS: usize = 3;

/// Whose an address is that email was sent to.
#[derive(Debug)]
pub enum Addressee {
    /// Nobody's, or of an account that is being deleted.
    Nobody,
    /// It was an account's until a short time ago.
    Former(AccountId),
    /// It is the primary or the backup email of an account.
    Of(Box<Account>, DeliveredTo),
}

/// An address to which email fails.
#[derive(Debug, Clone)]
pub struct UndeliverableEmail {
    /// The account.
    pub account: AccountId,
    /// What the address is to it.
    pub to: DeliveredTo,
    /// The address.
    pub address: EmailAddress,
    /// How email to it fails.
    pub undeliverable: Undeliverable,
}

/// The record that has the address.
const fn record_of(to: DeliveredTo) -> &'static str {
    match to {
        DeliveredTo::Primary => PRIMARY,
        DeliveredTo::Backup => BACKUP,
    }
}

impl Store {
    /// Finds whose an address is, consistently.
    pub async fn find_addressee(
        &self,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Addressee, StoreError> {
        let Some(owner) = self.find_owner(address, now).await? else { return Ok(Addressee::Nobody) };
        let account = self.load_account(&owner).await?.filter(|account| account.deleting_since.is_none());
        let Some(account) = account else { return Ok(Addressee::Nobody) };
        let to = account.find_delivered_to(address).map(|(to, _)| to);
        Ok(to.map_or(Addressee::Former(owner), |to| Addressee::Of(Box::new(account), to)))
    }

    /// Notes that email to an address fails. If it is the backup email, the primary is told; if it is the primary, it is logged.
    /// Keys: the record of the address, the profile. False when the record has another address since the account was read, or
    /// more is known about this one, or the account is being deleted: read it again.
    pub async fn note_failure(&self, failed: Failed<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let Failed { account, to, confirmed, failed, delivery, event_id } = failed;
        let context = EventContext::of(account, Actor::MailService);
        let mut tx = Transaction::new("note that email to an address fails");
        tx.add(self.replace_delivery(&account.id, to, confirmed, delivery)?);
        tx.add(self.check_not_being_deleted(&account.id));
        if to == DeliveredTo::Backup {
            let notice = Notice::BackupUndeliverable { address: confirmed.address.clone(), why: failed.why };
            let event = AccountEvent::without_change(event_id.clone(), notice, now, ClientInfo::default());
            self.record_and_tell(&mut tx, context, &account.primary_emails(), &event, &[])?;
        } else {
            let action = LoggedAction::PrimaryUndeliverable { why: failed.why };
            let entry = LogEntry::without_source(event_id.clone(), action, now);
            tx.add(self.log(context, &entry)?);
        }
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Notes and logs that an operator says that email to an address works again. Keys and conditions: as for
    /// [`Store::note_failure`].
    pub async fn allow_delivery(
        &self,
        account: &Account,
        (to, confirmed): (DeliveredTo, &ConfirmedAddress),
        entry_id: MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let action = LoggedAction::DeliveryAllowed { to };
        let entry = LogEntry::without_source(entry_id, action, now);
        let mut tx = Transaction::new("note that email to an address works");
        tx.add(self.replace_delivery(&account.id, to, confirmed, &confirmed.delivery.allowed(now))?);
        tx.add(self.check_not_being_deleted(&account.id));
        tx.add(self.log(EventContext::of(account, Actor::Operator), &entry)?);
        Ok(tx.commit(self).await?.is_ok())
    }

    /// Lists the addresses to which email fails. It scans the table: for operators only.
    pub async fn list_undeliverable(&self) -> Result<Vec<UndeliverableEmail>, StoreError> {
        const DOING: &str = "list the addresses to which email fails";
        #[derive(Deserialize)]
        struct Row {
            account_id: AccountId,
            record: String,
            address: EmailAddress,
            delivery: Delivery,
        }
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let call = self.dynamodb.scan().table_name(&self.tables.accounts).set_exclusive_start_key(start);
            let call = call
                .filter_expression(
                    "#record IN (:primary, :backup) AND attribute_exists(delivery.undeliverable)",
                )
                .projection_expression("account_id, #record, address, delivery")
                .expression_attribute_names("#record", "record")
                .expression_attribute_values(":primary", text(PRIMARY))
                .expression_attribute_values(":backup", text(BACKUP));
            let answer = call.send().await.context(DOING)?;
            let rows: Vec<Row> = serde_dynamo::from_items(answer.items.unwrap_or_default()).context(DOING)?;
            found.extend(rows.into_iter().filter_map(|row| {
                let to = if row.record == PRIMARY { DeliveredTo::Primary } else { DeliveredTo::Backup };
                let undeliverable = row.delivery.undeliverable?;
                Some(UndeliverableEmail { account: row.account_id, to, address: row.address, undeliverable })
            }));
            start = answer.last_evaluated_key;
            if start.is_none() {
                found.sort_by_key(|one| one.undeliverable.since);
                return Ok(found);
            }
        }
    }

    /// Key: the profile. The condition is false once the account's deletion has begun, which deletes what it finds then.
    fn check_not_being_deleted(&self, id: &AccountId) -> Write {
        Write::check(&self.tables.accounts, Self::account_key(id, PROFILE))
            .when("attribute_not_exists(deleting_since)")
    }

    /// Key: the record of the address. The condition is false when it has another one, or something else is known about it.
    fn replace_delivery(
        &self,
        id: &AccountId,
        to: DeliveredTo,
        confirmed: &ConfirmedAddress,
        delivery: &Delivery,
    ) -> Result<Write, StoreError> {
        let key = Self::account_key(id, record_of(to));
        let write = self.set_delivery(key, delivery)?.value(":email", text(confirmed.address.canonical()));
        if confirmed.delivery.is_unknown() {
            return Ok(write.when("email = :email AND attribute_not_exists(delivery)"));
        }
        let known = serde_dynamo::to_attribute_value(&confirmed.delivery).context("make an attribute")?;
        Ok(write.when("email = :email AND delivery = :known").value(":known", known))
    }

    /// Notes that the email with the link has arrived, unless the address is a former one, which is only checked. Key: the
    /// record of the address. The condition is false when it is no longer the account's, its waiting period is not over, or it
    /// has expired as a former one.
    pub(super) fn use_sign_in_email(
        &self,
        account: &Account,
        link: &Link,
        sign_in_email: SignInEmail,
        now: Timestamp,
    ) -> Write {
        let (record, condition) = match sign_in_email {
            SignInEmail::Primary => (PRIMARY.to_owned(), "email = :email"),
            SignInEmail::Backup => (
                BACKUP.to_owned(),
                "email = :email AND (attribute_not_exists(usable_from) OR usable_from <= :now)",
            ),
            SignInEmail::Former => (FORMER.to_owned(), "email = :email AND in_force_until > :now"),
            SignInEmail::FormerPrimary => {
                (former_primary_record(&link.address), "email = :email AND in_force_until > :now")
            }
        };
        let key = Self::account_key(&link.account_id, &record);
        let write = match sign_in_email {
            SignInEmail::Primary | SignInEmail::Backup => self.set_reached(account, link, key, condition),
            SignInEmail::Former | SignInEmail::FormerPrimary => {
                Write::check(&self.tables.accounts, key).when(condition)
            }
        };
        let write = write.value(":email", text(link.address.canonical()));
        if sign_in_email == SignInEmail::Primary {
            write
        } else {
            write.value(":now", number(now.unix_seconds()))
        }
    }

    /// Writes that the email with this link has arrived. A failure that was noted since the account was read stays.
    fn set_reached(&self, account: &Account, link: &Link, record: Item, condition: &str) -> Write {
        let known = account.find_delivered_to(&link.address).map(|(_, confirmed)| confirmed.delivery.clone());
        let known = known.unwrap_or_default();
        let requested_at = link.request.time();
        let reached = known.reached(requested_at);
        let at = number(reached.reached_at.unwrap_or(requested_at).unix_seconds());
        let update = |expression| Write::update(&self.tables.accounts, record, expression);
        if known.is_unknown() {
            let reached = AttributeValue::M(HashMap::from([("reached_at".to_owned(), at)]));
            let write = update("SET delivery = if_not_exists(delivery, :reached)");
            return write.when(condition).value(":reached", reached);
        }
        let write = if known.undeliverable == reached.undeliverable {
            update("SET delivery.reached_at = :reached_at")
        } else {
            update("SET delivery.reached_at = :reached_at REMOVE delivery.undeliverable")
        };
        write.when(format!("{condition} AND attribute_exists(delivery)")).value(":reached_at", at)
    }

    /// Writes what is known about emails to the address of a record.
    fn set_delivery(&self, record: Item, delivery: &Delivery) -> Result<Write, StoreError> {
        let delivery = serde_dynamo::to_attribute_value(delivery).context("make an attribute")?;
        Ok(Write::update(&self.tables.accounts, record, "SET delivery = :delivery")
            .value(":delivery", delivery))
    }
}
