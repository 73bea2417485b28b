//! Every state of an account, and a world with one of each.
use std::collections::BTreeMap;

use dev::aws::faults::FaultKind;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Ask, NOON, World};

/// A hash that another system made.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
/// Its function, as an operator names it, so that every sign-in runs it.
pub const FORMER_HASHES: &str = "bcrypt$c=4,l=23";
/// Where those are who used up limits before.
const ELSEWHERE: &str = "198.51.100.9";

/// Lists the states once, so that none is missing in [`State::ALL`].
macro_rules! states {
    ($($name:ident = $words:literal,)*) => {
        /// A state of what a stranger types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum State {
            $(#[doc = $words] $name,)*
        }

        impl State {
            /// All states; the others are compared with the first.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its description.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

states! {
    Unknown = "unknown",
    ByUsername = "known, by its username",
    ByPrimary = "known, by its primary email",
    ByBackup = "known, by its backup email",
    WrittenOtherwise = "known, written otherwise",
    PendingOnly = "a pending address",
    Former = "a backup email that is being replaced",
    New = "the address that will replace it",
    Sso = "single sign-on",
    Disabled = "disabled",
    WithoutPassword = "without a password",
    VoidPassword = "with a password that an undo has made void",
    ImportedHash = "with an imported hash",
    Waiting = "a new backup email in its waiting period",
    Frozen = "changes frozen after an undo",
    Bounced = "SES refuses its address",
    Undeliverable = "email to its addresses is known to fail",
    Limited = "known, its limits reached",
    UnknownLimited = "unknown, its limits reached",
    Malformed = "like an address, but undeliverable",
    Neither = "neither an address nor a username",
}

impl State {
    /// Creates this state.
    async fn make(self, world: &World) {
        match self {
            Self::Unknown
            | Self::ByUsername
            | Self::ByBackup
            | Self::WrittenOtherwise
            | Self::New
            | Self::Malformed
            | Self::Neither => {}
            Self::ByPrimary => drop(world.person("mina").backup("spare@example.org").create().await),
            Self::PendingOnly => drop(world.person("joris").pending("pending@example.org").create().await),
            Self::Former => {
                world.person("søren").backup("former@example.org").pending("new@example.org").create().await;
            }
            Self::Sso => drop(world.person("petra").sso().create().await),
            Self::Disabled => {
                let dana = world.person("dana").backup("dana.spare@example.org");
                drop(dana.disabled().create().await);
            }
            Self::WithoutPassword => drop(world.person("anouk").without_password().create().await),
            Self::VoidPassword => {
                let vera = world.person("vera").create().await;
                for attribute in ["password_event", "password_void"] {
                    world.set(&vera.id, "profile", attribute, &json!({ "S": "01J" }));
                }
            }
            Self::ImportedHash => drop(world.person("ines").imported(BCRYPT).create().await),
            Self::Waiting => {
                let hanna = world.person("hanna").backup("waiting@example.org").create().await;
                let from = json!({ "N": (NOON + 24 * 3_600).to_string() });
                world.set(&hanna.id, "email#backup", "usable_from", &from);
            }
            Self::Frozen => {
                let frida = world.person("frida").backup("frida.spare@example.org").create().await;
                let until = json!({ "N": (NOON + 72 * 3_600).to_string() });
                world.set(&frida.id, "profile", "backup_frozen_until", &until);
            }
            Self::Bounced => {
                world.person("bob").create().await;
                let asking = Ask::form("/forgot-username", &[("email", "bob@example.com")]);
                world.visitor_from(ELSEWHERE).ask(&asking).await;
                self.play(world);
                let failed = world.feed(&world.new_records()).await;
                assert_eq!(failed.batch_item_failures.len(), 1, "SES refused");
            }
            Self::Undeliverable => {
                let ulla = world.person("ulla").backup("ulla.spare@example.org").create().await;
                let failed =
                    json!({ "M": { "why": { "S": "bounced" }, "since": { "N": NOON.to_string() } } });
                let delivery = json!({ "M": { "undeliverable": failed } });
                for record in ["email#primary", "email#backup"] {
                    world.set(&ulla.id, record, "delivery", &delivery);
                }
            }
            Self::Limited => {
                world.person("leonora").create().await;
                use_up(world, &self.typed()).await;
            }
            Self::UnknownLimited => use_up(world, &self.typed()).await,
        }
    }

    /// What of it is no data.
    fn play(self, world: &World) {
        if self == Self::Bounced {
            world.wire.fail("SendEmail", 99, FaultKind::ServerError);
        }
    }

    /// What a stranger may type: addresses and usernames.
    pub fn typed(self) -> Vec<&'static str> {
        match self {
            Self::Unknown => vec!["nobody@example.com", "nobody", "mina@xn--e1afmkfd.example", "まどか"],
            Self::ByUsername => vec!["mina", "joris", "søren"],
            Self::ByPrimary => vec!["mina@example.com"],
            Self::ByBackup => vec!["spare@example.org"],
            Self::WrittenOtherwise => vec!["MINA@Example.COM", "MINA", "SØREN"],
            Self::PendingOnly => vec!["pending@example.org"],
            Self::Former => vec!["former@example.org"],
            Self::New => vec!["new@example.org"],
            Self::Sso => vec!["petra@example.com", "petra"],
            Self::Disabled => vec!["dana@example.com", "dana.spare@example.org", "dana"],
            Self::WithoutPassword => vec!["anouk@example.com", "anouk"],
            Self::VoidPassword => vec!["vera@example.com", "vera"],
            Self::ImportedHash => vec!["ines@example.com", "ines"],
            Self::Waiting => vec!["waiting@example.org"],
            Self::Frozen => vec!["frida@example.com", "frida.spare@example.org", "frida"],
            Self::Bounced => vec!["bob@example.com", "bob"],
            Self::Undeliverable => vec!["ulla@example.com", "ulla.spare@example.org", "ulla"],
            Self::Limited => vec!["leonora@example.com", "leonora"],
            Self::UnknownLimited => vec!["nowhere@example.com", "nowhere"],
            Self::Malformed => {
                vec!["\"a b\"@example.com", "mіna@example.com", "a@[192.0.2.1]", "a@localhost"]
            }
            Self::Neither => vec!["", "m", "two words", "mina@"],
        }
    }

    /// What is stored where there is one of each.
    async fn everybody() -> BTreeMap<&'static str, Vec<String>> {
        let world = World::new();
        for state in Self::ALL {
            state.make(&world).await;
        }
        world.dump()
    }

    /// A world of its own for one look at this state. In each of them everybody is there, so that two worlds differ
    /// in nothing but what is typed, and the same secrets come out.
    pub async fn world(self) -> Box<World> {
        static EVERYBODY: OnceCell<BTreeMap<&str, Vec<String>>> = OnceCell::const_new();
        let everybody = EVERYBODY.get_or_init(async || Box::pin(Self::everybody()).await).await;
        let mut world = World::new();
        // With other randomness than everybody's, or the first email asked for would have the id of one that is there.
        world.restart();
        let world = Box::new(world.with_former_hashes(FORMER_HASHES));
        for (table, items) in everybody {
            for item in items {
                let item: Value = serde_json::from_str(item).expect("an item is JSON");
                world.put(table, &item);
            }
        }
        self.play(&world);
        world
    }
}

/// Uses up the limits on emails and on passwords.
async fn use_up(world: &World, typed: &[&str]) {
    let visitor = world.visitor_from(ELSEWHERE);
    for typed in typed {
        for _ in 0..5 {
            visitor.ask(&Ask::form("/forgot-username", &[("email", typed)])).await;
        }
        for _ in 0..10 {
            visitor.ask(&Ask::form("/login", &[("identifier", typed), ("password", "wrong")])).await;
        }
    }
}
