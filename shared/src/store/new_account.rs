//! Creating an account.
use super::accounts::{Confirmed, Profile, Record};
use super::transaction::Transaction;
use super::{Store, StoreError};
use domain::{
    AccountId, AccountKind, Actor, ConfirmedAddress, EmailAddress, EventContext, ExternalId, Language,
    LogEntry, LoggedAction, MessageId, NewUsername, PasswordHash, Timestamp,
};

/// An account to create.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its key.
    pub id: AccountId,
    /// The id of it that a product has given.
    pub external_id: Option<ExternalId>,
    /// Its username.
    pub username: NewUsername,
    /// Its primary email, which counts as confirmed.
    pub primary: EmailAddress,
    /// Who authenticates it.
    pub kind: AccountKind,
    /// Its password.
    pub password_hash: Option<PasswordHash>,
    /// The language of its pages and emails.
    pub language: Language,
    /// Who creates it.
    pub by: Actor,
    /// The key of the entry in its log.
    pub entry_id: MessageId,
}

/// What an account brings along from where it was before.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// When it was created there.
    pub created_at: Option<Timestamp>,
    /// When it was disabled there.
    pub disabled_at: Option<Timestamp>,
    /// The backup email that was confirmed there.
    pub backup: Option<ConfirmedAddress>,
}

/// Why an account was not created. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCreated {
    /// Another account has the external id.
    #[error("the external id is taken")]
    ExternalIdTaken,
    /// Another account has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another account has a username that looks like it.
    #[error("the username looks like one that is taken")]
    UsernameLooksTaken,
    /// Another account has the address.
    #[error("the email is taken")]
    EmailTaken,
    /// Another account has the backup email that it would bring along.
    #[error("the backup email is taken")]
    BackupTaken,
}

impl Store {
    /// Creates an account with its claims, and logs that, all or nothing. Keys: the claims of external id, of username, of what it
    /// looks like, and of address. The conditions are false when another account has them.
    pub async fn create_account(
        &self,
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Result<(), NotCreated>, StoreError> {
        self.create_account_with_past(new, &Past::default(), now).await
    }

    /// The same for an account that existed elsewhere before.
    pub async fn create_account_with_past(
        &self,
        new: &NewAccount,
        past: &Past,
        now: Timestamp,
    ) -> Result<Result<(), NotCreated>, StoreError> {
        let primary = Confirmed::from(&ConfirmedAddress::new(new.primary.clone(), now));
        let mut profile = Profile::new(new, now);
        profile.created_at = past.created_at.unwrap_or(now);
        profile.disabled_at = past.disabled_at;
        let mut tx = Transaction::new("make an account");
        let external_id =
            new.external_id.as_ref().map(|external_id| self.claim_external_id(external_id, &new.id));
        let external_id = external_id.transpose()?.map(|claim| tx.add(claim));
        let username = tx.add(self.claim_username(new.username.username(), &new.id)?);
        let looks = new.username.looks();
        let looks = looks.iter().map(|look| Ok(tx.add(self.put_look(look, &new.id)?)));
        let looks = looks.collect::<Result<Vec<_>, StoreError>>()?;
        tx.add(self.claim_email(&new.primary, &new.id, None, now)?);
        tx.add(self.put_record(&new.id, Record::Profile(profile))?);
        tx.add(self.put_record(&new.id, Record::Primary(primary))?);
        let mut backup = None;
        if let Some(confirmed) = &past.backup {
            backup = Some(tx.add(self.claim_email(&confirmed.address, &new.id, None, now)?));
            tx.add(self.put_record(&new.id, Record::Backup(Confirmed::from(confirmed)))?);
        }
        let action = LoggedAction::Created;
        let entry = LogEntry::without_source(new.entry_id.clone(), action, now);
        tx.add(self.log(EventContext::new(&new.id, new.external_id.as_ref(), new.by), &entry)?);
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(external_id) => Err(NotCreated::ExternalIdTaken),
            Err(failed) if failed.at(username) => Err(NotCreated::UsernameTaken),
            Err(failed) if looks.iter().any(|look| failed.at(*look)) => Err(NotCreated::UsernameLooksTaken),
            Err(failed) if failed.at(backup) => Err(NotCreated::BackupTaken),
            Err(_) => Err(NotCreated::EmailTaken),
        })
    }
}
