//! The commands of `docs/accounts-api.md`, as somebody runs them who reads the page.
use std::io::Write as _;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use dev::browser::SiteRequest;
use dev::clock;
use dev::gateway::callers::PRODUCT;
use dev::stack::Stack;
use serde_json::json;

use crate::client::{new_browser, start};

const PAGE: &str = include_str!("../../docs/accounts-api.md");

/// The first block of the page in this language.
fn block(language: &str) -> Result<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("\n```{language}\n")).context("the page has a block of it")?;
    Ok(rest.split_once("\n```").context("it ends")?.0)
}

/// What a process has printed, if it was successful.
fn printed(output: &Output) -> Result<String> {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(output.status.success(), "{}: {said:?}", output.status);
    Ok(said.concat())
}

/// Runs it where it may take its time: the stack answers meanwhile.
async fn run(mut command: Command) -> Result<String> {
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    printed(&output.context("it does not start")?)
}

/// Whether there is a curl that signs requests and shows the body of a refusal.
fn curl_signs() -> bool {
    let help = Command::new("curl").args(["--help", "all"]).output();
    help.is_ok_and(|help| {
        let options = String::from_utf8_lossy(&help.stdout);
        options.contains("--aws-sigv4") && options.contains("--fail-with-body")
    })
}

/// The keys of a product.
fn keys(stack: &Stack) -> Result<(String, String)> {
    let callers = stack.callers();
    let signer = callers.named(PRODUCT).context("there is a product")?.signer();
    Ok((signer.access_key_id.to_owned(), signer.secret.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work_at_the_local_stack() -> Result<()> {
    if !curl_signs() {
        // Past the test's capture: nobody takes it for passed.
        writeln!(std::io::stderr(), "SKIPPED: there is no curl of 7.76 or newer that knows --aws-sigv4")?;
        return Ok(());
    }
    let stack = start().await?;
    let (access_key, secret_key) = keys(&stack)?;
    let commands = block("sh")?;
    ensure!(commands.contains("http://127.0.0.1:3000") && commands.contains("KEY:SECRET"), "{commands}");
    let commands = commands
        .replace("http://127.0.0.1:3000", stack.page_url().trim_end_matches('/'))
        .replace("KEY:SECRET", &format!("{access_key}:{secret_key}"));
    let home = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("curl-that-fails");
    std::fs::create_dir_all(&home)?;
    std::fs::write(home.join(".curlrc"), "fail-with-body\n")?;
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &commands]).env("CURL_HOME", home);
    let said = run(bash).await?;
    for part in [
        "\"username\":\"nova\"",
        "HTTP/1.1 200 OK",
        "/hand-over?token=",
        "\"deleted\":true,\"external_id\":\"user-7f3a\"",
    ] {
        ensure!(said.contains(part), "{part} is not in {said}");
    }
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_a_url_does_not_take_as_it_is_works_with_the_signature_of_an_sdk() -> Result<()> {
    let stack = start().await?;
    let mut http = new_browser(&stack)?;
    let callers = stack.callers();
    let signer = callers.named(PRODUCT).context("there is a product")?.signer();
    let wanted =
        json!({ "username": "nova", "email": "nova@example.com", "email_verified": true, "kind": "regular" });
    let put = SiteRequest::json(Method::PUT, "/admin/accounts/auth0%7C5f7c", Some(wanted));
    let made = http.send(&signer.signed(put, stack.page_url(), clock::now())?).await?;
    assert_eq!((made.status, &made.body["external_id"]), (201, &json!("auth0|5f7c")), "{}", made.body);
    for id in ["mina@example.com", "mina%40example.com", "a+b", "a%2Bb", "a:b", "a(b)*"] {
        let get = SiteRequest::json(Method::GET, &format!("/admin/accounts/{id}"), None);
        let answer = http.send(&signer.signed(get, stack.page_url(), clock::now())?).await?;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("account-unknown")), "{id}");
    }

    // The program of the page, where its library is installed.
    let installed = Command::new("python3").args(["-c", "import botocore"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        // Past the test's own capture, so that it is seen.
        writeln!(
            std::io::stderr(),
            "SKIPPED: the Python of docs/accounts-api.md, because botocore is missing"
        )?;
        stack.stop().await;
        return Ok(());
    }
    let (access_key, secret_key) = keys(&stack)?;
    let mut python = Command::new("python3");
    python.args(["-c", block("python")?]).env("API", stack.page_url().trim_end_matches('/'));
    python.env("AWS_ACCESS_KEY_ID", access_key).env("AWS_SECRET_ACCESS_KEY", secret_key);
    python.env("AWS_REGION", "us-east-1").env_remove("AWS_SESSION_TOKEN");
    let said = run(python).await?;
    ensure!(said.contains("\"external_id\":\"auth0|5f7c\""), "{said}");
    stack.stop().await;
    Ok(())
}
