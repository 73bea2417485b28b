//! Every state of the life of a link, and the models that must fail.
use super::steps::{COUNTED, DISABLED, LOCKED, NEWER, ONCE, PROVEN, READ, REMOVED, REVIVED, TIME, UNDONE};
use super::{Life, Purpose, Rule, Who};
use crate::{assert_breaks, explore};

const CALM: Life = Life {
    purpose: Purpose::SignIn,
    cast: &[],
    tries: 5,
    requests: 1,
    copies: 1,
    links: 1,
    losses: 1,
    disturbed: false,
    operated: 0,
    without: &[],
};

/// Codes are guessed in two windows at once, while the owner opens the link here and there.
fn guessing(purpose: Purpose) -> Life {
    Life { purpose, cast: &[Who::Asker, Who::Elsewhere, Who::Thief, Who::Thief], ..CALM }
}

/// A mail gateway looks and presses, before and after the owner.
fn scanned(purpose: Purpose) -> Life {
    Life { purpose, cast: &[Who::Asker, Who::Elsewhere, Who::Gateway], ..CALM }
}

/// A newer request, emails that come twice, two windows, time, a removal, an undo, answers that are lost.
fn disturbed(purpose: Purpose) -> Life {
    let cast = &[Who::Asker, Who::Asker];
    Life { purpose, cast, requests: 2, copies: 2, links: 3, disturbed: true, ..CALM }
}

/// An operator disables, enables and ends sessions, between the calls of two windows.
fn operated(purpose: Purpose) -> Life {
    let cast = &[Who::Asker, Who::Asker];
    Life { purpose, cast, requests: 2, copies: 1, links: 2, losses: 0, operated: 3, ..CALM }
}

fn without(rule: &'static [Rule], life: Life) -> Life {
    Life { without: rule, ..life }
}

#[test]
fn guessing_never_opens_a_link_and_never_more_than_five_times() {
    explore("sign-in link, guessed", guessing(Purpose::SignIn), 23_000);
    explore("confirmation link, guessed", guessing(Purpose::Confirm), 23_000);
}

#[test]
fn a_link_opens_once_and_only_while_it_may() {
    explore("sign-in link, disturbed", disturbed(Purpose::SignIn), 188_000);
    explore("confirmation link, disturbed", disturbed(Purpose::Confirm), 188_000);
}

#[test]
fn a_disabled_account_gets_no_session_and_enabling_revives_none() {
    explore("sign-in link, disabled", operated(Purpose::SignIn), 50_000);
    explore("confirmation link, disabled", operated(Purpose::Confirm), 41_000);
}

#[test]
fn a_mail_gateway_opens_nothing_and_spoils_nothing() {
    explore("sign-in link, scanned", scanned(Purpose::SignIn), 500);
    explore("confirmation link, scanned", scanned(Purpose::Confirm), 500);
}

#[test]
fn without_any_of_its_rules_the_model_fails() {
    use Rule::*;
    let sign_in: [(&'static [Rule], &str); 9] = [
        (&[UsedSlotStays], ONCE),
        (&[UsedSlotStays], NEWER),
        (&[OwnSlot], ONCE),
        (&[OwnSlot, Unspent], ONCE),
        (&[OwnSlot], NEWER),
        (&[Unexpired], TIME),
        (&[HeldAddress], REMOVED),
        (&[Generation], UNDONE),
        (&[TieDies], UNDONE),
    ];
    for (rules, invariant) in sign_in {
        assert_breaks(without(rules, disturbed(Purpose::SignIn)), invariant);
    }
    for invariant in [ONCE, NEWER, REMOVED] {
        assert_breaks(without(&[OwnSlot], disturbed(Purpose::Confirm)), invariant);
    }
    assert_breaks(without(&[DisablingEnds], operated(Purpose::SignIn)), REVIVED);
    for purpose in [Purpose::SignIn, Purpose::Confirm] {
        assert_breaks(without(&[Generation], operated(purpose)), UNDONE);
        assert_breaks(without(&[Enabled, Generation], operated(purpose)), DISABLED);
        assert_breaks(without(&[Enabled, DisablingEnds], operated(purpose)), DISABLED);
        assert_breaks(without(&[TryFirst], guessing(purpose)), COUNTED);
        assert_breaks(without(&[TriesLeft], guessing(purpose)), COUNTED);
        assert_breaks(without(&[Unlocked], guessing(purpose)), LOCKED);
        assert_breaks(without(&[LinkAuthorization], scanned(purpose)), PROVEN);
        assert_breaks(without(&[SafeGet], scanned(purpose)), READ);
    }
}
