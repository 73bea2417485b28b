//! How often something may be done, and for what that is counted.
//!
//! Known and unknown identifiers are counted alike, so a limit tells nothing about accounts.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::account::AccountId;
use super::hashing_key::HashingKey;
use super::identifier::{Identifier, TypedAddress};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Mails that one client may ask for in an hour.
const EMAILS_OF_A_CLIENT: u32 = 30;
/// The name of the limit on the mails of a day, which has a metric and an alarm of its own.
pub const DAILY_EMAILS: &str = "mails-of-the-day";
/// How long a network is remembered as one that an identifier signs in from: over a long holiday.
pub const REMEMBERED: Duration = Duration::from_hours(90 * 24);

/// How the count runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So many in each window; windows begin at multiples of their length since the epoch.
    AtMost {
        /// The most that pass.
        count: u32,
        /// The window's length.
        window: Duration,
    },
    /// One, and the next only when that time has passed.
    OneEvery(Duration),
}

/// One thing that is counted, and its bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What is counted, so that the counts of two limits never meet.
    pub name: &'static str,
    /// For whom.
    pub subject: String,
    /// How much.
    pub pace: Pace,
}

impl Limit {
    /// Mails asked for one typed address: five an hour serve an impatient person and spare a victim's mailbox.
    pub fn emails_to(typed: &TypedAddress) -> Self {
        Self {
            name: "mails-to",
            subject: typed.as_str().into(),
            pace: Pace::AtMost { count: 5, window: HOUR },
        }
    }

    /// Mails asked for from one client address: thirty an hour leave room for an office behind one address.
    pub fn emails_from(client: IpAddr) -> Self {
        Self {
            name: "mails-from",
            subject: network(client),
            pace: Pace::AtMost { count: EMAILS_OF_A_CLIENT, window: HOUR },
        }
    }

    /// Backup requests of one account, a minute apart, so that a double click sends one mail.
    pub fn backup_request_spacing(account: &AccountId) -> Self {
        Self {
            name: "backup-request-spacing",
            subject: account.as_str().into(),
            pace: Pace::OneEvery(MINUTE),
        }
    }

    /// Backup requests of one account: five a day, enough for typos and too few to pester a stranger.
    pub fn backup_requests(account: &AccountId) -> Self {
        Self {
            name: "backup-requests",
            subject: account.as_str().into(),
            pace: Pace::AtMost { count: 5, window: DAY },
        }
    }

    /// Failed passwords for one identifier: ten an hour; then only the magic link helps (NIST SP 800-63B-4
    /// allows a hundred in all).
    pub fn failed_passwords(identifier: &Identifier) -> Self {
        Self {
            name: "failed-passwords",
            subject: identifier.counted_as().into(),
            pace: Pace::AtMost { count: 10, window: HOUR },
        }
    }

    /// Failed passwords from one client address, whomever they are for: a hundred an hour are more than an office
    /// mistypes, and make a list of a million stolen passwords last a year (ASVS 5.0 V6.3.1).
    pub fn failed_passwords_from(client: IpAddr) -> Self {
        Self {
            name: "failed-passwords-from",
            subject: network(client),
            pace: Pace::AtMost { count: 100, window: HOUR },
        }
    }
}

/// One try of a password, by all that it is counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordAttempt {
    /// What is counted for the identifier.
    pub identifier: Limit,
    /// What is counted for the client's network.
    pub network: Limit,
    /// Identifier and network together: whoever signed in from here lately is let through where the network's bound
    /// is reached, so that nobody is turned away for what others in the building type.
    pub pair: String,
}

impl PasswordAttempt {
    /// A try for this identifier from this client.
    pub fn new(identifier: &Identifier, client: IpAddr) -> Self {
        let (identifier, network) =
            (Limit::failed_passwords(identifier), Limit::failed_passwords_from(client));
        let pair = format!("{} {}", network.subject, identifier.subject);
        Self { identifier, network, pair }
    }
}

/// Who asks for a mail.
#[derive(Debug, Clone, Copy)]
pub enum Requester<'a> {
    /// A stranger, by the address of their client.
    Client(IpAddr),
    /// Somebody who is signed in.
    Account(&'a AccountId),
}

/// Mails that may be asked for in a day by all together, so that nobody can run up a bill or use up the day's quota
/// of the mail service. Security notices are not counted: nothing may stop them.
///
/// It is counted in [`DailyEmails::SHARDS`] parts, because one item of the database takes few transactions a second
/// (docs/decisions/0013). Whose mail counts in which part follows from a keyed hash of where it is asked for, so that
/// one place can fill one part only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyEmails(u32);

/// The bound is so low that one client could use up a part of the day's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("less than {} a day, which would let one client use up the mail of others", DailyEmails::LEAST)]
pub struct TooFew;

impl DailyEmails {
    /// Parts that are counted each by itself.
    pub const SHARDS: u32 = 16;
    /// The least there may be in a day: a part is then 750, and one client can ask for 720 in a day (30 an hour).
    pub const LEAST: u32 = 12_000;

    /// Takes the bound of a day.
    pub fn new(mails: u32) -> Result<Self, TooFew> {
        const { assert!(Self::LEAST / Self::SHARDS > EMAILS_OF_A_CLIENT * 24) };
        if mails < Self::LEAST { Err(TooFew) } else { Ok(Self(mails)) }
    }

    /// The part in which a mail counts. Neighbours (IPv4 /24, IPv6 /48) share one, so that whoever has many addresses
    /// in one place still fills one part only.
    pub fn part_of(self, requester: Requester<'_>, key: &HashingKey) -> Limit {
        let of = match requester {
            Requester::Client(client) => place(client),
            Requester::Account(account) => account.as_str().to_owned(),
        };
        // Keyed, so that nobody can tell whose part they share.
        let [first, ..] = key.hash(&["part-of-the-day", &of]);
        let part = u32::from(first) % Self::SHARDS;
        Limit {
            name: DAILY_EMAILS,
            subject: part.to_string(),
            pace: Pace::AtMost { count: self.0 / Self::SHARDS, window: DAY },
        }
    }
}

/// The network a client stands for: an IPv4 address, or the /64 that one IPv6 customer usually has.
fn network(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The place a client is in: the smallest networks that are routed by themselves.
fn place(client: IpAddr) -> String {
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
    fn the_day_has_sixteen_parts_and_neighbours_share_one() {
        let day = DailyEmails::new(24_000).expect("enough");
        let part =
            |client: &str| day.part_of(Requester::Client(client.parse().expect("an IP address")), &key());
        for (client, neighbour) in [
            ("203.0.113.9", "203.0.113.250"),
            ("2001:db8:1:2::1", "2001:db8:1:ffff::9"),
            ("203.0.113.9", "::ffff:203.0.113.9"),
        ] {
            assert_eq!(part(client), part(neighbour), "{client}");
        }
        let mut parts: Vec<u32> = (0..=255_u8)
            .map(|third| part(&format!("198.51.{third}.1")).subject.parse().expect("a number"))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts, (0..DailyEmails::SHARDS).collect::<Vec<_>>());
        assert_eq!(part("203.0.113.9").pace, Pace::AtMost { count: 1_500, window: DAY });
    }

    #[test]
    fn a_day_that_one_client_could_use_up_a_part_of_is_refused() {
        assert_eq!(DailyEmails::new(DailyEmails::LEAST - 1), Err(TooFew));
        let least = DailyEmails::new(DailyEmails::LEAST).expect("enough");
        let client = "203.0.113.9".parse().expect("an IP address");
        let of_a_day = |limit: Limit| match limit.pace {
            Pace::AtMost { count, window } => u64::from(count) * (DAY.as_secs() / window.as_secs()),
            Pace::OneEvery(time) => DAY.as_secs() / time.as_secs(),
        };
        assert!(
            of_a_day(Limit::emails_from(client)) < of_a_day(least.part_of(Requester::Client(client), &key()))
        );
        let account = AccountId::new("a");
        assert!(
            of_a_day(Limit::backup_requests(&account))
                < of_a_day(least.part_of(Requester::Account(&account), &key()))
        );
    }

    #[test]
    fn a_try_is_counted_for_identifier_and_network_and_known_by_both() {
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
