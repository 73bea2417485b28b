//! Replaces what differs between any two tours (tokens, codes, times) by placeholders. Must not know the story.

use serde_json::{Map, Value};

/// Characters of a token: 256 bits in base64url without padding.
const TOKEN_LENGTH: usize = 43;

/// Numbers that are taken for seconds since the epoch (2020 to 2096); a length or a limit is smaller.
const TIMES: std::ops::Range<i64> = 1_577_836_800..4_000_000_000;

/// Headers whose whole value differs each time.
const BY_NATURE: [(&str, &str); 4] = [
    ("date", "<date>"),
    ("content-length", "<length>"),
    ("apigw-requestid", "<id>"),
    ("x-amzn-requestid", "<id>"),
];

/// The placeholders for one site.
#[derive(Debug)]
pub(super) struct Placeholders {
    site: String,
    host: String,
}

impl Placeholders {
    /// For the site at this URL.
    pub(super) fn new(site: &str) -> Self {
        let host = site.split_once("://").map_or(site, |(_, host)| host);
        Self { site: site.to_owned(), host: host.to_owned() }
    }

    /// A text with its addresses of the site, tokens and moments replaced.
    pub(super) fn text(&self, text: &str) -> String {
        let text = text.replace(&self.site, "<site>").replace(&self.host, "<host>");
        moments(&instants(&spelled_codes(&codes(&tokens(&ages(&device_ids(&text)))))))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str, value: &str) -> String {
        let whole = BY_NATURE.iter().find(|(header, _)| *header == name);
        whole.map_or_else(|| self.text(value), |(_, placeholder)| (*placeholder).to_owned())
    }

    /// A body: as JSON if it is JSON, else as text; null for none.
    pub(super) fn body(&self, bytes: &[u8]) -> Value {
        match serde_json::from_slice(bytes) {
            Ok(value) => self.value(value),
            Err(_) if bytes.is_empty() => Value::Null,
            Err(_) => Value::String(self.text(&String::from_utf8_lossy(bytes))),
        }
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Number(number) if number.as_i64().is_some_and(|number| TIMES.contains(&number)) => {
                Value::String("<time>".to_owned())
            }
            Value::Array(values) => {
                let mut values: Vec<_> = values.into_iter().map(|value| self.value(value)).collect();
                if values.iter().any(holds_a_time) {
                    values.sort_by_cached_key(Value::to_string);
                }
                Value::Array(values)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| match name.as_str() {
                    // Others than its author may read a recording.
                    "password" => (name, Value::String("<password>".to_owned())),
                    // However it is typed; the code of a problem is a word or more.
                    "code" if value.as_str().is_some_and(is_typed_code) => {
                        (name, Value::String("<code>".to_owned()))
                    }
                    _ => (name, self.value(value)),
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

/// Whether an entry of a list says when something was. Such lists are ordered by times, which are whole seconds: the
/// order within one second differs between two tours of different speed.
fn holds_a_time(entry: &Value) -> bool {
    entry.as_object().is_some_and(|fields| fields.values().any(|value| value == "<time>"))
}

/// Whether this is the id of an event, a request or a form: a ULID, 26 characters of Crockford's base 32.
fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Replaces the id of a browser in its device cookie.
fn device_ids(text: &str) -> String {
    const COOKIE: &str = "__Host-device=";
    let Some((before, value)) = text.split_once(COOKIE) else { return text.to_owned() };
    match value.split_once('.') {
        Some((_, proofs)) => format!("{before}{COOKIE}<id>.{proofs}"),
        None => text.to_owned(),
    }
}

/// Rounds the age of a cookie up to minutes. A cookie that is set again ends with its session, some seconds sooner in a slow tour.
fn ages(text: &str) -> String {
    const ATTRIBUTE: &str = "; Max-Age=";
    let Some((before, age)) = text.split_once(ATTRIBUTE) else { return text.to_owned() };
    let end = age.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(age.len());
    let (seconds, after) = age.split_at(end);
    match seconds.parse::<u64>() {
        Ok(seconds) => format!("{before}{ATTRIBUTE}{}{after}", seconds.next_multiple_of(60)),
        Err(_) => text.to_owned(),
    }
}

/// Replaces runs of base64url that are exactly as long as a token, and ULIDs.
fn tokens(text: &str) -> String {
    let of_token = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_token) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|letter| !of_token(letter)).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        replaced.push_str(before);
        replaced.push_str(match run {
            _ if run.len() == TOKEN_LENGTH => "<token>",
            _ if is_ulid(run) => "<id>",
            _ => run,
        });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Whether a text has the shape of a code of a link: two groups of three, whatever is between them.
fn is_typed_code(text: &str) -> bool {
    let groups: Vec<&str> = text.split([' ', '-']).collect();
    groups.len() == 2 && groups.iter().all(|group| group.len() == 3)
}

/// Replaces codes of links as pages show them: six characters of Crockford's base 32 in two groups.
fn codes(text: &str) -> String {
    const LENGTH: usize = "4F7 QKM".len();
    let of_code =
        |letter: u8| (letter.is_ascii_uppercase() && !b"ILOU".contains(&letter)) || letter.is_ascii_digit();
    let bytes = text.as_bytes();
    let is_code = |at: usize| {
        let Some(code) = bytes.get(at..at + LENGTH) else { return false };
        let alone = |beside: Option<&u8>| beside.is_none_or(|letter| !letter.is_ascii_alphanumeric());
        let letters = code
            .iter()
            .enumerate()
            .all(|(place, letter)| (place == 3 && *letter == b' ') || of_code(*letter));
        letters
            && code[3] == b' '
            && alone(at.checked_sub(1).and_then(|at| bytes.get(at)))
            && alone(bytes.get(at + LENGTH))
    };
    let (mut replaced, mut from) = (String::with_capacity(text.len()), 0);
    while let Some(at) = (from..text.len()).find(|at| is_code(*at)) {
        replaced.push_str(&text[from..at]);
        replaced.push_str("<code>");
        from = at + LENGTH;
    }
    replaced.push_str(&text[from..]);
    replaced
}

/// Replaces codes that are spelled for screen readers: `4 F 7, Q K M`.
fn spelled_codes(text: &str) -> String {
    const BEGIN: &str = "<span class=\"spoken\" translate=\"no\">";
    let mut parts = text.split(BEGIN);
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |replaced, part| {
        let rest = part.split_once('<').map_or("", |(_, rest)| rest);
        format!("{replaced}{BEGIN}<code><{rest}")
    })
}

/// Replaces instants, as attributes have them: `2026-11-22T14:05:00Z`.
fn instants(text: &str) -> String {
    const BEGIN: &str = "datetime=\"";
    let mut parts = text.split(BEGIN);
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |replaced, part| {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        format!("{replaced}{BEGIN}<instant>\"{rest}")
    })
}

/// Replaces dates with a time, as emails write them: `22 November 2026 at 14:05 UTC`, `22. november 2026 kl. 14.05 UTC`.
fn moments(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let mut replaced: Vec<String> = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if let Some((before, after)) = moment(&words[at..]) {
            replaced.push(format!("{before}<moment>{after}"));
            at += WORDS_OF_A_MOMENT;
        } else {
            replaced.push(words[at].to_owned());
            at += 1;
        }
    }
    replaced.join(" ")
}

/// Day, month, year, a preposition, time, zone.
const WORDS_OF_A_MOMENT: usize = 6;

/// What stands before and after the moment that the first words are.
fn moment<'t>(words: &[&'t str]) -> Option<(&'t str, &'t str)> {
    let [day, _, year, _, time, zone, ..] = words else { return None };
    let digits =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = time.split_once([':', '.'])?;
    let before = day.trim_end_matches('.').trim_end_matches(|letter: char| letter.is_ascii_digit());
    let is_moment = before.len() < day.trim_end_matches('.').len()
        && digits(year, 4)
        && digits(hours, 2)
        && digits(minutes, 2);
    is_moment.then_some((before, zone.strip_prefix("UTC")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_by_nature_is_replaced_and_nothing_else() {
        let rules = Placeholders::new("http://127.0.0.1:3000");
        let token = "Zm9yZ290dGVuLWJ1dC1uZXZlci1sb3N0LWFuZC1mb3Q";
        let policy = "style-src 'sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU='";
        for (text, replaced) in [
            (format!("http://127.0.0.1:3000/login/open?token={token}."), "<site>/login/open?token=<token>."),
            (format!("{token}x {token}"), &*format!("{token}x <token>")),
            (format!("__Host-device=abc-_1.{token}; Path=/"), "__Host-device=<id>.<token>; Path=/"),
            (policy.to_owned(), policy),
            ("a=b; Path=/; Max-Age=2591941; Secure".to_owned(), "a=b; Path=/; Max-Age=2592000; Secure"),
            ("a=; Max-Age=0".to_owned(), "a=; Max-Age=0"),
            ("at 127.0.0.1:3000".to_owned(), "at <host>"),
            ("http://127.0.0.1:3001/".to_owned(), "http://127.0.0.1:3001/"),
            ("<p>22 November 2026 at 14:05 UTC, it".to_owned(), "<p><moment>, it"),
            ("On 2 november 2026 om 14:05 UTC.".to_owned(), "On <moment>."),
            ("Den 22. november 2026 kl. 14.05 UTC blev".to_owned(), "Den <moment> blev"),
            (
                "<time datetime=\"2026-11-22T14:05:00Z\" title=\"22 November 2026 at 14:05 UTC\">".to_owned(),
                "<time datetime=\"<instant>\" title=\"<moment>\">",
            ),
            (
                "<span class=\"spoken\" translate=\"no\">4 F 7, Q K M</span>".to_owned(),
                "<span class=\"spoken\" translate=\"no\"><code></span>",
            ),
            ("22 of the 2026 in 14:5 UTC".to_owned(), "22 of the 2026 in 14:5 UTC"),
            ("<strong class=\"code\">4F7 QKM</strong>".to_owned(), "<strong class=\"code\"><code></strong>"),
            (
                "A4F7 QKM, 4F7 QKML, 4F7QKM, 4f7 qkm, 4F7 QKI".to_owned(),
                "A4F7 QKM, 4F7 QKML, 4F7QKM, 4f7 qkm, 4F7 QKI",
            ),
        ] {
            assert_eq!(rules.text(&text), replaced, "{text}");
        }
    }

    #[test]
    fn times_in_json_are_replaced_and_other_numbers_stay() {
        let rules = Placeholders::new("http://127.0.0.1:3000");
        let body =
            json!({ "backup": { "since": 1_795_348_800, "tries": 5 }, "all": [1_795_348_800, -1, 1.5] });
        let replaced = json!({ "backup": { "since": "<time>", "tries": 5 }, "all": ["<time>", -1, 1.5] });
        assert_eq!(rules.body(body.to_string().as_bytes()), replaced);
        let login = json!({ "identifier": "mina", "password": "correct horse battery" });
        let replaced = json!({ "identifier": "mina", "password": "<password>" });
        assert_eq!(rules.body(login.to_string().as_bytes()), replaced);
        for typed in ["4F7 QKM", "4f7-qkm"] {
            let opened = json!({ "code": typed, "token": "x" });
            assert_eq!(rules.body(opened.to_string().as_bytes()), json!({ "code": "<code>", "token": "x" }));
        }
        let event = json!({ "chosen": "01M8C3034VG6NGVMNQ5CGDBN7H", "events": [{ "id": "01M8C300B4AFYQ1F2J2RHQSXBC" }] });
        let replaced = json!({ "chosen": "<id>", "events": [{ "id": "<id>" }] });
        assert_eq!(rules.body(event.to_string().as_bytes()), replaced);
        let problem = json!({ "code": "wrong-code" });
        assert_eq!(rules.body(problem.to_string().as_bytes()), problem);
        assert_eq!(rules.body(b""), Value::Null);
        assert_eq!(rules.body(b"<p>"), json!("<p>"));
    }

    #[test]
    fn entries_with_a_time_have_no_order_and_all_others_keep_theirs() {
        let rules = Placeholders::new("http://127.0.0.1:3000");
        let body = |value: Value| rules.body(value.to_string().as_bytes());
        let session = |how: &str, at: i64| json!({ "how": how, "seen_at": at });
        let one = json!({ "sessions": [session("link", 1_795_348_801), session("password", 1_795_348_800)] });
        let other =
            json!({ "sessions": [session("password", 1_795_348_800), session("link", 1_795_348_800)] });
        assert_eq!(body(one.clone()), body(other));
        let third = json!({ "sessions": [session("link", 1_795_348_801), session("link", 1_795_348_800)] });
        assert_ne!(body(one), body(third));
        let languages = json!({ "languages": [{ "tag": "nl" }, { "tag": "en" }] });
        assert_eq!(body(languages.clone()), languages);
    }

    #[test]
    fn headers_that_are_never_the_same_are_replaced_whole() {
        let rules = Placeholders::new("https://account.example.com");
        for (name, value, replaced) in [
            ("date", "Sun, 22 Nov 2026 12:00:00 GMT", "<date>"),
            ("location", "https://account.example.com/login", "<site>/login"),
            ("server", "anything", "anything"),
        ] {
            assert_eq!(rules.header(name, value), replaced, "{name}");
        }
    }
}
