//! The confirmed addresses of an account, and their claims: all that a change of them writes.
use super::accounts::{BACKUP, Confirmed, FORMER, Former, FormerPrimaryRow, Record, former_primary_record};
use super::transaction::{Part, Transaction};
use super::write::{Write, text};
use super::{Store, StoreError};
use domain::{
    Account, ConfirmedAddress, EmailAddress, FormerPrimary, PrimaryEmails, RecoveryEmails, Timestamp,
};

/// The write that claims an address for an account.
pub(super) struct NewClaim {
    pub(super) address: EmailAddress,
    pub(super) part: Part,
}

/// All confirmed addresses of an account.
struct Addresses<'a> {
    primary: &'a PrimaryEmails,
    recovery: &'a RecoveryEmails,
}

impl<'a> Addresses<'a> {
    /// Each address that is claimed, and until when. One that has two parts is claimed as long as the longer one.
    /// The claim of a former primary that is kept no longer may be another account's.
    fn claims(&self, now: Timestamp) -> Vec<(&'a EmailAddress, Option<Timestamp>)> {
        let backup = self.recovery.backup.iter().map(|backup| (&backup.address, None));
        let former = self.recovery.former.iter().map(|former| (&former.address, Some(former.until)));
        let kept = self.primary.former.iter().filter(|former| now < former.kept_until);
        let former_primaries = kept.map(|former| (&former.email.address, Some(former.kept_until)));
        let mut claims = vec![(&self.primary.primary.address, None)];
        for (address, until) in backup.chain(former).chain(former_primaries) {
            match claims.iter_mut().find(|(claimed, _)| *claimed == address) {
                None => claims.push((address, until)),
                Some((_, end)) => *end = end.and_then(|end| until.map(|until| until.max(end))),
            }
        }
        claims
    }
}

/// The addresses that an account has claimed at `now`.
pub(super) fn claimed_addresses(account: &Account, now: Timestamp) -> Vec<EmailAddress> {
    let (primary, recovery) = (account.primary_emails(), account.recovery_emails(now));
    let claims = Addresses { primary: &primary, recovery: &recovery }.claims(now);
    claims.into_iter().map(|(address, _)| address.clone()).collect()
}

/// The confirmed addresses of an account, also those whose time is over.
pub(super) fn every_address(account: &Account) -> impl Iterator<Item = &EmailAddress> {
    let former = account.former_primaries.iter().map(|former| &former.email.address);
    std::iter::once(&account.primary.address)
        .chain(account.backup.confirmed().map(|backup| &backup.address))
        .chain(account.former.iter().map(|former| &former.address))
        .chain(former)
}

impl Store {
    /// Gives an account these recovery emails in place of those it had when it was read, claims included. See
    /// [`Store::replace_addresses`].
    pub(super) fn replace_recovery_emails(
        &self,
        tx: &mut Transaction,
        account: &Account,
        recovery: &RecoveryEmails,
        now: Timestamp,
    ) -> Result<Vec<NewClaim>, StoreError> {
        self.replace_addresses(tx, account, &account.primary_emails(), recovery, now)
    }

    /// Gives an account these addresses in place of those it had when it was read, claims included. The conditions of the
    /// records of primary and backup are false when the account has changed since. Returns the writes that claim addresses
    /// the account did not have; their conditions are false when another account has them.
    pub(super) fn replace_addresses(
        &self,
        tx: &mut Transaction,
        account: &Account,
        primary: &PrimaryEmails,
        recovery: &RecoveryEmails,
        now: Timestamp,
    ) -> Result<Vec<NewClaim>, StoreError> {
        let id = &account.id;
        tx.add(self.replace_backup(account, recovery.backup.as_ref())?);
        match (&account.former, &recovery.former) {
            (before, after) if before == after => {}
            (_, Some(former)) => {
                tx.add(self.put_record(id, Record::Former(Former::from(former)))?);
            }
            (_, None) => {
                tx.add(Write::delete(&self.tables.accounts, Self::account_key(id, FORMER)));
            }
        }
        self.replace_primary(tx, account, primary)?;

        let (held_primary, held_recovery) = (account.primary_emails(), account.recovery_emails(now));
        let before = Addresses { primary: &held_primary, recovery: &held_recovery }.claims(now);
        let after = Addresses { primary, recovery }.claims(now);
        for (address, _) in &before {
            if !after.iter().any(|(kept, _)| kept == address) {
                tx.add(self.delete_claim(address, id));
            }
        }
        let mut claimed = Vec::new();
        for (address, until) in after {
            match before.iter().find(|(claimed, _)| *claimed == address) {
                Some((_, same)) if *same == until => {}
                Some(_) => {
                    tx.add(self.set_claim_end(address, id, until));
                }
                None => {
                    let part = tx.add(self.claim_email(address, id, until, now)?);
                    claimed.push(NewClaim { address: address.clone(), part });
                }
            }
        }
        Ok(claimed)
    }

    /// Key: the backup record. The condition is false when it is not what the account had when it was read.
    pub(super) fn check_backup(&self, account: &Account) -> Result<Write, StoreError> {
        self.replace_backup(account, account.backup.confirmed())
    }

    /// Key: the backup record. The condition is false when it is not what the account had when it was read.
    fn replace_backup(
        &self,
        account: &Account,
        backup: Option<&ConfirmedAddress>,
    ) -> Result<Write, StoreError> {
        let record = Self::account_key(&account.id, BACKUP);
        let current = account.backup.confirmed();
        let write = match backup {
            _ if backup == current => Write::check(&self.tables.accounts, record),
            Some(backup) => self.put_record(&account.id, Record::Backup(Confirmed::from(backup)))?,
            None => Write::delete(&self.tables.accounts, record),
        };
        Ok(match current {
            None => write.when("attribute_not_exists(account_id)"),
            Some(current) => {
                write.when("email = :current").value(":current", text(current.address.canonical()))
            }
        })
    }

    /// Keys: the primary record and those of former primaries. The condition of the first is false when it is not what the
    /// account had when it was read. Nothing is written if nothing changes: all that changes a primary ends the sessions that
    /// other changes are made in.
    fn replace_primary(
        &self,
        tx: &mut Transaction,
        account: &Account,
        primary: &PrimaryEmails,
    ) -> Result<(), StoreError> {
        let id = &account.id;
        if primary.primary != account.primary {
            let put = self.put_record(id, Record::Primary(Confirmed::from(&primary.primary)))?;
            let current = text(account.primary.address.canonical());
            tx.add(put.when("email = :current").value(":current", current));
        }
        for former in &account.former_primaries {
            let is_kept = |kept: &FormerPrimary| kept.email.address == former.email.address;
            if !primary.former.iter().any(is_kept) {
                let record = former_primary_record(&former.email.address);
                tx.add(Write::delete(&self.tables.accounts, Self::account_key(id, &record)));
            }
        }
        for former in primary.former.iter().filter(|former| !account.former_primaries.contains(former)) {
            tx.add(Write::put(&self.tables.accounts, &FormerPrimaryRow::new(id, former))?);
        }
        Ok(())
    }
}
