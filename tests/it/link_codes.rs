//! A link opens in the browser that requested it; elsewhere it needs the code shown there.
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Visitor, World};

/// A link that was requested in one browser and is opened in another.
struct Asked<'w> {
    /// The browser that requested it.
    asker: Visitor<'w>,
    /// The page that opens it.
    path: &'static str,
    /// The link's secret.
    token: String,
    /// The code that the requesting page shows.
    code: String,
}

impl<'w> Asked<'w> {
    /// A sign-in link to mina's primary email.
    async fn sign_in(world: &'w World) -> Self {
        world.person("mina").create().await;
        let asker = world.visitor();
        let page = asker.submit("/login/link", &[("email", "mina@example.com")]).await;
        let token = mailed(world).await;
        Self { code: page.link_code(), asker, path: "/login/open", token }
    }

    /// A confirmation link to mina's pending backup email.
    async fn confirmation(world: &'w World) -> Self {
        let (asker, token) = world.person("mina").asks_for_backup("spare@example.org").await;
        let code = asker.get("/account").await.link_code();
        Self { code, asker, path: "/backup/confirm", token }
    }

    async fn open(&self, visitor: &Visitor<'_>, code: Option<&str>) -> Answer {
        visitor.post_json(self.path, &json!({ "token": self.token, "code": code })).await
    }

    /// A code that is not this one.
    fn wrong(&self, number: u32) -> String {
        let code = format!("{number:06}");
        if code == self.code.replace(' ', "") { "ZZZZZZ".into() } else { code }
    }
}

async fn mailed(world: &World) -> String {
    let emails = world.deliver().await;
    let [email] = &emails[..] else { panic!("one email is expected: {emails:#?}") };
    crate::support::token_in(email)
}

/// The same for both kinds of link.
macro_rules! for_both {
    ($test:ident) => {
        let world = World::new();
        $test(&world, Asked::sign_in(&world).await).await;
        let world = World::new();
        $test(&world, Asked::confirmation(&world).await).await;
    };
}

#[tokio::test]
async fn where_it_was_asked_for_the_button_is_enough() {
    async fn test(_: &World, asked: Asked<'_>) {
        let page = asked.asker.get(&format!("{}?token={}", asked.path, asked.token)).await;
        assert!(!page.body.contains("name=\"code\""), "{}", page.words());
        assert_eq!(asked.open(&asked.asker, None).await.status, 200);
    }
    for_both!(test);
}

#[tokio::test]
async fn in_another_browser_nothing_opens_without_the_code() {
    async fn test(world: &World, asked: Asked<'_>) {
        let phone = world.visitor();
        let page = phone.get(&format!("{}?token={}", asked.path, asked.token)).await;
        assert!(page.body.contains("name=\"code\""), "{}", page.words());
        let before = world.dump();
        for missing in [None, Some(""), Some("  ")] {
            let refused = asked.open(&phone, missing).await;
            assert_eq!((refused.status, &*refused.code()), (422, "code-needed"), "{missing:?}");
        }
        let no_code = asked.open(&phone, Some("not a code")).await;
        assert_eq!((no_code.status, &*no_code.code()), (422, "wrong-code"));
        assert_eq!(world.dump(), before, "what can be no code costs no try");
        assert!(phone.cookies().is_empty());

        let typed = asked.code.to_lowercase().replace(' ', "-");
        assert_eq!(asked.open(&phone, Some(&typed)).await.status, 200);
        let again = asked.open(&asked.asker, None).await;
        if asked.path == "/backup/confirm" {
            assert_eq!(again.status, 200, "the address is confirmed");
        } else {
            assert_eq!(
                (again.status, &*again.code()),
                (410, "link-used"),
                "the phone's session is not given away"
            );
        }
    }
    for_both!(test);
}

#[tokio::test]
async fn a_wrong_code_is_told_on_the_page() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    let form = [("token", &*asked.token), ("code", "000000")];
    insta::assert_snapshot!(world.visitor().post_form("/login/open", &form).await.shown(), @r"
    422
    Sign in as mina?
    That is not the code Please compare it with the page where the link was asked for. A newer request has a newer code.
    Code
    You opened this link in another browser than the one that asked for it. The page there shows a code of six letters and digits. After five wrong codes the link stops working.
    Have you closed that page?
    Ask for a new link here
    Sign in as mina
    You didn’t ask for this link? Close this page, and nothing happens.
    ");
}

#[tokio::test]
async fn the_fifth_wrong_code_makes_the_link_dead_for_everybody() {
    async fn test(world: &World, asked: Asked<'_>) {
        let thief = world.visitor();
        for number in 0..4 {
            assert_eq!(asked.open(&thief, Some(&asked.wrong(number))).await.code(), "wrong-code");
        }
        let fifth = asked.open(&thief, Some(&asked.wrong(4))).await;
        assert_eq!((fifth.status, &*fifth.code()), (410, "link-locked"));
        for (visitor, code) in [(&thief, Some(&*asked.code)), (&asked.asker, None)] {
            assert_eq!(asked.open(visitor, code).await.code(), "link-locked");
        }
        let page = asked.asker.get(&format!("{}?token={}", asked.path, asked.token)).await;
        assert_eq!(page.status, 410);
    }
    for_both!(test);
}

#[tokio::test]
async fn the_right_code_at_the_fifth_try_opens() {
    async fn test(world: &World, asked: Asked<'_>) {
        let phone = world.visitor();
        for number in 0..4 {
            asked.open(&phone, Some(&asked.wrong(number))).await;
        }
        assert_eq!(asked.open(&phone, Some(&asked.code)).await.status, 200);
    }
    for_both!(test);
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_five_are_compared() {
    async fn test(world: &World, asked: Asked<'_>) {
        let thief = world.visitor();
        let codes: Vec<_> = (0..1_000).map(|number| asked.wrong(number)).collect();
        let mut answers = Vec::new();
        // A hundred at a time: a thousand would only wait for the one database.
        for codes in codes.chunks(100) {
            answers.extend(join_all(codes.iter().map(|code| asked.open(&thief, Some(code)))).await);
        }
        assert!(answers.iter().all(|answer| answer.cookies.is_empty()));
        let codes: Vec<_> = answers.iter().map(Answer::code).collect();
        let wrong = codes.iter().filter(|code| *code == "wrong-code").count();
        let locked = codes.iter().filter(|code| *code == "link-locked").count();
        assert_eq!((wrong, locked), (4, 996), "the fifth wrong one is the last that was compared");
        assert_eq!(asked.open(&thief, Some(&asked.code)).await.code(), "link-locked");
    }
    for_both!(test);
}

#[tokio::test]
async fn the_code_of_another_request_does_not_fit() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    let thief = world.visitor();
    let own = thief.submit("/login/link", &[("email", "thief@example.net")]).await.link_code();
    assert_ne!(own, asked.code);
    assert_eq!(asked.open(&thief, Some(&own)).await.code(), "wrong-code");
}

#[tokio::test]
async fn the_first_mail_still_opens_after_an_impatient_second_request() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    asked.asker.post_form("/login/link", &[("email", "mina@example.com")]).await;
    assert_eq!(asked.open(&asked.asker, None).await.status, 200, "its email is not there yet");
}

#[tokio::test]
async fn a_session_of_the_account_is_as_good_as_the_cookie_and_one_of_another_is_not() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    let others = world.person("joris").signed_in().await;
    assert_eq!(asked.open(&others, None).await.code(), "code-needed");
    let form = json!({ "identifier": "mina", "password": crate::support::PASSWORD });
    let own = world.visitor();
    own.post_json("/login", &form).await;
    assert_eq!(asked.open(&own, None).await.status, 200);
}

#[tokio::test]
async fn a_cookie_of_another_request_or_a_made_up_one_is_none() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    let other = world.visitor();
    other.post_form("/login/link", &[("email", "nobody@example.net")]).await;
    assert_eq!(asked.open(&other, None).await.code(), "code-needed");
    for value in ["A".repeat(43), ".".repeat(200), String::new(), asked.token.clone()] {
        let made_up = world.visitor().with_cookie(&format!("__Host-asked={value}"));
        assert_eq!(asked.open(&made_up, None).await.code(), "code-needed", "{value}");
    }
}

#[tokio::test]
async fn an_old_browser_keeps_nothing_of_a_used_request() {
    let world = World::new();
    let asked = Asked::sign_in(&world).await;
    assert!(asked.asker.cookie("__Host-asked").is_some());
    world.after(Duration::from_mins(1));
    assert_eq!(asked.open(&asked.asker, None).await.status, 200);
    assert!(asked.asker.cookie("__Host-asked").is_none());
}
