//! What all pages of the mailbox have in common: the document, the two lists that one can choose, texts and times as HTML.

use time::OffsetDateTime;

use crate::aws::ses::Ses;

/// One page.
pub(super) struct Frame<'p> {
    pub(super) title: &'p str,
    /// More for the head, as HTML.
    pub(super) head: &'p str,
    /// Whether it lists something (`listing`) or shows one of the list (`reading`).
    pub(super) kind: &'p str,
    pub(super) view: View,
    pub(super) counts: &'p Counts,
    /// The list and what is open, as HTML.
    pub(super) list: &'p str,
    pub(super) main: &'p str,
}

/// What a page lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Emails,
    Events,
}

/// How many there are of each.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) emails: usize,
    pub(super) events: usize,
    /// What `/latest` says at this moment. It differs when an email or an event has come, and when they were emptied.
    pub(super) latest: String,
}

impl Counts {
    /// The present counts. A page counts before it reads what it lists: whatever comes in between makes it look again.
    pub(super) fn of(ses: &Ses) -> Self {
        let (email, emails) = ses.mailbox().count();
        let (event, events) = ses.events().count();
        Self { emails, events, latest: format!("{email}/{emails} {event}/{events}") }
    }
}

impl View {
    fn name(self) -> &'static str {
        match self {
            Self::Emails => "Emails",
            Self::Events => "Events",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Emails => "/",
            Self::Events => "/events",
        }
    }

    /// Where its button to empty it leads.
    fn emptied_at(self) -> &'static str {
        match self {
            Self::Emails => "/empty",
            Self::Events => "/events/empty",
        }
    }

    fn count(self, counts: &Counts) -> usize {
        match self {
            Self::Emails => counts.emails,
            Self::Events => counts.events,
        }
    }
}

impl Frame<'_> {
    /// The page as a document.
    pub(super) fn document(&self) -> String {
        let Self { head, kind, view, counts, list, main, .. } = *self;
        let title = escape(self.title);
        let button = if view.count(counts) == 0 { "" } else { "<button type=\"submit\">Empty</button>" };
        let latest = escape(&counts.latest);
        let (label, emptied_at, views) = (view.name(), view.emptied_at(), views(view, counts));
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect x='1' y='3' width='14' height='10' rx='2' fill='%23356b5c'/><path d='M2 4.5l6 4.5 6-4.5' fill='none' stroke='white' stroke-width='1.3'/></svg>">
<link rel="stylesheet" href="/mailbox.css">
<script src="/mailbox.js" defer></script>
{head}
</head>
<body class="{kind}" data-latest="{latest}">
<header>
<h1><a href="/">Mailbox</a></h1>
<div class="views">{views}</div>
<form method="post" action="{emptied_at}">{button}</form>
</header>
<nav aria-label="{label}">{list}</nav>
<main>{main}</main>
</body>
</html>
"#
        )
    }
}

/// The links to both lists. As long as there are no events, there is nothing to choose.
fn views(current: View, counts: &Counts) -> String {
    if counts.events == 0 && current == View::Emails {
        return String::new();
    }
    let link = |view: View| {
        let (path, name, count) = (view.path(), view.name(), view.count(counts));
        let current = if view == current { " aria-current=\"true\"" } else { "" };
        format!("<li><a href=\"{path}\"{current}>{name} ({count})</a></li>")
    };
    format!("<ul>{}{}</ul>", link(View::Emails), link(View::Events))
}

/// A time in UTC. The script of the page shows it in local time.
pub(super) fn moment(seconds: i64, long: bool) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day());
    let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    if long {
        format!("<time datetime=\"{date}T{clock}Z\" data-long>{date} {clock} UTC</time>")
    } else {
        format!("<time datetime=\"{date}T{clock}Z\">{clock}</time>")
    }
}

/// A text as HTML, in an element or in an attribute between quotes.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let time = moment(1_794_729_600, true);
        assert_eq!(time, "<time datetime=\"2026-11-15T08:00:00Z\" data-long>2026-11-15 08:00:00 UTC</time>");
    }

    #[test]
    fn without_events_there_is_nothing_to_choose() {
        let counts = |events| Counts { emails: 3, events, latest: String::new() };
        assert_eq!(views(View::Emails, &counts(0)), "");
        assert_eq!(
            views(View::Emails, &counts(2)),
            "<ul><li><a href=\"/\" aria-current=\"true\">Emails (3)</a></li><li><a href=\"/events\">Events (2)</a></li></ul>"
        );
        // Somebody looks at the events while they are emptied.
        let emptied = views(View::Events, &counts(0));
        assert!(emptied.contains("<a href=\"/events\" aria-current=\"true\">Events (0)</a>"), "{emptied}");
    }
}
