//! The lines of a file with accounts: each is checked before the first account is created.
use std::collections::HashMap;

use domain::{AccountKind, EmailAddress, ImportedHash, Language, NewUsername, TypedPassword, password};
use serde::Deserialize;

use super::usernames;

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    email: String,
    kind: AccountKind,
    password: Option<TypedPassword>,
    password_hash: Option<String>,
    #[serde(default)]
    locale: Option<String>,
}

/// A line that parsed; its password is hashed later.
pub struct Parsed {
    pub number: usize,
    pub username: NewUsername,
    pub primary: EmailAddress,
    pub kind: AccountKind,
    pub password: Option<Secret>,
    pub language: Language,
}

/// A password, typed or hashed elsewhere.
pub enum Secret {
    Typed(TypedPassword),
    Hash(ImportedHash),
}

/// Parses every line, so that all bad ones are reported at once.
pub fn parse(text: &str) -> Result<Vec<Parsed>, Vec<String>> {
    let (mut parsed, mut problems) = (Vec::new(), Vec::new());
    let (mut usernames, mut emails) = (HashMap::new(), HashMap::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        match parse_line(number, line) {
            Err(problem) => problems.push(format!("line {number}: {problem}")),
            Ok(line) => {
                let username = usernames.insert(line.username.username().canonical().to_owned(), number);
                let email = emails.insert(line.primary.canonical().to_owned(), number);
                if let Some(first) = username {
                    problems.push(format!("line {number}: the username is already in line {first}"));
                }
                if let Some(first) = email {
                    problems.push(format!("line {number}: the email is already in line {first}"));
                }
                parsed.push(line);
            }
        }
    }
    problems.extend(usernames::alike(parsed.iter().map(|line| (line.number, &line.username))));
    if parsed.is_empty() && problems.is_empty() {
        problems.push("the file has no accounts".into());
    }
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}

fn parse_line(number: usize, line: &str) -> Result<Parsed, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| without_position(&error))?;
    let password = match (line.password, line.password_hash) {
        (Some(_), Some(_)) => return Err("password and password_hash exclude each other".into()),
        (Some(typed), None) if typed.is_too_long() => {
            return Err(format!("the password is over {} bytes", password::MAX_BYTES));
        }
        (Some(typed), None) => Some(Secret::Typed(typed)),
        (None, Some(hash)) => {
            Some(Secret::Hash(ImportedHash::parse(&hash).map_err(|error| format!("password_hash: {error}"))?))
        }
        (None, None) => None,
    };
    if line.kind == AccountKind::Sso && password.is_some() {
        return Err("an sso account has no password here".into());
    }
    let language = match line.locale {
        None => Language::default(),
        Some(tag) => Language::from_tag(&tag).ok_or_else(|| format!("no texts for the locale {tag:?}"))?,
    };
    Ok(Parsed {
        number,
        username: NewUsername::parse(&line.username)
            .map_err(|error| format!("username {}: {error}", usernames::shown(&line.username)))?,
        primary: EmailAddress::parse(&line.email).map_err(|error| format!("email: {error}"))?,
        kind: line.kind,
        password,
        language,
    })
}

/// Serde names a position within the line, which is always "line 1".
fn without_position(error: &serde_json::Error) -> String {
    if error.is_syntax() || error.is_eof() {
        let column = error.column();
        return format!("not JSON, as of column {column}; each line must be one object, {{\"username\": …}}");
    }
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    format!("{} (column {})", &text[..end], error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse(text).err().unwrap_or_default()
    }

    #[test]
    fn a_file_of_good_lines_parses() {
        let text = r#"{"username":"mina","email":"mina@example.com","kind":"regular","password":"x","locale":"nl"}

{"username":"まどか","email":"madoka@example.org","kind":"sso"}"#;
        assert_eq!(parse(text).map(|lines| lines.len()), Ok(2));
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let text = r#"{"username":"mina","email":"mina@example.com","kind":"regular"}
{"username":"mina"
{"username":"Mina","email":"other@example.com","kind":"regular"}
{"username":"nour","email":"nour","kind":"regular"}
{"username":"nour","email":"nour@example.com","kind":"guest"}
{"username":"nour","email":"nour@example.com","kind":"sso","password":"x"}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"x"}
{"username":"nour","email":"nour@example.com","kind":"regular","locale":"tlh"}
{"username":"nour","email":"nour@example.com","kind":"regular","age":7}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"$2x$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"$2b$31$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"}
"#
        .to_owned()
            + &format!(
                r#"{{"username":"nour","email":"nour@example.com","kind":"regular","password":"{}"}}"#,
                "x".repeat(1_025)
            );
        let problems = problems(&text);
        let numbers: Vec<&str> = problems.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            numbers,
            (2..=12).map(|number| format!("line {number}")).collect::<Vec<_>>(),
            "{problems:#?}"
        );
        assert!(problems[0].starts_with("line 2: not JSON, as of column 18; each line"), "{problems:#?}");
        let nonsense = self::problems("nonsense");
        assert_eq!(
            nonsense,
            ["line 1: not JSON, as of column 2; each line must be one object, {\"username\": …}"]
        );
        assert!(problems[1].contains("is already in line 1"), "{problems:#?}");
        assert!(problems[5].contains("password_hash: not a hash of Argon2id, bcrypt"), "{problems:#?}");
        assert!(problems[8].contains("a fault that lets other passwords in"), "{problems:#?}");
        assert!(problems[9].contains("costs too much to verify: of bcrypt at most cost 14"), "{problems:#?}");
        assert!(problems[10].contains("the password is over 1024 bytes"), "{problems:#?}");
        assert_eq!(self::problems("\n"), ["the file has no accounts"]);
    }
}
