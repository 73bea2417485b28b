//! Which steps a state allows, and what must hold in it.
use stateright::{Model, Property};

use super::{
    ACCOUNTS, ADDRESSES, Action, At, Claim, Confirmed, Errand, Life, ModelAccount, RecoveryEmails, State,
    What, Window, Wrong,
};

pub const ONE: &str = "an address opens one account at most";
pub const PROVEN: &str = "an address opens only an account whose owner has proved to read its email";
pub const OWN: &str = "an address opens only the account that has it";
pub const CLAIMS: &str = "claims are those of active, waiting and former addresses";
pub const LEADS: &str = "the records of an address lead to its account only";
pub const TOLD: &str = "every change has its notice";
pub const FROZEN: &str = "frozen means no change";
pub const STAYS: &str = "while a change is pending the former address stays active";
pub const DEAD: &str = "a request that has ended confirms nothing";
pub const UNDONE: &str = "after an undo no earlier link is live";
pub const ONCE: &str = "a link undoes once";
pub const RESTORED: &str = "an undo restores what was before the event, unless somebody else has it";
pub const ENDED: &str = "after an undo nothing that was confirmed since its event is in force, then or later";
pub const WAITS: &str = "an address opens nothing during its waiting period";
pub const WORKS: &str = "only removal and undo leave an account without an active backup email";
pub const DISABLED: &str = "the backup email of a disabled account is neither confirmed nor removed";
pub const REVIVED: &str = "enabling revives no link";

/// A property by its name.
type Named = (&'static str, fn(&Life, &State) -> bool);

impl Life {
    /// Whether this holds for every account that an address opens.
    fn all_opened(&self, state: &State, holds: impl Fn(usize, usize) -> bool) -> bool {
        let opens = |address| self.opens(state, address).into_iter().all(|account| holds(account, address));
        ADDRESSES.into_iter().all(opens)
    }
}

impl State {
    /// Whether the claim, unless it has expired, is that of the only account with the address, and expires with it.
    fn is_claimed_as_kept(&self, address: usize) -> bool {
        let kept = ACCOUNTS.into_iter().flat_map(|owner| {
            let emails = self.accounts[owner].emails;
            let own = emails.live(self.now).claims().into_iter().filter(move |(kept, _)| *kept == address);
            own.map(move |(_, until)| Claim { owner, until })
        });
        let claim = self.claims[address].filter(|claim| !claim.has_lapsed(self.now));
        kept.eq(claim)
    }

    /// Whether no other account's record has the address of a backup email.
    fn leads_to_its_account(&self, address: usize) -> bool {
        let carrying = self.accounts.iter().filter(|account| account.emails.carry(address)).count();
        carrying <= 1 || self.accounts.iter().all(|account| account.emails.address() != Some(address))
    }
}

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            now: 0,
            accounts: [ModelAccount::default(); 2],
            claims: [None; ADDRESSES.len()],
            index: [[false; ADDRESSES.len()]; 2],
            requests: Vec::new(),
            notices: Vec::new(),
            windows: [None; 2],
            operated: 0,
            changes: 0,
            wrongs: Vec::new(),
        };
        // The first account has the first address.
        state.accounts[0].proven[0] = true;
        state.accounts[0].emails =
            RecoveryEmails { backup: Some(Confirmed { address: 0, since: 0, usable_from: 0 }), former: None };
        state.claims[0] = Some(Claim { owner: 0, until: None });
        state.index[0][0] = true;
        self.note_change(&mut state, 0, What::Confirmed(0), (RecoveryEmails::default(), 0));
        state.changes = u8::try_from(state.notices.len()).unwrap_or_default();
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for account in ACCOUNTS {
            let records = state.accounts[account];
            let asked = state.requests.iter().filter(|request| request.account == account).count();
            let next = self.wishes[account].get(asked).filter(|_| !records.frozen && !records.disabled);
            let wish = next.filter(|address| records.emails.address() != Some(**address));
            actions.extend(wish.map(|address| Action::Ask { account, address: *address }));
            if state.pending(account).is_some() && self.waiting_period == 0 {
                actions.push(Action::Cancel(account));
            }
            // With a waiting period, the freeze after an undo is longer than the model's time.
            if records.frozen && self.waiting_period == 0 {
                actions.push(Action::Thaw(account));
            }
            let behind = |address: &usize| state.index[account][*address] != records.emails.carry(*address);
            let behind = ADDRESSES.into_iter().filter(behind);
            actions.extend(behind.map(|address| Action::CatchUp { account, address }));
        }
        // A request takes seconds, a waiting period hours.
        let brief = |window: &Window| state.now + 1 < window.now + self.waiting_period;
        if state.now < self.end && state.windows.iter().flatten().all(brief) {
            actions.push(Action::Tick);
        }
        if state.operated < self.operated {
            let disabled = state.accounts[0].disabled;
            actions.push(if disabled { Action::Enable(0) } else { Action::Disable(0) });
        }
        let made = |links: [Option<bool>; 2]| links.into_iter().flatten().count();
        let requests =
            state.requests.iter().enumerate().filter(|(_, request)| made(request.links) < self.copies);
        actions.extend(requests.map(|(number, _)| Action::Email(number)));
        let notices = state.notices.iter().enumerate();
        let told = notices.filter(|(_, notice)| notice.is_undoable() && made(notice.links) < self.copies);
        actions.extend(told.map(|(number, _)| Action::Tell(number)));
        for window in 0..self.windows {
            if state.windows[window].is_some() {
                actions.push(Action::Step(window));
            } else if state.changes < self.changes {
                let errands = state.errands().into_iter();
                let errands =
                    errands.filter(|errand| self.removing || !matches!(errand, Errand::Remove { .. }));
                actions.extend(errands.map(|errand| Action::Begin(window, errand)));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.apply(&mut state, action);
        // The order of two windows makes no difference, so sorting them halves the states. Free ones come last, because a
        // model with one window uses only the first.
        state.windows.sort_unstable_by(|one, other| other.cmp(one));
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let invariants: [Named; 17] = [
            (ONE, |life, state| ADDRESSES.into_iter().all(|address| life.opens(state, address).len() <= 1)),
            (PROVEN, |life, state| {
                life.all_opened(state, |account, address| state.accounts[account].proven[address])
            }),
            (OWN, |life, state| {
                life.all_opened(state, |account, address| {
                    state.claims[address].is_some_and(|claim| claim.owner == account)
                })
            }),
            (WAITS, |life, state| {
                life.all_opened(state, |account, address| {
                    state.now >= state.accounts[account].waits_until[address]
                })
            }),
            (CLAIMS, |_, state| ADDRESSES.into_iter().all(|address| state.is_claimed_as_kept(address))),
            (LEADS, |_, state| ADDRESSES.into_iter().all(|address| state.leads_to_its_account(address))),
            (TOLD, |_, state| usize::from(state.changes) == state.notices.len()),
            (FROZEN, |_, state| state.is_free_of(Wrong::ChangedWhileFrozen)),
            (STAYS, |_, state| state.is_free_of(Wrong::ChangedByTheWay)),
            (DEAD, |_, state| state.is_free_of(Wrong::Replaced)),
            (UNDONE, |_, state| state.is_free_of(Wrong::Undone)),
            (ONCE, |_, state| state.is_free_of(Wrong::UndoneTwice)),
            (RESTORED, |_, state| state.is_free_of(Wrong::NotRestored)),
            (ENDED, |_, state| ACCOUNTS.into_iter().all(|account| state.has_nothing_ended(account))),
            (WORKS, |_, state| state.is_free_of(Wrong::LeftWithNone)),
            (DISABLED, |_, state| state.is_free_of(Wrong::ChangedWhileDisabled)),
            (REVIVED, |_, state| state.is_free_of(Wrong::Revived)),
        ];
        let hopes: [Named; 12] = [
            ("an address that was given free is another account's", |_, state| {
                ADDRESSES
                    .into_iter()
                    .any(|address| state.accounts.iter().all(|account| account.proven[address]))
            }),
            ("a backup email is replaced", |_, state| {
                state
                    .notices
                    .iter()
                    .any(|notice| notice.before.backup.is_some() && matches!(notice.what, What::Confirmed(_)))
            }),
            ("a change is undone and the address from before restored", |_, state| {
                state.accounts.iter().any(|account| account.raised > 0 && account.emails.backup.is_some())
            }),
            ("the address from before is somebody else's by then", |life, state| {
                life.windows == 1 || state.windows.iter().flatten().any(|window| window.taken.contains(&true))
            }),
            ("an undo restores the active address beside one that goes on waiting", |life, state| {
                let restored = |account: &ModelAccount| {
                    account.raised > 0 && account.emails.live_former(state.now).is_some()
                };
                life.changes < 5 || life.waiting_period < 2 || state.accounts.iter().any(restored)
            }),
            ("an undo restores an address and leaves another to somebody else", |life, state| {
                let part = |window: &Window| window.taken.contains(&true) && window.restores.backup.is_some();
                life.changes < 5 || life.waiting_period < 2 || state.windows.iter().flatten().any(part)
            }),
            ("the index is behind", |life, state| {
                !life.lagging
                    || ADDRESSES.into_iter().any(|address| {
                        ACCOUNTS.into_iter().any(|account| {
                            state.index[account][address] && !state.accounts[account].emails.carry(address)
                        })
                    })
            }),
            ("the former address opens the account while the new one waits", |life, state| {
                let waiting = |account: &ModelAccount| {
                    account
                        .emails
                        .active_backup(state.now)
                        .is_some_and(|open| account.emails.address() != Some(open))
                };
                life.waiting_period == 0 || state.accounts.iter().any(waiting)
            }),
            ("an address is active at the end of its waiting period", |life, state| {
                let ripe = |account: &ModelAccount| {
                    account.emails.backup.is_some_and(|backup| (1..=state.now).contains(&backup.usable_from))
                };
                life.waiting_period == 0 || state.accounts.iter().any(ripe)
            }),
            ("a former address is another account's after its time", |life, state| {
                life.waiting_period == 0
                    || !life.wishes[1].contains(&0)
                    || state.accounts[1].emails.address() == Some(0)
            }),
            ("a transaction finds the account disabled", |life, state| {
                let writes = |window: &Window| window.at == At::Writing;
                life.operated == 0
                    || (state.accounts[0].disabled && state.windows.iter().flatten().any(writes))
            }),
            ("an account that was enabled again has another backup email", |life, state| {
                life.operated == 0
                    || (state.operated == 2 && state.accounts[0].emails.address().is_some_and(|new| new > 0))
            }),
        ];
        let invariants = invariants.into_iter().map(|(name, holds)| Property::always(name, holds));
        invariants.chain(hopes.into_iter().map(|(name, comes)| Property::sometimes(name, comes))).collect()
    }
}
