//! Undoing everything from an event on: an owner and a thief change the backup email, use it, end sessions, and undo
//! through any link, since any event.
//!
//! What is restored is computed by the real `History::before`. An undo is two steps: it reads the account and its
//! history, later it writes, on the condition that the account is as it was read. Requests reach servers whose clocks
//! differ, so that an event may get an id before that of the one committed last.
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Happen`] | `Store::confirm_backup`, `remove_backup`, `open_session_with_link`, `end_other_sessions` |
//! | [`Action::Read`] | `Store::load_account` and `load_history`, for an undo |
//! | [`Action::Undo`] | `Store::undo` |
use domain::{
    AccountEvent, ClientInfo, ConfirmedAddress, EmailAddress, History, MessageId, Notice, RecoveryEmails,
    Timestamp,
};
use stateright::{Model, Property};

use crate::{assert_breaks, explore};

/// Addresses that can be confirmed.
const ADDRESSES: u8 = 2;

/// A rule of the code; without one of them the model must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// What an undone event confirmed is not restored, whatever an event says that was before it.
    Search,
    /// Undos are in the history.
    Undos,
    /// The undo's transaction has the condition that the account's generation and backup email are as they were read.
    Condition,
}

/// A confirmed address, and the id of the event that confirmed it.
type Confirmed = Option<(u8, u8)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Confirm(u8),
    Remove,
    Use,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Happened(What),
    Undone { since: u8 },
}

/// An event, in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Committed {
    /// Sorts as in the table; its time too.
    id: u8,
    kind: Kind,
    /// The backup email before it.
    before: Confirmed,
}

/// An undo that has read and not written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Window {
    since: u8,
    restores: Confirmed,
    generation: u8,
    current: Confirmed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    events: Vec<Committed>,
    current: Confirmed,
    generation: u8,
    windows: Vec<Window>,
    /// Truth: ids of confirmations that an undo has ended.
    dead: Vec<u8>,
    /// Truth: an undo restored something else than what was before its event.
    strange: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    /// On a server whose clock is right, or late.
    Happen(What, bool),
    Read {
        since: u8,
    },
    Undo(usize),
}

/// The model.
#[derive(Debug, Clone, Copy)]
struct Undoing {
    most_events: usize,
    /// Whether clocks differ, and undos meet other writes. The state that an undo restores is exact only if not.
    crossing: bool,
    without: Option<Rule>,
}

const DEAD: &str = "after an undo nothing that was confirmed since is in force, then or later";
const EXACT: &str = "an undo restores the state before its event";

fn address(number: u8) -> EmailAddress {
    EmailAddress::parse(&format!("a{number}@example.org")).expect("an address")
}

fn at(id: u8) -> Timestamp {
    Timestamp::from_unix_seconds(i64::from(id))
}

fn emails(confirmed: Confirmed) -> RecoveryEmails {
    let backup = confirmed.map(|(number, since)| ConfirmedAddress::new(address(number), at(since)));
    RecoveryEmails { backup, former: None }
}

/// The event as the history has it.
fn event(committed: Committed) -> AccountEvent {
    let before = emails(committed.before);
    let former = before.backup.as_ref().map(|backup| backup.address.clone());
    let notice = match (committed.kind, former) {
        (Kind::Happened(What::Confirm(number)), None) => {
            Notice::BackupAdded { address: address(number), usable_from: None }
        }
        (Kind::Happened(What::Confirm(number)), Some(former)) => Notice::BackupChanged {
            former,
            former_usable_from: None,
            address: address(number),
            usable_from: None,
        },
        (Kind::Happened(What::Remove), Some(address)) => Notice::BackupRemoved { address, usable_from: None },
        (Kind::Happened(What::Use), Some(address)) => Notice::BackupUsed { address },
        (Kind::Happened(_), _) => Notice::SessionsEnded,
        (Kind::Undone { since }, _) => {
            Notice::Undone { backup: None, since: Some(MessageId::first_of(at(since))) }
        }
    };
    let before = Some(before).filter(|_| notice.is_change());
    let source = ClientInfo::default();
    AccountEvent { id: MessageId::first_of(at(committed.id)), notice, at: at(committed.id), source, before }
}

impl Undoing {
    fn has(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What the code restores.
    fn restores(self, state: &State, since: u8) -> Confirmed {
        let is_known = |event: &&Committed| self.has(Rule::Undos) || matches!(event.kind, Kind::Happened(_));
        let history = History::new(state.events.iter().filter(is_known).copied().map(event).collect());
        let chosen = history.find_undoable(MessageId::first_of(at(since)).as_str()).expect("it happened");
        let restored = if self.has(Rule::Search) {
            history.before(chosen, &emails(state.current), &[], at(u8::MAX))
        } else {
            chosen.before.clone().unwrap_or(emails(state.current))
        };
        restored.backup.map(|backup| {
            let number = (0..ADDRESSES).find(|number| address(*number) == backup.address);
            let since = u8::try_from(backup.since.unix_seconds()).expect("a small number");
            (number.expect("a known address"), since)
        })
    }
}

/// What was before an event, by the order of the commits: the oracle.
fn truth(state: &State, since: u8) -> Confirmed {
    let place = |id: u8| state.events.iter().position(|event| event.id == id).expect("it happened");
    let chosen = place(since);
    let covering = state.events.iter().enumerate().rev().find(|(undo, event)| {
        matches!(event.kind, Kind::Undone { since } if place(since) <= chosen && chosen < *undo)
    });
    let from = covering.map_or(chosen, |(undo, _)| undo + 1);
    let before = state.events.get(from).map_or(state.current, |event| event.before);
    let used = |(number, _): &(u8, u8)| {
        let is_use = |event: &&Committed| event.kind == Kind::Happened(What::Use);
        let mut uses = state.events[from..].iter().filter(is_use);
        uses.any(|event| event.before.is_some_and(|(used, _)| used == *number))
    };
    before.filter(|confirmed| !used(confirmed))
}

impl Model for Undoing {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (events, windows, dead) = (Vec::new(), Vec::new(), Vec::new());
        vec![State { events, current: None, generation: 0, windows, dead, strange: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let undos = state.events.iter().filter(|event| matches!(event.kind, Kind::Undone { .. })).count();
        if state.events.len() < self.most_events {
            let mut whats: Vec<_> = (0..ADDRESSES).map(What::Confirm).collect();
            whats.push(What::End);
            if state.current.is_some() {
                whats.extend([What::Remove, What::Use]);
            }
            let may_be_late = self.crossing && !state.events.is_empty();
            for late in [Some(false), may_be_late.then_some(true)].into_iter().flatten() {
                actions.extend(whats.iter().map(|what| Action::Happen(*what, late)));
            }
            if undos + state.windows.len() < 2 && (self.crossing || state.windows.is_empty()) {
                let undoable = state.events.iter().filter(|event| matches!(event.kind, Kind::Happened(_)));
                actions.extend(undoable.map(|event| Action::Read { since: event.id }));
            }
        }
        if !self.crossing && !state.windows.is_empty() {
            actions.clear();
        }
        actions.extend((0..state.windows.len()).map(Action::Undo));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let newest = state.events.iter().map(|event| event.id).max().unwrap_or_default();
        let id = match action {
            // Just before the event that was committed last.
            Action::Happen(_, true) => state.events.last()?.id - 1,
            _ => newest + 10,
        };
        if state.events.iter().any(|event| event.id == id) {
            return None;
        }
        let before = state.current;
        match action {
            Action::Happen(what, _) => {
                match what {
                    What::Confirm(number) if before.is_some_and(|(current, _)| current == number) => {
                        return None;
                    }
                    What::Confirm(number) => state.current = Some((number, id)),
                    What::Remove => state.current = None,
                    What::End => state.generation += 1,
                    What::Use => {}
                }
                state.events.push(Committed { id, kind: Kind::Happened(what), before });
            }
            Action::Read { since } => {
                let restores = self.restores(&state, since);
                state.strange |= !self.crossing && restores != truth(&state, since);
                let (generation, current) = (state.generation, state.current);
                state.windows.push(Window { since, restores, generation, current });
            }
            Action::Undo(window) => {
                let window = state.windows.remove(window);
                let as_read = (window.generation, window.current) == (state.generation, state.current);
                if !as_read && self.has(Rule::Condition) {
                    // It reads again.
                    return Some(state);
                }
                state.current = window.restores;
                state.generation += 1;
                let ended = state.events.iter().filter(|event| event.id >= window.since);
                let ended = ended.filter(|event| matches!(event.kind, Kind::Happened(What::Confirm(_))));
                state.dead.extend(ended.map(|event| event.id));
                state.dead.sort_unstable();
                state.dead.dedup();
                state.events.push(Committed { id, kind: Kind::Undone { since: window.since }, before });
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let restores_something = |_: &Self, state: &State| {
            let undone = |event: &Committed| matches!(event.kind, Kind::Undone { .. });
            state.events.iter().filter(|event| undone(event)).count() == 2 && state.current.is_some()
        };
        vec![
            Property::always(DEAD, |_, state: &State| {
                state.current.is_none_or(|(_, since)| !state.dead.contains(&since))
            }),
            Property::always(EXACT, |_, state: &State| !state.strange),
            Property::sometimes("two undos, and something is in force", restores_something),
        ]
    }
}

#[test]
fn an_undo_restores_the_state_before_its_event_and_nothing_undone_returns() {
    let model = Undoing { most_events: 7, crossing: false, without: None };
    explore("undo: one call after the other", model, 200_000);
}

#[test]
fn nothing_undone_returns_when_undos_cross_other_writes_and_clocks_differ() {
    let model = Undoing { most_events: 5, crossing: true, without: None };
    explore("undo: crossing writes, clocks that differ", model, 850_000);
}

#[test]
fn without_any_of_its_rules_the_model_of_undos_fails() {
    let without = |rule, crossing| Undoing { most_events: 5, crossing, without: Some(rule) };
    assert_breaks(without(Rule::Search, false), DEAD);
    assert_breaks(without(Rule::Undos, false), DEAD);
    assert_breaks(without(Rule::Search, false), EXACT);
    assert_breaks(without(Rule::Condition, true), DEAD);
}
