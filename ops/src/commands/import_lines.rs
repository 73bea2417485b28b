//! The lines of a file with accounts: what each says, and what is wrong with it.
//!
//! What is wrong is shown on a terminal and kept in files, so it never has a password or a hash in it.
use domain::{
    AccountKind, ConfirmedAddress, EmailAddress, ExternalId, ImportedHash, Language, NewUsername, Timestamp,
    TypedPassword,
};

use super::account_line::AccountLine;
use super::usernames;

/// The longest name of a field that is shown. A longer one may be a value in the wrong place.
const LONGEST_FIELD: usize = 24;

/// A line that parsed; its password is hashed later.
pub struct Parsed {
    pub number: u32,
    pub external_id: Option<ExternalId>,
    pub username: NewUsername,
    pub primary: EmailAddress,
    pub backup: Option<ConfirmedAddress>,
    pub kind: AccountKind,
    pub password: Option<Secret>,
    /// Whether the hash is a mark of Django for an account without a password.
    pub is_marked_unusable: bool,
    pub language: Language,
    pub created_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
}

/// A password, typed or hashed elsewhere.
pub enum Secret {
    Typed(TypedPassword),
    Hash(ImportedHash),
}

/// Parses one line. The problem is a sentence without the line's number.
pub fn parse(number: u32, line: &str, now: Timestamp) -> Result<Parsed, String> {
    let line = object(line)?;
    let is_marked_unusable = line.password_hash.as_deref().is_some_and(|hash| hash.starts_with('!'));
    let password = secret(line.password, line.password_hash.filter(|_| !is_marked_unusable))?;
    if line.kind == AccountKind::Sso && (password.is_some() || line.backup_email.is_some()) {
        return Err("an sso account has no password and no backup email here".into());
    }
    let language = match line.locale {
        None => Language::default(),
        Some(tag) => Language::from_tag(&tag).ok_or("there are no texts for the locale")?,
    };
    // Everybody sees a username, and a hash without a slash could be one.
    if ImportedHash::parse(&line.username).is_ok() {
        return Err("username: it is the hash of a password".into());
    }
    let username = NewUsername::parse(&line.username)
        .map_err(|error| format!("username {}: {error}", usernames::shown(&line.username)))?;
    let primary = EmailAddress::parse(&line.email).map_err(|error| format!("email: {error}"))?;
    let backup = backup(line.backup_email.as_deref(), line.backup_confirmed_at.as_deref(), now)?;
    let backup = match (backup, time("backup_reached_at", line.backup_reached_at.as_deref(), now)?) {
        (Some(backup), Some(reached_at)) => Some(backup.reached(reached_at)),
        (None, Some(_)) => return Err("backup_reached_at needs backup_email".into()),
        (backup, None) => backup,
    };
    if backup.as_ref().is_some_and(|backup| backup.address == primary) {
        return Err("the backup email is the primary email".into());
    }
    let external_id = line.external_id.map(|id| ExternalId::parse(&id)).transpose();
    Ok(Parsed {
        number,
        external_id: external_id.map_err(|error| format!("external_id: {error}"))?,
        username,
        primary,
        backup,
        kind: line.kind,
        password,
        is_marked_unusable,
        language,
        created_at: time("created_at", line.created_at.as_deref(), now)?,
        disabled_at: time("disabled_at", line.disabled_at.as_deref(), now)?,
    })
}

/// The object of a line. Serde would take an array for the fields in their order.
fn object(line: &str) -> Result<AccountLine, String> {
    if line.starts_with('[') {
        return Err(
            "an array begins here; each line must be one object, and jq -c '.[]' writes those of an array so"
                .into(),
        );
    }
    serde_json::from_str(line).map_err(|error| {
        if !line.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok() {
            "each line must be one object, {\"username\": …}".to_owned()
        } else if line.contains('\r') {
            "the lines end with a carriage return alone; tr '\\r' '\\n' gives them other ends".to_owned()
        } else {
            without_values(&error)
        }
    })
}

fn secret(typed: Option<TypedPassword>, hash: Option<String>) -> Result<Option<Secret>, String> {
    match (typed, hash) {
        (Some(_), Some(_)) => Err("password and password_hash exclude each other".into()),
        (Some(typed), None) => {
            typed.check_usable().map_err(|error| format!("password: {error}"))?;
            Ok(Some(Secret::Typed(typed)))
        }
        (None, Some(hash)) => {
            let hash = ImportedHash::parse(&hash).map_err(|error| format!("password_hash: {error}"))?;
            Ok(Some(Secret::Hash(hash)))
        }
        (None, None) => Ok(None),
    }
}

/// An address that was confirmed where the account was before. Without a date nobody says that it was.
fn backup(
    address: Option<&str>,
    confirmed_at: Option<&str>,
    now: Timestamp,
) -> Result<Option<ConfirmedAddress>, String> {
    match (address, time("backup_confirmed_at", confirmed_at, now)?) {
        (None, None) => Ok(None),
        (Some(address), Some(since)) => {
            let address = EmailAddress::parse(address).map_err(|error| format!("backup_email: {error}"))?;
            Ok(Some(ConfirmedAddress::new(address, since)))
        }
        _ => Err("backup_email and backup_confirmed_at need each other".into()),
    }
}

fn time(field: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let Some(text) = text else { return Ok(None) };
    let at = Timestamp::parse_rfc3339(&as_rfc3339(text)).ok_or_else(|| {
        let is_early = text.get(..4).and_then(|year| year.parse().ok()).is_some_and(|year: u16| year < 1970);
        if is_early {
            format!("{field}: it is before 1970; leave it out")
        } else {
            format!("{field}: not a time in UTC such as 2026-11-22T14:05:05Z, 2026-11-22T14:05:05.123+00:00")
        }
    })?;
    if at > now { Err(format!("{field}: it is in the future")) } else { Ok(Some(at)) }
}

/// A time as Django or `PostgreSQL` may write it, to the second: with a space for the T, a fraction, UTC as an offset.
fn as_rfc3339(text: &str) -> String {
    let utc = ["Z", "z", "+00:00", "+0000", "+00"].iter().find_map(|utc| text.strip_suffix(utc));
    let Some(time) = utc else { return text.to_owned() };
    let time = match time.split_once('.') {
        Some((seconds, fraction))
            if !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            seconds
        }
        _ => time,
    };
    format!("{}Z", time.replacen(' ', "T", 1))
}

/// What serde says, without the values that it quotes, and without the position's line, which is always the first.
fn without_values(error: &serde_json::Error) -> String {
    let column = error.column();
    if error.is_eof() && column > 0 {
        return format!(
            "not JSON: the line ends at column {column}, and its object does not; each line must be one object, and jq -c . \
             writes those of a file so"
        );
    }
    if error.is_syntax() || error.is_eof() {
        return format!("not JSON, as of column {column}; each line must be one object, {{\"username\": …}}");
    }
    let text = error.to_string();
    let text = &text[..text.rfind(" at line ").unwrap_or(text.len())];
    let said = if let Some((_, name)) = text.split_once("unknown field `") {
        let name = name.split('`').next().unwrap_or_default();
        let is_name = name.len() <= LONGEST_FIELD && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if is_name { format!("unknown field `{name}`") } else { "unknown field".to_owned() }
    } else if ["missing field", "duplicate field", "kind: "].iter().any(|start| text.starts_with(start)) {
        text.to_owned()
    } else {
        let expected = text.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
        format!("a value is of the wrong kind, expected {expected}")
    };
    format!("{said} (column {column})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_356_305);

    fn problem(line: &str) -> String {
        parse(1, line, NOW).err().unwrap_or_default()
    }

    /// A line with these fields, and those that every line needs.
    fn with(fields: &str) -> String {
        format!(r#"{{"username":"nour","email":"nour@example.com","kind":"regular",{fields}}}"#)
    }

    #[test]
    fn good_lines_parse() {
        for line in [
            r#"{"username":"mina","email":"mina@example.com","kind":"regular","password":"x","locale":"nl"}"#,
            r#"{"username":"まどか","email":"madoka@example.org","kind":"sso","external_id":"a|7"}"#,
            &with(
                r#""backup_email":"nour@example.org","backup_confirmed_at":"2026-11-22T14:05:05Z","backup_reached_at":"2026-11-22T14:05:05Z","created_at":"1999-01-01T00:00:00Z","disabled_at":"2026-11-22T14:05:05Z""#,
            ),
            &with(r#""password":null,"external_id":null,"backup_email":null"#),
        ] {
            assert_eq!(problem(line), "", "{line}");
        }
    }

    #[test]
    fn times_of_other_systems_and_marks_of_no_password_are_taken() {
        for time in [
            "2026-11-22T14:05:05Z",
            "2026-11-22T14:05:05.123Z",
            "2026-11-22T14:05:05.123456+00:00",
            "2026-11-22 14:05:05.1+00",
            "2026-11-22 14:05:05+00:00",
        ] {
            let parsed = parse(1, &with(&format!(r#""created_at":"{time}""#)), NOW);
            assert_eq!(parsed.map(|line| line.created_at), Ok(Some(NOW)), "{time}");
        }
        let unusable = parse(1, &with(r#""password_hash":"!VOfkflTGbOjPs2lGJvhEOqZDHUluHZvN7qqMW9Q1""#), NOW);
        assert!(unusable.is_ok_and(|line| line.password.is_none() && line.is_marked_unusable));
    }

    #[test]
    fn every_bad_line_says_what_is_wrong() {
        let x1025 = "x".repeat(1_025);
        for (line, says) in [
            ("", "not JSON, as of column 0; each line must be one object, {\"username\": …}"),
            ("nonsense", "not JSON, as of column 2; each"),
            (r#"{"username":"mina""#, "not JSON: the line ends at column 18, and its object does not; each"),
            ("{", "jq -c . writes those of a file so"),
            ("[", "jq -c '.[]' writes those of an array so"),
            (
                r#"["mina","mina@example.com","regular"]"#,
                "an array begins here; each line must be one object",
            ),
            ("7", "each line must be one object, {"),
            ("{\"username\":\"a\"}\r{\"username\":\"b\"}", "the lines end with a carriage return alone"),
            (r#"{"username":"mina","email":"mina@example.com"}"#, "missing field `kind`"),
            (r#"{"username":"nour","email":"nour","kind":"regular"}"#, "email: the address is malformed"),
            (
                r#"{"username":"nour","email":"nour@example.com","kind":"guest"}"#,
                "kind: expected regular or sso (column",
            ),
            (
                r#"{"username":"nour","email":"nour@example.com","kind":null}"#,
                "kind: expected regular or sso (column",
            ),
            (
                r#"{"username":"nour","email":"nour@example.com","kind":"sso","password":"x"}"#,
                "an sso account has no password and no backup",
            ),
            (
                r#"{"username":"nour","email":"nour@example.com","kind":"sso","backup_email":"n@example.org","backup_confirmed_at":"1999-01-01T00:00:00Z"}"#,
                "an sso account has no password and no backup",
            ),
            (&with(r#""password":"x","password_hash":"y""#), "exclude each other"),
            (&with(r#""password_hash":"x""#), "password_hash: not a hash of Argon2id, Argon2i, bcrypt"),
            (&with(r#""locale":"tlh""#), "there are no texts for the locale"),
            (&with(r#""age":7"#), "unknown field `age`"),
            (&with(r#""kind":"sso""#), "duplicate field `kind`"),
            (
                &with(r#""password_hash":"$2x$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS""#),
                "a fault that lets other passwords in",
            ),
            (
                &with(r#""password_hash":"$2b$31$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS""#),
                "costs too much to verify: of bcrypt at most cost 14",
            ),
            (&with(&format!(r#""password":"{x1025}""#)), "password: it is over 1024 bytes"),
            (
                &with(r#""password":"""#),
                "password: it is empty; leave it out, and the owner signs in by a link",
            ),
            (&with(r#""password":" ""#), "password: it is blank; leave it out"),
            (&with(r#""password":"a\u0000b""#), "password: it has a character that no password can have"),
            (&with(r#""external_id":"a/b""#), "external_id: it has the character U+002F"),
            (&with(r#""external_id":"""#), "external_id: an external id has 1 to 128"),
            (&with(r#""backup_email":"nour@example.org""#), "need each other"),
            (&with(r#""backup_confirmed_at":"1999-01-01T00:00:00Z""#), "need each other"),
            (&with(r#""backup_reached_at":"1999-01-01T00:00:00Z""#), "backup_reached_at needs backup_email"),
            (
                &with(r#""backup_email":"NOUR@example.com","backup_confirmed_at":"1999-01-01T00:00:00Z""#),
                "the backup email is the primary email",
            ),
            (
                &with(r#""backup_email":"nour","backup_confirmed_at":"1999-01-01T00:00:00Z""#),
                "backup_email: the address is malformed",
            ),
            (&with(r#""created_at":"1999-01-01""#), "created_at: not a time in UTC such as"),
            (&with(r#""created_at":"2026-11-22T14:05:05""#), "created_at: not a time in UTC such as"),
            (&with(r#""created_at":"2026-11-22T14:05:05+01:00""#), "created_at: not a time in UTC such as"),
            (&with(r#""created_at":"2026-11-22T14:05:05.x+00""#), "created_at: not a time in UTC such as"),
            (&with(r#""created_at":"1969-12-31T23:59:59Z""#), "created_at: it is before 1970; leave it out"),
            (&with(r#""disabled_at":"2026-11-22T14:05:06Z""#), "disabled_at: it is in the future"),
            (
                r#"{"username":"no ur","email":"nour@example.com","kind":"regular"}"#,
                "username \"no ur\": it has the character U+0020",
            ),
        ] {
            let problem = problem(line);
            assert!(problem.contains(says), "{line}: {problem}");
        }
    }

    #[test]
    fn no_problem_shows_a_password_or_a_hash() {
        const SECRET: &str = "$2b$12$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
        const DJANGO: &str = "pbkdf2_sha256$1000$seasalt12345$YtOyTd8OUYnXnZ26vcksSMHyE7L/PId9xDjpPKK6Sb0=";
        for secret in [SECRET, DJANGO] {
            for line in [
                format!(r#"{{"username":"{secret}","email":"a@example.com","kind":"regular"}}"#),
                format!(r#"{{"username":"nour","email":"{secret}","kind":"regular"}}"#),
                format!(r#"{{"username":"nour","email":"a@example.com","kind":"{secret}"}}"#),
                with(&format!(r#""{secret}":"password_hash""#)),
                with(&format!(r#""locale":"{secret}""#)),
                with(&format!(r#""external_id":"{secret}/""#)),
                with(&format!(r#""created_at":"{secret}""#)),
                with(&format!(r#""backup_email":"{secret}","backup_confirmed_at":"1999-01-01T00:00:00Z""#)),
                with(&format!(r#""password_hash":"{secret}x, expected""#)),
                with(&format!(r#""password_hash":["{secret}"]"#)),
                format!("\"{secret}, expected what\""),
                secret.to_owned(),
            ] {
                let problem = problem(&line);
                let part = secret.rsplit('$').next().expect("a digest");
                assert!(!problem.is_empty() && !problem.contains(&part[..12]), "{line}: {problem}");
            }
        }
        let number = problem(&with(r#""password":20261122140505"#));
        assert_eq!(number, "a value is of the wrong kind, expected a string (column 88)");
    }
}
