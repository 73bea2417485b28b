//! Each email in each language, as SES gets it. `tests/emails/run` reads what this test writes.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::Language;
use serde_json::{Value, json};
use shared::mail::Email;
use shared::texts::Texts;

use super::PRODUCT;
use super::samples::emails;
use crate::support::{PUBLIC_URL, World, file};

/// Product names: the default, and one that the headers cannot have in clear, with as many characters as the template allows.
const PRODUCTS: [&str; 2] = ["Sparekey", "Blåbærgrød & Søn – “Øl”, vafler og kaffe"];

/// The name of a kind of email, for reports.
fn kind(email: &Email) -> &'static str {
    match email {
        Email::VerifyBackup { .. } => "verify",
        Email::VerifyPrimary { .. } => "verify-primary",
        Email::YourUsername { .. } => "username",
        Email::SignInLink { .. } => "sign-in",
        Email::Notice { notice, .. } => notice.stem(),
        Email::AddressClaimAttempt { .. } => "wanted",
    }
}

/// Sends each email; returns the requests that SES got.
async fn sent(world: &World) -> Vec<Value> {
    let mut sent = Vec::new();
    for product in PRODUCTS {
        let mailer = world.mailer_of(product);
        for language in Language::ALL {
            let texts = mailer.app.texts(language);
            for email in emails() {
                let id = mailer.app.message_id();
                mailer.outbound.send(&email, &id, &texts).await.expect("SES takes it");
                let request = world.wire.sent().pop().expect("it was sent");
                let (kind, language) = (kind(&email), language.tag());
                sent.push(
                    json!({ "kind": kind, "language": language, "product": product, "request": request }),
                );
            }
        }
    }
    sent
}

#[tokio::test]
async fn ses_takes_every_email_in_every_language() {
    let world = World::new();
    let sent = sent(&world).await;
    let path = format!("{}/emails.jsonl", env!("CARGO_TARGET_TMPDIR"));
    let lines = sent.iter().fold(String::new(), |mut lines, email| {
        writeln!(lines, "{email}").expect("a string takes everything");
        lines
    });
    std::fs::write(&path, lines).unwrap_or_else(|error| panic!("{path}: {error}"));
    let kinds: BTreeSet<String> =
        sent.iter().map(|email| email["kind"].as_str().expect("it has one").to_owned()).collect();
    let texts = file("shared/locales/en/mails.ftl");
    let subjects =
        texts.lines().filter_map(|line| line.split_once("-subject = ")).map(|(kind, _)| kind.to_owned());
    assert_eq!(kinds, subjects.collect(), "the samples have an email of each subject");
}

#[test]
fn every_mail_has_a_line_that_lists_of_mails_show() {
    for language in Language::ALL {
        let texts = Texts::new(language, PRODUCT.into());
        for email in emails() {
            let composed = email.compose(&texts, PUBLIC_URL).expect("the email renders");
            let (_, body) = composed.html.split_once("<body").expect("a body");
            let (_, line) = body.split_once("mso-hide:all\">").expect("a hidden line");
            let (line, rest) = line.split_once("</div>").expect("it ends");
            assert!(line.len() > 25 && line != composed.subject, "{}: {line}", composed.subject);
            assert!(rest.contains("<h1"), "it is the first text");
        }
    }
}

#[test]
fn a_notice_says_first_that_all_may_be_well() {
    let texts = Texts::new(Language::En, PRODUCT.into());
    let notices = emails().into_iter().filter(|email| matches!(email, Email::Notice { undo: Some(_), .. }));
    let mut seen = 0;
    for email in notices {
        let composed = email.compose(&texts, PUBLIC_URL).expect("the email renders");
        for part in [&composed.text, &composed.html] {
            let at = |text: &str| part.find(text).unwrap_or_else(|| panic!("{text} is not in {part}"));
            assert!(
                at("Was this you?") < at("If it wasn’t you") && at("If it wasn’t you") < at("This wasn’t me")
            );
        }
        assert!(!composed.html.contains("class=\"button\" href"), "the link is not the most striking thing");
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}
