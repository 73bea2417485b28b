//! One run through all flows that collects every secret, for tests that look for these elsewhere.
use std::collections::BTreeMap;
use std::time::Duration;

use dev::aws::faults::FaultKind;
use dev::mailbox::ReceivedEmail;
use dev::stack::environment::secrets;
use serde_json::json;

use crate::support::{
    Answer, Ask, PASSWORD, Tokens, Visitor, World, sign_out_request, signs_in, template, token_in,
};

/// A wrong password.
pub const WRONG: &str = "hunter2";

/// The result of a run.
pub struct Tour<'w> {
    /// Somebody who is signed in at the end.
    pub browser: Visitor<'w>,
    /// Every secret, with its kind.
    pub secrets: BTreeMap<String, String>,
    /// All answers.
    pub answers: Vec<Answer>,
    /// The secret of a used undo link.
    pub used_undo: String,
    world: &'w World,
}

impl<'w> Tour<'w> {
    /// Calls every function, with valid and invalid requests and with failing services.
    pub async fn walk(world: &'w World) -> Self {
        world.person("mina").create().await;
        let mut tour = Self {
            browser: world.visitor(),
            secrets: BTreeMap::new(),
            answers: Vec::new(),
            used_undo: String::new(),
            world,
        };
        for (name, value) in secrets(template(), None).expect("the template's secrets") {
            tour.secrets.insert(name, value);
        }
        tour.signs_in("mina@example.com", "first").await;
        tour.defines_a_backup().await;
        tour.signs_in_to_a_product().await;
        tour.loses_the_primary_mailbox().await;
        tour.is_robbed_and_takes_it_back().await;
        tour.meets_failures().await;
        world.after(Duration::from_secs(1));
        tour.comes_back_late().await;
        world.after(Duration::from_secs(1));
        tour.signs_in("mina", "last").await;
        tour
    }

    /// Records an answer, the code that it shows and the secrets in its cookies.
    fn keep(&mut self, what: &str, answer: Answer) -> Answer {
        if let Some(code) = answer.code_shown() {
            self.secrets.insert(format!("code {what}"), code.replace(' ', ""));
            self.secrets.insert(format!("code {what}, as it is shown"), code);
        }
        for cookie in &answer.cookies {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or_default();
            let kind = if name == "__Host-session" { "session" } else { name.trim_start_matches("__Host-") };
            // What kind of email was requested, the key of the request and what was done are no secrets.
            let public = match name {
                "__Host-banner" => 1,
                "__Host-requested" => 2,
                _ => 0,
            };
            let secret = value.split('.').skip(public).filter(|part| !part.is_empty());
            for (number, part) in secret.enumerate() {
                self.secrets.insert(format!("{kind} {what} {number}"), part.to_owned());
            }
        }
        self.answers.push(answer.clone());
        answer
    }

    async fn ask(&mut self, what: &str, visitor: &Visitor<'_>, ask: &Ask) -> Answer {
        let answer = visitor.ask(ask).await;
        self.keep(what, answer)
    }

    async fn page(&mut self, what: &str, visitor: &Visitor<'_>, path: &str) -> Answer {
        self.ask(what, visitor, &Ask::page(path)).await
    }

    async fn form(
        &mut self,
        what: &str,
        visitor: &Visitor<'_>,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        self.ask(what, visitor, &Ask::form(path, fields)).await
    }

    /// Delivers emails and records the secrets of their links.
    async fn emails(&mut self, what: &str) -> Vec<(ReceivedEmail, String)> {
        let emails = self.world.deliver().await;
        let with_links = emails.into_iter().filter(|email| !email.links.is_empty());
        let emails: Vec<_> = with_links
            .map(|email| {
                let token = if email.links[0].contains("token=") { token_in(&email) } else { String::new() };
                (email, token)
            })
            .collect();
        for (email, token) in emails.iter().filter(|(_, token)| !token.is_empty()) {
            self.secrets.insert(format!("link {what}: {}", email.subject), token.clone());
        }
        emails
    }

    async fn signs_in(&mut self, identifier: &str, what: &str) {
        let browser = self.world.visitor();
        for password in [WRONG, "", PASSWORD] {
            let fields = [("identifier", identifier), ("password", password)];
            self.form(what, &browser, "/login", &fields).await;
        }
        assert!(browser.is_signed_in().await);
        self.browser = browser;
    }

    async fn defines_a_backup(&mut self) {
        let browser = self.browser.duplicate();
        self.form("define", &browser, "/account/backup", &[("email", "not an address")]).await;
        self.form("define", &browser, "/account/backup", &[("email", "spare@example.org")]).await;
        let account = self.page("define", &browser, "/account").await;
        self.form("define", &browser, "/account/backup", &[("email", "other@example.org")]).await;
        let emails = self.emails("define").await;
        let [(_, token)] = &emails[..] else { panic!("one email: {emails:?}") };
        let phone = self.world.visitor();
        self.page("define", &phone, &format!("/backup/confirm?token={token}")).await;
        for code in ["000000", &account.link_code()] {
            self.form("define", &phone, "/backup/confirm", &[("token", token), ("code", code)]).await;
        }
        self.form("define", &phone, "/backup/confirm", &[("token", token)]).await;
        self.emails("defined").await;
    }

    async fn signs_in_to_a_product(&mut self) {
        let shop = self.world.product("Shop").await;
        let browser = self.world.visitor();
        let asked =
            self.page("product", &browser, &shop.request(&[("login_hint", "mina@example.com")])).await;
        let last = signs_in(&browser, &asked, "mina").await;
        let (last, code) = (self.keep("product", last.clone()), shop.code(&last));
        let redeemed = self.keep("product", shop.redeem(&code, &[]).await);
        let tokens = Tokens::of(&redeemed);
        let told = self.keep("product", shop.userinfo(&tokens.access).await);
        assert_eq!((last.status, told.status), (200, 200));
        self.keep("product, again", shop.redeem(&code, &[]).await);
        let wrong = shop.redemption(&code, &[]).header("authorization", "Basic x");
        self.keep("product, wrong", shop.server.ask(&wrong).await);
        let way_out = sign_out_request(&[("id_token_hint", &*tokens.id)]);
        self.page("product, out", &browser, &way_out).await;
        let secret = shop.secret.as_ref().expect("it has a server").expose();
        let session = browser.cookie("__Host-session").expect("a session");
        for (what, secret) in [
            ("code of a product", code),
            ("secret of a product", secret),
            ("access token of a product", tokens.access),
            ("ID token of a product", tokens.id),
            ("session with a product", session),
        ] {
            self.secrets.insert(what.into(), secret);
        }
        self.form("product, out", &browser, "/oidc/logout", &[]).await;
        assert!(!browser.is_signed_in().await);
    }

    async fn loses_the_primary_mailbox(&mut self) {
        let library = self.world.visitor();
        for _ in 0..6 {
            self.form("name", &library, "/forgot-username", &[("email", "spare@example.org")]).await;
        }
        self.emails("name").await;
        self.world.after(Duration::from_hours(1));
        let page = self.form("way in", &library, "/login/link", &[("email", "spare@example.org")]).await;
        let page = self.page("way in", &library, page.header("location")).await;
        assert!(page.code_shown().is_some());
        let emails = self.emails("way in").await;
        let [(_, token)] = &emails[..] else { panic!("one email: {emails:?}") };
        self.page("way in", &library, &format!("/login/open?token={token}")).await;
        let thief = self.world.visitor();
        for _ in 0..2 {
            self.form("thief", &thief, "/login/open", &[("token", token), ("code", "111111")]).await;
        }
        self.form("way in", &library, "/login/open", &[("token", token)]).await;
        assert!(library.is_signed_in().await);
        self.form("way in", &library, "/login/open", &[("token", token)]).await;
        self.form("way in", &library, "/logout", &[]).await;
        self.emails("used").await;
    }

    async fn is_robbed_and_takes_it_back(&mut self) {
        self.signs_in("mina", "again").await;
        let thief = self.browser.duplicate();
        self.form("theft", &thief, "/account/backup", &[("email", "thief@example.net")]).await;
        let emails = self.emails("theft").await;
        let [(_, token)] = &emails[..] else { panic!("one email: {emails:?}") };
        self.form("theft", &thief, "/backup/confirm", &[("token", token)]).await;
        let emails = self.emails("notice").await;
        let [(_, undo)] = &emails[..] else { panic!("one notice: {emails:?}") };
        let owner = self.world.visitor();
        self.page("undo", &owner, &format!("/undo?token={undo}")).await;
        for username in ["joris", "mina", "mina"] {
            self.form("undo", &owner, "/undo", &[("token", undo), ("username", username)]).await;
        }
        assert!(!thief.is_signed_in().await, "undone");
        self.used_undo.clone_from(undo);
        self.emails("undone").await;
    }

    async fn comes_back_late(&mut self) {
        self.signs_in("mina", "late").await;
        let late = self.browser.duplicate();
        // Changes of the backup email are frozen after an undo.
        self.world.after(Duration::from_hours(73));
        let asked = self.form("late", &late, "/account/backup", &[("email", "late@example.org")]).await;
        let kept = asked.cookies.iter().any(|cookie| cookie.starts_with("__Host-wanted="));
        assert!(kept, "what was typed is kept: {asked:?}");
        self.signs_in("mina", "elsewhere").await;
        let list = self.page("sessions", &self.browser.duplicate(), "/account").await;
        assert!(list.body.contains("name=\"session\""), "{}", list.words());
        let browser = self.browser.duplicate();
        self.form("others", &browser, "/account/sessions/end", &[("others", "true")]).await;
        assert!(!late.is_signed_in().await && browser.is_signed_in().await);
    }

    async fn meets_failures(&mut self) {
        let visitor = self.world.visitor();
        let malformed = json!({ "identifier": WRONG, "pasword": WRONG });
        self.ask("malformed", &visitor, &Ask::json("/login", &malformed)).await;
        let link = "/nowhere?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&email=mina@example.com";
        self.page("nowhere", &visitor, link).await;
        let forged = Ask::form("/login", &[("identifier", "mina"), ("password", PASSWORD)]);
        self.ask("forged", &visitor, &forged.header("sec-fetch-site", "cross-site")).await;
        self.form("late", &visitor, "/forgot-username", &[("email", "mina@example.com")]).await;
        self.world.wire.fail("SendEmail", 3, FaultKind::ServerError);
        self.world.feed(&self.world.new_records()).await;
        self.world.wire.fail("TransactWriteItems", 3, FaultKind::ServerError);
        self.form("broken", &visitor, "/forgot-username", &[("email", "mina@example.com")]).await;
    }
}
