//! What SES reports: from the mailer through the local SES and its event to the page, the notice and the operator.
use std::time::Duration;

use anyhow::{Context as _, Result};
use dev::aws::faults::{Fault, FaultKind};
use dev::browser::Browser;
use dev::events::DEFAULT_BUS;
use dev::stack::Stack;
use serde_json::{Value, json};

use crate::client::{email, new_browser, sign_in, start, token};
use crate::operator::{ops, wait_until};

const PRIMARY: &str = "mina@example.com";
const SPARE: &str = "mina.spare@example.org";
const NOTICE: &str = "Your backup email can’t be reached";

/// Mina's browser, once this address is her backup email.
async fn with_backup(stack: &Stack, spare: &str) -> Result<Browser> {
    let mut mina = new_browser(stack)?;
    sign_in(&mut mina, "mina", "correct horse battery").await?;
    mina.post("/account/backup", &json!({ "email": spare })).await?;
    let confirm = token(&email(stack, spare, "Confirm your backup email").await?)?;
    let confirmed = mina.post("/backup/confirm", &json!({ "token": confirm })).await?;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    // A report of the same second would be as old as the confirmation.
    pause(Duration::from_millis(1_100)).await;
    Ok(mina)
}

async fn undeliverable(browser: &mut Browser) -> Result<Value> {
    Ok(browser.get("/account").await?.body["backup_undeliverable"]["why"].clone())
}

#[expect(clippy::disallowed_methods, reason = "the clock of other processes is waited for")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_reaches_the_page_and_the_primary_and_the_operator_ends_it() -> Result<()> {
    let stack = start().await?;
    let mut mina = with_backup(&stack, SPARE).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (code, said) = ops(&stack, &["emails", "undeliverable", "list"]).await?;
    assert_eq!((code, &*said), (Some(0), "email fails to no address\n"));

    // As with the button of the mailbox: the server of the address refuses email from now on.
    let bounces = http.post(format!("{}/bouncing", stack.mailbox_url()));
    let bounces = bounces.header("content-type", "application/x-www-form-urlencoded");
    bounces.body("address=mina.spare%40example.org").send().await?.error_for_status()?;
    let mut anyone = new_browser(&stack)?;
    anyone.post("/login/link", &json!({ "email": SPARE })).await?;
    email(&stack, PRIMARY, NOTICE).await?;
    assert_eq!(undeliverable(&mut mina).await?, "bounced");
    let front = http.get(stack.mailbox_url()).send().await?.text().await?;
    assert!(front.contains("undeliverable allow mina.spare@example.org"), "{front}");

    let (code, said) = ops(&stack, &["mails", "undeliverable", "list"]).await?;
    assert!(
        code == Some(0) && said.contains("  bounced     backup   mi***re@example.org  account "),
        "{said}"
    );
    assert!(said.ends_with("email fails to 1 address\n") && !said.contains(SPARE), "{said}");

    // At least once: the same event again, which nobody is told about.
    let event = stack.events().published_on(DEFAULT_BUS).pop().context("SES has reported it")?;
    let emails = stack.mailbox().emails().len();
    stack.ses().events().send(DEFAULT_BUS, &event);
    let log = || stack.logs().lines_about("delivery").join("\n");
    wait_until("the end of it", || log().contains("email fails, as is known")).await?;
    assert_eq!(stack.mailbox().emails().len(), emails);

    stack.ses().take_at(SPARE);
    let (code, said) = ops(&stack, &["emails", "undeliverable", "allow", SPARE]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("is no longer on the suppression list") && said.contains("no longer says"),
        "{said}"
    );
    assert_eq!(undeliverable(&mut mina).await?, Value::Null);
    anyone.post("/login/link", &json!({ "email": SPARE })).await?;
    email(&stack, SPARE, "Your sign-in link").await?;
    let (code, said) = ops(&stack, &["emails", "undeliverable", "allow", SPARE]).await?;
    assert!(code == Some(0) && said.contains("was not on") && said.contains("does not say"), "{said}");
    for (address, code_wanted, wanted) in
        [("nobody@example.net", 0, "no account has it"), ("nobody", 2, "is no address")]
    {
        let (code, said) = ops(&stack, &["emails", "undeliverable", "allow", address]).await?;
        assert!(code == Some(code_wanted) && said.contains(wanted), "{said}");
    }
    let log = stack.logs().lines().join("\n");
    assert!(!log.contains(SPARE) && !log.contains("mina@"), "{log}");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mailbox_simulator_of_ses_is_played_and_what_fails_is_tried_again() -> Result<()> {
    let stack = start().await?;
    let mut mina = with_backup(&stack, "complaint@simulator.amazonses.com").await?;
    let refusing = Fault { function: Some("delivery".into()), ..Fault::next_call(FaultKind::ServerError) };
    // Three calls are one that the SDK tries again until it fails.
    stack.faults().add(Fault { operation: Some("TransactWriteItems".into()), times: 3, ..refusing });
    let form = json!({ "email": "complaint@simulator.amazonses.com" });
    new_browser(&stack)?.post("/login/link", &form).await?;
    email(&stack, PRIMARY, NOTICE).await?;
    assert_eq!(undeliverable(&mut mina).await?, "complained");
    assert!(stack.logs().lines_about("delivery").join("\n").contains("will be tried again"));
    assert!(stack.dead_letters().is_empty());
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_fails_three_times_goes_to_the_queue_and_the_next_email_brings_it_again() -> Result<()>
{
    let stack = start().await?;
    let mut mina = with_backup(&stack, SPARE).await?;
    stack.ses().bounce_at(SPARE);
    let refusing = Fault { function: Some("delivery".into()), ..Fault::next_call(FaultKind::ServerError) };
    stack.faults().add(Fault { times: 100, ..refusing });
    let mut anyone = new_browser(&stack)?;
    anyone.post("/forgot-username", &json!({ "email": SPARE })).await?;
    wait_until("the dead letter", || !stack.dead_letters().is_empty()).await?;
    let letter = &stack.dead_letters()[0];
    assert_eq!((&*letter.function, letter.condition), ("delivery", "RetriesExhausted"));
    assert!(letter.destination.as_deref().is_some_and(|queue| queue.ends_with(":UnnotedQueue")));
    assert_eq!(undeliverable(&mut mina).await?, Value::Null);
    stack.faults().clear();
    anyone.post("/forgot-username", &json!({ "email": SPARE })).await?;
    email(&stack, PRIMARY, NOTICE).await?;
    assert_eq!(undeliverable(&mut mina).await?, "bounced");
    stack.stop().await;
    Ok(())
}
