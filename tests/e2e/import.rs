//! An import that is interrupted: what was done is there, and the next run goes on after it.
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use dev::stack::Stack;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::client::start;
use crate::operator::{command, ops};

/// How many accounts of the file exist.
fn imported(stack: &Stack) -> Result<usize> {
    let items = stack.tables().items("AccountsTable")?;
    let is_one = |item: &&Value| {
        item["record"]["S"] == "profile"
            && item["username"]["S"].as_str().is_some_and(|name| name.starts_with("person"))
    };
    Ok(items.iter().filter(is_one).count())
}

fn file(name: &str, lines: impl Iterator<Item = Value>) -> Result<String> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// The first lines take no time, the others a hash each.
fn line(number: usize, without_password: usize) -> Value {
    let (username, email) = (format!("person{number}"), format!("person{number}@example.com"));
    if number <= without_password {
        json!({ "username": username, "email": email, "kind": "sso" })
    } else {
        json!({ "username": username, "email": email, "kind": "regular", "password": "correct horse battery" })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_has_created_accounts_and_says_where_to_continue() -> Result<()> {
    const LINES: usize = 1_200;
    let stack = start().await?;
    let path = file("many-accounts.jsonl", (1..=LINES).map(|number| line(number, 1_000)))?;
    let mut import = command(&stack, &["accounts", "import", &path]).await?.stderr(Stdio::piped()).spawn()?;
    let said = BufReader::new(import.stderr.take().context("it is piped")?).lines().next_line().await?;
    import.kill().await?;
    let said = said.context("it says how far it is")?;
    assert_eq!(said, "1000 of 1200 accounts, up to line 1000; to continue after it: --from 1001");
    let first = imported(&stack)?;
    assert!((1_000..LINES).contains(&first), "killed on the way: {first}");

    let (code, said) =
        ops(&stack, &["accounts", "import", &path, "--skip-existing", "--from", "1001"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{} accounts created", LINES - first)), "{first} {said}");
    assert_eq!(imported(&stack)?, LINES);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_on_the_way_names_the_line_to_continue_with() -> Result<()> {
    let stack = start().await?;
    // Line 3 has the address of an account that exists.
    let taken = json!({ "username": "person3", "email": "mina@example.com", "kind": "sso" });
    let lines = (1..=5).map(|number| if number == 3 { taken.clone() } else { line(number, 5) });
    let path = file("one-is-taken.jsonl", lines)?;
    let (code, said) = ops(&stack, &["accounts", "import", &path]).await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("stopped; continue with: accounts import --skip-existing --from 3"), "{said}");
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--skip-existing", "--from", "3"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(imported(&stack)?, 4);
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--from", "3"]).await?;
    assert!(code == Some(2) && said.contains("--skip-existing"), "{said}");
    stack.stop().await;
    Ok(())
}
