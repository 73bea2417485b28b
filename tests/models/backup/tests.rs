//! Every state of the life of a backup email, and the models that must fail.
use super::model::{
    CLAIMS, DEAD, DISABLED, ENDED, FROZEN, LEADS, ONCE, ONE, OWN, PROVEN, RESTORED, REVIVED, STAYS, TOLD,
    UNDONE, WAITS, WORKS,
};
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
    waiting_period: 0,
    end: 0,
    operated: 0,
    removing: true,
    lagging: false,
    without: &[],
};

/// The same in one window, with an index that lags and emails that come twice.
const LAGGING: Life =
    Life { wishes: [&[1], &[0]], copies: 2, windows: 1, changes: 4, lagging: true, ..RACING };

/// A waiting period: the first account replaces its own address by a second and a third, while the other wants the first.
const WAITING: Life = Life { wishes: [&[1, 2], &[0]], waiting_period: 2, end: 3, ..RACING };

/// One after the other, with more changes: an address is restored that the other account had in between.
const TURNS: Life =
    Life { wishes: [&[1], &[0, 2]], windows: 1, waiting_period: 1, end: 3, changes: 5, ..RACING };

/// The first account removes its address and asks for it again.
const RETURNING: Life = Life { wishes: [&[0, 1], &[0]], ..TURNS };

/// The first account replaces its address twice, before the first replacement is active. An undo restores two
/// addresses, one of which the other account may have by then.
const REPLACING: Life = Life {
    wishes: [&[1, 2], &[1]],
    waiting_period: 2,
    end: 4,
    changes: 5,
    windows: 1,
    removing: false,
    ..RACING
};

/// An operator disables the first account and enables it again.
const OPERATED: Life = Life { wishes: [&[1, 2], &[0]], operated: 2, ..RACING };

#[test]
fn while_a_new_address_waits_the_former_one_opens_and_nobody_is_left_with_none() {
    explore("backup email, waiting period", WAITING, 275_000);
}

#[test]
fn an_address_that_goes_from_one_account_to_the_other_and_back_leads_to_one() {
    explore("backup email, waiting period in turns", TURNS, 192_000);
    explore("backup email, waiting period again", RETURNING, 66_000);
}

#[test]
fn an_undo_restores_the_active_address_and_the_waiting_one_with_the_time_it_had_left() {
    explore("backup email, waiting period of two addresses", REPLACING, 99_000);
}

#[test]
fn a_disabled_account_keeps_its_backup_email_and_no_link_outlives_it() {
    explore("backup email, disabled", OPERATED, 56_000);
}

#[test]
fn however_windows_race_an_address_opens_one_account_and_every_change_is_told() {
    explore("backup email, racing", RACING, 20_000);
}

#[test]
fn a_lagging_index_and_mails_that_come_twice_change_nothing() {
    explore("backup email, lagging", LAGGING, 155_000);
}

#[test]
fn without_any_of_its_rules_the_model_fails() {
    use Rule::*;
    let racing: [(&'static [Rule], &str); 13] = [
        (&[Claim], CLAIMS),
        (&[Claim], ONE),
        (&[OwnClaim, AsRead], CLAIMS),
        (&[ConfirmedOnly], PROVEN),
        (&[NoticeTogether], TOLD),
        (&[FormerStays], STAYS),
        (&[OwnPending], DEAD),
        (&[Frozen, AskedSince], FROZEN),
        (&[UndoEndsPending, AskedSince], UNDONE),
        (&[UndoOnce], ONCE),
        (&[ConfirmedOnly], ONE),
        (&[UndoAsRead], ENDED),
        (&[OwnIsFree], RESTORED),
    ];
    for (rules, invariant) in racing {
        assert_breaks(Life { without: rules, ..RACING }, invariant);
    }
    for invariant in [ONE, OWN] {
        assert_breaks(Life { without: &[BaseDecides], ..LAGGING }, invariant);
    }
    for (rules, invariant) in [(&[Enabled, AskedSince][..], DISABLED), (&[AskedSince], REVIVED)] {
        assert_breaks(Life { without: rules, ..OPERATED }, invariant);
    }
}

#[test]
fn without_any_rule_of_the_waiting_period_the_model_fails() {
    use Rule::*;
    let racing: [(&'static [Rule], &str); 5] = [
        (&[Waits], WAITS),
        (&[FormerEnds, Swept], OWN),
        (&[FormerKept], WORKS),
        (&[TimeLast], WORKS),
        (&[SweepsLapsed], WORKS),
    ];
    for (rules, invariant) in racing {
        assert_breaks(Life { without: rules, ..WAITING }, invariant);
    }
    let turns: [(&'static [Rule], &str); 4] =
        [(&[FormerEnds, Swept], ONE), (&[ClaimEnds], CLAIMS), (&[Swept], LEADS), (&[UndoKeepsHold], WAITS)];
    for (rules, invariant) in turns {
        assert_breaks(Life { without: rules, ..TURNS }, invariant);
    }
    assert_breaks(Life { without: &[UndoAtOnce], ..RETURNING }, RESTORED);
    for rule in [&[UndoResumes], &[UndoRestoresFormer]] {
        assert_breaks(Life { without: rule, ..REPLACING }, RESTORED);
    }
}
