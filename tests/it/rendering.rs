//! Every page and email in every language, from samples: no text or argument is missing, the HTML is well-formed.
mod delivery;
mod oidc;
mod primary;
mod samples;
mod sent;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{
    Account, AccountId, AccountKind, Backup, ConfirmedAddress, FormId, HashingKeys, History, Language,
    MessageId, PasswordHasher, Purpose, SignInMethod, Token, TypedPassword, password,
};
use shared::mail::Email;
use shared::texts::Texts;
use shared::web::pages::{
    AccountPage, CheckMailboxPage, ConfirmPage, ConfirmedPage, ForgotUsernamePage, OpenLinkPage,
    PasswordPage, ProblemPage, PromotePage, Reason, SessionList, SignInPage, UndoPage, Undone, UndonePage,
};
use shared::web::{Banner, Change, Code, EmailKind, LocalPath, Page, Problem, RequestedEmail, WantedChange};

use self::samples::{
    account, activity, address, backups, emails, history, recovery_emails, session, sessions, since,
    undo_links,
};
use crate::support::{PUBLIC_URL, World, file, workspace_file};

fn form_id() -> FormId {
    FormId::new(1, 1)
}

const PRODUCT: &str = "Product <&> Co";

fn wanted(change: Change) -> WantedChange {
    WantedChange::new(change, &account(AccountKind::Regular, Backup::None), since())
}

/// The pages of strangers.
fn strangers_pages(language: Language) -> Vec<(&'static str, String, Box<dyn Page>)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let mut pages: Vec<(&'static str, String, Box<dyn Page>)> = Vec::new();
    let mut add = |template, what: String, page: Box<dyn Page>| pages.push((template, what, page));
    let sign_in = SignInPage::new(LocalPath::account(), form_id(), texts());
    add("sign-in.html", "again".into(), Box::new(sign_in.clone().with_reason(Some(Reason::Fresh), None)));
    for change in Change::ALL {
        for has_password in [true, false] {
            let mut wanted = wanted(change);
            wanted.has_password = has_password;
            let page = sign_in.clone().with_reason(Some(Reason::Fresh), Some(wanted));
            add("sign-in.html", format!("{} {has_password}", change.as_str()), Box::new(page));
        }
    }
    for banner in Banner::all() {
        add("sign-in.html", banner.as_str().into(), Box::new(sign_in.clone().with_banner(Some(banner))));
    }
    let wrong = Problem::from(Code::WrongCredentials);
    add("sign-in.html", "empty".into(), Box::new(sign_in.clone()));
    add("sign-in.html", "password".into(), Box::new(sign_in.clone().with_password_problem(&wrong, "\"<x")));
    add(
        "sign-in.html",
        "link".into(),
        Box::new(sign_in.clone().with_link_problem(&Code::NotAnAddress.into(), "\"<x")),
    );
    let forgot = ForgotUsernamePage::new(form_id(), texts());
    add("forgot-username.html", "empty".into(), Box::new(forgot.clone()));
    add(
        "forgot-username.html",
        "problem".into(),
        Box::new(forgot.clone().with_problem(&Code::NotAnAddress.into(), "x")),
    );
    let code = HashingKeys::parse(&"k".repeat(32)).expect("long enough").code_of(&MessageId::new(0, 0));
    for kind in [EmailKind::Username, EmailKind::SignInLink] {
        let requested =
            RequestedEmail { kind, id: MessageId::first_of(since()), typed: "\"<x@example.com".into() };
        add(
            "sign-in.html",
            "requested".into(),
            Box::new(sign_in.clone().with_requested(Some(requested.clone()))),
        );
        add(
            "forgot-username.html",
            "requested".into(),
            Box::new(forgot.clone().with_requested(Some(requested.clone()))),
        );
        for (code, seconds) in [(Some(&code), 0), (None, 570)] {
            let now = since() + Duration::from_secs(seconds);
            let page = CheckMailboxPage::new(&requested, code, form_id(), now, texts());
            add("check-mail.html", format!("{} {}", kind.as_str(), code.is_some()), Box::new(page.clone()));
            add("check-mail.html", "again".into(), Box::new(page.with_banner(Some(Banner::RequestedAgain))));
        }
    }
    pages
}

fn pages(language: Language) -> Vec<(&'static str, String, String)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let token = Token::from_bytes([9; 32]);
    let mina = account(AccountKind::Regular, Backup::None);
    let mut pages: Vec<(&'static str, String, String)> = Vec::new();
    let mut add = |template, what: String, page: &dyn Page| pages.push(rendered(template, what, page));
    for backup in backups() {
        let account = account(AccountKind::Regular, backup);
        let since = account.backup.pending().map_or(account.created_at, |pending| pending.since);
        let two_days_later = AccountPage::new(&account, since + Duration::from_hours(48), texts());
        add("account.html", format!("{:?} two days later", account.backup), &two_days_later);
        let page = AccountPage::new(&account, since, texts());
        add("account.html", format!("{:?}", account.backup), &page);
        let key = HashingKeys::parse(&"k".repeat(32)).expect("long enough");
        add("account.html", format!("{:?} code", account.backup), &page.clone().with_code(&account, &key));
        let frozen =
            Account { backup_frozen_until: Some(since + Duration::from_hours(1)), ..account.clone() };
        add(
            "account.html",
            format!("{:?} frozen", account.backup),
            &AccountPage::new(&frozen, since, texts()),
        );
        for code in [Code::NotAnAddress, Code::TooSoon, Code::NothingToRemove] {
            let page = page.clone().with_problem(&code.into(), "typed\"<");
            add("account.html", format!("{:?} {}", account.backup, code.as_str()), &page);
        }
    }
    let same_mailbox = ConfirmedAddress::new(address("mina+x@bücher.example"), since());
    let same_mailbox = account(AccountKind::Regular, Backup::new(Some(same_mailbox), None));
    add("account.html", "same mailbox".into(), &AccountPage::new(&same_mailbox, since(), texts()));
    let sso = account(AccountKind::Sso, Backup::None);
    add("account.html", "sso".into(), &AccountPage::new(&sso, sso.created_at, texts()));
    for (method, others) in [(SignInMethod::Password, 0), (SignInMethod::LinkToBackup, 30)] {
        let listed = SessionList::new(&session(1, method), &sessions(others), true, since());
        let page = AccountPage::new(&mina, mina.created_at, texts());
        let page = page.with_sessions(listed).with_typed(Some("typed\"<".into()));
        add("account.html", format!("{others} other sessions"), &page);
        let page = page.with_recovery(&session(1, method), &mina);
        add("account.html", format!("after {method:?}, what happened"), &page.with_history(&activity()));
    }
    for banner in Banner::all() {
        let page = AccountPage::new(&mina, mina.created_at, texts());
        add("account.html", banner.as_str().into(), &page.with_banner(Some(banner)));
    }
    for (template, what, page) in strangers_pages(language) {
        add(template, what, &*page);
    }
    for asker in [true, false] {
        let page = ConfirmPage::new(&mina, &address("new@example.org"), &token, asker, texts());
        add("confirm.html", format!("asker {asker}"), &page);
        add("confirm.html", "wrong code".into(), &page.clone().with_problem(&Code::WrongCode.into()));
        let joris = Account { id: AccountId::new("b"), ..mina.clone() };
        for other in [None, Some(&joris)] {
            let page = OpenLinkPage::new(&mina, other, &token, asker, texts());
            add("open-link.html", format!("asker {asker}, {}", other.is_some()), &page);
            add("open-link.html", "no code".into(), &page.clone().with_problem(&Code::CodeNeeded.into()));
        }
    }
    for held in [None, Some(since())] {
        let page = ConfirmedPage::new(&mina, &address("new@example.org"), held, texts());
        add("confirmed.html", format!("held until {held:?}"), &page);
    }
    for before in [None, Some(ConfirmedAddress::new(address("old@example.org"), since()))] {
        let mut held = account(AccountKind::Regular, Backup::new(before, None));
        let keys = held.after_confirming(&address("new@example.org"), Duration::from_hours(1), since());
        (held.backup, held.former) = (Backup::new(keys.backup, None), keys.former);
        add("account.html", format!("held: {:?}", held.former), &AccountPage::new(&held, since(), texts()));
    }
    for code in Code::ALL {
        let page = ProblemPage::new(&code.into(), texts());
        add("problem.html", code.as_str().into(), &page);
        for purpose in [
            Purpose::SignIn,
            Purpose::ConfirmBackup,
            Purpose::ConfirmPrimary,
            Purpose::Undo,
            Purpose::HandOver,
        ] {
            add("problem.html", code.as_str().into(), &ProblemPage::of_link(purpose, code, texts()));
        }
    }
    pages.extend(pages_of_undos_and_passwords(language));
    pages.extend(primary::pages(language));
    pages.extend(delivery::pages(language));
    pages.extend(oidc::pages(language));
    pages
}

/// A page as its template, what it shows, its HTML.
fn rendered(template: &'static str, what: String, page: &dyn Page) -> (&'static str, String, String) {
    assert!(page.json().is_object(), "{template}");
    (template, what, page.html().expect("the page renders"))
}

fn pages_of_undos_and_passwords(language: Language) -> Vec<(&'static str, String, String)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let token = Token::from_bytes([9; 32]);
    let mina = account(AccountKind::Regular, Backup::None);
    let mut pages = Vec::new();
    let mut add = |template, what: String, page: &dyn Page| pages.push(rendered(template, what, page));
    for link in undo_links() {
        for history in [History::new(vec![link.own_event()]), history()] {
            let page = UndoPage::new(&link, &mina, &history, &token, since(), texts());
            add("undo.html", link.notice.stem().into(), &page);
            add("undo.html", "other name".into(), &page.clone().with_other_username("x\"<"));
            add("undo.html", "not in the list".into(), &page.with_unknown_event("x\"<"));
        }
    }
    for emails in recovery_emails() {
        for which in 0..4 {
            let undone = Undone {
                primary: mina.primary.address.clone(),
                emails: emails.clone(),
                former_taken: [None, Some(false), Some(true), None][which],
                password_void: which % 2 == 1,
            };
            let page = UndonePage::new(&undone, since(), since(), texts());
            add("taken-back.html", format!("{undone:?}"), &page);
        }
    }
    for backup in backups() {
        let account = Account { backup, ..mina.clone() };
        let page = PromotePage::new(&account, Duration::from_hours(72), since(), texts());
        let what = format!("{:?}", account.backup);
        add("account.html", what.clone(), &AccountPage::new(&account, since(), texts()));
        add(
            "promote.html",
            format!("needs a link, {what}"),
            &page.clone().with_problem(&Code::BackupSignInNeeded.into()),
        );
        let too_new = Problem::from(Code::BackupTooNew).with_until(Some(since()));
        add("promote.html", format!("too new, {what}"), &page.clone().with_problem(&too_new));
        add("promote.html", what, &page);
    }
    let hash = PasswordHasher::default().hash(&TypedPassword::new("x"), [1; password::SALT_BYTES]);
    for password_hash in [None, hash] {
        let account = Account { password_hash, backup: backups()[1].clone(), ..mina.clone() };
        let page = PasswordPage::new(&account, form_id(), texts());
        let what = format!("has one: {}", account.password_hash.is_some());
        add("account.html", what.clone(), &AccountPage::new(&account, since(), texts()));
        for code in [Code::PasswordTooShort, Code::TooManyPasswords] {
            add(
                "password.html",
                format!("{what}, {}", code.as_str()),
                &page.clone().with_problem(&code.into()),
            );
        }
        add("password.html", what, &page);
    }
    pages
}

/// Traces of a missing text or argument.
fn assert_complete(text: &str, what: &str) {
    let body = text.split_once("<body").map_or(text, |(_, body)| body);
    assert!(!body.contains(['{', '}']), "{what}: an argument is left open\n{body}");
    for key in keys("en") {
        let bare = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        let leaked = key.contains('-') && key.len() > 9 && readable(body).split(bare).any(|word| word == key);
        assert!(!leaked, "{what}: the text {key} is missing");
    }
}

/// The text between the tags.
fn readable(html: &str) -> String {
    html.split('<')
        .filter_map(|part| part.split_once('>').map(|(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Every tag that opens closes, in order; attributes are quoted.
fn assert_well_formed(html: &str, what: &str) {
    const VOID: [&str; 9] = ["meta", "link", "input", "br", "wbr", "path", "circle", "img", "hr"];
    let style_end = html.find("</style>").unwrap_or(0);
    let mut open: Vec<&str> = Vec::new();
    for part in html[style_end..].split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("{what}: a tag does not end: {part}"));
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        if tag.starts_with('!') || VOID.contains(&name) || tag.ends_with('/') {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{what}: <{tag}>");
        if tag.starts_with('/') {
            let last = open.pop();
            // Tags before the end of the stylesheet are not checked.
            assert!(
                last == Some(name) || (last.is_none() && ["style", "head", "html"].contains(&name)),
                "{what}: </{name}> closes {last:?}"
            );
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{what}: {open:?} stay open");
}

#[test]
fn every_page_is_complete_and_well_formed_in_every_language() {
    // Its log collects from this thread.
    let world = World::new();
    for language in Language::ALL {
        for (template, what, html) in pages(language) {
            let what = format!("{template}, {what}, {}", language.tag());
            assert_complete(&html, &what);
            assert_well_formed(&html, &what);
            assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{what}");
            assert!(!html.contains("<b>") && !html.contains("<&>"), "{what}: something is not escaped");
            assert_eq!(html.matches("<h1").count(), 1, "{what}");
            assert_labelled(&html, &what);
        }
    }
    assert!(!world.log().contains("a text is missing"), "{}", world.log());
}

/// Each field has a label, each id is there once, and what is referred to is there.
fn assert_labelled(html: &str, what: &str) {
    let values = |attribute: &str| -> Vec<String> {
        let opening = format!(" {attribute}=\"");
        let parts = html.split(&opening).skip(1);
        parts.filter_map(|part| part.split('"').next().map(str::to_owned)).collect()
    };
    let ids = values("id");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{what}: an id is there twice: {ids:?}");
    for attribute in ["for", "aria-describedby", "aria-labelledby"] {
        for reference in values(attribute).iter().flat_map(|value| value.split_whitespace()) {
            assert!(unique.contains(&reference.to_owned()), "{what}: {attribute} names {reference}");
        }
    }
    let labels = values("for");
    for input in html.split("<input ").skip(1).filter_map(|part| part.split_once('>').map(|(tag, _)| tag)) {
        let hidden = input.contains("type=\"hidden\"");
        let chosen = input.contains("type=\"radio\"");
        let labelled = labels.iter().any(|id| input.contains(&format!("id=\"{id}\"")));
        assert!(hidden || labelled, "{what}: no label for <input {input}>");
        assert!(hidden || chosen || input.contains("autocomplete="), "{what}: <input {input}>");
    }
}

#[test]
fn every_mail_is_complete_in_every_language_and_says_the_same_twice() {
    let world = World::new();
    for language in Language::ALL {
        let texts = Texts::new(language, PRODUCT.into());
        for email in emails() {
            let composed = email.compose(&texts, PUBLIC_URL).expect("the email renders");
            let what = format!("{} {}", language.tag(), composed.subject);
            assert!(!composed.subject.contains(['\r', '\n', '{']) && !composed.subject.is_empty(), "{what}");
            assert_complete(&composed.html, &what);
            assert_complete(&composed.text, &what);
            assert_well_formed(&composed.html, &what);
            assert!(composed.text.contains(PRODUCT), "{what}: plain text is not escaped");
            assert!(!composed.html.contains("<b>") && !composed.html.contains("<&>"), "{what}");
            let links = |part: &str| part.matches(PUBLIC_URL).count();
            assert_eq!((links(&composed.text), links(&composed.html) > 0), (1, true), "{what}");
            let foreign = composed.html.matches("http").count() - composed.html.matches(PUBLIC_URL).count();
            assert_eq!(foreign, 0, "{what}: nothing is loaded from elsewhere");
            let longest = composed.text.lines().map(str::len).max().unwrap_or_default();
            assert!(longest < 998, "{what}: RFC 5322 allows 998 bytes a line");
        }
    }
    assert!(!world.log().contains("a text is missing"), "{}", world.log());
}

#[test]
fn mails_of_two_languages_differ() {
    let subjects = |language| -> Vec<String> {
        let texts = Texts::new(language, PRODUCT.into());
        let composed = |email: Email| email.compose(&texts, PUBLIC_URL).expect("the email renders").subject;
        emails().into_iter().map(composed).collect()
    };
    let [en, nl, da] = Language::ALL.map(subjects);
    for ((en, nl), da) in en.iter().zip(&nl).zip(&da) {
        assert!(en != nl && nl != da && en != da, "{en}, {nl}, {da}");
    }
}

#[test]
fn every_template_is_rendered_here() {
    let mut used: BTreeSet<String> =
        pages(Language::En).iter().map(|page| format!("pages/{}", page.0)).collect();
    used.extend(["mail/mail.html".to_owned(), "mail/mail.txt".to_owned()]);
    // Templates that others extend, import or include are rendered with them.
    let mut news: Vec<String> = used.iter().cloned().collect();
    while let Some(name) = news.pop() {
        let text = file(&format!("shared/templates/{name}"));
        for keyword in ["{% extends \"", "{% import \"", "{% include \""] {
            for part in text.split(keyword).skip(1) {
                let name = part.split('"').next().expect("a string ends").to_owned();
                if used.insert(name.clone()) {
                    news.push(name);
                }
            }
        }
    }
    let mut there = BTreeSet::new();
    for folder in ["pages", "mail"] {
        let files = std::fs::read_dir(workspace_file(&format!("shared/templates/{folder}")));
        for file in files.expect("there are templates") {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("files have names").to_string_lossy();
            // The stylesheet is not a template: pages contain it unchanged.
            if name != "style.css" {
                there.insert(format!("{folder}/{name}"));
            }
        }
    }
    used.remove("pages/style.css");
    assert_eq!(there, used);
}

/// The keys of a language's texts.
pub fn keys(language: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for name in ["pages", "problems", "mails"] {
        let text = file(&format!("shared/locales/{language}/{name}.ftl"));
        let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        keys.extend(lines.filter_map(|line| line.split(" =").next().map(str::to_owned)));
    }
    keys
}
