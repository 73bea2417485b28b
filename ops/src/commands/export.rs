//! `ops accounts export`: all accounts as lines that `import` takes, into a pipe.
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use domain::{Account, AccountId, Timestamp};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::error::chain;
use shared::store::{Cursor, StoreError};
use tokio::io::AsyncWriteExt as _;

use super::account_line::AccountLine;
use super::pace::{MOST_AT_A_TIME, Pace};
use super::progress::Progress;
use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{counted, tell};

/// What is written at once.
const BUFFERED_BYTES: usize = 64 * 1_024;

/// One account that was listed.
enum Read {
    Account(Box<AccountLine>, LeftOut),
    /// It was deleted after it was listed, or is being deleted.
    Gone,
    /// An item of it does not parse.
    Unreadable(AccountId, StoreError),
}

/// Whether a new backup email is in its waiting period. The line has the one that works until then, if there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    Nothing,
    WaitingBackup,
}

/// What was exported.
#[derive(Default)]
struct Counts {
    accounts: u64,
    waiting: u64,
    unreadable: u64,
}

/// Runs the command. It writes password hashes and addresses, so it writes to a pipe only, behind which they are encrypted.
pub async fn run(connection: &Connection) -> Result<(), Failure> {
    let Some(pipe) = pipe()? else {
        return Err(Failure::Input(vec![
            "an export has password hashes and addresses, so it goes to a pipe and not to a terminal or a plain file:".into(),
            "  ops accounts export | age --encrypt --recipient age1… --output accounts.jsonl.age".into(),
        ]));
    };
    let operator = Operator::connect(connection).await?;
    let Counts { accounts, waiting, unreadable } =
        export(&operator, &mut tokio::fs::File::from_std(pipe)).await?;
    tell!("{} exported; the export is complete", counted(accounts, "account", "accounts"));
    if waiting > 0 {
        let emails = counted(waiting, "new backup email is", "new backup emails are");
        tell!("{emails} left out, because the waiting period is not over");
    }
    if unreadable > 0 {
        let (accounts, are) =
            (counted(unreadable, "account", "accounts"), if unreadable == 1 { "is" } else { "are" });
        return Err(Failure::LeftOut(vec![format!(
            "{accounts} cannot be read, and {are} not in the export"
        )]));
    }
    Ok(())
}

/// Standard output, if it is a pipe. A socket is how some programs start others behind one.
fn pipe() -> io::Result<Option<File>> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return Ok(None);
    }
    let stdout = File::from(stdout.as_fd().try_clone_to_owned()?);
    let kind = stdout.metadata()?.file_type();
    Ok((kind.is_fifo() || kind.is_socket()).then_some(stdout))
}

/// Reads page after page of ids, and each account by itself, as it is when it is read. An account that is created meanwhile
/// may be left out.
async fn export(
    operator: &Operator,
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> Result<Counts, Failure> {
    let pace = Pace::new(operator.entropy.clone());
    let mut progress = Progress::new("accounts", None, 0);
    let (mut counts, mut next, mut buffer) = (Counts::default(), None::<Cursor>, Vec::new());
    loop {
        let batch = pace.call(async || operator.store.list_accounts(next.as_ref()).await).await?;
        let mut read = stream::iter(batch.accounts)
            .map(|account| read(operator, &pace, account.account_id))
            .buffered(MOST_AT_A_TIME);
        while let Some(account) = read.try_next().await? {
            match account {
                Read::Account(line, left_out) => {
                    serde_json::to_writer(&mut buffer, &line)?;
                    buffer.push(b'\n');
                    counts.accounts += 1;
                    counts.waiting += u64::from(left_out == LeftOut::WaitingBackup);
                }
                Read::Gone => {}
                Read::Unreadable(id, error) => {
                    counts.unreadable += 1;
                    tell!("account {} cannot be read: {}", id.as_str(), chain(&error));
                }
            }
            if buffer.len() >= BUFFERED_BYTES {
                to.write_all(&buffer).await?;
                buffer.clear();
            }
            progress.show(counts.accounts, String::new);
        }
        next = batch.next;
        if next.is_none() {
            to.write_all(&buffer).await?;
            to.flush().await?;
            return Ok(counts);
        }
    }
}

async fn read(operator: &Operator, pace: &Pace, id: AccountId) -> Result<Read, Failure> {
    match pace.call(async || operator.store.load_account(&id).await).await {
        Ok(Some(account)) if account.deleting_since.is_none() => {
            let (line, left_out) = line(&account, operator.now());
            Ok(Read::Account(Box::new(line), left_out))
        }
        Ok(_) => Ok(Read::Gone),
        Err(error) if error.is_unreadable_item() => Ok(Read::Unreadable(id, error)),
        Err(error) => Err(error.into()),
    }
}

/// The line of an account at `now`. Its backup email is the one that works now: a new one must not work earlier elsewhere.
fn line(account: &Account, now: Timestamp) -> (AccountLine, LeftOut) {
    let backup = account.active_backup(now);
    let confirmed = account.backup.confirmed().map(|backup| &backup.address);
    let left_out = match &backup {
        active if confirmed == active.as_ref().map(|active| &active.address) => LeftOut::Nothing,
        _ => LeftOut::WaitingBackup,
    };
    let line = AccountLine {
        username: account.username.as_str().to_owned(),
        email: account.primary.address.as_str().to_owned(),
        kind: account.kind,
        password: None,
        password_hash: account.password_hash.as_ref().map(|hash| hash.as_str().to_owned()),
        locale: Some(account.language.tag().to_owned()),
        external_id: account.external_id.as_ref().map(|id| id.as_str().to_owned()),
        backup_email: backup.as_ref().map(|backup| backup.address.as_str().to_owned()),
        backup_confirmed_at: backup.as_ref().map(|backup| backup.since.rfc3339()),
        backup_reached_at: backup.and_then(|backup| backup.delivery.reached_at).map(Timestamp::rfc3339),
        disabled_at: account.disabled_at.map(Timestamp::rfc3339),
        created_at: Some(account.created_at.rfc3339()),
    };
    (line, left_out)
}
