//! Journeys through the whole stack.
use anyhow::Result;
use dev::build::Profile;
use dev::faults::{Fault, Kind};
use dev::tour::Destination;
use serde_json::json;

use crate::client::{Client, mail, start, token};

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_comes_to_its_end() -> Result<()> {
    dev::tour::run(Destination::OwnStack, Profile::Dev, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_logged_holds_an_address_a_secret_or_a_password() -> Result<()> {
    let stack = start().await?;
    let mut mina = Client::new(&stack)?;
    mina.sign_in("mina@example.com", "correct horse battery").await?;
    let session = mina.session();
    mina.post("/account/backup", &json!({ "email": "mina.spare@example.org" })).await?;
    let confirm = token(&mail(&stack, "mina.spare@example.org", "Confirm your backup email").await?)?;
    assert_eq!(mina.get(&format!("/backup/confirm?token={confirm}")).await?.status, 200);
    assert_eq!(mina.post("/backup/confirm", &json!({ "token": confirm })).await?.status, 200);
    let mut anyone = Client::new(&stack)?;
    anyone.post("/login", &json!({ "identifier": "mina", "password": "not her password" })).await?;
    anyone.post("/login/link", &json!({ "email": "mina.spare@example.org" })).await?;
    let sign_in = token(&mail(&stack, "mina.spare@example.org", "Your sign-in link").await?)?;
    assert_eq!(anyone.post("/login/open", &json!({ "token": sign_in })).await?.status, 200);
    mail(&stack, "mina@example.com", "Your backup email was used to sign in").await?;

    let log = stack.logs().lines().join("\n");
    assert!(log.contains("mail sent"), "the functions' lines are in the log");
    let opened = anyone.session();
    let secrets = [
        "@example",
        "mina.spare",
        "correct horse",
        "not her password",
        &*session,
        &opened,
        &confirm,
        &sign_in,
    ];
    for secret in secrets {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret:?} is in the log");
    }
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_cannot_take_now_comes_later() -> Result<()> {
    let stack = start().await?;
    let send_email =
        Fault { operation: Some("SendEmail".into()), times: 4, ..Fault::next_call(Kind::ServerError) };
    stack.faults().add(send_email);
    let mut joris = Client::new(&stack)?;
    joris.post("/forgot-username", &json!({ "email": "joris@example.org" })).await?;
    let arrived = mail(&stack, "joris@example.org", "Je gebruikersnaam").await?;
    assert!(arrived.text.contains("joris"));
    assert!(stack.faults().left().is_empty(), "SES refused as often as it was told to");
    assert!(stack.dead_letters().is_empty());
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_write_is_no_second_write() -> Result<()> {
    let stack = start().await?;
    let mut mina = Client::new(&stack)?;
    mina.sign_in("mina", "correct horse battery").await?;
    let lost = Fault {
        function: Some("request-backup".into()),
        operation: Some("TransactWriteItems".into()),
        ..Fault::next_call(Kind::LostAnswer)
    };
    stack.faults().add(lost);
    let answer = mina.post("/account/backup", &json!({ "email": "mina.spare@example.org" })).await?;
    assert_eq!((answer.status, &answer.body["backup"]["state"]), (202, &json!("pending")), "{}", answer.body);
    let confirm = token(&mail(&stack, "mina.spare@example.org", "Confirm your backup email").await?)?;
    let lost = Fault {
        function: Some("confirm-backup".into()),
        operation: Some("TransactWriteItems".into()),
        ..Fault::next_call(Kind::LostAnswer)
    };
    stack.faults().add(lost);
    assert_eq!(mina.post("/backup/confirm", &json!({ "token": confirm })).await?.status, 200);
    assert!(stack.faults().left().is_empty());
    mail(&stack, "mina@example.com", "A backup email was added to your account").await?;
    assert_eq!(stack.mailbox().mails().len(), 2, "one confirmation mail and one notice");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_database_is_a_calm_page() -> Result<()> {
    let stack = start().await?;
    let refuses = Fault {
        operation: Some("TransactWriteItems".into()),
        times: 100,
        ..Fault::next_call(Kind::ServerError)
    };
    stack.faults().add(refuses);
    let mut anyone = Client::new(&stack)?;
    let answer = anyone.post("/forgot-username", &json!({ "email": "mina@example.com" })).await?;
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("internal")), "{}", answer.body);
    let log = stack.logs().lines().join("\n");
    assert_eq!(
        log.matches("could not ask for a mail").count(),
        1,
        "the chain of causes stands in the log once"
    );
    stack.stop().await;
    Ok(())
}
