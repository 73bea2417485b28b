//! What is kept of an event for the programs that are told about it, and not for the account's owner.
use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountId};
use crate::client_info::ClientInfo;
use crate::external_id::ExternalId;
use crate::session::SignInMethod;

/// Who did something to an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The owner, or who acts with the owner's sessions and links.
    #[default]
    Owner,
    /// The product, through the account API.
    Product,
    /// An operator, with the command line.
    Operator,
    /// The mail service, by its report.
    MailService,
}

impl Actor {
    /// Who sent a request, if it was not the owner or who acted as such.
    pub fn of_source(source: &ClientInfo) -> Option<Self> {
        source.is_product.then_some(Self::Product)
    }
}

/// Whose event it is, who did it, and how.
#[derive(Debug, Clone, Copy)]
pub struct EventContext<'a> {
    /// The account.
    pub account_id: &'a AccountId,
    /// Its external id.
    pub external_id: Option<&'a ExternalId>,
    /// Who did it.
    pub by: Actor,
    /// Of a sign-in, how.
    pub how: Option<SignInMethod>,
}

impl<'a> EventContext<'a> {
    /// Somebody did it to the account of this id.
    pub const fn new(account_id: &'a AccountId, external_id: Option<&'a ExternalId>, by: Actor) -> Self {
        Self { account_id, external_id, by, how: None }
    }

    /// Somebody did it to this account.
    pub const fn of(account: &'a Account, by: Actor) -> Self {
        Self::new(&account.id, account.external_id.as_ref(), by)
    }

    /// Its owner did it.
    pub const fn of_owner(account: &'a Account) -> Self {
        Self::of(account, Actor::Owner)
    }

    /// The owner signed in.
    pub const fn of_sign_in(account: &'a Account, how: SignInMethod) -> Self {
        Self { how: Some(how), ..Self::of_owner(account) }
    }
}
