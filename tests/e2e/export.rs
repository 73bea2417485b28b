//! Accounts that leave: every one, encrypted on the way, and able to come in again somewhere else.
use std::path::PathBuf;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result};
use dev::aws::faults::{Fault, FaultKind};
use dev::stack::{Options, Stack};
use serde_json::{Value, json};

use crate::claims;
use crate::client::{email, new_browser, sign_in, silent, start};
use crate::operator::{command, ops};

const PASSWORD: &str = "correct horse battery";

/// Exports through a pipe: the status, the lines in order, and what was said.
async fn export(stack: &Stack) -> Result<(Option<i32>, Vec<String>, String)> {
    let mut command = command(stack, &["accounts", "export"]).await?;
    let Output { status, stdout, stderr } = command.output().await?;
    let mut lines: Vec<String> = String::from_utf8(stdout)?.lines().map(str::to_owned).collect();
    lines.sort();
    Ok((status.code(), lines, String::from_utf8(stderr)?))
}

fn file(name: &str, lines: &[impl ToString]) -> Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    Ok(path)
}

/// Accounts of every kind. The hashes are of [`PASSWORD`].
fn people() -> Vec<Value> {
    let with_hash = |name: &str, hash: &str| json!({ "username": name, "email": format!("{name}@example.com"), "kind": "regular", "password_hash": hash });
    vec![
        json!({
            "username": "Åsa", "email": "Asa.L@example.com", "kind": "regular", "password": PASSWORD, "locale": "da",
            "external_id": "u|1", "backup_email": "Asa@example.org", "backup_confirmed_at": "2025-02-03T04:05:06Z",
            "backup_reached_at": "2026-03-04T05:06:07Z",
            "created_at": "2019-01-02T03:04:05Z",
        }),
        json!({
            "username": "bo_is_out", "email": "bo@example.com", "kind": "regular", "password": PASSWORD,
            "disabled_at": "2026-01-02T03:04:05Z",
        }),
        json!({ "username": "cai", "email": "cai@example.com", "kind": "sso", "external_id": "2" }),
        json!({ "username": "dee", "email": "dee@example.com", "kind": "regular" }),
        with_hash("eli", "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"),
        with_hash("fay", "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuFABy..DpKi5eX.TjDW.8iDMNk/Tma6W"),
        with_hash(
            "gus",
            "scrypt$1024$seasalt12345$8$5$+ZMRqpg9t8vCo3erUBgs/OCNWEIxAw2yX8vTA+1lEPVQ/QWKeQha4cHatTTd9sytKlo2eePLZdPfUz/bJSXKPw==",
        ),
        with_hash("hal", "pbkdf2_sha256$1000$seasalt12345$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0="),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_comes_in_elsewhere_and_is_exported_alike() -> Result<()> {
    let first =
        Stack::start(&Options { accounts: Some(file("people.jsonl", &people())?), ..silent() }).await?;
    let (code, lines, said) = export(&first).await?;
    assert_eq!((code, &*said), (Some(0), "8 accounts exported; the export is complete\n"));
    first.stop().await;
    let parsed: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    for person in people() {
        let found = parsed.iter().find(|line| line["username"] == person["username"]);
        let found = found.with_context(|| format!("{} is missing", person["username"]))?;
        for (field, value) in person.as_object().context("an object")? {
            if !field.starts_with("password") {
                assert_eq!(&found[field], value, "{field} of {found}");
            }
        }
        let hash = found["password_hash"].as_str().unwrap_or_default();
        let has_one = person.get("password").or(person.get("password_hash")).is_some();
        assert_eq!(hash.contains("$argon2id$v=19$m=19456,t=2,p=1$"), has_one, "{found}");
        assert!(found["password"].is_null() && found["created_at"].is_string(), "{found}");
    }

    let second =
        Stack::start(&Options { accounts: Some(file("exported.jsonl", &lines)?), ..silent() }).await?;
    assert_eq!(export(&second).await?.1, lines);
    for name in ["Åsa", "asa.l@example.com", "eli", "fay", "gus", "hal"] {
        let mut browser = new_browser(&second)?;
        assert!(sign_in(&mut browser, name, "correct horse battery!").await.is_err(), "{name}");
        sign_in(&mut browser, name, PASSWORD).await.with_context(|| name.to_owned())?;
    }
    assert!(sign_in(&mut new_browser(&second)?, "bo_is_out", PASSWORD).await.is_err(), "it is disabled");
    new_browser(&second)?.post("/forgot-username", &json!({ "email": "asa@example.org" })).await?;
    email(&second, "Asa@example.org", "Dit brugernavn").await?;

    let (code, said) = ops(&second, &["accounts", "show", "asa@example.org"]).await?;
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "username                Åsa",
        "external id             u|1",
        "created                 2019-01-02T03:04:05Z",
        "backup email            A***a@example.org, since 2025-02-03T04:05:06Z",
        "disabled                no",
        "password                set",
    ] {
        assert!(said.lines().any(|said| said == line), "{line:?} {said}");
    }
    let (_, said) = ops(&second, &["accounts", "show", "bo_is_out"]).await?;
    assert!(said.contains("disabled                since 2026-01-02T03:04:05Z"), "{said}");
    second.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_goes_to_a_pipe_only_and_says_what_is_not_in_it() -> Result<()> {
    let stack = start().await?;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plain-export.jsonl");
    for to in [Stdio::from(std::fs::File::create(&path)?), Stdio::null()] {
        let mut plain = command(&stack, &["accounts", "export"]).await?;
        let output = plain.stdout(to).stderr(Stdio::piped()).spawn()?.wait_with_output().await?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("goes to a pipe and not to a terminal or a plain file"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&path)?, "");

    let (code, lines, said) = export(&stack).await?;
    assert_eq!(code, Some(0), "{said}");
    let of = |lines: &[String], name: &str| -> Value {
        let line = lines.iter().find(|line| line.contains(&format!("\"{name}\"")));
        line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    };
    assert_eq!(of(&lines, "mina")["backup_email"], Value::Null);

    // A backup email in its waiting period, and a profile that cannot be read.
    let profiles = stack.tables().items("AccountsTable")?;
    let profile = |name: &str| {
        profiles
            .iter()
            .find(|item| item["username"]["S"] == name)
            .cloned()
            .context("there is such an account")
    };
    let (mina, mut joris) = (profile("mina")?, profile("joris")?);
    stack.tables().put(
        "AccountsTable",
        &json!({
            "account_id": mina["account_id"], "record": { "S": "email#backup" }, "email": { "S": "m@example.org" },
            "address": { "S": "m@example.org" }, "verified_at": { "N": "1000" }, "usable_from": { "N": "99000000000" },
        }),
    )?;
    joris["username"] = json!({ "S": "j" });
    stack.tables().put("AccountsTable", &joris)?;
    let (code, fewer, said) = export(&stack).await?;
    assert_eq!((code, fewer.len()), (Some(3), lines.len() - 1), "{said}");
    assert_eq!(of(&fewer, "mina")["backup_email"], Value::Null, "it does not work yet");
    assert!(said.contains("1 new backup email is left out, because the waiting period"), "{said}");
    assert!(said.contains(&format!(
        "account {} cannot be read: could not ",
        joris["account_id"]["S"].as_str().unwrap_or_default()
    )));
    assert!(said.ends_with("1 account cannot be read, and is not in the export\n"), "{said}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_deleted_is_gone_and_its_names_are_free() -> Result<()> {
    let stack = start().await?;
    let mut mina = new_browser(&stack)?;
    sign_in(&mut mina, "mina", PASSWORD).await?;
    let before = stack.tables().items("AccountsTable")?;
    let (code, said) = ops(&stack, &["accounts", "delete", "mina"]).await?;
    assert!(code == Some(2) && said.contains("nothing was deleted; with --yes"), "{said}");
    assert!(said.contains("primary email           m***a@example.com"), "{said}");
    assert_eq!((stack.tables().items("AccountsTable")?, mina.get("/account").await?.status), (before, 200));

    // It is interrupted on the way: nobody signs in from then on, and the next run goes on.
    let of_history = Fault {
        function: Some("operator".into()),
        operation: Some("Query".into()),
        table: Some("HistoryTable".into()),
        times: 1_000,
        ..Fault::next_call(FaultKind::ServerError)
    };
    stack.faults().add(of_history);
    let (code, said) = ops(&stack, &["accounts", "delete", "mina@example.com", "--yes"]).await?;
    assert_eq!(code, Some(1), "{said}");
    stack.faults().clear();
    assert_eq!(mina.get("/account").await?.status, 401);
    assert!(sign_in(&mut new_browser(&stack)?, "mina", PASSWORD).await.is_err());
    let (_, said) = ops(&stack, &["accounts", "show", "mina"]).await?;
    assert!(said.contains("accounts delete goes on with it"), "{said}");
    assert_eq!(export(&stack).await?.1.len(), 4, "it is not exported any more");
    let (code, said) = ops(&stack, &["accounts", "delete", "mina", "--yes"]).await?;
    assert!(code == Some(0) && said.contains(") is deleted\nwhat remains:\n- logs: "), "{said}");
    let (code, said) = ops(&stack, &["accounts", "delete", "mina", "--yes"]).await?;
    assert_eq!((code, &*said), (Some(2), "no account has the username, email or id \"mina\"\n"));

    let items = stack.tables().items("AccountsTable")?;
    claims::assert_fit(&items, 0);
    assert!(!items.iter().any(|item| item.to_string().contains("mina@example.com")), "nothing is left");
    let again = json!({ "username": "mіna", "email": "mina@example.com", "kind": "sso" });
    let path = file("again.jsonl", &[again])?;
    let (code, said) = ops(&stack, &["accounts", "import", &path.to_string_lossy()]).await?;
    assert!(code == Some(0) && said.contains("1 account created"), "{said}");
    stack.stop().await;
    Ok(())
}
