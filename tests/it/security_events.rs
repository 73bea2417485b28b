//! What the log says when somebody signs in, fails to, or tries to bypass a control.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Ask, PASSWORD, Visitor, World};

/// The fields of each log line since the last call.
struct Lines(usize);

impl Lines {
    fn since(&mut self, world: &World) -> Vec<Value> {
        let log = world.log();
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        let new = lines[self.0..].to_vec();
        self.0 = lines.len();
        new
    }

    /// Asserts that a new line has these fields, and that all lines of a request have its id.
    fn expect(&mut self, world: &World, what: &str, fields: &Value) {
        let lines = self.since(world);
        let fits = |line: &&Value| {
            let wanted = fields.as_object().expect("fields");
            wanted.iter().all(|(name, value)| {
                let found = &line["fields"][name];
                if value == "*" { !found.is_null() } else { found == value }
            })
        };
        assert!(lines.iter().any(|line| fits(&line)), "{what}: {fields} in {lines:#?}");
        for line in &lines {
            let fields = &line["fields"];
            let of_mailer = !fields["message_id"].is_null();
            assert!(of_mailer || fields["request_id"].is_string(), "{what}: which request? {line}");
        }
    }
}

async fn post(visitor: &Visitor<'_>, path: &str, body: &Value) -> i64 {
    visitor.post_json(path, body).await.status
}

#[tokio::test]
async fn each_event_says_what_happened_to_whom_in_which_request() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let (id, browser, thief) = (mina.id.as_str(), world.visitor(), world.visitor_from("198.51.100.7"));
    let log = &mut Lines(0);
    let answered = |path: &str, status: i64, code: &str| {
        let mut fields = json!({ "message": "answered", "path": path, "status": status, "account_id": id });
        if !code.is_empty() {
            fields["code"] = json!(code);
        }
        fields
    };

    for (identifier, known) in [("mina", true), ("nobody", false)] {
        post(&thief, "/login", &json!({ "identifier": identifier, "password": "wrong" })).await;
        let lines = log.since(&world);
        let line = lines.iter().find(|line| line["fields"]["message"] == "wrong credentials");
        let fields = &line.unwrap_or_else(|| panic!("{lines:#?}"))["fields"];
        assert_eq!(fields["account_id"], if known { json!(id) } else { Value::Null });
        assert_eq!(fields["allowed"], true);
    }
    post(&browser, "/login", &json!({ "identifier": "mina", "password": PASSWORD })).await;
    let signed_in = json!({ "message": "signed in with a password", "account_id": id });
    log.expect(&world, "signing in", &signed_in);

    let token = browser.emailed_token("/login/link", "spare@example.org").await;
    post(&thief, "/login/open", &json!({ "token": token })).await;
    log.expect(&world, "no code", &answered("/login/open", 422, "code-needed"));
    for _ in 0..4 {
        post(&thief, "/login/open", &json!({ "token": token, "code": "000000" })).await;
        log.expect(&world, "a wrong code", &answered("/login/open", 422, "wrong-code"));
    }
    post(&thief, "/login/open", &json!({ "token": token, "code": "000000" })).await;
    log.expect(&world, "the fifth", &answered("/login/open", 410, "link-locked"));
    let token = browser.emailed_token("/login/link", "spare@example.org").await;
    post(&browser, "/login/open", &json!({ "token": token })).await;
    let signed_in =
        json!({ "message": "signed in through a link", "account_id": id, "method": "LinkToBackup" });
    log.expect(&world, "signing in through a link", &signed_in);
    world.deliver().await;
    post(&thief, "/login/open", &json!({ "token": "A".repeat(43) })).await;
    let unknown = json!({ "message": "answered", "code": "link-unknown", "account_id": null });
    log.expect(&world, "a forged link", &unknown);

    let undo = taken_over(&world, &browser).await;
    log.expect(&world, "a change", &answered("/backup/confirm", 200, ""));
    post(&thief, "/undo", &json!({ "token": undo, "username": "joris" })).await;
    log.expect(&world, "another username", &answered("/undo", 422, "other-username"));
    post(&thief, "/undo", &json!({ "token": undo, "username": "mina" })).await;
    log.expect(&world, "taken back", &json!({ "message": "a change was taken back", "account_id": id }));
    world.after(Duration::from_secs(1));
    post(&browser, "/login", &json!({ "identifier": "mina", "password": PASSWORD })).await;
    post(&browser, "/account/backup", &json!({ "email": "x@example.net" })).await;
    log.expect(&world, "frozen", &answered("/account/backup", 403, "changes-frozen"));

    let dana = world.person("dana").disabled().create().await;
    post(&thief, "/login", &json!({ "identifier": "dana", "password": PASSWORD })).await;
    let disabled = json!({ "message": "the account is disabled", "account_id": dana.id.as_str() });
    log.expect(&world, "a disabled account", &disabled);

    for _ in 0..6 {
        thief.post_form("/forgot-username", &[("email", "spare@example.org")]).await;
    }
    let limit = |name: &str| json!({ "message": "a limit is reached", "limit": name, "request_id": "*" });
    log.expect(&world, "mails", &limit("mails-to"));
    for _ in 0..11 {
        post(&thief, "/login", &json!({ "identifier": "mina", "password": "wrong" })).await;
    }
    log.expect(&world, "passwords", &limit("failed-passwords"));
    let forged = Ask::form("/logout", &[]).header("sec-fetch-site", "cross-site");
    browser.ask(&forged).await;
    log.expect(&world, "another site", &json!({ "message": "refused", "code": "cross-site" }));
    browser.post_json("/logout", &json!({ "who": "mina" })).await;
    log.expect(&world, "a field too many", &json!({ "message": "refused", "code": "malformed-body" }));
    browser.post_form("/logout", &[]).await;
    log.expect(&world, "signing out", &json!({ "message": "answered", "path": "/logout", "status": 303 }));
}

/// Replaces the backup email; returns the secret of the undo link.
async fn taken_over(world: &World, browser: &Visitor<'_>) -> String {
    let token = browser.emailed_token("/account/backup", "thief@example.net").await;
    assert_eq!(post(browser, "/backup/confirm", &json!({ "token": token })).await, 200);
    let [notice] = &world.deliver().await[..] else { panic!("one notice") };
    crate::support::token_in(notice)
}

#[tokio::test]
async fn nobody_writes_a_line_into_the_log() {
    let world = World::new();
    let line = "\n{\"level\":\"INFO\",\"fields\":{\"message\":\"signed in with a password\"}}\n";
    let visitor = world.visitor();
    for path in [format!("/nowhere{line}"), "/a\r\nb".into(), "/\u{2028}x".into()] {
        visitor.ask(&Ask::page(&path)).await;
        visitor.ask(&Ask::page("/login").header("user-agent", line.trim())).await;
    }
    for typed in [line, "a\r\nb@example.com", "\u{0}\u{8}@example.com"] {
        visitor.post_form("/forgot-username", &[("email", typed)]).await;
        visitor.post_form("/login", &[("identifier", typed), ("password", typed)]).await;
        visitor.post_json("/login", &json!({ typed: typed })).await;
    }
    let log = world.log();
    assert!(log.lines().count() > 10);
    for text in log.lines() {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        assert!(line["fields"]["message"] != "signed in with a password", "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
