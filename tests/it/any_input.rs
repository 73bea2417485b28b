//! Properties of every input: the bodies of the fuzz targets, here on almost valid input.
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shared::app::App;
use shared::requirements::{BackupConfirmation, EmailRequests, PasswordChecks};

use crate::properties::requests::{ask, assert_calm, empty_tables, variable};
use crate::properties::{self, Property};
use crate::support::platform::{TestClock, TestPlatform};
use crate::support::{World, file, template, workspace_file};

/// Inputs of each body: patterns, and real inputs to mutate.
fn kinds() -> Vec<(&'static str, &'static [&'static str], Vec<String>)> {
    let token = "A".repeat(43);
    let stream = file("events/mailer.json");
    vec![
        ("event", &[r#"\{"rawPath":"/[a-z]{0,3}","cookies":\["\PC{0,9}"\]\}"#], real_events()),
        (
            "form",
            &["[\0-\x07]\\PC{0,60}", "[\0-\x07]email=[%a-f0-9+&=]{0,20}"],
            vec!["\0email=mina%40example.com".into(), "\x01{\"email\":\"mina@example.com\"}".into()],
        ),
        (
            "cookie",
            &["[ -~]{0,80}", "\\PC{0,9}; ?__Host-session=[A-Za-z0-9_-]{42,44}(;\\PC{0,9})?"],
            vec![format!("__Host-session={token}"), format!("a=b; __Host-session={token}")],
        ),
        ("token", &["[A-Za-z0-9_-]{43}", "[A-Za-z0-9_=/+-]{42,44}"], vec![token]),
        ("link_code", &["[ 0-9A-Za-z-]{0,12}", "\\PC{0,8}"], vec!["4F7 QKM".into()]),
        (
            "address",
            &[
                "[!-~]{1,70}@[a-zA-Z0-9.-]{1,40}\\.[a-z]{2}",
                "\\PC{0,80}@\\PC{0,40}",
                "[a-z]{1,3}@xn--[a-z0-9-]{1,20}\\.[a-z]{2}",
            ],
            vec!["mina@bücher.example".into(), format!("{}@{}.example.com", "a".repeat(64), "b.".repeat(80))],
        ),
        (
            "identifier",
            &["\\PC{0,80}", "\\PC{1,130}@\\PC{1,130}", "\\w{3,70}", "(?s).{0,12}"],
            vec!["ＭＩＮＡ".into(), "\u{130}".repeat(100) + "@example.com"],
        ),
        (
            "next",
            &["[/\\\\:@a-z.%\\t ?#=&-]{0,14}", "/\\PC*"],
            vec!["/account?tab=1".into(), "//example.net".into()],
        ),
        ("stream", &["a\\{\"Records\":\\[\\]\\}"], vec![format!("a{stream}")]),
    ]
}

fn real_events() -> Vec<String> {
    let routed = template().functions.iter().filter(|function| !function.routes.is_empty());
    routed.map(|function| file(&format!("events/{}.json", function.name))).collect()
}

/// A real input with one stretch of it replaced.
fn damaged(real: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![any::<Vec<u8>>(), "\\PC{0,4}".prop_map(String::into_bytes), Just(Vec::new())];
    (proptest::sample::select(real), any::<(prop::sample::Index, u8)>(), piece).prop_map(
        |(real, (place, length), piece)| {
            let mut bytes = real.into_bytes();
            let from = place.index(bytes.len() + 1);
            let to = bytes.len().min(from + usize::from(length % 5));
            bytes.splice(from..to, piece);
            bytes
        },
    )
}

fn inputs(patterns: &[&str], real: Vec<String>) -> BoxedStrategy<Vec<u8>> {
    let pattern = |pattern: &&str| {
        let texts = proptest::string::string_regex(pattern).expect("a pattern");
        texts.prop_map(String::into_bytes).boxed()
    };
    let patterns = proptest::strategy::Union::new(patterns.iter().map(pattern));
    prop_oneof![2 => patterns, 2 => damaged(real), 1 => any::<Vec<u8>>()].boxed()
}

fn holds(cases: u32, inputs: &BoxedStrategy<Vec<u8>>, body: Property) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(inputs, |bytes| {
        body(&bytes);
        Ok(())
    });
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
}

#[test]
fn every_body_holds_for_input_that_is_close_to_right() {
    let kinds = kinds();
    assert_eq!(kinds.iter().map(|kind| kind.0).collect::<Vec<_>>(), properties::ALL.map(|(name, _)| name));
    for ((_, body), (_, patterns, real)) in properties::ALL.into_iter().zip(kinds) {
        for whole in &real {
            body(whole.as_bytes());
        }
        holds(400, &inputs(patterns, real), body);
    }
}

#[test]
fn every_body_is_a_fuzz_target() {
    let manifest = file("fuzz/Cargo.toml");
    for (name, _) in properties::ALL {
        let target = file(&format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(target.contains(&format!("properties::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    let targets = std::fs::read_dir(workspace_file("fuzz/fuzz_targets")).expect("there are targets");
    assert_eq!(targets.count(), properties::ALL.len() + 1, "and whole answers");
}

#[test]
fn the_fuzz_targets_have_every_variable_that_a_function_needs() {
    let platform = TestPlatform::new(&TestClock::at(1), 0, empty_tables());
    let _: App<EmailRequests> = platform.app(&variable);
    let _: App<BackupConfirmation> = platform.app(&variable);
    let _: App<PasswordChecks> = platform.app(&variable);
    platform.mailer(&variable);
}

/// Requests to the functions behind routes, signed in or not, sometimes with a real session among the cookies.
#[test]
fn every_function_answers_any_request_calmly() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = World::new();
    let cookie = tokio.block_on(async {
        let mina = world.person("mina").backup("spare@example.org").create().await;
        world.signed_in(&mina).await.cookies().remove(0)
    });
    let form = "application/x-www-form-urlencoded";
    let (bodies, types) = (
        [
            "email=new%40example.org",
            "email=%00",
            "what=pending",
            "token=A&code=1",
            "{}",
            "{\"email\":\"a@b.example\"}",
            "identifier=mina&password=x&next=//example.net",
            "",
        ],
        [form, "application/json", "text/plain", ""],
    );
    let method = prop_oneof![Just(8_u8), Just(0), any::<u8>()];
    let text = |fixed: Vec<String>| prop_oneof![3 => proptest::sample::select(fixed), 1 => "\\PC{0,40}"];
    let owned = |fixed: &[&str]| fixed.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let request = (
        any::<prop::sample::Index>(),
        method,
        text(owned(&["/?token=AAAA", "/", "/x?next=//example.net"])),
        text(vec![cookie, String::new()]),
        text(owned(&types)),
        text(owned(&["text/html", "application/json"])),
        text(owned(&["same-origin", "", "cross-site"])),
        text(owned(&bodies)),
    );
    let functions: Vec<_> =
        template().functions.iter().filter(|function| !function.routes.is_empty()).collect();
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(
        &request,
        |(which, method, target, cookies, kind, accept, site, body)| {
            let mut bytes = vec![method];
            bytes.extend([&*target, &cookies, &kind, &accept, &site, &body].join("\n").bytes());
            let Some(event) = ask(&bytes) else { return Ok(()) };
            let function = which.get(&functions);
            let event = serde_json::to_value(&event.0).expect("an event is JSON");
            assert_calm(&tokio.block_on(world.answer_by(&function.name, &event)));
            Ok(())
        },
    );
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    world.assert_claims_fit();
}
