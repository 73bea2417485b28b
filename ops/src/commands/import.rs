//! `ops accounts import`: checks the lines of a file, then creates their accounts. The files `import_*.rs` are its parts.
use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::Args;
use futures_util::StreamExt as _;
use shared::clock::Clock;
use shared::config;
use shared::entropy::Entropy;
use tokio::signal::unix::{SignalKind, signal};

use super::import_check::Checked;
use super::import_create::{Run, compare_all, create_all};
use super::import_refused::Refused;
use super::import_source::Source;
use super::import_summary::{Outcome, Summary};
use super::progress::Progress;
use super::{Connection, Operator, usernames};
use crate::error::Failure;
use crate::output::{print_line, tell};

/// The options of the command.
#[derive(Debug, Args)]
pub struct Import {
    /// The file, or - for standard input. It is read twice, so a copy of what can be read only once is kept in a file without
    /// a name, in the directory for temporary files (`TMPDIR`).
    file: PathBuf,
    /// Leave accounts that exist alone, instead of failing: those with the external id of a line, or with its username and one
    /// of its emails. A line that has a name of another account is refused.
    #[arg(long)]
    skip_existing: bool,
    /// Continue with this line, where a run was interrupted; with --skip-existing, because some accounts of later lines
    /// may exist. The lines before are only checked.
    #[arg(
        long,
        value_name = "LINE",
        requires = "skip_existing",
        default_value_t = 1,
        hide_default_value = true
    )]
    from: u32,
    /// Only check: the lines, and, if the tables are named in the environment, whether names and addresses are free there.
    #[arg(long)]
    dry_run: bool,
    /// Write the lines that are refused to this file, as JSON lines with their number and the reason, and import the others.
    /// Without it, nothing is imported if a line is wrong, and the import stops at a line whose name is taken.
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
}

/// Runs the command. All lines are checked first; those before the line to continue with are only checked.
pub async fn run(options: &Import, connection: &Connection) -> Result<(), Failure> {
    let source = Source::open(&options.file, &Entropy::system())?;
    let mut refused = Refused::new(options.refused.as_deref())?;
    let checked = Checked::new(&source, &mut refused, options.from, Clock::system().now())?;
    if refused.count() > 0 && !refused.is_reported() {
        return refused.into_result();
    }
    if options.dry_run {
        return dry_run(options, &source, &checked, refused, connection).await;
    }
    let operator = Operator::connect(connection).await?;
    if options.from <= 1 {
        usernames::claim_looks(&operator).await?;
    }
    let run = Run::new(&operator, options.skip_existing);
    let created = create(options, &run, &source, &checked, &mut refused).await;
    if run.throttled() > 0 {
        tell!("{} calls were throttled, or not answered, and made again", run.throttled());
    }
    print_line!("{}", created?);
    refused.into_result()
}

/// Creates the accounts. The lines come to their end in the order of the file, so the last one that did tells how far it is.
async fn create(
    options: &Import,
    run: &Run<'_>,
    source: &Source,
    checked: &Checked,
    refused: &mut Refused,
) -> Result<Summary, Failure> {
    let mut progress = Progress::new("accounts", Some(checked.good), checked.before);
    let mut summary = Summary::new(checked.kinds.clone());
    let (mut done, mut last) = (checked.before, options.from.saturating_sub(1));
    let goes_on = options.skip_existing || refused.is_reported();
    let mut outcomes = pin!(create_all(run, checked.good_lines(source, options.from)?));
    let mut stop = pin!(stopped());
    let failure = loop {
        let next = tokio::select! {
            biased;
            signal = &mut stop => {
                // What is being written is cut off here: it is in the table or it is not, and the next run sees which.
                break signal.map_or_else(Failure::from, |()| Failure::Interrupted);
            }
            next = outcomes.next() => next,
        };
        match next {
            None => {
                source.check_unchanged()?;
                return Ok(summary);
            }
            Some(Err(failure)) => break failure,
            Some(Ok((line, Outcome::Refused(reason)))) if !goes_on => {
                break Failure::Input(vec![format!("line {line}: {reason}")]);
            }
            Some(Ok((line, outcome))) => {
                summary.add(&outcome);
                if let Outcome::Refused(reason) = outcome {
                    refused.add(line, &reason)?;
                }
                (done, last) = (done + 1, line);
                progress
                    .show(done, || format!(", up to line {line}; to continue after it: --from {}", line + 1));
            }
        }
    };
    progress.end();
    tell!("stopped; continue with: {}", command(options, last + 1));
    Err(failure)
}

/// The command that goes on with a line.
fn command(options: &Import, from: u32) -> String {
    let refused =
        options.refused.as_deref().map(|path| format!(" --refused {}", quoted(path))).unwrap_or_default();
    format!("accounts import --skip-existing --from {from}{refused} {}", quoted(&options.file))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// Waits for Ctrl-C or the signal with which systems end a process.
async fn stopped() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Says what an import would do, and writes nothing to the tables.
async fn dry_run(
    options: &Import,
    source: &Source,
    checked: &Checked,
    mut refused: Refused,
    connection: &Connection,
) -> Result<(), Failure> {
    let (mut free, mut existing) = (checked.good - checked.before, 0);
    if config::process_variable("ACCOUNTS_TABLE").is_some() {
        let operator = Operator::connect(connection).await?;
        let run = Run::new(&operator, options.skip_existing);
        let mut progress = Progress::new("lines compared", Some(checked.good), checked.before);
        let mut outcomes = pin!(compare_all(&run, checked.good_lines(source, options.from)?));
        free = 0;
        while let Some(outcome) = outcomes.next().await {
            match outcome? {
                (_, Outcome::Made(_)) => free += 1,
                (_, Outcome::Exists) => existing += 1,
                (line, Outcome::Refused(reason)) => refused.add(line, &reason)?,
            }
            progress.show(checked.before + free + existing, String::new);
        }
    } else {
        tell!("not compared with accounts that exist: no tables are named in the environment");
    }
    print_line!("{free} accounts would be created, {existing} exist already; nothing was written");
    refused.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_go_on_can_be_pasted() {
        let options = |file: &str, refused: Option<&str>| Import {
            file: file.into(),
            skip_existing: false,
            from: 1,
            dry_run: false,
            refused: refused.map(PathBuf::from),
        };
        assert_eq!(
            command(&options("accounts.jsonl", None), 7),
            "accounts import --skip-existing --from 7 accounts.jsonl"
        );
        assert_eq!(
            command(&options("it's all.jsonl", Some("/tmp/refused.jsonl")), 7),
            r"accounts import --skip-existing --from 7 --refused /tmp/refused.jsonl 'it'\''s all.jsonl'"
        );
    }
}
