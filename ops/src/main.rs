//! The operator's command line. Each command is a file under `commands`.
mod commands;
mod error;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::accounts::{self, Accounts};
use commands::mails::{self, Mails};

#[derive(Parser)]
#[command(name = "ops", about = "Operates a Sparekey deployment.", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Accounts: bring them in, disable them, end their sessions.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Mails that were given up: list them, ask for them again.
    #[command(subcommand)]
    Mails(Mails),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Accounts(command) => accounts::run(command).await,
        Command::Mails(command) => mails::run(command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(),
    }
}
