//! For recordings only: requests of browsers, other methods and bad input, so that a comparison sees forms and
//! redirects too. Expects nothing but that the site never answers with a 5xx.

use anyhow::{Result, ensure};
use axum::http::Method;

use super::walk::{People, Walk};
use crate::browser::{Browser, SiteRequest};

const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Walks this part if the tour is recorded.
pub(super) async fn tell(tour: &mut Walk, people: &People) -> Result<()> {
    if !tour.report.records() {
        return Ok(());
    }
    tour.report.chapter("For the recording");
    pages(tour).await?;
    forms(tour, people).await?;
    odd_requests(tour).await
}

fn page(method: Method, path: &str, language: &str) -> SiteRequest {
    let headers = vec![("accept", PAGE.to_owned()), ("accept-language", language.to_owned())];
    SiteRequest { method, path: path.to_owned(), headers, body: String::new() }
}

fn body(path: &str, media_type: &str, body: &str) -> SiteRequest {
    let mut asked = page(Method::POST, path, "en");
    asked.headers.push(("content-type", media_type.to_owned()));
    body.clone_into(&mut asked.body);
    asked
}

async fn observe(tour: &mut Walk, browser: &mut Browser, asked: &SiteRequest) -> Result<()> {
    let answer = tour.report.observe(browser, asked).await?;
    ensure!(answer.status < 500, "{} {}: {}", asked.method, asked.path, answer.gist());
    Ok(())
}

async fn pages(tour: &mut Walk) -> Result<()> {
    tour.report.begin("Pages in all languages");
    let token = "A".repeat(43);
    let mut paths =
        ["/", "/account", "/login", "/login?next=/account", "/login/link", "/forgot-username", "/nowhere"]
            .map(str::to_owned)
            .to_vec();
    paths.extend(["/backup/confirm", "/login/open"].map(|path| format!("{path}?token={token}")));
    for language in ["en", "nl", "da;q=0.9, en;q=0.1"] {
        for path in &paths {
            observe(tour, &mut tour.browser(), &page(Method::GET, path, language)).await?;
        }
    }
    tour.report.end();
    Ok(())
}

async fn forms(tour: &mut Walk, people: &People) -> Result<()> {
    tour.report.begin("Forms");
    let mut browser = tour.browser();
    let password = people.soren.password.as_deref().unwrap_or_default();
    let login = |password: &str| {
        format!("identifier={}&password={}", encoded(&people.soren.email), encoded(password))
    };
    for (path, form) in [
        ("/login", login("not the password")),
        ("/login", login(password)),
        ("/account/backup", "email=not+an+address".to_owned()),
        ("/account/backup", "email=a%40example.net&more=1".to_owned()),
        ("/forgot-username", "email=stranger%40example.org".to_owned()),
        ("/login/link", "email=st%C3%B8ren%40example.org".to_owned()),
        ("/logout", String::new()),
    ] {
        observe(tour, &mut browser, &body(path, FORM, &form)).await?;
        observe(tour, &mut browser, &page(Method::GET, "/account", "en")).await?;
    }
    tour.report.end();
    Ok(())
}

async fn odd_requests(tour: &mut Walk) -> Result<()> {
    tour.report.begin("Other methods, bodies and origins");
    let mut asked: Vec<SiteRequest> =
        [Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
            .into_iter()
            .flat_map(|method| {
                ["/login", "/account", "/nowhere"].map(|path| page(method.clone(), path, "en"))
            })
            .collect();
    let large = format!(r#"{{"email":"{}@example.org"}}"#, "a".repeat(17_000));
    for (media_type, text) in [
        (JSON, "{"),
        (JSON, r#"{"email":7}"#),
        (JSON, &large),
        (JSON, ""),
        ("text/plain", "email=a@example.org"),
        ("application/octet-stream", "\u{0}\u{1}"),
        (FORM, "email=%FF"),
    ] {
        asked.push(body("/forgot-username", media_type, text));
    }
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example.com")] {
        let mut foreign = body("/login/link", FORM, "email=stranger%40example.org");
        foreign.headers.push((name, value.to_owned()));
        asked.push(foreign);
    }
    for asked in &asked {
        observe(tour, &mut tour.browser(), asked).await?;
    }
    tour.report.end();
    Ok(())
}

/// A value as a form carries it.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
