//! The operator's commands for clients of OpenID Connect, against the tables of a running stack.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use dev::stack::{Options, Stack};
use serde_json::{Value, json};

use crate::client::silent;
use crate::operator::{command, ops};

const CLIENTS: &str = "ClientsTable";
const REDIRECT: &str = "https://example.com/signed-in";

/// A stack with OpenID Connect or without, and without a function: a command needs the tables only.
async fn tables_alone(openid_connect: bool) -> Result<Stack> {
    let parameters = BTreeMap::from([("OpenIdConnect".to_owned(), openid_connect.to_string())]);
    let template = dev::workspace::template(1, &parameters)?;
    let without = template.functions.iter().map(|function| function.name.clone()).collect();
    let stack = Stack::start(&Options { without, parameters, ..silent() }).await?;
    if openid_connect {
        // The demo client.
        stack.tables().empty(CLIENTS)?;
    }
    Ok(stack)
}

/// The stored items.
fn stored(stack: &Stack) -> Result<Vec<Value>> {
    stack.tables().items(CLIENTS)
}

/// Runs `ops clients` with these arguments; its status, what it prints for programs, what it says to people.
async fn clients(stack: &Stack, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let output = command(stack, &[&["clients"], arguments].concat()).await?.output().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status.code(), text(output.stdout), text(output.stderr)))
}

/// The value behind a name in what a command prints.
fn value(printed: &str, name: &str) -> Result<String> {
    let line = printed.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.with_context(|| format!("no {name} in {printed}"))?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_registers_lists_and_removes_clients() -> Result<()> {
    let stack = tables_alone(true).await?;
    let (code, printed, _) = clients(&stack, &["list"]).await?;
    assert_eq!((code, &*printed), (Some(0), "0 clients\n"));

    let sign_out = "https://example.com/";
    let arguments = ["add", "--name", " Café & Co. ", "--redirect-uri", REDIRECT, "--sign-out-uri", sign_out];
    let arguments = [&arguments[..], &["--return-uri", "https://example.com/settings"]].concat();
    let (code, printed, said) = clients(&stack, &arguments).await?;
    assert_eq!((code, &*said), (Some(0), "Keep the secret now: only its hash is stored.\n"), "{printed}");
    let (id, secret) = (value(&printed, "client_id")?, value(&printed, "client_secret")?);
    assert_eq!((id.len(), secret.len(), printed.lines().count()), (22, 43, 2), "{printed}");
    let spa = [
        "add",
        "--name",
        "Example",
        "--public",
        "--redirect-uri",
        REDIRECT,
        "--redirect-uri",
        "http://127.0.0.1/",
    ];
    let (code, printed, said) = clients(&stack, &spa).await?;
    assert_eq!((code, &*said, printed.lines().count()), (Some(0), "", 1), "{printed}");
    let public = value(&printed, "client_id")?;

    let (code, printed, _) = clients(&stack, &["list"]).await?;
    assert_eq!(code, Some(0), "{printed}");
    for line in [
        format!("{id}  "),
        "  confidential  Café & Co.\n    redirect-uri   https://example.com/signed-in\n    sign-out-uri   https://example.com/\n    return-uri     https://example.com/settings\n    secret         made ".to_owned(),
        format!("{public}  "),
        "  public        Example\n    redirect-uri   https://example.com/signed-in\n    redirect-uri   http://127.0.0.1/\n".to_owned(),
    ] {
        assert!(printed.contains(&line), "{line:?} in {printed}");
    }
    assert!(printed.ends_with("2 clients\n") && !printed.contains(&secret), "{printed}");
    let stored = json!(stored(&stack)?).to_string();
    let hash = domain::Token::parse(&secret)?.hash();
    assert!(stored.contains(hash.as_str()) && !stored.contains(&secret), "{stored}");
    assert!(!printed.contains(hash.as_str()), "{printed}");

    let (code, printed, _) = clients(&stack, &["remove", &id]).await?;
    assert_eq!((code, printed), (Some(0), format!("{id} is removed\n")));
    let (code, _, said) = clients(&stack, &["remove", &id]).await?;
    assert_eq!((code, said), (Some(2), format!("there is no client {id}\n")));
    let (_, printed, _) = clients(&stack, &["list"]).await?;
    assert!(printed.ends_with("1 client\n") && !printed.contains(&id), "{printed}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_addresses_are_changed_each_kind_as_a_whole_and_the_rest_stays() -> Result<()> {
    let stack = tables_alone(true).await?;
    let sign_out = ["--sign-out-uri", "https://example.com/"];
    let add = ["add", "--name", "Example", "--redirect-uri", REDIRECT];
    let (_, printed, _) = clients(&stack, &[&add[..], &sign_out].concat()).await?;
    let id = value(&printed, "client_id")?;
    let before = stored(&stack)?.remove(0);
    let texts = |item: &Value, name: &str| -> Vec<String> {
        let list = item[name]["L"].as_array().cloned().unwrap_or_default();
        list.iter().map(|uri| uri["S"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let new = "https://example.com/in";
    let settings = "https://example.com/settings";
    for (options, returns) in [
        (&["--return-uri", settings, "--return-uri", REDIRECT][..], &[settings, REDIRECT][..]),
        (&["--name", "Example"], &[settings, REDIRECT]),
        (&["--return-uri", settings], &[settings]),
        (&["--no-return-uri"], &[]),
    ] {
        let (code, printed, said) = clients(&stack, &[&["change", &*id], options].concat()).await?;
        assert!(
            code == Some(0) && printed.matches("return-uri  ").count() == returns.len(),
            "{printed}{said}"
        );
        let after = stored(&stack)?.remove(0);
        assert_eq!(texts(&after, "return_uris"), returns, "{options:?}");
        assert_eq!(after["sign_out_uris"], before["sign_out_uris"], "{options:?}");
    }
    for (options, name, redirect, sign_outs) in [
        (&["--name", " Café "][..], "Café", &[REDIRECT][..], 1),
        (&["--redirect-uri", new, "--redirect-uri", REDIRECT], "Café", &[new, REDIRECT], 1),
        (&["--redirect-uri", new], "Café", &[new], 1),
        (&["--no-sign-out-uri"], "Café", &[new], 0),
        (&["--name", "Shop", "--sign-out-uri", REDIRECT, "--redirect-uri", REDIRECT], "Shop", &[REDIRECT], 1),
    ] {
        let (code, printed, said) = clients(&stack, &[&["change", &*id], options].concat()).await?;
        assert!(code == Some(0) && printed.starts_with(&*id) && printed.contains(name), "{printed}{said}");
        let after = stored(&stack)?.remove(0);
        assert_eq!(after["client_name"]["S"], name, "{options:?}");
        assert_eq!(texts(&after, "redirect_uris"), redirect, "{options:?}");
        assert_eq!(texts(&after, "sign_out_uris").len(), sign_outs, "{options:?}");
        for kept in ["client_id", "secret_hash", "secret_made_at", "created_at"] {
            assert_eq!(after[kept], before[kept], "{options:?}");
        }
    }
    let before = stored(&stack)?;
    let unknown = "A".repeat(22);
    let many: Vec<String> = (0..11).map(|number| format!("{REDIRECT}/{number}")).collect();
    let many = many.iter().flat_map(|uri| ["--redirect-uri", uri]);
    let too_many: Vec<&str> = ["change", &id].into_iter().chain(many).collect();
    for (arguments, line) in [
        (&["change", &*id][..], "--name"),
        (&["change", "x", "--name", "x"], "\"x\" is not the id of a client"),
        (&["change", &unknown, "--name", "x"], "there is no client A"),
        (&["change", &id, "--name", "", "--redirect-uri", "nowhere"], "--redirect-uri nowhere: "),
        (&["change", &id, "--redirect-uri", REDIRECT, "--redirect-uri", REDIRECT], "there twice"),
        (&["change", &id, "--sign-out-uri", REDIRECT, "--no-sign-out-uri"], "cannot be used with"),
        (&["change", &id, "--return-uri", REDIRECT, "--no-return-uri"], "cannot be used with"),
        (&["change", &id, "--return-uri", "http://example.com/"], "--return-uri http://example.com/: "),
        (&too_many[..], "at most 10 addresses"),
    ] {
        let (code, printed, said) = clients(&stack, arguments).await?;
        assert_eq!((code, &*printed), (Some(2), ""), "{arguments:?}: {said}");
        assert!(said.contains(line), "{arguments:?}: {line:?} in {said}");
    }
    assert_eq!(stored(&stack)?, before);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_in_two_steps() -> Result<()> {
    let stack = tables_alone(true).await?;
    let (_, printed, _) = clients(&stack, &["add", "--name", "Example", "--redirect-uri", REDIRECT]).await?;
    let (id, first) = (value(&printed, "client_id")?, value(&printed, "client_secret")?);
    let hashes = || -> Result<[Option<String>; 2]> {
        let item = stored(&stack)?.remove(0);
        Ok(["secret_hash", "former_secret_hash"].map(|name| item[name]["S"].as_str().map(str::to_owned)))
    };
    let hash_of = |secret: &str| -> Result<Option<String>> {
        Ok(Some(domain::Token::parse(secret)?.hash().as_str().to_owned()))
    };
    assert_eq!(hashes()?, [hash_of(&first)?, None]);
    let (code, printed, _) = clients(&stack, &["rotate-secret", &id, "--end-former"]).await?;
    assert_eq!((code, printed), (Some(0), format!("Example ({id}) has one secret only\n")));

    let (code, printed, said) = clients(&stack, &["rotate-secret", &id]).await?;
    let second = value(&printed, "client_secret")?;
    assert!(
        code == Some(0) && said.contains(&format!("clients rotate-secret --end-former -- {id}")),
        "{said}"
    );
    assert_eq!(hashes()?, [hash_of(&second)?, hash_of(&first)?], "both are accepted");
    let (_, listed, _) = clients(&stack, &["list"]).await?;
    assert!(listed.contains("    former secret  made ") && listed.contains(", still accepted\n"), "{listed}");

    let (code, printed, said) = clients(&stack, &["rotate-secret", &id]).await?;
    assert!(code == Some(2) && printed.is_empty() && said.contains("--end-former first"), "{said}");
    assert_eq!(hashes()?, [hash_of(&second)?, hash_of(&first)?], "a third would end the first");

    let (code, printed, _) = clients(&stack, &["rotate-secret", &id, "--end-former"]).await?;
    assert_eq!((code, printed), (Some(0), format!("the former secret of Example ({id}) has ended\n")));
    assert_eq!(hashes()?, [hash_of(&second)?, None]);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_client_is_named_and_nothing_is_registered() -> Result<()> {
    let stack = tables_alone(true).await?;
    let (_, printed, _) =
        clients(&stack, &["add", "--public", "--name", "Example", "--redirect-uri", REDIRECT]).await?;
    let public = value(&printed, "client_id")?;
    let unknown = "A".repeat(22);
    let many: Vec<String> = (0..11).map(|number| format!("{REDIRECT}/{number}")).collect();
    let many = many.iter().flat_map(|uri| ["--redirect-uri", uri]);
    let too_many: Vec<&str> = ["add", "--name", "x"].into_iter().chain(many).collect();
    for (arguments, lines) in [
        (
            &["add", "--name", "", "--redirect-uri", "http://example.com/", "--sign-out-uri", "nowhere"][..],
            &["--name: a name has", "--redirect-uri http://example.com/: ", "--sign-out-uri nowhere: "][..],
        ),
        (&["add", "--name", "x", "--redirect-uri", REDIRECT, "--redirect-uri", REDIRECT], &["there twice"]),
        (&too_many[..], &["at most 10 addresses"]),
        (&["add", "--name", "x"], &["--redirect-uri"]),
        (&["remove", "x"], &["\"x\" is not the id of a client"]),
        (&["rotate-secret", "x"], &["\"x\" is not the id of a client"]),
        (&["rotate-secret", &unknown], &["there is no client A"]),
        (&["rotate-secret", &public], &["Example is public: it has no secret"]),
        (&["rotate-secret", &public, "--end-former"], &["Example is public: it has no secret"]),
    ] {
        let (code, printed, said) = clients(&stack, arguments).await?;
        assert_eq!((code, &*printed), (Some(2), ""), "{arguments:?}: {said}");
        for line in lines {
            assert!(said.contains(line), "{arguments:?}: {line:?} in {said}");
        }
    }
    assert_eq!(stored(&stack)?.len(), 1);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_openid_connect_there_are_no_clients() -> Result<()> {
    let stack = tables_alone(false).await?;
    let (code, said) = ops(&stack, &["clients", "list"]).await?;
    assert!(code == Some(2) && said.starts_with("CLIENTS_TABLE is not set; "), "{said}");
    stack.stop().await;
    Ok(())
}
