//! Browsers in which an account has signed in before.
use domain::{Account, DeviceCookie, DeviceId, EmailAddress, HashingKeys, HourlyKey};

use crate::app::App;
use crate::store::NoticeKeys;
use crate::web::Request;

/// A browser that is remembered after a sign-in.
#[derive(Debug, Clone)]
pub struct RememberedDevice {
    /// Its cookie.
    pub cookie: DeviceCookie,
    /// Its id.
    pub id: DeviceId,
}

impl<R: AsRef<HashingKeys>> App<R> {
    /// The device cookie after a sign-in to this account. A browser that was known stays the same one.
    pub fn remember_device(&self, request: &Request, account: &Account) -> RememberedDevice {
        let random = self.entropy.id().to_be_bytes();
        let (cookie, id) = self.needs.as_ref().remember_device(&request.device_cookie(), account, random);
        RememberedDevice { cookie, id }
    }

    /// The keys of the notice that a sign-in used this address. It is sent once an hour for this browser. One that was not
    /// known, such as a program without cookies, is also recognised by its client address.
    pub fn notice_of_use(
        &self,
        request: &Request,
        account: &Account,
        address: &EmailAddress,
        remembered: &RememberedDevice,
    ) -> NoticeKeys {
        let keys = self.needs.as_ref();
        let was_known = keys.device_of(&request.device_cookie(), address.canonical()).is_some();
        let client = (!was_known).then(|| request.client().to_string());
        let browsers = std::iter::once(remembered.id.as_str()).chain(client.as_deref());
        // Under each of the keys, so that a rotation does not send it again within the hour.
        let of_browser =
            |browser| keys.all().map(move |key| HourlyKey::of_use(account, address, browser, key));
        let hourly = browsers.flat_map(of_browser).collect();
        NoticeKeys { id: self.message_id(), hourly }
    }
}
