//! The steps.
use super::undo::moment;
use super::{
    ACCOUNTS, ADDRESSES, Action, At, Errand, Exchanged, Life, ModelAccount, RecoveryEmails, Request, Rule,
    State, What, Window, Wrong,
};

impl Life {
    pub fn has(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    pub fn first_links(&self) -> [Option<bool>; 2] {
        [self.prompt.then_some(false), None]
    }

    /// Takes a step.
    pub fn apply(&self, state: &mut State, action: Action) {
        let before = state.clone();
        match action {
            Action::Ask { account, address } => self.ask(state, account, address),
            Action::Email(request) => add_link(&mut state.requests[request].links),
            Action::Tell(notice) => add_link(&mut state.notices[notice].links),
            Action::Begin(window, errand) => self.begin(state, window, errand),
            Action::Step(window) => self.step(state, window),
            Action::Cancel(account) => {
                state.end_request(account);
                state.accounts[account].pending = None;
            }
            Action::Disable(account) => state.disable(account),
            Action::Enable(account) => {
                state.accounts[account].disabled = false;
                state.operated += 1;
            }
            Action::Tick => state.now += 1,
            Action::Thaw(account) => state.accounts[account].frozen = false,
            Action::CatchUp { account, address } => {
                state.index[account][address] = state.accounts[account].emails.carry(address);
            }
        }
        state.judge(&before);
        if !self.lagging {
            state.index =
                state.accounts.map(|account| ADDRESSES.map(|address| account.emails.carry(address)));
        }
    }

    /// `Store::request_backup`: one put, without a condition. Nobody looks for the owner of the address.
    fn ask(&self, state: &mut State, account: usize, address: usize) {
        state.end_request(account);
        state.accounts[account].pending = Some(state.requests.len());
        state.requests.push(Request {
            account,
            address,
            asked_in: state.accounts[account].ends,
            links: self.first_links(),
            over: false,
            backup_after_undo: false,
            disabled: false,
        });
        if !self.has(Rule::FormerStays)
            && let Some(former) = state.accounts[account].emails.backup.take()
        {
            state.claims[former.address] = None;
        }
    }

    /// A button is pressed. Without a waiting period neither time nor expired records make a difference, so the
    /// account is read in the same step.
    fn begin(&self, state: &mut State, window: usize, errand: Errand) {
        let (now, read) = (state.now, RecoveryEmails::default());
        state.windows[window] = Some(Window {
            errand,
            at: At::Reading,
            now,
            read,
            ends: 0,
            again: false,
            known: 0,
            taken: [false; ADDRESSES.len()],
            restores: RecoveryEmails::default(),
        });
        if self.waiting_period == 0 {
            self.step(state, window);
        }
    }

    /// The next call of a window; one without a call is closed.
    fn step(&self, state: &mut State, number: usize) {
        let Some(window) = state.windows[number].take() else { return };
        let next = match window.at {
            At::Reading => self.read(state, window),
            At::Recalling => Some(self.recall(state, window)),
            At::Sweeping { place } => Some(state.sweep(self.timed(state, window), place)),
            At::Releasing { place, holder } => {
                let swept = state.target(window, place);
                let former = &mut state.accounts[holder].emails.former;
                let lapsed = |until| until <= window.now || !self.has(Rule::SweepsLapsed);
                if former.is_some_and(|former| Some(former.address) == swept && lapsed(former.until)) {
                    *former = None;
                }
                Some(Window { at: At::Freeing { place, holder }, ..window })
            }
            At::Freeing { place, holder } => {
                if let Some(address) = state.target(window, place) {
                    let lapsed = |until| until <= window.now || !self.has(Rule::SweepsLapsed);
                    let goes = state.claims[address]
                        .is_some_and(|claim| claim.owner == holder && claim.until.is_some_and(lapsed));
                    if goes {
                        state.claims[address] = None;
                    }
                }
                Some(state.swept(window, place))
            }
            At::Writing => self.write(state, window),
        };
        state.windows[number] = next;
    }

    /// `Store::load_account`, and what the code refuses afterwards. If a transaction found the account changed, it is
    /// read again without these checks.
    fn read(&self, state: &State, window: Window) -> Option<Window> {
        let number = state.account_of(window.errand);
        let account = state.accounts[number];
        let refused = match window.errand {
            _ if window.again => false,
            Errand::Confirm { request, .. } => state.pending(number) != Some(request) || account.disabled,
            Errand::Remove { .. } => account.emails.backup.is_none() || account.frozen || account.disabled,
            Errand::Undo { .. } => false,
        };
        let window = Window { read: account.emails, ends: account.ends, ..window };
        let next = match window.errand {
            Errand::Undo { .. } if self.waiting_period == 0 => self.recall(state, window),
            Errand::Undo { .. } => Window { at: At::Recalling, ..window },
            Errand::Confirm { .. } if !window.again && self.sweeps() => {
                Window { at: At::Sweeping { place: 0 }, ..window }
            }
            _ => Window { at: At::Writing, ..self.timed(state, window) },
        };
        (!refused).then_some(next)
    }

    /// Whether windows look for expired claims. Without a waiting period there are none.
    pub fn sweeps(&self) -> bool {
        self.waiting_period > 0 && self.has(Rule::Swept)
    }

    /// Confirming reads the time after the account.
    fn timed(&self, state: &State, window: Window) -> Window {
        let confirms = matches!(window.errand, Errand::Confirm { .. });
        let now = if confirms && self.has(Rule::TimeLast) { state.now } else { window.now };
        Window { now, ..window }
    }

    fn write(&self, state: &mut State, window: Window) -> Option<Window> {
        let (before, account) = (state.clone(), state.account_of(window.errand));
        let outcome = match window.errand {
            Errand::Confirm { request, link } => self.confirm(state, request, link, window),
            Errand::Remove { account } => self.remove(state, account, window),
            Errand::Undo { notice, link } => self.undo(state, notice, link, window),
        };
        let disabled = before.accounts[account].disabled;
        match outcome {
            Ok(()) => {
                if disabled && !matches!(window.errand, Errand::Undo { .. }) {
                    state.note(Wrong::ChangedWhileDisabled);
                }
                None
            }
            Err(Exchanged::Changed) if !matches!(window.errand, Errand::Remove { .. }) => {
                *state = before;
                let again = Window { at: At::Reading, again: true, ..window };
                if self.waiting_period == 0 { self.read(state, again) } else { Some(again) }
            }
            // `UndoRefused::Taken`: the next call undoes everything else.
            Err(Exchanged::Taken(found)) if matches!(window.errand, Errand::Undo { .. }) => {
                *state = before;
                let is_own =
                    |address: &usize| state.claims[*address].is_some_and(|claim| claim.owner == account);
                if ADDRESSES.iter().any(|address| found[*address] && is_own(address)) {
                    state.note(Wrong::NotRestored);
                }
                let taken = ADDRESSES.map(|address| window.taken[address] || found[address]);
                Some(self.aim(state, Window { taken, ..window }))
            }
            Err(_) => {
                *state = before;
                None
            }
        }
    }

    /// `Store::confirm_backup`.
    fn confirm(
        &self,
        state: &mut State,
        number: usize,
        link: usize,
        window: Window,
    ) -> Result<(), Exchanged> {
        let request = state.requests[number];
        let Request { account, address, .. } = request;
        let ModelAccount { pending, frozen, disabled, ends, .. } = state.accounts[account];
        let holds = [
            request.links[link] == Some(false),
            pending == Some(number) || !self.has(Rule::OwnPending),
            !frozen || !self.has(Rule::Frozen),
            !disabled || !self.has(Rule::Enabled),
            ends == request.asked_in || !self.has(Rule::AskedSince),
        ];
        if holds.contains(&false) {
            return Err(Exchanged::Done);
        }
        let new = window.read.address() != Some(address);
        let since = moment(window.now, state.notices.len());
        let emails =
            if new { self.after_confirming(window.read, (address, since), window.now) } else { window.read };
        let waits = window.read.active_backup(window.now) != Some(address);
        let exchanged = self.exchange(state, account, (window.read, emails), window.now);
        if exchanged != Exchanged::Done {
            return Err(exchanged);
        }
        for (wrong, guilty) in [
            (Wrong::Replaced, request.over),
            (Wrong::Undone, request.backup_after_undo),
            (Wrong::Revived, request.disabled),
        ] {
            if guilty {
                state.note(wrong);
            }
        }
        state.requests[number].links[link] = Some(true);
        state.requests[number].over = true;
        state.accounts[account].pending = None;
        state.accounts[account].proven[address] = true;
        if new {
            self.note_change(state, account, What::Confirmed(address), (window.read, window.now));
            if waits {
                state.accounts[account].waits_until[address] = window.now + self.waiting_period;
            }
        }
        Ok(())
    }

    /// `Store::remove_backup`.
    fn remove(&self, state: &mut State, account: usize, window: Window) -> Result<(), Exchanged> {
        let ModelAccount { frozen, disabled, ends, .. } = state.accounts[account];
        let holds = [
            !frozen || !self.has(Rule::Frozen),
            !disabled || !self.has(Rule::Enabled),
            ends == window.ends || !self.has(Rule::AskedSince),
        ];
        if holds.contains(&false) {
            return Err(Exchanged::Done);
        }
        let raised = state.accounts[account].raised;
        let Some(removed) = window.read.active_backup(window.now).or_else(|| window.read.address()) else {
            return Err(Exchanged::Done);
        };
        match self.exchange(state, account, (window.read, RecoveryEmails::default()), window.now) {
            Exchanged::Done => {
                self.note_change(state, account, What::Removed(removed), (window.read, window.now));
            }
            refused => return Err(refused),
        }
        if ends != window.ends && raised == 0 {
            state.note(Wrong::Revived);
        }
        Ok(())
    }

    /// The accounts that an address opens: found by the index and confirmed by the account itself.
    pub fn opens(&self, state: &State, address: usize) -> Vec<usize> {
        let sign_in_email = |account: &usize| {
            let ModelAccount { emails, pending, .. } = state.accounts[*account];
            let waits = pending.is_some_and(|request| state.requests[request].address == address);
            let indexed = state.index[*account][address];
            let waiting = emails.address() == Some(address) && !self.has(Rule::Waits);
            let lapsed = emails.former.is_some_and(|former| former.address == address);
            let lapsed = lapsed && !self.has(Rule::FormerEnds);
            let own = emails.active_backup(state.now) == Some(address) || waiting || lapsed;
            match (self.has(Rule::BaseDecides), self.has(Rule::ConfirmedOnly)) {
                (true, true) => indexed && own,
                (true, false) => (indexed && own) || waits,
                (false, _) => indexed,
            }
        };
        ACCOUNTS.into_iter().filter(sign_in_email).collect()
    }
}

fn add_link(links: &mut [Option<bool>; 2]) {
    if let Some(free) = links.iter_mut().find(|link| link.is_none()) {
        *free = Some(false);
    }
}
