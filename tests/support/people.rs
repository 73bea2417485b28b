//! People and their accounts, in every possible state.
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use domain::{
    AccountId, AccountKind, Actor, ClientInfo, CountedFor, EmailAddress, EventContext, ImportedHash,
    Language, Link, LinkAuthorization, NewUsername, PasswordAttempt, PasswordHash, PasswordHasher,
    PendingAddress, Purpose, Session, SignInMethod, TypedPassword, password,
};
use shared::store::{Confirmation, NewAccount, PasswordSignIn, StoreError};

use super::visitor::Visitor;
use super::world::World;

/// The password of everybody who has one.
pub const PASSWORD: &str = "correct horse battery";

/// The network of people who were signed in before the test began.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Hashed once for all tests.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash = PasswordHasher::default().hash(&TypedPassword::new(PASSWORD), [7; password::SALT_BYTES]);
    hash.expect("the password is short")
});

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account's key.
    pub id: AccountId,
    /// The username.
    pub username: String,
    /// The primary email.
    pub email: String,
}

/// What an operator does to an account.
fn by_operator(person: &Person) -> EventContext<'_> {
    EventContext::new(&person.id, None, Actor::Operator)
}

/// An account to create.
pub struct Newcomer<'w> {
    world: &'w World,
    account: NewAccount,
    backup: Option<String>,
    pending: Option<String>,
    disabled: bool,
}

impl World {
    /// Somebody with this username, `<username>@example.com` and [`PASSWORD`].
    pub fn person(&self, username: &str) -> Newcomer<'_> {
        let local: String = username.chars().filter(char::is_ascii_alphanumeric).collect();
        let account = NewAccount {
            id: AccountId::new(format!("account-of-{local}")),
            external_id: None,
            username: NewUsername::parse(username).expect("a username"),
            primary: address(&format!("{local}@example.com")),
            kind: AccountKind::Regular,
            password_hash: Some(HASH.clone()),
            language: Language::En,
            by: Actor::Operator,
            entry_id: self.operator.message_id(),
        };
        Newcomer { world: self, account, backup: None, pending: None, disabled: false }
    }

    /// A browser in which this person is signed in.
    pub async fn signed_in(&self, person: &Person) -> Visitor<'_> {
        let secret = self.operator.entropy.token();
        let now = self.operator.now();
        let account = self.operator.store.load_account(&person.id).await.expect("the database works");
        let account = account.expect("the account exists");
        let (hash, method) = (secret.hash(), SignInMethod::Password);
        let session = Session::begin(hash, &account, method, ClientInfo::default(), now);
        let attempt = PasswordAttempt::new(&CountedFor::account(&person.id), None, HOME);
        let sign_in = PasswordSignIn {
            account: &account,
            session: &session,
            former: None,
            attempt: &attempt,
            entry_id: &self.operator.message_id(),
            used: None,
        };
        let opened = self
            .operator
            .store
            .counted(&self.operator.needs.keys)
            .open_session_with_password(sign_in, now)
            .await;
        assert_eq!(opened.expect("the database works"), Ok(()), "the account may be signed in to");
        self.visitor().with_session(&secret.expose())
    }
}

impl<'w> Newcomer<'w> {
    /// With another primary email.
    pub fn email(mut self, email: &str) -> Self {
        self.account.primary = address(email);
        self
    }

    /// With a confirmed backup email.
    pub fn backup(mut self, email: &str) -> Self {
        self.backup = Some(email.into());
        self
    }

    /// With a pending backup email.
    pub fn pending(mut self, email: &str) -> Self {
        self.pending = Some(email.into());
        self
    }

    /// Signs in through single sign-on.
    pub fn sso(mut self) -> Self {
        self.account.kind = AccountKind::Sso;
        self.without_password()
    }

    /// Has no password.
    pub fn without_password(mut self) -> Self {
        self.account.password_hash = None;
        self
    }

    /// With a password hash of another system, imported as the import does it.
    pub fn imported(mut self, hash: &str) -> Self {
        static IMPORTED: Mutex<BTreeMap<String, PasswordHash>> = Mutex::new(BTreeMap::new());
        let mut cache = IMPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = cache.entry(hash.to_owned()).or_insert_with(|| {
            let imported = ImportedHash::parse(hash).expect("a hash of a known kind");
            PasswordHasher::default().wrap_imported(&imported, [9; password::SALT_BYTES])
        });
        self.account.password_hash = Some(kept.clone());
        self
    }

    /// With a password's hash as an earlier version kept it.
    pub fn hash(mut self, hash: &str) -> Self {
        self.account.password_hash = Some(PasswordHash::parse(hash).expect("a hash"));
        self
    }

    /// Is disabled by an operator.
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// Speaks this language.
    pub fn language(mut self, language: Language) -> Self {
        self.account.language = language;
        self
    }

    /// Makes the account. Mail that its making would cause is skipped.
    pub async fn create(self) -> Person {
        let (world, now) = (self.world, self.world.operator.now());
        let undelivered = world.new_records();
        let store = &world.operator.store;
        store.create_account(&self.account, now).await.expect("the database works").expect("a free name");
        let person = Person {
            id: self.account.id,
            username: self.account.username.username().as_str().into(),
            email: self.account.primary.as_str().into(),
        };
        if let Some(email) = &self.backup {
            let pending = world.request_backup(&person, email).await;
            world.clock.tick();
            world.confirm(&person, pending).await;
            world.clock.tick();
        }
        if let Some(email) = &self.pending {
            world.request_backup(&person, email).await;
        }
        if self.disabled {
            world.disable(&person).await;
        }
        world.new_records();
        world.put_back(undelivered);
        // What follows is listed after it.
        world.clock.tick();
        person
    }

    /// Makes the account. A browser in which its owner is signed in.
    pub async fn signed_in(self) -> Visitor<'w> {
        let world = self.world;
        let person = self.create().await;
        world.signed_in(&person).await
    }

    /// The same, and the owner has asked for a backup email: with the secret of the link that confirms it.
    pub async fn asks_for_backup(self, email: &str) -> (Visitor<'w>, String) {
        let browser = self.signed_in().await;
        let token = browser.emailed_token("/account/backup", email).await;
        (browser, token)
    }
}

impl World {
    /// An operator disables the account.
    pub async fn disable(&self, person: &Person) {
        let disabled = self.disable_if_enabled(person).await;
        assert!(disabled.expect("the database works"), "it was not disabled before");
    }

    /// The same, which may fail. False when it is disabled already.
    pub async fn disable_if_enabled(&self, person: &Person) -> Result<bool, StoreError> {
        let app = &self.operator;
        app.store.disable_account(by_operator(person), app.message_id(), app.now()).await
    }

    /// An operator enables the account again.
    pub async fn enable(&self, person: &Person) {
        let app = &self.operator;
        let (operator, entry_id) = (by_operator(person), app.message_id());
        let enabled = app.store.enable_account(operator, entry_id, app.now()).await;
        assert!(enabled.expect("the database works"), "it was disabled");
    }

    /// An operator ends all sessions of the account.
    pub async fn end_sessions(&self, person: &Person) {
        let app = &self.operator;
        let (operator, entry_id) = (by_operator(person), app.message_id());
        let ended = app.store.end_all_sessions(operator, entry_id, app.now()).await;
        assert!(ended.expect("the database works"), "there is an account");
    }

    async fn request_backup(&self, person: &Person, email: &str) -> PendingAddress {
        let app = &self.operator;
        let account = app.store.load_account(&person.id).await.expect("the database works");
        let account = account.expect("the account exists");
        let pending = PendingAddress {
            address: address(email),
            since: app.now(),
            request: app.message_id(),
            generation: account.generation,
        };
        let counted = app.store.counted(&app.needs.keys);
        let wanted = (&pending, &ClientInfo::default());
        let asked = counted.request_backup(&account, wanted, &[], app.now()).await;
        asked.expect("the database works").expect("no limit is asked for");
        pending
    }

    async fn confirm(&self, person: &Person, pending: PendingAddress) {
        let app = &self.operator;
        let link = Link {
            token_hash: app.entropy.token().hash(),
            purpose: Purpose::ConfirmBackup,
            account_id: person.id.clone(),
            address: pending.address,
            request: pending.request,
            generation: Some(pending.generation),
            expires_at: app.now() + Purpose::ConfirmBackup.lifetime(),
            spent_at: None,
            tries: 0,
            client: None,
        };
        app.store.create_confirmation_link(&link).await.expect("the database works");
        let account = app.store.load_account(&person.id).await.expect("the database works");
        let account = account.expect("the account was made a moment ago");
        let event_id = &app.message_id();
        let source = &source();
        let confirmation = Confirmation {
            link: &link,
            authorization: LinkAuthorization::SameBrowser,
            account: &account,
            event_id,
            source,
        };
        let confirmed = app.store.confirm_backup(confirmation, Duration::ZERO, app.now()).await;
        confirmed.expect("the database works").expect("the link is alive");
    }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

/// A program somewhere.
fn source() -> ClientInfo {
    ClientInfo::new("curl/8.14.1", std::net::Ipv4Addr::LOCALHOST.into())
}
