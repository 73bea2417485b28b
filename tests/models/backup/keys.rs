//! Spare keys and the claims on them, as `Account::active_backup`, `Account::after_confirming` and `Store::replace_recovery_emails` have them.
use super::{ADDRESSES, Life, Rule, State};

/// `email#backup`: an address, in force or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confirmed {
    /// The address.
    pub address: usize,
    /// When it begins to open the account.
    pub usable_from: u8,
}

/// `email#former`: the address that opens the account while the other is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Former {
    /// The address.
    pub address: usize,
    /// The tick in which it stops opening the account.
    pub until: u8,
}

/// The item that keeps an address unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Whose it is.
    pub owner: usize,
    /// When it ends, as that of a former address does.
    pub until: Option<u8>,
}

impl Claim {
    /// Its time is over.
    pub fn has_lapsed(self, now: u8) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The confirmed addresses of an account beside its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Keys {
    /// The backup email.
    pub backup: Option<Confirmed>,
    /// The one before.
    pub former: Option<Former>,
}

impl Keys {
    /// The backup email's address.
    pub fn address(self) -> Option<usize> {
        self.backup.map(|backup| backup.address)
    }

    /// The former address, while its time is not over.
    pub fn living_former(self, now: u8) -> Option<Former> {
        self.former.filter(|former| now < former.until)
    }

    /// `Account::active_backup`.
    pub fn active_backup(self, now: u8) -> Option<usize> {
        let backup = self.backup.filter(|backup| now >= backup.usable_from);
        backup.map(|backup| backup.address).or_else(|| self.living_former(now).map(|former| former.address))
    }

    /// Whether a record carries the address, its time over or not.
    pub fn carry(self, address: usize) -> bool {
        self.address() == Some(address) || self.former.is_some_and(|former| former.address == address)
    }

    /// What an account with these keys has claimed, and until when.
    pub fn claims(self) -> Vec<(usize, Option<u8>)> {
        let backup = self.backup.map(|backup| (backup.address, None));
        let former = self.former.map(|former| (former.address, Some(former.until)));
        backup.into_iter().chain(former).collect()
    }
}

/// What became of an exchange of spare keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// It is written.
    Done,
    /// Another account has the address.
    Taken,
    /// The account is not what it was when it was read.
    Changed,
}

impl Life {
    /// `Account::after_confirming`.
    pub fn after_confirming(&self, keys: Keys, confirmed: usize, now: u8) -> Keys {
        let active_backup = keys.active_backup(now);
        if active_backup == Some(confirmed) {
            return Keys { backup: Some(Confirmed { address: confirmed, usable_from: 0 }), former: None };
        }
        let usable_from = now + self.hold;
        let former = active_backup.filter(|_| usable_from > now && self.has(Rule::FormerKept));
        Keys {
            backup: Some(Confirmed { address: confirmed, usable_from }),
            former: former.map(|address| Former { address, until: usable_from }),
        }
    }

    /// `Store::replace_recovery_emails`: the account gets `after` in place of what it had when it was read, all or nothing.
    pub fn exchange(
        &self,
        state: &mut State,
        account: usize,
        (read, after): (Keys, Keys),
        now: u8,
    ) -> Exchanged {
        let before = Keys { former: read.living_former(now), ..read }.claims();
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
        let keys = state.accounts[account].keys;
        if !free && self.has(Rule::Claim) {
            return Exchanged::Taken;
        }
        let as_read = keys.address() == read.address();
        if (!as_read && self.has(Rule::AsRead)) || (!own && self.has(Rule::OwnClaim)) {
            return Exchanged::Changed;
        }
        state.claims = claims;
        // A record that stays is not written.
        state.accounts[account].keys = Keys {
            backup: if after.backup == read.backup { keys.backup } else { after.backup },
            former: if after.former == read.former { keys.former } else { after.former },
        };
        Exchanged::Done
    }
}
