//! What happened to the recovery of an account, and what an undo restores.
//!
//! Events are ordered by their ids, which sort by the time at which they began. Two that happen at the same moment may
//! be committed in the other order, so no rule here relies on the order alone: an address that an undone event confirmed
//! is never restored.
mod context;
mod event;
mod primary;

use std::time::Duration;

pub use context::{Actor, EventContext};
pub use event::AccountEvent;

use super::backup::{ConfirmedAddress, RecoveryEmails};
use super::email_address::EmailAddress;
use super::email_request::Notice;
use super::message_id::MessageId;
use super::timestamp::Timestamp;

/// For how long events are kept (ASVS 5.0 V14.2.7).
pub const RETENTION: Duration = Duration::from_hours(90 * 24);

/// Uses of one address by the same device and network within this time are listed once: every sign-in is an event.
const USES_LISTED_ONCE_IN: Duration = Duration::from_hours(1);

/// The events of an account.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In the order of their ids.
    events: Vec<AccountEvent>,
    /// The undos among them, apart, because a week may have thousands of events.
    undos: Vec<PastUndo>,
}

/// An undo of everything since an event.
#[derive(Debug, Clone)]
struct PastUndo {
    since: MessageId,
    id: MessageId,
    at: Timestamp,
}

impl PastUndo {
    fn of(event: &AccountEvent) -> Option<Self> {
        match &event.notice {
            Notice::Undone { since: Some(since), .. } => {
                Some(Self { since: since.clone(), id: event.id.clone(), at: event.at })
            }
            _ => None,
        }
    }
}

impl History {
    /// From events in any order.
    pub fn new(mut events: Vec<AccountEvent>) -> Self {
        events.sort_by(|one, other| one.id.cmp(&other.id));
        let undos = events.iter().filter_map(PastUndo::of).collect();
        Self { events, undos }
    }

    /// The same with this event too, if it was missing.
    #[must_use]
    pub fn with(mut self, event: AccountEvent) -> Self {
        if self.events.iter().all(|other| other.id != event.id) {
            self.events.push(event);
        }
        Self::new(self.events)
    }

    /// What a person is shown, the newest first: all but repeated uses of one address. The event `own` is always there.
    pub fn listed(&self, own: &MessageId) -> Vec<&AccountEvent> {
        let mut listed: Vec<&AccountEvent> = Vec::new();
        for event in self.events.iter().rev() {
            let repeats = |later: &&AccountEvent| {
                matches!(event.notice, Notice::BackupUsed { .. })
                    && (&later.notice, &later.source) == (&event.notice, &event.source)
                    && later.at < event.at + USES_LISTED_ONCE_IN
            };
            if event.id == *own || !listed.iter().any(repeats) {
                listed.push(event);
            }
        }
        listed
    }

    /// Whether an event was undone already.
    pub fn is_undone(&self, event: &AccountEvent) -> bool {
        self.undo_of(&event.id).is_some()
    }

    /// The event with this id, if it can be undone. That an undo happened is listed, and is not undone itself: what it
    /// ended must not come back.
    pub fn find_undoable(&self, id: &str) -> Option<&AccountEvent> {
        self.events.iter().find(|event| event.id.as_str() == id && event.notice.can_be_undone())
    }

    /// The last undo that covered an event: it was made later, and of everything since this event or an earlier one.
    fn undo_of(&self, id: &MessageId) -> Option<&PastUndo> {
        self.undos.iter().rev().find(|undo| undo.since <= *id && *id < undo.id)
    }

    /// The events that are undone with the chosen one: that one itself, and what came later. If it was undone already, what
    /// came after that undo.
    fn undone_with<'h>(&'h self, chosen: &'h AccountEvent) -> impl Fn(&AccountEvent) -> bool + Copy + 'h {
        let undo = self.undo_of(&chosen.id);
        move |event| match undo {
            Some(undo) => event.id > undo.id,
            None => event.id >= chosen.id,
        }
    }

    /// The event that did this, if it is undone with the chosen one or was undone before.
    fn find_undone<'h>(
        &'h self,
        chosen: &'h AccountEvent,
        did: impl Fn(&AccountEvent) -> bool,
    ) -> Option<&'h AccountEvent> {
        let is_later = self.undone_with(chosen);
        self.events.iter().find(|event| did(event) && (is_later(event) || self.is_undone(event)))
    }

    /// The earliest state that these steps lead to. Each step goes to the state before an event; an event that leads back to
    /// itself must not make it endless.
    fn earliest<S>(&self, mut state: S, before: impl Fn(&S) -> Option<S>) -> S {
        for _ in 0..self.events.len() {
            let Some(earlier) = before(&state) else { break };
            state = earlier;
        }
        state
    }

    /// The recovery emails after everything from `chosen` on is undone: those before it, without what must not return.
    ///
    /// - If the event was undone already, nothing of what that undo ended returns: the state is the one after the undo.
    /// - An address that an undone event confirmed does not return, whatever the order of the ids, nor does one that was
    ///   confirmed after the event by one that is missing here.
    /// - An address that somebody has signed in with since does not return either: somebody else reads its mailbox.
    /// - A waiting period goes on with the time that was left at the event, so that the address that was active then is
    ///   active again, however much later the undo comes.
    /// - `taken` are addresses that other accounts have by now.
    pub fn before<'h>(
        &'h self,
        chosen: &'h AccountEvent,
        current: &'h RecoveryEmails,
        taken: &[EmailAddress],
        now: Timestamp,
    ) -> RecoveryEmails {
        let undo = self.undo_of(&chosen.id);
        let is_later = self.undone_with(chosen);
        let later = self.events.iter().filter(move |event| is_later(event));
        let undone_confirmation = |address: &EmailAddress, since: Timestamp| {
            self.find_undone(chosen, |event| event.has_confirmed(address, since))
        };
        let before = |event: &'h AccountEvent| Some((event.before.as_ref()?, event.at));
        let next_change = later.clone().find_map(before);
        let (state, left_at) = self.earliest(next_change.unwrap_or((current, now)), |(state, _)| {
            let backup = state.backup.as_ref()?;
            before(undone_confirmation(&backup.address, backup.since)?)
        });
        let state = &state.resumed(left_at, now);
        let may_return = |address: &EmailAddress, since: Timestamp| {
            since <= undo.map_or(chosen.at, |undo| undo.at)
                && undone_confirmation(address, since).is_none()
                && !taken.contains(address)
                && !later.clone().any(|event| event.has_used(address))
        };
        let backup = state.backup.as_ref().filter(|backup| may_return(&backup.address, backup.since));
        let former = state.former.as_ref().filter(|former| may_return(&former.address, former.since));
        match (backup, former) {
            (Some(backup), former) => {
                RecoveryEmails { backup: Some(backup.clone()), former: former.cloned() }
            }
            // Nothing replaces it any more.
            (None, Some(former)) => RecoveryEmails {
                backup: Some(ConfirmedAddress::new(former.address.clone(), former.since)),
                former: None,
            },
            (None, None) => RecoveryEmails::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientInfo, FormerAddress};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn address(name: &str) -> EmailAddress {
        EmailAddress::parse(&format!("{name}@example.org")).expect("an address")
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_unix_seconds(0) + Duration::from_secs(second)
    }

    fn id(second: u64) -> MessageId {
        MessageId::first_of(at(second))
    }

    /// A backup email that was confirmed at that second.
    fn had(name: &str, second: u64) -> RecoveryEmails {
        RecoveryEmails { backup: Some(ConfirmedAddress::new(address(name), at(second))), former: None }
    }

    fn none() -> RecoveryEmails {
        RecoveryEmails::default()
    }

    fn event(second: u64, notice: Notice, before: Option<RecoveryEmails>) -> AccountEvent {
        AccountEvent {
            id: id(second),
            notice,
            at: at(second),
            source: ClientInfo::default(),
            before,
            before_primary: None,
        }
    }

    fn added(second: u64, name: &str) -> AccountEvent {
        event(second, Notice::BackupAdded { address: address(name), usable_from: None }, Some(none()))
    }

    fn changed(second: u64, name: &str, before: RecoveryEmails) -> AccountEvent {
        let former = before.backup.clone().expect("it had one").address;
        let notice = Notice::BackupChanged {
            former,
            former_usable_from: None,
            address: address(name),
            usable_from: None,
        };
        event(second, notice, Some(before))
    }

    fn removed(second: u64, before: RecoveryEmails) -> AccountEvent {
        let address = before.backup.clone().expect("it had one").address;
        event(second, Notice::BackupRemoved { address, usable_from: None }, Some(before))
    }

    fn used(second: u64, name: &str) -> AccountEvent {
        event(second, Notice::BackupUsed { address: address(name) }, None)
    }

    fn ended(second: u64) -> AccountEvent {
        event(second, Notice::SessionsEnded, None)
    }

    fn undone(second: u64, since: u64, before: RecoveryEmails) -> AccountEvent {
        event(
            second,
            Notice::Undone { backup: None, since: Some(id(since)), password_void: false, primary: None },
            Some(before),
        )
    }

    /// The name of the backup email after everything since that second is undone.
    fn after_undo(events: &[AccountEvent], since: u64, current: &RecoveryEmails) -> Option<String> {
        let history = History::new(events.to_vec());
        let chosen = history.find_undoable(id(since).as_str()).expect("it can be undone");
        let emails = history.before(chosen, current, &[], NOW);
        assert_eq!(emails.former, None);
        emails.backup.map(|backup| backup.address.canonical().replace("@example.org", ""))
    }

    #[test]
    fn the_state_before_the_chosen_event_returns() {
        let owners = had("owners", 1);
        let events = [
            changed(10, "first", owners.clone()),
            changed(20, "second", had("first", 10)),
            removed(30, had("second", 20)),
            ended(40),
            added(50, "third"),
        ];
        for (since, left) in
            [(10, Some("owners")), (20, Some("first")), (30, Some("second")), (40, None), (50, None)]
        {
            assert_eq!(after_undo(&events, since, &had("third", 50)).as_deref(), left, "since {since}");
        }
        assert_eq!(after_undo(&events[..4], 40, &none()), None);
        assert_eq!(after_undo(&[ended(40)], 40, &owners).as_deref(), Some("owners"), "nothing was changed");
    }

    #[test]
    fn nothing_that_an_undo_ended_returns_with_a_later_link() {
        let events =
            [added(10, "first"), changed(20, "second", had("first", 10)), undone(30, 10, had("second", 20))];
        for since in [10, 20] {
            assert_eq!(after_undo(&events, since, &none()), None, "since {since}");
        }
        // What the owner set after that undo is what an undo since a later event restores.
        let later = [&events[..], &[added(40, "owners"), changed(50, "thief", had("owners", 40))]].concat();
        assert_eq!(after_undo(&later, 50, &had("thief", 50)).as_deref(), Some("owners"));
        assert_eq!(after_undo(&later, 20, &had("thief", 50)), None);
    }

    #[test]
    fn an_address_that_somebody_signed_in_with_since_does_not_return() {
        let owners = had("owners", 1);
        assert_eq!(after_undo(&[used(10, "owners")], 10, &owners), None);
        let events = [ended(10), used(20, "owners"), changed(30, "thief", owners.clone())];
        assert_eq!(after_undo(&events, 10, &had("thief", 30)), None);
        assert_eq!(after_undo(&events, 20, &had("thief", 30)), None);
        assert_eq!(after_undo(&events, 30, &had("thief", 30)).as_deref(), Some("owners"));
    }

    #[test]
    fn an_address_confirmed_by_an_undone_event_never_returns() {
        // Two changes began at almost the same time, and were committed in the other order.
        let events = [changed(10, "second", had("first", 11)), added(11, "first")];
        for since in [10, 11] {
            assert_eq!(after_undo(&events, since, &had("second", 10)), None, "since {since}");
        }
        // The same, around an undo.
        let events =
            [added(10, "first"), undone(30, 10, had("second", 31)), changed(31, "second", had("first", 10))];
        for since in [10, 31] {
            assert_eq!(after_undo(&events, since, &none()), None, "since {since}");
        }
        // The event that confirmed it is missing: the time of the confirmation tells.
        assert_eq!(after_undo(&[ended(10), removed(30, had("thief", 20))], 10, &none()), None);
    }

    #[test]
    fn what_others_have_is_left_to_them_and_a_waiting_period_goes_on() {
        let waits_until = at(10) + Duration::from_hours(1);
        let former = FormerAddress { address: address("owners"), since: at(1), until: waits_until };
        let backup =
            ConfirmedAddress { usable_from: waits_until, ..ConfirmedAddress::new(address("first"), at(5)) };
        let before = RecoveryEmails { backup: Some(backup), former: Some(former) };
        let history = History::new(vec![changed(10, "second", before.clone())]);
        let chosen = history.find_undoable(id(10).as_str()).expect("it can be undone");
        let restored = |taken: &[&str], now| {
            let taken: Vec<_> = taken.iter().map(|name| address(name)).collect();
            history.before(chosen, &none(), &taken, now)
        };
        assert_eq!(restored(&[], at(20)), before.resumed(at(10), at(20)));
        let backup = restored(&[], NOW).backup.expect("it is restored");
        assert_eq!(
            backup.usable_from,
            NOW + Duration::from_hours(1),
            "it has as much time left, however much later"
        );
        let former = restored(&[], NOW).former.expect("it is restored");
        assert_eq!((former.address, former.until), (address("owners"), backup.usable_from));
        assert_eq!(restored(&["first"], NOW), had("owners", 1), "nothing replaces it any more");
        let only_first = RecoveryEmails { former: None, ..before.resumed(at(10), NOW) };
        assert_eq!(restored(&["owners"], NOW), only_first);
        assert_eq!(restored(&["first", "owners"], NOW), none());
    }

    #[test]
    fn a_week_of_sign_ins_at_their_limit_is_listed_in_a_few_steps_each() {
        let uses = (0..7 * 24 * 100).map(|number| used(number * 36, "owners")).collect();
        let history = History::new(uses);
        let listed = history.listed(&id(0));
        assert_eq!(listed.len(), 7 * 24 + 1);
        let restored = listed.iter().map(|event| history.before(event, &had("owners", 0), &[], NOW));
        assert_eq!(restored.filter(|emails| *emails == none()).count(), listed.len());
    }

    #[test]
    fn an_undo_is_listed_and_cannot_be_undone() {
        let history = History::new(vec![undone(30, 10, none()), added(10, "first")]);
        assert!(history.find_undoable(id(30).as_str()).is_none());
        assert!(history.find_undoable("unknown").is_none());
        let listed = history.listed(&id(10));
        assert_eq!(listed.iter().map(|event| &event.id).collect::<Vec<_>>(), [&id(30), &id(10)]);
        assert_eq!(listed.iter().map(|event| history.is_undone(event)).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn uses_of_an_hour_are_listed_once_and_the_links_own_always() {
        let seconds = [0, 10, 20, 3_700, 7_400];
        let history = History::new(seconds.map(|second| used(second, "owners")).to_vec());
        let listed = |own: u64| {
            history.listed(&id(own)).into_iter().map(|event| event.at.unix_seconds()).collect::<Vec<_>>()
        };
        assert_eq!(listed(7_400), [7_400, 3_700, 20]);
        assert_eq!(listed(0), [7_400, 3_700, 20, 0]);
    }
}
