//! The steps, and what must hold after each.
use stateright::{Model, Property};

/// A property by its name.
type Named = (&'static str, fn(&Life, &State) -> bool);

pub const ONCE: &str = "a request opens once at most";
pub const PROVEN: &str = "nothing opens without cookie, session or code";
pub const COUNTED: &str = "no more codes are compared than there are tries";
pub const LOCKED: &str = "after the last wrong code nothing opens";
pub const NEWER: &str = "after a newer link nothing opens";
pub const TIME: &str = "after its time nothing opens";
pub const REMOVED: &str = "after a removal nothing opens";
pub const UNDONE: &str = "after an undo or an end of all sessions nothing older opens";
pub const DISABLED: &str = "nothing opens a disabled account";
pub const REVIVED: &str = "no session that has ended is honoured";
pub const READ: &str = "GET changes nothing";

use super::{
    Action, At, END, LIFETIME, Life, Link, Purpose, Request, Rule, Session, Shown, Slot, State, Who, Window,
    Wrong,
};

impl Life {
    fn has(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// A link or request is of the current generation; a confirmation waits until changes are no longer frozen, which in
    /// this model is never.
    fn is_valid(&self, state: &State, generation: u8) -> bool {
        let frozen = state.frozen && self.purpose == Purpose::Confirm;
        !frozen && state.generation == generation
    }

    /// `Store::create_sign_in_link`: the link and its slot in one transaction, or the mailer's look at the pending
    /// record and `Store::create_confirmation_link`.
    fn email(&self, state: &mut State, request: usize) -> bool {
        let requested_at = state.requests[request].requested_at;
        let void = state.ended_at.is_some_and(|ended_at| requested_at <= ended_at);
        let free = match (self.purpose, state.slot) {
            (Purpose::SignIn, _) if void && self.has(Rule::TieDies) => false,
            (Purpose::SignIn, Slot::Empty) => true,
            (Purpose::SignIn, Slot::Of(holder)) => holder <= request,
            (Purpose::SignIn, Slot::UsedBy(holder)) => holder < request,
            (Purpose::Confirm, slot) => {
                slot == Slot::Of(request) && self.is_valid(state, state.requests[request].generation)
            }
        };
        // The mailer sends no links for a disabled account.
        let free = free && !state.disabled;
        if free {
            state.slot = Slot::Of(request);
            state.newest = state.newest.max(request);
            let generation = state.generation;
            state.links.push(Link { request, generation, tries: 0, spent: false, compared: 0, wrong: 0 });
        }
        free
    }

    /// Takes a step.
    pub fn apply(&self, state: &mut State, action: Action) {
        let before = state.stored();
        match action {
            Action::Tick => state.now += 1,
            Action::Ask => {
                let (requested_at, generation) = (state.now, state.generation);
                let (backup_after_undo, cancelled) = (false, false);
                state.requests.push(Request { requested_at, generation, backup_after_undo, cancelled });
                if self.purpose == Purpose::Confirm {
                    state.newest = state.requests.len() - 1;
                    state.slot = Slot::Of(state.newest);
                }
            }
            Action::Email(request) => {
                self.email(state, request);
            }
            Action::Get(link) => {
                if !self.has(Rule::SafeGet) {
                    state.links[link].spent = true;
                }
                if state.stored() != before {
                    state.note(Wrong::GetChanged);
                }
            }
            Action::Press(window, link) => {
                let who = state.windows[window].who;
                state.windows[window] = Window { who, link, now: state.now, at: At::ReadingLink };
            }
            Action::Step(window) => self.step(state, window, false),
            Action::Lose(window) => {
                self.step(state, window, true);
                state.lost += 1;
            }
            Action::TakeTwice(window) => {
                let number = state.windows[window].link;
                let requested_at = state.requests[state.links[number].request].requested_at;
                let dead = state.windows[window].now > requested_at + LIFETIME;
                self.record_code_attempt(&mut state.links[number], dead);
                self.step(state, window, false);
                state.lost += 1;
            }
            Action::Remove if self.purpose == Purpose::SignIn => state.has_address = false,
            Action::Remove => {
                if let Slot::Of(request) = state.slot {
                    state.requests[request].cancelled = true;
                    state.slot = Slot::Empty;
                }
            }
            Action::Undo => {
                state.end_all();
                state.frozen = true;
                if self.purpose == Purpose::Confirm {
                    state.slot = Slot::Empty;
                }
            }
            Action::Disable => {
                let before = (state.generation, state.ended_at);
                state.end_all();
                if !self.has(Rule::DisablingEnds) {
                    (state.generation, state.ended_at) = before;
                }
                (state.disabled, state.operated) = (true, state.operated + 1);
            }
            Action::Enable => (state.disabled, state.operated) = (false, state.operated + 1),
            Action::EndSessions => {
                state.end_all();
                state.operated += 1;
            }
        }
    }

    /// The next call of a window's request. Afterwards it is idle, done or at its next call.
    fn step(&self, state: &mut State, window: usize, answer_lost: bool) {
        let Window { who, link: number, now, at } = state.windows[window];
        let link = state.links[number].clone();
        let requested_at = state.requests[link.request].requested_at;
        let dead = now > requested_at + LIFETIME;
        let next = match at {
            At::ReadingLink
                if link.spent || (dead && self.has(Rule::Unexpired)) || link.tries >= self.tries =>
            {
                At::Idle
            }
            At::ReadingLink => At::ReadingSlot,
            At::ReadingSlot if state.slot == Slot::Of(link.request) => At::ReadingAccount,
            At::ReadingAccount
                if state.has_address && !state.disabled && self.is_valid(state, link.generation) =>
            {
                match who {
                    Who::Asker => At::Opening(Shown::Asker),
                    Who::Gateway if self.has(Rule::LinkAuthorization) => At::Idle,
                    Who::Gateway => At::Opening(Shown::Nothing),
                    Who::Elsewhere | Who::Thief => At::TakingTry,
                }
            }
            At::TakingTry => self.record_code_attempt(&mut state.links[number], dead),
            At::Comparing { seen } => {
                let link = &mut state.links[number];
                link.compared += 1;
                if who == Who::Thief {
                    link.wrong += 1;
                }
                if !self.has(Rule::TryFirst) {
                    link.tries = seen + 1;
                }
                if link.compared > self.tries {
                    state.note(Wrong::TooManyCompared);
                }
                if who == Who::Thief { At::Idle } else { At::Opening(Shown::Code) }
            }
            At::Opening(shown) => {
                if self.open(state, window, shown) && !answer_lost {
                    At::Done
                } else {
                    At::Idle
                }
            }
            At::ReadingSlot | At::ReadingAccount | At::Idle | At::Done => At::Idle,
        };
        let next = if answer_lost { At::Idle } else { next };
        state.windows[window] = match next {
            // What an idle window last did makes no difference.
            At::Idle => Window { who, link: 0, now: 0, at: At::Idle },
            at => Window { at, ..state.windows[window] },
        };
    }

    /// `Store::record_code_attempt`.
    fn record_code_attempt(&self, link: &mut Link, dead: bool) -> At {
        if link.spent || dead || (link.tries >= self.tries && self.has(Rule::TriesLeft)) {
            return At::Idle;
        }
        let seen = link.tries;
        if self.has(Rule::TryFirst) {
            link.tries += 1;
        }
        At::Comparing { seen }
    }

    /// `Store::open_session_with_link` and `Store::confirm_backup`: the conditions, then the writes.
    fn open(&self, state: &mut State, window: usize, shown: Shown) -> bool {
        let Window { who, link: number, now, .. } = state.windows[window];
        let link = state.links[number].clone();
        let request = state.requests[link.request].clone();
        let most = if shown == Shown::Code { self.tries } else { self.tries - 1 };
        let conditions = [
            (Rule::Unspent, !link.spent),
            (Rule::Unexpired, now <= request.requested_at + LIFETIME),
            (Rule::Unlocked, link.tries <= most),
            (Rule::OwnSlot, state.slot == Slot::Of(link.request)),
            (Rule::HeldAddress, state.has_address),
            (Rule::Generation, self.is_valid(state, link.generation)),
            (Rule::Enabled, !state.disabled),
        ];
        if conditions.iter().any(|(rule, holds)| !holds && self.has(*rule)) {
            return false;
        }
        state.judge(window, shown, self.tries);
        state.links[number].spent = true;
        state.slot = match self.purpose {
            Purpose::SignIn if self.has(Rule::UsedSlotStays) => Slot::UsedBy(link.request),
            Purpose::SignIn | Purpose::Confirm => Slot::Empty,
        };
        state.opened.push((link.request, who));
        state.opened.sort_unstable();
        if self.purpose == Purpose::SignIn {
            let generation = state.generation;
            state.sessions.push(Session { generation, ended: false });
            state.sessions.sort_unstable();
        }
        true
    }
}

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let idle = |who: &Who| Window { who: *who, link: 0, now: 0, at: At::Idle };
        vec![State {
            now: 0,
            requests: vec![Request {
                requested_at: 0,
                generation: 0,
                backup_after_undo: false,
                cancelled: false,
            }],
            links: Vec::new(),
            slot: if self.purpose == Purpose::Confirm { Slot::Of(0) } else { Slot::Empty },
            has_address: true,
            generation: 0,
            ended_at: None,
            frozen: false,
            disabled: false,
            opened: Vec::new(),
            sessions: Vec::new(),
            operated: 0,
            windows: self.cast.iter().map(idle).collect(),
            newest: 0,
            lost: 0,
            wrongs: Vec::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let made = |request| state.links.iter().filter(|link| link.request == request).count();
        // A stranger requests a sign-in link; for a confirmation somebody must be signed in.
        let barred = self.purpose == Purpose::Confirm && (state.frozen || state.disabled);
        if state.requests.len() < self.requests && !barred {
            actions.push(Action::Ask);
        }
        let requests = (0..state.requests.len()).filter(|_| state.links.len() < self.links);
        actions.extend(requests.filter(|request| made(*request) < self.copies).map(Action::Email));
        actions.extend((0..state.links.len()).map(Action::Get));
        for (number, window) in state.windows.iter().enumerate() {
            match window.at {
                At::Done => {}
                At::Idle => actions.extend((0..state.links.len()).map(|link| Action::Press(number, link))),
                at => {
                    actions.push(Action::Step(number));
                    let writes = matches!(at, At::TakingTry | At::Opening(_));
                    if writes && state.lost < self.losses {
                        actions.push(Action::Lose(number));
                        if at == At::TakingTry {
                            actions.push(Action::TakeTwice(number));
                        }
                    }
                }
            }
        }
        if (self.disturbed || self.operated > 0) && state.now < END {
            actions.push(Action::Tick);
        }
        if self.disturbed {
            if state.has_address && !state.disabled {
                actions.push(Action::Remove);
            }
            if !state.frozen {
                actions.push(Action::Undo);
            }
        }
        if state.operated < self.operated {
            actions.push(if state.disabled { Action::Enable } else { Action::Disable });
            actions.push(Action::EndSessions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.apply(&mut state, action);
        // The order of two equal windows makes no difference, so sorting them halves the states.
        state.windows.sort_unstable();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let invariants: [Named; 11] = [
            (ONCE, |_, state| state.is_free_of(Wrong::OpenedTwice)),
            (PROVEN, |_, state| state.is_free_of(Wrong::Unproven)),
            (COUNTED, |_, state| state.is_free_of(Wrong::TooManyCompared)),
            (LOCKED, |_, state| state.is_free_of(Wrong::AfterLock)),
            (NEWER, |_, state| state.is_free_of(Wrong::Replaced)),
            (TIME, |_, state| state.is_free_of(Wrong::Expired)),
            (REMOVED, |_, state| state.is_free_of(Wrong::Removed)),
            (UNDONE, |_, state| state.is_free_of(Wrong::Undone)),
            (DISABLED, |_, state| state.is_free_of(Wrong::Disabled)),
            (REVIVED, |_, state| state.honoured().all(|session| !session.ended)),
            (READ, |_, state| state.is_free_of(Wrong::GetChanged)),
        ];
        let guessed: [Named; 4] = [
            ("the owner opens it where they asked", |_, state| state.has_opened(Who::Asker)),
            ("the owner opens it elsewhere", |_, state| state.has_opened(Who::Elsewhere)),
            ("wrong codes lock it", |life, state| state.links.iter().any(|link| link.wrong == life.tries)),
            ("the last try is a right code", |life, state| {
                state.has_opened(Who::Elsewhere) && state.links[0].wrong + 1 == life.tries
            }),
        ];
        let disturbed: [Named; 3] = [
            ("the second of two mails works", |_, state| {
                state.links.get(1).is_some_and(|link| link.request == 0 && link.spent)
            }),
            ("a newer request makes the older link dead", |_, state| {
                state.newest == 1 && state.links.iter().any(|link| link.request == 0 && !link.spent)
            }),
            ("after a lost answer the owner gets in", |_, state| {
                state.lost > 0 && state.windows.iter().any(|window| window.at == At::Done)
            }),
        ];
        let operated: [Named; 2] = [
            ("a link opens an account that was disabled and enabled", |_, state| {
                state.operated >= 2 && !state.disabled && !state.opened.is_empty()
            }),
            ("a link finds the account disabled where it is about to open", |_, state| {
                state.disabled && state.windows.iter().any(|window| matches!(window.at, At::Opening(_)))
            }),
        ];
        let hopes = if self.operated > 0 {
            &operated[..]
        } else if self.disturbed {
            &disturbed[..]
        } else if self.cast.contains(&Who::Thief) {
            &guessed[..]
        } else {
            &guessed[..2]
        };
        let invariants = invariants.into_iter().map(|(name, holds)| Property::always(name, holds));
        let hopes = hopes.iter().map(|(name, comes)| Property::sometimes(name, *comes));
        invariants.chain(hopes).collect()
    }
}
