//! Creating an account.
use super::accounts::{Confirmed, Profile, Record};
use super::transaction::Transaction;
use super::{Store, StoreError};
use domain::{
    AccountId, AccountKind, ConfirmedAddress, EmailAddress, ExternalId, Language, NewUsername, PasswordHash,
    Timestamp,
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
}

impl Store {
    /// Creates an account with its claims, all or nothing. Keys: the claims of external id, of username, of what it
    /// looks like, and of address. The conditions are false when another account has them.
    pub async fn create_account(
        &self,
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Result<(), NotCreated>, StoreError> {
        let primary = Confirmed::from(&ConfirmedAddress::new(new.primary.clone(), now));
        let mut tx = Transaction::new("make an account");
        let external_id =
            new.external_id.as_ref().map(|external_id| self.claim_external_id(external_id, &new.id));
        let external_id = external_id.transpose()?.map(|claim| tx.add(claim));
        let username = tx.add(self.claim_username(new.username.username(), &new.id)?);
        let looks = new.username.looks();
        let looks = looks.iter().map(|look| Ok(tx.add(self.put_look(look, &new.id)?)));
        let looks = looks.collect::<Result<Vec<_>, StoreError>>()?;
        tx.add(self.claim_email(&new.primary, &new.id, None, now)?);
        tx.add(self.put_record(&new.id, Record::Profile(Profile::new(new, now)))?);
        tx.add(self.put_record(&new.id, Record::Primary(primary))?);
        Ok(match tx.commit(self).await? {
            Ok(()) => Ok(()),
            Err(failed) if failed.at(external_id) => Err(NotCreated::ExternalIdTaken),
            Err(failed) if failed.at(username) => Err(NotCreated::UsernameTaken),
            Err(failed) if looks.iter().any(|look| failed.at(*look)) => Err(NotCreated::UsernameLooksTaken),
            Err(_) => Err(NotCreated::EmailTaken),
        })
    }
}
