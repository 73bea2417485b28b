//! `ops accounts import`: checks the lines of a file, then creates their accounts. The files `import_*.rs` are its parts.
use std::path::PathBuf;
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
use crate::error::{Failure, Signal};
use crate::output::{counted, print_line, tell};
use crate::shell::quoted_path;

/// The options of the command.
#[derive(Debug, Args)]
pub struct Import {
    /// The file, or - for standard input. It is read twice, so a copy of what can be read only once is kept in a file without
    /// a name, in the directory for temporary files (TMPDIR).
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
        value_parser = clap::value_parser!(u32).range(1..),
        hide_default_value = true
    )]
    from: u32,
    /// Only check: the lines, and, if the tables are named in the environment, whether names and addresses are free there.
    #[arg(long)]
    dry_run: bool,
    /// Write the lines that are refused to this file, as JSON lines with their number and the reason, and import the others.
    /// What the file says of lines from --from on is replaced. Without it, nothing is imported if a line is wrong, and the
    /// import stops at a line whose name is taken.
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
}

/// Runs the command. All lines are checked first; those before the line to continue with are only checked.
pub async fn run(options: &Import, connection: &Connection) -> Result<(), Failure> {
    let source = Source::open(&options.file, &Entropy::system())?;
    let mut refused = Refused::new(options.refused.as_deref(), options.from)?;
    let checked = Checked::new(&source, &mut refused, options.from, Clock::system().now())?;
    if refused.count() > 0 && !refused.is_reported() {
        return refused.stops();
    }
    if options.dry_run {
        return dry_run(options, &source, &checked, refused, connection).await;
    }
    let operator = Operator::connect(connection).await?;
    if options.from <= 1 {
        usernames::claim_looks(&operator).await?;
    }
    let run = Run::new(&operator, options.skip_existing);
    let mut summary = Summary::new(checked.kinds.clone());
    let created = create(options, &run, &source, &checked, (&mut refused, &mut summary)).await;
    if run.throttled() > 0 {
        let calls = counted(run.throttled(), "call was", "calls were");
        tell!("{calls} throttled, or not answered, and made again");
    }
    match created {
        Ok(()) => {
            print_line!("{summary}");
            refused.left_out()
        }
        Err(Stopped { from, why }) => {
            print_line!("{}", summary.counts());
            tell!("stopped; continue with: {}", command(options, from, connection));
            Err(why)
        }
    }
}

/// An import that has come to no end.
struct Stopped {
    /// The line to continue with.
    from: u32,
    why: Failure,
}

/// Creates the accounts. The lines come to their end in the order of the file, so the last one that did tells how far it is.
async fn create(
    options: &Import,
    run: &Run<'_>,
    source: &Source,
    checked: &Checked,
    (refused, summary): (&mut Refused, &mut Summary),
) -> Result<(), Stopped> {
    let mut progress = Progress::new("accounts", Some(checked.good), checked.before);
    let (mut done, mut last) = (checked.before, options.from.saturating_sub(1));
    let goes_on = options.skip_existing || refused.is_reported();
    let lines = checked.good_lines(source, options.from);
    let lines = lines.map_err(|why| Stopped { from: options.from, why })?;
    let mut outcomes = pin!(create_all(run, lines));
    let mut stop = pin!(stopped());
    let why = loop {
        let next = tokio::select! {
            biased;
            signal = &mut stop => {
                // What is being written is cut off here: it is in the table or it is not, and the next run sees which.
                break signal.map_or_else(Failure::from, Failure::Interrupted);
            }
            next = outcomes.next() => next,
        };
        match next {
            None => match source.check_unchanged() {
                Ok(()) => return Ok(()),
                Err(changed) => break changed,
            },
            Some(Err(failure)) => break failure,
            Some(Ok((line, Outcome::Refused(reason)))) if !goes_on => {
                break Failure::Input(vec![format!("line {line}: {reason}")]);
            }
            Some(Ok((line, outcome))) => {
                if let Outcome::Refused(reason) = &outcome
                    && let Err(failure) = refused.add(line, reason)
                {
                    break failure;
                }
                summary.add(&outcome);
                (done, last) = (done + 1, line);
                progress
                    .show(done, || format!(", up to line {line}; to continue after it: --from {}", line + 1));
            }
        }
    };
    // In a file that was changed, lines may have other numbers now.
    let from = if source.check_unchanged().is_ok() { last + 1 } else { 1 };
    Err(Stopped { from, why })
}

/// The command that goes on with a line.
fn command(options: &Import, from: u32, connection: &Connection) -> String {
    let from = if from > 1 { format!(" --from {from}") } else { String::new() };
    let refused = options.refused.as_deref().map(|path| format!(" --refused {}", quoted_path(path)));
    format!(
        "{} accounts import --skip-existing{from}{} {}",
        connection.program(),
        refused.unwrap_or_default(),
        quoted_path(&options.file)
    )
}

/// Waits for Ctrl-C or the signal with which systems end a process.
async fn stopped() -> std::io::Result<Signal> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Signal::Interrupt),
        _ = terminate.recv() => Ok(Signal::Terminate),
    }
}

/// What a dry run has found so far.
#[derive(Default)]
struct Compared {
    free: u64,
    existing: u64,
    taken: u64,
    /// The first line whose name is taken, and the accounts that would be created before it.
    first_taken: Option<(u32, u64)>,
}

/// Says what an import would do, and writes nothing to the tables.
async fn dry_run(
    options: &Import,
    source: &Source,
    checked: &Checked,
    mut refused: Refused,
    connection: &Connection,
) -> Result<(), Failure> {
    let mut compared = Compared { free: checked.good - checked.before, ..Compared::default() };
    let mut outcome = Ok(());
    if config::process_variable("ACCOUNTS_TABLE").is_some() {
        let operator = Operator::connect(connection).await?;
        compared.free = 0;
        outcome = compare(options, (&operator, source, checked), &mut refused, &mut compared).await;
    } else {
        tell!("not compared with accounts that exist: no tables are named in the environment");
    }
    let Compared { free, existing, first_taken, .. } = compared;
    let (free, exist) =
        (counted(free, "account", "accounts"), if existing == 1 { "exists" } else { "exist" });
    match first_taken {
        Some((line, before)) if !options.skip_existing && !refused.is_reported() => print_line!(
            "the import would stop at line {line}, whose name is taken, after {}; with --refused FILE or --skip-existing it \
             would go on, and create {free}; nothing was written",
            counted(before, "account", "accounts")
        ),
        _ => print_line!("{free} would be created, {existing} {exist} already; nothing was written"),
    }
    outcome?;
    refused.left_out()
}

/// Compares the lines with accounts that exist.
async fn compare(
    options: &Import,
    (operator, source, checked): (&Operator, &Source, &Checked),
    refused: &mut Refused,
    compared: &mut Compared,
) -> Result<(), Failure> {
    let run = Run::new(operator, options.skip_existing);
    let mut progress = Progress::new("lines compared", Some(checked.good), checked.before);
    let mut outcomes = pin!(compare_all(&run, checked.good_lines(source, options.from)?));
    while let Some(outcome) = outcomes.next().await {
        match outcome? {
            (_, Outcome::Made(_)) => compared.free += 1,
            (_, Outcome::Exists) => compared.existing += 1,
            (line, Outcome::Refused(reason)) => {
                refused.add(line, &reason)?;
                compared.taken += 1;
                compared.first_taken.get_or_insert((line, compared.free));
            }
        }
        progress.show(checked.before + compared.free + compared.existing + compared.taken, String::new);
    }
    source.check_unchanged()
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
        let here = Connection { profile: None, region: None };
        let program = here.program();
        assert_eq!(
            command(&options("accounts.jsonl", None), 7, &here),
            format!("{program} accounts import --skip-existing --from 7 accounts.jsonl")
        );
        let elsewhere = Connection { profile: Some("the other".into()), region: Some("eu-west-1".into()) };
        assert_eq!(
            command(&options("it's all.jsonl", Some("/tmp/refused.jsonl")), 1, &elsewhere),
            format!(
                r"{program} --profile 'the other' --region eu-west-1 accounts import --skip-existing --refused /tmp/refused.jsonl 'it'\''s all.jsonl'"
            )
        );
    }
}
