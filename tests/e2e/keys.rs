//! The operator's commands for the keys that sign tokens, against a running stack, and a client of others after them.
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dev::aws::faults::{Fault, FaultKind};
use dev::browser::{Browser, Connections};
use dev::stack::{Options, Stack};
use serde_json::Value;

use crate::client::silent;
use crate::openid_client::signs_in;
use crate::operator::command;

/// Runs `ops keys` with these arguments; its status, what it prints for programs, what it says to people.
async fn keys(stack: &Stack, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let Output { status, stdout, stderr } =
        command(stack, &[&["keys"], arguments].concat()).await?.output().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((status.code(), text(stdout), text(stderr)))
}

/// The name of each key in a list, and what it is for.
fn states(printed: &str) -> Vec<(String, String)> {
    let keys = printed.lines().filter(|line| !line.starts_with(' '));
    keys.map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    })
    .collect()
}

fn words(states: &[(String, String)]) -> Vec<&str> {
    states.iter().map(|(_, word)| &**word).collect()
}

/// The names of the published keys.
async fn published(stack: &Stack) -> Result<Vec<String>> {
    let mut browser = Browser::new(stack.page_url(), &Connections::new()?);
    let answer = browser.get("/oidc/jwks").await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    let keys = answer.body["keys"].as_array().context("a list")?;
    keys.iter().map(|key| Ok(key["kid"].as_str().context("a name")?.to_owned())).collect()
}

/// The name of the key of a token.
fn key_of(token: &str) -> Result<String> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap_or_default())?;
    let header: Value = serde_json::from_slice(&header)?;
    Ok(header["kid"].as_str().context("a name")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_rotates_and_products_sign_people_in() -> Result<()> {
    let stack = Stack::start(&silent()).await?;
    let product = stack.demo_client().context("the stack has a product")?;
    let (code, printed, said) = keys(&stack, &["list"]).await?;
    assert_eq!((code, &*said, &*words(&states(&printed))), (Some(0), "", &["signs"][..]), "{printed}");
    assert!(printed.ends_with("\n    arn:aws:kms:us-east-1:000000000000:key/SigningKey\n"), "{printed}");

    let (code, printed, said) = keys(&stack, &["rotate"]).await?;
    let now = states(&printed);
    assert_eq!((code, &*words(&now)), (Some(0), &["signs", "next"][..]), "{said}");
    assert!(
        said.ends_with("Nothing else has to be done.\n") && printed.contains(", signs from "),
        "{printed}"
    );
    assert_eq!(published(&stack).await?, [&*now[0].0, &*now[1].0]);
    assert_eq!(key_of(&signs_in(&stack, product).await?)?, now[0].0);

    let (code, printed, said) = keys(&stack, &["rotate"]).await?;
    assert!(
        code == Some(2) && printed.is_empty() && said.contains("another rotation is under way"),
        "{said}"
    );
    assert!(said.contains(&now[1].0) && said.contains("--at-once"), "{said}");
    assert_eq!(keys(&stack, &["list"]).await?.1.lines().count(), 4);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_at_once_survives_the_stack_with_its_data() -> Result<()> {
    let data = std::env::temp_dir().join(format!("sparekey-keys-{}", std::process::id()));
    let options = Options { data: Some(data.clone()), ..silent() };
    let stack = Stack::start(&options).await?;
    let product = stack.demo_client().context("the stack has a product")?.clone();
    let (code, printed, said) = keys(&stack, &["rotate", "--at-once"]).await?;
    let listed = states(&printed);
    assert_eq!((code, &*words(&listed)), (Some(0), &["forgotten", "signs"][..]), "{said}");
    assert!(said.contains("up to a minute"), "{said}");
    let token = signs_in(&stack, &product).await?;
    assert_eq!(key_of(&token)?, listed[1].0);
    assert_eq!(published(&stack).await?, [&*listed[1].0]);
    stack.stop().await;

    let stack = Stack::start(&options).await?;
    let before = keys(&stack, &["list"]).await?.1;
    assert_eq!(states(&before), listed);
    assert_eq!(key_of(&signs_in(&stack, &product).await?)?, listed[1].0);
    // The stack has four key pairs, and no new key has the name of a former one.
    for _ in 0..2 {
        let (code, _, said) = keys(&stack, &["rotate", "--at-once"]).await?;
        assert_eq!(code, Some(0), "{said}");
    }
    let listed = keys(&stack, &["list"]).await?.1;
    let (code, printed, said) = keys(&stack, &["rotate", "--at-once"]).await?;
    assert!(code == Some(1) && printed.is_empty(), "{printed}");
    assert!(said.starts_with("error: no key was made: ") && said.contains("4 key pairs"), "{said}");
    assert_eq!(words(&states(&keys(&stack, &["list"]).await?.1)), words(&states(&listed)));
    stack.stop().await;
    std::fs::remove_dir_all(&data)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_fails_names_what_is_left() -> Result<()> {
    let stack = Stack::start(&silent()).await?;
    let fault = |operation: &str, kind| Fault {
        function: Some("operator".to_owned()),
        operation: Some(operation.to_owned()),
        times: 99,
        ..Fault::next_call(kind)
    };
    for (operation, kind, says) in [
        ("CreateKey", FaultKind::ServerError, "KMS did not say whether it made a key"),
        ("CreateKey", FaultKind::LostAnswer, "with the tags Stack=local and Purpose=signing-key"),
        ("TransactWriteItems", FaultKind::ServerError, "aws kms schedule-key-deletion --key-id arn:aws:kms:"),
    ] {
        stack.faults().add(fault(operation, kind));
        let (code, printed, said) = keys(&stack, &["rotate"]).await?;
        stack.faults().clear();
        assert!(code == Some(1) && printed.is_empty() && said.contains(says), "{operation}: {said}");
        assert_eq!(words(&states(&keys(&stack, &["list"]).await?.1)), ["signs"], "{operation}");
    }
    let product = stack.demo_client().context("the stack has a product")?;
    signs_in(&stack, product).await?;
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() -> Result<()> {
    let stack = Stack::start(&silent()).await?;
    for (value, says) in [
        ("", "SIGNING_KEY is not set; it is the output SigningKeyArn of the stack\n"),
        ("alias/key", "SIGNING_KEY is not the ARN of a key of KMS\n"),
    ] {
        let mut command = command(&stack, &["keys", "list"]).await?;
        let output = command.env("SIGNING_KEY", value).output().await?;
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(2), says));
    }
    stack.stop().await;
    Ok(())
}
