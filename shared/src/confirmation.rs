//! Opening the links that confirm an address: a backup email or another primary.
use domain::{Account, HashingKeys, Link, Purpose, Timestamp, Token};

use crate::app::{App, Authenticated};
use crate::error::Error;
use crate::store::ConfirmRefused;
use crate::web::{Code, Request};

/// A live link with its account, as this browser sees it.
#[derive(Debug)]
pub struct OpenedConfirmation {
    /// The link.
    pub link: Link,
    /// Its account, which waits for it.
    pub account: Account,
    /// Who is signed in in this browser.
    pub user: Option<Authenticated>,
    /// Whether this browser may use the link without a code.
    pub is_same_browser: bool,
}

impl<R> App<R> {
    /// The account of a link. A link of a disabled account is unknown.
    pub async fn find_account_of(&self, link: &Link) -> Result<Account, Error> {
        let account = self.store.load_account(&link.account_id).await?;
        let account = account.filter(|account| !account.is_disabled());
        account.ok_or(Error::link(link.purpose, Code::LinkUnknown))
    }

    /// The link and its account if this error is that the link was used, as with a second click or a second look at the
    /// email; otherwise the error.
    pub async fn find_used_link(
        &self,
        token: &Token,
        purpose: Purpose,
        error: Error,
    ) -> Result<(Link, Account), Error> {
        let Error::LinkRefused { code: Code::LinkUsed, .. } = error else { return Err(error) };
        let Some(link) = self.store.find_link(&token.hash(), purpose).await? else { return Err(error) };
        let account = self.find_account_of(&link).await?;
        Ok((link, account))
    }

    /// What follows from a confirmation that did nothing: the account as it is now, to try again, or an error.
    pub async fn after_refused_confirmation(
        &self,
        refused: ConfirmRefused,
        link: &Link,
        now: Timestamp,
    ) -> Result<Account, Error> {
        let code = match refused {
            ConfirmRefused::LinkDead => Code::LinkUsed,
            ConfirmRefused::NoLongerPending => Code::LinkReplaced,
            ConfirmRefused::Taken => Code::AddressTaken,
            ConfirmRefused::ChangesNotAllowed => {
                let is_frozen = self.find_account_of(link).await?.frozen_until(now).is_some();
                if is_frozen { Code::ChangesFrozen } else { Code::LinkReplaced }
            }
            ConfirmRefused::AccountChanged | ConfirmRefused::SessionEnded => {
                return self.find_account_of(link).await;
            }
        };
        Err(Error::link(link.purpose, code))
    }
}

impl<R: AsRef<HashingKeys>> App<R> {
    /// Opens the link, if it is live and of the account's pending request.
    pub async fn open_confirmation(
        &self,
        request: &Request,
        token: &Token,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<OpenedConfirmation, Error> {
        let link = self.open_link(token, purpose, now).await?;
        let account = self.find_account_of(&link).await?;
        if account.pending_for(purpose).is_none_or(|pending| pending.request != link.request) {
            return Err(Error::link(purpose, Code::LinkReplaced));
        }
        let user = self.authenticate(request, now).await?;
        let is_same_browser = self.is_same_browser(&link, &[], user.as_ref().map(|user| &user.account));
        Ok(OpenedConfirmation { link, account, user, is_same_browser })
    }
}
