//! What a state shows: the account and the address of a window, what pages and emails offer, and what a step did wrong.
use super::undo::moment;
use super::{ACCOUNTS, At, Errand, ModelAccount, Request, State, What, Window, Wrong};

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

    /// Whether an account has no address that was confirmed by what an undo has ended.
    pub fn has_nothing_ended(&self, account: usize) -> bool {
        let emails = self.accounts[account].emails;
        let backup = emails.backup.map(|backup| backup.since);
        let former = emails.live_former(self.now).map(|former| former.since);
        backup.into_iter().chain(former).all(|since| {
            self.notices.iter().enumerate().all(|(number, notice)| {
                let confirmed =
                    matches!(notice.what, What::Confirmed(_)) && moment(notice.at, number) == since;
                !(confirmed && notice.ended)
            })
        })
    }

    /// `Store::find_claim`, for the expired claim of another account.
    pub fn sweep(&self, window: Window, place: usize) -> Window {
        let claim = self.target(window, place).and_then(|address| self.claims[address]);
        let lapsed = claim.filter(|claim| claim.has_lapsed(window.now));
        match lapsed {
            Some(claim) => Window { at: At::Releasing { place, holder: claim.owner }, ..window },
            None => self.swept(window, place),
        }
    }

    /// The next address, or the write.
    pub fn swept(&self, window: Window, place: usize) -> Window {
        let next = self.target(window, place + 1).map(|_| At::Sweeping { place: place + 1 });
        Window { at: next.unwrap_or(At::Writing), ..window }
    }

    /// The first or second address that a window wants.
    pub fn target(&self, window: Window, place: usize) -> Option<usize> {
        match window.errand {
            Errand::Confirm { request, .. } => Some(self.requests[request].address).filter(|_| place == 0),
            Errand::Remove { .. } => None,
            Errand::Undo { .. } => window.restores.addresses().get(place).copied(),
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
