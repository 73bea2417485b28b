//! The services that functions under `sam local` need, and the tour of a deployed site.
use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::command_line::{free_ports, output_of, start};

/// An address of this machine instead of docker0's.
const CONTAINERS: &str = "127.0.0.2";

#[tokio::test(flavor = "multi_thread")]
async fn each_container_has_an_endpoint_where_its_own_permissions_hold() -> Result<()> {
    let base = free_ports()?;
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("variables.json");
    let (ports, path) = (base.to_string(), file.to_string_lossy().into_owned());
    let arguments = ["services", "--port-base", &ports, "--listen", CONTAINERS, "--env-file", &path];
    let services = start(&arguments).await?;

    let written = std::fs::read(&file)?;
    let variables: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(&written)?;
    let endpoint = |function: &str| Some(variables.get(function)?.get("AWS_ENDPOINT_URL_DYNAMODB")?.clone());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let key = "AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/dynamodb/aws4_request, \
               SignedHeaders=host, Signature=0";
    let get_item = json!({
        "TableName": "AccountsTable",
        "Key": { "account_id": { "S": "claim#nobody" }, "record": { "S": "claim" } },
    });
    for (function, allowed) in [("MailerFunction", true), ("ForgotUsernameFunction", false)] {
        let answer = http
            .post(format!("{}/", endpoint(function).context("it has an endpoint")?))
            .header("authorization", key)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", "DynamoDB_20120810.GetItem")
            .body(get_item.to_string())
            .send()
            .await?;
        let text = answer.text().await?;
        assert_eq!(!text.contains("AccessDeniedException"), allowed, "{function}: {text}");
    }
    let faults = http.get(format!("http://{CONTAINERS}:{}/faults", base + 2)).send().await?;
    assert_eq!(faults.status(), 404, "containers reach nothing but their endpoints");
    let elsewhere = http.get(format!("http://{CONTAINERS}:{}/", base + 2)).header("host", "evil.example");
    assert_eq!(elsewhere.send().await?.status(), 421, "nor does the port answer for another name");
    std::net::TcpListener::bind(("127.0.0.1", base)).context("the page's port is left to sam local")?;
    drop(services);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tour_elsewhere_walks_what_needs_mail_where_there_is_a_mailbox() -> Result<()> {
    let base = free_ports()?;
    let site = start(&["--port-base", &base.to_string()]).await?;
    let (target, mailbox) = (format!("http://127.0.0.1:{base}"), format!("http://127.0.0.1:{}", base + 1));
    let people = dev::stack::accounts::demo_file().to_string_lossy().into_owned();
    let arguments = ["tour", "--target", &target, "--accounts", &people, "--mailbox", &mailbox];
    let (status, stdout, stderr) = output_of(&arguments).await?;
    assert!(status.success(), "{stdout}{stderr}");
    for step in [
        "The button confirms",
        "First door",
        "Second door",
        "Third door",
        "Removes it",
        "A link that nobody sent",
    ] {
        assert!(stdout.contains(&format!("✓ {step}")), "{step} in {stdout}");
    }
    assert!(!stdout.contains("what needs a mailbox"), "{stdout}");
    drop(site);
    Ok(())
}
