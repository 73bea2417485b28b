//! The page of a link with which a product hands a person over.
use askama::Template;
use serde::Serialize;

use super::links::somebody_else;
use crate::texts::Texts;
use domain::oidc::ClientName;
use domain::{Account, FormId, Token};

/// To whose account a product leads, and the button that goes there.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "pages/hand-over.html")]
pub struct HandOverPage {
    #[serde(skip)]
    text: Texts,
    username: String,
    /// The product that leads there.
    client: String,
    /// Who else is signed in in this browser.
    signed_in_as: Option<String>,
    #[serde(skip)]
    form_id: FormId,
    #[serde(skip)]
    token: String,
}

impl HandOverPage {
    /// The page of a live link.
    pub fn new(
        account: &Account,
        signed_in: Option<&Account>,
        client: &ClientName,
        token: &Token,
        form_id: FormId,
        text: Texts,
    ) -> Self {
        Self {
            text,
            username: account.username.as_str().to_owned(),
            client: client.as_str().to_owned(),
            signed_in_as: somebody_else(signed_in, account),
            form_id,
            token: token.expose(),
        }
    }
}
