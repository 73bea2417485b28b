//! Replies to people whom a product hands over.
use http::StatusCode;
use serde::Serialize;

use super::super::{Banner, LocalPath, Request, cookies, way_back};
use super::Reply;
use domain::hand_over::SESSION_LIFETIME;
use domain::{Account, WayBack};

impl Reply {
    /// Somebody was handed over to this account. Browsers go on to the change that they wanted, or else to the account page.
    /// A product that waits for a sign-in is no further: a hand-over is none.
    pub fn handed_over(request: &Request, account: &Account, json: &impl Serialize) -> Self {
        let path = LocalPath::account();
        if request.wanted_change().is_some() {
            return Self::signed_in(request, account, &path, json);
        }
        Self::see_other(path.as_str(), StatusCode::OK, json).with_banner(Banner::SignedIn)
    }

    /// Has the browser keep where this account's person returns to.
    #[must_use]
    pub fn with_way_back(self, way: &WayBack, account: &Account) -> Self {
        let value = way_back::encode(way, &account.id);
        self.with_cookie(cookies::kept(cookies::WAY_BACK, value, SESSION_LIFETIME))
    }
}
