//! Every state of the life of a backup email, and the models that must fail.
use super::steps::{CLAIMS, DEAD, FROZEN, ONCE, ONE, OWN, PROVEN, STAYS, TOLD, UNDONE};
use super::{Life, Rule};
use crate::{assert_breaks, explore};

/// The first account has the first address and wants the second, then the first again; the other wants both. Two
/// windows race.
const RACING: Life = Life {
    wishes: [&[1, 0], &[0, 1]],
    copies: 1,
    prompt: true,
    changes: 3,
    windows: 2,
    lagging: false,
    without: &[],
};

/// The same in one window, with an index that lags and mails that come twice.
const LAGGING: Life = Life { wishes: [&[1], &[0]], copies: 2, windows: 1, lagging: true, ..RACING };

#[test]
fn however_windows_race_an_address_opens_one_account_and_every_change_is_told() {
    explore("backup email, racing", RACING, 18_000);
}

#[test]
fn a_lagging_index_and_mails_that_come_twice_change_nothing() {
    explore("backup email, lagging", LAGGING, 79_000);
}

#[test]
fn without_any_of_its_rules_the_model_fails() {
    use Rule::*;
    let racing: [(&'static [Rule], &str); 11] = [
        (&[Claim], CLAIMS),
        (&[Claim], ONE),
        (&[OwnClaim, AsRead], CLAIMS),
        (&[ConfirmedOnly], PROVEN),
        (&[NoticeTogether], TOLD),
        (&[FormerStays], STAYS),
        (&[OwnPending], DEAD),
        (&[Frozen], FROZEN),
        (&[UndoEndsPending], UNDONE),
        (&[UndoOnce], ONCE),
        (&[ConfirmedOnly], ONE),
    ];
    for (rules, invariant) in racing {
        assert_breaks(Life { without: rules, ..RACING }, invariant);
    }
    for invariant in [ONE, OWN] {
        assert_breaks(Life { without: &[BaseDecides], ..LAGGING }, invariant);
    }
}
