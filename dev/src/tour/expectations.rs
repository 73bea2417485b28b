//! What the tour expects of a browser and of the responses it gets. A surprise is an error that shows what came.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::browser::{Browser, SiteResponse};

/// The cookie of a session.
const SESSION_COOKIE: &str = "__Host-session";

/// The cookie that says which link a browser asked for.
const ASKED_COOKIE: &str = "__Host-asked";

impl Browser {
    /// Whether this browser holds a session, dead or alive.
    pub(super) fn has_session(&self) -> bool {
        self.cookies().contains_key(SESSION_COOKIE)
    }
}

impl SiteResponse {
    /// The status must be this one.
    pub(super) fn expect(&self, status: u16) -> Result<&Self> {
        ensure!(self.status == status, "expected {status}, came {}", self.in_full());
        Ok(self)
    }

    /// It must be a problem document with this status and code.
    pub(super) fn expect_problem(&self, status: u16, code: &str) -> Result<&Self> {
        let expected = format!("expected {status} and the problem {code}, came {}", self.in_full());
        ensure!(self.status == status && self.body["code"] == code, expected);
        let media_type =
            self.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| &**value);
        ensure!(
            media_type.is_some_and(|value| value.starts_with("application/problem+json")),
            "expected application/problem+json, came {media_type:?}"
        );
        Ok(self)
    }

    /// What the JSON pointer names must have this value.
    pub(super) fn expect_value(&self, pointer: &str, value: &str) -> Result<&Self> {
        let there = self.body.pointer(pointer).and_then(Value::as_str);
        ensure!(there == Some(value), "expected {pointer} to be \"{value}\", came {}", self.in_full());
        Ok(self)
    }

    /// The header must have this value.
    pub(super) fn expect_header(&self, name: &str, value: &str) -> Result<&Self> {
        let there = self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value);
        ensure!(there == Some(value), "expected {name}: {value}, came {there:?} with {}", self.in_full());
        Ok(self)
    }

    /// What the JSON pointer names must be true, or must be false.
    pub(super) fn expect_flag(&self, pointer: &str, value: bool) -> Result<&Self> {
        let there = self.body.pointer(pointer).and_then(Value::as_bool);
        ensure!(there == Some(value), "expected {pointer} to be {value}, came {}", self.in_full());
        Ok(self)
    }

    /// It must be the same response as another: status, headers and bytes, but for the code of a link and the cookie
    /// that belongs to it, which are of each request's own.
    pub(super) fn expect_same_as(&self, other: &Self) -> Result<()> {
        ensure!(
            self.status == other.status && self.without_chance() == other.without_chance(),
            "expected the same answer twice, came {} {:?} and {} {:?}",
            self.in_full(),
            self.headers,
            other.in_full(),
            other.headers,
        );
        Ok(())
    }

    fn without_chance(&self) -> (Vec<(String, String)>, String) {
        let text = String::from_utf8_lossy(&self.bytes);
        let code = self.body.get("code").and_then(Value::as_str).filter(|_| self.status == 200);
        let text = code.map_or_else(|| text.to_string(), |code| text.replace(code, "CODE"));
        let asked = format!("{ASKED_COOKIE}=");
        let headers = self.headers.iter().map(|(name, value)| match value.strip_prefix(&asked) {
            Some(cookie) if name == "set-cookie" => {
                let attributes = cookie.split_once(';').map_or("", |(_, attributes)| attributes);
                (name.clone(), format!("{asked}SECRET;{attributes}"))
            }
            _ => (name.clone(), value.clone()),
        });
        (headers.collect(), text)
    }

    fn in_full(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.bytes))
    }

    /// The essential part in one line.
    pub(super) fn gist(&self) -> String {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str);
        let essence = match (text("/code"), text("/backup/state"), text("/username"), text("/address")) {
            (Some(code), ..) if self.status == 200 => format!("and shows the code {code}"),
            (Some(problem), ..) => problem.to_owned(),
            (_, Some(state), ..) => {
                let addresses = [text("/backup/address"), text("/backup/pending_address")];
                let addresses: Vec<_> = addresses.into_iter().flatten().collect();
                format!("backup {state} {}", addresses.join(" by ")).trim_end().to_owned()
            }
            (_, _, Some(username), Some(address)) => format!("{username}, {address}"),
            (_, _, Some(username), None) => username.to_owned(),
            _ => shortened(&String::from_utf8_lossy(&self.bytes)),
        };
        let session = format!("{SESSION_COOKIE}=");
        let cookie =
            self.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with(&session));
        let cookie = match cookie {
            Some((_, value)) if value[session.len()..].starts_with(';') => ", session cookie cleared",
            Some(_) => ", session cookie",
            None => "",
        };
        format!("{} {essence}{cookie}", self.status)
    }
}

fn shortened(text: &str) -> String {
    const LENGTH: usize = 72;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
