//! Undoing everything from an event on: an owner and a thief change the backup email, use it, end sessions, and undo
//! through any link, since any event. In the models with passwords they also set passwords.
//!
//! What is restored is computed by the real `History::before`, and whether the password is void by the real
//! `Account::has_password_since`. An undo is two steps: it reads the account and its
//! history, later it writes, on the condition that the account is as it was read. Requests reach servers whose clocks
//! differ, so that an event may get an id before that of the one committed last.
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Happen`] | `Store::confirm_backup`, `remove_backup`, `open_session_with_link`, `end_other_sessions`, `set_password` |
//! | [`Action::Read`] | `Store::load_account` and `load_history`, for an undo |
//! | [`Action::Undo`] | `Store::undo` |
use std::sync::LazyLock;

use domain::{
    Account, AccountEvent, AccountId, AccountKind, Backup, ClientInfo, ConfirmedAddress, EmailAddress,
    Generation, History, Language, MessageId, Notice, PasswordHash, RecoveryEmails, Timestamp, Username,
};
use stateright::{Model, Property};

use crate::{assert_breaks, explore, next_id};

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
    /// A password that was set since is void.
    Void,
    /// One that was set before is not.
    VoidSince,
    /// What is void is the password of one event, and not whatever the account has.
    VoidOne,
}

/// A confirmed address, and the id of the event that confirmed it.
type Confirmed = Option<(u8, u8)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Confirm(u8),
    Remove,
    Use,
    End,
    SetPassword,
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
    /// The event whose password it makes void.
    voids: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    events: Vec<Committed>,
    current: Confirmed,
    generation: u8,
    /// `password_event`: the event that set the hash that the account has. At first there is one from an import.
    password: Option<u8>,
    /// `password_void`.
    void: Option<u8>,
    windows: Vec<Window>,
    /// Truth: ids of confirmations and of passwords that an undo has ended.
    dead: Vec<u8>,
    /// Truth: an undo made a password void that was set before its event, or one that was just set is void.
    lost: bool,
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
    addresses: u8,
    passwords: bool,
    without: Option<Rule>,
}

const DEAD: &str = "after an undo nothing that was confirmed since is in force, then or later";
const EXACT: &str = "an undo restores the state before its event";
const VOID: &str =
    "after an undo from an event no password that was set at or after it signs in, then or later";
const KEPT: &str =
    "a password from before an undo's event signs in after it, and one that was just set does too";

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
        (Kind::Happened(What::SetPassword), _) => Notice::PasswordSet { had_password: None },
        (Kind::Happened(_), _) => Notice::SessionsEnded,
        (Kind::Undone { since }, _) => {
            let since = Some(MessageId::first_of(at(since)));
            Notice::Undone { backup: None, since, password_void: false, primary: None }
        }
    };
    let before = Some(before).filter(|_| notice.is_change());
    let (id, at, source) = (MessageId::first_of(at(committed.id)), at(committed.id), ClientInfo::default());
    AccountEvent { id, notice, at, source, before, before_primary: None }
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

/// An account whose password was set in this event, as the code reads it.
pub fn account(password: Option<u8>) -> Account {
    const HASH: &str =
        "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg";
    static ACCOUNT: LazyLock<Account> = LazyLock::new(|| Account {
        id: AccountId::new("a"),
        external_id: None,
        username: Username::parse("mina").expect("a username"),
        kind: AccountKind::Regular,
        password_hash: PasswordHash::parse(HASH).ok(),
        password_event: None,
        language: Language::En,
        generation: Generation::FIRST,
        sessions_ended_at: None,
        backup_frozen_until: None,
        disabled_at: None,
        deleting_since: None,
        created_at: at(0),
        primary: ConfirmedAddress::new(address(u8::MAX), at(0)),
        pending_primary: None,
        former_primaries: Vec::new(),
        backup: Backup::None,
        former: None,
    });
    Account { password_event: password.map(|id| MessageId::first_of(at(id))), ..ACCOUNT.clone() }
}

impl Undoing {
    /// Whether the password that the account has signs in.
    fn signs_in(self, state: &State) -> bool {
        match state.void {
            None => true,
            Some(_) if !self.has(Rule::VoidOne) => false,
            void => void != state.password,
        }
    }

    /// The event whose password an undo makes void, as the code decides it.
    fn voids(self, state: &State, since: u8) -> Option<u8> {
        let set_in = state.password.filter(|_| self.signs_in(state) && self.has(Rule::Void))?;
        let is_since = account(Some(set_in)).has_password_since(&MessageId::first_of(at(since)));
        (is_since || !self.has(Rule::VoidSince)).then_some(set_in)
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
        vec![State {
            events,
            current: None,
            generation: 0,
            password: None,
            void: None,
            windows,
            dead,
            lost: false,
            strange: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let undos = state.events.iter().filter(|event| matches!(event.kind, Kind::Undone { .. })).count();
        if state.events.len() < self.most_events {
            let mut whats: Vec<_> = (0..self.addresses).map(What::Confirm).collect();
            whats.push(What::End);
            if self.passwords {
                whats.push(What::SetPassword);
            }
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
        let committed = state.events.iter().map(|event| event.id);
        let id = next_id(committed, matches!(action, Action::Happen(_, true)))?;
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
                    What::SetPassword => {
                        state.generation += 1;
                        state.password = Some(id);
                        state.lost |= !self.signs_in(&state);
                    }
                    What::Use => {}
                }
                state.events.push(Committed { id, kind: Kind::Happened(what), before });
            }
            Action::Read { since } => {
                let restores = self.restores(&state, since);
                state.strange |= !self.crossing && restores != truth(&state, since);
                let (generation, current) = (state.generation, state.current);
                let voids = self.voids(&state, since);
                state.windows.push(Window { since, restores, generation, current, voids });
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
                let is_older = state.password.is_none_or(|set_in| set_in < window.since);
                let signed_in = self.signs_in(&state);
                state.void = window.voids.or(state.void);
                state.lost |= signed_in && is_older && !self.signs_in(&state);
                let ended = state.events.iter().filter(|event| event.id >= window.since);
                let ended = ended.filter(|event| {
                    matches!(event.kind, Kind::Happened(What::Confirm(_) | What::SetPassword))
                });
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
            Property::always(VOID, |model: &Self, state: &State| {
                let signs_in = state.password.filter(|_| model.signs_in(state));
                signs_in.is_none_or(|set_in| !state.dead.contains(&set_in))
            }),
            Property::always(KEPT, |_, state: &State| !state.lost),
            Property::sometimes("two undos, and something is in force", restores_something),
        ]
    }
}

const ADDRESSES_ALONE: Undoing =
    Undoing { most_events: 7, crossing: false, addresses: ADDRESSES, passwords: false, without: None };
const WITH_PASSWORDS: Undoing = Undoing { addresses: 1, passwords: true, ..ADDRESSES_ALONE };

#[test]
fn an_undo_restores_the_state_before_its_event_and_nothing_undone_returns() {
    explore("undo: one call after the other", ADDRESSES_ALONE, 200_000);
}

#[test]
fn nothing_undone_returns_when_undos_cross_other_writes_and_clocks_differ() {
    let model = Undoing { most_events: 5, crossing: true, ..ADDRESSES_ALONE };
    explore("undo: crossing writes, clocks that differ", model, 850_000);
}

#[test]
fn no_password_that_was_set_since_an_undone_event_signs_in() {
    explore("undo: passwords, one call after the other", WITH_PASSWORDS, 155_000);
}

#[test]
fn no_password_that_was_set_since_signs_in_when_undos_cross_other_writes_and_clocks_differ() {
    let model = Undoing { most_events: 5, crossing: true, ..WITH_PASSWORDS };
    explore("undo: passwords, crossing writes, clocks that differ", model, 690_000);
}

#[test]
fn without_any_of_its_rules_the_model_of_undos_fails() {
    let model = Undoing { most_events: 5, ..ADDRESSES_ALONE };
    let without = |rule, crossing| Undoing { crossing, without: Some(rule), ..model };
    assert_breaks(without(Rule::Search, false), DEAD);
    assert_breaks(without(Rule::Undos, false), DEAD);
    assert_breaks(without(Rule::Search, false), EXACT);
    assert_breaks(without(Rule::Condition, true), DEAD);
    let model = Undoing { most_events: 4, ..WITH_PASSWORDS };
    let without = |rule, crossing| Undoing { crossing, without: Some(rule), ..model };
    assert_breaks(without(Rule::Void, false), VOID);
    assert_breaks(without(Rule::VoidSince, false), KEPT);
    assert_breaks(without(Rule::VoidOne, false), KEPT);
    assert_breaks(without(Rule::Condition, true), VOID);
}
