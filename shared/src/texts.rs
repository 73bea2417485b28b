//! The texts of pages and emails, by language. Knows Fluent and nothing of pages or emails.
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use askama::filters::{Escaper as _, Html};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

use crate::time_zone::DisplayZone;
use crate::web::{Banner, WantedChange};
use domain::{Language, Timestamp};

type Bundle = FluentBundle<FluentResource>;

/// Each language is parsed when it is first used, so that a cold start does not parse all three.
static EN: LazyLock<Bundle> = LazyLock::new(|| parse(Language::En, ENGLISH));
static NL: LazyLock<Bundle> = LazyLock::new(|| parse(Language::Nl, DUTCH));
static DA: LazyLock<Bundle> = LazyLock::new(|| parse(Language::Da, DANISH));

const ENGLISH: [&str; 3] = [
    include_str!("../locales/en/pages.ftl"),
    include_str!("../locales/en/problems.ftl"),
    include_str!("../locales/en/mails.ftl"),
];
const DUTCH: [&str; 3] = [
    include_str!("../locales/nl/pages.ftl"),
    include_str!("../locales/nl/problems.ftl"),
    include_str!("../locales/nl/mails.ftl"),
];
const DANISH: [&str; 3] = [
    include_str!("../locales/da/pages.ftl"),
    include_str!("../locales/da/problems.ftl"),
    include_str!("../locales/da/mails.ftl"),
];

fn parse(language: Language, sources: [&str; 3]) -> Bundle {
    let mut bundle = FluentBundle::new_concurrent(vec![identifier(language)]);
    // Isolation marks would be copied along with addresses; templates isolate names with <bdi> instead.
    bundle.set_use_isolating(false);
    for source in sources {
        let resource = FluentResource::try_new(source.to_owned()).expect("the locale files parse");
        bundle.add_resource(resource).expect("no message is defined twice");
    }
    bundle
}

fn identifier(language: Language) -> LanguageIdentifier {
    language.tag().parse().expect("the tags are BCP 47")
}

/// The texts of one language.
#[derive(Debug, Clone)]
pub struct Texts {
    language: Language,
    product: Arc<str>,
    zone: DisplayZone,
}

impl Texts {
    /// The texts of a language, with the product's name and with times in UTC.
    pub fn new(language: Language, product: Arc<str>) -> Self {
        Self { language, product, zone: DisplayZone::default() }
    }

    /// The same, with times in this zone.
    #[must_use]
    pub fn in_zone(self, zone: DisplayZone) -> Self {
        Self { zone, ..self }
    }

    /// The BCP 47 tag, for `lang` attributes.
    pub fn tag(&self) -> &'static str {
        self.language.tag()
    }

    /// The product's name.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// A message without arguments.
    pub fn message(&self, key: &str) -> String {
        self.format(key, &[])
    }

    /// A message with arguments. One that is missing in a language comes in English.
    pub fn format(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        let mut all = FluentArgs::new();
        all.set("product", &*self.product);
        for (name, value) in arguments {
            all.set(*name, *value);
        }
        let bundle: &Bundle = match self.language {
            Language::En => &EN,
            Language::Nl => &NL,
            Language::Da => &DA,
        };
        let found = [bundle, &EN].into_iter().find_map(|bundle| {
            let pattern = bundle.get_message(key)?.value()?;
            Some(bundle.format_pattern(pattern, Some(&all), &mut Vec::new()).into_owned())
        });
        found.unwrap_or_else(|| {
            tracing::error!(key, "a text is missing");
            key.to_owned()
        })
    }

    /// A message about a number of minutes. One minute has a message of its own, whose key ends with `-one`.
    pub fn minutes(&self, key: &str, minutes: u64) -> String {
        match minutes {
            1 => self.message(&format!("{key}-one")),
            _ => self.format(key, &[("minutes", &*minutes.to_string())]),
        }
    }

    /// What was done, on the page after a form.
    pub fn banner(&self, banner: &Banner) -> String {
        self.message(&format!("banner-{}", banner.as_str()))
    }

    /// Who has to sign in again, and for what.
    pub fn again(&self, wanted: &WantedChange) -> String {
        let key = format!("again-{}", wanted.change.as_str());
        self.format(&key, &[("username", &*wanted.username)])
    }

    /// An address as HTML that a narrow screen may break after `@` and dots, and only then elsewhere.
    pub fn breakable(&self, address: &str) -> String {
        escaped(address).replace('@', "@<wbr>").replace('.', ".<wbr>")
    }

    /// A code as a screen reader should say it: letter by letter, with a pause between its halves.
    pub fn spelled(&self, code: &str) -> String {
        let halves = code.split(' ').map(|half| half.chars().map(String::from).collect::<Vec<_>>().join(" "));
        halves.collect::<Vec<_>>().join(", ")
    }

    /// A point in time, to the minute, with what its zone is called.
    pub fn date_time(&self, at: Timestamp) -> String {
        let at = self.zone.local(at);
        let month = self.message(&format!("month-{}", at.month()));
        self.format(
            "date-time",
            &[
                ("day", &*at.day().to_string()),
                ("month", &*month),
                ("year", &*at.year().to_string()),
                ("hour", &*format!("{:02}", at.hour())),
                ("minute", &*format!("{:02}", at.minute())),
                ("zone", &*self.zone.abbreviation(&at)),
            ],
        )
    }

    /// A message about a point in time, as HTML: programs read the time too.
    pub fn timed(&self, key: &str, at: Timestamp) -> String {
        self.timed_with(key, &[], at)
    }

    /// The same with further arguments, as text.
    pub fn timed_with(&self, key: &str, arguments: &[(&str, &str)], at: Timestamp) -> String {
        self.with_time(key, arguments, at, &self.date_time(at))
    }

    /// When something was used last, as HTML: in words that say how long ago that is, or the date if it is a week or more.
    pub fn last_use(&self, at: Timestamp, now: Timestamp) -> String {
        match self.ago(at, now) {
            Some(ago) => self.with_time("session-seen", &[], at, &ago),
            None => self.timed("session-seen-on", at),
        }
    }

    fn with_time(&self, key: &str, arguments: &[(&str, &str)], at: Timestamp, words: &str) -> String {
        // No text and no address has it.
        const TIME: &str = "\u{1}";
        let all: Vec<_> = arguments.iter().copied().chain([("date", TIME)]).collect();
        escaped(&self.format(key, &all)).replace(TIME, &self.time_element(at, words))
    }

    /// A point in time as HTML, which programs read too.
    pub fn time(&self, at: Timestamp) -> String {
        self.time_element(at, &self.date_time(at))
    }

    fn time_element(&self, at: Timestamp, words: &str) -> String {
        let (instant, full) = (at.rfc3339(), self.date_time(at));
        let title = if words == full { String::new() } else { format!(" title=\"{}\"", escaped(&full)) };
        format!("<time datetime=\"{instant}\"{title}>{}</time>", escaped(words))
    }

    /// How long ago that is, unless it is a week or more.
    fn ago(&self, at: Timestamp, now: Timestamp) -> Option<String> {
        let minutes = now.since(at).as_secs() / 60;
        let nights = (self.zone.day(now) - self.zone.day(at)).get_days();
        Some(match (minutes, nights) {
            (0, _) => self.message("ago-now"),
            (1..60, _) => self.number("ago-minutes", minutes),
            (60..720, _) | (_, 0) => self.number("ago-hours", minutes / 60),
            (_, 1) => self.message("ago-yesterday"),
            (_, 2..7) => self.format("ago-days", &[("number", &*nights.to_string())]),
            _ => return None,
        })
    }

    /// How long a link still works, in hours or minutes. Its last second counts as a minute.
    pub fn left(&self, left: Duration) -> String {
        let minutes = left.as_secs().div_ceil(60).max(1);
        if minutes < 60 {
            self.number("left-minutes", minutes)
        } else {
            self.number("left-hours", minutes / 60)
        }
    }

    /// A message about a number. One has a message of its own, whose key ends with `-one`.
    fn number(&self, key: &str, number: u64) -> String {
        match number {
            1 => self.message(&format!("{key}-one")),
            _ => self.format(key, &[("number", &*number.to_string())]),
        }
    }
}

/// A text as HTML, escaped as the templates do it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    Html.write_escaped_str(&mut html, text).expect("writing to a string never fails");
    html
}

/// The language that an `Accept-Language` header (RFC 9110 section 12.5.4) prefers among ours.
pub fn negotiate(accept_language: &str) -> Language {
    let ours: Vec<_> = Language::ALL.into_iter().map(identifier).collect();
    let mut requested: Vec<_> = accept_language.split(',').filter_map(weighted).collect();
    // Stable: of equal weights the first in the header comes first.
    requested.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let requested: Vec<_> = requested.into_iter().map(|(_, language)| language).collect();
    let chosen = negotiate_languages(&requested, &ours, None, NegotiationStrategy::Lookup);
    let tag = chosen.first().map(ToString::to_string);
    tag.and_then(|tag| Language::from_tag(&tag)).unwrap_or_default()
}

/// One language of the header with its weight; nothing where the weight is 0. (fluent-langneg's own parser drops the
/// weights.)
fn weighted(range: &str) -> Option<(f32, LanguageIdentifier)> {
    let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
    let weight: f32 = parameter.trim().strip_prefix("q=")?.parse().ok()?;
    Some((weight, tag.trim().parse().ok()?)).filter(|_| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_of_ours_is_chosen() {
        for (header, language) in [
            ("", Language::En),
            ("nl", Language::Nl),
            ("nl-BE,nl;q=0.9,en;q=0.8", Language::Nl),
            ("fr-FR, da;q=0.7, en;q=0.3", Language::Da),
            ("en;q=0.2, da;q=0.9", Language::Da),
            ("nl;q=0, da;q=0.1", Language::Da),
            ("ja", Language::En),
            ("*;q=0.1, \u{0}, =;;", Language::En),
        ] {
            assert_eq!(negotiate(header), language, "{header:?}");
        }
    }

    #[test]
    fn an_address_breaks_after_at_and_dots_and_is_escaped() {
        let texts = Texts::new(Language::En, "Sparekey".into());
        assert_eq!(texts.breakable("mina@example.com"), "mina@<wbr>example.<wbr>com");
        assert_eq!(texts.breakable("<&\"'>"), "&#60;&#38;&#34;&#39;&#62;");
    }

    #[test]
    fn a_code_is_spelled() {
        assert_eq!(Texts::new(Language::En, "Sparekey".into()).spelled("4F7 QKM"), "4 F 7, Q K M");
    }

    #[test]
    fn every_language_has_the_same_messages() {
        let keys = |sources: [&str; 3]| {
            let lines = sources.into_iter().flat_map(str::lines);
            let mut keys: Vec<String> = lines
                .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
                .filter_map(|line| line.split(" =").next().map(str::to_owned))
                .collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(ENGLISH), keys(DUTCH));
        assert_eq!(keys(ENGLISH), keys(DANISH));
        assert!(keys(ENGLISH).len() > 80);
    }

    #[test]
    fn dates_read_as_people_write_them() {
        let at = Timestamp::from_unix_seconds(1_795_356_300);
        let date = |language| Texts::new(language, "Sparekey".into()).date_time(at);
        assert_eq!(date(Language::En), "22 November 2026 at 14:05 UTC");
        assert_eq!(date(Language::Nl), "22 november 2026 om 14:05 UTC");
        assert_eq!(date(Language::Da), "22. november 2026 kl. 14.05 UTC");
        let copenhagen = DisplayZone::named("Europe/Copenhagen").expect("a zone");
        let danish = Texts::new(Language::Da, "Sparekey".into()).in_zone(copenhagen);
        assert_eq!(danish.date_time(at), "22. november 2026 kl. 15.05 CET");
    }

    #[test]
    fn what_was_a_short_time_ago_is_told_in_words() {
        let now = Timestamp::from_unix_seconds(1_795_356_300);
        let texts = Texts::new(Language::En, "Sparekey".into());
        for (minutes, words) in [
            (0, "Last used just now"),
            (1, "Last used 1 minute ago"),
            (59, "Last used 59 minutes ago"),
            (60, "Last used 1 hour ago"),
            (11 * 60 + 59, "Last used 11 hours ago"),
            (14 * 60, "Last used 14 hours ago"),
            (15 * 60, "Last used yesterday"),
            (38 * 60, "Last used yesterday"),
            (39 * 60, "Last used 2 days ago"),
            (6 * 24 * 60, "Last used 6 days ago"),
            (7 * 24 * 60, "Last used on 15 November 2026 at 14:05 UTC"),
        ] {
            let html = texts.last_use(now - Duration::from_secs(minutes * 60), now);
            let (before, rest) = html.split_once('<').expect("a time begins");
            let (_, rest) = rest.split_once('>').expect("its tag ends");
            assert_eq!(format!("{before}{}", rest.replace("</time>", "")), words, "{minutes}");
        }
        let html = texts.last_use(now - Duration::from_hours(2), now);
        let time = "<time datetime=\"2026-11-22T12:05:00Z\" title=\"22 November 2026 at 12:05 UTC\">2 hours ago</time>";
        assert_eq!(html, format!("Last used {time}"));
        // A clock that is behind another's.
        assert!(texts.last_use(now + Duration::from_secs(5), now).contains("just now"));
    }

    #[test]
    fn what_is_left_is_told_in_hours_or_minutes() {
        let texts = Texts::new(Language::En, "Sparekey".into());
        for (minutes, words) in [
            (24 * 60, "The link in it works for 24 more hours."),
            (23 * 60 + 59, "The link in it works for 23 more hours."),
            (60, "The link in it works for one more hour."),
            (59, "The link in it works for 59 more minutes."),
            (1, "The link in it works for one more minute."),
            (0, "The link in it works for one more minute."),
        ] {
            assert_eq!(texts.left(Duration::from_secs(minutes * 60)), words);
        }
    }

    #[test]
    fn a_text_around_a_time_is_escaped() {
        let texts = Texts::new(Language::En, "Sparekey".into());
        let html = texts.timed_with(
            "backup-held",
            &[("backup", "<b>@example.org")],
            Timestamp::from_unix_seconds(0),
        );
        assert!(
            html.contains("&#60;b&#62;@example.org")
                && html.contains("<time datetime=\"1970-01-01T00:00:00Z\"")
        );
    }
}
