//! A row of primary emails, and undos through the links in the notices: an owner, a thief and somebody else make addresses the
//! primary, sign in, and undo through any link that was sent to a mailbox of theirs, since any event.
//!
//! What a change makes of the addresses is computed by the real `Account::with_promoted` and, for the last address, which was no
//! backup email before, `Account::with_taken`; what an undo restores by the real `History::primary_before`, and who is told
//! by the real `PrimaryEmails::told`. An undo is two steps: it reads the account and its history, later it writes, on the
//! condition that the account is of the generation that was read. Requests reach servers whose clocks differ, so that an event
//! may get an id before that of the one committed last.
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Happen`] | `Store::promote_backup`, `confirm_primary`, `open_session_with_link` |
//! | [`Action::Read`] | `Store::load_account` and `load_history`, for an undo |
//! | [`Action::Undo`] | `Store::undo` |
use std::time::Duration;

use domain::{
    Account, AccountEvent, Backup, ClientInfo, ConfirmedAddress, EmailAddress, FormerPrimary, History,
    MessageId, Notice, PrimaryEmails, RecoveryEmails, Timestamp,
};
use stateright::{Model, Property};

use crate::{assert_breaks, explore, next_id};

/// Addresses. The first is the primary at first.
const ADDRESSES: u8 = 3;
const FIRST: u8 = 0;
/// One that becomes the primary without having been the backup email.
const TAKEN: u8 = 2;

/// A rule of the code; without one of them the model must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// What an undone event made the primary is not restored, whatever an event says that was before it.
    Search,
    /// Undos are in the history.
    Undos,
    /// The undo's transaction has the condition that the account's generation is as it was read.
    Condition,
    /// A link works only while its mailbox is told.
    Told,
}

/// An address that is or was the primary, and the id of the event that made it that.
type Made = (u8, u8);

/// The primary, and those that are told besides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Emails {
    primary: Made,
    former: Vec<Made>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Promote(u8),
    Use,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Happened(What),
    Undone { since: u8 },
}

/// An event, in the order of commits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Committed {
    /// Sorts as in the table; its time too.
    id: u8,
    kind: Kind,
    before: Emails,
    /// Whose mailbox has its notice.
    told: Vec<u8>,
}

/// An undo that has read and not written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Window {
    since: u8,
    mailbox: u8,
    restores: Emails,
    generation: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    events: Vec<Committed>,
    current: Emails,
    generation: u8,
    windows: Vec<Window>,
    /// Truth: ids of promotions that an undo has ended.
    dead: Vec<u8>,
    /// Truth: an undo restored something else than what was before its event.
    strange: bool,
    /// Truth: a mailbox that was not told has undone something.
    stranger: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    /// On a server whose clock is right, or late.
    Happen(What, bool),
    Read {
        since: u8,
        mailbox: u8,
    },
    Undo(usize),
}

/// The model.
#[derive(Debug, Clone, Copy)]
struct Row {
    most_events: usize,
    /// Whether clocks differ, and undos meet other writes. The state that an undo restores is exact only if not.
    crossing: bool,
    without: Option<Rule>,
}

const DEAD: &str =
    "what was made the primary since an undone event is neither the primary nor told, then or later";
const EXACT: &str = "an undo restores the primary before its event";
const FIRST_TOLD: &str = "the first owner's mailbox is the primary or told";
const LINKS: &str = "only a mailbox that is told undoes anything";

fn address(number: u8) -> EmailAddress {
    EmailAddress::parse(&format!("a{number}@example.org")).expect("an address")
}

fn at(id: u8) -> Timestamp {
    Timestamp::from_unix_seconds(i64::from(id))
}

fn email((number, made): Made) -> ConfirmedAddress {
    ConfirmedAddress { usable_from: at(made), ..ConfirmedAddress::new(address(number), at(0)) }
}

fn made(email: &ConfirmedAddress) -> Made {
    let number = (0..ADDRESSES).find(|number| address(*number) == email.address);
    let made = u8::try_from(email.usable_from.unix_seconds()).expect("a small number");
    (number.expect("a known address"), made)
}

impl Emails {
    fn real(&self) -> PrimaryEmails {
        let former = self.former.iter().map(|former| FormerPrimary {
            email: email(*former),
            replaced_at: at(former.1),
            until: at(u8::MAX),
            kept_until: at(u8::MAX) + Duration::from_secs(1),
        });
        PrimaryEmails { primary: email(self.primary), former: former.collect() }
    }

    fn of(real: &PrimaryEmails) -> Self {
        Self {
            primary: made(&real.primary),
            former: real.former.iter().map(|former| made(&former.email)).collect(),
        }
    }

    /// After this address is made the primary at that time.
    fn promoted(&self, number: u8, now: u8) -> Self {
        let backup = ConfirmedAddress::new(address(number), at(0));
        let PrimaryEmails { primary, former } = self.real();
        let account = Account {
            primary,
            former_primaries: former,
            backup: Backup::new(Some(backup.clone()), None),
            ..crate::undo::account(None)
        };
        Self::of(&if number == TAKEN {
            account.with_taken(&backup.address, Duration::ZERO, at(now)).primary_emails()
        } else {
            account.with_promoted(&backup, false, Duration::ZERO, at(now)).primary_emails()
        })
    }

    fn told(&self) -> Vec<u8> {
        let real = self.real();
        real.told(at(u8::MAX)).map(|told| made(&ConfirmedAddress::new(told.clone(), at(0))).0).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Made> {
        std::iter::once(&self.primary).chain(&self.former)
    }
}

/// The event as the history has it.
fn event(committed: &Committed) -> AccountEvent {
    let before_primary = Some(committed.before.real());
    let (notice, changes) = match committed.kind {
        Kind::Happened(What::Promote(number)) => {
            let (former, address) = (address(committed.before.primary.0), address(number));
            let notice = if number == TAKEN {
                Notice::PrimaryChanged { former, address, former_until: at(committed.id) }
            } else {
                Notice::BackupPromoted { former, address, former_until: None }
            };
            (notice, true)
        }
        Kind::Happened(What::Use) => (Notice::BackupUsed { address: address(FIRST) }, false),
        Kind::Undone { since } => {
            let since = Some(MessageId::first_of(at(since)));
            (Notice::Undone { backup: None, since, password_void: false, primary: None }, true)
        }
    };
    AccountEvent {
        id: MessageId::first_of(at(committed.id)),
        notice,
        at: at(committed.id),
        source: ClientInfo::default(),
        before: changes.then(RecoveryEmails::default),
        before_primary: before_primary.filter(|_| changes),
    }
}

impl Row {
    fn has(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What the code restores.
    fn restores(self, state: &State, since: u8) -> Emails {
        let is_known = |event: &&Committed| self.has(Rule::Undos) || matches!(event.kind, Kind::Happened(_));
        let history = History::new(state.events.iter().filter(is_known).map(event).collect());
        let chosen = history.find_undoable(MessageId::first_of(at(since)).as_str()).expect("it happened");
        let current = state.current.real();
        Emails::of(&if self.has(Rule::Search) {
            history.primary_before(chosen, &current, &[], at(u8::MAX))
        } else {
            chosen.before_primary.clone().unwrap_or(current)
        })
    }
}

/// The primary before an event, by the order of the commits; if the event was undone, that after the undo: the oracle.
fn truth(state: &State, since: u8) -> u8 {
    let place = |id: u8| state.events.iter().position(|event| event.id == id).expect("it happened");
    let chosen = place(since);
    let covering = state.events.iter().enumerate().rev().find(|(undo, event)| {
        matches!(event.kind, Kind::Undone { since } if place(since) <= chosen && chosen < *undo)
    });
    let from = covering.map_or(chosen, |(undo, _)| undo + 1);
    state.events.get(from).map_or(&state.current, |event| &event.before).primary.0
}

impl Model for Row {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            events: Vec::new(),
            current: Emails { primary: (FIRST, 0), former: Vec::new() },
            generation: 0,
            windows: Vec::new(),
            dead: Vec::new(),
            strange: false,
            stranger: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let undos = state.events.iter().filter(|event| matches!(event.kind, Kind::Undone { .. })).count();
        if state.events.len() < self.most_events {
            let others = (0..ADDRESSES).filter(|number| *number != state.current.primary.0);
            let whats: Vec<_> = others.map(What::Promote).chain([What::Use]).collect();
            let may_be_late = self.crossing && !state.events.is_empty();
            for late in [Some(false), may_be_late.then_some(true)].into_iter().flatten() {
                actions.extend(whats.iter().map(|what| Action::Happen(*what, late)));
            }
            if undos + state.windows.len() < 2 && (self.crossing || state.windows.is_empty()) {
                let told_now = state.current.told();
                for event in state.events.iter().filter(|event| matches!(event.kind, Kind::Happened(_))) {
                    let works = |mailbox: &&u8| !self.has(Rule::Told) || told_now.contains(mailbox);
                    let mailboxes = event.told.iter().filter(works);
                    actions
                        .extend(mailboxes.map(|mailbox| Action::Read { since: event.id, mailbox: *mailbox }));
                }
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
        let before = state.current.clone();
        let kind = match action {
            Action::Happen(what, _) => {
                if let What::Promote(number) = what {
                    state.current = before.promoted(number, id);
                    state.generation += 1;
                }
                Kind::Happened(what)
            }
            Action::Read { since, mailbox } => {
                let restores = self.restores(&state, since);
                state.strange |= !self.crossing && restores.primary.0 != truth(&state, since);
                state.windows.push(Window { since, mailbox, restores, generation: state.generation });
                return Some(state);
            }
            Action::Undo(window) => {
                let window = state.windows.remove(window);
                if window.generation != state.generation && self.has(Rule::Condition) {
                    // It reads again.
                    return Some(state);
                }
                state.stranger |= !before.told().contains(&window.mailbox);
                state.current = window.restores;
                state.generation += 1;
                let ended = state.events.iter().filter(|event| {
                    event.id >= window.since && matches!(event.kind, Kind::Happened(What::Promote(_)))
                });
                state.dead.extend(ended.map(|event| event.id));
                state.dead.sort_unstable();
                state.dead.dedup();
                Kind::Undone { since: window.since }
            }
        };
        let told = state.current.told();
        state.events.push(Committed { id, kind, before, told });
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(DEAD, |_, state: &State| {
                state.current.all().all(|(_, made)| !state.dead.contains(made))
            }),
            Property::always(EXACT, |_, state: &State| !state.strange),
            Property::always(FIRST_TOLD, |_, state: &State| state.current.told().contains(&FIRST)),
            Property::always(LINKS, |_, state: &State| !state.stranger),
            Property::sometimes(
                "two undos, and a mailbox besides the primary is told",
                |_, state: &State| {
                    let undone = |event: &&Committed| matches!(event.kind, Kind::Undone { .. });
                    state.events.iter().filter(undone).count() == 2 && !state.current.former.is_empty()
                },
            ),
        ]
    }
}

const ROW: Row = Row { most_events: 6, crossing: false, without: None };

#[test]
fn an_undo_restores_the_primary_before_its_event_and_what_it_threw_out_is_told_no_more() {
    explore("primary: one call after the other", ROW, 22_000);
}

#[test]
fn the_same_when_undos_cross_other_writes_and_clocks_differ() {
    explore(
        "primary: crossing writes, clocks that differ",
        Row { most_events: 4, crossing: true, ..ROW },
        82_000,
    );
}

#[test]
fn without_any_of_its_rules_the_model_of_primaries_fails() {
    let without = |rule, crossing| Row { most_events: 5, crossing, without: Some(rule) };
    assert_breaks(without(Rule::Undos, false), DEAD);
    assert_breaks(without(Rule::Search, false), EXACT);
    assert_breaks(without(Rule::Told, false), LINKS);
    assert_breaks(without(Rule::Condition, true), DEAD);
    assert_breaks(without(Rule::Condition, true), LINKS);
}
