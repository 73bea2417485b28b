//! An owner undoes while thieves call everything that their sessions allow, with the real binaries.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use dev::browser::Browser;
use dev::stack::{Options, Stack};
use futures_util::future::try_join_all;
use serde_json::json;

use crate::client::{email, new_browser, sign_in, silent, token};

/// How many accounts are fought for.
const RACES: usize = 50;
/// How many of them at the same time.
const AT_ONCE: usize = 10;

const PASSWORD: &str = "correct horse battery";

fn accounts() -> Result<PathBuf> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("race-accounts.jsonl");
    let lines: Vec<_> = (0..RACES)
        .map(|race| {
            let (username, email) = (format!("owner{race}"), format!("owner{race}@example.com"));
            json!({ "username": username, "email": email, "kind": "regular", "password": PASSWORD })
                .to_string()
        })
        .collect();
    std::fs::write(&file, lines.join("\n"))?;
    Ok(file)
}

/// Calls everything that a session allows, until the undo is answered.
async fn loop_calls(thief: &mut Browser, undone: &AtomicBool) -> Result<()> {
    let calls = [
        ("/account/sessions/end", json!({ "others": true })),
        ("/account/backup", json!({ "email": "again@example.net" })),
        ("/account/backup/remove", json!({})),
    ];
    while !undone.load(Ordering::Relaxed) {
        for (path, form) in &calls {
            let answer = thief.post(path, form).await?;
            ensure!(answer.status < 500, "{path}: {} {}", answer.status, answer.body);
        }
    }
    Ok(())
}

/// How many sessions of thieves an undo leaves.
async fn race(stack: &Stack, race: usize) -> Result<usize> {
    let username = format!("owner{race}");
    let (mut one, mut other) = (new_browser(stack)?, new_browser(stack)?);
    sign_in(&mut one, &username, PASSWORD).await?;
    let address = format!("thief{race}@example.net");
    one.post("/account/backup", &json!({ "email": address })).await?;
    let confirm = token(&email(stack, &address, "Confirm your backup email").await?)?;
    let confirmed = one.post("/backup/confirm", &json!({ "token": confirm })).await?;
    ensure!(confirmed.status == 200, "confirming: {} {}", confirmed.status, confirmed.body);
    let owners = format!("{username}@example.com");
    let notice = email(stack, &owners, "A backup email was added to your account").await?;
    let undo = json!({ "token": token(&notice)?, "username": username });
    sign_in(&mut other, &username, PASSWORD).await?;

    let undone = AtomicBool::new(false);
    let mut owner = new_browser(stack)?;
    let undoing = async {
        let answer = owner.post("/undo", &undo).await;
        undone.store(true, Ordering::Relaxed);
        answer
    };
    let (answer, first, second) =
        tokio::join!(undoing, loop_calls(&mut one, &undone), loop_calls(&mut other, &undone));
    first?;
    second?;
    let answer = answer?;
    ensure!(answer.status == 200, "undoing: {} {}", answer.status, answer.body);
    ensure!(answer.body["backup"].is_null(), "nothing was there before: {}", answer.body);
    let mut survivors = 0;
    for thief in [&mut one, &mut other] {
        survivors += usize::from(thief.get("/account").await?.status == 200);
    }
    Ok(survivors)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_of_a_looping_thief_survives_an_undo() -> Result<()> {
    let options = Options { accounts: Some(accounts()?), ..silent() };
    let stack = Stack::start(&options).await?;
    let mut survivors = 0;
    for first in (0..RACES).step_by(AT_ONCE) {
        let races = (first..first + AT_ONCE).map(|number| race(&stack, number));
        let outcomes = try_join_all(races).await.context("a race")?;
        survivors += outcomes.into_iter().sum::<usize>();
    }
    println!("{survivors} sessions survived {RACES} undos through the stack");
    assert_eq!(survivors, 0);
    stack.stop().await;
    Ok(())
}
