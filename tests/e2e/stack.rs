//! Flows through the whole stack.
use anyhow::{Context as _, Result, ensure};
use dev::aws::faults::{Fault, FaultKind};
use dev::build::Profile;
use dev::stack::{Options, Stack};
use dev::tour::Destination;
use serde_json::json;

use crate::client::{cookie_values, email, new_browser, sign_in, silent, start, token};
use crate::command_line::free_ports;

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_comes_to_its_end() -> Result<()> {
    dev::tour::run(Destination::OwnStack, Profile::Dev, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_connect_to_the_page_can_sign_in() -> Result<()> {
    let options = Options { port_base: free_ports()?, ..silent() };
    let address = ("127.0.0.1", options.port_base);
    let first_visit = tokio::spawn(async move {
        let url = format!("http://127.0.0.1:{}/login", address.1);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            pause().await;
        }
        let form = json!({ "identifier": "mina", "password": "correct horse battery" });
        let http = reqwest::Client::builder().no_proxy().build()?;
        let sign_in = http.post(url).header("accept", "application/json").json(&form);
        anyhow::Ok(sign_in.send().await?.status())
    });
    let stack = Stack::start(&options).await?;
    assert_eq!(first_visit.await??, 200);
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_port_answers_for_a_domain_that_somebody_points_at_this_machine() -> Result<()> {
    let stack = start().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let ports = [stack.page_url(), stack.mailbox_url(), stack.aws_url()];
    for (port, path) in ports.iter().zip(["/login", "/", "/faults"]) {
        for (host, refused) in [("evil.example:3001", true), ("localhost:3001", false), ("[::1]", false)] {
            let answer = http.get(format!("{port}{path}")).header("host", host).send().await?;
            assert_eq!(answer.status() == 421, refused, "{port}{path} as {host}: {}", answer.status());
        }
    }
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_plain_cookies_a_browser_that_keeps_no_secure_cookie_stays_signed_in() -> Result<()> {
    const SAFARI: &str = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15";
    let form = json!({ "identifier": "mina", "password": "correct horse battery" });
    for plain_cookies in [true, false] {
        let stack = Stack::start(&Options { plain_cookies, ..silent() }).await?;
        let safari = reqwest::Client::builder().no_proxy().user_agent(SAFARI).build()?;
        let sign_in = safari.post(format!("{}/login", stack.page_url())).header("accept", "application/json");
        let answer = sign_in.json(&form).send().await?;
        assert_eq!(answer.status(), 200);
        let set = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let kept = set.filter(|cookie| !cookie.contains("; Secure") && !cookie.starts_with("__Host-"));
        let kept: Vec<_> = kept.filter_map(|cookie| cookie.split(';').next()).collect();
        let account =
            safari.get(format!("{}/account", stack.page_url())).header("accept", "application/json");
        let answer = account.header("cookie", kept.join("; ")).send().await?;
        assert_eq!(answer.status(), if plain_cookies { 200 } else { 401 }, "plain cookies: {plain_cookies}");
        let hints = stack.logs().lines().iter().filter(|line| line.contains("--plain-cookies")).count();
        assert_eq!(hints, usize::from(!plain_cookies), "told once, where it helps");
        stack.stop().await;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "another task is waited for")]
async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_logged_holds_an_address_a_secret_or_a_password() -> Result<()> {
    const SPARE: &str = "mina.spare@example.org";
    let stack = start().await?;
    let mut secrets: Vec<String> = Vec::new();
    let mut mina = new_browser(&stack)?;
    sign_in(&mut mina, "mina@example.com", "correct horse battery").await?;
    let asked = mina.post("/account/backup", &json!({ "email": SPARE })).await?;
    let code = asked.body["pending_code"].as_str().context("the page shows a code")?.to_owned();
    let confirm = token(&email(&stack, SPARE, "Confirm your backup email").await?)?;
    let mut phone = new_browser(&stack)?;
    assert_eq!(phone.get(&format!("/backup/confirm?token={confirm}")).await?.status, 200);
    let wrong = json!({ "token": confirm, "code": "000000" });
    assert_eq!(phone.post("/backup/confirm", &wrong).await?.status, 422);
    let right = json!({ "token": confirm, "code": code });
    assert_eq!(phone.post("/backup/confirm", &right).await?.status, 200);
    let added = token(&email(&stack, "mina@example.com", "A backup email was added to your account").await?)?;

    let mut anyone = new_browser(&stack)?;
    anyone.post("/login", &json!({ "identifier": "mina", "password": "not her password" })).await?;
    let page = anyone.post("/login/link", &json!({ "email": SPARE })).await?;
    secrets.push(page.body["code"].as_str().context("the page shows a code")?.to_owned());
    secrets.extend(cookie_values(&anyone));
    let sign_in = token(&email(&stack, SPARE, "Your sign-in link").await?)?;
    assert_eq!(anyone.post("/login/open", &json!({ "token": sign_in })).await?.status, 200);
    let undo = token(&email(&stack, "mina@example.com", "Your backup email was used to sign in").await?)?;
    secrets.extend(cookie_values(&mina).chain(cookie_values(&anyone)));
    let taken_back = json!({ "token": undo, "username": "mina" });
    assert_eq!(phone.post("/undo", &taken_back).await?.status, 200);
    anyone.get("/account").await?;
    anyone.get(&format!("/nowhere?token={sign_in}&email={SPARE}")).await?;
    for _ in 0..6 {
        anyone.post("/forgot-username", &json!({ "email": SPARE })).await?;
    }
    email(&stack, SPARE, "Your username").await.ok();

    let log = stack.logs().lines().join("\n");
    for line in ["mail sent", "wrong credentials", "a change was taken back", "a limit is reached"] {
        assert!(log.contains(line), "the functions' lines are in the log: {line}");
    }
    secrets.extend([code, confirm, sign_in, added, undo]);
    let short: Vec<String> = secrets.iter().map(|secret| secret.replace(' ', "")).collect();
    let hashes: Vec<String> = secrets
        .iter()
        .filter_map(|secret| domain::Token::parse(secret).ok())
        .map(|token| token.hash().as_str().to_owned())
        .collect();
    assert!(hashes.len() >= 7, "sessions, an asker's cookie, links: {}", hashes.len());
    let never =
        ["@example", "mina.spare", "correct horse", "not her password", "__Host-", "$argon2id", "token="];
    let never = never.map(str::to_owned);
    for secret in secrets.iter().chain(&short).chain(&hashes).chain(&never).chain(&hashing_keys()?) {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret:?} is in the log");
    }
    stack.stop().await;
    Ok(())
}

/// The secrets of the template in a stack in memory.
fn hashing_keys() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(dev::workspace::root().join("template.yaml"))?;
    let parameters = [("MailFrom".to_owned(), "no-reply@example.com".to_owned())];
    let template = dev::template::Template::parse(&text, &parameters.into())?;
    let secrets = dev::stack::environment::secrets(&template, None)?;
    ensure!(!secrets.is_empty(), "the template has a secret");
    Ok(secrets.into_values().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_cannot_take_now_comes_later() -> Result<()> {
    let stack = start().await?;
    let send_email =
        Fault { operation: Some("SendEmail".into()), times: 4, ..Fault::next_call(FaultKind::ServerError) };
    stack.faults().add(send_email);
    let mut joris = new_browser(&stack)?;
    joris.post("/forgot-username", &json!({ "email": "joris@example.org" })).await?;
    let arrived = email(&stack, "joris@example.org", "Je gebruikersnaam").await?;
    assert!(arrived.text.contains("joris"));
    assert!(stack.faults().left().is_empty(), "SES refused as often as it was told to");
    assert!(stack.dead_letters().is_empty());
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_write_is_no_second_write() -> Result<()> {
    let stack = start().await?;
    let mut mina = new_browser(&stack)?;
    sign_in(&mut mina, "mina", "correct horse battery").await?;
    let lost = Fault {
        function: Some("request-backup".into()),
        operation: Some("TransactWriteItems".into()),
        ..Fault::next_call(FaultKind::LostAnswer)
    };
    stack.faults().add(lost);
    let answer = mina.post("/account/backup", &json!({ "email": "mina.spare@example.org" })).await?;
    assert_eq!((answer.status, &answer.body["backup"]["state"]), (202, &json!("pending")), "{}", answer.body);
    let confirm = token(&email(&stack, "mina.spare@example.org", "Confirm your backup email").await?)?;
    let lost = Fault {
        function: Some("confirm-backup".into()),
        operation: Some("TransactWriteItems".into()),
        ..Fault::next_call(FaultKind::LostAnswer)
    };
    stack.faults().add(lost);
    assert_eq!(mina.post("/backup/confirm", &json!({ "token": confirm })).await?.status, 200);
    assert!(stack.faults().left().is_empty());
    email(&stack, "mina@example.com", "A backup email was added to your account").await?;
    assert_eq!(stack.mailbox().emails().len(), 2, "one confirmation email and one notice");
    stack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_database_is_a_calm_page() -> Result<()> {
    let stack = start().await?;
    let refuses = Fault {
        operation: Some("TransactWriteItems".into()),
        times: 100,
        ..Fault::next_call(FaultKind::ServerError)
    };
    stack.faults().add(refuses);
    let mut anyone = new_browser(&stack)?;
    let answer = anyone.post("/forgot-username", &json!({ "email": "mina@example.com" })).await?;
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("internal")), "{}", answer.body);
    let log = stack.logs().lines().join("\n");
    assert_eq!(log.matches("could not ask for a mail").count(), 1, "the log has the chain of causes once");
    stack.stop().await;
    Ok(())
}
