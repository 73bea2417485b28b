//! The mailbox of the local stack: every email that was sent, kept in memory, as a page and as JSON. Must not know who sent an email, why, or what a link in it does.
//! Beside the emails it shows the events on the buses.

mod email;
mod events;
mod frame;
mod page;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Form, FromRef, Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::sync::watch;

use self::email::links_in;
pub use self::email::{Header, NewEmail, ReceivedEmail};
use self::frame::Counts;
use self::page::{All, Part};
use crate::aws::ses::Ses;
use crate::clock;

/// The oldest emails are dropped when there are more than this: a load test must not fill the machine (an email is about 5 KB).
const MAILS_KEPT: usize = 10_000;

/// What the page may load: its own style and script. The sandbox keeps scripts of an email from running;
/// images are allowed, as in an email program after one click.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src data: http: https:; form-action 'self'; frame-ancestors 'none'";

/// The description of the API (RFC 9512 has its media type).
const API: &str = include_str!("../../openapi.yaml");

/// All emails that arrived. Clones share one mailbox.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    emails: Mutex<VecDeque<ReceivedEmail>>,
    /// The number of the latest email that ever arrived; those who wait watch it.
    latest: watch::Sender<u64>,
}

impl Mailbox {
    /// Stores an email and returns its number.
    pub fn receive(&self, email: NewEmail) -> u64 {
        let NewEmail { to, from, subject, text, html, headers } = email;
        let mut emails = self.lock();
        let number = *self.shared.latest.borrow() + 1;
        let links = links_in(&text);
        let received_at = clock::now().unix_timestamp();
        emails.push_back(ReceivedEmail {
            number,
            received_at,
            to,
            from,
            subject,
            text,
            html,
            links,
            headers,
        });
        if emails.len() > MAILS_KEPT {
            emails.pop_front();
        }
        drop(emails);
        self.shared.latest.send_replace(number);
        number
    }

    /// All emails, newest last.
    pub fn emails(&self) -> Vec<ReceivedEmail> {
        self.lock().iter().cloned().collect()
    }

    /// The emails after the one with this number, newest last.
    pub fn emails_after(&self, number: u64) -> Vec<ReceivedEmail> {
        self.lock().iter().filter(|email| email.number > number).cloned().collect()
    }

    /// The number of the latest email that ever arrived, and how many are here.
    pub fn count(&self) -> (u64, usize) {
        let here = self.lock().len();
        (*self.shared.latest.borrow(), here)
    }

    /// The email with this number, if it is still here.
    pub fn email(&self, number: u64) -> Option<ReceivedEmail> {
        self.lock().iter().find(|email| email.number == number).cloned()
    }

    /// Deletes all emails. Numbers continue.
    pub fn empty(&self) {
        self.lock().clear();
    }

    /// The first matching email, among those already here and those that arrive before the timeout.
    pub async fn wait_for(
        &self,
        timeout: Duration,
        fits: impl Fn(&ReceivedEmail) -> bool,
    ) -> Option<ReceivedEmail> {
        self.wait_until(timeout, |emails| emails.iter().find(|email| fits(email)).cloned()).await
    }

    /// All emails once there are at least `count`, or those there are at the timeout.
    pub async fn wait_for_count(&self, timeout: Duration, count: usize) -> Vec<ReceivedEmail> {
        self.wait_until(timeout, |emails| (emails.len() >= count).then_some(())).await;
        self.emails()
    }

    /// Tells of every email that arrives from now on. It ends only with its task.
    pub async fn each(&self, tell: impl Fn(&ReceivedEmail)) {
        let mut latest = self.shared.latest.subscribe();
        let mut told = *latest.borrow_and_update();
        while latest.changed().await.is_ok() {
            for email in self.emails_after(told) {
                told = email.number;
                tell(&email);
            }
        }
    }

    async fn wait_until<T>(
        &self,
        timeout: Duration,
        look: impl Fn(&VecDeque<ReceivedEmail>) -> Option<T>,
    ) -> Option<T> {
        let mut latest = self.shared.latest.subscribe();
        let found = async {
            loop {
                latest.mark_unchanged();
                let found = look(&self.lock());
                if found.is_some() {
                    return found;
                }
                latest.changed().await.ok()?;
            }
        };
        tokio::time::timeout(timeout, found).await.ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<ReceivedEmail>> {
        // The list is consistent at every moment, so a panic elsewhere does no harm.
        self.shared.emails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mailbox over HTTP: `/` and `/mails/{number}` for people, `/mails` (with `?after={number}`) for programs,
/// `DELETE /mails` to empty it. `POST /mails/{number}/bounce` and `…/complain` play what becomes of an email, `POST /bouncing`
/// and `/bouncing/end` whether an address takes email at all. `/events` and `/events/{number}` show the events on the buses, as pages
/// or (`Accept: application/json`) for programs, `DELETE /events` forgets them.
/// `/openapi.yaml` describes the site for programs: the site's own paths are those of the template.
pub fn router(ses: Ses) -> Router {
    Router::new()
        .route("/", get(front_page))
        .route("/mails", get(list).delete(empty))
        .route("/mails/{number}", get(one))
        .route("/mails/{number}/bounce", post(bounce))
        .route("/mails/{number}/complain", post(complain))
        .route("/bouncing", post(begin_to_bounce))
        .route("/bouncing/end", post(end_to_bounce))
        .route("/events", get(events::list).delete(events::empty))
        .route("/events/{number}", get(events::one))
        .route("/events/empty", post(events::empty_by_button))
        .route("/latest", get(latest))
        .route("/empty", post(empty_by_button))
        .route("/mailbox.css", get(|| async { asset("text/css", include_str!("mailbox/mailbox.css")) }))
        .route("/mailbox.js", get(|| async { asset("text/javascript", include_str!("mailbox/mailbox.js")) }))
        .route("/openapi.yaml", get(|| async { asset("application/yaml", API) }))
        .fallback(not_found)
        .with_state(ses)
}

/// What the mailbox alone needs.
impl FromRef<Ses> for Mailbox {
    fn from_ref(ses: &Ses) -> Self {
        ses.mailbox().clone()
    }
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
struct View {
    part: Option<Part>,
}

#[derive(Deserialize)]
struct OneAddress {
    address: String,
}

async fn front_page(State(ses): State<Ses>) -> Response {
    let counts = Counts::of(&ses);
    let emails = ses.mailbox().emails();
    show(&page::front(All { emails: &emails, counts: &counts }, &ses.unreachable()))
}

async fn bounce(State(ses): State<Ses>, Path(number): Path<u64>) -> Response {
    let Some(email) = ses.mailbox().email(number) else {
        return not_found(State(ses)).await;
    };
    ses.bounce(&email);
    Redirect::to("/").into_response()
}

async fn complain(State(ses): State<Ses>, Path(number): Path<u64>) -> Response {
    let Some(email) = ses.mailbox().email(number) else {
        return not_found(State(ses)).await;
    };
    ses.complain(&email);
    Redirect::to("/").into_response()
}

async fn begin_to_bounce(State(ses): State<Ses>, Form(one): Form<OneAddress>) -> Redirect {
    ses.bounce_at(&one.address);
    Redirect::to("/")
}

async fn end_to_bounce(State(ses): State<Ses>, Form(one): Form<OneAddress>) -> Redirect {
    ses.take_at(&one.address);
    Redirect::to("/")
}

async fn list(State(mailbox): State<Mailbox>, Query(since): Query<Since>) -> Json<Vec<ReceivedEmail>> {
    Json(mailbox.emails_after(since.after))
}

async fn one(
    State(ses): State<Ses>,
    Path(number): Path<u64>,
    Query(view): Query<View>,
    headers: HeaderMap,
) -> Response {
    let counts = Counts::of(&ses);
    let Some(email) = ses.mailbox().email(number) else { return not_found(State(ses)).await };
    if wants_json(&headers) {
        return Json(email).into_response();
    }
    let part = match view.part {
        Some(Part::Text) => Part::Text,
        _ if email.html.is_empty() => Part::Text,
        _ => Part::Html,
    };
    show(&page::reading(All { emails: &ses.mailbox().emails(), counts: &counts }, &email, part))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

async fn latest(State(ses): State<Ses>) -> String {
    Counts::of(&ses).latest
}

async fn empty(State(mailbox): State<Mailbox>) -> StatusCode {
    mailbox.empty();
    StatusCode::NO_CONTENT
}

async fn empty_by_button(State(mailbox): State<Mailbox>) -> Redirect {
    mailbox.empty();
    Redirect::to("/")
}

async fn not_found(State(ses): State<Ses>) -> Response {
    let counts = Counts::of(&ses);
    let emails = ses.mailbox().emails();
    (StatusCode::NOT_FOUND, show(&page::missing(All { emails: &emails, counts: &counts }))).into_response()
}

fn show(html: &str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(html.to_owned())).into_response()
}

fn asset(media_type: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, text: &str) -> NewEmail {
        NewEmail { subject: subject.into(), text: text.into(), ..NewEmail::default() }
    }

    #[test]
    fn numbers_go_on_after_the_mailbox_was_emptied() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.receive(letter("one", "")), 1);
        mailbox.empty();
        assert_eq!(mailbox.receive(letter("two", "")), 2);
        assert_eq!(mailbox.emails().len(), 1);
        assert!(mailbox.email(1).is_none());
        assert_eq!(mailbox.emails_after(1).len(), 1);
    }

    #[test]
    fn the_oldest_go_when_the_mailbox_is_full() {
        let mailbox = Mailbox::default();
        for _ in 0..=MAILS_KEPT {
            mailbox.receive(letter("", ""));
        }
        let emails = mailbox.emails();
        assert_eq!((emails.len(), emails[0].number), (MAILS_KEPT, 2));
    }

    #[tokio::test]
    async fn waiting_sees_mails_of_before_and_after() {
        let mailbox = Mailbox::default();
        mailbox.receive(letter("before", ""));
        let soon = Duration::from_secs(5);
        assert!(mailbox.wait_for(soon, |email| email.subject == "before").await.is_some());

        let waiting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.wait_for(soon, |email| email.subject == "after").await }
        });
        tokio::task::yield_now().await;
        mailbox.receive(letter("other", ""));
        mailbox.receive(letter("after", ""));
        assert_eq!(
            waiting.await.expect("the waiting task runs to its end").map(|email| email.number),
            Some(3)
        );
        assert!(mailbox.wait_for(Duration::ZERO, |email| email.subject == "never").await.is_none());
    }
}
