//! One file for each command.
mod account_admin;
mod account_line;
pub mod accounts;
pub mod clients;
mod delete;
pub mod emails;
pub mod events;
mod export;
mod history;
mod import;
mod import_check;
mod import_create;
mod import_kinds;
mod import_lines;
mod import_refused;
mod import_seen;
mod import_source;
mod import_summary;
pub mod keys;
mod pace;
mod progress;
mod show;
mod undeliverable;
mod usernames;

use aws_config::SdkConfig;
use clap::Args;
use domain::{FormerHashes, MessageId, PasswordHasher, Timestamp};
use shared::clock::Clock;
use shared::config;
use shared::entropy::Entropy;
use shared::mail::SuppressionList;
use shared::store::Store;

use crate::error::Failure;
use crate::shell::quoted;

/// The AWS account and region of the deployment, with the options of the AWS CLI. Without them the environment and the
/// shared configuration files decide, in the order of the AWS CLI.
#[derive(Debug, Args)]
pub struct Connection {
    /// A profile of the shared AWS configuration files.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// The region of the deployment.
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
}

impl Connection {
    /// This program with these options, for commands that are printed to be pasted: they must not reach another deployment.
    fn program(&self) -> String {
        // Cargo sets it for what `cargo ops` runs.
        let by_cargo = config::process_variable("CARGO").is_some();
        let own = std::env::args().next().filter(|_| !by_cargo);
        let mut program = own.map_or_else(|| "cargo ops".to_owned(), |path| quoted(&path));
        for (option, value) in [("--profile", &self.profile), ("--region", &self.region)] {
            if let Some(value) = value {
                program.extend([" ", option, " ", &quoted(value)]);
            }
        }
        program
    }
}

/// What a command needs.
struct Operator {
    sdk: SdkConfig,
    store: Store,
    suppressions: SuppressionList,
    clock: Clock,
    entropy: Entropy,
    passwords: PasswordHasher,
}

impl Operator {
    /// The same for commands about OpenID Connect.
    async fn connect_to_clients(connection: &Connection) -> Result<Self, Failure> {
        let operator = Self::connect(connection).await?;
        if operator.store.has_clients() {
            return Ok(operator);
        }
        let problem =
            "CLIENTS_TABLE is not set; a deployment has that table with the parameter OpenIdConnect=true";
        Err(Failure::Input(vec![problem.into()]))
    }

    /// Connects to the tables that the environment names.
    async fn connect(connection: &Connection) -> Result<Self, Failure> {
        let tables = config::read_tables(&config::process_variable)?;
        let (profile, region) = (connection.profile.as_deref(), connection.region.as_deref());
        let sdk = shared::aws::for_operator(profile, region).await;
        if sdk.region().is_none() {
            return Err(Failure::Input(vec![
                "no region: give --region, or set AWS_REGION or the profile's region".into(),
            ]));
        }
        let entropy = Entropy::system();
        let store = Store::new(tables, &sdk, entropy.clone());
        let passwords = PasswordHasher::new(FormerHashes::default());
        let suppressions = SuppressionList::new(&sdk);
        Ok(Self { sdk, store, suppressions, clock: Clock::system(), entropy, passwords })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn message_id(&self) -> MessageId {
        MessageId::new(self.clock.unix_milliseconds(), self.entropy.id())
    }
}
