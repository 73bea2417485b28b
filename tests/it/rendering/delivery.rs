//! The account page when email to an address fails, and when a backup email is in question.
use std::time::Duration;

use domain::delivery::ASKED_AFTER;
use domain::{
    Account, AccountKind, Backup, ConfirmedAddress, Delivery, DeliveryFailure, Language, Undeliverable,
};
use shared::texts::Texts;
use shared::web::pages::AccountPage;

use super::samples::{account, address, backups, since};
use super::{PRODUCT, rendered};

fn failing(confirmed: &ConfirmedAddress, why: DeliveryFailure) -> ConfirmedAddress {
    let undeliverable = Some(Undeliverable { why, since: since() });
    ConfirmedAddress { delivery: Delivery { undeliverable, ..Delivery::default() }, ..confirmed.clone() }
}

pub fn pages(language: Language) -> Vec<(&'static str, String, String)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let mut pages = Vec::new();
    let [sso, advice] = ["delivery-primary-sso", "delivery-primary-advice"].map(|id| texts().message(id));
    for why in [DeliveryFailure::Bounced, DeliveryFailure::Complained] {
        for kind in [AccountKind::Regular, AccountKind::Sso] {
            for backup in backups() {
                let confirmed = backup.confirmed().map(|confirmed| failing(confirmed, why));
                let before = account(kind, Backup::new(confirmed, backup.pending().cloned()));
                let primary = failing(&before.primary, why);
                let page = AccountPage::new(&Account { primary, ..before }, since(), texts());
                let (name, source, html) = rendered("account.html", format!("{why:?} {kind:?}"), &page);
                assert_eq!(html.contains(&sso), kind == AccountKind::Sso, "{source}");
                assert!(kind == AccountKind::Regular || !html.contains(&advice), "nothing can be done here");
                pages.push((name, source, html));
            }
        }
    }
    let old = ConfirmedAddress::new(address("old@example.org"), since());
    let frozen_until = [None, Some(since() + ASKED_AFTER + Duration::from_hours(1))];
    for backup_frozen_until in frozen_until {
        let before = account(AccountKind::Regular, Backup::new(Some(old.clone()), None));
        let page =
            AccountPage::new(&Account { backup_frozen_until, ..before }, since() + ASKED_AFTER, texts());
        pages.push(rendered("account.html", "in question".into(), &page));
    }
    pages
}
