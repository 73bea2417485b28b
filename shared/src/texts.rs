//! The texts of pages and emails, by language. Knows Fluent and nothing of pages or emails.
use std::sync::{Arc, LazyLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

use crate::web::Banner;
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
}

impl Texts {
    /// The texts of a language, with the product's name.
    pub fn new(language: Language, product: Arc<str>) -> Self {
        Self { language, product }
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

    /// A point in time, to the minute.
    pub fn date_time(&self, at: Timestamp) -> String {
        let at = at.date_time();
        let month = self.message(&format!("month-{}", u8::from(at.month())));
        self.format(
            "date-time",
            &[
                ("day", &*at.day().to_string()),
                ("month", &*month),
                ("year", &*at.year().to_string()),
                ("hour", &*format!("{:02}", at.hour())),
                ("minute", &*format!("{:02}", at.minute())),
            ],
        )
    }
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
    }
}
