//! The recovery emails of an account and their claims, as `Account::active_backup`, `Account::after_confirming` and `Store::replace_recovery_emails` have them.
use super::{ADDRESSES, Life, Rule, State};

/// For each address, whether it is one of those that are meant.
pub type Addresses = [bool; ADDRESSES.len()];

/// `email#backup`: an address, active or in its waiting period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confirmed {
    /// The address.
    pub address: usize,
    /// When it was confirmed, as [`super::undo::moment`] has it.
    pub since: u16,
    /// When it becomes active.
    pub usable_from: u8,
}

/// `email#former`: the address that stays active during the other's waiting period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Former {
    /// The address.
    pub address: usize,
    /// When it was confirmed.
    pub since: u16,
    /// The tick in which it stops opening the account.
    pub until: u8,
}

/// The claim, which keeps an address unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Its owner.
    pub owner: usize,
    /// When it expires, if it is that of a former address.
    pub until: Option<u8>,
}

impl Claim {
    /// Whether it has expired.
    pub fn has_lapsed(self, now: u8) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The confirmed addresses of an account beside its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecoveryEmails {
    /// The backup email.
    pub backup: Option<Confirmed>,
    /// The one before.
    pub former: Option<Former>,
}

impl RecoveryEmails {
    /// The backup email's address.
    pub fn address(self) -> Option<usize> {
        self.backup.map(|backup| backup.address)
    }

    /// The former address, unless it has expired.
    pub fn live_former(self, now: u8) -> Option<Former> {
        self.former.filter(|former| now < former.until)
    }

    /// `Account::active_backup`.
    pub fn active(self, now: u8) -> Option<Confirmed> {
        let backup = self.backup.filter(|backup| now >= backup.usable_from);
        let former = self.live_former(now);
        backup.or(former.map(|Former { address, since, .. }| Confirmed { address, since, usable_from: 0 }))
    }

    /// Its address.
    pub fn active_backup(self, now: u8) -> Option<usize> {
        self.active(now).map(|active_backup| active_backup.address)
    }

    /// Whether a record has the address, expired or not.
    pub fn carry(self, address: usize) -> bool {
        self.address() == Some(address) || self.former.is_some_and(|former| former.address == address)
    }

    /// `Account::recovery_emails`: without a former address that has expired.
    pub fn live(self, now: u8) -> Self {
        Self { former: self.live_former(now), ..self }
    }

    /// The addresses, that of the backup email first.
    pub fn addresses(self) -> Vec<usize> {
        self.claims().into_iter().map(|(address, _)| address).collect()
    }

    /// The claims of an account with these emails, and until when.
    pub fn claims(self) -> Vec<(usize, Option<u8>)> {
        let backup = self.backup.map(|backup| (backup.address, None));
        let former = self.former.map(|former| (former.address, Some(former.until)));
        backup.into_iter().chain(former).collect()
    }
}

/// The outcome of a replacement of recovery emails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// It is written.
    Done,
    /// Other accounts have these addresses.
    Taken(Addresses),
    /// The account has changed since it was read.
    Changed,
}

impl Life {
    /// `Account::after_confirming`.
    pub fn after_confirming(
        &self,
        emails: RecoveryEmails,
        (confirmed, since): (usize, u16),
        now: u8,
    ) -> RecoveryEmails {
        let active_backup = emails.active(now);
        if let Some(active_backup) = active_backup.filter(|active_backup| active_backup.address == confirmed)
        {
            return RecoveryEmails { backup: Some(active_backup), former: None };
        }
        let usable_from = now + self.waiting_period;
        let former = active_backup.filter(|_| usable_from > now && self.has(Rule::FormerKept));
        RecoveryEmails {
            backup: Some(Confirmed { address: confirmed, since, usable_from }),
            former: former.map(|Confirmed { address, since, .. }| Former {
                address,
                since,
                until: usable_from,
            }),
        }
    }

    /// `Store::replace_recovery_emails`: the account gets `after` instead of what it had when it was read, all or nothing.
    pub fn exchange(
        &self,
        state: &mut State,
        account: usize,
        (read, after): (RecoveryEmails, RecoveryEmails),
        now: u8,
    ) -> Exchanged {
        let before = read.live(now).claims();
        let mut claims = state.claims;
        let (mut own, mut taken) = (true, [false; ADDRESSES.len()]);
        for address in ADDRESSES {
            let find = |all: &[(usize, Option<u8>)]| {
                all.iter().find(|(claimed, _)| *claimed == address).map(|(_, until)| *until)
            };
            let is_own = claims[address].is_some_and(|claim| claim.owner == account);
            match (find(&before), find(&after.claims())) {
                (None, None) => {}
                (Some(_), None) => {
                    own &= is_own;
                    claims[address] = None;
                }
                (Some(until), Some(same)) if until == same => {}
                (Some(_), Some(until)) => {
                    own &= is_own;
                    claims[address] = Some(Claim { owner: account, until });
                }
                (None, Some(until)) => {
                    let lapsed = |claim: Claim| claim.has_lapsed(now) || !self.has(Rule::ClaimEnds);
                    let own_is_free = is_own && self.has(Rule::OwnIsFree);
                    taken[address] = !own_is_free && !claims[address].is_none_or(lapsed);
                    claims[address] = Some(Claim { owner: account, until });
                }
            }
        }
        let emails = state.accounts[account].emails;
        if taken.contains(&true) && self.has(Rule::Claim) {
            return Exchanged::Taken(taken);
        }
        let as_read = emails.address() == read.address();
        if (!as_read && self.has(Rule::AsRead)) || (!own && self.has(Rule::OwnClaim)) {
            return Exchanged::Changed;
        }
        state.claims = claims;
        // A record that stays is not written.
        state.accounts[account].emails = RecoveryEmails {
            backup: if after.backup == read.backup { emails.backup } else { after.backup },
            former: if after.former == read.former { emails.former } else { after.former },
        };
        Exchanged::Done
    }
}
