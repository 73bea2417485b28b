//! The operator's command line. Each command is a file under `commands`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod error;
mod output;
mod shell;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::Connection;
use commands::accounts::{self, Accounts};
use commands::clients::{self, Clients};
use commands::emails::{self, Emails};
use commands::events::{self, Events};
use commands::keys::{self, Keys};

#[derive(Parser)]
#[command(name = "ops", about = "Operates a Sparekey deployment.", version, after_help = error::EXIT_STATUSES)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Accounts: import them, disable them, end their sessions.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Clients of OpenID Connect: register them, list them, change their secrets, remove them
    #[command(subcommand)]
    Clients(Clients),
    /// The keys that sign tokens of OpenID Connect: rotate them, list them
    #[command(subcommand)]
    Keys(Keys),
    /// Emails that were not sent, and addresses that get none: list them, send again
    #[command(subcommand, alias = "mails")]
    Emails(Emails),
    /// Events on a bus of EventBridge: put those of the past there again.
    #[command(subcommand)]
    Events(Events),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { connection, command } = Arguments::parse();
    let outcome = match command {
        Command::Accounts(command) => accounts::run(command, &connection).await,
        Command::Clients(command) => clients::run(command, &connection).await,
        Command::Keys(command) => keys::run(command, &connection).await,
        Command::Emails(command) => emails::run(command, &connection).await,
        Command::Events(command) => events::run(command, &connection).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(),
    }
}
