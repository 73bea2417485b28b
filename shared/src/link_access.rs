//! Who may use a link: the browser that requested it, or a person with the code that is shown there.
use domain::link::MAX_CODE_ATTEMPTS;
use domain::{Account, HashingKeys, Link, LinkAuthorization, LinkCode, Purpose, Timestamp, Token};

use crate::app::App;
use crate::error::Error;
use crate::logging;
use crate::web::Code;

impl<R> App<R> {
    /// Opens the link with this secret, if it is live. The request is about its account from then on.
    pub async fn open_link(&self, token: &Token, purpose: Purpose, now: Timestamp) -> Result<Link, Error> {
        let link = self.store.find_link(&token.hash(), purpose).await?;
        let link = link.ok_or(Error::link(purpose, Code::LinkUnknown))?;
        logging::record_account(&link.account_id);
        match Code::of_link(link.state(now)) {
            Some(code) => Err(Error::link(purpose, code)),
            None => Ok(link),
        }
    }
}

impl<R: AsRef<HashingKeys>> App<R> {
    /// Whether this browser requested the link: it has the cookie of the request, or the account is signed in there.
    pub fn is_same_browser(&self, link: &Link, cookies: &[Token], signed_in: Option<&Account>) -> bool {
        self.has_cookie_of(link, cookies) || signed_in.is_some_and(|account| account.id == link.account_id)
    }

    /// Whether this browser has the cookie of the request for the link.
    pub fn has_cookie_of(&self, link: &Link, cookies: &[Token]) -> bool {
        cookies.iter().any(|cookie| self.needs.as_ref().is_browser_token_of(&link.request, cookie))
    }

    /// How a browser may use a link: because it requested it, or with the code that the requesting page shows. A code
    /// counts as one of the link's attempts; text that cannot be a code does not.
    ///
    /// Fails with `code-needed`, `wrong-code` or, without attempts left, `link-locked`.
    pub async fn authorize(
        &self,
        link: &Link,
        is_same_browser: bool,
        typed: Option<&str>,
        now: Timestamp,
    ) -> Result<LinkAuthorization, Error> {
        if is_same_browser {
            return Ok(LinkAuthorization::SameBrowser);
        }
        let locked = || Error::link(link.purpose, Code::LinkLocked);
        let typed = typed.filter(|typed| !typed.trim().is_empty()).ok_or(Code::CodeNeeded)?;
        let code = LinkCode::parse(typed).map_err(|_| Code::WrongCode)?;
        let attempts = self.store.record_code_attempt(link, now).await?.ok_or_else(locked)?;
        if self.needs.as_ref().is_code_of(&link.request, &code) {
            Ok(LinkAuthorization::Code)
        } else if attempts < MAX_CODE_ATTEMPTS {
            Err(Code::WrongCode.into())
        } else {
            Err(locked())
        }
    }
}
