//! Each email in each language, as SES gets it. `tests/emails/run` reads what this test writes.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::Language;
use serde_json::{Value, json};
use shared::mail::Email;

use super::samples::emails;
use crate::support::{World, file};

/// Product names: the default, and one that the headers cannot have in clear, with as many characters as the template allows.
const PRODUCTS: [&str; 2] = ["Sparekey", "Blåbærgrød & Søn – “Øl”, vafler og kaffe"];

/// The name of a kind of email, for reports.
fn kind(email: &Email) -> &'static str {
    match email {
        Email::VerifyBackup { .. } => "verify",
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
