//! The pages between this site and a product.
use askama::Template;
use serde::Serialize;

use crate::texts::Texts;
use domain::oidc::ClientName;
use domain::{Account, Username};

/// The last step of a sign-in for a product: it leads there by itself, and with a link. A redirect would not arrive: browsers
/// that apply `form-action` to what follows a form stop one that leaves the site.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/continue.html")]
pub struct ContinuePage {
    #[serde(skip)]
    text: Texts,
    /// Who is signed in, if the product gets a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    client: String,
    /// The product's address, with the answer to its request in the query.
    location: String,
}

impl ContinuePage {
    /// The page that leads to this address.
    pub fn new(username: Option<&Username>, client: &ClientName, location: String, text: Texts) -> Self {
        let username = username.map(|username| username.as_str().to_owned());
        Self { text, username, client: client.as_str().to_owned(), location }
    }
}

/// Whether somebody wants to sign out, because a product asks (RP-Initiated Logout 1.0, section 2).
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/oidc-sign-out.html")]
pub struct ClientSignOutPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    /// The product, if the request shows which one it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// The parameters of the request, for the button.
    #[serde(skip)]
    fields: Vec<(String, String)>,
}

impl ClientSignOutPage {
    /// The page for this account.
    pub fn new(
        account: &Account,
        client: Option<&ClientName>,
        fields: Vec<(String, String)>,
        text: Texts,
    ) -> Self {
        let username = account.username.as_str().to_owned();
        Self { text, username, client: client.map(|name| name.as_str().to_owned()), fields }
    }
}

/// Nobody is signed in any more. It leads back to the product, if that asked for it.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/oidc-signed-out.html")]
pub struct ClientSignedOutPage {
    #[serde(skip)]
    text: Texts,
    /// The product and the address that it has registered for this.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    back: Option<Back>,
}

/// The way back to a product.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Back {
    pub(super) client: String,
    pub(super) location: String,
}

impl Back {
    /// To this address of the product.
    pub(super) fn new(client: &ClientName, location: impl Into<String>) -> Self {
        Self { client: client.as_str().to_owned(), location: location.into() }
    }
}

impl ClientSignedOutPage {
    /// The page, with the way back to a product.
    pub fn new(back: Option<(&ClientName, String)>, text: Texts) -> Self {
        let back = back.map(|(client, location)| Back::new(client, location));
        Self { text, back }
    }
}
