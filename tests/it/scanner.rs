//! What machines do to the links in emails: gateways that look, previews, browsers that prefetch, sandboxes that press
//! every button. Afterwards the link works for its owner, and nothing was opened or undone.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Ask, Visitor, World, token_in};

/// Programs that fetch links, by their `User-Agent`.
const PREVIEWS: [&str; 8] = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.24.1 A",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) BingPreview/1.0b",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
];

/// What a machine types into an unknown field: words, names, addresses, numbers. None of them has six
/// letters or digits, see `what_could_be_a_code_costs_a_try_and_opens_nothing`.
const PLAUSIBLE: [&str; 11] = [
    "",
    "test",
    "Test User",
    "John",
    "mina@example.com",
    "spare@example.org",
    "Password1!",
    "+31 20 123 4567",
    "https://example.com/",
    "2026-11-22",
    "The quick brown fox jumps over the lazy dog",
];

/// Six letters or digits, none of them U: these can be codes.
const LIKE_CODES: [&str; 5] = ["123456", "000000", "string", "secret", "abc-def"];

/// A link in an email.
struct Mailed<'w> {
    world: &'w World,
    /// The recipient's browser, which requested it.
    owner: Visitor<'w>,
    path: &'static str,
    token: String,
}

impl<'w> Mailed<'w> {
    /// One of each kind, each in its own world.
    const KINDS: [&'static str; 3] = ["sign-in", "confirmation", "undo"];

    async fn of(kind: &str, world: &'w World) -> Self {
        let mina = world.person("mina").backup("former@example.org").create().await;
        if kind == "sign-in" {
            let owner = world.visitor();
            let token = owner.emailed_token("/login/link", "mina@example.com").await;
            return Self { world, owner, path: "/login/open", token };
        }
        let owner = world.signed_in(&mina).await;
        let token = owner.emailed_token("/account/backup", "spare@example.org").await;
        if kind == "confirmation" {
            return Self { world, owner, path: "/backup/confirm", token };
        }
        assert_eq!(owner.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
        let [notice] = &world.deliver().await[..] else { panic!("one notice") };
        Self { world, owner, path: "/undo", token: token_in(notice) }
    }

    fn page(&self) -> String {
        format!("{}?token={}", self.path, self.token)
    }

    /// Everything that a person or a thief could use; counters of limits are not part of it.
    fn valuables(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut tables = self.world.dump();
        tables.remove("LimitsTable");
        tables
    }

    /// The fields of the form as its owner sends it.
    fn own_fields(&self) -> Vec<(&str, &str)> {
        let username = (self.path == "/undo").then_some(("username", "mina"));
        [("token", &*self.token)].into_iter().chain(username).collect()
    }

    /// At last the owner presses the button, in the browser that requested it.
    async fn works_for_its_owner(&self, after: &str) {
        let looked = self.owner.get(&self.page()).await;
        assert_eq!(looked.status, 200, "{} after {after}: {}", self.path, looked.words());
        let pressed = self.owner.post_form(self.path, &self.own_fields()).await;
        assert!(matches!(pressed.status, 200 | 303), "{} after {after}: {}", self.path, pressed.words());
        assert_eq!(self.owner.is_signed_in().await, self.path != "/undo", "{}", self.path);
    }
}

/// Looks at a page without pressing anything.
fn looks(page: &str) -> Vec<Ask> {
    let get = || Ask::page(page);
    let mut looks = vec![
        Ask { method: "HEAD".into(), ..get() },
        Ask::new("GET", page),
        Ask::new("GET", page).header("accept", "application/json"),
        get().header("sec-purpose", "prefetch"),
        get().header("sec-purpose", "prefetch;prerender"),
        get().header("sec-purpose", "prefetch;anonymous-client-ip"),
        get().header("purpose", "prefetch"),
        get().header("x-moz", "prefetch"),
        get().header("x-purpose", "preview"),
        get().header("range", "bytes=0-1023"),
        get().header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "no-cors"),
        Ask::page(&format!("{page}&utm_source=mail&utm_campaign=x")),
    ];
    for program in PREVIEWS {
        looks.push(get().header("user-agent", program));
        looks.push(Ask { method: "HEAD".into(), ..get() }.header("user-agent", program));
    }
    looks
}

/// A form of a page.
struct Form {
    /// Its action.
    action: String,
    /// The hidden fields and what is chosen already, with their values.
    hidden: Vec<(String, String)>,
    /// The visible fields.
    shown: Vec<String>,
}

fn forms(page: &Answer) -> Vec<Form> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let forms = page.body.split("<form ").skip(1).filter_map(|form| {
        let (form, _) = form.split_once("</form>")?;
        let action = attribute(&format!(" {form}"), "action")?;
        let (mut hidden, mut shown) = (Vec::new(), Vec::new());
        for input in form.split("<input").skip(1).filter_map(|input| input.split('>').next()) {
            let name = attribute(input, "name")?;
            match attribute(input, "type").as_deref() {
                Some("hidden") => hidden.push((name, attribute(input, "value")?)),
                Some("radio") if input.contains(" checked") => {
                    hidden.push((name, attribute(input, "value")?));
                }
                Some("radio") => {}
                _ => shown.push(name),
            }
        }
        Some(Form { action, hidden, shown })
    });
    forms.collect()
}

/// Fills every field of every form of a page and presses its button, in a browser of its own.
async fn press_everything(machine: &Visitor<'_>, page: &Answer, text: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for Form { action, hidden, shown } in forms(page) {
        let typed = shown.iter().map(|name| (name.clone(), text.to_owned()));
        let fields: Vec<_> = hidden.into_iter().chain(typed).collect();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        answers.push(machine.post_form(&action, &fields).await);
    }
    answers
}

#[tokio::test]
async fn looking_changes_nothing_however_often() {
    for kind in Mailed::KINDS {
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        let gateway = world.visitor_from("198.51.100.9");
        for look in looks(&mailed.page()).iter().cycle().take(200) {
            let seen = gateway.ask(look).await;
            assert_eq!((seen.status, seen.cookies.len()), (200, 0), "{kind}: {look:?}");
            assert_eq!(seen.header("cache-control"), "no-store", "{kind}: nothing is kept for later");
        }
        // The owner's browser, or a program on the owner's machine, prefetches with its cookies.
        for look in looks(&mailed.page()) {
            let seen = mailed.owner.ask(&look).await;
            assert_eq!((seen.status, seen.cookies.len()), (200, 0), "{kind}: {look:?}");
        }
        assert_eq!(gateway.ask(&Ask::new("OPTIONS", &mailed.page())).await.status, 204, "{kind}");
        for method in ["PUT", "DELETE", "PROPFIND"] {
            assert_eq!(gateway.ask(&Ask::new(method, &mailed.page())).await.status, 405, "{kind}: {method}");
        }
        assert!(gateway.cookies().is_empty());
        assert_eq!(mailed.valuables(), before, "{kind}");
        mailed.works_for_its_owner("looks").await;
    }
}

#[tokio::test]
async fn a_machine_that_fills_every_field_and_presses_every_button_gets_nothing() {
    for kind in Mailed::KINDS {
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        for text in PLAUSIBLE {
            let machine = world.visitor_from("198.51.100.9");
            let page = machine.get(&mailed.page()).await;
            assert_eq!(forms(&page).len(), 1, "{kind}: {}", page.words());
            let [first] = &press_everything(&machine, &page, text).await[..] else { panic!("one form") };
            assert_eq!((first.status, first.cookies.len()), (422, 0), "{kind}, {text:?}: {}", first.words());
            // The page with the problem has the same form again.
            let [second] = &press_everything(&machine, first, text).await[..] else { panic!("one form") };
            assert_eq!((second.status, second.cookies.len()), (422, 0), "{kind}, {text:?}");
            assert!(machine.cookies().is_empty());
        }
        assert_eq!(mailed.valuables(), before, "{kind}");
        mailed.works_for_its_owner("every button").await;
    }
}

#[tokio::test]
async fn a_form_sent_by_a_program_or_by_another_site_gets_nothing() {
    for kind in Mailed::KINDS {
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        let program = world.visitor_from("198.51.100.9");
        let mut bare = Ask::form(mailed.path, &[("token", &mailed.token)]);
        bare.headers.clear();
        let bare = bare.header("content-type", "application/x-www-form-urlencoded");
        for (ask, status) in [
            (bare.clone(), 422),
            (Ask::form(mailed.path, &[("token", &mailed.token)]), 422),
            (Ask::json(mailed.path, &json!({ "token": mailed.token })), 422),
            (bare.clone().header("sec-purpose", "prefetch"), 422),
            (bare.clone().header("origin", "https://gateway.example.net"), 403),
            (bare.clone().header("origin", "null"), 403),
            (bare.clone().header("sec-fetch-site", "cross-site"), 403),
            (bare.header("sec-fetch-site", "same-site"), 403),
            (Ask::new("POST", &mailed.page()).body("application/x-www-form-urlencoded", ""), 400),
            (Ask::new("POST", &mailed.page()).body("application/json", "{}"), 400),
        ] {
            let answer = program.ask(&ask).await;
            assert_eq!((answer.status, answer.cookies.len()), (status, 0), "{kind}: {ask:?}");
        }
        assert_eq!(mailed.valuables(), before, "{kind}");
        mailed.works_for_its_owner("forms of programs").await;
    }
}

#[tokio::test]
async fn what_could_be_a_code_costs_a_try_and_opens_nothing() {
    for kind in ["sign-in", "confirmation"] {
        // After four visits of a machine that types six letters into the field, the link still works.
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        let machine = world.visitor_from("198.51.100.9");
        for text in &LIKE_CODES[..4] {
            let page = machine.get(&mailed.page()).await;
            let [pressed] = &press_everything(&machine, &page, text).await[..] else { panic!("one form") };
            assert_eq!((pressed.status, pressed.cookies.len()), (422, 0), "{kind}, {text}");
        }
        let mut after = mailed.valuables();
        after.insert("LinksTable", before["LinksTable"].clone());
        assert_eq!(after, before, "{kind}: nothing but tries was taken");
        mailed.works_for_its_owner("four codes").await;

        // The fifth locks it. Its owner requests another, and nothing else has happened.
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        let machine = world.visitor_from("198.51.100.9");
        for (number, text) in LIKE_CODES.iter().enumerate() {
            let page = machine.get(&mailed.page()).await;
            let [pressed] = &press_everything(&machine, &page, text).await[..] else { panic!("one form") };
            assert_eq!(pressed.status, if number < 4 { 422 } else { 410 }, "{kind}, {text}");
            assert!(pressed.cookies.is_empty(), "{kind}, {text}");
        }
        let locked = mailed.owner.get(&mailed.page()).await;
        assert_eq!(locked.status, 410);
        assert!(locked.words().contains("Too many wrong codes were entered"), "{}", locked.words());
        let mut after = mailed.valuables();
        after.insert("LinksTable", before["LinksTable"].clone());
        assert_eq!(after, before, "{kind}: nothing but tries was taken");
        world.after(std::time::Duration::from_mins(2));
        let (path, email) = match kind {
            "sign-in" => ("/login/link", "mina@example.com"),
            _ => ("/account/backup", "spare@example.org"),
        };
        let token = mailed.owner.emailed_token(path, email).await;
        Mailed { token, ..mailed }.works_for_its_owner("five codes and another request").await;
    }
}

/// Tokens that were never sent: close to a live one, of another kind, from the database, invented.
fn forged(mailed: &Mailed<'_>, others: &[String]) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let live = &mailed.token;
    // Each of the 42 characters whose bits all count, replaced by each of the next 12 of the alphabet.
    let near = (0..42).flat_map(|at| {
        (1..=12).map(move |step| {
            let mut bytes = live.clone().into_bytes();
            let place = ALPHABET.iter().position(|letter| *letter == bytes[at]).expect("base64url");
            bytes[at] = ALPHABET[(place + step) % 64];
            String::from_utf8(bytes).expect("it stays ASCII")
        })
    });
    let swapped_case: String =
        live.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let reversed = live.chars().rev().collect();
    let made_of_it = [swapped_case, reversed, format!("{live}A"), live[1..].to_owned(), format!("A{live}")];
    // A reader of the table of links has hashes and the names of slots.
    let rows = mailed.world.dump()["LinksTable"].clone();
    let stored = rows.iter().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).expect("it is JSON");
        row["token_hash"]["S"].as_str().expect("the key is text").to_owned()
    });
    let known: Vec<_> = near.chain(made_of_it).chain(stored).chain(others.iter().cloned()).collect();
    let made_up = (known.len()..1_000).map(|number| {
        URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes()))
    });
    known.clone().into_iter().chain(made_up).collect()
}

#[tokio::test]
async fn of_a_thousand_forged_tokens_none_is_accepted() {
    for kind in Mailed::KINDS {
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        // The owner's own cookies have the session and the request, so only the token is forged.
        let others: Vec<_> = mailed
            .owner
            .cookies()
            .iter()
            .filter_map(|c| c.split_once('='))
            .map(|(_, v)| v.to_owned())
            .collect();
        let forged = forged(&mailed, &others);
        assert!(forged.len() == 1_000 && !forged.contains(&mailed.token));
        let before = mailed.valuables();
        for tokens in forged.chunks(100) {
            let answers = join_all(tokens.iter().map(|token| async {
                let fields: Vec<_> = mailed.own_fields().into_iter().skip(1).collect();
                let fields: Vec<_> = [("token", &**token)].into_iter().chain(fields).collect();
                mailed.owner.duplicate().post_form(mailed.path, &fields).await
            }));
            for answer in answers.await {
                assert_eq!((answer.status, answer.cookies.len()), (404, 0), "{kind}: {}", answer.words());
            }
        }
        assert_eq!(mailed.valuables(), before, "{kind}");
        mailed.works_for_its_owner("a thousand forged tokens").await;
    }
}

#[tokio::test]
async fn of_a_thousand_posts_of_other_sites_none_is_accepted() {
    let elsewhere = [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://account.example.com")],
        vec![("sec-fetch-site", "cross-site, same-origin")],
        vec![("sec-fetch-site", "")],
        vec![("origin", "https://gateway.example.net")],
        vec![("origin", "https://account.example.com.example.net")],
        vec![("origin", "https://account.example.com@example.net")],
        vec![("origin", "null")],
        vec![("origin", "")],
    ];
    for kind in Mailed::KINDS {
        let world = World::new();
        let mailed = Mailed::of(kind, &world).await;
        let before = mailed.valuables();
        for _ in 0..10 {
            // Everything else is right: the cookies of the owner's browser, the token, the fields.
            let asks = elsewhere.iter().cycle().take(100).map(|headers| {
                let mut ask = Ask::form(mailed.path, &mailed.own_fields());
                ask.headers.remove("sec-fetch-site");
                ask.headers.remove("origin");
                headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
            });
            let asks: Vec<_> = asks.collect();
            let visitors: Vec<_> = asks.iter().map(|_| mailed.owner.duplicate()).collect();
            let answers = join_all(asks.iter().zip(&visitors).map(|(ask, visitor)| visitor.ask(ask))).await;
            for (answer, ask) in answers.iter().zip(&asks) {
                assert_eq!((answer.status, answer.cookies.len()), (403, 0), "{kind}: {ask:?}");
            }
        }
        assert_eq!(mailed.valuables(), before, "{kind}");
        mailed.works_for_its_owner("a thousand posts of other sites").await;
    }
}
