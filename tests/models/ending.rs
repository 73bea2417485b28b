//! Ending means ended: a thief who loops every call that a session or the password allows, beside an owner who undoes.
//!
//! Each call of the thief, and the mailer's, is two steps: it reads, later it writes. The owner's undo may come between.
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Ask`] | `Store::request_email`: a stranger's request, which reads no account |
//! | [`Action::Begin`] | `Store::load_account`, and whether session, link or request is of the current generation |
//! | [`Action::Commit`] | the transaction of that call, with its condition on the generation |
//! | [`Action::Undo`] | `Store::undo`: one atomic addition to the generation |
use stateright::{Model, Property};

use crate::{assert_breaks, explore};

/// A call of the thief, or the mailer's for the thief.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Call {
    /// `Counted::open_session_with_password`; the thief knows the password.
    SignIn,
    /// `Counted::end_other_sessions` with this session.
    EndOthers(usize),
    /// `Counted::request_backup` with this session.
    RequestBackup(usize),
    /// `Store::confirm_backup` of the pending address.
    Confirm,
    /// `Store::create_sign_in_link` for this request.
    MakeLink(usize),
    /// `Store::open_session_with_link`.
    OpenLink(usize),
}

/// A rule of the code; without one of them the model must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Every write has the condition that the generation is the one that was read.
    Condition,
    /// The undo adds to the generation, rather than writing one more than it has read.
    Atomic,
    /// The mailer makes no link for a request of the second of the last ending, or before.
    TieDies,
}

/// A session, link, request or pending address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Made {
    /// The generation it was created under; a request has none and is compared by time.
    generation: u8,
    /// When.
    at: u8,
    /// Truth: it, or what it was made from, is from before the undo.
    before: bool,
}

/// A call that has read and not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Window {
    call: Call,
    read: u8,
    before: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    generation: u8,
    ended_at: Option<u8>,
    /// The owner's undo: the generation it has read (used in a broken model only), and whether it is answered.
    undo_read: Option<u8>,
    undone: bool,
    sessions: Vec<Made>,
    links: Vec<Made>,
    requests: Vec<Made>,
    pending: Option<Made>,
    windows: Vec<Window>,
    endings: u8,
    /// Truth: something from before the undo took effect after it.
    acted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Tick,
    Ask,
    Begin(Call),
    Commit(usize),
    ReadForUndo,
    Undo,
}

/// The model: which rule is left out.
#[derive(Debug, Clone, Copy)]
struct Ending {
    without: Option<Rule>,
}

const ENDED: &str = "after an undo no session from before it is honoured";
const IDLE: &str = "after an undo nothing from before it takes effect";

impl Ending {
    fn has(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What a call needs, if it is valid as read.
    fn found(self, state: &State, call: Call) -> Option<Made> {
        let current = |made: &&Made| made.generation == state.generation;
        let valid_request = |request: &&Made| {
            !self.has(Rule::TieDies) || state.ended_at.is_none_or(|ended_at| request.at > ended_at)
        };
        match call {
            Call::SignIn => Some(Made { generation: state.generation, at: state.now, before: !state.undone }),
            Call::EndOthers(session) | Call::RequestBackup(session) => {
                state.sessions.get(session).filter(current).copied()
            }
            Call::Confirm => state.pending.as_ref().filter(current).copied(),
            Call::MakeLink(request) => state.requests.get(request).filter(valid_request).copied(),
            Call::OpenLink(link) => state.links.get(link).filter(current).copied(),
        }
    }

    fn commit(self, state: &mut State, window: Window) {
        if window.read != state.generation && self.has(Rule::Condition) && !creates_dead(window.call) {
            return;
        }
        let made = Made { generation: window.read, at: state.now, before: window.before };
        match window.call {
            Call::SignIn | Call::OpenLink(_) => state.sessions.push(made),
            Call::EndOthers(session) => {
                state.generation += 1;
                state.ended_at = Some(state.now);
                state.endings += 1;
                state.sessions[session].generation = window.read + 1;
            }
            // Without a condition: what they create is dead if the generation has moved on.
            Call::RequestBackup(_) => state.pending = Some(made),
            Call::MakeLink(_) => state.links.push(made),
            Call::Confirm => state.pending = None,
        }
        if state.undone && window.before && !creates_dead(window.call) {
            state.acted = true;
        }
    }

    fn undo(self, state: &mut State) {
        state.generation = match state.undo_read {
            Some(read) if !self.has(Rule::Atomic) => read + 1,
            _ => state.generation + 1,
        };
        state.ended_at = Some(state.now);
        state.undone = true;
    }
}

/// Whether a call creates something that carries the generation as read, so that it needs no condition.
fn creates_dead(call: Call) -> bool {
    matches!(call, Call::RequestBackup(_) | Call::MakeLink(_))
}

impl Model for Ending {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            generation: 0,
            ended_at: None,
            undo_read: None,
            undone: false,
            sessions: vec![Made { generation: 0, at: 0, before: true }],
            links: Vec::new(),
            requests: Vec::new(),
            pending: None,
            windows: Vec::new(),
            endings: 0,
            acted: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < 1 {
            actions.push(Action::Tick);
        }
        if state.requests.is_empty() {
            actions.push(Action::Ask);
        }
        if state.windows.len() < 2 {
            let sessions = 0..state.sessions.len();
            let mut calls = vec![Call::Confirm];
            if state.sessions.len() < 2 {
                calls.push(Call::SignIn);
                calls.extend((0..state.links.len()).map(Call::OpenLink));
            }
            if state.endings < 2 {
                calls.extend(sessions.clone().map(Call::EndOthers));
            }
            if state.pending.is_none() {
                calls.extend(sessions.map(Call::RequestBackup));
            }
            if state.links.is_empty() {
                calls.extend((0..state.requests.len()).map(Call::MakeLink));
            }
            actions.extend(
                calls.into_iter().filter(|call| self.found(state, *call).is_some()).map(Action::Begin),
            );
        }
        actions.extend((0..state.windows.len()).map(Action::Commit));
        if !state.undone {
            let broken = !self.has(Rule::Atomic);
            actions.push(if broken && state.undo_read.is_none() {
                Action::ReadForUndo
            } else {
                Action::Undo
            });
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.now += 1,
            Action::Ask => {
                state.requests.push(Made { generation: 0, at: state.now, before: !state.undone });
            }
            Action::Begin(call) => {
                let found = self.found(&state, call)?;
                let before = found.before || !state.undone;
                state.windows.push(Window { call, read: state.generation, before });
                state.windows.sort_unstable();
            }
            Action::Commit(window) => {
                let window = state.windows.remove(window);
                self.commit(&mut state, window);
            }
            Action::ReadForUndo => state.undo_read = Some(state.generation),
            Action::Undo => self.undo(&mut state),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ENDED, |_, state: &State| {
                let honoured = |session: &&Made| session.generation == state.generation;
                !state.undone || state.sessions.iter().filter(honoured).all(|session| !session.before)
            }),
            Property::always(IDLE, |_, state: &State| !state.acted),
            Property::sometimes("the thief ends all others just before the undo", |_, state: &State| {
                state.undone && state.endings > 1
            }),
            Property::sometimes("somebody signs in after the undo", |_, state: &State| {
                let honoured = |session: &Made| session.generation == state.generation;
                state.undone && state.sessions.iter().any(honoured)
            }),
        ]
    }
}

#[test]
fn after_an_undo_nothing_from_before_it_does_anything() {
    explore("ending: a thief who loops every call, an owner who undoes", Ending { without: None }, 220_000);
}

#[test]
fn without_any_of_its_rules_the_model_of_endings_fails() {
    assert_breaks(Ending { without: Some(Rule::Condition) }, IDLE);
    assert_breaks(Ending { without: Some(Rule::Atomic) }, ENDED);
    assert_breaks(Ending { without: Some(Rule::TieDies) }, ENDED);
}
