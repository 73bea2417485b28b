//! The pages of another primary email.
use std::time::Duration;

use domain::{Account, AccountKind, Language, PendingPrimary, Purpose, Token};
use shared::texts::Texts;
use shared::web::pages::{AccountPage, ConfirmPage, PrimaryConfirmedPage, PrimaryPage};
use shared::web::{Code, Page, Problem};

use super::samples::{account, address, backups, since};
use super::{PRODUCT, rendered};

pub fn pages(language: Language) -> Vec<(&'static str, String, String)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let token = Token::from_bytes([9; 32]);
    let mina =
        Account { former_primaries: Vec::new(), ..account(AccountKind::Regular, backups()[2].clone()) };
    let mut pages = Vec::new();
    let mut add = |template, what: String, page: &dyn Page| pages.push(rendered(template, what, page));
    let pending = PendingPrimary {
        pending: backups()[1].pending().expect("it is pending").clone(),
        session: Some(token.hash()),
    };
    let waiting = Account { pending_primary: Some(pending), ..mina.clone() };
    add("account.html", "another primary is pending".into(), &AccountPage::new(&waiting, since(), texts()));
    for (what, account) in [("none pending", &mina), ("one pending", &waiting)] {
        let page = PrimaryPage::new(account, since(), texts()).with_typed("x\"<".into());
        for code in [Code::NotAnAddress, Code::SameAsPrimary, Code::SameAsBackup, Code::TooSoon] {
            let problem = Problem::about(Purpose::ConfirmPrimary, code);
            add("primary.html", format!("{what}, {}", code.as_str()), &page.clone().with_problem(&problem));
        }
        add("primary.html", what.into(), &page);
    }
    let frozen = Account { backup_frozen_until: Some(since() + Duration::from_hours(1)), ..mina.clone() };
    let page = PrimaryPage::new(&frozen, since(), texts());
    let problem = Problem::from(Code::ChangesFrozen).with_until(Some(since()));
    add("primary.html", "frozen".into(), &page.with_problem(&problem));
    let new = address("new@example.org");
    for (hold, is_same_browser) in [(0, true), (72, false)] {
        let hold = Duration::from_hours(hold);
        let page = ConfirmPage::new(&mina, &new, &token, is_same_browser, texts());
        let page = page.replacing_primary(&mina, &new, hold);
        let what = format!("another primary, {hold:?}");
        add(
            "confirm.html",
            format!("{what}, wrong code"),
            &page.clone().with_problem(&Code::WrongCode.into()),
        );
        add("confirm.html", what.clone(), &page);
        let changed = mina.clone().with_taken(&new, hold, since());
        add("account.html", what.clone(), &AccountPage::new(&changed, since(), texts()));
        add("primary-confirmed.html", what, &PrimaryConfirmedPage::new(&changed, since(), texts()));
    }
    pages
}
