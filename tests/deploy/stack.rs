//! The stack in the environment, and people in it.
use std::time::Duration;

use domain::{
    Account, AccountId, AccountKind, Actor, ClientInfo, EmailAddress, Generation, Language, Link,
    LinkAuthorization, MessageId, NewUsername, PendingAddress, Purpose, Timestamp,
};
use shared::app::{App, Mailer};
use shared::requirements::PasswordChecks;
use shared::store::{ConfirmRefused, Confirmation, Counted, NewAccount, NotCreated, Store};

use super::platform::{TestClock, TestPlatform};

/// 22 November 2026, noon UTC.
const NOON: u64 = 1_795_348_800;
/// The distance between two tests' seeds: more numbers than any test draws.
const DRAWS: u64 = 1_000_000;

/// The functions' platform, with a fixed clock.
pub struct Stack {
    /// What every flow gets.
    pub app: App<PasswordChecks>,
    clock: TestClock,
    platform: TestPlatform,
}

/// A variable as the template gives it to the functions.
pub fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the stack's whereabouts are this test's input")]
    std::env::var(name).ok()
}

/// An address.
pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

impl Stack {
    /// Connects to the stack. Each test has its own number, so that no two tests draw the same ids.
    pub fn reach(test: u64) -> Self {
        let clock = TestClock::at(NOON);
        let platform = TestPlatform::new(&clock, test * DRAWS, shared::aws::amazon_roots_client());
        Self { app: platform.app(&variable), clock, platform }
    }

    /// What the mailer gets.
    pub fn mailer(&self) -> Mailer {
        self.platform.mailer(&variable)
    }

    /// The tables.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// The tables, with the key of limits.
    pub fn counted(&self) -> Counted<'_> {
        self.app.store.counted(&self.app.needs.keys)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.app.now()
    }

    /// Lets time pass.
    pub fn after(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Creates an account with this username and `<username>@example.com`.
    pub async fn make(&self, username: &str, primary: &EmailAddress) -> Result<AccountId, NotCreated> {
        let account = NewAccount {
            id: AccountId::new(format!("{:032x}", self.app.entropy.id())),
            external_id: None,
            username: NewUsername::parse(username).expect("a username"),
            primary: primary.clone(),
            kind: AccountKind::Regular,
            password_hash: None,
            language: Language::En,
            by: Actor::Operator,
            entry_id: self.app.message_id(),
        };
        let outcome = self.store().create_account(&account, self.now()).await.expect("an account is made");
        outcome.map(|()| account.id)
    }

    /// The same for a name that is free.
    pub async fn person(&self, username: &str) -> AccountId {
        let primary = address(&format!("{username}@example.com"));
        self.make(username, &primary).await.expect("the name is free")
    }

    /// An account as it is now.
    pub async fn load(&self, id: &AccountId) -> Account {
        self.store().load_account(id).await.expect("an account is read").expect("it is there")
    }

    /// Requests a backup email, without limits.
    pub async fn ask(&self, id: &AccountId, backup: &EmailAddress) -> PendingAddress {
        let request = self.app.message_id();
        let account = self.load(id).await;
        let generation = account.generation;
        let pending = PendingAddress { address: backup.clone(), since: self.now(), request, generation };
        let asked = self
            .counted()
            .request_backup(&account, (&pending, &ClientInfo::default()), &[], self.now())
            .await;
        asked.expect("a backup email is asked for").expect("there is no limit");
        pending
    }

    /// A link as the mailer creates it, for an account whose sessions never ended together.
    pub fn link(&self, purpose: Purpose, id: &AccountId, to: &EmailAddress, request: &MessageId) -> Link {
        Link {
            token_hash: self.app.entropy.token().hash(),
            purpose,
            account_id: id.clone(),
            address: to.clone(),
            request: request.clone(),
            generation: Some(Generation::FIRST),
            expires_at: self.now() + purpose.lifetime(),
            spent_at: None,
            tries: 0,
            client: None,
        }
    }

    /// A stored confirmation link of this request.
    pub async fn confirmation_link(&self, id: &AccountId, pending: &PendingAddress) -> Link {
        let link = self.link(Purpose::ConfirmBackup, id, &pending.address, &pending.request);
        self.store().create_confirmation_link(&link).await.expect("a link is kept");
        link
    }

    /// Confirms with an account as it was read.
    pub async fn confirm(&self, account: &Account, link: &Link) -> Result<(), ConfirmRefused> {
        let event_id = self.app.message_id();
        let (authorization, source) = (LinkAuthorization::SameBrowser, &source());
        let confirmation = Confirmation { link, authorization, account, event_id: &event_id, source };
        let confirmed =
            self.store().confirm_backup(confirmation, std::time::Duration::ZERO, self.now()).await;
        confirmed.expect("a confirmation is decided")
    }

    /// Gives an account a confirmed backup email.
    pub async fn back_up(&self, id: &AccountId, backup: &EmailAddress) {
        let pending = self.ask(id, backup).await;
        let link = self.confirmation_link(id, &pending).await;
        self.confirm(&self.load(id).await, &link).await.expect("the link is new");
    }
}

/// A program somewhere.
pub fn source() -> ClientInfo {
    ClientInfo::new("curl/8.14.1", std::net::Ipv4Addr::LOCALHOST.into())
}
