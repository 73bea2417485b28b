//! How often something may be done, and for what that is counted.
//!
//! Known and unknown identifiers are counted alike, so a limit tells nothing about accounts.
use std::net::IpAddr;
use std::time::Duration;

use super::account::AccountId;
use super::identifier::{Identifier, TypedAddress};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

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
    pub fn mails_to(typed: &TypedAddress) -> Self {
        Self {
            name: "mails-to",
            subject: typed.as_str().into(),
            pace: Pace::AtMost { count: 5, window: HOUR },
        }
    }

    /// Mails asked for from one client address: thirty an hour leave room for an office behind one address.
    pub fn mails_from(client: IpAddr) -> Self {
        Self { name: "mails-from", subject: network(client), pace: Pace::AtMost { count: 30, window: HOUR } }
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
}

/// The network a client stands for: an IPv4 address, or the /64 that one IPv6 customer usually has.
fn network(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
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
            assert_eq!(Limit::mails_from(client.parse().expect("an IP address")).subject, subject);
        }
    }
}
