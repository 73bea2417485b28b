//! `ops accounts`: the commands. The files named after them have what they do; `account_admin.rs` has what disables and enables
//! an account and ends sessions.
use clap::Subcommand;
use domain::AccountId;

use super::import::Import;
use super::{Connection, Operator, account_admin, delete, export, history, import, show};
use crate::error::Failure;

/// Commands for accounts.
#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Creates the accounts of a file with one JSON object a line: username, email, kind (regular or sso),
    /// password or `password_hash` (Argon2id, Argon2i, bcrypt, scrypt or PBKDF2, as PHC string, in the Modular Crypt Format, as
    /// Django has it, or as exported), locale, `external_id`; `backup_email` with `backup_confirmed_at` and `backup_reached_at`,
    /// `disabled_at`, `created_at`. If a line is wrong, no account is created, unless --refused keeps it. All accounts that
    /// exist are read first, for usernames that look alike. A username that looks like that of another account is refused.
    Import(Import),
    /// Writes all accounts as lines that import takes, with their password hashes, into a pipe: `ops accounts export | age …`.
    /// Passwords that came as hashes of another system stay wrapped in Argon2id.
    Export,
    /// Shows an account: names, kind, when it was created, which emails it has (masked), whether it has a password, whether it
    /// is disabled.
    Show {
        /// The username, the primary or backup email, or the id.
        account: String,
    },
    /// Disables an account: its sessions and links stop working at once. Signing in fails as with a wrong password.
    Disable {
        /// The username, the primary or backup email, or the id.
        account: String,
    },
    /// Enables a disabled account. Its former sessions stay ended.
    Enable {
        /// The username, the primary or backup email, or the id.
        account: String,
    },
    /// Shows what happened to an account in the last ninety days, the newest twenty: when (UTC), what, the masked
    /// addresses, the kind of device and a part of the network. The owner sees the same on the account page.
    History {
        /// The username, the primary or backup email, or the id.
        account: String,
    },
    /// Deletes an account, with its sessions and its history, and releases its names. Nothing brings it back. Says what
    /// remains, and where.
    Delete {
        /// The username, the primary or backup email, or the id.
        account: String,
        /// Delete it. Otherwise the account is only shown.
        #[arg(long)]
        yes: bool,
    },
    /// Ends all sessions of an account, or of all accounts; sign-in links and pending backup emails requested before
    /// stop working too.
    #[command(group(clap::ArgGroup::new("whose").required(true).args(["account", "all"])))]
    EndSessions {
        /// The username, the primary or backup email, or the id.
        account: Option<String>,
        /// The sessions of all accounts.
        #[arg(long)]
        all: bool,
        /// With --all: continue after this account, where a run was interrupted.
        #[arg(long, value_name = "ACCOUNT_ID", requires = "all")]
        after: Option<String>,
    },
}

/// Runs a command.
pub async fn run(command: Accounts, connection: &Connection) -> Result<(), Failure> {
    let connected = || Operator::connect(connection);
    match command {
        Accounts::Import(options) => import::run(&options, connection).await,
        Accounts::Export => export::run(connection).await,
        Accounts::Show { account } => show::print(&connected().await?, &account).await,
        Accounts::Disable { account } => account_admin::disable(&connected().await?, &account).await,
        Accounts::Enable { account } => account_admin::enable(&connected().await?, &account).await,
        Accounts::History { account } => history::print(&connected().await?, &account).await,
        Accounts::Delete { account, yes } => delete::run(&connected().await?, &account, yes).await,
        Accounts::EndSessions { account: Some(account), .. } => {
            account_admin::end_sessions(&connected().await?, &account).await
        }
        Accounts::EndSessions { after, .. } => {
            let after = after.map(AccountId::new);
            account_admin::end_all_sessions(&connected().await?, after.as_ref(), connection).await
        }
    }
}
