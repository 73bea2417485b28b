//! The hashing key is rotated: what was made under the former one holds, and what strangers used up stays used up.
//!
//! The secret goes through the steps of docs/runbook.md: the current key, the next one published beside it, the next one
//! used. At each step some functions still have the value of the step before.
use std::time::Duration;

use domain::{AccountId, CountedFor, HashingKeys, Limit, TypedAddress};
use serde_json::json;

use crate::support::{Answer, Functions, PASSWORD, Visitor, World, token_in};

const HOUR: Duration = Duration::from_hours(1);

/// Keys that were in use one after the other.
const K1: &str = "the first key, of 32 characters..";
const K2: &str = "the second key, as long as it was";
const K3: &str = "the third key, no shorter either.";

/// Values of the secret, one after the other.
const BEFORE: &[&str] = &[K1];
const PUBLISHED: &[&str] = &[K1, K2];
const USED: &[&str] = &[K2, K1];
const NEXT_PUBLISHED: &[&str] = &[K2, K3];

fn secret(keys: &[&str]) -> String {
    // The keys above are sentences, so that a failure shows which one it is.
    keys.iter().map(|key| key.replace(' ', "-")).collect::<Vec<_>>().join(" ")
}

fn deploy(world: &mut World, keys: &[&str]) {
    world.deploy(&[("HASHING_KEY", &secret(keys))]);
}

fn functions(world: &World, keys: &[&str]) -> Functions {
    world.functions_with(&[("HASHING_KEY", &secret(keys))])
}

async fn sign_in(visitor: &Visitor<'_>, password: &str) -> Answer {
    visitor.post_json("/login", &json!({ "identifier": "mina", "password": password })).await
}

/// A browser with the cookies that it had before a deployment.
fn again<'w>(world: &'w World, cookies: &[String]) -> Visitor<'w> {
    cookies.iter().fold(world.visitor(), |browser, cookie| browser.with_cookie(cookie))
}

/// A link that was requested, the cookies of the browser, and the code that it showed.
struct Asked {
    path: &'static str,
    token: String,
    cookies: Vec<String>,
    code: String,
}

impl Asked {
    async fn sign_in(world: &World) -> Self {
        let browser = world.visitor();
        let page = browser.submit("/login/link", &[("email", "mina@example.com")]).await;
        let token = token_in(world.deliver().await.last().expect("the link was sent"));
        Self { path: "/login/open", token, cookies: browser.cookies(), code: page.link_code() }
    }

    async fn open(&self, browser: &Visitor<'_>, code: Option<&str>) -> Answer {
        browser.post_json(self.path, &json!({ "token": self.token, "code": code })).await
    }
}

#[tokio::test]
async fn a_link_of_the_former_key_opens_where_it_was_requested_and_elsewhere_with_its_code() {
    for steps in [&[PUBLISHED][..], &[PUBLISHED, USED]] {
        for with_code in [false, true] {
            let mut world = World::new();
            world.person("mina").create().await;
            deploy(&mut world, BEFORE);
            let asked = Asked::sign_in(&world).await;
            for step in steps {
                deploy(&mut world, step);
            }
            let (browser, code) = if with_code {
                (world.visitor_from("198.51.100.9"), Some(&*asked.code))
            } else {
                (again(&world, &asked.cookies), None)
            };
            let opened = asked.open(&browser, code).await;
            assert_eq!(opened.status, 200, "{steps:?} {with_code} {}", opened.body);
            assert!(browser.is_signed_in().await);
        }
    }
}

#[tokio::test]
async fn a_link_of_the_key_before_the_former_one_is_refused_calmly() {
    let mut world = World::new();
    world.person("mina").create().await;
    deploy(&mut world, BEFORE);
    let asked = Asked::sign_in(&world).await;
    deploy(&mut world, NEXT_PUBLISHED);
    let browser = again(&world, &asked.cookies);
    let page = browser.get(&format!("{}?token={}", asked.path, asked.token)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("name=\"code\""), "as in any other browser: {}", page.words());
    let refused = asked.open(&browser, None).await;
    assert_eq!((refused.status, &*refused.code()), (422, "code-needed"));
    let refused = asked.open(&browser, Some(&asked.code)).await;
    assert_eq!((refused.status, &*refused.code()), (422, "wrong-code"));
    let asked = Asked::sign_in(&world).await;
    assert_eq!(asked.open(&again(&world, &asked.cookies), None).await.status, 200, "asking again helps");
}

#[tokio::test]
async fn the_account_page_shows_a_code_that_works_at_every_step() {
    let mut world = World::new();
    deploy(&mut world, BEFORE);
    let (browser, token) = world.person("mina").asks_for_backup("spare@example.org").await;
    let cookies = browser.cookies();
    for step in [PUBLISHED, USED, NEXT_PUBLISHED] {
        deploy(&mut world, step);
    }
    let code = again(&world, &cookies).get("/account").await.link_code();
    let phone = world.visitor_from("198.51.100.9");
    let confirmed = phone.post_json("/backup/confirm", &json!({ "token": token, "code": code })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
}

#[tokio::test]
async fn functions_of_two_steps_accept_what_the_others_made() {
    for (asks, opens) in [
        (BEFORE, PUBLISHED),
        (PUBLISHED, BEFORE),
        (PUBLISHED, USED),
        (USED, PUBLISHED),
        (USED, &[K2][..]),
        (&[K2], USED),
        (USED, NEXT_PUBLISHED),
        (NEXT_PUBLISHED, USED),
    ] {
        let mut world = World::new();
        world.person("mina").create().await;
        deploy(&mut world, asks);
        world.functions.open_magic_link = functions(&world, opens).open_magic_link;
        let asked = Asked::sign_in(&world).await;
        let phone = world.visitor_from("198.51.100.9");
        let page = phone.get(&format!("{}?token={}", asked.path, asked.token)).await;
        assert!(page.body.contains("name=\"code\""), "{}", page.words());
        assert_eq!(asked.open(&phone, Some(&asked.code)).await.status, 200, "{asks:?} {opens:?}");
        let asked = Asked::sign_in(&world).await;
        assert_eq!(asked.open(&again(&world, &asked.cookies), None).await.status, 200, "{asks:?} {opens:?}");
    }
}

#[tokio::test]
async fn a_second_click_during_a_rotation_gets_the_session_of_the_first() {
    for (first, second) in [(PUBLISHED, USED), (USED, PUBLISHED)] {
        let mut world = World::new();
        world.person("mina").create().await;
        deploy(&mut world, first);
        let asked = Asked::sign_in(&world).await;
        let opened = asked.open(&again(&world, &asked.cookies), None).await;
        deploy(&mut world, second);
        let again = asked.open(&again(&world, &asked.cookies), None).await;
        assert_eq!((opened.status, again.status), (200, 200), "{}", again.body);
        assert_eq!(again.session(), opened.session());
    }
}

#[tokio::test]
async fn wrong_passwords_count_through_a_rotation() {
    let mut world = World::new();
    world.person("mina").create().await;
    for (step, wrong) in [(BEFORE, 4), (PUBLISHED, 3), (USED, 3)] {
        deploy(&mut world, step);
        for _ in 0..wrong {
            assert_eq!(sign_in(&world.visitor(), "wrong").await.status, 401);
        }
    }
    assert_eq!(
        sign_in(&world.visitor(), PASSWORD).await.status,
        401,
        "the tenth of the hour was one of them"
    );
    world.after(HOUR);
    for _ in 0..10 {
        assert_eq!(sign_in(&world.visitor(), "wrong").await.status, 401);
    }
    // The former key was valid for longer than the hour, so the next one has all that counts.
    deploy(&mut world, NEXT_PUBLISHED);
    assert_eq!(sign_in(&world.visitor(), PASSWORD).await.status, 401);
    world.after(HOUR);
    assert_eq!(sign_in(&world.visitor(), PASSWORD).await.status, 200, "in the next hour");
}

#[tokio::test]
async fn a_right_password_ends_the_counts_of_both_keys() {
    let mut world = World::new();
    world.person("mina").create().await;
    for (step, other) in [(PUBLISHED, USED), (USED, PUBLISHED)] {
        for round in 0..3 {
            deploy(&mut world, if round == 1 { other } else { step });
            for _ in 0..9 {
                assert_eq!(sign_in(&world.visitor(), "wrong").await.status, 401);
            }
            assert_eq!(sign_in(&world.visitor(), PASSWORD).await.status, 200, "{step:?} {round}");
        }
        world.after(HOUR);
    }
}

/// What strangers may do in an hour: emails to one address, emails from one network, failed passwords in a row.
async fn allowed(functions: &Functions, limit: &Limit) -> bool {
    let app = &functions.password_login;
    app.store.counted(&app.needs.keys).count(limit, app.now()).await.expect("the database works")
}

#[tokio::test]
async fn two_versions_of_the_functions_together_allow_no_more_than_one() {
    let typed = TypedAddress::parse("mina@example.com").expect("an address");
    let client = "198.51.100.9".parse().expect("an IP address");
    let mina = AccountId::new("account-of-mina");
    let limits = [
        (Limit::emails_to(&typed), 5),
        (Limit::emails_from(client), 30),
        (Limit::failed_passwords(&CountedFor::account(&mina)), 10),
        (Limit::failed_passwords_from(client), 100),
        (Limit::failed_passwords_in_a_row(&CountedFor::account(&mina)), 100),
        (Limit::backup_requests(&mina), 5),
        (Limit::backup_request_spacing(&mina), 1),
        (Limit::sign_ins(&mina), 100),
        (Limit::hand_overs(&mina), 100),
    ];
    let rollouts = [(BEFORE, PUBLISHED), (PUBLISHED, USED), (USED, &[K2][..]), (USED, NEXT_PUBLISHED)];
    for (former, newer) in rollouts {
        let world = World::new();
        let (old, new) = (functions(&world, former), functions(&world, newer));
        for (limit, most) in &limits {
            let mut counted = 0;
            for call in 0..2 * most + 2 {
                counted += i32::from(allowed(if call % 2 == 0 { &old } else { &new }, limit).await);
            }
            assert_eq!(
                usize::try_from(counted).expect("a count"),
                *most,
                "{} {former:?} {newer:?}",
                limit.name
            );
            assert!(!allowed(&new, limit).await, "nothing is left once all are new");
        }
    }
}

#[tokio::test]
async fn a_network_meets_the_full_shard_of_the_day_that_it_filled_under_the_former_key() {
    let world = World::new();
    let daily = domain::DailyEmails::new(12_000).expect("enough");
    let client = "198.51.100.9".parse().expect("an IP address");
    let shard = daily.shard_for(domain::Requester::Client(client));
    let keys = |keys| HashingKeys::parse(&secret(keys)).expect("keys");
    let names: Vec<_> = keys(USED).all().map(|key| shard.counted_as(key)).collect();
    assert_ne!(names[0], names[1], "the two keys put this network into different shards");
    let former = functions(&world, BEFORE);
    for _ in 0..12_000 / 16 {
        assert!(allowed(&former, &shard).await);
    }
    for step in [PUBLISHED, USED] {
        assert!(!allowed(&functions(&world, step), &shard).await, "{step:?}");
    }
}

#[tokio::test]
async fn a_known_browser_stays_known_and_its_cookie_is_renewed_at_the_next_sign_in() {
    let mut world = World::new();
    world.person("mina").create().await;
    deploy(&mut world, BEFORE);
    let browser = world.visitor();
    assert_eq!(sign_in(&browser, PASSWORD).await.status, 200);
    let former = browser.cookies();
    for step in [PUBLISHED, USED] {
        deploy(&mut world, step);
        for _ in 0..10 {
            sign_in(&world.visitor_from("198.51.100.9"), "wrong").await;
        }
        assert_eq!(sign_in(&world.visitor(), PASSWORD).await.status, 401, "strangers used up theirs");
        assert_eq!(sign_in(&again(&world, &former), PASSWORD).await.status, 200, "{step:?}");
        world.after(HOUR);
    }
    let browser = again(&world, &former);
    assert_eq!(sign_in(&browser, PASSWORD).await.status, 200);
    let renewed = browser.cookies();
    deploy(&mut world, NEXT_PUBLISHED);
    for _ in 0..10 {
        sign_in(&world.visitor_from("198.51.100.9"), "wrong").await;
    }
    assert_eq!(sign_in(&again(&world, &former), PASSWORD).await.status, 401, "two keys ago: as any browser");
    assert_eq!(sign_in(&again(&world, &renewed), PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_rotation_sends_no_second_notice_within_the_hour() {
    let mut world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    deploy(&mut world, BEFORE);
    let browser = world.visitor();
    let by_backup = json!({ "identifier": "spare@example.org", "password": PASSWORD });
    assert_eq!(browser.post_json("/login", &by_backup).await.status, 200);
    assert_eq!(world.deliver().await.len(), 1, "the notice");
    let cookies = browser.cookies();
    for step in [PUBLISHED, USED] {
        deploy(&mut world, step);
        let browser = again(&world, &cookies);
        assert_eq!(browser.post_json("/login", &by_backup).await.status, 200);
        let emails = world.deliver().await;
        assert!(emails.is_empty(), "{step:?} {emails:#?}");
    }
}

#[tokio::test]
async fn strangers_learn_nothing_while_two_keys_are_valid() {
    for step in [PUBLISHED, USED] {
        let mut seen = Vec::new();
        for known in [true, false] {
            let mut world = World::new();
            if known {
                world.person("mina").create().await;
            }
            deploy(&mut world, step);
            let look = async {
                let stranger = world.visitor();
                let email = [("email", "mina@example.com")];
                [
                    stranger.post_form("/login/link", &email).await,
                    stranger.post_form("/forgot-username", &email).await,
                    sign_in(&stranger, "wrong").await,
                ]
                .map(Answer::without_chance)
            };
            let (answers, calls) = world.calls_of(look).await;
            seen.push((answers, calls.into_iter().map(|call| call.what).collect::<Vec<_>>()));
        }
        assert_eq!(seen[0], seen[1], "{step:?}");
    }
}
