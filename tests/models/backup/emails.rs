//! The recovery emails of an account and their claims, as `Account::active_backup`, `Account::after_confirming` and `Store::replace_recovery_emails` have them.
use super::{ADDRESSES, Life, Rule, State};

/// `email#backup`: an address, active or in its waiting period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confirmed {
    /// The address.
    pub address: usize,
    /// When it becomes active.
    pub usable_from: u8,
}

/// `email#former`: the address that stays active during the other's waiting period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Former {
    /// The address.
    pub address: usize,
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
    pub fn active_backup(self, now: u8) -> Option<usize> {
        let backup = self.backup.filter(|backup| now >= backup.usable_from);
        backup.map(|backup| backup.address).or_else(|| self.live_former(now).map(|former| former.address))
    }

    /// Whether a record has the address, expired or not.
    pub fn carry(self, address: usize) -> bool {
        self.address() == Some(address) || self.former.is_some_and(|former| former.address == address)
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
    /// Another account has the address.
    Taken,
    /// The account has changed since it was read.
    Changed,
}

impl Life {
    /// `Account::after_confirming`.
    pub fn after_confirming(&self, emails: RecoveryEmails, confirmed: usize, now: u8) -> RecoveryEmails {
        let active_backup = emails.active_backup(now);
        if active_backup == Some(confirmed) {
            return RecoveryEmails {
                backup: Some(Confirmed { address: confirmed, usable_from: 0 }),
                former: None,
            };
        }
        let usable_from = now + self.waiting_period;
        let former = active_backup.filter(|_| usable_from > now && self.has(Rule::FormerKept));
        RecoveryEmails {
            backup: Some(Confirmed { address: confirmed, usable_from }),
            former: former.map(|address| Former { address, until: usable_from }),
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
        let before = RecoveryEmails { former: read.live_former(now), ..read }.claims();
        let mut claims = state.claims;
        let (mut own, mut free) = (true, true);
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
                    free &= claims[address].is_none_or(lapsed);
                    claims[address] = Some(Claim { owner: account, until });
                }
            }
        }
        let emails = state.accounts[account].emails;
        if !free && self.has(Rule::Claim) {
            return Exchanged::Taken;
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
