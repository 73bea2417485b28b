//! Rate limits: how often something may be done, and by what key that is counted.
//!
//! Known and unknown identifiers are counted alike, so a limit reveals nothing about accounts.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::account::AccountId;
use super::hashing_key::HashingKey;
use super::identifier::{Identifier, TypedAddress};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Emails that one client may request in an hour.
const EMAILS_PER_CLIENT: u32 = 30;
/// The name of the daily email limit, which has a metric and an alarm of its own.
pub const DAILY_EMAILS: &str = "mails-of-the-day";
/// How long a network is known as one that an identifier signs in from: over a long holiday.
pub const KNOWN_NETWORK_LIFETIME: Duration = Duration::from_hours(90 * 24);

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
}

impl Limit {
    /// Emails requested for one typed address: five an hour are enough for an impatient person and too few to flood a
    /// mailbox.
    pub fn emails_to(typed: &TypedAddress) -> Self {
        Self {
            name: "mails-to",
            subject: typed.as_str().into(),
            pace: Pace::AtMost { count: 5, window: HOUR },
        }
    }

    /// Emails requested from one client address: thirty an hour are enough for an office behind one address.
    pub fn emails_from(client: IpAddr) -> Self {
        Self {
            name: "mails-from",
            subject: network(client),
            pace: Pace::AtMost { count: EMAILS_PER_CLIENT, window: HOUR },
        }
    }

    /// Backup requests of one account, a minute apart, so that a double click sends one email.
    pub fn backup_request_spacing(account: &AccountId) -> Self {
        Self {
            name: "backup-request-spacing",
            subject: account.as_str().into(),
            pace: Pace::OneEvery(MINUTE),
        }
    }

    /// Backup requests of one account: five a day, enough for typos and too few to harass a stranger.
    pub fn backup_requests(account: &AccountId) -> Self {
        Self {
            name: "backup-requests",
            subject: account.as_str().into(),
            pace: Pace::AtMost { count: 5, window: DAY },
        }
    }

    /// How often one account may end all its other sessions: five times a day. Each time also ends the links that were
    /// sent, so without a limit a thief could keep the owner from signing in through one.
    pub fn endings_of_other_sessions(account: &AccountId) -> Self {
        Self {
            name: "endings-of-other-sessions",
            subject: account.as_str().into(),
            pace: Pace::AtMost { count: 5, window: DAY },
        }
    }

    /// Failed passwords for one identifier: ten an hour; after that only a magic link signs in (NIST SP 800-63B-4 allows
    /// a hundred in a row).
    pub fn failed_passwords(identifier: &Identifier) -> Self {
        Self {
            name: "failed-passwords",
            subject: identifier.counted_as().into(),
            pace: Pace::AtMost { count: 10, window: HOUR },
        }
    }

    /// Failed passwords from one client address, for all identifiers together: a hundred an hour are more than an office
    /// mistypes, and a list of a million stolen passwords takes a year (ASVS 5.0 V6.3.1).
    pub fn failed_passwords_from(client: IpAddr) -> Self {
        Self {
            name: "failed-passwords-from",
            subject: network(client),
            pace: Pace::AtMost { count: 100, window: HOUR },
        }
    }
}

/// The limits that an attempt to sign in with a password counts towards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordAttempt {
    /// The limit of the identifier.
    pub identifier: Limit,
    /// The limit of the client's network.
    pub network: Limit,
    /// Identifier and network together. An identifier that signed in from this network recently is exempt from the
    /// network's limit, so that nobody is refused for what others in the building type.
    pub pair: String,
}

impl PasswordAttempt {
    /// An attempt for this identifier from this client.
    pub fn new(identifier: &Identifier, client: IpAddr) -> Self {
        let (identifier, network) =
            (Limit::failed_passwords(identifier), Limit::failed_passwords_from(client));
        let pair = format!("{} {}", network.subject, identifier.subject);
        Self { identifier, network, pair }
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

    /// The shard that counts this requester's emails. Neighbouring addresses (IPv4 /24, IPv6 /48) share one, so that
    /// many addresses of one network fill one shard only.
    pub fn shard_for(self, requester: Requester<'_>, key: &HashingKey) -> Limit {
        let requester = match requester {
            Requester::Client(client) => routed_prefix(client),
            Requester::Account(account) => account.as_str().to_owned(),
        };
        // Keyed, so that nobody can tell with whom they share a shard.
        let [first, ..] = key.hash(&["part-of-the-day", &requester]);
        let shard = u32::from(first) % Self::SHARDS;
        Limit {
            name: DAILY_EMAILS,
            subject: shard.to_string(),
            pace: Pace::AtMost { count: self.0 / Self::SHARDS, window: DAY },
        }
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
        let shard =
            |client: &str| daily.shard_for(Requester::Client(client.parse().expect("an IP address")), &key());
        for (client, neighbour) in [
            ("203.0.113.9", "203.0.113.250"),
            ("2001:db8:1:2::1", "2001:db8:1:ffff::9"),
            ("203.0.113.9", "::ffff:203.0.113.9"),
        ] {
            assert_eq!(shard(client), shard(neighbour), "{client}");
        }
        let mut shards: Vec<u32> = (0..=255_u8)
            .map(|third| shard(&format!("198.51.{third}.1")).subject.parse().expect("a number"))
            .collect();
        shards.sort_unstable();
        shards.dedup();
        assert_eq!(shards, (0..DailyEmails::SHARDS).collect::<Vec<_>>());
        assert_eq!(shard("203.0.113.9").pace, Pace::AtMost { count: 1_500, window: DAY });
    }

    #[test]
    fn a_limit_at_which_one_client_could_use_up_a_shard_is_refused() {
        assert_eq!(DailyEmails::new(DailyEmails::LEAST - 1), Err(TooFew));
        let least = DailyEmails::new(DailyEmails::LEAST).expect("enough");
        let client = "203.0.113.9".parse().expect("an IP address");
        let in_a_day = |limit: Limit| match limit.pace {
            Pace::AtMost { count, window } => u64::from(count) * (DAY.as_secs() / window.as_secs()),
            Pace::OneEvery(time) => DAY.as_secs() / time.as_secs(),
        };
        assert!(
            in_a_day(Limit::emails_from(client))
                < in_a_day(least.shard_for(Requester::Client(client), &key()))
        );
        let account = AccountId::new("a");
        assert!(
            in_a_day(Limit::backup_requests(&account))
                < in_a_day(least.shard_for(Requester::Account(&account), &key()))
        );
    }

    #[test]
    fn an_attempt_is_counted_by_identifier_and_by_network_and_known_by_both() {
        let of = |identifier: &str, client: &str| {
            PasswordAttempt::new(&Identifier::parse(identifier), client.parse().expect("an IP address"))
        };
        let mina = of("Mina", "2001:db8:1:2::1");
        assert_eq!(mina, of("mina ", "2001:db8:1:2::9"));
        assert_eq!(mina.network, of("nobody", "2001:db8:1:2::9").network);
        assert_eq!(mina.identifier, of("mina", "203.0.113.9").identifier);
        assert_ne!(mina.pair, of("mina", "203.0.113.9").pair);
        assert_ne!(mina.pair, of("nobody", "2001:db8:1:2::1").pair);
    }
}
