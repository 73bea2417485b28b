//! The mailbox as HTML: a list of emails beside the one that is open. Needs no script. Must not know how emails
//! are kept or where the page is served.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::email::{ReceivedEmail, link_ranges};
use super::frame::{Counts, Frame, View, escape, moment};

/// The list shows this many, newest first; older ones are still in the JSON.
const MAILS_LISTED: usize = 200;

/// Which part of an email the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Html,
    Text,
}

/// All emails, and what else there is.
#[derive(Clone, Copy)]
pub(super) struct All<'a> {
    pub(super) emails: &'a [ReceivedEmail],
    pub(super) counts: &'a Counts,
}

/// The page that lists the emails.
pub(super) fn front(all: All<'_>, unreachable: &BTreeMap<String, bool>) -> String {
    let open = if all.emails.is_empty() { EMPTY } else { CHOOSE }.to_owned() + &no_email_for(unreachable);
    // Without script, a page of its own accord is the only way to show a new email. An open email stays put.
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>";
    document(&format!("Mailbox ({})", all.emails.len()), refresh, all, None, &open)
}

/// The addresses that get no email, and why.
fn no_email_for(unreachable: &BTreeMap<String, bool>) -> String {
    if unreachable.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section aria-labelledby=\"unreachable\"><h3 id=\"unreachable\">Addresses that get no email</h3><ul class=\"links\">",
    );
    for (address, is_listed) in unreachable {
        let address = escape(address);
        let why = if *is_listed {
            format!(
                "on the suppression list, until <code>cargo ops emails undeliverable allow {address}</code>"
            )
        } else {
            "its server refuses email".to_owned()
        };
        let _ = write!(
            html,
            "<li>{address}: {why} <form method=\"post\" action=\"/bouncing/end\"><input type=\"hidden\" name=\"address\" value=\"{address}\"><button type=\"submit\">Its server takes email again</button></form></li>",
        );
    }
    html + "</ul></section>"
}

/// The page that shows one email beside the list.
pub(super) fn reading(all: All<'_>, email: &ReceivedEmail, part: Part) -> String {
    document(&email.subject, "", all, Some(email.number), &article(email, part))
}

/// The page for an email that isn't there.
pub(super) fn missing(all: All<'_>) -> String {
    // No email has the number 0.
    document("No such email", "", all, Some(0), MISSING)
}

const EMPTY: &str = "<div class=\"hint\"><h2>Nothing here yet</h2>\
     <p>Every email that this stack sends arrives here. None leaves this machine.</p></div>";

const CHOOSE: &str = "<div class=\"hint\"><h2>Choose an email</h2>\
     <p>Every email that this stack sends arrives here. None leaves this machine.</p></div>";

const MISSING: &str = "<div class=\"hint\"><h2>No such email</h2>\
     <p>It may have gone when the mailbox was emptied. <a href=\"/\">All emails</a></p></div>";

fn document(title: &str, head: &str, all: All<'_>, open: Option<u64>, main: &str) -> String {
    let kind = if open.is_some() { "reading" } else { "listing" };
    let list = list(all.emails, open);
    Frame { title, head, kind, view: View::Emails, counts: all.counts, list: &list, main }.document()
}

fn list(emails: &[ReceivedEmail], open: Option<u64>) -> String {
    let mut html = String::from("<ol reversed>");
    for email in emails.iter().rev().take(MAILS_LISTED) {
        let current = if open == Some(email.number) { " aria-current=\"page\"" } else { "" };
        let _ = write!(
            html,
            "<li><a href=\"/mails/{}\"{current}><span class=\"to\">{}</span>{}<span class=\"subject\">{}</span></a></li>",
            email.number,
            escape(&email.to),
            moment(email.received_at, false),
            subject(email),
        );
    }
    html.push_str("</ol>");
    if let Some(hidden) = emails.len().checked_sub(MAILS_LISTED).filter(|&hidden| hidden > 0) {
        let _ = write!(
            html,
            "<p class=\"older\">{hidden} older ones are in <a href=\"/mails\">the JSON</a>.</p>"
        );
    }
    html
}

fn article(email: &ReceivedEmail, part: Part) -> String {
    let number = email.number;
    let tab = |name: &str, path: &str, this: Part, there: bool| match (there, this == part) {
        (false, _) => String::new(),
        (true, true) => format!("<li><a href=\"{path}\" aria-current=\"true\">{name}</a></li>"),
        (true, false) => format!("<li><a href=\"{path}\">{name}</a></li>"),
    };
    let tabs = tab("HTML", &format!("/mails/{number}"), Part::Html, !email.html.is_empty())
        + &tab("Text", &format!("/mails/{number}?part=text"), Part::Text, !email.text.is_empty());
    let body = match part {
        Part::Html => format!(
            // Without scripts, sharing the origin gives the email nothing, and lets the page measure its height.
            "<iframe title=\"The email, as its reader sees it\" sandbox=\"allow-same-origin allow-popups \
             allow-popups-to-escape-sandbox\" srcdoc=\"{}\"></iframe>",
            escape(&with_links_in_new_tabs(&email.html)),
        ),
        Part::Text => format!("<pre>{}</pre>", with_links(&email.text)),
    };
    format!(
        r#"<article>
<p class="back"><a href="/">All emails</a></p>
<h2>{}</h2>
<dl>
<div><dt>To</dt><dd>{}</dd></div>
<div><dt>From</dt><dd>{}</dd></div>
<div><dt>Sent</dt><dd>{}</dd></div>
</dl>
{}<ul class="tabs">{tabs}</ul>
{body}
{}<form class="fates" method="post"><button type="submit" formaction="/mails/{number}/bounce">This address bounces</button>
<button type="submit" formaction="/mails/{number}/complain">Report as spam</button></form>
</article>"#,
        subject(email),
        escape(&email.to),
        escape(&email.from),
        moment(email.received_at, true),
        further_headers(email),
        links(email),
    )
}

fn subject(email: &ReceivedEmail) -> String {
    if email.subject.is_empty() { "(no subject)".to_owned() } else { escape(&email.subject) }
}

fn further_headers(email: &ReceivedEmail) -> String {
    if email.headers.is_empty() {
        return String::new();
    }
    let lines = email.headers.iter().fold(String::new(), |lines, header| {
        lines + "<div><dt>" + &escape(&header.name) + "</dt><dd>" + &escape(&header.value) + "</dd></div>"
    });
    format!("<details><summary>Further headers</summary><dl>{lines}</dl></details>\n")
}

fn links(email: &ReceivedEmail) -> String {
    if email.links.is_empty() {
        return String::new();
    }
    let items =
        email.links.iter().fold(String::new(), |items, link| items + "<li>" + &anchor(link) + "</li>");
    format!(
        "<section aria-labelledby=\"links\"><h3 id=\"links\">Links</h3><ul class=\"links\">{items}</ul></section>\n"
    )
}

/// A text as HTML, its addresses clickable.
fn with_links(text: &str) -> String {
    let mut html = String::new();
    let mut done = 0;
    for range in link_ranges(text) {
        html.push_str(&escape(&text[done..range.start]));
        html.push_str(&anchor(&text[range.clone()]));
        done = range.end;
    }
    html + &escape(&text[done..])
}

/// An email's links must open beside the mailbox, as in an email program. Only a `base` can say so for all of them.
fn with_links_in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    // Before `<head>` a `base` would open a head of its own, after the doctype, so the email keeps its mode.
    match html.to_ascii_lowercase().find("<head>") {
        Some(at) => {
            let at = at + "<head>".len();
            format!("{}{BASE}{}", &html[..at], &html[at..])
        }
        None => format!("{html}{BASE}"),
    }
}

fn anchor(link: &str) -> String {
    let link = escape(link);
    format!("<a href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer\">{link}</a>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email() -> ReceivedEmail {
        ReceivedEmail {
            number: 7,
            received_at: 1_794_729_600,
            to: "\"O'Hara\" <o@example.com>".into(),
            from: "Sparekey <no-reply@example.com>".into(),
            subject: "<script>alert(1)</script>".into(),
            text: "Hi & hello: https://a.example/?a=1&b=2.\n".into(),
            html: "<!doctype html><html><head></head><body onload=\"x()\">Hi</body></html>".into(),
            links: vec!["https://a.example/?a=1&b=2".into()],
            headers: vec![],
        }
    }

    fn front_of(emails: &[ReceivedEmail], unreachable: &BTreeMap<String, bool>) -> String {
        front(All { emails, counts: &Counts::default() }, unreachable)
    }

    #[test]
    fn nothing_of_a_mail_becomes_markup_of_the_page() {
        let page = reading(All { emails: &[email()], counts: &Counts::default() }, &email(), Part::Html);
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("&lt;script&gt;alert"));
        assert!(page.contains("srcdoc=\"&lt;!doctype html&gt;&lt;html&gt;&lt;head&gt;&lt;base target"));
        assert!(page.contains("sandbox="));
        assert!(!page.contains("allow-scripts"));
    }

    #[test]
    fn addresses_in_the_text_are_clickable() {
        let page = reading(All { emails: &[email()], counts: &Counts::default() }, &email(), Part::Text);
        assert!(page.contains(
            "Hi &amp; hello: <a href=\"https://a.example/?a=1&amp;b=2\" target=\"_blank\" \
             rel=\"noopener noreferrer\">https://a.example/?a=1&amp;b=2</a>.\n</pre>"
        ));
    }

    #[test]
    fn what_gets_no_email_is_listed_with_its_reason() {
        let unreachable =
            BTreeMap::from([("<a>@example.org".to_owned(), false), ("b@example.org".to_owned(), true)]);
        let page = front_of(&[], &unreachable);
        assert!(page.contains("<li>&lt;a&gt;@example.org: its server refuses email"), "{page}");
        assert!(page.contains("undeliverable allow b@example.org</code>"), "{page}");
        assert!(!front_of(&[], &BTreeMap::new()).contains("unreachable"));
    }

    #[test]
    fn a_long_list_says_what_it_leaves_out() {
        let emails = vec![email(); MAILS_LISTED + 3];
        assert!(front_of(&emails, &BTreeMap::new()).contains("3 older ones"));
        assert!(!front_of(&emails[..MAILS_LISTED], &BTreeMap::new()).contains("older ones"));
    }
}
