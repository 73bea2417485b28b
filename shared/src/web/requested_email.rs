//! The last request for an email from a browser, as a cookie keeps it, so that the page behind it can be opened again.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{MessageId, Purpose, Timestamp, TypedAddress};
use serde::Serialize;

use super::cookies::MAX_TYPED_BYTES;

/// Which email a stranger requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailKind {
    /// The username.
    Username,
    /// A sign-in link.
    SignInLink,
}

impl EmailKind {
    /// The page that says that the email is on its way.
    pub const fn page(self) -> &'static str {
        match self {
            Self::Username => "/forgot-username?sent",
            Self::SignInLink => "/login/link",
        }
    }

    /// Where its form is sent to.
    pub const fn form(self) -> &'static str {
        match self {
            Self::Username => "/forgot-username",
            Self::SignInLink => "/login/link",
        }
    }

    /// The page with that form.
    pub const fn empty_form(self) -> &'static str {
        match self {
            Self::Username => "/forgot-username",
            Self::SignInLink => "/login",
        }
    }

    /// The name in the cookie.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::SignInLink => "link",
        }
    }
}

/// A request for an email. Anybody can make up the cookie that it is read from: it gives no more than a page with what the
/// browser sent. The code is shown only beside the cookie of the request itself, which nobody can make up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedEmail {
    /// What was requested.
    pub kind: EmailKind,
    /// The key of the request.
    pub id: MessageId,
    /// The address as it was typed.
    pub typed: String,
}

const SEPARATOR: char = '.';

impl RequestedEmail {
    /// The cookie's value. The address is in base64url, because a cookie may contain neither quotes nor letters beyond
    /// ASCII. Nothing for a text that is too long for an address.
    pub(super) fn encode(&self) -> Option<String> {
        let typed = URL_SAFE_NO_PAD.encode(&self.typed);
        let fits = self.typed.len() <= MAX_TYPED_BYTES;
        fits.then(|| format!("{}{SEPARATOR}{}{SEPARATOR}{typed}", self.kind.as_str(), self.id.as_str()))
    }

    /// Reads the cookie. Nothing for anything else, and for an address that could not have been sent.
    pub(super) fn decode(value: &str) -> Option<Self> {
        let mut parts = value.splitn(3, SEPARATOR);
        let (kind, id, typed) = (parts.next()?, parts.next()?, parts.next()?);
        let kind =
            [EmailKind::Username, EmailKind::SignInLink].into_iter().find(|known| known.as_str() == kind)?;
        let id = MessageId::parse(id)?;
        if typed.len() > MAX_TYPED_BYTES.div_ceil(3) * 4 {
            return None;
        }
        let typed = String::from_utf8(URL_SAFE_NO_PAD.decode(typed).ok()?).ok()?;
        TypedAddress::parse(&typed).is_ok().then_some(Self { kind, id, typed })
    }

    /// Whether the same email is requested for the same address.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.typed == other.typed
    }

    /// Until when the page is of use: as long as the link works.
    pub fn ends_at(&self) -> Timestamp {
        self.id.time() + Purpose::SignIn.lifetime()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(typed: &str) -> RequestedEmail {
        RequestedEmail {
            kind: EmailKind::SignInLink,
            id: MessageId::new(1_785_000_000_000, 1),
            typed: typed.into(),
        }
    }

    #[test]
    fn what_was_typed_is_read_as_it_was_typed() {
        for typed in
            ["mina@example.com", "  Mina <mina@example.com>", "mailto:mina@example.com", "mïna@exämple.com"]
        {
            let request = requested(typed);
            let read = RequestedEmail::decode(&request.encode().expect("short enough"));
            let sent = TypedAddress::parse(typed).is_ok();
            assert_eq!(read, sent.then_some(request), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let request = requested("mina@example.com").encode().expect("short enough");
        let [kind, id, typed] = request.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        for value in [
            String::new(),
            "..".into(),
            format!("other.{id}.{typed}"),
            format!("{kind}.01J.{typed}"),
            format!("{kind}.{id}.@@"),
            format!("{kind}.{id}.{}", URL_SAFE_NO_PAD.encode("no address")),
            format!("{kind}.{id}.{}", "A".repeat(10_000)),
            format!("{kind}.{id}.{}", URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
            format!("{kind}.{id}"),
        ] {
            assert_eq!(RequestedEmail::decode(&value), None, "{value}");
        }
        assert_eq!(requested(&"a".repeat(MAX_TYPED_BYTES + 1)).encode(), None);
    }
}
