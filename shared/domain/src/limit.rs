//! Rate limits: how often something may be done, and by what key that is counted.
//!
//! Known and unknown identifiers are counted alike, so a limit reveals nothing about accounts.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::account::{Account, AccountId};
use super::device_cookie::DeviceId;
use super::hashing_key::HashingKey;
use super::identifier::{Identifier, TypedAddress};
use super::timestamp::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Failed passwords for one account in an hour, and in one known browser.
const FAILED_PASSWORDS: u32 = 10;
/// Emails that one client may request in an hour.
const EMAILS_PER_CLIENT: u32 = 30;
/// The name of the daily email limit, which has a metric and an alarm of its own.
pub const DAILY_EMAILS: &str = "mails-of-the-day";
/// Failed passwords in a row are forgotten after this time without one: nobody guesses that slowly, and the counts of
/// names that nobody has do not stay for ever.
const IN_A_ROW_KEPT: Duration = Duration::from_hours(365 * 24);

/// How much is allowed in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A maximum in each fixed window; windows begin at multiples of their length since the epoch.
    AtMost {
        /// The maximum.
        count: u32,
        /// The window's length.
        window: Duration,
    },
    /// One, and the next only after this time.
    OneEvery(Duration),
    /// A maximum without a window, until the count is reset, or for this time after the last one.
    InARow {
        /// The maximum.
        count: u32,
        /// How long a count is kept.
        kept: Duration,
    },
}

/// A rate limit for one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What is counted. Limits with different names never share a count.
    pub name: &'static str,
    /// For whom or what it is counted.
    pub subject: String,
    /// How much is allowed.
    pub pace: Pace,
    /// Among how many counts the subjects are spread; without this, each has its own.
    pub shards: Option<u32>,
}

impl Limit {
    const fn of(name: &'static str, subject: String, pace: Pace) -> Self {
        Self { name, subject, pace, shards: None }
    }

    const fn at_most(name: &'static str, subject: String, count: u32, window: Duration) -> Self {
        Self::of(name, subject, Pace::AtMost { count, window })
    }

    /// The name of its count under this key: that of the subject, or of the shard that a keyed hash chooses for it, so that
    /// nobody can tell with whom they share a shard.
    pub fn counted_as(&self, key: &HashingKey) -> String {
        let Some(shards) = self.shards else { return self.subject.clone() };
        let [first, ..] = key.hash(&["part-of-the-day", &self.subject]);
        (u32::from(first) % shards).to_string()
    }

    /// Emails requested for one typed address: five an hour are enough for an impatient person and too few to flood a
    /// mailbox.
    pub fn emails_to(typed: &TypedAddress) -> Self {
        Self::at_most("mails-to", typed.as_str().into(), 5, HOUR)
    }

    /// Emails requested from one client address: thirty an hour are enough for an office behind one address.
    pub fn emails_from(client: IpAddr) -> Self {
        Self::at_most("mails-from", network(client), EMAILS_PER_CLIENT, HOUR)
    }

    /// Backup requests of one account, a minute apart, so that a double click sends one email.
    pub fn backup_request_spacing(account: &AccountId) -> Self {
        Self::of("backup-request-spacing", account.as_str().into(), Pace::OneEvery(MINUTE))
    }

    /// Backup requests of one account: five a day, enough for typos and too few to harass a stranger.
    pub fn backup_requests(account: &AccountId) -> Self {
        Self::at_most("backup-requests", account.as_str().into(), 5, DAY)
    }

    /// How often one account may end all its other sessions: five times a day. Each time also ends the links that were
    /// sent, so without a limit a thief could keep the owner from signing in through one.
    pub fn endings_of_other_sessions(account: &AccountId) -> Self {
        Self::at_most("endings-of-other-sessions", account.as_str().into(), 5, DAY)
    }

    /// Attempts to set a password of one account: ten a day. Each compares with the present password, so without a limit
    /// somebody at an open session could guess that, and each success sends a notice. After an undo the count starts again,
    /// so that nobody keeps the owner from setting one.
    pub fn new_passwords(account: &Account) -> Self {
        let undone = account.backup_frozen_until.map_or(0, Timestamp::unix_seconds);
        Self::at_most("new-passwords", format!("{} {undone}", account.id.as_str()), 10, DAY)
    }

    /// Failed passwords for one account, whatever was typed to name it: ten an hour.
    pub fn failed_passwords(whose: &CountedFor) -> Self {
        Self::at_most("failed-passwords", whose.0.clone(), FAILED_PASSWORDS, HOUR)
    }

    /// Failed passwords in a row for one account: a hundred (NIST SP 800-63B-4 section 3.2.2). After that only a link or a
    /// browser that is known signs in.
    pub fn failed_passwords_in_a_row(whose: &CountedFor) -> Self {
        Self::of(
            "failed-passwords-in-a-row",
            whose.0.clone(),
            Pace::InARow { count: 100, kept: IN_A_ROW_KEPT },
        )
    }

    /// Failed passwords in one browser that is known: ten an hour of its own.
    pub fn failed_passwords_on(device: &DeviceId) -> Self {
        Self::at_most("failed-passwords-on", device.as_str().into(), FAILED_PASSWORDS, HOUR)
    }

    /// Sign-ins of one account with a password: a hundred an hour are far above what people do, and each may cause a
    /// notice.
    pub fn sign_ins(account: &AccountId) -> Self {
        Self::at_most("sign-ins", account.as_str().into(), 100, HOUR)
    }

    /// Hand-overs of one account by products: a hundred an hour, with a count of their own, so that no product uses up the
    /// sign-ins of the owner.
    pub fn hand_overs(account: &AccountId) -> Self {
        Self::at_most("hand-overs", account.as_str().into(), 100, HOUR)
    }

    /// Emails that one browser that is known requests: five an hour of its own.
    pub fn emails_on(device: &DeviceId) -> Self {
        Self::at_most("mails-on", device.as_str().into(), 5, HOUR)
    }

    /// Emails that all known browsers together request for one address: an account that signs in on and on, each time in a
    /// new browser, causes no more.
    pub fn emails_of_known_browsers(typed: &TypedAddress) -> Self {
        Self::at_most("mails-of-known-browsers", typed.as_str().into(), 20, HOUR)
    }

    /// Wrong secrets of clients of OpenID Connect from one address, for all clients together: nobody guesses 256 bits, so more
    /// than a few are a product with an old secret, or somebody who tries.
    pub fn failed_client_secrets_from(client: IpAddr) -> Self {
        Self::at_most("failed-client-secrets-from", network(client), 20, HOUR)
    }

    /// Failed passwords from one client address, for all identifiers together: a hundred an hour are more than an office
    /// mistypes, and a list of a million stolen passwords takes a year (ASVS 5.0 V6.3.1).
    pub fn failed_passwords_from(client: IpAddr) -> Self {
        Self::at_most("failed-passwords-from", network(client), 100, HOUR)
    }
}

/// For whom failed passwords are counted: the account that was named or, if there is none, what was typed. Both cost the
/// same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedFor(String);

impl CountedFor {
    /// This account.
    pub fn account(account: &AccountId) -> Self {
        // What is typed has no control characters, so nobody can type the name of an account's count.
        Self(format!("\u{1}{}", account.as_str()))
    }

    /// The account that was named, or nobody's identifier.
    pub fn new(account: Option<&AccountId>, identifier: &Identifier) -> Self {
        account.map_or_else(|| Self(identifier.counted_as().to_owned()), Self::account)
    }
}

/// What an attempt to sign in with a password counts towards, before it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordAttempt {
    /// In a browser that is known: its own allowance.
    KnownBrowser {
        /// The limit of the browser.
        device: Limit,
        /// The failures in a row of the account, which a right password ends.
        in_a_row: Limit,
    },
    /// Anywhere else.
    Elsewhere {
        /// The limit of the account.
        account: Limit,
        /// The limit of failures in a row.
        in_a_row: Limit,
        /// The limit of the client's network, which was counted first.
        network: Limit,
    },
}

impl PasswordAttempt {
    /// An attempt for this account or identifier.
    pub fn new(whose: &CountedFor, device: Option<&DeviceId>, client: IpAddr) -> Self {
        let in_a_row = Limit::failed_passwords_in_a_row(whose);
        match device {
            Some(device) => Self::KnownBrowser { device: Limit::failed_passwords_on(device), in_a_row },
            None => Self::Elsewhere {
                account: Limit::failed_passwords(whose),
                in_a_row,
                network: Limit::failed_passwords_from(client),
            },
        }
    }
}

/// Who requests an email.
#[derive(Debug, Clone, Copy)]
pub enum Requester<'a> {
    /// A stranger, by their client's IP address.
    Client(IpAddr),
    /// Somebody who is signed in.
    Account(&'a AccountId),
}

/// The number of emails that all requesters together may request in a day, so that nobody can run up a bill or use up
/// the daily quota of the mail service. Security notices are not counted: no limit may suppress them.
///
/// It is counted in [`DailyEmails::SHARDS`] shards, because one database item takes few transactions a second
/// (docs/decisions/0013). A keyed hash of the requester's network or account chooses the shard, so that one network can
/// fill one shard only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyEmails(u32);

/// The limit is so low that one client could use up a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("less than {} a day, which would let one client use up the mail of others", DailyEmails::LEAST)]
pub struct TooFew;

impl DailyEmails {
    /// The number of shards.
    pub const SHARDS: u32 = 16;
    /// The lowest limit: a shard is then 750, and one client can request 720 in a day (30 an hour).
    pub const LEAST: u32 = 12_000;

    /// Checks a limit.
    pub fn new(emails: u32) -> Result<Self, TooFew> {
        const { assert!(Self::LEAST / Self::SHARDS > EMAILS_PER_CLIENT * 24) };
        if emails < Self::LEAST { Err(TooFew) } else { Ok(Self(emails)) }
    }

    /// The limit of the shard that counts this requester's emails. Neighbouring addresses (IPv4 /24, IPv6 /48) share one,
    /// so that many addresses of one network fill one shard only.
    pub fn shard_for(self, requester: Requester<'_>) -> Limit {
        let requester = match requester {
            Requester::Client(client) => routed_prefix(client),
            Requester::Account(account) => account.as_str().to_owned(),
        };
        let shard = Limit::at_most(DAILY_EMAILS, requester, self.0 / Self::SHARDS, DAY);
        Limit { shards: Some(Self::SHARDS), ..shard }
    }
}

/// The network that a client is counted as: an IPv4 address, or the /64 that one IPv6 customer usually has.
fn network(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The longest prefix of a client's address that is announced by itself in internet routing.
fn routed_prefix(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        for (client, subject) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(Limit::emails_from(client.parse().expect("an IP address")).subject, subject);
        }
    }

    fn key() -> HashingKey {
        HashingKey::new(&"k".repeat(32)).expect("long enough")
    }

    #[test]
    fn there_are_sixteen_shards_and_neighbours_share_one() {
        let daily = DailyEmails::new(24_000).expect("enough");
        let limit = |client: &str| daily.shard_for(Requester::Client(client.parse().expect("an IP address")));
        let shard = |client: &str| limit(client).counted_as(&key());
        for (client, neighbour) in [
            ("203.0.113.9", "203.0.113.250"),
            ("2001:db8:1:2::1", "2001:db8:1:ffff::9"),
            ("203.0.113.9", "::ffff:203.0.113.9"),
        ] {
            assert_eq!(shard(client), shard(neighbour), "{client}");
        }
        let mut shards: Vec<u32> = (0..=255_u8)
            .map(|third| shard(&format!("198.51.{third}.1")).parse().expect("a number"))
            .collect();
        shards.sort_unstable();
        shards.dedup();
        assert_eq!(shards, (0..DailyEmails::SHARDS).collect::<Vec<_>>());
        assert_eq!(limit("203.0.113.9").pace, Pace::AtMost { count: 1_500, window: DAY });
    }

    #[test]
    fn a_limit_at_which_one_client_could_use_up_a_shard_is_refused() {
        assert_eq!(DailyEmails::new(DailyEmails::LEAST - 1), Err(TooFew));
        let least = DailyEmails::new(DailyEmails::LEAST).expect("enough");
        let client = "203.0.113.9".parse().expect("an IP address");
        let in_a_day = |limit: Limit| match limit.pace {
            Pace::AtMost { count, window } => u64::from(count) * (DAY.as_secs() / window.as_secs()),
            Pace::OneEvery(time) => DAY.as_secs() / time.as_secs(),
            Pace::InARow { count, .. } => u64::from(count),
        };
        assert!(in_a_day(Limit::emails_from(client)) < in_a_day(least.shard_for(Requester::Client(client))));
        let account = AccountId::new("a");
        assert!(
            in_a_day(Limit::backup_requests(&account))
                < in_a_day(least.shard_for(Requester::Account(&account)))
        );
    }

    #[test]
    fn an_attempt_is_counted_for_the_account_whatever_was_typed_or_for_what_was_typed() {
        let mina = AccountId::new("account-of-mina");
        let of =
            |account: Option<&AccountId>, typed: &str| CountedFor::new(account, &Identifier::parse(typed));
        assert_eq!(of(Some(&mina), "mina"), of(Some(&mina), "mina@example.com"));
        assert_eq!(of(None, "Nobody "), of(None, "nobody"));
        assert_ne!(of(None, "nobody"), of(None, "nobody@example.com"));
        assert_ne!(of(Some(&mina), "mina"), of(None, "\u{1}account-of-mina"), "nobody can type it");
    }

    #[test]
    fn a_known_browser_counts_by_itself() {
        let whose = CountedFor::new(None, &Identifier::parse("mina"));
        let client = "203.0.113.9".parse().expect("an IP address");
        let device = DeviceId::new([1; 16]);
        let known = PasswordAttempt::new(&whose, Some(&device), client);
        assert!(
            matches!(known, PasswordAttempt::KnownBrowser { device, .. } if device.name == "failed-passwords-on")
        );
        let elsewhere = PasswordAttempt::new(&whose, None, client);
        assert!(
            matches!(elsewhere, PasswordAttempt::Elsewhere { network, .. } if network.subject == "203.0.113.9")
        );
    }
}
