//! Behind CloudFront: only what came through the distribution is answered, and its viewer is whom limits count.
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::{Answer, Ask, PASSWORD, World};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const OTHER_STACK: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// An address of CloudFront, which API Gateway sees as the client.
const EDGE: &str = "192.0.2.1";
const HOST: &str = "account.example.com";

fn behind_cloudfront(secret: &str) -> World {
    let mut world = World::new();
    world.deploy(&[("ORIGIN_KEY", secret)]);
    world
}

/// A request as it reaches the API: from CloudFront's address, with these headers.
fn event(ask: &Ask, headers: &[(&str, Value)]) -> Value {
    let mut event = ask.event(EDGE.parse::<IpAddr>().expect("an address"), &[]);
    event["headers"]["host"] = json!("abc.execute-api.us-east-1.amazonaws.com");
    for (name, value) in headers {
        event["headers"][name] = value.clone();
    }
    event
}

/// The headers of a request that came through the distribution.
fn through(viewer: &str) -> [(&'static str, Value); 3] {
    [
        ("x-origin-verify", json!(KEY)),
        ("cloudfront-viewer-address", json!(viewer)),
        ("x-viewer-host", json!(HOST)),
    ]
}

async fn answer(world: &World, ask: &Ask, headers: &[(&str, Value)]) -> Answer {
    Answer::from(world.answer(&event(ask, headers)).await)
}

async fn wrong_password(world: &World, number: usize, headers: &[(&str, Value)]) -> Answer {
    let typed = json!({ "identifier": format!("nobody{number}"), "password": "wrong" });
    answer(world, &Ask::json("/login", &typed), headers).await
}

#[tokio::test]
async fn a_request_that_did_not_come_through_the_distribution_is_refused_everywhere() {
    let world = behind_cloudfront(KEY);
    let viewer = [
        ("cloudfront-viewer-address", json!("198.51.100.10:46532")),
        ("x-viewer-host", json!("account.example.com")),
    ];
    let doubled = format!("{KEY},{KEY}");
    let shown = [
        None,
        Some(json!("")),
        Some(json!(OTHER_STACK)),
        Some(json!(&KEY[1..])),
        Some(json!(format!("{KEY}0"))),
        Some(json!(KEY.to_uppercase())),
        Some(json!(doubled)),
        Some(json!(format!("{KEY}, {OTHER_STACK}"))),
        Some(json!([KEY, KEY])),
        Some(json!([OTHER_STACK, KEY])),
        Some(json!(format!("{OTHER_STACK} {NEXT}"))),
    ];
    let asks = [
        Ask::page("/login"),
        Ask::page("/account"),
        Ask::page("/no/such/page"),
        Ask::page("/login/open?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        Ask::form("/login/link", &[("email", "mina@example.com")]),
        Ask::json("/login", &json!({ "identifier": "mina", "password": PASSWORD })),
        Ask::new("OPTIONS", "/login"),
        Ask::new("PUT", "/login"),
    ];
    world.person("mina").create().await;
    let before = world.dump();
    for shown in shown {
        for ask in &asks {
            let own = shown.iter().map(|value| ("x-origin-verify", value.clone()));
            let headers: Vec<_> = viewer.iter().cloned().chain(own).collect();
            let (refused, calls) = world.calls_of(answer(&world, ask, &headers)).await;
            assert_eq!(refused.status, 403, "{shown:?} {} {}", ask.method, ask.path);
            assert!(calls.is_empty(), "nothing is asked for: {calls:?}");
            if ask.headers.get("accept").is_some_and(|accept| accept.contains("json")) {
                assert_eq!(refused.code(), "not-via-cloudfront");
            }
        }
    }
    assert_eq!(world.dump(), before);
    let page = answer(&world, &Ask::page("/login"), &viewer).await;
    assert!(page.words().contains("This is not the address of our site"), "{}", page.words());
}

#[tokio::test]
async fn what_came_through_is_answered_as_without_cloudfront() {
    let (direct, world) = (World::new(), behind_cloudfront(KEY));
    for world in [&direct, &world] {
        world.person("mina").create().await;
    }
    for ask in [
        Ask::page("/login"),
        Ask::form("/login/link", &[("email", "mina@example.com")]),
        // A browser names the site's own host as origin, not that of the API.
        Ask::form("/login", &[("identifier", "mina"), ("password", PASSWORD)]),
        Ask::page("/no/such/page"),
    ] {
        let expected = direct.visitor().ask(&ask).await.without_chance();
        let through = answer(&world, &ask, &through("198.51.100.10:46532")).await.without_chance();
        assert_eq!(through, expected, "{}", ask.path);
    }
    let foreign = Ask::form("/login/link", &[("email", "mina@example.com")])
        .header("origin", "https://abc.execute-api.us-east-1.amazonaws.com");
    assert_eq!(answer(&world, &foreign, &through("198.51.100.10:46532")).await.status, 403, "another origin");
}

#[tokio::test]
async fn limits_of_networks_count_the_viewer_and_not_cloudfront() {
    let world = behind_cloudfront(KEY);
    world.person("mina").create().await;
    let right = Ask::json("/login", &json!({ "identifier": "mina", "password": PASSWORD }));
    let families = [
        // One viewer from many ports, and one IPv6 network of many addresses, are one client.
        (["198.51.100.10:1024", "198.51.100.10:65535"], "198.51.100.11:1024"),
        (["2001:db8:1:2::1:1024", "2001:db8:1:2:3:4:5:6:1024"], "2001:db8:1:3::1:1024"),
    ];
    for (own, neighbour) in families {
        for number in 0..100 {
            let refused = wrong_password(&world, number, &through(own[number % 2])).await;
            assert_eq!(refused.status, 401);
        }
        for viewer in own {
            assert_eq!(
                answer(&world, &right, &through(viewer)).await.status,
                401,
                "{viewer} used up its own"
            );
        }
        assert_eq!(answer(&world, &right, &through(neighbour)).await.status, 200, "{neighbour}");
    }
}

#[tokio::test]
async fn a_viewer_that_the_distribution_does_not_name_is_our_fault_and_is_not_guessed() {
    let world = behind_cloudfront(KEY);
    let [verify, address, host] = through("198.51.100.10:46532");
    for headers in [
        vec![verify.clone(), host.clone()],
        vec![verify.clone(), address.clone()],
        vec![verify.clone(), host.clone(), ("cloudfront-viewer-address", json!("198.51.100.10"))],
        vec![
            verify.clone(),
            host.clone(),
            ("cloudfront-viewer-address", json!("198.51.100.10:1,203.0.113.7:2")),
        ],
        vec![
            verify.clone(),
            host.clone(),
            ("cloudfront-viewer-address", json!(["198.51.100.10:1", "203.0.113.7:2"])),
        ],
        vec![verify.clone(), host.clone(), ("x-forwarded-for", json!("203.0.113.7"))],
        vec![verify.clone(), address.clone(), ("x-viewer-host", json!([HOST, "example.net"]))],
    ] {
        let answer = answer(&world, &Ask::page("/login"), &headers).await;
        assert_eq!(answer.status, 500, "{headers:?}");
    }
    assert!(world.log().contains("CloudFront does not say who the viewer is"), "{}", world.log());
}

#[tokio::test]
async fn the_key_is_rotated_with_two_values() {
    let two = format!("{KEY} {NEXT}");
    for (sent, accepted, status) in [
        (KEY, &*two, 200),
        (&two, KEY, 200),
        (&two, &two, 200),
        (&two, NEXT, 200),
        (NEXT, &two, 200),
        (KEY, NEXT, 403),
        (NEXT, KEY, 403),
    ] {
        let world = behind_cloudfront(accepted);
        let mut headers = through("198.51.100.10:46532");
        headers[0].1 = json!(sent);
        let answer = answer(&world, &Ask::page("/login"), &headers).await;
        assert_eq!(answer.status, status, "{sent} {accepted}");
    }
}

#[tokio::test]
async fn without_the_parameter_all_these_headers_are_ignored() {
    let world = World::new();
    world.person("mina").create().await;
    let page = Ask::page("/login");
    let plain = answer(&world, &page, &[]).await;
    let forged = answer(&world, &page, &through("198.51.100.10:46532")).await;
    assert_eq!(forged.without_chance(), plain.without_chance());
    // The host that is compared with the origin is the one that API Gateway saw.
    let form = Ask::form("/login/link", &[("email", "mina@example.com")]);
    assert_eq!(answer(&world, &form, &through("198.51.100.10:46532")).await.status, 403);
    for number in 0..100 {
        let viewer = format!("198.51.100.{number}:1024");
        assert_eq!(wrong_password(&world, number, &through(&viewer)).await.status, 401);
    }
    let right = Ask::json("/login", &json!({ "identifier": "mina", "password": PASSWORD }));
    let limited = answer(&world, &right, &through("203.0.113.9:1024")).await;
    assert_eq!(limited.status, 401, "all came from one address, whatever they said");
}

#[tokio::test]
async fn no_log_has_the_key_or_a_full_address() {
    let world = behind_cloudfront(KEY);
    answer(&world, &Ask::page("/login"), &through("198.51.100.10:46532")).await;
    answer(&world, &Ask::page("/login"), &[("x-origin-verify", json!(OTHER_STACK))]).await;
    let log = world.log();
    assert!(log.contains("not-via-cloudfront"), "{log}");
    for secret in [KEY, OTHER_STACK, "198.51.100.10"] {
        assert!(!log.contains(secret), "{log}");
    }
}
