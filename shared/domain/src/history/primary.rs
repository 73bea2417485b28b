//! The primary email that an undo restores.
use super::{AccountEvent, History};
use crate::{ConfirmedAddress, EmailAddress, FormerPrimary, PrimaryEmails, Timestamp};

impl History {
    /// The primary email after everything from `chosen` on is undone, and those that are told of changes then.
    ///
    /// - One that an undone event made the primary does not return, whatever the order of the ids.
    /// - Nor is it told any more: what it can undo are changes of the owner.
    /// - `taken` are addresses that other accounts have by now. No former primary is one, unless its time was set back.
    pub fn primary_before<'h>(
        &'h self,
        chosen: &'h AccountEvent,
        current: &'h PrimaryEmails,
        taken: &[EmailAddress],
        now: Timestamp,
    ) -> PrimaryEmails {
        let made_by_undone =
            |primary: &ConfirmedAddress| self.find_undone(chosen, |event| event.has_made_primary(primary));
        let is_later = self.undone_with(chosen);
        let mut later = self.events.iter().filter(|event| is_later(event));
        let next_change = later.find_map(|event| event.before_primary.as_ref());
        let state = self.earliest(next_change.unwrap_or(current), |state| {
            made_by_undone(&state.primary)?.before_primary.as_ref()
        });
        let has_returned = |former: &FormerPrimary| former.email.address == state.primary.address;
        let former = state.former.iter().filter(|former| {
            now < former.kept_until && made_by_undone(&former.email).is_none() && !has_returned(former)
        });
        let is_taken = taken.contains(&state.primary.address);
        let primary = if is_taken { &current.primary } else { &state.primary };
        PrimaryEmails { primary: primary.clone(), former: former.cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ClientInfo, MessageId, Notice, RecoveryEmails};

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

    /// This address as the primary since that second, after these, each with the second in which it became that.
    fn primary(name: &str, second: u64, replaced: &[(&str, u64)]) -> PrimaryEmails {
        let email = |name: &str, second: u64| ConfirmedAddress {
            usable_from: at(second),
            ..ConfirmedAddress::new(address(name), at(0))
        };
        let former = replaced.iter().map(|(name, second)| FormerPrimary {
            email: email(name, *second),
            replaced_at: at(second + 1),
            until: NOW,
            kept_until: NOW + Duration::from_secs(1),
        });
        PrimaryEmails { primary: email(name, second), former: former.collect() }
    }

    fn event(second: u64, notice: Notice, before_primary: Option<PrimaryEmails>) -> AccountEvent {
        let before = before_primary.as_ref().map(|_| RecoveryEmails::default());
        let source = ClientInfo::default();
        AccountEvent { id: id(second), notice, at: at(second), source, before, before_primary }
    }

    fn promoted(second: u64, name: &str, before: PrimaryEmails) -> AccountEvent {
        let former = before.primary.address.clone();
        let notice = Notice::BackupPromoted { former, address: address(name), former_until: Some(NOW) };
        event(second, notice, Some(before))
    }

    fn undone(second: u64, since: u64, before: PrimaryEmails) -> AccountEvent {
        let notice =
            Notice::Undone { backup: None, since: Some(id(since)), password_void: false, primary: None };
        event(second, notice, Some(before))
    }

    fn password_set(second: u64) -> AccountEvent {
        event(second, Notice::PasswordSet { had_password: None }, None)
    }

    /// What is the primary after the undo of that event, and what is told besides.
    fn after_undo(
        history: &History,
        chosen: u64,
        current: &PrimaryEmails,
    ) -> (EmailAddress, Vec<EmailAddress>) {
        let chosen = history.find_undoable(id(chosen).as_str()).expect("it can be undone");
        let emails = history.primary_before(chosen, current, &[], NOW);
        let former = emails.former.into_iter().map(|former| former.email.address);
        (emails.primary.address, former.collect())
    }

    #[test]
    fn the_primary_before_a_promotion_returns_and_the_promoted_one_is_told_no_more() {
        let current = primary("b", 10, &[("a", 0)]);
        let history = History::new(vec![promoted(10, "b", primary("a", 0, &[])), password_set(20)]);
        assert_eq!(after_undo(&history, 10, &current), (address("a"), vec![]));
        let later = after_undo(&history, 20, &current);
        assert_eq!(later, (address("b"), vec![address("a")]), "the promotion was before");
    }

    #[test]
    fn from_each_step_of_a_row_of_promotions_an_undo_goes_back_to_the_step_before() {
        let first = promoted(10, "b", primary("a", 0, &[]));
        let second = promoted(20, "c", primary("b", 10, &[("a", 0)]));
        let current = primary("c", 20, &[("a", 0), ("b", 10)]);
        let history = History::new(vec![first, second]);
        assert_eq!(after_undo(&history, 10, &current), (address("a"), vec![]));
        assert_eq!(after_undo(&history, 20, &current), (address("b"), vec![address("a")]));
    }

    #[test]
    fn an_earlier_event_that_is_undone_after_a_later_one_brings_nothing_back_that_came_after_it() {
        let row = vec![
            promoted(10, "b", primary("a", 0, &[])),
            promoted(20, "c", primary("b", 10, &[("a", 0)])),
            undone(30, 20, primary("c", 20, &[("a", 0), ("b", 10)])),
        ];
        let current = primary("b", 10, &[("a", 0)]);
        assert_eq!(after_undo(&History::new(row.clone()), 10, &current), (address("a"), vec![]));
        // And from the later one again, after all: nothing of what was undone returns.
        let all = [row, vec![undone(40, 10, current)]].concat();
        assert_eq!(after_undo(&History::new(all), 20, &primary("a", 0, &[])), (address("a"), vec![]));
    }

    #[test]
    fn a_thief_who_undoes_the_owners_change_loses_to_an_earlier_event() {
        let row = vec![
            promoted(10, "thief", primary("owner", 0, &[])),
            promoted(20, "owner", primary("thief", 10, &[("owner", 0)])),
            undone(30, 20, primary("owner", 20, &[("thief", 10)])),
        ];
        let current = primary("thief", 10, &[("owner", 0)]);
        assert_eq!(after_undo(&History::new(row), 10, &current), (address("owner"), vec![]));
    }

    #[test]
    fn what_the_order_of_the_ids_hides_does_not_return_either() {
        // The promotion of b was committed first, although its id is the later one.
        let row = vec![
            event(10, Notice::PasswordSet { had_password: None }, None),
            promoted(20, "b", primary("a", 0, &[])),
            undone(30, 10, primary("b", 20, &[("a", 0)])),
        ];
        let current = primary("b", 20, &[("a", 0)]);
        assert_eq!(after_undo(&History::new(row), 10, &current), (address("a"), vec![]));
    }
}
