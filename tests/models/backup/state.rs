//! What a state shows: the account and the address of a window, what pages and emails offer, and what a step did wrong.
use super::{ACCOUNTS, At, Errand, ModelAccount, Request, State, Window, Wrong};

impl State {
    pub fn note(&mut self, wrong: Wrong) {
        if let Err(place) = self.wrongs.binary_search(&wrong) {
            self.wrongs.insert(place, wrong);
        }
    }

    /// `email#pending`, if all sessions have not ended since.
    pub fn pending(&self, account: usize) -> Option<usize> {
        let ModelAccount { pending, ends, .. } = self.accounts[account];
        pending.filter(|request| self.requests[*request].asked_in == ends)
    }

    /// Truth: the pending request has ended.
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
            if had.emails.address() != has.emails.address() && !changed {
                self.note(Wrong::ChangedByTheWay);
            }
            let active_backup = (had.emails.active_backup(self.now), has.emails.active_backup(self.now));
            let same_tick = before.now == self.now;
            if !changed && same_tick && active_backup.0 != active_backup.1 {
                self.note(Wrong::ChangedByTheWay);
            }
            let ended = had.raised != has.raised || has.emails.backup.is_none();
            let worked = had.emails.active_backup(before.now).is_some();
            if worked && active_backup.1.is_none() && !(changed && ended) {
                self.note(Wrong::LeftWithNone);
            }
        }
    }

    /// `Store::find_claim`, for the expired claim of another account.
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
            Errand::Undo { notice, .. } => self.notices[notice].former,
        }
    }

    pub fn account_of(&self, errand: Errand) -> usize {
        match errand {
            Errand::Confirm { request, .. } => self.requests[request].account,
            Errand::Remove { account } => account,
            Errand::Undo { notice, .. } => self.notices[notice].account,
        }
    }

    pub fn is_free_of(&self, wrong: Wrong) -> bool {
        !self.wrongs.contains(&wrong)
    }

    /// What a free window may begin: what a page or an email offers.
    pub fn errands(&self) -> Vec<Errand> {
        let mut errands = Vec::new();
        for (request, asked) in self.requests.iter().enumerate() {
            let links = (0..2).filter(|link| asked.links[*link] == Some(false));
            let awaited = self.accounts[asked.account].pending == Some(request);
            errands.extend(links.filter(|_| awaited).map(|link| Errand::Confirm { request, link }));
        }
        for (account, records) in self.accounts.iter().enumerate() {
            if records.emails.backup.is_some() && !records.frozen {
                errands.push(Errand::Remove { account });
            }
        }
        for (notice, told) in self.notices.iter().enumerate() {
            let links = (0..2).filter(|link| told.links[*link] == Some(false));
            errands.extend(links.map(|link| Errand::Undo { notice, link }));
        }
        errands
    }
}
