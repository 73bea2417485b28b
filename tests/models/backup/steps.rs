//! The steps, and what must hold after each.
use stateright::{Model, Property};

use super::{Account, Action, BOTH, Errand, Life, Notice, Request, Rule, State, Window, Wrong};

pub const ONE: &str = "an address opens one account at most";
pub const PROVEN: &str = "an address opens only whoever has shown to read its mail";
pub const OWN: &str = "an address opens only the account that has it";
pub const CLAIMS: &str = "claims are the addresses in force";
pub const TOLD: &str = "every change has its notice";
pub const FROZEN: &str = "frozen means no change";
pub const STAYS: &str = "while a change waits the former address stays in force";
pub const DEAD: &str = "a request that is over confirms nothing";
pub const UNDONE: &str = "taking back leaves no link alive";
pub const ONCE: &str = "a link takes back once";
pub const RESTORED: &str = "taking back restores the former address, unless somebody else has it";

/// A property by its name.
type Named = (&'static str, fn(&Life, &State) -> bool);

impl Life {
    fn has(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    fn first_links(&self) -> [Option<bool>; 2] {
        [self.prompt.then_some(false), None]
    }

    /// Takes a step; false where a write found a condition false.
    pub fn apply(&self, state: &mut State, action: Action) -> bool {
        let before = state.clone();
        let mut a_change = false;
        let done = match action {
            Action::Ask { account, address } => self.ask(state, account, address),
            Action::Mail(request) => add_link(&mut state.requests[request].links),
            Action::Tell(notice) => add_link(&mut state.notices[notice].links),
            Action::Begin(window, errand) => state.begin(window, errand),
            Action::Finish(window) => {
                a_change = true;
                self.finish(state, window)
            }
            Action::Cancel(account) => {
                state.end_request(account);
                state.accounts[account].pending.take().is_some()
            }
            Action::Thaw(account) => std::mem::take(&mut state.accounts[account].frozen),
            Action::CatchUp { account, address } => {
                state.index[account][address] = state.accounts[account].backup == Some(address);
                true
            }
        };
        let changed: Vec<_> =
            BOTH.into_iter().filter(|at| state.accounts[*at].backup != before.accounts[*at].backup).collect();
        if !changed.is_empty() && !a_change {
            state.note(Wrong::ChangedByTheWay);
        }
        if !self.lagging {
            state.index =
                BOTH.map(|account| BOTH.map(|address| state.accounts[account].backup == Some(address)));
        }
        done
    }

    /// `Store::ask_for_backup`: one put, without a condition. Nobody looks for the owner of the address.
    fn ask(&self, state: &mut State, account: usize, address: usize) -> bool {
        state.end_request(account);
        state.accounts[account].pending = Some(state.requests.len());
        state.requests.push(Request {
            account,
            address,
            links: self.first_links(),
            over: false,
            taken_back: false,
        });
        if !self.has(Rule::FormerStays)
            && let Some(former) = state.accounts[account].backup.take()
        {
            state.claims[former] = None;
        }
        true
    }

    fn finish(&self, state: &mut State, number: usize) -> bool {
        let Some(window) = state.windows[number].take() else { return false };
        match window.errand {
            Errand::Confirm { request, link } => self.confirm(state, request, link, window),
            Errand::Remove { account } => self.remove(state, account, window),
            Errand::TakeBack { notice, link } => {
                let undo = state.notices[notice];
                let gone = undo.former.is_some_and(|former| {
                    !window.taken && window.backup != undo.former && state.claims[former].is_some()
                });
                let done = self.take_back(state, notice, link, window);
                if !done && gone && state.notices[notice].links[link] == Some(false) {
                    // `TakeBackRefused::Taken`: at once the next call, for all the rest.
                    state.windows[number] = Some(Window { taken: true, ..window });
                }
                done
            }
        }
    }

    /// `Store::confirm_backup`.
    fn confirm(&self, state: &mut State, number: usize, link: usize, window: Window) -> bool {
        let request = state.requests[number];
        let Request { account, address, .. } = request;
        let Account { backup, pending, frozen, .. } = state.accounts[account];
        let new = window.backup != Some(address);
        let former = window.backup.filter(|former| *former != address);
        let holds = [
            request.links[link] == Some(false),
            pending == Some(number) || !self.has(Rule::OwnPending),
            !frozen || !self.has(Rule::Frozen),
            backup == window.backup || !self.has(Rule::AsRead),
            !new || state.claims[address].is_none() || !self.has(Rule::Claim),
            former.is_none_or(|former| state.claims[former] == Some(account)) || !self.has(Rule::OwnClaim),
        ];
        if holds.contains(&false) {
            return false;
        }
        if request.over {
            state.note(Wrong::Replaced);
        }
        if request.taken_back {
            state.note(Wrong::TakenBack);
        }
        state.requests[number].links[link] = Some(true);
        state.requests[number].over = true;
        state.accounts[account].pending = None;
        state.accounts[account].proven[address] = true;
        if new {
            self.change(state, account, Some(address), window.backup, true);
        }
        true
    }

    /// `Store::remove_backup`.
    fn remove(&self, state: &mut State, account: usize, window: Window) -> bool {
        let Account { backup, frozen, .. } = state.accounts[account];
        let Some(gone) = window.backup else { return false };
        let holds = [
            !frozen || !self.has(Rule::Frozen),
            backup == window.backup || !self.has(Rule::AsRead),
            state.claims[gone] == Some(account) || !self.has(Rule::OwnClaim),
        ];
        if holds.contains(&false) {
            return false;
        }
        self.change(state, account, None, Some(gone), true);
        true
    }

    /// `Store::take_back`, with what `Notice::taken_back` says.
    fn take_back(&self, state: &mut State, number: usize, link: usize, window: Window) -> bool {
        let notice = state.notices[number];
        let account = notice.account;
        let restored = notice.former.filter(|_| !window.taken);
        let claimed = restored.filter(|_| restored != window.backup);
        let gone = window.backup.filter(|_| restored != window.backup);
        let holds = [
            notice.links[link] == Some(false) || !self.has(Rule::UndoOnce),
            state.accounts[account].backup == window.backup || !self.has(Rule::AsRead),
            claimed.is_none_or(|address| state.claims[address].is_none()) || !self.has(Rule::Claim),
            gone.is_none_or(|address| state.claims[address] == Some(account)) || !self.has(Rule::OwnClaim),
        ];
        if holds.contains(&false) {
            return false;
        }
        if notice.links[link] == Some(true) {
            state.note(Wrong::UndoneTwice);
        }
        state.notices[number].links[link] = Some(true);
        self.change(state, account, restored, window.backup, false);
        if self.has(Rule::UndoEndsPending) {
            state.end_request(account);
            state.accounts[account].pending = None;
        }
        let owned = |request: &&mut Request| request.account == account;
        state.requests.iter_mut().filter(owned).for_each(|request| request.taken_back = true);
        state.accounts[account].frozen = true;
        state.accounts[account].raised += 1;
        if state.accounts[account].backup != notice.former && !window.taken {
            state.note(Wrong::NotRestored);
        }
        true
    }

    /// The writes that every change consists of: the record, the claims, the notice.
    fn change(
        &self,
        state: &mut State,
        account: usize,
        now: Option<usize>,
        before: Option<usize>,
        undoable: bool,
    ) {
        if state.accounts[account].frozen && undoable {
            state.note(Wrong::ChangedWhileFrozen);
        }
        state.accounts[account].backup = now;
        if let Some(gone) = before.filter(|_| now != before) {
            state.claims[gone] = None;
        }
        if let Some(address) = now {
            state.claims[address] = Some(account);
        }
        state.changes += 1;
        if self.has(Rule::NoticeTogether) {
            state.notices.push(Notice { account, former: before, undoable, links: self.first_links() });
        }
    }

    /// Whom an address opens: what the index finds and the account itself confirms.
    fn opens(&self, state: &State, address: usize) -> Vec<usize> {
        let door = |account: &usize| {
            let Account { backup, pending, .. } = state.accounts[*account];
            let waits = pending.is_some_and(|request| state.requests[request].address == address);
            let indexed = state.index[*account][address];
            let own = backup == Some(address);
            match (self.has(Rule::BaseDecides), self.has(Rule::ConfirmedOnly)) {
                (true, true) => indexed && own,
                (true, false) => (indexed && own) || waits,
                (false, _) => indexed,
            }
        };
        BOTH.into_iter().filter(door).collect()
    }
}

fn add_link(links: &mut [Option<bool>; 2]) -> bool {
    let Some(free) = links.iter_mut().find(|link| link.is_none()) else { return false };
    *free = Some(false);
    true
}

impl State {
    fn note(&mut self, wrong: Wrong) {
        if let Err(place) = self.wrongs.binary_search(&wrong) {
            self.wrongs.insert(place, wrong);
        }
    }

    /// Truth: what was pending is over.
    fn end_request(&mut self, account: usize) {
        if let Some(request) = self.accounts[account].pending {
            self.requests[request].over = true;
        }
    }

    /// Reads the account, and refuses what the code refuses by then.
    fn begin(&mut self, window: usize, errand: Errand) -> bool {
        let account = match errand {
            Errand::Confirm { request, .. } => self.requests[request].account,
            Errand::Remove { account } => account,
            Errand::TakeBack { notice, .. } => self.notices[notice].account,
        };
        let backup = self.accounts[account].backup;
        self.windows[window] = Some(Window { errand, backup, taken: false });
        true
    }

    fn is_free_of(&self, wrong: Wrong) -> bool {
        !self.wrongs.contains(&wrong)
    }

    /// What a free window may begin: what a page offers, or a mail.
    fn errands(&self) -> Vec<Errand> {
        let mut errands = Vec::new();
        for (request, asked) in self.requests.iter().enumerate() {
            let links = (0..2).filter(|link| asked.links[*link] == Some(false));
            let awaited = self.accounts[asked.account].pending == Some(request);
            errands.extend(links.filter(|_| awaited).map(|link| Errand::Confirm { request, link }));
        }
        for (account, records) in self.accounts.iter().enumerate() {
            if records.backup.is_some() && !records.frozen {
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

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            accounts: [Account::default(); 2],
            claims: [None; 2],
            index: [[false; 2]; 2],
            requests: Vec::new(),
            notices: Vec::new(),
            windows: [None; 2],
            changes: 0,
            wrongs: Vec::new(),
        };
        // The first account has the first address.
        state.accounts[0].proven[0] = true;
        self.change(&mut state, 0, Some(0), None, true);
        state.index[0][0] = true;
        state.changes = u8::try_from(state.notices.len()).unwrap_or_default();
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for account in BOTH {
            let records = state.accounts[account];
            let asked = state.requests.iter().filter(|request| request.account == account).count();
            let next = self.wishes[account].get(asked).filter(|_| !records.frozen);
            let wish = next.filter(|address| records.backup != Some(**address));
            actions.extend(wish.map(|address| Action::Ask { account, address: *address }));
            if records.pending.is_some() {
                actions.push(Action::Cancel(account));
            }
            if records.frozen {
                actions.push(Action::Thaw(account));
            }
            let behind =
                |address: &usize| state.index[account][*address] != (records.backup == Some(*address));
            actions
                .extend(BOTH.into_iter().filter(behind).map(|address| Action::CatchUp { account, address }));
        }
        let made = |links: [Option<bool>; 2]| links.into_iter().flatten().count();
        let requests =
            state.requests.iter().enumerate().filter(|(_, request)| made(request.links) < self.copies);
        actions.extend(requests.map(|(number, _)| Action::Mail(number)));
        let notices = state.notices.iter().enumerate();
        let told = notices.filter(|(_, notice)| notice.undoable && made(notice.links) < self.copies);
        actions.extend(told.map(|(number, _)| Action::Tell(number)));
        for window in 0..self.windows {
            if state.windows[window].is_some() {
                actions.push(Action::Finish(window));
            } else if state.changes < self.changes {
                actions.extend(state.errands().into_iter().map(|errand| Action::Begin(window, errand)));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.apply(&mut state, action);
        // It makes no difference which of two windows is the first: half as many states.
        state.windows.sort_unstable();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let invariants: [Named; 11] = [
            (ONE, |life, state| BOTH.into_iter().all(|address| life.opens(state, address).len() <= 1)),
            (PROVEN, |life, state| {
                let proven = |address| move |account: usize| state.accounts[account].proven[address];
                BOTH.into_iter().all(|address| life.opens(state, address).into_iter().all(proven(address)))
            }),
            (OWN, |life, state| {
                let own = |address| move |account: usize| state.claims[address] == Some(account);
                BOTH.into_iter().all(|address| life.opens(state, address).into_iter().all(own(address)))
            }),
            (CLAIMS, |_, state| {
                BOTH.into_iter().all(|address| {
                    let mut owners =
                        BOTH.into_iter().filter(|at| state.accounts[*at].backup == Some(address));
                    owners.next() == state.claims[address] && owners.next().is_none()
                })
            }),
            (TOLD, |_, state| usize::from(state.changes) == state.notices.len()),
            (FROZEN, |_, state| state.is_free_of(Wrong::ChangedWhileFrozen)),
            (STAYS, |_, state| state.is_free_of(Wrong::ChangedByTheWay)),
            (DEAD, |_, state| state.is_free_of(Wrong::Replaced)),
            (UNDONE, |_, state| state.is_free_of(Wrong::TakenBack)),
            (ONCE, |_, state| state.is_free_of(Wrong::UndoneTwice)),
            (RESTORED, |_, state| state.is_free_of(Wrong::NotRestored)),
        ];
        let hopes: [Named; 5] = [
            ("an address that was given free is another account's", |_, state| {
                BOTH.into_iter().any(|address| state.accounts.iter().all(|account| account.proven[address]))
            }),
            ("a backup email is replaced", |_, state| {
                state.notices.iter().any(|notice| notice.former.is_some() && notice.undoable)
            }),
            ("a change is taken back and the former address restored", |_, state| {
                state.accounts.iter().any(|account| account.raised > 0 && account.backup.is_some())
            }),
            ("the former address is somebody else's by then", |life, state| {
                life.windows == 1 || state.windows.iter().flatten().any(|window| window.taken)
            }),
            ("the index is behind", |life, state| {
                !life.lagging
                    || BOTH.into_iter().any(|account| {
                        BOTH.into_iter().any(|address| {
                            state.index[account][address] && state.accounts[account].backup != Some(address)
                        })
                    })
            }),
        ];
        let invariants = invariants.into_iter().map(|(name, holds)| Property::always(name, holds));
        invariants.chain(hopes.into_iter().map(|(name, comes)| Property::sometimes(name, comes))).collect()
    }
}
