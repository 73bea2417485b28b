//! The events of all buses beside the emails: as pages, and as JSON. Must not know who published an event, or who gets it.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::frame::{Counts, Frame, View, escape, moment};
use super::{Since, show, wants_json};
use crate::aws::ses::Ses;
use crate::events::{Events, Published};

/// The list shows this many, newest first; older ones are still in the JSON.
const EVENTS_LISTED: usize = 200;

/// Where an event names the account that it is about. Other events name none.
const ACCOUNT: &str = "/detail/account_id";

const EMPTY: &str = "<div class=\"hint\"><h2>Nothing here yet</h2>\
     <p>Every event that this stack publishes on a bus appears here. None leaves this machine.</p></div>";

const CHOOSE: &str = "<div class=\"hint\"><h2>Choose an event</h2>\
     <p>Every event that this stack publishes on a bus appears here. None leaves this machine.</p></div>";

const MISSING: &str = "<div class=\"hint\"><h2>No such event</h2>\
     <p>It may have gone when the events were emptied. <a href=\"/events\">All events</a></p></div>";

/// What the events alone need.
impl FromRef<Ses> for Events {
    fn from_ref(ses: &Ses) -> Self {
        ses.events().clone()
    }
}

/// `GET /events`: a page for people; for programs (`Accept: application/json`) the events after number N, the oldest first.
pub(super) async fn list(State(ses): State<Ses>, Query(since): Query<Since>, headers: HeaderMap) -> Response {
    if wants_json(&headers) {
        return Json(ses.events().published_after(since.after)).into_response();
    }
    let counts = Counts::of(&ses);
    show(&front(&ses.events().published_after(0), &counts))
}

/// `GET /events/{number}`
pub(super) async fn one(State(ses): State<Ses>, Path(number): Path<u64>, headers: HeaderMap) -> Response {
    let counts = Counts::of(&ses);
    let events = ses.events().published_after(0);
    let Some(open) = events.iter().find(|published| published.number == number) else {
        return (StatusCode::NOT_FOUND, show(&missing(&events, &counts))).into_response();
    };
    if wants_json(&headers) {
        return Json(open).into_response();
    }
    show(&reading(&events, open, &counts))
}

/// `DELETE /events`
pub(super) async fn empty(State(events): State<Events>) -> StatusCode {
    events.forget();
    StatusCode::NO_CONTENT
}

/// `POST /events/empty`
pub(super) async fn empty_by_button(State(events): State<Events>) -> Redirect {
    events.forget();
    Redirect::to("/events")
}

fn front(events: &[Published], counts: &Counts) -> String {
    let open = if events.is_empty() { EMPTY } else { CHOOSE };
    // Without script, a page of its own accord is the only way to show a new event. An open event stays put.
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>";
    document(&format!("Events ({})", events.len()), refresh, events, counts, None, open)
}

fn reading(events: &[Published], open: &Published, counts: &Counts) -> String {
    document(open.text("detail-type"), "", events, counts, Some(open.number), &article(open))
}

fn missing(events: &[Published], counts: &Counts) -> String {
    // No event has the number 0.
    document("No such event", "", events, counts, Some(0), MISSING)
}

fn document(
    title: &str,
    head: &str,
    events: &[Published],
    counts: &Counts,
    open: Option<u64>,
    main: &str,
) -> String {
    let kind = if open.is_some() { "reading" } else { "listing" };
    let list = list_of(events, open);
    Frame { title, head, kind, view: View::Events, counts, list: &list, main }.document()
}

fn list_of(events: &[Published], open: Option<u64>) -> String {
    let mut html = String::from("<ol reversed>");
    for published in events.iter().rev().take(EVENTS_LISTED) {
        let number = published.number;
        let current = if open == Some(number) { " aria-current=\"page\"" } else { "" };
        let _ = write!(
            html,
            "<li><a href=\"/events/{number}\"{current}><span class=\"to\">{}</span>{}<span class=\"subject\">{}</span></a></li>",
            escape(account_of(&published.event).unwrap_or(&published.bus)),
            moment(time_of(published), false),
            escape(published.text("detail-type")),
        );
    }
    html.push_str("</ol>");
    if let Some(hidden) = events.len().checked_sub(EVENTS_LISTED).filter(|&hidden| hidden > 0) {
        let _ = write!(
            html,
            "<p class=\"older\">{hidden} older ones are in the JSON (<code>Accept: application/json</code>).</p>"
        );
    }
    html
}

fn article(published: &Published) -> String {
    let account = account_of(&published.event)
        .map(|account| format!("<div><dt>Account</dt><dd>{}</dd></div>\n", escape(account)))
        .unwrap_or_default();
    let json = serde_json::to_string_pretty(&published.event).expect("JSON can be written");
    // Nothing else here takes the focus, and without it no key scrolls to the end of a long event.
    format!(
        r#"<article>
<p class="back"><a href="/events">All events</a></p>
<h2>{}</h2>
<dl>
{account}<div><dt>Bus</dt><dd>{}</dd></div>
<div><dt>Source</dt><dd>{}</dd></div>
<div><dt>Time</dt><dd>{}</dd></div>
</dl>
<pre class="json" tabindex="0" role="region" aria-label="The event as JSON">{}</pre>
</article>"#,
        escape(published.text("detail-type")),
        escape(&published.bus),
        escape(published.text("source")),
        moment(time_of(published), true),
        escape(&json),
    )
}

/// The account that an event is about, where it names one.
fn account_of(event: &Value) -> Option<&str> {
    event.pointer(ACCOUNT)?.as_str()
}

/// When it happened, in seconds since the epoch.
fn time_of(published: &Published) -> i64 {
    let time = OffsetDateTime::parse(published.text("time"), &Rfc3339);
    time.map_or(0, OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::events::{DEFAULT_BUS, NewEvent};
    use crate::mailbox::{Mailbox, NewEmail, router};
    use crate::template::Template;

    fn published(number: u64, detail: &Value) -> Published {
        let event = json!({
            "detail-type": "<b>Backup Email Confirmed</b>", "source": "sparekey\"", "time": "2026-11-15T08:00:00Z",
            "resources": [], "detail": detail,
        });
        Published { number, bus: "a&b".to_owned(), event }
    }

    #[test]
    fn nothing_of_an_event_becomes_markup_of_the_page() {
        let hostile = "</pre><script>alert(1)</script>";
        let open = published(7, &json!({ "account_id": hostile, hostile: "'" }));
        let page = reading(std::slice::from_ref(&open), &open, &Counts::default());
        for markup in ["<script>alert", "</pre><", "<b>", "sparekey\"<", "a&b"] {
            assert!(!page.contains(markup), "{markup}: {page}");
        }
        let escaped = "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;";
        assert!(page.contains(&format!("<dt>Account</dt><dd>{escaped}</dd>")), "{page}");
        assert!(page.contains(&format!("&quot;{escaped}&quot;: &quot;&#39;&quot;")), "{page}");
        assert!(page.contains("<title>&lt;b&gt;Backup Email Confirmed&lt;/b&gt;</title>"), "{page}");
        assert!(page.contains("<dd>a&amp;b</dd>") && page.contains("<dd>sparekey&quot;</dd>"), "{page}");
    }

    #[test]
    fn the_newest_event_stands_first_with_its_time_type_and_account() {
        let events = [published(1, &json!({ "account_id": "one" })), published(2, &json!({}))];
        let list = list_of(&events, Some(1));
        let (newest, oldest) = list.split_once("</li>").expect("two events");
        assert!(newest.contains("<a href=\"/events/2\"><span class=\"to\">a&amp;b</span>"), "{newest}");
        assert!(oldest.contains("<a href=\"/events/1\" aria-current=\"page\"><span class=\"to\">one</span>"));
        for entry in [newest, oldest] {
            assert!(entry.contains("<time datetime=\"2026-11-15T08:00:00Z\">08:00:00</time>"), "{entry}");
            assert!(entry.contains("&lt;b&gt;Backup Email Confirmed"), "{entry}");
        }
    }

    #[test]
    fn an_event_without_an_account_shows_none() {
        for detail in [json!({ "account_id": 7 }), json!({}), json!([])] {
            let open = published(1, &detail);
            assert!(!article(&open).contains("Account</dt>"), "{detail}");
        }
    }

    #[test]
    fn a_long_list_says_what_it_leaves_out() {
        let (events, none) = (vec![published(1, &json!({})); EVENTS_LISTED + 3], Counts::default());
        assert!(front(&events, &none).contains("3 older ones"));
        assert!(!front(&events[..EVENTS_LISTED], &none).contains("older ones"));
        assert!(
            front(&[], &none).contains("Nothing here yet")
                && front(&events, &none).contains("Choose an event")
        );
    }

    fn publish(events: &Events, detail_type: &str) {
        events.publish(
            DEFAULT_BUS,
            NewEvent {
                source: "sparekey".to_owned(),
                detail_type: detail_type.to_owned(),
                time: None,
                resources: Vec::new(),
                detail: json!({ "account_id": "a" }),
            },
        );
    }

    #[tokio::test]
    async fn people_get_pages_and_programs_get_json() -> anyhow::Result<()> {
        let template = Template::parse("Resources: { Q: { Type: AWS::SQS::Queue } }", &BTreeMap::new())?;
        let ses = Ses::new(&template, Mailbox::default(), Events::without_rules());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let site = router(ses.clone());
        tokio::spawn(async move { axum::serve(listener, site).await });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let page = async |path: &str| {
            let answer = client.get(format!("{url}{path}")).header("accept", "text/html").send().await?;
            let policy = answer.headers()["content-security-policy"].to_str()?.to_owned();
            assert!(
                policy.contains("script-src 'self'") && !policy.contains("script-src 'self' "),
                "{policy}"
            );
            anyhow::Ok((answer.status().as_u16(), answer.text().await?))
        };
        let json = async |path: &str| {
            let request = client.get(format!("{url}{path}")).header("accept", "application/json");
            anyhow::Ok(request.send().await?.json::<Value>().await?)
        };
        let latest = async || anyhow::Ok(client.get(format!("{url}/latest")).send().await?.text().await?);

        assert!(!page("/").await?.1.contains("Events"), "there is nothing to choose");
        assert_eq!((json("/events").await?, latest().await?), (json!([]), "0/0 0/0".to_owned()));
        publish(ses.events(), "One");
        ses.mailbox().receive(NewEmail::default());
        publish(ses.events(), "Two");
        assert_eq!(latest().await?, "1/1 2/2");
        for path in ["/", "/mails/1", "/mails/9", "/events", "/events/1", "/events/9"] {
            assert!(page(path).await?.1.contains(" data-latest=\"1/1 2/2\">"), "{path}");
        }
        assert!(page("/").await?.1.contains("<a href=\"/events\">Events (2)</a>"));
        assert!(page("/mails/1").await?.1.contains("<a href=\"/events\">Events (2)</a>"));
        let (status, list) = page("/events").await?;
        assert!(status == 200 && list.find("Two") < list.find("One"), "the newest first: {list}");
        assert!(page("/events/2").await?.1.contains("<h2>Two</h2>"));
        assert_eq!(page("/events/3").await?.0, 404);

        let all = json("/events").await?;
        assert_eq!((&all[0]["number"], &all[1]["event"]["detail-type"]), (&json!(1), &json!("Two")));
        assert_eq!(json("/events?after=1").await?, json!([all[1]]));
        assert_eq!(json("/events/2").await?, all[1]);
        let emptied = client.post(format!("{url}/events/empty")).send().await?;
        assert_eq!((emptied.url().path(), latest().await?), ("/events", "1/1 2/0".to_owned()));
        publish(ses.events(), "Three");
        assert_eq!(client.delete(format!("{url}/events")).send().await?.status(), 204);
        assert_eq!((json("/events").await?, ses.mailbox().emails().len()), (json!([]), 1));
        Ok(())
    }
}
