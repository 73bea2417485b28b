//! Whether accounts that are to be created exist already: many of them in few calls.
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::accounts::PROFILE;
use super::claims::{self, Claim};
use super::error::Context;
use super::{NewAccount, NotCreated, Past, Store, StoreError};
use domain::{AccountId, EmailAddress, ExternalId, NewUsername, Timestamp};

const DOING: &str = "find out which accounts exist";

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

    fn owner_of_external_id<'o>(
        &self,
        owners: &'o HashMap<String, Claim>,
        now: Timestamp,
    ) -> Option<&'o AccountId> {
        self.external_id.and_then(|id| owner(owners, &claims::external_id_claim(id), now))
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
    /// An account is the same if it has the external id; or, if nobody has that, if it has the username and one of the emails,
    /// and no external id of its own. In both cases nobody else may have any other of the names. The owner of an external id
    /// may have replaced username and emails since. A username alone proves nothing: two systems can have a `mina` each.
    pub async fn find_existing(
        &self,
        names: &[Names<'_>],
        now: Timestamp,
    ) -> Result<Vec<Existing>, StoreError> {
        let claims: BTreeSet<String> = names.iter().flat_map(Names::claims).collect();
        let owners = self.find_owners(claims).await.context(DOING)?;
        let mut found: Vec<Existing> = names.iter().map(|names| compare(names, &owners, now)).collect();
        let others = self.with_another_external_id(names, &found, &owners, now).await?;
        for existing in &mut found {
            if matches!(existing, Existing::Account(id) if others.contains(id)) {
                *existing = Existing::Other(NotCreated::UsernameTaken);
            }
        }
        Ok(found)
    }

    /// Which of the accounts, found by the username of a line with an external id that nobody has, have another one.
    async fn with_another_external_id(
        &self,
        names: &[Names<'_>],
        found: &[Existing],
        owners: &HashMap<String, Claim>,
        now: Timestamp,
    ) -> Result<Vec<AccountId>, StoreError> {
        #[derive(Deserialize)]
        struct Profile {
            account_id: AccountId,
            external_id: Option<ExternalId>,
        }
        let keys = names.iter().zip(found).filter_map(|(names, existing)| match existing {
            Existing::Account(id)
                if names.external_id.is_some() && names.owner_of_external_id(owners, now).is_none() =>
            {
                Some(Self::account_key(id, PROFILE))
            }
            _ => None,
        });
        let items = self.get_many(&self.tables.accounts, keys.collect()).await.context(DOING)?;
        let profiles: Vec<Profile> = serde_dynamo::from_items(items).context(DOING)?;
        let have_one = profiles.into_iter().filter(|profile| profile.external_id.is_some());
        Ok(have_one.map(|profile| profile.account_id).collect())
    }
}

fn owner<'o>(owners: &'o HashMap<String, Claim>, claim: &str, now: Timestamp) -> Option<&'o AccountId> {
    owners.get(claim).filter(|claim| claim.is_in_force(now)).map(|claim| &claim.owner_id)
}

fn compare(names: &Names<'_>, owners: &HashMap<String, Claim>, now: Timestamp) -> Existing {
    let by_external_id = names.owner_of_external_id(owners, now);
    let owner = |claim: &str| owner(owners, claim, now);
    let by_username = owner(&claims::username_claim(names.username.username()));
    let account = by_external_id.or(by_username);
    let is_anothers = |owner: Option<&AccountId>| owner.is_some() && owner != account;
    let looks = names.username.looks();
    let has_an_email = || {
        let mut emails = [Some(names.primary), names.backup].into_iter().flatten();
        emails.any(|email| owner(&claims::email_claim(email)) == account)
    };
    if is_anothers(by_username) {
        Existing::Other(NotCreated::UsernameTaken)
    } else if looks.iter().any(|look| is_anothers(owner(&claims::look_claim(look)))) {
        Existing::Other(NotCreated::UsernameLooksTaken)
    } else if is_anothers(owner(&claims::email_claim(names.primary))) {
        Existing::Other(NotCreated::EmailTaken)
    } else if names.backup.is_some_and(|backup| is_anothers(owner(&claims::email_claim(backup)))) {
        Existing::Other(NotCreated::BackupTaken)
    } else if by_external_id.is_none() && by_username.is_some() && !has_an_email() {
        Existing::Other(NotCreated::UsernameTaken)
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
            (vec![(name, "a"), (look, "a")], other(NotCreated::UsernameTaken)),
            (vec![(name, "a"), (look, "a"), (backup, "a")], same.clone()),
            (vec![(name, "a"), (email, "a until 1000")], other(NotCreated::UsernameTaken)),
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
