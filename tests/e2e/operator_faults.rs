//! The operator's command line where something else fails: the input changes, nobody reads, the options are wrong.
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use dev::aws::faults::{Fault, FaultKind};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::client::start;
use crate::operator::{command, ops, wait_until};

fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}

fn lines(numbers: impl Iterator<Item = usize>) -> String {
    let line = |number: usize| {
        let email = format!("person{number}@example.com");
        json!({ "username": format!("person{number}"), "email": email, "kind": "sso" }).to_string()
    };
    numbers.map(line).chain([String::new()]).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_during_an_import_is_imported_no_further() -> Result<()> {
    let (stack, path) = (start().await?, path("changed.jsonl"));
    std::fs::write(&path, lines(1..=2_000))?;
    // The first write waits until the file has changed.
    stack.faults().add(Fault {
        function: Some("operator".into()),
        operation: Some("TransactWriteItems".into()),
        ..Fault::next_call(FaultKind::Delay { delay_ms: 2_000 })
    });
    let import = command(&stack, &["accounts", "import", &path]).await?;
    let import = { import }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let begun = || stack.faults().left().is_empty();
    wait_until("the first write", begun).await?;
    std::fs::OpenOptions::new().append(true).open(&path)?.write_all(lines(9_000..=9_001).as_bytes())?;
    let output = import.wait_with_output().await?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(" created\n") && said.contains("the file was changed while it was read"), "{said}");
    let goes_on = format!("ops accounts import --skip-existing {path}\n");
    assert!(said.contains(&goes_on), "from the beginning, because lines may have moved: {said}");
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--skip-existing"]).await?;
    assert_eq!(code, Some(0), "{said}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_quietly_when_nobody_reads_and_goes_on_without_a_terminal() -> Result<()> {
    let stack = start().await?;
    // `ops accounts show mina | true`
    let mut show = command(&stack, &["accounts", "show", "mina"]).await?;
    let mut show = show.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(show.stdout.take());
    let mut said = String::new();
    show.stderr.take().context("it is piped")?.read_to_string(&mut said).await?;
    assert_eq!((show.wait().await?.code(), &*said), (Some(141), ""));

    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut show = command(&stack, &["accounts", "show", "mina"]).await?;
    let output = show.stdout(full()?).stderr(Stdio::piped()).spawn()?.wait_with_output().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: cannot write to standard output: "), "{said}");

    let path = path("without-terminal.jsonl");
    std::fs::write(&path, lines(1..=1_001))?;
    let mut import = command(&stack, &["accounts", "import", &path]).await?;
    let mut import = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(import.stderr.take());
    let first = BufReader::new(import.stdout.take().context("it is piped")?).lines().next_line().await?;
    assert_eq!(first.as_deref(), Some("1001 accounts created"));
    assert_eq!(import.wait().await?.code(), Some(0));

    // A report on a full disk.
    std::fs::write(&path, format!("{}[]\n", lines(2_000..=2_001)))?;
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--refused", "/dev/full"]).await?;
    assert!(code == Some(1) && said.contains("cannot write the report /dev/full: "), "{said}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_to_go_on_after_must_exist() -> Result<()> {
    let stack = start().await?;
    let (code, said) = ops(&stack, &["accounts", "end-sessions", "--all", "--after", "nonsense"]).await?;
    assert!(code == Some(2) && said.contains("there is no account with the id \"nonsense\""), "{said}");
    let (_, shown) = ops(&stack, &["accounts", "show", "mina"]).await?;
    let id = shown.lines().next().and_then(|line| line.split_whitespace().nth(1)).context("an id")?;
    let (code, said) = ops(&stack, &["accounts", "end-sessions", "--all", "--after", id]).await?;
    assert!(code == Some(0) && said.starts_with("all sessions of "), "{said}");
    stack.stop().await;
    Ok(())
}
