//! The operator's command line. Each command is a file under `commands`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod error;
mod output;
mod shell;

use std::process::ExitCode;

use clap::builder::{Resettable, StyledStr};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

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
    /// Accounts: import and export them, show, disable, enable and delete one, see its history, end sessions.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Clients of OpenID Connect: register them, list them, change them and their secrets, remove them.
    #[command(subcommand)]
    Clients(Clients),
    /// The keys that sign tokens of OpenID Connect: rotate them, list them.
    #[command(subcommand)]
    Keys(Keys),
    /// Emails that were not sent, and addresses that get none: list them, send again.
    #[command(subcommand, alias = "mails")]
    Emails(Emails),
    /// Events on a bus of EventBridge: put those of the past there again.
    #[command(subcommand)]
    Events(Events),
}

/// The help without the backticks that rustdoc wants.
fn plain(command: clap::Command) -> clap::Command {
    let text = |styled: Option<&StyledStr>| {
        let text = styled.map(|text| StyledStr::from(text.to_string().replace('`', "")));
        text.map_or(Resettable::Reset, Resettable::Value)
    };
    let (about, long_about) = (text(command.get_about()), text(command.get_long_about()));
    command.about(about).long_about(long_about).mut_subcommands(plain).mut_args(|argument| {
        let (help, long_help) = (text(argument.get_help()), text(argument.get_long_help()));
        argument.help(help).long_help(long_help)
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let matches = plain(Arguments::command()).get_matches();
    let Arguments { connection, command } =
        Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_every_command_has_no_marks_of_markdown() {
        fn check(mut command: clap::Command) {
            let help = command.render_long_help().to_string();
            assert!(!help.contains('`'), "{help}");
            command.get_subcommands().cloned().for_each(check);
        }
        let mut command = plain(Arguments::command());
        command.build();
        assert!(command.render_long_help().to_string().contains("Exit status:"));
        check(command);
    }
}
