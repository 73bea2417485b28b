//! The pages of the links in emails: confirm an address, open a session.
use std::time::Duration;

use askama::Template;
use serde::Serialize;

use super::{Problem, Shown};
use crate::texts::Texts;
use domain::oidc::ClientName;
use domain::{Account, EmailAddress, Timestamp, Token};

/// Whose account, which address, and the button that confirms it as the backup email or as the primary.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/confirm.html")]
pub struct ConfirmPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    address: String,
    /// The primary that it replaces, if it becomes that.
    #[serde(flatten)]
    replaced: Option<ReplacedPrimary>,
    /// Whether this browser needs the code that the requesting page shows.
    needs_code: bool,
    #[serde(skip)]
    problem: Option<Shown>,
    #[serde(skip)]
    token: String,
}

/// The primary email until the button is pressed.
#[derive(Debug, Clone, Serialize)]
struct ReplacedPrimary {
    /// Its mask: a stranger may have got the link, because the new address was mistyped.
    former: String,
    /// For how many hours it still signs in afterwards.
    hold_hours: u64,
}

impl ConfirmPage {
    /// The page of a live link to a backup email, in the browser that requested it or in another.
    pub fn new(
        account: &Account,
        address: &EmailAddress,
        token: &Token,
        is_same_browser: bool,
        text: Texts,
    ) -> Self {
        Self {
            text,
            username: account.username.as_str().to_owned(),
            address: address.shown(),
            replaced: None,
            needs_code: !is_same_browser,
            problem: None,
            token: token.expose(),
        }
    }

    /// The page of a live link to another primary; the one of the account signs in for this long after it.
    #[must_use]
    pub fn replacing_primary(self, account: &Account, address: &EmailAddress, hold: Duration) -> Self {
        let former = account.primary.address.masked_apart(address).0;
        Self { replaced: Some(ReplacedPrimary { former, hold_hours: hold.as_secs() / 3_600 }), ..self }
    }

    /// The page after a wrong code.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self
    }
}

/// The backup email is confirmed.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/confirmed.html")]
pub struct ConfirmedPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    address: String,
    /// The end of the address's waiting period, if it has one.
    held_until: Option<Timestamp>,
}

impl ConfirmedPage {
    /// The page after the button.
    pub fn new(
        account: &Account,
        address: &EmailAddress,
        held_until: Option<Timestamp>,
        text: Texts,
    ) -> Self {
        Self { text, username: account.username.as_str().to_owned(), address: address.shown(), held_until }
    }
}

/// The username of who is signed in in this browser, if it is not the owner of the link.
pub(super) fn somebody_else(signed_in: Option<&Account>, owner: &Account) -> Option<String> {
    let other = signed_in.filter(|account| account.id != owner.id)?;
    Some(other.username.as_str().to_owned())
}

/// Whose session a link opens, and the button that opens it.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/open-link.html")]
pub struct OpenLinkPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    /// Who else is already signed in in this browser. The owner of the link needs no such hint: to sign in again is what they want.
    signed_in_as: Option<String>,
    /// Whether this browser needs the code that the requesting page shows.
    needs_code: bool,
    /// The product that waits in another browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_elsewhere: Option<String>,
    #[serde(skip)]
    problem: Option<Shown>,
    #[serde(skip)]
    token: String,
}

impl OpenLinkPage {
    /// The page of a live link, in the browser that requested it or in another.
    pub fn new(
        account: &Account,
        signed_in: Option<&Account>,
        token: &Token,
        is_same_browser: bool,
        text: Texts,
    ) -> Self {
        Self {
            text,
            username: account.username.as_str().to_owned(),
            signed_in_as: somebody_else(signed_in, account),
            needs_code: !is_same_browser,
            client_elsewhere: None,
            problem: None,
            token: token.expose(),
        }
    }

    /// Says where to go on to the product that waits in another browser, if one does.
    #[must_use]
    pub fn with_client_elsewhere(self, client: Option<&ClientName>) -> Self {
        Self { client_elsewhere: client.map(|name| name.as_str().to_owned()), ..self }
    }

    /// The page after a wrong code.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        self.problem = Some(Shown::new(problem, &self.text));
        self
    }
}
