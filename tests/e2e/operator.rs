//! The operator's command line against a running stack.
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dev::aws::faults::{Fault, FaultKind};
use dev::build::{self, Profile};
use dev::stack::Stack;
use serde_json::json;
use tokio::process::Command;

use crate::client::{new_browser, sign_in, start};

/// Runs a command; its status and all that it says.
pub async fn ops(stack: &Stack, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = command(stack, arguments).await?;
    let Output { status, stdout, stderr } = command.output().await?;
    let text = [stdout, stderr].concat();
    Ok((status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// A command that is not started yet.
pub async fn command(stack: &Stack, arguments: &[&str]) -> Result<Command> {
    let binaries = build::build(&["ops"], Profile::Dev, false).await?;
    let binary = binaries.get("ops").context("the package ops has no binary ops")?;
    let mut command = Command::new(binary);
    command.args(arguments).env_clear().envs(stack.operator_variables()).stdin(Stdio::null());
    Ok(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_disables_enables_and_signs_out() -> Result<()> {
    const PASSWORD: &str = "correct horse battery";
    let stack = start().await?;
    let mut mina = new_browser(&stack)?;
    sign_in(&mut mina, "mina", PASSWORD).await?;

    let (code, said) = ops(&stack, &["accounts", "disable", "mina@example.com"]).await?;
    assert!(code == Some(0) && said.contains("is disabled"), "{said}");
    assert_eq!(mina.get("/account").await?.status, 401);
    assert!(sign_in(&mut mina, "mina", PASSWORD).await.is_err());
    let (code, said) = ops(&stack, &["accounts", "disable", "mina"]).await?;
    assert!(code == Some(0) && said.contains("was disabled already"), "{said}");

    let (code, said) = ops(&stack, &["accounts", "enable", "mina"]).await?;
    assert!(code == Some(0) && said.contains("is enabled"), "{said}");
    assert_eq!(mina.get("/account").await?.status, 401, "the session from before stays dead");
    sign_in(&mut mina, "mina", PASSWORD).await?;

    let (code, said) = ops(&stack, &["accounts", "history", "mina"]).await?;
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("mina (") && lines[0].contains(" in the last 90 days, "), "{said}");
    assert!(lines[1].contains("Z  signed-in  ") && lines[1].ends_with("  with a password"), "{said}");
    assert!(!said.contains("mina@example.com"), "{said}");

    let mut joris = new_browser(&stack)?;
    sign_in(&mut joris, "joris", "zeven groene fietsen").await?;
    let (code, said) = ops(&stack, &["accounts", "end-sessions", "mina"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((mina.get("/account").await?.status, joris.get("/account").await?.status), (401, 200));

    sign_in(&mut mina, "mina", PASSWORD).await?;
    let (code, said) = ops(&stack, &["accounts", "end-sessions", "--all"]).await?;
    assert_eq!((code, &*said), (Some(0), "all sessions of 5 accounts have ended\n"));
    assert_eq!((mina.get("/account").await?.status, joris.get("/account").await?.status), (401, 401));

    for unknown in ["nobody", "nobody@example.com", "two words"] {
        let (code, said) = ops(&stack, &["accounts", "disable", unknown]).await?;
        assert_eq!(code, Some(2), "{said}");
        assert_eq!(said, format!("no account has the username, email or id {unknown:?}\n"));
    }
    let (code, said) = ops(&stack, &["accounts", "end-sessions"]).await?;
    assert!(code == Some(2) && said.contains("--all"), "{said}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_again_for_a_mail_that_was_given_up() -> Result<()> {
    const OLD: &str = "00000000000000000000000001";
    let stack = start().await?;
    let form = json!({ "email": "mina@example.com" });
    new_browser(&stack)?.post("/forgot-username", &form).await?;
    wait_until("the email", || stack.mailbox().emails().len() == 1 && stack.is_idle("mailer")).await?;
    let (code, said) = ops(&stack, &["mails", "list-unsent"]).await?;
    assert_eq!((code, &*said), (Some(0), "0 emails were not sent\n"));

    // The same request again, and SES refuses the email.
    let refusing = Fault::next_call(FaultKind::Reject);
    stack.faults().add(Fault { operation: Some("SendEmail".to_owned()), ..refusing });
    let mut row = stack.tables().items("OutboxTable")?.remove(0);
    row["message_id"] = json!({ "S": OLD });
    row["mail_state"] = json!({ "S": "waiting" });
    stack.tables().put("OutboxTable", &row)?;
    let unsent = |rows: Vec<serde_json::Value>| rows.iter().any(|row| row["mail_state"]["S"] == "unsent");
    wait_until("the end of it", || stack.tables().items("OutboxTable").is_ok_and(unsent)).await?;
    let (code, said) = ops(&stack, &["mails", "list-unsent"]).await?;
    assert!(code == Some(0) && said.starts_with(&format!("{OLD}  forgot-username  ")), "{said}");
    assert!(said.ends_with(" UTC\n1 email was not sent\n") && !said.contains('@'), "{said}");

    let (code, said) = ops(&stack, &["mails", "resend", "--all"]).await?;
    assert!(code == Some(0) && said.ends_with("1 of 1 email is queued again\n"), "{said}");
    wait_until("the email", || stack.mailbox().emails().len() == 2 && stack.is_idle("mailer")).await?;
    for again in [&["mails", "resend", OLD][..], &["mails", "resend", "--all"]] {
        let (code, said) = ops(&stack, again).await?;
        assert!(code == Some(0) && !said.contains("again as"), "{said}");
    }
    let (code, said) = ops(&stack, &["mails", "resend", "nothing"]).await?;
    assert_eq!((code, &*said), (Some(2), "the outbox has no request \"nothing\"\n"));
    assert_eq!(stack.mailbox().emails().len(), 2, "no email came twice");
    stack.stop().await;
    Ok(())
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "other processes are waited for")]
pub async fn wait_until(what: &'static str, so: impl Fn() -> bool) -> Result<()> {
    let come = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), come).await.with_context(|| format!("{what} does not come"))
}
