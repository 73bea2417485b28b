//! An import that is interrupted, throttled, or has wrong lines: the next run goes on after it, and the end is the same.
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use dev::aws::faults::{Fault, FaultKind};
use dev::stack::Stack;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use crate::claims;
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

fn path(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).to_string_lossy().into_owned()
}

fn file(name: &str, lines: impl Iterator<Item = Value>) -> Result<String> {
    let path = path(name);
    std::fs::write(&path, lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n"))?;
    Ok(path)
}

/// The first lines take no time, the others a hash each.
fn line(number: usize, without_password: usize) -> Value {
    let (username, email) = (format!("person{number}"), format!("person{number}@example.com"));
    let external_id = format!("u-{number}");
    if number <= without_password {
        json!({ "username": username, "email": email, "kind": "sso", "external_id": external_id })
    } else {
        json!({ "username": username, "email": email, "kind": "regular", "password": "correct horse battery" })
    }
}

/// Starts an import, and waits for its first line about accounts. The check of the file comes before.
async fn begin(command: &mut Command) -> Result<(Child, tokio::io::Lines<BufReader<ChildStderr>>, String)> {
    let mut import = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(import.stderr.take().context("it is piped")?).lines();
    let checked = lines.next_line().await?.context("it says how far the check is")?;
    ensure!(checked.starts_with("1000 lines checked ("), "{checked}");
    let mut said = lines.next_line().await?.context("it says how far it is")?;
    // A busy machine may make DynamoDB slow.
    while said.starts_with("no answer from DynamoDB") {
        said = lines.next_line().await?.context("it says how far it is")?;
    }
    Ok((import, lines, said))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_has_created_accounts_and_says_where_to_continue() -> Result<()> {
    const LINES: usize = 1_200;
    let stack = start().await?;
    let path = file("many-accounts.jsonl", (1..=LINES).map(|number| line(number, 1_000)))?;
    let (mut import, _, said) = begin(&mut command(&stack, &["accounts", "import", &path]).await?).await?;
    import.kill().await?;
    ensure!(said.starts_with("1000 of 1200 accounts (") && said.contains(" a second, "), "{said}");
    ensure!(said.ends_with(" left), up to line 1000; to continue after it: --from 1001"), "{said}");
    let first = imported(&stack)?;
    assert!((1_000..LINES).contains(&first), "killed on the way: {first}");

    let (code, said) =
        ops(&stack, &["accounts", "import", &path, "--skip-existing", "--from", "1001"]).await?;
    assert_eq!(code, Some(0), "{said}");
    // A transaction that was under way may have been carried out after the process was gone.
    let created = said.split_once(" accounts created").and_then(|(created, _)| created.parse::<usize>().ok());
    assert!(created.is_some_and(|created| created > 0 && created <= LINES - first), "{first} {said}");
    assert_eq!(imported(&stack)?, LINES);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_ended_by_a_signal_says_the_command_that_goes_on() -> Result<()> {
    const LINES: usize = 1_100;
    let stack = start().await?;
    let path = file("ended-accounts.jsonl", (1..=LINES).map(|number| line(number, 1_000)))?;
    let refused = format!("{path}.refused");
    let mut arguments = vec!["accounts", "import", &path, "--refused", &refused, "--region", "us-east-1"];
    let (mut import, mut lines, _) = begin(&mut command(&stack, &arguments).await?).await?;
    let id = import.id().context("it runs")?.to_string();
    ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "no signal");
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        said.push_str(&line);
        said.push('\n');
    }
    assert_eq!(import.wait().await?.code(), Some(143), "{said}");
    let (program, from) = said
        .split_once(" --region us-east-1 accounts import --skip-existing --from ")
        .context("a command")?;
    assert!(program.contains("stopped; continue with: ") && program.ends_with("ops"), "{said}");
    let (from, rest) = from.split_once(' ').context("a line")?;
    assert!(rest.starts_with(&format!("--refused {refused} {path}")), "{said}");
    arguments.extend(["--skip-existing", "--from", from]);
    let (code, said) = ops(&stack, &arguments).await?;
    assert_eq!((code, imported(&stack)?), (Some(0), LINES), "{said}");
    assert_eq!(std::fs::read_to_string(&refused)?, "", "no line was refused");
    std::fs::remove_file(&refused)?;
    stack.stop().await;
    Ok(())
}

/// What a run has written, without what differs from run to run: ids, salts and times.
fn outcome(stack: &Stack) -> Result<Vec<String>> {
    let items = stack.tables().items("AccountsTable")?;
    claims::assert_fit(&items, 0);
    let claimed = items
        .iter()
        .filter(|item| item["record"]["S"] == "claim")
        .map(|item| item["account_id"]["S"].to_string());
    let held = items.iter().filter(|item| item["record"]["S"] != "claim").map(|item| {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
        ["record", "username", "kind", "external_id", "email"].map(text).join(" ")
    });
    let mut all: Vec<String> = claimed.chain(held).collect();
    all.sort();
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_anywhere_and_goes_on_ends_like_one_that_never_ended() -> Result<()> {
    const LINES: usize = 60;
    // Line 20 has the address of another account, line 40 the name of line 4, line 50 is none.
    let lines = (1..=LINES).map(|number| match number {
        20 => json!({ "username": "person20", "email": "mina@example.com", "kind": "sso" }),
        40 => json!({ "username": "Person4", "email": "person40@example.com", "kind": "sso" }),
        50 => json!(["person50"]),
        _ => line(number, LINES),
    });
    let path = file("broken-off.jsonl", lines)?;
    let whole = start().await?;
    let report = |name: &str| format!("{path}.{name}");
    let run = async |stack: &Stack, report: &str| {
        ops(stack, &["accounts", "import", &path, "--skip-existing", "--refused", report]).await
    };
    let _ = std::fs::remove_file(report("whole"));
    let (code, said) = run(&whole, &report("whole")).await?;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("57 accounts created") && said.contains("3 lines are refused"), "{said}");
    let (expected, refused) = (outcome(&whole)?, std::fs::read_to_string(report("whole"))?);
    let mut numbers: Vec<u64> = refused
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["line"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [20, 40, 50], "{refused}");
    whole.stop().await;

    // The process dies at its first write, somewhere in the middle, and at the last one.
    for (name, writes) in [("first", 0), ("middle", 31), ("last", 56)] {
        let stack = start().await?;
        let _ = std::fs::remove_file(report(name));
        let write = Fault {
            function: Some("operator".into()),
            operation: Some("TransactWriteItems".into()),
            ..Fault::next_call(FaultKind::Delay { delay_ms: 0 })
        };
        if writes > 0 {
            stack.faults().add(Fault { times: writes, ..write.clone() });
        }
        // The write is carried out and its answer lost, at every try, until the process is ended.
        stack.faults().add(Fault { kind: FaultKind::LostAnswer, times: 1_000, ..write });
        let mut import = command(&stack, &["accounts", "import", &path, "--refused", &report(name)]).await?;
        let mut import = import.stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let lost = || {
            stack
                .faults()
                .left()
                .iter()
                .any(|fault| fault.kind == FaultKind::LostAnswer && fault.times < 1_000)
        };
        crate::operator::wait_until("a lost answer", lost).await?;
        import.kill().await?;
        stack.faults().clear();
        assert!(imported(&stack)? <= LINES, "{name}");
        let (code, said) = run(&stack, &report(name)).await?;
        assert_eq!(code, Some(3), "{name}: {said}");
        assert_eq!(outcome(&stack)?, expected, "{name}");
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&std::fs::read_to_string(report(name))?), sorted(&refused), "{name}");
        stack.stop().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_lost_answers_make_an_import_slower_and_change_nothing_else() -> Result<()> {
    const LINES: usize = 100;
    let stack = start().await?;
    let path = file("throttled.jsonl", (1..=LINES).map(|number| line(number, LINES)))?;
    let on = |operation: &str, kind, times| Fault {
        function: Some("operator".into()),
        operation: Some(operation.into()),
        times,
        ..Fault::next_call(kind)
    };
    // More than the SDK's three tries of every call that is under way.
    for (operation, kind, times) in [
        ("Scan", FaultKind::Throttle, 4),
        ("TransactWriteItems", FaultKind::Throttle, 60),
        ("TransactWriteItems", FaultKind::LostAnswer, 12),
        ("TransactWriteItems", FaultKind::ServerError, 9),
        ("TransactWriteItems", FaultKind::TransactionConflict, 20),
        ("BatchGetItem", FaultKind::Throttle, 6),
    ] {
        stack.faults().add(on(operation, kind, times));
    }
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--skip-existing"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("100 accounts created") && !said.contains("existed already"), "{said}");
    assert!(said.contains("calls were throttled, or not answered, and made again"), "{said}");
    assert_eq!((imported(&stack)?, stack.faults().left()), (LINES, vec![]));
    claims::assert_fit(&stack.tables().items("AccountsTable")?, 0);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_with_the_same_username_is_not_left_out_silently() -> Result<()> {
    let stack = start().await?;
    let person = |username: &str, email: &str, id: Option<&str>| json!({ "username": username, "email": format!("{email}@example.com"), "kind": "sso", "external_id": id });
    let first = [
        person("person1", "one", Some("a-1")),
        person("person2", "two", None),
        person("person3", "three", Some("a-3")),
    ];
    let first = file("first-system.jsonl", first.into_iter())?;
    let (code, said) = ops(&stack, &["accounts", "import", &first]).await?;
    assert_eq!(code, Some(0), "{said}");
    let second = [
        person("person1", "one", Some("b-1")),
        person("person1b", "one", Some("b-2")),
        person("person2", "other", None),
        person("person3", "three", None),
        person("person2", "two", Some("b-4")),
    ];
    for (which, line) in second.into_iter().enumerate() {
        let path = file(&format!("second-system-{which}.jsonl"), std::iter::once(line))?;
        let (code, said) = ops(&stack, &["accounts", "import", &path, "--skip-existing"]).await?;
        let same = which > 2;
        assert_eq!(code == Some(0), same, "{which}: {said}");
        let reason = if which == 1 { "the email is taken" } else { "the username is taken" };
        assert!(said.contains(if same { "0 accounts created\n1 existed already" } else { reason }), "{said}");
    }
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
    let goes_on = format!("ops accounts import --skip-existing --from 3 {path}\n");
    assert!(said.contains(&goes_on) && said.contains("2 accounts created\n"), "{said}");
    let (code, said) =
        ops(&stack, &["accounts", "import", &path, "--dry-run", "--from", "3", "--skip-existing"]).await?;
    assert!(code == Some(3) && said.contains("0 accounts would be created, 2 exist already"), "{said}");
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--skip-existing", "--from", "3"]).await?;
    assert_eq!(code, Some(3), "{said}");
    let refused = "line 3: username \"person3\": the email is taken by an account that exists already";
    assert!(said.contains(refused), "{said}");
    assert_eq!(imported(&stack)?, 4);
    for (arguments, says) in [
        (&["--from", "3"][..], "--skip-existing"),
        (&["--skip-existing", "--from", "7"], "--from 7: the file ends with line 5"),
        (&["--skip-existing", "--from", "0"], "0 is not in 1.."),
        (&["--refused", "-"], "standard output has the outcome"),
    ] {
        let (code, said) = ops(&stack, &[&["accounts", "import", &path], arguments].concat()).await?;
        assert!(code == Some(2) && said.contains(says), "{said}");
    }
    let (code, said) = ops(&stack, &["accounts", "import", &path, "--dry-run"]).await?;
    let stops = "the import would stop at line 1, whose name is taken, after 0 accounts; with --refused FILE or --skip-existing it would go on";
    assert!(code == Some(3) && said.starts_with(stops), "{said}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_lines_stop_an_import_before_it_begins_and_a_dry_run_writes_nothing() -> Result<()> {
    let stack = start().await?;
    let hash = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let lines = [
        line(1, 9),
        json!({ "username": "person2", "email": "person2@example.com", "kind": "regular", "password_hash": hash.replace("2b", "2x") }),
        json!({ "username": "mina", "email": "mina@example.com", "kind": "regular" }),
        json!({ "username": "person4", "email": "person4@example.com", "kind": hash }),
        json!({ "username": "person5", "email": "joris@example.org", "kind": "sso" }),
        line(1, 9),
    ];
    let path = file("wrong-lines.jsonl", lines.into_iter())?;
    let before = stack.tables().items("AccountsTable")?;
    for more in [&[][..], &["--dry-run"], &["--skip-existing"]] {
        let (code, said) = ops(&stack, &[&["accounts", "import", &path], more].concat()).await?;
        let lines: Vec<_> = said.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!((code, lines), (Some(2), vec!["line 2", "line 4", "line 6"]), "{said}");
        assert!(!said.contains("REtd3VJD"), "{said}");
    }
    let report = format!("{path}.refused");
    let _ = std::fs::remove_file(&report);
    let dry = ["accounts", "import", &path, "--dry-run", "--skip-existing", "--refused", &report];
    let (code, said) = ops(&stack, &dry).await?;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("1 account would be created, 1 exists already; nothing was written"), "{said}");
    let refused = std::fs::read_to_string(&report)?;
    let reasons: Vec<Value> = refused.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let reasons: Vec<_> =
        reasons.iter().map(|line| (line["line"].as_u64(), line["reason"].as_str())).collect();
    assert_eq!(reasons.len(), 4, "{refused}");
    assert_eq!(
        reasons[3],
        (Some(5), Some("username \"person5\": the email is taken by an account that exists already"))
    );
    assert!(!refused.contains("REtd3VJD"), "{refused}");
    assert_eq!(stack.tables().items("AccountsTable")?, before);

    // Without the tables it checks the lines alone.
    let mut alone =
        command(&stack, &["accounts", "import", &path, "--dry-run", "--refused", &report]).await?;
    let output = alone.env_clear().output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("not compared with accounts that exist"), "{said}");
    std::fs::remove_file(&report)?;
    stack.stop().await;
    Ok(())
}
