//! The local stack's command line: its binary, its messages, how it stops.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dev::build::{self, Profile};
use dev::lambda::runtime_api::environments_of;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_mins(10);

async fn binary() -> Result<PathBuf> {
    let binaries = build::build(&["dev"], Profile::Dev, false).await?;
    binaries.get("dev").cloned().context("the package dev has no binary dev")
}

pub(crate) async fn output_of(arguments: &[&str]) -> Result<(ExitStatus, String, String)> {
    let output = Command::new(binary().await?).args(arguments).stdin(Stdio::null()).output().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status, text(output.stdout), text(output.stderr)))
}

/// Three consecutive free ports for this test only: tests run at the same time and would find the same ones.
pub(crate) fn free_ports() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another test run on this machine starts at another port.
    let first = 20_000 + u16::try_from(std::process::id() % 10_000)?;
    loop {
        let base = first + NEXT.fetch_add(3, Ordering::Relaxed);
        ensure!(base < 32_000, "no three free ports in a row");
        let bound = (base..base + 3).map(|port| std::net::TcpListener::bind(("127.0.0.1", port)));
        if bound.collect::<Result<Vec<_>, _>>().is_ok() {
            return Ok(base);
        }
    }
}

pub(crate) async fn start(arguments: &[&str]) -> Result<Child> {
    let mut child = Command::new(binary().await?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("Ctrl-C stops everything") {
                return Ok(());
            }
        }
        anyhow::bail!("the stack ended before it was ready")
    };
    tokio::time::timeout(PATIENCE, ready).await.context("the stack does not get ready")??;
    // Keeps reading: a stack whose standard output is closed fails at its next line.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(child)
}

fn signal(name: &str, process: u32) -> Result<()> {
    let status = std::process::Command::new("kill").args([name, &process.to_string()]).status()?;
    ensure!(status.success(), "kill {name} failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_no_process_behind() -> Result<()> {
    let mut stack = start(&["--port-base", &free_ports()?.to_string()]).await?;
    let id = stack.id().context("it runs")?;
    // Children belong to the thread that started them, so all threads are searched.
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let listed = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        children.extend(listed.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    let template = dev::workspace::template(1, &BTreeMap::new())?;
    let processes: usize = template.functions.iter().map(|function| environments_of(function).len()).sum();
    assert_eq!(children.len(), processes, "every function runs, the mailer once for each lane");
    signal("-INT", id)?;
    let status = tokio::time::timeout(PATIENCE, stack.wait()).await??;
    assert!(status.success(), "{status}");
    for child in children {
        assert!(!PathBuf::from(format!("/proc/{child}")).exists(), "process {child} is still there");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_a_clear_error() -> Result<()> {
    let base = free_ports()?;
    let _taken = std::net::TcpListener::bind(("127.0.0.1", base + 1))?;
    let (status, _, stderr) = output_of(&["--port-base", &base.to_string()]).await?;
    assert!(!status.success());
    let port = (base + 1).to_string();
    assert!(stderr.contains(&port) && stderr.contains("--port-base"), "{stderr}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_with_which_no_function_starts_is_told_once() -> Result<()> {
    let arguments = ["--port-base", "0", "--parameter", "TimeZone=Mars/Olympus"];
    let (status, _, stderr) = output_of(&arguments).await?;
    assert!(!status.success());
    assert_eq!(stderr.matches("TIME_ZONE is not a zone of the IANA database").count(), 1, "{stderr}");
    assert!(!stderr.contains("starting it again"), "{stderr}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_account_lines_are_named_and_refuse_the_start() -> Result<()> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = directory.join("bad-accounts.jsonl");
    let good = r#"{"username":"mina","email":"mina@example.com","kind":"regular","password":"x"}"#;
    std::fs::write(&file, format!("{good}\n{{\"username\":7}}\n{good}\nnonsense\n"))?;
    let path = file.to_string_lossy().into_owned();
    let (status, _, stderr) = output_of(&["--port-base", "0", "--accounts", &path]).await?;
    assert!(!status.success());
    for line in [
        "line 2: ",
        "line 3: the username \"mina\" is already in line 1",
        "line 4: not JSON, as of column 2; each line must be one object",
    ] {
        assert!(stderr.contains(line), "{line:?} is missing in {stderr}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_can_be_run_by_hand_with_the_variables_that_env_prints() -> Result<()> {
    let base = free_ports()?.to_string();
    let (status, stdout, stderr) = output_of(&["env", "account", "--port-base", &base]).await?;
    assert!(status.success(), "{stderr}");
    let variables: BTreeMap<&str, &str> = stdout.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(variables.get("ACCOUNTS_TABLE"), Some(&"AccountsTable"));
    assert!(!variables.contains_key("MAIL_FROM"), "the template gives MAIL_FROM to the mailer only");

    let binaries = build::build(&["account"], Profile::Dev, false).await?;
    let stack = start(&["--port-base", &base, "--without", "account"]).await?;
    let account =
        Command::new(&binaries["account"]).env_clear().envs(&variables).kill_on_drop(true).spawn()?;
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .get(format!("http://127.0.0.1:{base}/account"))
        .header("accept", "application/json")
        .send()
        .await?;
    assert_eq!(answer.status(), 401, "{}", answer.text().await?);
    drop((account, stack));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_kept_between_runs() -> Result<()> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kept-data");
    // Left over from an earlier run of this test.
    let _ = std::fs::remove_dir_all(&directory);
    let path = directory.to_string_lossy().into_owned();
    let (base, http) = (free_ports()?.to_string(), reqwest::Client::builder().no_proxy().build()?);
    let sign_in = async |password: &str| {
        let form = serde_json::json!({ "identifier": "mina", "password": password });
        let request = http.post(format!("http://127.0.0.1:{base}/login")).json(&form);
        anyhow::Ok(
            request.send().await?.headers()["set-cookie"].to_str()?.split(';').next().map(str::to_owned),
        )
    };
    let mut stack = start(&["--port-base", &base, "--data", &path]).await?;
    let cookie = sign_in("correct horse battery").await?.context("a session")?;
    signal("-TERM", stack.id().context("it runs")?)?;
    tokio::time::timeout(PATIENCE, stack.wait()).await??;

    let again = start(&["--port-base", &base, "--data", &path]).await?;
    let account = http.get(format!("http://127.0.0.1:{base}/account")).header("cookie", cookie);
    let answer = account.header("accept", "application/json").send().await?;
    assert_eq!(answer.status(), 200, "the session of the first run is alive in the second");
    drop(again);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_with_hashes_of_other_systems_sign_in_with_the_password_they_had() -> Result<()> {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("imported-accounts.jsonl");
    let hashes = [
        "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
        "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
        "$pbkdf2-sha256$1000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B.ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
    ];
    let line = |(number, hash): (usize, &&str)| {
        let email = format!("user{number}@example.com");
        let account = serde_json::json!({
            "username": format!("user{number}"), "email": email, "kind": "regular", "password_hash": hash,
        });
        account.to_string()
    };
    let lines: Vec<_> = hashes.iter().enumerate().map(line).collect();
    std::fs::write(&file, lines.join("\n"))?;
    let base = free_ports()?.to_string();
    let stack = start(&["--port-base", &base, "--accounts", &file.to_string_lossy()]).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    for number in 0..hashes.len() {
        // The first time the imported hash is verified, the second time its replacement.
        for (password, status) in
            [("wrong", 401), ("correct horse battery", 200), ("correct horse battery", 200), ("wrong", 401)]
        {
            let form = serde_json::json!({ "identifier": format!("user{number}"), "password": password });
            let request = http.post(format!("http://127.0.0.1:{base}/login")).json(&form);
            let answer = request.header("accept", "application/json").send().await?;
            assert_eq!(answer.status(), status, "user{number}: {}", answer.text().await?);
        }
    }
    drop(stack);
    Ok(())
}
