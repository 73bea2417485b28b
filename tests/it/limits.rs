//! Limits: counted at once by all instances, equally for known and unknown addresses; nobody can use up others' share.
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use domain::{CountedFor, DailyEmails, EmailRequest, Identifier, Limit, PasswordAttempt, TypedAddress};
use futures_util::future::join_all;
use lambda_http::request::LambdaRequest;
use serde_json::{Value, json};
use shared::web::Request;
use shared::web::guard::{Event, guard};

use crate::support::{Answer, Ask, NOON, PASSWORD, Visitor, World};

const HOUR: Duration = Duration::from_hours(1);
/// The limit on the emails of a day in the template.
const DAILY: u64 = 24_000;

fn ip(client: &str) -> IpAddr {
    client.parse().expect("an IP address")
}

async fn sign_in(visitor: &Visitor<'_>, identifier: &str, password: &str) -> Answer {
    visitor.post_json("/login", &json!({ "identifier": identifier, "password": password })).await
}

async fn ask_for_mail(visitor: &Visitor<'_>, email: &str) -> Answer {
    visitor.submit("/forgot-username", &[("email", email)]).await
}

/// Counts an attempt for a name that nobody has, in its network and by itself; whether it may be verified.
async fn admit(world: &World, identifier: &str, client: &str) -> bool {
    let app = &world.functions.password_login;
    let counted = app.store.counted(&app.needs.keys);
    let network = Limit::failed_passwords_from(ip(client));
    if !counted.count(&network, app.now()).await.expect("the database works") {
        return false;
    }
    let whose = CountedFor::new(None, &Identifier::parse(identifier));
    let attempt = PasswordAttempt::new(&whose, None, ip(client));
    counted.count_password_attempt(&attempt, app.now()).await.expect("the database works").is_ok()
}

/// That many failed passwords from one network, each for a different name, as from a stolen list.
pub async fn fail_in_network(world: &World, client: &str, times: usize) {
    for number in 0..times {
        assert!(admit(world, &format!("stolen{number}"), client).await);
    }
}

/// Requests an email as a stranger, without the page.
async fn request_email(world: &World, email: &str, client: &str) {
    let app = &world.functions.forgot_username;
    let typed = TypedAddress::parse(email).expect("it looks like an address");
    let email = EmailRequest::ForgotUsername { typed: typed.clone() };
    let event = Ask::page("/forgot-username").event(ip(client), &[]);
    let event: Event = serde_json::from_value(event).expect("an event");
    let request = lambda_http::Request::from(LambdaRequest::ApiGatewayV2(guard(event)));
    app.request_email(&Request::from(request), &app.message_id(), email, &typed)
        .await
        .expect("the database works");
}

fn queued(world: &World) -> usize {
    world.dump()["OutboxTable"].len()
}

/// The counters of the day's emails, by the end of their window.
fn parts_of_the_day(world: &World) -> Vec<Value> {
    let counts = world.dump()["LimitsTable"].clone().into_iter();
    let counts = counts.map(|item| serde_json::from_str::<Value>(&item).expect("it is JSON"));
    let end = (NOON + 24 * 3_600).to_string();
    counts.filter(|count| count["expires_at"]["N"] == *end).collect()
}

/// Fills all shards of the day's emails.
async fn fill_the_day(world: &World) {
    for third in 0..160 {
        request_email(world, &format!("early{third}@example.com"), &format!("198.18.{third}.1")).await;
    }
    let parts = parts_of_the_day(world);
    assert_eq!(parts.len() as u64, u64::from(DailyEmails::SHARDS), "so many networks meet all parts");
    for mut part in parts {
        part["counted"] = json!({ "N": (DAILY / u64::from(DailyEmails::SHARDS)).to_string() });
        world.put("LimitsTable", &part);
    }
}

#[tokio::test]
async fn many_at_once_never_get_past_a_bound() {
    let world = World::new();
    let (browser, world) = (&world.visitor(), &world);
    let one_address = (0..20).map(|number| async move {
        request_email(world, "mina@example.com", &format!("198.51.100.{number}")).await;
    });
    join_all(one_address).await;
    assert_eq!(queued(world), 5, "for one address");
    let one_client = (0..40).map(|number| async move {
        let email = format!("person{number}@example.com");
        assert_eq!(ask_for_mail(browser, &email).await.status, 200);
    });
    join_all(one_client).await;
    assert_eq!(queued(world), 5 + 30, "from one client");

    let counted = async |tries: Vec<(String, String)>| {
        let admissions = tries.iter().map(|(name, client)| admit(world, name, client));
        let admissions = join_all(admissions).await;
        admissions.into_iter().filter(|admitted| *admitted).count()
    };
    let one_name = (0..40).map(|number| ("mina".to_owned(), format!("198.51.100.{number}")));
    assert_eq!(counted(one_name.collect()).await, 10, "for one name");
    let one_network = (0..140).map(|number| (format!("stolen{number}"), "192.0.2.7".to_owned()));
    assert_eq!(counted(one_network.collect()).await, 100, "from one network");
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let mut world = World::new();
    world.person("mina").create().await;
    for number in 0..5 {
        request_email(&world, "mina@example.com", &format!("198.51.100.{number}")).await;
        sign_in(&world.visitor(), "mina", "wrong").await;
        sign_in(&world.visitor(), "mina", "wrong").await;
    }
    world.restart();
    request_email(&world, "mina@example.com", "198.51.100.9").await;
    assert_eq!(queued(&world), 5);
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn known_and_unknown_names_leave_the_same_counts() {
    let counts = async |name: &str| {
        let world = World::new();
        world.person("mina").create().await;
        for _ in 0..12 {
            sign_in(&world.visitor(), name, "wrong").await;
            ask_for_mail(&world.visitor(), &format!("{name}@example.com")).await;
        }
        let counts = world.dump()["LimitsTable"].clone().into_iter();
        let counts = counts.map(|item| serde_json::from_str::<Value>(&item).expect("it is JSON"));
        let mut counts: Vec<_> =
            counts.map(|count| format!("{} {}", count["counted"], count["expires_at"])).collect();
        counts.sort();
        (counts, world.counted())
    };
    let known = counts("mina").await;
    assert_eq!(known, counts("nobody").await);
    assert_eq!(known.0.len(), 6, "name, name in a row, network, address, client, day: {known:?}");
}

#[tokio::test]
async fn a_network_that_failed_a_hundred_passwords_is_answered_as_if_every_password_were_wrong() {
    let world = World::new();
    world.person("mina").create().await;
    let stranger = world.visitor_from("2001:db8:1:2::1");
    let wrong = sign_in(&stranger, "mina", "wrong").await;
    fail_in_network(&world, "2001:db8:1:2::1", 99).await;
    for (client, name) in [("2001:db8:1:2::1", "mina"), ("2001:db8:1:2:ffff::9", "mina@example.com")] {
        assert_eq!(
            sign_in(&world.visitor_from(client), name, PASSWORD).await,
            wrong,
            "{client}, and its /64"
        );
    }
    assert!(world.counted().iter().any(|line| line.contains("\"about\":\"failed-passwords-from\"")));
    for client in ["2001:db8:1:3::1", "203.0.113.7"] {
        let elsewhere = world.visitor_from(client);
        assert_eq!(sign_in(&elsewhere, "mina", PASSWORD).await.status, 200, "{client}");
    }
    stranger.emailed_token("/login/link", "mina@example.com").await;
    world.after(HOUR);
    assert_eq!(sign_in(&stranger, "mina", PASSWORD).await.status, 200, "in the next hour");
}

#[tokio::test]
async fn right_passwords_do_not_count_against_a_network() {
    let world = World::new();
    for name in ["mina", "joris", "ana"] {
        world.person(name).create().await;
    }
    fail_in_network(&world, "203.0.113.7", 99).await;
    for name in ["mina", "joris", "ana"] {
        assert_eq!(sign_in(&world.visitor(), name, PASSWORD).await.status, 200, "{name}");
    }
    assert!(admit(&world, "nobody", "203.0.113.7").await, "the hundredth failure");
    assert!(!admit(&world, "somebody", "203.0.113.7").await);
}

#[tokio::test]
async fn failed_passwords_count_for_the_account_whatever_was_typed() {
    let world = World::new();
    let signed_in = world.person("mina").backup("spare@example.org").signed_in().await;
    for number in 0..10 {
        let name = ["mina", "mina@example.com", "spare@example.org"][number % 3];
        sign_in(&world.visitor_from(&format!("198.51.100.{number}")), name, "wrong").await;
    }
    for name in ["mina", "MINA@example.com", "spare@example.org"] {
        assert_eq!(sign_in(&world.visitor(), name, PASSWORD).await.status, 401, "{name}");
    }
    assert!(signed_in.is_signed_in().await, "a session stays");
    let token = world.visitor().emailed_token("/login/link", "spare@example.org").await;
    assert!(!token.is_empty(), "the magic link still works");
    world.after(HOUR);
    assert_eq!(sign_in(&world.visitor(), "mina", PASSWORD).await.status, 200, "in the next hour");
}

#[tokio::test]
async fn one_client_cannot_use_up_the_day_nor_its_neighbours_part_of_it() {
    let world = World::new();
    let midnight = Duration::from_hours(12);
    world.after(midnight);
    let mut address = 0;
    for _ in 0..24 {
        for _ in 0..31 {
            address += 1;
            request_email(&world, &format!("victim{address}@example.com"), "198.51.100.1").await;
        }
        world.after(HOUR);
    }
    assert_eq!(queued(&world), 24 * 30, "720 in a day");
    let lowest = u64::from(DailyEmails::LEAST / DailyEmails::SHARDS);
    assert!(24 * 30 < lowest && lowest <= DAILY / u64::from(DailyEmails::SHARDS));
    assert!(!world.counted().iter().any(|line| line.contains("RefusedForTheDay")));
}

#[tokio::test]
async fn a_place_with_many_clients_fills_one_part_of_the_day_and_leaves_the_others() {
    let world = World::new();
    let of_a_part = usize::try_from(DAILY / u64::from(DailyEmails::SHARDS)).expect("a small number");
    let ask = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let client = format!("2001:db8:1:{:x}::1", number / 30);
            request_email(&world, &format!("victim{number}@example.com"), &client).await;
        }
    };
    ask(0..60).await;
    let [part] = &mut parts_of_the_day(&world)[..] else { panic!("all count in one part") };
    // As if this had continued until just below the limit.
    part["counted"] = json!({ "N": (of_a_part - 60).to_string() });
    world.put("LimitsTable", part);
    ask(of_a_part - 60..of_a_part + 30).await;
    assert_eq!(queued(&world), 60 + 60, "the others were refused");
    let [part] = &parts_of_the_day(&world)[..] else { panic!("all count in one part") };
    assert_eq!(
        part["counted"]["N"],
        *of_a_part.to_string(),
        "a sixteenth, however many networks the place has"
    );
    let refused: BTreeSet<_> = world.counted().into_iter().filter(|line| line.contains("Refused")).collect();
    assert!(refused.iter().all(|line| line.contains("\"RefusedForTheDay\":1")), "{refused:?}");

    let before = queued(&world);
    for third in 0..32 {
        request_email(&world, &format!("honest{third}@example.com"), &format!("198.51.{third}.1")).await;
    }
    assert!(queued(&world) - before >= 24, "of 32 other networks two or so share the part");
}

#[tokio::test]
async fn where_the_days_mails_are_used_up_a_stranger_sees_success_and_a_person_is_told() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let ask = async |email: &str| {
        let visitor = world.visitor();
        visitor.post_form("/forgot-username", &[("email", email)]).await.without_chance()
    };
    let expected = ask("mina@example.com").await;
    assert_eq!(world.deliver().await.len(), 1);
    fill_the_day(&world).await;
    let before = queued(&world);
    for email in ["mina@example.com", "nobody@example.com"] {
        let (answer, calls) = world.calls_of(ask(email)).await;
        assert_eq!(answer, expected, "{email}");
        assert_eq!(calls.len(), 1, "{email}");
    }
    let browser = world.signed_in(&mina).await;
    let refused = browser.post_json("/account/backup", &json!({ "email": "spare@example.org" })).await;
    assert_eq!((refused.status, &*refused.code()), (429, "too-many"));
    assert_eq!(queued(&world), before);
    let metric = "\"RefusedForTheDay\":1";
    let lines = world.counted().into_iter().filter(|line| line.contains(metric));
    assert!(lines.clone().all(|line| line.contains("\"about\":\"mails-of-the-day\"")));
    assert_eq!(lines.count(), 3, "each is counted for the alarm");

    world.after(Duration::from_hours(12));
    ask_for_mail(&world.visitor(), "mina@example.com").await;
    assert_eq!(queued(&world), before + 1, "at midnight a new day begins");
}

#[tokio::test]
async fn no_limit_ever_holds_up_a_security_notice() {
    let world = World::new();
    let browser = world.person("mina").backup("spare@example.org").signed_in().await;
    fill_the_day(&world).await;
    world.deliver().await;
    assert_eq!(sign_in(&world.visitor(), "spare@example.org", PASSWORD).await.status, 200);
    let removed = browser.post_json("/account/backup/remove", &json!({ "what": "confirmed" })).await;
    assert_eq!(removed.status, 200);
    let mut told: Vec<_> = world.deliver().await.into_iter().map(|email| (email.to, email.subject)).collect();
    told.sort();
    let told: Vec<_> = told.iter().map(|(to, subject)| (&**to, &**subject)).collect();
    assert_eq!(
        told,
        [
            ("mina@example.com", "The backup email of your account was removed"),
            ("mina@example.com", "Your backup email was used to sign in"),
        ]
    );
}

#[tokio::test]
async fn windows_begin_at_full_hours_and_at_midnight() {
    let world = World::new();
    world.after(Duration::from_mins(59));
    for number in 0..7 {
        request_email(&world, "mina@example.com", &format!("198.51.100.{number}")).await;
    }
    assert_eq!(queued(&world), 5);
    world.after(Duration::from_secs(59));
    request_email(&world, "mina@example.com", "198.51.100.8").await;
    assert_eq!(queued(&world), 5, "a second before one o'clock");
    world.after(Duration::from_secs(1));
    request_email(&world, "mina@example.com", "198.51.100.8").await;
    assert_eq!(queued(&world), 6);
}
