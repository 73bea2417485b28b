//! Links with their slots, sessions, counts.
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use domain::session::{ABSOLUTE_LIFETIME, IDLE_LIFETIME};
use domain::{
    AccountId, ClientInfo, CountedFor, EmailAddress, Limit, Link, LinkAuthorization, PasswordAttempt,
    PasswordHasher, Purpose, Session, SignInEmail, SignInMethod, TokenHash, TypedPassword, password,
};
use shared::store::{LimitReached, LinkSignIn, NewAccount, NoticeKeys, PasswordSignIn, Slot, Superseded};

use crate::stack::{Stack, address, source};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl Stack {
    async fn session(&self, id: &AccountId, method: SignInMethod) -> Session {
        let hash = self.app.entropy.token().hash();
        Session::begin(hash, &self.load(id).await, method, ClientInfo::default(), self.now())
    }

    async fn open(&self, link: &Link, sign_in_email: SignInEmail) -> Option<TokenHash> {
        let session = self.session(&link.account_id, sign_in_email.into()).await;
        let notice = NoticeKeys { id: self.app.message_id(), hourly: Vec::new() };
        let sign_in = LinkSignIn {
            account: &self.load(&link.account_id).await,
            session: &session,
            former: None,
            link,
            authorization: LinkAuthorization::SameBrowser,
            sign_in_email,
            notice: &notice,
        };
        let opened = self.counted().open_session_with_link(sign_in, self.now()).await;
        opened.expect("a sign-in is decided").then_some(session.hash)
    }

    async fn is_alive(&self, session: &TokenHash) -> bool {
        self.store().touch_session(session, self.now()).await.expect("a session is looked for").is_some()
    }

    fn sign_in_link(&self, id: &AccountId, to: &EmailAddress) -> Link {
        self.link(Purpose::SignIn, id, to, &self.app.message_id())
    }
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_link_opens_once_and_a_later_one_takes_its_place() {
    let stack = Stack::reach(11);
    let (gil, primary) = (stack.person("gil").await, address("gil@example.com"));
    let first = stack.sign_in_link(&gil, &primary);
    stack.after(Duration::from_secs(1));
    let second = stack.sign_in_link(&gil, &primary);
    let keep = async |link| stack.store().create_sign_in_link(link).await.expect("a link is decided");
    let find_slot = async |link| stack.store().find_slot(link).await.expect("a slot is read");

    assert_eq!(keep(&first).await, Ok(()));
    assert_eq!(find_slot(&first).await, Slot::Own);
    assert_eq!(keep(&second).await, Ok(()));
    assert_eq!(find_slot(&first).await, Slot::Others);
    let late = stack.link(Purpose::SignIn, &gil, &primary, &first.request);
    assert_eq!(keep(&late).await, Err(Superseded), "the first request's email, sent again");

    assert_eq!(stack.open(&first, SignInEmail::Primary).await, None);
    let session = stack.open(&second, SignInEmail::Primary).await.expect("the newest link opens");
    assert!(stack.is_alive(&session).await);
    assert_eq!(stack.open(&second, SignInEmail::Primary).await, None, "once");
    assert_eq!(find_slot(&second).await, Slot::Closed);
    let found = stack.store().find_link(&second.token_hash, Purpose::SignIn).await.expect("a link is read");
    assert!(found.expect("it stays until its time is over").spent_at.is_some());
    let found = stack.store().find_link(&second.token_hash, Purpose::ConfirmBackup).await;
    assert!(found.expect("a link is read").is_none(), "a link of another purpose is unknown");
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_link_to_a_removed_backup_email_and_a_link_past_its_time_open_nothing() {
    let stack = Stack::reach(12);
    let (hana, spare) = (stack.person("hana").await, address("h@spare.example"));
    stack.back_up(&hana, &spare).await;
    let link = stack.sign_in_link(&hana, &spare);
    stack.store().create_sign_in_link(&link).await.expect("a link is decided").expect("it is the newest");
    let account = stack.load(&hana).await;
    let event_id = stack.app.message_id();
    let removed = stack.store().remove_backup(&account, event_id, source(), stack.now()).await;
    assert!(removed.expect("a removal is decided"));
    assert_eq!(stack.open(&link, SignInEmail::Backup).await, None);

    let link = stack.sign_in_link(&hana, &address("hana@example.com"));
    stack.store().create_sign_in_link(&link).await.expect("a link is decided").expect("it is the newest");
    stack.after(Purpose::SignIn.lifetime() + Duration::from_secs(1));
    assert_eq!(stack.open(&link, SignInEmail::Primary).await, None, "no sweep is waited for");
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_session_ends_idle_in_the_end_and_when_told_to() {
    let stack = Stack::reach(13);
    let ivo = stack.person("ivo").await;
    let attempt = PasswordAttempt::new(&CountedFor::account(&ivo), None, CLIENT);
    let sign_in = async |former: Option<&TokenHash>| {
        let session = stack.session(&ivo, SignInMethod::Password).await;
        let account = stack.load(&ivo).await;
        let entry_id = &stack.app.message_id();
        let sign_in = PasswordSignIn {
            account: &account,
            session: &session,
            former,
            attempt: &attempt,
            entry_id,
            used: None,
        };
        let opened = stack.counted().open_session_with_password(sign_in, stack.now()).await;
        assert_eq!(opened.expect("a session is kept"), Ok(()));
        session.hash
    };
    let first = sign_in(None).await;
    let second = sign_in(Some(&first)).await;
    assert!(!stack.is_alive(&first).await, "a new sign-in ends the browser's former session");
    stack.store().end_session(&second).await.expect("a session is ended");
    assert!(!stack.is_alive(&second).await);

    let idle = sign_in(None).await;
    let busy = sign_in(None).await;
    let begun = stack.now();
    while stack.now() + IDLE_LIFETIME / 2 < begun + ABSOLUTE_LIFETIME {
        stack.after(IDLE_LIFETIME / 2);
        assert!(stack.is_alive(&busy).await);
    }
    assert!(!stack.is_alive(&idle).await);
    stack.after(IDLE_LIFETIME / 2);
    assert!(!stack.is_alive(&busy).await, "however busy");
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn failures_are_counted_to_the_bound_and_forgotten_by_a_sign_in() {
    let stack = Stack::reach(14);
    let jan = stack.person("jan").await;
    let attempt = PasswordAttempt::new(&CountedFor::account(&jan), None, CLIENT);
    let admit = async || {
        stack.counted().count_password_attempt(&attempt, stack.now()).await.expect("a try is counted")
    };
    for number in 0..10 {
        assert_eq!(admit().await, Ok(()), "try {number}");
    }
    let limit = Limit::failed_passwords(&CountedFor::account(&jan));
    assert_eq!(admit().await, Err(LimitReached(limit)));
    let session = stack.session(&jan, SignInMethod::Password).await;
    let account = stack.load(&jan).await;
    let entry_id = &stack.app.message_id();
    let sign_in = PasswordSignIn {
        account: &account,
        session: &session,
        former: None,
        attempt: &attempt,
        entry_id,
        used: None,
    };
    let opened = stack.counted().open_session_with_password(sign_in, stack.now()).await;
    assert_eq!(opened.expect("a session is kept"), Ok(()));
    assert_eq!(admit().await, Ok(()));
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_costlier_hash_replaces_only_the_one_it_was_verified_against() {
    let stack = Stack::reach(15);
    let hash = |salt: u8| {
        let typed = TypedPassword::new("correct horse");
        PasswordHasher::default().hash(&typed, [salt; password::SALT_BYTES]).expect("it is short")
    };
    let (former, upgraded, late) = (hash(1), hash(2), hash(3));
    let kim = AccountId::new("kim");
    let account = NewAccount {
        id: kim.clone(),
        external_id: None,
        username: domain::NewUsername::parse("kim").expect("a username"),
        primary: address("kim@example.com"),
        kind: domain::AccountKind::Regular,
        password_hash: Some(former.clone()),
        language: domain::Language::En,
        by: domain::Actor::Operator,
        entry_id: stack.app.message_id(),
    };
    let made = stack.store().create_account(&account, stack.now()).await.expect("an account is made");
    made.expect("the name is free");
    for upgrade in [&upgraded, &late] {
        stack.store().upgrade_password(&kim, &former, upgrade).await.expect("an upgrade is decided");
    }
    assert_eq!(
        stack.load(&kim).await.password_hash.map(|hash| hash.as_str().to_owned()),
        Some(upgraded.as_str().to_owned())
    );
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn the_sessions_of_an_account_are_listed_and_one_of_them_ended() {
    let stack = Stack::reach(16);
    let (nia, oto) = (stack.person("nia").await, stack.person("oto").await);
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let link = stack.sign_in_link(&nia, &address("nia@example.com"));
        stack.store().create_sign_in_link(&link).await.expect("a link is decided").expect("it is the newest");
        sessions.push(stack.open(&link, SignInEmail::Primary).await.expect("the link is new"));
        stack.after(Duration::from_secs(1));
    }
    let listed = async || {
        let account = stack.load(&nia).await;
        let listed = stack.store().list_sessions(&account, 21, stack.now()).await.expect("the index answers");
        listed.rows.into_iter().map(|session| session.hash).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [sessions[1].clone(), sessions[0].clone()], "the newest first");
    let end = async |who, hash| stack.store().end_session_of(who, hash).await.expect("an end is decided");
    assert!(!end(&oto, &sessions[0]).await, "it is not oto's");
    assert!(end(&nia, &sessions[0]).await);
    assert_eq!(listed().await, [sessions[1].clone()]);
}
