//! The operator's command line against a running stack.
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result};
use dev::build::{self, Profile};
use dev::stack::Stack;
use tokio::process::Command;

use crate::client::{Client, start};

async fn ops(stack: &Stack, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let binaries = build::build(&["ops"], Profile::Dev, false).await?;
    let binary = binaries.get("ops").context("the package ops has no binary ops")?;
    let mut command = Command::new(binary);
    command.arg("accounts").args(arguments).env_clear().envs(stack.operator_variables()).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().await?;
    let text = [stdout, stderr].concat();
    Ok((status.code(), String::from_utf8_lossy(&text).into_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_disables_enables_and_signs_out() -> Result<()> {
    const PASSWORD: &str = "correct horse battery";
    let stack = start().await?;
    let mut mina = Client::new(&stack)?;
    mina.sign_in("mina", PASSWORD).await?;

    let (code, said) = ops(&stack, &["disable", "mina@example.com"]).await?;
    assert!(code == Some(0) && said.contains("is disabled"), "{said}");
    assert_eq!(mina.get("/account").await?.status, 401);
    assert!(mina.sign_in("mina", PASSWORD).await.is_err());
    let (code, said) = ops(&stack, &["disable", "mina"]).await?;
    assert!(code == Some(0) && said.contains("was disabled already"), "{said}");

    let (code, said) = ops(&stack, &["enable", "mina"]).await?;
    assert!(code == Some(0) && said.contains("is enabled"), "{said}");
    assert_eq!(mina.get("/account").await?.status, 401, "the session from before stays dead");
    mina.sign_in("mina", PASSWORD).await?;

    let mut joris = Client::new(&stack)?;
    joris.sign_in("joris", "zeven groene fietsen").await?;
    let (code, said) = ops(&stack, &["end-sessions", "mina"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((mina.get("/account").await?.status, joris.get("/account").await?.status), (401, 200));

    mina.sign_in("mina", PASSWORD).await?;
    let (code, said) = ops(&stack, &["end-sessions", "--all"]).await?;
    assert_eq!((code, &*said), (Some(0), "all sessions of 5 accounts are ended\n"));
    assert_eq!((mina.get("/account").await?.status, joris.get("/account").await?.status), (401, 401));

    for unknown in ["nobody", "nobody@example.com", "two words"] {
        let (code, said) = ops(&stack, &["disable", unknown]).await?;
        assert_eq!(code, Some(2), "{said}");
        assert_eq!(said, format!("no account has the username or email {unknown:?}\n"));
    }
    let (code, said) = ops(&stack, &["end-sessions"]).await?;
    assert!(code == Some(2) && said.contains("--all"), "{said}");
    stack.stop().await;
    Ok(())
}
