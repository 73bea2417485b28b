//! A person with a browser, or a program: sends requests, keeps cookies, reads answers.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use dev::mailbox::ReceivedEmail;
use domain::Language;
use futures_util::future::join;
use http::HeaderMap;
use serde_json::Value;
use shared::texts::Texts;

use super::contract::assert_described;
use super::request::Ask;
use super::world::{PUBLIC_URL, World};

/// A browser, or a program, with its cookies.
pub struct Visitor<'w> {
    world: &'w World,
    client: IpAddr,
    /// By name, each as it was set: `name=value` for a cookie of ours.
    cookies: RefCell<BTreeMap<String, String>>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: i64,
    /// The headers.
    pub headers: HeaderMap,
    /// The cookies that it sets.
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
}

impl Visitor<'_> {
    /// A copy of this browser. Later cookies of one are not shared with the other.
    pub fn duplicate(&self) -> Self {
        Self { world: self.world, client: self.client, cookies: self.cookies.clone() }
    }
}

impl<'w> Visitor<'w> {
    /// A browser without cookies.
    pub fn new(world: &'w World, client: IpAddr) -> Self {
        Self { world, client, cookies: RefCell::default() }
    }

    /// Adds this session's cookie.
    pub fn with_session(self, secret: &str) -> Self {
        self.with_cookie(&format!("__Host-session={secret}"))
    }

    /// Adds a cookie, valid or not.
    pub fn with_cookie(self, cookie: &str) -> Self {
        let name = cookie.split('=').next().unwrap_or_default();
        self.cookies.borrow_mut().insert(name.to_owned(), cookie.to_owned());
        self
    }

    /// The cookies it has, each as `name=value`.
    pub fn cookies(&self) -> Vec<String> {
        self.cookies.borrow().values().cloned().collect()
    }

    /// The value of one of its cookies.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.borrow();
        cookies.get(name)?.split_once('=').map(|(_, value)| value.to_owned())
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&Ask::page(path)).await
    }

    /// Requests a page as JSON.
    pub async fn get_json(&self, path: &str) -> Answer {
        self.ask(&Ask::new("GET", path).header("accept", "application/json")).await
    }

    /// Submits a form of one of our pages.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(&Ask::form(path, fields)).await
    }

    /// Submits a form as a browser does: it opens the page that the answer leads to, if it leads to one.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post_form(path, fields).await;
        match answer.header("location") {
            "" => answer,
            location => self.get(location).await,
        }
    }

    /// Presses the button of a form on a page twice, as an impatient hand does: the second request is sent before the first
    /// is answered, and the browser shows the answer to the second. The fields are those of the page and these.
    pub async fn double_click(&self, page: &Answer, form: &str, typed: &[(&str, &str)]) -> [Answer; 2] {
        let hidden = page.hidden_fields(form);
        let fields = hidden.iter().map(|(name, value)| (&**name, &**value)).chain(typed.iter().copied());
        let fields: Vec<_> = fields.collect();
        let dropped = self.duplicate();
        let (first, second) = join(dropped.post_form(form, &fields), self.post_form(form, &fields)).await;
        [first, second]
    }

    /// Opens the page that an answer leads to.
    pub async fn follow(&self, answer: &Answer) -> Answer {
        let location = answer.header("location");
        assert_eq!((answer.status, location.is_empty()), (303, false), "{}", answer.shown());
        self.get(location).await
    }

    /// Posts as a program.
    pub async fn post_json(&self, path: &str, value: &Value) -> Answer {
        self.ask(&Ask::json(path, value)).await
    }

    /// Requests an email with a link through the form at this path; returns the link's secret from the one email that
    /// arrives.
    pub async fn emailed_token(&self, path: &str, email: &str) -> String {
        let answer = self.post_form(path, &[("email", email)]).await;
        assert!(matches!(answer.status, 200 | 303), "{}", answer.shown());
        let emails = self.world.deliver().await;
        let [email] = &emails[..] else { panic!("one email is expected: {emails:#?}") };
        token_in(email)
    }

    /// The same if other emails arrive too: the link is in the one with that subject.
    pub async fn emailed_token_of(&self, path: &str, email: &str, subject: &str) -> String {
        self.post_form(path, &[("email", email)]).await;
        let emails = self.world.deliver().await;
        let email = emails.iter().find(|email| email.subject == subject);
        token_in(email.unwrap_or_else(|| panic!("no such email: {emails:#?}")))
    }

    /// Whether the account page opens.
    pub async fn is_signed_in(&self) -> bool {
        self.get("/account").await.status == 200
    }

    /// Sends any request, keeps the cookies of the answer. One in JSON must be as `openapi.yaml` says.
    pub async fn ask(&self, ask: &Ask) -> Answer {
        let event = ask.event(self.client, &self.cookies());
        let answer = Answer::from(Box::pin(self.world.answer(&event)).await);
        assert_described(ask, &answer);
        for cookie in &answer.cookies {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, _) = pair.split_once('=').expect("a cookie has a name");
            if cookie.ends_with("; Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), pair.to_owned());
            }
        }
        answer
    }
}

impl From<ApiGatewayV2httpResponse> for Answer {
    fn from(response: ApiGatewayV2httpResponse) -> Self {
        let body = match response.body {
            // Where a line may break is nothing that a test should depend on.
            Some(Body::Text(text)) => text.replace("<wbr>", ""),
            Some(Body::Binary(_)) => panic!("no page is binary"),
            _ => String::new(),
        };
        assert!(response.multi_value_headers.is_empty(), "payload format 2.0 has none");
        Self { status: response.status_code, headers: response.headers, cookies: response.cookies, body }
    }
}

impl Answer {
    /// A header, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are ASCII"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        assert!(self.header("content-type").contains("json"), "not JSON: {}", self.body);
        serde_json::from_str(&self.body).expect("a JSON body parses")
    }

    /// The stable code of a problem document.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json; charset=utf-8", "{}", self.body);
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        document["code"].as_str().expect("a problem has a code").to_owned()
    }

    /// The text of the page, a line for each block.
    pub fn words(&self) -> String {
        let main = self.body.split_once("<main>").map_or("", |(_, rest)| rest);
        let main = main.split_once("</main>").map_or(main, |(main, _)| main);
        readable(main)
    }

    /// The hidden fields of a page's last form that is sent to this path.
    pub fn hidden_fields(&self, form: &str) -> Vec<(String, String)> {
        let begin = format!("<form method=\"post\" action=\"{form}\">");
        let (_, form) =
            self.body.rsplit_once(&begin).unwrap_or_else(|| panic!("no such form: {}", self.body));
        let (form, _) = form.split_once("</form>").expect("a form ends");
        let hidden = form.split("<input type=\"hidden\" name=\"").skip(1);
        let pairs = hidden.map(|field| {
            let (name, rest) = field.split_once("\" value=\"").expect("a hidden field has a value");
            let value = rest.split('"').next().unwrap_or_default().replace("&#38;", "&");
            (name.to_owned(), value)
        });
        pairs.collect()
    }

    /// The code that a page shows for its link to be used in another browser.
    pub fn link_code(&self) -> String {
        self.shown_code().expect("the page shows a code").to_owned()
    }

    /// The same, if it shows one.
    pub fn code_shown(&self) -> Option<String> {
        self.shown_code().map(str::to_owned)
    }

    fn shown_code(&self) -> Option<&str> {
        let (_, code) =
            self.body.split_once("<strong class=\"code\">").or_else(|| self.body.split_once("code\":\""))?;
        code.split(['<', '"']).next().filter(|code| code.len() == "4F7 QKM".len())
    }

    /// The same without random values: a shown code, the ids in forms, the values of cookies.
    pub fn without_chance(mut self) -> Self {
        if let Some(code) = self.shown_code().map(str::to_owned) {
            let spelled = Texts::new(Language::En, "".into()).spelled(&code);
            self.body = self.body.replace(&code, "CODE").replace(&spelled, "CODE");
        }
        for field in ["name=\"form_id\" value=\"", "name=\"seen\" value=\""] {
            let mut parts = self.body.split(field);
            let before = parts.next().unwrap_or_default().to_owned();
            self.body = parts.fold(before, |shown, part| {
                let (_, rest) = part.split_once('"').expect("a value ends");
                format!("{shown}{field}ID\"{rest}")
            });
        }
        for cookie in &mut self.cookies {
            let (name, rest) = cookie.split_once('=').expect("a cookie has a name");
            let attributes = rest.split_once(';').map_or("", |(_, attributes)| attributes);
            *cookie = format!("{name}=VALUE;{attributes}");
        }
        self
    }

    /// Status and words; for a redirect status and target. A code is shown as `CODE`.
    pub fn shown(&self) -> String {
        match self.header("location") {
            "" => format!("{}\n{}", self.status, self.clone().without_chance().words()),
            location => format!("{} to {location}", self.status),
        }
    }

    /// The value of the session cookie that it sets.
    pub fn session(&self) -> Option<String> {
        let cookie = self.cookies.iter().find_map(|cookie| cookie.strip_prefix("__Host-session="))?;
        cookie.split(';').next().filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// Removes tags and folds space; each block of text is a line.
fn readable(html: &str) -> String {
    let html = without_spoken(html);
    let mut text = String::new();
    let mut rest = &*html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, behind) = after.split_once('>').unwrap_or((after, ""));
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if !matches!(&*name, "bdi" | "strong" | "time") {
            text.push('\n');
        }
        rest = behind;
    }
    text.push_str(rest);
    let text = text.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What people see: without the words for screen readers alone.
fn without_spoken(html: &str) -> String {
    let mut parts = html.split("<span class=\"spoken\"");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |seen, part| {
        let (_, behind) = part.split_once("</span>").expect("a span ends");
        seen + behind
    })
}

/// The secret in the only link of an email.
pub fn token_in(email: &ReceivedEmail) -> String {
    let [link] = &email.links[..] else { panic!("one link in {email:?}") };
    assert!(link.starts_with(PUBLIC_URL), "{link}");
    link.split_once("token=").expect("the link has a token").1.to_owned()
}

/// An email as text, subject first, without its secret.
pub fn read(email: &ReceivedEmail) -> String {
    let text = match email.text.split_once("token=") {
        Some((_, rest)) => email.text.replace(rest.split_whitespace().next().unwrap_or_default(), "TOKEN"),
        None => email.text.clone(),
    };
    format!("{}\n\n{text}", email.subject)
}

/// Asserts the security headers of every answer.
pub fn assert_sealed(answer: &Answer) {
    assert_guarded(answer, "no-store");
}

/// Asserts those of a document that everybody may read and keep for an hour.
pub fn assert_public(answer: &Answer) {
    assert_guarded(answer, "public, max-age=3600");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json; charset=utf-8"));
    assert!(answer.cookies.is_empty(), "{answer:#?}");
}

fn assert_guarded(answer: &Answer, cache: &str) {
    let json = answer.header("content-type").contains("json");
    for (name, value) in [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", cache),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}: {answer:#?}");
    }
    let policy = answer.header("content-security-policy");
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && policy.contains("sandbox") == json, "{policy}");
    assert!(answer.header("content-type").ends_with("charset=utf-8"), "{answer:#?}");
    assert!(answer.headers.get("access-control-allow-origin").is_none());
}
