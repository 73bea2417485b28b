//! Links that work no more: what a program is told that looks at one, and one that uses it.
use std::time::Duration;

use serde_json::json;

use super::{PRIMARY, refusal, refused};
use crate::promote_backup::undo;
use crate::request_primary::{NEW, ask, asked};
use crate::support::{Answer, Person, Visitor, World, token_in};

const BACKUP: &str = "/backup/confirm";
const PRIMARY_EMAIL: &str = "/primary/confirm";
const SIGN_IN: &str = "/login/open";
const HAND_OVER: &str = "/hand-over";
const UNDO: &str = "/undo";

/// A link that works.
struct Link<'w> {
    world: &'w World,
    path: &'static str,
    token: String,
    /// Whose it is.
    mina: Person,
    /// The browser that asked for it, if one did.
    browser: Visitor<'w>,
}

impl<'w> Link<'w> {
    /// One of mina's, for this path.
    async fn of(world: &'w World, path: &'static str) -> Self {
        if path == HAND_OVER {
            let (shop, mina) = world.shop_with_mina().await;
            let token = world.handed_over(&shop, None).await;
            return Self { world, path, token, mina, browser: world.visitor() };
        }
        let mina = world.person("mina").create().await;
        let browser = world.signed_in(&mina).await;
        let token = match path {
            BACKUP => browser.emailed_token("/account/backup", NEW).await,
            PRIMARY_EMAIL => asked(world, &browser, NEW).await,
            SIGN_IN => browser.emailed_token("/login/link", PRIMARY).await,
            _ => {
                assert_eq!(ask(&browser, NEW).await.status, 202);
                told(world).await
            }
        };
        Self { world, path, token, mina, browser }
    }

    /// A program elsewhere looks at it.
    async fn look(&self) -> Answer {
        self.world.visitor().get_json(&format!("{}?token={}", self.path, self.token)).await
    }

    /// A program uses it, with this code.
    async fn send(&self, program: &Visitor<'_>, code: Option<&str>) -> Answer {
        let mut form = json!({ "token": self.token });
        if let Some(code) = code {
            form["code"] = code.into();
        }
        program.post_json(self.path, &form).await
    }

    /// It is used. Then what it did is no more, so that a look at it does not show that.
    async fn spend(&self) {
        if self.path == UNDO {
            assert_eq!(undo(self.world, &self.token).await.status, 200);
            self.world.after(Duration::from_hours(72));
            return;
        }
        assert_eq!(self.send(&self.browser, None).await.status, 200, "{}", self.path);
        let undone = match self.path {
            BACKUP => self.browser.post_json("/account/backup/remove", &json!({})).await.status,
            PRIMARY_EMAIL => undo(self.world, &told(self.world).await).await.status,
            _ => 200,
        };
        assert_eq!(undone, 200, "{}", self.path);
    }

    /// Asserts that it works for nobody.
    async fn assert_dead(&self, code: &str) {
        let sent = self.send(&self.world.visitor(), None).await;
        for (method, answer) in [("GET", self.look().await), ("POST", sent)] {
            assert_eq!(refusal(&answer), refused(410, code), "{method} {}", self.path);
        }
    }
}

/// The secret of the link in what the primary email is told.
async fn told(world: &World) -> String {
    let emails = world.deliver().await;
    token_in(emails.iter().find(|email| email.to == PRIMARY).expect("it is told"))
}

#[tokio::test]
async fn what_is_looked_at_in_time_is_shown() {
    let world = World::new();
    let answer = Link::of(&world, PRIMARY_EMAIL).await.look().await;
    assert_eq!((answer.status, &answer.json()["address"]), (200, &json!(NEW)));
}

#[tokio::test]
async fn a_link_expires() {
    for path in [BACKUP, PRIMARY_EMAIL, SIGN_IN, HAND_OVER, UNDO] {
        let world = World::new();
        let link = Link::of(&world, path).await;
        world.after(Duration::from_hours(7 * 24) + Duration::from_secs(1));
        link.assert_dead("link-expired").await;
    }
}

#[tokio::test]
async fn a_link_is_used_once() {
    for path in [BACKUP, PRIMARY_EMAIL, SIGN_IN, HAND_OVER, UNDO] {
        let world = World::new();
        let link = Link::of(&world, path).await;
        link.spend().await;
        link.assert_dead("link-used").await;
    }
}

#[tokio::test]
async fn a_link_ends_with_all_sessions() {
    for path in [BACKUP, PRIMARY_EMAIL, SIGN_IN, HAND_OVER] {
        let world = World::new();
        let link = Link::of(&world, path).await;
        world.end_sessions(&link.mina).await;
        link.assert_dead("link-replaced").await;
    }
}

#[tokio::test]
async fn a_link_takes_five_wrong_codes() {
    for path in [BACKUP, PRIMARY_EMAIL, SIGN_IN] {
        let world = World::new();
        let link = Link::of(&world, path).await;
        let stranger = world.visitor();
        for _ in 0..4 {
            let answer = link.send(&stranger, Some("000000")).await;
            assert_eq!(refusal(&answer), refused(422, "wrong-code"), "{path}");
        }
        let fifth = link.send(&stranger, Some("000000")).await;
        assert_eq!(refusal(&fifth), refused(410, "link-locked"), "{path}");
        link.assert_dead("link-locked").await;
    }
}

#[tokio::test]
async fn a_hundred_people_are_handed_over_to_an_account_in_an_hour() {
    let world = World::new();
    let (shop, _) = world.shop_with_mina().await;
    let mut statuses = Vec::new();
    for _ in 0..100 {
        let form = json!({ "token": world.handed_over(&shop, None).await });
        statuses.push(world.visitor().post_json(HAND_OVER, &form).await.status);
    }
    assert_eq!(statuses, [200; 100]);
    let form = json!({ "token": world.handed_over(&shop, None).await });
    let answer = world.visitor().post_json(HAND_OVER, &form).await;
    assert_eq!(refusal(&answer), refused(429, "too-many-sign-ins"));
}
