//! Device cookies: a browser that has signed in before has an allowance of its own for passwords and emails, which nobody
//! else can use up (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! The cookie has a random id and, for each identifier of the account, a keyed hash of the id and the identifier. So a
//! function can check it against what was typed without reading accounts. It proves an earlier sign-in and
//! nothing else: a thief who steals one gets its allowance.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::account::Account;
use super::hashing_key::HashingKey;

/// How long a browser is known; browsers keep no cookie for longer than 400 days.
pub const LIFETIME: Duration = Duration::from_hours(365 * 24);
/// Random bytes of an id.
pub const DEVICE_ID_BYTES: usize = 16;
/// Accounts that a browser remembers: a family that shares one.
const MAX_ACCOUNTS: usize = 3;
/// Identifiers of one account: username, primary, backup email, and the former one during a waiting period.
const MAX_IDENTIFIERS: usize = 4;
/// Separates id and proofs; not a character of base64url.
const SEPARATOR: char = '.';
/// Separates accounts.
const ACCOUNT_SEPARATOR: char = '~';

/// A browser in which an account was signed in to before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// A new id of random bytes.
    pub fn new(random: [u8; DEVICE_ID_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a browser sent as its device cookie. Anything can be in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceCookie(Vec<String>);

impl DeviceCookie {
    /// Reads the value; more accounts than a browser remembers are ignored.
    pub fn parse(value: &str) -> Self {
        Self(value.split(ACCOUNT_SEPARATOR).take(MAX_ACCOUNTS).map(str::to_owned).collect())
    }

    /// The value.
    pub fn to_value(&self) -> String {
        self.0.join(&ACCOUNT_SEPARATOR.to_string())
    }
}

impl HashingKey {
    /// The id of the browser, if its cookie shows that the account with this identifier was signed in to there.
    pub fn device_of(&self, cookie: &DeviceCookie, canonical: &str) -> Option<DeviceId> {
        cookie.0.iter().find_map(|entry| self.proves(entry, canonical))
    }

    /// The cookie after a sign-in to this account, and the browser's id. A browser that was known stays the same one, also
    /// if the other key made its cookie.
    pub fn remember_device(
        &self,
        cookie: &DeviceCookie,
        account: &Account,
        random: [u8; DEVICE_ID_BYTES],
        other: Option<&Self>,
    ) -> (DeviceCookie, DeviceId) {
        let identifiers = identifiers(account);
        let is_of_account = |entry: &String| {
            let proves = |key: &Self| identifiers.iter().find_map(|identifier| key.proves(entry, identifier));
            std::iter::once(self).chain(other).find_map(proves)
        };
        let id = cookie.0.iter().find_map(is_of_account).unwrap_or_else(|| DeviceId::new(random));
        let proofs = identifiers.iter().map(|identifier| self.device_proof(&id, identifier));
        let entry: Vec<String> = std::iter::once(id.0.clone()).chain(proofs).collect();
        let others = cookie.0.iter().filter(|entry| is_of_account(entry).is_none()).cloned();
        let entries = std::iter::once(entry.join(&SEPARATOR.to_string())).chain(others);
        (DeviceCookie(entries.take(MAX_ACCOUNTS).collect()), id)
    }

    fn device_proof(&self, id: &DeviceId, canonical: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(&["device", id.as_str(), canonical]))
    }

    /// The id of an entry, if one of its proofs is of this identifier.
    fn proves(&self, entry: &str, canonical: &str) -> Option<DeviceId> {
        let (id, proofs) = entry.split_once(SEPARATOR)?;
        let id = DeviceId(id.to_owned());
        let random = URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
        if random.len() != DEVICE_ID_BYTES {
            return None;
        }
        let mut proofs = proofs.split(SEPARATOR).take(MAX_IDENTIFIERS);
        let is_proof = |proof: &str| {
            URL_SAFE_NO_PAD
                .decode(proof)
                .is_ok_and(|proof| self.verify(&["device", id.as_str(), canonical], &proof))
        };
        proofs.any(is_proof).then_some(id)
    }
}

/// The canonical forms of everything that can be typed to name the account.
fn identifiers(account: &Account) -> Vec<&str> {
    let backup = account.backup.confirmed().map(|backup| backup.address.canonical());
    let former = account.former.as_ref().map(|former| former.address.canonical());
    let always = [account.username.canonical(), account.primary.address.canonical()];
    always.into_iter().chain(backup).chain(former).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountKind, ConfirmedAddress, EmailAddress, Username, account::tests};

    fn account(username: &str, backup: Option<&str>) -> Account {
        let account = tests::account(AccountKind::Regular, backup, None);
        let primary = EmailAddress::parse(&format!("{username}@example.com")).expect("an address");
        Account {
            username: Username::parse(username).expect("a username"),
            primary: ConfirmedAddress::new(primary, account.created_at),
            ..account
        }
    }

    fn key(secret: char) -> HashingKey {
        HashingKey::new(&secret.to_string().repeat(32)).expect("long enough")
    }

    fn remembered(username: &str, random: u8) -> (DeviceCookie, DeviceId) {
        let account = account(username, Some("spare@example.org"));
        key('k').remember_device(&DeviceCookie::default(), &account, [random; 16], None)
    }

    #[test]
    fn it_shows_each_identifier_of_its_account_and_no_other() {
        let (cookie, id) = remembered("mina", 1);
        let read = DeviceCookie::parse(&cookie.to_value());
        for (typed, known) in [
            ("mina", true),
            ("mina@example.com", true),
            ("spare@example.org", true),
            ("joris", false),
            ("other@example.org", false),
            ("", false),
        ] {
            let expected = known.then(|| id.clone());
            assert_eq!(key('k').device_of(&read, typed), expected, "{typed}");
            assert_eq!(key('l').device_of(&read, typed), None, "{typed}, in another deployment");
        }
    }

    #[test]
    fn a_browser_stays_the_same_one_and_remembers_three_accounts() {
        let (cookie, id) = remembered("mina", 1);
        let (cookie, again) =
            key('k').remember_device(&cookie, &account("mina", Some("new@example.org")), [2; 16], None);
        assert_eq!(again, id);
        assert_eq!(key('k').device_of(&cookie, "new@example.org"), Some(id));
        let family = ["joris", "ana", "petra"].into_iter().enumerate();
        let cookie = family.fold(cookie, |cookie, (number, name)| {
            let random = [u8::try_from(number).expect("small") + 10; 16];
            key('k').remember_device(&cookie, &account(name, None), random, None).0
        });
        assert_eq!(key('k').device_of(&cookie, "mina"), None, "the oldest of four is forgotten");
        for name in ["joris", "ana", "petra"] {
            assert!(key('k').device_of(&cookie, name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_browser_of_the_former_key_stays_the_same_one_and_gets_a_cookie_of_the_current_key() {
        let (cookie, id) = remembered("mina", 1);
        let mina = account("mina", None);
        let (renewed, again) = key('l').remember_device(&cookie, &mina, [2; 16], Some(&key('k')));
        assert_eq!(again, id);
        assert_eq!(key('l').device_of(&renewed, "mina"), Some(id));
        assert_eq!(renewed.to_value().split('~').count(), 1, "the entry of the former key is replaced");
        let (_, new) = key('m').remember_device(&cookie, &mina, [2; 16], Some(&key('l')));
        assert_eq!(new, DeviceId::new([2; 16]), "the key before the former one proves nothing");
    }

    #[test]
    fn what_is_forged_cut_or_endless_is_no_cookie() {
        let value = remembered("mina", 1).0.to_value();
        let other_id = DeviceId::new([9; 16]);
        let (_, proofs) = value.split_once('.').expect("an id and proofs");
        let thousand = vec!["AAAA.BBBB"; 1_000].join("~") + "~" + &value;
        for forged in [
            String::new(),
            ".".repeat(10_000),
            "~".repeat(10_000),
            value[..value.len() / 4].to_owned(),
            value.replace('.', "~"),
            format!("{}.{proofs}", other_id.as_str()),
            format!("AAAA.{proofs}"),
            thousand,
        ] {
            assert_eq!(key('k').device_of(&DeviceCookie::parse(&forged), "mina"), None, "{forged:.80}");
        }
    }
}
