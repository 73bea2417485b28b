//! Whether accounts that are to be created exist already: many of them in few calls.
use std::collections::{BTreeSet, HashMap};

use super::claims::{self, Claim};
use super::error::Context;
use super::{NewAccount, NotCreated, Past, Store, StoreError};
use domain::{AccountId, EmailAddress, ExternalId, NewUsername, Timestamp};

/// What of an account only one account can have.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The id that a product has given.
    pub external_id: Option<&'a ExternalId>,
    /// The username.
    pub username: &'a NewUsername,
    /// The primary email.
    pub primary: &'a EmailAddress,
    /// The backup email.
    pub backup: Option<&'a EmailAddress>,
}

impl<'a> Names<'a> {
    /// Those of an account that is to be created.
    pub fn of(new: &'a NewAccount, past: &'a Past) -> Self {
        Self {
            external_id: new.external_id.as_ref(),
            username: &new.username,
            primary: &new.primary,
            backup: past.backup.as_ref().map(|backup| &backup.address),
        }
    }

    fn claims(&self) -> impl Iterator<Item = String> {
        let external_id = self.external_id.map(claims::external_id_claim);
        let looks = self.username.looks().into_iter().map(|look| claims::look_claim(&look));
        let emails = [Some(self.primary), self.backup].into_iter().flatten().map(claims::email_claim);
        external_id
            .into_iter()
            .chain([claims::username_claim(self.username.username())])
            .chain(looks)
            .chain(emails)
    }
}

/// Who has the names of an account that is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// Nobody.
    Nobody,
    /// One account: the same, as far as its names tell.
    Account(AccountId),
    /// The account would take a name of another one.
    Other(NotCreated),
}

impl Store {
    /// Tells for each of some accounts whether it exists at `now`: in one call for a hundred claims, of which an account has
    /// up to seven.
    ///
    /// An account is the same if it has the external id, or the username if nobody has the external id, and nobody else has
    /// any other of the names. Its owner may have replaced an email since.
    pub async fn find_existing(
        &self,
        names: &[Names<'_>],
        now: Timestamp,
    ) -> Result<Vec<Existing>, StoreError> {
        let claims: BTreeSet<String> = names.iter().flat_map(Names::claims).collect();
        let owners = self.find_owners(claims).await.context("find out which accounts exist")?;
        Ok(names.iter().map(|names| compare(names, &owners, now)).collect())
    }
}

fn compare(names: &Names<'_>, owners: &HashMap<String, Claim>, now: Timestamp) -> Existing {
    let owner =
        |claim: &str| owners.get(claim).filter(|claim| claim.is_in_force(now)).map(|claim| &claim.owner_id);
    let by_external_id = names.external_id.and_then(|id| owner(&claims::external_id_claim(id)));
    let by_username = owner(&claims::username_claim(names.username.username()));
    let account = by_external_id.or(by_username);
    let is_anothers = |owner: Option<&AccountId>| owner.is_some() && owner != account;
    let looks = names.username.looks();
    if is_anothers(by_username) {
        Existing::Other(NotCreated::UsernameTaken)
    } else if looks.iter().any(|look| is_anothers(owner(&claims::look_claim(look)))) {
        Existing::Other(NotCreated::UsernameLooksTaken)
    } else if is_anothers(owner(&claims::email_claim(names.primary))) {
        Existing::Other(NotCreated::EmailTaken)
    } else if names.backup.is_some_and(|backup| is_anothers(owner(&claims::email_claim(backup)))) {
        Existing::Other(NotCreated::BackupTaken)
    } else {
        account.map_or(Existing::Nobody, |account| Existing::Account(account.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

    fn found(claims: &[(&str, &str)]) -> Existing {
        let username = NewUsername::parse("mina").expect("a username");
        let [primary, backup] = ["Mina@example.com", "mina@example.org"]
            .map(|text| EmailAddress::parse(text).expect("an address"));
        let id = ExternalId::parse("u-7").expect("an id");
        let names =
            Names { external_id: Some(&id), username: &username, primary: &primary, backup: Some(&backup) };
        let owners = claims.iter().map(|(claimed, owner)| {
            let (owner, until) = owner.split_once(" until ").unwrap_or((owner, ""));
            let until = until.parse().ok().map(Timestamp::from_unix_seconds);
            let claimed = format!("claim#{claimed}");
            (claimed.clone(), Claim::new(claimed, AccountId::new(owner), until))
        });
        compare(&names, &owners.collect(), NOW)
    }

    #[test]
    fn an_account_is_the_same_if_nobody_else_has_any_of_its_names() {
        let (id, name, look) = ("external-id#u-7", "username#mina", "skeleton#rnina");
        let (email, backup) = ("email#mina@example.com", "email#mina@example.org");
        let same = Existing::Account(AccountId::new("a"));
        let other = Existing::Other;
        for (claims, expected) in [
            (vec![], Existing::Nobody),
            (vec![(id, "a"), (name, "a"), (look, "a"), (email, "a"), (backup, "a")], same.clone()),
            (vec![(id, "a")], same.clone()),
            (vec![(name, "a"), (look, "a")], same.clone()),
            (vec![(name, "a"), (email, "a")], same.clone()),
            (vec![(id, "a"), (name, "b")], other(NotCreated::UsernameTaken)),
            (vec![(look, "b")], other(NotCreated::UsernameLooksTaken)),
            (vec![(name, "a"), (look, "b")], other(NotCreated::UsernameLooksTaken)),
            (vec![(email, "b")], other(NotCreated::EmailTaken)),
            (vec![(name, "a"), (email, "b")], other(NotCreated::EmailTaken)),
            (vec![(backup, "b")], other(NotCreated::BackupTaken)),
            (vec![(id, "a"), (name, "a"), (backup, "b")], other(NotCreated::BackupTaken)),
            (vec![(email, "b until 1001")], other(NotCreated::EmailTaken)),
            (vec![(email, "b until 1000"), (backup, "b until 7")], Existing::Nobody),
        ] {
            assert_eq!(found(&claims), expected, "{claims:?}");
        }
    }
}
