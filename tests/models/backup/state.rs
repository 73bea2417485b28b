//! What a state tells: whom a window is about, what it wants, what pages and mails offer, and what a step did wrong.
use super::{ACCOUNTS, Account, At, Errand, Request, State, Window, Wrong};

impl State {
    pub fn note(&mut self, wrong: Wrong) {
        if let Err(place) = self.wrongs.binary_search(&wrong) {
            self.wrongs.insert(place, wrong);
        }
    }

    /// `email#pending`, if all sessions have not ended since.
    pub fn pending(&self, account: usize) -> Option<usize> {
        let Account { pending, ends, .. } = self.accounts[account];
        pending.filter(|request| self.requests[*request].asked_in == ends)
    }

    /// Truth: what was pending is over.
    pub fn end_request(&mut self, account: usize) {
        if let Some(request) = self.accounts[account].pending {
            self.requests[request].over = true;
        }
    }

    /// `Store::disable_account`.
    pub fn disable(&mut self, number: usize) {
        let account = &mut self.accounts[number];
        (account.disabled, account.ends) = (true, account.ends + 1);
        self.operated += 1;
        let owned = |request: &&mut Request| request.account == number;
        self.requests.iter_mut().filter(owned).for_each(|request| request.disabled = true);
    }

    /// Judges a step by the backup emails before it and after it.
    pub fn judge(&mut self, before: &Self) {
        for account in ACCOUNTS {
            let (had, has) = (before.accounts[account], self.accounts[account]);
            let changed = self.changes != before.changes;
            if had.keys.address() != has.keys.address() && !changed {
                self.note(Wrong::ChangedByTheWay);
            }
            let active_backup = (had.keys.active_backup(self.now), has.keys.active_backup(self.now));
            let same_tick = before.now == self.now;
            if !changed && same_tick && active_backup.0 != active_backup.1 {
                self.note(Wrong::ChangedByTheWay);
            }
            let ended = had.raised != has.raised || has.keys.backup.is_none();
            let worked = had.keys.active_backup(before.now).is_some();
            if worked && active_backup.1.is_none() && !(changed && ended) {
                self.note(Wrong::LeftWithNone);
            }
        }
    }

    /// `Store::find_claim`, for what another account left of the address.
    pub fn sweep(&self, window: Window) -> Window {
        let claim = self.target(window).and_then(|address| self.claims[address]);
        let lapsed = claim.filter(|claim| claim.has_lapsed(window.now));
        let at = lapsed.map_or(At::Writing, |claim| At::Releasing { holder: claim.owner });
        Window { at, ..window }
    }

    /// The address that a window wants.
    pub fn target(&self, window: Window) -> Option<usize> {
        match window.errand {
            Errand::Confirm { request, .. } => Some(self.requests[request].address),
            Errand::Remove { .. } => None,
            Errand::TakeBack { notice, .. } => self.notices[notice].former,
        }
    }

    pub fn account_of(&self, errand: Errand) -> usize {
        match errand {
            Errand::Confirm { request, .. } => self.requests[request].account,
            Errand::Remove { account } => account,
            Errand::TakeBack { notice, .. } => self.notices[notice].account,
        }
    }

    pub fn is_free_of(&self, wrong: Wrong) -> bool {
        !self.wrongs.contains(&wrong)
    }

    /// What a free window may begin: what a page offers, or a mail.
    pub fn errands(&self) -> Vec<Errand> {
        let mut errands = Vec::new();
        for (request, asked) in self.requests.iter().enumerate() {
            let links = (0..2).filter(|link| asked.links[*link] == Some(false));
            let awaited = self.accounts[asked.account].pending == Some(request);
            errands.extend(links.filter(|_| awaited).map(|link| Errand::Confirm { request, link }));
        }
        for (account, records) in self.accounts.iter().enumerate() {
            if records.keys.backup.is_some() && !records.frozen {
                errands.push(Errand::Remove { account });
            }
        }
        for (notice, told) in self.notices.iter().enumerate() {
            let links = (0..2).filter(|link| told.links[*link] == Some(false));
            errands.extend(links.map(|link| Errand::TakeBack { notice, link }));
        }
        errands
    }
}
